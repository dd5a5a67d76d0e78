#include "agent/input.h"

#include "agent/clock.h"
#include "agent/intake.h"
#include "agent/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { TELL_REFUSALS_EVERY_MS = 10000 };

static struct input_core *core_of(const struct input *input)
{
    return input->core;
}

static void timer_due(void *context)
{
    struct input_core *core = context;
    core->settings->driver->due(&core->input);
}

static void fd_ready(void *context, int fd, uint32_t events)
{
    struct input_core *core = context;
    core->settings->driver->ready(&core->input, fd, events);
}

enum err input_core_open(struct input_core *core)
{
    core->input = (struct input){
        .name = core->settings->name,
        .options = &core->settings->options,
        .schema = &core->product->settings->port->schema,
        .gateway = core->gateway,
        .output_options = core->output_options,
        .core = core,
    };
    core->state = PORT_OK;
    core->last_ok_ms = -1;
    core->refusal_told_ms = -TELL_REFUSALS_EVERY_MS;
    (void)snprintf(core->position_name, sizeof core->position_name, "input.%s",
                   core->settings->name);
    core->timer = (struct loop_timer){.due = timer_due, .context = core};
    loop_timer_add(core->loop, &core->timer);
    return core->settings->driver->open(&core->input);
}

void input_core_close(struct input_core *core)
{
    if (core->closed) {
        return;
    }
    core->closed = true;
    core->settings->driver->close(&core->input);
    loop_timer_set(&core->timer, -1);
}

void input_core_turn(struct input_core *core)
{
    if (core->fresh) { // one look at the clock a turn, not one a record
        core->fresh = false;
        core->last_ok_ms = clock_boot_ms();
    }
    if (!core->starved || core->closed || !product_has_room(core->product)) {
        return;
    }
    core->starved = false;
    if (core->settings->driver->resume != NULL) {
        core->settings->driver->resume(&core->input);
    }
}

void input_core_report(const struct input_core *core, struct report_input *report)
{
    *report = (struct report_input){
        .name = core->settings->name,
        .driver = core->settings->driver->name,
        .product = core->product->settings->name,
        .state = core->state,
        .ok_records = core->ok_records,
        .refused_records = core->refused_records,
        .missed_records = core->missed_records,
        .troubles = core->troubles,
        .last_ok_age_s = core->last_ok_ms < 0 ? -1 : (clock_boot_ms() - core->last_ok_ms) / 1000,
        .last_error = core->last_error[0] == 0 ? NULL : core->last_error,
    };
}

// ---- what drivers call ----

bool input_room(const struct input *input)
{
    struct input_core *core = core_of(input);
    bool room = product_has_room(core->product);
    core->starved = core->starved || !room;
    return room;
}

// `given` with what the product's joins know of it; `values` is room for that.
static struct record complete(const struct input_core *core, const struct record *given,
                              struct value values[SCHEMA_COLUMNS_MAX])
{
    struct record record = *given;
    if (core->product->joins != NULL) {
        memcpy(values, given->values, core->input.schema->field_count * sizeof *values);
        join_fill(core->product->joins, given, values);
        record.values = values;
    }
    return record;
}

enum err input_record(struct input *input, const struct record *given)
{
    struct input_core *core = core_of(input);
    struct value values[SCHEMA_COLUMNS_MAX];
    const struct record completed = complete(core, given, values);
    const struct record *record = &completed;
    char sentence[INTAKE_SENTENCE_SIZE];
    enum err err = intake_bounds(input->schema, record, sentence);
    if (err != OK) {
        input_refuse(input, "key=%.*s: %s", (int)(record->key.size > 64 ? 64 : record->key.size),
                     (const char *)record->key.at, sentence);
        return err;
    }
    err = product_take(core->product, record);
    int shown = (int)(record->key.size > 64 ? 64 : record->key.size);
    if (err == OK) {
        core->ok_records++;
        core->fresh = true;
    } else if (err == ERR_AGAIN) {
        core->starved = true;
    } else if (err == ERR_FULL) {
        input_refuse(input, "key=%.*s: the product has no room for more keys than its %u", shown,
                     (const char *)record->key.at, series_count(core->product->series));
        err = ERR_LIMIT;
    } else {
        input_refuse(input, "key=%.*s: the record is too large for a block", shown,
                     (const char *)record->key.at);
        err = ERR_LIMIT;
    }
    return err;
}

