#include "tests/sim/history.h"

#include "tests/sim/count.h"
#include "tests/sim/seals.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACTIONS_MAX = 80, KIBI = 1024, KEYS_MAX = 120 };

static bool has_failed(struct history *h)
{
    if (h->oracle.failed[0] == '\0' && h->disk.broken[0] != '\0') {
        (void)snprintf(h->oracle.failed, sizeof h->oracle.failed, "%s", h->disk.broken);
    }
    return h->oracle.failed[0] != '\0';
}

static void fail(struct history *h, const char *what, enum err err)
{
    if (h->oracle.failed[0] == '\0') {
        (void)snprintf(h->oracle.failed, sizeof h->oracle.failed, "%s (%s)", what, err_name(err));
    }
}

__attribute__((format(printf, 2, 3))) static void trace(const struct history *h, const char *format,
                                                        ...)
{
    if (h->trace) {
        va_list args;
        va_start(args, format);
        (void)vprintf(format, args);
        va_end(args);
    }
}

static void trace_settled(const struct history *h, const struct settled *settled)
{
    for (uint32_t i = 0; i < settled->count; i++) {
        trace(h, " %" PRIu64 "-%" PRIu64, settled->ranges[i].from, settled->ranges[i].to);
    }
}

static void on_watch(void *context, enum disk_ring ring, uint32_t slot, uint32_t offset,
                     const uint8_t *at, uint32_t size)
{
    struct history *h = context;
    sim_counts[ring == DISK_MAIN ? DID_MAIN_WRITE : DID_NURSERY_WRITE]++;
    if (offset == 0) {
        sim_counts[ring == DISK_MAIN ? DID_MAIN_TURNOVER : DID_NURSERY_TURNOVER]++;
        sim_counts[DID_MAIN_WRAP] += ring == DISK_MAIN && slot == 0;
    }
    trace(h, "    write ring %d slot %u offset %u size %u\n", (int)ring, slot, offset, size);
    oracle_wrote(&h->oracle, ring, slot, offset, size);
    if (h->options.key != NULL && !seals_are_fresh(h->seals, bytes_from(at, size))) {
        fail(h, "two sealed frames begin alike: a nonce was used twice under one key", OK);
    }
}

void history_init(struct history *history)
{
    *history = (struct history){0};
    simdisk_init(&history->disk);
    oracle_init(&history->oracle);
    history->seals = seals_open();
    history->commit.room = malloc(HISTORY_ROOM);
    if (history->commit.room == NULL || history->seals == NULL) {
        perror("history");
        exit(1);
    }
}

void history_free(struct history *history)
{
    simdisk_free(&history->disk);
    oracle_free(&history->oracle);
    seals_close(history->seals);
    free(history->commit.room);
}

// Settings of the whole history.

static void choose_options(struct history *h)
{
    struct sim_random *random = &h->random;
    static const uint32_t segments[] = {64 * KIBI, 64 * KIBI, 128 * KIBI};
    static const uint32_t nurseries[] = {16 * KIBI, 20 * KIBI, 32 * KIBI};
    static const uint32_t packs[] = {4 * KIBI, 8 * KIBI, 16 * KIBI};
    uint32_t segment = segments[sim_below(random, 3)];
    h->options = (struct spool_options){
        .size_bytes = (uint64_t)segment * sim_between(random, 8, 12),
        .segment_bytes = segment,
        .nursery_bytes = nurseries[sim_below(random, 3)],
        .pack_bytes = packs[sim_below(random, 3)],
        .when_full = sim_once_in(random, 3) ? SPOOL_REFUSE : SPOOL_DROP_OLDEST,
        .key = sim_once_in(random, 16) ? h->key : NULL, // sealing takes most of the time
    };
    for (size_t i = 0; i < sizeof h->key; i++) {
        h->key[i] = (uint8_t)sim_next(random);
    }
    sim_counts[h->options.key != NULL ? DID_SEALED : DID_CLEAR]++;
    h->rate_is_high = sim_once_in(random, 3);
}

