#include "ports/output/tls_verify.h"

#include "agent/digest.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#ifndef WEIR_BUILD_DAY
#define WEIR_BUILD_DAY 20000 // 2024-10-04, for builds that do not say
#endif

// Tags of a GeneralName (RFC 5280, 4.2.1.6), context-specific.
enum { NAME_DNS = 0x82, NAME_ADDRESS = 0x87 };

int64_t tls_verify_floor_s(void)
{
    return (int64_t)WEIR_BUILD_DAY * 86400;
}

bool tls_pin_parse(const char *text, uint8_t pin[TLS_PIN_SIZE])
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    if (strlen(text) != (size_t)2 * TLS_PIN_SIZE) {
        return false;
    }
    memset(pin, 0, TLS_PIN_SIZE);
    for (size_t i = 0; i < (size_t)2 * TLS_PIN_SIZE; i++) {
        const char *digit = strchr(digits, text[i]);
        if (digit == NULL) {
            return false;
        }
        pin[i / 2] = (uint8_t)(pin[i / 2] << 4 | ((digit - digits) & 15));
    }
    return true;
}

void tls_verdict_begin(struct tls_verdict *verdict, const char *name, const struct tls_pins *pins,
                       int64_t wall_s)
{
    const char *colon = strrchr(name, ':');
    size_t size = colon == NULL ? strlen(name) : (size_t)(colon - name);
    if (size >= 2 && name[0] == '[' && name[size - 1] == ']') {
        name++;
        size -= 2;
    }
    *verdict = (struct tls_verdict){.pins = pins};
    (void)snprintf(verdict->host, sizeof verdict->host, "%.*s", (int)size, name);
    if (inet_pton(AF_INET, verdict->host, verdict->address) == 1) {
        verdict->address_size = 4;
    } else if (inet_pton(AF_INET6, verdict->host, verdict->address) == 1) {
        verdict->address_size = 16;
    }
    verdict->has_clock = wall_s >= tls_verify_floor_s();
    verdict->now_s = verdict->has_clock ? wall_s : tls_verify_floor_s();
}

// ---- time ----

// YYYYMMDDhhmmss: orders as time does.
static int64_t moment(int year, int month, int day, int hour, int minute, int second)
{
    int64_t date = ((int64_t)year * 100 + month) * 100 + day;
    return ((date * 100 + hour) * 100 + minute) * 100 + second;
}

static int64_t moment_of(const mbedtls_x509_time *at)
{
    return moment(at->year, at->mon, at->day, at->hour, at->min, at->sec);
}

static int64_t moment_now(const struct tls_verdict *verdict)
{
    time_t now = (time_t)verdict->now_s;
    struct tm parts;
    (void)gmtime_r(&now, &parts);
    return moment(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                  parts.tm_min, parts.tm_sec);
}

// ---- names ----

// Text out of a certificate, for a line of the log.
static void put_clean(struct buffer *out, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool is_plain = at[i] >= 0x20 && at[i] < 0x7f && at[i] != '"' && at[i] != '\\';
        buffer_put_byte(out, is_plain ? at[i] : (uint8_t)'?');
    }
}

static bool has_address(const struct tls_verdict *verdict, const mbedtls_x509_crt *certificate)
{
    const mbedtls_x509_sequence *at = &certificate->subject_alt_names;
    for (; at != NULL && at->buf.p != NULL; at = at->next) {
        if (at->buf.tag == NAME_ADDRESS && at->buf.len == verdict->address_size &&
            memcmp(at->buf.p, verdict->address, at->buf.len) == 0) {
            return true;
        }
    }
    return false;
}

static void put_name(struct buffer *out, const mbedtls_x509_buf *name)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (name->tag == NAME_DNS) {
        put_clean(out, name->p, name->len);
    } else if (name->tag == NAME_ADDRESS && (name->len == 4 || name->len == 16)) {
        (void)inet_ntop(name->len == 4 ? AF_INET : AF_INET6, name->p, text, sizeof text);
        buffer_put_text(out, text);
    } else {
        buffer_put_text(out, "(other)");
    }
}

// A distinguished name as text; where it does not fit, mbedTLS gives none of it.
static void put_subject(char *out, size_t size, const mbedtls_x509_name *name)
{
    char text[256];
    int length = mbedtls_x509_dn_gets(text, sizeof text, name);
    struct buffer clean = buffer_over(out, size - 1);
    put_clean(&clean, (const uint8_t *)text, length > 0 ? (size_t)length : 0);
    out[clean.size] = 0;
}

static void names_of(const mbedtls_x509_crt *certificate, char *out, size_t size)
{
    const mbedtls_x509_sequence *at = &certificate->subject_alt_names;
    struct buffer names = buffer_over(out, size - 1);
    if (at->buf.p == NULL) {
        put_subject(out, size, &certificate->subject);
        return;
    }
    for (; at != NULL && at->buf.p != NULL; at = at->next) {
        if (names.size > 0) {
            buffer_put_text(&names, ", ");
        }
        put_name(&names, &at->buf);
    }
    out[names.size] = 0;
}

// ---- the check ----

static bool is_pinned(const struct tls_pins *pins, const mbedtls_x509_crt *certificate)
{
    uint8_t sum[TLS_PIN_SIZE];
    digest_sha256(bytes_from(certificate->pk_raw.p, certificate->pk_raw.len), sum);
    for (uint32_t i = 0; i < pins->count; i++) {
        if (memcmp(pins->sums[i], sum, sizeof sum) == 0) {
            return true;
        }
    }
    return false;
}

