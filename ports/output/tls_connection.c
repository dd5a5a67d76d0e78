#include "ports/output/tls_connection.h"

#include "agent/clock.h"
#include "agent/log.h"
#include "ports/output/tls_hold.h"

#include <mbedtls/net_sockets.h>
#include <mbedtls/version.h>

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    RECORDS_PER_STEP = 16, // then the other connections have their turn
    READS_PER_STEP = 64,
    UNWATCHED = 0, // epoll still tells errors
};

// Version 3 hides the fields of a context and has no function for this one.
static uint8_t alert_of(const mbedtls_ssl_context *ssl)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    return ssl->MBEDTLS_PRIVATE(in_msg)[1];
#else
    return ssl->in_msg[1];
#endif
}

// ---- what mbedTLS calls to reach the broker ----

// After an error in sending, the broker's last word may still wait to be read: so the bytes are
// taken as sent, and the reading finds the alert, or the end.
static int outer_send(void *context, const unsigned char *at, size_t size)
{
    struct tls_connection *connection = context;
    if (connection->send_broken) {
        return (int)size;
    }
    ssize_t sent = send(connection->outer.socket, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
        atomic_fetch_add_explicit(&connection->account->sent_bytes, (uint64_t)sent,
                                  memory_order_relaxed);
        return (int)sent;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    connection->send_broken = true;
    return (int)size;
}

static int outer_receive(void *context, unsigned char *at, size_t size)
{
    struct tls_connection *connection = context;
    ssize_t got = recv(connection->outer.socket, at, size, MSG_DONTWAIT);
    if (got < 0) {
        bool is_again = errno == EAGAIN || errno == EINTR;
        return is_again && !connection->send_broken ? MBEDTLS_ERR_SSL_WANT_READ
                                                    : MBEDTLS_ERR_NET_CONN_RESET;
    }
    if (got > 0 && !connection->peer.spoke) {
        connection->peer.spoke = true;
        connection->peer.first = at[0];
    }
    atomic_fetch_add_explicit(&connection->account->received_bytes, (uint64_t)got,
                              memory_order_relaxed);
    return (int)got;
}

// ---- ends ----

static void fail(struct tls_connection *connection, const struct tls_fault *fault)
{
    connection->dead = true;
    atomic_fetch_add_explicit(&connection->account->failures, 1, memory_order_relaxed);
    if (tls_board_fail(connection->board, connection->name, fault)) {
        log_warn(fault->is_tls ? "tls.failed" : "tls.unreachable", "reason=\"%s\"",
                 fault->sentence);
    }
}

static void fail_network(struct tls_connection *connection, int number)
{
    struct tls_fault fault = {.is_tls = false};
    tls_fault_of_network(&fault, connection->name, number);
    fail(connection, &fault);
}

static void fail_tls(struct tls_connection *connection, int error)
{
    struct tls_fault fault = {.is_tls = false};
    if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        connection->peer.alert = alert_of(&connection->ssl);
    }
    if (connection->verdict.flags != 0 && connection->stage == TLS_HANDSHAKING) {
        tls_verdict_tell(&connection->verdict, connection->name, &fault);
    } else {
        tls_fault_of_tls(&fault, connection->name, error, connection->stage, &connection->peer);
    }
    fail(connection, &fault);
}

// An open connection ended. Once the broker has answered, that is an ordinary thing, unless it or
// mbedTLS found the bytes wrong.
static void end(struct tls_connection *connection, int error)
{
    bool is_wrong = error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ||
                    error == MBEDTLS_ERR_SSL_INVALID_MAC || error == MBEDTLS_ERR_SSL_INVALID_RECORD;
    if (!connection->peer.answered || is_wrong) {
        fail_tls(connection, error);
    }
    connection->dead = true;
}

// librdkafka closed its end: its patience is over, or it is done.
static void left(struct tls_connection *connection)
{
    if (connection->stage != TLS_OPEN) {
        struct tls_fault fault = {.is_tls = false};
        tls_fault_of_silence(&fault, connection->name, connection->stage);
        fail(connection, &fault);
    }
    connection->dead = true;
}

