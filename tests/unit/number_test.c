// Numbers and JSON strings as text: exact both ways.
#include "agent/json_text.h"
#include "agent/number.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static double number_of(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static uint64_t random_next(uint64_t *state) // xorshift64*
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

static struct number parsed(const char *text)
{
    struct number number;
    (void)number_parse(bytes_text(text), &number);
    return number;
}

// The double reads back with the same bits, and its text is a number of JSON.
static size_t check_round_trip(double number)
{
    char text[NUMBER_TEXT_SIZE];
    memset(text, 'x', sizeof text);
    size_t size = number_format(number, text);
    assert_true(size < sizeof text && text[size] == 0 && strlen(text) == size);
    struct number back = parsed(text);
    if (!back.json || bits_of(back.number) != bits_of(number)) {
        fail_msg("%a was written as %s", number, text);
    }
    return size;
}

static void every_number_of_up_to_five_digits_is_written_as_it_was_read(void **unused)
{
    (void)unused;
    for (int places = 1; places <= 5; places++) {
        for (int digits = 1; digits < 100000; digits++) {
            // Given a decimal without zeros at its end
            if (digits % 10 == 0) {
                continue;
            }
            int divisor = (int)pow(10, places);
            char text[40];
            (void)snprintf(text, sizeof text, "%d.%0*d", digits / divisor, places,
                           digits % divisor);
            // When it is read and written
            struct number number = parsed(text);
            char again[NUMBER_TEXT_SIZE];
            size_t size = number_format(number.number, again);
            // Then it is the same text, and the library reads the same double
            assert_int_equal(size, strlen(text));
            assert_string_equal(again, text);
            assert_true(bits_of(number.number) == bits_of(strtod(text, NULL)));
        }
    }
}

static void a_million_random_doubles_read_back_with_the_same_bits(void **unused)
{
    (void)unused;
    uint64_t seed = (uint64_t)time(NULL) | 1;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 1000000; i++) {
        double number = number_of(random_next(&seed));
        if (isfinite(number)) {
            (void)check_round_trip(number);
        }
    }
}

static void random_decimals_are_written_in_no_more_digits_than_they_have(void **unused)
{
    (void)unused;
    uint64_t seed = (uint64_t)time(NULL) | 1;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 1000000; i++) {
        // Given up to 15 digits with a point somewhere
        uint64_t mantissa = random_next(&seed) % UINT64_C(1000000000000000);
        unsigned places = (unsigned)(random_next(&seed) % 16);
        char text[64];
        (void)snprintf(text, sizeof text, "%llue-%u", (unsigned long long)mantissa, places);
        // When it is read and written
        struct number number = parsed(text);
        assert_true(bits_of(number.number) == bits_of(strtod(text, NULL)));
        size_t size = check_round_trip(number.number);
        // Then the text is no longer than the plain decimal
        (void)snprintf(text, sizeof text, "%.*f", (int)places, number.number);
        assert_true(size <= strlen(text));
    }
}

static void random_texts_of_many_digits_are_read_as_the_library_reads_them(void **unused)
{
    (void)unused;
    uint64_t seed = (uint64_t)time(NULL) | 1;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 200000; i++) {
        char text[80];
        int count = 1 + (int)(random_next(&seed) % 40);
        int point = (int)(random_next(&seed) % 40);
        int size = 0;
        for (int digit = 0; digit < count; digit++) {
            text[size++] = (char)('0' + random_next(&seed) % 10);
            if (digit == point) {
                text[size++] = '.';
            }
        }
        (void)snprintf(text + size, sizeof text - (size_t)size, "e%d",
                       (int)(random_next(&seed) % 700) - 350);
        double expected = strtod(text, NULL);
        struct number number = parsed(text);
        assert_true(bits_of(number.number) == bits_of(expected));
        assert_true((number.kind == NUMBER_NONE) == (isinf(expected) != 0));
    }
}

static void a_digit_far_behind_decides_between_two_doubles(void **unused)
{
    (void)unused;
    // Given a text half way between 1 and the next double, and one with a digit more, 900 behind
    char text[1000];
    memset(text, '0', sizeof text);
    memcpy(text, "1.00000000000000011102230246251565404236316680908203125", 55);
    struct number number;
    assert_int_equal(number_parse(bytes_from(text, sizeof text), &number), NUMBER_FRACTION);
    assert_true(number.number == 1.0);
    text[sizeof text - 1] = '1';
    // Then the first is even, the second is above
    assert_int_equal(number_parse(bytes_from(text, sizeof text), &number), NUMBER_FRACTION);
    assert_true(number.number == nextafter(1.0, 2.0));
}

