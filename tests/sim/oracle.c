#include "tests/sim/oracle.h"

#include "tests/sim/count.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// DURABLY: by the driver, in a commit that was answered or found. TOLD_MAYBE: told, and the commit
// after it was never answered but seems to have happened.
enum { PAGE = 4096 };

enum { ENDED_BY_DRIVER = 1, ENDED_TOLD = 2, ENDED_TOLD_MAYBE = 4, ENDED_DURABLY = 8 };

static void *take(size_t count, size_t size)
{
    void *at = calloc(count, size);
    if (at == NULL) {
        perror("oracle");
        exit(1);
    }
    return at;
}

void oracle_init(struct oracle *oracle)
{
    *oracle = (struct oracle){
        .blocks = take(ORACLE_BLOCKS_MAX, sizeof *oracle->blocks),
        .answered = take(ORACLE_ATTEMPTS_MAX, sizeof *oracle->answered),
        .attempt_next = take(ORACLE_ATTEMPTS_MAX, sizeof *oracle->attempt_next),
        .key_attempts = take(ORACLE_KEYS_MAX, sizeof *oracle->key_attempts),
        .ended = take(ORACLE_SEQS_MAX, sizeof *oracle->ended),
    };
}

void oracle_free(struct oracle *oracle)
{
    free(oracle->blocks);
    free(oracle->answered);
    free(oracle->attempt_next);
    free(oracle->key_attempts);
    free(oracle->ended);
}

void oracle_reset(struct oracle *oracle, uint64_t seed, enum oracle_trust trust,
                  enum spool_when_full when_full)
{
    oracle->seed = seed;
    oracle->trust = trust;
    oracle->when_full = when_full;
    oracle->base = (struct oracle_point){.next_seq = 1};
    settled_init(&oracle->base.settled);
    oracle->try_count = 0;
    oracle->block_count = 1;
    oracle->attempt_count = 1;
    oracle->value_count = 1;
    oracle->ended_through = 0;
    memset(oracle->ended, 0, oracle->seq_max + 1);
    oracle->seq_max = 0;
    oracle->dense_end = 0;
    oracle->taken_count = 0;
    oracle->write_count = 0;
    oracle->random.state = sim_mix(seed ^ 0x0dacU);
    oracle->failed[0] = '\0';
}

bool oracle_is_full(const struct oracle *oracle)
{
    return oracle->block_count > ORACLE_BLOCKS_MAX - 1024 ||
           oracle->attempt_count > ORACLE_ATTEMPTS_MAX - 512 ||
           oracle->seq_max > ORACLE_SEQS_MAX - 32768 ||
           oracle->base.key_count > ORACLE_KEYS_MAX - 512;
}