// ---- epoll ----

static void watch(struct tls_connection *connection, struct tls_end *at, uint32_t wanted)
{
    if (at->socket < 0 || at->watched == wanted) {
        return;
    }
    struct epoll_event event = {.events = wanted, .data.ptr = at};
    int how = at->watched == UINT32_MAX ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(connection->epoll, how, at->socket, &event) != 0) {
        fail_network(connection, errno);
        return;
    }
    at->watched = wanted;
}

// As above, but of a broken socket that cannot be read yet (`is_stuck`: the other side has no room)
// epoll would tell without pause: it is forgotten until there is room.
static void watch_or_forget(struct tls_connection *connection, struct tls_end *at, uint32_t wanted,
                            bool is_stuck)
{
    bool is_forgotten = at->watched == UINT32_MAX;
    bool is_broken = (at->events & (EPOLLERR | EPOLLHUP)) != 0;
    if (!is_stuck || (!is_broken && !is_forgotten)) {
        watch(connection, at, wanted);
    } else if (!is_forgotten) {
        (void)epoll_ctl(connection->epoll, EPOLL_CTL_DEL, at->socket, NULL);
        at->watched = UINT32_MAX;
    }
}

static void watch_open(struct tls_connection *connection)
{
    bool is_full = connection->inbound_at < connection->inbound_end;
    bool is_writing = connection->writing > 0;
    uint32_t inner = is_writing || connection->send_broken ? 0U : EPOLLIN;
    uint32_t outer = is_full ? 0U : EPOLLIN;
    watch_or_forget(connection, &connection->inner, inner | (is_full ? EPOLLOUT : 0U), is_writing);
    watch_or_forget(connection, &connection->outer, outer | (is_writing ? EPOLLOUT : 0U), is_full);
}

static void watch_ends(struct tls_connection *connection)
{
    if (connection->stage == TLS_OPEN) {
        watch_open(connection);
        return;
    }
    bool out = connection->stage == TLS_CONNECTING || connection->wants_write;
    watch(connection, &connection->inner, UNWATCHED);
    watch(connection, &connection->outer, out ? EPOLLOUT : EPOLLIN);
}

// ---- the stages ----

static void option(int socket, int level, int name, int value)
{
    (void)setsockopt(socket, level, name, &value, sizeof value); // worse without, not wrong
}

static void tune(int socket, const struct tls_settings *settings)
{
    option(socket, IPPROTO_TCP, TCP_NODELAY, 1); // librdkafka gathers by itself
    if (settings->keepalive_s > 0) {
        option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
        option(socket, IPPROTO_TCP, TCP_KEEPIDLE, settings->keepalive_s);
        option(socket, IPPROTO_TCP, TCP_KEEPINTVL, settings->keepalive_s);
    }
    if (settings->user_timeout_ms > 0) {
        option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, settings->user_timeout_ms);
    }
}

static void dial(struct tls_connection *connection, const struct tls_request *request)
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    connection->outer.socket = socket(request->address.ss_family, type, 0);
    if (connection->outer.socket < 0) {
        fail_network(connection, errno);
        return;
    }
    tune(connection->outer.socket, &connection->account->settings);
    int failed = connect(connection->outer.socket, (const struct sockaddr *)&request->address,
                         request->address_size);
    if (failed != 0 && errno != EINPROGRESS) {
        fail_network(connection, errno);
    }
}

