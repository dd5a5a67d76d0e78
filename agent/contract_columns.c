#include "agent/contract_columns.h"

#include "agent/number.h"
#include "agent/odcs.h"

#include <assert.h>
#include <stdio.h>

// What a property says besides its column; needed for the roles that are not written out.
struct property {
    const struct yaml_node *node;
    bool role_given;
    bool primary;
    int64_t primary_position; // 0: not said
};

struct reading {
    struct schema *schema;
    struct problems *problems;
    struct property properties[SCHEMA_COLUMNS_MAX];
};

static const char *const roles[] = {"field", "key", "time",    "gateway",
                                    "epoch", "seq", "quality", NULL}; // as enum column_role

static const char *const property_customs[] = {"weir.role", "weir.onViolation", NULL};

// A name of Avro (specification, "Names"), because each contract can be written in it.
static bool is_name(const char *text)
{
    bool good = *text != '\0' && !(*text >= '0' && *text <= '9');
    for (; good && *text != '\0'; text++) {
        good = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
               (*text >= '0' && *text <= '9') || *text == '_';
    }
    return good;
}

static void read_name(const struct reading *reading, const struct yaml_node *node,
                      struct column *column)
{
    const char *name = odcs_need_text(node, "name", reading->problems);
    if (name == NULL) {
        return;
    }
    const struct yaml_node *place = yaml_get(node, "name");
    if (!is_name(name)) {
        yaml_wrong(place, NULL, reading->problems,
                   "\"%.60s\" is not a name that Avro allows; use letters, digits and _, and no "
                   "digit first",
                   name);
        return;
    }
    if (strlen(name) >= SCHEMA_NAME_SIZE) {
        yaml_wrong(place, NULL, reading->problems, "\"%.70s\" is longer than %d characters", name,
                   SCHEMA_NAME_SIZE - 1);
        return;
    }
    if (schema_find(reading->schema, bytes_text(name)) != NULL) {
        yaml_wrong(place, NULL, reading->problems, "\"%s\" stands twice; each name once", name);
        return;
    }
    memcpy(column->name, name, strlen(name) + 1);
}

static bool find_type(const char *word, enum column_type *type)
{
    static const struct {
        const char *word;
        enum column_type type;
    } types[] = {
        {"string", COLUMN_STRING},   {"integer", COLUMN_INTEGER},     {"number", COLUMN_NUMBER},
        {"boolean", COLUMN_BOOLEAN}, {"timestamp", COLUMN_TIMESTAMP},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].word, word) == 0) {
            *type = types[i].type;
            return true;
        }
    }
    return false;
}

// What would do instead of a type that the agent does not carry.
static const char *advice(const char *type)
{
    if (strcmp(type, "date") == 0 || strcmp(type, "time") == 0) {
        return "is not carried by weir; write timestamp, or string with a format";
    }
    if (strcmp(type, "object") == 0 || strcmp(type, "array") == 0 || strcmp(type, "map") == 0) {
        return "is not carried by weir: a record is flat; write one property for each value";
    }
    return "is none of: string, integer, number, boolean, timestamp";
}

static void read_type(const struct reading *reading, const struct yaml_node *node,
                      struct column *column)
{
    const char *type = odcs_text(node, "logicalType", reading->problems);
    if (type == NULL) {
        if (yaml_get(node, "logicalType") == NULL) {
            yaml_wrong(node, "logicalType", reading->problems,
                       "is missing; write string, integer, number, boolean or timestamp");
        }
        return;
    }
    if (!find_type(type, &column->type)) {
        yaml_wrong(yaml_get(node, "logicalType"), NULL, reading->problems, "\"%.60s\" %s", type,
                   advice(type));
    }
    const struct yaml_node *options = yaml_get(node, "logicalTypeOptions");
    const char *const *keys = odcs_type_option_keys(type);
    if (odcs_is_mapping(options, reading->problems) && keys != NULL) {
        odcs_check_keys(options, keys, reading->problems);
    }
    const char *physical = odcs_text(node, "physicalType", reading->problems);
    column->as_text =
        column->type == COLUMN_INTEGER && physical != NULL && strcmp(physical, "string") == 0;
}

static void read_primary(const struct reading *reading, const struct yaml_node *node,
                         struct property *property)
{
    property->primary = odcs_boolean(node, "primaryKey", false, reading->problems);
    const char *position = odcs_text(node, "primaryKeyPosition", reading->problems);
    if (position == NULL) {
        return;
    }
    struct number number;
    bool good = number_parse(bytes_text(position), &number) == NUMBER_INTEGER &&
                (number.integer >= 1 || number.integer == -1);
    if (!good) {
        yaml_wrong(yaml_get(node, "primaryKeyPosition"), NULL, reading->problems,
                   "\"%.60s\" is not a position; they count from 1", position);
        return;
    }
    property->primary_position = number.integer;
}