static void edges_of_doubles_are_exact(void **unused)
{
    (void)unused;
    static const double edges[] = {
        0.0,
        -0.0,
        5e-324,
        2.2250738585072014e-308,
        2.225073858507201e-308,
        1e15,
        999999999999999.9,
        1e-5,
        9.999999999999999e-6,
        9007199254740991.0,
        9007199254740993.0,
        1e16,
        123456789012345680.0,
        1e17,
        1e21,
        1e22,
        1e23,
        0.1 + 0.2,
        1.0 / 3.0,
        5e-1,
        1.7976931348623157e308,
        -21.5,
        100.0,
        1e-7,
        123e-20,
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        (void)check_round_trip(edges[i]);
    }
    for (int exponent = -1074; exponent < 1024; exponent++) {
        double power = ldexp(1.0, exponent);
        (void)check_round_trip(power);
        (void)check_round_trip(nextafter(power, 0));
        (void)check_round_trip(-nextafter(power, INFINITY));
    }
}

static void numbers_are_written_the_way_people_write_them(void **unused)
{
    (void)unused;
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0.0"},
        {5, "5"},
        {-40, "-40"},
        {21.5, "21.5"},
        {0.05, "0.05"},
        {-0.1, "-0.1"},
        {1e15, "1000000000000000"},
        {1e-9, "1e-9"},
        {1e300, "1e+300"},
        {1.5e300, "1.5e+300"},
        {5e-324, "5e-324"},
        {0.1 + 0.2, "0.30000000000000004"},
        {100.25, "100.25"},
        {1e-5, "0.00001"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUMBER_TEXT_SIZE];
        assert_int_equal(number_format(cases[i].number, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void integers_keep_all_their_64_bits(void **unused)
{
    (void)unused;
    static const int64_t cases[] = {0,
                                    9,
                                    10,
                                    99,
                                    100,
                                    -1,
                                    -10,
                                    12345,
                                    INT64_MAX,
                                    INT64_MIN,
                                    9007199254740993,
                                    -9007199254740993};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUMBER_TEXT_SIZE];
        size_t size = number_format_integer(cases[i], text);
        assert_int_equal(size, strlen(text));
        struct number number = parsed(text);
        assert_int_equal(number.kind, NUMBER_INTEGER);
        assert_true(number.integer == cases[i]);
    }
    // And one beyond is a fraction, not a wrapped integer
    assert_int_equal(parsed("9223372036854775808").kind, NUMBER_FRACTION);
    assert_true(parsed("9223372036854775808").number == 9223372036854775808.0);
    assert_int_equal(parsed("-9223372036854775808").kind, NUMBER_INTEGER);
    assert_int_equal(parsed("-9223372036854775809").kind, NUMBER_FRACTION);
    assert_int_equal(parsed("18446744073709551617").kind, NUMBER_FRACTION);
}

static void what_is_no_number_is_refused(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"",      "-",    "+",     ".",      "e5",  "nan",     "inf",
                                        "-inf",  "0x10", "1x",    "1 ",     " 1",  "1e",      "1e+",
                                        "1.2.3", "--1",  "1e999", "-1e999", "1,5", "Infinity"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct number number;
        if (number_parse(bytes_text(texts[i]), &number) != NUMBER_NONE) {
            fail_msg("\"%s\" was taken for a number", texts[i]);
        }
    }
}

static void numbers_that_json_does_not_know_are_told_apart(void **unused)
{
    (void)unused;
    static const char *const loose[] = {"+1", "007", ".5", "5.", "-.5", "00", "-01.5"};
    static const char *const strict[] = {"0", "-0", "1", "0.5", "-0.5e3", "1E5", "10e-2"};
    for (size_t i = 0; i < sizeof loose / sizeof *loose; i++) {
        assert_int_not_equal(parsed(loose[i]).kind, NUMBER_NONE);
        assert_false(parsed(loose[i]).json);
    }
    for (size_t i = 0; i < sizeof strict / sizeof *strict; i++) {
        assert_true(parsed(strict[i]).json);
    }
    assert_int_equal(parsed("-0").kind, NUMBER_INTEGER);
    assert_true(signbit(parsed("-0").number) != 0);
}

