// The document of a product, and the rights it needs. That it satisfies the standard's own schema
// is shown by tests/unit/odcs/check and tests/kafka/product_test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/access.h"
#include "agent/product_document.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

static const char pattern[] = "apiVersion: v3.1.0\nkind: DataContract\nid: %s\nversion: %s\n"
                              "status: active\ndomain: plant7\ndataProduct: oven\n"
                              "team: [{username: jane, role: owner}]\n"
                              "support: [{channel: chat}, {channel: mail, url: \"mailto:a@b\"}]\n"
                              "schema: [{name: reading, physicalName: plant7.oven.%s, properties: "
                              "[{name: s, logicalType: string, primaryKey: true}]}]\n";

static struct contract *contract_of(const char *id, const char *version, const char *topic)
{
    char text[1024];
    struct problems problems = {.count = 0};
    (void)snprintf(text, sizeof text, pattern, id, version, topic);
    struct contract *contract = contract_parse("/c/a.odcs.yaml", bytes_text(text), &problems);
    problems_print(&problems, stderr);
    problems_free(&problems);
    assert_non_null(contract);
    return contract;
}

static const char *text_at(const cJSON *root, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, key));
}

static void versions_are_compared_by_their_numbers(void **state)
{
    (void)state;
    assert_true(version_compare("1.10.0", "1.9.0") > 0);
    assert_true(version_compare("1.2.0", "1.2.0") == 0);
    assert_true(version_compare("1.2", "1.2.1") < 0);
    assert_true(version_compare("2.0.0", "10.0.0") < 0);
    assert_true(version_compare("1.0.0-beta", "1.0.0") != 0);
}

static void the_newest_contract_speaks_and_all_ports_are_there(void **state)
{
    (void)state;
    struct contract *contracts[] = {contract_of("old", "1.9.0", "readings.v1"),
                                    contract_of("new", "1.10.0", "readings.v2")};

    char *text =
        product_document((const struct contract *const *)contracts, 2, bytes_from(NULL, 0));

    cJSON *root = cJSON_Parse(text);
    assert_string_equal(text_at(root, "id"), contracts[0]->product_id);
    assert_string_equal(text_at(root, "version"), "1.10.0");
    const cJSON *ports = cJSON_GetObjectItem(root, "outputPorts");
    assert_int_equal(cJSON_GetArraySize(ports), 2);
    assert_string_equal(text_at(cJSON_GetArrayItem(ports, 0), "contractId"), "old");
    // A channel without a URL is none of ODPS; the team of before v3.1 becomes one of it.
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "support")), 1);
    assert_string_equal(text_at(cJSON_GetObjectItem(root, "team"), "name"), "jane");
    cJSON_Delete(root);
    cJSON_free(text);
    contract_free(contracts[0]);
    contract_free(contracts[1]);
}

static void an_older_major_stays_until_it_is_retired(void **state)
{
    (void)state;
    struct contract *old = contract_of("old", "1.0.0", "readings.v1");
    struct contract *new = contract_of("new", "2.0.0", "readings.v2");

    char *before = product_document((const struct contract *const[]){old}, 1, bytes_from(NULL, 0));
    char *after = product_document((const struct contract *const[]){new}, 1, bytes_text(before));
    char *again = product_document((const struct contract *const[]){new}, 1, bytes_text(after));

    assert_non_null(strstr(after, "plant7.oven.readings.v1"));
    assert_non_null(strstr(after, "plant7.oven.readings.v2"));
    assert_string_equal(after, again); // a second time changes nothing
    char *without = product_document_without(bytes_text(after), "old", "1.0.0");
    assert_null(strstr(without, "plant7.oven.readings.v1"));
    assert_non_null(strstr(without, "\"status\":\"active\""));
    char *empty = product_document_without(bytes_text(without), "new", "2.0.0");
    assert_non_null(strstr(empty, "\"status\":\"deprecated\""));
    cJSON_free(before);
    cJSON_free(after);
    cJSON_free(again);
    cJSON_free(without);
    cJSON_free(empty);
    contract_free(old);
    contract_free(new);
}

static void what_is_no_document_is_not_read(void **state)
{
    (void)state;
    const char *const rows[] = {"", "[]", "{", "null", "7"};
    struct contract *contract = contract_of("a", "1.0.0", "readings.v1");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_null(product_document_without(bytes_text(rows[i]), "a", "1"));
        char *text =
            product_document((const struct contract *const[]){contract}, 1, bytes_text(rows[i]));
        assert_non_null(text);
        cJSON_free(text);
    }
    contract_free(contract);
}

static char *printed(void (*print)(const struct access *, const struct access_principals *, FILE *),
                     const struct access *access, const struct access_principals *principals)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    print(access, principals, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void rights_are_few_and_begin_with_the_domain(void **state)
{
    (void)state;
    struct contract *contract = contract_of("a", "1.0.0", "readings.v1");
    struct access access = {.count = 0};
    const struct access_principals principals = {"User:gw-1;User:CN=gw-2", "User:o'neil",
                                                 "User:${r}"};

    assert_int_equal(access_add(&access, contract), OK);
    uint32_t count = access.count;
    assert_int_equal(access_add(&access, contract), OK); // the same again adds nothing
    assert_int_equal(access.count, count);

    for (uint32_t i = 0; i < access.count; i++) {
        const char *name = access.rows[i].name;
        assert_true(strncmp(name, "plant7.", 7) == 0 || strncmp(name, "mesh.", 5) == 0);
        bool writes = access.rows[i].who != ACCESS_OWNER && access.rows[i].prefixed &&
                      strncmp(name, "mesh.", 5) == 0 &&
                      strcmp(access.rows[i].operation, "Write") == 0;
        assert_false(writes); // nobody but owners writes shared documents
    }
    char *terraform = printed(access_print_terraform, &access, &principals);
    char *strimzi = printed(access_print_strimzi, &access, &principals);
    assert_non_null(strstr(terraform, "acl_principal = \"User:CN=gw-2\""));
    assert_non_null(strstr(terraform, "\"User:$${r}\""));
    assert_non_null(strstr(strimzi, "name: \"gw-2\""));
    assert_non_null(strstr(strimzi, "patternType: prefix"));
    free(terraform);
    free(strimzi);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    access_print_kafka_acls(&access, &principals, "k:1", out);
    (void)fclose(out);
    assert_non_null(strstr(text, "--allow-principal 'User:o'\\''neil'"));
    assert_non_null(strstr(text, "kafka-acls.sh --bootstrap-server 'k:1' --add --allow-principal "
                                 "'User:gw-1' --operation Write --topic 'plant7.oven.readings.v1' "
                                 "--resource-pattern-type prefixed\n"));
    free(text);
    contract_free(contract);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_compared_by_their_numbers),
        cmocka_unit_test(the_newest_contract_speaks_and_all_ports_are_there),
        cmocka_unit_test(an_older_major_stays_until_it_is_retired),
        cmocka_unit_test(what_is_no_document_is_not_read),
        cmocka_unit_test(rights_are_few_and_begin_with_the_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
