#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/digest.h"
#include "agent/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/weir-file-XXXXXX";

static int make(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || write(fd, "0123456789", 10) != 10 || close(fd) != 0;
}

static int drop(void **state)
{
    (void)state;
    return unlink(path);
}

static void a_file_is_read_whole_up_to_its_limit(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;

    assert_int_equal(file_read(path, 10, &text, &size), OK);
    assert_int_equal(size, 10);
    assert_string_equal(text, "0123456789");
    free(text);
    assert_int_equal(file_read(path, 9, &text, &size), ERR_LIMIT);
}

static void a_file_without_a_size_of_its_own_is_read(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;

    assert_int_equal(file_read("/proc/self/status", 65536, &text, &size), OK);
    assert_true(size > 100);
    free(text);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    char pipe_path[sizeof path + 8];
    (void)snprintf(pipe_path, sizeof pipe_path, "%s.pipe", path);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);

    assert_int_equal(file_read("/tmp", 10, &text, &size), ERR_INVALID);
    assert_int_equal(file_read("/dev/zero", 10, &text, &size), ERR_INVALID);
    assert_int_equal(file_read(pipe_path, 10, &text, &size), ERR_INVALID);
    assert_int_equal(file_read("/nowhere/x", 10, &text, &size), ERR_NOT_FOUND);
    (void)unlink(pipe_path);
}

static void digests_are_those_of_the_standard(void **state)
{
    (void)state;
    // FIPS 180-4, the example "abc".
    static const uint8_t expected[DIGEST_SIZE] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                                  0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                                  0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                                  0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(bytes_text("abc"), digest);

    assert_memory_equal(digest, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole_up_to_its_limit),
        cmocka_unit_test(a_file_without_a_size_of_its_own_is_read),
        cmocka_unit_test(what_is_no_file_is_refused_at_once),
        cmocka_unit_test(digests_are_those_of_the_standard),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
