#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/command.h"
#include "agent/file.h"
#include "agent/settings.h"
#include "agent/settings_rows.h"
#include "tests/unit/settings_drivers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER    TEST_DIR "/unit/settings"
#define FILE_NAME FOLDER "/weir.yaml"
#define HEAD      "gateway: gw-1\nkafka: {bootstrap: k:9092}\n"
#define PRODUCTS  "products: [{contract: thermal.odcs.json}]\n"
#define INPUTS    "inputs: [{driver: probe}]\n"

static struct settings *parse(const char *text, struct problems *problems)
{
    *problems = (struct problems){.count = 0};
    return settings_parse(FILE_NAME, bytes_text(text), problems);
}

static struct settings *parse_good(const char *text)
{
    struct problems problems;
    struct settings *settings = parse(text, &problems);
    problems_print(&problems, stderr);
    assert_non_null(settings);
    assert_int_equal(problems.count, 0);
    return settings;
}

// The one problem of `text` is this sentence, after "FILE:".
static void expect(const char *text, const char *sentence, bool error)
{
    struct problems problems;
    struct settings *settings = parse(text, &problems);
    if (problems.count != 1 || strcmp(problems.lines[0] + strlen(FILE_NAME ":"), sentence) != 0) {
        print_message("wanted: %s\n", sentence);
        problems_print(&problems, stdout);
        fail();
    }
    assert_true((settings == NULL) == error);
    settings_free(settings);
    problems_free(&problems);
}

static void wrong(const char *text, const char *sentence)
{
    expect(text, sentence, true);
}

static void three_lines_are_enough(void **state)
{
    (void)state;
    (void)unsetenv("STATE_DIRECTORY");

    struct settings *settings = parse_good("kafka: {bootstrap: k:9092}\n" PRODUCTS INPUTS);

    char host[65] = "";
    (void)gethostname(host, sizeof host - 1);
    assert_string_equal(settings->gateway, host);
    assert_string_equal(settings->file, FILE_NAME);
    assert_string_equal(settings->state_dir, "/var/lib/weir");
    assert_string_equal(settings->control_socket, "/var/lib/weir/control.sock");
    assert_string_equal(settings->heartbeat_topic, "mesh.heartbeats");
    assert_int_equal(settings->heartbeat_ms, 60000);
    assert_int_equal(settings->link, LINK_ETHERNET);
    assert_int_equal(settings->product_count, 1);
    const struct product_settings *product = &settings->products[0];
    assert_string_equal(product->name, "thermal");
    assert_string_equal(product->port->name, "readings");
    assert_int_equal(product->delivery, DELIVERY_EXACTLY_ONCE);
    assert_int_equal(product->spool_size_bytes, 64 << 20);
    assert_int_equal(product->commit_ms, 1000);
    assert_int_equal(product->when_full, SPOOL_DROP_OLDEST);
    assert_int_equal(settings->input_count, 1);
    assert_string_equal(settings->inputs[0].name, "probe");
    assert_int_equal(settings->inputs[0].product, 0);
    assert_int_equal(option_duration_ms(&settings->inputs[0].options, "every"), 10000);
    settings_free(settings);
}