static void choose_faults(struct history *h)
{
    struct simdisk_faults *faults = &h->disk.faults;
    *faults = (struct simdisk_faults){0};
    if (h->trust == ORACLE_LIES) {
        faults->sync_lies = sim_once_in(&h->random, 2) ? 1 : 3;
    }
    switch (sim_below(&h->random, 16)) {
    case 0:
        faults->write_fails = 4;
        break;
    case 1:
        faults->write_short = 4;
        break;
    case 2:
        faults->sync_fails = 4;
        break;
    case 3:
        faults->no_space = 4;
        break;
    case 4:
        faults->readonly = 12;
        break;
    case 5:
        *faults = (struct simdisk_faults){.write_fails = 8,
                                          .write_short = 8,
                                          .no_space = 16,
                                          .sync_fails = 6,
                                          .sync_lies = faults->sync_lies};
        break;
    case 6: // a device that is gone for a while
        faults->write_fails = 1;
        break;
    default:
        break;
    }
    faults->create_fails = sim_once_in(&h->random, 8) ? 2 : 0;
}

static bool faults_are_on(const struct history *h)
{
    const struct simdisk_faults *faults = &h->disk.faults;
    return faults->write_fails || faults->write_short || faults->no_space || faults->readonly ||
           faults->sync_fails || faults->create_fails || h->disk.readonly;
}

// A commit is made.

// A commit goes into one segment, and with it what is young, packed and named.
static uint32_t room_left(const struct history *h)
{
    uint32_t most = h->options.segment_bytes - 48 * KIBI;
    return h->commit.room_used < most ? most - h->commit.room_used : 0;
}

static void add_block(struct history *h, uint64_t first_seq, uint32_t count, uint32_t size,
                      bool dense)
{
    struct history_commit *c = &h->commit;
    if (size > room_left(h) || c->commit.block_count == HISTORY_COMMIT_BLOCKS) {
        return;
    }
    uint32_t number = oracle_new_block(&h->oracle, first_seq, count, size, dense);
    uint8_t *at = c->room + c->room_used;
    c->room_used += (size + 7) / 8 * 8;
    oracle_payload(&h->oracle, number, at);
    c->blocks[c->commit.block_count++] = (struct spool_block){first_seq,
                                                              count,
                                                              dense,
                                                              oracle_time_ms(first_seq),
                                                              oracle_time_ms(first_seq + count - 1),
                                                              bytes_from(at, size)};
    if (first_seq + count > c->point.next_seq) {
        c->point.next_seq = first_seq + count;
    }
    if (dense) {
        c->dense_from = first_seq + count;
    }
    sim_counts[dense ? DID_DENSE_BLOCK : DID_YOUNG_BLOCK]++;
}

static uint32_t choose_size(struct history *h, bool dense)
{
    struct sim_random *random = &h->random;
    switch (sim_below(random, 16)) {
    case 0:
        return ORACLE_PAYLOAD_MIN;
    case 1:
        return sim_between(random, 24, 4200);
    case 2:
        return dense ? sim_between(random, 4000, 15000) : sim_between(random, 3900, 4096);
    default:
        return dense ? sim_between(random, 100, 2000) : sim_between(random, 24, 500);
    }
}

static void add_young(struct history *h)
{
    struct history_commit *c = &h->commit;
    struct spool_stat stat;
    spool_stat(h->spool, &stat);
    bool whole = c->dense_from < c->point.next_seq &&
                 (stat.wants_whole ? !sim_once_in(&h->random, 4) : sim_once_in(&h->random, 64));
    sim_counts[DID_WHOLE_YOUNG] += whole;
    uint64_t first = whole ? c->dense_from : c->point.next_seq;
    uint32_t count = sim_between(&h->random, 1, sim_once_in(&h->random, 4) ? 40 : 4);
    count += (uint32_t)(c->point.next_seq - first);
    add_block(h, first, count, choose_size(h, false), false);
}

