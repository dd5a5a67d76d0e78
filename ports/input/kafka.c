// Input driver `kafka`: another data product, read as any consumer would.
//
//     use: records   each of its records is one of this product, under the same key and time
//     use: join      its latest values by key complete this product's records from other inputs
//
// Each record is held against the contract of the product that is read; one that breaks it is
// refused and told. With `records` the offsets go into the commit of the records that came of them,
// so a restart repeats nothing; with `join` the topic is read again from `since` at every start.
//
// A product that is delivered at least once may say a record twice; the second is known by its
// identity and dropped (kafka_repeats.h). What a restart must know for that is read again: the last
// records before the position are looked back at, and not taken.
#include "agent/contract.h"
#include "agent/intake.h"
#include "agent/log.h"
#include "agent/port.h"
#include "agent/wire_avro_read.h"
#include "ports/input/json_lines.h"
#include "ports/input/kafka_map.h"
#include "ports/input/kafka_repeats.h"
#include "ports/input/kafka_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum {
    MESSAGES_A_TURN = 500,
    LOOK_BACK = 10000, // as many as a gateway sends again at most
    FRAME_SIZE = 5,    // 00, and the registry's id of the schema
};

struct kafka_input {
    struct kafka_client client;
    char client_id[96];
    struct contract *contract; // of the product that is read
    const struct contract_port *port;
    struct fields *fields; // its values as our records; NULL where it is Avro
    struct value theirs[SCHEMA_COLUMNS_MAX];
    struct record avro;
    struct kafka_repeats *repeats; // NULL: joins
    uint64_t repeated, repeated_told;
    struct kafka_map map;
    bool joins;
    uint16_t joined[JOIN_FIELDS_MAX]; // our fields, in the order that the join has them
    struct kafka_source *source;
    bool troubled;
    uint64_t missed_told;
    struct value values[SCHEMA_COLUMNS_MAX];
};

static const struct option rows[] = {
    {"contract", OPTION_PATH, NULL, true, 0, 0, NULL,
     "of the product that is read: an ODCS file, or what to follow on the mesh: `{id: .., track: "
     "1.x}`"},
    {"contract.id", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "the id of a contract that is taken from `mesh.contracts`; needs `trust`"},
    {"contract.track", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "which of its versions: `1.x`, `1.4.x`, or one, `1.4.2`"},
    {"contract.domain", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "whose it must be; default: the domain of the version that is taken first"},
    {"port", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "of that contract; default: the only one that is written as records"},
    {"use", OPTION_CHOICE, "records", false, 0, 0, "records|join",
     "records: each becomes one of this product; join: the latest values complete its records"},
    {"fields", OPTION_MAP, NULL, false, 0, 0, NULL,
     "field there: field here; default: all that are called alike"},
    {"derive", OPTION_MAP, NULL, false, 0, 0, NULL,
     "field here: what is computed of one there, e.g. temperature * 1.8 + 32"},
    {"key", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "join: whose values complete every record; default: those of the record's own key"},
    {"max age", OPTION_DURATION, NULL, false, 1, 0, NULL,
     "join: values further from the record's time are not used; default: all are"},
    {"since", OPTION_DURATION, NULL, false, 0, 0, NULL,
     "how far back a first start begins, join: each start; default: all that is there"},
    {.key = NULL},
};

// ---- settings ----

static bool is_readable(const struct contract_port *port)
{
    return port->layout == LAYOUT_RECORDS;
}

// The port that is named, else the only one that can be read. NULL: `why` says why.
static const struct contract_port *choose_port(const struct contract *contract, const char *name,
                                               char why[160])
{
    const struct contract_port *chosen = name != NULL ? contract_port(contract, name) : NULL;
    if (name != NULL && chosen == NULL) {
        (void)snprintf(why, 160, "the contract declares no port \"%.60s\"", name);
    } else if (chosen != NULL && !is_readable(chosen)) {
        (void)snprintf(why, 160, "the port \"%.60s\" is not written as records", name);
        chosen = NULL;
    }
    if (name != NULL) {
        return chosen;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < contract->port_count; i++) {
        if (is_readable(&contract->ports[i])) {
            chosen = &contract->ports[i];
            count++;
        }
    }
    (void)snprintf(why, 160,
                   count == 0 ? "the contract has no port written as records"
                              : "the contract has several ports; write port:");
    return count == 1 ? chosen : NULL;
}