static void what_is_given_is_kept(void **state)
{
    (void)state;

    struct settings *settings = parse_good("gateway: gw-0042\n"
                                           "state: data\n"
                                           "log: debug\n"
                                           "kafka:\n"
                                           "  bootstrap: k:9093\n"
                                           "  link: cellular\n"
                                           "heartbeat: {topic: mesh.hb, every: 30 s}\n"
                                           "products:\n"
                                           "  - contract: thermal.odcs.json\n"
                                           "    name: ovens\n"
                                           "    port: thermal_reading\n"
                                           "    spool: {size: 256 MiB, commit: 5 s, "
                                           "when full: refuse}\n"
                                           "inputs:\n"
                                           "  - name: oven\n"
                                           "    driver: probe\n"
                                           "    product: ovens\n"
                                           "    every: 500 ms\n"
                                           "  - {driver: probe, product: thermal, path: x.csv}\n");

    assert_string_equal(settings->gateway, "gw-0042");
    assert_string_equal(settings->state_dir, FOLDER "/data");
    assert_string_equal(settings->control_socket, FOLDER "/data/control.sock");
    assert_int_equal(settings->log_level, 3);
    assert_int_equal(settings->link, LINK_CELLULAR);
    assert_string_equal(settings->heartbeat_topic, "mesh.hb");
    assert_int_equal(settings->heartbeat_ms, 30000);
    const struct product_settings *product = &settings->products[0];
    assert_string_equal(product->name, "ovens");
    assert_int_equal(product->spool_size_bytes, 256 << 20);
    assert_int_equal(product->commit_ms, 5000);
    assert_int_equal(product->when_full, SPOOL_REFUSE);
    assert_string_equal(settings->inputs[0].name, "oven");
    assert_int_equal(settings->inputs[0].line, 14);
    assert_int_equal(option_duration_ms(&settings->inputs[0].options, "every"), 500);
    // "thermal" is the contract's own name of the product.
    assert_int_equal(settings->inputs[1].product, 0);
    assert_string_equal(option_text(&settings->inputs[1].options, "path"), FOLDER "/x.csv");
    settings_free(settings);
}

static void defaults_follow_the_link(void **state)
{
    (void)state;
    static const struct {
        const char *link;
        int64_t commit_ms, heartbeat_ms;
    } rows[] = {
        {"ethernet", 1000, 60000}, {"cellular", 10000, 300000}, {"satellite", 60000, 300000}};
    for (size_t i = 0; i < 3; i++) {
        char text[300];
        (void)snprintf(text, sizeof text, "gateway: g\nkafka: {bootstrap: k:1, link: %s}\n%s",
                       rows[i].link,
                       "products: [{contract: later.odcs.yaml, port: readings}]\n" INPUTS);

        struct settings *settings = parse_good(text);

        assert_int_equal(settings->products[0].commit_ms, rows[i].commit_ms);
        assert_int_equal(settings->heartbeat_ms, rows[i].heartbeat_ms);
        settings_free(settings);
    }
}

static void the_state_directory_of_systemd_is_used(void **state)
{
    (void)state;
    (void)setenv("STATE_DIRECTORY", "/tmp/one:/tmp/two", 1);

    struct settings *settings = parse_good(HEAD PRODUCTS INPUTS);

    assert_string_equal(settings->state_dir, "/tmp/one");
    settings_free(settings);
    (void)unsetenv("STATE_DIRECTORY");
}

static void each_mistake_of_the_gateway_gets_its_sentence(void **state)
{
    (void)state;
    wrong("gateway: gw 1\nkafka: {bootstrap: k:9092}\n" PRODUCTS INPUTS,
          "1: gateway: \"gw 1\" is no name for a gateway; use 1 to 64 letters, digits, '.', '_' or "
          "'-'");
    wrong(HEAD "gatway: x\n" PRODUCTS INPUTS, "3: gatway: unknown key; did you mean \"gateway\"?");
    wrong(HEAD "xyzzy: x\n" PRODUCTS INPUTS, "3: xyzzy: unknown key; known here: kafka, heartbeat, "
                                             "registry, products, inputs, gateway, tenant, "
                                             "trust, state, control, log");
    wrong(HEAD "log: loud\n" PRODUCTS INPUTS,
          "3: log: \"loud\" is none of: error, warn, info, debug");
    wrong(
        HEAD "control: /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" PRODUCTS INPUTS,
        "3: control: \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" is too long for a socket; write control: with a "
        "shorter path");
    wrong("gateway: g\n" PRODUCTS INPUTS, "1: kafka.bootstrap: is missing: HOST:PORT of a broker");
    wrong("gateway: g\nkafka: k:9092\n" PRODUCTS INPUTS,
          "2: kafka: is a text; write a mapping: key: value");
    wrong(HEAD "heartbeat: {every: 60}\n" PRODUCTS INPUTS,
          "3: heartbeat.every: \"60\" has no unit; write e.g. 60 ms or 2 s");
    wrong(
        HEAD "heartbeat: {topic: a/b}\n" PRODUCTS INPUTS,
        "3: heartbeat.topic: \"a/b\" is no topic of Kafka; use letters, digits, '.', '_' and '-'");
    wrong("- a\n", "1: is a list; settings are lines of the form key: value");
    wrong("", "1: the file is empty");
    wrong(HEAD PRODUCTS "gateway: b\n" INPUTS,
          "4: gateway: stands twice in this mapping; keep one");
}

