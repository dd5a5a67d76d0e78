// Reading options: each type has one function that takes a text and says, where it must, why not.
#include "agent/nearest.h"
#include "agent/number.h"
#include "agent/option.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

enum { WHY_SIZE = 320, SHOWN_MAX = 60 };

const struct option option_any[] = {{.key = NULL}};

// What to read into, and what to say where it does not go.
struct reading {
    const struct option *row;
    const char *file; // paths are relative to its folder
    struct option_value *value;
    char why[WHY_SIZE];
};

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit durations[] = {{"ms", 1},      {"s", 1000},     {"min", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit sizes[] = {
    {"B", 1},     {"KiB", 1024},   {"MiB", 1048576},   {"GiB", 1073741824},
    {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {NULL, 0}};

static bool refuse(struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(struct reading *reading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reading->why, sizeof reading->why, format, arguments);
    va_end(arguments);
    return false;
}

static bool keep_text(struct reading *reading, const char *text)
{
    reading->value->text = strdup(text);
    return reading->value->text != NULL || refuse(reading, "no memory left");
}

static bool read_path(struct reading *reading, const char *text)
{
    if (*text == '\0') {
        return refuse(reading, "is empty; write a path");
    }
    const char *slash = strrchr(reading->file, '/');
    bool is_uri = strncmp(text, "pkcs11:", 7) == 0; // the key of a token, in the place of a file
    if (*text == '/' || is_uri || slash == NULL) {
        return keep_text(reading, text);
    }
    size_t folder = (size_t)(slash - reading->file) + 1;
    size_t size = folder + strlen(text) + 1;
    char *path = malloc(size);
    if (path == NULL) {
        return refuse(reading, "no memory left");
    }
    (void)snprintf(path, size, "%.*s%s", (int)folder, reading->file, text);
    reading->value->text = path;
    return true;
}

static bool read_boolean(struct reading *reading, const char *text)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0) {
        return refuse(reading, "\"%.*s\" is neither true nor false", SHOWN_MAX, text);
    }
    reading->value->integer = yes;
    return true;
}

static void format_limit(const struct option *row, int64_t value, char out[OPTION_TEXT_SIZE])
{
    if (row->type == OPTION_DURATION) {
        option_format_duration(value, out);
    } else if (row->type == OPTION_SIZE) {
        option_format_size(value, out);
    } else {
        (void)snprintf(out, OPTION_TEXT_SIZE, "%" PRId64, value);
    }
}

static bool check_range(struct reading *reading, const char *text, double value)
{
    const struct option *row = reading->row;
    if (row->low == 0 && row->high == 0) {
        return true;
    }
    bool has_high = row->high >= row->low;
    if (value >= (double)row->low && (!has_high || value <= (double)row->high)) {
        return true;
    }
    char low[OPTION_TEXT_SIZE];
    char high[OPTION_TEXT_SIZE];
    format_limit(row, row->low, low);
    format_limit(row, row->high, high);
    if (!has_high) {
        return refuse(reading, "\"%.*s\" is less than %s", SHOWN_MAX, text, low);
    }
    return refuse(reading, "\"%.*s\" is not within %s to %s", SHOWN_MAX, text, low, high);
}

static bool read_integer(struct reading *reading, const char *text)
{
    struct number number;
    if (number_parse(bytes_text(text), &number) != NUMBER_INTEGER) {
        return refuse(reading, "\"%.*s\" is not an integer", SHOWN_MAX, text);
    }
    reading->value->integer = number.integer;
    return check_range(reading, text, (double)number.integer);
}

static bool read_number(struct reading *reading, const char *text)
{
    struct number number;
    if (number_parse(bytes_text(text), &number) == NUMBER_NONE) {
        return refuse(reading, "\"%.*s\" is not a number", SHOWN_MAX, text);
    }
    reading->value->number = number.number;
    return check_range(reading, text, number.number);
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
    while (units->name != NULL && strcmp(units->name, name) != 0) {
        units++;
    }
    return units->name != NULL ? units : NULL;
}

static bool refuse_unit(struct reading *reading, const char *text, const char *unit)
{
    bool is_duration = reading->row->type == OPTION_DURATION;
    const char *known = is_duration ? "ms, s, min, h or d" : "B, KiB, MiB, GiB, kB, MB or GB";
    if (*unit != '\0') {
        return refuse(reading, "\"%.*s\": \"%.16s\" is not a unit here; write %s", SHOWN_MAX, text,
                      unit, known);
    }
    return refuse(reading, "\"%.*s\" has no unit; write e.g. %.*s %s", SHOWN_MAX, text, 20, text,
                  is_duration ? "ms or 2 s" : "KiB or 2 MiB");
}

// A number and its unit, kept in the smallest unit.
static bool read_quantity(struct reading *reading, const char *text, const struct unit *units)
{
    const char *example = reading->row->type == OPTION_DURATION ? "500 ms or 2 s" : "64 MiB";
    struct number number;
    size_t used = number_take(bytes_text(text), &number);
    if (used == 0 || number.kind == NUMBER_NONE) {
        return refuse(reading, "\"%.*s\" is not a number with a unit; write e.g. %s", SHOWN_MAX,
                      text, example);
    }
    const char *name = text + used + strspn(text + used, " ");
    const struct unit *unit = find_unit(units, name);
    if (unit == NULL) {
        return refuse_unit(reading, text, name);
    }
    double exact = number.number * (double)unit->factor;
    if (exact < 0) {
        return refuse(reading, "\"%.*s\" is less than nothing", SHOWN_MAX, text);
    }
    if (exact > 9007199254740992.0) {
        return refuse(reading, "\"%.*s\" is too large", SHOWN_MAX, text);
    }
    double whole = round(exact);
    if (fabs(whole - exact) > 1e-6) {
        return refuse(reading, "\"%.*s\" is finer than 1 %s", SHOWN_MAX, text, units[0].name);
    }
    reading->value->integer = (int64_t)whole;
    return check_range(reading, text, whole);
}

// "a|b|c" as "a, b, c".
static void list_choices(const char *choices, char *out, size_t size)
{
    size_t used = 0;
    for (; *choices != '\0' && used + 3 < size; choices++) {
        if (*choices == '|') {
            out[used++] = ',';
            out[used++] = ' ';
        } else {
            out[used++] = *choices;
        }
    }
    out[used] = '\0';
}

static bool read_choice(struct reading *reading, const char *text)
{
    size_t size = strlen(text);
    const char *at = reading->row->choices;
    assert(at != NULL);
    for (int index = 0; at != NULL; index++) {
        size_t length = strcspn(at, "|");
        if (length == size && memcmp(at, text, size) == 0) {
            reading->value->integer = index;
            return keep_text(reading, text);
        }
        at = at[length] == '|' ? at + length + 1 : NULL;
    }
    char known[200];
    list_choices(reading->row->choices, known, sizeof known);
    return refuse(reading, "\"%.*s\" is none of: %s", SHOWN_MAX, text, known);
}

static bool read_text(struct reading *reading, const char *text)
{
    switch (reading->row->type) {
    case OPTION_TEXT:
        return keep_text(reading, text);
    case OPTION_PATH:
        return read_path(reading, text);
    case OPTION_BOOLEAN:
        return read_boolean(reading, text);
    case OPTION_INTEGER:
        return read_integer(reading, text);
    case OPTION_NUMBER:
        return read_number(reading, text);
    case OPTION_DURATION:
        return read_quantity(reading, text, durations);
    case OPTION_SIZE:
        return read_quantity(reading, text, sizes);
    case OPTION_CHOICE:
        return read_choice(reading, text);
    case OPTION_LIST:
    case OPTION_MAP:
        break;
    }
    return refuse(reading, "is a text; write a list or a mapping");
}

static bool read_pairs(struct reading *reading, const struct yaml_node *node)
{
    bool is_list = reading->row->type == OPTION_LIST;
    if (node->kind != (is_list ? YAML_LIST : YAML_MAPPING)) {
        return refuse(reading, "is %s; write %s", yaml_kind_name(node),
                      is_list ? "a list: [a, b]" : "a mapping: {a: b}");
    }
    struct option_value *value = reading->value;
    value->pairs = calloc(node->count + 1, sizeof *value->pairs);
    if (value->pairs == NULL) {
        return refuse(reading, "no memory left");
    }
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind != YAML_TEXT) {
            return refuse(reading, "holds %s; only texts can stand there", yaml_kind_name(item));
        }
        struct option_pair *pair = &value->pairs[value->pair_count++];
        pair->value = strdup(item->text);
        pair->name = item->key != NULL ? strdup(item->key) : NULL;
        if (pair->value == NULL || (item->key != NULL && pair->name == NULL)) {
            return refuse(reading, "no memory left");
        }
    }
    return true;
}

