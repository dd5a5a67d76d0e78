// The state "schema.marks": count u8, then of each: source u64, fingerprint u64, id u32, whether it
// has a GUID u8, and 16 bytes of it.
#include "agent/schema_marks.h"

#include "agent/avro_schema.h"
#include "agent/digest.h"

#include <stdlib.h>

enum { KEPT_SIZE = 37, KEPT_MAX = 2 * SCHEMAS_MAX };

static const char state_name[] = "schema.marks";

static void recall(struct schema_marks *marks, const struct states *states,
                   const struct spool *spool)
{
    struct bytes in = states_get(states, spool, state_name);
    uint32_t count = in.size == 0 ? 0 : in.at[0];
    if (count > KEPT_MAX || in.size != 1 + (size_t)count * KEPT_SIZE) {
        return; // none, or not ours: they are looked up again
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = in.at + 1 + i * KEPT_SIZE;
        struct kept_mark *kept = &marks->kept[i];
        *kept = (struct kept_mark){.source = get_u64(at), .fingerprint = get_u64(at + 8)};
        kept->ids.id = get_u32(at + 16);
        kept->ids.has_guid = at[20] == 1;
        memcpy(kept->ids.guid, at + 21, SCHEMA_GUID_SIZE);
    }
    marks->kept_count = count;
}

static void keep(const struct schema_marks *marks, struct states *states)
{
    uint8_t bytes[1 + KEPT_MAX * KEPT_SIZE] = {(uint8_t)marks->kept_count};
    for (uint32_t i = 0; i < marks->kept_count; i++) {
        uint8_t *at = bytes + 1 + i * KEPT_SIZE;
        const struct kept_mark *kept = &marks->kept[i];
        put_u64(at, kept->source);
        put_u64(at + 8, kept->fingerprint);
        put_u32(at + 16, kept->ids.id);
        at[20] = kept->ids.has_guid ? 1 : 0;
        memcpy(at + 21, kept->ids.guid, SCHEMA_GUID_SIZE);
    }
    (void)states_set(states, state_name,
                     bytes_from(bytes, 1 + (size_t)marks->kept_count * KEPT_SIZE));
}

// The id in network order, or the GUID, behind the magic byte.
static void mark_set(const struct schema_marks *marks, struct schema_mark *mark,
                     const struct schema_ids *ids)
{
    bool guid = marks->port->id_in_header && ids->has_guid;
    mark->known = true;
    mark->size = guid ? 1 + SCHEMA_GUID_SIZE : 1 + 4;
    mark->bytes[0] = guid ? 1 : 0;
    if (guid) {
        memcpy(mark->bytes + 1, ids->guid, SCHEMA_GUID_SIZE);
        return;
    }
    for (int i = 0; i < 4; i++) {
        mark->bytes[1 + i] = (uint8_t)(ids->id >> (24 - 8 * i));
    }
}

static bool is_kept(const struct schema_marks *marks, uint64_t source, uint64_t fingerprint,
                    struct schema_ids *ids)
{
    for (uint32_t i = 0; i < marks->kept_count; i++) {
        const struct kept_mark *kept = &marks->kept[i];
        if (kept->source == source && kept->fingerprint == fingerprint) {
            *ids = kept->ids;
            return true;
        }
    }
    return false;
}

void schema_marks_move(struct schema_marks *marks, uint64_t source)
{
    marks->source = source;
    for (uint32_t i = 0; i < marks->count; i++) {
        struct schema_mark *mark = &marks->list[i];
        bool is_said = i == 0 && marks->port->schema_id >= 0; // of the present schema
        struct schema_ids ids = {.id = is_said ? (uint32_t)marks->port->schema_id : 0};
        mark->known = is_said || (source != SCHEMA_SOURCE_UNKNOWN &&
                                  is_kept(marks, source, mark->fingerprint, &ids));
        if (mark->known) {
            mark_set(marks, mark, &ids);
        }
    }
}

