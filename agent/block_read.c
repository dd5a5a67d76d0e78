// A block from outside back into rows. Every size is checked before use: time and memory are
// bounded by BLOCK_READINGS_MAX and BLOCK_CELLS_MAX whatever the bytes say. The bounds:
//   R1  a decoder never leaves its streams; beyond their ends it reads zeros, which is noticed
//       last;
//   R2  every loop runs over rows, keys or fields that the front and the schema bound, or over runs
//       that each cover at least one row.
#include "agent/block_read.h"
#include <assert.h>
#include <stdlib.h>

struct block_reader *block_reader_open(void)
{
    struct block_reader *reader = calloc(1, sizeof *reader);
    if (reader != NULL && inflateInit2(&reader->inflate, -15) != Z_OK) {
        free(reader);
        return NULL;
    }
    return reader;
}

void block_reader_close(struct block_reader *reader)
{
    if (reader != NULL) {
        (void)inflateEnd(&reader->inflate);
        free(reader);
    }
}

// ---- the front ----

// Read the front; `*cursor` then stands at the sizes of the streams.
static enum err get_front(struct cursor *cursor, struct block_info *info, bool *has_quality)
{
    uint8_t first = get_byte(cursor);
    if ((first & 0x0f) > BLOCK_VERSION) {
        return ERR_VERSION;
    }
    const uint8_t *schema_id = get_raw(cursor, 4);
    if ((first & 0x0f) != BLOCK_VERSION || (first >> 4 & 3) > RECORD_CLOCK_BOOT ||
        first >> 7 != 0 || schema_id == NULL) {
        return ERR_CORRUPT;
    }
    *info = (struct block_info){.schema_id = get_u32(schema_id)};
    info->clock = (enum record_clock)(first >> 4 & 3);
    *has_quality = (first >> 6 & 1) != 0;
    info->first_seq = get_varint(cursor);
    uint64_t row_count = get_varint(cursor);
    info->time_first_ms = unzigzag(get_varint(cursor));
    uint64_t span = get_varint(cursor);
    info->time_last_ms = (int64_t)((uint64_t)info->time_first_ms + span);
    if (info->clock == RECORD_CLOCK_BOOT) {
        const uint8_t *boot_id = get_raw(cursor, sizeof info->boot_id);
        if (boot_id != NULL) {
            memcpy(info->boot_id, boot_id, sizeof info->boot_id);
        }
    }
    if (cursor->bad || row_count == 0 || row_count > BLOCK_READINGS_MAX ||
        info->first_seq > UINT64_MAX - row_count || info->time_last_ms < info->time_first_ms) {
        return ERR_CORRUPT;
    }
    info->row_count = (uint32_t)row_count;
    return OK;
}

enum err block_look(struct bytes in, struct block_info *info)
{
    struct cursor cursor = cursor_over(in);
    bool has_quality;
    return get_front(&cursor, info, &has_quality);
}

// ---- the streams ----

static bool inflate_text(struct block_reader *reader, const uint8_t *at, size_t size,
                         size_t text_size)
{
    z_stream *stream = &reader->inflate;
    if (inflateReset(stream) != Z_OK) {
        return false;
    }
    stream->next_in = at;
    stream->avail_in = (uInt)size;
    stream->next_out = reader->text;
    stream->avail_out = (uInt)text_size;
    return inflate(stream, Z_FINISH) == Z_STREAM_END && stream->avail_in == 0 &&
           stream->avail_out == 0;
}

// Fill `text`: stored where its stored size is its size, else deflated.
static bool get_text(struct block_reader *reader, struct cursor *cursor, uint64_t text_size)
{
    const uint8_t *packed = get_raw(cursor, 3);
    if (packed == NULL || text_size > BLOCK_TEXTS_SIZE) {
        return false;
    }
    size_t size = packed[0] | (size_t)packed[1] << 8 | (size_t)packed[2] << 16;
    const uint8_t *at = get_raw(cursor, size);
    if (at == NULL) {
        return false;
    }
    if (size != text_size) {
        return inflate_text(reader, at, size, (size_t)text_size);
    }
    memcpy(reader->text, at, size); // rows borrow from the reader, not from the block
    return true;
}

// Cut the list of strings, each a varint length and bytes.
static bool cut_texts(struct block_reader *reader, size_t size)
{
    struct cursor cursor = cursor_over(bytes_from(reader->text, size));
    reader->text_count = 0;
    while (cursor_left(&cursor) > 0) {
        uint64_t length = get_varint(&cursor);
        if (cursor.bad || length > cursor_left(&cursor) ||
            reader->text_count == BLOCK_READINGS_MAX) {
            return false;
        }
        const uint8_t *at = get_raw(&cursor, (size_t)length);
        reader->texts[reader->text_count++] = bytes_from(at, (size_t)length);
    }
    return true;
}

