#include "ports/input/kafka_map.h"

#include "agent/number.h"

#include <ctype.h>
#include <stdlib.h>

static const char *const type_names[] = {"a boolean", "an integer", "a number", "a text",
                                         "a timestamp"};

struct reading {
    struct kafka_map *map;
    const struct option_set *options;
    const struct schema *theirs, *ours;
    const char *file;
    struct problems *problems;
};

static void blame(const struct reading *reading, const char *key, const char *name,
                  const char *what, const char *more)
{
    problem_add(reading->problems, reading->file, option_line(reading->options, key), key,
                "\"%s\": %s%s", name, what, more);
}

static const struct column *field_called(const struct schema *schema, const char *name)
{
    const struct column *column = schema_find(schema, bytes_text(name));
    return column != NULL && column->role == ROLE_FIELD ? column : NULL;
}

static bool is_numeric(const struct column *column)
{
    return column->type == COLUMN_NUMBER || column->type == COLUMN_INTEGER;
}

static bool fits(const struct column *from, const struct column *to)
{
    return from->type == to->type || (from->type == COLUMN_INTEGER && to->type == COLUMN_NUMBER);
}

static bool is_taken(const struct kafka_map *map, const struct column *to)
{
    for (uint32_t i = 0; i < map->count; i++) {
        if (map->rules[i].to == to->field) {
            return true;
        }
    }
    return false;
}

static void add(struct kafka_map *map, const struct column *from, const struct column *to,
                double times, double plus)
{
    bool is_plain = times == 1 && plus == 0;
    map->rules[map->count++] = (struct kafka_map_rule){
        .from = from->field,
        .to = to->field,
        .is_plain = is_plain,
        .to_number = from->type == COLUMN_INTEGER && to->type == COLUMN_NUMBER,
        .times = times,
        .plus = plus,
    };
}

static void add_checked(const struct reading *reading, const char *key, const char *name,
                        const char *from_name, const char *to_name, const double factors[2])
{
    const struct column *from = field_called(reading->theirs, from_name);
    const struct column *to = field_called(reading->ours, to_name);
    bool is_computed = factors[0] != 1 || factors[1] != 0;
    if (from == NULL) {
        blame(reading, key, name, "the contract that is read has no field ", from_name);
    } else if (to == NULL) {
        blame(reading, key, name, "this product's contract has no field ", to_name);
    } else if (is_taken(reading->map, to)) {
        blame(reading, key, name, "another one fills ", to_name);
    } else if (is_computed && (!is_numeric(from) || to->type != COLUMN_NUMBER)) {
        blame(reading, key, name, "only numbers can be computed, into a number", "");
    } else if (!fits(from, to)) {
        problem_add(reading->problems, reading->file, option_line(reading->options, key), key,
                    "\"%s\": is %s there and %s here", name, type_names[from->type],
                    type_names[to->type]);
    } else {
        add(reading->map, from, to, factors[0], factors[1]);
    }
}

// ---- "temperature * 1.8 + 32" ----

struct expression {
    char name[SCHEMA_NAME_SIZE];
    double factors[2]; // times, plus
};

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

// A number at `*at`, moved behind it. False: there is none.
static bool take_number(const char **at, double *number)
{
    char *end;
    *at = skip_blanks(*at);
    bool begins = isdigit((unsigned char)**at) || **at == '.' || **at == '-';
    *number = begins ? strtod(*at, &end) : 0;
    if (!begins || end == *at) {
        return false;
    }
    *at = skip_blanks(end);
    return true;
}

// NAME [("*" | "/") NUMBER] [("+" | "-") NUMBER]
static bool expression_read(struct expression *expression, const char *text)
{
    const char *at = skip_blanks(text);
    size_t size = strcspn(at, " \t*/+");
    if (size == 0 || size >= sizeof expression->name) {
        return false;
    }
    memcpy(expression->name, at, size);
    expression->name[size] = '\0';
    expression->factors[0] = 1;
    expression->factors[1] = 0;
    at = skip_blanks(at + size);
    if (*at == '*' || *at == '/') {
        bool divides = *at == '/';
        at++;
        if (!take_number(&at, &expression->factors[0]) || expression->factors[0] == 0) {
            return false;
        }
        expression->factors[0] = divides ? 1 / expression->factors[0] : expression->factors[0];
    }
    if (*at == '+' || *at == '-') {
        double sign = *at == '-' ? -1 : 1;
        at++;
        if (!take_number(&at, &expression->factors[1])) {
            return false;
        }
        expression->factors[1] *= sign;
    }
    return *at == '\0';
}

// ---- the whole ----

static void read_fields(const struct reading *reading)
{
    static const double as_it_is[2] = {1, 0};
    uint32_t count = 0;
    const struct option_pair *pairs = option_pairs(reading->options, "fields", &count);
    for (uint32_t i = 0; i < count; i++) {
        add_checked(reading, "fields", pairs[i].name, pairs[i].name, pairs[i].value, as_it_is);
    }
}

static void read_derive(const struct reading *reading)
{
    uint32_t count = 0;
    const struct option_pair *pairs = option_pairs(reading->options, "derive", &count);
    for (uint32_t i = 0; i < count; i++) {
        struct expression expression;
        if (expression_read(&expression, pairs[i].value)) {
            add_checked(reading, "derive", pairs[i].name, expression.name, pairs[i].name,
                        expression.factors);
        } else {
            blame(reading, "derive", pairs[i].name,
                  "is no expression of the form FIELD * 1.8 + 32: ", pairs[i].value);
        }
    }
}

static void add_alike(struct kafka_map *map, const struct schema *theirs, const struct schema *ours)
{
    for (uint16_t i = 0; i < ours->field_count; i++) {
        const struct column *to = schema_field(ours, i);
        const struct column *from = field_called(theirs, to->name);
        if (from != NULL && fits(from, to)) {
            add(map, from, to, 1, 0);
        }
    }
}

bool kafka_map_read(struct kafka_map *map, const struct option_set *options,
                    const struct schema *theirs, const struct schema *ours, const char *file,
                    struct problems *problems)
{
    const struct reading reading = {.map = map,
                                    .options = options,
                                    .theirs = theirs,
                                    .ours = ours,
                                    .file = file,
                                    .problems = problems};
    unsigned before = problems->error_count;
    map->count = 0;
    if (option_is_set(options, "fields") || option_is_set(options, "derive")) {
        read_fields(&reading);
        read_derive(&reading);
    } else {
        add_alike(map, theirs, ours);
    }
    if (map->count == 0 && problems->error_count == before) {
        problem_add(problems, file, options->line, "fields",
                    "no field is called alike in both contracts; write fields: {THEIRS: OURS}");
    }
    return problems->error_count == before;
}

static struct value apply(const struct kafka_map_rule *rule, const struct value *from)
{
    struct value to = *from;
    if (from->kind == VALUE_NULL || (rule->is_plain && !rule->to_number)) {
        return to;
    }
    double number = from->kind == VALUE_INTEGER ? (double)from->integer : from->number;
    to.kind = VALUE_NUMBER;
    to.number = rule->is_plain ? number : number * rule->times + rule->plus;
    return to;
}

void kafka_map_apply(const struct kafka_map *map, const struct value *theirs, struct value *values,
                     uint16_t field_count)
{
    for (uint16_t i = 0; i < field_count; i++) {
        values[i].kind = VALUE_NULL;
    }
    for (uint32_t i = 0; i < map->count; i++) {
        const struct kafka_map_rule *rule = &map->rules[i];
        values[rule->to] = apply(rule, &theirs[rule->from]);
    }
}