static void each_mistake_of_a_product_gets_its_sentence(void **state)
{
    (void)state;
    wrong(HEAD INPUTS,
          "1: products: is missing; name at least one contract: products: [{contract: FILE}]");
    wrong(HEAD "products: {contract: x}\n" INPUTS,
          "3: products: is a mapping; write a list, each entry after a \"- \"");
    wrong(
        HEAD "products: [{port: readings}]\n" INPUTS,
        "3: products[0].contract: is missing: the domain team's ODCS file, relative to this file; "
        "or what to follow on the mesh: `{id: .., track: 1.x}`");
    wrong(HEAD "products: [{contract: no.odcs.yaml}]\n" INPUTS,
          "3: products[0].contract: \"" FOLDER "/no.odcs.yaml\" cannot be read: No such file or "
          "directory");
}

static void each_mistake_of_a_followed_contract_gets_its_sentence(void **state)
{
    (void)state;
#define FOLLOW(words)                                                                              \
    HEAD "state: /nowhere\ntrust: ca.pem\nproducts: [{contract: {" words "}}]\n" INPUTS
    wrong(
        FOLLOW("id: a, track: 1.x"),
        "5: products[0].contract: no version 1.x of \"a\" is here yet; weir run takes it from the "
        "mesh as soon as a broker answers");
    wrong(FOLLOW("id: a"),
          "5: products[0].contract.track: is missing; write which versions to take, "
          "e.g. track: 1.x");
    wrong(FOLLOW("id: a, track: newest"),
          "5: products[0].contract.track: \"newest\" is no track; write 1.x, 1.4.x or one version, "
          "1.4.2");
    wrong(FOLLOW("track: 1.x"),
          "5: products[0].contract.id: write the contract's id, 1 to 255 characters without '/'");
    wrong(HEAD "products: [{contract: {id: a, track: 1.x}}]\n" INPUTS,
          "3: products[0].contract: a contract is taken from the mesh only under a signature that "
          "we believe; name the authorities: trust: CA.pem beside gateway:");
}

static void each_wrong_value_of_a_product_gets_its_sentence(void **state)
{
    (void)state;
#define PRODUCT(more) HEAD "products: [{contract: thermal.odcs.json, " more "}]\n" INPUTS
    wrong(
        HEAD "tenant: acme\nproducts: [{contract: thermal.odcs.json}]\n" INPUTS,
        "4: products[0].contract: the contract belongs to the tenant \"example\", this gateway to "
        "\"acme\" (line 3); the two must be one");
    wrong(PRODUCT("port: blocks"),
          "3: products[0].port: the contract declares no port \"blocks\"; it declares: readings");
    wrong(PRODUCT("spool: {size: 64}"),
          "3: products[0].spool.size: \"64\" has no unit; write e.g. 64 KiB or 2 MiB");
    wrong(PRODUCT("spool: {size: 64 KiB}"),
          "3: products[0].spool.size: \"64 KiB\" is less than 4 MiB");
    wrong(PRODUCT("spool: {when full: drop newest}"),
          "3: products[0].spool.when full: \"drop newest\" is none of: drop oldest, refuse, thin");
    wrong(PRODUCT("spool: {when_full: refuse}"),
          "3: products[0].spool.when_full: unknown key; did you mean \"when full\"?");
    wrong(PRODUCT("spool: 64 MiB"),
          "3: products[0].spool: is a text; write a mapping: {key: value}");
    wrong(PRODUCT("spool: {commit: 2 h}"),
          "3: products[0].spool.commit: \"2 h\" is not within 10 ms to 1 h");
    wrong(PRODUCT("delivery: sometimes"), "3: products[0].delivery: \"sometimes\" is none of: "
                                          "at-least-once, exactly-once");
    wrong(PRODUCT("name: my ovens"),
          "3: products[0].name: \"my ovens\" is no name for a product here; write name: with 1 to "
          "64 letters, digits, '.', '_' or '-'");
}

