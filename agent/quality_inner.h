// What the files of quality share. Nobody else includes it.
//
// Floor: forms.
#ifndef WEIR_AGENT_QUALITY_INNER_H
#define WEIR_AGENT_QUALITY_INNER_H

#include "agent/quality.h"
#include "agent/quality_window.h"
#include "agent/text_form.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { QUALITY_KEYS_MAX = 16 }; // columns of one duplicateValues

// A multiple of `step` / 10^`decimals`.
struct decimal_step {
    int64_t step;
    unsigned decimals;
    double number;
};

struct value_list {
    uint32_t count;
    bool has_null;
    struct value *values; // owned, ascending; texts are owned too
};

// A rule and what it is compiled to; which of the parts is used, the kind says.
struct rule {
    struct quality_rule face;
    int64_t integer; // bound of an integer column or time, length
    double number;   // bound of a number column
    struct decimal_step step;
    enum text_form form;
    pcre2_code *pattern; // owned
    char *pattern_text;  // owned
    struct value_list list;
    const struct column *keys[QUALITY_KEYS_MAX];
    uint32_t key_count;
    struct quality_window *window; // owned
};

struct quality_rules {
    const struct schema *schema;
    enum quality_action unfit;
    uint32_t rule_count;
    struct rule *rules; // owned, QUALITY_RULES_MAX of them while it is read
    pcre2_match_data *match_data;
    pcre2_match_context *match_context;
};

// Ascending order of values of one kind; for the search in a list.
int value_compare(const struct value *a, const struct value *b);

#endif
