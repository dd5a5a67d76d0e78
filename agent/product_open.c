#include "agent/avro_schema.h"
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/product_core.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    QUARANTINE_BYTES_MAX = 4 * 1024 * 1024,
    ASIDE_BYTES = OUTLET_VALUE_MAX + 8192, // a record, its reason, its misfits
};

static char *joined(const char *a, const char *b)
{
    size_t size = strlen(a) + strlen(b) + 1;
    char *text = malloc(size);
    if (text != NULL) {
        (void)snprintf(text, size, "%s%s", a, b);
    }
    return text;
}

static enum err take_memory(struct product *product, const char *directory)
{
    product->series = series_open();
    product->builder = block_builder_open();
    product->commit = calloc(1, sizeof *product->commit);
    product->losses_topic = joined(product->settings->port->topic, ".losses");
    product->quarantine_topic = joined(product->settings->port->topic, ".quarantine");
    product->stored = malloc(sizeof *product->stored);
    if (product->stored != NULL) {
        schema_add_rejected(product->stored, &product->settings->port->schema);
    }
    product->quarantine_path = directory != NULL ? joined(directory, "/quarantine.jsonl") : NULL;
    product->quarantine.line =
        buffer_over(malloc(OUTLET_VALUE_MAX + 4096), OUTLET_VALUE_MAX + 4096);
    product->aside_value = buffer_over(malloc(ASIDE_BYTES), ASIDE_BYTES);
    for (int i = 0; i < 2; i++) {
        product->stages[i].bytes = buffer_over(malloc(STAGE_BYTES), STAGE_BYTES);
        if (product->stages[i].bytes.at == NULL) {
            return ERR_FAILED;
        }
    }
    bool thins = product->settings->thin;
    product->thin = thins ? thin_open(product->stored) : NULL;
    product->thin_states = thins ? calloc(1, sizeof *product->thin_states) : NULL;
    bool thin = !thins || (product->thin != NULL && product->thin_states != NULL);
    bool all = thin && product->series != NULL && product->builder != NULL &&
               product->commit != NULL && product->losses_topic != NULL &&
               product->quarantine_topic != NULL && product->aside_value.at != NULL &&
               product->stored != NULL && (directory == NULL || product->quarantine_path != NULL) &&
               product->quarantine.line.at != NULL;
    return all ? OK : ERR_FAILED;
}

static void set_up_jobs(struct product *product)
{
    product->commit->job =
        (struct job){.work = store_commit_work, .done = product_commit_done, .name = "commit"};
    product->commit->owner = product;
    product->commit->spool = product->spool;
    product->quarantine.job = (struct job){
        .work = store_quarantine_work, .done = product_quarantine_done, .name = "quarantine"};
    product->quarantine.owner = product;
    product->quarantine.path = product->quarantine_path;
    product->quarantine.limit_bytes = QUARANTINE_BYTES_MAX;
}

static enum err restore_series(struct product *product)
{
    uint32_t count = spool_key_count(product->spool);
    for (uint32_t id = 0; id < count; id++) {
        struct bytes key;
        uint32_t given;
        bool added;
        if (spool_key(product->spool, id, &key) != OK ||
            series_id(product->series, key, &given, &added) != OK || given != id) {
            log_error("spool.series", "product=%s id=%u: the table of keys is damaged",
                      product->settings->name, id);
            return ERR_CORRUPT;
        }
    }
    product->keys_given = count;
    return OK;
}

static enum err restore_schemas(struct product *product)
{
    bool drained = product->stat.cursor + 1 == product->stat.next_seq;
    enum err err =
        schemas_open(&product->schemas, product->stored, drained, &product->states, product->spool);
    if (err == ERR_FULL) {
        log_error("contract.changed",
                  "product=%s: records of four other versions of the contract wait in the spool; "
                  "start with one of them until they are delivered",
                  product->settings->name);
    } else if (err == ERR_LIMIT) {
        log_error("contract.large",
                  "product=%s: the columns' names are too long to be kept beside the records; use "
                  "fewer or shorter ones",
                  product->settings->name);
    }
    return err;
}

