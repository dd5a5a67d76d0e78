#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/file.h"
#include "agent/odcs.h"

#include <stdlib.h>

// The official schema, read by our own reader: JSON is YAML.
static struct yaml *schema;
static char *text;

static int open_schema(void **state)
{
    (void)state;
    size_t size = 0;
    struct problems problems = {.count = 0};
    assert_int_equal(
        file_read(TEST_DIR "/unit/odcs/odcs-json-schema-v3.1.0.json", YAML_SIZE_MAX, &text, &size),
        OK);
    schema = yaml_parse("schema", bytes_from(text, size), &problems);
    problems_print(&problems, stderr);
    problems_free(&problems);
    return schema == NULL;
}

static int close_schema(void **state)
{
    (void)state;
    yaml_tree_free(schema);
    free(text);
    return 0;
}

static const struct yaml_node *definition(const char *name)
{
    const struct yaml_node *node = yaml_get(yaml_get(yaml_root(schema), "$defs"), name);
    assert_non_null(node);
    return node;
}

static unsigned keys_of(const struct yaml_node *object, const char *const *known)
{
    unsigned count = 0;
    const struct yaml_node *properties = yaml_get(object, "properties");
    assert_non_null(properties);
    for (const struct yaml_node *node = properties->first; node != NULL; node = node->next) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], node->key) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            print_message("not known: %s\n", node->key);
        }
        assert_non_null(known[i]);
        count++;
    }
    return count;
}

static unsigned count_of(const char *const *known)
{
    unsigned count = 0;
    while (known[count] != NULL) {
        count++;
    }
    return count;
}

static void known_keys_are_those_of_the_official_schema(void **state)
{
    (void)state;
    const struct yaml_node *element = definition("SchemaElement");

    assert_int_equal(keys_of(yaml_root(schema), odcs_root_keys), count_of(odcs_root_keys));
    assert_int_equal(keys_of(element, odcs_schema_keys) +
                         keys_of(definition("SchemaObject"), odcs_schema_keys),
                     count_of(odcs_schema_keys));
    // `properties` and `items` stand with the types object and array only; physicalType is in both.
    assert_int_equal(keys_of(element, odcs_property_keys) +
                         keys_of(definition("SchemaBaseProperty"), odcs_property_keys) + 2 - 1,
                     count_of(odcs_property_keys));
    assert_int_equal(keys_of(definition("Server"), odcs_kafka_server_keys) + 2,
                     count_of(odcs_kafka_server_keys));
    assert_int_equal(keys_of(definition("Team"), odcs_team_keys), count_of(odcs_team_keys));
    assert_int_equal(keys_of(definition("TeamMember"), odcs_member_keys),
                     count_of(odcs_member_keys));
    assert_int_equal(keys_of(definition("SupportItem"), odcs_support_keys),
                     count_of(odcs_support_keys));
    assert_int_equal(keys_of(definition("ServiceLevelAgreementProperty"), odcs_promise_keys),
                     count_of(odcs_promise_keys));
    assert_int_equal(keys_of(definition("CustomProperty"), odcs_custom_keys),
                     count_of(odcs_custom_keys));
}

// One branch of the schema: {"if": ... "const": TYPE ..., "then": {... "logicalTypeOptions": ...}}.
static void known_type_options_are_those_of_the_official_schema(void **state)
{
    (void)state;
    unsigned compared = 0;
    const struct yaml_node *branches = yaml_get(definition("SchemaBaseProperty"), "allOf");
    for (const struct yaml_node *branch = branches->first; branch != NULL; branch = branch->next) {
        const struct yaml_node *when =
            yaml_get(yaml_get(yaml_get(branch, "if"), "properties"), "logicalType");
        const struct yaml_node *type = yaml_get(when, "const");
        const struct yaml_node *options =
            yaml_get(yaml_get(yaml_get(branch, "then"), "properties"), "logicalTypeOptions");
        if (type == NULL || options == NULL) {
            continue;
        }
        const char *const *known = odcs_type_option_keys(type->text);
        assert_non_null(known);
        assert_int_equal(keys_of(options, known), count_of(known));
        compared++;
    }
    assert_true(compared >= 4); // string, date, array, object
    assert_null(odcs_type_option_keys("boolean"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_keys_are_those_of_the_official_schema),
        cmocka_unit_test(known_type_options_are_those_of_the_official_schema),
    };
    return cmocka_run_group_tests(tests, open_schema, close_schema);
}
