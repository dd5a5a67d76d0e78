// weir run [-c FILE]: buffer and deliver until stopped.
#include "agent/agent.h"
#include "agent/argument.h"
#include "agent/command.h"
#include "agent/log.h"
#include "agent/settings.h"

#include <malloc.h>
#include <stdio.h>

static const char usage[] = "usage: weir run [-c FILE]\n"
                            "Buffers and delivers as FILE says (default: $WEIR_CONFIG, else "
                            "/etc/weir/weir.yaml) until SIGTERM\n"
                            "or SIGINT. Exit code: 0 stopped, 78 settings wrong, 66 settings not "
                            "readable, 73 the spool's folder\n"
                            "cannot be used, 69 a port cannot be opened or another agent holds the "
                            "spool, 74 the disk fails.\n";

static int run(const char *path)
{
    struct problems problems = {.count = 0};
    struct settings *settings = settings_read(path, &problems);
    if (settings != NULL) {
        settings_check_space(settings, &problems);
    }
    problems_print(&problems, stderr);
    int code = problems_exit_code(&problems);
    problems_free(&problems);
    if (settings == NULL) {
        return code;
    }
    log_start((enum log_level)settings->log_level);
    code = agent_run(settings);
    settings_free(settings);
    return code;
}

int command_run(int argc, char **argv)
{
    const char *path = NULL;
    const struct argument rows[] = {{.names = "--config|-c", .text = &path},
                                    {.names = ARGUMENT_WORD, .text = &path},
                                    {.names = NULL}};
    int code = arguments_read("run", argc, argv, rows, usage);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    // librdkafka's threads would each keep an arena of their own.
    (void)mallopt(M_ARENA_MAX, 2);
    return run(path != NULL ? path : settings_default_path());
}
