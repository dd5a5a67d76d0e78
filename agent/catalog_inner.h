// What the files of the catalog share.
//
// Floor: forms.
#ifndef WEIR_AGENT_CATALOG_INNER_H
#define WEIR_AGENT_CATALOG_INNER_H

#include "agent/catalog.h"

// One record that was taken.
struct catalog_record {
    enum catalog_kind kind;
    char *key;
    cJSON *value;       // NULL: the key is gone
    char *signature[3]; // state, signer, sentence
    int64_t time_ms;
    uint64_t order;
};

// Some records that stand together; borrowed.
struct catalog_run {
    const struct catalog_record *at;
    size_t count;
};

// The records of `kind` whose key is `key`, or begins with it where `is_prefix`, by key and order.
// NULL for all of the kind.
struct catalog_run catalog_run(struct catalog *catalog, enum catalog_kind kind, const char *key,
                               bool is_prefix);

// Is this the newest record of its key, and does the key still exist?
bool catalog_is_newest(const struct catalog_run *run, size_t index);

// What is known of a product; NULL: no memory.
cJSON *catalog_entry(struct catalog *catalog, const struct catalog_record *product, int64_t now_ms);

// Texts and members of documents that may be anything.
const char *catalog_text(const cJSON *object, const char *name); // NULL: there is no such text
const cJSON *catalog_custom(const cJSON *object, const char *property);   // the value; or NULL
void catalog_put_text(cJSON *object, const char *name, const char *text); // nothing where NULL

bool catalog_matches(const cJSON *entry, const struct catalog_filter *filter);

#endif
