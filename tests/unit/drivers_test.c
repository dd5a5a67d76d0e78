#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/port.h"
#include "agent/settings.h"
#include "agent/settings_rows.h"

#include <stdlib.h>

// What must hold of the rows of every driver, so that the sentences, the reference and the defaults
// that are made of them are good.
static void check_rows(const char *name, const struct option *rows)
{
    for (const struct option *row = rows; row->key != NULL; row++) {
        bool good = row->help != NULL && *row->help != '\0';
        good = good && (row->type != OPTION_CHOICE || row->choices != NULL);
        good = good && !(row->required && row->initial != NULL);
        // Nested one level deep at most, and the rows of one mapping stand together.
        const char *point = strchr(row->key, '.');
        good = good && (point == NULL || strchr(point + 1, '.') == NULL);
        for (const struct option *other = rows; other < row; other++) {
            good = good && strcmp(other->key, row->key) != 0;
        }
        if (!good) {
            print_message("%s: the row \"%s\" is not whole\n", name, row->key);
        }
        assert_true(good);
    }
}

// A default that cannot be read asserts in here.
static void read_defaults(const struct option *rows)
{
    struct problems problems = {.count = 0};
    struct option_set set;
    (void)option_read_text(&set, rows, "/etc/weir/weir.yaml", "", &problems);
    for (size_t i = 0; rows[i].key != NULL; i++) {
        assert_true(set.values[i].set == (rows[i].initial != NULL));
    }
    option_set_free(&set);
    problems_free(&problems);
}

static void rows_of_every_driver_are_whole_and_their_defaults_readable(void **state)
{
    (void)state;
    for (size_t i = 0; input_drivers[i] != NULL; i++) {
        check_rows(input_drivers[i]->name, input_drivers[i]->options);
        read_defaults(input_drivers[i]->options);
        assert_ptr_equal(input_driver_find(input_drivers[i]->name), input_drivers[i]);
    }
    for (size_t i = 0; output_drivers[i] != NULL; i++) {
        check_rows(output_drivers[i]->name, output_drivers[i]->options);
        read_defaults(output_drivers[i]->options);
    }
    for (size_t i = 0; settings_sections[i].title != NULL; i++) {
        check_rows(settings_sections[i].title, settings_sections[i].rows);
        read_defaults(settings_sections[i].rows);
    }
}

static void no_driver_takes_the_keys_that_every_input_has(void **state)
{
    (void)state;
    for (size_t i = 0; input_drivers[i] != NULL; i++) {
        for (const struct option *row = input_drivers[i]->options; row->key != NULL; row++) {
            for (const struct option *common = settings_input_rows; common->key != NULL; common++) {
                assert_string_not_equal(row->key, common->key);
            }
        }
    }
}

static void the_reference_can_be_printed(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);

    settings_print_reference(out);

    (void)fclose(out);
    assert_non_null(strstr(text, "| `spool.size` | size, at least 4 MiB | `64 MiB` |"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_driver_are_whole_and_their_defaults_readable),
        cmocka_unit_test(no_driver_takes_the_keys_that_every_input_has),
        cmocka_unit_test(the_reference_can_be_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
