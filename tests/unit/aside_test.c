// What a product does with records that their contract rejects.
#include "tests/unit/product_bench.h"

#include "agent/clock.h"
#include "agent/contract.h"

#include <math.h>

static struct contract *contract;

// The product begins anew under the contract with `rule` at its property `value`.
static void begin_with(const char *rule, bool with_quality)
{
    char text[1024];
    struct problems problems = {.count = 0};
    (void)snprintf(
        text, sizeof text,
        "{apiVersion: v3.1.0, kind: DataContract, id: a, version: 1.0.0, status: active, "
        "domain: site, team: {name: us}, support: [{channel: c}], schema: [{name: r, "
        "physicalName: site.bench.readings.v1, properties: [{name: sensor, logicalType: "
        "string, primaryKey: true}, {name: ts, logicalType: timestamp}, {name: value, "
        "logicalType: number, %s}%s]}]}",
        rule,
        with_quality ? ", {name: q, logicalType: string, customProperties: [{property: "
                       "weir.role, value: quality}]}"
                     : "");
    kill_it();
    contract_free(contract);
    contract = contract_parse("c.odcs.yaml", bytes_text(text), &problems);
    problems_print(&problems, stdout);
    assert_non_null(contract);
    it.settings.port = &contract->ports[0];
    start();
}

static void take_value(struct value value)
{
    const struct record record = {
        .key = bytes_text("oven-3"), .time_ms = 1700000000000, .values = &value};
    assert_int_equal(product_take(&it.product, &record), OK);
}

static void take_number(double number)
{
    take_value((struct value){.kind = VALUE_NUMBER, .number = number});
}

static void answer_all(void)
{
    for (size_t i = 0; i < wire.count; i++) {
        if (!wire.list[i].answered) {
            wire.list[i].answered = true;
            product_delivered(&it.product, wire.list[i].seq, DELIVERED_OK);
        }
    }
    for (size_t i = 0; i < wire.told_count; i++) {
        product_told(&it.product, wire.tokens[i] & 0xffffffffffff, DELIVERED_OK);
    }
    wire.told_count = 0;
}

static void assert_told(size_t index, const char *key, const char *const *parts)
{
    assert_string_equal(wire.told_keys[index], key);
    for (; *parts != NULL; parts++) {
        if (strstr(wire.told[index], *parts) == NULL) {
            fail_msg("%s is not in %s", *parts, wire.told[index]);
        }
    }
}

static void
a_record_that_breaks_its_contract_goes_to_the_quarantine_topic_in_its_place(void **context)
{
    (void)context;
    // Given a contract that annotates nothing, and one record in three too hot
    begin_with("required: true, logicalTypeOptions: {maximum: 140}", false);
    take_number(20);
    take_number(141.5);
    take_number(21);
    // When they are sent
    commit_and_send();
    // Then the other two stand on the data topic, and it with its reason on the other
    assert_int_equal(wire.count, 2);
    assert_int_equal(wire.list[0].seq, 1);
    assert_int_equal(wire.list[1].seq, 3);
    assert_int_equal(wire.told_count, 1);
    assert_told(0, "oven-3",
                (const char *const[]){
                    "{\"gateway\":\"gw-1\",\"product\":\"bench\",\"epoch\":\"",
                    "\"from_seq\":2,\"to_seq\":2,\"count\":1,\"cause\":\"quarantined\"",
                    "\"reason\":\"value is 141.5, above the maximum 140\"", "\"key\":\"oven-3\"",
                    "\"record\":{\"sensor\":\"oven-3\",\"ts\":\"2023-11-14T22:13:20.000Z\","
                    "\"value\":141.5}}",
                    NULL});
    // And when all are acknowledged: delivered + quarantined = 1..last
    answer_all();
    assert_true(product_is_drained(&it.product));
    assert_int_equal(it.product.out_records, 2);
    assert_int_equal(it.product.aside_records, 1);
    assert_int_equal(it.product.breaking_records, 1);
    assert_int_equal(it.product.losses.count, 0);
}

static void a_value_of_another_type_is_kept_as_it_came(void **context)
{
    (void)context;
    begin_with("required: false", true);
    take_value((struct value){.kind = VALUE_TEXT, .text = bytes_text("too \"hot\"")});
    take_value((struct value){.kind = VALUE_TEXT, .text = bytes_text("x")});
    commit_and_send();
    assert_int_equal(wire.count, 0);
    assert_int_equal(wire.told_count, 2);
    assert_told(0, "oven-3",
                (const char *const[]){"\"reason\":\"value must be a number and is ",
                                      "\"value\":null",
                                      "\"misfits\":{\"value\":\"too \\\"hot\\\"\"}", NULL});
    answer_all();
    assert_true(product_is_drained(&it.product));
}

static void not_a_number_is_quarantined_where_a_value_is_required_and_bad_where_not(void **context)
{
    (void)context;
    begin_with("required: true", true);
    take_number(NAN);
    commit_and_send();
    assert_int_equal(wire.told_count, 1);
    answer_all();
    commit_and_send(); // the cursor
    begin_with("required: false", true);
    take_number(NAN);
    commit_and_send();
    assert_int_equal(wire.told_count, 0);
    assert_non_null(strstr(wire.last_value, "\"value\":null,\"q\":\"bad\""));
    answer_all();
    assert_int_equal(it.product.breaking_records, 0);
}

