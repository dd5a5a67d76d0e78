// A flat list of rules, in the order of the contract; each looks at one value (the type and
// `required` of a column stand before its others) or, for duplicates, at several.
#include "agent/quality.h"

#include "agent/clock.h"
#include "agent/json_text.h"
#include "agent/number.h"
#include "agent/quality_inner.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *quality_kind_name(enum quality_kind kind)
{
    static const char *const names[] = {
        "type",
        "required",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "unique",
        "nullValues",
        "missingValues",
        "invalidValues",
        "duplicateValues",
        "rowCount",
    };
    assert((size_t)kind < sizeof names / sizeof *names);
    return names[kind];
}

const char *quality_action_name(enum quality_action action)
{
    static const char *const names[] = {"count", "annotate", "drop", "quarantine"};
    assert(action <= ACTION_QUARANTINE);
    return names[action];
}

// ---- values ----

// What the record says in `column`; what is no value (NaN, no key, a time without a clock) is null.
static struct value value_of(const struct record *record, const struct column *column)
{
    struct value value = {.kind = VALUE_NULL};
    if (column->role == ROLE_FIELD) {
        value = record->values[column->field];
    } else if (column->role == ROLE_KEY && record->key.size > 0) {
        value = (struct value){.kind = VALUE_TEXT, .text = record->key};
    } else if (column->role == ROLE_TIME && record->clock != RECORD_CLOCK_BOOT) {
        value = (struct value){.kind = VALUE_INTEGER, .integer = record->time_ms};
    }
    if (value.kind == VALUE_NUMBER && !isfinite(value.number)) {
        value.kind = VALUE_NULL;
    }
    return value;
}

static bool kind_fits(enum column_type type, enum value_kind kind)
{
    static const enum value_kind kinds[] = {
        [COLUMN_BOOLEAN] = VALUE_BOOLEAN,   [COLUMN_INTEGER] = VALUE_INTEGER,
        [COLUMN_NUMBER] = VALUE_NUMBER,     [COLUMN_STRING] = VALUE_TEXT,
        [COLUMN_TIMESTAMP] = VALUE_INTEGER,
    };
    return kind == kinds[type];
}

static int order(double a, double b)
{
    return (a > b) - (a < b);
}

int value_compare(const struct value *a, const struct value *b)
{
    assert(a->kind == b->kind);
    switch (a->kind) {
    case VALUE_NULL:
        return 0;
    case VALUE_BOOLEAN:
        return (int)a->boolean - (int)b->boolean;
    case VALUE_INTEGER:
        return (a->integer > b->integer) - (a->integer < b->integer);
    case VALUE_NUMBER:
        return order(a->number, b->number);
    case VALUE_TEXT:
        break;
    }
    size_t shared = a->text.size < b->text.size ? a->text.size : b->text.size;
    int way = shared == 0 ? 0 : memcmp(a->text.at, b->text.at, shared);
    return way != 0 ? way : (a->text.size > b->text.size) - (a->text.size < b->text.size);
}

static bool is_listed(const struct value_list *list, const struct value *value)
{
    uint32_t low = 0;
    uint32_t high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int way = value_compare(value, &list->values[middle]);
        if (way == 0) {
            return true;
        }
        low = way > 0 ? middle + 1 : low;
        high = way > 0 ? high : middle;
    }
    return false;
}

// ---- rules of one value ----

// The value against the bound: negative, 0 or positive.
static int against_bound(const struct rule *rule, const struct value *value)
{
    if (value->kind == VALUE_INTEGER) {
        return (value->integer > rule->integer) - (value->integer < rule->integer);
    }
    return order(value->number, rule->number);
}

static int64_t power_of_ten(unsigned exponent)
{
    int64_t power = 1;
    while (exponent-- > 0) {
        power *= 10;
    }
    return power;
}

static bool integer_is_multiple(const struct decimal_step *step, int64_t integer)
{
    if (step->step > INT32_MAX) { // products of two remainders must fit
        return step->decimals == 0 ? integer % step->step == 0
                                   : fmod((double)integer, step->number) == 0;
    }
    int64_t scaled = integer % step->step * (power_of_ten(step->decimals) % step->step);
    return scaled % step->step == 0;
}