static bool read_node(struct reading *reading, const struct yaml_node *node)
{
    if (yaml_is_null(node)) {
        return refuse(reading, "has no value; write one, or take the key out");
    }
    enum option_type type = reading->row->type;
    if (type == OPTION_LIST || type == OPTION_MAP) {
        return read_pairs(reading, node);
    }
    if (node->kind != YAML_TEXT) {
        return refuse(reading, "is %s; write one value", yaml_kind_name(node));
    }
    return read_text(reading, node->text);
}

// What a reading left behind before it failed.
static void forget(struct option_value *value)
{
    for (uint32_t i = 0; i < value->pair_count; i++) {
        free(value->pairs[i].name);
        free(value->pairs[i].value);
    }
    free(value->pairs);
    free(value->text);
    *value = (struct option_value){.line = value->line};
}

static void take(struct option_set *set, size_t row, const struct yaml_node *node,
                 struct problems *problems)
{
    struct option_value *value = &set->values[row];
    struct reading reading = {.row = &set->rows[row], .file = set->file, .value = value};
    value->line = node->line;
    if (read_node(&reading, node)) {
        value->set = true;
        return;
    }
    forget(value);
    yaml_wrong(node, NULL, problems, "%s", reading.why);
}

// The default of a list or mapping; the brackets may be left out in a row.
static bool read_default_pairs(struct reading *reading)
{
    const char *initial = reading->row->initial;
    bool bare = *initial != '[' && *initial != '{';
    bool is_list = reading->row->type == OPTION_LIST;
    char text[512];
    (void)snprintf(text, sizeof text, "%s%s%s", bare ? (is_list ? "[" : "{") : "", initial,
                   bare ? (is_list ? "]" : "}") : "");
    struct problems problems = {.count = 0};
    struct yaml *yaml = yaml_parse("default", bytes_text(text), &problems);
    bool good = yaml != NULL && read_pairs(reading, yaml_root(yaml));
    yaml_tree_free(yaml);
    problems_free(&problems);
    return good;
}

