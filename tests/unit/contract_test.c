#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/contract.h"
#include "agent/file.h"

#include <stdio.h>
#include <stdlib.h>

// A small contract that is good; the tests change a line of it.
static const char good[] = "apiVersion: v3.1.0\n"
                           "kind: DataContract\n"
                           "id: one\n"
                           "version: 1.0.0\n"
                           "status: active\n"
                           "domain: plant7\n"
                           "team: {name: us}\n"
                           "support: [{channel: chat}]\n"
                           "schema:\n"
                           "  - name: reading\n"
                           "    physicalName: plant7.oven.readings.v1\n"
                           "    properties:\n"
                           "      - {name: sensor, logicalType: string, primaryKey: true}\n"
                           "      - {name: at, logicalType: timestamp}\n"
                           "      - {name: value, logicalType: number}\n";

// `good` with the first `from` replaced by `to`.
static char *changed(const char *from, const char *to)
{
    static char text[4096];
    const char *at = strstr(good, from);
    assert_non_null(at);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    return text;
}

static struct contract *parse(const char *text, struct problems *problems)
{
    *problems = (struct problems){.count = 0};
    return contract_parse("/c/oven.odcs.yaml", bytes_text(text), problems);
}

// The change makes an error (or a warning) with this sentence, after "/c/oven.odcs.yaml:".
static void expect(const char *from, const char *to, const char *sentence, bool error)
{
    struct problems problems;
    struct contract *contract = parse(changed(from, to), &problems);
    bool found = false;
    for (unsigned i = 0; i < problems.count; i++) {
        found = found || strcmp(problems.lines[i] + strlen("/c/oven.odcs.yaml:"), sentence) == 0;
    }
    if (!found) {
        print_message("wanted: %s\n", sentence);
        problems_print(&problems, stdout);
    }
    assert_true(found);
    assert_true((contract == NULL) == error);
    contract_free(contract);
    problems_free(&problems);
}

static void wrong(const char *from, const char *to, const char *sentence)
{
    expect(from, to, sentence, true);
}

static void doubtful(const char *from, const char *to, const char *sentence)
{
    expect(from, to, sentence, false);
}

static void a_contract_of_another_tool_is_read_as_it_stands(void **state)
{
    (void)state;
    struct problems problems = {.count = 0};

    struct contract *contract =
        contract_read(TEST_DIR "/unit/settings/thermal.odcs.json", &problems);

    problems_print(&problems, stderr);
    assert_non_null(contract);
    assert_int_equal(problems.count, 0);
    assert_string_equal(contract->id, "b6a7c0de-6a1e-5c2b-9a40-3f6d1c0e7a11");
    assert_string_equal(contract->version, "1.2.0");
    assert_string_equal(contract->tenant, "example");
    assert_string_equal(contract->domain, "plant7");
    assert_string_equal(contract->product, "thermal");
    assert_string_equal(contract->owner, "thermal-process");
    assert_string_equal(contract->support, "mailto:thermal-data@example.com");
    assert_int_equal(contract->port_count, 1);
    const struct contract_port *port = &contract->ports[0];
    assert_string_equal(port->name, "readings");
    assert_string_equal(port->topic, "plant7.thermal.readings.v1");
    assert_int_equal(port->schema.column_count, 5);
    assert_int_equal(schema_find(&port->schema, bytes_text("sensor_id"))->role, ROLE_KEY);
    assert_int_equal(schema_find(&port->schema, bytes_text("observed_at"))->role, ROLE_TIME);
    // Without weir.role these are the input's to fill.
    assert_int_equal(schema_find(&port->schema, bytes_text("seq"))->role, ROLE_FIELD);
    assert_int_equal(schema_find(&port->schema, bytes_text("quality"))->role, ROLE_FIELD);
    assert_true(contract_is_called(contract, "plant7-thermal-readings"));
    contract_free(contract);
}

