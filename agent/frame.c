#include "agent/frame.h"

#include "agent/mutant.h"

enum { FRAME_MAGIC = 0x31524657, SEGMENT_MAGIC = 0x31475357 }; // "WFR1", "WSG1"

//  0 magic u32 | 4 size u32 | 8 segment_id u64 | 16 stamp u64 | 24 first_seq u64 | 32 count u32
// 36 commit_no u32 | 40 frame_no u32 | 44 kind u8 | 45 flags u8 | 46 zero u16
// 48 time_first_ms i64 | 56 time_last_ms i64 | 64 salt 16 bytes | 80 payload_sum u32 | 84 sum u32
void frame_put(const struct frame *frame, uint8_t at[FRAME_HEADER_SIZE])
{
    put_u32(at, FRAME_MAGIC);
    put_u32(at + 4, frame->size);
    put_u64(at + 8, frame->segment_id);
    put_u64(at + 16, frame->stamp);
    put_u64(at + 24, frame->first_seq);
    put_u32(at + 32, frame->count);
    put_u32(at + 36, frame->commit_no);
    put_u32(at + 40, frame->frame_no);
    at[44] = (uint8_t)frame->kind;
    at[45] = frame->flags;
    put_u16(at + 46, 0);
    put_u64(at + 48, (uint64_t)frame->time_first_ms);
    put_u64(at + 56, (uint64_t)frame->time_last_ms);
    memcpy(at + 64, frame->salt, FRAME_SALT_SIZE);
    put_u32(at + 80, frame->payload_sum);
    put_u32(at + 84, bytes_crc32c(0, bytes_from(at, 84)));
}

enum err frame_get(struct frame *frame, const uint8_t at[FRAME_HEADER_SIZE])
{
    if (get_u32(at) != FRAME_MAGIC) {
        return ERR_CORRUPT;
    }
    if (get_u32(at + 84) != bytes_crc32c(0, bytes_from(at, 84)) && !MUTANT(NO_HEADER_SUM)) {
        return ERR_CORRUPT;
    }
    *frame = (struct frame){
        .size = get_u32(at + 4),
        .segment_id = get_u64(at + 8),
        .stamp = get_u64(at + 16),
        .first_seq = get_u64(at + 24),
        .count = get_u32(at + 32),
        .commit_no = get_u32(at + 36),
        .frame_no = get_u32(at + 40),
        .kind = (enum frame_kind)at[44],
        .flags = at[45],
        .time_first_ms = (int64_t)get_u64(at + 48),
        .time_last_ms = (int64_t)get_u64(at + 56),
        .payload_sum = get_u32(at + 80),
    };
    memcpy(frame->salt, at + 64, FRAME_SALT_SIZE);
    bool known = at[44] >= FRAME_HEADER && at[44] <= FRAME_STATE;
    bool rows =
        frame->first_seq >= 1 && frame->count >= 1 && frame->first_seq <= UINT64_MAX - frame->count;
    if (!known || frame->size > FRAME_PAYLOAD_MAX || (frame_is_block(frame->kind) && !rows)) {
        return ERR_CORRUPT;
    }
    return OK;
}

// Two streams that begin apart stay apart in every word: no word of one payload, stored twice under
// two salts, is stored alike.
void frame_whiten(const struct frame *frame, uint8_t *at, uint32_t size)
{
    const uint64_t step = 0x9e3779b97f4a7c15;
    uint64_t word = (get_u64(frame->salt) ^ get_u64(frame->salt + 8)) + frame->frame_no * step;
    if (MUTANT(LEAVE_CLEAR)) {
        return;
    }
    word = (word ^ (word >> 32)) * step;
    uint32_t i = 0;
    for (; i + 8 <= size; i += 8, word += step) {
        put_u64(at + i, get_u64(at + i) ^ word);
    }
    for (; i < size; i++, word >>= 8) {
        at[i] ^= (uint8_t)word;
    }
}

//  0 magic u32 | 4 version u16 | 6 ring u8 | 7 zero | 8 epoch u64 | 16 segment_id u64
// 24 first_seq u64 | 32 slot_count u32 | 36 slot_size u32 | 40 time_first_ms i64 | 48 stamp u64
// 56 key_check u64 | 64 salt 16 bytes | 80 time_before_ms i64 | 88 nursery_from u64 | 96 zero | 124
// sum u32, of all but itself 128 pages u16 of each slot
static uint32_t segment_header_sum(const uint8_t *at, uint32_t slot_count)
{
    uint32_t sum = bytes_crc32c(0, bytes_from(at, SEGMENT_HEADER_SIZE - 4));
    return bytes_crc32c(sum, bytes_from(at + SEGMENT_HEADER_SIZE, 2 * (size_t)slot_count));
}

void segment_header_put(const struct segment_header *header, uint8_t *at)
{
    memset(at, 0, SEGMENT_HEADER_SIZE);
    put_u32(at, SEGMENT_MAGIC);
    put_u16(at + 4, header->version);
    at[6] = header->ring;
    put_u64(at + 8, header->epoch);
    put_u64(at + 16, header->segment_id);
    put_u64(at + 24, header->first_seq);
    put_u32(at + 32, header->slot_count);
    put_u32(at + 36, header->slot_size);
    put_u64(at + 40, (uint64_t)header->time_first_ms);
    put_u64(at + 48, header->stamp);
    put_u64(at + 56, header->key_check);
    memcpy(at + 64, header->salt, FRAME_SALT_SIZE);
    put_u64(at + 80, (uint64_t)header->time_before_ms);
    put_u64(at + 88, header->nursery_from);
    for (uint32_t slot = 0; slot < header->slot_count; slot++) {
        put_u16(at + SEGMENT_HEADER_SIZE + 2 * slot, header->pages[slot]);
    }
    put_u32(at + 124, segment_header_sum(at, header->slot_count));
}

static bool header_sums(struct bytes in)
{
    if (in.size < SEGMENT_HEADER_SIZE || get_u32(in.at) != SEGMENT_MAGIC) {
        return false;
    }
    uint32_t slot_count = get_u32(in.at + 32);
    return slot_count <= SEGMENT_SLOTS_MAX && in.size >= segment_header_size(slot_count) &&
           get_u32(in.at + 124) == segment_header_sum(in.at, slot_count);
}

enum err segment_header_get(struct segment_header *header, struct bytes in)
{
    if (!header_sums(in)) {
        return ERR_CORRUPT;
    }
    const uint8_t *at = in.at;
    *header = (struct segment_header){
        .version = get_u16(at + 4),
        .ring = at[6],
        .epoch = get_u64(at + 8),
        .segment_id = get_u64(at + 16),
        .first_seq = get_u64(at + 24),
        .slot_count = get_u32(at + 32),
        .slot_size = get_u32(at + 36),
        .time_first_ms = (int64_t)get_u64(at + 40),
        .stamp = get_u64(at + 48),
        .key_check = get_u64(at + 56),
        .time_before_ms = (int64_t)get_u64(at + 80),
        .nursery_from = get_u64(at + 88),
    };
    memcpy(header->salt, at + 64, FRAME_SALT_SIZE);
    for (uint32_t slot = 0; slot < header->slot_count; slot++) {
        header->pages[slot] = get_u16(at + SEGMENT_HEADER_SIZE + 2 * slot);
    }
    if (header->version > SEGMENT_VERSION) {
        return ERR_VERSION;
    }
    bool sound = header->version == SEGMENT_VERSION && header->segment_id > 0 &&
                 header->epoch > 0 && header->first_seq > 0;
    return sound ? OK : ERR_CORRUPT;
}
