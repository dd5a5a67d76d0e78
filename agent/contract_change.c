#include "agent/contract_change.h"

#include "agent/avro_schema.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const layouts[] = {"records", "blocks"};
static const char *const formats[] = {"json", "avro"};

static const char *kind_of(const struct column *column)
{
    static const char *const names[] = {"a boolean", "an integer", "a number", "a string",
                                        "a timestamp"};
    return column->as_text ? "an integer written as text" : names[column->type];
}

// A time in Avro is a long, as an integer is; to who reads it, it is another thing.
static bool same_values(const struct schema *before, const struct schema *after, bool is_json,
                        char why[AVRO_COMPAT_WHY_SIZE])
{
    for (uint16_t i = 0; i < after->column_count; i++) {
        const struct column *now = &after->columns[i];
        const struct column *then = schema_find(before, bytes_text(now->name));
        if (then == NULL) {
            continue;
        }
        bool was_time = then->type == COLUMN_TIMESTAMP;
        bool is_time = now->type == COLUMN_TIMESTAMP;
        if (was_time != is_time || (is_json && then->as_text != now->as_text)) {
            (void)snprintf(why, AVRO_COMPAT_WHY_SIZE, "field %.60s: was %s, is %s", now->name,
                           kind_of(then), kind_of(now));
            return false;
        }
    }
    return true;
}

static bool same_form(const struct contract_port *before, const struct contract_port *after,
                      char why[AVRO_COMPAT_WHY_SIZE])
{
    if (before->layout != after->layout) {
        (void)snprintf(why, AVRO_COMPAT_WHY_SIZE, "the layout was %s, is %s",
                       layouts[before->layout], layouts[after->layout]);
        return false;
    }
    if (before->format != after->format) {
        (void)snprintf(why, AVRO_COMPAT_WHY_SIZE, "the format was %s, is %s",
                       formats[before->format], formats[after->format]);
        return false;
    }
    if (before->framed != after->framed || before->id_in_header != after->id_in_header) {
        (void)snprintf(why, AVRO_COMPAT_WHY_SIZE, "weir.framing was %s, is %s",
                       contract_framing(before), contract_framing(after));
        return false;
    }
    return same_values(&before->schema, &after->schema, after->format == FORMAT_JSON, why);
}

// The schema of its rows. That of a block names the columns only in properties, which Avro does not
// look at; who reads blocks gets rows.
static enum err put_rows(struct contract_face face, struct buffer *out)
{
    struct contract_port rows = *face.port;
    rows.layout = LAYOUT_RECORDS;
    return avro_schema_put(face.contract, &rows, &rows.schema, out);
}

enum err contract_change_judge(struct contract_face before, struct contract_face after,
                               bool *follows, char why[AVRO_COMPAT_WHY_SIZE])
{
    *follows = true;
    why[0] = '\0';
    if (after.port->compatibility == COMPATIBILITY_NONE) {
        return OK;
    }
    *follows = same_form(before.port, after.port, why);
    if (!*follows) {
        return OK;
    }
    uint8_t *room = malloc((size_t)2 * AVRO_SCHEMA_BYTES_MAX);
    if (room == NULL) {
        return ERR_FAILED;
    }
    struct buffer old = buffer_over(room, AVRO_SCHEMA_BYTES_MAX);
    struct buffer new = buffer_over(room + AVRO_SCHEMA_BYTES_MAX, AVRO_SCHEMA_BYTES_MAX);
    enum err err = put_rows(before, &old);
    if (err == OK) {
        err = put_rows(after, &new);
    }
    if (err == OK) {
        err = avro_compat_follows(after.port->compatibility, buffer_bytes(&old), buffer_bytes(&new),
                                  follows, why);
    }
    free(room);
    return err == OK ? OK : ERR_LIMIT;
}