static void exactly_once_is_written_and_read(void **state)
{
    (void)state;
    struct problems problems;

    struct settings *settings =
        parse(HEAD "products: [{contract: thermal.odcs.json, delivery: exactly-once}]\n" INPUTS,
              &problems);

    assert_non_null(settings);
    assert_int_equal(problems.error_count, 0);
    assert_int_equal(settings->products[0].delivery, DELIVERY_EXACTLY_ONCE);
    settings_free(settings);
    problems_free(&problems);
}

static enum delivery delivery_of(const char *text)
{
    struct problems problems;
    struct settings *settings = parse(text, &problems);
    assert_non_null(settings);
    enum delivery delivery = settings->products[0].delivery;
    settings_free(settings);
    problems_free(&problems);
    return delivery;
}

static void without_a_word_the_link_decides_how_records_are_delivered(void **state)
{
    (void)state;
#define ON(link, more)                                                                             \
    "gateway: gw\n"                                                                                \
    "kafka: {bootstrap: \"h:9092\", link: " link "}\n"                                             \
    "products: [{contract: thermal.odcs.json" more "}]\n" INPUTS

    assert_int_equal(delivery_of(ON("ethernet", "")), DELIVERY_EXACTLY_ONCE);
    assert_int_equal(delivery_of(ON("cellular", "")), DELIVERY_AT_LEAST_ONCE);
    assert_int_equal(delivery_of(ON("satellite", "")), DELIVERY_AT_LEAST_ONCE);
    assert_int_equal(delivery_of(ON("ethernet", ", delivery: at-least-once")),
                     DELIVERY_AT_LEAST_ONCE);
    assert_int_equal(delivery_of(ON("satellite", ", delivery: exactly-once")),
                     DELIVERY_EXACTLY_ONCE);
#undef ON
}

static void two_products_may_not_share_a_name_or_a_topic(void **state)
{
    (void)state;
    wrong(HEAD "products:\n"
               "  - {contract: thermal.odcs.json}\n"
               "  - {contract: thermal.odcs.json, name: again}\n"
               "inputs: [{driver: probe, product: again}]\n",
          "5: products[1]: writes to the topic \"plant7.thermal.readings.v1\", as the product "
          "\"thermal\" (line 4) does; one product, one topic");

    struct problems problems;
    assert_null(parse(HEAD "products:\n"
                           "  - {contract: thermal.odcs.json}\n"
                           "  - {contract: thermal.odcs.json}\n" INPUTS,
                      &problems));
    assert_string_equal(problems.lines[0],
                        FILE_NAME ":5: products[1]: two products are called \"thermal\"; write "
                                  "name: to tell them apart");
    problems_free(&problems);
}

static void a_promise_shorter_than_the_commit_is_doubted(void **state)
{
    (void)state;
    expect(PRODUCT("spool: {commit: 11 s}"),
           "3: products[0].spool.commit: warning: is 11 s, and the contract promises a latency of "
           "10 s; only durable records are sent, so commit sooner or promise less",
           false);
}

