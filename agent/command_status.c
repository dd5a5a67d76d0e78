// weir status: what a running agent says of itself, by its control socket.
#include "agent/argument.h"
#include "agent/command.h"
#include "agent/human.h"
#include "agent/settings.h"
#include "ports/control/socket.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 5000, SOCKET_PATH_SIZE = 512 };

static const char usage[] =
    "usage: weir status [--json] [--config FILE | --socket PATH]\n"
    "\n"
    "Asks the running agent how it is: the link, what lies in each product's spool, the inputs.\n"
    "\n"
    "  --json         one JSON document (weir.status/1) instead of tables\n"
    "  --config FILE  settings of the agent, or -c FILE (default: $WEIR_CONFIG, else\n"
    "                 /etc/weir/weir.yaml, where there is one)\n"
    "  --socket PATH  its control socket\n"
    "\n"
    "exit: 0 ok, 1 warn, 2 fail, 69 no agent answers, 77 no right to ask, 78 wrong settings\n";

// ---- the document, read with patience: a newer agent may leave things out ----

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(member) ? member->valuestring : "-";
}

static bool has_text(const cJSON *object, const char *name)
{
    return cJSON_IsString(cJSON_GetObjectItemCaseSensitive(object, name));
}

static int64_t count_of(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    bool fits = cJSON_IsNumber(member) && fabs(member->valuedouble) < 9e15;
    return fits ? (int64_t)member->valuedouble : -1;
}

// ---- the tables ----

static void print_head(const cJSON *root)
{
    char up[HUMAN_SIZE];
    (void)printf("%s  %s  weir %s, up %s\n", text_of(root, "status"), text_of(root, "gw"),
                 text_of(root, "agent"), human_seconds(count_of(root, "agent_uptime_s"), up));
    const cJSON *reason;
    cJSON_ArrayForEach(reason, cJSON_GetObjectItemCaseSensitive(root, "reasons"))
    {
        (void)printf("  %s\n", cJSON_IsString(reason) ? reason->valuestring : "-");
    }
}

static void print_link(const cJSON *link)
{
    char up[HUMAN_SIZE];
    char sent[HUMAN_SIZE];
    const cJSON *round_trip = cJSON_GetObjectItemCaseSensitive(link, "rtt_ms");
    (void)printf("\nkafka %s", text_of(link, "kafka"));
    bool is_up = strcmp(text_of(link, "kafka"), "up") == 0;
    if (is_up) {
        (void)printf(" for %s", human_seconds(count_of(link, "up_s"), up));
    }
    if (is_up && cJSON_IsNumber(round_trip)) {
        (void)printf(", round trip %.1f ms", round_trip->valuedouble);
    }
    (void)printf(", %s sent, %lld reconnects (%s)\n", human_bytes(count_of(link, "tx_bytes"), sent),
                 (long long)count_of(link, "reconnects"), text_of(link, "profile"));
    const cJSON *day = cJSON_GetObjectItemCaseSensitive(link, "budget_day_used_pct");
    const cJSON *month = cJSON_GetObjectItemCaseSensitive(link, "budget_used_pct");
    if (cJSON_IsNumber(day)) {
        (void)printf("  %.1f %% of the day's byte budget used\n", day->valuedouble);
    }
    if (cJSON_IsNumber(month)) {
        (void)printf("  %.1f %% of the month's byte budget used\n", month->valuedouble);
    }
    if (has_text(link, "reason")) {
        (void)printf("  %s\n", text_of(link, "reason"));
    }
}

static void print_rate(int64_t bytes_per_s)
{
    char rate[HUMAN_SIZE];
    char cell[HUMAN_SIZE + 2];
    (void)human_bytes(bytes_per_s, rate);
    (void)snprintf(cell, sizeof cell, "%s%s", rate, bytes_per_s < 0 ? "" : "/s");
    (void)printf(" %12s", cell);
}

