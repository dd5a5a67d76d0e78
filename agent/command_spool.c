// weir spool ls | stat | cat | export | verify: look into a spool, of a running agent or on a card
// pulled out of a dead gateway.
#include "agent/command_spool.h"
#include "agent/clock.h"
#include "agent/command.h"

#include <stdlib.h>

static const char usage[] =
    "usage: weir spool ls|stat|cat|export|verify [FOLDER | [-c FILE] [PRODUCT]] [options]\n"
    "\n"
    "Looks into a spool and never writes to it: one of a running agent, or a copied one, by its\n"
    "folder (/mnt/card/var/lib/weir/PRODUCT, or the folder above it) or by its product's name.\n"
    "\n"
    "  ls       its segments; with --blocks each block: seqs, times, bytes, settled or not\n"
    "  stat     epoch, cursor, what waits, keys, states, sizes, health\n"
    "  cat      the records that wait, as JSON lines (--all: all that can still be read)\n"
    "  export   records by time, seq or key, as JSON lines or CSV\n"
    "  verify   read everything and say what is damaged; exit 1 if something is\n"
    "\n"
    "  -c FILE             settings that name the state directory (default: $WEIR_CONFIG, else\n"
    "                      /etc/weir/weir.yaml, else /var/lib/weir is it)\n"
    "  --key-file FILE     of a sealed spool: 32 bytes as they are, in hex or base64\n"
    "  --json              ls, stat, verify: one JSON document\n"
    "cat, export:\n"
    "  --all               records that were delivered too, where they still lie there\n"
    "  --identity          each with its GATEWAY/EPOCH/SEQ and its key\n"
    "  --gateway NAME      of the gateway, where the spool does not tell\n"
    "export:\n"
    "  --from T, --to T    times from T on, and before T: 2026-11-24T18:54:14Z or 2026-11-24\n"
    "  --from-seq N, --to-seq N\n"
    "  --key KEY           only of this key (the sensor or asset)\n"
    "  --format FORMAT     jsonl (default) or csv\n"
    "  --out FILE          a new file; default: the standard output\n"
    "exit: 0 good; 1 verify found damage; 64 usage; 65 no whole spool, or damaged records were "
    "left\n"
    "      out; 66 no such spool; 70 a newer weir wrote it; 73 no output file; 74 the device; 77 "
    "no\n"
    "      right, or the key is missing or wrong; 78 settings\n";

enum { LS = 1, STAT = 2, CAT = 4, EXPORT = 8, VERIFY = 16, ALL = 31 };

