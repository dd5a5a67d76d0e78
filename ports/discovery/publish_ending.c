// Both majors of a product run until the support of the older one ends: what plan and apply say of
// it, and that they do not take back the marks of `weir product retire`.
#include "ports/discovery/publish_inner.h"

#include "agent/clock.h"
#include "agent/contract_document.h"

#include <stdio.h>

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL ? text : "";
}

bool publish_is_deprecated(struct bytes document)
{
    cJSON *root = cJSON_ParseWithLength((const char *)document.at, document.size);
    bool is = strcmp(text_of(root, "status"), "deprecated") == 0;
    cJSON_Delete(root);
    return is;
}

// The marks of `weir product retire` are not in the owner's file: they stay.
void publish_tell_deprecated(struct publish_step *step, struct bytes document)
{
    char end[64];
    contract_document_end(document, end);
    TELL(step, PUBLISH_LEAVE, "is deprecated%s%s, and stays so; what shall go on is a new version",
         end[0] != '\0' ? ", supported until " : "", end);
}

// The contract of one port of the product that is not of this request: until when does it run?
static void tell_older_port(const struct making *making, const cJSON *port, char *out, size_t size)
{
    const char *id = text_of(port, "contractId");
    const char *version = text_of(port, "version");
    char key[300], end[64] = "";
    int64_t end_ms = 0;
    (void)snprintf(key, sizeof key, "%s/%s", id, version);
    const struct mesh_entry *entry = mesh_table_find(making->contracts, key);
    if (entry != NULL) {
        contract_document_end(entry->value, end);
    }
    if (entry == NULL) {
        (void)snprintf(out, size, "its contract %.80s is off the mesh", key);
    } else if (!publish_is_deprecated(entry->value) || end[0] == '\0') {
        (void)snprintf(out, size, "%.20s runs on until it is retired (weir product retire)",
                       version);
    } else if (contract_end_ms(end, &end_ms) && end_ms < clock_wall_ms()) {
        (void)snprintf(out, size, "support of %.20s ended %.30s: retire it (weir product retire)",
                       version, end);
    } else {
        (void)snprintf(out, size, "%.20s is supported until %.30s", version, end);
    }
}

static bool is_of_request(const struct publish_request *request, const cJSON *port)
{
    bool is = false;
    for (uint32_t i = 0; i < request->count; i++) {
        const struct contract *contract = request->contracts[i];
        is = is || (strcmp(contract->id, text_of(port, "contractId")) == 0 &&
                    strcmp(contract->version, text_of(port, "version")) == 0);
    }
    return is;
}

// Both majors run for a time: say for how long the older one does.
void publish_tell_older_ports(const struct making *making, struct publish_step *step)
{
    cJSON *root = cJSON_Parse(step->document);
    const cJSON *port;
    cJSON_ArrayForEach(port, cJSON_GetObjectItemCaseSensitive(root, "outputPorts"))
    {
        char older[200];
        size_t used = strlen(step->detail);
        if (is_of_request(making->request, port)) {
            continue;
        }
        tell_older_port(making, port, older, sizeof older);
        (void)snprintf(step->detail + used, sizeof step->detail - used, "%s%s",
                       used > 0 ? "; " : "", older);
    }
    cJSON_Delete(root);
}