static enum err restore_marks(struct product *product)
{
    enum err err = schema_marks_open(&product->marks, product->settings->contract,
                                     product->settings->port, product->schema_source,
                                     &product->schemas, &product->states, product->spool);
    if (err == ERR_LIMIT) {
        log_error("contract.large",
                  "product=%s: its Avro schema is over %d bytes; use fewer or "
                  "shorter names",
                  product->settings->name, AVRO_SCHEMA_BYTES_MAX);
    }
    return err;
}

static void restore_losses(struct product *product)
{
    struct bytes totals = states_get(&product->states, product->spool, "totals");
    if (totals.size >= 16) {
        product->lost_records = get_u64(totals.at);
        product->quarantined_records = get_u64(totals.at + 8);
    }
    if (totals.size >= 32) {
        product->expired_records = get_u64(totals.at + 16);
        product->thinned_records = get_u64(totals.at + 24);
    }
    product->losses.name = "untold";
    losses_restore(&product->losses, &product->states, product->spool);
    product->block_losses.name = "untold.blocks";
    losses_restore(&product->block_losses, &product->states, product->spool);
    struct spool_loss loss;
    while (spool_loss_next(product->spool, &loss) == OK) {
        product_lost_on_disk(product, &loss);
    }
}

static void restore_expiry(struct product *product)
{
    uint64_t cursor = settled_cursor(&product->settled);
    product->doubt_end = product->output->exactly_once ? cursor + OUTLET_WINDOW : 0;
    expiry_restore(&product->expiry, product->settings->keep_ms, product->boot_id, cursor + 1,
                   product->next_seq, product_now(), &product->states, product->spool);
}

// A row of a block waits for company half the time that is promised, less what the commit takes;
// the other half is the link's. Without a promise each commit leaves at once.
static int64_t hold_ms(const struct product_settings *settings)
{
    if (settings->port->layout == LAYOUT_RECORDS) {
        return -1;
    }
    int64_t hold_ms = settings->contract->latency_ms / 2 - settings->commit_ms;
    return hold_ms > 0 ? hold_ms : 0;
}

enum err product_outlet_open(struct product *product, struct outlet *outlet, uint64_t cursor)
{
    outlet->owner = (struct outlet_owner){.settle = product_settle,
                                          .refused = product_refused,
                                          .aside = product_aside,
                                          .aside_ended = product_aside_ended,
                                          .corrupt = product_corrupt,
                                          .losses_go = product_losses_go,
                                          .losses_went = product_losses_went,
                                          .owner = product};
    outlet->driver = product->driver;
    outlet->output = product->output;
    outlet->product = product->index;
    outlet->gateway = product->gateway;
    outlet->spool = product->spool;
    outlet->store = product->store;
    outlet->format = product->settings->port->format;
    outlet->schemas = &product->schemas;
    outlet->marks = &product->marks;
    outlet->series = product->series;
    outlet->boots = &product->boots;
    enum err err = outlet_open(outlet, product->stat.epoch, cursor, hold_ms(product->settings));
    if (err != OK || product->settings->port->headers == HEADERS_MIN) {
        return err;
    }
    outlet->event = malloc(sizeof *outlet->event);
    if (outlet->event == NULL) {
        return ERR_FAILED;
    }
    cloud_event_open(outlet->event, product->settings->contract, product->settings->port,
                     product->gateway, outlet->epoch);
    return OK;
}

// ---- rows that only young blocks hold go back into the builder ----

