// The line driver on real sockets: lines become records, senders are held back, mistakes are told.
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/support/columns.h"
#include "tests/unit/support/fake_core.h"

extern const struct input_driver line_driver;

static char folder[64];
static uint16_t port; // free a moment ago, for both TCP and UDP

static int open_port(int type, struct sockaddr_in *address)
{
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return socket(AF_INET, type | SOCK_CLOEXEC, 0);
}

static int set_up(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    columns_add(&fake.schema, "value", COLUMN_NUMBER, ROLE_FIELD);
    columns_add(&fake.schema, "unit", COLUMN_STRING, ROLE_FIELD);
    fake.room = UINT32_MAX;
    (void)snprintf(folder, sizeof folder, "/tmp/weir-line-XXXXXX");
    assert_non_null(mkdtemp(folder));
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    port = 0;
    int fd = open_port(SOCK_STREAM, &address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    port = ntohs(address.sin_port);
    (void)close(fd);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

// `kind`: udp, tcp, unix or unixgram.
static void start(const char *kind, const char *more)
{
    char settings[256];
    if (strncmp(kind, "unix", 4) == 0) {
        (void)snprintf(settings, sizeof settings, "listen: %s://%s/s\n%s", kind, folder, more);
    } else {
        (void)snprintf(settings, sizeof settings, "listen: %s://127.0.0.1:%u\n%s", kind, port,
                       more);
    }
    assert_int_equal(fake_open(&line_driver, settings), OK);
}

static int connect_net(int type)
{
    struct sockaddr_in address;
    int fd = open_port(type, &address);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int connect_local(int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void a_datagram_may_have_several_lines(void **state)
{
    (void)state;
    start("udp", "");
    int fd = connect_net(SOCK_DGRAM);
    say(fd,
        "cpu value=1 1000000\ncpu value=2 2000000\n# nothing\n\nmem value=3,unit=\"B\" 3000000");
    fake_run(30);
    assert_int_equal(fake.record_count, 3);
    assert_string_equal(fake.records[2].key, "mem");
    assert_string_equal(fake.records[2].text, "B");
    assert_true(fake.records[2].time_ms == 3);
    assert_true(fake.records[1].numbers[0] == 2);
    (void)close(fd);
    fake_close();
}

static void streams_are_cut_into_lines_wherever_they_are_cut(void **state)
{
    (void)state;
    start("tcp", "key: host\nprecision: ms\n");
    int one = connect_net(SOCK_STREAM);
    int two = connect_net(SOCK_STREAM);
    fake_run(30);
    // Given two senders that send a byte at a time, one of which ends without an end of its line
    static const char text[] = "cpu,host=a value=1.5 7\ncpu,host=b value=2.5 8";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        assert_int_equal(send(one, text + i, 1, MSG_NOSIGNAL), 1);
        assert_int_equal(send(two, text + i, 1, MSG_NOSIGNAL), 1);
        fake_run(1);
    }
    assert_int_equal(fake.record_count, 2);
    (void)close(one);
    fake_run(30);
    assert_int_equal(fake.record_count, 3);
    assert_string_equal(fake.records[2].key, "b");
    assert_true(fake.records[2].time_ms == 8);
    (void)close(two);
    fake_run(30);
    assert_int_equal(fake.refuse_count, 0);
    fake_close();
}

static void without_room_a_sender_waits_and_nothing_is_lost(void **state)
{
    (void)state;
    start("unix", "precision: ms\n");
    int fd = connect_local(SOCK_STREAM);
    fake.room = 100;
    fake_run(10);
    // Given a sender that writes until it would have to wait
    char text[64];
    int sent = 0;
    for (;; sent++) {
        (void)snprintf(text, sizeof text, "m value=%d %d\n", sent, sent);
        ssize_t size = send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0) {
            break;
        }
        assert_int_equal(size, strlen(text));
    }
    fake_run(10);
    assert_int_equal(fake.record_count, 100);
    // When there is room by and by, all of it comes, in order
    while (fake.starved) {
        fake.starved = false;
        fake.room = 500;
        fake.driver->resume(&fake.input);
        fake_run(10);
    }
    assert_int_equal(fake.record_count, sent);
    for (int i = 0; i < sent; i++) {
        assert_true(fake.records[i].numbers[0] == i);
    }
    (void)close(fd);
    fake_run(10);
    fake_close();
}

static void datagrams_that_the_kernel_threw_away_are_counted(void **state)
{
    (void)state;
    start("udp", "precision: ms\n");
    int fd = connect_net(SOCK_DGRAM);
    static char big[8000] = "m value=1,x=\"";
    memset(big + strlen(big), 'x', sizeof big - strlen(big) - 3);
    memcpy(big + sizeof big - 3, "\"\n", 3);
    // Given more datagrams than the kernel keeps while there is no room
    fake.room = 0;
    for (int i = 0; i < 2000; i++) {
        say(fd, big);
    }
    fake_run(10);
    fake.room = 100000;
    fake.driver->resume(&fake.input);
    fake_run(10);
    say(fd, "m value=2\n");
    fake_run(10);
    // Then those that were lost are named
    assert_true(fake.in_trouble);
    assert_non_null(strstr(fake.sentence, "datagrams were lost: they came faster than they could "
                                          "be stored"));
    assert_true(fake.record_count > 0 && fake.record_count < 2001);
    assert_int_equal(fake.missed + fake.record_count, 2001); // each is one or the other
    (void)close(fd);
    fake_close();
}

static void a_bad_line_is_told_with_who_sent_it(void **state)
{
    (void)state;
    start("tcp", "");
    int fd = connect_net(SOCK_STREAM);
    say(fd, "cpu value=hot\ncpu value=1\n");
    fake_run(30);
    assert_int_equal(fake.record_count, 1);
    assert_int_equal(fake.refuse_count, 1);
    assert_non_null(strstr(fake.sentence, "from 127.0.0.1:"));
    assert_non_null(strstr(fake.sentence, "\"hot\" stands where a field's value"));
    assert_non_null(strstr(fake.sentence, "in \"cpu value=hot\""));
    (void)close(fd);
    fake_run(10);
    fake_close();
}

static void a_line_that_is_too_long_is_passed_over(void **state)
{
    (void)state;
    start("unix", "");
    int fd = connect_local(SOCK_STREAM);
    static char text[40001];
    memset(text, 'x', 40000);
    fake_run(10);
    say(fd, text);
    say(fd, "\nm value=1\n");
    fake_run(30);
    assert_int_equal(fake.refuse_count, 1);
    assert_non_null(strstr(fake.sentence, "more than 16384 bytes"));
    assert_int_equal(fake.record_count, 1);
    (void)close(fd);
    fake_run(10);
    fake_close();
}

static void an_address_in_use_is_trouble_and_not_the_end(void **state)
{
    (void)state;
    struct sockaddr_in address;
    int fd = open_port(SOCK_STREAM, &address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    start("tcp", "");
    assert_true(fake.in_trouble);
    assert_non_null(strstr(fake.sentence, "the address is in use by another program"));
    (void)close(fd);
    fake.driver->due(&fake.input);
    assert_false(fake.in_trouble);
    fake_close();
}

static void more_connections_than_allowed_are_closed_with_a_sentence(void **state)
{
    (void)state;
    start("unix", "connections: 1\n");
    int one = connect_local(SOCK_STREAM);
    int two = connect_local(SOCK_STREAM);
    fake_run(30);
    assert_int_equal(fake.refuse_count, 1);
    assert_non_null(strstr(fake.sentence, "was closed: there are 1 already"));
    char byte;
    assert_int_equal(recv(two, &byte, 1, 0), 0);
    say(one, "m value=1\n");
    fake_run(10);
    assert_int_equal(fake.record_count, 1);
    // And when the first has gone, there is a place again
    (void)close(one);
    (void)close(two);
    fake_run(10);
    one = connect_local(SOCK_STREAM);
    say(one, "m value=2\n");
    fake_run(10);
    assert_int_equal(fake.record_count, 2);
    (void)close(one);
    fake_close();
}

static void a_socket_that_a_dead_program_left_is_replaced(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
        int type = i == 0 ? SOCK_STREAM : SOCK_DGRAM;
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        (void)close(fd);
        start(i == 0 ? "unix" : "unixgram", "");
        assert_false(fake.in_trouble);
        fd = connect_local(type);
        say(fd, "m value=1\n");
        fake_run(10);
        assert_int_equal(fake.record_count, i + 1);
        (void)close(fd);
        fake_run(10);
        fake_close();
        assert_int_equal(access(address.sun_path, F_OK), -1);
    }
}

static void addresses_that_are_none_are_problems(void **state)
{
    (void)state;
    static const char *const bad[] = {"8094",          "udp://:0",         "udp://host:1",
                                      "udp://1.2.3.4", "tcp://::1:80",     "unix://relative",
                                      "http://*:80",   "tcp://*:99999999", "tcp://[::1]80"};
    static const char *const good[] = {"udp://*:1", "tcp://[::1]:80", "tcp://localhost:8094",
                                       "udp://:8094", "unixgram:///a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad + sizeof good / sizeof *good; i++) {
        bool is_bad = i < sizeof bad / sizeof *bad;
        struct problems problems = {0};
        struct option_set options;
        char settings[100];
        (void)snprintf(settings, sizeof settings, "listen: \"%s\"\n",
                       is_bad ? bad[i] : good[i - sizeof bad / sizeof *bad]);
        assert_true(option_read_text(&options, line_driver.options, "w.yaml", settings, &problems));
        line_driver.check(&options, &fake.schema, "w.yaml", &problems);
        if ((problems.count == 1) != is_bad) {
            fail_msg("%s", settings);
        }
        option_set_free(&options);
        problems_free(&problems);
    }
}

#define A_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        A_TEST(a_datagram_may_have_several_lines),
        A_TEST(streams_are_cut_into_lines_wherever_they_are_cut),
        A_TEST(without_room_a_sender_waits_and_nothing_is_lost),
        A_TEST(datagrams_that_the_kernel_threw_away_are_counted),
        A_TEST(a_bad_line_is_told_with_who_sent_it),
        A_TEST(a_line_that_is_too_long_is_passed_over),
        A_TEST(an_address_in_use_is_trouble_and_not_the_end),
        A_TEST(more_connections_than_allowed_are_closed_with_a_sentence),
        A_TEST(a_socket_that_a_dead_program_left_is_replaced),
        A_TEST(addresses_that_are_none_are_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
