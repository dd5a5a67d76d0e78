// Blocks of random and awkward rows, encoded whole and in parts, and as records of the wire;
// decoded and compared bit by bit.
//
// usage: block_roundtrip_test [COUNT [SEED]]   COUNT blocks (default 3000); the project's mark is
// 1000000 with no difference. A failing block prints the seed that makes it alone.
#include "agent/block.h"
#include "agent/json_text.h"
#include "agent/wire_blocks.h"
#include "agent/wire_blocks_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIELDS_MAX = 8, ROWS_MAX = BLOCK_READINGS_MAX };

struct model_row {
    uint32_t key_id;
    int64_t time_ms;
    uint8_t quality;
    struct value values[FIELDS_MAX];
};

static struct block_codec *codecs[2];
static struct block_builder *builder;
static struct block_reader *reader;
static struct wire_blocks *wire;
static struct wire_reader *wire_reader;
static struct key_list *listed; // some of the keys
static uint8_t wire_room[1 << 20];
static struct model_row rows[ROWS_MAX];
static char texts[1 << 16];
static uint8_t room[BLOCK_BYTES_MAX];
static uint64_t state;

static uint64_t next_random(void)
{
    state += 0x9e3779b97f4a7c15ULL; // splitmix64
    uint64_t z = state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)(next_random() % limit);
}

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static const uint64_t odd_doubles[] = {
    0x7ff8000000000000, 0x7ff0000000000001, 0xfff8dead0000beef, 0x7ff4000000000000,
    0x0000000000000000, 0x8000000000000000, 0x7ff0000000000000, 0xfff0000000000000,
    0x0000000000000001, 0x800fffffffffffff, 0x7fefffffffffffff, 0xffefffffffffffff,
    0x0010000000000000, 0x43e0000000000000, 0xc3e0000000000000, 0x4330000000000001,
    0x47efffffe0000000, 0x36a0000000000000, 0x3ff0000000000001, 0x4340000000000000,
};

// A double as some sensor, or nobody, would say it; `style` holds for a column.
static double random_number(uint32_t style, double before)
{
    static const double powers[] = {1, 10, 100, 1000, 1e4, 1e6, 1e8, 1e12};
    double power = powers[style / 16 % 8];
    switch (style % 16) {
    case 0:
        return from_bits(next_random());
    case 1:
        return from_bits(odd_doubles[below(sizeof odd_doubles / sizeof odd_doubles[0])]);
    case 2:
        return (double)((float)below(1000) / 10.0F);
    case 3:
        return (double)(float)from_bits(0x3ff0000000000000 | next_random() >> 12);
    case 4:
        return before;
    case 5:
        return (double)(int64_t)below(4) * 1e15 / 7;
    case 6: // decimals, some of them missed by a little
        return from_bits((uint64_t)0 + (below(5) != 0 ? 0 : below(64)) +
                         (uint64_t)0x4034000000000000) +
               below(100) / power;
    case 7: // decimals, some of them odd
        return below(9) == 0 ? random_number(1, 0) : below(10000) / power;
    case 8:
        return (double)(int64_t)next_random();
    default:
        return (double)((int64_t)below(2000) - 1000) / power;
    }
}

static int64_t random_integer(uint32_t style, int64_t before)
{
    switch (style % 6) {
    case 0:
        return (int64_t)next_random();
    case 1:
        return below(2) ? INT64_MIN : INT64_MAX;
    case 2:
        return before;
    case 3:
        return (int64_t)((uint64_t)before + below(1000));
    case 4:
        return (int64_t)below(5) * 1000000007;
    default:
        return (int64_t)below(1U << (style / 6 % 30)) - 100;
    }
}

static struct value random_text(uint32_t style)
{
    static const char *const words[] = {"", "on", "off", "NNW", "a longer word of some state"};
    struct value value = {.kind = VALUE_TEXT, .text = bytes_text(words[below(5)])};
    if (style % 3 == 0) {
        uint32_t size = below(style % 2 ? 40 : 4) * below(20);
        value.text = bytes_from(texts + below((uint32_t)sizeof texts - size), size);
    }
    return value;
}

