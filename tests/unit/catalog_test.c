// The catalog from documents as they lie on the mesh topics.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/catalog.h"

#include <stdio.h>

#define P "1f3b6f34-52f1-5d0c-8a55-0f7c1a8d2b90"

static const char thermal[] =
    "{\"apiVersion\":\"v1.0.0\",\"kind\":\"DataProduct\",\"id\":\"" P "\",\"name\":\"thermal\","
    "\"version\":\"1.2.0\",\"status\":\"active\",\"domain\":\"plant7\",\"tenant\":\"example\","
    "\"description\":{\"purpose\":\"Oven-zone temperatures.\"},\"tags\":[\"sensor\"],"
    "\"outputPorts\":[{\"name\":\"readings\",\"version\":\"1.2.0\",\"contractId\":\"c1\","
    "\"inputContracts\":[{\"id\":\"c9\",\"version\":\"1.0.0\"}],"
    "\"customProperties\":[{\"property\":\"topic\",\"value\":\"plant7.thermal.readings.v1\"}]}],"
    "\"team\":{\"name\":\"thermal-process\"},"
    "\"support\":[{\"channel\":\"help\",\"url\":\"mailto:help@example.com\"}]}";

static const char thermal_contract[] =
    "{\"id\":\"c1\",\"version\":\"1.2.0\",\"status\":\"active\",\"schema\":[{\"name\":\"reading\","
    "\"properties\":[{\"name\":\"sensor_id\",\"logicalType\":\"string\",\"required\":true},"
    "{\"name\":\"value\",\"logicalType\":\"number\",\"description\":\"calibrated\","
    "\"customProperties\":[{\"property\":\"unit\",\"value\":\"Cel\"}]}]}],"
    "\"slaProperties\":[{\"property\":\"latency\",\"value\":10,\"unit\":\"s\"},"
    "{\"property\":\"endOfSupport\",\"value\":\"2027-01-01\"}]}";

static const struct catalog_signature trusted = {"trusted", "CN=plant7", ""};

static enum err take(struct catalog *catalog, enum catalog_kind kind, const char *key,
                     const char *value, int64_t time_ms)
{
    return catalog_take(catalog, kind, bytes_text(key), bytes_text(value), &trusted, time_ms);
}

static struct catalog *mesh(void)
{
    struct catalog *catalog = catalog_open();
    assert_int_equal(take(catalog, CATALOG_PRODUCT, P, thermal, 1), OK);
    assert_int_equal(take(catalog, CATALOG_CONTRACT, "c1/1.2.0", thermal_contract, 2), OK);
    return catalog;
}

static cJSON *find(struct catalog *catalog, struct catalog_filter filter)
{
    cJSON *found = catalog_find(catalog, &filter);
    assert_non_null(found);
    return found;
}

static int count(struct catalog *catalog, struct catalog_filter filter)
{
    cJSON *found = find(catalog, filter);
    int size = cJSON_GetArraySize(found);
    cJSON_Delete(found);
    return size;
}

static int count_word(struct catalog *catalog, const char *word)
{
    return count(catalog, (struct catalog_filter){.words = &word, .word_count = 1});
}

static const cJSON *at(const cJSON *object, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_non_null(found);
    return found;
}

static const char *text(const cJSON *object, const char *name)
{
    return at(object, name)->valuestring;
}

static void a_product_is_told_with_its_contract_and_signature(void **state)
{
    (void)state;
    struct catalog *catalog = mesh();

    cJSON *found = find(catalog, (struct catalog_filter){.words = NULL});

    assert_int_equal(cJSON_GetArraySize(found), 1);
    const cJSON *entry = found->child;
    assert_string_equal(text(entry, "name"), "thermal");
    assert_string_equal(text(entry, "owner"), "thermal-process");
    assert_string_equal(text(entry, "end_of_support"), "2027-01-01");
    assert_string_equal(text(at(entry, "signature"), "state"), "trusted");
    assert_string_equal(text(at(entry, "ports")->child, "topic"), "plant7.thermal.readings.v1");
    assert_string_equal(text(at(entry, "inputs")->child, "id"), "c9");
    const cJSON *contract = at(entry, "contracts")->child;
    assert_true(cJSON_IsTrue(at(contract, "found")));
    assert_string_equal(text(at(contract, "fields")->child->next, "unit"), "Cel");
    assert_int_equal(at(at(contract, "promises")->child, "value")->valueint, 10);
    assert_string_equal(text(entry, "status_of_levels"), "unknown");
    cJSON_Delete(found);
    catalog_close(catalog);
}

