#include "tests/unit/report_example.h"
#include "tests/unit/service_bench.h"

#include "agent/log.h"
#include "ports/control/socket.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct service service_control;

static char dir[64];
static char path[96];

static int make_dir(void **state)
{
    (void)state;
    log_start(LOG_LEVEL_ERROR);
    (void)snprintf(dir, sizeof dir, "/tmp/weir-control-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/control.sock", dir);
    example_settings.control_socket = path;
    bench.report = example_report();
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

// Somebody who asks, in a thread of their own.
struct asker {
    pthread_t thread;
    const char *request;
    enum err err;
    char *answer;
    atomic_bool done;
};

static void *ask(void *argument)
{
    struct asker *asker = argument;
    asker->err = control_ask(path, asker->request, 5000, &asker->answer);
    atomic_store(&asker->done, true);
    return NULL;
}

static void when_asked(struct asker *asker, const char *request)
{
    *asker = (struct asker){.request = request};
    assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
    while (!atomic_load(&asker->done)) {
        bench_turn(20);
    }
    assert_int_equal(pthread_join(asker->thread, NULL), 0);
}

static void whoever_asks_for_status_gets_one_whole_document(void **state)
{
    (void)state;
    // Given an agent with the most products and inputs it may have: more than a socket holds.
    bench.report.product_count = SETTINGS_PRODUCTS_MAX;
    bench.report.input_count = SETTINGS_INPUTS_MAX;
    for (size_t i = 0; i < SETTINGS_PRODUCTS_MAX; i++) {
        bench.report.products[i] = bench.report.products[0];
    }
    for (size_t i = 0; i < SETTINGS_INPUTS_MAX; i++) {
        bench.report.inputs[i] = bench.report.inputs[0];
    }
    assert_int_equal(bench_open(&service_control, &example_settings), OK);

    // When someone asks,
    struct asker asker;
    when_asked(&asker, "status");

    // then the answer is one JSON document with all of them.
    assert_int_equal(asker.err, OK);
    cJSON *root = cJSON_Parse(asker.answer);
    assert_string_equal(cJSON_GetObjectItem(root, "schema")->valuestring, "weir.status/1");
    assert_string_equal(cJSON_GetObjectItem(root, "status")->valuestring, "warn");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "streams")), 16);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "ports")), 64);
    cJSON_Delete(root);
    free(asker.answer);
    service_control.close(&bench.port, 0);
}

static void an_unknown_or_endless_request_gets_a_sentence(void **state)
{
    (void)state;
    assert_int_equal(bench_open(&service_control, &example_settings), OK);
    struct asker asker;
    when_asked(&asker, "make coffee");
    assert_int_equal(asker.err, OK);
    assert_non_null(strstr(asker.answer, "\"error\""));
    free(asker.answer);

    // 65 bytes without an end of line are already no request.
    when_asked(&asker, "0123456789012345678901234567890123456789012345678901234567890123");
    assert_int_equal(asker.err, OK);
    assert_non_null(strstr(asker.answer, "\"error\""));
    free(asker.answer);
    service_control.close(&bench.port, 0);
}

static int connect_silently(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void eight_silent_clients_do_not_keep_a_ninth_out_once_one_leaves(void **state)
{
    (void)state;
    // Given as many callers as there are places, and none says a word.
    assert_int_equal(bench_open(&service_control, &example_settings), OK);
    int silent[8];
    for (size_t i = 0; i < 8; i++) {
        silent[i] = connect_silently();
        bench_turn(20);
    }

    // When a ninth asks and one of them hangs up,
    struct asker asker = {.request = "status"};
    assert_int_equal(pthread_create(&asker.thread, NULL, ask, &asker), 0);
    for (int i = 0; i < 5; i++) {
        bench_turn(20);
    }
    assert_false(atomic_load(&asker.done));
    (void)close(silent[3]);
    while (!atomic_load(&asker.done)) {
        bench_turn(20);
    }

    // then the ninth is answered.
    assert_int_equal(pthread_join(asker.thread, NULL), 0);
    assert_int_equal(asker.err, OK);
    free(asker.answer);
    for (size_t i = 0; i < 8; i++) {
        if (i != 3) {
            (void)close(silent[i]);
        }
    }
    service_control.close(&bench.port, 0);
}

static void the_socket_is_for_owner_and_group_and_goes_with_the_agent(void **state)
{
    (void)state;
    assert_int_equal(bench_open(&service_control, &example_settings), OK);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0660);
    service_control.close(&bench.port, 0);
    assert_int_not_equal(stat(path, &status), 0);
}

static void a_socket_that_a_dead_agent_left_is_replaced(void **state)
{
    (void)state;
    // Given a socket file whose owner is gone,
    int fd;
    assert_int_equal(control_listen(path, &fd), OK);
    (void)close(fd);

    // when an agent starts, then it takes the place.
    assert_int_equal(bench_open(&service_control, &example_settings), OK);
    struct asker asker;
    when_asked(&asker, "status");
    assert_int_equal(asker.err, OK);
    free(asker.answer);
    service_control.close(&bench.port, 0);
}

static void a_living_agent_keeps_its_socket(void **state)
{
    (void)state;
    // Given an agent that answers,
    assert_int_equal(bench_open(&service_control, &example_settings), OK);

    // when a second one wants its place, then it is refused and the first still answers.
    int fd;
    assert_int_equal(control_listen(path, &fd), ERR_BUSY);
    struct asker asker;
    when_asked(&asker, "status");
    assert_int_equal(asker.err, OK);
    free(asker.answer);
    service_control.close(&bench.port, 0);
}

static void what_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    int fd;
    assert_int_equal(control_listen(path, &fd), ERR_INVALID);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_path_that_no_socket_can_have_is_refused(void **state)
{
    (void)state;
    char longest[108 + 1];
    (void)memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    int fd;
    char *answer;
    assert_int_equal(control_listen(longest, &fd), ERR_LIMIT);
    assert_int_equal(control_listen("", &fd), ERR_LIMIT);
    assert_int_equal(control_ask(longest, "status", 10, &answer), ERR_LIMIT);
}

static void asking_where_nobody_is_says_so(void **state)
{
    (void)state;
    char *answer;
    assert_int_equal(control_ask(path, "status", 100, &answer), ERR_NOT_FOUND);
    assert_null(answer);
}

static void an_agent_that_does_not_answer_is_waited_for_only_so_long(void **state)
{
    (void)state;
    // Given a socket that takes calls and never answers,
    int fd;
    assert_int_equal(control_listen(path, &fd), OK);

    // when it is asked, then the asker gives up after its time.
    char *answer;
    int64_t before_ms = clock_boot_ms();
    assert_int_equal(control_ask(path, "status", 100, &answer), ERR_AGAIN);
    assert_in_range(clock_boot_ms() - before_ms, 95, 2000);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whoever_asks_for_status_gets_one_whole_document, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(an_unknown_or_endless_request_gets_a_sentence, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(
            eight_silent_clients_do_not_keep_a_ninth_out_once_one_leaves, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(the_socket_is_for_owner_and_group_and_goes_with_the_agent,
                                        make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_socket_that_a_dead_agent_left_is_replaced, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(a_living_agent_keeps_its_socket, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_no_socket_is_left_alone, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_path_that_no_socket_can_have_is_refused, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(asking_where_nobody_is_says_so, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(an_agent_that_does_not_answer_is_waited_for_only_so_long,
                                        make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
