// The names of an input and what they stand for: a table by name, and the order of the line before,
// by which most members are found with one comparison.
#include "ports/input/fields_inner.h"

#include "agent/log.h"

#include <assert.h>
#include <stdlib.h>

static uint32_t hash_of(struct bytes name)
{
    uint32_t hash = 2166136261; // FNV-1a
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ name.at[i]) * 16777619;
    }
    return hash ^ hash >> 15;
}

// Where `name` stands in the table, or the free place where it would.
static uint32_t table_place(const struct fields *fields, struct bytes name)
{
    uint32_t place = hash_of(name) % FIELDS_TABLE_SIZE;
    while (fields->table[place] >= 0 &&
           !bytes_equal(fields->slots[fields->table[place]].name, name)) {
        place = (place + 1) % FIELDS_TABLE_SIZE;
    }
    return place;
}

static bool is_plain(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.at[i] < 0x20 || name.at[i] == '"' || name.at[i] == '\\') {
            return false;
        }
    }
    return name.size > 0;
}

// The slot of `name`, made where it is new.
static struct fields_slot *slot_for(struct fields *fields, struct bytes name)
{
    uint32_t place = table_place(fields, name);
    if (fields->table[place] < 0) {
        assert(fields->slot_count < FIELDS_SLOTS_MAX);
        fields->table[place] = (int16_t)fields->slot_count;
        fields->slots[fields->slot_count++] =
            (struct fields_slot){.name = name, .is_plain = is_plain(name)};
    }
    return &fields->slots[fields->table[place]];
}

static const char *renamed_to(const struct fields_names *names, const char *property)
{
    for (uint32_t i = 0; i < names->rename_count; i++) {
        if (strcmp(names->renames[i].value, property) == 0) {
            return names->renames[i].name;
        }
    }
    return NULL;
}

static const struct column *column_of_role(const struct schema *schema, enum column_role role)
{
    for (uint16_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].role == role) {
            return &schema->columns[i];
        }
    }
    return NULL;
}

static const struct column *column_called(const struct schema *schema, const char *name)
{
    for (uint16_t i = 0; i < schema->column_count; i++) {
        if (strcmp(schema->columns[i].name, name) == 0) {
            return &schema->columns[i];
        }
    }
    return NULL;
}

// The name in the input of what the contract calls by a role: as set, renamed, or its own.
static struct bytes role_name(const struct fields_names *names, const struct schema *schema,
                              const char *given, enum column_role role)
{
    if (given != NULL) {
        return bytes_text(given);
    }
    const struct column *column = column_of_role(schema, role);
    if (column == NULL) {
        return bytes_from(NULL, 0);
    }
    const char *renamed = renamed_to(names, column->name);
    return bytes_text(renamed != NULL ? renamed : column->name);
}

static void add_role(struct fields *fields, struct bytes name, enum fields_role role)
{
    if (name.size > 0 && name.size <= FIELDS_NAME_MAX) {
        slot_for(fields, name)->role = role;
    }
}

static void add_field(struct fields *fields, const struct fields_names *names,
                      const struct column *column)
{
    const char *renamed = renamed_to(names, column->name);
    struct bytes name = bytes_text(renamed != NULL ? renamed : column->name);
    if (name.size > FIELDS_NAME_MAX) {
        return; // fields_check has said so
    }
    struct fields_slot *slot = slot_for(fields, name);
    slot->role = slot->role == STANDS_FOR_NOTHING ? STANDS_FOR_FIELD : slot->role;
    slot->is_field = true;
    slot->field = column->field;
    slot->type = column->type;
    slot->as_text = column->as_text;
}

void fields_check(const struct fields_names *names, const struct schema *schema, const char *file,
                  int line, const char *key, struct problems *problems)
{
    for (uint32_t i = 0; i < names->rename_count; i++) {
        const struct option_pair *pair = &names->renames[i];
        if (strlen(pair->name) > FIELDS_NAME_MAX) {
            problem_add(problems, file, line, key, "\"%.40s...\" has more than %d bytes",
                        pair->name, FIELDS_NAME_MAX);
        }
        if (column_called(schema, pair->value) == NULL) {
            problem_add(problems, file, line, key,
                        "\"%s: %s\": the contract has no property \"%s\"; write NAME IN THE INPUT: "
                        "PROPERTY",
                        pair->name, pair->value, pair->value);
        }
        for (uint32_t other = 0; other < i; other++) {
            if (strcmp(names->renames[other].value, pair->value) == 0) {
                problem_add(problems, file, line, key, "both \"%s\" and \"%s\" would be \"%s\"",
                            names->renames[other].name, pair->name, pair->value);
            }
            if (strcmp(names->renames[other].name, pair->name) == 0) {
                problem_add(problems, file, line, key, "\"%s\" stands here twice", pair->name);
            }
        }
    }
}

