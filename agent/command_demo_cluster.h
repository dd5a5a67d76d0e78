// The Kafka that the demo sends to: a broker inside this process (librdkafka's mock cluster, on
// loopback; it keeps the last 5 MB or 100,000 records of a topic), or a real cluster.
//
// Floor: edges.
#ifndef WEIR_AGENT_COMMAND_DEMO_CLUSTER_H
#define WEIR_AGENT_COMMAND_DEMO_CLUSTER_H

#include "ports/output/kafka_client.h"

struct demo_cluster; // opaque

// Start a broker inside (`bootstrap` NULL) or reach the cluster at `bootstrap`, and see that the
// `topics` are there, with one partition where they are made. `topics` ends with NULL. NULL: `why`
// is the sentence.
struct demo_cluster *demo_cluster_open(const char *bootstrap, const char *const *topics,
                                       char why[KAFKA_SENTENCE_SIZE]);
void demo_cluster_close(struct demo_cluster *cluster);

const char *demo_cluster_bootstrap(const struct demo_cluster *cluster);

// Only a broker of ours can be sent away: it drops all connections and takes no new ones.
bool demo_cluster_can_go_away(const struct demo_cluster *cluster);
void demo_cluster_go_away(struct demo_cluster *cluster);
void demo_cluster_come_back(struct demo_cluster *cluster);

#endif
