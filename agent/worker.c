// Two rings with one writer and one reader each carry pointers: `given` to the thread, `done` back.
// An eventfd beside each wakes the other side. No locks: a job is owned by who holds its pointer,
// and the release/acquire pair of the ring's tail hands over what lies behind it.
#include "agent/worker.h"

#include "agent/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct ring {
    struct job *slots[WORKER_JOBS_MAX];
    atomic_uint head; // next to take
    atomic_uint tail; // next to put
};

struct worker {
    pthread_t thread;
    int wake_fd; // blocking: the thread sleeps in its read
    int done_fd; // non-blocking: the loop watches it
    struct ring given;
    struct ring done;
    atomic_bool stop;
    atomic_llong busy_since_ms; // boot time; 0: idle
    unsigned outstanding;       // the giver's own count
};

static void ring_put(struct ring *ring, struct job *job)
{
    unsigned tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    assert(tail - atomic_load_explicit(&ring->head, memory_order_acquire) < WORKER_JOBS_MAX);
    ring->slots[tail % WORKER_JOBS_MAX] = job;
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

static struct job *ring_take(struct ring *ring)
{
    unsigned head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&ring->tail, memory_order_acquire)) {
        return NULL;
    }
    struct job *job = ring->slots[head % WORKER_JOBS_MAX];
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return job;
}

static void signal_fd(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one);
    assert(written == (ssize_t)sizeof one || errno == EAGAIN);
}

static void *work(void *context)
{
    struct worker *worker = context;
    for (;;) {
        struct job *job = ring_take(&worker->given);
        if (job == NULL) {
            if (atomic_load(&worker->stop)) {
                return NULL;
            }
            uint64_t count;
            ssize_t got = read(worker->wake_fd, &count, sizeof count);
            (void)got; // EINTR and a stale count only mean another look
            continue;
        }
        atomic_store(&worker->busy_since_ms, (long long)clock_boot_ms());
        job->work(job);
        atomic_store(&worker->busy_since_ms, 0);
        ring_put(&worker->done, job);
        signal_fd(worker->done_fd);
    }
}

enum err worker_open(struct worker **out, const char *name)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        return ERR_FAILED;
    }
    worker->wake_fd = eventfd(0, EFD_CLOEXEC);
    worker->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->wake_fd < 0 || worker->done_fd < 0 ||
        pthread_create(&worker->thread, NULL, work, worker) != 0) {
        enum err err = err_from_errno(errno);
        (void)close(worker->wake_fd);
        (void)close(worker->done_fd);
        free(worker);
        return err == OK ? ERR_FAILED : err;
    }
    (void)pthread_setname_np(worker->thread, name);
    *out = worker;
    return OK;
}

void worker_close(struct worker *worker)
{
    atomic_store(&worker->stop, true);
    signal_fd(worker->wake_fd);
    (void)pthread_join(worker->thread, NULL);
    worker_serve(worker);
    (void)close(worker->wake_fd);
    (void)close(worker->done_fd);
    free(worker);
}

void worker_give(struct worker *worker, struct job *job)
{
    assert(worker->outstanding < WORKER_JOBS_MAX);
    worker->outstanding++;
    ring_put(&worker->given, job);
    signal_fd(worker->wake_fd);
}

int worker_fd(const struct worker *worker)
{
    return worker->done_fd;
}

void worker_serve(struct worker *worker)
{
    uint64_t count;
    ssize_t got = read(worker->done_fd, &count, sizeof count);
    (void)got; // nothing there is no error
    struct job *job;
    while ((job = ring_take(&worker->done)) != NULL) {
        worker->outstanding--;
        job->done(job);
    }
}

int64_t worker_busy_ms(const struct worker *worker)
{
    long long since = atomic_load(&worker->busy_since_ms);
    return since == 0 ? 0 : clock_boot_ms() - (int64_t)since;
}
