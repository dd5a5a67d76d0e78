#include "agent/verify.h"

#include "agent/sequence_set.h"

#include <cjson/cJSON.h>

#include <assert.h>
#include <stdlib.h>

// ---- a map from a hash to a number ----

// Open addressing; at most half full. The hash stands for what was hashed: at the million entries
// of the bound, two of them meet with a probability of 3e-8.
struct map {
    struct map_entry {
        uint64_t hash; // 0: free
        uint64_t value;
    } * entries; // owned
    size_t size; // a power of two, or 0
    size_t count;
};

static uint64_t hash_begin(void)
{
    return UINT64_C(0xcbf29ce484222325);
}

static uint64_t hash_more(uint64_t hash, struct bytes bytes) // FNV-1a
{
    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t hash_end(uint64_t hash) // the finisher of MurmurHash3; never 0
{
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    return hash == 0 ? 1 : hash;
}

static struct map_entry *map_slot(const struct map *map, uint64_t hash)
{
    size_t at = (size_t)hash & (map->size - 1);
    while (map->entries[at].hash != 0 && map->entries[at].hash != hash) {
        at = (at + 1) & (map->size - 1); // ends: the map is at most half full
    }
    return &map->entries[at];
}

static enum err map_grow(struct map *map)
{
    struct map bigger = {.size = map->size == 0 ? 256 : map->size * 2, .count = map->count};
    bigger.entries = calloc(bigger.size, sizeof *bigger.entries);
    if (bigger.entries == NULL) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < map->size; i++) {
        if (map->entries[i].hash != 0) {
            *map_slot(&bigger, map->entries[i].hash) = map->entries[i];
        }
    }
    free(map->entries);
    *map = bigger;
    return OK;
}

// The value of `hash`, 0 where it is new. NULL: it is new and the map holds `limit` already.
static uint64_t *map_value(struct map *map, uint64_t hash, size_t limit)
{
    if (map->size < 2 * (map->count + 1) && map_grow(map) != OK) {
        return NULL;
    }
    struct map_entry *entry = map_slot(map, hash);
    if (entry->hash == 0) {
        if (map->count >= limit) {
            return NULL;
        }
        *entry = (struct map_entry){.hash = hash};
        map->count++;
    }
    return &entry->value;
}

// ---- streams ----

struct declaration {
    uint64_t from, to;
    uint64_t count;
    enum verify_cause cause;
};

struct stream {
    char gateway[VERIFY_NAME_MAX + 1];
    uint64_t epoch;
    struct sequence_set delivered;
    uint64_t duplicated;
    uint64_t out_of_order;
    struct declaration *declarations; // owned
    size_t declaration_count;
    size_t declaration_room;
};

struct verify {
    struct stream *streams; // VERIFY_STREAMS_MAX of them, touched as they come; owned
    size_t stream_count;
    size_t recent;
    struct map by_name; // hash of (gateway, epoch) -> index + 1
    struct map by_key;  // hash of (stream, lane, key) -> last seq
    uint64_t unwatched;
    size_t declaration_count;
    bool front_is_open;
};

struct verify *verify_open(void)
{
    struct verify *verify = calloc(1, sizeof *verify);
    if (verify == NULL) {
        return NULL;
    }
    verify->streams = calloc(VERIFY_STREAMS_MAX, sizeof *verify->streams);
    if (verify->streams == NULL) {
        free(verify);
        return NULL;
    }
    return verify;
}

void verify_close(struct verify *verify)
{
    for (size_t i = 0; i < verify->stream_count; i++) {
        sequence_set_free(&verify->streams[i].delivered);
        free(verify->streams[i].declarations);
    }
    free(verify->streams);
    free(verify->by_name.entries);
    free(verify->by_key.entries);
    free(verify);
}

void verify_front_is_open(struct verify *verify)
{
    verify->front_is_open = true;
}

static bool stream_is(const struct stream *stream, struct bytes gateway, uint64_t epoch)
{
    return stream->epoch == epoch && bytes_equal(bytes_text(stream->gateway), gateway);
}

static struct stream *stream_of(struct verify *verify, struct bytes gateway, uint64_t epoch)
{
    assert(gateway.size <= VERIFY_NAME_MAX);
    struct stream *recent = &verify->streams[verify->recent];
    if (verify->stream_count > 0 && stream_is(recent, gateway, epoch)) {
        return recent;
    }
    uint8_t number[8];
    put_u64(number, epoch);
    uint64_t hash = hash_more(hash_more(hash_begin(), gateway), bytes_from(number, sizeof number));
    uint64_t *index = map_value(&verify->by_name, hash_end(hash), VERIFY_STREAMS_MAX);
    if (index == NULL) {
        return NULL;
    }
    if (*index == 0) {
        struct stream *stream = &verify->streams[verify->stream_count++];
        memcpy(stream->gateway, gateway.at, gateway.size);
        stream->epoch = epoch;
        *index = verify->stream_count;
    }
    verify->recent = (size_t)*index - 1;
    return &verify->streams[verify->recent];
}

