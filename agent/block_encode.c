// Rows become columns, and those a block. See agent/BLOCKS.md for the bytes.
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

static void put_number(struct block_codec *codec, enum subject subject, uint64_t number)
{
    encode_number(&codec->encoder, &codec->model, subject, number);
}

// Number the keys of rows from .. from + row_count - 1 in order of first appearance.
static void number_keys(struct block_codec *codec, const struct block_builder *builder,
                        uint32_t from)
{
    struct block_axis *axis = &codec->axis;
    memset(codec->local_keys, 0xff, builder->key_count * sizeof codec->local_keys[0]);
    axis->key_count = 0;
    for (uint32_t row = 0; row < axis->row_count; row++) {
        uint16_t *local = &codec->local_keys[builder->key_of_row[from + row]];
        if (*local == BLOCK_NO_KEY) {
            *local = (uint16_t)axis->key_count++;
        }
        axis->key_of_row[row] = *local;
    }
    block_axis_sort(axis);
}

// Devices are polled in turn: the key that followed this one last time is likely to follow again.
static void lay_order(struct block_codec *codec)
{
    const struct block_axis *axis = &codec->axis;
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
            put_number(codec, ABOUT_HITS, hits);
            put_number(codec, ABOUT_MISS, next == known ? 0 : next + 1U);
            hits = 0;
        }
        known += next == known;
        successor[key] = next;
        key = next;
    }
    if (hits > 0) {
        put_number(codec, ABOUT_HITS, hits);
    }
}

