// A card that stalls for 2 s never stalls sampling: the real loop, the real worker, the real spool,
// on a disk whose write or sync sleeps.
#include "agent/clock.h"
#include "agent/disk_memory.h"
#include "agent/loop.h"
#include "agent/product.h"
#include "agent/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { STALL_MS = 2000, PACE_MS = 5, BEFORE = 100, AFTER = 100 };

// ---- a disk that stalls once, when told to ----

enum place { NOWHERE, IN_WRITE, IN_SYNC };

static struct {
    const struct disk *under;
    atomic_int place;     // of the stall to come
    atomic_bool stalling; // now
    atomic_bool stalled;  // it is over
} card;

static void stall_in(enum place place)
{
    int expected = place;
    if (!atomic_compare_exchange_strong(&card.place, &expected, NOWHERE)) {
        return;
    }
    atomic_store(&card.stalling, true);
    const struct timespec time = {.tv_sec = STALL_MS / 1000};
    (void)nanosleep(&time, NULL);
    atomic_store(&card.stalling, false);
    atomic_store(&card.stalled, true);
}

static enum err card_create(void *context, enum disk_ring ring, uint32_t count, uint32_t size)
{
    (void)context;
    return card.under->create(card.under->context, ring, count, size);
}

static enum err card_look(void *context, enum disk_ring ring, uint32_t *count, uint32_t *size)
{
    (void)context;
    return card.under->look(card.under->context, ring, count, size);
}

static enum err card_read(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                          void *at, uint32_t size)
{
    (void)context;
    return card.under->read(card.under->context, ring, slot, offset, at, size);
}

static enum err card_write(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                           const void *at, uint32_t size)
{
    (void)context;
    stall_in(IN_WRITE);
    return card.under->write(card.under->context, ring, slot, offset, at, size);
}

static enum err card_sync(void *context, enum disk_ring ring, uint32_t slot)
{
    (void)context;
    stall_in(IN_SYNC);
    return card.under->sync(card.under->context, ring, slot);
}

static void card_random(void *context, void *at, size_t size)
{
    (void)context;
    card.under->random(card.under->context, at, size);
}

static const struct disk card_disk = {.create = card_create,
                                      .look = card_look,
                                      .read = card_read,
                                      .write = card_write,
                                      .sync = card_sync,
                                      .random = card_random};

// ---- an agent's loop with one product and one sensor ----

static struct {
    struct contract_port port;
    struct product_settings settings;
    struct disk_memory *memory;
    struct spool *spool;
    struct block_codec *codec;
    struct worker *worker;
    struct loop *loop;
    struct product product;
    struct output output;
    struct loop_timer sampling, turning;
    int64_t began_ms;
    uint64_t taken, taken_in_stall, samplings_in_stall;
    uint64_t sent; // in order, without a gap
} it;

static enum err wire_send(struct output *output, const struct message *message)
{
    (void)output;
    assert_int_equal(message->seq, ++it.sent);
    char expected[32];
    int size = snprintf(expected, sizeof expected, "\"value\":%llu}", (unsigned long long)it.sent);
    assert_true(message->value.size > (size_t)size);
    assert_memory_equal(message->value.at + message->value.size - (size_t)size, expected,
                        (size_t)size);
    return OK;
}

static void wire_stat(struct output *output, struct output_stat *stat)
{
    (void)output;
    *stat = (struct output_stat){.link = LINK_UP};
}

static const struct output_driver wire_driver = {
    .name = "wire", .send = wire_send, .stat = wire_stat};

static void in_place(void *context, struct job *job)
{
    (void)context;
    job->work(job);
    job->done(job);
}

static void give_to_worker(void *context, struct job *job)
{
    worker_give(context, job);
}

static void store_ready(void *context, int fd, uint32_t events)
{
    (void)context;
    (void)fd;
    (void)events;
    worker_serve(it.worker);
}

// As many records as the pace wants by now. That it catches up does not hide a stop: what counts is
// whether the card was stalled at the moment a record was taken.
static void sample(void *context)
{
    (void)context;
    loop_timer_set(&it.sampling, PACE_MS);
    bool stalling = atomic_load(&card.stalling);
    it.samplings_in_stall += stalling;
    uint64_t due = (uint64_t)(clock_boot_ms() - it.began_ms) / PACE_MS;
    while (it.taken < due) {
        struct value value = {.kind = VALUE_NUMBER, .number = (double)(it.taken + 1)};
        struct record record = {.time_ms = 1700000000000, .values = &value};
        assert_int_equal(product_take(&it.product, &record), OK);
        it.taken++;
        it.taken_in_stall += stalling;
    }
}

