#include "ports/discovery/node_json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>

void node_key(const struct settings *settings, const struct product_settings *product,
              char out[NODE_KEY_SIZE])
{
    (void)snprintf(out, NODE_KEY_SIZE, "%s/%s", product->contract->product_id, settings->gateway);
}

static void add_contract(cJSON *root, const struct contract *contract,
                         const struct report_product *report)
{
    char digest[2 * sizeof contract->content_digest + 1];
    for (size_t i = 0; i < sizeof contract->content_digest; i++) {
        (void)snprintf(digest + 2 * i, 3, "%02x", contract->content_digest[i]);
    }
    cJSON *item = cJSON_AddObjectToObject(root, "contract");
    (void)cJSON_AddStringToObject(item, "id", contract->id);
    (void)cJSON_AddStringToObject(item, "version", contract->version);
    (void)cJSON_AddStringToObject(item, "digest", digest);
    if (report->follow != NULL) {
        (void)cJSON_AddStringToObject(item, "track", report->follow->track_text);
    }
    if (report->followed != NULL && report->followed->newer[0] != '\0') {
        (void)cJSON_AddStringToObject(item, "newer", report->followed->newer);
        (void)cJSON_AddStringToObject(item, "why_not", report->followed->why);
    }
}

char *node_json(const struct settings *settings, const struct product_settings *product,
                const struct report_product *report)
{
    char text[17];
    (void)snprintf(text, sizeof text, "%016" PRIx64, report->epoch);
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "kind", "Node");
    (void)cJSON_AddStringToObject(root, "product", product->contract->product_id);
    (void)cJSON_AddStringToObject(root, "gateway", settings->gateway);
    (void)cJSON_AddStringToObject(root, "domain", product->contract->domain);
    (void)cJSON_AddStringToObject(root, "port", product->port->name);
    (void)cJSON_AddStringToObject(root, "topic", product->port->topic);
    add_contract(root, product->contract, report);
    (void)cJSON_AddStringToObject(root, "epoch", text);
    cJSON *agent = cJSON_AddObjectToObject(root, "agent");
    (void)cJSON_AddStringToObject(agent, "name", "weir");
    (void)cJSON_AddStringToObject(agent, "version", WEIR_VERSION);
    (void)cJSON_AddStringToObject(agent, "sbom", WEIR_SBOM_SHA256);
    char *printed = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return printed;
}
