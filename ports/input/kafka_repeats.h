// Repeats of a product that is delivered at least once: a record whose identity (the header `weir`,
// GATEWAY/EPOCH/SEQ) was read before. Of each gateway, epoch and partition the last
// KAFKA_REPEATS_WINDOW seqs are known, more than a gateway can send again after a kill (10,000). An
// older one is taken for new: better twice than lost. Of more streams than fit the one that was
// silent for longest is forgotten.
//
// Floor: edges.
#ifndef WEIR_PORTS_INPUT_KAFKA_REPEATS_H
#define WEIR_PORTS_INPUT_KAFKA_REPEATS_H

#include "agent/bytes.h"

enum { KAFKA_REPEATS_WINDOW = 16384, KAFKA_REPEATS_STREAMS_MAX = 64 };

struct kafka_repeats; // opaque

struct kafka_repeats *kafka_repeats_open(void);          // NULL: no memory
void kafka_repeats_close(struct kafka_repeats *repeats); // NULL is nothing

// Was it read before? What is no identity was not.
bool kafka_repeats_has(struct kafka_repeats *repeats, int32_t partition, struct bytes identity);
// It is read now.
void kafka_repeats_add(struct kafka_repeats *repeats, int32_t partition, struct bytes identity);

#endif
