// A schema is walked by itself, to a depth that no schema of ours reaches; beyond it is invalid.
#include "agent/avro_compat.h"

#include <cjson/cJSON.h>
#include <stdio.h>

enum { DEPTH_MAX = 16, SPELT_SIZE = 48 };

struct comparing {
    char *why; // the first misfit
    bool is_invalid;
    const char *field; // where we are
};

enum type {
    TYPE_NULL,
    TYPE_BOOLEAN,
    TYPE_INT,
    TYPE_LONG,
    TYPE_FLOAT,
    TYPE_DOUBLE,
    TYPE_BYTES,
    TYPE_STRING,
    TYPE_RECORD,
    TYPE_ENUM,
    TYPE_ARRAY,
    TYPE_MAP,
    TYPE_FIXED,
    TYPE_UNION,
    TYPE_NONE, // no schema
};

static const char *const type_names[] = {"null",   "boolean", "int",    "long",   "float",
                                         "double", "bytes",   "string", "record", "enum",
                                         "array",  "map",     "fixed",  "union"};

static const char *text(const cJSON *schema, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(schema, key));
}

// `{"type": {..}}` is what stands in it; of a record's field that is ordinary, elsewhere rare.
static const cJSON *unwrap(const cJSON *schema)
{
    for (int depth = 0; depth < DEPTH_MAX && cJSON_IsObject(schema); depth++) {
        const cJSON *inner = cJSON_GetObjectItemCaseSensitive(schema, "type");
        if (!cJSON_IsObject(inner) && !cJSON_IsArray(inner)) {
            break;
        }
        schema = inner;
    }
    return schema;
}

static enum type type_of(const cJSON *schema)
{
    if (cJSON_IsArray(schema)) {
        return TYPE_UNION;
    }
    const char *name = cJSON_IsString(schema) ? cJSON_GetStringValue(schema) : text(schema, "type");
    enum type type = TYPE_NULL;
    while (type < TYPE_UNION && (name == NULL || strcmp(type_names[type], name) != 0)) {
        type++;
    }
    return type < TYPE_UNION ? type : TYPE_NONE;
}

static bool misfit(struct comparing *at, const char *what, const char *more)
{
    if (at->why[0] == '\0') {
        (void)snprintf(at->why, AVRO_COMPAT_WHY_SIZE, "%s%.60s%s%s%.90s",
                       at->field != NULL ? "field " : "", at->field != NULL ? at->field : "",
                       at->field != NULL ? ": " : "", what, more);
    }
    return false;
}

static bool invalid(struct comparing *at)
{
    at->is_invalid = true;
    return false;
}

// Numbers may grow; texts and bytes are the same on the wire.
static bool is_promoted(enum type reader, enum type writer)
{
    static const uint16_t from[TYPE_NONE] = {
        [TYPE_LONG] = 1 << TYPE_INT,
        [TYPE_FLOAT] = 1 << TYPE_INT | 1 << TYPE_LONG,
        [TYPE_DOUBLE] = 1 << TYPE_INT | 1 << TYPE_LONG | 1 << TYPE_FLOAT,
        [TYPE_BYTES] = 1 << TYPE_STRING,
        [TYPE_STRING] = 1 << TYPE_BYTES,
    };
    return (from[reader] >> writer & 1) != 0;
}

static bool reads(struct comparing *at, const cJSON *reader, const cJSON *writer, int depth);

// The same question, with no trace in `why`: of a branch that need not be the one.
static bool branch_reads(struct comparing *at, const cJSON *reader, const cJSON *writer, int depth)
{
    char unheard[AVRO_COMPAT_WHY_SIZE] = "";
    struct comparing trial = {.why = unheard, .field = at->field};
    bool good = reads(&trial, reader, writer, depth);
    at->is_invalid |= trial.is_invalid;
    return good;
}

// "null or double", "record".
static void spell(const cJSON *schema, char out[SPELT_SIZE])
{
    size_t used = 0;
    const cJSON *branch = cJSON_IsArray(schema) ? schema->child : NULL;
    (void)snprintf(out, SPELT_SIZE, "%s", branch == NULL ? type_names[type_of(schema)] : "");
    for (; branch != NULL && used + 16 < SPELT_SIZE; branch = branch->next) {
        enum type type = type_of(unwrap(branch));
        used += (size_t)snprintf(out + used, SPELT_SIZE - used, "%s%s", used > 0 ? " or " : "",
                                 type < TYPE_UNION ? type_names[type] : "?");
    }
}

static bool types_misfit(struct comparing *at, const cJSON *reader, const cJSON *writer)
{
    char from[SPELT_SIZE], to[SPELT_SIZE], both[2 * SPELT_SIZE + 16];
    spell(writer, from);
    spell(reader, to);
    (void)snprintf(both, sizeof both, "%s, and read as %s", from, to);
    return misfit(at, "written as ", both);
}

// Every branch that the writer may have used must be readable; the reader has any one for it.
static bool union_reads(struct comparing *at, const cJSON *reader, const cJSON *writer, int depth)
{
    bool by_writer = cJSON_IsArray(writer);
    const cJSON *branches = by_writer ? writer : reader;
    bool all = true, any = false;
    const cJSON *branch;
    cJSON_ArrayForEach(branch, branches)
    {
        bool good = by_writer ? branch_reads(at, reader, branch, depth)
                              : branch_reads(at, branch, writer, depth);
        all = all && good;
        any = any || good;
    }
    return (by_writer ? all : any) || types_misfit(at, reader, writer);
}

