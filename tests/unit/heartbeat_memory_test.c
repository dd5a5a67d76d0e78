#include "ports/observability/heartbeat_memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BOOT_A "0b7c7a3e-5f0e-4d2a-9a51-3fdb7a7a0d11"
#define BOOT_B "7d1f2c60-0f5e-4f0a-8a41-1c2d3e4f5a6b"

static const uint8_t settings_a[32] = {1};
static const uint8_t settings_b[32] = {2};

static struct heartbeat_memory first_run(void)
{
    struct heartbeat_memory memory;
    assert_int_equal(memory_get(&memory, bytes_from(NULL, 0)), ERR_CORRUPT);
    memory_begin(&memory, BOOT_A, settings_a, 1000);
    return memory;
}

static void a_first_start_is_boot_one_run_zero_and_nothing_unexpected(void **state)
{
    (void)state;
    struct heartbeat_memory memory = first_run();
    assert_int_equal(memory.boot_count, 1);
    assert_int_equal(memory.run_id, 0);
    assert_int_equal(memory.unexpected, 0);
    assert_int_equal(memory.settings_since_ms, 1000);
}

static void a_second_start_in_one_boot_is_the_next_run(void **state)
{
    (void)state;
    struct heartbeat_memory memory = first_run();
    memory_begin(&memory, BOOT_A, settings_a, 2000);
    assert_int_equal(memory.boot_count, 1);
    assert_int_equal(memory.run_id, 1);
    assert_int_equal(memory.unexpected, 0);
    assert_int_equal(memory.settings_since_ms, 1000);
}

static void a_new_boot_without_a_bye_before_it_was_unexpected(void **state)
{
    (void)state;
    // Given a run that ended without a bye, and one that said it.
    struct heartbeat_memory cut = first_run();
    struct heartbeat_memory clean = first_run();
    clean.clean = true;

    // When the next boot comes,
    memory_begin(&cut, BOOT_B, settings_a, 2000);
    memory_begin(&clean, BOOT_B, settings_a, 2000);

    // then only the first counts as unexpected.
    assert_int_equal(cut.unexpected, 1);
    assert_int_equal(clean.unexpected, 0);
    assert_int_equal(clean.boot_count, 2);
    assert_int_equal(clean.run_id, 0);
}

static void new_settings_are_in_force_from_now_on_if_now_is_known(void **state)
{
    (void)state;
    struct heartbeat_memory memory = first_run();
    memory_begin(&memory, BOOT_A, settings_b, 5000);
    assert_int_equal(memory.settings_since_ms, 5000);
    memory_begin(&memory, BOOT_A, settings_a, -1);
    assert_int_equal(memory.settings_since_ms, -1);
    assert_int_equal(memory.wall_ms, 5000);
}

static void what_was_put_is_read_back_and_every_truncation_is_refused(void **state)
{
    (void)state;
    // Given a memory in bytes.
    struct heartbeat_memory memory = first_run();
    memory_begin(&memory, BOOT_A, settings_a, 2000);
    uint8_t bytes[HEARTBEAT_MEMORY_SIZE];
    struct buffer out = buffer_over(bytes, sizeof bytes);
    memory_put(&memory, &out);
    assert_false(out.overflow);
    assert_int_equal(out.size, sizeof bytes);

    // When it is read back whole, then all is there;
    struct heartbeat_memory again;
    assert_int_equal(memory_get(&again, buffer_bytes(&out)), OK);
    assert_string_equal(again.boot_id, BOOT_A);
    assert_int_equal(again.run_id, 1);
    assert_int_equal(again.settings_since_ms, 1000);
    assert_int_equal(again.wall_ms, 2000);
    assert_false(again.clean);

    // and shorter or longer it is none.
    for (size_t size = 0; size < sizeof bytes; size++) {
        assert_int_equal(memory_get(&again, bytes_from(bytes, size)), ERR_CORRUPT);
    }
    assert_int_equal(again.boot_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_start_is_boot_one_run_zero_and_nothing_unexpected),
        cmocka_unit_test(a_second_start_in_one_boot_is_the_next_run),
        cmocka_unit_test(a_new_boot_without_a_bye_before_it_was_unexpected),
        cmocka_unit_test(new_settings_are_in_force_from_now_on_if_now_is_known),
        cmocka_unit_test(what_was_put_is_read_back_and_every_truncation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
