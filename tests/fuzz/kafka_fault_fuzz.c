// An error's text carries what a broker, or who plays one, has written: the sentence made of it
// must end, and stay within its bounds.
#include "ports/output/kafka_client.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const rd_kafka_resp_err_t errs[] = {
        RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__RESOLVE,        RD_KAFKA_RESP_ERR__BAD_MSG,
        RD_KAFKA_RESP_ERR__SSL,       RD_KAFKA_RESP_ERR__AUTHENTICATION,
    };
    char text[1024];
    struct kafka_fault fault;
    size = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = 0;
    for (size_t i = 0; i < sizeof errs / sizeof *errs; i++) {
        kafka_fault_of(errs[i], text, &fault);
        assert(fault.code[0] != 0 && strlen(fault.sentence) < sizeof fault.sentence);
        assert(fault.link != LINK_UP);
    }
    return 0;
}
