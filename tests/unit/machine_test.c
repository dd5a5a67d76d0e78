#include "ports/observability/machine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// A tree of kernel files of our own.
static char root[64];

static void given_file(const char *path, const char *text)
{
    char whole[256];
    (void)snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = 0;
        (void)mkdir(whole, 0700);
        *at = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/weir-machine-XXXXXX");
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command); // NOLINT(cert-env33-c): a test, and no text from outside
}

static void a_machine_that_tells_nothing_is_unknown_in_all(void **state)
{
    (void)state;
    // Given an empty tree, when it is read,
    struct machine machine;
    machine_read(&machine, root, "/no/such/directory");

    // then nothing is known, and nothing is zero that could be mistaken for a value.
    assert_string_equal(machine.boot_id, "");
    assert_false(machine.has_rtc);
    assert_int_equal(machine.ticks.all, 0);
    assert_int_equal(machine.memory_free_bytes, -1);
    assert_int_equal(machine.resident_bytes, -1);
    assert_true(isnan(machine.hottest_c));
    assert_int_equal(machine.wear_pct, -1);
    assert_string_equal(machine.wear_end, "unknown");
    assert_int_equal(machine.read_only, MACHINE_UNKNOWN);
    assert_int_equal(machine.watchdog_reset, MACHINE_UNKNOWN);
    assert_string_equal(machine.interface, "");
}

static void kernel_files_are_read_with_their_units(void **state)
{
    (void)state;
    // Given the files of a small gateway.
    given_file("/proc/sys/kernel/random/boot_id", "0b7c7a3e-5f0e-4d2a-9a51-3fdb7a7a0d11\n");
    given_file("/proc/stat", "cpu  10 2 8 70 10 0 0 0 0 0\ncpu0 10 2 8 70 10 0 0 0 0 0\n");
    given_file("/proc/meminfo", "MemTotal:  1024 kB\nMemFree: 3 kB\nMemAvailable:   512 kB\n");
    given_file("/sys/class/thermal/thermal_zone0/temp", "41200\n");
    given_file("/sys/class/thermal/thermal_zone1/temp", "48500\n");
    given_file("/sys/class/watchdog/watchdog0/bootstatus", "32\n");
    given_file("/proc/net/route", "Iface\tDestination\tGateway\neth0\t0002A8C0\t00000000\n"
                                  "wwan0\t00000000\t0102A8C0\n");

    // When they are read,
    struct machine machine;
    machine_read(&machine, root, "/tmp");

    // then each value is there.
    assert_string_equal(machine.boot_id, "0b7c7a3e-5f0e-4d2a-9a51-3fdb7a7a0d11");
    assert_int_equal(machine.ticks.all, 100);
    assert_int_equal(machine.ticks.busy, 20);
    assert_int_equal(machine.memory_free_bytes, 512 * 1024);
    assert_true(fabs(machine.hottest_c - 48.5) < 1e-9);
    assert_int_equal(machine.watchdog_reset, MACHINE_YES);
    assert_string_equal(machine.interface, "wwan0");
    assert_int_not_equal(machine.read_only, MACHINE_UNKNOWN);
}

static void the_worse_half_of_a_flash_chip_is_its_wear(void **state)
{
    (void)state;
    struct machine machine = {.wear_pct = -1, .wear_end = "unknown"};
    given_file("/disk/device/life_time", "0x02 0x05\n");
    given_file("/disk/device/pre_eol_info", "0x02\n");
    char dir[128];
    (void)snprintf(dir, sizeof dir, "%s/disk", root);
    machine_wear(&machine, dir);
    assert_int_equal(machine.wear_pct, 50);
    assert_string_equal(machine.wear_end, "warning");

    // A chip that answers "not defined" says nothing of its wear.
    machine = (struct machine){.wear_pct = -1, .wear_end = "unknown"};
    given_file("/disk/device/life_time", "0x00 0x00\n");
    given_file("/disk/device/pre_eol_info", "0x00\n");
    machine_wear(&machine, dir);
    assert_int_equal(machine.wear_pct, -1);
    assert_string_equal(machine.wear_end, "unknown");
}

static void load_is_what_lies_between_two_readings(void **state)
{
    (void)state;
    const struct machine_ticks none = {0};
    const struct machine_ticks from = {.busy = 100, .all = 1000};
    const struct machine_ticks to = {.busy = 150, .all = 1200};
    assert_true(fabs(machine_load_pct(&from, &to) - 25.0) < 1e-9);
    assert_true(isnan(machine_load_pct(&none, &to)));
    assert_true(isnan(machine_load_pct(&from, &from)));
    assert_true(isnan(machine_load_pct(&to, &from)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_machine_that_tells_nothing_is_unknown_in_all, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(kernel_files_are_read_with_their_units, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(the_worse_half_of_a_flash_chip_is_its_wear, make_root,
                                        remove_root),
        cmocka_unit_test(load_is_what_lies_between_two_readings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
