#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "agent/contract.h"
#include "agent/quality_window.h"
#include "agent/text_form.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char frame[] = "apiVersion: v3.1.0\n"
                            "kind: DataContract\n"
                            "id: one\n"
                            "version: 1.0.0\n"
                            "status: active\n"
                            "domain: plant7\n"
                            "team: {name: us}\n"
                            "support: [{channel: chat}]\n"
                            "schema:\n"
                            "  - name: reading\n"
                            "    physicalName: plant7.oven.readings.v1\n"
                            "%s" // below the entry
                            "    properties:\n"
                            "      - {name: sensor, logicalType: string, primaryKey: true, "
                            "primaryKeyPosition: 1}\n"
                            "      - {name: at, logicalType: timestamp}\n"
                            "      - {name: value, logicalType: %s}\n"
                            "%s"; // more properties

static const char with_quality[] =
    "      - {name: q, logicalType: string, customProperties: [{property: weir.role, value: "
    "quality}]}\n";

static struct problems problems;

// A contract whose field `value` is what `value` says after its logicalType.
static struct contract *contract_of(const char *entry, const char *value, const char *more)
{
    static char text[8192];
    (void)snprintf(text, sizeof text, frame, entry, value, more);
    problems_free(&problems);
    problems = (struct problems){.count = 0};
    struct contract *contract = contract_parse("c.odcs.yaml", bytes_text(text), &problems);
    return contract;
}

static struct quality_verdict verdict_on(struct contract *contract, const struct value *values)
{
    const struct record record = {.key = bytes_text("oven-3"),
                                  .time_ms = 1700000000000,
                                  .clock = RECORD_CLOCK_DEVICE,
                                  .values = values};
    struct quality_verdict verdict;
    quality_judge(contract->ports[0].quality, &record, &verdict);
    return verdict;
}

static struct value number(double value)
{
    return (struct value){.kind = VALUE_NUMBER, .number = value};
}

static struct value integer(int64_t value)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = value};
}

static struct value text(const char *value)
{
    return (struct value){.kind = VALUE_TEXT, .text = bytes_text(value)};
}

