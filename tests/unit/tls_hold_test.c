// Linux's stream sockets of AF_UNIX, as far as the hold-connect rests on them.
#include "ports/output/tls_hold.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int hold(int *inner, size_t *held)
{
    int end = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(end >= 0);
    assert_int_equal(tls_hold_begin(end, inner, held), OK);
    return end;
}

static short events_of(int end)
{
    struct pollfd at = {.fd = end, .events = POLLOUT | POLLIN};
    (void)poll(&at, 1, 0);
    return at.revents;
}

static void a_held_socket_looks_like_one_that_is_still_connecting(void **state)
{
    (void)state;
    int inner;
    size_t held;

    int end = hold(&inner, &held);

    assert_true(held > 0);
    assert_int_equal(events_of(end), 0);
    (void)close(end);
    (void)close(inner);
}

static void one_let_go_looks_connected_and_carries_only_what_was_written_after(void **state)
{
    (void)state;
    int inner;
    size_t held;
    char got[8];
    int end = hold(&inner, &held);

    assert_true(tls_hold_end(inner, &held));

    assert_int_equal(held, 0);
    assert_int_equal(events_of(end), POLLOUT);
    assert_int_equal(write(end, "hello", 5), 5);
    assert_int_equal(read(inner, got, sizeof got), 5);
    assert_memory_equal(got, "hello", 5);
    assert_int_equal(write(inner, "back", 4), 4);
    assert_int_equal(read(end, got, sizeof got), 4);
    (void)close(end);
    (void)close(inner);
}

static void a_writer_woken_while_filler_still_waits_is_kept_apart_from_it(void **state)
{
    (void)state;
    int inner;
    size_t held;
    char away[4096];
    char got[8];
    int end = hold(&inner, &held);

    while (events_of(end) == 0) {
        ssize_t size = read(inner, away, held < sizeof away ? held : sizeof away);
        assert_true(size > 0);
        held -= (size_t)size;
    }
    assert_true(held > 0); // woken early: this is the case
    assert_int_equal(write(end, "hello", 5), 5);

    assert_true(tls_hold_end(inner, &held));
    assert_int_equal(read(inner, got, sizeof got), 5);
    assert_memory_equal(got, "hello", 5);
    (void)close(end);
    (void)close(inner);
}

static void one_closed_with_the_filler_unread_is_a_failed_connect(void **state)
{
    (void)state;
    int inner;
    size_t held;
    int number = 0;
    socklen_t size = sizeof number;
    int end = hold(&inner, &held);

    (void)close(inner);

    assert_true((events_of(end) & POLLERR) != 0);
    assert_int_equal(getsockopt(end, SOL_SOCKET, SO_ERROR, &number, &size), 0);
    assert_int_equal(number, ECONNRESET);
    (void)close(end);
}

static void the_end_of_a_socket_that_was_left_is_told(void **state)
{
    (void)state;
    int inner;
    size_t held;
    int end = hold(&inner, &held);

    (void)close(end);

    assert_true((events_of(inner) & POLLHUP) != 0);
    (void)close(inner);
}

static void what_cannot_be_held_is_refused_and_left_alone(void **state)
{
    (void)state;
    int inner = -2;
    size_t held;

    assert_int_equal(tls_hold_begin(1 << 20, &inner, &held), ERR_FAILED); // not a descriptor

    assert_int_equal(errno, EBADF);
    assert_int_equal(inner, -2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_held_socket_looks_like_one_that_is_still_connecting),
        cmocka_unit_test(one_let_go_looks_connected_and_carries_only_what_was_written_after),
        cmocka_unit_test(a_writer_woken_while_filler_still_waits_is_kept_apart_from_it),
        cmocka_unit_test(one_closed_with_the_filler_unread_is_a_failed_connect),
        cmocka_unit_test(the_end_of_a_socket_that_was_left_is_told),
        cmocka_unit_test(what_cannot_be_held_is_refused_and_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
