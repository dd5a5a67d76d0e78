#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/followed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ID  "urn:site:oven"
#define OLD "{\"id\":\"urn:site:oven\",\"version\":\"1.0.0\",\"domain\":\"site\"}"
#define NEW "{\"id\":\"urn:site:oven\",\"version\":\"1.1.0\",\"domain\":\"site\"}"

static char folder[] = "/tmp/weir-followed-XXXXXX";

static struct followed opened(void)
{
    struct followed followed;
    assert_int_equal(followed_open(&followed, folder, ID), OK);
    return followed;
}

// 1.0.0 is run, and nothing is tried.
static struct followed with_old(void)
{
    struct followed followed = opened();
    assert_int_equal(followed_propose(&followed, bytes_text(OLD)), OK);
    assert_int_equal(followed_promote(&followed), OK);
    return followed;
}

static void nothing_was_taken_at_first(void **state)
{
    (void)state;
    struct followed followed;
    assert_int_equal(followed_open(&followed, "/nowhere", ID), OK);
    assert_string_equal(followed.version, "");
    assert_int_equal(followed.tries, 0);
}

static void what_was_promoted_is_there_after_a_restart(void **state)
{
    (void)state;
    with_old();

    struct followed followed = opened();

    assert_string_equal(followed.version, "1.0.0");
    assert_string_equal(followed.domain, "site");
    assert_int_equal(followed.tries, 0);
}

static void what_is_tried_is_counted_and_the_old_one_stays(void **state)
{
    (void)state;
    struct followed followed = with_old();
    assert_int_equal(followed_propose(&followed, bytes_text(NEW)), OK);

    followed = opened();
    assert_string_equal(followed.version, "1.0.0");
    assert_int_equal(followed.tries, 1);
    assert_int_equal(followed_try(&followed), OK);
    followed = opened();
    assert_int_equal(followed.tries, 2);

    assert_int_equal(followed_refuse(&followed, "1.1.0", "it is bad", FOLLOWED_UNTIL_RESTART), OK);
    followed = opened();
    assert_string_equal(followed.version, "1.0.0");
    assert_int_equal(followed.tries, 0);
    assert_string_equal(followed.newer, "1.1.0");
    assert_string_equal(followed.why, "it is bad");
    assert_int_not_equal(access(followed.next_path, F_OK), 0);
}

static void a_cut_between_promotion_and_its_note_is_a_promotion(void **state)
{
    (void)state;
    struct followed followed = with_old();
    assert_int_equal(followed_propose(&followed, bytes_text(NEW)), OK);
    assert_int_equal(rename(followed.next_path, followed.path), 0); // and then the power goes

    followed = opened();

    assert_string_equal(followed.version, "1.1.0");
    assert_int_equal(followed.tries, 0);
}

static void a_damaged_file_is_as_good_as_none(void **state)
{
    (void)state;
    struct followed followed = with_old();
    assert_int_equal(followed_propose(&followed, bytes_text(NEW)), OK);
    assert_int_equal(truncate(followed.next_path, 20), 0);
    followed = opened();
    assert_int_equal(followed.tries, 0);
    assert_string_equal(followed.version, "1.0.0");

    FILE *file = fopen(followed.path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 3, SEEK_SET), 0);
    assert_int_equal(fputc('D', file), 'D');
    assert_int_equal(fclose(file), 0);
    followed = opened();
    assert_string_equal(followed.version, "");
}

static void only_what_no_run_survived_is_remembered_by_the_next_run(void **state)
{
    (void)state;
    static const uint8_t none[DIGEST_SIZE];
    struct followed followed = with_old();
    assert_int_equal(followed_propose(&followed, bytes_text(NEW)), OK);
    assert_int_equal(followed_refuse(&followed, "1.1.0", "no", FOLLOWED_UNTIL_RESTART), OK);
    followed = opened();
    assert_memory_not_equal(followed.refused, none, DIGEST_SIZE);
    assert_int_equal(followed_forgive(&followed), OK);
    followed = opened();
    assert_memory_equal(followed.refused, none, DIGEST_SIZE);

    assert_int_equal(followed_propose(&followed, bytes_text(NEW)), OK);
    assert_int_equal(followed_refuse(&followed, "1.1.0", "no", FOLLOWED_FOR_GOOD), OK);
    assert_int_equal(followed_forgive(&followed), OK);
    followed = opened();
    assert_memory_not_equal(followed.refused, none, DIGEST_SIZE);
}

int main(void)
{
    assert_non_null(mkdtemp(folder));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_was_taken_at_first),
        cmocka_unit_test(what_was_promoted_is_there_after_a_restart),
        cmocka_unit_test(what_is_tried_is_counted_and_the_old_one_stays),
        cmocka_unit_test(a_cut_between_promotion_and_its_note_is_a_promotion),
        cmocka_unit_test(a_damaged_file_is_as_good_as_none),
        cmocka_unit_test(only_what_no_run_survived_is_remembered_by_the_next_run),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? failed : 1;
}
