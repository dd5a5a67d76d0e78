#include "agent/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/keyctl.h>

#include <cmocka.h>

static const char hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
static const char base64[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

static void make_key(uint8_t key[SEAL_KEY_SIZE])
{
    for (uint8_t i = 0; i < SEAL_KEY_SIZE; i++) {
        key[i] = i;
    }
}

static void a_key_is_the_same_in_all_three_forms(void **context)
{
    (void)context;
    uint8_t expected[SEAL_KEY_SIZE];
    uint8_t key[SEAL_KEY_SIZE];
    make_key(expected);
    struct bytes forms[] = {bytes_from(expected, sizeof expected), bytes_text(hex),
                            bytes_text(base64)};
    for (size_t i = 0; i < 3; i++) {
        memset(key, 0xee, sizeof key);
        assert_int_equal(key_parse(forms[i], key), OK);
        assert_memory_equal(key, expected, sizeof key);
    }
}

static void every_other_length_and_every_wrong_letter_is_refused(void **context)
{
    (void)context;
    uint8_t key[SEAL_KEY_SIZE];
    for (size_t size = 0; size < strlen(hex); size++) {
        assert_int_equal(key_parse(bytes_from(hex, size), key), size == 32 ? OK : ERR_INVALID);
    }
    for (size_t i = 0; i < strlen(hex); i++) {
        char text[sizeof hex];
        memcpy(text, hex, sizeof hex);
        text[i] = 'g';
        assert_int_equal(key_parse(bytes_text(text), key), ERR_INVALID);
    }
    for (size_t i = 0; i < strlen(base64); i++) {
        char text[sizeof base64];
        memcpy(text, base64, sizeof base64);
        text[i] = '*';
        assert_int_equal(key_parse(bytes_text(text), key), ERR_INVALID);
    }
}

static void a_credential_of_systemd_is_found_by_its_name(void **context)
{
    (void)context;
    char folder[] = "/tmp/weir-key-XXXXXX";
    char path[64];
    char sentence[KEY_SENTENCE_SIZE];
    uint8_t expected[SEAL_KEY_SIZE];
    uint8_t key[SEAL_KEY_SIZE];
    make_key(expected);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_false(key_is_given());
    assert_int_equal(key_read(KEY_CREDENTIAL, "weir.key", key, sentence), ERR_NOT_FOUND);
    assert_non_null(strstr(sentence, "LoadCredential=weir.key"));

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/weir.key", folder);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    assert_int_equal(key_read(KEY_CREDENTIAL, "weir.key", key, sentence), ERR_NOT_FOUND);
    assert_non_null(strstr(sentence, "cannot be read: No such file or directory"));

    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(base64, file) >= 0 && fclose(file) == 0);
    assert_true(key_is_given());
    assert_int_equal(key_read(KEY_CREDENTIAL, "weir.key", key, sentence), OK);
    assert_memory_equal(key, expected, sizeof key);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void a_key_of_the_kernels_keyring_is_found_by_its_description(void **context)
{
    (void)context;
    char sentence[KEY_SENTENCE_SIZE];
    uint8_t expected[SEAL_KEY_SIZE];
    uint8_t key[SEAL_KEY_SIZE];
    make_key(expected);
    long id = syscall(SYS_add_key, "user", "weir-key-test", expected, sizeof expected,
                      KEY_SPEC_PROCESS_KEYRING);
    if (id < 0) {
        print_message("no keyring here\n");
        skip();
    }
    assert_int_equal(key_read(KEY_KEYRING, "weir-key-test", key, sentence), OK);
    assert_memory_equal(key, expected, sizeof key);

    assert_int_not_equal(key_read(KEY_KEYRING, "weir-no-such-key", key, sentence), OK);
    assert_non_null(strstr(sentence, "keyctl padd user weir-no-such-key @u"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_the_same_in_all_three_forms),
        cmocka_unit_test(every_other_length_and_every_wrong_letter_is_refused),
        cmocka_unit_test(a_credential_of_systemd_is_found_by_its_name),
        cmocka_unit_test(a_key_of_the_kernels_keyring_is_found_by_its_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
