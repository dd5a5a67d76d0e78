// What the gateway tells of itself has its own way to Kafka: a producer beside that of the data, so
// that a backlog never delays it. A heartbeat (or what else) that was not taken within the
// heartbeat's interval is given up, because an old one is no news; the next tells all again.
//
// Floor: edges.
#ifndef WEIR_PORTS_OBSERVABILITY_HEARTBEAT_SENDER_H
#define WEIR_PORTS_OBSERVABILITY_HEARTBEAT_SENDER_H

#include "ports/observability/report_json.h"

// What a heartbeat has told, to be counted from once the broker has it.
struct heartbeat_told {
    uint64_t seq;
    int64_t boot_ms;
    struct report_counters counters;
};

struct heartbeat_sender; // opaque

// `what` (static) names the events of the log: "heartbeat". Waits for no broker. `*fd` becomes
// readable when sender_serve has work; the sender owns it. ERR_INVALID: the settings of `kafka`
// make no client; the sentence was logged.
enum err sender_open(struct heartbeat_sender **sender, const struct settings *settings,
                     const char *topic, const char *what, int *fd);

// Send a document under `key`; both are copied. Where too many are still out, the older ones are
// given up first.
void sender_send(struct heartbeat_sender *sender, struct bytes key, struct bytes document,
                 const struct heartbeat_told *told);

// Take what the client has to say.
void sender_serve(struct heartbeat_sender *sender);

// What the newest heartbeat told that the broker has taken; NULL: none yet.
const struct heartbeat_told *sender_acked(const struct heartbeat_sender *sender);

// Wait at most `wait_ms` for those that are still out.
void sender_drain(struct heartbeat_sender *sender, int wait_ms);

void sender_close(struct heartbeat_sender *sender);

#endif
