// The Open Data Contract Standard v3.1.0 as a form: which keys may stand where, and how its small
// values are read. Source: the standard's JSON Schema.
//
// Floor: forms.
#ifndef WEIR_AGENT_ODCS_H
#define WEIR_AGENT_ODCS_H

#include "agent/yaml.h"

// Lists of keys; NULL ends each.
extern const char *const odcs_root_keys[];
extern const char *const odcs_schema_keys[];
extern const char *const odcs_property_keys[];
extern const char *const odcs_kafka_server_keys[];
extern const char *const odcs_team_keys[];
extern const char *const odcs_member_keys[];
extern const char *const odcs_support_keys[];
extern const char *const odcs_promise_keys[]; // of slaProperties[]
extern const char *const odcs_custom_keys[];  // of customProperties[]
extern const char *const odcs_quality_keys[]; // of quality[]

// The keys of logicalTypeOptions for a logicalType; NULL where any may stand.
const char *const *odcs_type_option_keys(const char *logical_type);

// Each key of `mapping` that is not in `known` is a problem, told with what was probably meant.
void odcs_check_keys(const struct yaml_node *mapping, const char *const *known,
                     struct problems *problems);

// Is `node` there and of the kind? A problem where it is there and is not.
bool odcs_is_mapping(const struct yaml_node *node, struct problems *problems);
bool odcs_is_list(const struct yaml_node *node, struct problems *problems);

// The text of `key`, borrowed; NULL where it is not there or says nothing. A list or mapping in its
// place is a problem.
const char *odcs_text(const struct yaml_node *mapping, const char *key, struct problems *problems);

// The same, where a missing or empty one is a problem.
const char *odcs_need_text(const struct yaml_node *mapping, const char *key,
                           struct problems *problems);

// true or false; `initial` where it is not there. Anything else is a problem.
bool odcs_boolean(const struct yaml_node *mapping, const char *key, bool initial,
                  struct problems *problems);

// The value of the custom property `name` (a text node), or NULL.
const struct yaml_node *odcs_custom(const struct yaml_node *element, const char *name);

// Check the list customProperties of `element`: its form, and that names beginning with "weir." are
// in `known`.
void odcs_check_custom(const struct yaml_node *element, const char *const *known,
                       struct problems *problems);

// The place of the custom property `name`'s value in `choices`; `initial` where it is not there or
// (a problem) none of them.
int odcs_custom_choice(const struct yaml_node *element, const char *name,
                       const char *const *choices, int initial, struct problems *problems);

#endif
