// weir spool ls, stat: what lies in a spool, without reading its records.
#include "agent/clock.h"
#include "agent/command_spool.h"
#include "agent/human.h"
#include "agent/spool_look.h"

#include <cjson/cJSON.h>

void spool_print_json(struct cJSON *root)
{
    char *text = cJSON_Print(root);
    (void)printf("%s\n", text != NULL ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(root);
}

void spool_json_time(struct cJSON *object, const char *name, int64_t time_ms)
{
    char text[25];
    if (time_ms == INT64_MIN || time_ms == INT64_MAX) {
        (void)cJSON_AddNullToObject(object, name);
        return;
    }
    (void)clock_format(time_ms, text);
    (void)cJSON_AddStringToObject(object, name, text);
}

void spool_json_epoch(struct cJSON *object, uint64_t epoch)
{
    char text[17];
    (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)epoch);
    (void)cJSON_AddStringToObject(object, "epoch", text);
}

static const char *ring_name(enum disk_ring ring)
{
    return ring == DISK_MAIN ? "ring" : "nursery";
}

static const char *time_text(int64_t time_ms, char out[25])
{
    if (time_ms == INT64_MIN || time_ms == INT64_MAX) {
        return "-";
    }
    (void)clock_format(time_ms, out);
    return out;
}

// --- ls: a walk over the frames of each segment

struct tally {
    uint32_t dense;
    uint32_t young;
    uint64_t rows;
    uint64_t first_seq; // 0: none
    uint64_t last_seq;
    uint64_t waiting; // blocks with rows that have not ended
    int64_t time_first_ms;
    int64_t time_last_ms;
    uint32_t damage_bytes;
};

static void tally_add(struct tally *tally, const struct spool_found *found, bool waits)
{
    uint64_t last = found->first_seq + found->count - 1;
    tally->dense += found->dense ? 1 : 0;
    tally->young += found->dense ? 0 : 1;
    tally->rows += found->count;
    tally->waiting += waits ? 1 : 0;
    bool first = tally->first_seq == 0;
    if (first || found->first_seq < tally->first_seq) {
        tally->first_seq = found->first_seq;
    }
    tally->last_seq = last > tally->last_seq ? last : tally->last_seq;
    if (first || found->time_first_ms < tally->time_first_ms) {
        tally->time_first_ms = found->time_first_ms;
    }
    if (first || found->time_last_ms > tally->time_last_ms) {
        tally->time_last_ms = found->time_last_ms;
    }
}

struct listing {
    struct spool *spool;
    struct spool_stat stat;
    bool settled_is_known; // not where it is sealed and there is no key
    bool blocks;
    cJSON *json; // the blocks of a segment; NULL: text
};

// "waiting", "settled", "covered" (a young block whose rows lie in the main ring), "unknown".
static const char *state_of(const struct listing *listing, enum disk_ring ring,
                            const struct spool_found *found)
{
    uint64_t last = found->first_seq + found->count - 1;
    if (!listing->settled_is_known) {
        return "unknown";
    }
    if (settled_covers(spool_settled(listing->spool), found->first_seq, last)) {
        return "settled";
    }
    return ring == DISK_NURSERY && last <= listing->stat.dense_end ? "covered" : "waiting";
}

static void list_block(const struct listing *listing, const struct spool_found *found,
                       const char *state)
{
    uint64_t last = found->first_seq + found->count - 1;
    if (listing->json != NULL) {
        cJSON *block = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(block, "kind", found->dense ? "dense" : "young");
        (void)cJSON_AddNumberToObject(block, "offset", found->offset);
        (void)cJSON_AddNumberToObject(block, "bytes", found->bytes);
        (void)cJSON_AddNumberToObject(block, "first_seq", (double)found->first_seq);
        (void)cJSON_AddNumberToObject(block, "last_seq", (double)last);
        spool_json_time(block, "from", found->time_first_ms);
        spool_json_time(block, "to", found->time_last_ms);
        (void)cJSON_AddStringToObject(block, "state", state);
        (void)cJSON_AddItemToArray(listing->json, block);
        return;
    }
    char from[25];
    char to[25];
    char size[HUMAN_SIZE];
    (void)printf("    %s  seq %llu..%llu  %s .. %s  %s  %s\n", found->dense ? "dense" : "young",
                 (unsigned long long)found->first_seq, (unsigned long long)last,
                 time_text(found->time_first_ms, from), time_text(found->time_last_ms, to),
                 human_bytes(found->bytes, size), state);
}