static void order_judge(struct verify *verify, struct stream *stream, struct bytes key, bool late,
                        uint64_t seq)
{
    uint8_t number[8];
    put_u64(number, (uint64_t)(stream - verify->streams) * 2 + (late ? 1 : 0));
    uint64_t hash = hash_more(hash_more(hash_begin(), bytes_from(number, sizeof number)), key);
    uint64_t *last = map_value(&verify->by_key, hash_end(hash), VERIFY_KEYS_MAX);
    if (last == NULL) {
        verify->unwatched++;
    } else if (seq < *last) {
        stream->out_of_order++;
    } else {
        *last = seq;
    }
}

enum err verify_record(struct verify *verify, const struct verify_identity *identity,
                       struct bytes key, bool late)
{
    struct stream *stream = stream_of(verify, identity->gateway, identity->epoch);
    if (stream == NULL) {
        return ERR_FULL;
    }
    uint64_t first_new = 0;
    for (uint64_t seq = identity->seq; seq <= identity->last_seq; seq++) {
        bool was_in;
        enum err err = sequence_set_add(&stream->delivered, seq, &was_in);
        if (err != OK) {
            return err;
        }
        stream->duplicated += was_in ? 1 : 0;
        first_new = first_new == 0 && !was_in ? seq : first_new;
    }
    if (first_new != 0) {
        order_judge(verify, stream, key, late, first_new);
    }
    return OK;
}

enum err verify_declare(struct verify *verify, const struct verify_loss *loss)
{
    struct stream *stream = stream_of(verify, bytes_text(loss->gateway), loss->epoch);
    if (stream == NULL || verify->declaration_count >= VERIFY_LOSSES_MAX) {
        return ERR_FULL;
    }
    if (stream->declaration_count == stream->declaration_room) {
        size_t room = stream->declaration_room == 0 ? 16 : stream->declaration_room * 2;
        struct declaration *more = realloc(stream->declarations, room * sizeof *more);
        if (more == NULL) {
            return ERR_FULL;
        }
        stream->declarations = more;
        stream->declaration_room = room;
    }
    stream->declarations[stream->declaration_count++] = (struct declaration){
        .from = loss->from, .to = loss->to, .count = loss->count, .cause = loss->cause};
    verify->declaration_count++;
    return OK;
}

// ---- the verdict ----

static int declaration_order(const void *a, const void *b)
{
    const struct declaration *left = a;
    const struct declaration *right = b;
    if (left->from != right->from) {
        return left->from < right->from ? -1 : 1;
    }
    return (left->to > right->to) - (left->to < right->to);
}

static void verdict_missing(struct verify_verdict *verdict, uint64_t first, uint64_t last)
{
    verdict->missing += last - first + 1;
    if (verdict->hole_count < VERIFY_HOLES_MAX) {
        verdict->holes[verdict->hole_count].first = first;
        verdict->holes[verdict->hole_count].last = last;
        verdict->hole_count++;
    }
}

// A stream is judged from its first seq to its last, in one sweep.
struct judgement {
    const struct stream *stream;
    size_t promise; // no later hole lies in a promise before this declaration
    struct verify_verdict *verdict;
};

// What was promised of first..last is late, and the rest is missing.
static void judge_hole(struct judgement *judgement, uint64_t first, uint64_t last)
{
    const struct stream *stream = judgement->stream;
    struct verify_verdict *verdict = judgement->verdict;
    uint64_t next = first;
    for (size_t i = judgement->promise; i < stream->declaration_count && next <= last; i++) {
        const struct declaration *promise = &stream->declarations[i];
        if (promise->cause != CAUSE_LATE || promise->to < next) {
            judgement->promise = i == judgement->promise ? i + 1 : judgement->promise;
            continue;
        }
        if (promise->from > last) {
            break;
        }
        if (promise->from > next) {
            verdict_missing(verdict, next, promise->from - 1);
            next = promise->from;
        }
        uint64_t end = promise->to < last ? promise->to : last;
        verdict->late += end - next + 1;
        next = end + 1;
    }
    if (next <= last) {
        verdict_missing(verdict, next, last);
    }
}

