// All records in one array; sorted when it is asked, by kind, key and the order they came in.
#include "agent/catalog_inner.h"

#include <stdlib.h>

struct catalog {
    struct catalog_record *records;
    size_t count, room;
    bool sorted;
    uint64_t malformed;
};

struct catalog *catalog_open(void)
{
    return calloc(1, sizeof(struct catalog));
}

static void record_free(struct catalog_record *record)
{
    cJSON_Delete(record->value);
    free(record->key);
    for (size_t i = 0; i < 3; i++) {
        free(record->signature[i]);
    }
}

void catalog_close(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++) {
        record_free(&catalog->records[i]);
    }
    free(catalog->records);
    free(catalog);
}

uint64_t catalog_malformed(const struct catalog *catalog)
{
    return catalog->malformed;
}

static struct catalog_record *record_add(struct catalog *catalog)
{
    if (catalog->count == catalog->room) {
        size_t room = catalog->room == 0 ? 256 : catalog->room * 2;
        void *grown = realloc(catalog->records, room * sizeof *catalog->records);
        if (grown == NULL) {
            return NULL;
        }
        catalog->records = grown;
        catalog->room = room;
    }
    struct catalog_record *record = &catalog->records[catalog->count++];
    *record = (struct catalog_record){.order = catalog->count};
    catalog->sorted = false;
    return record;
}

static void copy_signature(struct catalog_record *record, const struct catalog_signature *signature)
{
    if (signature != NULL) {
        record->signature[0] = strdup(signature->state);
        record->signature[1] = strdup(signature->signer);
        record->signature[2] = strdup(signature->sentence);
    }
}

enum err catalog_take(struct catalog *catalog, enum catalog_kind kind, struct bytes key,
                      struct bytes value, const struct catalog_signature *signature,
                      int64_t time_ms)
{
    if (catalog->count == CATALOG_RECORDS_MAX || value.size > CATALOG_VALUE_MAX) {
        return ERR_LIMIT;
    }
    cJSON *document =
        value.size == 0 ? NULL : cJSON_ParseWithLength((const char *)value.at, value.size);
    bool is_key = key.size > 0 && memchr(key.at, 0, key.size) == NULL;
    if (!is_key || (value.size > 0 && !cJSON_IsObject(document))) {
        cJSON_Delete(document);
        catalog->malformed++;
        return ERR_INVALID;
    }
    struct catalog_record *record = record_add(catalog);
    if (record == NULL) {
        cJSON_Delete(document);
        return ERR_LIMIT;
    }
    record->kind = kind;
    record->key = strndup((const char *)key.at, key.size);
    record->value = document;
    record->time_ms = time_ms;
    copy_signature(record, signature);
    return OK;
}

// ---- runs ----

static int compare(const void *one, const void *other)
{
    const struct catalog_record *a = one;
    const struct catalog_record *b = other;
    int by_kind = (a->kind > b->kind) - (a->kind < b->kind);
    int by_key = by_kind != 0 ? by_kind : strcmp(a->key, b->key);
    return by_key != 0 ? by_key : (a->order > b->order) - (a->order < b->order);
}

// As strcmp, of kind and key; with `is_prefix` what begins with `key` is equal.
static int compare_to(const struct catalog_record *record, enum catalog_kind kind, const char *key,
                      bool is_prefix)
{
    int by_kind = (record->kind > kind) - (record->kind < kind);
    if (by_kind != 0 || key == NULL) {
        return by_kind;
    }
    return is_prefix ? strncmp(record->key, key, strlen(key)) : strcmp(record->key, key);
}

// The first record that is not before what is sought; `after`: the first one behind it.
static size_t bound(const struct catalog *catalog, enum catalog_kind kind, const char *key,
                    bool is_prefix, bool after)
{
    size_t low = 0;
    size_t high = catalog->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_to(&catalog->records[middle], kind, key, is_prefix);
        if (order < 0 || (after && order == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct catalog_run catalog_run(struct catalog *catalog, enum catalog_kind kind, const char *key,
                               bool is_prefix)
{
    if (!catalog->sorted && catalog->count > 0) {
        qsort(catalog->records, catalog->count, sizeof *catalog->records, compare);
        catalog->sorted = true;
    }
    size_t first = bound(catalog, kind, key, is_prefix, false);
    size_t end = bound(catalog, kind, key, is_prefix, true);
    return (struct catalog_run){.at = catalog->count > 0 ? &catalog->records[first] : NULL,
                                .count = end - first};
}

bool catalog_is_newest(const struct catalog_run *run, size_t index)
{
    bool is_last =
        index + 1 == run->count || strcmp(run->at[index].key, run->at[index + 1].key) != 0;
    return is_last && run->at[index].value != NULL;
}

// ---- finding ----

struct found {
    cJSON *entry;
    const char *name, *id; // of it
};

static int by_name(const void *one, const void *other)
{
    const struct found *a = one;
    const struct found *b = other;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : strcmp(a->id, b->id);
}

cJSON *catalog_find(struct catalog *catalog, const struct catalog_filter *filter)
{
    struct catalog_run products = catalog_run(catalog, CATALOG_PRODUCT, NULL, false);
    struct found *list = calloc(products.count + 1, sizeof *list);
    size_t count = 0;
    for (size_t i = 0; list != NULL && i < products.count; i++) {
        if (!catalog_is_newest(&products, i)) {
            continue;
        }
        cJSON *entry = catalog_entry(catalog, &products.at[i], filter->now_ms);
        if (entry != NULL && catalog_matches(entry, filter)) {
            const char *name = catalog_text(entry, "name");
            list[count++] = (struct found){entry, name != NULL ? name : "", products.at[i].key};
        } else {
            cJSON_Delete(entry);
        }
    }
    if (count > 1) {
        qsort(list, count, sizeof *list, by_name);
    }
    cJSON *entries = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        (void)cJSON_AddItemToArray(entries, list[i].entry);
    }
    free(list);
    return entries;
}