static void a_number_at_the_front_ends_where_it_ends(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {{"12,3", 2}, {"1.5}", 3}, {"1e5]", 3}, {"1e", 1}, {"1.e", 2}, {"7i", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct number number;
        assert_int_equal(number_take(bytes_text(cases[i].text), &number), cases[i].size);
    }
}

static void a_locale_with_a_comma_changes_nothing(void **unused)
{
    (void)unused;
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
        print_message("no de_DE.UTF-8 here: only the C locale was tried\n");
    }
    (void)check_round_trip(0.1 + 0.2);
    (void)check_round_trip(1.5e300);
    assert_true(parsed("12345678901234567890.5").number == 12345678901234567890.5);
    (void)setlocale(LC_ALL, "C");
}

static const char *as_json(struct bytes text)
{
    static char out[1024];
    struct buffer buffer = buffer_over(out, sizeof out - 1);
    json_put_string(&buffer, text);
    assert_false(buffer.overflow);
    out[buffer.size] = 0;
    return out;
}

static void texts_are_escaped_as_rfc_8259_wants(void **unused)
{
    (void)unused;
    assert_string_equal(as_json(bytes_text("")), "\"\"");
    assert_string_equal(as_json(bytes_text("oven-3")), "\"oven-3\"");
    assert_string_equal(as_json(bytes_text("a\"b\\c/d")), "\"a\\\"b\\\\c/d\"");
    assert_string_equal(as_json(bytes_text("\b\t\n\v\f\r")), "\"\\b\\t\\n\\u000b\\f\\r\"");
    assert_string_equal(as_json(bytes_from("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
    assert_string_equal(as_json(bytes_text("21 °C, 日本, 🌡")), "\"21 °C, 日本, 🌡\"");
}

static void bytes_that_are_no_utf8_become_the_replacement_character(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xF0\x9F\x8C", "\xFF"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        // Given n bytes of which none goes on, then n replacements, and what follows is kept
        char expected[64] = "\"";
        for (size_t byte = 0; byte < strlen(bad[i]); byte++) {
            memcpy(expected + 1 + 3 * byte, "\xEF\xBF\xBD", 4);
        }
        memcpy(expected + strlen(expected), "a\"", 3);
        char text[16];
        (void)snprintf(text, sizeof text, "%sa", bad[i]);
        assert_string_equal(as_json(bytes_text(text)), expected);
    }
}

// Every pair of bytes: what comes out is UTF-8, whatever goes in.
static void every_pair_of_bytes_becomes_utf8(void **unused)
{
    (void)unused;
    for (unsigned pair = 0; pair < 65536; pair++) {
        uint8_t in[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        const char *out = as_json(bytes_from(in, 2));
        struct bytes rest = bytes_text(out);
        while (rest.size > 0) {
            size_t size = json_utf8_size(rest);
            assert_true(size > 0 && rest.at[0] >= 0x20);
            rest = bytes_from(rest.at + size, rest.size - size);
        }
    }
}

static void a_string_without_room_says_so_and_writes_no_further(void **unused)
{
    (void)unused;
    for (size_t limit = 0; limit < 12; limit++) {
        char out[16];
        memset(out, 'x', sizeof out);
        struct buffer buffer = buffer_over(out, limit);
        json_put_string(&buffer, bytes_text("ab\"c\xFF"
                                            "def"));
        assert_true(buffer.overflow);
        assert_true(buffer.size <= limit);
        assert_int_equal(out[limit], 'x');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_up_to_five_digits_is_written_as_it_was_read),
        cmocka_unit_test(a_million_random_doubles_read_back_with_the_same_bits),
        cmocka_unit_test(random_decimals_are_written_in_no_more_digits_than_they_have),
        cmocka_unit_test(random_texts_of_many_digits_are_read_as_the_library_reads_them),
        cmocka_unit_test(a_digit_far_behind_decides_between_two_doubles),
        cmocka_unit_test(edges_of_doubles_are_exact),
        cmocka_unit_test(numbers_are_written_the_way_people_write_them),
        cmocka_unit_test(integers_keep_all_their_64_bits),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(numbers_that_json_does_not_know_are_told_apart),
        cmocka_unit_test(a_number_at_the_front_ends_where_it_ends),
        cmocka_unit_test(a_locale_with_a_comma_changes_nothing),
        cmocka_unit_test(texts_are_escaped_as_rfc_8259_wants),
        cmocka_unit_test(bytes_that_are_no_utf8_become_the_replacement_character),
        cmocka_unit_test(every_pair_of_bytes_becomes_utf8),
        cmocka_unit_test(a_string_without_room_says_so_and_writes_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