static void the_shipped_contract_of_the_host_is_good(void **state)
{
    (void)state;
    struct problems problems = {.count = 0};

    struct contract *contract =
        contract_read(TEST_DIR "/../config/products/host.odcs.yaml", &problems);

    problems_print(&problems, stderr);
    assert_non_null(contract);
    assert_int_equal(problems.count, 0);
    assert_string_equal(contract->product, "host");
    const struct schema *schema = &contract->ports[0].schema;
    assert_int_equal(schema_find(schema, bytes_text("sensor"))->role, ROLE_KEY);
    assert_int_equal(schema_find(schema, bytes_text("quality"))->role, ROLE_QUALITY);
    assert_int_equal(schema->field_count, 2);
    contract_free(contract);
}

static void a_port_is_chosen_by_any_of_its_names(void **state)
{
    (void)state;
    struct problems problems;
    struct contract *contract =
        parse(changed("  - name: reading\n", "  - name: reading\n    id: r1\n"), &problems);
    assert_non_null(contract);

    const struct contract_port *port = &contract->ports[0];
    assert_ptr_equal(contract_port(contract, "readings"), port);
    assert_ptr_equal(contract_port(contract, "reading"), port);
    assert_ptr_equal(contract_port(contract, "r1"), port);
    assert_ptr_equal(contract_port(contract, "plant7.oven.readings.v1"), port);
    assert_null(contract_port(contract, "oven"));
    assert_string_equal(contract->product, "oven"); // from the file's name
    contract_free(contract);
}

static void what_a_contract_says_of_the_wire_is_read(void **state)
{
    (void)state;
    struct problems problems;
    struct contract *contract =
        parse(changed("    properties:\n", "    customProperties:\n"
                                           "      - {property: weir.layout, value: blocks}\n"
                                           "      - {property: weir.format, value: avro}\n"
                                           "      - {property: weir.headers, value: min}\n"
                                           "      - {property: weir.partitionBy, value: key}\n"
                                           "      - {property: other.tool, value: [x]}\n"
                                           "    properties:\n"),
              &problems);

    assert_non_null(contract);
    const struct contract_port *port = &contract->ports[0];
    assert_int_equal(port->layout, LAYOUT_BLOCKS);
    assert_int_equal(port->format, FORMAT_AVRO);
    assert_int_equal(port->headers, HEADERS_MIN);
    assert_int_equal(port->partition_by, PARTITION_BY_KEY);
    contract_free(contract);
}

static void keys_that_a_contract_of_blocks_lists_keep_its_order(void **state)
{
    (void)state;
    static const char *const layouts[] = {"records", "blocks"};
    for (size_t i = 0; i < 2; i++) {
        char text[512];
        struct problems problems;
        (void)snprintf(text, sizeof text,
                       "    customProperties: [{property: weir.layout, value: %s}]\n"
                       "    properties:\n"
                       "      - name: sensor\n"
                       "        logicalType: string\n"
                       "        primaryKey: true\n"
                       "        quality:\n"
                       "          - {metric: invalidValues, mustBe: 0,\n"
                       "             arguments: {validValues: [oven-2, oven-1, oven-2]}}\n",
                       layouts[i]);
        struct contract *contract =
            parse(changed("    properties:\n"
                          "      - {name: sensor, logicalType: string, primaryKey: true}\n",
                          text),
                  &problems);
        assert_non_null(contract);
        const struct key_list *listed = contract->ports[0].listed;
        if (i == 0) {
            assert_null(listed); // records name their keys
        } else {
            assert_int_equal(listed->count, 2);
            assert_int_equal(key_list_find(listed, bytes_text("oven-2")), 0);
            assert_int_equal(key_list_find(listed, bytes_text("oven-1")), 1);
        }
        contract_free(contract);
    }
}

