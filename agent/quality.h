// What a contract demands of each record, compiled: is this record as promised, and if not, what is
// to be done with it? Nothing is allocated for a record, and each rule's work is bounded.
//
// Judged per record: the type and `required` of each property, logicalTypeOptions (minimum,
// maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, format),
// `unique`, and the library metrics nullValues, missingValues, invalidValues (validValues, pattern)
// and duplicateValues where their operator allows none ("mustBe: 0", "mustBeLessThan: 1"). A metric
// that allows some ("mustBeLessThan: 5, unit: percent"), and rowCount, is counted and judged over a
// span of time (quality_rule_holds). sql and custom are not judged here; the reader of contracts
// warns.
//
// What is not said by ODCS, and how it is taken:
//  - NaN and the infinities are no values: they count as null.
//  - A null breaks `required`, nullValues, and missingValues (where its list names null, or
//    there is no list), and nothing else.
//  - Lengths are in code points. A pattern is searched for (ECMA-262: without ^ it may begin
//    anywhere; \d, \w and \s are ASCII); of a number, in its shortest JSON text. One that takes
//    more than QUALITY_MATCH_LIMIT steps on a text has not matched it.
//  - multipleOf is decimal: 0.3 is a multiple of 0.1.
//  - duplicateValues and `unique` look back over the last QUALITY_WINDOW records in which none of
//    the columns was null; the later one of two breaks the rule. The memory of them begins anew
//    with each start.
//
// What is to be done is the contract's own, `weir.onViolation` among the customProperties of a
// quality rule, else of the property, else of the schema's entry:
//
//     annotate     its quality becomes bad, in its value where there is a column of the role
//     quality
//                  (then this is the default), and in its header
//     quarantine   it goes to <topic>.quarantine with the reason (default elsewhere)
//     drop         it is dropped, declared and counted
//     count        it is only counted
//
// A rule's `severity` info means count, warning means annotate (count where there is no column of
// quality), unless weir.onViolation says otherwise. A record that the product cannot carry at all
// (a type, a required value) is never annotated: it is quarantined where not dropped.
//
// Floor: forms.
#ifndef WEIR_AGENT_QUALITY_H
#define WEIR_AGENT_QUALITY_H

#include "agent/record.h"

enum {
    QUALITY_RULES_MAX = 1024,
    QUALITY_WINDOW = 4096, // records
    QUALITY_MATCH_LIMIT = 20000,
    QUALITY_SENTENCE_SIZE = 256,
};

// Ascending: of several broken rules the strongest action counts.
enum quality_action { ACTION_COUNT, ACTION_ANNOTATE, ACTION_DROP, ACTION_QUARANTINE };

enum quality_kind {
    RULE_TYPE,
    RULE_REQUIRED,
    RULE_MINIMUM,
    RULE_MAXIMUM,
    RULE_EXCLUSIVE_MINIMUM,
    RULE_EXCLUSIVE_MAXIMUM,
    RULE_MULTIPLE_OF,
    RULE_MIN_LENGTH,
    RULE_MAX_LENGTH,
    RULE_PATTERN,
    RULE_FORMAT,
    RULE_UNIQUE,
    RULE_NULL_VALUES, // from here on: library metrics
    RULE_MISSING_VALUES,
    RULE_INVALID_VALUES,
    RULE_DUPLICATE_VALUES,
    RULE_ROW_COUNT,
};

const char *quality_kind_name(enum quality_kind kind);       // "minimum", "duplicateValues"
const char *quality_action_name(enum quality_action action); // "annotate"

// The operator of a library metric.
enum quality_operator {
    MUST_BE,
    MUST_NOT_BE,
    MUST_BE_GREATER_THAN,
    MUST_BE_GREATER_OR_EQUAL_TO,
    MUST_BE_LESS_THAN,
    MUST_BE_LESS_OR_EQUAL_TO,
    MUST_BE_BETWEEN,
    MUST_NOT_BE_BETWEEN,
};

struct quality_tolerance {
    enum quality_operator how;
    double a, b; // of mustBeBetween both
    bool percent;
};

struct quality_rule {
    enum quality_kind kind;
    enum quality_action action;
    const struct column *column; // NULL: of the whole record
    bool tolerant;               // some may break it: `tolerance` says how many
    struct quality_tolerance tolerance;
    char name[64];      // the rule's own name or id; "" where it has none
    char dimension[16]; // of ODCS; "" where it has none
    int line;           // of the contract
    uint64_t rows;      // seen, and of those
    uint64_t breaches;  // that broke it
};

struct quality_rules; // opaque; keeps a window, so it belongs to one stream at a time

struct quality_verdict {
    enum quality_action action;      // ACTION_COUNT: the record goes on as it is
    bool conforms;                   // no rule is broken, but for those that allow some
    const struct quality_rule *rule; // the first one broken of that action; NULL: none
};

// Judge a record that is to be stored; it is counted, and the window moves on.
void quality_judge(struct quality_rules *quality, const struct record *record,
                   struct quality_verdict *verdict);

// Why `rule` is broken by `record`: "value is 141.5, above the maximum 140".
void quality_explain(const struct quality_rules *quality, const struct quality_rule *rule,
                     const struct record *record, char sentence[QUALITY_SENTENCE_SIZE]);

uint32_t quality_rule_count(const struct quality_rules *quality);
const struct quality_rule *quality_rule(const struct quality_rules *quality, uint32_t index);

// Do so many breaches in so many rows satisfy the tolerance? (Of rowCount, `breaches` is not looked
// at.) No rows: of percent, yes.
bool quality_rule_holds(const struct quality_rule *rule, uint64_t rows, uint64_t breaches);

// What is done with a record that has `action`, where the product cannot carry it as it is.
enum quality_action quality_unfit_action(const struct quality_rules *quality);

void quality_close(struct quality_rules *quality); // NULL is nothing

#endif
