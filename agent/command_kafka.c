#include "agent/command_kafka.h"

#include "agent/command.h"
#include "agent/file.h"
#include "agent/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_S = 30, WAIT_MAX_S = 3600 };

static bool read_wait(struct command_kafka *kafka)
{
    kafka->wait_ms = WAIT_S * 1000;
    if (kafka->wait == NULL) {
        return true;
    }
    char *end;
    long seconds = strtol(kafka->wait, &end, 10);
    if (end == kafka->wait || *end != 0 || seconds < 1 || seconds > WAIT_MAX_S) {
        (void)fprintf(stderr, "weir %s: --wait %s: a number of seconds, 1 to %d\n", kafka->command,
                      kafka->wait, WAIT_MAX_S);
        return false;
    }
    kafka->wait_ms = (int)seconds * 1000;
    return true;
}

// ---- the section of a file ----

static void read_section(struct command_kafka *kafka, const char *path, struct bytes text,
                         struct problems *problems)
{
    kafka->yaml = yaml_parse(path, text, problems);
    const struct yaml_node *root = kafka->yaml != NULL ? yaml_root(kafka->yaml) : NULL;
    if (root == NULL) {
        return;
    }
    if (root->kind != YAML_MAPPING || yaml_get(root, "kafka") == NULL) {
        problem_add(problems, path, 0, "kafka",
                    "is missing; write kafka: {bootstrap: HOST:PORT}, or give --kafka HOST:PORT");
        return;
    }
    option_read(&kafka->options, kafka_client_options, NULL, root, "kafka", problems);
    if (problems->error_count == 0) {
        kafka_client_check(&kafka->options, path, problems);
    }
}

// ARGUMENTS_GO_ON, or the exit code.
static int read_file(struct command_kafka *kafka, const char *path)
{
    struct problems problems = {.count = 0};
    char *text = NULL;
    size_t size = 0;
    enum err err = file_read(path, YAML_SIZE_MAX, &text, &size);
    if (err == OK) {
        read_section(kafka, path, bytes_from(text, size), &problems);
    } else {
        char why[160];
        file_explain(err, YAML_SIZE_MAX, why, sizeof why);
        problem_add(&problems, path, 0, NULL, "%s", why);
        problems.unreadable = err != ERR_LIMIT;
    }
    free(text);
    problems_print(&problems, stderr);
    int code = problems_exit_code(&problems);
    problems_free(&problems);
    return code == EX_OK ? ARGUMENTS_GO_ON : code;
}

// The file that was named; else the usual one, where no cluster was named and it is there.
static const char *choose_file(const struct command_kafka *kafka)
{
    const char *usual = settings_default_path();
    if (kafka->config != NULL || kafka->bootstrap != NULL) {
        return kafka->config;
    }
    return access(usual, F_OK) == 0 ? usual : NULL;
}

static int read_cluster(struct command_kafka *kafka)
{
    const char *file = choose_file(kafka);
    int code = ARGUMENTS_GO_ON;
    if (file != NULL) {
        code = read_file(kafka, file);
    } else if (kafka->bootstrap == NULL) {
        (void)fprintf(stderr,
                      "weir %s: say the cluster: --kafka HOST:PORT, or --config weir.yaml\n",
                      kafka->command);
        code = EX_USAGE;
    }
    (void)snprintf(kafka->client_id, sizeof kafka->client_id, "weir-%s", kafka->command);
    if (file != NULL && code == ARGUMENTS_GO_ON) {
        kafka->client = kafka_client_of(&kafka->options, kafka->client_id);
    }
    kafka->client.client_id = kafka->client_id;
    if (kafka->bootstrap != NULL) {
        kafka->client.bootstrap = kafka->bootstrap;
    }
    return code;
}

// ---- -X ----

// KEY=VALUE, cut at the sign; the key is owned.
static bool take_pass(struct command_kafka *kafka, const char *given)
{
    char *copied = strdup(given);
    char *equals = copied != NULL ? strchr(copied, '=') : NULL;
    if (equals == NULL || equals == copied) {
        (void)fprintf(stderr, "weir %s: -X %s: write KEY=VALUE\n", kafka->command, given);
        free(copied);
        return false;
    }
    *equals = 0;
    kafka->pass[kafka->client.pass_count++] = (struct option_pair){copied, equals + 1};
    return true; // cppcheck-suppress memleak ; command_kafka_close frees it
}

// Those of the file first, then -X, then the command's own: the last one counts.
static bool read_pass(struct command_kafka *kafka)
{
    uint32_t count = kafka->client.pass_count;
    kafka->pass =
        calloc(count + kafka->pass_given.count + COMMAND_KAFKA_MORE_MAX, sizeof *kafka->pass);
    if (kafka->pass == NULL) {
        abort(); // a few hundred bytes at the start
    }
    if (count > 0) {
        memcpy(kafka->pass, kafka->client.pass, count * sizeof *kafka->pass);
    }
    kafka->client.pass = kafka->pass;
    bool good = true;
    for (uint32_t i = 0; good && i < kafka->pass_given.count; i++) {
        good = take_pass(kafka, kafka->pass_given.at[i]);
    }
    return good;
}

void command_kafka_set(struct command_kafka *kafka, const char *key, const char *value)
{
    assert(kafka->more_count < COMMAND_KAFKA_MORE_MAX);
    kafka->more_count++;
    // Borrowed and never written; the type only cannot say so.
    kafka->pass[kafka->client.pass_count++] =
        (struct option_pair){(char *)(uintptr_t)key, (char *)(uintptr_t)value};
}

// ---- the whole ----

int command_kafka_open(struct command_kafka *kafka)
{
    int code = read_wait(kafka) ? read_cluster(kafka) : EX_USAGE;
    if (code == ARGUMENTS_GO_ON && !read_pass(kafka)) {
        code = EX_USAGE;
    }
    if (code != ARGUMENTS_GO_ON) {
        command_kafka_close(kafka);
    }
    return code;
}

void command_kafka_close(struct command_kafka *kafka)
{
    uint32_t end = kafka->client.pass_count - kafka->more_count;
    uint32_t from_file = 0;
    if (kafka->options.rows != NULL) {
        (void)option_pairs(&kafka->options, "client", &from_file);
    }
    for (uint32_t i = from_file; kafka->pass != NULL && i < end; i++) {
        free(kafka->pass[i].name);
    }
    free(kafka->pass);
    kafka->pass = NULL;
    option_set_free(&kafka->options);
    yaml_tree_free(kafka->yaml);
    kafka->yaml = NULL;
}

int command_kafka_failed(const struct command_kafka *kafka, enum err err, const char *why)
{
    static const struct {
        enum err err;
        int code;
    } codes[] = {{ERR_NOT_FOUND, EX_NOINPUT},
                 {ERR_DENIED, EX_NOPERM},
                 {ERR_INVALID, EX_USAGE},
                 {ERR_AGAIN, EX_UNAVAILABLE}};
    (void)fprintf(stderr, "weir %s: %s\n", kafka->command, why);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].err == err) {
            return codes[i].code;
        }
    }
    return EX_SOFTWARE;
}
