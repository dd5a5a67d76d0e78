#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/disk_memory.h"
#include "agent/schema_marks.h"

#include <stdlib.h>

static const char text[] = "apiVersion: v3.1.0\n"
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
                           "    customProperties: [{property: weir.format, value: avro}]\n"
                           "    properties:\n"
                           "      - {name: sensor, logicalType: string, primaryKey: true}\n"
                           "      - {name: at, logicalType: timestamp}\n"
                           "      - {name: value, logicalType: number}\n";

enum { HERE = 11, THERE = 12, SPOOL_BYTES = 4 << 20 };

static struct {
    struct disk_memory *disk;
    struct spool *spool;
    struct contract *contract;
    struct states states;
    struct schemas schemas;
    struct schema_marks marks;
} it;

static int set_up(void **state)
{
    (void)state;
    struct problems problems = {.count = 0};
    const struct spool_options options = {.size_bytes = SPOOL_BYTES};
    it.disk = disk_memory_open(SPOOL_BYTES + (1 << 20));
    assert_int_equal(spool_open(&it.spool, disk_memory_disk(it.disk), &options), OK);
    it.contract = contract_parse("/c/oven.odcs.yaml", bytes_text(text), &problems);
    assert_non_null(it.contract);
    memset(&it.states, 0, sizeof it.states);
    assert_int_equal(
        schemas_open(&it.schemas, &it.contract->ports[0].schema, true, &it.states, it.spool), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    schemas_close(&it.schemas);
    contract_free(it.contract);
    spool_close(it.spool);
    disk_memory_close(it.disk);
    return 0;
}

static void open_marks(uint64_t source)
{
    assert_int_equal(schema_marks_open(&it.marks, it.contract, &it.contract->ports[0], source,
                                       &it.schemas, &it.states, it.spool),
                     OK);
}

// Its mark is `id`; negative: it is not known.
static void expect(int64_t id)
{
    struct bytes mark;
    enum err err = schema_marks_find(&it.marks, it.schemas.list[0], &mark);
    assert_int_equal(err, id < 0 ? ERR_AGAIN : OK);
    if (id >= 0) {
        const uint8_t wanted[] = {0, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
                                  (uint8_t)id};
        assert_true(bytes_equal(mark, bytes_from(wanted, 5)));
    }
}

static uint64_t wanted(void)
{
    const struct schema_mark *mark = schema_marks_unknown(&it.marks, 0);
    assert_non_null(mark);
    assert_null(schema_marks_unknown(&it.marks, 1));
    return mark->fingerprint;
}

static void learn(uint32_t id)
{
    const struct schema_ids ids = {.id = id};
    schema_marks_learn(&it.marks, wanted(), &ids, &it.states);
}

static void learn_anew(uint32_t id)
{
    const struct schema_ids ids = {.id = id};
    schema_marks_learn(&it.marks, it.marks.list[0].fingerprint, &ids, &it.states);
}

static void an_id_is_learnt_and_outlives_a_restart_without_the_registry(void **state)
{
    (void)state;
    open_marks(HERE);
    expect(-1);
    learn(0x01020304);
    expect(0x01020304);
    assert_null(schema_marks_unknown(&it.marks, 0));

    open_marks(HERE);
    expect(0x01020304);
}

static void before_the_cluster_is_known_no_id_is_and_none_is_asked_for(void **state)
{
    (void)state;
    open_marks(HERE);
    learn(5);

    open_marks(SCHEMA_SOURCE_UNKNOWN);
    expect(-1);
    assert_null(schema_marks_unknown(&it.marks, 0));
    schema_marks_move(&it.marks, HERE);
    expect(5);
}

static void another_cluster_or_registry_has_ids_of_its_own(void **state)
{
    (void)state;
    open_marks(HERE);
    learn(5);
    schema_marks_move(&it.marks, THERE);
    expect(-1);
    learn(6);
    expect(6);
    schema_marks_move(&it.marks, HERE);
    expect(5);
    learn_anew(7);
    expect(7);
    assert_int_equal(it.marks.kept_count, 2);
}

static void what_the_contract_says_holds_everywhere(void **state)
{
    (void)state;
    it.contract->ports[0].schema_id = 9;
    open_marks(SCHEMA_SOURCE_UNKNOWN);
    expect(9);
    schema_marks_move(&it.marks, HERE);
    expect(9);
    assert_null(schema_marks_unknown(&it.marks, 0));

    // Without the contract's word, and without a registry, it is still known what was said.
    it.contract->ports[0].schema_id = -1;
    open_marks(SCHEMA_SOURCE_CONTRACT);
    expect(9);
    open_marks(HERE);
    expect(-1);
}

static void in_a_header_the_guid_goes_first_and_outlives_a_restart(void **state)
{
    (void)state;
    const struct schema_ids ids = {.id = 5, .has_guid = true, .guid = {0xab, [15] = 0xcd}};
    const uint8_t guid[] = {1, 0xab, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xcd};
    struct bytes mark;
    it.contract->ports[0].id_in_header = true;
    open_marks(HERE);
    schema_marks_learn(&it.marks, wanted(), &ids, &it.states);

    open_marks(HERE);
    assert_int_equal(schema_marks_find(&it.marks, it.schemas.list[0], &mark), OK);
    assert_true(bytes_equal(mark, bytes_from(guid, sizeof guid)));

    it.contract->ports[0].id_in_header = false; // before the value there is only room for the id
    open_marks(HERE);
    expect(5);
}

static void in_a_header_the_id_goes_where_the_registry_has_no_guid(void **state)
{
    (void)state;
    it.contract->ports[0].id_in_header = true;
    open_marks(HERE);
    learn(5);
    expect(5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_id_is_learnt_and_outlives_a_restart_without_the_registry,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(before_the_cluster_is_known_no_id_is_and_none_is_asked_for,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_cluster_or_registry_has_ids_of_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_the_contract_says_holds_everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_a_header_the_guid_goes_first_and_outlives_a_restart,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_a_header_the_id_goes_where_the_registry_has_no_guid,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
