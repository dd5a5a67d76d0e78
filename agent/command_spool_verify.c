// weir spool verify: read all that counts, check all sums, decode all blocks, look for each row.
#include "agent/clock.h"
#include "agent/command_spool.h"
#include "agent/human.h"
#include "agent/spool_look.h"

#include <cjson/cJSON.h>

enum {
    DAMAGE_MAX = 200, // told one by one
    AGAIN_MAX = 4,    // a segment is read so often while somebody writes
};

struct damage {
    const char *what;
    enum disk_ring ring;
    uint64_t segment; // 0: not known
    uint32_t slot;
    uint32_t offset;
    uint32_t bytes;
    uint64_t first_seq; // 0: not known
    uint64_t last_seq;
};

struct proof {
    struct spool_view *view;
    uint32_t segments;
    uint32_t blocks;
    uint64_t bytes;
    uint32_t left_out;
    uint32_t count;
    struct damage list[DAMAGE_MAX];
    uint32_t reused; // segments that were used again meanwhile
    struct spool_view_gaps gaps;
};

static void add(struct proof *proof, const struct damage *damage)
{
    if (proof->count == DAMAGE_MAX) {
        proof->left_out++;
        return;
    }
    proof->list[proof->count++] = *damage;
}

static void add_found(struct proof *proof, const struct spool_segment *segment,
                      const struct spool_found *found, const char *what)
{
    uint64_t last = found->count > 0 ? found->first_seq + found->count - 1 : 0;
    struct damage damage = {.what = what,
                            .ring = segment->ring,
                            .segment = segment->id,
                            .slot = segment->slot,
                            .offset = found->offset,
                            .bytes = found->bytes,
                            .first_seq = found->count > 0 ? found->first_seq : 0,
                            .last_seq = last};
    add(proof, &damage);
}

// --- a segment

static void read_frames(struct proof *proof, uint32_t index, const struct spool_segment *segment)
{
    struct spool *spool = spool_view_spool(proof->view);
    struct spool_walk walk = {.index = index};
    for (;;) { // each turn: the walk moves on
        struct spool_found found;
        spool_walk_next(spool, &walk, true, &found);
        if (found.kind == SPOOL_FOUND_END) {
            return;
        }
        proof->bytes += found.bytes;
        if (found.kind == SPOOL_FOUND_DAMAGE) {
            add_found(proof, segment, &found,
                      found.count > 0 ? "a block fails its sum" : "bytes are no good frame");
        } else if (found.kind == SPOOL_FOUND_BLOCK) {
            proof->blocks++;
            if (!spool_view_decodes(proof->view, &found)) {
                add_found(proof, segment, &found, "a block does not decode");
            }
        }
    }
}

static void read_segment(struct proof *proof, uint32_t index, struct spool_segment *segment)
{
    spool_look_segment(spool_view_spool(proof->view), index, segment);
    proof->segments++;
    const uint32_t page = 4096;
    if (!segment->first_header) {
        struct spool_found header = {.offset = 0, .bytes = page};
        add_found(proof, segment, &header, "the first of its two headers is damaged");
    }
    if (!segment->second_header) {
        struct spool_found header = {.offset = page, .bytes = page};
        add_found(proof, segment, &header, "the second of its two headers is damaged");
    }
    read_frames(proof, index, segment);
}

// The index of a segment in the spool as it was opened anew; false: it counts no more.
static bool find_segment(struct proof *proof, const struct spool_segment *segment, uint32_t *index)
{
    struct spool *spool = spool_view_spool(proof->view);
    struct spool_shape shape;
    spool_look_shape(spool, &shape);
    for (uint32_t i = 0; i < shape.segment_count; i++) {
        struct spool_segment there;
        spool_look_segment(spool, i, &there);
        if (there.ring == segment->ring && there.id == segment->id) {
            *index = i;
            return true;
        }
    }
    return false;
}

// Where a segment seems damaged and somebody writes, it may have been used again: look once more.
static enum err verify_segment(struct proof *proof, const struct spool_segment *segment)
{
    for (int tries = 0;; tries++) {
        struct proof before = *proof;
        uint32_t index;
        if (!find_segment(proof, segment, &index)) {
            proof->reused++;
            return OK;
        }
        struct spool_segment read;
        read_segment(proof, index, &read);
        if (proof->count == before.count && proof->left_out == before.left_out) {
            return OK;
        }
        enum err err;
        bool changed = spool_view_again(proof->view, &err);
        if (err != OK || !changed || tries == AGAIN_MAX) {
            return err;
        }
        *proof = before;
    }
}

