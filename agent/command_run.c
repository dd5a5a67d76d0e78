// weir run [-c FILE]: buffer and deliver until stopped.
#include "agent/agent.h"
#include "agent/argument.h"
#include "agent/command.h"
#include "agent/log.h"
#include "agent/settings.h"
#include "ports/discovery/follow.h"

#include <malloc.h>
#include <stdio.h>

static const char usage[] = "usage: weir run [-c FILE]\n"
                            "Buffers and delivers as FILE says (default: $WEIR_CONFIG, else "
                            "/etc/weir/weir.yaml) until SIGTERM\n"
                            "or SIGINT. Exit code: 0 stopped, 78 settings wrong, 66 settings not "
                            "readable, 73 the spool's folder\n"
                            "cannot be used, 69 a port cannot be opened or another agent holds the "
                            "spool, 74 the disk fails.\n";

// The settings, or NULL after sentences: `*code` is the exit code.
static struct settings *read_settings(const char *path, int *code)
{
    struct problems problems = {.count = 0};
    struct settings *settings = settings_read(path, &problems);
    if (settings != NULL) {
        settings_check_space(settings, &problems);
    }
    problems_print(&problems, stderr);
    *code = problems_exit_code(&problems);
    problems_free(&problems);
    return settings;
}

// One life of the agent. AGENT_ANEW: the settings are to be read again.
static int run_once(const char *path)
{
    int code;
    follow_first(path);
    struct settings *settings = read_settings(path, &code);
    if (settings == NULL) {
        bool goes_on = follow_give_up(path, "the settings are not good with it; weir check says "
                                            "why") ||
                       follow_newer(path);
        return goes_on ? AGENT_ANEW : code;
    }
    log_start((enum log_level)settings->log_level);
    if (!follow_count_try(path)) {
        code = AGENT_ANEW;
    } else {
        code = agent_run(settings);
        if (code > EX_OK && follow_give_up(path, "the agent did not start with it; the log "
                                                 "says why")) {
            code = AGENT_ANEW; // with the old one
        }
    }
    settings_free(settings);
    return code;
}

static int run(const char *path)
{
    int code = AGENT_ANEW;
    follow_forgive(path);
    while (code == AGENT_ANEW) { // it ends: each time a newer contract was taken, or refused
        code = run_once(path);
    }
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
