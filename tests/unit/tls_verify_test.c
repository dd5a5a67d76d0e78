#include "tests/unit/support/tls_bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct tls_pins no_pins;

// Check `broker` (signed by `ca`) as mbedTLS does in a handshake with `name`, at `wall_s`.
static struct tls_verdict check(struct party *broker, struct party *ca, const char *name,
                                const struct tls_pins *pins, int64_t wall_s)
{
    struct tls_verdict verdict;
    uint32_t flags = 0;
    tls_verdict_begin(&verdict, name, pins, wall_s);
    int failed = mbedtls_x509_crt_verify(&broker->certificate, &ca->certificate, NULL,
                                         verdict.address_size == 0 ? verdict.host : NULL, &flags,
                                         tls_verify, &verdict);
    assert_int_equal(failed != 0, flags != 0);
    assert_int_equal(verdict.flags != 0, flags != 0);
    return verdict;
}

static struct tls_verdict check_days(int from_day, int to_day, int64_t wall_s, char sentence[256])
{
    struct party ca;
    struct party broker;
    struct tls_fault fault;
    const struct wish ca_wish = {
        .subject = "CN=CA", .from_day = -900, .to_day = 900, .is_ca = true};
    const struct wish wish = {
        .subject = "CN=b", .dns = "b.test", .from_day = from_day, .to_day = to_day};
    party_make(&ca, &ca_wish, NULL);
    party_make(&broker, &wish, &ca);

    struct tls_verdict verdict = check(&broker, &ca, "b.test:9093", &no_pins, wall_s);

    tls_verdict_tell(&verdict, "b.test:9093", &fault);
    (void)snprintf(sentence, 256, "%s", fault.sentence);
    party_free(&broker);
    party_free(&ca);
    return verdict;
}

static void a_set_clock_judges_both_ends_of_a_certificates_life(void **state)
{
    (void)state;
    char sentence[256];
    int64_t now_s = time(NULL);

    assert_int_equal(check_days(-1, 1, now_s, sentence).flags, 0);
    assert_int_equal(check_days(-9, -1, now_s, sentence).flags, MBEDTLS_X509_BADCERT_EXPIRED);
    assert_int_equal(check_days(1, 9, now_s, sentence).flags, MBEDTLS_X509_BADCERT_FUTURE);
    assert_int_equal(check_days(1, 9, now_s + 2 * 86400, sentence).flags, 0);
}

// The day of the build is the floor; this test runs on that day or later.
static void without_a_clock_only_what_had_expired_before_the_build_is_refused(void **state)
{
    (void)state;
    char sentence[256];
    int past_floor = (int)((tls_verify_floor_s() - (int64_t)time(NULL)) / 86400);
    assert_true(past_floor <= 0);

    assert_int_equal(check_days(500, 800, 0, sentence).flags, 0);
    assert_int_equal(check_days(-1, 800, 0, sentence).flags, 0);
    struct tls_verdict verdict = check_days(past_floor - 50, past_floor - 9, 0, sentence);

    assert_int_equal(verdict.flags, MBEDTLS_X509_BADCERT_EXPIRED);
    assert_false(verdict.has_clock);
    assert_non_null(strstr(sentence, "the clock is not set; it is after "));
}

static void host_and_port_part_at_the_last_colon(void **state)
{
    (void)state;
    static const struct {
        const char *name, *host;
        size_t address_size;
    } names[] = {
        {"kafka-1.example:9093", "kafka-1.example", 0},
        {"10.1.2.3:9093", "10.1.2.3", 4},
        {"[fd00::1]:9093", "fd00::1", 16},
        {"fd00::1:9093", "fd00::1", 16},
        {"kafka", "kafka", 0},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tls_verdict verdict;
        tls_verdict_begin(&verdict, names[i].name, &no_pins, 0);
        assert_string_equal(verdict.host, names[i].host);
        assert_int_equal(verdict.address_size, names[i].address_size);
    }
}

static void a_name_that_would_break_the_line_is_made_harmless(void **state)
{
    (void)state;
    struct party ca;
    struct party broker;
    struct tls_fault fault;
    const struct wish ca_wish = {.subject = "CN=CA", .from_day = -1, .to_day = 9, .is_ca = true};
    const struct wish wish = {
        .subject = "CN=b", .dns = "a\"b\nc", .from_day = -1, .to_day = 9, .address = "10.0.0.1"};
    party_make(&ca, &ca_wish, NULL);
    party_make(&broker, &wish, &ca);

    struct tls_verdict verdict = check(&broker, &ca, "b.test:9093", &no_pins, time(NULL));

    tls_verdict_tell(&verdict, "b.test:9093", &fault);
    assert_string_equal(fault.sentence,
                        "b.test:9093: its certificate is for a?b?c, 10.0.0.1, not for b.test");
    party_free(&broker);
    party_free(&ca);
}

static void a_pin_is_64_hexadecimal_digits(void **state)
{
    (void)state;
    static const char good[] = "00ff0123456789abcdefABCDEF00000000000000000000000000000000000001";
    uint8_t pin[TLS_PIN_SIZE];

    assert_true(tls_pin_parse(good, pin));
    assert_int_equal(pin[1], 0xff);
    assert_int_equal(pin[12], 0xef);
    assert_int_equal(pin[31], 1);
    assert_false(tls_pin_parse(good + 1, pin));
    assert_false(tls_pin_parse("", pin));
    assert_false(
        tls_pin_parse("00ff0123456789abcdefABCDEF0000000000000000000000000000000000000g", pin));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_clock_judges_both_ends_of_a_certificates_life),
        cmocka_unit_test(without_a_clock_only_what_had_expired_before_the_build_is_refused),
        cmocka_unit_test(host_and_port_part_at_the_last_colon),
        cmocka_unit_test(a_name_that_would_break_the_line_is_made_harmless),
        cmocka_unit_test(a_pin_is_64_hexadecimal_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