__attribute__((format(printf, 2, 3))) static void wrong(struct oracle *oracle, const char *format,
                                                        ...)
{
    if (oracle->failed[0] != '\0') {
        return; // the first one is the cause
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(oracle->failed, sizeof oracle->failed, format, args);
    va_end(args);
}

// What is handed over.

uint32_t oracle_new_block(struct oracle *oracle, uint64_t first_seq, uint32_t count, uint32_t size,
                          bool dense)
{
    assert(oracle->block_count < ORACLE_BLOCKS_MAX && size >= ORACLE_PAYLOAD_MIN);
    uint32_t number = oracle->block_count++;
    oracle->blocks[number] =
        (struct oracle_block){first_seq, count, size, oracle->attempt_count - 1, dense};
    if (first_seq + count - 1 > oracle->seq_max) {
        oracle->seq_max = first_seq + count - 1;
        assert(oracle->seq_max < ORACLE_SEQS_MAX);
    }
    return number;
}

static uint64_t word_of(const struct oracle *oracle, uint32_t number, uint32_t index)
{
    switch (index) {
    case 0:
        return 0x6b636f6c62206120U;
    case 1:
        return 0x72696577206e6920U;
    case 2:
        return number;
    default:
        return (oracle->seed + number) * 0x9e3779b97f4a7c15U + index * 0xd1342543de82ef95U;
    }
}

void oracle_payload(const struct oracle *oracle, uint32_t number, uint8_t *at)
{
    uint32_t size = oracle->blocks[number].size;
    for (uint32_t i = 0; i * 8 < size; i++) {
        uint64_t word = word_of(oracle, number, i);
        memcpy(at + (size_t)i * 8, &word, size - i * 8 < 8 ? size - i * 8 : 8);
    }
}

static bool is_payload(const struct oracle *oracle, uint32_t number, struct bytes payload)
{
    if (payload.size != oracle->blocks[number].size) {
        return false;
    }
    uint32_t words = (uint32_t)(payload.size / 8);
    for (uint32_t i = 0; i < words; i++) {
        uint64_t word = word_of(oracle, number, i);
        if (memcmp(payload.at + (size_t)i * 8, &word, 8) != 0) {
            return false;
        }
    }
    uint64_t word = word_of(oracle, number, words);
    return memcmp(payload.at + (size_t)words * 8, &word, payload.size % 8) == 0;
}

int64_t oracle_time_ms(uint64_t seq)
{
    return 1700000000000 + (int64_t)seq * 250;
}

uint32_t oracle_new_value(struct oracle *oracle)
{
    return oracle->value_count++;
}

// Most are short; one in sixteen is as long as a value may be, or, of zeros, every other one.
struct bytes oracle_value(const struct oracle *oracle, uint32_t number,
                          uint8_t room[SPOOL_STATE_VALUE_MAX])
{
    uint64_t chance = sim_mix(oracle->seed + number);
    size_t size =
        chance % (oracle->zeros ? 2 : 16) == 0 ? SPOOL_STATE_VALUE_MAX : 4 + (chance >> 8) % 60;
    bool zeros = size == SPOOL_STATE_VALUE_MAX && oracle->zeros;
    memset(room, zeros ? 0 : (int)(chance & 0xff) | 1, size);
    put_u32(room, number);
    return bytes_from(room, size);
}

const char *oracle_state_name(uint32_t index)
{
    static const char *const names[ORACLE_NAMES] = {
        "try",
        "settings.digest",
        "n",
        "mqtt/offsets/line-3",
        "a name as long as a name may be, which is sixty three bytes..",
        "pulse"};
    return names[index];
}

struct bytes oracle_key_text(const struct oracle *oracle, uint32_t id, uint32_t attempt,
                             uint8_t room[ORACLE_KEY_TEXT_MAX])
{
    uint64_t chance = sim_mix(oracle->seed + id * 7919U + attempt);
    int size = snprintf((char *)room, ORACLE_KEY_TEXT_MAX, "key %u of try %u %.*s", id, attempt,
                        (int)(chance % 30), "..............................");
    return bytes_from(room, (size_t)size);
}

// Commits.

uint32_t oracle_new_attempt(struct oracle *oracle)
{
    assert(oracle->attempt_count < ORACLE_ATTEMPTS_MAX);
    oracle->answered[oracle->attempt_count] = 0;
    return oracle->attempt_count++;
}

void oracle_try(struct oracle *oracle, const struct oracle_point *point)
{
    if (oracle->try_count == ORACLE_TRIES_MAX) {
        memmove(&oracle->tries[0], &oracle->tries[1],
                (ORACLE_TRIES_MAX - 1) * sizeof oracle->tries[0]);
        oracle->try_count--;
    }
    oracle->tries[oracle->try_count++] = *point;
    bool has_rows = point->next_seq > oracle->base.next_seq;
    oracle->attempt_next[point->attempt] = has_rows ? point->next_seq : 0;
    for (uint32_t i = 0; i < oracle->taken_count; i++) {
        if (oracle->taken[i].attempt == 0) {
            oracle->taken[i].attempt = point->attempt;
        }
    }
}

static void mark_ended(struct oracle *oracle, uint64_t from, uint64_t to, uint8_t how)
{
    if (from == 0 || to < from || to > oracle->seq_max) {
        wrong(oracle, "rows %" PRIu64 "..%" PRIu64 " end, but the last one ever was %" PRIu64, from,
              to, oracle->seq_max);
        return;
    }
    for (uint64_t seq = from; seq <= to; seq++) {
        oracle->ended[seq] |= how;
    }
}

// `point` is the truth now: its losses were told, its keys are named.
static void adopt(struct oracle *oracle, const struct oracle_point *point, uint8_t told)
{
    for (uint32_t id = oracle->base.key_count; id < point->key_count; id++) {
        oracle->key_attempts[id] = point->attempt;
    }
    oracle->answered[point->attempt] = 1;
    oracle->base = *point;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < oracle->taken_count; i++) {
        struct oracle_taken *taken = &oracle->taken[i];
        bool with = taken->attempt != 0 && taken->attempt <= point->attempt &&
                    (taken->lost || settled_covers(&point->settled, taken->from, taken->to));
        if (with) {
            mark_ended(oracle, taken->from, taken->to, taken->lost ? told : ENDED_DURABLY);
        } else {
            oracle->taken[kept++] = *taken;
        }
    }
    oracle->taken_count = kept;
}

