// The Avro schema of layout `blocks`. What its arrays are places in stands beside the fields that
// every Avro library knows: `columns`, the fields of the contract, and `keys`, those it lists.
#include "agent/json_text.h"
#include "agent/number.h"
#include "agent/wire_blocks.h"

static const char fields[] =
    "\"fields\":["
    "{\"name\":\"gateway\",\"type\":\"string\"},"
    "{\"name\":\"epoch\",\"type\":\"string\"},"
    "{\"name\":\"seq\",\"type\":\"long\"},"
    "{\"name\":\"clock\",\"type\":{\"type\":\"enum\",\"name\":\"Clock\","
    "\"symbols\":[\"device\",\"wall\"]}},"
    "{\"name\":\"lost\",\"type\":{\"type\":\"array\",\"items\":"
    "{\"type\":\"record\",\"name\":\"Loss\",\"fields\":["
    "{\"name\":\"from_seq\",\"type\":\"long\"},{\"name\":\"to_seq\",\"type\":\"long\"},"
    "{\"name\":\"count\",\"type\":\"long\"},{\"name\":\"cause\",\"type\":\"string\"}]}}},"
    "{\"name\":\"list\",\"type\":\"int\"},"
    "{\"name\":\"listed\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
    "{\"name\":\"keys\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
    "{\"name\":\"shared\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
    "{\"name\":\"axes\",\"type\":{\"type\":\"array\",\"items\":"
    "{\"type\":\"record\",\"name\":\"Axis\",\"fields\":[{\"name\":\"keys\",\"type\":\"int\"},"
    "{\"name\":\"times\",\"type\":{\"type\":\"array\",\"items\":\"long\"}}]}}},"
    "{\"name\":\"order\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
    "{\"name\":\"qualities\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
    "{\"name\":\"present\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
    "{\"name\":\"scales\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
    "{\"name\":\"numbers\",\"type\":{\"type\":\"array\",\"items\":\"long\"}},"
    "{\"name\":\"doubles\",\"type\":{\"type\":\"array\",\"items\":\"double\"}},"
    "{\"name\":\"texts\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}";

// The fields of the contract, called as there.
static void put_columns(const struct schema *schema, struct buffer *out)
{
    bool is_first = true;
    buffer_put_text(out, "\"columns\":[");
    for (uint16_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].role == ROLE_FIELD) {
            buffer_put_text(out, is_first ? "" : ",");
            json_put_string(out, bytes_text(schema->columns[i].name));
            is_first = false;
        }
    }
    buffer_put_text(out, "],");
}

static void put_listed(const struct key_list *listed, struct buffer *out)
{
    char id[NUMBER_TEXT_SIZE];
    buffer_put_text(out, "\"keys\":[");
    for (uint32_t i = 0; listed != NULL && i < listed->count; i++) {
        buffer_put_text(out, i == 0 ? "" : ",");
        json_put_string(out, listed->names[i]);
    }
    buffer_put_text(out, "],\"list\":");
    buffer_put(out, id, number_format_integer(listed == NULL ? 0 : listed->id, id));
    buffer_put_text(out, ",");
}

enum err wire_blocks_schema(const struct schema *schema, const struct key_list *listed,
                            struct buffer *out)
{
    buffer_put_text(out, "{\"type\":\"record\",\"name\":\"Block\",\"namespace\":\"weir\",");
    put_columns(schema, out);
    put_listed(listed, out);
    buffer_put_text(out, fields);
    return out->overflow ? ERR_LIMIT : OK;
}