static void a_product_is_found_by_what_it_is_and_by_nothing_else(void **state)
{
    (void)state;
    struct catalog *catalog = mesh();

    assert_int_equal(count_word(catalog, "OVEN"), 1);
    assert_int_equal(count_word(catalog, "calibrated"), 1);
    assert_int_equal(count_word(catalog, "readings.v1"), 1);
    assert_int_equal(count_word(catalog, "thermal-process"), 1);
    assert_int_equal(count_word(catalog, "vibration"), 0);
    const char *both[] = {"oven", "vibration"};
    assert_int_equal(count(catalog, (struct catalog_filter){.words = both, .word_count = 2}), 0);
    assert_int_equal(count(catalog, (struct catalog_filter){.domain = "plant7"}), 1);
    assert_int_equal(count(catalog, (struct catalog_filter){.domain = "plant"}), 0);
    assert_int_equal(count(catalog, (struct catalog_filter){.tag = "Sensor"}), 1);
    assert_int_equal(count(catalog, (struct catalog_filter){.tag = "sens"}), 0);
    assert_int_equal(count(catalog, (struct catalog_filter){.field = "value", .unit = "Cel"}), 1);
    assert_int_equal(count(catalog, (struct catalog_filter){.field = "sensor_id", .unit = "Cel"}),
                     0);
    assert_int_equal(count(catalog, (struct catalog_filter){.unit = "cel"}), 0);
    catalog_close(catalog);
}

static void the_newest_of_a_key_counts_and_a_tombstone_ends_it(void **state)
{
    (void)state;
    struct catalog *catalog = mesh();
    assert_int_equal(take(catalog, CATALOG_PRODUCT, P, "{\"name\":\"renamed\"}", 3), OK);
    assert_int_equal(count_word(catalog, "oven"), 0);
    assert_int_equal(count_word(catalog, "renamed"), 1);

    assert_int_equal(take(catalog, CATALOG_PRODUCT, P, "", 4), OK);

    assert_int_equal(count(catalog, (struct catalog_filter){.words = NULL}), 0);
    catalog_close(catalog);
}

static void service_levels_have_their_latest_value_and_their_history(void **state)
{
    (void)state;
    struct catalog *catalog = mesh();
    for (int i = 0; i < CATALOG_HISTORY_MAX + 50; i++) {
        char value[400];
        (void)snprintf(value, sizeof value,
                       "{\"results\":[{\"id\":\"completeness\",\"status\":\"%s\",\"measure\":"
                       "{\"value\":%d,\"unit\":\"percent\","
                       "\"threshold\":{\"mustBeGreaterOrEqualTo\":99.9}}},"
                       "{\"id\":\"freshness\",\"status\":\"pass\"}]}",
                       i == CATALOG_HISTORY_MAX + 49 ? "fail" : "pass", i);
        assert_int_equal(take(catalog, CATALOG_LEVELS, P "/gw-1", value, 1000 + i), OK);
    }
    assert_int_equal(take(catalog, CATALOG_NODE, P "/gw-1",
                          "{\"contract\":{\"id\":\"c1\",\"version\":\"1.2.0\"},"
                          "\"epoch\":\"00ff\"}",
                          9),
                     OK);

    cJSON *found = find(catalog, (struct catalog_filter){.words = NULL});

    const cJSON *entry = found->child;
    assert_string_equal(text(entry, "status_of_levels"), "fail");
    assert_string_equal(text(at(entry, "gateways")->child, "name"), "gw-1");
    assert_string_equal(text(at(entry, "gateways")->child, "version"), "1.2.0");
    const cJSON *level = at(entry, "levels")->child;
    assert_string_equal(text(level, "name"), "completeness");
    assert_int_equal(at(level, "value")->valueint, CATALOG_HISTORY_MAX + 49);
    assert_int_equal(cJSON_GetArraySize(at(level, "history")), CATALOG_HISTORY_MAX);
    assert_int_equal(at(level, "history")->child->child->next->valueint, 50);
    cJSON_Delete(found);
    catalog_close(catalog);
}