// A default stands in the row as it would in the file, so it is read as the file is. One that
// cannot be read is a bug of the row.
static void take_default(struct option_set *set, size_t row)
{
    const struct option *option = &set->rows[row];
    struct reading reading = {.row = option, .file = set->file, .value = &set->values[row]};
    bool is_pairs = option->type == OPTION_LIST || option->type == OPTION_MAP;
    bool good = is_pairs ? read_default_pairs(&reading) : read_text(&reading, option->initial);
    assert(good);
    set->values[row].set = set->values[row].by_default = true;
}

static void take_defaults(struct option_set *set)
{
    for (size_t i = 0; set->rows[i].key != NULL; i++) {
        bool given = set->values[i].line != 0; // even if wrongly
        if (!given && set->rows[i].initial != NULL) {
            take_default(set, i);
        }
    }
}

// A key of `mapping` that may have been meant for `key`; NULL: none looks like it.
static const struct yaml_node *find_misspelt(const struct yaml_node *mapping, const char *key)
{
    const struct yaml_node *found = NULL;
    for (const struct yaml_node *node = mapping->first; node != NULL; node = node->next) {
        struct nearest nearest = nearest_begin(node->key);
        nearest_offer(&nearest, key);
        found = nearest.best != NULL ? node : found;
    }
    return found;
}

// Was a row "KEY.something" given, in place of "KEY"?
static bool is_given_below(const struct option_set *set, const char *key)
{
    size_t size = strlen(key);
    for (size_t i = 0; set->rows[i].key != NULL; i++) {
        if (strncmp(set->rows[i].key, key, size) == 0 && set->rows[i].key[size] == '.' &&
            set->values[i].line != 0) {
            return true;
        }
    }
    return false;
}

// `missing`: the name of the section, where it is not there at all; else NULL. A key that was
// misspelt is told once: unknown keys are told already, unless `any` key may stand there.
static void tell_missing(const struct option_set *set, bool any, const struct yaml_node *place,
                         const char *missing, struct problems *problems)
{
    for (size_t i = 0; set->rows[i].key != NULL; i++) {
        const struct option *row = &set->rows[i];
        if (!row->required || set->values[i].line != 0 || is_given_below(set, row->key)) {
            continue;
        }
        char below[YAML_PATH_SIZE];
        (void)snprintf(below, sizeof below, "%s%s%s", missing != NULL ? missing : "",
                       missing != NULL ? "." : "", row->key);
        const struct yaml_node *misspelt =
            missing == NULL && place->kind == YAML_MAPPING ? find_misspelt(place, row->key) : NULL;
        if (misspelt == NULL) {
            yaml_wrong(place, below, problems, "is missing: %s", row->help);
        } else if (any) {
            yaml_wrong(misspelt, NULL, problems, "unknown key; did you mean \"%s\"?", row->key);
        }
    }
}

enum { KEY_SIZE = 160 };

// Is there a row "PREFIX.something"?
static bool is_prefix(const struct option *rows, const char *key)
{
    size_t size = strlen(key);
    for (; rows != NULL && rows->key != NULL; rows++) {
        if (strncmp(rows->key, key, size) == 0 && rows->key[size] == '.') {
            return true;
        }
    }
    return false;
}

static bool has_row(const struct option *rows, const char *key, size_t *place)
{
    for (size_t i = 0; rows != NULL && rows[i].key != NULL; i++) {
        if (strcmp(rows[i].key, key) == 0) {
            *place = i;
            return true;
        }
    }
    return false;
}