static enum err add(struct schema_marks *marks, const struct schema *schema, uint8_t *room)
{
    struct buffer text = buffer_over(room, AVRO_SCHEMA_BYTES_MAX);
    uint8_t digest[DIGEST_SIZE];
    enum err err = avro_schema_put(marks->contract, marks->port, schema, &text);
    if (err != OK) {
        return ERR_LIMIT;
    }
    digest_sha256(buffer_bytes(&text), digest);
    marks->list[marks->count++] =
        (struct schema_mark){.schema = schema, .fingerprint = get_u64(digest)};
    return OK;
}

// The newest goes to the front. `states` is not touched where nothing is new.
static void remember(struct schema_marks *marks, uint64_t source, uint64_t fingerprint,
                     const struct schema_ids *ids, struct states *states)
{
    struct schema_ids known;
    if (is_kept(marks, source, fingerprint, &known) && known.id == ids->id &&
        known.has_guid == ids->has_guid && memcmp(known.guid, ids->guid, SCHEMA_GUID_SIZE) == 0) {
        return;
    }
    uint32_t place = 0;
    while (place < marks->kept_count &&
           (marks->kept[place].source != source || marks->kept[place].fingerprint != fingerprint)) {
        place++;
    }
    if (place == marks->kept_count && place < KEPT_MAX) {
        marks->kept_count++;
    } else if (place == KEPT_MAX) {
        place--; // the oldest goes
    }
    memmove(marks->kept + 1, marks->kept, place * sizeof marks->kept[0]);
    marks->kept[0] = (struct kept_mark){source, fingerprint, *ids};
    keep(marks, states);
}

enum err schema_marks_open(struct schema_marks *marks, const struct contract *contract,
                           const struct contract_port *port, uint64_t source,
                           const struct schemas *schemas, struct states *states,
                           const struct spool *spool)
{
    *marks = (struct schema_marks){.contract = contract, .port = port};
    if (!port->framed) {
        return OK;
    }
    uint8_t *room = malloc(AVRO_SCHEMA_BYTES_MAX);
    enum err err = room == NULL ? ERR_FAILED : OK;
    for (uint32_t i = 0; i < schemas->count && err == OK; i++) {
        err = add(marks, schemas->list[i], room);
    }
    free(room);
    if (err != OK) {
        return err;
    }
    recall(marks, states, spool);
    schema_marks_move(marks, source);
    if (port->schema_id >= 0) { // once another contract is the present one, it is kept
        const struct schema_ids ids = {.id = (uint32_t)port->schema_id};
        remember(marks, SCHEMA_SOURCE_CONTRACT, marks->list[0].fingerprint, &ids, states);
    }
    return OK;
}

enum err schema_marks_find(const struct schema_marks *marks, const struct schema *schema,
                           struct bytes *mark)
{
    *mark = (struct bytes){0};
    if (marks->count == 0) {
        return OK;
    }
    for (uint32_t i = 0; i < marks->count; i++) {
        if (marks->list[i].schema == schema) {
            *mark = bytes_from(marks->list[i].bytes, marks->list[i].size);
            return marks->list[i].known ? OK : ERR_AGAIN;
        }
    }
    return ERR_AGAIN; // cannot be: all schemas of the spool are there
}

const struct schema_mark *schema_marks_unknown(const struct schema_marks *marks, uint32_t skip)
{
    for (uint32_t i = 0; i < marks->count && marks->source != SCHEMA_SOURCE_UNKNOWN; i++) {
        if (!marks->list[i].known && skip-- == 0) {
            return &marks->list[i];
        }
    }
    return NULL;
}

void schema_marks_learn(struct schema_marks *marks, uint64_t fingerprint,
                        const struct schema_ids *ids, struct states *states)
{
    for (uint32_t i = 0; i < marks->count; i++) {
        if (marks->list[i].fingerprint == fingerprint) {
            mark_set(marks, &marks->list[i], ids);
        }
    }
    remember(marks, marks->source, fingerprint, ids, states);
}
