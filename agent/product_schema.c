// What a product written in Avro asks of the schema registry.
#include "agent/avro_schema.h"
#include "agent/product_core.h"

void product_schema_source(struct product *product, uint64_t source)
{
    if (product->marks.count == 0 || product->marks.source == source) {
        return;
    }
    schema_marks_move(&product->marks, source);
    product_lanes_retry(product);
}

enum err product_schema_wanted(const struct product *product, uint32_t skip, struct buffer *text,
                               uint64_t *fingerprint)
{
    const struct schema_mark *mark = schema_marks_unknown(&product->marks, skip);
    if (mark == NULL) {
        return ERR_NOT_FOUND;
    }
    *fingerprint = mark->fingerprint;
    return avro_schema_put(product->marks.contract, product->marks.port, mark->schema, text);
}

// Durable at once: the registry may be away at the next start.
void product_schema_known(struct product *product, uint64_t fingerprint,
                          const struct schema_ids *ids)
{
    schema_marks_learn(&product->marks, fingerprint, ids, &product->states);
    product_changed(product);
    product->commit_now = true;
    product_lanes_retry(product);
}