static void each_rule_is_broken_on_its_outer_side_only(void **state)
{
    (void)state;
    const struct {
        const char *property;
        struct value inside, outside;
        const char *sentence;
    } cases[] = {
        {"number, logicalTypeOptions: {minimum: -60}", number(-60), number(-60.000001),
         "value is -60.000001, below the minimum -60"},
        {"number, logicalTypeOptions: {maximum: 140}", number(140), number(141.5),
         "value is 141.5, above the maximum 140"},
        {"number, logicalTypeOptions: {exclusiveMinimum: 0}", number(5e-324), number(0),
         "value is 0, not above the exclusiveMinimum 0"},
        {"integer, logicalTypeOptions: {maximum: 2.5}", integer(2), integer(3),
         "value is 3, above the maximum 2"},
        {"integer, logicalTypeOptions: {exclusiveMaximum: 2.5}", integer(2), integer(3),
         "value is 3, not below the exclusiveMaximum 3"},
        {"integer, logicalTypeOptions: {minimum: 9007199254740993}", integer(9007199254740993),
         integer(9007199254740992),
         "value is 9007199254740992, below the minimum 9007199254740993"},
        {"integer, logicalTypeOptions: {format: u8}", integer(255), integer(256),
         "value is 256, above the maximum 255"},
        {"number, logicalTypeOptions: {format: f32}", number(3e38), number(4e38),
         "value is 4e+38, above the maximum 3.4028234663852886e+38"},
        {"number, logicalTypeOptions: {multipleOf: 0.1}", number(0.3), number(0.35),
         "value is 0.35, no multiple of 0.1"},
        {"number, logicalTypeOptions: {multipleOf: 3}", number(3e20), number(1e20),
         "value is 1e+20, no multiple of 3"},
        {"integer, logicalTypeOptions: {multipleOf: 2.5}", integer(-5), integer(7),
         "value is 7, no multiple of 2.5"},
        {"string, logicalTypeOptions: {minLength: 2}", text("\xc3\xa9\xc3\xa9"), text("\xc3\xa9"),
         "value is \"\xc3\xa9\", shorter than 2 characters"},
        {"string, logicalTypeOptions: {maxLength: 2}", text("ab"), text("abc"),
         "value is \"abc\", longer than 2 characters"},
        {"string, logicalTypeOptions: {pattern: 'b$'}", text("ab"), text("b\n"),
         "value is \"b?\" and does not match b$"},
        {"string, logicalTypeOptions: {pattern: '^\\d$'}", text("5"), text("\xd9\xa5"),
         "value is \"\xd9\xa5\" and does not match ^\\d$"},
        {"string, logicalTypeOptions: {format: ipv4}", text("10.0.0.1"), text("10.0.0.01"),
         "value is \"10.0.0.01\", which is no ipv4"},
        {"timestamp, logicalTypeOptions: {minimum: 2026-01-01}", integer(1767225600000),
         integer(1767225599999),
         "value is 2025-12-31T23:59:59.999Z, below the minimum 2026-01-01T00:00:00.000Z"},
        {"number, required: true", number(0), number(NAN), "value is required and missing"},
        {"number, quality: [{metric: nullValues, mustBe: 0}]", number(0), number(INFINITY),
         "value is null (nullValues)"},
        {"number, quality: [{metric: missingValues, mustBe: 0, arguments: {missingValues: "
         "[-999]}}]",
         number(NAN), number(-999), "value is -999, which counts as missing (missingValues)"},
        {"string, quality: [{metric: invalidValues, mustBeLessThan: 1, arguments: {validValues: "
         "[on, 'off']}}]",
         text("off"), text("of"), "value is \"of\", which is not valid (invalidValues)"},
        {"number, quality: [{metric: invalidValues, mustBeBetween: [0, 0], arguments: {pattern: "
         "'^-?[0-9.]+$'}}]",
         number(-1.5), number(1e-9), "value is 1e-9, which is not valid (invalidValues)"},
        {"boolean", {.kind = VALUE_BOOLEAN}, text("yes"), "value must be a boolean and is \"yes\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        // Given a contract with one rule
        struct contract *contract = contract_of("", cases[i].property, "");
        problems_print(&problems, stdout);
        assert_non_null(contract);
        // When a record keeps it, and one breaks it
        struct quality_verdict good = verdict_on(contract, &cases[i].inside);
        struct quality_verdict bad = verdict_on(contract, &cases[i].outside);
        // Then the one conforms, and the other has its sentence
        assert_true(good.conforms);
        assert_false(bad.conforms);
        const struct record record = {.key = bytes_text("oven-3"), .values = &cases[i].outside};
        char sentence[QUALITY_SENTENCE_SIZE];
        quality_explain(contract->ports[0].quality, bad.rule, &record, sentence);
        assert_string_equal(sentence, cases[i].sentence);
        contract_free(contract);
    }
}

static void a_metric_that_allows_some_judges_no_record_but_all_of_them(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        uint64_t rows, breaches;
        bool holds;
    } cases[] = {
        {"mustBeLessThan: 5, unit: percent", 100, 4, true},
        {"mustBeLessThan: 5, unit: percent", 100, 5, false},
        {"mustBeLessThan: 5, unit: rows", 1000000, 5, false},
        {"mustBeLessThan: 1, unit: percent", 1000, 9, true},
        {"mustBeLessOrEqualTo: 2", 10, 2, true},
        {"mustBeLessOrEqualTo: 2", 10, 3, false},
        {"mustBeBetween: [1, 3]", 10, 0, false},
        {"mustBeBetween: [1, 3]", 10, 3, true},
        {"mustNotBeBetween: [1, 3]", 10, 3, false},
        {"mustNotBe: 2", 10, 2, false},
        {"mustBe: 3", 10, 3, true},
        {"mustBeGreaterThan: 2", 10, 3, true},
        {"mustBeGreaterOrEqualTo: 3, unit: percent", 0, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char property[200];
        (void)snprintf(property, sizeof property, "number, quality: [{metric: nullValues, %s}]",
                       cases[i].rule);
        struct contract *contract = contract_of("", property, "");
        assert_non_null(contract);
        const struct value null = {.kind = VALUE_NULL};
        struct quality_verdict verdict = verdict_on(contract, &null);
        assert_true(verdict.conforms);
        const struct quality_rules *rules = contract->ports[0].quality;
        const struct quality_rule *rule = quality_rule(rules, quality_rule_count(rules) - 1);
        assert_true(rule->tolerant);
        assert_int_equal(rule->breaches, 1);
        assert_int_equal(quality_rule_holds(rule, cases[i].rows, cases[i].breaches),
                         cases[i].holds);
        contract_free(contract);
    }
}

static void the_contract_says_what_is_done_and_the_nearest_word_counts(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *value, *more;
        struct value record;
        enum quality_action action;
    } cases[] = {
        // By default: annotated where there is a column for it, else quarantined.
        {"",
         "number, logicalTypeOptions: {maximum: 1}",
         with_quality,
         {.kind = VALUE_NUMBER, .number = 2},
         ACTION_ANNOTATE},
        {"",
         "number, logicalTypeOptions: {maximum: 1}",
         "",
         {.kind = VALUE_NUMBER, .number = 2},
         ACTION_QUARANTINE},
        // What cannot be carried is never annotated.
        {"", "number, required: true", with_quality, {.kind = VALUE_NULL}, ACTION_QUARANTINE},
        {"    customProperties: [{property: weir.onViolation, value: drop}]\n",
         "number, required: true",
         with_quality,
         {.kind = VALUE_NULL},
         ACTION_DROP},
        // The property's word goes before the entry's, the rule's before both.
        {"    customProperties: [{property: weir.onViolation, value: drop}]\n",
         "number, logicalTypeOptions: {maximum: 1}, customProperties: [{property: "
         "weir.onViolation, value: count}]",
         "",
         {.kind = VALUE_NUMBER, .number = 2},
         ACTION_COUNT},
        {"",
         "number, customProperties: [{property: weir.onViolation, value: count}], quality: "
         "[{metric: nullValues, mustBe: 0, customProperties: [{property: weir.onViolation, "
         "value: quarantine}]}]",
         with_quality,
         {.kind = VALUE_NULL},
         ACTION_QUARANTINE},
        // Severity, where nothing else is said.
        {"",
         "number, quality: [{metric: nullValues, mustBe: 0, severity: info}]",
         with_quality,
         {.kind = VALUE_NULL},
         ACTION_COUNT},
        {"    customProperties: [{property: weir.onViolation, value: drop}]\n",
         "number, quality: [{metric: nullValues, mustBe: 0, severity: warning}]",
         with_quality,
         {.kind = VALUE_NULL},
         ACTION_ANNOTATE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct contract *contract = contract_of(cases[i].entry, cases[i].value, cases[i].more);
        problems_print(&problems, stdout);
        assert_non_null(contract);
        struct quality_verdict verdict = verdict_on(contract, &cases[i].record);
        assert_false(verdict.conforms);
        assert_int_equal(verdict.action, cases[i].action);
        contract_free(contract);
    }
}

static void what_cannot_be_judged_or_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool error;
        const char *sentence;
    } cases[] = {
        {"number, quality: [{type: sql, query: 'select 1', mustBe: 0}]", false,
         "schema[0].properties[2].quality[0]: warning: a rule of type sql is not judged by weir; "
         "it "
         "needs all the data: run it beside the cluster"},
        {"string, logicalTypeOptions: {format: password}", false,
         "schema[0].properties[2].logicalTypeOptions.format: warning: \"password\" is not judged "
         "by "
         "weir; it judges email, uuid, uri, hostname, ipv4 and ipv6, and any pattern"},
        {"string, logicalTypeOptions: {pattern: '(a'}", true,
         "schema[0].properties[2].logicalTypeOptions.pattern: \"(a\" is no pattern: missing "
         "closing "
         "parenthesis at character 3"},
        {"number, logicalTypeOptions: {multipleOf: 0}", true,
         "schema[0].properties[2].logicalTypeOptions.multipleOf: \"0\" is no step above 0 with at "
         "most 15 decimals"},
        {"number, logicalTypeOptions: {minimum: low}", true,
         "schema[0].properties[2].logicalTypeOptions.minimum: \"low\" is no number"},
        {"number, quality: [{metric: nullValue, mustBe: 0}]", true,
         "schema[0].properties[2].quality[0].metric: \"nullValue\" is none of: nullValues, "
         "missingValues, invalidValues, duplicateValues, rowCount"},
        {"number, quality: [{metric: rowCount, mustBe: 0}]", true,
         "schema[0].properties[2].quality[0].metric: rowCount stands at a schema's entry, not "
         "here"},
        {"number, quality: [{metric: nullValues}]", true,
         "schema[0].properties[2].quality[0]: has no operator; write e.g. mustBe: 0"},
        {"number, quality: [{metric: invalidValues, mustBe: 0}]", true,
         "schema[0].properties[2].quality[0]: says not what is valid; write arguments: "
         "{validValues: [..]} or {pattern: ..}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct contract *contract = contract_of("", cases[i].value, "");
        bool found = false;
        for (unsigned k = 0; k < problems.count; k++) {
            const char *after = strchr(problems.lines[k], ' ');
            found = found || (after != NULL && strcmp(after + 1, cases[i].sentence) == 0);
        }
        if (!found) {
            print_message("wanted: %s\n", cases[i].sentence);
            problems_print(&problems, stdout);
        }
        assert_true(found);
        assert_int_equal(contract == NULL, cases[i].error);
        contract_free(contract);
    }
}

