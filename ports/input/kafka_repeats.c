// Bit SEQ % KAFKA_REPEATS_WINDOW of a stream says whether SEQ was read, for the seqs from `last`
// back to `last` - KAFKA_REPEATS_WINDOW + 1; where `last` goes on, the bits it passes are cleared.
#include "ports/input/kafka_repeats.h"

#include "agent/number.h"

#include <stdlib.h>

enum { WORDS = KAFKA_REPEATS_WINDOW / 64 };

struct stream {
    uint64_t name; // hash of gateway, epoch and partition; 0: free
    uint64_t last;
    uint64_t used; // when it was used last
    uint64_t bits[WORDS];
};

struct kafka_repeats {
    uint64_t uses;
    uint32_t recent; // the one used last: records of one gateway come together
    struct stream streams[KAFKA_REPEATS_STREAMS_MAX];
};

struct kafka_repeats *kafka_repeats_open(void)
{
    return calloc(1, sizeof(struct kafka_repeats));
}

void kafka_repeats_close(struct kafka_repeats *repeats)
{
    free(repeats);
}

// GATEWAY/EPOCH/SEQ: the hash (FNV-1a) of what stands before the last '/', and the seq. False: it
// is something else.
static bool split(int32_t partition, struct bytes identity, uint64_t *name, uint64_t *seq)
{
    size_t end = identity.size;
    struct number number;
    while (end > 0 && identity.at[end - 1] != '/') {
        end--;
    }
    if (end < 2 ||
        number_parse(bytes_from(identity.at + end, identity.size - end), &number) !=
            NUMBER_INTEGER ||
        number.integer < 1) {
        return false;
    }
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)(uint32_t)partition;
    for (size_t i = 0; i < end; i++) {
        hash = (hash ^ identity.at[i]) * UINT64_C(0x100000001b3);
    }
    *name = hash | 1;
    *seq = (uint64_t)number.integer;
    return true;
}

static struct stream *find(struct kafka_repeats *repeats, uint64_t name)
{
    if (repeats->streams[repeats->recent].name == name) {
        return &repeats->streams[repeats->recent];
    }
    for (uint32_t i = 0; i < KAFKA_REPEATS_STREAMS_MAX; i++) {
        if (repeats->streams[i].name == name) {
            repeats->recent = i;
            return &repeats->streams[i];
        }
    }
    return NULL;
}

static struct stream *find_or_begin(struct kafka_repeats *repeats, uint64_t name)
{
    struct stream *found = find(repeats, name);
    if (found != NULL) {
        return found;
    }
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < KAFKA_REPEATS_STREAMS_MAX; i++) {
        if (repeats->streams[i].used < repeats->streams[oldest].used) {
            oldest = i;
        }
    }
    repeats->streams[oldest] = (struct stream){.name = name};
    repeats->recent = oldest;
    return &repeats->streams[oldest];
}

static uint64_t *word_of(struct stream *stream, uint64_t seq, uint64_t *bit)
{
    *bit = UINT64_C(1) << (seq % 64);
    return &stream->bits[seq % KAFKA_REPEATS_WINDOW / 64];
}

bool kafka_repeats_has(struct kafka_repeats *repeats, int32_t partition, struct bytes identity)
{
    uint64_t name, seq, bit;
    if (!split(partition, identity, &name, &seq)) {
        return false;
    }
    struct stream *stream = find(repeats, name);
    if (stream == NULL || seq > stream->last || stream->last - seq >= KAFKA_REPEATS_WINDOW) {
        return false;
    }
    const uint64_t *word = word_of(stream, seq, &bit);
    return (*word & bit) != 0;
}

void kafka_repeats_add(struct kafka_repeats *repeats, int32_t partition, struct bytes identity)
{
    uint64_t name, seq, bit;
    if (!split(partition, identity, &name, &seq)) {
        return;
    }
    struct stream *stream = find_or_begin(repeats, name);
    stream->used = ++repeats->uses;
    if (seq > stream->last && seq - stream->last >= KAFKA_REPEATS_WINDOW) {
        memset(stream->bits, 0, sizeof stream->bits);
        stream->last = seq;
    }
    for (; stream->last < seq; stream->last++) { // fewer than the window
        uint64_t *word = word_of(stream, stream->last + 1, &bit);
        *word &= ~bit;
    }
    if (stream->last - seq < KAFKA_REPEATS_WINDOW) {
        uint64_t *word = word_of(stream, seq, &bit);
        *word |= bit;
    }
}