// What lies in first..last is declared lost by nobody: what of it did not arrive is a hole.
static void judge_undeclared(struct judgement *judgement, uint64_t first, uint64_t last)
{
    const struct stream *stream = judgement->stream;
    uint64_t hole = first;
    while (hole <= last) { // each turn passes at least one hole
        hole = sequence_set_next_out(&stream->delivered, hole);
        if (hole > last) {
            return;
        }
        uint64_t end = sequence_set_next_in(&stream->delivered, hole);
        uint64_t hole_last = end > last ? last : end - 1;
        judge_hole(judgement, hole, hole_last);
        if (hole_last == last) {
            return;
        }
        hole = end;
    }
}

// Where the front is open, the stream begins with the first seq that is heard of.
static void judge_range(const struct stream *stream, bool front_is_open,
                        struct verify_verdict *verdict)
{
    uint64_t first = stream->delivered.count > 0 ? stream->delivered.first : UINT64_MAX;
    verdict->last = stream->delivered.last;
    for (size_t i = 0; i < stream->declaration_count; i++) {
        const struct declaration *declaration = &stream->declarations[i];
        if (declaration->cause == CAUSE_THINNED) {
            continue;
        }
        if (stream->delivered.count == 0 && declaration->from < first) {
            first = declaration->from;
        }
        verdict->last = declaration->to > verdict->last ? declaration->to : verdict->last;
    }
    verdict->first = front_is_open ? first : 1;
}

// By ascending `from`. One that was told again, grown since, counts once.
static uint64_t judge_thinned(const struct stream *stream)
{
    uint64_t sum = 0;
    uint64_t end = 0;
    uint64_t count = 0; // of the run that ends there
    for (size_t i = 0; i < stream->declaration_count; i++) {
        const struct declaration *declaration = &stream->declarations[i];
        if (declaration->cause != CAUSE_THINNED) {
            continue;
        }
        bool again = declaration->from <= end;
        sum += again ? 0 : count;
        count = !again || declaration->count > count ? declaration->count : count;
        end = declaration->to > end ? declaration->to : end;
    }
    return sum + count;
}

void verify_judge(struct verify *verify, size_t index, struct verify_verdict *verdict)
{
    assert(index < verify->stream_count);
    struct stream *stream = &verify->streams[index];
    *verdict = (struct verify_verdict){.epoch = stream->epoch,
                                       .delivered = stream->delivered.count,
                                       .duplicated = stream->duplicated,
                                       .out_of_order = stream->out_of_order};
    memcpy(verdict->gateway, stream->gateway, sizeof verdict->gateway);
    judge_range(stream, verify->front_is_open, verdict);
    if (stream->declaration_count > 0) {
        qsort(stream->declarations, stream->declaration_count, sizeof *stream->declarations,
              declaration_order);
    }
    verdict->declared[CAUSE_THINNED] = judge_thinned(stream);
    struct judgement judgement = {.stream = stream, .verdict = verdict};
    uint64_t next = verdict->first; // everything before it is judged
    for (size_t i = 0; i < stream->declaration_count; i++) {
        const struct declaration *declaration = &stream->declarations[i];
        if (declaration->cause == CAUSE_THINNED || declaration->cause == CAUSE_LATE ||
            declaration->to < next) {
            continue; // it ends no seq; or told before, or before the front
        }
        uint64_t from = declaration->from > next ? declaration->from : next;
        if (from > next) {
            judge_undeclared(&judgement, next, from - 1);
        }
        uint64_t arrived = sequence_set_count_between(&stream->delivered, from, declaration->to);
        verdict->contradicted += arrived;
        verdict->declared[declaration->cause] += declaration->to - from + 1 - arrived;
        next = declaration->to + 1; // no overflow: a seq of a declaration is at most 2^53
    }
    if (next <= verdict->last) {
        judge_undeclared(&judgement, next, verdict->last);
    }
}

size_t verify_stream_count(const struct verify *verify)
{
    return verify->stream_count;
}

uint64_t verify_keys_unwatched(const struct verify *verify)
{
    return verify->unwatched;
}

uint64_t verify_verdict_lost(const struct verify_verdict *verdict)
{
    uint64_t lost = 0;
    for (size_t cause = 0; cause < CAUSE_COUNT; cause++) {
        bool kept = cause == CAUSE_QUARANTINED || cause == CAUSE_DROPPED || cause == CAUSE_THINNED;
        lost += kept ? 0 : verdict->declared[cause];
    }
    return lost;
}

bool verify_verdict_is_well(const struct verify_verdict *verdict)
{
    return verdict->missing == 0 && verdict->duplicated == 0 && verdict->out_of_order == 0;
}

// ---- the forms on the wire ----

static bool name_is_good(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.at[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-';
        if (!good) {
            return false;
        }
    }
    return name.size > 0 && name.size <= VERIFY_NAME_MAX;
}

static enum err epoch_read(struct bytes text, uint64_t *epoch)
{
    uint64_t value = 0;
    if (text.size != 16) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.at[i];
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return ERR_INVALID;
        }
    }
    *epoch = value;
    return OK;
}

