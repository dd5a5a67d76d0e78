// The file driver on real files: it follows, survives rotations and restarts, and neither loses nor
// repeats a line.
#include <fcntl.h>
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

extern const struct input_driver file_driver;

static char folder[64];
static char settings[256];
static int written; // lines, each with its number as the value

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    columns_add(&fake.schema, "sensor", COLUMN_STRING, ROLE_KEY);
    columns_add(&fake.schema, "ts", COLUMN_TIMESTAMP, ROLE_TIME);
    columns_add(&fake.schema, "value", COLUMN_NUMBER, ROLE_FIELD);
    fake.room = UINT32_MAX;
    written = 0;
    (void)snprintf(folder, sizeof folder, "/tmp/weir-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(settings, sizeof settings,
                   "path: %s\nformat: json\nkey: sensor\ntime: ts\nevery: 10 s\n",
                   path_of("readings.jsonl"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void append(const char *name, const char *text)
{
    int fd = open(path_of(name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static void append_lines(const char *name, int count)
{
    FILE *file = fopen(path_of(name), "ae");
    assert_non_null(file);
    for (int i = 0; i < count; i++, written++) {
        (void)fprintf(file, "{\"sensor\":\"s%d\",\"ts\":%d,\"value\":%d}\n", written % 3, written,
                      written);
    }
    (void)fclose(file);
}

// A rotation is told by the time of the last write, as far as the file system's clock tells it.
static void let_time_pass(void)
{
    const struct timespec pause = {0, 20000000};
    (void)nanosleep(&pause, NULL);
}

static void move(const char *from, const char *to)
{
    let_time_pass();
    assert_int_equal(rename(path_of(from), path_of(to)), 0);
}

static void copy_and_cut(const char *from, const char *to)
{
    char command[300];
    let_time_pass();
    (void)snprintf(command, sizeof command, "cp %s %s", path_of(from), path_of(to));
    assert_int_equal(system(command), 0);
    assert_int_equal(truncate(path_of(from), 0), 0);
}

static void start(void)
{
    assert_int_equal(fake_open(&file_driver, settings), OK);
    fake_run(60);
}

static void restart(void)
{
    fake_close();
    start();
}

// Every line that was written came, once, and in order.
static void assert_all_came(void)
{
    assert_int_equal(fake.record_count, written);
    for (int i = 0; i < written; i++) {
        assert_true(fake.records[i].numbers[0] == i);
        assert_true(fake.records[i].time_ms == i);
    }
}

static void lines_that_are_there_and_lines_that_come_are_read(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 5000);
    start();
    assert_all_came();
    assert_string_equal(fake.records[4].key, "s1");
    for (int i = 0; i < 10; i++) {
        append_lines("readings.jsonl", 3);
        fake_run(60);
        assert_all_came();
    }
    fake_close();
}

static void a_line_waits_until_it_is_whole(void **state)
{
    (void)state;
    append("readings.jsonl", "{\"sensor\":\"a\",\"ts\":0,");
    start();
    assert_int_equal(fake.record_count, 0);
    append("readings.jsonl", "\"value\":0}");
    fake_run(60);
    assert_int_equal(fake.record_count, 0);
    append("readings.jsonl", "\n");
    fake_run(60);
    assert_int_equal(fake.record_count, 1);
    assert_int_equal(fake.refuse_count, 0);
    fake_close();
}

static void a_file_that_is_missing_is_trouble_until_it_comes(void **state)
{
    (void)state;
    start();
    assert_true(fake.in_trouble);
    assert_non_null(strstr(fake.sentence, "readings.jsonl: cannot be opened: No such file or "
                                          "directory; it is tried again every 10 s"));
    append_lines("readings.jsonl", 3);
    fake_run(60);
    assert_false(fake.in_trouble);
    assert_all_came();
    fake_close();
}

static void a_restart_goes_on_where_the_position_says(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 100);
    start();
    restart();
    append_lines("readings.jsonl", 100);
    restart();
    assert_all_came();
    fake_close();
}

static void without_room_it_waits_and_then_goes_on(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 300);
    // Given room for 100 records, then nothing more is read
    fake.room = 100;
    start();
    assert_int_equal(fake.record_count, 100);
    assert_true(fake.starved);
    // When the run ends there, the next one goes on with the 101st
    fake.room = 100;
    restart();
    assert_int_equal(fake.record_count, 200);
    // And when there is room again
    fake.room = 1000;
    fake.driver->resume(&fake.input);
    fake_run(60);
    assert_all_came();
    fake_close();
}

static void a_renamed_file_is_read_to_its_end_before_the_next(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 10);
    start();
    // Given lines that came just before the rotation and just after it, to the old name's file
    append_lines("readings.jsonl", 10);
    move("readings.jsonl", "readings.jsonl.1");
    append_lines("readings.jsonl.1", 10);
    fake_run(60);
    assert_all_came();
    let_time_pass();
    append_lines("readings.jsonl", 10);
    fake_run(60);
    assert_all_came();
    fake_close();
}

static void a_last_line_without_its_end_counts_when_the_next_file_begins(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 1);
    append("readings.jsonl", "{\"sensor\":\"a\",\"ts\":1,\"value\":1}");
    written++;
    start();
    assert_int_equal(fake.record_count, 1);
    move("readings.jsonl", "readings.jsonl.1");
    append_lines("readings.jsonl", 1);
    fake_run(60);
    assert_all_came();
    fake_close();
}