static void check_join(const struct option_set *options, const struct kafka_map *map,
                       const char *file, struct problems *problems)
{
    bool joins = option_choice(options, "use") == 1;
    if (joins && map->count > JOIN_FIELDS_MAX) {
        problem_add(problems, file, options->line, "fields",
                    "would join %u fields; at most %d can be; write fields: for those wanted",
                    (unsigned)map->count, JOIN_FIELDS_MAX);
    }
    static const char *const of_joins[] = {"key", "max age"};
    for (size_t i = 0; i < 2 && !joins; i++) {
        if (option_is_set(options, of_joins[i])) {
            problem_add(problems, file, option_line(options, of_joins[i]), of_joins[i],
                        "belongs to use: join");
        }
    }
}

static void kafka_check(const struct option_set *options, const struct schema *schema,
                        const char *file, struct problems *problems)
{
    struct contract *contract = contract_read(option_text(options, "contract"), problems);
    if (contract == NULL) {
        return;
    }
    char why[160];
    struct kafka_map map;
    const struct contract_port *port = choose_port(contract, option_text(options, "port"), why);
    if (port == NULL) {
        problem_add(problems, file, option_line(options, "contract"), "port", "%s", why);
    } else if (kafka_map_read(&map, options, &port->schema, schema, file, problems)) {
        check_join(options, &map, file, problems);
    }
    contract_free(contract);
}

// ---- records ----

static struct bytes header_of(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    bool has = rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
               rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
    return has ? bytes_from(value, size) : bytes_from(NULL, 0);
}

// The Avro behind its frame. Where a header names the schema, or the contract says so, there is
// none. False: `why` is the sentence.
static bool unframe(const struct contract_port *port, const rd_kafka_message_t *message,
                    struct bytes *value, char why[WIRE_AVRO_SENTENCE_SIZE])
{
    *value = bytes_from(message->payload, message->len);
    if (!port->framed || header_of(message, "__value_schema_id").size > 0) {
        return true;
    }
    if (value->size < FRAME_SIZE || value->at[0] != 0) {
        (void)snprintf(why, WIRE_AVRO_SENTENCE_SIZE,
                       "it does not begin with the registry's id of its schema");
        return false;
    }
    int64_t id = (int64_t)value->at[1] << 24 | (int64_t)value->at[2] << 16 |
                 (int64_t)value->at[3] << 8 | value->at[4];
    if (port->schema_id >= 0 && id != port->schema_id) {
        (void)snprintf(why, WIRE_AVRO_SENTENCE_SIZE,
                       "its schema has the id %lld, and the contract's has %lld", (long long)id,
                       (long long)port->schema_id);
        return false;
    }
    *value = bytes_from(value->at + FRAME_SIZE, value->size - FRAME_SIZE);
    return true;
}

// NULL: `*why` is the sentence.
static const struct record *read_value(struct kafka_input *kafka, const rd_kafka_message_t *message,
                                       const char **why)
{
    static char sentence[WIRE_AVRO_SENTENCE_SIZE]; // of the loop's thread
    const struct record *record = NULL;
    struct bytes value;
    *why = sentence;
    if (kafka->fields != NULL) {
        record = json_line_read(kafka->fields, bytes_from(message->payload, message->len));
        *why = fields_sentence(kafka->fields);
    } else if (unframe(kafka->port, message, &value, sentence) &&
               wire_avro_get(&kafka->port->schema, value, &kafka->avro, kafka->theirs, sentence) ==
                   OK) {
        record = &kafka->avro;
    }
    return record;
}

// What the message says, or NULL: it was refused.
static const struct record *read_message(struct input *input, const rd_kafka_message_t *message)
{
    struct kafka_input *kafka = input->state;
    const char *why;
    const struct record *record = read_value(kafka, message, &why);
    char sentence[INTAKE_SENTENCE_SIZE];
    if (record == NULL) {
        input_refuse(input, "topic=%s partition=%d offset=%lld: %s", kafka->port->topic,
                     (int)message->partition, (long long)message->offset, why);
        return NULL;
    }
    if (intake_check(&kafka->port->schema, record, sentence) != OK) {
        input_refuse(input, "topic=%s partition=%d offset=%lld: breaks its contract: %s",
                     kafka->port->topic, (int)message->partition, (long long)message->offset,
                     sentence);
        return NULL;
    }
    return record;
}

// The key and the time that the value does not say are Kafka's.
static struct record complete(const struct record *theirs, const rd_kafka_message_t *message,
                              bool has_time)
{
    struct record record = *theirs;
    if (record.key.size == 0) {
        record.key = bytes_from(message->key, message->key_len);
    }
    record.clock = RECORD_CLOCK_DEVICE;
    if (!has_time) {
        rd_kafka_timestamp_type_t type;
        record.time_ms = rd_kafka_message_timestamp(message, &type);
    }
    record.seq = 0;
    struct bytes quality = header_of(message, "weir-quality");
    if (record.quality == QUALITY_GOOD && quality.size > 0) { // a value may have no place for it
        record.quality =
            bytes_equal(quality, bytes_text("uncertain")) ? QUALITY_UNCERTAIN : QUALITY_BAD;
    }
    return record;
}

