#include "agent/access.h"

#include <string.h>

// ---- the rows ----

static bool is_there(const struct access *access, const struct access_row *row)
{
    for (uint32_t i = 0; i < access->count; i++) {
        const struct access_row *other = &access->rows[i];
        if (other->who == row->who && other->resource == row->resource &&
            other->prefixed == row->prefixed && strcmp(other->name, row->name) == 0 &&
            strcmp(other->operation, row->operation) == 0) {
            return true;
        }
    }
    return false;
}

static enum err add(struct access *access, enum access_who who, enum access_resource resource,
                    bool prefixed, const char *operation, const char *front, const char *end)
{
    struct access_row row = {
        .who = who, .resource = resource, .prefixed = prefixed, .operation = operation};
    int size = snprintf(row.name, sizeof row.name, "%s%s", front, end);
    if (size < 0 || (size_t)size >= sizeof row.name) {
        return ERR_LIMIT;
    }
    if (is_there(access, &row)) {
        return OK;
    }
    if (access->count == ACCESS_ROWS_MAX) {
        return ERR_LIMIT;
    }
    access->rows[access->count++] = row;
    return OK;
}

struct right {
    enum access_who who;
    enum access_resource resource;
    bool prefixed;
    const char *operation;
    const char *name; // after the topic or the domain; or whole
};

static enum err add_all(struct access *access, const struct right *rights, size_t count,
                        const char *front)
{
    enum err err = OK;
    for (size_t i = 0; i < count && err == OK; i++) {
        err = add(access, rights[i].who, rights[i].resource, rights[i].prefixed,
                  rights[i].operation, front, rights[i].name);
    }
    return err;
}

static const struct right of_topic[] = {
    {ACCESS_GATEWAY, ACCESS_TOPIC, true, "Write", ""},
    {ACCESS_GATEWAY, ACCESS_TOPIC, true, "Describe", ""},
    {ACCESS_READER, ACCESS_TOPIC, true, "Read", ""},
    {ACCESS_READER, ACCESS_TOPIC, true, "Describe", ""},
};

static const struct right of_domain[] = {
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Read", ".weir-cursors"},
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Describe", ".weir-cursors"},
    {ACCESS_GATEWAY, ACCESS_GROUP, true, "Read", ".weir."},
    {ACCESS_GATEWAY, ACCESS_GROUP, true, "Describe", ".weir."},
    {ACCESS_GATEWAY, ACCESS_TRANSACTION, true, "Write", ".weir."},
    {ACCESS_GATEWAY, ACCESS_TRANSACTION, true, "Describe", ".weir."},
    {ACCESS_OWNER, ACCESS_TOPIC, true, "All", "."},
};

static const struct right of_mesh[] = {
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Write", "mesh.nodes"},
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Describe", "mesh.nodes"},
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Write", "mesh.slo"},
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Describe", "mesh.slo"},
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Write", "mesh.heartbeats"},
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Describe", "mesh.heartbeats"},
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Read", "mesh.contracts"},
    {ACCESS_GATEWAY, ACCESS_TOPIC, false, "Describe", "mesh.contracts"},
    {ACCESS_OWNER, ACCESS_TOPIC, false, "Write", "mesh.products"},
    {ACCESS_OWNER, ACCESS_TOPIC, false, "Write", "mesh.contracts"},
    {ACCESS_OWNER, ACCESS_TOPIC, true, "Read", "mesh."},
    {ACCESS_OWNER, ACCESS_TOPIC, true, "Describe", "mesh."},
    {ACCESS_READER, ACCESS_TOPIC, true, "Read", "mesh."},
    {ACCESS_READER, ACCESS_TOPIC, true, "Describe", "mesh."},
};

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

enum err access_add(struct access *access, const struct contract *contract)
{
    enum err err = OK;
    for (uint32_t i = 0; i < contract->port_count && err == OK; i++) {
        err = add_all(access, of_topic, COUNT(of_topic), contract->ports[i].topic);
    }
    if (err == OK) {
        err = add_all(access, of_domain, COUNT(of_domain), contract->domain);
    }
    if (err == OK) {
        err = add_all(access, of_mesh, COUNT(of_mesh), "");
    }
    return err;
}

// ---- whom ----

static const char *principal_of(const struct access_principals *principals, enum access_who who)
{
    const char *const names[] = {principals->gateway, principals->owner, principals->reader};
    return names[who];
}

// The first of `list`, cut at ';'. Returns where the next begins; NULL: there is none.
static const char *next_principal(const char *list, char out[ACCESS_NAME_SIZE])
{
    size_t size = strcspn(list, ";");
    (void)snprintf(out, ACCESS_NAME_SIZE, "%.*s",
                   size < ACCESS_NAME_SIZE ? (int)size : ACCESS_NAME_SIZE - 1, list);
    return list[size] == ';' ? list + size + 1 : NULL;
}