// "  levels fail: completeness 99.711 percent, not at least 99.9; freshness unknown"
static void print_levels(const cJSON *stream)
{
    const cJSON *levels = cJSON_GetObjectItemCaseSensitive(stream, "levels");
    if (levels == NULL) {
        return;
    }
    const cJSON *result;
    const char *before = ":";
    (void)printf("  %s: levels %s", text_of(stream, "id"), text_of(levels, "status"));
    cJSON_ArrayForEach(result, cJSON_GetObjectItemCaseSensitive(levels, "results"))
    {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(result, "value");
        const cJSON *least = cJSON_GetObjectItemCaseSensitive(result, "mustBeGreaterOrEqualTo");
        const cJSON *most = cJSON_GetObjectItemCaseSensitive(result, "mustBeLessOrEqualTo");
        bool known = cJSON_IsNumber(value);
        if (strcmp(text_of(result, "status"), "pass") == 0) {
            continue;
        }
        (void)printf("%s %s", before, text_of(result, "id"));
        before = ";";
        if (!known) {
            (void)printf(" unknown");
            continue;
        }
        (void)printf(" %g %s", value->valuedouble, text_of(result, "unit"));
        if (cJSON_IsNumber(least)) {
            (void)printf(", not at least %g", least->valuedouble);
        } else if (cJSON_IsNumber(most)) {
            (void)printf(", not at most %g", most->valuedouble);
        }
    }
    (void)printf("\n");
}

// "  oven: contract 1.2.0 of 1.x; not 1.3.0: its status is draft"
static void print_contract(const cJSON *stream)
{
    const cJSON *contract = cJSON_GetObjectItemCaseSensitive(stream, "contract");
    if (!has_text(contract, "track")) {
        return;
    }
    (void)printf("  %s: contract %s of %s", text_of(stream, "id"), text_of(contract, "version"),
                 text_of(contract, "track"));
    if (has_text(contract, "newer")) {
        (void)printf("; not %s: %s", text_of(contract, "newer"), text_of(contract, "why_not"));
    }
    (void)printf("\n");
}

static void print_products(const cJSON *streams)
{
    (void)printf("\n%-16s %13s %12s %10s %10s %12s %12s %9s %12s\n", "product", "waiting", "oldest",
                 "on disk", "of", "in", "out", "lost", "full in");
    const cJSON *stream;
    cJSON_ArrayForEach(stream, streams)
    {
        char waiting[HUMAN_SIZE];
        char oldest[HUMAN_SIZE];
        char used[HUMAN_SIZE];
        char limit[HUMAN_SIZE];
        char lost[HUMAN_SIZE];
        char full[HUMAN_SIZE];
        (void)printf("%-16s %13s %12s %10s %10s", text_of(stream, "id"),
                     human_count(count_of(stream, "records"), waiting),
                     human_seconds(count_of(stream, "oldest_age_s"), oldest),
                     human_bytes(count_of(stream, "bytes"), used),
                     human_bytes(count_of(stream, "cap_bytes"), limit));
        print_rate(count_of(stream, "in_bps"));
        print_rate(count_of(stream, "out_bps"));
        (void)printf(" %9s %12s\n", human_count(count_of(stream, "lost"), lost),
                     human_seconds(count_of(stream, "full_in_s"), full));
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(stream, "in_memory"))) {
            (void)printf("  its disk cannot be used: records lie in memory only\n");
        } else if (has_text(stream, "spool") && strcmp(text_of(stream, "spool"), "ok") != 0) {
            (void)printf("  its spool is %s\n", text_of(stream, "spool"));
        }
        print_contract(stream);
        print_levels(stream);
    }
}

static void print_inputs(const cJSON *ports)
{
    (void)printf("\n%-16s %-10s %-16s %-9s %12s %9s %12s\n", "input", "driver", "product", "state",
                 "good", "bad", "last good");
    const cJSON *port;
    cJSON_ArrayForEach(port, ports)
    {
        char good[HUMAN_SIZE];
        char bad[HUMAN_SIZE];
        char age[HUMAN_SIZE];
        (void)printf("%-16s %-10s %-16s %-9s %12s %9s %12s\n", text_of(port, "id"),
                     text_of(port, "kind"), text_of(port, "product"), text_of(port, "state"),
                     human_count(count_of(port, "ok"), good),
                     human_count(count_of(port, "err"), bad),
                     human_seconds(count_of(port, "last_ok_age_s"), age));
        if (has_text(port, "last_error")) {
            (void)printf("  %s\n", text_of(port, "last_error"));
        }
    }
}

