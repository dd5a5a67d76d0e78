// The driver against librdkafka's own cluster, with errors injected, and against ports that are no
// Kafka. Each trouble must be named, must lose nothing, and must end by itself.
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/verify.h"
#include "ports/output/kafka.h"
#include "ports/output/kafka_reader.h"

#include <librdkafka/rdkafka_mock.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PRODUCE = 0, INIT_PRODUCER_ID = 22, SEQS_MAX = 40000, ROWS_MAX = 16, WAIT_MS = 20000 };

// A core that sends seqs 1..count of each product, again where told so, and keeps the books.
struct core {
    struct output output;
    struct output_topic topics[2];
    struct option_set options;
    struct option_value values[ROWS_MAX];
    struct option_pair pass[2];
    int fd;
    uint64_t count[2]; // to send
    uint64_t next[2];  // first not yet sent, or to be sent again
    uint64_t settled[2];
    uint64_t refused[2];
    uint64_t given_back;
    uint8_t how[2][SEQS_MAX + 1]; // 1: delivered, 2: refused
    uint64_t told[4];
    uint64_t known[2];
    uint32_t value_size;
};

static rd_kafka_t *owner;
static rd_kafka_mock_cluster_t *cluster;
static char bootstrap[256];

void output_delivered(struct output *output, uint32_t product, uint64_t seq, enum delivered how)
{
    struct core *core = output->core;
    assert_true(seq >= 1 && seq <= SEQS_MAX);
    if (how == DELIVERED_AGAIN) {
        core->given_back++;
        core->next[product] = seq < core->next[product] ? seq : core->next[product];
        return;
    }
    if (core->how[product][seq] == 0) {
        core->settled[product]++;
        core->refused[product] += how == DELIVERED_REFUSED;
    }
    core->how[product][seq] = how == DELIVERED_OK ? 1 : 2;
}

void output_told(struct output *output, uint64_t token, enum delivered how)
{
    struct core *core = output->core;
    core->told[token] += how == DELIVERED_OK;
}

static int32_t partitions_told;

void output_partitions(struct output *output, uint32_t product, bool late, int32_t count)
{
    (void)late;
    (void)output;
    (void)product;
    partitions_told = count;
}

void output_cursor(struct output *output, uint32_t product, bool late, uint64_t next_seq)
{
    (void)late;
    struct core *core = output->core;
    core->known[product] = next_seq;
}

// ---- a core in a box ----

static void option_give(struct core *core, const char *key, const char *text)
{
    for (size_t i = 0; core->options.rows[i].key != NULL; i++) {
        if (strcmp(core->options.rows[i].key, key) == 0) {
            core->values[i].set = true;
            core->values[i].text = strdup(text);
        }
    }
}

static void option_pass(struct core *core, const char *name, const char *value)
{
    for (size_t i = 0; core->options.rows[i].key != NULL; i++) {
        if (strcmp(core->options.rows[i].key, "client") == 0) {
            core->values[i].set = true;
            core->values[i].pairs = core->pass;
            core->pass[core->values[i].pair_count++] =
                (struct option_pair){strdup(name), strdup(value)};
        }
    }
}

static struct core *core_new(const char *first, const char *second, const char *at)
{
    struct core *core = calloc(1, sizeof *core);
    assert_non_null(core);
    core->topics[0] = (struct output_topic){.topic = first, .epoch = 0x1111};
    core->topics[1] = (struct output_topic){.topic = second, .epoch = 0x2222};
    core->options = (struct option_set){
        .rows = kafka_client_options, .values = core->values, .file = "weir.yaml", .line = 1};
    option_give(core, "bootstrap", at);
    option_give(core, "link", "ethernet");
    option_give(core, "mechanism", "PLAIN");
    option_pass(core, "linger.ms", "5");
    core->output = (struct output){.options = &core->options,
                                   .gateway = "gw-1",
                                   .topic_count = second == NULL ? 1 : 2,
                                   .topics = core->topics,
                                   .core = core};
    core->next[0] = 1;
    core->next[1] = 1;
    core->value_size = 100;
    return core;
}

static void core_open(struct core *core)
{
    assert_int_equal(kafka_output.open(&core->output, &core->fd), OK);
}

static void core_free(struct core *core)
{
    kafka_output.close(&core->output);
    for (size_t i = 0; i < ROWS_MAX; i++) {
        free(core->values[i].text);
    }
    for (size_t i = 0; i < 2; i++) {
        free(core->pass[i].name);
        free(core->pass[i].value);
    }
    free(core);
}

