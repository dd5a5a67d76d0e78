// weir config --print [--json] [-c FILE | FILE]: the effective settings and where each comes from.
// weir config --help [DRIVER]: what can be set.
#include "agent/argument.h"
#include "agent/command.h"
#include "agent/port.h"
#include "agent/settings.h"

static const char usage[] =
    "usage: weir config --print [--json] [-c FILE]   the effective values and their places\n"
    "       weir config --help DRIVER                the keys of one driver\n"
    "       weir config --help all                   the whole reference, as Markdown\n";

static int print(const char *path, bool json)
{
    struct problems problems = {.count = 0};
    struct settings *settings = settings_read(path, &problems);
    problems_print(&problems, stderr);
    if (settings != NULL) {
        settings_print(settings, json, stdout);
    }
    int code = problems_exit_code(&problems);
    settings_free(settings);
    problems_free(&problems);
    return code;
}

static void print_rows(const char *name, const char *help, const struct option *rows)
{
    (void)printf("%s%s%s\n", name, help != NULL ? ": " : "", help != NULL ? help : "");
    option_print_help(rows, stdout);
}

static const struct settings_section *find_section(const char *name)
{
    const struct settings_section *section = settings_sections;
    while (section->title != NULL && strncmp(section->title, name, strlen(name)) != 0) {
        section++;
    }
    return section->title != NULL ? section : NULL;
}

static void print_overview(void)
{
    (void)fputs(usage, stdout);
    (void)fputs("sections:", stdout);
    for (size_t i = 0; settings_sections[i].title != NULL; i++) {
        (void)printf("%s %s", i > 0 ? "," : "", settings_sections[i].title);
    }
    (void)fputs("\ndrivers:", stdout);
    for (size_t i = 0; output_drivers[i] != NULL; i++) {
        (void)printf(" %s (output)", output_drivers[i]->name);
    }
    for (size_t i = 0; input_drivers[i] != NULL; i++) {
        (void)printf(" %s", input_drivers[i]->name);
    }
    (void)fputs("\n", stdout);
}

// A name may be a section's, an output's and an input's: all of them are told.
static int help(const char *name)
{
    bool found = false;
    for (size_t i = 0; output_drivers[i] != NULL; i++) {
        if (strcmp(output_drivers[i]->name, name) == 0) {
            print_rows(name, output_drivers[i]->help, output_drivers[i]->options);
            found = true;
        }
    }
    const struct input_driver *input = input_driver_find(name);
    if (input != NULL) {
        print_rows(name, input->help, input->options);
        found = true;
    }
    const struct settings_section *section = find_section(name);
    if (section != NULL) {
        print_rows(section->title, NULL, section->rows);
        found = true;
    }
    if (!found) {
        (void)fprintf(stderr,
                      "weir config: there is no driver or section \"%s\"; weir config "
                      "--help lists them\n",
                      name);
    }
    return found ? EX_OK : EX_USAGE;
}

int command_config(int argc, char **argv)
{
    bool json = false;
    bool printed = false;
    bool helped = false;
    const char *word = NULL; // a file, or what help is asked for
    const struct argument rows[] = {
        {.names = "--config|-c", .text = &word}, {.names = ARGUMENT_WORD, .text = &word},
        {.names = "--json|-j", .flag = &json},   {.names = "--print|-p", .flag = &printed},
        {.names = "--help|-h", .flag = &helped}, {.names = NULL}};
    int code = arguments_read("config", argc, argv, rows, NULL);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    if (helped && word != NULL && strcmp(word, "all") == 0) {
        settings_print_reference(stdout);
        return EX_OK;
    }
    if (helped && word != NULL) {
        return help(word);
    }
    if (helped || !printed) {
        print_overview();
        return helped ? EX_OK : EX_USAGE;
    }
    return print(word != NULL ? word : settings_default_path(), json);
}
