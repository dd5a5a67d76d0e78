#include "ports/observability/heartbeat_json.h"

#include "tests/unit/report_example.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// The facts of one heartbeat and all they point to.
struct facts {
    struct report report;
    struct machine machine;
    struct heartbeat_memory memory;
    struct report_counters now, acked;
    struct heartbeat beat;
};

static void given_facts(struct facts *facts, enum heartbeat_kind kind)
{
    *facts = (struct facts){.report = example_report()};
    facts->machine = (struct machine){
        .boot_id = "0b7c7a3e-5f0e-4d2a-9a51-3fdb7a7a0d11",
        .uptime_s = 101,
        .clock_synced = true,
        .clock_offset_ms = 0.25,
        .clock_max_error_ms = 12,
        .memory_free_bytes = 181403648,
        .resident_bytes = 11534336,
        .hottest_c = 48.5,
        .wear_pct = 20,
        .wear_end = "normal",
        .read_only = MACHINE_NO,
        .watchdog_reset = MACHINE_NO,
        .interface = "wwan0",
    };
    (void)memory_get(&facts->memory, bytes_from(NULL, 0));
    memory_begin(&facts->memory, facts->machine.boot_id, facts->report.settings->digest,
                 1754300000000);
    report_count(&facts->report, &facts->now);
    facts->beat = (struct heartbeat){
        .kind = kind,
        .report = &facts->report,
        .machine = &facts->machine,
        .memory = &facts->memory,
        .cpu_pct = 7.1,
        .clock = CLOCK_SYNCED,
        .now_boot_ms = 101500,
        .now_wall_ms = 1754500000123,
        .counters = &facts->now,
        .acked = &facts->acked,
        .acked_seq = -1,
        .acked_boot_ms = 41000,
        .bye_why = "stop",
    };
}

static void given_nothing_known(struct facts *facts)
{
    example_contract.domain = NULL;
    facts->machine = (struct machine){
        .boot_id = "0b7c7a3e-5f0e-4d2a-9a51-3fdb7a7a0d11",
        .clock_offset_ms = (double)NAN,
        .clock_max_error_ms = (double)NAN,
        .memory_free_bytes = -1,
        .resident_bytes = -1,
        .hottest_c = (double)NAN,
        .wear_pct = -1,
        .wear_end = "unknown",
        .read_only = MACHINE_UNKNOWN,
        .watchdog_reset = MACHINE_UNKNOWN,
    };
    facts->report.link = (struct output_stat){.link = LINK_DNS_FAIL, .rtt_ms = -1};
    facts->memory.settings_since_ms = -1;
    facts->beat.cpu_pct = (double)NAN;
    facts->beat.clock = CLOCK_UNSET;
}

static cJSON *document_of(const struct facts *facts)
{
    char *text = heartbeat_json(&facts->beat);
    assert_non_null(text);
    cJSON *root = cJSON_Parse(text);
    free(text);
    assert_non_null(root);
    return root;
}

static const cJSON *member(const cJSON *root, const char *group, const char *name)
{
    const cJSON *found =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, group), name);
    assert_non_null(found);
    return found;
}

static void assert_number(const cJSON *root, const char *group, const char *name, double expected)
{
    const cJSON *found = member(root, group, name);
    assert_true(cJSON_IsNumber(found));
    assert_true(fabs(found->valuedouble - expected) < 1e-9);
}

static void write_document(const struct facts *facts, char *path, const char *dir, const char *name)
{
    (void)snprintf(path, 128, "%s/%s.json", dir, name);
    char *text = heartbeat_json(&facts->beat);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(text);
}

// What schema_check.py says of the files: its exit code.
static int check_schema(const char *files)
{
    char command[1536];
    (void)snprintf(command, sizeof command,
                   "python3 -W ignore '%s/unit/schema_check.py' "
                   "'%s/../ports/observability/heartbeat.schema.json' %s",
                   TEST_DIR, TEST_DIR, files);
    int status = system(command); // NOLINT(cert-env33-c): a test, and no text from outside
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void every_kind_of_heartbeat_is_valid_against_the_schema(void **state)
{
    (void)state;
    // Given a birth, beat, event and bye that know much, and a birth that knows nothing.
    char dir[] = "/tmp/weir-heartbeat-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char paths[5][128];
    struct facts facts;
    const char *names[] = {"birth", "beat", "event", "bye"};
    for (int kind = HEARTBEAT_BIRTH; kind <= HEARTBEAT_BYE; kind++) {
        given_facts(&facts, (enum heartbeat_kind)kind);
        write_document(&facts, paths[kind], dir, names[kind]);
    }
    given_facts(&facts, HEARTBEAT_BIRTH);
    given_nothing_known(&facts);
    write_document(&facts, paths[4], dir, "unknown");
    example_contract.domain = example_domain;

    // When they are checked,
    char files[1024];
    (void)snprintf(files, sizeof files,
                   "%s %s %s %s %s '%s/../ports/observability/heartbeat.example.json'", paths[0],
                   paths[1], paths[2], paths[3], paths[4], TEST_DIR);
    int verdict = check_schema(files);

    // then all are valid, and so is the example.
    for (int i = 0; i < 5; i++) {
        (void)unlink(paths[i]);
    }
    (void)rmdir(dir);
    if (verdict == 77 && getenv("CI") == NULL) {
        skip();
    }
    assert_int_equal(verdict, 0);
}

static void counters_are_told_since_the_last_beat_that_was_acknowledged(void **state)
{
    (void)state;
    // Given a beat that the broker took when 100 records were in and 90 out, ten seconds ago.
    struct facts facts;
    given_facts(&facts, HEARTBEAT_BEAT);
    facts.acked = (struct report_counters){
        .in_records = 100, .out_records = 90, .sent_bytes = 8000, .port_ok = {200}};
    facts.beat.acked_seq = 3;
    facts.beat.acked_boot_ms = 91500;

    // When the next one is made,
    cJSON *root = document_of(&facts);

    // then it tells only what came after.
    assert_number(root, "since", "seq", 3);
    assert_number(root, "since", "s", 10);
    assert_number(root, "since", "in_records", 200);
    assert_number(root, "since", "out_records", 160);
    assert_number(root, "since", "dropped_records", 7);
    assert_number(root, "link", "tx_bytes", 1000);
    const cJSON *oven = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "ports"), 0);
    assert_int_equal(cJSON_GetObjectItem(oven, "ok")->valueint, 90);
    assert_int_equal(cJSON_GetObjectItem(oven, "err")->valueint, 5);
    cJSON_Delete(root);
}