static enum err core_send_one(struct core *core, uint32_t product, uint64_t seq)
{
    static uint8_t value[300000];
    char key[32];
    char identity[64];
    memset(value, 'x', core->value_size);
    int key_size = snprintf(key, sizeof key, "k%d", (int)(seq % 7));
    int size = snprintf(identity, sizeof identity, "gw-1/%016x/%llu", product + 1,
                        (unsigned long long)seq);
    const struct message message = {.product = product,
                                    .partition = -1,
                                    .key = bytes_from(key, (size_t)key_size),
                                    .value = bytes_from(value, core->value_size),
                                    .identity = bytes_from(identity, (size_t)size),
                                    .time_ms = 1700000000000 + (int64_t)seq,
                                    .seq = seq};
    return kafka_output.send(&core->output, &message);
}

static void core_send(struct core *core, uint32_t product)
{
    while (core->next[product] <= core->count[product]) {
        uint64_t seq = core->next[product];
        if (core->how[product][seq] == 0 && core_send_one(core, product, seq) != OK) {
            return;
        }
        core->next[product]++;
    }
}

static void core_turn(struct core *core, int wait_ms)
{
    struct pollfd watched = {.fd = core->fd, .events = POLLIN};
    for (uint32_t product = 0; product < core->output.topic_count; product++) {
        core_send(core, product);
    }
    if (poll(&watched, 1, wait_ms) > 0) {
        kafka_output.serve(&core->output);
    }
}

static bool core_is_done(const struct core *core, uint32_t product)
{
    return core->settled[product] == core->count[product];
}

static void core_run(struct core *core, uint32_t product)
{
    int64_t until_ms = clock_boot_ms() + WAIT_MS;
    while (!core_is_done(core, product)) {
        assert_true(clock_boot_ms() < until_ms);
        core_turn(core, 100);
    }
}

static struct output_stat core_wait_reason(struct core *core, const char *code)
{
    struct output_stat stat;
    int64_t until_ms = clock_boot_ms() + WAIT_MS;
    do {
        if (clock_boot_ms() > until_ms) {
            fail_msg("the reason is \"%s\" (%s), and never %s", stat.reason, stat.reason_code,
                     code);
        }
        core_turn(core, 50);
        kafka_output.stat(&core->output, &stat);
    } while (strcmp(stat.reason_code, code) != 0);
    return stat;
}

// ---- what a consumer sees ----

struct seen {
    struct verify *verify;
    int32_t partition; // of the last record
    uint64_t records;
    uint64_t moved; // to another partition
    bool times_right;
};

static enum err see(void *taker, const rd_kafka_message_t *message)
{
    struct seen *seen = taker;
    struct verify_identity identity;
    struct bytes header = kafka_reader_header(message, "weir");
    if (header.size > 0) {
        assert_int_equal(verify_identity_read(header, &identity), OK);
        assert_int_equal(verify_record(seen->verify, &identity,
                                       bytes_from(message->key, message->key_len), false),
                         OK);
        seen->times_right &=
            rd_kafka_message_timestamp(message, NULL) == 1700000000000 + (int64_t)identity.seq;
    }
    seen->moved += seen->records > 0 && seen->partition != message->partition;
    seen->partition = message->partition;
    seen->records++;
    return OK;
}

static struct seen look(const char *topic, struct verify_verdict *verdict)
{
    const struct kafka_client client = {.bootstrap = bootstrap};
    const struct kafka_reader_range whole = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct kafka_reader *reader;
    struct kafka_reader_told told;
    char why[KAFKA_SENTENCE_SIZE];
    struct seen seen = {.verify = verify_open(), .times_right = true};
    assert_int_equal(kafka_reader_open(&client, &reader, why), OK);
    assert_int_equal(kafka_reader_read(reader, topic, &whole, WAIT_MS, see, &seen, &told, why), OK);
    kafka_reader_close(reader);
    if (verdict != NULL) {
        assert_int_equal(verify_stream_count(seen.verify), 1);
        verify_judge(seen.verify, 0, verdict);
    }
    verify_close(seen.verify);
    return seen;
}

static int set_up(void **state)
{
    (void)state;
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why);
    rd_kafka_conf_set_log_cb(conf, NULL);
    owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (owner == NULL) {
        return -1;
    }
    cluster = rd_kafka_handle_mock_cluster(owner);
    (void)snprintf(bootstrap, sizeof bootstrap, "%s", rd_kafka_mock_cluster_bootstraps(cluster));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rd_kafka_destroy(owner);
    return 0;
}

// ---- tests ----

