// The words by which every command is told its cluster.
#include "agent/command_kafka.h"

#include "agent/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
// after the above, as cmocka wants it
#include <cmocka.h>

static char path[] = "/tmp/weir-command-kafka-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    (void)setenv("WEIR_CONFIG", "/nowhere/weir.yaml", 1);
    return fd >= 0 && close(fd) == 0 ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

// Read `line`, cut at its blanks, as the arguments of a command.
static int read_line(struct command_kafka *kafka, char *line)
{
    char *argv[16] = {"test"};
    int argc = 1;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    *kafka = (struct command_kafka){.command = "test"};
    const struct argument rows[] = {COMMAND_KAFKA_ROWS(*kafka), {.names = NULL}};
    int code = arguments_read("test", argc, argv, rows, "usage");
    return code == ARGUMENTS_GO_ON ? command_kafka_open(kafka) : code;
}

static void an_address_alone_is_a_cluster(void **state)
{
    (void)state;
    struct command_kafka kafka;
    char line[] = "--kafka a:1,b:2 --wait 7 -X socket.timeout.ms=1000";

    assert_int_equal(read_line(&kafka, line), ARGUMENTS_GO_ON);
    command_kafka_set(&kafka, "isolation.level", "read_uncommitted");

    assert_string_equal(kafka.client.bootstrap, "a:1,b:2");
    assert_string_equal(kafka.client.client_id, "weir-test");
    assert_int_equal(kafka.wait_ms, 7000);
    assert_int_equal(kafka.client.pass_count, 2);
    assert_string_equal(kafka.client.pass[0].name, "socket.timeout.ms");
    assert_string_equal(kafka.client.pass[0].value, "1000");
    assert_string_equal(kafka.client.pass[1].name, "isolation.level");
    command_kafka_close(&kafka);
}

static void a_file_gives_its_section_and_an_address_replaces_the_files(void **state)
{
    (void)state;
    struct command_kafka kafka;
    char line[200];
    write_file("# no gateway, no products: a workstation's file\n"
               "kafka:\n  bootstrap: broker:9093\n  username: me\n  password file: /dev/null\n"
               "  client: {socket.timeout.ms: 2000}\n");

    (void)snprintf(line, sizeof line, "--config %s -X socket.timeout.ms=3000", path);
    assert_int_equal(read_line(&kafka, line), ARGUMENTS_GO_ON);
    assert_string_equal(kafka.client.bootstrap, "broker:9093");
    assert_string_equal(kafka.client.username, "me");
    assert_string_equal(kafka.client.pass[0].value, "2000");
    assert_string_equal(kafka.client.pass[1].value, "3000"); // the last one counts
    command_kafka_close(&kafka);

    (void)snprintf(line, sizeof line, "--config %s --kafka other:1", path);
    assert_int_equal(read_line(&kafka, line), ARGUMENTS_GO_ON);
    assert_string_equal(kafka.client.bootstrap, "other:1");
    assert_string_equal(kafka.client.username, "me");
    command_kafka_close(&kafka);
}

static void what_cannot_be_meant_is_refused_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *words; // %s: the file
        int code;
    } rows[] = {
        {"", "", EX_USAGE}, // no cluster at all
        {"", "--kafka a:1 -X novalue", EX_USAGE},
        {"", "--kafka a:1 -X =b", EX_USAGE},
        {"", "--kafka a:1 --wait 0", EX_USAGE},
        {"", "--kafka a:1 --wait 3601", EX_USAGE},
        {"", "--kafka a:1 --wait 5s", EX_USAGE},
        {"", "--config /nowhere/weir.yaml", EX_NOINPUT},
        {"gateway: gw\n", "--config %s", EX_CONFIG},
        {"- a\n", "--config %s", EX_CONFIG},
        {"kafka: {link: cellular}\n", "--config %s", EX_CONFIG},
        {"kafka: {bootstrap: nohost}\n", "--config %s", EX_CONFIG},
        {"kafka: {bootstrap: \"a:1\", tls: {ca: /nowhere/ca.pem}}\n", "--config %s", EX_CONFIG},
        {"kafka: {bootstrap: \"a:1\", client: {acks: 1}}\n", "--config %s", EX_CONFIG},
        // No state and no bytes of the link would be known; a retry might reorder records.
        {"kafka: {bootstrap: \"a:1\", client: {statistics.interval.ms: 0}}\n", "--config %s",
         EX_CONFIG},
        {"kafka: {bootstrap: \"a:1\", client: {statistics.interval.ms: 250}}\n", "--config %s",
         ARGUMENTS_GO_ON},
        {"kafka: {bootstrap: \"a:1\", client: {max.in.flight: 6}}\n", "--config %s", EX_CONFIG},
        // Only a warning: at least once it is fine.
        {"kafka: {bootstrap: \"a:1\", client: {linger.ms: 60000}}\n", "--config %s",
         ARGUMENTS_GO_ON},
        {"kafka: {bootstrap: \"a:1\"\n", "--config %s", EX_CONFIG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct command_kafka kafka;
        char line[200];
        write_file(rows[i].file);
        const char *at = strstr(rows[i].words, "%s");
        int front = at != NULL ? (int)(at - rows[i].words) : (int)strlen(rows[i].words);
        (void)snprintf(line, sizeof line, "%.*s%s", front, rows[i].words, at != NULL ? path : "");

        int code = read_line(&kafka, line);

        if (code != rows[i].code) {
            fail_msg("row %zu, %s: %d, not %d", i, rows[i].words, code, rows[i].code);
        }
        if (code == ARGUMENTS_GO_ON) {
            command_kafka_close(&kafka);
        }
    }
}

static void without_a_word_the_usual_file_is_taken(void **state)
{
    (void)state;
    struct command_kafka kafka;
    char line[] = "";
    write_file("kafka: {bootstrap: \"usual:1\"}\n");
    (void)setenv("WEIR_CONFIG", path, 1);

    assert_int_equal(read_line(&kafka, line), ARGUMENTS_GO_ON);

    assert_string_equal(kafka.client.bootstrap, "usual:1");
    command_kafka_close(&kafka);
    (void)setenv("WEIR_CONFIG", "/nowhere/weir.yaml", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_alone_is_a_cluster),
        cmocka_unit_test(a_file_gives_its_section_and_an_address_replaces_the_files),
        cmocka_unit_test(what_cannot_be_meant_is_refused_and_nothing_else),
        cmocka_unit_test(without_a_word_the_usual_file_is_taken),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