// Pack what is durable but not dense, sometimes with rows that are new.
static void add_dense(struct history *h)
{
    struct history_commit *c = &h->commit;
    uint64_t end = c->point.next_seq; // of the rows there are
    uint32_t fresh =
        h->rate_is_high || sim_once_in(&h->random, 4) ? sim_between(&h->random, 1, 30) : 0;
    uint64_t to = end + fresh;
    if (to > c->dense_from && sim_once_in(&h->random, 4) && fresh == 0) {
        to = c->dense_from + sim_between(&h->random, 1, (uint32_t)(to - c->dense_from));
    }
    if (to == c->dense_from) {
        return;
    }
    sim_counts[DID_DENSE_OF_NEW_ROWS] += fresh > 0;
    add_block(h, c->dense_from, (uint32_t)(to - c->dense_from), choose_size(h, true), true);
}

static void add_state(struct history *h, uint32_t index)
{
    struct history_commit *c = &h->commit;
    struct bytes value = {0};
    uint32_t number = 0;
    if (index > 0 && c->point.states[index] != 0 && sim_once_in(&h->random, 4)) {
        sim_counts[DID_STATE_REMOVE]++;
    } else {
        number = oracle_new_value(&h->oracle);
        value = oracle_value(&h->oracle, number, c->value_room[index]);
        sim_counts[DID_STATE_SET]++;
    }
    c->point.states[index] = number;
    c->states[c->commit.state_count++] =
        (struct spool_state){.name = oracle_state_name(index), .value = value};
}

static void add_states(struct history *h)
{
    if (!sim_once_in(&h->random, 8)) {
        add_state(h, 0); // names the try: most commits can be told apart
    }
    for (uint32_t i = 1; i < ORACLE_NAMES; i++) {
        if (sim_once_in(&h->random, 12)) {
            add_state(h, i);
        }
    }
}

static void add_keys(struct history *h)
{
    struct history_commit *c = &h->commit;
    bool room = c->point.key_count < KEYS_MAX && sim_once_in(&h->random, 24);
    uint32_t count = room ? sim_between(&h->random, 1, HISTORY_COMMIT_KEYS) : 0;
    for (uint32_t i = 0; i < count; i++) {
        c->keys[i] =
            oracle_key_text(&h->oracle, c->point.key_count++, c->point.attempt, c->key_room[i]);
        sim_counts[DID_KEY]++;
    }
    c->commit.key_count = count;
}

static void begin_commit(struct history *h)
{
    struct history_commit *c = &h->commit;
    c->point = h->oracle.base;
    c->point.attempt = oracle_new_attempt(&h->oracle);
    c->dense_from = h->dense_from;
    c->room_used = 0;
    c->commit = (struct spool_commit){.blocks = c->blocks, .keys = c->keys, .states = c->states};
}

// As the flow does: rows gather in young blocks until they are worth a dense one.
static void make_commit(struct history *h)
{
    begin_commit(h);
    if (sim_once_in(&h->random, 16)) {
        sim_counts[DID_EMPTY_COMMIT]++;
        return;
    }
    struct history_commit *c = &h->commit;
    uint64_t waiting = c->point.next_seq - c->dense_from;
    if (h->rate_is_high || waiting > 60 || (waiting > 0 && sim_once_in(&h->random, 6))) {
        if (sim_once_in(&h->random, 3)) { // the last rows of the block that is full now
            sim_counts[DID_YOUNG_UNDER_DENSE]++;
            add_young(h);
        }
        for (uint32_t i = 0; i < 2 && sim_once_in(&h->random, i + 1); i++) {
            add_dense(h);
        }
    }
    if (c->commit.block_count == 0 || sim_once_in(&h->random, 3)) {
        add_young(h);
    }
    add_states(h);
    add_keys(h);
}

// Leave the call where the power goes, or let it run on a dead disk: both must be harmless.
static enum err call_commit(struct history *h, bool jump)
{
    if (jump) {
        if (setjmp(h->out) != 0) {
            h->disk.out = NULL;
            return ERR_FAILED;
        }
        h->disk.out = &h->out;
    }
    enum err err = spool_commit(h->spool, &h->commit.commit);
    h->disk.out = NULL;
    return err;
}

