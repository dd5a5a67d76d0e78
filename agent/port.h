// What a port driver is. Drivers are constants, listed in ports/ports.c; the core calls them
// through these structs and knows none of them by name.
//
// Everything here runs on the loop's thread. A driver never blocks: what may block runs in a worker
// of its own. A driver keeps its memory in `state`, taken in `open`.
//
// Floor: flow.
#ifndef WEIR_AGENT_PORT_H
#define WEIR_AGENT_PORT_H

#include "agent/cloud_event.h"
#include "agent/err.h"
#include "agent/join.h"
#include "agent/option.h"
#include "agent/problem.h"
#include "agent/record.h"

// ---- input ----

enum port_state { PORT_OK, PORT_DEGRADED, PORT_DOWN, PORT_DISABLED };

struct input {
    const char *name; // of the port, from weir.yaml
    const struct option_set *options;
    const struct schema *schema; // of its product
    const char *gateway;
    const struct option_set *output_options; // of the output, for inputs that share its cluster
    void *state;                             // the driver's own
    void *core;                              // the core's own; see input_* below
};

struct input_driver {
    const char *name;
    const char *help; // one line
    const struct option *options;

    // Check what the rows cannot say (names of devices, members against the schema). Adds problems;
    // touches no device. May be NULL.
    void (*check)(const struct option_set *options, const struct schema *schema, const char *file,
                  struct problems *problems);

    // Take memory, restore a position, open what can be opened. A device that is not there is no
    // error: say so by input_trouble and try again from `due`. An error stops the agent at start;
    // the sentence was then logged.
    enum err (*open)(struct input *input);

    // A watched descriptor has `events` (EPOLLIN, ...).
    void (*ready)(struct input *input, int fd, uint32_t events);

    // The time asked for by input_due_in has come.
    void (*due)(struct input *input);

    // There was no room, and there is again. May be NULL where the driver polls.
    void (*resume)(struct input *input);

    void (*close)(struct input *input);
};

// Is there room for one more record? A driver asks before each; where not, it saves its position,
// stops reading (back-pressure) or counts what it must throw away, and waits for `resume`.
bool input_room(const struct input *input);

// Hand over one record (seq 0). Copies what it needs. ERR_AGAIN: no room (see above). ERR_INVALID,
// ERR_LIMIT: it breaks the contract or a bound; it was counted and told, go on with the next.
enum err input_record(struct input *input, const struct record *record);

// The position of this input after the records handed over so far, at most 1 KiB. It is committed
// with those records: a restart finds exactly this value or an earlier pair of both.
void input_position(struct input *input, struct bytes position);

// The position that the last run committed; empty at first. In `open` only.
struct bytes input_restored(const struct input *input);

enum err input_watch(struct input *input, int fd, uint32_t events); // add or change; 0: remove
void input_due_in(struct input *input, int64_t delay_ms);           // one timer an input; < 0: none

// Complete this product's records by another product's values (agent/join.h). `input_join` once, in
// `open`; then `input_latest` gives what is known of a key, `values` in the order of its fields.
enum err input_join(struct input *input, const struct join_options *options);
enum err input_latest(struct input *input, struct bytes key, const struct value *values,
                      int64_t time_ms);