// Offer the keys that may stand where `prefix` ("" or "tls.") leads, and list them.
static void offer(const struct option *rows, const char *prefix, struct nearest *nearest,
                  char *known, size_t size)
{
    size_t skip = strlen(prefix);
    for (; rows != NULL && rows->key != NULL; rows++) {
        if (strncmp(rows->key, prefix, skip) != 0) {
            continue;
        }
        const char *rest = rows->key + skip;
        nearest_offer(nearest, rest);
        size_t used = strlen(known);
        if (used + strlen(rest) + 3 < size) {
            (void)snprintf(known + used, size - used, "%s%s", used > 0 ? ", " : "", rest);
        }
    }
}

static void tell_unknown(const struct option_set *set, const struct option *others,
                         const struct yaml_node *node, const char *prefix,
                         struct problems *problems)
{
    struct nearest nearest = nearest_begin(node->key);
    char known[300] = "";
    offer(others, prefix, &nearest, known, sizeof known);
    offer(set->rows, prefix, &nearest, known, sizeof known);
    if (nearest.best != NULL) {
        yaml_wrong(node, NULL, problems, "unknown key; did you mean \"%s\"?", nearest.best);
    } else {
        yaml_wrong(node, NULL, problems, "unknown key; known here: %s", known);
    }
}

// One key of the mapping. `prefix` is "" or, within a nested mapping, "tls.". The nesting is one
// level deep: no row has two points.
static void take_key(struct option_set *set, const struct option *others,
                     const struct yaml_node *node, const char *prefix, struct problems *problems)
{
    char key[KEY_SIZE];
    (void)snprintf(key, sizeof key, "%s%s", prefix, node->key);
    size_t row = 0;
    if (has_row(set->rows, key, &row)) {
        take(set, row, node, problems);
    } else if (others != option_any && !has_row(others, key, &row) && !is_prefix(others, key)) {
        tell_unknown(set, others, node, prefix, problems);
    }
}

static void take_mapping(struct option_set *set, const struct option *others,
                         const struct yaml_node *mapping, struct problems *problems)
{
    for (const struct yaml_node *node = mapping->first; node != NULL; node = node->next) {
        size_t row = 0;
        bool is_plain = node->kind == YAML_TEXT && has_row(set->rows, node->key, &row);
        if (is_plain || !is_prefix(set->rows, node->key)) { // "contract: FILE", "contract: {..}"
            take_key(set, others, node, "", problems);
            continue;
        }
        if (node->kind != YAML_MAPPING && !yaml_is_null(node)) {
            yaml_wrong(node, NULL, problems, "is %s; write a mapping: {key: value}",
                       yaml_kind_name(node));
            continue;
        }
        char prefix[KEY_SIZE];
        (void)snprintf(prefix, sizeof prefix, "%s.", node->key);
        for (const struct yaml_node *inner = node->first; inner != NULL; inner = inner->next) {
            take_key(set, others, inner, prefix, problems);
        }
    }
}

void option_read(struct option_set *set, const struct option *rows, const struct option *others,
                 const struct yaml_node *parent, const char *section, struct problems *problems)
{
    assert(parent != NULL);
    size_t count = 0;
    while (rows[count].key != NULL) {
        count++;
    }
    const struct yaml_node *mapping = section != NULL ? yaml_get(parent, section) : parent;
    bool found = mapping != NULL && !yaml_is_null(mapping);
    const struct yaml_node *place = mapping != NULL ? mapping : parent;
    *set = (struct option_set){.rows = rows, .file = yaml_file(parent->yaml), .line = place->line};
    set->values = calloc(count + 1, sizeof *set->values);
    if (set->values == NULL) {
        yaml_wrong(place, NULL, problems, "no memory left");
        abort(); // nothing can be asked of it, and nothing has begun yet
    }
    if (found && mapping->kind != YAML_MAPPING) {
        yaml_wrong(mapping, NULL, problems, "is %s; write a mapping: key: value",
                   yaml_kind_name(mapping));
    } else {
        if (found) {
            take_mapping(set, others, mapping, problems);
        }
        tell_missing(set, others == option_any, found ? mapping : parent, found ? NULL : section,
                     problems);
    }
    take_defaults(set);
}

bool option_read_text(struct option_set *set, const struct option *rows, const char *file,
                      const char *text, struct problems *problems)
{
    unsigned before = problems->error_count;
    struct yaml *yaml = yaml_parse(file, bytes_text(*text != '\0' ? text : "{}"), problems);
    if (yaml == NULL) {
        *set = (struct option_set){.rows = rows, .file = file};
        return false;
    }
    option_read(set, rows, NULL, yaml_root(yaml), NULL, problems);
    yaml_tree_free(yaml);
    return problems->error_count == before;
}
