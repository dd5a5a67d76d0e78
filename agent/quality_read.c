#include "agent/quality_read.h"

#include "agent/clock.h"
#include "agent/number.h"
#include "agent/odcs.h"
#include "agent/quality_reading.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATTERN_MAX = 4096, DECIMALS_MAX = 15, HEAP_KIB = 512 };

static const char *const actions[] = {"count", "annotate", "drop", "quarantine", NULL};
// ---- small parts ----

enum quality_action quality_read_action(const struct quality_reading *reading,
                                        const struct yaml_node *element,
                                        enum quality_action initial)
{
    enum quality_action action = (enum quality_action)odcs_custom_choice(
        element, "weir.onViolation", actions, (int)initial, reading->problems);
    if (action == ACTION_ANNOTATE && !reading->has_quality && reading->is_blocks) {
        yaml_wrong(odcs_custom(element, "weir.onViolation"), NULL, reading->problems,
                   "weir.onViolation: annotate needs a property with weir.role quality in the "
                   "layout blocks, whose rows have no headers; give one, or write quarantine, drop "
                   "or count");
    }
    return action;
}

struct rule *quality_add_rule(struct quality_reading *reading, const struct quality_place *place,
                              const struct yaml_node *node, enum quality_kind kind)
{
    struct quality_rules *quality = reading->quality;
    if (quality->rule_count == QUALITY_RULES_MAX) {
        if (!reading->told_many) {
            yaml_wrong(node, NULL, reading->problems, "weir judges at most %d rules",
                       QUALITY_RULES_MAX);
        }
        reading->told_many = true;
        return NULL;
    }
    struct rule *rule = &quality->rules[quality->rule_count++];
    rule->face = (struct quality_rule){
        .kind = kind, .action = place->action, .column = place->column, .line = node->line};
    return rule;
}

bool quality_read_number(const struct quality_reading *reading, const struct yaml_node *node,
                         struct number *number)
{
    if (node->kind == YAML_TEXT && number_parse(bytes_text(node->text), number) != NUMBER_NONE) {
        return true;
    }
    yaml_wrong(node, NULL, reading->problems, "\"%.60s\" is no number",
               node->kind == YAML_TEXT ? node->text : yaml_kind_name(node));
    return false;
}

// A time of a contract: RFC 3339; without an offset, or a day alone, it is UTC.
bool quality_read_time(const struct quality_reading *reading, const struct yaml_node *node,
                       int64_t *ms)
{
    static const char *const endings[] = {"", "Z", "T00:00:00Z"};
    const char *text = node->kind == YAML_TEXT ? node->text : "";
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char whole[80];
        int size = snprintf(whole, sizeof whole, "%.60s%s", text, endings[i]);
        if (size > 10 && whole[10] == ' ') {
            whole[10] = 'T';
        }
        if (size > 0 && clock_parse(whole, (size_t)size, ms) == 0) {
            return true;
        }
    }
    yaml_wrong(node, NULL, reading->problems,
               "\"%.60s\" is no time; write e.g. 2026-01-31T00:00:00Z", text);
    return false;
}

static pcre2_code *compile(const struct quality_reading *reading, const struct yaml_node *node)
{
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
                             PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    if (node->kind != YAML_TEXT || strlen(node->text) > PATTERN_MAX) {
        yaml_wrong(node, NULL, reading->problems, "is no pattern of at most %d bytes", PATTERN_MAX);
        return NULL;
    }
    int err;
    PCRE2_SIZE at;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)node->text, PCRE2_ZERO_TERMINATED, options, &err, &at, NULL);
    if (code == NULL) {
        PCRE2_UCHAR why[128] = "";
        (void)pcre2_get_error_message(err, why, sizeof why);
        yaml_wrong(node, NULL, reading->problems, "\"%.60s\" is no pattern: %s at character %zu",
                   node->text, (const char *)why, (size_t)at + 1);
    }
    return code;
}

void quality_set_pattern(const struct quality_reading *reading, const struct yaml_node *node,
                         struct rule *rule)
{
    rule->pattern = compile(reading, node);
    rule->pattern_text = rule->pattern != NULL ? strdup(node->text) : NULL;
}

// ---- logicalTypeOptions ----

// A bound that no integer equals is moved to the next integer on its inner side.
static int64_t integer_bound(const struct number *number, enum quality_kind kind)
{
    if (number->kind == NUMBER_INTEGER) {
        return number->integer;
    }
    bool up = kind == RULE_MINIMUM || kind == RULE_EXCLUSIVE_MAXIMUM;
    double whole = up ? ceil(number->number) : floor(number->number);
    if (whole >= 9223372036854775808.0) {
        return INT64_MAX;
    }
    return whole < -9223372036854775808.0 ? INT64_MIN : (int64_t)whole;
}

