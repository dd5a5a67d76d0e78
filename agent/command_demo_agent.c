#include "agent/command_demo_agent.h"

#include "ports/control/socket.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ASK_WAIT_MS = 1000, LOG_TAIL_BYTES = 2000 };

static void path_in(const struct demo_agent *agent, const char *name,
                    char path[DEMO_PATH_SIZE + 16])
{
    (void)snprintf(path, DEMO_PATH_SIZE + 16, "%s/%s", agent->dir, name);
}

// In the child: become the agent. Only calls that are safe after a fork.
static _Noreturn void become_agent(pid_t parent, const char *settings, int log_fd)
{
    // The spool needs no farewell, and a demo that was killed must leave nothing running.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(127);
    }
    (void)setpgid(0, 0); // Ctrl-C is for the demo, which then stops the agent in order
    (void)dup2(log_fd, STDOUT_FILENO);
    (void)dup2(log_fd, STDERR_FILENO);
    // The broker's connections must end when it goes away, and not live on in the agent.
    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
    (void)execl("/proc/self/exe", "weir", "run", "--config", settings, (char *)NULL);
    _exit(127);
}

enum err demo_agent_start(struct demo_agent *agent, const char *dir)
{
    *agent = (struct demo_agent){.state = {.oldest_age_s = -1}};
    (void)snprintf(agent->dir, sizeof agent->dir, "%s", dir);
    char log[DEMO_PATH_SIZE + 16];
    char settings[DEMO_PATH_SIZE + 16];
    path_in(agent, "agent.log", log);
    path_in(agent, "weir.yaml", settings);
    int log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log_fd < 0) {
        return err_from_errno(errno);
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become_agent(parent, settings, log_fd);
    }
    int reason = errno;
    (void)close(log_fd);
    if (pid < 0) {
        return err_from_errno(reason);
    }
    agent->pid = pid;
    return OK;
}

static int64_t number_of(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(member) ? (int64_t)member->valuedouble : -1;
}

static uint64_t count_of(const cJSON *object, const char *name)
{
    int64_t number = number_of(object, name);
    return number < 0 ? 0 : (uint64_t)number;
}

static void copy_text(const cJSON *object, const char *name, char *out, size_t size)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    (void)snprintf(out, size, "%s", cJSON_IsString(member) ? member->valuestring : "");
}

static void take_status(struct demo_state *state, const cJSON *root)
{
    const cJSON *link = cJSON_GetObjectItemCaseSensitive(root, "link");
    const cJSON *stream = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "streams"), 0);
    if (link == NULL || stream == NULL) {
        return;
    }
    state->known = true;
    copy_text(link, "kafka", state->kafka, sizeof state->kafka);
    copy_text(link, "reason", state->trouble, sizeof state->trouble);
    state->kafka_up = strcmp(state->kafka, "up") == 0;
    state->wire_bytes = number_of(link, "tx_bytes");
    state->read = count_of(stream, "seq");
    state->settled = count_of(stream, "acked");
    state->waiting = count_of(stream, "records");
    state->spool_bytes = number_of(stream, "stored_bytes");
    state->oldest_age_s = number_of(stream, "oldest_age_s");
    if (state->spool_bytes > state->spool_peak_bytes) {
        state->spool_peak_bytes = state->spool_bytes;
    }
}

void demo_agent_look(struct demo_agent *agent)
{
    char path[DEMO_PATH_SIZE + 16];
    path_in(agent, "control.sock", path);
    char *answer;
    if (control_ask(path, "status", ASK_WAIT_MS, &answer) != OK) {
        return;
    }
    cJSON *root = cJSON_Parse(answer);
    take_status(&agent->state, root);
    cJSON_Delete(root);
    free(answer);
}

void demo_agent_ask_to_stop(struct demo_agent *agent)
{
    if (agent->pid > 0) {
        (void)kill(agent->pid, SIGTERM);
    }
}

static void note_end(struct demo_agent *agent, int status)
{
    agent->pid = 0;
    agent->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool demo_agent_has_ended(struct demo_agent *agent)
{
    int status;
    if (agent->pid > 0 && waitpid(agent->pid, &status, WNOHANG) == agent->pid) {
        note_end(agent, status);
    }
    return agent->pid == 0;
}

void demo_agent_kill(struct demo_agent *agent)
{
    int status;
    if (agent->pid > 0) {
        (void)kill(agent->pid, SIGKILL);
        if (waitpid(agent->pid, &status, 0) == agent->pid) {
            note_end(agent, status);
        }
    }
}

void demo_agent_print_log(const struct demo_agent *agent)
{
    char path[DEMO_PATH_SIZE + 16];
    char text[LOG_TAIL_BYTES + 1];
    path_in(agent, "agent.log", path);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    (void)fseek(file, 0, SEEK_END);
    long size = ftell(file);
    (void)fseek(file, size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0, SEEK_SET);
    size_t got = fread(text, 1, LOG_TAIL_BYTES, file);
    (void)fclose(file);
    text[got] = 0;
    const char *from = size > LOG_TAIL_BYTES ? strchr(text, '\n') : text; // whole lines only
    (void)fputs(from == NULL ? text : from, stderr);
}
