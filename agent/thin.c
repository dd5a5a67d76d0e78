#include "agent/thin.h"

#include <assert.h>
#include <stdlib.h>

// A pool of rows in a list by arrival. A row lives while somebody uses it: its key, as the last
// one, and each field of which it is the least or the greatest. Strings lie in one arena in the
// same order; it is compacted when it is full.

struct row {
    uint32_t key_id;
    enum record_clock clock;
    uint8_t quality;
    int64_t time_ms;
    uint16_t uses;
    uint16_t before;
    uint16_t after; // of a free row: the next free one
    uint32_t text_at;
    uint32_t text_size;
};

struct key {
    uint32_t id;
    uint16_t last;
    enum record_clock clock;
    int64_t began_ms;
};

struct thin {
    uint16_t field_count;
    uint16_t number_count;
    uint16_t *numbers; // fields that have extremes
    bool *is_integer;  // of each of them
    uint32_t row_limit;
    uint32_t row_count;
    struct row *rows;
    struct value *cells; // field_count a row
    uint16_t first, last, free;
    uint32_t key_count;
    struct key *keys;
    uint16_t *extremes; // of each key and number: row of the least, row of the greatest
    uint16_t *by_id;    // open addressing, at most half full: index of a key + 1
    uint32_t by_id_size;
    uint8_t *text;
    uint32_t text_fill;
    struct thin_gone gone;
};

// ---- levels ----

static const struct {
    unsigned begins, ends;
    int64_t bucket_ms;
} levels[THIN_LEVELS] = {{70, 65, 10000}, {85, 80, 60000}, {95, 90, 300000}};

unsigned thin_level(unsigned level, unsigned fill_percent)
{
    while (level < THIN_LEVELS && fill_percent > levels[level].begins) {
        level++;
    }
    while (level > 0 && fill_percent < levels[level - 1].ends) {
        level--;
    }
    return level;
}

int64_t thin_bucket_ms(unsigned level)
{
    assert(level >= 1 && level <= THIN_LEVELS);
    return levels[level - 1].bucket_ms;
}

// ---- memory ----

static void find_numbers(struct thin *thin, const struct schema *schema)
{
    for (uint16_t i = 0; i < schema->field_count; i++) {
        enum column_type type = schema_field(schema, i)->type;
        if (type == COLUMN_INTEGER || type == COLUMN_NUMBER) {
            thin->is_integer[thin->number_count] = type == COLUMN_INTEGER;
            thin->numbers[thin->number_count++] = i;
        }
    }
}

struct thin *thin_open(const struct schema *schema)
{
    struct thin *thin = calloc(1, sizeof *thin);
    if (thin == NULL) {
        return NULL;
    }
    size_t fields = schema->field_count > 0 ? schema->field_count : 1;
    size_t rows = THIN_CELLS_MAX / fields;
    rows = rows < THIN_ROWS_MAX ? rows : THIN_ROWS_MAX;
    thin->field_count = schema->field_count;
    thin->row_limit = (uint32_t)rows;
    thin->by_id_size = 2 * THIN_ROWS_MAX;
    thin->numbers = calloc(fields, sizeof *thin->numbers);
    thin->is_integer = calloc(fields, sizeof *thin->is_integer);
    thin->rows = calloc(rows, sizeof *thin->rows);
    thin->cells = calloc(rows * fields, sizeof *thin->cells);
    thin->keys = calloc(rows, sizeof *thin->keys);
    thin->extremes = calloc(rows * fields * 2, sizeof *thin->extremes);
    thin->by_id = calloc(thin->by_id_size, sizeof *thin->by_id);
    thin->text = malloc(THIN_TEXT_MAX);
    bool all = thin->numbers != NULL && thin->is_integer != NULL && thin->rows != NULL &&
               thin->cells != NULL && thin->keys != NULL && thin->extremes != NULL &&
               thin->by_id != NULL && thin->text != NULL;
    if (!all) {
        thin_close(thin);
        return NULL;
    }
    find_numbers(thin, schema);
    thin_clear(thin);
    return thin;
}

void thin_close(struct thin *thin)
{
    if (thin == NULL) {
        return;
    }
    free(thin->numbers);
    free(thin->is_integer);
    free(thin->rows);
    free(thin->cells);
    free(thin->keys);
    free(thin->extremes);
    free(thin->by_id);
    free(thin->text);
    free(thin);
}

