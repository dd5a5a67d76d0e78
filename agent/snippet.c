#include "agent/snippet.h"

// ---- texts of other languages ----

// Names are other people's: whatever they hold, a comment ends with its line and a text with its
// quotes.
static void put_character(FILE *out, char character)
{
    (void)fputc((unsigned char)character < ' ' || character == 0x7f ? ' ' : character, out);
}

static void put_plain(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        put_character(out, *text);
    }
}

// A text of Python, Java and JSON, in double quotes; names of files and topics have no controls.
static void put_string(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)fputc('\\', out);
        }
        put_character(out, *text);
    }
    (void)fputc('"', out);
}

// In quotes that are doubled within: ' for shells' and SQL's texts (a shell wants more), ` and "
// for names of columns.
static void put_doubled(FILE *out, const char *text, char quote)
{
    (void)fputc(quote, out);
    for (; *text != '\0'; text++) {
        if (*text == quote) {
            (void)fputc(quote, out);
        }
        put_character(out, *text);
    }
    (void)fputc(quote, out);
}

static void put_shell(FILE *out, const char *text)
{
    (void)fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)fputs("'\\''", out);
        } else {
            put_character(out, *text);
        }
    }
    (void)fputc('\'', out);
}

static bool is_rows_of_json(const struct contract_port *port)
{
    return port->format == FORMAT_JSON && port->layout == LAYOUT_RECORDS;
}

// ---- kcat ----

struct pair {
    const char *key, *value;
};

enum { PAIRS_MAX = 8 };

// The settings of librdkafka, which kcat and Python share.
static size_t librdkafka_pairs(const struct snippet_cluster *cluster, struct pair pairs[PAIRS_MAX])
{
    size_t count = 0;
    bool tls = cluster->ca != NULL, login = cluster->username != NULL;
    if (tls || login) {
        const char *protocol = tls ? (login ? "sasl_ssl" : "ssl") : "sasl_plaintext";
        pairs[count++] = (struct pair){"security.protocol", protocol};
    }
    if (tls) {
        pairs[count++] = (struct pair){"ssl.ca.location", cluster->ca};
    }
    if (cluster->certificate != NULL) {
        pairs[count++] = (struct pair){"ssl.certificate.location", cluster->certificate};
        pairs[count++] = (struct pair){"ssl.key.location", cluster->key};
    }
    if (login) {
        pairs[count++] = (struct pair){"sasl.mechanism", cluster->mechanism};
        pairs[count++] = (struct pair){"sasl.username", cluster->username};
    }
    return count;
}

static void print_kcat_words(const struct snippet_cluster *cluster, const char *topic, FILE *out)
{
    struct pair pairs[PAIRS_MAX];
    size_t count = librdkafka_pairs(cluster, pairs);
    (void)fputs("kcat -b ", out);
    put_shell(out, cluster->bootstrap);
    (void)fputs(" -C -q -e -o beginning -X isolation.level=read_committed", out);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, " -X %s=", pairs[i].key);
        put_shell(out, pairs[i].value);
    }
    if (cluster->username != NULL) {
        (void)fputs(" -X sasl.password=\"$KAFKA_PASSWORD\"", out);
    }
    (void)fputs(" -t ", out);
    put_shell(out, topic);
}

static void print_kcat(const struct snippet_cluster *cluster, const struct contract *contract,
                       const struct contract_port *port, FILE *out)
{
    (void)fputs("# ", out);
    put_plain(out, contract->product);
    (void)fprintf(out, ": all that is there, KEY and VALUE a line%s\n",
                  is_rows_of_json(port) ? "" : " (binary: pipe single records to weir decode)");
    print_kcat_words(cluster, port->topic, out);
    (void)fputs(" -f '%k %s\\n'\n", out);
}

// ---- Python ----

