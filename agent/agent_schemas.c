// The products' schemas and the registry that knows their ids.
#include "agent/agent_core.h"

#include "agent/digest.h"

#include <assert.h>

uint64_t agent_schema_source(struct agent *agent)
{
    const char *url = agent->settings->registry_url;
    if (url == NULL) {
        return SCHEMA_SOURCE_CONTRACT;
    }
    struct output_stat stat = {.cluster_id = ""};
    agent->driver->stat(&agent->output, &stat);
    if (stat.cluster_id[0] == '\0') {
        return SCHEMA_SOURCE_UNKNOWN;
    }
    uint8_t sums[2 * DIGEST_SIZE], digest[DIGEST_SIZE];
    digest_sha256(bytes_text(url), sums);
    digest_sha256(bytes_text(stat.cluster_id), sums + DIGEST_SIZE);
    digest_sha256(bytes_from(sums, sizeof sums), digest);
    return get_u64(digest);
}

void agent_watch_schemas(struct agent *agent)
{
    uint64_t source = agent_schema_source(agent);
    for (uint32_t i = 0; i < agent->product_count; i++) {
        product_schema_source(&agent->products[i], source);
    }
}

enum err service_schema_wanted(struct service_port *port, uint32_t product, uint32_t skip,
                               struct schema_wanted *wanted, struct buffer *text)
{
    struct service_core *core = port->core;
    assert(product < core->agent->product_count);
    struct product *of = &core->agent->products[product];
    *wanted = (struct schema_wanted){
        .product = product, .source = of->marks.source, .topic = of->settings->port->topic};
    return product_schema_wanted(of, skip, text, &wanted->fingerprint);
}

void service_schema_known(struct service_port *port, const struct schema_wanted *wanted,
                          const struct schema_ids *ids)
{
    struct service_core *core = port->core;
    struct product *product = &core->agent->products[wanted->product];
    if (product->marks.source == wanted->source) {
        product_schema_known(product, wanted->fingerprint, ids);
    }
}