static enum err add_rows(struct product *product, const struct spool_block *block,
                         const struct schema *schema, uint64_t from_seq)
{
    struct block_reader *reader = product->outlet.reader;
    const struct block_info *info = block_reader_info(reader);
    const uint8_t *boot_id = info->clock == RECORD_CLOCK_BOOT ? info->boot_id : NULL;
    struct block_builder *builder = product->builder;
    for (uint64_t seq = from_seq; seq < block->first_seq + block->count; seq++) {
        struct block_row row;
        block_row(reader, (uint32_t)(seq - block->first_seq), &row);
        bool fits = block_row_count(builder) > 0 && product->restored_schema == schema->id &&
                    block_clock(builder) == info->clock &&
                    block_first_seq(builder) + block_row_count(builder) == seq &&
                    (boot_id == NULL || memcmp(product->restored_boot, boot_id, 16) == 0);
        enum err err =
            fits ? block_add(builder, row.key_id, row.time_ms, row.quality, row.values) : ERR_FULL;
        if (err == ERR_FULL) {
            if (!product_has_room(product)) {
                product_commit_now(product);
                (void)product_turn(product, 0);
            }
            product_begin_block(product, schema, seq, info->clock, boot_id);
            product->restored_schema = schema->id;
            if (boot_id != NULL) {
                memcpy(product->restored_boot, boot_id, 16);
            }
            err = block_add(builder, row.key_id, row.time_ms, row.quality, row.values);
        }
        if (err != OK) {
            return err;
        }
        product->rows_given = block_row_count(builder);
    }
    return OK;
}

static void restore_rows(struct product *product)
{
    uint64_t seq = product->stat.dense_end + 1;
    while (seq < product->stat.next_seq) {
        struct spool_block block;
        if (spool_read(product->spool, seq, &block) != OK) {
            break; // told as a loss by the spool, or found by the outlet
        }
        struct block_info info;
        const struct schema *schema;
        const struct wire_json *plan;
        uint64_t from = block.first_seq > seq ? block.first_seq : seq;
        if (block_look(block.payload, &info) != OK || info.row_count != block.count ||
            schemas_find(&product->schemas, info.schema_id, &schema, &plan) != OK ||
            block_read(product->outlet.reader, block.payload, schema) != OK ||
            add_rows(product, &block, schema, from) != OK) {
            product_corrupt(product, block.first_seq, block.first_seq + block.count - 1);
        }
        seq = block.first_seq + block.count;
    }
    // New rows never join restored ones: the schema may have changed, and the clock's boot.
    product_seal(product);
    block_reset(product->builder, product->schemas.list[0], product->next_seq, RECORD_CLOCK_WALL,
                NULL);
    product->rows_given = 0;
}

enum err product_open(struct product *product, const char *directory)
{
    enum err err = take_memory(product, directory);
    if (err != OK) {
        log_error("memory", "product=%s: there is not enough", product->settings->name);
        return err;
    }
    set_up_jobs(product);
    spool_stat(product->spool, &product->stat);
    product->settled = *spool_settled(product->spool);
    product->spool_at_start = product->spool;
    product->filling = &product->stages[0];
    product->next_seq = product->stat.next_seq;
    product->durable_seq = product->stat.next_seq - 1;
    product->given_end = product->durable_seq;
    product->opened_next_seq = product->next_seq;
    product->durable_cursor = product->stat.cursor;
    product->changed_at_ms = -1;
    product->settled_at_ms = -1;
    err = restore_series(product);
    if (err == OK) {
        err = restore_schemas(product);
    }
    if (err == OK) {
        err = restore_marks(product);
    }
    if (err == OK) {
        err = product_lanes_open(product);
    }
    if (err != OK) {
        return err;
    }
    boots_restore(&product->boots, product->boot_id, &product->states, product->spool);
    restore_losses(product);
    restore_expiry(product);
    // For who reads the card without our settings (`weir spool`).
    err = states_set(&product->states, "gateway", bytes_text(product->gateway));
    if (err != OK) {
        log_error("spool.states", "product=%s: too many states", product->settings->name);
        return err;
    }
    block_reset(product->builder, product->schemas.list[0], product->next_seq, RECORD_CLOCK_WALL,
                NULL);
    restore_rows(product);
    product_lanes_look(product);
    log_info("spool.opened", "product=%s epoch=%s next=%llu cursor=%llu used=%llu of=%llu",
             product->settings->name, product->outlet.epoch, (unsigned long long)product->next_seq,
             (unsigned long long)product->stat.cursor, (unsigned long long)product->stat.used_bytes,
             (unsigned long long)product->stat.size_bytes);
    return OK;
}

