// The linux driver on a made /proc and /sys: names and units, rates, sensors that cannot be read.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/support/columns.h"
#include "tests/unit/support/fake_core.h"

extern const struct input_driver linux_driver;

static char root[64];

// Write a file below the root, with the folders on the way.
static void put(const char *path, const char *text)
{
    char full[300];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(full, 0755);
        *slash = '/';
    }
    FILE *file = fopen(full, "we");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static int set_up(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    columns_add(&fake.schema, "value", COLUMN_NUMBER, ROLE_FIELD);
    columns_add(&fake.schema, "unit", COLUMN_STRING, ROLE_FIELD);
    fake.room = UINT32_MAX;
    (void)snprintf(root, sizeof root, "/tmp/weir-linux-XXXXXX");
    assert_non_null(mkdtemp(root));
    put("/proc/loadavg", "0.50 1.25 2.00 1/234 5678\n");
    put("/proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n");
    put("/proc/meminfo", "MemTotal:        1000 kB\nMemFree: 1 kB\nMemAvailable:     500 kB\n"
                         "SwapFree:           0 kB\n");
    put("/proc/mounts", "/dev/root / ext4 rw 0 0\nproc /proc proc rw 0 0\n"
                        "/dev/root / ext4 rw 0 0\n/dev/sda2 /my\\040data ext4 rw 0 0\n");
    put("/my data/file", "");
    put("/proc/diskstats", " 8 0 sda 10 0 100 5 20 0 200 6 0 1000 11\n"
                           " 8 1 sda1 1 1 1 1 1 1 1 1 1 1 1\n 7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n");
    put("/sys/block/sda/size", "1\n");
    put("/proc/net/dev", "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes\n"
                         "    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
                         "  eth0:1000 1 0 0 0 0 0 0 500 1 0 0 0 0 0 0\n");
    put("/sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
    put("/sys/class/thermal/thermal_zone0/temp", "45500\n");
    put("/sys/class/thermal/thermal_zone1/type", "acpitz\n");
    put("/sys/class/thermal/thermal_zone1/temp", "30000\n");
    put("/sys/class/thermal/thermal_zone10/type", "acpitz\n");
    put("/sys/class/thermal/thermal_zone10/temp", "-5000\n");
    put("/sys/class/hwmon/hwmon0/name", "coretemp\n");
    put("/sys/class/hwmon/hwmon0/temp1_input", "41000\n");
    put("/sys/class/hwmon/hwmon0/temp1_label", "Core 0\n");
    put("/sys/class/hwmon/hwmon0/in0_input", "3300\n");
    put("/sys/class/hwmon/hwmon0/fan1_input", "1200\n");
    put("/sys/bus/iio/devices/iio:device0/name", "bme280\n");
    put("/sys/bus/iio/devices/iio:device0/in_temp_input", "21500\n");
    put("/sys/bus/iio/devices/iio:device0/in_pressure_raw", "1000\n");
    put("/sys/bus/iio/devices/iio:device0/in_pressure_scale", "0.1\n");
    put("/sys/bus/iio/devices/iio:device0/in_voltage0_raw", "100\n");
    put("/sys/bus/iio/devices/iio:device0/in_voltage1_raw", "100\n");
    put("/sys/bus/iio/devices/iio:device0/in_voltage_scale", "2\n");
    put("/sys/bus/iio/devices/iio:device0/in_voltage1_offset", "-50\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

// One poll, taken and handed over.
static void take_poll(void)
{
    fake.driver->due(&fake.input);
    assert_int_equal(poll(fake.watches, fake.watch_count, 60000), 1);
    fake.driver->ready(&fake.input, fake.watches[0].fd, EPOLLIN);
}

static void start(const char *more)
{
    char settings[256];
    (void)snprintf(settings, sizeof settings, "root: %s\nevery: 100 ms\n%s", root, more);
    assert_int_equal(fake_open(&linux_driver, settings), OK);
    take_poll();
}

static const struct fake_record *find(const char *key)
{
    for (uint32_t i = 0; i < fake.record_count; i++) {
        if (strcmp(fake.records[i].key, key) == 0) {
            return &fake.records[i];
        }
    }
    return NULL;
}

static double value_of(const char *key) // NAN: there is none
{
    const struct fake_record *record = find(key);
    return record == NULL ? (double)NAN : record->numbers[0];
}

static void assert_reading(const char *key, double value, const char *unit)
{
    const struct fake_record *record = find(key);
    if (record == NULL) {
        fail_msg("there is no %s", key);
        return;
    }
    if (fabs(record->numbers[0] - value) > 1e-9) {
        fail_msg("%s is %f", key, record->numbers[0]);
    }
    assert_string_equal(record->text, unit);
}

static void each_reading_is_a_record_with_its_name_and_unit(void **state)
{
    (void)state;
    start("");
    assert_reading("load/1m", 0.5, "");
    assert_reading("load/15m", 2, "");
    assert_reading("memory/available", 512000, "By");
    assert_reading("memory/swap_free", 0, "By");
    assert_reading("thermal/x86_pkg_temp", 45.5, "Cel");
    assert_reading("hwmon/coretemp/Core_0", 41, "Cel");
    assert_reading("hwmon/coretemp/in0", 3.3, "V");
    assert_reading("hwmon/coretemp/fan1", 1200, "/min");
    assert_reading("iio/bme280/temp", 21.5, "Cel");
    assert_reading("iio/bme280/pressure", 100, "kPa");
    assert_non_null(find("disk/root/used"));
    assert_non_null(find("disk/my data/free"));
    // And all of a poll have one time
    for (uint32_t i = 0; i < fake.record_count; i++) {
        assert_true(fake.records[i].time_ms == fake.records[0].time_ms);
        assert_int_equal(fake.records[i].clock, RECORD_CLOCK_WALL);
    }
    assert_int_equal(fake.trouble_count, 0);
    fake_close();
}

static void a_shared_scale_and_an_own_offset_make_the_value(void **state)
{
    (void)state;
    start("read: [iio]\n");
    assert_reading("iio/bme280/voltage0", 0.2, "V");
    assert_reading("iio/bme280/voltage1", 0.1, "V");
    assert_int_equal(fake.record_count, 4);
    fake_close();
}

static void two_sensors_of_one_name_are_told_apart(void **state)
{
    (void)state;
    start("read: [thermal]\n");
    assert_reading("thermal/acpitz", 30, "Cel");
    assert_reading("thermal/acpitz-10", -5, "Cel");
    fake_close();
}

static void rates_come_from_the_second_poll_on(void **state)
{
    (void)state;
    start("read: [cpu, io, network]\n");
    assert_int_equal(fake.record_count, 0);
    // Given 200 ticks more, of which 50 idle; 51,200 bytes written; the network's counter reset
    put("/proc/stat", "cpu  200 0 150 750 100 0 0 0 0 0\n");
    put("/proc/diskstats", " 8 0 sda 10 0 100 5 20 0 300 6 0 1000 11\n");
    put("/proc/net/dev", "h\nh\n  eth0:10 1 0 0 0 0 0 0 1500 1 0 0 0 0 0 0\n");
    const struct timespec pause = {0, 100000000};
    (void)nanosleep(&pause, NULL);
    take_poll();
    assert_reading("cpu", 75, "%");
    assert_reading("io/sda/busy", 0, "%");
    double written = value_of("io/sda/written");
    assert_true(written > 51200 && written <= 512000); // a tenth of a second, or more
    assert_true(value_of("net/eth0/tx") > 100);
    assert_null(find("net/eth0/rx"));
    assert_null(find("net/lo/rx"));
    assert_null(find("io/sda1/read"));
    fake_close();
}

static void a_sensor_that_cannot_be_read_is_trouble_and_no_number(void **state)
{
    (void)state;
    put("/sys/class/thermal/thermal_zone0/temp", "\n");
    put("/sys/bus/iio/devices/iio:device0/in_pressure_scale", "broken\n");
    start("");
    assert_null(find("thermal/x86_pkg_temp"));
    assert_null(find("iio/bme280/pressure"));
    assert_non_null(find("thermal/acpitz"));
    assert_true(fake.in_trouble);
    assert_int_equal(fake.missed, 2); // they were due
    assert_string_equal(fake.sentence,
                        "thermal/x86_pkg_temp cannot be read: Bad message (2 readings in all; what "
                        "never can be is left out by skip:)");
    // And when both can be read again, the trouble is over
    put("/sys/class/thermal/thermal_zone0/temp", "1000\n");
    put("/sys/bus/iio/devices/iio:device0/in_pressure_scale", "1\n");
    take_poll();
    assert_false(fake.in_trouble);
    assert_reading("thermal/x86_pkg_temp", 1, "Cel");
    fake_close();
}

static void what_is_skipped_is_neither_read_nor_trouble(void **state)
{
    (void)state;
    put("/sys/class/thermal/thermal_zone0/temp", "\n");
    start("skip: [thermal/x86, hwmon/]\nmounts: [/]\n");
    assert_int_equal(fake.trouble_count, 0);
    assert_null(find("hwmon/coretemp/in0"));
    assert_non_null(find("thermal/acpitz"));
    assert_non_null(find("disk/root/free"));
    assert_null(find("disk/my data/free"));
    fake_close();
}

static void a_contract_without_value_gets_a_row_a_poll(void **state)
{
    (void)state;
    memset(&fake.schema, 0, sizeof fake.schema);
    columns_add(&fake.schema, "load_1m", COLUMN_NUMBER, ROLE_FIELD);
    columns_add(&fake.schema, "thermal_x86_pkg_temp", COLUMN_NUMBER, ROLE_FIELD);
    columns_add(&fake.schema, "cpu", COLUMN_NUMBER, ROLE_FIELD);
    start("key: gw-7\n");
    assert_int_equal(fake.record_count, 1);
    assert_string_equal(fake.records[0].key, "gw-7");
    assert_true(fake.records[0].numbers[0] == 0.5);
    assert_true(fake.records[0].numbers[1] == 45.5);
    assert_true(isnan(fake.records[0].numbers[2])); // no load of the CPU from one reading
    fake_close();
}

static void readings_without_room_wait_and_polls_are_left_out_meanwhile(void **state)
{
    (void)state;
    fake.room = 1;
    start("read: [load]\n");
    assert_int_equal(fake.record_count, 1);
    fake.driver->due(&fake.input);
    assert_true(fake.in_trouble);
    assert_string_equal(fake.sentence, "there is no room: 1 polls were left out so far");
    assert_int_equal(fake.missed, 3); // the readings that it would have had
    fake.room = 100;
    fake.driver->resume(&fake.input);
    assert_int_equal(fake.record_count, 3);
    assert_true(fake.records[2].time_ms == fake.records[0].time_ms);
    take_poll();
    assert_int_equal(fake.record_count, 6);
    assert_false(fake.in_trouble);
    fake_close();
}

static void a_sensor_that_stands_still_holds_up_nothing_but_its_polls(void **state)
{
    (void)state;
    char sensor[128];
    (void)snprintf(sensor, sizeof sensor, "%s/sys/class/hwmon/hwmon0/temp1_input", root);
    assert_int_equal(unlink(sensor), 0);
    assert_int_equal(mkfifo(sensor, 0600), 0);
    char settings[256];
    (void)snprintf(settings, sizeof settings, "root: %s\nread: [hwmon]\n", root);
    assert_int_equal(fake_open(&linux_driver, settings), OK);

    // It does not answer while two polls are due.
    fake.driver->due(&fake.input);
    fake.driver->due(&fake.input);
    assert_string_equal(fake.sentence, "a sensor has not answered since the last poll: 1 polls "
                                       "were left out so far");
    assert_int_equal(fake.record_count, 0);

    // Then it does.
    put("/sys/class/hwmon/hwmon0/temp1_input", "41000\n");
    assert_int_equal(poll(fake.watches, fake.watch_count, 60000), 1);
    fake.driver->ready(&fake.input, fake.watches[0].fd, EPOLLIN);
    assert_reading("hwmon/coretemp/Core_0", 41, "Cel");
    assert_reading("hwmon/coretemp/in0", 3.3, "V");
    fake_close();
}

static void this_machine_can_be_read(void **state)
{
    (void)state;
    assert_int_equal(fake_open(&linux_driver, "every: 100 ms\n"), OK);
    take_poll();
    const struct timespec pause = {0, 100000000};
    (void)nanosleep(&pause, NULL);
    take_poll();
    assert_non_null(find("load/1m"));
    assert_non_null(find("memory/total"));
    assert_true(value_of("memory/total") > 1e6);
    fake_close();
}

static void groups_that_are_none_are_problems(void **state)
{
    (void)state;
    struct problems problems = {0};
    struct option_set options;
    assert_true(option_read_text(&options, linux_driver.options, "w.yaml", "read: [cpu, gpu]\n",
                                 &problems));
    linux_driver.check(&options, &fake.schema, "w.yaml", &problems);
    assert_int_equal(problems.count, 1);
    assert_non_null(strstr(problems.lines[0], "w.yaml:1: read: \"gpu\" is none of load, cpu"));
    option_set_free(&options);
    problems_free(&problems);
}

#define A_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        A_TEST(each_reading_is_a_record_with_its_name_and_unit),
        A_TEST(a_shared_scale_and_an_own_offset_make_the_value),
        A_TEST(two_sensors_of_one_name_are_told_apart),
        A_TEST(rates_come_from_the_second_poll_on),
        A_TEST(a_sensor_that_cannot_be_read_is_trouble_and_no_number),
        A_TEST(what_is_skipped_is_neither_read_nor_trouble),
        A_TEST(a_contract_without_value_gets_a_row_a_poll),
        A_TEST(readings_without_room_wait_and_polls_are_left_out_meanwhile),
        A_TEST(a_sensor_that_stands_still_holds_up_nothing_but_its_polls),
        A_TEST(this_machine_can_be_read),
        A_TEST(groups_that_are_none_are_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