static void a_registry_is_checked_whole(void **state)
{
    (void)state;
    settings_free(parse_good(HEAD
                             "registry: {url: \"https://r.example:8081/apis/ccompat/v7\"}\n"
                             "products: [{contract: later.odcs.yaml, port: blocks}]\n" INPUTS));
    wrong(HEAD "registry: {tls: {ca: typo.odcs.yaml}}\n" PRODUCTS INPUTS,
          "3: registry.url: is missing; write e.g. https://registry.example:8081");
    wrong(HEAD "registry: {url: \"r.example:8081\"}\n" PRODUCTS INPUTS,
          "3: registry.url: \"r.example:8081\" is no address of a registry; write http:// or "
          "https://, a host, and no user or query in it");
    wrong(HEAD "registry: {url: \"http://me:pw@r\"}\n" PRODUCTS INPUTS,
          "3: registry.url: \"http://me:pw@r\" is no address of a registry; write http:// or "
          "https://, a host, and no user or query in it");
    wrong(HEAD "registry: {url: \"http://r\", username: me}\n" PRODUCTS INPUTS,
          "3: registry.username: username and `password file` go together; give both or neither");
    wrong(HEAD "registry: {url: \"http://r\", tls: {ca: none.pem}}\n" PRODUCTS INPUTS,
          "3: registry.tls.ca: " FOLDER "/none.pem cannot be read");
}

static void what_this_build_does_not_write_yet_is_refused(void **state)
{
    (void)state;
    wrong(HEAD "products: [{contract: later.odcs.yaml, port: blocks}]\n" INPUTS,
          "3: products[0]: the port \"blocks\" is written in avro, and nothing says the registry's "
          "id of its schema; write registry: {url: ADDRESS}, or give the contract's entry the "
          "property "
          "weir.schemaId, or weir.framing: none");
    wrong(HEAD "products: [{contract: later.odcs.yaml}]\n" INPUTS,
          "3: products[0].port: is missing, and the contract declares several; choose one of: "
          "readings, rows, blocks");
}

static void each_mistake_of_an_input_gets_its_sentence(void **state)
{
    (void)state;
    wrong(
        HEAD PRODUCTS "inputs: [{name: a}]\n",
        "4: inputs[0].driver: is missing: what reads; `weir config --help DRIVER` tells its keys");
    wrong(HEAD PRODUCTS "inputs: [{driver: prob}]\n",
          "4: inputs[0].driver: this build has no driver \"prob\"; did you mean \"probe\"?");
    wrong(HEAD PRODUCTS "inputs: [{driver: modbus}]\n",
          "4: inputs[0].driver: this build has no driver \"modbus\"; it has: probe, post");
    wrong(HEAD PRODUCTS "inputs: [{driver: probe}, {driver: probe}]\n",
          "4: inputs[1]: two inputs are called \"probe\"; write name: to tell them apart");
    wrong(HEAD PRODUCTS "inputs: [{driver: probe, name: a b}]\n",
          "4: inputs[0].name: \"a b\" is no name for an input; use 1 to 64 letters, digits, '.', "
          "'_' or '-'");
    wrong(HEAD PRODUCTS "inputs: [{driver: probe, product: oven}]\n",
          "4: inputs[0].product: there is no product \"oven\" here; there is: thermal");
    wrong(HEAD PRODUCTS "inputs: [{driver: probe, every: 500}]\n",
          "4: inputs[0].every: \"500\" has no unit; write e.g. 500 ms or 2 s");
    wrong(HEAD PRODUCTS "inputs: [{driver: probe, prduct: thermal}]\n",
          "4: inputs[0].prduct: unknown key; did you mean \"product\"?");
    wrong(HEAD PRODUCTS "inputs: [{drvier: probe}]\n",
          "4: inputs[0].drvier: unknown key; did you mean \"driver\"?");
    wrong(HEAD PRODUCTS "inputs: [{driver: post}]\n",
          "4: inputs[0].device: is missing: the device's name");
    wrong(HEAD PRODUCTS "inputs: [{driver: probe, fields: {temp: valu}}]\n",
          "4: fields: the contract has no property \"valu\"");
    wrong(HEAD PRODUCTS "inputs: probe\n",
          "4: inputs: is a text; write a list, each entry after a \"- \"");
    expect(HEAD PRODUCTS, "1: inputs: warning: there are none: nothing will be read", false);
}