static bool get_streams(struct block_reader *reader, struct cursor *cursor)
{
    uint64_t coded_size = get_varint(cursor);
    uint64_t text_size = get_varint(cursor);
    if (cursor->bad || (text_size > 0 && !get_text(reader, cursor, text_size)) ||
        !cut_texts(reader, (size_t)text_size) || coded_size > cursor_left(cursor)) {
        return false;
    }
    struct bytes coded = bytes_from(cursor->at, (size_t)coded_size);
    struct bytes raw = bytes_from(cursor->at + coded.size, cursor_left(cursor) - coded.size);
    reader->decoder = decoder_over(coded, raw);
    coder_model_reset(&reader->model);
    return true;
}

// ---- what the rows share ----

// Add a key that was not seen yet; BLOCK_NO_KEY: there are too many.
static uint16_t add_key(struct block_axis *axis)
{
    return axis->key_count == BLOCK_KEYS_MAX ? BLOCK_NO_KEY : (uint16_t)axis->key_count++;
}

static bool get_order(struct block_reader *reader)
{
    struct block_axis *axis = &reader->axis;
    uint16_t successor[BLOCK_KEYS_MAX + 1];
    memset(successor, 0xff, sizeof successor);
    memset(axis->start_of_key, 0, sizeof axis->start_of_key); // first, how many rows it has
    axis->row_count = reader->info.row_count;
    axis->key_count = 0;
    uint16_t key = BLOCK_KEYS_MAX;
    for (uint32_t row = 0;; row++) {
        uint64_t hits = block_get_number(reader, ABOUT_HITS);
        if (hits > axis->row_count - row) {
            return false;
        }
        for (uint32_t end = row + (uint32_t)hits; row < end; row++) {
            uint16_t next = successor[key];
            if (next == BLOCK_NO_KEY) {
                next = successor[key] = add_key(axis);
                if (next == BLOCK_NO_KEY) {
                    return false;
                }
            }
            axis->key_of_row[row] = key = next;
            axis->start_of_key[key]++;
        }
        if (row == axis->row_count) {
            break;
        }
        uint64_t miss = block_get_number(reader, ABOUT_MISS);
        uint16_t next = miss == 0 ? add_key(axis) : (uint16_t)(miss - 1);
        if (miss > axis->key_count || next == BLOCK_NO_KEY) {
            return false;
        }
        successor[key] = next;
        axis->key_of_row[row] = key = next;
        axis->start_of_key[key]++;
        if (row + 1 == axis->row_count) {
            break; // no run follows the last row
        }
    }
    block_rows_place(axis->key_of_row, axis->row_count, axis->key_count, axis->start_of_key,
                     axis->rows);
    return true;
}

static bool get_keys(struct block_reader *reader)
{
    uint64_t expected = 0;
    for (uint32_t key = 0; key < reader->axis.key_count; key++) {
        uint64_t id = expected + (uint64_t)unzigzag(block_get_number(reader, ABOUT_KEY));
        if (id > UINT32_MAX) {
            return false;
        }
        reader->key_ids[key] = (uint32_t)id;
        expected = (uint32_t)(id + 1);
    }
    return true;
}

// What times are predicted from.
struct time_state {
    enum time_method method;
    uint64_t before; // the time of the row before
    uint64_t time[BLOCK_KEYS_MAX];
    uint64_t step[BLOCK_KEYS_MAX]; // of the key's last row: from the row, or (period) time, before
    bool seen[BLOCK_KEYS_MAX];
};

// The time of a row of `key` that differs by `surprise` from what was predicted.
static uint64_t next_time(struct time_state *state, uint16_t key, uint64_t surprise)
{
    if (state->method == TIME_GAP) {
        state->step[key] += surprise;
        state->before += state->step[key];
    } else if (state->method == TIME_PERIOD) {
        if (state->seen[key]) {
            state->step[key] += surprise;
            state->before = state->time[key] + state->step[key];
        } else {
            state->before += surprise;
        }
        state->time[key] = state->before;
        state->seen[key] = true;
    } else {
        state->before += surprise;
    }
    return state->before;
}