static void what_a_contract_says_of_its_avro_schema_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *customs;
        bool framed;
        int64_t id;
    } ports[] = {
        {"{property: weir.format, value: json}", false, -1},
        {"{property: weir.format, value: avro}", true, -1},
        {"{property: weir.format, value: avro}, {property: weir.schemaId, value: 7}", true, 7},
        {"{property: weir.layout, value: blocks}", true, -1},
        {"{property: weir.layout, value: blocks}, {property: weir.framing, value: none}", false,
         -1},
    };
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        char text[256];
        struct problems problems;
        (void)snprintf(text, sizeof text, "    customProperties: [%s]\n    properties:\n",
                       ports[i].customs);
        struct contract *contract = parse(changed("    properties:\n", text), &problems);
        assert_non_null(contract);
        const struct contract_port *port = &contract->ports[0];
        assert_int_equal(port->framed, ports[i].framed);
        assert_int_equal(port->schema_id, ports[i].id);
        assert_int_equal(port->format, i == 0 ? FORMAT_JSON : FORMAT_AVRO);
        contract_free(contract);
    }
}

static void each_mistake_about_the_avro_schema_gets_its_sentence(void **state)
{
    (void)state;
#define CUSTOMS(list) "    customProperties: [" list "]\n    properties:\n"
    wrong("    properties:\n", CUSTOMS("{property: weir.schemaId, value: 7}"),
          "12: schema[0].customProperties[0].value: is for values that come with it: avro, framed "
          "by the registry");
    wrong("    properties:\n",
          CUSTOMS("{property: weir.format, value: avro}, {property: weir.schemaId, value: -7}"),
          "12: schema[0].customProperties[1].value: \"-7\" is no id of a schema registry; they are "
          "integers");
    wrong("    properties:\n",
          CUSTOMS("{property: weir.format, value: avro}, {property: weir.framing, value: none}"),
          "12: schema[0].customProperties[1].value: none is for blocks only; a value of records "
          "without the registry's id cannot be told from one with it");
    wrong("    properties:\n",
          CUSTOMS("{property: weir.layout, value: blocks}, {property: weir.format, value: json}"),
          "12: schema[0].customProperties[1].value: is json, and blocks are always avro; leave it "
          "out, or choose the layout records");
}

static void the_format_is_that_of_the_first_kafka_server(void **state)
{
    (void)state;
    struct problems problems;
    struct contract *contract =
        parse(changed("schema:\n", "servers:\n"
                                   "  - {server: lake, type: s3, location: x, format: parquet}\n"
                                   "  - {server: k, type: kafka, host: h, format: avro}\n"
                                   "schema:\n"),
              &problems);

    assert_non_null(contract);
    assert_int_equal(contract->ports[0].format, FORMAT_AVRO);
    contract_free(contract);
}

static void an_integer_beyond_json_may_travel_as_text(void **state)
{
    (void)state;
    struct problems problems;
    struct contract *contract = parse(
        changed("logicalType: number}", "logicalType: integer, physicalType: string}"), &problems);

    assert_non_null(contract);
    assert_true(contract->ports[0].schema.columns[2].as_text);
    contract_free(contract);
}

static void the_only_primary_key_or_the_one_at_position_1_is_the_key(void **state)
{
    (void)state;
    struct problems problems;
    struct contract *contract = parse(
        changed("primaryKey: true}", "primaryKey: true, primaryKeyPosition: 2}\n"
                                     "      - {name: line, logicalType: string, primaryKey: true, "
                                     "primaryKeyPosition: 1}"),
        &problems);

    assert_non_null(contract);
    const struct schema *schema = &contract->ports[0].schema;
    assert_int_equal(schema_find(schema, bytes_text("line"))->role, ROLE_KEY);
    assert_int_equal(schema_find(schema, bytes_text("sensor"))->role, ROLE_FIELD);
    contract_free(contract);
}