static void an_input_must_say_its_product_where_there_are_several(void **state)
{
    (void)state;
#define TWO                                                                                        \
    "products: [{contract: thermal.odcs.json}, {contract: later.odcs.yaml, port: readings}]\n"
    wrong(HEAD TWO "inputs: [{driver: probe}]\n",
          "4: inputs[0].product: is missing, and there are several; choose one of: thermal, later");

    struct settings *settings = parse_good(HEAD TWO "inputs: [{driver: probe, product: later}]\n");
    assert_int_equal(settings->inputs[0].product, 1);
    settings_free(settings);
}

static void all_mistakes_are_told_at_once_with_those_of_the_contract(void **state)
{
    (void)state;
    struct problems problems;

    assert_null(parse("gatewy: x\n"
                      "kafka: {link: wire}\n"
                      "products: [{contract: typo.odcs.yaml, spool: {size: 1}}]\n"
                      "inputs: [{driver: nope}, {driver: probe, every: 5}]\n",
                      &problems));

    const char *const parts[] = {
        "gatewy: unknown key",      "kafka.link: \"wire\"", "kafka.bootstrap: is missing",
        "spool.size: \"1\" has no", "typo.odcs.yaml:10: ",  "no driver \"nope\"",
        "every: \"5\" has no unit",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        bool found = false;
        for (unsigned k = 0; k < problems.count; k++) {
            found = found || strstr(problems.lines[k], parts[i]) != NULL;
        }
        if (!found) {
            print_message("not told: %s\n", parts[i]);
        }
        assert_true(found);
    }
    assert_int_equal(problems_exit_code(&problems), EX_CONFIG);
    problems_free(&problems);
}

static void every_truncation_is_read_or_told(void **state)
{
    (void)state;
    const char *text = "gateway: gw-1\nkafka: {bootstrap: \"k:9092\", client: {a: b}}\n"
                       "products:\n  - contract: thermal.odcs.json\n    spool: {size: 4 MiB}\n"
                       "inputs:\n  - {driver: probe, every: 1 s, fields: {a: value}}\n";
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct problems problems = {.count = 0};
        struct settings *settings = settings_parse(FILE_NAME, bytes_from(text, cut), &problems);
        assert_true((settings == NULL) == (problems.error_count > 0));
        settings_free(settings);
        problems_free(&problems);
    }
}

static void the_digest_changes_with_the_file(void **state)
{
    (void)state;
    struct settings *one = parse_good(HEAD PRODUCTS INPUTS);
    struct settings *same = parse_good(HEAD PRODUCTS INPUTS);
    struct settings *other = parse_good(HEAD PRODUCTS INPUTS "# a remark\n");

    assert_memory_equal(one->digest, same->digest, sizeof one->digest);
    assert_memory_not_equal(one->digest, other->digest, sizeof one->digest);
    settings_free(one);
    settings_free(same);
    settings_free(other);
}

static char *printed(const struct settings *settings, bool json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    settings_print(settings, json, out);
    (void)fclose(out);
    return text;
}

