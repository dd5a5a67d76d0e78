#include "ports/output/tls_fault.h"

#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Version 3 renamed it.
#ifndef MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION
#define MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION
#endif

// ---- sentences ----

static void say(struct tls_fault *fault, bool is_tls, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct tls_fault *fault, bool is_tls, const char *name, const char *format, ...)
{
    va_list arguments;
    int size = snprintf(fault->sentence, sizeof fault->sentence, "%.64s: ", name);
    va_start(arguments, format);
    // It was begun the line before: NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized)
    (void)vsnprintf(fault->sentence + size, sizeof fault->sentence - (size_t)size, format,
                    arguments);
    va_end(arguments);
    fault->is_tls = is_tls;
}

void tls_fault_of_network(struct tls_fault *fault, const char *name, int number)
{
    switch (number) {
    case ECONNREFUSED:
        say(fault, false, name,
            "connection refused; is a broker listening there, and is the port "
            "right?");
        return;
    case ETIMEDOUT:
        tls_fault_of_silence(fault, name, TLS_CONNECTING);
        return;
    case ENETUNREACH:
    case EHOSTUNREACH:
        say(fault, false, name, "no route to it; is the gateway's network up?");
        return;
    default:
        say(fault, false, name, "%s; records wait in the spool", strerror(number));
    }
}

void tls_fault_of_silence(struct tls_fault *fault, const char *name, enum tls_stage stage)
{
    if (stage == TLS_CONNECTING) {
        say(fault, false, name,
            "no answer from the host; is it on, and does a firewall let the "
            "port through?");
    } else {
        say(fault, true, name,
            "it takes the connection but does not answer TLS; is it the TLS "
            "port of a broker?");
    }
}

// RFC 8446, 6.2, and what of it a server says about its client.
static const struct alert {
    uint8_t code;
    bool is_of_certificate; // a server says it also to a client that has none
    const char *name;
    const char *advice;
} alerts[] = {
    {40, true, "handshake_failure", "they share no cipher, or it wants another certificate"},
    {41, true, "no_certificate", "give tls.cert and tls.key"},
    {42, true, "bad_certificate", "is tls.cert signed by a CA that the broker trusts?"},
    {43, true, "unsupported_certificate", "tls.cert is of a kind that it does not take"},
    {44, true, "certificate_revoked", "tls.cert was revoked; have a new one issued"},
    {45, true, "certificate_expired", "renew tls.cert, or check the broker's clock"},
    {46, true, "certificate_unknown", "is tls.cert signed by a CA that the broker trusts?"},
    {48, true, "unknown_ca", "tls.cert must be signed by a CA that the broker trusts"},
    {49, false, "access_denied", "the broker does not let this gateway in"},
    {51, false, "decrypt_error", "do tls.cert and tls.key belong together?"},
    {70, false, "protocol_version", "it does not offer TLS 1.2"},
    {71, false, "insufficient_security", "it wants stronger ciphers"},
    {80, false, "internal_error", "look into the broker's log"},
    {112, false, "unrecognized_name", "it does not know itself by this name; check bootstrap"},
    {116, true, "certificate_required", "give tls.cert and tls.key"},
};

static void fault_of_alert(struct tls_fault *fault, const char *name, const struct tls_peer *peer)
{
    const struct alert *alert = alerts;
    const struct alert *end = alerts + sizeof alerts / sizeof *alerts;
    while (alert < end && alert->code != peer->alert) {
        alert++;
    }
    if (alert == end) {
        say(fault, true, name, "the broker ended TLS with alert %u; look into its log",
            peer->alert);
    } else if (alert->is_of_certificate && !peer->has_client) {
        say(fault, true, name,
            "the broker refuses a client without a certificate (%s); give tls.cert and tls.key",
            alert->name);
    } else if (alert->is_of_certificate) {
        say(fault, true, name, "the broker refuses this gateway's certificate (%s); %s",
            alert->name, alert->advice);
    } else {
        say(fault, true, name, "the broker refuses TLS (%s); %s", alert->name, alert->advice);
    }
}

static void fault_of_end(struct tls_fault *fault, const char *name, enum tls_stage stage,
                         const struct tls_peer *peer)
{
    const char *advice = peer->has_client ? "look into the broker's log"
                                          : "if the broker wants a client certificate, give "
                                            "tls.cert and tls.key";
    if (stage == TLS_OPEN) {
        say(fault, true, name, "the broker closed the connection right after the TLS handshake; %s",
            advice);
    } else if (peer->spoke) {
        say(fault, true, name, "the connection was closed in the middle of the TLS handshake; %s",
            advice);
    } else {
        say(fault, true, name,
            "it closes the connection when TLS begins: likely a plaintext port; check the port, or "
            "leave tls out");
    }
}