static void walk_segment(const struct listing *listing, uint32_t index, enum disk_ring ring,
                         struct tally *tally)
{
    struct spool_walk walk = {.index = index};
    *tally = (struct tally){.time_first_ms = INT64_MIN, .time_last_ms = INT64_MIN};
    for (;;) { // each turn: the walk moves on
        struct spool_found found;
        spool_walk_next(listing->spool, &walk, false, &found);
        if (found.kind == SPOOL_FOUND_END) {
            return;
        }
        if (found.kind == SPOOL_FOUND_DAMAGE) {
            tally->damage_bytes += found.bytes;
        }
        if (found.kind == SPOOL_FOUND_BLOCK) {
            const char *state = state_of(listing, ring, &found);
            tally_add(tally, &found, strcmp(state, "waiting") == 0);
            if (listing->blocks) {
                list_block(listing, &found, state);
            }
        }
    }
}

static const char *segment_state(const struct listing *listing, const struct tally *tally)
{
    if (tally->first_seq == 0) {
        return "no blocks";
    }
    return !listing->settled_is_known                      ? "unknown"
           : tally->waiting == 0                           ? "settled"
           : tally->waiting == tally->dense + tally->young ? "waiting"
                                                           : "partly settled";
}

static void print_segment(const struct listing *listing, const struct spool_segment *segment,
                          const struct tally *tally)
{
    char from[25];
    char to[25];
    char size[HUMAN_SIZE];
    (void)printf("  %-7s %6llu  slot %-4u %5u dense %4u young  seq %llu..%llu  %s .. %s  %9s  %s\n",
                 ring_name(segment->ring), (unsigned long long)segment->id, segment->slot,
                 tally->dense, tally->young, (unsigned long long)tally->first_seq,
                 (unsigned long long)tally->last_seq, time_text(tally->time_first_ms, from),
                 time_text(tally->time_last_ms, to), human_bytes(segment->bytes, size),
                 segment_state(listing, tally));
    if (tally->damage_bytes > 0) {
        (void)printf("    damaged: %u bytes are no frame\n", tally->damage_bytes);
    }
}

static void json_segment(const struct listing *listing, const struct spool_segment *segment,
                         const struct tally *tally, cJSON *list, cJSON *blocks)
{
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(object, "ring", ring_name(segment->ring));
    (void)cJSON_AddNumberToObject(object, "segment", (double)segment->id);
    (void)cJSON_AddNumberToObject(object, "slot", segment->slot);
    (void)cJSON_AddNumberToObject(object, "bytes", segment->bytes);
    (void)cJSON_AddNumberToObject(object, "dense_blocks", tally->dense);
    (void)cJSON_AddNumberToObject(object, "young_blocks", tally->young);
    (void)cJSON_AddNumberToObject(object, "first_seq", (double)tally->first_seq);
    (void)cJSON_AddNumberToObject(object, "last_seq", (double)tally->last_seq);
    spool_json_time(object, "from", tally->time_first_ms);
    spool_json_time(object, "to", tally->time_last_ms);
    (void)cJSON_AddStringToObject(object, "state", segment_state(listing, tally));
    (void)cJSON_AddNumberToObject(object, "damaged_bytes", tally->damage_bytes);
    if (listing->blocks) {
        (void)cJSON_AddItemToObject(object, "blocks", blocks);
    } else {
        cJSON_Delete(blocks);
    }
    (void)cJSON_AddItemToArray(list, object);
}