// The rows from .. to - 1, which come as predicted.
static void expect_times(struct block_reader *reader, struct time_state *state, uint32_t from,
                         uint32_t to)
{
    const uint16_t *keys = reader->axis.key_of_row;
    if (state->method != TIME_GAP) {
        for (uint32_t row = from; row < to; row++) {
            reader->time_ms[row] = (int64_t)next_time(state, keys[row], 0);
        }
        return;
    }
    uint64_t time = state->before;
    for (uint32_t row = from; row < to; row++) {
        time += state->step[keys[row]];
        reader->time_ms[row] = (int64_t)time;
    }
    state->before = time;
}

static bool times_are_in_span(const struct block_reader *reader)
{
    const uint64_t first = (uint64_t)reader->info.time_first_ms;
    const uint64_t span = (uint64_t)reader->info.time_last_ms - first;
    for (uint32_t row = 0; row < reader->info.row_count; row++) {
        if ((uint64_t)reader->time_ms[row] - first > span) {
            return false;
        }
    }
    return true;
}

// Runs of rows that come as predicted, each but the last followed by one that does not.
static bool get_times(struct block_reader *reader)
{
    struct time_state state;
    const uint32_t row_count = reader->axis.row_count;
    uint64_t method = block_get_number(reader, ABOUT_COUNT);
    if (method >= TIME_COUNT) {
        return false;
    }
    state.method = (enum time_method)method;
    state.before = (uint64_t)reader->info.time_first_ms;
    memset(state.step, 0, reader->axis.key_count * sizeof state.step[0]);
    memset(state.seen, 0, reader->axis.key_count * sizeof state.seen[0]);
    for (uint32_t row = 0;; row++) {
        uint64_t zeros = block_get_number(reader, ABOUT_ZEROS);
        if (zeros > row_count - row) {
            return false;
        }
        expect_times(reader, &state, row, row + (uint32_t)zeros);
        row += (uint32_t)zeros;
        if (row == row_count) {
            break;
        }
        uint64_t surprise = (uint64_t)unzigzag(block_get_number(reader, ABOUT_TIME));
        reader->time_ms[row] = (int64_t)next_time(&state, reader->axis.key_of_row[row], surprise);
        if (row + 1 == row_count) {
            break; // no run follows the last row
        }
    }
    return times_are_in_span(reader);
}

static bool get_quality(struct block_reader *reader)
{
    const struct block_axis *axis = &reader->axis;
    uint8_t quality = QUALITY_GOOD;
    bool is_first = true;
    memset(reader->quality, QUALITY_GOOD, axis->row_count);
    for (uint32_t at = 0; at < axis->row_count && reader->has_quality;) {
        uint64_t run = block_get_number(reader, ABOUT_RUN);
        if (run > axis->row_count - at || (run == 0 && !is_first)) {
            return false; // R2
        }
        is_first = false;
        uint32_t end = at + (uint32_t)run;
        for (; at < end && quality != QUALITY_GOOD; at++) {
            reader->quality[axis->rows[at]] = quality;
        }
        at = end;
        if (at < axis->row_count) {
            quality = (uint8_t)block_get_number(reader, ABOUT_QUALITY);
        }
    }
    return true;
}

// ---- the block ----

enum err block_read(struct block_reader *reader, struct bytes in, const struct schema *schema)
{
    struct cursor cursor = cursor_over(in);
    struct block_info info;
    reader->info.row_count = 0;
    enum err err = get_front(&cursor, &info, &reader->has_quality);
    if (err != OK) {
        return err;
    }
    if (info.schema_id != schema->id ||
        info.row_count * (uint32_t)schema->field_count > BLOCK_CELLS_MAX) {
        return ERR_CORRUPT;
    }
    reader->info = info;
    reader->schema = schema;
    reader->field_count = schema->field_count;
    block_field_types(schema, reader->types);
    if (!get_streams(reader, &cursor) || !get_order(reader) || !get_keys(reader) ||
        !get_times(reader) || !get_quality(reader) || !block_get_columns(reader) ||
        !decoder_is_done(&reader->decoder)) {
        reader->info.row_count = 0;
        return ERR_CORRUPT;
    }
    return OK;
}

const struct block_info *block_reader_info(const struct block_reader *reader)
{
    return &reader->info;
}

size_t block_reader_size(const struct block_reader *reader)
{
    return sizeof *reader;
}

void block_row(const struct block_reader *reader, uint32_t index, struct block_row *row)
{
    assert(index < reader->info.row_count);
    row->seq = reader->info.first_seq + index;
    row->key_id = reader->key_ids[reader->axis.key_of_row[index]];
    row->time_ms = reader->time_ms[index];
    row->quality = reader->quality[index];
    row->values = reader->values + index * reader->field_count;
}