void tls_fault_of_tls(struct tls_fault *fault, const char *name, int error, enum tls_stage stage,
                      const struct tls_peer *peer)
{
    // A TLS server's first byte is that of a handshake record (22) or of an alert (21).
    bool is_tls = peer->first == 22 || peer->first == 21;
    if (peer->spoke && !is_tls) {
        say(fault, true, name, "it does not speak TLS; check the port, or leave tls out");
        return;
    }
    switch (error) {
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        fault_of_alert(fault, name, peer);
        return;
    case 0:
    case MBEDTLS_ERR_SSL_CONN_EOF:
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
    case MBEDTLS_ERR_NET_CONN_RESET:
    case MBEDTLS_ERR_NET_RECV_FAILED:
        fault_of_end(fault, name, stage, peer);
        return;
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
        say(fault, true, name, "it offers only TLS older than 1.2; update the broker");
        return;
    case MBEDTLS_ERR_SSL_INVALID_MAC:
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
        if (stage == TLS_OPEN && !peer->answered) { // TLS 1.3: its alert may have the older keys
            fault_of_end(fault, name, stage, peer);
            return;
        }
        say(fault, true, name, "bytes were altered on the way; TLS ended the connection");
        return;
    case MBEDTLS_ERR_SSL_ALLOC_FAILED:
        say(fault, true, name, "no memory for TLS");
        return;
    default:
        say(fault, true, name, "TLS failed (mbedTLS error -0x%04x)", (unsigned)-error);
    }
}

// ---- the board ----

void tls_board_init(struct tls_board *board)
{
    memset(board, 0, sizeof *board);
    (void)pthread_mutex_init(&board->lock, NULL);
}

void tls_board_destroy(struct tls_board *board)
{
    (void)pthread_mutex_destroy(&board->lock);
}

static struct tls_note *note_find(struct tls_board *board, const char *name)
{
    for (struct tls_note *note = board->notes; note < board->notes + TLS_NOTES_MAX; note++) {
        if (note->used > 0 && strncmp(note->name, name, sizeof note->name - 1) == 0) {
            return note;
        }
    }
    return NULL;
}

// The host's note; where it has none, the one not used for longest becomes its own.
static struct tls_note *note_of(struct tls_board *board, const char *name)
{
    struct tls_note *note = note_find(board, name);
    if (note == NULL) {
        note = board->notes;
        for (struct tls_note *at = note; at < board->notes + TLS_NOTES_MAX; at++) {
            note = at->used < note->used ? at : note;
        }
        memset(note, 0, sizeof *note);
        (void)snprintf(note->name, sizeof note->name, "%s", name);
    }
    note->used = ++board->clock;
    return note;
}

void tls_board_begin(struct tls_board *board, const char *name, enum tls_stage stage)
{
    (void)pthread_mutex_lock(&board->lock);
    note_of(board, name)->stage = stage;
    (void)pthread_mutex_unlock(&board->lock);
}

bool tls_board_fail(struct tls_board *board, const char *name, const struct tls_fault *fault)
{
    (void)pthread_mutex_lock(&board->lock);
    struct tls_note *note = note_of(board, name);
    bool is_new = !note->is_fault || strcmp(note->fault.sentence, fault->sentence) != 0;
    note->fault = *fault;
    note->is_fault = true;
    (void)pthread_mutex_unlock(&board->lock);
    return is_new;
}

void tls_board_clear(struct tls_board *board, const char *name)
{
    (void)pthread_mutex_lock(&board->lock);
    note_of(board, name)->is_fault = false;
    (void)pthread_mutex_unlock(&board->lock);
}

bool tls_board_look(struct tls_board *board, const char *name, bool timed_out,
                    struct tls_fault *fault)
{
    (void)pthread_mutex_lock(&board->lock);
    const struct tls_note *note = note_find(board, name);
    bool is_known = note != NULL && note->is_fault;
    bool is_stuck = note != NULL && !is_known && timed_out && note->stage != TLS_OPEN;
    if (is_known) {
        *fault = note->fault;
    } else if (is_stuck) {
        tls_fault_of_silence(fault, name, note->stage);
    }
    (void)pthread_mutex_unlock(&board->lock);
    return is_known || is_stuck;
}
