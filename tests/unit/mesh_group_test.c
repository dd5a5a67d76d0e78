// Records of __consumer_offsets, as Kafka writes them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/discovery/mesh_inner.h"

#define KEY(version) "\0" version "\0\2gr\0\5topic\0\0\0\7"
#define TIME         "\0\0\1\x9b\0\0\0\1" // 0x19b00000001

static const int64_t time_ms = 0x19b00000001;

static void every_version_of_a_commit_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        size_t key_size, value_size;
    } rows[] = {
#define ROW(key, value) {key, value, sizeof(key) - 1, sizeof(value) - 1}
        ROW(KEY("\0"), "\0\0\0\0\0\0\0\0\0\x9\0\1m" TIME),
        ROW(KEY("\1"), "\0\1\0\0\0\0\0\0\0\x9\0\0" TIME "\0\0\0\0\0\0\0\1"),
        ROW(KEY("\1"), "\0\2\0\0\0\0\0\0\0\x9\0\0" TIME),
        ROW(KEY("\1"), "\0\3\0\0\0\0\0\0\0\x9\xff\xff\xff\xff\0\0" TIME),
        ROW(KEY("\1"), "\0\4\0\0\0\0\0\0\0\x9\xff\xff\xff\xff\3me" TIME "\0"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes group, topic;
        int64_t at = 0;
        struct bytes key = bytes_from(rows[i].key, rows[i].key_size);
        struct bytes value = bytes_from(rows[i].value, rows[i].value_size);

        assert_true(mesh_commit_read(key, value, &group, &topic, &at));

        assert_true(bytes_equal(group, bytes_text("gr")));
        assert_true(bytes_equal(topic, bytes_text("topic")));
        assert_int_equal(at, time_ms);
        for (size_t cut = 0; cut < rows[i].key_size - 4; cut++) {
            struct bytes part = bytes_from(rows[i].key, cut);
            assert_false(mesh_commit_read(part, value, &group, &topic, &at));
        }
        size_t after = i == 1 ? 8 : i == 4 ? 1 : 0; // an expiry; tagged fields
        size_t least = rows[i].value_size - after;
        for (size_t cut = 0; cut < least; cut++) {
            struct bytes part = bytes_from(rows[i].value, cut);
            assert_false(mesh_commit_read(key, part, &group, &topic, &at));
        }
    }
}

static void other_kinds_of_records_are_passed_over(void **state)
{
    (void)state;
    struct bytes group, topic;
    int64_t at;
    const struct bytes value = bytes_from("\0\3\0\0\0\0\0\0\0\x9\xff\xff\xff\xff\0\0" TIME, 24);
    assert_false(mesh_commit_read(bytes_from(KEY("\2"), sizeof KEY("\2") - 1), value, &group,
                                  &topic, &at)); // of a group
    assert_true(mesh_commit_read(bytes_from(KEY("\0"), sizeof KEY("\0") - 1), bytes_from("\0\5", 2),
                                 &group, &topic, &at));
    assert_int_equal(at, -1); // of a newer Kafka: somebody committed, and when cannot be seen
    assert_false(mesh_commit_read(bytes_from("\0\0\xff\xff", 4), value, &group, &topic, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_of_a_commit_is_read),
        cmocka_unit_test(other_kinds_of_records_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