static void rotations_while_it_was_away_lose_nothing(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 10);
    start();
    fake_close();
    // Given three rotations, the oldest file has lines that were not read
    append_lines("readings.jsonl", 10);
    for (int i = 0; i < 3; i++) {
        if (i > 1) {
            move("readings.jsonl.2", "readings.jsonl.3");
        }
        if (i > 0) {
            move("readings.jsonl.1", "readings.jsonl.2");
        }
        move("readings.jsonl", "readings.jsonl.1");
        append_lines("readings.jsonl", 10);
    }
    start();
    assert_all_came();
    fake_close();
}

static void a_run_that_ended_in_an_old_file_goes_on_there(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 10);
    fake.room = 7;
    start();
    fake_close();
    move("readings.jsonl", "readings.jsonl-20260101");
    append_lines("readings.jsonl", 10);
    // When the next run ends in the old file too
    fake.room = 2;
    start();
    assert_int_equal(fake.record_count, 9);
    fake.room = 1000;
    restart();
    assert_all_came();
    fake_close();
}

static void a_file_that_is_copied_and_cut_is_read_on_in_the_copy(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 10);
    start();
    // Given lines that were not read before the cut, because there was no room
    fake.room = 0;
    append_lines("readings.jsonl", 10);
    fake_run(60);
    copy_and_cut("readings.jsonl", "readings.jsonl.1");
    append_lines("readings.jsonl", 30);
    fake.room = 1000;
    fake.driver->resume(&fake.input);
    fake_run(60);
    assert_all_came();
    // And the same while it was away
    fake_close();
    append_lines("readings.jsonl", 10);
    move("readings.jsonl.1", "readings.jsonl.2");
    copy_and_cut("readings.jsonl", "readings.jsonl.1");
    append_lines("readings.jsonl", 50);
    start();
    assert_all_came();
    fake_close();
}

static void a_file_written_anew_is_read_from_its_start(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 10);
    start();
    assert_int_equal(truncate(path_of("readings.jsonl"), 0), 0);
    append_lines("readings.jsonl", 20);
    fake_run(60);
    assert_all_came();
    // And one that has the same name and inode after a restart, but other bytes
    fake_close();
    assert_int_equal(truncate(path_of("readings.jsonl"), 0), 0);
    append_lines("readings.jsonl", 40);
    start();
    assert_all_came();
    fake_close();
}

static void a_bad_line_is_refused_by_its_number_and_the_rest_is_read(void **state)
{
    (void)state;
    append_lines("readings.jsonl", 2);
    append("readings.jsonl", "\n{\"ts\":0,\"value\":1}\n");
    append_lines("readings.jsonl", 2);
    start();
    assert_all_came();
    assert_int_equal(fake.refuse_count, 1);
    assert_string_equal(fake.sentence,
                        "readings.jsonl:4: there is no \"sensor\", which is the key");
    fake_close();
}