static void turn(void)
{
    bool more = product_turn(&it.product, 1000);
    loop_timer_set(&it.turning, more ? 0 : product_due_in_ms(&it.product));
    loop_turn(it.loop, 100);
}

static void woken(void *context)
{
    (void)context; // product_turn follows every turn of the loop
}

static int set_up(void **context)
{
    (void)context;
    static const uint8_t boot_id[16] = {1};
    memset(&it, 0, sizeof it);
    atomic_store(&card.stalled, false);
    it.memory = disk_memory_open(16 << 20);
    card.under = disk_memory_disk(it.memory);
    struct spool_options options = {.size_bytes = 4 << 20, .segment_bytes = 256 * 1024};
    assert_int_equal(spool_open(&it.spool, &card_disk, &options), OK);
    it.codec = block_codec_open(false);
    it.port.topic = (char *)(uintptr_t) "site.bench.readings.v1";
    it.port.schema.column_count = 1;
    it.port.schema.columns[0] =
        (struct column){.name = "value", .type = COLUMN_NUMBER, .role = ROLE_FIELD};
    schema_seal(&it.port.schema);
    it.settings = (struct product_settings){.name = (char *)(uintptr_t) "bench",
                                            .port = &it.port,
                                            .spool_size_bytes = 4 << 20,
                                            .commit_ms = 50};
    it.product.settings = &it.settings;
    it.product.gateway = "gw-1";
    it.product.spool = it.spool;
    it.product.codec = it.codec;
    it.product.store = (struct job_giver){.give = in_place};
    it.product.driver = &wire_driver;
    it.product.output = &it.output;
    it.product.boot_id = boot_id;
    assert_int_equal(product_open(&it.product, "/nonexistent"), OK);
    assert_int_equal(worker_open(&it.worker, "store"), OK);
    assert_int_equal(loop_open(&it.loop), OK);
    assert_int_equal(loop_watch(it.loop, worker_fd(it.worker), EPOLLIN, store_ready, NULL), OK);
    product_start(&it.product, (struct job_giver){.give = give_to_worker, .context = it.worker});
    it.sampling.due = sample;
    it.turning.due = woken;
    loop_timer_add(it.loop, &it.sampling);
    loop_timer_add(it.loop, &it.turning);
    loop_timer_set(&it.sampling, 0);
    it.began_ms = clock_boot_ms();
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    worker_close(it.worker);
    loop_close(it.loop);
    product_close(&it.product);
    spool_close(it.spool);
    disk_memory_close(it.memory);
    block_codec_close(it.codec);
    return 0;
}

static void run_through_a_stall(enum place place)
{
    while (it.sent < BEFORE) {
        turn(); // the flow is at work
    }

    atomic_store(&card.place, place);
    while (!atomic_load(&card.stalled)) {
        turn();
    }
    uint64_t taken = it.taken;
    while (it.sent < taken + AFTER) {
        turn(); // and catches up
    }

    // Records came in at their pace while the card was silent (the first and last sampling may fall
    // beside the edges of the stall)..
    assert_true(it.samplings_in_stall > STALL_MS / PACE_MS / 10);
    assert_true(it.taken_in_stall >= STALL_MS / PACE_MS * 8 / 10);
    assert_true(it.taken_in_stall <= STALL_MS / PACE_MS * 12 / 10);

    // ..and after the last commit all of them were sent, in order and whole (wire_send).
    loop_timer_set(&it.sampling, -1);
    while (it.sent < it.taken) {
        turn();
    }
    assert_int_equal(it.product.lost_records, 0);
    assert_int_equal(it.product.durable_seq, it.taken);
}

static void a_write_that_takes_2_s_never_stalls_sampling(void **context)
{
    (void)context;
    run_through_a_stall(IN_WRITE);
}

static void a_sync_that_takes_2_s_never_stalls_sampling(void **context)
{
    (void)context;
    run_through_a_stall(IN_SYNC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_that_takes_2_s_never_stalls_sampling, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_sync_that_takes_2_s_never_stalls_sampling, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
