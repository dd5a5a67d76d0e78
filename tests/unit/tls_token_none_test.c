// A build without PKCS#11, whatever this one is: a key of a token is refused with a sentence.
#include "tests/unit/support/tls_bench.h"

#undef WEIR_PKCS11
#define WEIR_PKCS11 0
#include "ports/output/tls_token_none.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void the_uri_of_a_key_in_a_token_is_refused_and_the_pin_file_not_told(void **state)
{
    (void)state;
    struct party ca;
    char folder[] = "/tmp/weir-token-XXXXXX";
    char path[96];
    char why[TLS_SENTENCE_SIZE];
    struct tls_credentials *credentials;
    const struct wish wish = {.subject = "CN=CA", .from_day = -10, .to_day = 10, .is_ca = true};
    party_make(&ca, &wish, NULL);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/ca.pem", folder);
    file_put(path, ca.certificate_pem);
    const struct tls_files files = {path, path, "pkcs11:token=gw;object=kafka?pin-source=/secret"};

    enum err err = tls_credentials_read(&files, &credentials, why);

    assert_int_equal(err, ERR_INVALID);
    assert_string_equal(why, "tls.key: pkcs11:token=gw;object=kafka: this weir was built without "
                             "PKCS#11; build it with -DPKCS11=ON, or give the path of a key in "
                             "PEM");
    (void)unlink(path);
    (void)rmdir(folder);
    party_free(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_uri_of_a_key_in_a_token_is_refused_and_the_pin_file_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
