#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/schema.h"

static struct schema schema;

static void add(const char *name, enum column_type type, enum column_role role)
{
    struct column *column = &schema.columns[schema.column_count++];
    *column = (struct column){.type = type, .role = role, .required = true};
    memcpy(column->name, name, strlen(name) + 1);
}

static int make(void **state)
{
    (void)state;
    memset(&schema, 0, sizeof schema);
    add("sensor", COLUMN_STRING, ROLE_KEY);
    add("value", COLUMN_NUMBER, ROLE_FIELD);
    add("at", COLUMN_TIMESTAMP, ROLE_TIME);
    add("count", COLUMN_INTEGER, ROLE_FIELD);
    schema.columns[3].as_text = true;
    schema.columns[3].required = false;
    schema_seal(&schema);
    return 0;
}

static void fields_are_numbered_and_found(void **state)
{
    (void)state;
    assert_int_equal(schema.field_count, 2);
    assert_string_equal(schema_field(&schema, 0)->name, "value");
    assert_string_equal(schema_field(&schema, 1)->name, "count");
    assert_int_equal(schema_find(&schema, bytes_text("count"))->field, 1);
    assert_null(schema_find(&schema, bytes_text("coun")));
}

static void the_id_tells_names_types_and_roles_apart(void **state)
{
    (void)state;
    uint32_t id = schema.id;

    schema.columns[1].type = COLUMN_INTEGER;
    schema_seal(&schema);
    assert_int_not_equal(schema.id, id);
    schema.columns[1].type = COLUMN_NUMBER;
    schema.columns[1].role = ROLE_SEQ;
    schema_seal(&schema);
    assert_int_not_equal(schema.id, id);
    schema.columns[1].role = ROLE_FIELD;
    schema.columns[1].name[0] = 'w';
    schema_seal(&schema);
    assert_int_not_equal(schema.id, id);
    schema.columns[1].name[0] = 'v';
    schema_seal(&schema);
    assert_int_equal(schema.id, id);
}

static void a_schema_reads_back_as_it_was_written(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct buffer out = buffer_over(bytes, sizeof bytes);
    static struct schema copy;

    assert_int_equal(schema_put(&schema, &out), OK);
    memset(&copy, 0xa5, sizeof copy);
    assert_int_equal(schema_get(&copy, buffer_bytes(&out)), OK);

    assert_int_equal(copy.id, schema.id);
    assert_int_equal(copy.field_count, 2);
    assert_true(copy.columns[3].as_text);
    assert_false(copy.columns[3].required);
    assert_string_equal(copy.columns[2].name, "at");
}

static void every_truncation_and_every_flipped_bit_is_told_or_harmless(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct buffer out = buffer_over(bytes, sizeof bytes);
    static struct schema copy;
    assert_int_equal(schema_put(&schema, &out), OK);

    for (size_t cut = 0; cut < out.size; cut++) {
        assert_int_equal(schema_get(&copy, bytes_from(bytes, cut)), ERR_CORRUPT);
    }
    for (size_t bit = 0; bit < out.size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        // Only `required` and `as_text` are outside the id.
        if (schema_get(&copy, buffer_bytes(&out)) == OK) {
            assert_int_equal(copy.id, schema.id);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void a_buffer_too_small_is_told(void **state)
{
    (void)state;
    uint8_t bytes[20];
    struct buffer out = buffer_over(bytes, sizeof bytes);

    assert_int_equal(schema_put(&schema, &out), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fields_are_numbered_and_found, make),
        cmocka_unit_test_setup(the_id_tells_names_types_and_roles_apart, make),
        cmocka_unit_test_setup(a_schema_reads_back_as_it_was_written, make),
        cmocka_unit_test_setup(every_truncation_and_every_flipped_bit_is_told_or_harmless, make),
        cmocka_unit_test_setup(a_buffer_too_small_is_told, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