static void list_segments(struct listing *listing, const struct spool_shape *shape, cJSON *list)
{
    for (uint32_t i = 0; i < shape->segment_count; i++) {
        struct spool_segment segment;
        struct tally tally;
        spool_look_segment(listing->spool, i, &segment);
        listing->json = list != NULL ? cJSON_CreateArray() : NULL;
        if (list != NULL) {
            walk_segment(listing, i, segment.ring, &tally);
            json_segment(listing, &segment, &tally, list, listing->json);
            continue;
        }
        bool blocks = listing->blocks;
        listing->blocks = false;
        walk_segment(listing, i, segment.ring, &tally);
        print_segment(listing, &segment, &tally);
        listing->blocks = blocks;
        if (blocks) {
            walk_segment(listing, i, segment.ring, &tally);
        }
    }
}

static cJSON *json_of_spool(cJSON *all, const char *folder, const struct spool_stat *stat,
                            const struct spool_shape *shape)
{
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(object, "product", spool_product_name(folder));
    (void)cJSON_AddStringToObject(object, "folder", folder);
    (void)cJSON_AddBoolToObject(object, "empty", shape->is_empty);
    (void)cJSON_AddBoolToObject(object, "sealed", shape->is_sealed);
    if (!shape->is_empty) {
        spool_json_epoch(object, stat->epoch);
    }
    (void)cJSON_AddItemToArray(all, object);
    return object;
}

static void ls_one(const struct spool_request *request, const char *folder, struct spool_view *view,
                   cJSON *all)
{
    struct spool_shape shape;
    struct listing listing = {.spool = spool_view_spool(view), .blocks = request->blocks};
    spool_stat(listing.spool, &listing.stat);
    spool_look_shape(listing.spool, &shape);
    listing.settled_is_known = !shape.is_sealed || request->key != NULL;
    if (all != NULL) {
        cJSON *object = json_of_spool(all, folder, &listing.stat, &shape);
        list_segments(&listing, &shape, cJSON_AddArrayToObject(object, "segments"));
        return;
    }
    (void)printf("%s%s%s\n", folder, shape.is_empty ? ": empty, nothing was ever committed" : "",
                 listing.settled_is_known ? "" : ": sealed; with --key-file also what is settled");
    list_segments(&listing, &shape, NULL);
}

// Do `one` for each folder; the first code that is not EX_OK is the command's.
static int for_each(const struct spool_request *request, const struct spool_folders *folders,
                    void (*one)(const struct spool_request *request, const char *folder,
                                struct spool_view *view, cJSON *all))
{
    cJSON *root = request->json ? cJSON_CreateObject() : NULL;
    cJSON *all = request->json ? cJSON_AddArrayToObject(root, "spools") : NULL;
    int code = EX_OK;
    for (uint32_t i = 0; i < folders->count; i++) {
        struct spool_view *view;
        int opened = spool_request_open(request, folders->list[i], &view);
        if (opened == EX_OK) {
            one(request, folders->list[i], view, all);
            spool_view_close(view);
        }
        code = code == EX_OK ? opened : code;
    }
    if (root != NULL) {
        spool_print_json(root);
    }
    return code;
}

int spool_ls(const struct spool_request *request, const struct spool_folders *folders)
{
    return for_each(request, folders, ls_one);
}

// --- stat

static uint64_t rows_waiting(const struct spool *spool, const struct spool_stat *stat)
{
    uint64_t left = stat->next_seq - 1;
    const struct settled *settled = spool_settled(spool);
    for (uint32_t i = 0; i < settled->count; i++) {
        left -= settled->ranges[i].to - settled->ranges[i].from + 1;
    }
    return left;
}

static struct bytes gateway_of(const struct spool *spool)
{
    struct bytes gateway = {0};
    (void)spool_state(spool, "gateway", &gateway);
    return gateway;
}

static void print_settled(const struct settled *settled)
{
    (void)printf("  settled   ");
    for (uint32_t i = 0; i < settled->count; i++) {
        (void)printf("%s%llu..%llu", i > 0 ? ", " : "", (unsigned long long)settled->ranges[i].from,
                     (unsigned long long)settled->ranges[i].to);
    }
    (void)printf("%s\n", settled->count == 0 ? "nothing" : "");
}