static void two_products_arrive_whole_in_order_with_their_header_time_and_partition(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "a", 5, 1);
    rd_kafka_mock_topic_create(cluster, "b", 5, 1);
    struct core *core = core_new("a", "b", bootstrap);
    core->count[0] = 30000;
    core->count[1] = 2000;

    core_open(core);
    core_run(core, 0);
    core_run(core, 1);

    struct verify_verdict verdict;
    struct seen seen = look("a", &verdict);
    assert_true(verify_verdict_is_well(&verdict));
    assert_int_equal(verdict.delivered, 30000);
    assert_true(seen.times_right);
    assert_int_equal(seen.moved, 0);
    assert_int_equal(seen.partition, (bytes_murmur2(bytes_text("gw-1")) & 0x7fffffff) % 5);
    (void)look("b", &verdict);
    assert_true(verify_verdict_is_well(&verdict));
    assert_int_equal(core->given_back, 0);

    struct output_stat stat = core_wait_reason(core, "");
    assert_int_equal(stat.link, LINK_UP);
    core_free(core);
}

static void a_topic_that_grew_keeps_the_records_of_the_epoch_where_they_were(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "grown", 7, 1);
    struct core *core = core_new("grown", NULL, bootstrap);
    core->topics[0].partition_count = 3; // as an earlier run was told
    core->count[0] = 500;

    core_open(core);
    core_run(core, 0);

    struct verify_verdict verdict;
    struct seen seen = look("grown", &verdict);
    assert_int_equal(seen.moved, 0);
    assert_int_equal(seen.partition, (bytes_murmur2(bytes_text("gw-1")) & 0x7fffffff) % 3);
    assert_int_equal(partitions_told, 3);
    core_free(core);
}

static void by_key_the_records_of_a_key_stay_together_and_the_keys_spread(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "keyed", 5, 1);
    struct core *core = core_new("keyed", NULL, bootstrap);
    core->topics[0].rule = RULE_KEY;
    core->count[0] = 2000;

    core_open(core);
    core_run(core, 0);

    struct verify_verdict verdict;
    struct seen seen = look("keyed", &verdict);
    assert_true(verify_verdict_is_well(&verdict));
    assert_true(seen.moved > 0);
    core_free(core);
}

static void a_topic_that_the_cluster_lacks_is_named_waits_and_comes_well(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "there", 1, 1);
    rd_kafka_mock_topic_create(cluster, "lacking", 1, 1);
    rd_kafka_mock_topic_set_error(cluster, "lacking", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    struct core *core = core_new("lacking", "there", bootstrap);
    core->count[0] = 500;
    core->count[1] = 500;

    core_open(core);
    struct output_stat stat = core_wait_reason(core, "topic.unknown");
    assert_non_null(strstr(stat.reason, "topic lacking: the cluster has no such topic"));
    core_run(core, 1); // the other product is not held up
    assert_int_equal(core->settled[0], 0);
    assert_true(core->given_back < 5000); // no busy loop

    rd_kafka_mock_topic_set_error(cluster, "lacking", RD_KAFKA_RESP_ERR_NO_ERROR);
    core_run(core, 0);

    struct verify_verdict verdict;
    (void)look("lacking", &verdict);
    assert_true(verify_verdict_is_well(&verdict));
    (void)core_wait_reason(core, "");
    core_free(core);
}

static void a_right_to_write_that_is_missing_at_the_produce_call_loses_nothing(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "unwritable", 1, 1);
    struct core *core = core_new("unwritable", NULL, bootstrap);
    core->count[0] = 500;
    rd_kafka_mock_push_request_errors(cluster, PRODUCE, 2,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);

    core_open(core);
    (void)core_wait_reason(core, "topic.denied");
    core_run(core, 0);

    struct verify_verdict verdict;
    (void)look("unwritable", &verdict);
    assert_int_equal(verdict.missing, 0);
    assert_int_equal(verdict.duplicated, 0);
    core_free(core);
}

static void a_record_over_the_links_size_is_refused_at_once(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "large", 1, 1);
    struct core *core = core_new("large", NULL, bootstrap);
    core_open(core);
    core->value_size = 270000;

    assert_int_equal(core_send_one(core, 0, 1), ERR_LIMIT);

    core->value_size = 250000;
    assert_int_equal(core_send_one(core, 0, 1), OK);
    core_free(core);
}

static void a_batch_that_the_broker_finds_too_large_goes_in_smaller_ones(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "small", 1, 1);
    struct core *core = core_new("small", NULL, bootstrap);
    core->count[0] = 1000;
    rd_kafka_mock_push_request_errors(cluster, PRODUCE, 3, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);

    core_open(core);
    core_run(core, 0);

    struct verify_verdict verdict;
    (void)look("small", &verdict);
    assert_int_equal(core->refused[0], 0);
    assert_int_equal(verdict.delivered, 1000);
    assert_int_equal(verdict.duplicated, 0);
    core_free(core);
}

