// A topic that is read for good: from where the last run's position says, else from `since_ms` ago,
// onwards, all partitions, new ones too. Without a group: the position lies in our own spool, in
// the commit of the records that came of it.
//
// What may wait for a broker (which partitions there are, where to begin) runs in a worker of the
// source. Everything else here does not block.
//
// Floor: edges.
#ifndef WEIR_PORTS_INPUT_KAFKA_SOURCE_H
#define WEIR_PORTS_INPUT_KAFKA_SOURCE_H

#include "ports/input/kafka_position.h"
#include "ports/output/kafka_client.h"

struct kafka_source; // opaque

enum { KAFKA_SOURCE_ALL = -1 };

struct kafka_source_options {
    const struct kafka_client *client; // borrowed while the source lives
    const char *topic;                 // borrowed likewise
    int64_t since_ms;                  // KAFKA_SOURCE_ALL: from the first record there is
    struct bytes position;             // of the last run; empty: none
    int64_t look_back; // records of each partition, before that position, that are given again
};

// ERR_INVALID, ERR_VERSION, ERR_FAILED: `why` is the sentence.
enum err kafka_source_open(struct kafka_source **source, const struct kafka_source_options *options,
                           char why[KAFKA_SENTENCE_SIZE]);

// False: a broker did not answer in time; the memory stays with the thread that still waits for it.
bool kafka_source_close(struct kafka_source *source);

// Two descriptors to watch: when one is readable, serve, then take what is next.
void kafka_source_fds(const struct kafka_source *source, int fds[2]);
void kafka_source_serve(struct kafka_source *source);

// Milliseconds until it must be served anyway; 0: at once, there is more.
int64_t kafka_source_due_in_ms(const struct kafka_source *source);

// The next message, or NULL: none is there now. It stays the next one until it was passed.
const rd_kafka_message_t *kafka_source_next(struct kafka_source *source);
void kafka_source_pass(struct kafka_source *source);

// Was the message passed by an earlier run, and is it only looked back at?
bool kafka_source_is_known(const struct kafka_source *source, const rd_kafka_message_t *message);

// After the last message that was passed, as kafka_source_options.position wants it.
size_t kafka_source_position(const struct kafka_source *source, uint8_t out[KAFKA_POSITION_MAX]);

// What is wrong, a sentence; NULL: all is well as far as is known. `*is_down`: nothing can be read.
const char *kafka_source_trouble(const struct kafka_source *source, bool *is_down);

// Records that the topic no longer had when their turn came.
uint64_t kafka_source_missed(const struct kafka_source *source);

#endif
