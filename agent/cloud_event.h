// A record as a CloudEvent (CloudEvents 1.0.2, Kafka protocol binding, binary mode): its attributes
// as headers of the Kafka record; the value is the event's data.
//
//     ce_specversion  1.0
//     ce_id           PRODUCT ID/EPOCH/SEQ; of blocks SEQ is FIRST-LAST
//     ce_source       urn:weir:TENANT:GATEWAY; with ce_id it names the record
//     ce_type         the topic of the contract, DOMAIN.PRODUCT.PORT.vMAJOR
//     ce_time         when it was observed, RFC 3339, UTC, ms
//     ce_subject      its key; left out where it has none, or one that is not UTF-8
//     ce_dataschema   urn:weir:contract:ID:VERSION
//     content-type    application/json, or application/vnd.apache.avro behind the registry's id
//
// Parts of a URN are percent-encoded. TENANT is empty where there is none.
//
// Floor: forms.
#ifndef WEIR_AGENT_CLOUD_EVENT_H
#define WEIR_AGENT_CLOUD_EVENT_H

#include "agent/contract.h"

enum {
    CLOUD_EVENT_HEADERS = 8,
    CLOUD_EVENT_ID_SIZE = UUID_TEXT_SIZE + 17 + 48,
    CLOUD_EVENT_URN_SIZE = 512, // an id of a contract that does not fit is left out
    CLOUD_EVENT_TIME_SIZE = 32,
};

struct message_header {
    const char *name;
    struct bytes value; // borrowed
};

struct cloud_event {
    struct message_header headers[CLOUD_EVENT_HEADERS]; // those of one record come last
    uint32_t fixed_count;                               // of all records
    size_t id_prefix;                                   // bytes of "PRODUCT/EPOCH/"
    char id[CLOUD_EVENT_ID_SIZE];
    char source[CLOUD_EVENT_URN_SIZE];
    char schema[CLOUD_EVENT_URN_SIZE];
    char time[CLOUD_EVENT_TIME_SIZE];
};

// What all records of `port` have in common. Texts of contract and port are borrowed; `event` must
// stay where it is.
void cloud_event_open(struct cloud_event *event, const struct contract *contract,
                      const struct contract_port *port, const char *gateway, const char *epoch);

// The headers of one record; valid until the next. `seq` is its seq as text (at most 47 bytes).
const struct message_header *cloud_event_put(struct cloud_event *event, struct bytes seq,
                                             struct bytes key, int64_t time_ms, uint32_t *count);

#endif