static void a_gateway_that_is_silent_beyond_its_deadline_fails(void **state)
{
    (void)state;
    enum { TOLD = 1000000, INTERVAL = 60000, DUE = TOLD + 3 * INTERVAL + 30000 };
    struct catalog *catalog = mesh();
    const char *levels =
        "{\"interval_s\":60,\"results\":[{\"id\":\"freshness\",\"status\":\"pass\"}]}";
    assert_int_equal(take(catalog, CATALOG_LEVELS, P "/gw-1", levels, TOLD), OK);
    assert_int_equal(take(catalog, CATALOG_LEVELS, P "/gw-gone", levels, 1),
                     OK); // no node of its own
    assert_int_equal(take(catalog, CATALOG_NODE, P "/gw-1", "{\"epoch\":\"00ff\"}", 9), OK);

    cJSON *in_time = find(catalog, (struct catalog_filter){.now_ms = DUE});
    cJSON *late = find(catalog, (struct catalog_filter){.now_ms = DUE + 1});

    assert_string_equal(text(in_time->child, "status_of_levels"), "pass");
    assert_string_equal(text(late->child, "status_of_levels"), "fail");
    assert_true(cJSON_IsTrue(at(at(late->child, "gateways")->child, "silent")));
    assert_string_equal(text(at(late->child, "levels")->child, "status"), "pass"); // as it was told
    cJSON_Delete(in_time);
    cJSON_Delete(late);
    catalog_close(catalog);
}

static void documents_of_any_shape_cost_no_more_than_themselves(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}",
        "{\"name\":7,\"tags\":\"x\",\"description\":[],\"outputPorts\":{\"a\":1}}",
        "{\"outputPorts\":[1,null,{\"contractId\":\"c1\"},{\"contractId\":4,\"version\":5}]}",
        "{\"team\":[],\"support\":[[],{}],\"customProperties\":[[]]}",
    };
    struct catalog *catalog = mesh();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "odd-%zu", i);
        assert_int_equal(take(catalog, CATALOG_PRODUCT, key, odd[i], 5), OK);
    }
    assert_int_equal(take(catalog, CATALOG_PRODUCT, "no-json", "{", 6), ERR_INVALID);
    assert_int_equal(take(catalog, CATALOG_PRODUCT, "no-object", "[]", 6), ERR_INVALID);
    assert_int_equal(take(catalog, CATALOG_LEVELS, P "/gw", "{\"results\":[[],{\"id\":\"x\"}]}", 7),
                     OK);

    assert_int_equal(count(catalog, (struct catalog_filter){.words = NULL}), 5);
    assert_int_equal(count_word(catalog, "oven"), 1);
    assert_int_equal(catalog_malformed(catalog), 2);
    catalog_close(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_is_told_with_its_contract_and_signature),
        cmocka_unit_test(a_product_is_found_by_what_it_is_and_by_nothing_else),
        cmocka_unit_test(the_newest_of_a_key_counts_and_a_tombstone_ends_it),
        cmocka_unit_test(service_levels_have_their_latest_value_and_their_history),
        cmocka_unit_test(a_gateway_that_is_silent_beyond_its_deadline_fails),
        cmocka_unit_test(documents_of_any_shape_cost_no_more_than_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
