#include "agent/command_demo_cluster.h"

#include <assert.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>

enum { BROKER = 1, CREATE_WAIT_MS = 15000, TOPICS_MAX = 16 };

struct demo_cluster {
    rd_kafka_t *client;             // the mock cluster lives in it, or it makes topics
    rd_kafka_mock_cluster_t *inner; // NULL: a real cluster
    char bootstrap[256];
};

static bool start_inner(struct demo_cluster *cluster, const char *const *topics,
                        char why[KAFKA_SENTENCE_SIZE])
{
    cluster->inner = rd_kafka_mock_cluster_new(cluster->client, 1);
    if (cluster->inner == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "the broker inside could not listen on loopback");
        return false;
    }
    (void)snprintf(cluster->bootstrap, sizeof cluster->bootstrap, "%s",
                   rd_kafka_mock_cluster_bootstraps(cluster->inner));
    for (; *topics != NULL; topics++) {
        rd_kafka_resp_err_t err = rd_kafka_mock_topic_create(cluster->inner, *topics, 1, 1);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            (void)snprintf(why, KAFKA_SENTENCE_SIZE, "topic %s: %s", *topics,
                           rd_kafka_err2str(err));
            return false;
        }
    }
    return true;
}

static bool topics_made(rd_kafka_event_t *event, char why[KAFKA_SENTENCE_SIZE])
{
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "topics could not be made: %s",
                       rd_kafka_event_error_string(event));
        return false;
    }
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    size_t count;
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t err = rd_kafka_topic_result_error(topics[i]);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            (void)snprintf(why, KAFKA_SENTENCE_SIZE, "topic %s could not be made: %s",
                           rd_kafka_topic_result_name(topics[i]),
                           rd_kafka_topic_result_error_string(topics[i]));
            return false;
        }
    }
    return true;
}

static bool make_topics(struct demo_cluster *cluster, const char *const *topics,
                        char why[KAFKA_SENTENCE_SIZE])
{
    rd_kafka_NewTopic_t *wanted[TOPICS_MAX];
    size_t count = 0;
    for (; topics[count] != NULL; count++) {
        assert(count < TOPICS_MAX);
        wanted[count] = rd_kafka_NewTopic_new(topics[count], 1, -1, NULL, 0); // -1: as it is set
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(cluster->client);
    rd_kafka_CreateTopics(cluster->client, wanted, count, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CREATE_WAIT_MS);
    bool made = event != NULL && topics_made(event, why);
    if (event == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "%.100s: no broker answered within %d s",
                       cluster->bootstrap, CREATE_WAIT_MS / 1000);
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy_array(wanted, count);
    return made;
}

struct demo_cluster *demo_cluster_open(const char *bootstrap, const char *const *topics,
                                       char why[KAFKA_SENTENCE_SIZE])
{
    struct demo_cluster *cluster = calloc(1, sizeof *cluster);
    if (cluster == NULL) {
        (void)snprintf(why, KAFKA_SENTENCE_SIZE, "there is no memory");
        return NULL;
    }
    const struct kafka_client client = {.bootstrap = bootstrap == NULL ? "" : bootstrap,
                                        .client_id = "weir-demo"};
    rd_kafka_conf_t *conf = kafka_client_configure(&client, KAFKA_CONTROL, why);
    cluster->client =
        conf == NULL ? NULL : rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, KAFKA_SENTENCE_SIZE);
    if (cluster->client == NULL) {
        if (conf != NULL) {
            rd_kafka_conf_destroy(conf);
        }
        free(cluster);
        return NULL;
    }
    if (bootstrap != NULL) {
        (void)snprintf(cluster->bootstrap, sizeof cluster->bootstrap, "%s", bootstrap);
    }
    bool ready =
        bootstrap == NULL ? start_inner(cluster, topics, why) : make_topics(cluster, topics, why);
    if (!ready) {
        demo_cluster_close(cluster);
        return NULL;
    }
    return cluster;
}

void demo_cluster_close(struct demo_cluster *cluster)
{
    if (cluster->inner != NULL) {
        rd_kafka_mock_cluster_destroy(cluster->inner);
    }
    rd_kafka_destroy(cluster->client);
    free(cluster);
}

const char *demo_cluster_bootstrap(const struct demo_cluster *cluster)
{
    return cluster->bootstrap;
}

bool demo_cluster_can_go_away(const struct demo_cluster *cluster)
{
    return cluster->inner != NULL;
}

void demo_cluster_go_away(struct demo_cluster *cluster)
{
    assert(cluster->inner != NULL);
    (void)rd_kafka_mock_broker_set_down(cluster->inner, BROKER);
}

void demo_cluster_come_back(struct demo_cluster *cluster)
{
    assert(cluster->inner != NULL);
    (void)rd_kafka_mock_broker_set_up(cluster->inner, BROKER);
}