static bool same_states(const struct oracle *oracle, const struct oracle_point *point,
                        const struct spool *spool, const char **name)
{
    for (uint32_t i = 0; i < ORACLE_NAMES; i++) {
        uint8_t room[SPOOL_STATE_VALUE_MAX];
        struct bytes value;
        *name = oracle_state_name(i);
        enum err err = spool_state(spool, *name, &value);
        if (point->states[i] == 0) {
            if (err != ERR_NOT_FOUND) {
                return false;
            }
            continue;
        }
        if (err != OK || !bytes_equal(value, oracle_value(oracle, point->states[i], room))) {
            return false;
        }
    }
    return true;
}

static bool is_subset(const struct settled *part, const struct settled *whole)
{
    for (uint32_t i = 0; i < part->count; i++) {
        if (!settled_covers(whole, part->ranges[i].from, part->ranges[i].to)) {
            return false;
        }
    }
    return true;
}

static void check_key(struct oracle *oracle, const struct spool *spool, uint32_t id)
{
    uint8_t room[ORACLE_KEY_TEXT_MAX];
    struct bytes key = {0};
    enum err err = spool_key(spool, id, &key);
    if (err != OK ||
        !bytes_equal(key, oracle_key_text(oracle, id, oracle->key_attempts[id], room))) {
        wrong(oracle, "key %u is not the one that was named (%s)", id, err_name(err));
    }
}

static void check_keys(struct oracle *oracle, const struct spool *spool, bool whole)
{
    uint32_t count = oracle->base.key_count;
    uint32_t from = whole || count < 8 ? 0 : count - 8;
    for (uint32_t id = from; id < count; id++) {
        check_key(oracle, spool, id);
    }
    if (count > 0) {
        check_key(oracle, spool, sim_below(&oracle->random, count));
    }
}

static void check_now(struct oracle *oracle, const struct spool *spool, const char *when)
{
    struct spool_stat stat;
    const char *name = "";
    spool_stat(spool, &stat);
    if (stat.next_seq != oracle->base.next_seq) {
        wrong(oracle, "%s: next seq is %" PRIu64 ", should be %" PRIu64, when, stat.next_seq,
              oracle->base.next_seq);
    }
    if (spool_key_count(spool) != oracle->base.key_count) {
        wrong(oracle, "%s: %u keys, should be %u", when, spool_key_count(spool),
              oracle->base.key_count);
    }
    if (!same_states(oracle, &oracle->base, spool, &name)) {
        wrong(oracle, "%s: state '%s' is not the last one committed", when, name);
    }
    if (!is_subset(&oracle->base.settled, spool_settled(spool))) {
        wrong(oracle, "%s: a settled row is not settled any more", when);
    }
}

void oracle_answered(struct oracle *oracle, const struct oracle_point *point,
                     const struct spool *spool)
{
    adopt(oracle, point, ENDED_TOLD);
    oracle->try_count = 0;
    check_now(oracle, spool, "after an answered commit");
    struct spool_stat stat;
    spool_stat(spool, &stat);
    oracle->dense_end = stat.dense_end;
}

void oracle_refused(struct oracle *oracle, struct spool *spool)
{
    check_now(oracle, spool, "after a commit that failed");
    struct spool_block block;
    enum err err = spool_read(spool, oracle->base.next_seq, &block);
    if (err != ERR_AGAIN) {
        wrong(oracle, "after a commit that failed: its rows are read (%s)", err_name(err));
    }
}