static void an_annotated_record_is_delivered_as_bad(void **context)
{
    (void)context;
    begin_with("logicalTypeOptions: {maximum: 140}", true);
    take_number(141);
    commit_and_send();
    assert_int_equal(wire.count, 1);
    assert_non_null(strstr(wire.last_value, "\"value\":141,\"q\":\"bad\""));
    answer_all();
    assert_int_equal(it.product.out_records, 1);
    assert_int_equal(it.product.breaking_records, 1);
}

static void a_dropped_record_is_declared_and_its_values_are_gone(void **context)
{
    (void)context;
    begin_with("logicalTypeOptions: {maximum: 140}, customProperties: [{property: "
               "weir.onViolation, value: drop}]",
               true);
    take_number(1);
    take_number(141);
    take_number(2);
    commit_and_send();
    assert_int_equal(wire.count, 2);
    assert_int_equal(wire.told_count, 1);
    assert_told(
        0, "gw-1",
        (const char *const[]){"\"from_seq\":2,\"to_seq\":2,\"count\":1,\"cause\":\"dropped\"",
                              "\"reason\":\"value is 141, above the maximum 140\"}", NULL});
    assert_null(strstr(wire.told[0], "record"));
    answer_all();
    assert_true(product_is_drained(&it.product));
    assert_int_equal(it.product.dropped_records, 1);
    assert_int_equal(it.product.out_records, 2);
}

static void a_kill_loses_no_rejected_record(void **context)
{
    (void)context;
    // Given rejected records that are durable and told, but not acknowledged
    begin_with("logicalTypeOptions: {maximum: 140}", false);
    take_number(1);
    take_number(141);
    take_number(142);
    commit_and_send();
    assert_int_equal(wire.told_count, 2);
    // When the agent is killed, and starts again
    wire.told_count = 0;
    restart();
    commit_and_send();
    // Then they are told again, with their seqs and reasons
    assert_int_equal(wire.count, 1);
    assert_int_equal(wire.told_count, 2);
    assert_non_null(strstr(wire.told[0], "\"from_seq\":2,"));
    assert_non_null(strstr(wire.told[1], "\"from_seq\":3,"));
    assert_non_null(strstr(wire.told[1], "value is 142, above the maximum 140"));
    answer_all();
    assert_true(product_is_drained(&it.product));
}

static void one_that_came_back_is_told_again(void **context)
{
    (void)context;
    begin_with("logicalTypeOptions: {maximum: 140}", false);
    take_number(141);
    take_number(1);
    commit_and_send();
    uint64_t token = wire.tokens[0];
    wire.told_count = 0;
    product_told(&it.product, token & 0xffffffffffff, DELIVERED_AGAIN);
    product_delivered(&it.product, 2, DELIVERED_OK);
    commit_and_send();
    assert_int_equal(wire.told_count, 1);
    assert_int_equal(wire.tokens[0], token);
    wire.list[0].answered = true;
    answer_all();
    assert_true(product_is_drained(&it.product));
    assert_int_equal(it.product.out_records, 1);
    assert_int_equal(it.product.aside_records, 1);
}

static void where_the_topic_takes_nothing_the_file_beside_the_spool_does(void **context)
{
    (void)context;
    // Given a quarantine topic that is not there, though the broker answers
    begin_with("logicalTypeOptions: {maximum: 140}", false);
    wire.quarantine_is_shut = true;
    take_number(141);
    take_number(1);
    // When it has taken nothing for long
    commit_and_send();
    assert_int_equal(wire.count, 0);
    it.product.aside_waits_ms = clock_boot_ms() - 60000;
    commit_and_send();
    // Then the record stands in the file, is declared, and the others go on
    assert_int_equal(wire.count, 1);
    assert_int_equal(it.product.quarantined_records, 1);
    assert_int_equal(wire.told_count, 1);
    assert_non_null(strstr(wire.told[0], "\"from_seq\":1,\"to_seq\":1,\"count\":1,\"cause\":"
                                         "\"quarantined\""));
    char path[128];
    (void)snprintf(path, sizeof path, "%s/quarantine.jsonl", it.directory);
    FILE *file = fopen(path, "r");
    char line[512];
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    (void)fclose(file);
    assert_non_null(strstr(line, "\"reason\":\"value is 141, above the maximum 140\""));
}

static int let_go(void **context)
{
    int code = tear_down(context);
    contract_free(contract);
    contract = NULL;
    return code;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_record_that_breaks_its_contract_goes_to_the_quarantine_topic_in_its_place, set_up,
            let_go),
        cmocka_unit_test_setup_teardown(a_value_of_another_type_is_kept_as_it_came, set_up, let_go),
        cmocka_unit_test_setup_teardown(
            not_a_number_is_quarantined_where_a_value_is_required_and_bad_where_not, set_up,
            let_go),
        cmocka_unit_test_setup_teardown(an_annotated_record_is_delivered_as_bad, set_up, let_go),
        cmocka_unit_test_setup_teardown(a_dropped_record_is_declared_and_its_values_are_gone,
                                        set_up, let_go),
        cmocka_unit_test_setup_teardown(a_kill_loses_no_rejected_record, set_up, let_go),
        cmocka_unit_test_setup_teardown(one_that_came_back_is_told_again, set_up, let_go),
        cmocka_unit_test_setup_teardown(
            where_the_topic_takes_nothing_the_file_beside_the_spool_does, set_up, let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