// For log, status and heartbeat. `sentence` says what was seen and what would do; repeated ones are
// counted. input_well ends the trouble.
void input_trouble(struct input *input, enum port_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void input_well(struct input *input);
// One record or line that could not be used: counted, and told (rate-limited) with the sentence.
void input_refuse(struct input *input, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// `count` records were due and are gone, because there was no room or no answer, or none in time.
// Counted, and against the product's completeness; the sentence about it is one of input_trouble.
void input_missed(struct input *input, uint64_t count);

// ---- output ----

// One record on its way. All borrowed until `send` returns.
struct message {
    uint32_t product;  // index; also names the topic (see output_topic)
    bool late;         // of its late lane: to `late_topic`
    int32_t partition; // -1: the driver's default for the product's partition rule
    struct bytes key;  // empty: none
    struct bytes value;
    struct bytes identity;                // the `weir` header
    const struct message_header *headers; // beside it
    uint32_t header_count;
    const char *quality;    // the `weir-quality` header: "bad", "uncertain"; NULL: good, none
    struct bytes schema_id; // the `__value_schema_id` header; empty: none
    int64_t time_ms;
    uint64_t seq;
};

enum delivered {
    DELIVERED_OK,
    DELIVERED_AGAIN,   // it did not arrive and was given up by the driver: send it again
    DELIVERED_REFUSED, // the broker will never take this one
};

struct output_topic {
    const char *topic; // data topic
    enum partition_by_rule { RULE_GATEWAY, RULE_KEY } rule;
    // The partitions it had when the epoch began (output_partitions told them); 0: not known. Set
    // before the first `send`. A topic that grows keeps the epoch's records where they were.
    int32_t partition_count;
    const char *late_topic; // of its late lane; NULL where it has none
    int32_t late_partition_count;
    uint64_t epoch; // of the product's spool; set before the first `send` and `serve`
};

enum link_state { LINK_UP, LINK_DOWN, LINK_AUTH_FAIL, LINK_TLS_FAIL, LINK_DNS_FAIL };

struct output_stat {
    enum link_state link;
    char reason[256];     // why not up, or what a topic lacks; "" where all is well
    char refusal[256];    // why the last DELIVERED_REFUSED or ERR_LIMIT was; "" where none was
    char reason_code[32]; // for reasons[] of the heartbeat: "kafka.down", "topic.unknown", ...
    uint64_t wire_bytes;  // sent since start, as the client counts them
    uint64_t received_bytes;
    uint64_t reconnects;
    double rtt_ms; // < 0: not known
    int64_t up_s;
    char cluster_id[64]; // "" where not known yet
};

struct output {
    const struct option_set *options;
    const char *gateway;
    // A record that was delivered is never so again: output and core agree by output_cursor on what
    // was. One product that asks for it decides for all, for they share one producer.
    bool exactly_once;
    const char *domain; // of the first product's contract; names what exactly-once keeps in Kafka
    // A record may wait so long for others to go with it, or a contract's promise of latency is not
    // kept; -1: as the link's profile says.
    int64_t linger_ms;
    uint32_t topic_count;
    const struct output_topic *topics; // by product index
    void *state;
    void *core;
};

struct output_driver {
    const char *name;
    const char *help;
    const struct option *options;
    void (*check)(const struct option_set *options, const char *file, struct problems *problems);
    // Does not wait for a broker. `*fd` becomes readable when `serve` has work.
    enum err (*open)(struct output *output, int *fd);
    // ERR_AGAIN: the window is full; output_room tells when not. ERR_LIMIT: too large for the
    // link's settings, will never go (the sentence is in the stat).
    enum err (*send)(struct output *output, const struct message *message);
    void (*serve)(struct output *output); // calls output_delivered
    void (*stat)(struct output *output, struct output_stat *stat);
    // Does the cluster acknowledge what is sent, as far as is known? NULL: always.
    bool (*answers)(const struct output *output);
    // A companion record: losses. `token` comes back by output_told. ERR_AGAIN as above.
    enum err (*tell)(struct output *output, const char *topic, struct bytes key, struct bytes value,
                     uint64_t token);
    // Wait at most `wait_ms` for what is on its way, serving it; false: some is still out.
    bool (*flush)(struct output *output, int wait_ms);
    void (*close)(struct output *output);
};

// Called by the driver from `serve` and `flush` only.
void output_delivered(struct output *output, uint32_t product, uint64_t seq, enum delivered how);
void output_told(struct output *output, uint64_t token, enum delivered how);

// The product's topic, or its late one, has `count` partitions: remember it for this epoch.
void output_partitions(struct output *output, uint32_t product, bool late, int32_t count);

// With exactly_once: of the product's epoch, the cluster knows everything of the live lane, or of
// the late one, below `next_seq` as delivered. Called before anything of the product is sent by a
// new client, while nothing of it is on its way; until then `send` answers ERR_AGAIN.
void output_cursor(struct output *output, uint32_t product, bool late, uint64_t next_seq);

// ---- the lists, in ports/ports.c; NULL ends them ----
extern const struct input_driver *const input_drivers[];
extern const struct output_driver *const output_drivers[];

const struct input_driver *input_driver_find(const char *name);

#endif