static void note_ended(struct oracle *oracle, uint64_t from, uint64_t to, bool lost)
{
    if (oracle->taken_count < ORACLE_TAKEN_MAX) {
        oracle->taken[oracle->taken_count++] = (struct oracle_taken){from, to, 0, lost};
    }
}

void oracle_settled(struct oracle *oracle, uint64_t from, uint64_t to)
{
    mark_ended(oracle, from, to, ENDED_BY_DRIVER);
    note_ended(oracle, from, to, false);
}

static void check_loss(struct oracle *oracle, const struct spool *spool,
                       const struct spool_loss *loss)
{
    bool corrupt = loss->how == SETTLED_LOST_CORRUPT;
    if (!corrupt && loss->how != SETTLED_LOST_FULL) {
        wrong(oracle, "a loss of kind %d, which the spool cannot cause", (int)loss->how);
    }
    if (!settled_covers(spool_settled(spool), loss->from, loss->to)) {
        wrong(oracle, "lost rows %" PRIu64 "..%" PRIu64 " are not settled", loss->from, loss->to);
    }
    if (corrupt && oracle->trust == ORACLE_STRICT) {
        wrong(oracle, "rows %" PRIu64 "..%" PRIu64 " are called corrupt on a sound device",
              loss->from, loss->to);
    }
    if (!corrupt && oracle->when_full == SPOOL_REFUSE) {
        wrong(oracle, "rows %" PRIu64 "..%" PRIu64 " were dropped though full means refuse",
              loss->from, loss->to);
    }
    for (uint64_t seq = loss->from; seq <= loss->to && oracle->trust == ORACLE_STRICT; seq++) {
        if (seq > oracle->seq_max || (oracle->ended[seq] & ENDED_TOLD)) {
            wrong(oracle, "row %" PRIu64 " is told as lost twice", seq);
            return;
        }
        if (oracle->ended[seq] & ENDED_DURABLY) {
            wrong(oracle, "row %" PRIu64 " is told as lost, but was delivered", seq);
            return;
        }
    }
    if (!corrupt && (loss->time_first_ms > oracle_time_ms(loss->from) ||
                     loss->time_last_ms < oracle_time_ms(loss->to))) {
        wrong(oracle, "the times of lost rows %" PRIu64 "..%" PRIu64 " do not cover them",
              loss->from, loss->to);
    }
}

void oracle_take_losses(struct oracle *oracle, struct spool *spool, bool after_open)
{
    struct spool_loss loss;
    while (oracle->taken_count < ORACLE_TAKEN_MAX && spool_loss_next(spool, &loss) == OK) {
        check_loss(oracle, spool, &loss);
        sim_counts[loss.how == SETTLED_LOST_CORRUPT ? LOST_BY_ROT : DID_DROP_OLDEST]++;
        sim_counts[FOUND_LOSS_AGAIN] += after_open;
        note_ended(oracle, loss.from, loss.to, true);
    }
}

void oracle_wrote(struct oracle *oracle, enum disk_ring ring, uint32_t slot, uint32_t offset,
                  uint32_t size)
{
    oracle->writes[oracle->write_count++ % ORACLE_WRITES_MAX] =
        (struct oracle_write){oracle->attempt_count - 1, slot, offset, size, ring, false, false};
}

void oracle_rotted(struct oracle *oracle, enum disk_ring ring, uint32_t slot, uint32_t offset)
{
    for (uint32_t i = 0; i < ORACLE_WRITES_MAX && i < oracle->write_count; i++) {
        struct oracle_write *write = &oracle->writes[i];
        if (write->ring != ring || write->slot != slot || offset + 512 <= write->offset ||
            offset >= write->offset + write->size) {
            continue;
        }
        bool is_head = offset < PAGE;
        write->hit_head = write->hit_head || is_head;
        write->hit = write->hit || !is_head;
    }
}

