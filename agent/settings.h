// The field engineer's file, weir.yaml, with the contracts it names: read, checked, complete.
// Reference: config/README.md.
//
// Floor: flow.
#ifndef WEIR_AGENT_SETTINGS_H
#define WEIR_AGENT_SETTINGS_H

#include "agent/contract.h"
#include "agent/followed.h"
#include "agent/key.h"
#include "agent/option.h"
#include "agent/spool.h"
#include "agent/track.h"

enum {
    SETTINGS_PRODUCTS_MAX = 16,
    SETTINGS_INPUTS_MAX = 64,
    SETTINGS_FOLLOWS_MAX = SETTINGS_PRODUCTS_MAX + SETTINGS_INPUTS_MAX,
    FOLLOW_ID_MAX = 255,
};

enum link_profile { LINK_ETHERNET, LINK_CELLULAR, LINK_SATELLITE };
enum { LINGER_LEAST_MS = 5 }; // a record waits so long at least for others to go with it

enum priority { PRIORITY_HIGH, PRIORITY_NORMAL, PRIORITY_LOW };
enum delivery { DELIVERY_AT_LEAST_ONCE, DELIVERY_EXACTLY_ONCE };

struct product_settings {
    char *name;
    int line;
    struct contract *contract; // owned
    const struct contract_port *port;
    enum delivery delivery;
    bool publishes; // this gateway acts as the product's owner
    enum priority priority;
    uint32_t weight; // by `priority`: of the link's share
    uint64_t spool_size_bytes;
    int64_t commit_ms;              // default by link: 1 s, 10 s, 60 s
    enum spool_when_full when_full; // of the spool
    bool thin;                  // and before it comes to that, records are thinned (agent/thin.h)
    int64_t keep_ms;            // a record that waits longer has expired; 0: however long it takes
    enum key_source key_source; // KEY_NONE: stored in clear
    const char *key_name;       // of `options`
    struct option_set options;  // all rows of a product, for --print
};

struct input_settings {
    char *name;
    int line;
    const struct input_driver *driver;
    uint32_t product; // index
    char *reads_id;   // of the contract of another product that is read; NULL: none is
    char *reads_version;
    struct option_set common;  // name, driver, product
    struct option_set options; // the driver's rows
};

// A contract that is taken from `mesh.contracts`, as its owner signed it.
struct follow_settings {
    char *id;
    char *track_text;
    struct track track;
    char *domain; // whose it must be; NULL: that of the version taken first
    int product;  // whose contract it is; -1: only inputs read by it
    struct followed kept;
    bool is_trial; // these settings are those of `kept.next_path`
};

struct settings {
    char *file;            // absolute
    char *gateway;         // [A-Za-z0-9._-]{1,64}; default: the host name
    char *state_dir;       // default: $STATE_DIRECTORY, else /var/lib/weir
    char *control_socket;  // default: STATE_DIR/control.sock
    char *heartbeat_topic; // default mesh.heartbeats
    char *levels_topic;    // default mesh.slo
    int64_t heartbeat_ms;  // default by link: 60 s, 300 s, 300 s
    enum link_profile link;
    uint64_t budget_day_bytes; // 0: none
    uint64_t budget_month_bytes;
    int log_level;             // enum log_level
    struct option_set general; // gateway, state, control, log
    struct option_set kafka;   // rows of the output driver `kafka`
    struct option_set heartbeat;
    struct option_set registry; // of schemas
    const char *registry_url;   // of `registry`; NULL: there is none
    uint32_t product_count;
    struct product_settings products[SETTINGS_PRODUCTS_MAX];
    uint32_t input_count;
    struct input_settings inputs[SETTINGS_INPUTS_MAX];
    uint32_t follow_count;
    struct follow_settings follows[SETTINGS_FOLLOWS_MAX];
    uint8_t digest[32]; // SHA-256 over weir.yaml and the contracts, for the heartbeat
};

// $WEIR_CONFIG, else /etc/weir/weir.yaml.
const char *settings_default_path(void);

// Read `path` and all it names. All problems are reported at once; NULL where one is an error
// (problems_exit_code says how to end).
struct settings *settings_read(const char *path, struct problems *problems);
// The same from the text of the file; `path` (absolute) says where relative paths begin.
struct settings *settings_parse(const char *path, struct bytes text, struct problems *problems);
void settings_free(struct settings *settings);

// Only how to reach the cluster, the gateway, and which contracts are followed: products and inputs
// are not complete. As settings_read; what is wrong elsewhere is not told.
struct settings *settings_read_follows(const char *path, struct problems *problems);

// How the contract of product `product` is followed; NULL: it is a file.
const struct follow_settings *settings_follow_of(const struct settings *settings, uint32_t product);

// Add what is wrong with the section `registry`, whose rows are settings_registry_rows.
void settings_check_registry(const struct option_set *registry, const char *file,
                             struct problems *problems);

// Warn where the spools cannot all grow to their sizes on the disk of the state directory.
void settings_check_space(const struct settings *settings, struct problems *problems);

// Warn where records are stored in clear, and where a key cannot be read by who checks.
void settings_check_keys(const struct settings *settings, struct problems *problems);

// Print the effective values, each with where it comes from (file:line or "default"), as YAML with
// comments; or as JSON. Secrets are shown as "***".
void settings_print(const struct settings *settings, bool json, FILE *out);

// The rows that are not a driver's, for the reference: the section's name, its rows.
struct settings_section {
    const char *title; // "gateway", "products[]", ...
    const struct option *rows;
};
extern const struct settings_section settings_sections[]; // a NULL title ends them

// Print the reference of the file as Markdown: the sections, then the drivers of this build.
void settings_print_reference(FILE *out);

#endif
