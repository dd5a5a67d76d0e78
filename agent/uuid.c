#include "agent/uuid.h"

#include <assert.h>
#include <mbedtls/sha1.h>
#include <mbedtls/version.h>
#include <stdio.h>

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define SHA1(name) mbedtls_sha1_##name
#else
#define SHA1(name) mbedtls_sha1_##name##_ret
#endif

static const uint8_t url_space[16] = {0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,
                                      0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

void uuid_of_url(struct bytes name, char out[UUID_TEXT_SIZE])
{
    uint8_t sum[20];
    mbedtls_sha1_context sha1;
    mbedtls_sha1_init(&sha1);
    int failed = SHA1(starts)(&sha1) | SHA1(update)(&sha1, url_space, sizeof url_space) |
                 SHA1(update)(&sha1, name.at, name.size) | SHA1(finish)(&sha1, sum);
    mbedtls_sha1_free(&sha1);
    assert(failed == 0);                        // only hardware that computes it could fail
    sum[6] = (uint8_t)((sum[6] & 0x0f) | 0x50); // version 5
    sum[8] = (uint8_t)((sum[8] & 0x3f) | 0x80); // the variant of RFC 9562
    size_t used = 0;
    for (size_t i = 0; i < 16; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        used +=
            (size_t)snprintf(out + used, UUID_TEXT_SIZE - used, "%s%02x", dash ? "-" : "", sum[i]);
    }
}
