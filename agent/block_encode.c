// Rows become sections, sections become one deflated body. See agent/BLOCKS.md for the bytes.
#include "agent/block_encode.h"
#include <assert.h>
#include <stdlib.h>

// ---- the workspace ----

// zlib takes its memory at open and never again (deflateReset keeps it).
static void *take_memory(void *opaque, unsigned items, unsigned size)
{
    struct block_codec *codec = opaque;
    size_t need = ((size_t)items * size + 15) / 16 * 16;
    if (codec->memory_size - codec->memory_used < need) {
        return Z_NULL;
    }
    void *at = codec->memory + codec->memory_used;
    codec->memory_used += need;
    return at;
}

static void leave_memory(void *opaque, void *at)
{
    (void)opaque;
    (void)at;
}

static void place_sections(struct block_codec *codec)
{
    static const size_t rooms[SECTION_COUNT] = {
        [SECTION_KEYS] = ROOM_KEYS,     [SECTION_ORDER] = ROOM_ORDER,
        [SECTION_TIME] = ROOM_TIME,     [SECTION_QUALITY] = ROOM_QUALITY,
        [SECTION_MODE] = ROOM_MODE,     [SECTION_FIRST] = ROOM_FIRST,
        [SECTION_VALUES] = ROOM_VALUES, [SECTION_RAW] = ROOM_RAW,
        [SECTION_TEXT] = ROOM_TEXT,
    };
    uint8_t *at = codec->room;
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        codec->sections[i] = (struct section){.start = at, .at = at, .end = at + rooms[i]};
        at += rooms[i];
    }
}

struct block_codec *block_codec_open(bool small)
{
    // (windowBits, memLevel) 15, 8 takes 256 KiB; 13, 6 takes 64 KiB and costs 0.2 % in size.
    const int window_bits = small ? -13 : -15;
    const int level = small ? 6 : 8;
    struct block_codec *codec = calloc(1, sizeof *codec);
    if (codec == NULL) {
        return NULL;
    }
    codec->memory_size = (small ? 64U : 256U) * 1024 + 16 * 1024;
    codec->memory = malloc(codec->memory_size);
    codec->deflate.zalloc = take_memory;
    codec->deflate.zfree = leave_memory;
    codec->deflate.opaque = codec;
    if (codec->memory == NULL || deflateInit2(&codec->deflate, 6, Z_DEFLATED, window_bits, level,
                                              Z_DEFAULT_STRATEGY) != Z_OK) {
        free(codec->memory);
        free(codec);
        return NULL;
    }
    place_sections(codec);
    return codec;
}

void block_codec_close(struct block_codec *codec)
{
    if (codec != NULL) {
        free(codec->memory);
        free(codec);
    }
}

size_t block_codec_size(const struct block_codec *codec)
{
    return sizeof *codec + codec->memory_size;
}

// ---- what the rows share: keys, order, time, quality ----

// Number the keys of rows from .. from + row_count - 1 in order of first appearance.
static void lay_keys(struct block_codec *codec, const struct block_builder *builder, uint32_t from)
{
    struct block_axis *axis = &codec->axis;
    memset(codec->local_keys, 0xff, builder->key_count * sizeof codec->local_keys[0]);
    axis->key_count = 0;
    uint32_t expected = 0;
    for (uint32_t row = 0; row < axis->row_count; row++) {
        uint16_t *local = &codec->local_keys[builder->key_of_row[from + row]];
        if (*local == BLOCK_NO_KEY) {
            *local = (uint16_t)axis->key_count++;
            uint32_t id = builder->key_ids[builder->key_of_row[from + row]];
            section_varint(&codec->sections[SECTION_KEYS], zigzag((int64_t)id - (int64_t)expected));
            expected = id + 1;
        }
        axis->key_of_row[row] = *local;
    }
    block_axis_sort(axis);
}

// Devices are polled in turn: the key that followed this one last time is likely to follow again.
static void lay_order(struct block_codec *codec)
{
    const struct block_axis *axis = &codec->axis;
    struct section *order = &codec->sections[SECTION_ORDER];
    uint16_t successor[BLOCK_KEYS_MAX + 1]; // the last place is that before the first row
    memset(successor, 0xff, sizeof successor);
    uint32_t known = 0;
    uint32_t hits = 0;
    uint16_t key = BLOCK_KEYS_MAX;
    for (uint32_t row = 0; row < axis->row_count; row++) {
        uint16_t next = axis->key_of_row[row];
        uint16_t predicted = successor[key];
        if (predicted == BLOCK_NO_KEY ? next == known : next == predicted) {
            hits++;
        } else {
            section_varint(order, hits);
            section_varint(order, next == known ? 0 : next + 1U);
            hits = 0;
        }
        known += next == known;
        successor[key] = next;
        key = next;
    }
    if (hits > 0) {
        section_varint(order, hits);
    }
}