static void read_bound(struct quality_reading *reading, const struct quality_place *place,
                       const struct yaml_node *node, enum quality_kind kind)
{
    struct number number = {.kind = NUMBER_NONE};
    int64_t ms = 0;
    bool is_time = place->column->type == COLUMN_TIMESTAMP;
    if (is_time ? !quality_read_time(reading, node, &ms)
                : !quality_read_number(reading, node, &number)) {
        return;
    }
    struct rule *rule = quality_add_rule(reading, place, node, kind);
    if (rule != NULL) {
        rule->integer = is_time ? ms : integer_bound(&number, kind);
        rule->number = number.number;
    }
}

// The step as a decimal: "0.25" is 25 / 10^2. False: more digits than are judged.
static bool read_step(double number, struct decimal_step *step)
{
    double power = 1;
    for (unsigned decimals = 0; decimals <= DECIMALS_MAX; decimals++, power *= 10) {
        double scaled = nearbyint(number * power);
        if (scaled >= 1 && scaled <= 9007199254740992.0 && scaled / power == number) {
            *step = (struct decimal_step){
                .step = (int64_t)scaled, .decimals = decimals, .number = number};
            return true;
        }
    }
    return false;
}

static void read_multiple(struct quality_reading *reading, const struct quality_place *place,
                          const struct yaml_node *node)
{
    struct number number;
    struct decimal_step step;
    if (!quality_read_number(reading, node, &number)) {
        return;
    }
    if (!(number.number > 0) || !read_step(number.number, &step)) {
        yaml_wrong(node, NULL, reading->problems,
                   "\"%.60s\" is no step above 0 with at most %d decimals", node->text,
                   DECIMALS_MAX);
        return;
    }
    struct rule *rule = quality_add_rule(reading, place, node, RULE_MULTIPLE_OF);
    if (rule != NULL) {
        rule->step = step;
    }
}

static void read_length(struct quality_reading *reading, const struct quality_place *place,
                        const struct yaml_node *node, enum quality_kind kind)
{
    struct number number;
    if (!quality_read_number(reading, node, &number)) {
        return;
    }
    if (number.kind != NUMBER_INTEGER || number.integer < 0) {
        yaml_wrong(node, NULL, reading->problems, "\"%.60s\" is no length; write 0 or more",
                   node->text);
        return;
    }
    struct rule *rule = quality_add_rule(reading, place, node, kind);
    if (rule != NULL) {
        rule->integer = number.integer;
    }
}

static void add_integer_range(struct quality_reading *reading, const struct quality_place *place,
                              const struct yaml_node *node, unsigned bits, bool is_signed)
{
    struct rule *low = quality_add_rule(reading, place, node, RULE_MINIMUM);
    if (low != NULL) {
        low->integer = is_signed ? -((int64_t)1 << (bits - 1)) : 0;
    }
    if (bits - (is_signed ? 1 : 0) >= 63) {
        return; // every value that a record can have
    }
    struct rule *high = quality_add_rule(reading, place, node, RULE_MAXIMUM);
    if (high != NULL) {
        high->integer = ((int64_t)1 << (bits - (is_signed ? 1 : 0))) - 1;
    }
}

static void read_integer_format(struct quality_reading *reading, const struct quality_place *place,
                                const struct yaml_node *node)
{
    static const struct {
        const char *name;
        unsigned bits;
        bool is_signed;
    } rows[] = {
        {"i8", 8, true},    {"i16", 16, true},   {"i32", 32, true},  {"i64", 0, true},
        {"i128", 0, true},  {"u8", 8, false},    {"u16", 16, false}, {"u32", 32, false},
        {"u64", 64, false}, {"u128", 64, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, node->text) == 0) {
            if (rows[i].bits > 0) {
                add_integer_range(reading, place, node, rows[i].bits, rows[i].is_signed);
            }
            return;
        }
    }
    yaml_wrong(node, NULL, reading->problems,
               "\"%.60s\" is none of: i8, i16, i32, i64, i128, u8, u16, u32, u64, u128",
               node->text);
}

