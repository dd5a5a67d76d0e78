// Records of the mesh topics, which anybody with a right to write there may have made: signatures,
// documents, and the commits of __consumer_offsets. The first byte says which; what is accepted
// must hold together.
#include "agent/contract_document.h"
#include "agent/dsse.h"
#include "agent/product_document.h"
#include "ports/discovery/mesh_inner.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void a_signature(struct bytes bytes)
{
    struct dsse_verdict verdict;
    dsse_check(NULL, bytes, PRODUCT_TYPE, bytes_text("{\"id\":\"another\"}"), "plant7", &verdict);
    // No bytes sign a value that nobody signed.
    if (verdict.state == DSSE_TRUSTED || verdict.state == DSSE_SIGNED) {
        abort();
    }
}

static void a_document(struct bytes bytes)
{
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    char *ended = contract_document_ended(bytes, "deprecated", "2027-01-01");
    bool is_object = contract_content_digest(bytes, before) == OK;
    if (is_object != (ended != NULL)) {
        abort();
    }
    // Once it is well shaped (a list of promises), marks of the end are no content, whatever else
    // the document holds, and marking it again changes nothing.
    char *again =
        is_object ? contract_document_ended(bytes_text(ended), "deprecated", "2027-01-01") : NULL;
    if (is_object && (contract_content_digest(bytes_text(ended), before) != OK ||
                      contract_content_digest(bytes_text(again), after) != OK ||
                      memcmp(before, after, DIGEST_SIZE) != 0 || strcmp(ended, again) != 0)) {
        abort();
    }
    cJSON_free(again);
    cJSON_free(ended);
    cJSON_free(product_document_without(bytes, "a", "1"));
}

static void a_commit(struct bytes bytes)
{
    struct bytes group, topic;
    int64_t time_ms;
    size_t half = bytes.size > 0 ? bytes.at[0] % bytes.size : 0;
    (void)mesh_commit_read(bytes_from(bytes.at, half),
                           bytes_from(bytes.at + half, bytes.size - half), &group, &topic,
                           &time_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct bytes) = {a_signature, a_document, a_commit};
    if (size > 0) {
        readers[data[0] % 3](bytes_from(data + 1, size - 1));
    }
    return 0;
}