static void
the_one_record_that_the_broker_will_never_take_is_found_and_the_rest_goes_on(void **state)
{
    (void)state;
    // 300 are halved nine times until one is alone. A busy machine may cut them into several
    // batches, five of which can be on their way, and each takes an error.
    enum { ERRORS = 9 + 5 + 2 };
    rd_kafka_resp_err_t errors[ERRORS];
    for (size_t i = 0; i < ERRORS; i++) {
        errors[i] = RD_KAFKA_RESP_ERR_INVALID_RECORD;
    }
    rd_kafka_mock_topic_create(cluster, "poison", 1, 1);
    struct core *core = core_new("poison", NULL, bootstrap);
    core->count[0] = 300;

    rd_kafka_mock_push_request_errors_array(cluster, PRODUCE, ERRORS, errors);

    core_open(core);
    core_run(core, 0);

    assert_int_equal(core->how[0][1], 2);
    assert_in_range(core->refused[0], 1, ERRORS - 6); // each of those that met a record alone
    struct verify_verdict verdict;
    (void)look("poison", &verdict);
    assert_int_equal(verdict.delivered + core->refused[0], 300);
    assert_int_equal(verdict.duplicated, 0);
    core_free(core);
}

static void a_broker_that_goes_and_comes_back_is_told_and_nothing_is_lost_or_doubled(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "outage", 1, 1);
    struct core *core = core_new("outage", NULL, bootstrap);
    core->count[0] = 100;
    core_open(core);
    core_run(core, 0);

    (void)rd_kafka_mock_broker_set_down(cluster, 1);
    core->count[0] = 20000;
    struct output_stat stat = core_wait_reason(core, "kafka.down");
    assert_int_equal(stat.link, LINK_DOWN);
    assert_true(core->next[0] <= 10101); // the window is a bound
    (void)rd_kafka_mock_broker_set_up(cluster, 1);
    core_run(core, 0);

    stat = core_wait_reason(core, ""); // a connection's last complaint may come after the records
    assert_int_equal(stat.link, LINK_UP);
    struct verify_verdict verdict;
    (void)look("outage", &verdict);
    assert_true(verify_verdict_is_well(&verdict));
    assert_int_equal(verdict.delivered, 20000);
    core_free(core);
}

static void
a_client_that_fails_for_good_is_replaced_and_its_records_come_back_in_order(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "fatal", 1, 1);
    struct core *core = core_new("fatal", NULL, bootstrap);
    core->count[0] = 1000;
    rd_kafka_mock_push_request_errors(cluster, INIT_PRODUCER_ID, 1,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);

    core_open(core);
    struct output_stat stat = core_wait_reason(core, "kafka.auth");
    assert_int_equal(stat.link, LINK_AUTH_FAIL);
    core_run(core, 0);

    struct verify_verdict verdict;
    (void)look("fatal", &verdict);
    assert_true(verify_verdict_is_well(&verdict));
    stat = core_wait_reason(core, "");
    assert_int_equal(stat.link, LINK_UP);
    core_free(core);
}

static void losses_are_told_on_their_topic_and_their_tokens_come_back(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "lossy", 1, 1);
    rd_kafka_mock_topic_create(cluster, "lossy.losses", 3, 1);
    struct core *core = core_new("lossy", NULL, bootstrap);
    core_open(core);

    for (uint64_t token = 1; token <= 3; token++) {
        assert_int_equal(kafka_output.tell(&core->output, "lossy.losses", bytes_text("gw-1"),
                                           bytes_text("{}"), token),
                         OK);
    }
    assert_true(kafka_output.flush(&core->output, WAIT_MS));

    assert_int_equal(core->told[1] + core->told[2] + core->told[3], 3);
    struct seen seen = look("lossy.losses", NULL);
    assert_int_equal(seen.records, 3);
    assert_int_equal(seen.moved, 0);
    core_free(core);
}

static void flush_sends_what_lingers_and_gives_up_in_time(void **state)
{
    (void)state;
    rd_kafka_mock_topic_create(cluster, "flushed", 1, 1);
    struct core *core = core_new("flushed", NULL, bootstrap);
    option_pass(core, "linger.ms", "60000"); // a satellite's
    core->count[0] = 10;
    core_open(core);
    core_turn(core, 0);
    assert_true(kafka_output.flush(&core->output, WAIT_MS / 2));
    assert_int_equal(core->settled[0], 10);

    (void)rd_kafka_mock_broker_set_down(cluster, 1);
    core->count[0] = 20;
    core_turn(core, 0);
    int64_t before_ms = clock_boot_ms();
    assert_false(kafka_output.flush(&core->output, 300));
    assert_in_range(clock_boot_ms() - before_ms, 300, WAIT_MS / 2);
    (void)rd_kafka_mock_broker_set_up(cluster, 1);
    core_free(core);
}