static void read_number_format(struct quality_reading *reading, const struct quality_place *place,
                               const struct yaml_node *node)
{
    if (strcmp(node->text, "f64") == 0) {
        return;
    }
    if (strcmp(node->text, "f32") != 0) {
        yaml_wrong(node, NULL, reading->problems, "\"%.60s\" is none of: f32, f64", node->text);
        return;
    }
    struct rule *low = quality_add_rule(reading, place, node, RULE_MINIMUM);
    struct rule *high = low != NULL ? quality_add_rule(reading, place, node, RULE_MAXIMUM) : NULL;
    if (high != NULL) {
        low->number = -(double)FLT_MAX;
        high->number = (double)FLT_MAX;
    }
}

static void read_format(struct quality_reading *reading, const struct quality_place *place,
                        const struct yaml_node *node)
{
    if (node->kind != YAML_TEXT) {
        yaml_wrong(node, NULL, reading->problems, "is %s; write a text", yaml_kind_name(node));
        return;
    }
    if (place->column->type == COLUMN_INTEGER) {
        read_integer_format(reading, place, node);
    } else if (place->column->type == COLUMN_NUMBER) {
        read_number_format(reading, place, node);
    } else if (place->column->type == COLUMN_STRING) {
        enum text_form form = text_form_find(node->text);
        if (form == FORM_COUNT) {
            yaml_doubt(node, NULL, reading->problems,
                       "\"%.60s\" is not judged by weir; it judges email, uuid, uri, hostname, "
                       "ipv4 and ipv6, and any pattern",
                       node->text);
            return;
        }
        struct rule *rule = quality_add_rule(reading, place, node, RULE_FORMAT);
        if (rule != NULL) {
            rule->form = form;
        }
    } // of a time it says how other stores write it; on the wire it is RFC 3339
}

static void read_option(struct quality_reading *reading, const struct quality_place *place,
                        const struct yaml_node *node)
{
    static const struct {
        const char *key;
        enum quality_kind kind;
        void (*read)(struct quality_reading *reading, const struct quality_place *place,
                     const struct yaml_node *node, enum quality_kind kind);
    } rows[] = {
        {"minimum", RULE_MINIMUM, read_bound},
        {"maximum", RULE_MAXIMUM, read_bound},
        {"exclusiveMinimum", RULE_EXCLUSIVE_MINIMUM, read_bound},
        {"exclusiveMaximum", RULE_EXCLUSIVE_MAXIMUM, read_bound},
        {"minLength", RULE_MIN_LENGTH, read_length},
        {"maxLength", RULE_MAX_LENGTH, read_length},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].key, node->key) == 0) {
            rows[i].read(reading, place, node, rows[i].kind);
        }
    }
    if (strcmp(node->key, "multipleOf") == 0) {
        read_multiple(reading, place, node);
    } else if (strcmp(node->key, "format") == 0) {
        read_format(reading, place, node);
    } else if (strcmp(node->key, "pattern") == 0) {
        struct rule *rule = quality_add_rule(reading, place, node, RULE_PATTERN);
        if (rule != NULL) {
            quality_set_pattern(reading, node, rule);
        }
    }
}

static void read_options(struct quality_reading *reading, const struct quality_place *place)
{
    const struct yaml_node *options = yaml_get(place->node, "logicalTypeOptions");
    const char *const *known = NULL;
    const char *type = odcs_text(place->node, "logicalType", reading->problems);
    if (options == NULL || options->kind != YAML_MAPPING || type == NULL ||
        (known = odcs_type_option_keys(type)) == NULL) {
        return;
    }
    for (const struct yaml_node *node = options->first; node != NULL; node = node->next) {
        for (size_t i = 0; known[i] != NULL; i++) { // others were told as unknown
            if (strcmp(known[i], node->key) == 0 && !yaml_is_null(node)) {
                read_option(reading, place, node);
            }
        }
    }
}

static void read_rule(struct quality_reading *reading, const struct quality_place *place,
                      const struct yaml_node *item)
{
    if (!odcs_is_mapping(item, reading->problems)) {
        return;
    }
    odcs_check_keys(item, odcs_quality_keys, reading->problems);
    const char *type = odcs_text(item, "type", reading->problems);
    if (type == NULL || strcmp(type, "library") == 0) {
        quality_read_library(reading, place, item);
    } else if (strcmp(type, "sql") == 0 || strcmp(type, "custom") == 0) {
        yaml_doubt(item, NULL, reading->problems,
                   "a rule of type %s is not judged by weir; it needs all the data: run it beside "
                   "the cluster",
                   type);
    } else if (strcmp(type, "text") != 0) {
        yaml_wrong(yaml_get(item, "type"), NULL, reading->problems,
                   "\"%.60s\" is none of: text, library, sql, custom", type);
    }
}