static void lay_keys(struct block_codec *codec, const struct block_builder *builder, uint32_t from)
{
    const struct block_axis *axis = &codec->axis;
    uint32_t expected = 0;
    for (uint32_t key = 0; key < axis->key_count; key++) {
        uint32_t row = axis->rows[axis->start_of_key[key]];
        uint32_t id = builder->key_ids[builder->key_of_row[from + row]];
        put_number(codec, ABOUT_KEY, zigzag((int64_t)id - (int64_t)expected));
        expected = id + 1;
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

// About how many bits the times take by `method`; beyond `limit` the rest is not looked at.
static uint64_t time_cost(struct block_codec *codec, const int64_t *times, int64_t before,
                          enum time_method method, uint64_t limit)
{
    enum { RUN_BITS = 6 };
    uint64_t cost = 0;
    for (uint32_t row = 0; row < codec->axis.row_count && cost < limit; row++) {
        int64_t surprise = time_surprise(codec, times, row, before, method);
        before = times[row];
        cost += surprise == 0 ? 0 : RUN_BITS + bit_length(zigzag(surprise));
    }
    return cost;
}

static enum time_method choose_time(struct block_codec *codec, const int64_t *times, int64_t first)
{
    enum time_method best = TIME_GAP;
    uint64_t best_cost = UINT64_MAX;
    for (unsigned method = 0; method < TIME_COUNT && best_cost > codec->axis.row_count / 8;
         method++) {
        uint64_t cost = time_cost(codec, times, first, (enum time_method)method, best_cost);
        if (cost < best_cost) {
            best = (enum time_method)method;
            best_cost = cost;
        }
    }
    return best;
}

static void lay_times(struct block_codec *codec, const int64_t *times, int64_t before)
{
    enum time_method method = choose_time(codec, times, before);
    uint32_t zeros = 0;
    put_number(codec, ABOUT_COUNT, (uint64_t)method);
    for (uint32_t row = 0; row < codec->axis.row_count; row++) {
        int64_t surprise = time_surprise(codec, times, row, before, method);
        before = times[row];
        if (surprise == 0) {
            zeros++;
            continue;
        }
        put_number(codec, ABOUT_ZEROS, zeros);
        put_number(codec, ABOUT_TIME, zigzag(surprise));
        zeros = 0;
    }
    if (zeros > 0) {
        put_number(codec, ABOUT_ZEROS, zeros);
    }
}

// Runs of quality, key after key, beginning with good ones.
static void lay_quality(struct block_codec *codec, const uint8_t *quality)
{
    const struct block_axis *axis = &codec->axis;
    uint8_t current = QUALITY_GOOD;
    uint32_t run = 0;
    for (uint32_t i = 0; i < axis->row_count; i++) {
        uint8_t here = quality[axis->rows[i]];
        if (here != current) {
            put_number(codec, ABOUT_RUN, run);
            put_number(codec, ABOUT_QUALITY, here);
            current = here;
            run = 0;
        }
        run++;
    }
    put_number(codec, ABOUT_RUN, run);
}

// ---- columns ----

static void lay_column(struct block_codec *codec, const struct block_builder *builder,
                       uint32_t from, uint32_t key, uint32_t field)
{
    const uint32_t stride = builder->schema->field_count;
    const uint16_t *starts = codec->axis.start_of_key;
    struct column_out column = {
        .type = builder->types[field],
        .row_count = (uint32_t)starts[key + 1] - starts[key],
        .rows = codec->axis.rows + starts[key],
        .present = builder->present + from * stride + field,
        .stride = stride,
        .text = builder->text,
    };
    const uint64_t *bits = builder->bits + from * stride + field;
    for (uint32_t i = 0; i < column.row_count; i++) {
        uint32_t at = column.rows[i] * stride;
        if (column.present[at]) {
            codec->bits[column.count++] = bits[at];
        }
    }
    if (column.count == 0) {
        block_encode_absent(codec);
    } else {
        block_encode_column(codec, &column);
    }
}

static void lay_columns(struct block_codec *codec, const struct block_builder *builder,
                        uint32_t from)
{
    codec->kind_before = 0;
    for (uint32_t field = 0; field < builder->schema->field_count; field++) {
        for (uint32_t key = 0; key < codec->axis.key_count; key++) {
            lay_column(codec, builder, from, key, field);
        }
    }
    block_forget_texts(codec);
}

static void lay_rows(struct block_codec *codec, const struct block_builder *builder, uint32_t from,
                     int64_t time_first)
{
    codec->text = buffer_over(codec->text_room, sizeof codec->text_room);
    codec->encoder = encoder_over(buffer_over(codec->coded_room, sizeof codec->coded_room),
                                  buffer_over(codec->raw_room, sizeof codec->raw_room));
    coder_model_reset(&codec->model);
    number_keys(codec, builder, from);
    lay_order(codec);
    lay_keys(codec, builder, from);
    lay_times(codec, builder->time_ms + from, time_first);
    if (builder->quality_seen != QUALITY_GOOD) {
        lay_quality(codec, builder->quality + from);
    }
    lay_columns(codec, builder, from);
    encoder_finish(&codec->encoder);
    assert(!codec->encoder.coded.overflow && !codec->encoder.raw.overflow && !codec->text.overflow);
}

// ---- the block ----

// Deflate the strings into `at`; 0 where that takes `limit` bytes or more.
static size_t deflate_text(struct block_codec *codec, uint8_t *at, size_t limit)
{
    enum { FEW_BYTES = 256, FEW_ROWS = 512 };
    if (limit < FEW_BYTES && codec->axis.row_count < FEW_ROWS) {
        return 0; // not worth the 64 KiB that a reset clears
    }
    z_stream *stream = &codec->deflate;
    int reset = deflateReset(stream);
    assert(reset == Z_OK);
    stream->next_in = codec->text.at;
    stream->avail_in = (uInt)codec->text.size;
    stream->next_out = at;
    stream->avail_out = (uInt)limit;
    return deflate(stream, Z_FINISH) == Z_STREAM_END ? limit - stream->avail_out : 0;
}

static void put_front(const struct block_builder *builder, uint32_t from, uint32_t row_count,
                      int64_t time_first, int64_t time_last, struct buffer *out)
{
    uint8_t schema_id[4];
    unsigned has_quality = builder->quality_seen != QUALITY_GOOD;
    put_u32(schema_id, builder->schema->id);
    buffer_put_byte(out,
                    (uint8_t)(BLOCK_VERSION | (unsigned)builder->clock << 4 | has_quality << 6));
    buffer_put(out, schema_id, sizeof schema_id);
    put_varint(out, builder->first_seq + from);
    put_varint(out, row_count);
    put_varint(out, zigzag(time_first));
    put_varint(out, (uint64_t)time_last - (uint64_t)time_first);
    if (builder->clock == RECORD_CLOCK_BOOT) {
        buffer_put(out, builder->boot_id, sizeof builder->boot_id);
    }
}

// The sizes of the three streams, and these.
static void put_streams(struct block_codec *codec, struct buffer *out)
{
    put_varint(out, codec->encoder.coded.size);
    put_varint(out, codec->text.size);
    if (codec->text.size > 0) {
        uint8_t packed[3]; // written once its size is known
        size_t front = out->size + sizeof packed;
        assert(out->limit - front >= codec->text.size);
        size_t size = deflate_text(codec, out->at + front, codec->text.size);
        size_t stored = size > 0 ? size : codec->text.size;
        if (size == 0) {
            memcpy(out->at + front, codec->text.at, codec->text.size);
        }
        packed[0] = (uint8_t)stored;
        packed[1] = (uint8_t)(stored >> 8);
        packed[2] = (uint8_t)(stored >> 16);
        buffer_put(out, packed, sizeof packed);
        (void)buffer_room(out, stored);
    }
    buffer_put(out, codec->encoder.coded.at, codec->encoder.coded.size);
    buffer_put(out, codec->encoder.raw.at, codec->encoder.raw.size);
}

void block_encode(struct block_codec *codec, const struct block_builder *builder, uint32_t from,
                  uint32_t to, struct buffer *out)
{
    assert(from < to && to <= builder->row_count);
    assert(builder->row_max == BLOCK_READINGS_MAX); // not a wide one
    assert(!out->overflow && out->limit - out->size >= BLOCK_BYTES_MAX);
    const int64_t *times = builder->time_ms + from;
    int64_t time_first = times[0];
    int64_t time_last = times[0];
    for (uint32_t row = 1; row < to - from; row++) {
        time_first = times[row] < time_first ? times[row] : time_first;
        time_last = times[row] > time_last ? times[row] : time_last;
    }
    codec->axis.row_count = to - from;
    lay_rows(codec, builder, from, time_first);
    put_front(builder, from, to - from, time_first, time_last, out);
    put_streams(codec, out);
    assert(!out->overflow);
}
