#include "agent/join.h"

#include <assert.h>
#include <stdlib.h>

enum { TABLE_SIZE = 2 * JOIN_KEYS_MAX };

struct kept {
    struct value value; // a text borrows from `text`
    char text[JOIN_TEXT_MAX];
};

struct entry {
    uint8_t key_size;
    uint8_t key[RECORD_KEY_MAX];
    int64_t time_ms;
    struct kept values[]; // field_count
};

struct join {
    struct join *next;
    uint32_t field_count;
    uint16_t fields[JOIN_FIELDS_MAX];
    uint8_t key[RECORD_KEY_MAX];
    size_t key_size;
    int64_t max_age_ms;
    size_t entry_size;
    uint32_t entry_count;
    uint16_t table[TABLE_SIZE]; // 1 + index of an entry, 0: free; open addressing
    uint8_t *entries;
};

struct join *join_open(const struct join_options *options, struct join *next)
{
    assert(options->field_count > 0 && options->field_count <= JOIN_FIELDS_MAX);
    assert(options->key.size <= RECORD_KEY_MAX);
    struct join *join = calloc(1, sizeof *join);
    if (join == NULL) {
        return NULL;
    }
    join->next = next;
    join->field_count = options->field_count;
    memcpy(join->fields, options->fields, options->field_count * sizeof *options->fields);
    join->key_size = options->key.size;
    if (join->key_size > 0) {
        memcpy(join->key, options->key.at, join->key_size);
    }
    join->max_age_ms = options->max_age_ms;
    join->entry_size = sizeof(struct entry) + options->field_count * sizeof(struct kept);
    join->entries = calloc(JOIN_KEYS_MAX, join->entry_size);
    if (join->entries == NULL) {
        free(join);
        return NULL;
    }
    return join;
}

void join_close(struct join *join)
{
    while (join != NULL) {
        struct join *next = join->next;
        free(join->entries);
        free(join);
        join = next;
    }
}

static struct entry *entry_at(const struct join *join, uint32_t index)
{
    return (struct entry *)(void *)(join->entries + index * join->entry_size);
}

// Where `key` stands in the table, or the free place where it would. Half of the table is free.
static uint32_t place_of(const struct join *join, struct bytes key)
{
    uint32_t place = bytes_crc32c(0, key) % TABLE_SIZE;
    while (join->table[place] != 0) {
        const struct entry *entry = entry_at(join, join->table[place] - 1u);
        if (bytes_equal(bytes_from(entry->key, entry->key_size), key)) {
            break;
        }
        place = (place + 1) % TABLE_SIZE;
    }
    return place;
}

static struct entry *entry_add(struct join *join, uint32_t place, struct bytes key)
{
    struct entry *entry = entry_at(join, join->entry_count++);
    join->table[place] = (uint16_t)join->entry_count;
    entry->key_size = (uint8_t)key.size;
    memcpy(entry->key, key.at, key.size);
    entry->time_ms = INT64_MIN;
    return entry;
}

static enum err keep(struct kept *kept, const struct value *value)
{
    kept->value = *value;
    if (value->kind != VALUE_TEXT) {
        return OK;
    }
    if (value->text.size > JOIN_TEXT_MAX) {
        kept->value.kind = VALUE_NULL;
        return ERR_LIMIT;
    }
    memcpy(kept->text, value->text.at, value->text.size);
    kept->value.text = bytes_from(kept->text, value->text.size);
    return OK;
}

enum err join_put(struct join *join, struct bytes key, const struct value *values, int64_t time_ms)
{
    if (key.size > RECORD_KEY_MAX) {
        return ERR_LIMIT;
    }
    uint32_t place = place_of(join, key);
    if (join->table[place] == 0 && join->entry_count == JOIN_KEYS_MAX) {
        return ERR_FULL;
    }
    struct entry *entry = join->table[place] != 0 ? entry_at(join, join->table[place] - 1u)
                                                  : entry_add(join, place, key);
    if (time_ms < entry->time_ms) {
        return OK;
    }
    enum err err = OK;
    entry->time_ms = time_ms;
    for (uint32_t i = 0; i < join->field_count; i++) {
        enum err kept = keep(&entry->values[i], &values[i]);
        err = err == OK ? kept : err;
    }
    return err;
}

// Times of different clocks cannot be compared.
static bool is_fresh(const struct join *join, const struct entry *entry,
                     const struct record *record)
{
    if (join->max_age_ms == 0) {
        return true;
    }
    uint64_t apart = record->time_ms > entry->time_ms
                         ? (uint64_t)record->time_ms - (uint64_t)entry->time_ms
                         : (uint64_t)entry->time_ms - (uint64_t)record->time_ms;
    return record->clock != RECORD_CLOCK_BOOT && apart <= (uint64_t)join->max_age_ms;
}

void join_fill(const struct join *join, const struct record *record, struct value *values)
{
    for (; join != NULL; join = join->next) {
        struct bytes key = join->key_size > 0 ? bytes_from(join->key, join->key_size) : record->key;
        uint16_t index = join->table[place_of(join, key)];
        if (index == 0 || !is_fresh(join, entry_at(join, index - 1u), record)) {
            continue;
        }
        const struct entry *entry = entry_at(join, index - 1u);
        for (uint32_t i = 0; i < join->field_count; i++) {
            struct value *value = &values[join->fields[i]];
            *value = value->kind == VALUE_NULL ? entry->values[i].value : *value;
        }
    }
}
