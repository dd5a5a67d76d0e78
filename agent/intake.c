#include "agent/intake.h"

#include <math.h>
#include <stdio.h>

static const char *type_name(enum column_type type)
{
    static const char *const names[] = {"a boolean", "an integer", "a number", "text", "a time"};
    return names[type];
}

static const char *kind_name(enum value_kind kind)
{
    static const char *const names[] = {"missing", "a boolean", "an integer", "a number", "text"};
    return names[kind];
}

static bool kind_fits(enum column_type type, enum value_kind kind)
{
    switch (type) {
    case COLUMN_BOOLEAN:
        return kind == VALUE_BOOLEAN;
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        return kind == VALUE_INTEGER;
    case COLUMN_NUMBER:
        return kind == VALUE_NUMBER;
    case COLUMN_STRING:
        return kind == VALUE_TEXT;
    }
    return false;
}

static enum err check_value(const struct column *column, const struct value *value, char *sentence)
{
    if (value->kind == VALUE_NULL) {
        if (!column->required) {
            return OK;
        }
        (void)snprintf(sentence, INTAKE_SENTENCE_SIZE,
                       "column '%s' is required by the contract and missing", column->name);
        return ERR_INVALID;
    }
    if (!kind_fits(column->type, value->kind)) {
        (void)snprintf(sentence, INTAKE_SENTENCE_SIZE, "column '%s' must be %s and is %s",
                       column->name, type_name(column->type), kind_name(value->kind));
        return ERR_INVALID;
    }
    if (value->kind == VALUE_NUMBER && column->required && !isfinite(value->number)) {
        (void)snprintf(sentence, INTAKE_SENTENCE_SIZE,
                       "column '%s' is required by the contract and is not a finite number",
                       column->name);
        return ERR_INVALID;
    }
    return OK;
}

static bool has_key(const struct schema *schema)
{
    for (uint16_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].role == ROLE_KEY) {
            return true;
        }
    }
    return false;
}

enum err intake_bounds(const struct schema *schema, const struct record *record,
                       char sentence[INTAKE_SENTENCE_SIZE])
{
    if (record->key.size > RECORD_KEY_MAX) {
        (void)snprintf(sentence, INTAKE_SENTENCE_SIZE, "the key has %zu bytes; %d are the most",
                       record->key.size, RECORD_KEY_MAX);
        return ERR_LIMIT;
    }
    for (uint16_t i = 0; i < schema->field_count; i++) {
        const struct value *value = &record->values[i];
        if (value->kind == VALUE_TEXT && value->text.size > RECORD_TEXT_MAX) {
            (void)snprintf(sentence, INTAKE_SENTENCE_SIZE,
                           "column '%s' has %zu bytes of text; %d are the most",
                           schema_field(schema, i)->name, value->text.size, RECORD_TEXT_MAX);
            return ERR_LIMIT;
        }
    }
    return OK;
}

enum err intake_check(const struct schema *schema, const struct record *record,
                      char sentence[INTAKE_SENTENCE_SIZE])
{
    enum err bounds = intake_bounds(schema, record, sentence);
    if (bounds != OK) {
        return bounds;
    }
    if (record->key.size == 0 && has_key(schema)) {
        (void)snprintf(sentence, INTAKE_SENTENCE_SIZE, "the record has no key");
        return ERR_INVALID;
    }
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        if (column->role != ROLE_FIELD) {
            continue;
        }
        enum err err = check_value(column, &record->values[column->field], sentence);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}