// 10^exponent modulo `modulus`, which is at most INT32_MAX.
static int64_t power_of_ten_modulo(unsigned exponent, int64_t modulus)
{
    int64_t power = 1 % modulus;
    for (unsigned i = 0; i < exponent; i++) {
        power = power * 10 % modulus;
    }
    return power;
}

// Of a double that has more digits before the step's last one than doubles hold exactly: by its
// shortest decimal text, mantissa * 10^exponent.
static bool large_is_multiple(const struct decimal_step *step, double number)
{
    char text[NUMBER_TEXT_SIZE];
    int64_t mantissa = 0;
    int exponent = 0;
    bool after_point = false;
    (void)number_format(fabs(number), text);
    const char *at = text;
    for (; *at != 0 && *at != 'e'; at++) {
        if (*at == '.') {
            after_point = true;
        } else if (mantissa < INT64_MAX / 100) { // 17 digits, and zeros
            mantissa = mantissa * 10 + (*at - '0');
            exponent -= after_point ? 1 : 0;
        } else {
            exponent += after_point ? 0 : 1;
        }
    }
    exponent += *at == 'e' ? (int)strtol(at + 1, NULL, 10) : 0;
    exponent += (int)step->decimals;
    for (; exponent < 0 && mantissa % 10 == 0; exponent++) {
        mantissa /= 10;
    }
    return exponent >= 0 && mantissa % step->step *
                                    power_of_ten_modulo((unsigned)exponent, step->step) %
                                    step->step ==
                                0;
}

// A double is the decimal n / 10^d where dividing gives exactly it: both are exact as doubles up to
// 2^53, and so the division rounds correctly.
static bool number_is_multiple(const struct decimal_step *step, double number)
{
    double power = (double)power_of_ten(step->decimals);
    double scaled = nearbyint(number * power);
    if (fabs(scaled) > 9007199254740992.0) {
        return step->step <= INT32_MAX ? large_is_multiple(step, number)
                                       : fmod(number, step->number) == 0;
    }
    return scaled / power == number && (int64_t)scaled % step->step == 0;
}

static bool is_multiple(const struct rule *rule, const struct value *value)
{
    return value->kind == VALUE_INTEGER ? integer_is_multiple(&rule->step, value->integer)
                                        : number_is_multiple(&rule->step, value->number);
}

static int64_t code_points(struct bytes text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += (text.at[i] & 0xC0) != 0x80;
    }
    return count;
}

// A pattern sees a number as JSON would have it.
static struct bytes text_of(const struct value *value, char room[NUMBER_TEXT_SIZE])
{
    switch (value->kind) {
    case VALUE_TEXT:
        return value->text;
    case VALUE_INTEGER:
        return bytes_from(room, number_format_integer(value->integer, room));
    case VALUE_NUMBER:
        return bytes_from(room, number_format(value->number, room));
    case VALUE_BOOLEAN:
        return bytes_text(value->boolean ? "true" : "false");
    case VALUE_NULL:
        break;
    }
    return bytes_text("");
}

static bool matches(const struct quality_rules *quality, const struct rule *rule,
                    const struct value *value)
{
    char room[NUMBER_TEXT_SIZE];
    struct bytes text = text_of(value, room);
    static const uint8_t nothing[1] = {0};
    int found = pcre2_match(rule->pattern, text.size == 0 ? nothing : text.at, text.size, 0, 0,
                            quality->match_data, quality->match_context);
    return found >= 0; // no match, over the limits, no UTF-8: it is not shown to match
}

