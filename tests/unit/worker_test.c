#include "agent/clock.h"
#include "agent/loop.h"
#include "agent/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

struct count_job {
    struct job job;
    unsigned *worked;
    unsigned *done;
    unsigned order;
    bool in_order;
};

static void count_work(struct job *job)
{
    struct count_job *count = (struct count_job *)job;
    count->in_order = *count->worked == count->order;
    (*count->worked)++;
}

static void count_done(struct job *job)
{
    (*((struct count_job *)job)->done)++;
}

static void jobs_are_done_in_order_and_come_back_on_the_givers_thread(void **context)
{
    (void)context;
    struct worker *worker;
    assert_int_equal(worker_open(&worker, "test"), OK);
    unsigned worked = 0;
    unsigned done = 0;
    struct count_job jobs[WORKER_JOBS_MAX];

    for (unsigned i = 0; i < WORKER_JOBS_MAX; i++) {
        jobs[i] = (struct count_job){.job = {.work = count_work, .done = count_done},
                                     .worked = &worked,
                                     .done = &done,
                                     .order = i};
        worker_give(worker, &jobs[i].job);
    }
    assert_int_equal(done, 0); // only worker_serve calls done
    worker_close(worker);

    assert_int_equal(done, WORKER_JOBS_MAX);
    for (unsigned i = 0; i < WORKER_JOBS_MAX; i++) {
        assert_true(jobs[i].in_order);
    }
}

struct slow_job {
    struct job job;
    struct loop *loop;
};

static void slow_work(struct job *job)
{
    (void)job;
    (void)usleep(300000);
}

static void slow_done(struct job *job)
{
    loop_stop(((struct slow_job *)job)->loop);
}

static void serve(void *context, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    worker_serve(context);
}

static void tick(void *context)
{
    struct {
        struct loop_timer timer;
        unsigned count;
    } *ticks = context;
    ticks->count++;
    loop_timer_set(&ticks->timer, 10);
}

static void nothing(void *context)
{
    (void)context;
}

static void a_slow_job_does_not_stop_the_loop(void **context)
{
    (void)context;
    struct loop *loop;
    struct worker *worker;
    assert_int_equal(loop_open(&loop), OK);
    assert_int_equal(worker_open(&worker, "test"), OK);
    assert_int_equal(loop_watch(loop, worker_fd(worker), EPOLLIN, serve, worker), OK);
    struct {
        struct loop_timer timer;
        unsigned count;
    } ticks = {.timer = {.due = tick, .context = &ticks}};
    loop_timer_add(loop, &ticks.timer);
    loop_timer_set(&ticks.timer, 0);
    struct slow_job job = {.job = {.work = slow_work, .done = slow_done}, .loop = loop};

    worker_give(worker, &job.job);
    loop_run(loop, nothing, NULL);

    assert_true(ticks.count >= 2); // it turned while the job slept
    assert_int_equal(worker_busy_ms(worker), 0);
    worker_close(worker);
    loop_close(loop);
}

static void a_forgotten_descriptor_is_not_called_again(void **context)
{
    (void)context;
    struct loop *loop;
    int pipes[2];
    assert_int_equal(loop_open(&loop), OK);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    assert_int_equal(loop_watch(loop, pipes[0], EPOLLIN, serve, NULL), OK);

    loop_unwatch(loop, pipes[0]);
    loop_turn(loop, 10); // would call worker_serve(NULL)

    loop_unwatch(loop, pipes[0]); // twice is fine
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_done_in_order_and_come_back_on_the_givers_thread),
        cmocka_unit_test(a_slow_job_does_not_stop_the_loop),
        cmocka_unit_test(a_forgotten_descriptor_is_not_called_again),
    };
    return cmocka_run_group_tests_name("worker and loop", tests, NULL, NULL);
}