static const struct verb {
    const char *name;
    unsigned bit;
    int (*run)(const struct spool_request *request, const struct spool_folders *folders);
} verbs[] = {
    {"ls", LS, spool_ls},
    {"stat", STAT, spool_stat_print},
    {"cat", CAT, spool_export},
    {"export", EXPORT, spool_export},
    {"verify", VERIFY, spool_verify},
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

// --- values of options: false after a sentence

static bool refuse(const struct spool_request *request, const char *name, const char *value,
                   const char *wanted)
{
    (void)fprintf(stderr, "weir spool %s: %s %s: %s\n", request->verb, name, value, wanted);
    return false;
}

static bool read_time(const struct spool_request *request, const char *name, const char *value,
                      int64_t *time_ms)
{
    char text[64];
    bool is_day = strlen(value) == 10; // midnight, UTC
    (void)snprintf(text, sizeof text, "%s%s", value, is_day ? "T00:00:00Z" : "");
    return clock_parse(text, strlen(text), time_ms) == 0 ||
           refuse(request, name, value,
                  "not a time; write e.g. 2026-11-24T18:54:14Z or 2026-11-24");
}

static bool read_seq(const struct spool_request *request, const char *name, const char *value,
                     uint64_t *seq)
{
    char *end = NULL;
    bool digits = value[0] >= '0' && value[0] <= '9' && strlen(value) <= 18;
    unsigned long long number = digits ? strtoull(value, &end, 10) : 0;
    if (!digits || *end != 0) {
        return refuse(request, name, value, "not a seq; write a whole number from 1 on");
    }
    *seq = number;
    return true;
}

static bool set_config(struct spool_request *request, const char *name, const char *value)
{
    (void)name;
    request->config = value;
    return true;
}
static bool set_key_file(struct spool_request *request, const char *name, const char *value)
{
    (void)name;
    request->key_file = value;
    return true;
}
static bool set_json(struct spool_request *request, const char *name, const char *value)
{
    (void)name;
    (void)value;
    request->json = true;
    return true;
}
static bool set_blocks(struct spool_request *request, const char *name, const char *value)
{
    (void)name;
    (void)value;
    request->blocks = true;
    return true;
}
static bool set_all(struct spool_request *request, const char *name, const char *value)
{
    (void)name;
    (void)value;
    request->range.settled_too = true;
    return true;
}
static bool set_identity(struct spool_request *request, const char *name, const char *value)
{
    (void)name;
    (void)value;
    request->identity = true;
    return true;
}
static bool set_gateway(struct spool_request *request, const char *name, const char *value)
{
    (void)name;
    request->gateway = value;
    return true;
}
static bool set_from(struct spool_request *request, const char *name, const char *value)
{
    return read_time(request, name, value, &request->range.from_ms);
}
static bool set_to(struct spool_request *request, const char *name, const char *value)
{
    return read_time(request, name, value, &request->range.to_ms);
}
static bool set_from_seq(struct spool_request *request, const char *name, const char *value)
{
    return read_seq(request, name, value, &request->range.from_seq);
}
static bool set_to_seq(struct spool_request *request, const char *name, const char *value)
{
    return read_seq(request, name, value, &request->range.to_seq);
}
static bool set_key(struct spool_request *request, const char *name, const char *value)
{
    (void)name;
    request->range.key = bytes_text(value);
    return true;
}
static bool set_format(struct spool_request *request, const char *name, const char *value)
{
    request->csv = strcmp(value, "csv") == 0;
    return request->csv || strcmp(value, "jsonl") == 0 ||
           refuse(request, name, value, "the formats are jsonl and csv");
}
static bool set_out(struct spool_request *request, const char *name, const char *value)
{
    (void)name;
    request->out = value;
    return true;
}

static const struct flag {
    const char *name;
    unsigned verbs;
    bool has_value;
    bool (*set)(struct spool_request *request, const char *name, const char *value);
} flags[] = {
    {"-c", ALL, true, set_config},
    {"--config", ALL, true, set_config},
    {"--key-file", ALL, true, set_key_file},
    {"--json", LS | STAT | VERIFY, false, set_json},
    {"--blocks", LS, false, set_blocks},
    {"--all", CAT | EXPORT, false, set_all},
    {"--identity", CAT | EXPORT, false, set_identity},
    {"--gateway", CAT | EXPORT, true, set_gateway},
    {"--from", EXPORT, true, set_from},
    {"--to", EXPORT, true, set_to},
    {"--from-seq", EXPORT, true, set_from_seq},
    {"--to-seq", EXPORT, true, set_to_seq},
    {"--key", EXPORT, true, set_key},
    {"--format", EXPORT, true, set_format},
    {"--out", EXPORT, true, set_out},
};
enum { FLAG_COUNT = sizeof flags / sizeof flags[0] };

// --- the line

static const struct flag *find_flag(const char *word, size_t length)
{
    for (int i = 0; i < FLAG_COUNT; i++) {
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, word, length) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

static bool read_flag(struct spool_request *request, unsigned verb, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    const char *equals = strchr(word, '=');
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct flag *flag = find_flag(word, length);
    if (flag == NULL || (flag->verbs & verb) == 0) {
        return refuse(request, word, "is not understood", "see weir spool --help");
    }
    if (!flag->has_value) {
        return equals == NULL ? flag->set(request, flag->name, NULL)
                              : refuse(request, word, "takes no value", "see weir spool --help");
    }
    if (equals == NULL && *at + 1 == argc) {
        return refuse(request, word, "wants a value", "see weir spool --help");
    }
    return flag->set(request, flag->name, equals != NULL ? equals + 1 : argv[++*at]);
}

static bool read_line(struct spool_request *request, unsigned verb, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool good = true;
        if (argv[i][0] == '-' && argv[i][1] != 0) {
            good = read_flag(request, verb, argc, argv, &i);
        } else if (request->path != NULL) {
            good = refuse(request, argv[i], "is one word too many after", request->path);
        } else {
            request->path = argv[i];
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    static struct spool_folders folders;
    struct spool_request request = {.verb = verb->name, .range = SPOOL_VIEW_ALL};
    uint8_t key[32];
    if (!read_line(&request, verb->bit, argc, argv)) {
        return EX_USAGE;
    }
    int code = request.key_file != NULL ? spool_key_read(&request, key) : EX_OK;
    request.key = request.key_file != NULL ? key : NULL;
    code = code == EX_OK ? spool_folders_find(&request, &folders) : code;
    code = code == EX_OK ? verb->run(&request, &folders) : code;
    explicit_bzero(key, sizeof key);
    if (fflush(stdout) != 0 && code == EX_OK) {
        (void)fprintf(stderr, "weir spool %s: the output cannot be written\n", verb->name);
        code = EX_IOERR;
    }
    return code;
}

int command_spool(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(usage, stdout);
            return EX_OK;
        }
    }
    for (int i = 0; argc > 1 && i < VERB_COUNT; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            return run(&verbs[i], argc - 1, argv + 1);
        }
    }
    if (argc > 1) {
        (void)fprintf(stderr,
                      "weir spool: there is no '%s'; ls, stat, cat, export and verify are "
                      "there\n",
                      argv[1]);
    } else {
        (void)fputs(usage, stderr);
    }
    return EX_USAGE;
}