static void print_tables(const cJSON *root)
{
    print_head(root);
    print_link(cJSON_GetObjectItemCaseSensitive(root, "link"));
    print_products(cJSON_GetObjectItemCaseSensitive(root, "streams"));
    print_inputs(cJSON_GetObjectItemCaseSensitive(root, "ports"));
}

// ---- finding and asking ----

// The socket of the agent whose settings are in `file`; 0, or an exit code after the sentences.
static int socket_of_settings(const char *file, char path[SOCKET_PATH_SIZE])
{
    struct problems problems = {0};
    struct settings *settings = settings_read(file, &problems);
    if (settings == NULL) {
        problems_print(&problems, stderr);
        int code = problems_exit_code(&problems);
        problems_free(&problems);
        return code;
    }
    (void)snprintf(path, SOCKET_PATH_SIZE, "%s", settings->control_socket);
    settings_free(settings);
    problems_free(&problems);
    return 0;
}

static int find_socket(const char *given, const char *config, char path[SOCKET_PATH_SIZE])
{
    if (given != NULL) {
        (void)snprintf(path, SOCKET_PATH_SIZE, "%s", given);
        return 0;
    }
    if (config != NULL || access(settings_default_path(), R_OK) == 0) {
        return socket_of_settings(config != NULL ? config : settings_default_path(), path);
    }
    const char *state_dir = getenv("STATE_DIRECTORY");
    (void)snprintf(path, SOCKET_PATH_SIZE, "%s/control.sock",
                   state_dir != NULL ? state_dir : "/var/lib/weir");
    return 0;
}

static int tell_no_answer(const char *path, enum err err)
{
    if (err == ERR_DENIED) {
        (void)fprintf(
            stderr,
            "weir status: %s: no right to ask; join the group of the agent's user, or use "
            "sudo\n",
            path);
        return EX_NOPERM;
    }
    if (err == ERR_LIMIT) {
        (void)fprintf(stderr, "weir status: %s: a socket's path has 1 to 107 bytes\n", path);
        return EX_USAGE;
    }
    if (err == ERR_AGAIN || err == ERR_CORRUPT) {
        (void)fprintf(stderr, "weir status: %s: an agent is there and did not answer within %d s\n",
                      path, WAIT_MS / 1000);
        return EX_UNAVAILABLE;
    }
    (void)fprintf(
        stderr, "weir status: %s: no agent answers; start it with weir run, or give its --config\n",
        path);
    return EX_UNAVAILABLE;
}

static int exit_code_of(const cJSON *root)
{
    const char *status = text_of(root, "status");
    return strcmp(status, "ok") == 0 ? 0 : strcmp(status, "warn") == 0 ? 1 : 2;
}

int command_status(int argc, char **argv)
{
    bool json = false;
    const char *config = NULL;
    const char *given = NULL;
    const struct argument rows[] = {{.names = "--json|-j", .flag = &json},
                                    {.names = "--config|-c", .text = &config},
                                    {.names = "--socket", .text = &given},
                                    {.names = NULL}};
    int code = arguments_read("status", argc, argv, rows, usage);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    char path[SOCKET_PATH_SIZE];
    code = find_socket(given, config, path);
    if (code != 0) {
        return code;
    }
    char *answer;
    enum err err = control_ask(path, "status", WAIT_MS, &answer);
    if (err != OK) {
        return tell_no_answer(path, err);
    }
    cJSON *root = cJSON_Parse(answer);
    if (!has_text(root, "status")) {
        (void)fprintf(stderr, "weir status: %s: what answers there is no agent of weir: %.60s\n",
                      path, answer);
        cJSON_Delete(root);
        free(answer);
        return EX_UNAVAILABLE;
    }
    if (json) {
        (void)puts(answer);
    } else {
        print_tables(root);
    }
    code = exit_code_of(root);
    cJSON_Delete(root);
    free(answer);
    return code;
}