static void each_mistake_of_a_head_gets_its_sentence(void **state)
{
    (void)state;
    wrong("apiVersion: v3.1.0", "apiVersion: v2.2.2",
          "1: apiVersion: \"v2.2.2\" is not read here; write v3.1.0");
    wrong("kind: DataContract", "kind: DataProduct",
          "2: kind: \"DataProduct\" is not read here; write DataContract");
    wrong("id: one\n", "", "1: id: is missing; ODCS v3.1.0 requires it");
    wrong("id: one", "id:", "3: id: has no value; ODCS v3.1.0 requires one");
    wrong("version: 1.0.0\n", "", "1: version: is missing; ODCS v3.1.0 requires it");
    wrong("status: active\n", "", "1: status: is missing; ODCS v3.1.0 requires it");
    wrong("status: active", "status: active\ndomian: x",
          "6: domian: ODCS v3.1.0 has no such key here; did you mean \"domain\"?");
    wrong("domain: plant7", "domain: [plant7]", "6: domain: is a list; write a text");
    wrong("team: {name: us}", "team: {nme: us}",
          "7: team.nme: ODCS v3.1.0 has no such key here; did you mean \"name\"?");
    wrong("team: {name: us}", "team: us", "7: team: is a text; write a mapping");
    wrong("channel: chat", "url: chat",
          "8: support[0].channel: is missing; ODCS v3.1.0 requires it");
    wrong("schema:\n", "servers: [{server: k, type: kafka, host: h, format: xml}]\nschema:\n",
          "9: servers[0].format: \"xml\" is not written by weir; it writes json or avro");
    wrong("schema:\n", "servers: [{server: k, type: kafka, host: h, topic: t}]\nschema:\n",
          "9: servers[0].topic: ODCS v3.1.0 has no such key here");
    wrong(good, "[1]", "1: is a list; a contract begins e.g. with apiVersion: v3.1.0");
    wrong(good, "", "1: the file is empty");
}

static void each_mistake_of_a_schema_gets_its_sentence(void **state)
{
    (void)state;
    wrong("logicalType: string", "logicalTyp: string",
          "13: schema[0].properties[0].logicalTyp: ODCS v3.1.0 has no such key here; did you mean "
          "\"logicalType\"?");
    wrong("physicalName:", "physicalNam:",
          "11: schema[0].physicalNam: ODCS v3.1.0 has no such key here; did you mean "
          "\"physicalName\"?");
    wrong("physicalName: plant7.oven.readings.v1", "physicalName: \"plant7/oven\"",
          "11: schema[0].physicalName: \"plant7/oven\" is no topic of Kafka; use letters, digits, "
          "'.', '_' and '-', at most 249 of them");
    wrong("name: value", "name: 1value",
          "15: schema[0].properties[2].name: \"1value\" is not a name that Avro allows; use "
          "letters, digits and _, and no digit first");
    wrong("name: value", "name: at",
          "15: schema[0].properties[2].name: \"at\" stands twice; each "
          "name once");
    wrong("logicalType: number", "logicalType: date",
          "15: schema[0].properties[2].logicalType: \"date\" is not carried by weir; write "
          "timestamp, or string with a format");
    wrong("logicalType: number", "logicalType: array",
          "15: schema[0].properties[2].logicalType: \"array\" is not carried by weir: a record is "
          "flat; write one property for each value");
    wrong("logicalType: number", "logicalType: double",
          "15: schema[0].properties[2].logicalType: \"double\" is none of: string, integer, "
          "number, boolean, timestamp");
    wrong(", logicalType: number", "",
          "15: schema[0].properties[2].logicalType: is missing; write string, integer, number, "
          "boolean or timestamp");
    wrong("logicalType: number", "logicalType: number, logicalTypeOptions: {minimun: 1}",
          "15: schema[0].properties[2].logicalTypeOptions.minimun: ODCS v3.1.0 has no such key "
          "here; did you mean \"minimum\"?");
    wrong("logicalType: number", "logicalType: number, required: yes",
          "15: schema[0].properties[2].required: \"yes\" is neither true nor false");
    wrong("primaryKey: true", "primaryKey: true, primaryKeyPosition: 0",
          "13: schema[0].properties[0].primaryKeyPosition: \"0\" is not a position; they count "
          "from 1");
    wrong("  - name: reading\n", "  - logicalType: object\n",
          "10: schema[0].name: is missing; ODCS v3.1.0 requires it");
}