static void put_latest(struct input *input, const struct record *record)
{
    struct kafka_input *kafka = input->state;
    struct value joined[JOIN_FIELDS_MAX];
    for (uint32_t i = 0; i < kafka->map.count; i++) {
        joined[i] = kafka->values[kafka->joined[i]];
    }
    (void)input_latest(input, record->key, joined, record->time_ms);
}

// False: there is no room for it now.
static bool take_message(struct input *input, const rd_kafka_message_t *message)
{
    struct kafka_input *kafka = input->state;
    if (message->payload == NULL) {
        return true; // a tombstone says nothing that a stream of records could keep
    }
    struct bytes identity = header_of(message, "weir");
    if (!kafka->joins && kafka_source_is_known(kafka->source, message)) {
        kafka_repeats_add(kafka->repeats, message->partition, identity);
        return true;
    }
    if (!kafka->joins && kafka_repeats_has(kafka->repeats, message->partition, identity)) {
        kafka->repeated++;
        return true;
    }
    if (!kafka->joins && !input_room(input)) {
        return false;
    }
    const struct record *theirs = read_message(input, message);
    if (theirs == NULL) {
        return true;
    }
    struct record record = complete(theirs, message, theirs->clock == RECORD_CLOCK_DEVICE);
    kafka_map_apply(&kafka->map, theirs->values, kafka->values, input->schema->field_count);
    record.values = kafka->values;
    if (kafka->joins) {
        put_latest(input, &record);
        return true;
    }
    if (input_record(input, &record) == ERR_AGAIN) {
        return false;
    }
    kafka_repeats_add(kafka->repeats, message->partition, identity);
    return true;
}

static void keep_position(struct input *input)
{
    struct kafka_input *kafka = input->state;
    uint8_t position[KAFKA_POSITION_MAX];
    if (!kafka->joins) {
        size_t size = kafka_source_position(kafka->source, position);
        input_position(input, bytes_from(position, size));
    }
}

static void tell_trouble(struct input *input)
{
    struct kafka_input *kafka = input->state;
    bool is_down;
    const char *sentence = kafka_source_trouble(kafka->source, &is_down);
    uint64_t missed = kafka_source_missed(kafka->source);
    if (sentence != NULL) {
        input_trouble(input, is_down ? PORT_DOWN : PORT_DEGRADED, "%s", sentence);
        kafka->troubled = true;
    } else if (kafka->troubled) {
        kafka->troubled = false;
        input_well(input);
    }
    if (kafka->repeated != kafka->repeated_told) {
        log_info("kafka.repeats", "input=%s dropped=%llu: records that were read before",
                 input->name, (unsigned long long)kafka->repeated);
        kafka->repeated_told = kafka->repeated;
    }
    if (missed != kafka->missed_told) {
        input_missed(input, missed - kafka->missed_told);
        kafka->missed_told = missed;
        input_refuse(input, "topic=%s: %llu records were deleted before they were read",
                     kafka->port->topic, (unsigned long long)missed);
    }
}

static void take_some(struct input *input)
{
    struct kafka_input *kafka = input->state;
    bool waits = false; // for room
    uint32_t count = 0;
    const rd_kafka_message_t *message = NULL;
    while (count < MESSAGES_A_TURN && !waits &&
           (message = kafka_source_next(kafka->source)) != NULL) {
        waits = !take_message(input, message);
        if (!waits) {
            kafka_source_pass(kafka->source);
            count++;
        }
    }
    if (count > 0) {
        keep_position(input);
    }
    tell_trouble(input);
    bool more = count == MESSAGES_A_TURN && !waits;
    int64_t due_ms = waits ? 1000 : kafka_source_due_in_ms(kafka->source);
    input_due_in(input, more ? 0 : due_ms);
}

// ---- the driver ----

static void kafka_turn(struct input *input)
{
    struct kafka_input *kafka = input->state;
    kafka_source_serve(kafka->source);
    take_some(input);
}

static void kafka_ready(struct input *input, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    kafka_turn(input);
}

static void release(struct kafka_input *kafka)
{
    if (kafka->fields != NULL) {
        fields_close(kafka->fields);
    }
    kafka_repeats_close(kafka->repeats);
    contract_free(kafka->contract);
    free(kafka);
}