// The difference between the time of `row` and what `method` predicts for it.
static int64_t time_surprise(struct block_codec *codec, const int64_t *times, uint32_t row,
                             int64_t before, enum time_method method)
{
    uint16_t key = codec->axis.key_of_row[row];
    int64_t step = (int64_t)((uint64_t)times[row] - (uint64_t)before);
    if (method == TIME_DELTA) {
        return step;
    }
    bool seen = codec->axis.rows[codec->axis.start_of_key[key]] != row;
    if (method == TIME_PERIOD && seen) {
        step = (int64_t)((uint64_t)times[row] - (uint64_t)codec->key_time[key]);
    }
    int64_t expected = seen ? codec->key_step[key] : 0;
    codec->key_time[key] = times[row];
    codec->key_step[key] = method == TIME_PERIOD && !seen ? 0 : step;
    return (int64_t)((uint64_t)step - (uint64_t)expected);
}

static uint8_t *lay_times_by(struct block_codec *codec, const int64_t *times, int64_t first,
                             enum time_method method, uint8_t *at)
{
    int64_t before = first;
    uint32_t zeros = 0;
    *at++ = (uint8_t)method;
    for (uint32_t row = 0; row < codec->axis.row_count; row++) {
        int64_t surprise = time_surprise(codec, times, row, before, method);
        before = times[row];
        if (surprise == 0) {
            zeros++;
            continue;
        }
        at = lay_varint(at, zeros);
        at = lay_varint(at, zigzag(surprise));
        zeros = 0;
    }
    return zeros == 0 ? at : lay_varint(at, zeros);
}

// Lay the times by the method that takes the fewest bytes.
static void lay_times(struct block_codec *codec, const int64_t *times, int64_t first)
{
    struct section *section = &codec->sections[SECTION_TIME];
    enum time_method best = TIME_GAP;
    enum time_method last = TIME_GAP;
    size_t best_size = SIZE_MAX;
    for (unsigned method = 0; method < TIME_COUNT; method++) {
        last = (enum time_method)method;
        section->at = lay_times_by(codec, times, first, last, section->start);
        size_t size = (size_t)(section->at - section->start);
        if (size < best_size) {
            best = last;
            best_size = size;
        }
        if (size <= 8 + codec->axis.row_count / 64) {
            break;
        }
    }
    if (best != last) {
        section->at = lay_times_by(codec, times, first, best, section->start);
    }
}

static void lay_quality(struct block_codec *codec, const uint8_t *quality)
{
    const struct block_axis *axis = &codec->axis;
    struct section *section = &codec->sections[SECTION_QUALITY];
    uint8_t current = 0;
    uint32_t run = 0;
    for (uint32_t i = 0; i < axis->row_count; i++) {
        uint8_t here = quality[axis->rows[i]];
        if (here != current) {
            section_varint(section, run);
            section_byte(section, here);
            current = here;
            run = 0;
        }
        run++;
    }
}

// ---- columns ----

// Runs of presence, beginning with values: how many are there, how many are not, ...
static void lay_presence(struct block_codec *codec, const uint8_t *present, const uint16_t *rows,
                         uint32_t row_count, uint32_t field_count)
{
    struct section *first = &codec->sections[SECTION_FIRST];
    bool current = true;
    uint32_t run = 0;
    for (uint32_t i = 0; i < row_count; i++) {
        if (present[rows[i] * field_count] != current) {
            section_varint(first, run);
            current = !current;
            run = 0;
        }
        run++;
    }
    section_varint(first, run);
}

static void lay_column(struct block_codec *codec, const struct block_builder *builder,
                       uint32_t from, uint32_t key, uint32_t field)
{
    const uint32_t field_count = builder->schema->field_count;
    const uint16_t *rows = codec->axis.rows + codec->axis.start_of_key[key];
    uint32_t row_count =
        codec->axis.start_of_key[key + 1] - (uint32_t)codec->axis.start_of_key[key];
    const uint64_t *bits = builder->bits + from * field_count + field;
    const uint8_t *present = builder->present + from * field_count + field;
    uint32_t count = 0;
    for (uint32_t i = 0; i < row_count; i++) {
        uint32_t at = rows[i] * field_count;
        codec->bits[count] = bits[at];
        count += present[at];
    }
    if (count == 0) {
        section_byte(&codec->sections[SECTION_MODE], KIND_ABSENT);
        return;
    }
    uint8_t flags = 0;
    if (count < row_count) {
        lay_presence(codec, present, rows, row_count, field_count);
        flags = MODE_NULLS;
    }
    block_encode_column(codec, builder->types[field], count, flags, builder->text);
}