void thin_clear(struct thin *thin)
{
    thin->row_count = 0;
    thin->key_count = 0;
    thin->first = THIN_END;
    thin->last = THIN_END;
    thin->text_fill = 0;
    thin->gone = (struct thin_gone){.time_first_ms = INT64_MIN, .time_last_ms = INT64_MIN};
    memset(thin->by_id, 0, thin->by_id_size * sizeof *thin->by_id);
    for (uint32_t i = 0; i < thin->row_limit; i++) {
        thin->rows[i].after = i + 1 < thin->row_limit ? (uint16_t)(i + 1) : THIN_END;
    }
    thin->free = 0;
}

// ---- rows ----

static struct value *cells_of(const struct thin *thin, uint16_t row)
{
    return thin->cells + (size_t)row * thin->field_count;
}

static void count_gone(struct thin *thin, const struct row *row)
{
    struct thin_gone *gone = &thin->gone;
    gone->count++;
    if (row->clock == RECORD_CLOCK_BOOT) {
        return;
    }
    bool first = gone->time_first_ms == INT64_MIN || row->time_ms < gone->time_first_ms;
    gone->time_first_ms = first ? row->time_ms : gone->time_first_ms;
    gone->time_last_ms = row->time_ms > gone->time_last_ms ? row->time_ms : gone->time_last_ms;
}

static void drop(struct thin *thin, uint16_t index)
{
    struct row *row = &thin->rows[index];
    if (row->before != THIN_END) {
        thin->rows[row->before].after = row->after;
    } else {
        thin->first = row->after;
    }
    if (row->after != THIN_END) {
        thin->rows[row->after].before = row->before;
    } else {
        thin->last = row->before;
    }
    row->after = thin->free;
    thin->free = index;
    thin->row_count--;
}

// Let `*place` be `row`, and the row that it was go where nobody else uses it.
static void use(struct thin *thin, uint16_t *place, uint16_t row)
{
    uint16_t old = *place;
    *place = row;
    thin->rows[row].uses++;
    if (old != THIN_END && --thin->rows[old].uses == 0) {
        count_gone(thin, &thin->rows[old]);
        drop(thin, old);
    }
}

static uint32_t text_size(const struct thin *thin, const struct record *record)
{
    size_t size = 0;
    for (uint16_t i = 0; i < thin->field_count; i++) {
        size += record->values[i].kind == VALUE_TEXT ? record->values[i].text.size : 0;
    }
    return size <= THIN_TEXT_MAX ? (uint32_t)size : THIN_TEXT_MAX + 1;
}

static void compact_texts(struct thin *thin)
{
    uint32_t fill = 0;
    for (uint16_t i = thin->first; i != THIN_END; i = thin->rows[i].after) {
        struct row *row = &thin->rows[i];
        uint32_t moved = row->text_at - fill;
        memmove(thin->text + fill, thin->text + row->text_at, row->text_size);
        struct value *cells = cells_of(thin, i);
        for (uint16_t field = 0; field < thin->field_count; field++) {
            if (cells[field].kind == VALUE_TEXT) {
                cells[field].text.at -= moved;
            }
        }
        row->text_at = fill;
        fill += row->text_size;
    }
    thin->text_fill = fill;
}

static void put_values(struct thin *thin, uint16_t index, const struct record *record)
{
    struct row *row = &thin->rows[index];
    struct value *cells = cells_of(thin, index);
    row->text_at = thin->text_fill;
    for (uint16_t i = 0; i < thin->field_count; i++) {
        cells[i] = record->values[i];
        if (cells[i].kind == VALUE_TEXT) {
            struct bytes text = cells[i].text;
            if (text.size > 0) {
                memcpy(thin->text + thin->text_fill, text.at, text.size);
            }
            cells[i].text.at = thin->text + thin->text_fill;
            thin->text_fill += (uint32_t)text.size;
        }
    }
    row->text_size = thin->text_fill - row->text_at;
}

static uint16_t put_row(struct thin *thin, uint32_t key_id, const struct record *record)
{
    uint16_t index = thin->free;
    struct row *row = &thin->rows[index];
    thin->free = row->after;
    *row = (struct row){.key_id = key_id,
                        .clock = record->clock,
                        .quality = record->quality,
                        .time_ms = record->time_ms,
                        .before = thin->last,
                        .after = THIN_END};
    if (thin->last != THIN_END) {
        thin->rows[thin->last].after = index;
    } else {
        thin->first = index;
    }
    thin->last = index;
    thin->row_count++;
    put_values(thin, index, record);
    return index;
}