static void handshake_begin(struct tls_connection *connection)
{
    struct tls_account *account = connection->account;
    struct tls_fault fault = {.is_tls = true};
    tls_board_begin(connection->board, connection->name, TLS_HANDSHAKING);
    connection->stage = TLS_HANDSHAKING;
    connection->credentials = tls_account_credentials(account, fault.sentence);
    if (connection->credentials == NULL) {
        fail(connection, &fault);
        return;
    }
    connection->peer.has_client = tls_credentials_has_certificate(connection->credentials);
    tls_verdict_begin(&connection->verdict, connection->name, &account->settings.pins,
                      clock_wall_ms() / 1000);
    // An address must not go into the hello as a name (RFC 6066, 3), and 2.28 could not check it.
    bool is_name = connection->verdict.address_size == 0;
    int failed =
        mbedtls_ssl_setup(&connection->ssl, tls_credentials_config(connection->credentials));
    if (failed == 0) {
        failed =
            mbedtls_ssl_set_hostname(&connection->ssl, is_name ? connection->verdict.host : NULL);
    }
    if (failed != 0) {
        fail_tls(connection, failed);
        return;
    }
    mbedtls_ssl_set_bio(&connection->ssl, connection, outer_send, outer_receive, NULL);
}

static void step_connecting(struct tls_connection *connection)
{
    int number = 0;
    socklen_t size = sizeof number;
    if ((connection->outer.events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) {
        return;
    }
    (void)getsockopt(connection->outer.socket, SOL_SOCKET, SO_ERROR, &number, &size);
    if (number != 0) {
        fail_network(connection, number);
        return;
    }
    handshake_begin(connection);
}

// The largest record that mbedTLS sends in one call; a build may be smaller than the standard.
static size_t record_size(const mbedtls_ssl_context *ssl)
{
    int most = mbedtls_ssl_get_max_out_record_payload(ssl);
    return most <= 0 || most > TLS_RECORD_SIZE ? TLS_RECORD_SIZE : (size_t)most;
}

static void open_up(struct tls_connection *connection)
{
    connection->stage = TLS_OPEN;
    connection->record_size = record_size(&connection->ssl);
    atomic_fetch_add_explicit(&connection->account->connections, 1, memory_order_relaxed);
    tls_board_begin(connection->board, connection->name, TLS_OPEN);
    log_debug("tls.open", "host=%s version=%s cipher=%s", connection->name,
              mbedtls_ssl_get_version(&connection->ssl),
              mbedtls_ssl_get_ciphersuite(&connection->ssl));
    if (!tls_hold_end(connection->inner.socket, &connection->held)) {
        connection->dead = true;
    }
}

static void step_handshaking(struct tls_connection *connection)
{
    tls_credentials_verify_for(connection->credentials, &connection->verdict);
    int failed = mbedtls_ssl_handshake(&connection->ssl);
    connection->wants_write = failed == MBEDTLS_ERR_SSL_WANT_WRITE;
    if (failed == 0 && !connection->verdict.is_done) {
        fail_tls(connection, MBEDTLS_ERR_X509_CERT_VERIFY_FAILED); // nobody looked: never trust
    } else if (failed == 0) {
        open_up(connection);
    } else if (failed != MBEDTLS_ERR_SSL_WANT_READ && failed != MBEDTLS_ERR_SSL_WANT_WRITE) {
        fail_tls(connection, failed);
    }
}

// One record outward; false: no more for now. What mbedTLS could not send whole it holds
// encrypted; the next call with the same size sends the rest and looks at no byte of the buffer
// (2.28 to 3.6, ssl_write_real), so the plaintext need not be kept (C1).
static bool carry_out(struct tls_connection *connection, uint8_t *scratch)
{
    if (connection->send_broken) {
        return false;
    }
    if (connection->writing == 0) {
        ssize_t got =
            recv(connection->inner.socket, scratch, connection->record_size, MSG_DONTWAIT);
        if (got <= 0) {
            if (got == 0 || errno != EAGAIN) {
                left(connection);
            }
            return false;
        }
        connection->writing = (size_t)got;
    }
    int done = mbedtls_ssl_write(&connection->ssl, scratch, connection->writing);
    if (done < 0) {
        if (done != MBEDTLS_ERR_SSL_WANT_WRITE && done != MBEDTLS_ERR_SSL_WANT_READ) {
            end(connection, done);
        }
        return false;
    }
    assert((size_t)done == connection->writing); // C1: a record is no larger than record_size
    connection->writing = 0;
    return true;
}

// Pass on what came; false: librdkafka has no room, or is gone.
static bool pass_in(struct tls_connection *connection)
{
    while (connection->inbound_at < connection->inbound_end) {
        ssize_t sent =
            send(connection->inner.socket, connection->inbound + connection->inbound_at,
                 connection->inbound_end - connection->inbound_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) {
                left(connection);
            }
            return false;
        }
        connection->inbound_at += (size_t)sent;
    }
    return true;
}

