// A YAML text (or JSON, which is YAML) as a small tree that knows its lines. Made for settings and
// contracts, so it is strict: one document, keys are texts, a key stands once in a mapping, no
// aliases and no tags. Read event by event, so that every bound holds before memory is taken; no
// recursion.
//
// Floor: forms.
#ifndef WEIR_AGENT_YAML_H
#define WEIR_AGENT_YAML_H

#include "agent/bytes.h"
#include "agent/problem.h"

enum {
    YAML_SIZE_MAX = 1024 * 1024, // bytes of the text
    YAML_NODES_MAX = 20000,
    YAML_KEYS_MAX = 512, // of one mapping
    YAML_DEPTH_MAX = 32,
    YAML_PATH_SIZE = 256, // of a node's path as text, e.g. "inputs[0].every"
};

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAPPING };

// All borrowed from the tree.
struct yaml_node {
    enum yaml_kind kind;
    bool quoted; // a text in quotes: never a null, a number or a boolean
    int line;    // of the key where there is one, from 1
    const struct yaml *yaml;
    const struct yaml_node *parent; // NULL for the root
    const struct yaml_node *first;  // child
    const struct yaml_node *next;   // sibling
    uint32_t place;                 // among its siblings, from 0
    uint32_t count;                 // of children
    const char *key;                // in a mapping; else NULL
    const char *text;               // of a YAML_TEXT; has no NUL inside
};

struct yaml; // the tree

// Read `text`. On success the tree's root is not NULL; free with yaml_tree_free. NULL where it is
// no YAML or over a bound: one problem was added, with its line. `file` is for the sentences, and
// is borrowed as long as the tree lives.
struct yaml *yaml_parse(const char *file, struct bytes text, struct problems *problems);
void yaml_tree_free(struct yaml *yaml); // NULL is nothing (libyaml itself exports a yaml_free)

const struct yaml_node *yaml_root(const struct yaml *yaml);
const char *yaml_file(const struct yaml *yaml);

// The value of `key`; NULL where `mapping` is NULL, no mapping, or has no such key.
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);

// Does the node say nothing: "key:", "key: null", "key: ~"?
bool yaml_is_null(const struct yaml_node *node);

// "a text", "a list", "a mapping", "nothing".
const char *yaml_kind_name(const struct yaml_node *node);

// "inputs[0].every"; "" for the root. `below` (may be NULL) is a key under it that is not there.
void yaml_path(const struct yaml_node *node, const char *below, char out[YAML_PATH_SIZE]);

// Add a problem (or a warning) at the node, or at a key below it that is missing.
void yaml_wrong(const struct yaml_node *node, const char *below, struct problems *problems,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
void yaml_doubt(const struct yaml_node *node, const char *below, struct problems *problems,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