// Both copies of the header of the segment that `of` was written to.
static bool lost_its_head(const struct oracle *oracle, const struct oracle_write *of)
{
    for (uint32_t i = 0; i < ORACLE_WRITES_MAX && i < oracle->write_count; i++) {
        const struct oracle_write *write = &oracle->writes[i];
        if (write->offset == 0 && write->ring == of->ring && write->slot == of->slot &&
            write->attempt <= of->attempt && write->hit && write->hit_head) {
            return true;
        }
    }
    return false;
}

// Was what the attempt wrote hit, or a first commit of a segment since, which carries older rows
// over, or all that names its segment?
static bool was_hit(const struct oracle *oracle, uint32_t attempt)
{
    for (uint32_t i = 0; i < ORACLE_WRITES_MAX && i < oracle->write_count; i++) {
        const struct oracle_write *write = &oracle->writes[i];
        bool carries = write->attempt > attempt && write->offset == 0;
        bool own = write->attempt == attempt;
        if ((write->hit && (own || carries)) || (own && lost_its_head(oracle, write))) {
            return true;
        }
    }
    return false;
}

// Blocks.

// The number of the block that was handed over with just these bytes and this place; 0: none was.
static uint32_t identify(const struct oracle *oracle, const struct spool_block *block)
{
    if (block->payload.size < ORACLE_PAYLOAD_MIN) {
        return 0;
    }
    uint64_t number = get_u64(block->payload.at + 16);
    if (number == 0 || number >= oracle->block_count) {
        return 0;
    }
    const struct oracle_block *known = &oracle->blocks[number];
    // A dense block that the nursery could not keep is young in the main ring.
    bool same = known->first_seq == block->first_seq && known->count == block->count &&
                (known->dense || !block->dense) &&
                block->time_first_ms == oracle_time_ms(known->first_seq) &&
                block->time_last_ms == oracle_time_ms(known->first_seq + known->count - 1) &&
                is_payload(oracle, (uint32_t)number, block->payload);
    return same ? (uint32_t)number : 0;
}

static bool same_point(const struct oracle_point *a, const struct oracle_point *b)
{
    return a->next_seq == b->next_seq && a->key_count == b->key_count &&
           memcmp(a->states, b->states, sizeof a->states) == 0;
}

// A block may be seen where its commit was answered, or where nothing else of it could be seen.
static bool may_be_seen(const struct oracle *oracle, uint32_t attempt)
{
    if (oracle->answered[attempt] || oracle->trust != ORACLE_STRICT) {
        return true;
    }
    for (uint32_t i = 0; i < oracle->try_count; i++) {
        if (oracle->tries[i].attempt == attempt) {
            return same_point(&oracle->tries[i], &oracle->base);
        }
    }
    return false;
}

static void check_block(struct oracle *oracle, const struct spool *spool, uint64_t seq,
                        const struct spool_block *block)
{
    sim_counts[CHECKED_BLOCK]++;
    uint32_t number = identify(oracle, block);
    uint64_t last = block->first_seq + block->count - 1;
    if (number == 0) {
        wrong(oracle, "a block of rows %" PRIu64 "..%" PRIu64 " was read that was never written",
              block->first_seq, last);
        return;
    }
    // Rows that ended may be read from what was given up beside them.
    bool asked = block->first_seq <= seq && !settled_has(spool_settled(spool), seq);
    if (asked && !may_be_seen(oracle, oracle->blocks[number].attempt)) {
        wrong(oracle,
              "asked for row %" PRIu64 ", got rows %" PRIu64 "..%" PRIu64
              " of commit %u, which did not happen",
              seq, block->first_seq, last, oracle->blocks[number].attempt);
    }
    if (last < seq) {
        wrong(oracle, "asked for row %" PRIu64 ", got rows that end before it", seq);
        return;
    }
    uint64_t missing = settled_next(spool_settled(spool), seq);
    if (missing < block->first_seq) {
        wrong(oracle, "row %" PRIu64 " is neither read nor settled: read goes on at %" PRIu64,
              missing, block->first_seq);
    }
    if (last >= oracle->base.next_seq) {
        wrong(oracle, "rows up to %" PRIu64 " were read, but the next one is %" PRIu64, last,
              oracle->base.next_seq);
    }
}