struct fields *fields_open(const char *input, const struct schema *schema,
                           const struct fields_names *names)
{
    struct fields *fields = calloc(1, sizeof *fields);
    if (fields == NULL) {
        return NULL;
    }
    fields->input = input;
    fields->schema = schema;
    fields->unit = names->unit;
    fields->strict = names->strict;
    memset(fields->table, 0xFF, sizeof fields->table);
    fields->key_name = role_name(names, schema, names->key, ROLE_KEY);
    fields->time_name = role_name(names, schema, names->time, ROLE_TIME);
    fields->key_wanted = fields->key_name.size > 0;
    fields->time_wanted = names->time != NULL;
    add_role(fields, fields->key_name, STANDS_FOR_KEY);
    add_role(fields, fields->time_name, STANDS_FOR_TIME);
    add_role(fields, role_name(names, schema, names->quality, ROLE_QUALITY), STANDS_FOR_QUALITY);
    for (uint16_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].role == ROLE_FIELD) {
            add_field(fields, names, &schema->columns[i]);
        }
    }
    fields_begin(fields);
    return fields;
}

void fields_close(struct fields *fields)
{
    free(fields);
}

void fields_expect(struct fields *fields, const char *name)
{
    (void)slot_for(fields, bytes_text(name));
}

// A name that stands for nothing is remembered, so that it is told once and costs a comparison.
static int16_t learn(struct fields *fields, struct bytes name)
{
    char shown[64];
    if (fields->unknown_count == FIELDS_UNKNOWN_MAX) {
        return -1;
    }
    char *copy = fields->unknown_names[fields->unknown_count++];
    memcpy(copy, name.at, name.size);
    struct fields_slot *slot = slot_for(fields, bytes_from(copy, name.size));
    log_info("input.ignored", "input=%s name=\"%s\" reason=\"the contract has no such property\"%s",
             fields->input, fields_shown(name, shown),
             fields->unknown_count == FIELDS_UNKNOWN_MAX ? " further=\"not told\"" : "");
    return (int16_t)(slot - fields->slots);
}

static int16_t look_up(struct fields *fields, struct bytes name)
{
    if (name.size > FIELDS_NAME_MAX || name.size == 0) {
        return -1;
    }
    int16_t index = fields->table[table_place(fields, name)];
    return index >= 0 ? index : learn(fields, name);
}

int fields_slot(struct fields *fields, struct bytes name)
{
    uint32_t place =
        fields->place < FIELDS_PLACES_MAX - 1 ? fields->place++ : FIELDS_PLACES_MAX - 1;
    int16_t index = fields->order[place];
    if (!bytes_equal(fields->slots[index].name, name)) {
        index = look_up(fields, name);
        fields->order[place] = index < 0 ? 0 : index;
    }
    return index < 0 || fields->slots[index].role == STANDS_FOR_NOTHING ? FIELDS_NOTHING : index;
}

int fields_known_slot(const struct fields *fields, struct bytes name)
{
    int16_t index = fields->table[table_place(fields, name)];
    return index < 0 || fields->slots[index].role == STANDS_FOR_NOTHING ? FIELDS_NOTHING : index;
}

size_t fields_take_expected(struct fields *fields, struct bytes in, int *index)
{
    uint32_t place = fields->place;
    const struct fields_slot *slot = &fields->slots[fields->order[place]];
    size_t size = slot->name.size + 4; // two quotation marks, a colon, and a byte of the value
    if (!slot->is_plain || in.size < size || in.at[0] != '"' || in.at[size - 3] != '"' ||
        in.at[size - 2] != ':' || in.at[size - 1] == '{' || in.at[size - 1] <= ' ' ||
        memcmp(in.at + 1, slot->name.at, slot->name.size) != 0) {
        return 0;
    }
    fields->place = place < FIELDS_PLACES_MAX - 1 ? place + 1 : place;
    *index = slot->role == STANDS_FOR_NOTHING ? FIELDS_NOTHING : fields->order[place];
    return size - 1;
}
