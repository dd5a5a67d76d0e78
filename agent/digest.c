#include "agent/digest.h"

#include <assert.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

void digest_sha256(struct bytes bytes, uint8_t out[DIGEST_SIZE])
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    int failed = mbedtls_sha256(bytes.at, bytes.size, out, 0);
#else
    int failed = mbedtls_sha256_ret(bytes.at, bytes.size, out, 0);
#endif
    assert(failed == 0); // only hardware that computes it could fail
}
