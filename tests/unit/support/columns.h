// A schema from a list of columns, for tests that have no contract.
#ifndef WEIR_TESTS_UNIT_SUPPORT_COLUMNS_H
#define WEIR_TESTS_UNIT_SUPPORT_COLUMNS_H

#include "agent/schema.h"

#include <assert.h>
#include <stdio.h>

static inline void columns_add(struct schema *schema, const char *name, enum column_type type,
                               enum column_role role)
{
    assert(schema->column_count < SCHEMA_COLUMNS_MAX);
    struct column *column = &schema->columns[schema->column_count++];
    (void)snprintf(column->name, sizeof column->name, "%s", name);
    column->type = type;
    column->role = role;
    if (role == ROLE_FIELD) {
        column->field = schema->field_count++;
    }
}

#endif