void product_start(struct product *product, struct job_giver store)
{
    product->spool_at_start = NULL;
    product->store = store;
    product->outlet.store = store;
    product->late.store = store;
}

void product_close(struct product *product)
{
    join_close(product->joins);
    product_lanes_close(product);
    schemas_close(&product->schemas);
    series_close(product->series);
    block_builder_close(product->builder);
    thin_close(product->thin);
    free(product->thin_states);
    free(product->commit);
    free(product->stages[0].bytes.at);
    free(product->stages[1].bytes.at);
    free(product->quarantine.line.at);
    free(product->aside_value.at);
    free(product->quarantine_path);
    free(product->losses_topic);
    free(product->quarantine_topic);
    free(product->stored);
}

// ---- the report ----

static void report_rates(const struct product *product, struct report_product *report)
{
    report->in_bps = -1;
    report->out_bps = -1;
    report->full_in_s = -1;
    report->drain_in_s = -1;
    if (!rates_get(&product->rates, &report->in_bps, &report->out_bps)) {
        return;
    }
    int64_t net = report->in_bps - report->out_bps;
    const struct spool_stat *stat = &product->stat;
    if (net > 0) {
        report->full_in_s = (int64_t)(stat->size_bytes - stat->used_bytes) / net;
    } else if (net < 0 && stat->stored_bytes > 0) {
        report->drain_in_s = (int64_t)stat->stored_bytes / -net;
    }
}

static int64_t oldest_age_s(const struct product *product)
{
    uint64_t first = settled_next(&product->settled, 1);
    if (first >= product->next_seq) {
        return -1;
    }
    int64_t at_ms;
    int64_t age_ms;
    if (ages_get(&product->ages, first, &at_ms)) {
        age_ms = clock_boot_ms() - at_ms;
    } else if (product->stat.oldest_ms != INT64_MIN) {
        age_ms = clock_wall_ms() - product->stat.oldest_ms; // of an earlier run
    } else {
        age_ms = 0;
    }
    return age_ms > 0 ? age_ms / 1000 : 0;
}

static uint64_t waiting_records(const struct product *product)
{
    uint64_t ended = 0;
    for (uint32_t i = 0; i < product->settled.count; i++) {
        ended += product->settled.ranges[i].to - product->settled.ranges[i].from + 1;
    }
    return product->next_seq - 1 - ended;
}

void product_report(struct product *product, struct report_product *report)
{
    *report = (struct report_product){
        .name = product->settings->name,
        .topic = product->settings->port->topic,
        .epoch = product->stat.epoch,
        .seq = product->next_seq - 1,
        .durable = product->durable_seq,
        .cursor = settled_cursor(&product->settled),
        .in_records = product->in_records,
        .out_records = product->out_records,
        .refused_records = product->refused_records,
        .lost_records = product->lost_records,
        .quarantined_records = product->quarantined_records,
        .expired_records = product->expired_records,
        .thinned_records = product->thinned_records,
        .thin_level = product->thin_level,
        .aside_records = product->aside_records,
        .missed_records = product->missed_records,
        .arrivals = &product->outlet.arrivals,
        .contract = product->settings->contract,
        .promises =
            product->settings->contract != NULL ? &product->settings->contract->promises : NULL,
        .rules = product->settings->port->quality,
        .dropped_records = product->dropped_records,
        .breaking_records = product->breaking_records,
        .waiting_records = waiting_records(product),
        .losses_untold = product->losses.count,
        .gaps = product->losses.made,
        .oldest_age_s = oldest_age_s(product),
        .policy = product->settings->when_full == SPOOL_REFUSE ? "refuse"
                  : product->settings->thin                    ? "thin"
                                                               : "drop oldest",
        .spool = product->stat,
        .lacks_schema = schema_marks_unknown(&product->marks, 0) != NULL,
    };
    report_rates(product, report);
}
