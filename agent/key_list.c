#include "agent/key_list.h"

#include <stdlib.h>

struct key_list *key_list_open(void)
{
    return calloc(1, sizeof(struct key_list));
}

void key_list_close(struct key_list *list)
{
    free(list);
}

static int compare(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.at, b.at, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

// How many names come before `name`.
static uint32_t rank_of(const struct key_list *list, struct bytes name)
{
    uint32_t from = 0;
    for (uint32_t to = list->count; from < to;) {
        uint32_t middle = (from + to) / 2;
        if (compare(list->names[list->by_name[middle]], name) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

uint32_t key_list_find(const struct key_list *list, struct bytes name)
{
    uint32_t rank = list == NULL ? 0 : rank_of(list, name);
    if (list == NULL || rank == list->count ||
        !bytes_equal(list->names[list->by_name[rank]], name)) {
        return KEY_LIST_NONE;
    }
    return list->by_name[rank];
}

enum err key_list_add(struct key_list *list, struct bytes name)
{
    static const uint8_t end = 0;
    if (key_list_find(list, name) != KEY_LIST_NONE) {
        return OK;
    }
    if (list->count == KEY_LIST_MAX || name.size > RECORD_KEY_MAX ||
        name.size > KEY_LIST_TEXT_MAX - list->text_size) {
        return ERR_LIMIT;
    }
    uint32_t rank = rank_of(list, name);
    memmove(list->by_name + rank + 1, list->by_name + rank,
            (list->count - rank) * sizeof list->by_name[0]);
    list->by_name[rank] = (uint16_t)list->count;
    uint8_t *at = list->text + list->text_size;
    if (name.size > 0) {
        memcpy(at, name.at, name.size);
    }
    list->text_size += (uint32_t)name.size;
    list->names[list->count++] = bytes_from(at, name.size);
    list->id = bytes_crc32c(bytes_crc32c(list->id, name), bytes_from(&end, 1)) >> 1; // an Avro int
    list->id += list->id == 0;
    return OK;
}
