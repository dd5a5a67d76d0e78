#include "agent/option.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

struct unit {
    const char *name;
    int64_t factor;
};

// Largest first: the first that divides is the one to write.
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit size_units[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};

static size_t find_row(const struct option_set *set, const char *key)
{
    size_t i = 0;
    while (set->rows[i].key != NULL && strcmp(set->rows[i].key, key) != 0) {
        i++;
    }
    assert(set->rows[i].key != NULL); // asking for a key that is not in the rows is a bug
    return i;
}

static const struct option_value *find(const struct option_set *set, const char *key,
                                       enum option_type type)
{
    size_t row = find_row(set, key);
    assert(set->rows[row].type == type);
    return &set->values[row];
}

bool option_is_set(const struct option_set *set, const char *key)
{
    return set->values[find_row(set, key)].set;
}

const char *option_text(const struct option_set *set, const char *key)
{
    size_t row = find_row(set, key);
    enum option_type type = set->rows[row].type;
    assert(type == OPTION_TEXT || type == OPTION_PATH || type == OPTION_CHOICE);
    return set->values[row].text;
}

int64_t option_integer(const struct option_set *set, const char *key)
{
    return find(set, key, OPTION_INTEGER)->integer;
}

double option_number(const struct option_set *set, const char *key)
{
    return find(set, key, OPTION_NUMBER)->number;
}

bool option_boolean(const struct option_set *set, const char *key)
{
    return find(set, key, OPTION_BOOLEAN)->integer != 0;
}

int64_t option_duration_ms(const struct option_set *set, const char *key)
{
    return find(set, key, OPTION_DURATION)->integer;
}

int64_t option_size_bytes(const struct option_set *set, const char *key)
{
    return find(set, key, OPTION_SIZE)->integer;
}

int option_choice(const struct option_set *set, const char *key)
{
    return (int)find(set, key, OPTION_CHOICE)->integer;
}

const struct option_pair *option_pairs(const struct option_set *set, const char *key,
                                       uint32_t *count)
{
    size_t row = find_row(set, key);
    enum option_type type = set->rows[row].type;
    assert(type == OPTION_LIST || type == OPTION_MAP);
    *count = set->values[row].pair_count;
    return set->values[row].pairs;
}

int option_line(const struct option_set *set, const char *key)
{
    return set->values[find_row(set, key)].line;
}

void option_default_integer(struct option_set *set, const char *key, int64_t value)
{
    struct option_value *slot = &set->values[find_row(set, key)];
    if (!slot->set) {
        slot->integer = value;
        slot->set = slot->by_default = true;
    }
}

void option_default_text(struct option_set *set, const char *key, const char *value)
{
    struct option_value *slot = &set->values[find_row(set, key)];
    if (!slot->set) {
        slot->text = strdup(value);
        slot->set = slot->by_default = slot->text != NULL;
    }
}

void option_default_choice(struct option_set *set, const char *key, int index)
{
    size_t row = find_row(set, key);
    struct option_value *slot = &set->values[row];
    const char *at = set->rows[row].choices;
    for (int i = 0; i < index; i++) {
        at = strchr(at, '|');
        assert(at != NULL); // else there are no so many choices
        at++;
    }
    if (!slot->set) {
        slot->integer = index;
        slot->text = strndup(at, strcspn(at, "|"));
        slot->set = slot->by_default = slot->text != NULL;
    }
}

static void value_free(struct option_value *value)
{
    for (uint32_t i = 0; i < value->pair_count; i++) {
        free(value->pairs[i].name);
        free(value->pairs[i].value);
    }
    free(value->pairs);
    free(value->text);
}

void option_set_free(struct option_set *set)
{
    for (size_t i = 0; set->values != NULL && set->rows[i].key != NULL; i++) {
        value_free(&set->values[i]);
    }
    free(set->values);
    *set = (struct option_set){.rows = NULL};
}

static void format_with(const struct unit *units, size_t count, int64_t value,
                        char out[OPTION_TEXT_SIZE])
{
    size_t i = 0;
    while (i + 1 < count && (value == 0 || value % units[i].factor != 0)) {
        i++;
    }
    (void)snprintf(out, OPTION_TEXT_SIZE, "%" PRId64 " %s", value / units[i].factor, units[i].name);
}

void option_format_duration(int64_t ms, char out[OPTION_TEXT_SIZE])
{
    format_with(duration_units, sizeof duration_units / sizeof *duration_units, ms, out);
}

void option_format_size(int64_t bytes, char out[OPTION_TEXT_SIZE])
{
    format_with(size_units, sizeof size_units / sizeof *size_units, bytes, out);
}

bool option_is_secret(const char *key)
{
    static const char *const words[] = {"password", "secret", "passphrase", "token"};
    const char *point = strrchr(key, '.');
    const char *last = point != NULL ? point + 1 : key;
    if (strcasestr(last, "file") != NULL) {
        return false; // the name of the file that holds it
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasestr(last, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static const char *type_text(const struct option *row)
{
    switch (row->type) {
    case OPTION_TEXT:
        return "text";
    case OPTION_PATH:
        return "path";
    case OPTION_BOOLEAN:
        return "true or false";
    case OPTION_INTEGER:
        return "integer";
    case OPTION_NUMBER:
        return "number";
    case OPTION_DURATION:
        return "duration";
    case OPTION_SIZE:
        return "size";
    case OPTION_CHOICE:
        return "one of";
    case OPTION_LIST:
        return "list of texts";
    case OPTION_MAP:
        return "mapping of texts";
    }
    return "text";
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

// "duration, 1 s to 1 d", "udp, tcp, unix".
static void print_kind(const struct option *row, FILE *out)
{
    if (row->type == OPTION_CHOICE) {
        for (const char *at = row->choices; *at != '\0'; at++) {
            (void)fputs(*at == '|' ? ", " : (char[2]){*at, '\0'}, out);
        }
        return;
    }
    (void)fputs(type_text(row), out);
    if (row->low == 0 && row->high == 0) {
        return;
    }
    char low[OPTION_TEXT_SIZE];
    char high[OPTION_TEXT_SIZE];
    format_limit(row, row->low, low);
    format_limit(row, row->high, high);
    if (row->high < row->low) {
        (void)fprintf(out, ", at least %s", low);
    } else {
        (void)fprintf(out, ", %s to %s", low, high);
    }
}

void option_print_help(const struct option *rows, FILE *out)
{
    for (const struct option *row = rows; row->key != NULL; row++) {
        (void)fprintf(out, "  %s: ", row->key);
        print_kind(row, out);
        if (row->required) {
            (void)fputs("; required", out);
        } else if (row->initial != NULL) {
            (void)fprintf(out, "; default %s", row->initial);
        }
        (void)fprintf(out, "\n      %s\n", row->help != NULL ? row->help : "");
    }
}

void option_print_table_line(const struct option *row, FILE *out)
{
    (void)fprintf(out, "| `%s` | ", row->key);
    print_kind(row, out);
    if (row->required) {
        (void)fputs(" | required", out);
    } else if (row->initial != NULL) {
        (void)fprintf(out, " | `%s`", row->initial);
    } else {
        (void)fputs(" |", out);
    }
    (void)fprintf(out, " | %s |\n", row->help != NULL ? row->help : "");
}