static void print_python_settings(const struct snippet_cluster *cluster, FILE *out)
{
    struct pair pairs[PAIRS_MAX];
    size_t count = librdkafka_pairs(cluster, pairs);
    (void)fputs("consumer = Consumer({\n    \"bootstrap.servers\": ", out);
    put_string(out, cluster->bootstrap);
    (void)fputs(",\n    \"group.id\": os.environ.get(\"KAFKA_GROUP\", \"my-group\"),\n"
                "    \"auto.offset.reset\": \"earliest\",\n"
                "    \"isolation.level\": \"read_committed\",\n"
                "    \"enable.partition.eof\": True,\n",
                out);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "    \"%s\": ", pairs[i].key);
        put_string(out, pairs[i].value);
        (void)fputs(",\n", out);
    }
    if (cluster->username != NULL) {
        (void)fputs("    \"sasl.password\": os.environ[\"KAFKA_PASSWORD\"],\n", out);
    }
    (void)fputs("})\n", out);
}

static void print_python(const struct snippet_cluster *cluster, const struct contract *contract,
                         const struct contract_port *port, FILE *out)
{
    (void)fputs("# ", out);
    put_plain(out, contract->product);
    (void)fputs("; pip install confluent-kafka\n", out);
    (void)fputs("import json\nimport os\n\nfrom confluent_kafka import Consumer, KafkaError\n\n",
                out);
    print_python_settings(cluster, out);
    (void)fputs("consumer.subscribe([", out);
    put_string(out, port->topic);
    (void)fputs(
        "])\nended = set()\nwhile True:  # to the end of what is there; leave the break out "
        "to follow\n"
        "    message = consumer.poll(1.0)\n"
        "    if message is None:\n        continue\n"
        "    if message.error():\n"
        "        if message.error().code() != KafkaError._PARTITION_EOF:\n"
        "            raise SystemExit(message.error())\n"
        "        ended.add(message.partition())\n"
        "        if len(ended) == len(consumer.assignment()):\n            break\n"
        "        continue\n",
        out);
    (void)fprintf(out, "    record = %s\n",
                  is_rows_of_json(port) ? "json.loads(message.value())"
                                        : "message.value()  # Avro: use a schema registry's "
                                          "deserializer");
    (void)fputs("    print(message.key(), record)\nconsumer.close()\n", out);
}

// ---- Java ----

static void print_java_property(FILE *out, const char *key, const char *value)
{
    (void)fprintf(out, "        settings.put(\"%s\", ", key);
    put_string(out, value);
    (void)fputs(");\n", out);
}

static void print_java_tls(const struct snippet_cluster *cluster, FILE *out)
{
    if (cluster->ca != NULL) {
        print_java_property(out, "security.protocol",
                            cluster->username != NULL ? "SASL_SSL" : "SSL");
        print_java_property(out, "ssl.truststore.type", "PEM");
        print_java_property(out, "ssl.truststore.location", cluster->ca);
    }
    if (cluster->certificate != NULL) {
        (void)fputs("        // your own certificate: ssl.keystore.type=PEM, and in "
                    "ssl.keystore.location key and chain in one file\n",
                    out);
    }
    if (cluster->username != NULL) {
        (void)fputs("        // your login: sasl.mechanism and sasl.jaas.config\n", out);
    }
}

static void print_java(const struct snippet_cluster *cluster, const struct contract *contract,
                       const struct contract_port *port, FILE *out)
{
    bool is_text = is_rows_of_json(port);
    const char *type = is_text ? "String" : "byte[]";
    const char *deserializer = is_text
                                   ? "org.apache.kafka.common.serialization.StringDeserializer"
                                   : "org.apache.kafka.common.serialization.ByteArrayDeserializer";
    (void)fputs("// ", out);
    put_plain(out, contract->product);
    (void)fputs("; java -cp \"kafka-clients.jar:slf4j-api.jar\" Read.java\n"
                "import java.time.Duration;\nimport java.util.List;\nimport java.util.Properties;\n"
                "import org.apache.kafka.clients.consumer.KafkaConsumer;\n\n"
                "public class Read {\n    public static void main(String[] words) {\n"
                "        var settings = new Properties();\n",
                out);
    print_java_property(out, "bootstrap.servers", cluster->bootstrap);
    (void)fputs("        settings.put(\"group.id\", System.getenv().getOrDefault(\"KAFKA_GROUP\", "
                "\"my-group\"));\n",
                out);
    print_java_property(out, "auto.offset.reset", "earliest");
    print_java_property(out, "isolation.level", "read_committed"); // its default is uncommitted
    print_java_property(out, "key.deserializer",
                        "org.apache.kafka.common.serialization.StringDeserializer");
    print_java_property(out, "value.deserializer", deserializer);
    print_java_tls(cluster, out);
    (void)fprintf(out,
                  "        try (var consumer = new KafkaConsumer<String, %s>(settings)) {\n"
                  "            consumer.subscribe(List.of(",
                  type);
    put_string(out, port->topic);
    (void)fputs("));\n"
                "            // Until nothing came for ten seconds; true in its place follows.\n"
                "            for (int quiet = 0; quiet < 10; quiet++) {\n"
                "                for (var record : consumer.poll(Duration.ofSeconds(1))) {\n"
                "                    quiet = 0;\n"
                "                    System.out.println(record.key() + \" \" + record.value());\n"
                "                }\n            }\n        }\n    }\n}\n",
                out);
}

