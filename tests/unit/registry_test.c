// The client against whatever may answer there: each row is one answer of a server in this process,
// byte by byte. A real registry is asked by tests/kafka/registry_test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/discovery/registry.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENDLESS = 4 << 20, ASKED_SIZE = 4096 };

static struct {
    int listener;
    char url[64];
    pthread_t thread;
    const char *answer; // NULL: bytes of a JSON string without an end
    char asked[ASKED_SIZE];
} server;

static void send_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        text += sent;
        size -= (size_t)sent;
    }
}

static void *serve(void *context)
{
    (void)context;
    int fd = accept(server.listener, NULL, NULL);
    ssize_t got = fd >= 0 ? recv(fd, server.asked, ASKED_SIZE - 1, 0) : -1;
    server.asked[got > 0 ? got : 0] = '\0';
    if (server.answer != NULL) {
        send_all(fd, server.answer, strlen(server.answer));
    } else {
        static char much[ENDLESS];
        memset(much, 'x', sizeof much);
        send_all(fd, "HTTP/1.1 200 OK\r\n\r\n\"", 20);
        send_all(fd, much, sizeof much);
    }
    (void)close(fd);
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server.listener, 4), 0);
    assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u/api/",
                   ntohs(address.sin_port));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return close(server.listener);
}

// Ask for a schema; the server answers `answer`.
static enum err find(const struct registry_place *place, const char *answer,
                     struct registry_schema *found, char why[REGISTRY_SENTENCE_SIZE])
{
    struct registry *registry;
    server.answer = answer;
    why[0] = '\0';
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
    assert_int_equal(registry_open(place, &registry, why), OK);
    enum err err = registry_find(registry, "a.b/c-value", bytes_text("\"long\""), found, why);
    registry_close(registry);
    assert_int_equal(pthread_join(server.thread, NULL), 0);
    return err;
}

static void each_answer_has_its_meaning_and_its_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum err err;
        const char *sentence;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\n{\"id\":7,\"version\":2}", OK, ""},
        {"HTTP/1.1 404 No\r\n\r\n{\"error_code\":40403,\"message\":\"Schema\\nnot found\"}",
         ERR_NOT_FOUND, "the registry answers 404: Schema not found"},
        {"HTTP/1.1 404 No\r\n\r\n<html>", ERR_CORRUPT, "the registry answers 404"},
        {"HTTP/1.1 404 No\r\n\r\n{\"error_code\":404,\"message\":\"no such path\"}", ERR_CORRUPT,
         "the registry answers 404: no such path"},
        {"HTTP/1.1 401 No\r\n\r\n", ERR_DENIED, "the registry answers 401"},
        {"HTTP/1.1 409 No\r\n\r\n{\"error_code\":409,\"message\":\"incompatible\"}", ERR_INVALID,
         "the registry answers 409: incompatible"},
        {"HTTP/1.1 503 No\r\n\r\n", ERR_AGAIN, "the registry answers 503"},
        {"HTTP/1.1 429 No\r\n\r\n", ERR_AGAIN, "the registry answers 429"},
        {"HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:1/\r\n\r\n", ERR_CORRUPT,
         "the registry answers 302"},
        {"HTTP/1.1 200 OK\r\n\r\n<html>log in here</html>", ERR_CORRUPT,
         "what answers there is no schema registry; is registry.url right, its path too?"},
        {"HTTP/1.1 200 OK\r\n\r\n{\"id\":-1}", ERR_CORRUPT,
         "what answers there is no schema registry; is registry.url right, its path too?"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"id\":7}", ERR_AGAIN, NULL},
        {"", ERR_AGAIN, NULL},
        {"SSH-2.0-OpenSSH_9.2\r\n", ERR_AGAIN, NULL},
        {NULL, ERR_CORRUPT, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct registry_place place = {.url = server.url};
        struct registry_schema found;
        char why[REGISTRY_SENTENCE_SIZE];
        enum err err = find(&place, rows[i].answer, &found, why);
        if (err != rows[i].err) {
            fail_msg("row %zu: %s, %s", i, err_name(err), why);
        }
        if (rows[i].sentence != NULL) {
            assert_string_equal(why, rows[i].sentence);
        } else {
            assert_true(strlen(why) > 10);
        }
        assert_true(err != OK || (found.ids.id == 7 && found.version == 2 && !found.ids.has_guid));
    }
}