// Is the rule broken by a value that is there and has the column's type?
static bool value_breaks(const struct quality_rules *quality, const struct rule *rule,
                         const struct value *value)
{
    switch (rule->face.kind) {
    case RULE_MINIMUM:
        return against_bound(rule, value) < 0;
    case RULE_MAXIMUM:
        return against_bound(rule, value) > 0;
    case RULE_EXCLUSIVE_MINIMUM:
        return against_bound(rule, value) <= 0;
    case RULE_EXCLUSIVE_MAXIMUM:
        return against_bound(rule, value) >= 0;
    case RULE_MULTIPLE_OF:
        return !is_multiple(rule, value);
    case RULE_MIN_LENGTH:
        return code_points(value->text) < rule->integer;
    case RULE_MAX_LENGTH:
        return code_points(value->text) > rule->integer;
    case RULE_PATTERN:
        return !matches(quality, rule, value);
    case RULE_FORMAT:
        return !text_has_form(rule->form, value->text);
    case RULE_MISSING_VALUES:
        return is_listed(&rule->list, value);
    case RULE_INVALID_VALUES:
        return (rule->list.count > 0 && !is_listed(&rule->list, value)) ||
               (rule->pattern != NULL && !matches(quality, rule, value));
    case RULE_TYPE:
    case RULE_REQUIRED:
    case RULE_NULL_VALUES:
    case RULE_UNIQUE:
    case RULE_DUPLICATE_VALUES:
    case RULE_ROW_COUNT:
        break;
    }
    return false;
}

// ---- duplicates ----

static uint64_t hash_bytes(uint64_t hash, const void *at, size_t size) // FNV-1a
{
    const uint8_t *byte = at;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t hash_value(uint64_t hash, const struct value *value)
{
    double number = value->kind == VALUE_NUMBER && value->number != 0 ? value->number : 0;
    uint8_t boolean = value->kind == VALUE_BOOLEAN && value->boolean;
    switch (value->kind) {
    case VALUE_TEXT: // its size goes in: "ab","c" and "a","bc" differ
        hash = hash_bytes(hash, &value->text.size, sizeof value->text.size);
        return hash_bytes(hash, value->text.at, value->text.size);
    case VALUE_INTEGER:
        return hash_bytes(hash, &value->integer, sizeof value->integer);
    case VALUE_NUMBER:
        return hash_bytes(hash, &number, sizeof number);
    case VALUE_BOOLEAN:
        return hash_bytes(hash, &boolean, 1);
    case VALUE_NULL:
        break;
    }
    return hash;
}

static uint64_t hash_end(uint64_t hash) // the finisher of MurmurHash3
{
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 33);
}

static bool comes_again(const struct rule *rule, const struct record *record)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < rule->key_count; i++) {
        struct value value = value_of(record, rule->keys[i]);
        if (value.kind == VALUE_NULL) {
            return false;
        }
        hash = hash_value(hash, &value);
    }
    return quality_window_seen(rule->window, hash_end(hash));
}

// ---- a record ----

static bool breaks(const struct quality_rules *quality, const struct rule *rule,
                   const struct record *record)
{
    if (rule->window != NULL) {
        return comes_again(rule, record);
    }
    if (rule->face.column == NULL) {
        return false; // rowCount
    }
    struct value value = value_of(record, rule->face.column);
    if (value.kind == VALUE_NULL) {
        return rule->face.kind == RULE_REQUIRED || rule->face.kind == RULE_NULL_VALUES ||
               (rule->face.kind == RULE_MISSING_VALUES && rule->list.has_null);
    }
    if (!kind_fits(rule->face.column->type, value.kind)) {
        return rule->face.kind == RULE_TYPE;
    }
    return value_breaks(quality, rule, &value);
}

void quality_judge(struct quality_rules *quality, const struct record *record,
                   struct quality_verdict *verdict)
{
    *verdict = (struct quality_verdict){.action = ACTION_COUNT, .conforms = true};
    for (uint32_t i = 0; i < quality->rule_count; i++) {
        struct rule *rule = &quality->rules[i];
        rule->face.rows++;
        if (!breaks(quality, rule, record)) {
            continue;
        }
        rule->face.breaches++;
        if (rule->face.tolerant) {
            continue;
        }
        if (verdict->conforms || rule->face.action > verdict->action) {
            verdict->action = rule->face.action;
            verdict->rule = &rule->face;
        }
        verdict->conforms = false;
    }
}