// ---- keys ----

// Its place in the table: taken by the key, or free.
static uint16_t *place_of(const struct thin *thin, uint32_t key_id)
{
    uint32_t at = key_id * UINT32_C(2654435761) & (thin->by_id_size - 1);
    while (thin->by_id[at] != 0 && thin->keys[thin->by_id[at] - 1].id != key_id) {
        at = (at + 1) & (thin->by_id_size - 1); // ends: at most half full
    }
    return &thin->by_id[at];
}

static uint64_t distance(int64_t a, int64_t b)
{
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

static bool is_beyond(const struct key *key, const struct record *record, int64_t bucket_ms)
{
    return key->clock != record->clock ||
           distance(record->time_ms, key->began_ms) >= (uint64_t)bucket_ms;
}

static uint32_t add_key(struct thin *thin, uint16_t *place, uint32_t key_id,
                        const struct record *record)
{
    uint32_t index = thin->key_count++;
    *place = (uint16_t)thin->key_count;
    thin->keys[index] = (struct key){
        .id = key_id, .last = THIN_END, .clock = record->clock, .began_ms = record->time_ms};
    for (uint32_t i = 0; i < 2U * thin->number_count; i++) {
        thin->extremes[(size_t)index * 2 * thin->number_count + i] = THIN_END;
    }
    return index;
}

// ---- extremes ----

static bool has_number(const struct value *value)
{
    return value->kind == VALUE_INTEGER ||
           (value->kind == VALUE_NUMBER && value->number == value->number); // no NaN
}

static bool is_less(bool is_integer, const struct value *a, const struct value *b)
{
    return is_integer ? a->integer < b->integer : a->number < b->number;
}

static void use_extremes(struct thin *thin, uint32_t key, uint16_t row)
{
    const struct value *cells = cells_of(thin, row);
    uint16_t *extremes = thin->extremes + (size_t)key * 2 * thin->number_count;
    for (uint16_t i = 0; i < thin->number_count; i++) {
        uint16_t field = thin->numbers[i];
        uint16_t *least = &extremes[2 * i];
        uint16_t *greatest = &extremes[2 * i + 1];
        if (!has_number(&cells[field])) {
            continue;
        }
        bool integer = thin->is_integer[i];
        if (*least == THIN_END || is_less(integer, &cells[field], &cells_of(thin, *least)[field])) {
            use(thin, least, row);
        }
        if (*greatest == THIN_END ||
            is_less(integer, &cells_of(thin, *greatest)[field], &cells[field])) {
            use(thin, greatest, row);
        }
    }
}

enum err thin_add(struct thin *thin, uint32_t key_id, const struct record *record,
                  int64_t bucket_ms)
{
    uint32_t size = text_size(thin, record);
    if (size > THIN_TEXT_MAX) {
        return ERR_LIMIT;
    }
    uint16_t *place = place_of(thin, key_id);
    if (thin->free == THIN_END ||
        (*place != 0 && is_beyond(&thin->keys[*place - 1], record, bucket_ms))) {
        return ERR_FULL;
    }
    if (thin->text_fill + size > THIN_TEXT_MAX) {
        compact_texts(thin);
        if (thin->text_fill + size > THIN_TEXT_MAX) {
            return ERR_FULL;
        }
    }
    uint32_t key = *place != 0 ? *place - 1U : add_key(thin, place, key_id, record);
    uint16_t row = put_row(thin, key_id, record);
    if (record->quality == QUALITY_GOOD) {
        use_extremes(thin, key, row);
    }
    use(thin, &thin->keys[key].last, row);
    return OK;
}

// ---- what waits ----

uint16_t thin_next(const struct thin *thin, uint16_t row, enum record_clock clock)
{
    row = row == THIN_END ? thin->first : thin->rows[row].after;
    while (row != THIN_END && thin->rows[row].clock != clock) {
        row = thin->rows[row].after;
    }
    return row;
}

void thin_row(const struct thin *thin, uint16_t row, uint32_t *key_id, struct record *record)
{
    const struct row *from = &thin->rows[row];
    *key_id = from->key_id;
    *record = (struct record){.time_ms = from->time_ms,
                              .clock = from->clock,
                              .quality = from->quality,
                              .values = cells_of(thin, row)};
}

uint32_t thin_count(const struct thin *thin)
{
    return thin->row_count;
}

struct thin_gone thin_gone(const struct thin *thin)
{
    return thin->gone;
}
