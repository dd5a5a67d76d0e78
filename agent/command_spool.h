// `weir spool`: what the files command_spool*.c share. Each verb looks at one or more spools, live
// or copied, and never writes to them; but for `rekey` and `resize`.
//
// Floor: wiring.
#ifndef WEIR_AGENT_COMMAND_SPOOL_H
#define WEIR_AGENT_COMMAND_SPOOL_H

#include "agent/spool_view.h"

#include <limits.h>
#include <stdio.h>
#include <sysexits.h>

enum { SPOOL_FOLDERS_MAX = 64, EXIT_DAMAGED = 1 };

struct spool_request {
    const char *verb;
    const char *path;   // a folder, or the name of a product; NULL: all of the state directory
    const char *config; // NULL: the default, where there is one
    struct spool_key_names {
        const char *file, *keyring, *credential; // at most one
    } key_names, new_key_names;
    const uint8_t *key; // 32 bytes; NULL: none
    // rekey
    const uint8_t *new_key; // NULL: in clear
    bool in_clear;
    uint64_t size_bytes; // resize
    bool json;
    bool blocks; // ls: each block
    // cat and export
    bool identity;
    bool csv;
    const char *gateway;
    const char *out;
    struct spool_view_range range;
};

struct spool_folders {
    uint32_t count;
    char list[SPOOL_FOLDERS_MAX][PATH_MAX];
};

// The spools that the request means. EX_OK, or an exit code after a sentence on stderr.
int spool_folders_find(const struct spool_request *request, struct spool_folders *folders);

// Read what keys the request names, `key` and `new_key`, into `keys`. EX_OK, or as above.
struct spool_keys {
    uint8_t key[32];
    uint8_t new_key[32];
};
int spool_keys_read(struct spool_request *request, struct spool_keys *keys);

// Open one. EX_OK, or as above. A spool to which nothing was ever committed opens well.
int spool_request_open(const struct spool_request *request, const char *folder,
                       struct spool_view **view);
// As the end of such an opening, or of a reading: say what is wrong.
int spool_explain(const struct spool_request *request, const char *folder, enum err err);

const char *spool_product_name(const char *folder); // the last part of its path

// The verbs; `folders` is not empty. Only the last one writes to a spool: it is rekey, and
// resize.
int spool_ls(const struct spool_request *request, const struct spool_folders *folders);
int spool_stat_print(const struct spool_request *request, const struct spool_folders *folders);
int spool_verify(const struct spool_request *request, const struct spool_folders *folders);
int spool_export(const struct spool_request *request, const struct spool_folders *folders);
int spool_rekey(const struct spool_request *request, const struct spool_folders *folders);

// One JSON document on stdout, and free it.
struct cJSON;
void spool_print_json(struct cJSON *root);
void spool_json_time(struct cJSON *object, const char *name, int64_t time_ms);
void spool_json_epoch(struct cJSON *object, uint64_t epoch);

#endif
