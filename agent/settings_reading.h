// What the readers of the sections of weir.yaml share: settings.c reads the file and the gateway,
// settings_product.c and settings_input.c an entry of their lists each.
//
// Floor: flow.
#ifndef WEIR_AGENT_SETTINGS_READING_H
#define WEIR_AGENT_SETTINGS_READING_H

#include "agent/settings.h"

enum {
    SETTINGS_NAME_MAX = 64,
    SETTINGS_TOPIC_MAX = 249, // of Kafka
    SETTINGS_DOMAIN_MAX = 128,
};

struct settings_reading {
    struct settings *settings;
    const struct yaml_node *root;
    struct problems *problems;
    bool product_failed; // then what names a product cannot be judged
    bool follows_only;   // contracts that are followed are noted, and nothing else is judged
};

// The file of the contract that `options` (with rows `contract`, `contract.id`, `contract.track`,
// `contract.domain`) name, noting one that is followed; `product` its index, -1: an input's. NULL:
// there is none, and it was told.
const char *settings_contract(const struct settings_reading *reading, const struct yaml_node *node,
                              struct option_set *options, int product);
void settings_free_follows(struct settings *settings);

// Note what is followed, and nothing else of products and inputs.
void settings_read_follow_lists(const struct settings_reading *reading);

// Does the driver read another product, by a contract that may be followed?
struct input_driver;
bool settings_reads_product(const struct input_driver *driver);

void settings_read_products(struct settings_reading *reading);
void settings_read_inputs(const struct settings_reading *reading);

// Owned texts. Settings are read at start, where no memory means no start.
char *settings_copy(const char *text);
char *settings_format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));

// 1 to `longest` letters, digits, '.', '_' and '-'.
bool settings_is_word(const char *text, size_t longest);

// The node that was given for `key`, or the mapping that would hold it.
const struct yaml_node *settings_place(const struct yaml_node *mapping, const char *key);

// The entries of the list `key`, at most `most` of them; NULL (told where it is wrong) for none.
const struct yaml_node *settings_list(const struct settings_reading *reading, const char *key,
                                      uint32_t most);

#endif
