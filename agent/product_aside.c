// What the contract rejects: judged when it is taken, told elsewhere when its turn to be sent
// comes.
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/product_core.h"

#include <assert.h>
#include <stdio.h>

enum {
    ASIDE_WAIT_MS = 10000, // the topic cannot be had for so long: the file beside the spool
};

// ---- taking ----

// The values as they are stored: of the columns' own types, and nothing rejected.
static void copy_values(const struct product *product, const struct record *record,
                        struct value *values)
{
    const struct schema *stored = product->stored;
    for (uint16_t i = 0; i < stored->column_count; i++) {
        const struct column *column = &stored->columns[i];
        if (column->role == ROLE_FIELD) {
            bool fits = aside_value_fits(column, &record->values[column->field]);
            values[column->field] =
                fits ? record->values[column->field] : (struct value){.kind = VALUE_NULL};
        }
    }
    values[schema_rejected_field(stored)] = (struct value){.kind = VALUE_NULL};
}

static void reject(struct product *product, const struct record *record,
                   const struct quality_verdict *verdict, struct value *values, struct aside *aside)
{
    const struct contract_port *port = product->settings->port;
    char reason[QUALITY_SENTENCE_SIZE];
    quality_explain(port->quality, verdict->rule, record, reason);
    aside_write(aside, verdict->action, reason, &port->schema, record);
    if (verdict->action == ACTION_DROP) {
        memset(values, 0, product->stored->field_count * sizeof *values); // all null
    }
    values[schema_rejected_field(product->stored)] =
        (struct value){.kind = VALUE_TEXT, .text = bytes_from(aside->text, aside->size)};
}

void product_judge(struct product *product, struct record *record, struct value *values,
                   struct aside *aside)
{
    static_assert(VALUE_NULL == 0, "all bytes zero is null");
    struct quality_verdict verdict = {.conforms = true};
    copy_values(product, record, values);
    if (product->settings->port->quality != NULL) {
        quality_judge(product->settings->port->quality, record, &verdict);
    }
    if (!verdict.conforms) {
        product->breaking_records++;
        if (verdict.action >= ACTION_DROP) {
            reject(product, record, &verdict, values, aside);
        } else if (verdict.action == ACTION_ANNOTATE && record->quality < QUALITY_BAD) {
            record->quality = QUALITY_BAD;
        }
    }
    record->values = values;
}

// ---- telling ----

// Its topic takes nothing though the broker answers: after a while the file beside the spool must
// do.
static bool waited_long(struct product *product)
{
    int64_t now = clock_boot_ms();
    struct output_stat stat;
    if (product->aside_waits_ms == 0) {
        product->aside_waits_ms = now;
    }
    product->driver->stat(product->output, &stat);
    return stat.link == LINK_UP && now - product->aside_waits_ms > ASIDE_WAIT_MS;
}

enum err product_aside(void *owner, const struct record *record, struct bytes rejected,
                       enum settled_how *how)
{
    struct product *product = owner;
    struct aside_read read;
    if (aside_read(rejected, &read) != OK) {
        return ERR_CORRUPT;
    }
    bool dropped = read.how == SETTLED_DROPPED;
    product->aside_value.size = 0;
    product->aside_value.overflow = false;
    const struct outlet *outlet = product_lane_of(product, record->seq);
    aside_put_json(&read, record, buffer_bytes(&outlet->value), product->gateway,
                   product->settings->name, product->outlet.epoch, &product->aside_value);
    assert(!product->aside_value.overflow); // its room is that of a record and more than the rest
    enum err err = product->driver->tell(
        product->output, dropped ? product->losses_topic : product->quarantine_topic,
        dropped ? bytes_text(product->gateway) : record->key, buffer_bytes(&product->aside_value),
        (uint64_t)product->index << 48 | ASIDE_TOKEN | record->seq);
    if (err == OK) {
        product->aside_waits_ms = 0;
        *how = read.how;
        return OK;
    }
    if (err == ERR_AGAIN && (dropped || !waited_long(product))) {
        return ERR_AGAIN;
    }
    (void)snprintf(product->quarantine_reason, sizeof product->quarantine_reason, "%.*s",
                   (int)read.reason.size, (const char *)read.reason.at);
    product->reason_is_set = true;
    return ERR_LIMIT;
}

void product_aside_ended(void *owner, uint64_t quarantined, uint64_t dropped)
{
    struct product *product = owner;
    product->aside_records += quarantined;
    product->dropped_records += dropped;
    product->out_records -= quarantined + dropped;
}