// ---- ports that are no Kafka ----

struct stranger {
    int fd;
    char at[32];
    const char *answer; // NULL: says nothing
    pthread_t thread;
};

static void *stranger_run(void *opaque)
{
    struct stranger *stranger = opaque;
    int kept[64];
    int kept_count = 0;
    char request[512];
    int fd;
    while ((fd = accept(stranger->fd, NULL, NULL)) >= 0) {
        if (stranger->answer == NULL && kept_count < 64) {
            kept[kept_count++] = fd;
            continue;
        }
        (void)recv(fd, request, sizeof request, 0);
        if (stranger->answer != NULL) {
            (void)send(fd, stranger->answer, strlen(stranger->answer), MSG_NOSIGNAL);
        }
        (void)close(fd);
    }
    while (kept_count > 0) {
        (void)close(kept[--kept_count]);
    }
    return NULL;
}

static void stranger_open(struct stranger *stranger, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    stranger->answer = answer;
    stranger->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stranger->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(stranger->fd, 16), 0);
    assert_int_equal(getsockname(stranger->fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(stranger->at, sizeof stranger->at, "127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&stranger->thread, NULL, stranger_run, stranger), 0);
}

static void stranger_close(struct stranger *stranger)
{
    (void)shutdown(stranger->fd, SHUT_RDWR);
    (void)pthread_join(stranger->thread, NULL);
    (void)close(stranger->fd);
}

static void a_port_that_is_no_kafka_gets_its_sentence_and_hangs_nobody(void **state)
{
    (void)state;
    const char *answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "",
                             NULL};
    for (size_t i = 0; i < 4; i++) {
        struct stranger stranger;
        stranger_open(&stranger, answers[i]);
        struct core *core = core_new("any", NULL, stranger.at);
        option_pass(core, "api.version.request.timeout.ms", "500");
        core->count[0] = 10;

        core_open(core);
        struct output_stat stat = core_wait_reason(core, "kafka.alien");

        assert_int_equal(stat.link, LINK_DOWN);
        assert_non_null(strstr(stat.reason, stranger.at));
        assert_non_null(strstr(stat.reason, "does not answer as Kafka"));
        assert_int_equal(core->settled[0], 0);
        core_free(core);
        stranger_close(&stranger);
    }
}

static void a_name_that_is_not_known_and_a_port_that_is_closed_get_theirs(void **state)
{
    (void)state;
    struct core *core = core_new("any", NULL, "127.0.0.1:1");
    core_open(core);
    struct output_stat stat;
    int64_t until_ms = clock_boot_ms() + WAIT_MS;
    do {
        core_turn(core, 50);
        kafka_output.stat(&core->output, &stat);
    } while (strstr(stat.reason, "Connection refused") == NULL && clock_boot_ms() < until_ms);
    assert_string_equal(stat.reason_code, "kafka.down");
    core_free(core);

    core = core_new("any", NULL, "no-such-host.invalid:9092");
    core_open(core);
    stat = core_wait_reason(core, "kafka.dns");
    assert_int_equal(stat.link, LINK_DNS_FAIL);
    core_free(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            two_products_arrive_whole_in_order_with_their_header_time_and_partition, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            a_topic_that_grew_keeps_the_records_of_the_epoch_where_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            by_key_the_records_of_a_key_stay_together_and_the_keys_spread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_topic_that_the_cluster_lacks_is_named_waits_and_comes_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_right_to_write_that_is_missing_at_the_produce_call_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_over_the_links_size_is_refused_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_batch_that_the_broker_finds_too_large_goes_in_smaller_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_one_record_that_the_broker_will_never_take_is_found_and_the_rest_goes_on, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            a_broker_that_goes_and_comes_back_is_told_and_nothing_is_lost_or_doubled, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            a_client_that_fails_for_good_is_replaced_and_its_records_come_back_in_order, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(losses_are_told_on_their_topic_and_their_tokens_come_back,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(flush_sends_what_lingers_and_gives_up_in_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_port_that_is_no_kafka_gets_its_sentence_and_hangs_nobody,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_name_that_is_not_known_and_a_port_that_is_closed_get_theirs, set_up, tear_down),
    };
    log_start(LOG_LEVEL_INFO);
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