// ---- the body and its front ----

static void lay_body(struct block_codec *codec, const struct block_builder *builder, uint32_t from,
                     int64_t time_first)
{
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        codec->sections[i].at = codec->sections[i].start;
    }
    lay_keys(codec, builder, from);
    lay_order(codec);
    lay_times(codec, builder->time_ms + from, time_first);
    if (builder->quality_seen != 0) {
        lay_quality(codec, builder->quality + from);
    }
    for (uint32_t field = 0; field < builder->schema->field_count; field++) {
        for (uint32_t key = 0; key < codec->axis.key_count; key++) {
            lay_column(codec, builder, from, key, field);
        }
    }
}

// The sizes of the sections, which stand before them; returns the size of all.
static size_t lay_sizes(const struct block_codec *codec, struct buffer *sizes)
{
    size_t total = 0;
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        size_t size = (size_t)(codec->sections[i].at - codec->sections[i].start);
        put_varint(sizes, size);
        total += size;
    }
    return total + sizes->size;
}

static void feed(z_stream *stream, const uint8_t *at, size_t size, int flush)
{
    stream->next_in = at;
    stream->avail_in = (uInt)size;
    (void)deflate(stream, flush);
}

// Deflate the body into `at`; 0 where that takes `limit` bytes or more.
static size_t deflate_body(struct block_codec *codec, struct bytes sizes, uint8_t *at, size_t limit)
{
    z_stream *stream = &codec->deflate;
    int reset = deflateReset(stream);
    assert(reset == Z_OK);
    stream->next_out = at;
    stream->avail_out = (uInt)limit;
    feed(stream, sizes.at, sizes.size, Z_NO_FLUSH);
    for (unsigned i = 0; i < SECTION_COUNT && stream->avail_out > 0; i++) {
        const struct section *section = &codec->sections[i];
        feed(stream, section->start, (size_t)(section->at - section->start), Z_NO_FLUSH);
    }
    if (stream->avail_out == 0 || deflate(stream, Z_FINISH) != Z_STREAM_END) {
        return 0;
    }
    return limit - stream->avail_out;
}

static void put_front(const struct block_builder *builder, uint32_t from, uint32_t row_count,
                      int64_t time_first, int64_t time_last, struct buffer *out)
{
    uint8_t schema_id[4];
    put_u32(schema_id, builder->schema->id);
    buffer_put_byte(out, (uint8_t)(BLOCK_VERSION | (unsigned)builder->clock << 4));
    buffer_put(out, schema_id, sizeof schema_id);
    put_varint(out, builder->first_seq + from);
    put_varint(out, row_count);
    put_varint(out, zigzag(time_first));
    put_varint(out, (uint64_t)time_last - (uint64_t)time_first);
    if (builder->clock == RECORD_CLOCK_BOOT) {
        buffer_put(out, builder->boot_id, sizeof builder->boot_id);
    }
}

static void put_body(struct block_codec *codec, struct buffer *out)
{
    uint8_t room[10 * SECTION_COUNT];
    struct buffer sizes = buffer_over(room, sizeof room);
    size_t body_size = lay_sizes(codec, &sizes);
    assert(body_size <= BLOCK_BODY_MAX);
    uint8_t *packing = buffer_room(out, 1);
    put_varint(out, body_size);
    assert(!out->overflow && out->limit - out->size >= body_size);
    size_t size = deflate_body(codec, buffer_bytes(&sizes), out->at + out->size, body_size);
    if (size > 0) {
        *packing = PACKING_DEFLATE;
        (void)buffer_room(out, size);
        return;
    }
    *packing = PACKING_STORED;
    buffer_put(out, sizes.at, sizes.size);
    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        const struct section *section = &codec->sections[i];
        buffer_put(out, section->start, (size_t)(section->at - section->start));
    }
}

void block_encode(struct block_codec *codec, const struct block_builder *builder, uint32_t from,
                  uint32_t to, struct buffer *out)
{
    assert(from < to && to <= builder->row_count);
    assert(!out->overflow && out->limit - out->size >= BLOCK_BYTES_MAX);
    const int64_t *times = builder->time_ms + from;
    int64_t time_first = times[0];
    int64_t time_last = times[0];
    for (uint32_t row = 1; row < to - from; row++) {
        time_first = times[row] < time_first ? times[row] : time_first;
        time_last = times[row] > time_last ? times[row] : time_last;
    }
    codec->axis.row_count = to - from;
    lay_body(codec, builder, from, time_first);
    put_front(builder, from, to - from, time_first, time_last, out);
    put_body(codec, out);
    assert(!out->overflow);
}