static struct value random_value(enum column_type type, uint32_t style, const struct value *before)
{
    switch (type) {
    case COLUMN_BOOLEAN:
        return (struct value){.kind = VALUE_BOOLEAN, .boolean = below(style % 7 + 1) == 0};
    case COLUMN_INTEGER:
    case COLUMN_TIMESTAMP:
        return (struct value){
            .kind = VALUE_INTEGER,
            .integer = random_integer(style, before->kind == VALUE_INTEGER ? before->integer : 0)};
    case COLUMN_NUMBER:
        return (struct value){
            .kind = VALUE_NUMBER,
            .number = random_number(style, before->kind == VALUE_NUMBER ? before->number : 1.5)};
    case COLUMN_STRING:
        return random_text(style);
    }
    abort();
}

static struct schema random_schema(uint32_t styles[FIELDS_MAX])
{
    static const enum column_type types[] = {COLUMN_NUMBER, COLUMN_INTEGER, COLUMN_NUMBER,
                                             COLUMN_STRING, COLUMN_BOOLEAN, COLUMN_TIMESTAMP};
    struct schema schema = {.id = (uint32_t)next_random()};
    schema.field_count = (uint16_t)(below(4) == 0 ? below(FIELDS_MAX + 1) : 1 + below(2));
    schema.column_count = schema.field_count;
    for (uint16_t i = 0; i < schema.field_count; i++) {
        schema.columns[i].role = ROLE_FIELD;
        schema.columns[i].field = i;
        schema.columns[i].type = types[below(6)];
        styles[i] = (uint32_t)next_random();
    }
    return schema;
}

static int64_t random_time(uint32_t style, int64_t before)
{
    switch (style % 5) {
    case 0:
        return (int64_t)next_random();
    case 1:
        return before; // all at once
    case 2:
        return (int64_t)((uint64_t)before - below(100)); // backwards
    default:
        return (int64_t)((uint64_t)before + 1000 + (below(9) == 0 ? below(50) : 0));
    }
}

static uint32_t fill_rows(const struct schema *schema, const uint32_t *styles)
{
    static const uint32_t sizes[] = {1, 2, 8, 40, 40, 200};
    uint32_t limit = below(200) == 0 ? ROWS_MAX : 1 + below(sizes[below(6)]);
    uint32_t keys = below(3) == 0 ? 1 : 1 + below(below(10) == 0 ? 2000 : 12);
    uint32_t key_step = below(2) ? 1 : (uint32_t)next_random();
    uint32_t time_style = (uint32_t)next_random();
    uint32_t null_every = below(3) == 0 ? 1 + below(9) : UINT32_MAX; // 1: all of them
    uint32_t bad_every = below(3) == 0 ? 1 + below(30) : UINT32_MAX;
    int64_t time_ms = (int64_t)(next_random() >> (below(4) ? 23 : 0));
    static const struct value null = {.kind = VALUE_NULL};
    for (uint32_t i = 0; i < limit; i++) {
        struct model_row *row = &rows[i];
        row->key_id = (below(4) ? i % keys : below(keys)) * key_step;
        time_ms = random_time(time_style, time_ms);
        row->time_ms = time_ms;
        row->quality = below(bad_every) == 0 ? (uint8_t)next_random() : 0;
        for (uint16_t field = 0; field < schema->field_count; field++) {
            const struct value *before = i >= keys ? &rows[i - keys].values[field] : &null;
            row->values[field] = below(null_every) == 0 ? null
                                                        : random_value(schema->columns[field].type,
                                                                       styles[field], before);
        }
    }
    return limit;
}

static bool same_value(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOLEAN:
        return a->boolean == b->boolean;
    case VALUE_INTEGER:
        return a->integer == b->integer;
    case VALUE_NUMBER:
        return memcmp(&a->number, &b->number, sizeof a->number) == 0;
    case VALUE_TEXT:
        return bytes_equal(a->text, b->text);
    }
    return false;
}

static bool run_comes_back(const struct schema *schema, uint32_t from, uint32_t to, bool small)
{
    struct buffer out = buffer_over(room, sizeof room);
    block_encode(codecs[small], builder, from, to, &out);
    if (block_read(reader, buffer_bytes(&out), schema) != OK ||
        block_reader_info(reader)->row_count != to - from) {
        return false;
    }
    for (uint32_t i = from; i < to; i++) {
        struct block_row row;
        block_row(reader, i - from, &row);
        if (row.seq != 77 + i || row.key_id != rows[i].key_id || row.time_ms != rows[i].time_ms ||
            row.quality != rows[i].quality) {
            return false;
        }
        for (uint16_t field = 0; field < schema->field_count; field++) {
            if (!same_value(&row.values[field], &rows[i].values[field])) {
                return false;
            }
        }
    }
    return true;
}

