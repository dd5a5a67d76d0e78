#include "agent/seal.h"

#include <assert.h>
#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/platform_util.h>
#include <stdlib.h>

// The key of a segment's salt is HKDF-SHA256(master, salt, "weir spool 1" || segment_id); the nonce
// is frame_no || segment_id. A salt is new for each segment, start and retry, so a torn frame that
// is written again, a restored image or a cloned card never meets the same (key, nonce).
struct seal {
    uint8_t master[SEAL_KEY_SIZE];
    uint8_t salt[FRAME_SALT_SIZE]; // what the contexts are keyed for
    uint64_t segment_id;           // 0: for nothing yet
    mbedtls_chachapoly_context chacha;
    mbedtls_gcm_context gcm;
};

struct seal *seal_new(const uint8_t *key)
{
    struct seal *seal = calloc(1, sizeof *seal);
    if (seal != NULL) {
        memcpy(seal->master, key, SEAL_KEY_SIZE);
        mbedtls_chachapoly_init(&seal->chacha);
        mbedtls_gcm_init(&seal->gcm);
    }
    return seal;
}

void seal_free(struct seal *seal)
{
    if (seal != NULL) {
        mbedtls_chachapoly_free(&seal->chacha);
        mbedtls_gcm_free(&seal->gcm);
        mbedtls_platform_zeroize(seal, sizeof *seal);
        free(seal);
    }
}

size_t seal_memory(void)
{
    return sizeof(struct seal);
}

static void derive(const struct seal *seal, const uint8_t *salt, size_t salt_size, const char *use,
                   uint64_t number, uint8_t *out, size_t out_size)
{
    uint8_t info[32];
    size_t use_size = strlen(use);
    assert(use_size + 8 <= sizeof info);
    memcpy(info, use, use_size);
    put_u64(info + use_size, number);
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    int failed = mbedtls_hkdf(sha256, salt, salt_size, seal->master, SEAL_KEY_SIZE, info,
                              use_size + 8, out, out_size);
    assert(failed == 0);
}

uint64_t seal_key_check(const struct seal *seal, uint64_t epoch)
{
    uint8_t check[8];
    derive(seal, NULL, 0, "weir key check 1", epoch, check, sizeof check);
    uint64_t number = get_u64(check);
    return number != 0 ? number : 1;
}

uint8_t seal_cipher(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul")) {
        return FRAME_SEALED_GCM;
    }
#endif
    return FRAME_SEALED_CHACHA;
}

static void seal_rekey(struct seal *seal, const struct frame *frame)
{
    bool same = seal->segment_id == frame->segment_id &&
                memcmp(seal->salt, frame->salt, FRAME_SALT_SIZE) == 0;
    if (same) {
        return;
    }
    uint8_t key[SEAL_KEY_SIZE];
    derive(seal, frame->salt, FRAME_SALT_SIZE, "weir spool 1", frame->segment_id, key, sizeof key);
    int failed = mbedtls_chachapoly_setkey(&seal->chacha, key);
    failed |= mbedtls_gcm_setkey(&seal->gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * SEAL_KEY_SIZE);
    assert(failed == 0);
    mbedtls_platform_zeroize(key, sizeof key);
    seal->segment_id = frame->segment_id;
    memcpy(seal->salt, frame->salt, FRAME_SALT_SIZE);
}

static void nonce_of(const struct frame *frame, uint8_t nonce[12])
{
    put_u32(nonce, frame->frame_no);
    put_u64(nonce + 4, frame->segment_id);
}

void seal_close(struct seal *seal, const struct frame *frame, const uint8_t *covered, uint8_t *at,
                uint32_t size)
{
    uint8_t nonce[12];
    nonce_of(frame, nonce);
    seal_rekey(seal, frame);
    int failed;
    if (frame->flags & FRAME_SEALED_GCM) {
        failed = mbedtls_gcm_crypt_and_tag(&seal->gcm, MBEDTLS_GCM_ENCRYPT, size, nonce,
                                           sizeof nonce, covered, FRAME_SEALED_SIZE, at, at,
                                           FRAME_TAG_SIZE, at + size);
    } else {
        failed = mbedtls_chachapoly_encrypt_and_tag(&seal->chacha, size, nonce, covered,
                                                    FRAME_SEALED_SIZE, at, at, at + size);
    }
    assert(failed == 0);
}

enum err seal_open(struct seal *seal, const struct frame *frame, const uint8_t *covered,
                   uint8_t *at)
{
    if (frame->size < FRAME_TAG_SIZE) {
        return ERR_CORRUPT;
    }
    uint32_t size = frame->size - FRAME_TAG_SIZE;
    uint8_t nonce[12];
    nonce_of(frame, nonce);
    seal_rekey(seal, frame);
    int failed;
    if (frame->flags & FRAME_SEALED_GCM) {
        failed = mbedtls_gcm_auth_decrypt(&seal->gcm, size, nonce, sizeof nonce, covered,
                                          FRAME_SEALED_SIZE, at + size, FRAME_TAG_SIZE, at, at);
    } else {
        failed = mbedtls_chachapoly_auth_decrypt(&seal->chacha, size, nonce, covered,
                                                 FRAME_SEALED_SIZE, at + size, at, at);
    }
    return failed == 0 ? OK : ERR_CORRUPT;
}
