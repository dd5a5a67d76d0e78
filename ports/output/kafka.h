// The output driver `kafka`. Its rows are kafka_client_options.
//
// What it adds to the contract of agent/port.h: once a record of a product was given back
// (DELIVERED_AGAIN), `send` answers ERR_AGAIN for that product until all of its records are back,
// one way or another. So who sends may simply go back to the lowest seq that was given back, pass
// over what is settled, and doubles nothing. The exception is a client that failed for good: what
// it had is given back whole and may have arrived.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_KAFKA_H
#define WEIR_PORTS_OUTPUT_KAFKA_H

#include "agent/port.h"

extern const struct output_driver kafka_output;

#endif