static void read_rules(struct quality_reading *reading, const struct quality_place *place)
{
    const struct yaml_node *list = yaml_get(place->node, "quality");
    if (!odcs_is_list(list, reading->problems)) {
        return;
    }
    if (place->column != NULL && !quality_is_judged(place->column)) {
        yaml_doubt(list, NULL, reading->problems, "is not judged: weir itself fills this property");
        return;
    }
    for (const struct yaml_node *item = list->first; item != NULL; item = item->next) {
        read_rule(reading, place, item);
    }
}

// ---- a property, an entry ----

// What a product cannot carry must go elsewhere.
static enum quality_action unfit(enum quality_action action)
{
    return action == ACTION_DROP ? ACTION_DROP : ACTION_QUARANTINE;
}

static void read_property(struct quality_reading *reading, const struct yaml_node *node,
                          enum quality_action action)
{
    const struct yaml_node *name = yaml_get(node, "name");
    struct quality_place place = {.node = node,
                                  .action = quality_read_action(reading, node, action)};
    if (name == NULL || name->kind != YAML_TEXT ||
        (place.column = schema_find(reading->schema, bytes_text(name->text))) == NULL) {
        return; // told by contract_columns_read
    }
    struct quality_place strict = place;
    strict.action = unfit(place.action);
    if (place.column->role == ROLE_FIELD) {
        (void)quality_add_rule(reading, &strict, node, RULE_TYPE);
    }
    if ((place.column->required && place.column->role == ROLE_FIELD) ||
        place.column->role == ROLE_KEY) {
        (void)quality_add_rule(reading, &strict, node, RULE_REQUIRED);
    }
    if (quality_is_judged(place.column)) {
        read_options(reading, &place);
        if (odcs_boolean(node, "unique", false, reading->problems)) {
            struct rule *rule = quality_add_rule(reading, &place, node, RULE_UNIQUE);
            if (rule != NULL) {
                quality_add_key(reading, node, rule, place.column);
                quality_add_window(rule);
            }
        }
    }
    read_rules(reading, &place);
}

static struct quality_rules *quality_new(const struct schema *schema)
{
    struct quality_rules *quality = calloc(1, sizeof *quality);
    if (quality == NULL) {
        return NULL;
    }
    quality->schema = schema;
    quality->rules = calloc(QUALITY_RULES_MAX, sizeof *quality->rules);
    quality->match_data = pcre2_match_data_create(1, NULL); // whether, not where
    quality->match_context = pcre2_match_context_create(NULL);
    if (quality->rules == NULL || quality->match_data == NULL || quality->match_context == NULL) {
        quality_close(quality);
        return NULL;
    }
    (void)pcre2_set_match_limit(quality->match_context, QUALITY_MATCH_LIMIT);
    (void)pcre2_set_heap_limit(quality->match_context, HEAP_KIB);
    return quality;
}

// The rules that there are need no more room than that.
static void shrink(struct quality_rules *quality)
{
    size_t count = quality->rule_count > 0 ? quality->rule_count : 1;
    struct rule *fewer = realloc(quality->rules, count * sizeof *fewer);
    if (fewer != NULL) {
        quality->rules = fewer;
    }
}

struct quality_rules *quality_read(const struct yaml_node *entry, const struct schema *schema,
                                   struct problems *problems)
{
    struct quality_rules *quality = quality_new(schema);
    if (quality == NULL) {
        return NULL;
    }
    struct quality_reading reading = {.quality = quality, .schema = schema, .problems = problems};
    for (uint16_t i = 0; i < schema->column_count; i++) {
        reading.has_quality |= schema->columns[i].role == ROLE_QUALITY;
    }
    const struct yaml_node *layout = odcs_custom(entry, "weir.layout");
    reading.is_blocks = layout != NULL && strcmp(layout->text, "blocks") == 0;
    enum quality_action action = quality_read_action(
        &reading, entry, reading.has_quality ? ACTION_ANNOTATE : ACTION_QUARANTINE);
    quality->unfit = unfit(action);
    const struct yaml_node *properties = yaml_get(entry, "properties");
    if (properties != NULL && properties->kind == YAML_LIST) {
        for (const struct yaml_node *node = properties->first; node != NULL; node = node->next) {
            if (node->kind == YAML_MAPPING) {
                read_property(&reading, node, action);
            }
        }
        read_rules(&reading, &(struct quality_place){.node = entry, .action = action});
    }
    shrink(quality);
    return quality;
}
