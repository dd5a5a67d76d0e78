#include "agent/block_layout.h"
#include <assert.h>

const double block_power_of_ten[BLOCK_DECIMALS_MAX + 1] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

uint64_t block_long_varint(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (cursor->at == cursor->end) {
            break;
        }
        uint8_t byte = *cursor->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    cursor->bad = true;
    return 0;
}

void block_axis_sort(struct block_axis *axis)
{
    assert(axis->row_count <= BLOCK_READINGS_MAX && axis->key_count <= BLOCK_KEYS_MAX);
    block_rows_sort(axis->key_of_row, axis->row_count, axis->key_count, axis->start_of_key,
                    axis->rows);
}

void block_rows_sort(const uint16_t *key_of_row, uint32_t row_count, uint32_t key_count,
                     uint16_t *starts, uint16_t *rows)
{
    memset(starts, 0, (key_count + 1) * sizeof starts[0]);
    for (uint32_t row = 0; row < row_count; row++) {
        starts[key_of_row[row]]++;
    }
    block_rows_place(key_of_row, row_count, key_count, starts, rows);
}

void block_rows_place(const uint16_t *key_of_row, uint32_t row_count, uint32_t key_count,
                      uint16_t *starts, uint16_t *rows)
{
    // From counts to ends; filling from the back turns ends into starts.
    uint16_t end = 0;
    for (uint32_t key = 0; key < key_count; key++) {
        end = (uint16_t)(end + starts[key]);
        starts[key] = end;
    }
    starts[key_count] = end;
    for (uint32_t row = row_count; row-- > 0;) {
        rows[--starts[key_of_row[row]]] = (uint16_t)row;
    }
}

void block_field_types(const struct schema *schema, enum column_type types[SCHEMA_COLUMNS_MAX])
{
    assert(schema->column_count <= SCHEMA_COLUMNS_MAX);
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        if (column->role == ROLE_FIELD || column->role == ROLE_REJECTED) {
            assert(column->field < schema->field_count);
            types[column->field] = column->type;
        }
    }
}