// Returns the last row of the block at or after `seq`; 0 at the end or after a failure.
static uint64_t look(struct oracle *oracle, struct spool *spool, uint64_t seq)
{
    struct spool_block block;
    enum err err = spool_read(spool, seq, &block);
    if (err == OK) {
        check_block(oracle, spool, seq, &block);
        struct spool_stat stat;
        spool_stat(spool, &stat);
        if (!block.dense && seq <= stat.dense_end && block.first_seq <= seq &&
            oracle->trust == ORACLE_STRICT) {
            wrong(oracle, "row %" PRIu64 " lies densely, but its young block was read", seq);
        }
        return oracle->failed[0] == '\0' ? block.first_seq + block.count - 1 : 0;
    }
    uint64_t missing = settled_next(spool_settled(spool), seq);
    if (err == ERR_FULL && oracle->trust != ORACLE_STRICT) {
        return 0; // too many losses to tell at once: they are told when older rows have ended
    }
    if (err != ERR_AGAIN) {
        wrong(oracle, "reading row %" PRIu64 " fails (%s)", seq, err_name(err));
    } else if (missing < oracle->base.next_seq) {
        wrong(oracle,
              "row %" PRIu64 " is neither read nor settled: nothing from %" PRIu64 " on is there",
              missing, seq);
    }
    return 0;
}

void oracle_look(struct oracle *oracle, struct spool *spool, uint64_t seq)
{
    (void)look(oracle, spool, seq);
}

static void walk(struct oracle *oracle, struct spool *spool, uint64_t from, uint32_t blocks_max)
{
    uint64_t seq = settled_next(spool_settled(spool), from);
    for (uint32_t i = 0; i < blocks_max; i++) {
        uint64_t last = look(oracle, spool, seq);
        if (last == 0) {
            return;
        }
        seq = settled_next(spool_settled(spool), last + 1);
    }
}

static void walk_some(struct oracle *oracle, struct spool *spool, bool whole)
{
    if (whole) {
        walk(oracle, spool, 1, UINT32_MAX);
        return;
    }
    uint64_t next = oracle->base.next_seq;
    uint64_t cursor = settled_cursor(spool_settled(spool));
    walk(oracle, spool, 1, 2);
    for (int i = 0; i < 3 && next > cursor + 1; i++) {
        uint32_t ahead = sim_below(&oracle->random, (uint32_t)(next - cursor));
        walk(oracle, spool, cursor + 1 + ahead, 2);
    }
    walk(oracle, spool, next > 8 ? next - 8 : 1, 16);
}

// After opening.

// Every settled row ended because the driver said so or because the spool told of a loss.
static void check_ended(struct oracle *oracle, const struct spool *spool)
{
    const struct settled *settled = spool_settled(spool);
    for (uint32_t i = 0; i < settled->count; i++) {
        uint64_t from = settled->ranges[i].from;
        uint64_t to = settled->ranges[i].to;
        bool first = from == 1;
        if (to >= oracle->base.next_seq) {
            wrong(oracle, "rows up to %" PRIu64 " are settled, but the next one is %" PRIu64, to,
                  oracle->base.next_seq);
            return;
        }
        for (uint64_t seq = first ? oracle->ended_through + 1 : from; seq <= to; seq++) {
            bool told = oracle->ended[seq] != 0;
            for (uint32_t t = 0; t < oracle->taken_count && !told; t++) {
                told = oracle->taken[t].lost && seq >= oracle->taken[t].from &&
                       seq <= oracle->taken[t].to;
            }
            if (!told) {
                wrong(oracle, "row %" PRIu64 " is settled, but nobody said why", seq);
                return;
            }
            if (first && oracle->ended[seq] != 0 && seq == oracle->ended_through + 1) {
                oracle->ended_through = seq;
            }
        }
    }
}

static const struct oracle_point *find_try(const struct oracle *oracle, uint32_t attempt)
{
    for (uint32_t i = 0; i < oracle->try_count; i++) {
        if (oracle->tries[i].attempt == attempt) {
            return &oracle->tries[i];
        }
    }
    return NULL;
}

static bool fits(const struct oracle *oracle, const struct oracle_point *point,
                 const struct spool *spool, uint64_t next_seq)
{
    const char *name;
    return point->next_seq == next_seq && point->key_count == spool_key_count(spool) &&
           same_states(oracle, point, spool, &name) &&
           is_subset(&point->settled, spool_settled(spool));
}

