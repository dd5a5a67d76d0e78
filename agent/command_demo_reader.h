// The demo's consumer: reads the data topic, its losses and the heartbeats, as anyone could, and
// judges what arrived. It knows the agent by its gateway's name only.
//
// Floor: edges.
#ifndef WEIR_AGENT_COMMAND_DEMO_READER_H
#define WEIR_AGENT_COMMAND_DEMO_READER_H

#include "agent/verify.h"
#include "ports/output/kafka_client.h"

enum { DEMO_TOPIC_DATA, DEMO_TOPIC_LOSSES, DEMO_TOPIC_HEARTBEATS, DEMO_TOPIC_COUNT };

// What was seen so far.
struct demo_seen {
    uint64_t records;     // of the data topic, copies counted
    int64_t last_boot_ms; // when the last of them came; 0: none yet
    char last_value[160]; // its value, cut
    uint64_t heartbeats;
    char heartbeat_kind[8]; // of the last one; "" where there was none
    char heartbeat_status[8];
    char heartbeat_reasons[96];
    uint64_t heartbeat_seq;
    bool bye;
    uint64_t told_seq; // the highest last seq that a heartbeat told
};

struct demo_reader; // opaque

// From now on: what the topics held before is not read. `topics` are DEMO_TOPIC_COUNT names.
// NULL: `why` is the sentence.
struct demo_reader *demo_reader_open(const char *bootstrap, const char *gateway,
                                     const char *const *topics, char why[KAFKA_SENTENCE_SIZE]);
void demo_reader_close(struct demo_reader *reader);

// Take what comes within `wait_ms`.
void demo_reader_poll(struct demo_reader *reader, int wait_ms);

const struct demo_seen *demo_reader_seen(const struct demo_reader *reader);

// The sum over all epochs that were seen (there is one unless the spool was made anew).
void demo_reader_judge(const struct demo_reader *reader, struct verify_verdict *verdict);

#endif