uint32_t quality_rule_count(const struct quality_rules *quality)
{
    return quality->rule_count;
}

const struct quality_rule *quality_rule(const struct quality_rules *quality, uint32_t index)
{
    assert(index < quality->rule_count);
    return &quality->rules[index].face;
}

enum quality_action quality_unfit_action(const struct quality_rules *quality)
{
    return quality->unfit;
}

bool quality_rule_holds(const struct quality_rule *rule, uint64_t rows, uint64_t breaches)
{
    if (!rule->tolerant) {
        return breaches == 0;
    }
    const struct quality_tolerance *tolerance = &rule->tolerance;
    double found = rule->kind == RULE_ROW_COUNT ? (double)rows : (double)breaches;
    if (tolerance->percent) {
        if (rows == 0) {
            return true;
        }
        found = found * 100.0 / (double)rows;
    }
    switch (tolerance->how) {
    case MUST_BE:
        return order(found, tolerance->a) == 0;
    case MUST_NOT_BE:
        return order(found, tolerance->a) != 0;
    case MUST_BE_GREATER_THAN:
        return found > tolerance->a;
    case MUST_BE_GREATER_OR_EQUAL_TO:
        return found >= tolerance->a;
    case MUST_BE_LESS_THAN:
        return found < tolerance->a;
    case MUST_BE_LESS_OR_EQUAL_TO:
        return found <= tolerance->a;
    case MUST_BE_BETWEEN:
        return found >= tolerance->a && found <= tolerance->b;
    case MUST_NOT_BE_BETWEEN:
        return found < tolerance->a || found > tolerance->b;
    }
    return true;
}

void quality_close(struct quality_rules *quality)
{
    if (quality == NULL) {
        return;
    }
    for (uint32_t i = 0; i < quality->rule_count; i++) {
        struct rule *rule = &quality->rules[i];
        pcre2_code_free(rule->pattern);
        free(rule->pattern_text);
        for (uint32_t k = 0; k < rule->list.count; k++) {
            if (rule->list.values[k].kind == VALUE_TEXT) {
                free((void *)(uintptr_t)rule->list.values[k].text.at);
            }
        }
        free(rule->list.values);
        quality_window_close(rule->window);
    }
    pcre2_match_data_free(quality->match_data);
    pcre2_match_context_free(quality->match_context);
    free(quality->rules);
    free(quality);
}

// ---- sentences ----

// A value as a sentence shows it: at most 40 bytes of a text, whole characters.
static void show(const struct value *value, const struct column *column, char out[64])
{
    char number[NUMBER_TEXT_SIZE];
    switch (value->kind) {
    case VALUE_NULL:
        (void)snprintf(out, 64, "missing");
        return;
    case VALUE_BOOLEAN:
        (void)snprintf(out, 64, "%s", value->boolean ? "true" : "false");
        return;
    case VALUE_INTEGER:
        if (column->type == COLUMN_TIMESTAMP) {
            char time[25];
            (void)clock_format(value->integer, time);
            (void)snprintf(out, 64, "%s", time);
            return;
        }
        (void)snprintf(out, 64, "%" PRId64, value->integer);
        return;
    case VALUE_NUMBER:
        (void)number_format(value->number, number);
        (void)snprintf(out, 64, "%s", number);
        return;
    case VALUE_TEXT:
        break;
    }
    size_t size = 0;
    out[0] = '"';
    while (size < value->text.size && size < 40) {
        size_t step = json_utf8_size(bytes_from(value->text.at + size, value->text.size - size));
        if (step == 0 || value->text.at[size] < 0x20) {
            out[1 + size++] = '?';
            continue;
        }
        memcpy(out + 1 + size, value->text.at + size, step);
        size += step;
    }
    (void)snprintf(out + 1 + size, 64 - 1 - size, "%s", size < value->text.size ? "...\"" : "\"");
}

static const char *type_phrase(enum column_type type)
{
    static const char *const names[] = {"a boolean", "an integer", "a number", "a text", "a time"};
    return names[type];
}