static void texts_have_the_forms_of_their_standards(void **state)
{
    (void)state;
    static const struct {
        enum text_form form;
        bool has;
        const char *text;
    } cases[] = {
        {FORM_HOSTNAME, true, "kafka-1.example"},
        {FORM_HOSTNAME, true, "a"},
        {FORM_HOSTNAME, false, "-a.example"},
        {FORM_HOSTNAME, false, "a-.example"},
        {FORM_HOSTNAME, false, "a..example"},
        {FORM_HOSTNAME, false, "a.example."},
        {FORM_HOSTNAME, false, "under_score"},
        {FORM_HOSTNAME, false, ""},
        {FORM_URI, true, "https://a.example/x?y=%20#z"},
        {FORM_URI, true, "urn:weir:a"},
        {FORM_URI, false, "a.example/x"},
        {FORM_URI, false, "http://a b"},
        {FORM_URI, false, "http://a%2"},
        {FORM_URI, false, ":x"},
        {FORM_EMAIL, true, "a.b@c"},
        {FORM_EMAIL, false, "@c"},
        {FORM_EMAIL, false, "a@"},
        {FORM_EMAIL, false, "a@b@c"},
        {FORM_UUID, true, "123E4567-e89b-12d3-a456-426614174000"},
        {FORM_UUID, false, "123e4567-e89b-12d3-a456-42661417400"},
        {FORM_IPV6, true, "::ffff:10.0.0.1"},
        {FORM_IPV6, false, "fe80::1%eth0"},
        {FORM_IPV4, false, "10.0.1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool has = text_has_form(cases[i].form, bytes_text(cases[i].text));
        if (has != cases[i].has) {
            fail_msg("%s: %s", text_form_name(cases[i].form), cases[i].text);
        }
    }
}

static void a_pattern_that_would_run_for_ever_ends_and_has_not_matched(void **state)
{
    (void)state;
    struct contract *contract =
        contract_of("", "string, logicalTypeOptions: {pattern: '^(a+)+$'}", "");
    static char many[RECORD_TEXT_MAX];
    memset(many, 'a', sizeof many - 1);
    many[sizeof many - 2] = 'b';
    const struct value value = {.kind = VALUE_TEXT, .text = bytes_from(many, sizeof many - 1)};
    int64_t began_ms = clock_boot_ms();
    for (int i = 0; i < 10; i++) {
        assert_false(verdict_on(contract, &value).conforms);
    }
    assert_true(clock_boot_ms() - began_ms < 1000);
    contract_free(contract);
}

// The window against the plainest program that does the same.
static void the_window_forgets_what_is_older_than_it(void **state)
{
    (void)state;
    enum { SIZE = 8, STEPS = 20000 };
    struct quality_window *window = quality_window_open(SIZE);
    uint64_t past[STEPS];
    uint64_t dice = 1;
    for (int i = 0; i < STEPS; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407U;
        past[i] = (dice >> 40) % 24; // hashes that share places of the table
        bool seen = false;
        for (int k = i > SIZE ? i - SIZE : 0; k < i; k++) {
            seen = seen || past[k] == past[i];
        }
        assert_int_equal(quality_window_seen(window, past[i]), seen);
    }
    quality_window_close(window);
}

static void of_two_equal_keys_the_later_breaks_the_rule(void **state)
{
    (void)state;
    // Given the primary key of two columns, and a rule over it
    struct contract *contract = contract_of("    quality: [{metric: duplicateValues, mustBe: 0}]\n",
                                            "integer, primaryKey: true, primaryKeyPosition: 2", "");
    assert_non_null(contract);
    const struct value one = integer(1);
    const struct value two = integer(2);
    const struct value null = {.kind = VALUE_NULL};
    // Then a key comes again, a key with a null in it never does
    assert_true(verdict_on(contract, &one).conforms);
    assert_true(verdict_on(contract, &two).conforms);
    assert_false(verdict_on(contract, &one).conforms);
    assert_true(verdict_on(contract, &null).conforms);
    assert_true(verdict_on(contract, &null).conforms);
    contract_free(contract);
}

static int let_go(void **state)
{
    (void)state;
    problems_free(&problems);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_is_broken_on_its_outer_side_only),
        cmocka_unit_test(a_metric_that_allows_some_judges_no_record_but_all_of_them),
        cmocka_unit_test(the_contract_says_what_is_done_and_the_nearest_word_counts),
        cmocka_unit_test(what_cannot_be_judged_or_is_wrong_is_said),
        cmocka_unit_test(texts_have_the_forms_of_their_standards),
        cmocka_unit_test(a_pattern_that_would_run_for_ever_ends_and_has_not_matched),
        cmocka_unit_test(the_window_forgets_what_is_older_than_it),
        cmocka_unit_test(of_two_equal_keys_the_later_breaks_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, let_go);
}