static void what_is_not_known_is_null_and_never_zero(void **state)
{
    (void)state;
    // Given an agent that has measured nothing yet.
    struct facts facts;
    given_facts(&facts, HEARTBEAT_BEAT);
    given_nothing_known(&facts);

    // When its heartbeat is made,
    cJSON *root = document_of(&facts);

    // then each such member is there, and null.
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(root, "domain")));
    assert_true(cJSON_IsNull(member(root, "since", "seq")));
    assert_true(cJSON_IsNull(member(root, "clock", "offset_ms")));
    assert_true(cJSON_IsNull(member(root, "config", "applied_ms")));
    assert_true(cJSON_IsNull(member(root, "link", "rtt_ms")));
    assert_true(cJSON_IsNull(member(root, "store", "free_bytes")));
    assert_true(cJSON_IsNull(member(root, "store", "life_used_pct")));
    assert_true(cJSON_IsNull(member(root, "store", "ro")));
    assert_true(cJSON_IsNull(member(root, "host", "cpu_pct")));
    assert_true(cJSON_IsNull(member(root, "host", "mem_free_bytes")));
    cJSON_Delete(root);
    example_contract.domain = example_domain;
}

static void the_buffer_is_the_sum_of_all_products(void **state)
{
    (void)state;
    // Given two products, of which one holds records and the other knows no rate yet.
    struct facts facts;
    given_facts(&facts, HEARTBEAT_BEAT);

    // When a heartbeat is made,
    cJSON *root = document_of(&facts);

    // then bytes and records add up, the oldest and the first to be full count, what one does not
    // know the whole does not, and two policies are none.
    assert_number(root, "buffer", "bytes", 150000);
    assert_number(root, "buffer", "cap_bytes", 2000000);
    assert_number(root, "buffer", "fill_pct", 7.5);
    assert_number(root, "buffer", "records", 200);
    assert_number(root, "buffer", "oldest_age_s", 90);
    assert_number(root, "buffer", "full_in_s", 7200);
    assert_true(cJSON_IsNull(member(root, "buffer", "in_bps")));
    assert_true(cJSON_IsNull(member(root, "buffer", "drain_in_s")));
    assert_true(cJSON_IsNull(member(root, "buffer", "policy")));
    cJSON_Delete(root);
}

static void text_of_a_device_that_is_no_utf8_cannot_break_the_document(void **state)
{
    (void)state;
    // Given an input whose trouble quotes raw bytes of a serial line, an e-acute among them.
    struct facts facts;
    given_facts(&facts, HEARTBEAT_BEAT);
    facts.report.inputs[0].last_error = "got \"\xff\xc3\xa9\xed\xa0\x80\n\"";

    // When the heartbeat is made,
    cJSON *root = document_of(&facts);

    // then what is no UTF-8 became '?', and the rest is as it was.
    const cJSON *oven = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "ports"), 0);
    assert_string_equal(cJSON_GetObjectItem(oven, "last_error")->valuestring,
                        "got \"?\xc3\xa9???\n\"");
    cJSON_Delete(root);
}

static void a_watcher_waits_for_three_beats_before_it_calls_a_gateway_dead(void **state)
{
    (void)state;
    assert_int_equal(heartbeat_dead_after_s(60000), 210);
    assert_int_equal(heartbeat_dead_after_s(300000), 930);
    assert_int_equal(heartbeat_dead_after_s(500), 32);
}

static void the_clock_is_trusted_as_far_as_something_keeps_it(void **state)
{
    (void)state;
    const struct machine synced = {.clock_synced = true};
    const struct machine chip = {.has_rtc = true};
    const struct machine bare = {.has_rtc = false};
    assert_int_equal(heartbeat_clock_state(&synced, false, 0, 1000), CLOCK_SYNCED);
    assert_int_equal(heartbeat_clock_state(&chip, true, 999, 1000), CLOCK_UNSET);
    assert_int_equal(heartbeat_clock_state(&chip, false, 1000, 1000), CLOCK_HOLDOVER);
    assert_int_equal(heartbeat_clock_state(&bare, true, 1000, 1000), CLOCK_HOLDOVER);
    assert_int_equal(heartbeat_clock_state(&bare, false, 1000, 1000), CLOCK_FLOOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_heartbeat_is_valid_against_the_schema),
        cmocka_unit_test(counters_are_told_since_the_last_beat_that_was_acknowledged),
        cmocka_unit_test(what_is_not_known_is_null_and_never_zero),
        cmocka_unit_test(the_buffer_is_the_sum_of_all_products),
        cmocka_unit_test(text_of_a_device_that_is_no_utf8_cannot_break_the_document),
        cmocka_unit_test(a_watcher_waits_for_three_beats_before_it_calls_a_gateway_dead),
        cmocka_unit_test(the_clock_is_trusted_as_far_as_something_keeps_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