// The bound of a range, in the words of its column.
static void show_bound(const struct rule *rule, char out[64])
{
    struct value bound = {.kind = VALUE_INTEGER, .integer = rule->integer};
    if (rule->face.column->type == COLUMN_NUMBER) {
        bound = (struct value){.kind = VALUE_NUMBER, .number = rule->number};
    }
    show(&bound, rule->face.column, out);
}

// What is wrong with `shown`, in the words of the rule.
static void explain_value(const struct rule *rule, const char *name, const char *shown,
                          char sentence[QUALITY_SENTENCE_SIZE])
{
    char bound[64] = "";
    const size_t size = QUALITY_SENTENCE_SIZE;
    switch (rule->face.kind) {
    case RULE_TYPE:
        (void)snprintf(sentence, size, "%s must be %s and is %s", name,
                       type_phrase(rule->face.column->type), shown);
        return;
    case RULE_REQUIRED:
        (void)snprintf(sentence, size, "%s is required and missing", name);
        return;
    case RULE_MINIMUM:
    case RULE_EXCLUSIVE_MINIMUM:
        show_bound(rule, bound);
        (void)snprintf(sentence, size, "%s is %s, %s the %s %s", name, shown,
                       rule->face.kind == RULE_MINIMUM ? "below" : "not above",
                       quality_kind_name(rule->face.kind), bound);
        return;
    case RULE_MAXIMUM:
    case RULE_EXCLUSIVE_MAXIMUM:
        show_bound(rule, bound);
        (void)snprintf(sentence, size, "%s is %s, %s the %s %s", name, shown,
                       rule->face.kind == RULE_MAXIMUM ? "above" : "not below",
                       quality_kind_name(rule->face.kind), bound);
        return;
    case RULE_MULTIPLE_OF:
        (void)number_format(rule->step.number, bound);
        (void)snprintf(sentence, size, "%s is %s, no multiple of %s", name, shown, bound);
        return;
    case RULE_MIN_LENGTH:
    case RULE_MAX_LENGTH:
        (void)snprintf(sentence, size, "%s is %s, %s than %" PRId64 " characters", name, shown,
                       rule->face.kind == RULE_MIN_LENGTH ? "shorter" : "longer", rule->integer);
        return;
    case RULE_PATTERN:
        (void)snprintf(sentence, size, "%s is %s and does not match %.80s", name, shown,
                       rule->pattern_text);
        return;
    case RULE_FORMAT:
        (void)snprintf(sentence, size, "%s is %s, which is no %s", name, shown,
                       text_form_name(rule->form));
        return;
    case RULE_UNIQUE:
    case RULE_DUPLICATE_VALUES:
        (void)snprintf(sentence, size, "%s came before (%s)", name,
                       quality_kind_name(rule->face.kind));
        return;
    case RULE_NULL_VALUES:
        (void)snprintf(sentence, size, "%s is null (nullValues)", name);
        return;
    case RULE_MISSING_VALUES:
        (void)snprintf(sentence, size, "%s is %s, which counts as missing (missingValues)", name,
                       shown);
        return;
    case RULE_INVALID_VALUES:
        (void)snprintf(sentence, size, "%s is %s, which is not valid (invalidValues)", name, shown);
        return;
    case RULE_ROW_COUNT:
        break;
    }
    (void)snprintf(sentence, size, "%s", quality_kind_name(rule->face.kind));
}

void quality_explain(const struct quality_rules *quality, const struct quality_rule *face,
                     const struct record *record, char sentence[QUALITY_SENTENCE_SIZE])
{
    (void)quality;
    const struct rule *rule = (const struct rule *)face; // its first member
    char shown[64] = "";
    char names[160] = "";
    if (rule->key_count > 0) {
        for (uint32_t i = 0; i < rule->key_count; i++) {
            size_t used = strlen(names);
            (void)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                           rule->keys[i]->name);
        }
    } else {
        struct value value = value_of(record, face->column);
        show(&value, face->column, shown);
        (void)snprintf(names, sizeof names, "%s", face->column->name);
    }
    explain_value(rule, names, shown, sentence);
}