static void a_line_that_is_too_long_is_passed_over_once(void **state)
{
    (void)state;
    static char line[300000];
    append_lines("readings.jsonl", 2);
    memset(line, 'x', sizeof line - 2);
    line[sizeof line - 2] = '\n';
    append("readings.jsonl", line);
    append_lines("readings.jsonl", 2);
    start();
    assert_all_came();
    assert_int_equal(fake.refuse_count, 1);
    assert_non_null(strstr(fake.sentence, "readings.jsonl:3: the line has more than 65536 bytes"));
    // And the longest that is allowed is read
    memset(line, ' ', 65535);
    memcpy(line, "{\"sensor\":\"a\",\"ts\":4,\"value\":4", 30);
    memcpy(line + 65534, "}\n", 3);
    append("readings.jsonl", line);
    written++;
    fake_run(60);
    assert_all_came();
    fake_close();
}

static void a_restart_in_a_line_that_is_too_long_reads_no_line_before_it_again(void **state)
{
    (void)state;
    static char part[200000];
    append_lines("readings.jsonl", 50);
    memset(part, 'x', sizeof part - 1);
    append("readings.jsonl", part); // its end has not come yet
    start();
    assert_all_came();
    restart();
    append("readings.jsonl", "\n");
    append_lines("readings.jsonl", 50);
    fake_run(60);
    assert_all_came();
    assert_int_equal(fake.refuse_count, 2); // told by each run
    fake_close();
}

static void from_end_begins_with_the_line_that_is_not_whole(void **state)
{
    (void)state;
    append("readings.jsonl", "{\"sensor\":\"old\",\"ts\":0,\"value\":0}\n{\"sensor\":\"a\",");
    (void)snprintf(settings + strlen(settings), sizeof settings - strlen(settings), "from: end\n");
    start();
    append("readings.jsonl", "\"ts\":0,\"value\":0}\n");
    written++;
    append_lines("readings.jsonl", 5);
    fake_run(60);
    assert_all_came();
    fake_close();
}

static void
a_table_keeps_its_header_over_a_restart_and_takes_a_new_one_with_a_new_file(void **state)
{
    (void)state;
    (void)snprintf(settings, sizeof settings, "path: %s\nformat: csv\nseparator: ;\nevery: 10 s\n",
                   path_of("table.csv"));
    append("table.csv", "sensor;ts;value\na;0;0\n");
    start();
    assert_int_equal(fake.record_count, 1);
    append("table.csv", "a;1;1\n");
    restart();
    written = 2;
    assert_all_came();
    move("table.csv", "table.csv.1");
    append("table.csv", "value;other;sensor;ts\n2;x;b;2\n");
    fake_run(60);
    written = 3;
    assert_all_came();
    assert_string_equal(fake.records[2].key, "b");
    fake_close();
}

static void settings_that_cannot_work_are_problems(void **state)
{
    (void)state;
    struct problems problems = {0};
    struct option_set options;
    assert_true(option_read_text(&options, file_driver.options, "weir.yaml",
                                 "path: a.csv\nformat: csv\ncolumns: [a, b]\nkey: sensor\n"
                                 "separator: ab\nfields: {a: nothing}\n",
                                 &problems));
    file_driver.check(&options, &fake.schema, "weir.yaml", &problems);
    assert_int_equal(problems.count, 3);
    assert_string_equal(problems.lines[0], "weir.yaml:5: separator: \"ab\" is not one byte; write "
                                           "e.g. ; or tab");
    assert_string_equal(problems.lines[1], "weir.yaml:4: key: \"sensor\" is not among the columns");
    assert_non_null(strstr(problems.lines[2], "the contract has no property \"nothing\""));
    option_set_free(&options);
    problems_free(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_that_are_there_and_lines_that_come_are_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_line_waits_until_it_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_missing_is_trouble_until_it_comes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_restart_goes_on_where_the_position_says, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_room_it_waits_and_then_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_renamed_file_is_read_to_its_end_before_the_next, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_last_line_without_its_end_counts_when_the_next_file_begins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rotations_while_it_was_away_lose_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_run_that_ended_in_an_old_file_goes_on_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_copied_and_cut_is_read_on_in_the_copy,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_written_anew_is_read_from_its_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_bad_line_is_refused_by_its_number_and_the_rest_is_read,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_passed_over_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_restart_in_a_line_that_is_too_long_reads_no_line_before_it_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(from_end_begins_with_the_line_that_is_not_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_table_keeps_its_header_over_a_restart_and_takes_a_new_one_with_a_new_file, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(settings_that_cannot_work_are_problems, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