static void what_is_printed_says_where_it_comes_from_and_hides_secrets(void **state)
{
    (void)state;
    struct settings *settings =
        parse_good("gateway: gw-1\n"
                   "kafka: {bootstrap: k:9092, tls: {password: hush},\n"
                   "        client: {sasl.password: hush2, a.b: c}}\n" PRODUCTS INPUTS);

    char *yaml = printed(settings, false);
    char *json = printed(settings, true);

    assert_non_null(strstr(yaml, "gateway: gw-1                                # weir.yaml:1\n"));
    assert_non_null(strstr(yaml, "  link: ethernet                             # default\n"));
    assert_non_null(strstr(yaml, "      commit: 1 s                            # default\n"));
    assert_non_null(strstr(yaml, "    # ca: is not set\n"));
    assert_null(strstr(yaml, "hush"));
    assert_null(strstr(json, "hush"));
    assert_non_null(strstr(yaml, "\"***\""));
    assert_non_null(strstr(yaml, "a.b: c"));
    assert_non_null(strstr(json, "weir.yaml:1"));
    free(yaml);
    free(json);
    settings_free(settings);
}

static void what_is_printed_reads_back_as_the_same_settings(void **state)
{
    (void)state;
    struct settings *settings = parse_good(
        "gateway: gw-1\nkafka: {bootstrap: \"k:9092,\\\"l\\\"\", client: {a: \"b: #c\"}}\n"
        "products: [{contract: thermal.odcs.json, spool: {when full: refuse}}]\n"
        "inputs: [{driver: probe, every: 1500 ms}, {driver: post, name: p, device: \"7\"}]\n");
    char *first = printed(settings, true);
    char *yaml = printed(settings, false);

    struct settings *again = parse_good(yaml);
    assert_string_equal(option_text(&again->kafka, "bootstrap"), "k:9092,\"l\"");
    assert_int_equal(again->products[0].when_full, SPOOL_REFUSE);
    assert_int_equal(option_duration_ms(&again->inputs[0].options, "every"), 1500);
    assert_string_equal(option_text(&again->inputs[1].options, "device"), "7");
    free(first);
    free(yaml);
    settings_free(again);
    settings_free(settings);
}

static void the_shipped_settings_name_the_shipped_contract(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(file_read(TEST_DIR "/../config/weir.yaml", 1 << 20, &text, &size), OK);
    // The driver is one of a real build; here another stands in.
    char *driver = strstr(text, "driver: linux");
    assert_non_null(driver);
    memcpy(driver, "driver: probe", 13);
    struct problems problems = {.count = 0};

    struct settings *settings =
        settings_parse(TEST_DIR "/../config/weir.yaml", bytes_from(text, size), &problems);

    problems_print(&problems, stderr);
    assert_non_null(settings);
    assert_int_equal(problems.error_count, 0);
    assert_string_equal(settings->products[0].port->topic, "site.host.readings.v1");
    settings_free(settings);
    problems_free(&problems);
    free(text);
}

static void the_reference_tells_every_row_as_it_is(void **state)
{
    (void)state;
    char *readme = NULL;
    size_t readme_size = 0;
    assert_int_equal(file_read(TEST_DIR "/../config/README.md", 1 << 20, &readme, &readme_size),
                     OK);

    for (size_t i = 0; settings_sections[i].title != NULL; i++) {
        for (const struct option *row = settings_sections[i].rows; row->key != NULL; row++) {
            char *line = NULL;
            size_t size = 0;
            FILE *out = open_memstream(&line, &size);
            assert_non_null(out);
            option_print_table_line(row, out);
            (void)fclose(out);
            if (strstr(readme, line) == NULL) {
                print_message("config/README.md lacks: %s", line);
            }
            assert_non_null(strstr(readme, line));
            free(line);
        }
    }
    free(readme);
}

// The commands print to stdout and stderr; only their exit codes are looked at.
static int run(int (*command)(int, char **), const char *name, const char *first,
               const char *second)
{
    char *argv[] = {strdup(name), strdup(first), strdup(second), NULL};
    int code = command(*second != '\0' ? 3 : 2, argv);
    free(argv[0]);
    free(argv[1]);
    free(argv[2]);
    return code;
}

