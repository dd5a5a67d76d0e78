// Signatures of documents, against headers that another library made (dsse/make).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/dsse.h"
#include "agent/file.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#define FOLDER TEST_DIR "/unit/dsse/"
#define TYPE   "application/odps+json"

static char *document;
static struct dsse_trust *trust;

static char *text_of(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(file_read(path, 1 << 20, &text, &size), OK);
    return text;
}

static int read_all(void **state)
{
    (void)state;
    char why[DSSE_SENTENCE_SIZE];
    document = text_of(FOLDER "document.json");
    return dsse_trust_open(FOLDER "ca.pem", &trust, why) == OK ? 0 : -1;
}

static int free_all(void **state)
{
    (void)state;
    free(document);
    dsse_trust_close(trust);
    return 0;
}

static void expect(const char *header_file, const struct dsse_trust *believed, const char *domain,
                   enum dsse_state wanted, const char *sentence)
{
    char *header = text_of(header_file);
    struct dsse_verdict verdict;

    dsse_check(believed, bytes_text(header), TYPE, bytes_text(document), domain, &verdict);

    if (verdict.state != wanted || strcmp(verdict.sentence, sentence) != 0) {
        fail_msg("%s: %s: %s", header_file, dsse_state_name(verdict.state), verdict.sentence);
    }
    free(header);
}

static void signatures_of_another_library_are_judged(void **state)
{
    (void)state;
    expect(FOLDER "plant7.header.json", trust, "plant7", DSSE_TRUSTED, "");
    expect(FOLDER "plant7.header.json", trust, "plant7.ovens", DSSE_TRUSTED, "");
    expect(FOLDER "raw.header.json", trust, "plant7", DSSE_TRUSTED, "");
    expect(FOLDER "unit.header.json", trust, "plant7", DSSE_TRUSTED, ""); // OU, an intermediate
    expect(FOLDER "plant7.header.json", NULL, "plant7", DSSE_SIGNED,
           "signed by CN=plant7; give --trust CA to check who that is");
    expect(FOLDER "foreign.header.json", trust, "plant7", DSSE_FOREIGN,
           "signed by CN=plant70, who does not speak for the domain plant7");
    expect(FOLDER "plant7.header.json", trust, "plant70", DSSE_FOREIGN,
           "signed by CN=plant7, who does not speak for the domain plant70");
    expect(FOLDER "plant7.header.json", trust, "plant", DSSE_FOREIGN,
           "signed by CN=plant7, who does not speak for the domain plant");
    expect(FOLDER "stranger.header.json", trust, "plant7", DSSE_UNTRUSTED,
           "signed by CN=plant7, under no authority that you trust");
    expect(FOLDER "expired.header.json", trust, "plant7", DSSE_UNTRUSTED,
           "the certificate of CN=plant7 has expired; the owner applies again");
}

static void what_we_sign_is_good_and_reads_back(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{FOLDER "plant7.key", FOLDER "plant7.pem"},
                                          {FOLDER "unit.key", FOLDER "unit.pem"}};
    for (size_t i = 0; i < 2; i++) {
        struct dsse_signer *signer;
        struct dsse_verdict verdict;
        char why[DSSE_SENTENCE_SIZE];
        assert_int_equal(dsse_signer_open(rows[i][0], rows[i][1], &signer, why), OK);
        assert_true(dsse_signer_speaks_for(signer, "plant7"));
        assert_false(dsse_signer_speaks_for(signer, "plant8"));

        char *header = dsse_sign(signer, TYPE, bytes_text(document));
        assert_non_null(header);
        dsse_check(trust, bytes_text(header), TYPE, bytes_text(document), "plant7", &verdict);

        assert_int_equal(verdict.state, DSSE_TRUSTED);
        assert_string_equal(verdict.keyid, dsse_signer_keyid(signer));
        assert_string_equal(verdict.signer, dsse_signer_name(signer));
        cJSON_free(header);
        dsse_signer_close(signer);
    }
}

static void every_changed_byte_of_the_value_is_seen(void **state)
{
    (void)state;
    char *header = text_of(FOLDER "plant7.header.json");
    struct dsse_verdict verdict;
    for (size_t i = 0; i < strlen(document); i++) {
        document[i] ^= 1;
        dsse_check(trust, bytes_text(header), TYPE, bytes_text(document), "plant7", &verdict);
        document[i] ^= 1;
        assert_int_equal(verdict.state, DSSE_WRONG);
    }
    dsse_check(trust, bytes_text(header), "application/odcs+json", bytes_text(document), "plant7",
               &verdict);
    assert_int_equal(verdict.state, DSSE_WRONG); // another type
    dsse_check(trust, bytes_from(NULL, 0), TYPE, bytes_text(document), "plant7", &verdict);
    assert_int_equal(verdict.state, DSSE_UNSIGNED); // a stripped signature is none
    free(header);
}

// Every cut and every flipped bit ends in a verdict; none that still changes what is signed is
// good.
static void no_damaged_header_is_trusted_for_another_value(void **state)
{
    (void)state;
    char *header = text_of(FOLDER "raw.header.json");
    size_t size = strlen(header);
    struct dsse_verdict verdict;
    for (size_t cut = 1; cut < size; cut++) {
        dsse_check(trust, bytes_from(header, cut), TYPE, bytes_text(document), "plant7", &verdict);
        assert_int_not_equal(verdict.state, DSSE_TRUSTED);
    }
    for (size_t i = 0; i < size; i += 7) {
        header[i] ^= 4;
        dsse_check(trust, bytes_from(header, size), TYPE, bytes_text("{}"), "plant7", &verdict);
        assert_int_not_equal(verdict.state, DSSE_TRUSTED);
        header[i] ^= 4;
    }
    free(header);
}

static void keys_that_cannot_sign_get_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *key, *certificate, *why;
    } rows[] = {
        {"/nowhere.key", FOLDER "plant7.pem", "/nowhere.key: No such file or directory"},
        {FOLDER "plant7.key", "/nowhere.pem", "/nowhere.pem: No such file or directory"},
        {FOLDER "plant7.pem", FOLDER "plant7.pem",
         FOLDER "plant7.pem: is no private key in PEM, or has a passphrase"},
        {FOLDER "plant7.key", FOLDER "document.json",
         FOLDER "document.json: holds no certificates in PEM"},
        {FOLDER "plant7.key", FOLDER "unit.pem",
         FOLDER "unit.pem: its first certificate is not of this key"},
        {FOLDER "p384.key", FOLDER "plant7.pem",
         FOLDER
         "p384.key: is no key of the curve P-256; make one: openssl ecparam -name prime256v1 "
         "-genkey -noout"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dsse_signer *signer;
        char why[DSSE_SENTENCE_SIZE];
        assert_int_equal(dsse_signer_open(rows[i].key, rows[i].certificate, &signer, why),
                         ERR_INVALID);
        assert_string_equal(why, rows[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_another_library_are_judged),
        cmocka_unit_test(what_we_sign_is_good_and_reads_back),
        cmocka_unit_test(every_changed_byte_of_the_value_is_seen),
        cmocka_unit_test(no_damaged_header_is_trusted_for_another_value),
        cmocka_unit_test(keys_that_cannot_sign_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, read_all, free_all);
}