static void print_keys(const struct spool *spool)
{
    enum { SHOWN = 8 };
    uint32_t count = spool_key_count(spool);
    (void)printf("  keys      %u%s", count, count > 0 ? ": " : "");
    for (uint32_t id = 0; id < count && id < SHOWN; id++) {
        struct bytes key;
        if (spool_key(spool, id, &key) == OK) {
            (void)printf("%s%.*s", id > 0 ? ", " : "", (int)key.size, (const char *)key.at);
        }
    }
    (void)printf("%s\n", count > SHOWN ? ", .. (--json tells all)" : "");
}

static void print_states(const struct spool *spool)
{
    const char *name;
    struct bytes value;
    (void)printf("  states    ");
    uint32_t index = 0;
    for (; spool_look_state(spool, index, &name, &value); index++) {
        (void)printf("%s%s (%zu B)", index > 0 ? ", " : "", name, value.size);
    }
    (void)printf("%s\n", index == 0 ? "none" : "");
}

static void print_schemas(const struct schemas *schemas)
{
    for (uint32_t i = 0; i < schemas->count; i++) {
        const struct schema *schema = schemas->list[i];
        (void)printf("  schema    %08x:", schema->id);
        for (uint16_t k = 0; k < schema->column_count; k++) {
            (void)printf(" %s", schema->columns[k].name);
        }
        (void)printf("\n");
    }
}

static void print_health(const struct spool_stat *stat)
{
    (void)printf("  health    ");
    if (stat->corrupt_bytes > 0) {
        (void)printf("damaged where it is opened (%llu bytes); 'weir spool verify' tells all\n",
                     (unsigned long long)stat->corrupt_bytes);
    } else if (stat->torn_commits > 0) {
        (void)printf("good; the last commit was cut short, as by a power cut\n");
    } else {
        (void)printf("good where it is opened; 'weir spool verify' reads all\n");
    }
}

static void print_stat(const char *folder, struct spool_view *view, const struct spool_stat *stat,
                       const struct spool_shape *shape, bool known)
{
    const struct spool *spool = spool_view_spool(view);
    struct bytes gateway = gateway_of(spool);
    char text[4][HUMAN_SIZE];
    char oldest[25];
    (void)printf("%s\n", folder);
    if (shape->is_empty) {
        (void)printf("  empty: nothing was ever committed\n");
    } else {
        (void)printf("  epoch     %016llx\n  next seq  %llu\n", (unsigned long long)stat->epoch,
                     (unsigned long long)stat->next_seq);
    }
    if (known) {
        (void)printf("  gateway   %.*s\n", gateway.size > 0 ? (int)gateway.size : 10,
                     gateway.size > 0 ? (const char *)gateway.at : "not stored");
        (void)printf("  cursor    %llu\n", (unsigned long long)stat->cursor);
        print_settled(spool_settled(spool));
        (void)printf("  waiting   %s records, the oldest of %s\n",
                     human_count((int64_t)rows_waiting(spool, stat), text[0]),
                     time_text(stat->oldest_ms, oldest));
        print_keys(spool);
        print_states(spool);
        print_schemas(spool_view_schemas(view));
    } else {
        (void)printf("  sealed    with --key-file also what is settled, keys, states\n");
    }
    (void)printf("  size      %s, %s in use: %u segments of %s, nursery 2 of %s\n",
                 human_bytes((int64_t)stat->size_bytes, text[0]),
                 human_bytes((int64_t)stat->used_bytes, text[1]), shape->slot_count[0],
                 human_bytes(shape->slot_size[0], text[2]),
                 human_bytes(shape->slot_size[1], text[3]));
    (void)printf("  seal      %s\n", shape->is_sealed ? "sealed" : "in clear");
    print_health(stat);
}

static void json_text(cJSON *array, struct bytes text)
{
    char copy[256];
    size_t size = text.size < sizeof copy - 1 ? text.size : sizeof copy - 1;
    memcpy(copy, text.at, size);
    copy[size] = 0;
    (void)cJSON_AddItemToArray(array, cJSON_CreateString(copy));
}