static bool is_device_error(enum err err)
{
    return err == ERR_IO || err == ERR_READONLY || err == ERR_NO_SPACE;
}

static void judge_error(struct history *h, enum err err)
{
    sim_counts[DID_COMMIT_FAIL]++;
    struct spool_stat stat;
    spool_stat(h->spool, &stat);
    sim_counts[DID_BROKEN] += stat.health == SPOOL_BROKEN;
    if (err == ERR_FULL && h->options.when_full == SPOOL_REFUSE) {
        sim_counts[DID_REFUSE]++;
    } else if (!is_device_error(err) || !faults_are_on(h)) {
        fail(h, "a commit failed without a cause", err);
    }
    oracle_refused(&h->oracle, h->spool);
}

static void trace_commit(const struct history *h)
{
    const struct history_commit *c = &h->commit;
    trace(h, "  commit %u: keys %zu, states", c->point.attempt, c->commit.key_count);
    for (size_t i = 0; i < c->commit.state_count; i++) {
        const struct spool_state *state = &c->states[i];
        bool removed = state->value.size == 0;
        trace(h, " %.3s=%u", state->name, removed ? 0 : get_u32(state->value.at));
    }
    trace(h, ",");
    for (size_t i = 0; i < c->commit.block_count; i++) {
        const struct spool_block *block = &c->blocks[i];
        trace(h, " %s %" PRIu64 "-%" PRIu64 " (%zu)", block->dense ? "dense" : "young",
              block->first_seq, block->first_seq + block->count - 1, block->payload.size);
    }
    trace(h, "\n");
}

static void run_commit(struct history *h)
{
    struct history_commit *c = &h->commit;
    bool again = h->retry != NULL && sim_once_in(&h->random, 2);
    if (!again) {
        make_commit(h);
    }
    sim_counts[DID_RETRY_SAME] += again;
    c->point.settled = *spool_settled(h->spool);
    oracle_try(&h->oracle, &c->point);
    trace_commit(h);
    uint64_t nursery_writes = sim_counts[DID_NURSERY_WRITE];
    enum err err = call_commit(h, sim_once_in(&h->random, 2));
    trace(h, "  commit %u: %s\n", c->point.attempt, err_name(err));
    if (err == OK) {
        sim_counts[DID_COMMIT]++;
        sim_counts[DID_BYPASS] +=
            c->commit.block_count > 0 && nursery_writes == sim_counts[DID_NURSERY_WRITE];
        h->dense_from = c->dense_from;
        h->retry = NULL;
        oracle_answered(&h->oracle, &c->point, h->spool);
        return;
    }
    h->retry = c;
    if (!h->disk.dead) {
        judge_error(h, err);
    }
}

static void try_too_large(struct history *h)
{
    if (h->retry != NULL) {
        return;
    }
    begin_commit(h);
    uint32_t size = h->options.segment_bytes;
    h->commit.blocks[0] = (struct spool_block){.first_seq = h->oracle.base.next_seq,
                                               .count = 1,
                                               .payload = bytes_from(h->commit.room, size)};
    h->commit.commit.block_count = 1;
    enum err err = call_commit(h, false);
    if (err != ERR_LIMIT && !h->disk.dead) {
        fail(h, "a block larger than a segment was not refused for that", err);
    }
    sim_counts[DID_LIMIT]++;
}

// Rows end.

static void settle_run(struct history *h, uint64_t from, uint32_t length_max)
{
    uint64_t next = h->oracle.base.next_seq;
    uint64_t first = settled_next(spool_settled(h->spool), from);
    if (first >= next) {
        return;
    }
    uint64_t to = first + sim_below(&h->random, length_max);
    to = to < next ? to : next - 1;
    static const enum settled_how hows[] = {SETTLED_DELIVERED, SETTLED_DELIVERED,
                                            SETTLED_QUARANTINED, SETTLED_DROPPED};
    enum err err = spool_settle(h->spool, first, to, hows[sim_below(&h->random, 4)]);
    if (err == ERR_FULL && spool_settled(h->spool)->count == SETTLED_RANGES_MAX) {
        sim_counts[DID_SETTLE_FULL]++;
        return;
    }
    if (err != OK) {
        fail(h, "rows could not be settled", err);
        return;
    }
    if (!settled_covers(spool_settled(h->spool), first, to)) {
        fail(h, "rows were settled and are not", OK);
    }
    sim_counts[first > settled_cursor(spool_settled(h->spool)) ? DID_SETTLE_HOLE : DID_SETTLE]++;
    trace(h, "  settle %" PRIu64 "-%" PRIu64 "\n", first, to);
    oracle_settled(&h->oracle, first, to);
}

