// The catalog for people at a terminal.
#include "agent/command_catalog.h"

#include "agent/clock.h"

#include <stdio.h>

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text(const cJSON *object, const char *name)
{
    const char *found = cJSON_GetStringValue(member(object, name));
    return found != NULL ? found : "";
}

// Other people's text in one line without control characters.
static void put(const char *value)
{
    for (; *value != '\0'; value++) {
        (void)putchar((unsigned char)*value < 0x20 || *value == 0x7F ? ' ' : *value);
    }
}

static void put_line(const char *name, const char *value)
{
    if (*value != '\0') {
        (void)printf("  %-12s ", name);
        put(value);
        (void)putchar('\n');
    }
}

static void put_cell(const char *value, int width)
{
    char cell[64];
    (void)snprintf(cell, sizeof cell, "%-*.*s ", width, width, value);
    put(cell);
}

void catalog_print_list(const cJSON *entries)
{
    const cJSON *entry;
    if (entries->child != NULL) {
        (void)printf("%-20s %-16s %-18s %-11s %-9s %-9s %8s\n", "NAME", "DOMAIN", "OWNER", "STATUS",
                     "SIGNED", "LEVELS", "GATEWAYS");
    }
    cJSON_ArrayForEach(entry, entries)
    {
        put_cell(text(entry, "name"), 20);
        put_cell(text(entry, "domain"), 16);
        put_cell(text(entry, "owner"), 18);
        put_cell(text(entry, "status"), 11);
        put_cell(text(member(entry, "signature"), "state"), 9);
        put_cell(text(entry, "status_of_levels"), 9);
        (void)printf("%8d\n", cJSON_GetArraySize(member(entry, "gateways")));
    }
}

static void put_signature(const cJSON *of)
{
    const cJSON *signature = member(of, "signature");
    char line[600];
    const char *sentence = text(signature, "sentence");
    const char *signer = text(signature, "signer");
    bool is_good = *sentence == '\0';
    (void)snprintf(line, sizeof line, "%s%s%s", text(signature, "state"),
                   !is_good          ? ": "
                   : *signer != '\0' ? " by "
                                     : "",
                   is_good ? signer : sentence);
    put_line("signature", line);
}

static void put_contract(const cJSON *contract)
{
    const cJSON *item;
    char line[600];
    (void)snprintf(line, sizeof line, "%s/%s%s", text(contract, "id"), text(contract, "version"),
                   cJSON_IsTrue(member(contract, "found")) ? "" : " is not on mesh.contracts");
    put_line("contract", line);
    if (cJSON_IsTrue(member(contract, "found"))) {
        put_signature(contract);
    }
    cJSON_ArrayForEach(item, member(contract, "fields"))
    {
        (void)snprintf(line, sizeof line, "%-20s %-10s %-8s %s", text(item, "name"),
                       text(item, "type"), text(item, "unit"), text(item, "description"));
        put_line("  field", line);
    }
    cJSON_ArrayForEach(item, member(contract, "promises"))
    {
        char *value = cJSON_PrintUnformatted(member(item, "value"));
        (void)snprintf(line, sizeof line, "%-20s %s %s", text(item, "name"),
                       value != NULL ? value : "", text(item, "unit"));
        cJSON_free(value);
        put_line("  promise", line);
    }
}

static void put_levels(const cJSON *entry)
{
    const cJSON *level;
    cJSON_ArrayForEach(level, member(entry, "levels"))
    {
        char line[600];
        char *value = cJSON_PrintUnformatted(member(level, "value"));
        (void)snprintf(line, sizeof line, "%-20s %-14s %-8s %s %s", text(level, "gateway"),
                       text(level, "name"), text(level, "status"), value != NULL ? value : "-",
                       text(level, "unit"));
        cJSON_free(value);
        put_line("level", line);
    }
}

void catalog_print_details(const cJSON *entry)
{
    const cJSON *item;
    char line[600];
    (void)snprintf(line, sizeof line, "%s/%s", text(entry, "domain"), text(entry, "name"));
    put(line);
    (void)putchar('\n');
    put_line("id", text(entry, "id"));
    put_line("version", text(entry, "version"));
    put_line("status", text(entry, "status"));
    put_line("support ends", text(entry, "end_of_support"));
    put_line("purpose", text(entry, "purpose"));
    put_line("usage", text(entry, "usage"));
    put_line("limitations", text(entry, "limitations"));
    put_line("owner", text(entry, "owner"));
    cJSON_ArrayForEach(item, member(entry, "support"))
    {
        put_line("support", item->valuestring);
    }
    put_signature(entry);
    cJSON_ArrayForEach(item, member(entry, "ports"))
    {
        (void)snprintf(line, sizeof line, "%s  %s  %s, %s", text(item, "name"), text(item, "topic"),
                       text(item, "format"), text(item, "layout"));
        put_line("port", line);
    }
    cJSON_ArrayForEach(item, member(entry, "contracts"))
    {
        put_contract(item);
    }
    cJSON_ArrayForEach(item, member(entry, "inputs"))
    {
        (void)snprintf(line, sizeof line, "%s/%s", text(item, "id"), text(item, "version"));
        put_line("made of", line);
    }
    put_levels(entry);
    cJSON_ArrayForEach(item, member(entry, "gateways"))
    {
        (void)snprintf(line, sizeof line, "%s  runs %s/%s, agent %s%s", text(item, "name"),
                       text(item, "contract"), text(item, "version"), text(item, "agent"),
                       cJSON_IsTrue(member(item, "silent")) ? "; silent" : "");
        put_line("gateway", line);
    }
}
