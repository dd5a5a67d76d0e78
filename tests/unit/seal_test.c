// Sealing: what was sealed opens, and nothing else does.
#include "agent/seal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { TEXT_SIZE = 37 };

static const uint8_t key[SEAL_KEY_SIZE] = {9, 8, 7};
static const uint8_t ciphers[2] = {FRAME_SEALED_CHACHA, FRAME_SEALED_GCM};

static struct frame frame_with(uint8_t cipher)
{
    struct frame frame = {.size = TEXT_SIZE + FRAME_TAG_SIZE,
                          .segment_id = 5,
                          .frame_no = 3,
                          .kind = FRAME_DENSE,
                          .flags = cipher,
                          .salt = {1, 2, 3}};
    return frame;
}

static void close_text(struct seal *seal, const struct frame *frame,
                       uint8_t header[FRAME_HEADER_SIZE], uint8_t at[TEXT_SIZE + FRAME_TAG_SIZE])
{
    for (int i = 0; i < TEXT_SIZE; i++) {
        at[i] = (uint8_t)i;
    }
    frame_put(frame, header);
    seal_close(seal, frame, header, at, TEXT_SIZE);
}

static void what_was_sealed_opens(void **state)
{
    (void)state;
    struct seal *seal = seal_new(key);
    for (int c = 0; c < 2; c++) {
        struct frame frame = frame_with(ciphers[c]);
        uint8_t header[FRAME_HEADER_SIZE];
        uint8_t at[TEXT_SIZE + FRAME_TAG_SIZE];
        close_text(seal, &frame, header, at);
        assert_int_not_equal(at[0] | at[1] << 8 | at[2] << 16, 0 | 1 << 8 | 2 << 16);

        assert_int_equal(seal_open(seal, &frame, header, at), OK);

        for (int i = 0; i < TEXT_SIZE; i++) {
            assert_int_equal(at[i], i);
        }
    }
    seal_free(seal);
}

static void any_bit_altered_does_not_open(void **state)
{
    (void)state;
    struct seal *seal = seal_new(key);
    for (int c = 0; c < 2; c++) {
        struct frame frame = frame_with(ciphers[c]);
        uint8_t header[FRAME_HEADER_SIZE];
        uint8_t at[TEXT_SIZE + FRAME_TAG_SIZE];
        for (size_t bit = 0; bit < 8 * sizeof at; bit++) {
            close_text(seal, &frame, header, at);
            at[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(seal_open(seal, &frame, header, at), ERR_CORRUPT);
        }
        for (size_t bit = 0; bit < 8 * FRAME_SEALED_SIZE; bit++) {
            close_text(seal, &frame, header, at);
            header[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(seal_open(seal, &frame, header, at), ERR_CORRUPT);
        }
    }
    seal_free(seal);
}

static void another_salt_segment_frame_or_key_does_not_open(void **state)
{
    (void)state;
    uint8_t other_key[SEAL_KEY_SIZE] = {1};
    struct seal *seal = seal_new(key);
    struct seal *other = seal_new(other_key);
    for (int c = 0; c < 2; c++) {
        struct frame frame = frame_with(ciphers[c]);
        struct frame wrong[3] = {frame, frame, frame};
        wrong[0].salt[15] ^= 1;
        wrong[1].segment_id++;
        wrong[2].frame_no++;
        uint8_t header[FRAME_HEADER_SIZE];
        uint8_t at[TEXT_SIZE + FRAME_TAG_SIZE];
        for (int i = 0; i < 3; i++) {
            close_text(seal, &frame, header, at);
            assert_int_equal(seal_open(seal, &wrong[i], header, at), ERR_CORRUPT);
        }
        close_text(seal, &frame, header, at);
        assert_int_equal(seal_open(other, &frame, header, at), ERR_CORRUPT);
    }
    assert_true(seal_key_check(seal, 1) != seal_key_check(other, 1));
    assert_true(seal_key_check(seal, 1) != seal_key_check(seal, 2));
    seal_free(seal);
    seal_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens),
        cmocka_unit_test(any_bit_altered_does_not_open),
        cmocka_unit_test(another_salt_segment_frame_or_key_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