// ---- SQL ----

static void print_sql(const struct snippet_cluster *cluster, const struct contract *contract,
                      const struct contract_port *port, FILE *out)
{
    static const char *const types[] = {"BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR", "TIMESTAMPTZ"};
    const struct schema *schema = &port->schema;
    if (!is_rows_of_json(port)) {
        (void)fprintf(out, "-- the port %s is binary; DuckDB reads ports of JSON\n", port->name);
        return;
    }
    (void)fputs("-- ", out);
    put_plain(out, contract->product);
    (void)fputs(", in DuckDB, on a copy made by:\n--   ", out);
    print_kcat_words(cluster, port->topic, out);
    (void)fputs(" -f '%s\\n' > records.jsonl\n", out);
    (void)fputs(
        "SELECT * FROM read_json('records.jsonl', format = 'newline_delimited', columns = {\n",
        out);
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        (void)fputs("    ", out);
        put_doubled(out, column->name, '"');
        (void)fprintf(out, ": '%s'%s\n", column->as_text ? "VARCHAR" : types[column->type],
                      i + 1 < schema->column_count ? "," : "");
    }
    (void)fputs("});\n", out);
}

static void print_flink(const struct snippet_cluster *cluster, const struct contract *contract,
                        const struct contract_port *port, FILE *out)
{
    static const char *const types[] = {"BOOLEAN", "BIGINT", "DOUBLE", "STRING",
                                        "TIMESTAMP_LTZ(3)"};
    const struct schema *schema = &port->schema;
    if (!is_rows_of_json(port)) {
        (void)fprintf(out, "-- the port %s is binary: use the format avro-confluent\n", port->name);
        return;
    }
    (void)fputs("CREATE TABLE ", out);
    put_doubled(out, contract->product, '`');
    (void)fputs(" (\n", out);
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        (void)fputs("    ", out);
        put_doubled(out, column->name, '`');
        (void)fprintf(out, " %s%s%s\n", column->as_text ? "STRING" : types[column->type],
                      column->required ? " NOT NULL" : "", i + 1 < schema->column_count ? "," : "");
    }
    (void)fputs(") WITH (\n    'connector' = 'kafka',\n    'topic' = ", out);
    put_doubled(out, port->topic, '\'');
    (void)fputs(",\n    'properties.bootstrap.servers' = ", out);
    put_doubled(out, cluster->bootstrap, '\'');
    (void)fputs(",\n    'properties.isolation.level' = 'read_committed',\n"
                "    'scan.startup.mode' = 'earliest-offset',\n    'format' = 'json',\n"
                "    'json.timestamp-format.standard' = 'ISO-8601'\n);\nSELECT * FROM ",
                out);
    put_doubled(out, contract->product, '`');
    (void)fputs(";\n", out);
}

const struct snippet snippets[] = {
    {"kcat", "kcat", print_kcat},
    {"python", "Python, confluent-kafka", print_python},
    {"java", "Java 17, kafka-clients", print_java},
    {"sql", "DuckDB, on a copy by kcat", print_sql},
    {"flink", "Flink SQL, its connectors kafka and json", print_flink},
    {NULL, NULL, NULL},
};
