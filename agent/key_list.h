// The keys that a contract names beforehand, in its order: what may be told by place instead of by
// name, because the schema that a reader has anyway says the names (agent/BLOCKS-WIRE.md).
//
// Floor: forms.
#ifndef WEIR_AGENT_KEY_LIST_H
#define WEIR_AGENT_KEY_LIST_H

#include "agent/record.h"

enum {
    KEY_LIST_MAX = 4096,             // names
    KEY_LIST_TEXT_MAX = 64 * 1024,   // bytes of them all
    KEY_LIST_NONE = KEY_LIST_MAX + 1 // no place
};

struct key_list {
    uint32_t count;
    uint32_t id; // told in each record, so that no reader takes another list for it; 0: no names
    struct bytes names[KEY_LIST_MAX];
    uint16_t by_name[KEY_LIST_MAX]; // places, in order of the names
    uint32_t text_size;
    uint8_t text[KEY_LIST_TEXT_MAX];
};

// Memory is taken here; NULL where there is none. Empty.
struct key_list *key_list_open(void);
void key_list_close(struct key_list *list); // NULL is nothing

// Add a copy of `name` at the end, unless it is there. ERR_LIMIT: there is no room for it, or no
// key can be so long.
enum err key_list_add(struct key_list *list, struct bytes name);

// The place of `name`; KEY_LIST_NONE: it is not there. No list has no names.
uint32_t key_list_find(const struct key_list *list, struct bytes name);

#endif
