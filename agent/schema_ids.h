// What a schema registry calls a schema.
//
// Floor: ground.
#ifndef WEIR_AGENT_SCHEMA_IDS_H
#define WEIR_AGENT_SCHEMA_IDS_H

#include <stdbool.h>
#include <stdint.h>

enum { SCHEMA_GUID_SIZE = 16 };

struct schema_ids {
    uint32_t id;   // of this registry alone; at most 2^31 - 1
    bool has_guid; // served by Confluent Platform 8 and newer
    uint8_t guid[SCHEMA_GUID_SIZE];
};

#endif