static bool names_equal(struct comparing *at, const cJSON *reader, const cJSON *writer)
{
    const char *a = text(reader, "name");
    const char *b = text(writer, "name");
    if (a == NULL || b == NULL) {
        return invalid(at);
    }
    return strcmp(a, b) == 0 || misfit(at, "the type was called ", b);
}

static const cJSON *field_called(const cJSON *record, const char *name)
{
    const cJSON *field;
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(record, "fields"))
    {
        const char *other = text(field, "name");
        if (other != NULL && strcmp(other, name) == 0) {
            return field;
        }
    }
    return NULL;
}

static bool field_reads(struct comparing *at, const cJSON *field, const cJSON *writer, int depth)
{
    const char *name = text(field, "name");
    if (name == NULL) {
        return invalid(at);
    }
    struct comparing inside = {.why = at->why, .field = name};
    const cJSON *theirs = field_called(writer, name);
    bool good = theirs != NULL
                    ? reads(&inside, cJSON_GetObjectItemCaseSensitive(field, "type"),
                            cJSON_GetObjectItemCaseSensitive(theirs, "type"), depth)
                    : cJSON_HasObjectItem(field, "default") ||
                          misfit(&inside, "a reader needs it, and it is not written", "");
    at->is_invalid |= inside.is_invalid;
    return good;
}

static bool record_reads(struct comparing *at, const cJSON *reader, const cJSON *writer, int depth)
{
    if (!names_equal(at, reader, writer)) {
        return false;
    }
    const cJSON *field;
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(reader, "fields"))
    {
        if (!field_reads(at, field, writer, depth)) {
            return false;
        }
    }
    return true;
}

static bool has_symbol(const cJSON *symbols, const char *wanted)
{
    const cJSON *symbol;
    cJSON_ArrayForEach(symbol, symbols)
    {
        const char *one = cJSON_GetStringValue(symbol);
        if (one != NULL && wanted != NULL && strcmp(one, wanted) == 0) {
            return true;
        }
    }
    return false;
}

static bool enum_reads(struct comparing *at, const cJSON *reader, const cJSON *writer)
{
    if (!names_equal(at, reader, writer)) {
        return false;
    }
    const cJSON *symbol;
    cJSON_ArrayForEach(symbol, cJSON_GetObjectItemCaseSensitive(writer, "symbols"))
    {
        const char *one = cJSON_GetStringValue(symbol);
        if (!has_symbol(cJSON_GetObjectItemCaseSensitive(reader, "symbols"), one) &&
            text(reader, "default") == NULL) {
            return misfit(at, "the reader has no symbol ", one != NULL ? one : "?");
        }
    }
    return true;
}

static bool fixed_reads(struct comparing *at, const cJSON *reader, const cJSON *writer)
{
    double a = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(reader, "size"));
    double b = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(writer, "size"));
    return names_equal(at, reader, writer) && (a == b || misfit(at, "its size differs", ""));
}

static bool same_type_reads(struct comparing *at, enum type type, const cJSON *reader,
                            const cJSON *writer, int depth)
{
    const char *items = type == TYPE_MAP ? "values" : "items";
    switch ((int)type) {
    case TYPE_RECORD:
        return record_reads(at, reader, writer, depth);
    case TYPE_ENUM:
        return enum_reads(at, reader, writer);
    case TYPE_FIXED:
        return fixed_reads(at, reader, writer);
    case TYPE_ARRAY:
    case TYPE_MAP:
        return reads(at, cJSON_GetObjectItemCaseSensitive(reader, items),
                     cJSON_GetObjectItemCaseSensitive(writer, items), depth);
    default:
        return true;
    }
}

static bool reads(struct comparing *at, const cJSON *reader, const cJSON *writer, int depth)
{
    reader = unwrap(reader);
    writer = unwrap(writer);
    enum type to = type_of(reader);
    enum type from = type_of(writer);
    if (depth == DEPTH_MAX || to == TYPE_NONE || from == TYPE_NONE) {
        return invalid(at);
    }
    if (to == TYPE_UNION || from == TYPE_UNION) {
        return union_reads(at, reader, writer, depth + 1);
    }
    if (to == from) {
        return same_type_reads(at, to, reader, writer, depth + 1);
    }
    return is_promoted(to, from) || types_misfit(at, reader, writer);
}

enum err avro_compat_reads(struct bytes reader, struct bytes writer, bool *can,
                           char why[AVRO_COMPAT_WHY_SIZE])
{
    struct comparing at = {.why = why};
    why[0] = '\0';
    cJSON *to = cJSON_ParseWithLength((const char *)reader.at, reader.size);
    cJSON *from = cJSON_ParseWithLength((const char *)writer.at, writer.size);
    *can = reads(&at, to, from, 0) && !at.is_invalid;
    cJSON_Delete(to);
    cJSON_Delete(from);
    return at.is_invalid ? ERR_INVALID : OK;
}

enum err avro_compat_follows(enum compatibility rule, struct bytes before, struct bytes after,
                             bool *follows, char why[AVRO_COMPAT_WHY_SIZE])
{
    enum err err = OK;
    *follows = true;
    why[0] = '\0';
    if (rule == COMPATIBILITY_FULL || rule == COMPATIBILITY_BACKWARD) {
        err = avro_compat_reads(after, before, follows, why);
    }
    if (err == OK && *follows && (rule == COMPATIBILITY_FULL || rule == COMPATIBILITY_FORWARD)) {
        err = avro_compat_reads(before, after, follows, why);
    }
    return err;
}