static void wrong_mix(struct oracle *oracle, const struct oracle_point *point,
                      const struct spool *spool, uint64_t next_seq)
{
    const char *name = "";
    bool states = same_states(oracle, point, spool, &name);
    wrong(oracle,
          "after opening: rows of commit %u, but next seq %" PRIu64 " (its: %" PRIu64
          "), keys %u (%u), %s%s%s",
          point->attempt, next_seq, point->next_seq, spool_key_count(spool), point->key_count,
          states ? "" : "state '", states ? "" : name, states ? "" : "' of another");
}

// The newest try that explains all that is not a row; where there are new rows, the one whose rows
// they are.
static const struct oracle_point *explain(struct oracle *oracle, struct spool *spool,
                                          uint64_t next_seq)
{
    if (next_seq > oracle->base.next_seq) {
        struct spool_block block;
        uint64_t first_new = oracle->base.next_seq;
        uint32_t number = 0;
        if (spool_read(spool, first_new, &block) == OK && block.first_seq <= first_new) {
            number = identify(oracle, &block);
        }
        const struct oracle_point *point =
            number == 0 ? NULL : find_try(oracle, oracle->blocks[number].attempt);
        if (point != NULL && !fits(oracle, point, spool, next_seq)) {
            wrong_mix(oracle, point, spool, next_seq);
            return NULL;
        }
        return point;
    }
    for (uint32_t i = oracle->try_count; i > 0; i--) {
        if (fits(oracle, &oracle->tries[i - 1], spool, next_seq)) {
            return &oracle->tries[i - 1];
        }
    }
    return fits(oracle, &oracle->base, spool, next_seq) ? &oracle->base : NULL;
}

static void find_truth(struct oracle *oracle, struct spool *spool, const struct spool_stat *stat)
{
    const struct oracle_point *point = explain(oracle, spool, stat->next_seq);
    if (point == NULL) {
        check_now(oracle, spool, "after opening");
        wrong(oracle, "after opening: no commit that was tried explains rows up to %" PRIu64,
              stat->next_seq - 1);
        return;
    }
    if (point == &oracle->base) {
        sim_counts[FOUND_BASE]++;
        return;
    }
    bool newest = point == &oracle->tries[oracle->try_count - 1];
    sim_counts[newest ? FOUND_UNANSWERED_COMMIT : FOUND_EARLIER_ATTEMPT]++;
    bool truth_moves = !same_point(point, &oracle->base);
    struct oracle_point found = *point;
    // Of tries that say the same but for a dense block, any may be the one that happened.
    for (uint32_t i = 0; i < oracle->try_count; i++) {
        const struct oracle_point *other = &oracle->tries[i];
        oracle->answered[other->attempt] |= same_point(other, &found);
    }
    adopt(oracle, &found, ENDED_TOLD_MAYBE);
    if (truth_moves) {
        oracle->try_count = 0; // they stood on what is not true any more
    }
}

static void check_value(struct oracle *oracle, const struct spool *spool, uint32_t index)
{
    uint8_t room[SPOOL_STATE_VALUE_MAX];
    struct bytes value;
    uint32_t number = 0;
    if (spool_state(spool, oracle_state_name(index), &value) == OK) {
        number = value.size >= 4 ? get_u32(value.at) : 0;
        if (number == 0 || number >= oracle->value_count ||
            !bytes_equal(value, oracle_value(oracle, number, room))) {
            wrong(oracle, "state '%s' is one that was never written", oracle_state_name(index));
        }
    }
    oracle->base.states[index] = number;
}

static void check_tail(struct oracle *oracle, uint64_t next_seq)
{
    if (next_seq >= oracle->base.next_seq || oracle->trust == ORACLE_LIES) {
        return;
    }
    sim_counts[LOST_SILENT_TAIL]++;
    for (uint32_t attempt = oracle->attempt_count - 1; attempt > 0; attempt--) {
        if (!oracle->answered[attempt] || oracle->attempt_next[attempt] == 0) {
            continue;
        }
        if (oracle->attempt_next[attempt] <= next_seq) {
            return;
        }
        if (!was_hit(oracle, attempt)) {
            wrong(oracle, "rows from %" PRIu64 " on are gone in silence, and not by rot", next_seq);
            return;
        }
    }
}