static void each_mistake_of_roles_and_wire_gets_its_sentence(void **state)
{
    (void)state;
#define ROLE(word) "customProperties: [{property: weir.role, value: " word "}]"
    wrong("logicalType: number", "logicalType: number, " ROLE("kay"),
          "15: schema[0].properties[2].customProperties[0].value: weir.role: \"kay\" is none of: "
          "field, key, time, gateway, epoch, seq, quality");
    wrong("logicalType: number",
          "logicalType: string, " ROLE("key") "}\n      - {name: w, "
                                              "logicalType: string, " ROLE("key"),
          "16: schema[0].properties[3]: \"value\" and \"w\" both have the role key; only one can");
    wrong("logicalType: number", "logicalType: number, " ROLE("quality"),
          "15: schema[0].properties[2]: \"value\" has the role quality and must be a string, not a "
          "number");
    wrong("logicalType: number",
          "logicalType: number, customProperties: [{property: weir.rule, "
          "value: key}]",
          "15: schema[0].properties[2].customProperties[0].property: weir reads no such property "
          "here; did you mean \"weir.role\"?");
    wrong("logicalType: number", "logicalType: number, customProperties: [{property: x}]",
          "15: schema[0].properties[2].customProperties[0].value: is missing; ODCS v3.1.0 requires "
          "it");
    wrong("    properties:\n",
          "    customProperties: [{property: weir.layout, value: rows}]\n    properties:\n",
          "12: schema[0].customProperties[0].value: weir.layout: \"rows\" is none of: records, "
          "blocks");
}

static void a_contract_that_nobody_owns_is_refused(void **state)
{
    (void)state;
    wrong("domain: plant7\n", "",
          "1: domain: is missing; name the domain that owns the data, e.g. plant7");
    wrong("team: {name: us}\n", "",
          "1: team: names no owner; write the team's name: team: {name: ...}");
    wrong("support: [{channel: chat}]\n", "",
          "1: support: names no channel; say where users of the data can ask");
    wrong("support: [{channel: chat}]\n", "support: []\n",
          "1: support: names no channel; say where users of the data can ask");
}

static void another_domains_name_is_refused(void **state)
{
    (void)state;
    wrong("domain: plant7", "domain: plant8",
          "11: schema[0].physicalName: \"plant7.oven.readings.v1\" does not begin with "
          "\"plant8.\"; a "
          "topic bears the name of the domain that owns it, so that one grant covers it and no "
          "other's is taken");
    wrong(
        "domain: plant7", "domain: plant",
        "11: schema[0].physicalName: \"plant7.oven.readings.v1\" does not begin with \"plant.\"; a "
        "topic bears the name of the domain that owns it, so that one grant covers it and no "
        "other's is taken");
    wrong("domain: plant7", "domain: mesh",
          "6: domain: \"mesh\" is kept for the mesh's own topics; name the domain that owns the "
          "data, e.g. plant7");
    wrong("domain: plant7", "domain: mesh.plant7",
          "6: domain: \"mesh.plant7\" is kept for the mesh's own topics; name the domain that owns "
          "the data, e.g. plant7");
    wrong("domain: plant7", "domain: plant seven",
          "6: domain: \"plant seven\" cannot begin a topic's name; use letters, digits, '_' and "
          "'-', and points in between");
    wrong("domain: plant7", "domain: plant7.",
          "6: domain: \"plant7.\" cannot begin a topic's name; use letters, digits, '_' and '-', "
          "and points in between");
}

static void a_text_that_other_tools_read_as_a_number_is_refused(void **state)
{
    (void)state;
    wrong("version: 1.0.0", "version: 1.0",
          "4: version: 1.0 is no text to YAML; write it in quotes: \"1.0\"");
    wrong("id: one", "id: true", "3: id: true is no text to YAML; write it in quotes: \"true\"");
}