// --- the whole

// Each file is there to its end, and is a segment or was never used. One that is being written to
// is looked at a second time.
static enum err verify_slots(struct proof *proof)
{
    struct spool_shape shape;
    spool_look_shape(spool_view_spool(proof->view), &shape);
    for (int ring = 0; ring < 2; ring++) {
        for (uint32_t slot = 0; slot < shape.slot_count[ring]; slot++) {
            enum err err = OK;
            struct damage damage = {
                .ring = (enum disk_ring)ring, .slot = slot, .bytes = shape.slot_size[ring]};
            damage.what = spool_look_slot(spool_view_spool(proof->view), damage.ring, slot);
            if (damage.what != NULL && spool_view_again(proof->view, &err)) {
                damage.what = spool_look_slot(spool_view_spool(proof->view), damage.ring, slot);
            }
            if (err != OK) {
                return err;
            }
            if (damage.what != NULL) {
                add(proof, &damage);
            }
        }
    }
    return OK;
}

static enum err verify_segments(struct proof *proof)
{
    // As they are now; one that comes later is read by the look for each row.
    static struct spool_segment list[1025];
    struct spool *spool = spool_view_spool(proof->view);
    struct spool_shape shape;
    spool_look_shape(spool, &shape);
    uint32_t count = shape.segment_count < 1025 ? shape.segment_count : 1025;
    for (uint32_t slot = 0; slot < shape.slot_count[DISK_MAIN]; slot++) {
        if (spool_look_is_missing(spool, slot)) {
            struct damage damage = {.what = "both headers of a segment are damaged",
                                    .slot = slot,
                                    .bytes = shape.slot_size[DISK_MAIN]};
            add(proof, &damage);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        spool_look_segment(spool, i, &list[i]);
    }
    enum err err = OK;
    for (uint32_t i = 0; i < count && err == OK; i++) {
        err = verify_segment(proof, &list[i]);
    }
    return err;
}

static enum err verify_rows(struct proof *proof)
{
    struct spool_view_range range = SPOOL_VIEW_ALL;
    spool_view_start(proof->view, &range);
    enum err err;
    do {
        struct spool_view_row row;
        err = spool_view_next(proof->view, &row);
    } while (err == OK);
    proof->gaps = *spool_view_gaps(proof->view);
    return err == ERR_AGAIN ? OK : err;
}

static bool is_good(const struct proof *proof)
{
    return proof->count == 0 && proof->left_out == 0 && proof->gaps.rows == 0;
}

static void print_proof(const struct proof *proof, const char *folder,
                        const struct spool_stat *stat)
{
    char bytes[HUMAN_SIZE];
    char missing[HUMAN_SIZE];
    (void)printf("%s: %s: %u segments, %u blocks, %s read; next seq %llu, cursor %llu\n", folder,
                 is_good(proof) ? "good" : "DAMAGED", proof->segments, proof->blocks,
                 human_bytes((int64_t)proof->bytes, bytes), (unsigned long long)stat->next_seq,
                 (unsigned long long)stat->cursor);
    for (uint32_t i = 0; i < proof->count; i++) {
        const struct damage *damage = &proof->list[i];
        (void)printf("  %s/%04u.seg, byte %u: %s (%u bytes", damage->ring ? "nursery" : "ring",
                     damage->slot, damage->offset, damage->what, damage->bytes);
        if (damage->first_seq > 0) {
            (void)printf(", seq %llu..%llu", (unsigned long long)damage->first_seq,
                         (unsigned long long)damage->last_seq);
        }
        (void)printf(")\n");
    }
    if (proof->left_out > 0) {
        (void)printf("  and %u more such places\n", proof->left_out);
    }
    for (uint32_t i = 0; i < proof->gaps.count; i++) {
        const struct seq_range *gap = &proof->gaps.list[i];
        (void)printf("  records lost: seq %llu..%llu (%llu)\n", (unsigned long long)gap->from,
                     (unsigned long long)gap->to, (unsigned long long)(gap->to - gap->from + 1));
    }
    if (proof->gaps.left_out > 0) {
        (void)printf("  records lost in all: %s\n",
                     human_count((int64_t)proof->gaps.rows, missing));
    }
    if (!is_good(proof) && proof->gaps.rows == 0) {
        (void)printf(
            "  no record that is known to wait is missing; newer ones may have lain there\n");
    }
    if (stat->torn_commits > 0) {
        (void)printf("  the last commit was cut short, as by a power cut; that is no damage\n");
    }
    if (proof->reused > 0) {
        (void)printf("  %u segments were used again while this ran, and were not read\n",
                     proof->reused);
    }
}

static void json_damage(cJSON *list, const struct damage *damage)
{
    cJSON *entry = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(entry, "what", damage->what);
    (void)cJSON_AddStringToObject(entry, "ring", damage->ring ? "nursery" : "ring");
    (void)cJSON_AddNumberToObject(entry, "slot", damage->slot);
    (void)cJSON_AddNumberToObject(entry, "segment", (double)damage->segment);
    (void)cJSON_AddNumberToObject(entry, "offset", damage->offset);
    (void)cJSON_AddNumberToObject(entry, "bytes", damage->bytes);
    if (damage->first_seq > 0) {
        (void)cJSON_AddNumberToObject(entry, "first_seq", (double)damage->first_seq);
        (void)cJSON_AddNumberToObject(entry, "last_seq", (double)damage->last_seq);
    }
    (void)cJSON_AddItemToArray(list, entry);
}

static void json_proof(const struct proof *proof, const char *folder, const struct spool_stat *stat,
                       cJSON *all)
{
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(object, "product", spool_product_name(folder));
    (void)cJSON_AddStringToObject(object, "folder", folder);
    (void)cJSON_AddBoolToObject(object, "good", is_good(proof));
    spool_json_epoch(object, stat->epoch);
    (void)cJSON_AddNumberToObject(object, "next_seq", (double)stat->next_seq);
    (void)cJSON_AddNumberToObject(object, "cursor", (double)stat->cursor);
    (void)cJSON_AddNumberToObject(object, "segments", proof->segments);
    (void)cJSON_AddNumberToObject(object, "blocks", proof->blocks);
    (void)cJSON_AddNumberToObject(object, "bytes", (double)proof->bytes);
    (void)cJSON_AddNumberToObject(object, "torn_commits", (double)stat->torn_commits);
    (void)cJSON_AddNumberToObject(object, "reused_segments", proof->reused);
    (void)cJSON_AddNumberToObject(object, "lost_records", (double)proof->gaps.rows);
    cJSON *lost = cJSON_AddArrayToObject(object, "lost");
    for (uint32_t i = 0; i < proof->gaps.count; i++) {
        cJSON *range = cJSON_CreateObject();
        (void)cJSON_AddNumberToObject(range, "from", (double)proof->gaps.list[i].from);
        (void)cJSON_AddNumberToObject(range, "to", (double)proof->gaps.list[i].to);
        (void)cJSON_AddItemToArray(lost, range);
    }
    cJSON *damage = cJSON_AddArrayToObject(object, "damage");
    for (uint32_t i = 0; i < proof->count; i++) {
        json_damage(damage, &proof->list[i]);
    }
    (void)cJSON_AddNumberToObject(object, "damage_left_out", proof->left_out);
    (void)cJSON_AddItemToArray(all, object);
}

static int verify_one(const struct spool_request *request, const char *folder, cJSON *all)
{
    struct proof proof = {.count = 0};
    int code = spool_request_open(request, folder, &proof.view);
    if (code != EX_OK) {
        return code;
    }
    enum err err = verify_slots(&proof);
    err = err == OK ? verify_segments(&proof) : err;
    err = err == OK ? verify_rows(&proof) : err;
    if (err != OK) {
        code = spool_explain(request, folder, err);
    } else {
        struct spool_stat stat;
        spool_stat(spool_view_spool(proof.view), &stat);
        if (all != NULL) {
            json_proof(&proof, folder, &stat, all);
        } else {
            print_proof(&proof, folder, &stat);
        }
        code = is_good(&proof) ? EX_OK : EXIT_DAMAGED;
    }
    spool_view_close(proof.view);
    return code;
}

int spool_verify(const struct spool_request *request, const struct spool_folders *folders)
{
    cJSON *root = request->json ? cJSON_CreateObject() : NULL;
    cJSON *all = request->json ? cJSON_AddArrayToObject(root, "spools") : NULL;
    int code = EX_OK;
    for (uint32_t i = 0; i < folders->count; i++) {
        int one = verify_one(request, folders->list[i], all);
        code = one > code ? one : code;
    }
    if (root != NULL) {
        spool_print_json(root);
    }
    return code;
}