static void note_time(struct tls_verdict *verdict, const mbedtls_x509_crt *certificate, int depth,
                      const mbedtls_x509_time *when)
{
    (void)snprintf(verdict->when, sizeof verdict->when, "%04u-%02u-%02u",
                   (unsigned)when->year % 10000, (unsigned)when->mon % 100,
                   (unsigned)when->day % 100);
    if (depth == 0) {
        (void)snprintf(verdict->whose, sizeof verdict->whose, "its certificate");
        return;
    }
    char subject[48];
    put_subject(subject, sizeof subject, &certificate->subject);
    (void)snprintf(verdict->whose, sizeof verdict->whose, "the CA %s", subject);
}

// mbedTLS looked at the clock as it is; judge again by ours.
static void check_time(struct tls_verdict *verdict, const mbedtls_x509_crt *certificate, int depth,
                       uint32_t *flags)
{
    int64_t now = moment_now(verdict);
    *flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
    if (moment_of(&certificate->valid_to) < now) {
        *flags |= MBEDTLS_X509_BADCERT_EXPIRED;
        note_time(verdict, certificate, depth, &certificate->valid_to);
    } else if (verdict->has_clock && moment_of(&certificate->valid_from) > now) {
        *flags |= MBEDTLS_X509_BADCERT_FUTURE;
        note_time(verdict, certificate, depth, &certificate->valid_from);
    }
}

static void check_broker(struct tls_verdict *verdict, const mbedtls_x509_crt *certificate,
                         uint32_t *flags)
{
    if (verdict->address_size > 0 && !has_address(verdict, certificate)) {
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    if (verdict->pins->count > 0 && !is_pinned(verdict->pins, certificate)) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
        verdict->wrong_pin = true;
    }
    names_of(certificate, verdict->names, sizeof verdict->names);
    verdict->is_done = true;
}

int tls_verify(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    struct tls_verdict *verdict = context;
    check_time(verdict, certificate, depth, flags);
    if (depth == 0) {
        check_broker(verdict, certificate, flags);
    }
    if ((*flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
        put_subject(verdict->issuer, sizeof verdict->issuer, &certificate->issuer);
    }
    verdict->flags |= *flags;
    return 0; // what is wrong stands in the flags
}

// ---- the sentence ----

static void put(struct buffer *out, const char *text)
{
    buffer_put_text(out, text);
}

static void tell_time(const struct tls_verdict *verdict, struct buffer *out)
{
    char today[16];
    char text[160];
    time_t now = (time_t)verdict->now_s;
    struct tm parts;
    bool is_expired = (verdict->flags & MBEDTLS_X509_BADCERT_EXPIRED) != 0;
    (void)strftime(today, sizeof today, "%Y-%m-%d", gmtime_r(&now, &parts));
    (void)snprintf(text, sizeof text, "; %s %s %s (the %s %s)", verdict->whose,
                   is_expired ? "expired on" : "is not valid before", verdict->when,
                   verdict->has_clock ? "gateway's clock says" : "clock is not set; it is after",
                   today);
    put(out, text);
    put(out, is_expired ? ": renew it, or set the clock" : ": set the clock");
}

static void tell_trust(const struct tls_verdict *verdict, struct buffer *out)
{
    put(out, "; its certificate was issued by ");
    put(out, verdict->issuer[0] == 0 ? "somebody" : verdict->issuer);
    put(out, ", which tls.ca does not hold");
}

static void tell_name(const struct tls_verdict *verdict, struct buffer *out)
{
    put(out, "; its certificate is for ");
    put(out, verdict->names);
    put(out, ", not for ");
    put(out, verdict->host);
}

enum {
    FLAGS_TIME = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE,
    FLAGS_WEAK =
        MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
    FLAGS_USE = MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE |
                MBEDTLS_X509_BADCERT_NS_CERT_TYPE,
    FLAGS_TOLD = FLAGS_TIME | FLAGS_WEAK | FLAGS_USE | MBEDTLS_X509_BADCERT_NOT_TRUSTED |
                 MBEDTLS_X509_BADCERT_CN_MISMATCH | MBEDTLS_X509_BADCERT_OTHER,
};

void tls_verdict_tell(const struct tls_verdict *verdict, const char *name, struct tls_fault *fault)
{
    char text[768];
    uint32_t flags = verdict->flags;
    struct buffer out = buffer_over(text, sizeof text - 1);
    if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0) {
        tell_name(verdict, &out);
    }
    if ((flags & FLAGS_TIME) != 0) {
        tell_time(verdict, &out);
    }
    if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
        tell_trust(verdict, &out);
    }
    if (verdict->wrong_pin) {
        put(&out, "; its key is none of tls.pin");
    }
    if ((flags & FLAGS_WEAK) != 0) {
        put(&out, "; its certificate has a weak key or signature (SHA-1, RSA below 2048 bits)");
    }
    if ((flags & FLAGS_USE) != 0) {
        put(&out, "; its certificate was not issued for a TLS server");
    }
    if ((flags & ~(uint32_t)FLAGS_TOLD) != 0) {
        put(&out, "; its certificate is not acceptable to mbedTLS");
    }
    text[out.size] = 0;
    fault->is_tls = true;
    (void)snprintf(fault->sentence, sizeof fault->sentence, "%.64s: %.180s", name,
                   out.size > 2 ? text + 2 : "its certificate was refused");
}
