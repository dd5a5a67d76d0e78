// Reads the cursors that Kafka keeps for a gateway, by a consumer that lives as long as the
// question.
//
// Not by the producer's own handle: rd_kafka_ListConsumerGroupOffsets brings down the program of
// whoever asks a broker that has just stopped, or not yet begun, to coordinate the group
// (librdkafka issue 5040, 2.0 to 2.12 at least).
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_CURSOR_READER_H
#define WEIR_PORTS_OUTPUT_KAFKA_CURSOR_READER_H

#include "ports/output/kafka_client.h"
#include "ports/output/kafka_cursor.h"

// The committed cursors of `group` on all lanes of `topic`; of a transaction that has not ended yet
// it waits for the end. Waits `wait_ms` at most for the group's coordinator. On an error the
// cursors are not to be used; `why` is then librdkafka's text.
rd_kafka_resp_err_t kafka_cursors_read(const struct kafka_client *settings, const char *group,
                                       const char *topic, int wait_ms,
                                       struct kafka_cursor cursors[KAFKA_CURSOR_LANES],
                                       char why[KAFKA_SENTENCE_SIZE]);

#endif