static void commands_end_with_the_codes_of_sysexits(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-settings-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char good[] = HEAD "products: [{contract: " FOLDER "/thermal.odcs.json}]\n" INPUTS;
    assert_int_equal(write(fd, good, sizeof good - 1), (ssize_t)sizeof good - 1);

    assert_int_equal(run(command_check, "check", path, ""), EX_OK);
    assert_int_equal(run(command_check, "check", path, "--json"), EX_OK);
    assert_int_equal(run(command_config, "config", "--print", path), EX_OK);
    assert_int_equal(run(command_config, "config", "--help", "probe"), EX_OK);
    assert_int_equal(run(command_config, "config", "--help", "products"), EX_OK);
    assert_int_equal(run(command_config, "config", "--help", "nothing"), EX_USAGE);
    assert_int_equal(run(command_check, "check", "--jsn", ""), EX_USAGE);
    assert_int_equal(run(command_check, "check", "-c", ""), EX_USAGE);
    assert_int_equal(run(command_check, "check", "/nowhere/weir.yaml", ""), EX_NOINPUT);
    assert_int_equal(run(command_check, "check", "/tmp", ""), EX_NOINPUT);
    assert_int_equal(write(fd, "x: y\n", 5), 5);
    assert_int_equal(run(command_check, "check", "-c", path), EX_CONFIG);
    assert_int_equal(ftruncate(fd, 2 << 20), 0);
    assert_int_equal(run(command_check, "check", path, ""), EX_CONFIG);
    (void)close(fd);
    (void)unlink(path);
}

static void spools_larger_than_their_disk_are_doubted(void **state)
{
    (void)state;
    struct settings *settings = parse_good(
        "gateway: g\nstate: /nowhere/deep\nkafka: {bootstrap: k:1}\n"
        "products: [{contract: thermal.odcs.json, spool: {size: 8000000 GiB}}]\n" INPUTS);
    struct problems problems = {.count = 0};

    settings_check_space(settings, &problems);

    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.error_count, 0);
    assert_non_null(strstr(problems.lines[0], "make them smaller or the disk larger"));
    problems_free(&problems);
    settings_free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_lines_are_enough),
        cmocka_unit_test(what_is_given_is_kept),
        cmocka_unit_test(defaults_follow_the_link),
        cmocka_unit_test(the_state_directory_of_systemd_is_used),
        cmocka_unit_test(each_mistake_of_the_gateway_gets_its_sentence),
        cmocka_unit_test(each_mistake_of_a_product_gets_its_sentence),
        cmocka_unit_test(each_mistake_of_a_followed_contract_gets_its_sentence),
        cmocka_unit_test(each_wrong_value_of_a_product_gets_its_sentence),
        cmocka_unit_test(exactly_once_is_written_and_read),
        cmocka_unit_test(without_a_word_the_link_decides_how_records_are_delivered),
        cmocka_unit_test(two_products_may_not_share_a_name_or_a_topic),
        cmocka_unit_test(a_promise_shorter_than_the_commit_is_doubted),
        cmocka_unit_test(a_registry_is_checked_whole),
        cmocka_unit_test(what_this_build_does_not_write_yet_is_refused),
        cmocka_unit_test(each_mistake_of_an_input_gets_its_sentence),
        cmocka_unit_test(an_input_must_say_its_product_where_there_are_several),
        cmocka_unit_test(all_mistakes_are_told_at_once_with_those_of_the_contract),
        cmocka_unit_test(every_truncation_is_read_or_told),
        cmocka_unit_test(the_digest_changes_with_the_file),
        cmocka_unit_test(what_is_printed_says_where_it_comes_from_and_hides_secrets),
        cmocka_unit_test(what_is_printed_reads_back_as_the_same_settings),
        cmocka_unit_test(the_shipped_settings_name_the_shipped_contract),
        cmocka_unit_test(the_reference_tells_every_row_as_it_is),
        cmocka_unit_test(commands_end_with_the_codes_of_sysexits),
        cmocka_unit_test(spools_larger_than_their_disk_are_doubted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
