// The Avro schema of layout `blocks`. What its arrays are places in stands beside the fields that
// every Avro library knows: `columns`, the fields of the contract, and `keys`, those it lists.
#include "agent/json_text.h"
#include "agent/number.h"
#include "agent/wire_blocks.h"

#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"

static const struct {
    const char *name;
    const char *type;
    const char *doc;
} fields[] = {
    {"gateway", "\"string\"", "who says these rows"},
    {"epoch", "\"string\"", "the life of its store: seqs count within it"},
    {"seq", "\"long\"", "of the first row: row i has seq + i"},
    {"clock", "{\"type\":\"enum\",\"name\":\"Clock\",\"symbols\":[\"device\",\"wall\"]}",
     "which clock gave the times"},
    {"lost",
     ARRAY("{\"type\":\"record\",\"name\":\"Loss\",\"fields\":["
           "{\"name\":\"from_seq\",\"type\":\"long\"},{\"name\":\"to_seq\",\"type\":\"long\"},"
           "{\"name\":\"count\",\"type\":\"long\"},{\"name\":\"cause\",\"type\":\"string\"}]}"),
     "seqs that no row will come of"},
    {"list", "\"int\"", "the schema's `list` where keys are listed, else 0"},
    {"listed", ARRAY("\"int\""), "(place, keys)*: keys that the schema's `keys` names"},
    {"keys", ARRAY("\"string\""), "the other keys, less what each shares with the one before"},
    {"shared", ARRAY("\"int\""), "how many characters that is"},
    {"axes",
     ARRAY("{\"type\":\"record\",\"name\":\"Axis\",\"fields\":["
           "{\"name\":\"keys\",\"type\":\"int\"},"
           "{\"name\":\"times\",\"type\":" ARRAY("\"long\"") "}]}"),
     "so many keys have these times: steps in ms, from the axis before"},
    {"order", ARRAY("\"int\""), "row i stands at place i + order[i] in order of time; empty: at i"},
    {"qualities", ARRAY("\"int\""), "(quality, rows)*, key after key; 0 is good"},
    {"present", ARRAY("\"int\""),
     "runs of rows with a value, without, with, ...; field after field"},
    {"scales", ARRAY("\"int\""), "(scale, series)*: what the numbers stand for"},
    {"numbers", ARRAY("\"long\""), "of each series its first, then steps"},
    {"doubles", ARRAY("\"double\""), "what scale 32 means places in"},
    {"texts", ARRAY("\"string\""), "what scale 33 means places in"},
};

static void put_fields(struct buffer *out)
{
    buffer_put_text(out, "\"fields\":[");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        buffer_put_text(out, i == 0 ? "{\"name\":\"" : ",{\"name\":\"");
        buffer_put_text(out, fields[i].name);
        buffer_put_text(out, "\",\"type\":");
        buffer_put_text(out, fields[i].type);
        buffer_put_text(out, ",\"doc\":\"");
        buffer_put_text(out, fields[i].doc);
        buffer_put_text(out, "\"}");
    }
    buffer_put_text(out, "]}");
}

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
    put_fields(out);
    return out->overflow ? ERR_LIMIT : OK;
}
