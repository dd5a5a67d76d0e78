// The partition of a key must be the one that Kafka's Java client chooses: the vectors are those of
// Apache Kafka's own test of its murmur2 (clients, UtilsTest).
#include "agent/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void keys_hash_as_in_javas_client(void **state)
{
    (void)state;
    const struct {
        const char *key;
        int32_t hash;
    } vectors[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        assert_true((int32_t)bytes_murmur2(bytes_text(vectors[i].key)) == vectors[i].hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_hash_as_in_javas_client)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