static void run_settle(struct history *h)
{
    uint64_t next = h->oracle.base.next_seq;
    uint64_t cursor = settled_cursor(spool_settled(h->spool));
    if (next <= cursor + 1) {
        return;
    }
    if (sim_once_in(&h->random, 6)) {
        uint32_t holes = sim_once_in(&h->random, 16) ? 40 : 1;
        for (uint32_t i = 0; i < holes; i++) {
            uint32_t ahead = sim_below(&h->random, (uint32_t)(next - cursor));
            settle_run(h, cursor + 1 + ahead, holes > 1 ? 2 : 20);
        }
        return;
    }
    settle_run(h, 1, sim_once_in(&h->random, 4) ? 2000 : 100);
}

static void run_action(struct history *h)
{
    uint32_t what = sim_below(&h->random, 16);
    if (h->outage > 0) {
        h->outage--;
    }
    if (what < 9) {
        run_commit(h);
    } else if (what < 13 && h->outage == 0) {
        run_settle(h);
    } else if (what == 13) {
        oracle_take_losses(&h->oracle, h->spool, false);
    } else if (what == 14) {
        oracle_look(&h->oracle, h->spool,
                    1 + sim_below(&h->random, (uint32_t)h->oracle.base.next_seq));
    } else if (sim_once_in(&h->random, 64)) {
        try_too_large(h);
    } else if (sim_once_in(&h->random, 64)) {
        h->outage = sim_between(&h->random, 50, 1500);
    }
}

// From open to crash.

static void arm_cut(struct history *h)
{
    uint32_t most = sim_once_in(&h->random, 4) ? 60 : 8;
    simdisk_cut_after(&h->disk, sim_between(&h->random, 1, most), sim_once_in(&h->random, 8));
    h->disk.out = NULL;
}

static void rot_somewhere(struct history *h)
{
    enum disk_ring ring = sim_once_in(&h->random, 3) ? DISK_NURSERY : DISK_MAIN;
    const struct simdisk_ring *r = &h->disk.rings[ring];
    if (r->slot_count == 0) {
        return;
    }
    uint32_t slot = sim_below(&h->random, r->slot_count);
    uint32_t hits = sim_between(&h->random, 1, 3);
    for (uint32_t i = 0; i < hits; i++) {
        uint32_t offset = sim_below(&h->random, r->slot_size);
        enum simdisk_rot how = (enum simdisk_rot)sim_below(&h->random, 3);
        trace(h, "rot ring %d slot %u offset %u\n", (int)ring, slot, offset);
        simdisk_rot(&h->disk, ring, slot, offset, how);
        oracle_rotted(&h->oracle, ring, slot, offset / SIMDISK_SECTOR * SIMDISK_SECTOR);
    }
}

static void crash(struct history *h)
{
    simdisk_power_cut(&h->disk);
    h->crashes++;
    trace(h, "power cut %" PRIu64 "\n", h->crashes);
    if (h->trust == ORACLE_ROT && sim_once_in(&h->random, 4)) {
        rot_somewhere(h);
    }
}

// The flow packs again what is durable only in young blocks: it reads them all back.
static void replay_young(struct history *h)
{
    struct spool_stat stat;
    spool_stat(h->spool, &stat);
    h->dense_from = stat.dense_end + 1;
    uint64_t seq = h->dense_from;
    struct spool_block block;
    for (int i = 0; i < 4096 && spool_read(h->spool, seq, &block) == OK; i++) {
        seq = block.first_seq + block.count;
    }
    sim_counts[DID_RECOVER_DENSE] += seq > h->dense_from;
}