static enum err seq_read(struct bytes text, uint64_t *seq)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 19 || text.at[0] == '0') { // 19 digits fit 64 bits
        return ERR_INVALID;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return ERR_INVALID;
        }
        value = value * 10 + (uint64_t)(text.at[i] - '0');
    }
    *seq = value;
    return OK;
}

enum err verify_identity_read(struct bytes header, struct verify_identity *identity)
{
    const uint8_t *slash = header.size == 0 ? NULL : memchr(header.at, '/', header.size);
    if (slash == NULL) {
        return ERR_INVALID;
    }
    size_t name_size = (size_t)(slash - header.at);
    size_t rest = header.size - name_size - 1;
    identity->gateway = bytes_from(header.at, name_size);
    if (!name_is_good(identity->gateway) || rest < 18 || slash[17] != '/') {
        return ERR_INVALID;
    }
    if (epoch_read(bytes_from(slash + 1, 16), &identity->epoch) != OK) {
        return ERR_INVALID;
    }
    struct bytes seqs = bytes_from(slash + 18, rest - 17);
    const uint8_t *dash = memchr(seqs.at, '-', seqs.size);
    if (dash == NULL) {
        enum err err = seq_read(seqs, &identity->seq);
        identity->last_seq = identity->seq;
        return err;
    }
    size_t first_size = (size_t)(dash - seqs.at);
    bool good =
        seq_read(bytes_from(seqs.at, first_size), &identity->seq) == OK &&
        seq_read(bytes_from(dash + 1, seqs.size - first_size - 1), &identity->last_seq) == OK &&
        identity->seq <= identity->last_seq &&
        identity->last_seq - identity->seq < VERIFY_BLOCK_MAX;
    return good ? OK : ERR_INVALID;
}

static const char *const cause_names[CAUSE_COUNT] = {
    [CAUSE_FULL] = "full",
    [CAUSE_EXPIRED] = "expired",
    [CAUSE_CORRUPT] = "corrupt",
    [CAUSE_REFUSED] = "refused",
    [CAUSE_QUARANTINED] = "quarantined",
    [CAUSE_DROPPED] = "dropped",
    [CAUSE_THINNED] = "thinned",
    [CAUSE_OTHER] = "other",
};

const char *verify_cause_name(enum verify_cause cause)
{
    assert(cause < CAUSE_COUNT);
    return cause_names[cause];
}

static enum err name_member(const cJSON *object, const char *name, char out[VERIFY_NAME_MAX + 1])
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    if (text == NULL || !name_is_good(bytes_text(text))) {
        return ERR_INVALID;
    }
    memcpy(out, text, strlen(text) + 1); // name_is_good: at most VERIFY_NAME_MAX
    return OK;
}

static enum err seq_member(const cJSON *object, const char *name, uint64_t *seq)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(item)) {
        return ERR_INVALID;
    }
    double value = item->valuedouble;
    if (!(value >= 1 && value <= 9007199254740992.0) || value != (double)(uint64_t)value) {
        return ERR_INVALID; // JSON's integers end at 2^53
    }
    *seq = (uint64_t)value;
    return OK;
}

static enum err loss_members(const cJSON *object, struct verify_loss *loss)
{
    const char *epoch = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "epoch"));
    const char *cause = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "cause"));
    if (epoch == NULL || cause == NULL || epoch_read(bytes_text(epoch), &loss->epoch) != OK ||
        name_member(object, "gateway", loss->gateway) != OK ||
        name_member(object, "product", loss->product) != OK ||
        seq_member(object, "from_seq", &loss->from) != OK ||
        seq_member(object, "to_seq", &loss->to) != OK || loss->from > loss->to) {
        return ERR_INVALID;
    }
    if (seq_member(object, "count", &loss->count) != OK) {
        loss->count = loss->to - loss->from + 1;
    }
    loss->cause = strcmp(cause, "late") == 0 ? CAUSE_LATE : CAUSE_OTHER;
    for (size_t i = 0; i < CAUSE_OTHER; i++) {
        if (strcmp(cause, cause_names[i]) == 0) {
            loss->cause = (enum verify_cause)i;
        }
    }
    return OK;
}

enum err verify_loss_read(struct bytes value, struct verify_loss *loss)
{
    if (value.size == 0) {
        return ERR_INVALID;
    }
    cJSON *object = cJSON_ParseWithLength((const char *)value.at, value.size);
    if (object == NULL) {
        return ERR_INVALID;
    }
    enum err err = cJSON_IsObject(object) ? loss_members(object, loss) : ERR_INVALID;
    cJSON_Delete(object);
    return err;
}
