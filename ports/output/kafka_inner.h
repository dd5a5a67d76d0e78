// The inside of the output `kafka`, for its own files: kafka.c (open, tell how it stands, close),
// kafka_life.c (clients come and go), kafka_send.c and kafka_serve.c.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_INNER_H
#define WEIR_PORTS_OUTPUT_KAFKA_INNER_H

#include "ports/output/kafka.h"
#include "ports/output/kafka_client.h"
#include "ports/output/kafka_link.h"
#include "ports/output/kafka_topic.h"
#include "ports/output/kafka_transaction.h"
#include "ports/output/kafka_window.h"

enum {
    WINDOW_MESSAGES = 10000, // unacknowledged: what a crash can double
    COMPANION_MESSAGES = 64, // losses and rejected records on their way, for each of their topics
    COMPANION_BYTES = 65536,
    COMPANIONS_MAX = 2 * SETTINGS_PRODUCTS_MAX,
    LANES_MAX = 2 * SETTINGS_PRODUCTS_MAX,
    TOPICS_MAX = LANES_MAX + COMPANIONS_MAX,
};

struct kafka {
    struct output *output;
    struct kafka_client settings;
    char client_id[80];
    int64_t stall_ms; // without an acknowledgement, the link is called down
    int64_t still_ms; // and so long, it does not answer for now

    rd_kafka_t *client; // NULL between two
    rd_kafka_queue_t *queue;
    bool failed; // the client is of no more use
    int64_t revive_due_ms;
    int64_t revive_ms;
    struct kafka_courier courier;
    struct kafka_transaction transaction;

    int epoll_fd, event_fd, timer_fd;
    int64_t timer_ms; // what the timer is set to, in boot time

    struct kafka_window *window;
    // The products' topics, then the late ones of those that have one, then the companions.
    struct kafka_topic topics[TOPICS_MAX];
    uint32_t topic_count;
    uint32_t lane_count; // without the companions
    uint32_t product_count;
    uint32_t product_of[LANES_MAX];
    uint32_t late_at[SETTINGS_PRODUCTS_MAX]; // the place of its late topic; 0: it has none
    struct kafka_link link;
    int64_t moved_ms; // the last send into an empty window, or the last report
    char cluster_id[64];
};

// ---- kafka_life.c ----

// Bytes that may be on their way, of all products.
uint32_t kafka_window_bytes(const struct kafka *kafka);
enum err kafka_client_make(struct kafka *kafka);
// The courier destroys it (K2).
void kafka_client_end(struct kafka *kafka);
// Replace a client that failed, when it is time.
void kafka_client_renew(struct kafka *kafka, int64_t now_ms);

// ---- kafka_send.c ----

enum err kafka_send(struct output *output, const struct message *message);
enum err kafka_tell(struct output *output, const char *topic, struct bytes key, struct bytes value,
                    uint64_t token);

// ---- kafka_serve.c ----

void kafka_serve(struct output *output);
bool kafka_flush(struct output *output, int wait_ms);
void kafka_wake(const struct kafka *kafka); // `serve` has work
void kafka_timer_set(struct kafka *kafka);  // to what is due next
// True: there may be more.
bool kafka_serve_events(struct kafka *kafka);
// All that is in the window leaves it, in order of sending (K1).
void kafka_window_end(struct kafka *kafka, bool delivered);

#endif