// ---- texts ----

static const char *const resource_words[] = {"topic", "group", "transactional id"};

void access_print(const struct access *access, const struct access_principals *principals,
                  FILE *out)
{
    for (uint32_t i = 0; i < access->count; i++) {
        const struct access_row *row = &access->rows[i];
        (void)fprintf(out, "  %s: %s on %s %s%s\n", principal_of(principals, row->who),
                      row->operation, resource_words[row->resource], row->name,
                      row->prefixed ? "*" : "");
    }
}

// In single quotes for a shell.
static void print_quoted(const char *text, FILE *out)
{
    (void)fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)fputs("'\\''", out);
        } else {
            (void)fputc(*text, out);
        }
    }
    (void)fputc('\'', out);
}

static void print_acl_line(const struct access_row *row, const char *principal,
                           const char *bootstrap, FILE *out)
{
    static const char *const flags[] = {"--topic", "--group", "--transactional-id"};
    (void)fputs("kafka-acls.sh --bootstrap-server ", out);
    print_quoted(bootstrap, out);
    (void)fputs(" --add --allow-principal ", out);
    print_quoted(principal, out);
    (void)fprintf(out, " --operation %s %s ", row->operation, flags[row->resource]);
    print_quoted(row->name, out);
    (void)fprintf(out, " --resource-pattern-type %s\n", row->prefixed ? "prefixed" : "literal");
}

void access_print_kafka_acls(const struct access *access,
                             const struct access_principals *principals, const char *bootstrap,
                             FILE *out)
{
    for (uint32_t i = 0; i < access->count; i++) {
        char principal[ACCESS_NAME_SIZE];
        const char *rest = principal_of(principals, access->rows[i].who);
        while (rest != NULL) {
            rest = next_principal(rest, principal);
            print_acl_line(&access->rows[i], principal, bootstrap, out);
        }
    }
}

// A text of HCL, and of YAML in double quotes.
static void print_string(const char *text, FILE *out)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)fputc('\\', out);
        }
        (void)fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
        if ((*text == '$' || *text == '%') && text[1] == '{') {
            (void)fputc(*text, out); // HCL's way to write it as it is
        }
    }
    (void)fputc('"', out);
}

void access_print_terraform(const struct access *access, const struct access_principals *principals,
                            FILE *out)
{
    static const char *const types[] = {"Topic", "Group", "TransactionalID"};
    (void)fputs("# Provider Mongey/kafka.\n", out);
    unsigned number = 0;
    for (uint32_t i = 0; i < access->count; i++) {
        const struct access_row *row = &access->rows[i];
        char principal[ACCESS_NAME_SIZE];
        const char *rest = principal_of(principals, row->who);
        while (rest != NULL) {
            rest = next_principal(rest, principal);
            (void)fprintf(out,
                          "resource \"kafka_acl\" \"weir_%u\" {\n  resource_name = ", number++);
            print_string(row->name, out);
            (void)fprintf(out,
                          "\n  resource_type = \"%s\"\n  resource_pattern_type_filter = \"%s\"\n  "
                          "acl_principal = ",
                          types[row->resource], row->prefixed ? "Prefixed" : "Literal");
            print_string(principal, out);
            (void)fprintf(out,
                          "\n  acl_host = \"*\"\n  acl_operation = \"%s\"\n  "
                          "acl_permission_type = \"Allow\"\n}\n",
                          row->operation);
        }
    }
}

static void print_user(const struct access *access, enum access_who who, const char *principal,
                       FILE *out)
{
    static const char *const types[] = {"topic", "group", "transactionalId"};
    const char *name = strncmp(principal, "User:", 5) == 0 ? principal + 5 : principal;
    name = strncmp(name, "CN=", 3) == 0 ? name + 3 : name;
    (void)fputs("---\napiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata:\n  name: ",
                out);
    print_string(name, out);
    (void)fputs("\nspec:\n  authorization:\n    type: simple\n    acls:\n", out);
    for (uint32_t i = 0; i < access->count; i++) {
        const struct access_row *row = &access->rows[i];
        if (row->who == who) {
            (void)fprintf(out, "      - resource: {type: %s, name: ", types[row->resource]);
            print_string(row->name, out);
            (void)fprintf(out, ", patternType: %s}\n        operations: [%s]\n",
                          row->prefixed ? "prefix" : "literal", row->operation);
        }
    }
}

void access_print_strimzi(const struct access *access, const struct access_principals *principals,
                          FILE *out)
{
    for (enum access_who who = ACCESS_GATEWAY; who <= ACCESS_READER; who++) {
        char principal[ACCESS_NAME_SIZE];
        const char *rest = principal_of(principals, who);
        while (rest != NULL) {
            rest = next_principal(rest, principal);
            print_user(access, who, principal, out);
        }
    }
}
