// What a contract of somebody else can put into a text that people run. That the texts run as
// printed is shown by tests/kafka/describe_test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/asyncapi.h"
#include "agent/snippet.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static const char text[] =
    "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\ndomain: "
    "plant7\n"
    "dataProduct: \"oven\\nrm -rf x; `y` '\\\" $(z)\"\nteam: {name: us}\nsupport: [{channel: "
    "chat}]\n"
    "schema: [{name: reading, physicalName: plant7.oven.readings.v1, properties: "
    "[{name: s, logicalType: string, primaryKey: true}, {name: at, logicalType: timestamp}]}]\n";

static struct contract *contract_of_somebody(void)
{
    struct problems problems = {.count = 0};
    struct contract *contract = contract_parse("/c/a.yaml", bytes_text(text), &problems);
    problems_print(&problems, stderr);
    assert_non_null(contract);
    return contract;
}

static void no_name_leaves_its_comment_or_its_quotes(void **state)
{
    (void)state;
    struct contract *contract = contract_of_somebody();
    const struct snippet_cluster cluster = {.bootstrap = "k:1\nrm -rf y", .ca = "a'b\"c\nrm z"};
    for (size_t i = 0; snippets[i].name != NULL; i++) {
        char *printed = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&printed, &size);
        snippets[i].print(&cluster, contract, &contract->ports[0], out);
        assert_int_equal(fclose(out), 0);

        assert_null(strstr(printed, "\nrm"));
        assert_non_null(strstr(printed, "plant7.oven.readings.v1"));
        free(printed);
    }
    contract_free(contract);
}

static void a_contract_is_an_asyncapi_document(void **state)
{
    (void)state;
    struct contract *contract = contract_of_somebody();

    char *json = asyncapi_document(contract, "k-1:9093,k-2:9093", true);

    cJSON *root = cJSON_Parse(json);
    assert_non_null(root);
    const cJSON *server = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "servers"), "kafka");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(server, "host")), "k-1:9093");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(server, "protocol")),
                        "kafka-secure");
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "channels"), "readings"));
    cJSON_Delete(root);
    cJSON_free(json);
    contract_free(contract);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_name_leaves_its_comment_or_its_quotes),
        cmocka_unit_test(a_contract_is_an_asyncapi_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
