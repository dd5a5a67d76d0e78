// What a consumer reads from a topic may be anybody's bytes: the header and the losses record.
#include "agent/verify.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verify_identity identity;
    if (verify_identity_read(bytes_from(data, size), &identity) == OK) {
        assert(identity.seq > 0 && identity.gateway.size <= VERIFY_NAME_MAX);
        assert(identity.gateway.size + 18 < size);
    }
    struct verify_loss loss;
    if (verify_loss_read(bytes_from(data, size), &loss) != OK) {
        return 0;
    }
    assert(loss.from > 0 && loss.from <= loss.to);
    struct verify *verify = verify_open();
    struct verify_verdict verdict;
    if (verify != NULL) {
        assert(verify_declare(verify, &loss) == OK);
        verify_judge(verify, 0, &verdict);
        assert(verdict.missing == loss.from - 1);
        verify_close(verify);
    }
    return 0;
}