static void trace_opened(const struct history *h)
{
    struct spool_stat stat;
    spool_stat(h->spool, &stat);
    trace(h,
          "opened: next %" PRIu64 ", dense to %" PRIu64 ", torn %" PRIu64 ", corrupt %" PRIu64
          ", settled",
          stat.next_seq, stat.dense_end, stat.torn_commits, stat.corrupt_bytes);
    trace_settled(h, spool_settled(h->spool));
    trace(h, "\n");
}

static bool open_spool(struct history *h)
{
    h->spool = NULL;
    enum err err = spool_open(&h->spool, &h->disk.disk, &h->options);
    if (h->disk.dead) {
        sim_counts[CUT_IN_OPEN]++;
        if (err == OK) {
            spool_close(h->spool);
        }
        return false;
    }
    h->disk.cut_in_reads = false; // checking is not part of the history
    if (err == OK) {
        trace_opened(h);
    }
    if (err != OK) {
        bool no_ring = h->disk.rings[0].slot_count == 0 || h->disk.rings[1].slot_count == 0;
        if (!is_device_error(err) || !faults_are_on(h) || !no_ring) {
            fail(h, "the spool does not open", err);
        }
        return false;
    }
    return true;
}

static void end_session(struct history *h)
{
    struct spool_stat stat;
    spool_stat(h->spool, &stat);
    sim_counts[DID_ABANDON] += stat.abandoned_segments > 0;
    bool dead = h->disk.dead;
    spool_close(h->spool);
    uint32_t how = dead ? 0 : sim_below(&h->random, 8);
    if (how < 5) {
        crash(h);
    } else if (how < 6) {
        sim_counts[KILL_CACHE_LIVES]++;
        trace(h, "killed\n");
        simdisk_kill(&h->disk);
    } else {
        sim_counts[CLOSE_AND_OPEN]++;
        simdisk_kill(&h->disk);
    }
}

static void run_session(struct history *h)
{
    h->retry = NULL;
    choose_faults(h);
    arm_cut(h);
    // Two faults at once are not asked for: a process that dies between a write and its sync, and a
    // sync that fails when the next one opens.
    uint32_t sync_fails = h->disk.faults.sync_fails;
    h->disk.faults.sync_fails = 0;
    if (!open_spool(h)) {
        crash(h);
        return;
    }
    h->disk.faults.sync_fails = sync_fails;
    oracle_recovered(&h->oracle, h->spool, sim_once_in(&h->random, 8));
    if (has_failed(h)) {
        spool_close(h->spool);
        return;
    }
    replay_young(h);
    for (int i = 0; i < ACTIONS_MAX && !h->disk.dead && !has_failed(h); i++) {
        run_action(h);
    }
    end_session(h);
}

static enum oracle_trust choose_trust(struct history *h)
{
    uint32_t what = sim_below(&h->random, 8);
    return what == 0 ? ORACLE_ROT : what == 1 ? ORACLE_LIES : ORACLE_STRICT;
}

uint64_t history_run(struct history *h, uint64_t seed, uint64_t number, uint64_t crashes_max)
{
    h->random.state = sim_mix(seed * 0x9e3779b97f4a7c15U + number);
    h->trust = choose_trust(h);
    choose_options(h);
    simdisk_reset(&h->disk, sim_next(&h->random));
    h->disk.direct = h->trust != ORACLE_LIES && sim_once_in(&h->random, 4);
    h->disk.favours_zeros = sim_once_in(&h->random, 4);
    h->disk.watch = on_watch;
    h->disk.watch_context = h;
    oracle_reset(&h->oracle, sim_next(&h->random), h->trust, h->options.when_full);
    h->oracle.zeros = h->disk.favours_zeros;
    seals_reset(h->seals);
    h->dense_from = 1;
    h->crashes = 0;
    h->outage = 0;
    while (h->crashes < crashes_max && !oracle_is_full(&h->oracle) && !has_failed(h)) {
        run_session(h);
    }
    return h->crashes;
}