static void a_question_is_what_the_api_asks_for(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-registry-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "se:cret\nmore", 12), 12);
    (void)close(fd);
    const struct registry_place place = {
        .url = server.url, .username = "gw", .password_file = path};
    struct registry_schema found;
    char why[REGISTRY_SENTENCE_SIZE];

    enum err err = find(&place,
                        "HTTP/1.1 200 OK\r\n\r\n{\"id\":1,\"guid\":"
                        "\"00112233-4455-6677-8899-aabbccddeeff\"}",
                        &found, why);

    assert_int_equal(err, OK);
    assert_true(found.ids.has_guid && found.ids.guid[0] == 0 && found.ids.guid[15] == 0xff);
    assert_non_null(strstr(server.asked, "POST /api/subjects/a.b%2Fc-value HTTP/1.1\r\n"));
    assert_non_null(strstr(server.asked, "Authorization: Basic Z3c6c2U6Y3JldA==\r\n"));
    assert_non_null(strstr(server.asked, "application/vnd.schemaregistry.v1+json\r\n"));
    assert_non_null(strstr(server.asked, "\r\n\r\n{\"schema\":\"\\\"long\\\"\"}"));
    (void)unlink(path);
}

static void nobody_there_a_password_that_is_not_there_and_an_end_on_demand(void **state)
{
    (void)state;
    struct registry *registry;
    struct registry_schema found;
    char why[REGISTRY_SENTENCE_SIZE];
    atomic_bool cancel = true;
    struct registry_place place = {.url = "http://127.0.0.1:1"};
    assert_int_equal(registry_open(&place, &registry, why), OK);
    assert_int_equal(registry_find(registry, "s", bytes_text("{}"), &found, why), ERR_AGAIN);
    assert_non_null(strstr(why, "http://127.0.0.1:1: "));
    registry_close(registry);

    place = (struct registry_place){.url = server.url, .cancel = &cancel}; // takes it, is silent
    assert_int_equal(registry_open(&place, &registry, why), OK);
    assert_int_equal(registry_find(registry, "s", bytes_text("{}"), &found, why), ERR_AGAIN);
    registry_close(registry);

    place = (struct registry_place){.url = "file:///etc/passwd"};
    assert_int_equal(registry_open(&place, &registry, why), OK);
    assert_int_equal(registry_find(registry, "s", bytes_text("{}"), &found, why), ERR_AGAIN);
    registry_close(registry);

    place = (struct registry_place){.url = "http://h", .username = "u", .password_file = "/none"};
    assert_int_equal(registry_open(&place, &registry, why), ERR_INVALID);
    assert_string_equal(why,
                        "registry.password file: /none cannot be read: No such file or directory");
}

static void a_verdict_has_the_words_of_its_registry(void **state)
{
    (void)state;
    bool fits;
    char words[REGISTRY_WORDS_SIZE];
    assert_int_equal(registry_answer_verdict(bytes_text("{\"is_compatible\":true}"), &fits, words),
                     OK);
    assert_true(fits);
    assert_int_equal(
        registry_answer_verdict(
            bytes_text("{\"is_compatible\":false,\"messages\":[\"one\",\"two\"]}"), &fits, words),
        OK);
    assert_false(fits);
    assert_string_equal(words, "one; two");
    assert_int_equal(registry_answer_verdict(
                         bytes_text("{\"is_compatible\":false,\"reason\":\"why\"}"), &fits, words),
                     OK);
    assert_string_equal(words, "why");
    assert_int_equal(registry_answer_verdict(bytes_text("{}"), &fits, words), ERR_CORRUPT);
    assert_int_equal(registry_answer_rule(bytes_text("{\"compatibilityLevel\":\"FULL\"}"), words),
                     OK);
    assert_string_equal(words, "FULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_answer_has_its_meaning_and_its_sentence, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_question_is_what_the_api_asks_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            nobody_there_a_password_that_is_not_there_and_an_end_on_demand, set_up, tear_down),
        cmocka_unit_test(a_verdict_has_the_words_of_its_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
