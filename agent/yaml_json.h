// A YAML tree as JSON, every key kept, in its order. Plain texts become what the core schema of
// YAML 1.2 says of them (null, true, false, numbers); all else, dates and what is quoted too, are
// strings. A number that JSON writes in the same way keeps its digits.
//
// Floor: forms.
#ifndef WEIR_AGENT_YAML_JSON_H
#define WEIR_AGENT_YAML_JSON_H

#include "agent/yaml.h"

#include <cjson/cJSON.h>

// The caller frees it with cJSON_Delete; NULL: no memory. Numbers are raw: print it, or read it
// again, before asking for their values.
cJSON *yaml_json(const struct yaml_node *root);

// The same as JSON text on one line, to be freed by cJSON_free; NULL: no memory.
char *yaml_json_text(const struct yaml_node *root);

// Is the text read as something else than a string: a number, true, null?
bool yaml_is_typed(const struct yaml_node *node);

#endif