static bool is_patience(int error)
{
#if defined(MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
    if (error == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
        return true;
    }
#endif
    return error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE;
}

// Some bytes inward; false: no more for now.
static bool carry_in(struct tls_connection *connection)
{
    if (!pass_in(connection)) {
        return false;
    }
    int got = mbedtls_ssl_read(&connection->ssl, connection->inbound, sizeof connection->inbound);
    if (got <= 0) {
        if (got == 0 || !is_patience(got)) {
            end(connection, got);
        }
        return false;
    }
    if (!connection->peer.answered) {
        connection->peer.answered = true;
        tls_board_clear(connection->board, connection->name);
    }
    connection->inbound_at = 0;
    connection->inbound_end = (size_t)got;
    return true;
}

static void step_open(struct tls_connection *connection, uint8_t *scratch)
{
    int records = 0;
    int reads = 0;
    while (!connection->dead && records < RECORDS_PER_STEP && carry_out(connection, scratch)) {
        records++;
    }
    while (!connection->dead && reads < READS_PER_STEP && carry_in(connection)) {
        reads++;
    }
    // What mbedTLS has read ahead, epoll cannot see.
    connection->hungry = reads == READS_PER_STEP || records == RECORDS_PER_STEP;
}

void tls_connection_step(struct tls_connection *connection, uint8_t *scratch)
{
    connection->hungry = false;
    if (connection->stage != TLS_OPEN && (connection->inner.events & (EPOLLHUP | EPOLLERR)) != 0) {
        left(connection);
    }
    if (!connection->dead && connection->stage == TLS_CONNECTING) {
        step_connecting(connection);
    }
    if (!connection->dead && connection->stage == TLS_HANDSHAKING) {
        step_handshaking(connection);
    }
    if (!connection->dead && connection->stage == TLS_OPEN) {
        step_open(connection, scratch);
    }
    if (!connection->dead) {
        watch_ends(connection);
    }
    connection->inner.events = 0;
    connection->outer.events = 0;
}

// ---- begin and end ----

struct tls_connection *tls_connection_open(const struct tls_request *request,
                                           struct tls_board *board, int epoll)
{
    struct tls_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        (void)close(request->inner);
        return NULL;
    }
    connection->board = board;
    connection->epoll = epoll;
    connection->account = request->account;
    connection->held = request->held;
    connection->inner = (struct tls_end){connection, request->inner, UINT32_MAX, 0};
    connection->outer = (struct tls_end){connection, -1, UINT32_MAX, 0};
    memcpy(connection->name, request->name, sizeof connection->name);
    mbedtls_ssl_init(&connection->ssl);
    tls_board_begin(board, connection->name, TLS_CONNECTING);
    dial(connection, request);
    if (!connection->dead) {
        watch_ends(connection);
    }
    if (connection->dead) {
        tls_connection_close(connection);
        return NULL;
    }
    return connection;
}

void tls_connection_close(struct tls_connection *connection)
{
    if (connection->stage == TLS_OPEN && !connection->send_broken && connection->writing == 0) {
        (void)mbedtls_ssl_close_notify(&connection->ssl); // best effort: it may find no room
    }
    mbedtls_ssl_free(&connection->ssl);
    tls_credentials_give(connection->credentials);
    if (connection->outer.socket >= 0) {
        (void)close(connection->outer.socket);
    }
    (void)close(connection->inner.socket); // C3
    free(connection);
}