static enum err open_contract(struct input *input, struct kafka_input *kafka)
{
    struct problems problems = {.count = 0};
    char why[160] = "";
    kafka->contract = contract_read(option_text(input->options, "contract"), &problems);
    if (kafka->contract != NULL) {
        kafka->port = choose_port(kafka->contract, option_text(input->options, "port"), why);
    }
    bool read =
        kafka->port != NULL && kafka_map_read(&kafka->map, input->options, &kafka->port->schema,
                                              input->schema, input->options->file, &problems);
    problems_print(&problems, stderr); // it was good when it was checked: it changed since
    problems_free(&problems);
    if (!read) {
        log_error("input.contract", "input=%s: %s", input->name,
                  why[0] != '\0' ? why : "the contract is not what was checked");
        return ERR_INVALID;
    }
    if (kafka->port->format == FORMAT_AVRO) {
        return OK;
    }
    const struct fields_names names = {.unit = UNIT_MS};
    kafka->fields = fields_open(input->name, &kafka->port->schema, &names);
    for (uint16_t i = 0; kafka->fields != NULL && i < kafka->port->schema.column_count; i++) {
        const struct column *column = &kafka->port->schema.columns[i];
        if (column->role == ROLE_GATEWAY || column->role == ROLE_EPOCH ||
            column->role == ROLE_SEQ) {
            fields_expect(kafka->fields, column->name); // theirs, and nothing to us
        }
    }
    return kafka->fields != NULL ? OK : ERR_FAILED;
}

static enum err open_join(struct input *input, struct kafka_input *kafka)
{
    const char *key = option_text(input->options, "key");
    for (uint32_t i = 0; i < kafka->map.count; i++) {
        kafka->joined[i] = kafka->map.rules[i].to;
    }
    const struct join_options options = {
        .fields = kafka->joined,
        .field_count = kafka->map.count,
        .key = key != NULL ? bytes_text(key) : bytes_from(NULL, 0),
        .max_age_ms = option_duration_ms(input->options, "max age"),
    };
    return input_join(input, &options);
}

static enum err open_source(struct input *input, struct kafka_input *kafka)
{
    char why[KAFKA_SENTENCE_SIZE];
    (void)snprintf(kafka->client_id, sizeof kafka->client_id, "weir-%s", input->gateway);
    kafka->client = kafka_client_of(input->output_options, kafka->client_id);
    const struct kafka_source_options options = {
        .client = &kafka->client,
        .topic = kafka->port->topic,
        .since_ms = option_is_set(input->options, "since")
                        ? option_duration_ms(input->options, "since")
                        : KAFKA_SOURCE_ALL,
        .position = kafka->joins ? bytes_from(NULL, 0) : input_restored(input),
        .look_back = LOOK_BACK,
    };
    enum err err = kafka_source_open(&kafka->source, &options, why);
    if (err != OK) {
        log_error("input.kafka", "input=%s: %s", input->name, why);
    }
    return err;
}

static enum err kafka_open(struct input *input)
{
    struct kafka_input *kafka = calloc(1, sizeof *kafka);
    if (kafka == NULL) {
        log_error("input.memory", "input=%s", input->name);
        return ERR_FAILED;
    }
    kafka->joins = option_choice(input->options, "use") == 1;
    kafka->repeats = kafka->joins ? NULL : kafka_repeats_open();
    enum err err = kafka->joins || kafka->repeats != NULL ? OK : ERR_FAILED;
    err = err == OK ? open_contract(input, kafka) : err;
    if (err == OK && kafka->joins) {
        err = open_join(input, kafka);
    }
    err = err == OK ? open_source(input, kafka) : err;
    if (err != OK) {
        release(kafka);
        return err;
    }
    input->state = kafka;
    int fds[2];
    kafka_source_fds(kafka->source, fds);
    for (int i = 0; i < 2; i++) {
        (void)input_watch(input, fds[i], EPOLLIN);
    }
    input_due_in(input, 0);
    return OK;
}

static void kafka_close(struct input *input)
{
    struct kafka_input *kafka = input->state;
    input->state = NULL;
    int fds[2];
    kafka_source_fds(kafka->source, fds);
    for (int i = 0; i < 2; i++) {
        (void)input_watch(input, fds[i], 0);
    }
    if (kafka_source_close(kafka->source)) {
        release(kafka);
    } else {
        log_warn("input.stuck", "input=%s: no broker answers", input->name);
    }
}

extern const struct input_driver kafka_driver;
const struct input_driver kafka_driver = {
    .name = "kafka",
    .help = "another data product on the same cluster: its records, or its latest values joined",
    .options = rows,
    .check = kafka_check,
    .open = kafka_open,
    .ready = kafka_ready,
    .due = kafka_turn,
    .resume = take_some,
    .close = kafka_close,
};
