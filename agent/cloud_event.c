#include "agent/cloud_event.h"

#include "agent/clock.h"
#include "agent/json_text.h"
#include "agent/percent.h"

#include <assert.h>
#include <stdio.h>

static void add(struct cloud_event *event, uint32_t *count, const char *name, struct bytes value)
{
    assert(*count < CLOUD_EVENT_HEADERS);
    event->headers[(*count)++] = (struct message_header){name, value};
}

// PREFIX A:B, as a text; empty where it does not fit.
static void make_urn(char out[CLOUD_EVENT_URN_SIZE], const char *prefix, const char *a,
                     const char *b)
{
    struct buffer urn = buffer_over(out, CLOUD_EVENT_URN_SIZE);
    buffer_put_text(&urn, prefix);
    percent_put(&urn, a);
    buffer_put_text(&urn, ":");
    percent_put(&urn, b);
    buffer_put_byte(&urn, 0);
    if (urn.overflow) {
        out[0] = '\0';
    }
}

void cloud_event_open(struct cloud_event *event, const struct contract *contract,
                      const struct contract_port *port, const char *gateway, const char *epoch)
{
    uint32_t *count = &event->fixed_count;
    *event = (struct cloud_event){.fixed_count = 0};
    int used = snprintf(event->id, sizeof event->id, "%s/%s/", contract->product_id, epoch);
    assert(used > 0 && (size_t)used + 48 <= sizeof event->id);
    event->id_prefix = (size_t)used;
    make_urn(event->source, "urn:weir:", contract->tenant != NULL ? contract->tenant : "", gateway);
    make_urn(event->schema, "urn:weir:contract:", contract->id, contract->version);
    add(event, count, "ce_specversion", bytes_text("1.0"));
    add(event, count, "ce_source", bytes_text(event->source));
    add(event, count, "ce_type", bytes_text(port->topic));
    add(event, count, "content-type",
        bytes_text(port->format == FORMAT_AVRO ? "application/vnd.apache.avro"
                                               : "application/json"));
    if (event->schema[0] != '\0') {
        add(event, count, "ce_dataschema", bytes_text(event->schema));
    }
}

const struct message_header *cloud_event_put(struct cloud_event *event, struct bytes seq,
                                             struct bytes key, int64_t time_ms, uint32_t *count)
{
    assert(event->id_prefix + seq.size < sizeof event->id);
    memcpy(event->id + event->id_prefix, seq.at, seq.size);
    clock_format(time_ms, event->time);
    *count = event->fixed_count;
    add(event, count, "ce_id", bytes_from(event->id, event->id_prefix + seq.size));
    add(event, count, "ce_time", bytes_text(event->time));
    if (key.size > 0 && json_is_utf8(key)) {
        add(event, count, "ce_subject", key);
    }
    return event->headers;
}