static void read_property(struct reading *reading, const struct yaml_node *node)
{
    struct schema *schema = reading->schema;
    struct column *column = &schema->columns[schema->column_count];
    struct property *property = &reading->properties[schema->column_count];
    *property = (struct property){.node = node};
    if (!odcs_is_mapping(node, reading->problems)) {
        if (yaml_is_null(node)) {
            yaml_wrong(node, NULL, reading->problems, "has no value; write a property");
        }
        return;
    }
    odcs_check_keys(node, odcs_property_keys, reading->problems);
    odcs_check_custom(node, property_customs, reading->problems);
    read_name(reading, node, column);
    read_type(reading, node, column);
    read_primary(reading, node, property);
    column->required = odcs_boolean(node, "required", false, reading->problems);
    column->role = (enum column_role)odcs_custom_choice(node, "weir.role", roles, ROLE_FIELD,
                                                        reading->problems);
    property->role_given = odcs_custom(node, "weir.role") != NULL;
    schema->column_count++;
}

static struct column *column_with(struct schema *schema, enum column_role role)
{
    for (uint16_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].role == role) {
            return &schema->columns[i];
        }
    }
    return NULL;
}

// The key that the contract means: the string property with primaryKeyPosition 1, or the only
// primaryKey.
static void infer_key(struct reading *reading)
{
    struct schema *schema = reading->schema;
    struct column *found = NULL;
    unsigned primary_count = 0;
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct property *property = &reading->properties[i];
        struct column *column = &schema->columns[i];
        primary_count += property->primary ? 1 : 0;
        bool may_be = property->primary && !property->role_given && column->type == COLUMN_STRING;
        if (may_be && property->primary_position == 1) {
            column->role = ROLE_KEY;
            return;
        }
        found = may_be ? column : found;
    }
    if (found != NULL && primary_count == 1) {
        found->role = ROLE_KEY;
    }
}

static void infer_time(struct reading *reading)
{
    struct schema *schema = reading->schema;
    for (uint16_t i = 0; i < schema->column_count; i++) {
        struct column *column = &schema->columns[i];
        if (column->type == COLUMN_TIMESTAMP && !reading->properties[i].role_given) {
            column->role = ROLE_TIME;
            return;
        }
    }
}

// What the agent fills has a type that it can write.
static enum column_type type_of_role(enum column_role role)
{
    if (role == ROLE_TIME) {
        return COLUMN_TIMESTAMP;
    }
    return role == ROLE_SEQ ? COLUMN_INTEGER : COLUMN_STRING;
}

static const char *type_word(enum column_type type)
{
    switch (type) {
    case COLUMN_BOOLEAN:
        return "boolean";
    case COLUMN_INTEGER:
        return "integer";
    case COLUMN_NUMBER:
        return "number";
    case COLUMN_STRING:
        return "string";
    case COLUMN_TIMESTAMP:
        return "timestamp";
    }
    return "string";
}

static void check_roles(const struct reading *reading)
{
    struct schema *schema = reading->schema;
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        const struct yaml_node *node = reading->properties[i].node;
        if (column->role == ROLE_FIELD) {
            continue;
        }
        const struct column *first = column_with(schema, column->role);
        assert(first != NULL); // this one at least
        if (first != column) {
            yaml_wrong(node, NULL, reading->problems,
                       "\"%s\" and \"%s\" both have the role %s; only one can", first->name,
                       column->name, roles[column->role]);
        }
        enum column_type type = type_of_role(column->role);
        if (column->type != type && yaml_get(node, "logicalType") != NULL) {
            yaml_wrong(node, NULL, reading->problems,
                       "\"%s\" has the role %s and must be a %s, not a %s", column->name,
                       roles[column->role], type_word(type), type_word(column->type));
        }
    }
}

static void give_roles(struct reading *reading, const struct yaml_node *entry)
{
    if (column_with(reading->schema, ROLE_KEY) == NULL) {
        infer_key(reading);
    }
    if (column_with(reading->schema, ROLE_TIME) == NULL) {
        infer_time(reading);
    }
    check_roles(reading);
    if (column_with(reading->schema, ROLE_KEY) == NULL) {
        yaml_doubt(entry, "properties", reading->problems,
                   "no property is the key, so records have none; set primaryKey: true on the "
                   "string that names the sensor");
    }
}

void contract_columns_read(const struct yaml_node *entry, struct schema *schema,
                           struct problems *problems)
{
    const struct yaml_node *list = yaml_get(entry, "properties");
    if (list == NULL || (list->kind == YAML_LIST && list->count == 0) || yaml_is_null(list)) {
        yaml_wrong(entry, "properties", problems, "is missing; list the columns of a record");
        return;
    }
    if (!odcs_is_list(list, problems)) {
        return;
    }
    struct reading reading = {.schema = schema, .problems = problems};
    for (const struct yaml_node *node = list->first; node != NULL; node = node->next) {
        if (schema->column_count == SCHEMA_COLUMNS_MAX - 1) { // one is the agent's own
            yaml_wrong(node, NULL, problems, "a contract has at most %d properties",
                       SCHEMA_COLUMNS_MAX - 1);
            break;
        }
        read_property(&reading, node);
    }
    give_roles(&reading, entry);
    schema_seal(schema);
}
