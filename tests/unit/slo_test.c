#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/contract.h"
#include "ports/observability/slo_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600000 };

static const int64_t wall_ms = 1767225600000; // 2026-01-01

static struct {
    struct contract *contract;
    struct settings settings;
    struct arrivals arrivals;
    struct report report;
    struct report_product *product;
    struct slo slo;
    struct slo_result results[SLO_RESULTS_MAX];
    uint32_t count;
} it;

static int set_up(void **state)
{
    (void)state;
    struct problems problems = {.count = 0};
    memset(&it, 0, sizeof it);
    it.contract = contract_read(TEST_DIR "/unit/settings/thermal.odcs.json", &problems);
    assert_non_null(it.contract);
    contract_identify(it.contract, NULL);
    arrivals_init(&it.arrivals);
    it.settings.gateway = (char *)(uintptr_t) "gw-1";
    it.report.settings = &it.settings;
    it.report.version = "0";
    it.report.product_count = 1;
    it.product = &it.report.products[0];
    it.product->name = "thermal";
    it.product->topic = "plant7.thermal.readings.v1";
    it.product->contract = it.contract;
    it.product->promises = &it.contract->promises;
    it.product->rules = it.contract->ports[0].quality;
    it.product->arrivals = &it.arrivals;
    slo_init(&it.slo);
    slo_look(&it.slo, &it.report, 0, 1000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    contract_free(it.contract);
    return 0;
}

static const struct slo_result *judged(const char *id, int64_t boot_ms)
{
    slo_look(&it.slo, &it.report, 0, boot_ms);
    it.count = slo_judge(&it.slo, it.product, true, wall_ms, it.results);
    for (uint32_t i = 0; i < it.count; i++) {
        if (strcmp(it.results[i].id, id) == 0) {
            return &it.results[i];
        }
    }
    return NULL;
}

static void dropping_104_of_36000_records_fails_a_completeness_of_99_9(void **state)
{
    (void)state;
    // Given the product that promises 99.9 percent
    assert_true(it.contract->promises.completeness_percent == 99.9);
    // When 104 of 36,000 records were dropped
    it.product->in_records = 36000;
    it.product->out_records = 36000 - 104;
    it.product->lost_records = 104;
    const struct slo_result *result = judged("completeness", 60000);
    // Then it is 99.71 percent, and the product fails
    assert_true(fabs(result->value - 99.71) <= 0.01);
    assert_int_equal(result->status, SLO_FAIL);
    assert_int_equal(result->rows, 36000);
    assert_int_equal(result->failed_rows, 104);
    assert_int_equal(slo_status_of(it.results, it.count), SLO_FAIL);
    // And dropped by the contract is no more complete than lost
    it.product->lost_records = 0;
    it.product->dropped_records = 104;
    assert_int_equal(judged("completeness", 61000)->status, SLO_FAIL);
}

static void a_sensor_that_was_due_and_not_read_is_missing(void **state)
{
    (void)state;
    it.product->in_records = 990;
    it.product->out_records = 990;
    it.product->missed_records = 10;
    const struct slo_result *result = judged("completeness", 60000);
    assert_true(result->value == 99);
    assert_int_equal(result->status, SLO_FAIL);
    assert_int_equal(result->rows, 1000);
}

static void what_waits_is_late_and_not_missing(void **state)
{
    (void)state;
    it.product->in_records = 1000;
    it.product->out_records = 10;
    assert_int_equal(judged("completeness", 60000)->status, SLO_PASS);
    arrivals_add(&it.arrivals, wall_ms - 301000, wall_ms); // five minutes are promised
    assert_int_equal(judged("freshness", 61000)->status, SLO_FAIL);
    arrivals_add(&it.arrivals, wall_ms - 1000, wall_ms);
    assert_int_equal(judged("freshness", 62000)->status, SLO_PASS);
}

static void what_cannot_be_known_is_unknown_and_not_failed(void **state)
{
    (void)state;
    arrivals_add(&it.arrivals, 0, wall_ms);
    slo_look(&it.slo, &it.report, 0, 60000);
    it.count = slo_judge(&it.slo, it.product, false, wall_ms, it.results);
    for (uint32_t i = 0; i < it.count; i++) {
        const char *id = it.results[i].id;
        bool of_clock = strncmp(id, "latency", 7) == 0 || strcmp(id, "freshness") == 0;
        if (of_clock || strcmp(id, "completeness") == 0) {
            assert_int_equal(it.results[i].status, SLO_UNKNOWN);
            assert_true(isnan(it.results[i].value));
        }
        assert_int_not_equal(it.results[i].status,
                             strcmp(id, "availability") == 0 ? SLO_UNKNOWN : SLO_FAIL);
    }
}

static void the_window_forgets_by_the_hour_what_is_older_than_a_day(void **state)
{
    (void)state;
    // Given a loss in the first hour
    it.product->out_records = 900;
    it.product->lost_records = 100;
    assert_int_equal(judged("completeness", HOUR_MS / 2)->failed_rows, 100);
    for (int hour = 1; hour <= 23; hour++) {
        it.product->out_records += 1000;
        assert_int_equal(judged("completeness", hour * (int64_t)HOUR_MS + 1000)->failed_rows, 100);
    }
    // When its hour leaves the window
    it.product->out_records += 1000;
    const struct slo_result *result = judged("completeness", 24 * (int64_t)HOUR_MS + 1000);
    // Then it no longer counts
    assert_int_equal(result->failed_rows, 0);
    assert_int_equal(result->status, SLO_PASS);
    assert_true(it.slo.window_ms >= 23 * (int64_t)HOUR_MS &&
                it.slo.window_ms <= 24 * (int64_t)HOUR_MS);
}

static void losses_of_earlier_runs_are_not_of_this_window(void **state)
{
    (void)state;
    it.product->lost_records = 1000; // durable totals
    slo_init(&it.slo);
    slo_look(&it.slo, &it.report, 0, 1000);
    it.product->out_records = 10;
    assert_int_equal(judged("completeness", 2000)->failed_rows, 0);
}

static void quantiles_of_the_latency_are_at_most_an_eighth_too_high(void **state)
{
    (void)state;
    struct arrivals before;
    arrivals_init(&before);
    for (int64_t ms = 1; ms <= 100000; ms++) {
        arrivals_add(&it.arrivals, wall_ms - ms, wall_ms);
    }
    int64_t p50 = arrivals_latency_ms(&it.arrivals, &before, 0.5);
    int64_t p99 = arrivals_latency_ms(&it.arrivals, &before, 0.99);
    assert_true(p50 >= 50000 && p50 <= 50000 * 9 / 8);
    assert_true(p99 >= 99000 && p99 <= 99000 * 9 / 8);
    assert_int_equal(arrivals_latency_ms(&it.arrivals, &it.arrivals, 0.5), -1);
    arrivals_add(&before, wall_ms + 5, wall_ms); // from the future
    assert_int_equal(arrivals_latency_ms(&before, &(struct arrivals){0}, 0.99), 0);
}

static void a_library_metric_that_is_broken_fails_as_a_check(void **state)
{
    (void)state;
    const struct value values[] = {{.kind = VALUE_INTEGER, .integer = 1},
                                   {.kind = VALUE_NUMBER, .number = 20},
                                   {.kind = VALUE_TEXT, .text = bytes_text("so so")}};
    const struct record record = {.key = bytes_text("a"), .values = values};
    struct quality_verdict verdict;
    quality_judge(it.contract->ports[0].quality, &record, &verdict);
    const struct slo_result *result = judged("quality_enum", 2000);
    assert_non_null(result);
    assert_int_equal(result->status, SLO_FAIL);
    assert_int_equal(result->failed_rows, 1);
    assert_int_equal(judged("value_in_range", 3000)->status, SLO_PASS);
}

static void the_document_is_shaped_as_the_draft_has_it(void **state)
{
    (void)state;
    it.product->in_records = 36000;
    it.product->out_records = 35896;
    it.product->lost_records = 104;
    (void)judged("completeness", 60000);
    const struct slo_document document = {.report = &it.report,
                                          .product = it.product,
                                          .results = it.results,
                                          .count = it.count,
                                          .window_ms = it.slo.window_ms,
                                          .boot_id = "b",
                                          .now_wall_ms = wall_ms,
                                          .clock_is_synced = true};
    char *text = slo_json(&document);
    assert_non_null(text);
    static const char *const parts[] = {
        "{\"apiVersion\":\"v0.8.1-draft\",\"kind\":\"ObservabilityResults\",",
        "\"observedAt\":\"2026-01-01T00:00:00.000Z\"",
        "\"contract\":{\"contractID\":\"b6a7c0de-6a1e-5c2b-9a40-3f6d1c0e7a11\",\"standard\":"
        "\"ODCS\",\"version\":\"1.2.0\"}",
        "\"status\":\"fail\",\"results\":[",
        "{\"id\":\"completeness\",\"type\":\"metric\",\"name\":\"acknowledged of what was due\","
        "\"status\":\"fail\",\"dimension\":\"completeness\"",
        "\"measure\":{\"metric\":\"ratio\",\"value\":99.711,\"unit\":\"percent\",\"threshold\":{"
        "\"mustBeGreaterOrEqualTo\":99.9},\"rowCount\":36000,\"failedRowCount\":104}",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(text, parts[i]) == NULL) {
            fail_msg("%s is not in %s", parts[i], text);
        }
    }
    free(text);
    char key[SLO_KEY_SIZE];
    slo_key(&it.report, it.product, key);
    assert_int_equal(strlen(key), 36 + 1 + 4); // product id / gateway
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dropping_104_of_36000_records_fails_a_completeness_of_99_9,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sensor_that_was_due_and_not_read_is_missing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_waits_is_late_and_not_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_known_is_unknown_and_not_failed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_window_forgets_by_the_hour_what_is_older_than_a_day,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(losses_of_earlier_runs_are_not_of_this_window, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(quantiles_of_the_latency_are_at_most_an_eighth_too_high,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_library_metric_that_is_broken_fails_as_a_check, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_document_is_shaped_as_the_draft_has_it, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