// Where the device broke its promise, the spool's word is the new truth as far as it fits what was
// ever written.
static void find_weak_truth(struct oracle *oracle, struct spool *spool,
                            const struct spool_stat *stat)
{
    if (stat->next_seq > oracle->seq_max + 1) {
        wrong(oracle, "the next seq is %" PRIu64 ", but the last row ever was %" PRIu64,
              stat->next_seq, oracle->seq_max);
        return;
    }
    check_tail(oracle, stat->next_seq);
    for (uint32_t i = oracle->try_count; i > 0; i--) {
        const struct oracle_point *point = &oracle->tries[i - 1];
        oracle->answered[point->attempt] = point->next_seq == stat->next_seq;
    }
    oracle->base.next_seq = stat->next_seq;
    for (uint32_t i = 0; i < ORACLE_NAMES; i++) {
        check_value(oracle, spool, i);
    }
    oracle->base.settled = *spool_settled(spool);
    oracle->try_count = 0;
    for (uint32_t i = 0; i < oracle->taken_count; i++) { // told, perhaps by a commit that is there
        const struct oracle_taken *taken = &oracle->taken[i];
        if (taken->lost && taken->attempt != 0) {
            mark_ended(oracle, taken->from, taken->to, ENDED_TOLD_MAYBE);
        }
    }
    // Names that rot took: the ids after them are named anew.
    uint32_t keys = spool_key_count(spool);
    sim_counts[LOST_KEYS_BY_ROT] += keys < oracle->base.key_count;
    for (uint32_t id = 0; id < keys; id++) {
        uint8_t room[ORACLE_KEY_TEXT_MAX];
        struct bytes key = {0};
        unsigned named = 0;
        unsigned attempt = 0;
        char text[ORACLE_KEY_TEXT_MAX + 1] = "";
        enum err err = spool_key(spool, id, &key);
        if (err == OK && key.size < sizeof text) {
            memcpy(text, key.at, key.size);
        }
        if (strncmp(text, "lost-key-", 9) ==
            0) { // a name whose frame is damaged: its place is kept
            sim_counts[LOST_KEYS_BY_ROT]++;
        } else if (sscanf(text, "key %u of try %u", &named, &attempt) != 2 || named != id ||
                   !bytes_equal(key, oracle_key_text(oracle, id, attempt, room))) {
            wrong(oracle, "key %u is one that was never named", id);
        }
        oracle->key_attempts[id] = attempt;
    }
    oracle->base.key_count = keys;
}

void oracle_recovered(struct oracle *oracle, struct spool *spool, bool whole)
{
    struct spool_stat stat;
    spool_stat(spool, &stat);
    sim_counts[FOUND_TORN_COMMIT] += stat.torn_commits > 0;
    sim_counts[FOUND_DAMAGE] += stat.corrupt_bytes > 0;
    sim_counts[FOUND_REPAIRED] += stat.repaired_segments > 0;
    if (oracle->trust == ORACLE_STRICT) {
        find_truth(oracle, spool, &stat);
        if (stat.dense_end < oracle->dense_end) {
            wrong(oracle, "rows up to %" PRIu64 " lay densely, now up to %" PRIu64,
                  oracle->dense_end, stat.dense_end);
        }
        if (stat.corrupt_bytes > 0) {
            wrong(oracle, "%" PRIu64 " bytes are called corrupt on a sound device",
                  stat.corrupt_bytes);
        }
        check_keys(oracle, spool, whole);
    } else {
        find_weak_truth(oracle, spool, &stat);
    }
    if (oracle->failed[0] != '\0') {
        return;
    }
    oracle->taken_count = 0; // what was taken and not yet told comes again
    oracle_take_losses(oracle, spool, true);
    check_ended(oracle, spool);
    walk_some(oracle, spool, whole);
    oracle_take_losses(oracle, spool, false); // rot is declared where a reader meets it
    check_ended(oracle, spool);
}