static void json_lists(cJSON *object, struct spool_view *view)
{
    const struct spool *spool = spool_view_spool(view);
    const struct settled *settled = spool_settled(spool);
    cJSON *ranges = cJSON_AddArrayToObject(object, "settled");
    for (uint32_t i = 0; i < settled->count; i++) {
        cJSON *range = cJSON_CreateObject();
        (void)cJSON_AddNumberToObject(range, "from", (double)settled->ranges[i].from);
        (void)cJSON_AddNumberToObject(range, "to", (double)settled->ranges[i].to);
        (void)cJSON_AddItemToArray(ranges, range);
    }
    cJSON *keys = cJSON_AddArrayToObject(object, "keys");
    struct bytes bytes;
    for (uint32_t id = 0; spool_key(spool, id, &bytes) == OK; id++) {
        json_text(keys, bytes);
    }
    cJSON *states = cJSON_AddObjectToObject(object, "states");
    const char *name;
    for (uint32_t i = 0; spool_look_state(spool, i, &name, &bytes); i++) {
        (void)cJSON_AddNumberToObject(states, name, (double)bytes.size);
    }
    cJSON *list = cJSON_AddArrayToObject(object, "schemas");
    const struct schemas *schemas = spool_view_schemas(view);
    for (uint32_t i = 0; i < schemas->count; i++) {
        cJSON *schema = cJSON_CreateObject();
        (void)cJSON_AddNumberToObject(schema, "id", schemas->list[i]->id);
        cJSON *columns = cJSON_AddArrayToObject(schema, "columns");
        for (uint16_t k = 0; k < schemas->list[i]->column_count; k++) {
            json_text(columns, bytes_text(schemas->list[i]->columns[k].name));
        }
        (void)cJSON_AddItemToArray(list, schema);
    }
}

static void json_stat(cJSON *object, struct spool_view *view, const struct spool_stat *stat,
                      bool known)
{
    (void)cJSON_AddNumberToObject(object, "next_seq", (double)stat->next_seq);
    (void)cJSON_AddNumberToObject(object, "dense_end", (double)stat->dense_end);
    (void)cJSON_AddNumberToObject(object, "size_bytes", (double)stat->size_bytes);
    (void)cJSON_AddNumberToObject(object, "used_bytes", (double)stat->used_bytes);
    (void)cJSON_AddNumberToObject(object, "corrupt_bytes", (double)stat->corrupt_bytes);
    (void)cJSON_AddNumberToObject(object, "torn_commits", (double)stat->torn_commits);
    if (!known) {
        return;
    }
    const struct spool *spool = spool_view_spool(view);
    struct bytes gateway = gateway_of(spool);
    char name[128];
    (void)snprintf(name, sizeof name, "%.*s", (int)gateway.size,
                   gateway.size > 0 ? (const char *)gateway.at : "");
    (void)cJSON_AddStringToObject(object, "gateway", name);
    (void)cJSON_AddNumberToObject(object, "cursor", (double)stat->cursor);
    (void)cJSON_AddNumberToObject(object, "waiting", (double)rows_waiting(spool, stat));
    spool_json_time(object, "oldest", stat->oldest_ms);
    json_lists(object, view);
}

static void stat_one(const struct spool_request *request, const char *folder,
                     struct spool_view *view, cJSON *all)
{
    struct spool_shape shape;
    struct spool_stat stat;
    spool_stat(spool_view_spool(view), &stat);
    spool_look_shape(spool_view_spool(view), &shape);
    bool known = !shape.is_sealed || request->key != NULL;
    if (all != NULL) {
        json_stat(json_of_spool(all, folder, &stat, &shape), view, &stat, known);
    } else {
        print_stat(folder, view, &stat, &shape, known);
    }
}

int spool_stat_print(const struct spool_request *request, const struct spool_folders *folders)
{
    return for_each(request, folders, stat_one);
}
