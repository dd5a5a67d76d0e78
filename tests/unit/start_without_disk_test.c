// A start on a disk that does not work runs from memory; a person's mistake stops it with a
// sentence. The calls of the system are made to fail as a dead card makes them fail.
#include "agent/agent_core.h"

#include "agent/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

// ---- calls that fail when told to ----

enum call { NO_CALL, MKDIR, FLOCK, FSYNC, PWRITE };

static struct {
    enum call call;
    int number; // the errno
} failing;

static bool fails(enum call call)
{
    errno = failing.number;
    return failing.call == call;
}

int mkdir(const char *path, mode_t mode)
{
    return fails(MKDIR) ? -1 : mkdirat(AT_FDCWD, path, mode);
}

int flock(int fd, int operation)
{
    return fails(FLOCK) ? -1 : (int)syscall(SYS_flock, fd, operation);
}

int fsync(int fd)
{
    return fails(FSYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

ssize_t pwrite(int fd, const void *at, size_t size, off_t offset)
{
    return fails(PWRITE) ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, at, size, offset);
}

// ---- an output that keeps count ----

static struct {
    uint64_t last_seq;
    char identity[128];
} wire;

static enum err wire_send(struct output *output, const struct message *message)
{
    (void)output;
    wire.last_seq = message->seq;
    (void)snprintf(wire.identity, sizeof wire.identity, "%.*s", (int)message->identity.size,
                   (const char *)message->identity.at);
    return OK;
}

static void wire_stat(struct output *output, struct output_stat *stat)
{
    (void)output;
    *stat = (struct output_stat){.link = LINK_UP};
}

static const struct output_driver wire_driver = {
    .name = "wire", .send = wire_send, .stat = wire_stat};

// ---- the products of an agent, started as weir run starts them ----

static char folder[64];
static char log_path[96];
static struct contract_port port;
static struct settings settings;
static struct agent agent;
static struct report report;

static int set_up(void **context)
{
    (void)context;
    (void)snprintf(folder, sizeof folder, "/tmp/weir-start-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(log_path, sizeof log_path, "%s/log", folder);
    port = (struct contract_port){.topic = (char *)(uintptr_t) "site.bench.readings.v1"};
    port.schema.column_count = 1;
    port.schema.columns[0] =
        (struct column){.name = "value", .type = COLUMN_NUMBER, .role = ROLE_FIELD};
    schema_seal(&port.schema);
    settings = (struct settings){.gateway = (char *)(uintptr_t) "gw-1",
                                 .state_dir = folder,
                                 .product_count = 1,
                                 .products = {{.name = (char *)(uintptr_t) "bench",
                                               .port = &port,
                                               .spool_size_bytes = 64 << 20,
                                               .commit_ms = 1000,
                                               .weight = 1}}};
    agent = (struct agent){.settings = &settings, .driver = &wire_driver};
    failing.call = NO_CALL;
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    agent_close_products(&agent);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

// The exit code of the start; `said` is what it logged.
static int start(char said[1024])
{
    memset(said, 0, 1024);
    int before = dup(STDERR_FILENO);
    int log = open(log_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(before >= 0 && log >= 0 && dup2(log, STDERR_FILENO) >= 0);
    int code = agent_open_products(&agent);
    failing.call = NO_CALL;
    (void)dup2(before, STDERR_FILENO);
    assert_true(pread(log, said, 1023, 0) >= 0);
    (void)close(log);
    (void)close(before);
    return code;
}

static bool has_reason(const char *reason)
{
    agent_report(&agent, &report);
    for (uint32_t i = 0; i < report.reason_count; i++) {
        if (strcmp(report.reasons[i], reason) == 0) {
            return true;
        }
    }
    return false;
}

static void commit_and_send(struct product *product)
{
    for (int i = 0; i < 10; i++) {
        product_commit_now(product);
        (void)product_turn(product, 100);
    }
}

// ---- tests ----

static void a_dead_disk_leaves_the_product_in_memory_and_says_so(void **context)
{
    static const struct {
        enum call call;
        int number;
    } faults[] = {{MKDIR, EROFS}, {MKDIR, EIO},   {MKDIR, ENXIO},
                  {FLOCK, EIO},   {FLOCK, EROFS}, {FSYNC, EIO}};
    (void)context;
    uint64_t epoch = 0;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        agent = (struct agent){.settings = &settings, .driver = &wire_driver};
        failing.call = faults[i].call;
        failing.number = faults[i].number;

        char said[1024];
        assert_int_equal(start(said), EX_OK);

        assert_non_null(strstr(said, "store.memory product=bench"));
        assert_non_null(strstr(said, "records lie in memory only, up to 16 MiB"));
        assert_true(has_reason("store.memory:bench"));
        assert_int_equal(report.status, REPORT_STATUS_FAIL);
        assert_true(report.products[0].in_memory);
        assert_true(report.products[0].spool.size_bytes <= 17 << 20);
        assert_true(report.products[0].epoch != epoch); // a new one each time
        epoch = report.products[0].epoch;

        // And it works: a record is taken, committed and sent.
        struct value value = {.kind = VALUE_NUMBER, .number = 1.5};
        struct record record = {.time_ms = 1700000000000, .values = &value};
        struct product *product = &agent.products[0];
        assert_int_equal(product_take(product, &record), OK);
        commit_and_send(product);
        char identity[64];
        (void)snprintf(identity, sizeof identity, "gw-1/%016llx/1", (unsigned long long)epoch);
        assert_string_equal(wire.identity, identity);

        agent_close_products(&agent);
    }
    agent = (struct agent){.settings = &settings, .driver = &wire_driver};
}

static void a_mistake_of_a_person_keeps_its_sentence_and_stops_the_start(void **context)
{
    static const struct {
        enum call call;
        int number;
        const char *sentence;
    } mistakes[] = {{MKDIR, EACCES, "cannot be made: Permission denied"},
                    {MKDIR, ENOTDIR, "cannot be made: Not a directory"},
                    {MKDIR, ENOSPC, "cannot be made: No space left on device"},
                    {FLOCK, EACCES, "cannot be written; check its owner"},
                    {FSYNC, ENOSPC, "has no room for a spool of 64 MiB"}};
    (void)context;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        agent = (struct agent){.settings = &settings, .driver = &wire_driver};
        failing.call = mistakes[i].call;
        failing.number = mistakes[i].number;

        char said[1024];
        assert_int_equal(start(said), EX_CANTCREAT);

        assert_non_null(strstr(said, mistakes[i].sentence));
        assert_null(strstr(said, "store.memory"));
        agent_close_products(&agent);
    }
    agent = (struct agent){.settings = &settings, .driver = &wire_driver};
}

static void records_of_the_disk_wait_for_it_to_come_back(void **context)
{
    (void)context;
    char said[1024];
    assert_int_equal(start(said), EX_OK);
    struct value value = {.kind = VALUE_NUMBER, .number = 1.5};
    struct record record = {.time_ms = 1700000000000, .values = &value};
    assert_int_equal(product_take(&agent.products[0], &record), OK);
    commit_and_send(&agent.products[0]);
    agent_report(&agent, &report);
    uint64_t epoch = report.products[0].epoch;
    agent_close_products(&agent);

    // A run in memory meanwhile has an epoch of its own and leaves the disk alone.
    agent = (struct agent){.settings = &settings, .driver = &wire_driver};
    failing.call = FLOCK;
    failing.number = EROFS;
    assert_int_equal(start(said), EX_OK);
    agent_report(&agent, &report);
    assert_true(report.products[0].epoch != epoch);
    assert_int_equal(report.products[0].seq, 0);
    agent_close_products(&agent);

    agent = (struct agent){.settings = &settings, .driver = &wire_driver};
    wire.last_seq = 0;
    assert_int_equal(start(said), EX_OK);
    agent_report(&agent, &report);
    assert_int_equal(report.products[0].epoch, epoch);
    assert_false(has_reason("store.memory:bench"));
    commit_and_send(&agent.products[0]);
    assert_int_equal(wire.last_seq, 1);
}

static void a_disk_that_fails_in_the_midst_is_told_and_so_is_one_that_came_back(void **context)
{
    (void)context;
    char said[1024];
    assert_int_equal(start(said), EX_OK);
    struct product *product = &agent.products[0];
    struct value value = {.kind = VALUE_NUMBER, .number = 1.5};
    struct record record = {.time_ms = 1700000000000, .values = &value};
    assert_int_equal(product_take(product, &record), OK);
    assert_false(has_reason("store.failed:bench"));

    failing.call = PWRITE;
    failing.number = EIO;
    product_commit_now(product);
    (void)product_turn(product, 100);
    assert_true(has_reason("store.failed:bench"));
    assert_int_equal(report.status, REPORT_STATUS_FAIL);
    assert_int_equal(report.products[0].durable, 0);

    failing.call = NO_CALL;
    wire.last_seq = 0;
    commit_and_send(product);
    assert_int_equal(wire.last_seq, 1);
    assert_false(has_reason("store.failed:bench"));
    assert_true(has_reason("store.degraded:bench"));
    assert_int_equal(report.status, REPORT_STATUS_WARN);
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_sealed_spool_opens_with_its_key_only(void **context)
{
    (void)context;
    char path[96];
    char said[1024];
    (void)snprintf(path, sizeof path, "%s/key", folder);
    settings.products[0].key_source = KEY_FILE;
    settings.products[0].key_name = path;
    put_file(path, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    assert_int_equal(start(said), EX_OK);
    struct value value = {.kind = VALUE_NUMBER, .number = 1.5};
    struct record record = {.time_ms = 1700000000000, .values = &value};
    assert_int_equal(product_take(&agent.products[0], &record), OK);
    commit_and_send(&agent.products[0]);
    agent_close_products(&agent);

    // Another key, none, and half of one: a sentence each, and nothing is touched.
    agent = (struct agent){.settings = &settings, .driver = &wire_driver};
    put_file(path, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n");
    assert_int_equal(start(said), EX_CONFIG);
    assert_non_null(strstr(said, "is sealed under a key, and it is not the one that is set"));
    agent_close_products(&agent);

    agent = (struct agent){.settings = &settings, .driver = &wire_driver};
    settings.products[0].key_source = KEY_NONE;
    assert_int_equal(start(said), EX_CONFIG);
    assert_non_null(strstr(said, "is sealed under a key, and none is set"));
    agent_close_products(&agent);

    agent = (struct agent){.settings = &settings, .driver = &wire_driver};
    settings.products[0].key_source = KEY_FILE;
    put_file(path, "000102030405060708\n");
    assert_int_equal(start(said), EX_CONFIG);
    assert_non_null(strstr(said, "holds 19 bytes that are no key"));
    agent_close_products(&agent);

    // The same key, written in hex, reads the record again.
    agent = (struct agent){.settings = &settings, .driver = &wire_driver};
    put_file(path, "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F");
    wire.last_seq = 0;
    assert_int_equal(start(said), EX_OK);
    commit_and_send(&agent.products[0]);
    assert_int_equal(wire.last_seq, 1);
}

static void many_products_share_the_memory_there_is(void **context)
{
    static char names[SETTINGS_PRODUCTS_MAX][8];
    (void)context;
    settings.product_count = SETTINGS_PRODUCTS_MAX;
    for (uint32_t i = 0; i < SETTINGS_PRODUCTS_MAX; i++) {
        settings.products[i] = settings.products[0];
        (void)snprintf(names[i], sizeof names[i], "p%u", i);
        settings.products[i].name = names[i];
    }
    failing.call = MKDIR;
    failing.number = EIO;
    char said[1024];
    assert_int_equal(start(said), EX_OK);
    agent_report(&agent, &report);
    uint64_t total = 0;
    for (uint32_t i = 0; i < SETTINGS_PRODUCTS_MAX; i++) {
        total += report.products[i].spool.size_bytes;
    }
    assert_true(total <= 48 << 20);
}

int main(void)
{
    log_start(LOG_LEVEL_INFO);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dead_disk_leaves_the_product_in_memory_and_says_so,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_mistake_of_a_person_keeps_its_sentence_and_stops_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_of_the_disk_wait_for_it_to_come_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_disk_that_fails_in_the_midst_is_told_and_so_is_one_that_came_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sealed_spool_opens_with_its_key_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_products_share_the_memory_there_is, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