static void the_same_names_make_the_same_id_everywhere(void **state)
{
    (void)state;
    struct problems problems;
    struct contract *contract = parse(good, &problems);
    assert_non_null(contract);
    // Python: uuid.uuid5(uuid.NAMESPACE_URL, "urn:weir:product::plant7:oven") and so on.
    assert_string_equal(contract->product_id, "79794c0b-80c3-507c-91ef-ab156201c239");

    assert_int_equal(contract_identify(contract, "ex ample"), OK);
    assert_string_equal(contract->product_id, "22f02f03-420b-5eeb-b648-42e23a75028f");
    assert_string_equal(contract->tenant, "ex ample");

    assert_int_equal(contract_identify(contract, "other"), ERR_INVALID);
    assert_string_equal(contract->product_id, "22f02f03-420b-5eeb-b648-42e23a75028f");
    contract_free(contract);
}

static void what_the_topic_is_made_with_is_read(void **state)
{
    (void)state;
    struct problems problems;
    struct contract *contract =
        parse(changed("    properties:\n", "    customProperties:\n"
                                           "      - {property: weir.partitions, value: 6}\n"
                                           "      - {property: weir.replication, value: 3}\n"
                                           "      - {property: weir.late, value: topic}\n"
                                           "    properties:\n"),
              &problems);
    assert_non_null(contract);
    assert_int_equal(contract->ports[0].partitions, 6);
    assert_int_equal(contract->ports[0].replication, 3);
    assert_int_equal(contract->ports[0].late, LATE_TOPIC);
    contract_free(contract);
    wrong("    properties:\n",
          "    customProperties: [{property: weir.partitions, value: 0}]\n    properties:\n",
          "12: schema[0].customProperties[0].value: weir.partitions: \"0\" is no count from 1 to "
          "10000");
}

static void a_retention_is_read_as_others_read_it(void **state)
{
    (void)state;
    static const struct {
        const char *promise;
        int64_t ms;
    } rows[] = {{"value: 7, unit: d", 604800000},
                {"value: 2, unit: m", 5184000000},
                {"value: 1, unit: y", 31536000000},
                {"value: 12, unit: hours", 43200000},
                {"value: long, unit: d", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        struct problems problems;
        (void)snprintf(text, sizeof text, "slaProperties: [{property: retention, %s}]\nschema:\n",
                       rows[i].promise);
        struct contract *contract = parse(changed("schema:\n", text), &problems);
        assert_non_null(contract);
        assert_int_equal(contract->retention_ms, rows[i].ms);
        contract_free(contract);
    }
}

static void what_a_contract_should_say_and_does_not_is_a_warning(void **state)
{
    (void)state;
    doubtful("schema:\n", "slaProperties: [{property: latency, value: 1, unit: s}]\nschema:\n",
             "9: slaProperties: warning: promises a latency and no freshness; stock checkers test "
             "only the second, so promise both");
    doubtful("physicalName: plant7.oven.readings.v1", "physicalName: plant7.ovens",
             "11: schema[0].physicalName: warning: \"plant7.ovens\" does not have the form "
             "DOMAIN.PRODUCT.PORT.vMAJOR");
    doubtful(", primaryKey: true", "",
             "10: schema[0].properties: warning: no property is the key, so records have none; set "
             "primaryKey: true on the string that names the sensor");
}

static void a_contract_without_columns_or_topics_is_refused(void **state)
{
    (void)state;
    char text[2048];
    struct problems problems;
    const char *schema = strstr(good, "schema:");

    (void)snprintf(text, sizeof text, "%.*s", (int)(schema - good), good);
    assert_null(parse(text, &problems));
    assert_string_equal(problems.lines[0],
                        "/c/oven.odcs.yaml:1: schema: is missing; a contract of a stream declares "
                        "at least one topic there");
    problems_free(&problems);

    const char *properties = strstr(good, "    properties:");
    (void)snprintf(text, sizeof text, "%.*s", (int)(properties - good), good);
    assert_null(parse(text, &problems));
    assert_string_equal(problems.lines[0],
                        "/c/oven.odcs.yaml:10: schema[0].properties: is missing; list the columns "
                        "of a record");
    problems_free(&problems);
}

static void two_ports_with_one_topic_or_name_are_refused(void **state)
{
    (void)state;
    char text[4096];
    struct problems problems;
    const char *entry = strstr(good, "  - name: reading");

    (void)snprintf(text, sizeof text, "%s%s", good, entry);
    assert_null(parse(text, &problems));
    assert_string_equal(
        problems.lines[0],
        "/c/oven.odcs.yaml:16: schema[1]: the topic \"plant7.oven.readings.v1\" stands twice");
    problems_free(&problems);
}

static void all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    struct problems problems;

    assert_null(
        parse("apiVersion: v1\nkind: x\nschema: [{}, {name: a, properties: [{}]}]\n", &problems));

    assert_true(problems.error_count >= 8);
    problems_free(&problems);
}

