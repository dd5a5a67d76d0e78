#include "ports/output/kafka_link.h"

#include "agent/clock.h"
#include "agent/log.h"

#include <cjson/cJSON.h>

#include <stdio.h>

void kafka_link_init(struct kafka_link *link, const char *bootstrap)
{
    *link = (struct kafka_link){.no_broker_left = true, .rtt_ms = -1};
    link->fault.link = LINK_DOWN;
    (void)snprintf(link->fault.code, sizeof link->fault.code, "kafka.down");
    (void)snprintf(link->fault.sentence, sizeof link->fault.sentence,
                   "%.200s: no broker has answered yet", bootstrap);
}

static void link_up(struct kafka_link *link)
{
    link->no_broker_left = false;
    if (!link->up) {
        link->up = true;
        link->told[0] = 0;
        link->up_since_ms = clock_boot_ms();
        log_info("kafka.up", "reconnects=%llu",
                 (unsigned long long)(link->disconnects + link->disconnects_before));
    }
}

static void link_judge(struct kafka_link *link)
{
    if (!link->broken && (!link->no_broker_left || link->fault.ordinary)) {
        return;
    }
    link->up = false;
    if (strcmp(link->told, link->fault.sentence) != 0) {
        memcpy(link->told, link->fault.sentence, sizeof link->told);
        log_warn(link->fault.code, "reason=\"%s\"", link->fault.sentence);
    }
}

void kafka_link_error(struct kafka_link *link, rd_kafka_resp_err_t err, const char *text)
{
    struct kafka_fault fault;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        link->no_broker_left = true;
        link_judge(link);
        return;
    }
    kafka_fault_of(err, text, &fault);
    if (fault.ordinary && !link->up) {
        return; // the older cause still says more
    }
    link->fault = fault;
    link_judge(link);
}

void kafka_link_broken(struct kafka_link *link, rd_kafka_resp_err_t err, const char *text)
{
    kafka_fault_of(err, text, &link->fault);
    link->fault.ordinary = false;
    link->broken = true;
    link_judge(link);
}

void kafka_link_answered(struct kafka_link *link)
{
    if (!link->broken) {
        link_up(link);
    }
}

void kafka_link_delivered(struct kafka_link *link)
{
    link->broken = false;
    link_up(link);
}

void kafka_link_new_client(struct kafka_link *link)
{
    link->sent_before += link->sent_bytes;
    link->received_before += link->received_bytes;
    link->disconnects_before += link->disconnects;
    link->sent_bytes = 0;
    link->received_bytes = 0;
    link->disconnects = 0;
}

static double member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) && item->valuedouble > 0 ? item->valuedouble : 0;
}

// One broker's part: is it up, how often was it lost, and its round trips.
static bool broker_is_up(const cJSON *broker, double *disconnects, double *trips, double *trips_us)
{
    const cJSON *rtt = cJSON_GetObjectItemCaseSensitive(broker, "rtt");
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(broker, "state"));
    double count = member(rtt, "cnt");
    *disconnects += member(broker, "disconnects");
    *trips += count;
    *trips_us += count * member(rtt, "avg");
    return state != NULL && (strcmp(state, "UP") == 0 || strcmp(state, "UPDATE") == 0);
}

void kafka_link_statistics(struct kafka_link *link, const char *json)
{
    cJSON *root = cJSON_Parse(json);
    const cJSON *brokers = cJSON_GetObjectItemCaseSensitive(root, "brokers");
    const cJSON *broker;
    double disconnects = 0;
    double trips = 0;
    double trips_us = 0;
    bool up = false;
    cJSON_ArrayForEach(broker, brokers)
    {
        up |= broker_is_up(broker, &disconnects, &trips, &trips_us);
    }
    if (root != NULL) {
        link->sent_bytes = (uint64_t)member(root, "tx_bytes");
        link->received_bytes = (uint64_t)member(root, "rx_bytes");
        link->disconnects = (uint64_t)disconnects;
    }
    if (trips > 0) {
        link->rtt_ms = trips_us / trips / 1000;
    }
    if (up && !link->broken) {
        link_up(link);
    }
    cJSON_Delete(root);
}

void kafka_link_stat(const struct kafka_link *link, struct output_stat *stat)
{
    stat->wire_bytes = link->sent_bytes + link->sent_before;
    stat->received_bytes = link->received_bytes + link->received_before;
    stat->reconnects = link->disconnects + link->disconnects_before;
    stat->rtt_ms = link->rtt_ms;
    stat->link = LINK_UP;
    if (link->up) {
        stat->up_s = (clock_boot_ms() - link->up_since_ms) / 1000;
        return;
    }
    stat->link = link->fault.link == LINK_UP ? LINK_DOWN : link->fault.link;
    memcpy(stat->reason, link->fault.sentence, sizeof stat->reason);
    memcpy(stat->reason_code, link->fault.code, sizeof stat->reason_code);
}