enum err input_join(struct input *input, const struct join_options *options)
{
    struct input_core *core = core_of(input);
    assert(core->join == NULL);
    core->join = join_open(options, core->product->joins);
    core->product->joins = core->join != NULL ? core->join : core->product->joins;
    return core->join != NULL ? OK : ERR_FAILED;
}

enum err input_latest(struct input *input, struct bytes key, const struct value *values,
                      int64_t time_ms)
{
    struct input_core *core = core_of(input);
    enum err err = join_put(core->join, key, values, time_ms);
    if (err == ERR_FULL) {
        input_refuse(input, "key=%.*s: a join has room for %d keys",
                     (int)(key.size > 64 ? 64 : key.size), (const char *)key.at, JOIN_KEYS_MAX);
    } else if (err == ERR_LIMIT) {
        input_refuse(input, "key=%.*s: a text that is joined may have %d bytes",
                     (int)(key.size > 64 ? 64 : key.size), (const char *)key.at, JOIN_TEXT_MAX);
    } else {
        core->ok_records++;
        core->fresh = true;
    }
    return err;
}

void input_position(struct input *input, struct bytes position)
{
    struct input_core *core = core_of(input);
    enum err err = product_position(core->product, core->position_name, position);
    assert(err == OK); // names and their number are bounded by weir check
}

struct bytes input_restored(const struct input *input)
{
    struct input_core *core = core_of(input);
    return product_recall(core->product, core->position_name);
}

enum err input_watch(struct input *input, int fd, uint32_t events)
{
    struct input_core *core = core_of(input);
    if (events == 0) {
        loop_unwatch(core->loop, fd);
        return OK;
    }
    return loop_watch(core->loop, fd, events, fd_ready, core);
}

void input_due_in(struct input *input, int64_t delay_ms)
{
    loop_timer_set(&core_of(input)->timer, delay_ms);
}

void input_trouble(struct input *input, enum port_state state, const char *format, ...)
{
    struct input_core *core = core_of(input);
    char sentence[sizeof core->last_error];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(sentence, sizeof sentence, format, list);
    va_end(list);
    core->troubles++;
    bool news = core->state != state || strcmp(sentence, core->last_error) != 0;
    core->state = state;
    memcpy(core->last_error, sentence, sizeof sentence);
    if (news) {
        log_warn("input.trouble", "input=%s driver=%s: %s", input->name,
                 core->settings->driver->name, sentence);
    }
}

void input_well(struct input *input)
{
    struct input_core *core = core_of(input);
    if (core->state == PORT_OK) {
        return;
    }
    core->state = PORT_OK;
    core->last_error[0] = 0;
    log_info("input.well", "input=%s driver=%s", input->name, core->settings->driver->name);
}

void input_refuse(struct input *input, const char *format, ...)
{
    struct input_core *core = core_of(input);
    va_list list;
    va_start(list, format);
    (void)vsnprintf(core->last_error, sizeof core->last_error, format, list);
    va_end(list);
    core->refused_records++;
    core->product->refused_records++;
    core->refusals_untold++;
    int64_t now = clock_boot_ms();
    if (now - core->refusal_told_ms < TELL_REFUSALS_EVERY_MS) {
        return;
    }
    core->refusal_told_ms = now;
    log_warn("record.refused", "input=%s refused=%llu: %s", input->name,
             (unsigned long long)core->refused_records, core->last_error);
    core->refusals_untold = 0;
}

void input_missed(struct input *input, uint64_t count)
{
    core_of(input)->missed_records += count;
    core_of(input)->product->missed_records += count;
}