static void every_truncation_of_a_good_contract_is_read_or_told(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(
        file_read(TEST_DIR "/../config/products/host.odcs.yaml", 1 << 20, &text, &size), OK);

    for (size_t cut = 0; cut < size; cut++) {
        struct problems problems = {.count = 0};
        struct contract *contract = contract_parse("c", bytes_from(text, cut), &problems);
        assert_true((contract == NULL) == (problems.error_count > 0));
        contract_free(contract);
        problems_free(&problems);
    }
    free(text);
}

static void a_contract_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct problems problems = {.count = 0};

    assert_null(contract_read("/nowhere/c.odcs.yaml", &problems));
    assert_null(contract_read("/", &problems));

    assert_string_equal(problems.lines[0], "/nowhere/c.odcs.yaml: the contract cannot be read: No "
                                           "such file or directory");
    assert_string_equal(problems.lines[1], "/: the contract is not a file; name one");
    problems_free(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_contract_of_another_tool_is_read_as_it_stands),
        cmocka_unit_test(the_shipped_contract_of_the_host_is_good),
        cmocka_unit_test(a_port_is_chosen_by_any_of_its_names),
        cmocka_unit_test(what_a_contract_says_of_the_wire_is_read),
        cmocka_unit_test(keys_that_a_contract_of_blocks_lists_keep_its_order),
        cmocka_unit_test(what_a_contract_says_of_its_avro_schema_is_read),
        cmocka_unit_test(each_mistake_about_the_avro_schema_gets_its_sentence),
        cmocka_unit_test(the_format_is_that_of_the_first_kafka_server),
        cmocka_unit_test(an_integer_beyond_json_may_travel_as_text),
        cmocka_unit_test(the_only_primary_key_or_the_one_at_position_1_is_the_key),
        cmocka_unit_test(each_mistake_of_a_head_gets_its_sentence),
        cmocka_unit_test(each_mistake_of_a_schema_gets_its_sentence),
        cmocka_unit_test(each_mistake_of_roles_and_wire_gets_its_sentence),
        cmocka_unit_test(a_contract_that_nobody_owns_is_refused),
        cmocka_unit_test(another_domains_name_is_refused),
        cmocka_unit_test(a_text_that_other_tools_read_as_a_number_is_refused),
        cmocka_unit_test(the_same_names_make_the_same_id_everywhere),
        cmocka_unit_test(what_the_topic_is_made_with_is_read),
        cmocka_unit_test(a_retention_is_read_as_others_read_it),
        cmocka_unit_test(what_a_contract_should_say_and_does_not_is_a_warning),
        cmocka_unit_test(a_contract_without_columns_or_topics_is_refused),
        cmocka_unit_test(two_ports_with_one_topic_or_name_are_refused),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(every_truncation_of_a_good_contract_is_read_or_told),
        cmocka_unit_test(a_contract_that_cannot_be_read_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