// Names that share much and little, and no two alike.
static struct bytes key_name(const void *context, uint32_t key_id)
{
    (void)context;
    static char name[32];
    (void)snprintf(name, sizeof name, key_id % 3 == 0 ? "hall-%u/T" : "%x\xc3\xa9", key_id);
    return bytes_text(name);
}

// On the wire, what is not UTF-8 becomes U+FFFD, one for each byte.
static struct value on_the_wire(const struct value *value)
{
    static uint8_t mended[4096];
    struct value sent = *value;
    if (value->kind != VALUE_TEXT) {
        return sent;
    }
    struct buffer out = buffer_over(mended, sizeof mended);
    struct bytes rest = value->text;
    while (rest.size > 0) {
        size_t size = json_utf8_size(rest);
        if (size == 0) {
            buffer_put_text(&out, "\xef\xbf\xbd");
        } else {
            buffer_put(&out, rest.at, size);
        }
        size = size == 0 ? 1 : size;
        rest = bytes_from(rest.at + size, rest.size - size);
    }
    if (out.overflow) {
        abort();
    }
    sent.text = buffer_bytes(&out);
    return sent;
}

static bool record_comes_back(const struct schema *schema, uint32_t count)
{
    const struct wire_source source = {
        .gateway = "gw", .epoch = "0f", .key = key_name, .listed = below(2) ? listed : NULL};
    struct buffer out = buffer_over(wire_room, sizeof wire_room);
    wire_blocks_put(wire, builder, &source, &out);
    if (out.overflow || wire_read(wire_reader, buffer_bytes(&out), schema, listed) != OK ||
        wire_reader_info(wire_reader)->row_count != count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct record record;
        wire_row(wire_reader, i, &record);
        if (record.seq != 77 + i || record.time_ms != rows[i].time_ms ||
            record.quality != rows[i].quality ||
            !bytes_equal(record.key, key_name(NULL, rows[i].key_id))) {
            return false;
        }
        for (uint16_t field = 0; field < schema->field_count; field++) {
            struct value sent = on_the_wire(&rows[i].values[field]);
            if (!same_value(&record.values[field], &sent)) {
                return false;
            }
        }
    }
    return true;
}

static bool block_comes_back(uint64_t seed)
{
    state = seed;
    uint32_t styles[FIELDS_MAX];
    const uint8_t boot_id[16] = "this is a boot.";
    struct schema schema = random_schema(styles);
    uint32_t limit = fill_rows(&schema, styles);
    enum record_clock clock = (enum record_clock)below(3);
    block_reset(builder, &schema, 77, clock, clock == RECORD_CLOCK_BOOT ? boot_id : NULL);
    uint32_t count = 0;
    while (count < limit && block_add(builder, rows[count].key_id, rows[count].time_ms,
                                      rows[count].quality, rows[count].values) == OK) {
        count++;
    }
    uint32_t from = below(count);
    uint32_t to = from + 1 + below(count - from);
    return count > 0 && run_comes_back(&schema, from, to, below(2)) &&
           run_comes_back(&schema, 0, count, below(2)) &&
           (clock == RECORD_CLOCK_BOOT || record_comes_back(&schema, count));
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    codecs[0] = block_codec_open(false);
    codecs[1] = block_codec_open(true);
    builder = block_builder_open();
    reader = block_reader_open();
    wire = wire_blocks_open();
    wire_reader = wire_reader_open();
    listed = key_list_open();
    if (codecs[0] == NULL || codecs[1] == NULL || builder == NULL || reader == NULL ||
        wire == NULL || wire_reader == NULL || listed == NULL) {
        return 1;
    }
    for (uint32_t i = 9; i > 0; i--) {
        (void)key_list_add(listed, key_name(NULL, i * i % 11));
    }
    for (size_t i = 0; i < sizeof texts; i++) {
        texts[i] = (char)next_random();
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!block_comes_back(seed + i)) {
            printf("a difference: block_roundtrip_test 1 %" PRIu64 "\n", seed + i);
            return 1;
        }
    }
    printf("%" PRIu64 " rounds from seed %" PRIu64 ", no difference\n", count, seed);
    for (size_t i = 0; i < 2; i++) {
        block_codec_close(codecs[i]);
    }
    block_builder_close(builder);
    block_reader_close(reader);
    wire_blocks_close(wire);
    wire_reader_close(wire_reader);
    key_list_close(listed);
    return 0;
}
