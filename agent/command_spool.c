// weir spool ls | stat | cat | export | verify: look into a spool, of a running agent or on a card
// pulled out of a dead gateway. weir spool rekey | resize: give it another key or
// size.
#include "agent/command_spool.h"
#include "agent/argument.h"
#include "agent/clock.h"
#include "agent/command.h"

#include <stdlib.h>

static const char usage[] =
    "usage: weir spool ls|stat|cat|export|verify|rekey|resize [FOLDER | [-c FILE] [PRODUCT]] "
    "[options]\n"
    "\n"
    "Looks into a spool and never writes to it: one of a running agent, or a copied one, by its\n"
    "folder (/mnt/card/var/lib/weir/PRODUCT, or the folder above it) or by its product's name.\n"
    "\n"
    "  ls       its segments; with --blocks each block: seqs, times, bytes, settled or not\n"
    "  stat     epoch, cursor, what waits, keys, states, sizes, health\n"
    "  cat      the records that wait, as JSON lines (--all: all that can still be read)\n"
    "  export   records by time, seq or key, as JSON lines or CSV\n"
    "  verify   read everything and say what is damaged; exit 1 if something is\n"
    "  rekey    seal it under another key, or none\n"
    "  resize   give its ring another size; what waits stays. These two write, and its agent must\n"
    "           be stopped\n"
    "\n"
    "  -c FILE             settings that name the state directory (default: $WEIR_CONFIG, else\n"
    "                      /etc/weir/weir.yaml, else /var/lib/weir is it)\n"
    "  --key-file FILE     of a sealed spool: 32 bytes as they are, in hex or base64\n"
    "  --key-keyring NAME, --key-credential NAME   the same from the kernel's keyring, or systemd\n"
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
    "rekey:\n"
    "  --new-key-file FILE, --new-key-keyring NAME, --new-key-credential NAME, or --in-clear\n"
    "resize:\n"
    "  --size SIZE         of the ring, as in weir.yaml: \"512 MiB\"\n"
    "exit: 0 good; 1 verify found damage; 64 usage; 65 no whole spool, or damaged records were "
    "left\n"
    "      out; 66 no such spool; 70 a newer weir wrote it; 73 no output file; 74 the device; 77 "
    "no\n"
    "      right, or the key is missing or wrong; 78 settings\n";

enum { LS = 1, STAT = 2, CAT = 4, EXPORT = 8, VERIFY = 16, REKEY = 32, RESIZE = 64, ALL = 127 };

static const struct verb {
    const char *name;
    const char *command; // for sentences
    unsigned bit;
    int (*run)(const struct spool_request *request, const struct spool_folders *folders);
} verbs[] = {
    {"ls", "spool ls", LS, spool_ls},
    {"stat", "spool stat", STAT, spool_stat_print},
    {"cat", "spool cat", CAT, spool_export},
    {"export", "spool export", EXPORT, spool_export},
    {"verify", "spool verify", VERIFY, spool_verify},
    {"rekey", "spool rekey", REKEY, spool_rekey},
    {"resize", "spool resize", RESIZE, spool_rekey},
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

// --- values of options: false after a sentence

static bool refuse(const struct spool_request *request, const char *name, const char *value,
                   const char *wanted)
{
    (void)fprintf(stderr, "weir spool %s: %s %s: %s\n", request->verb, name, value, wanted);
    return false;
}

// NULL: not given. So in the next ones.
static bool read_time(const struct spool_request *request, const char *name, const char *value,
                      int64_t *time_ms)
{
    char text[64];
    bool is_day = value != NULL && strlen(value) == 10; // midnight, UTC
    (void)snprintf(text, sizeof text, "%s%s", value != NULL ? value : "",
                   is_day ? "T00:00:00Z" : "");
    return value == NULL || clock_parse(text, strlen(text), time_ms) == 0 ||
           refuse(request, name, value,
                  "not a time; write e.g. 2026-11-24T18:54:14Z or 2026-11-24");
}

static bool read_seq(const struct spool_request *request, const char *name, const char *value,
                     uint64_t *seq)
{
    if (value == NULL) {
        return true;
    }
    char *end = NULL;
    bool digits = value[0] >= '0' && value[0] <= '9' && strlen(value) <= 18;
    unsigned long long number = digits ? strtoull(value, &end, 10) : 0;
    if (!digits || *end != 0) {
        return refuse(request, name, value, "not a seq; write a whole number from 1 on");
    }
    *seq = number;
    return true;
}

static bool read_format(struct spool_request *request, const char *value)
{
    request->csv = value != NULL && strcmp(value, "csv") == 0;
    return value == NULL || request->csv || strcmp(value, "jsonl") == 0 ||
           refuse(request, "--format", value, "the formats are jsonl and csv");
}

static bool read_size(const struct spool_request *request, const char *value, uint64_t *size_bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB"};
    if (value == NULL) {
        return true;
    }
    char *unit = NULL;
    bool digits = value[0] >= '0' && value[0] <= '9' && strlen(value) <= 16;
    unsigned long long number = digits ? strtoull(value, &unit, 10) : 0;
    for (uint32_t i = 0; digits && i < 3; i++) {
        if (strcmp(unit + strspn(unit, " "), units[i]) == 0 && number > 0 && number < 1U << 24) {
            *size_bytes = (uint64_t)number << (10 * (i + 1));
            return true;
        }
    }
    return refuse(request, "--size", value, "not a size; write e.g. \"512 MiB\"");
}

// --- the line

// What stands in the line as a text until it is read.
struct words {
    const char *from, *to, *from_seq, *to_seq, *key, *format, *size;
};

static bool range_is_sound(const struct spool_request *request)
{
    const struct spool_view_range *range = &request->range;
    bool sound = range->from_ms < range->to_ms && range->from_seq <= range->to_seq;
    if (!sound) {
        (void)fprintf(stderr,
                      "weir spool %s: the range ends before it begins; look at --from and --to\n",
                      request->verb);
    }
    return sound;
}

static bool read_words(struct spool_request *request, const struct words *words)
{
    request->range.key = words->key != NULL ? bytes_text(words->key) : request->range.key;
    return read_time(request, "--from", words->from, &request->range.from_ms) &&
           read_time(request, "--to", words->to, &request->range.to_ms) &&
           read_seq(request, "--from-seq", words->from_seq, &request->range.from_seq) &&
           read_seq(request, "--to-seq", words->to_seq, &request->range.to_seq) &&
           range_is_sound(request) && read_format(request, words->format) &&
           read_size(request, words->size, &request->size_bytes);
}

// ARGUMENTS_GO_ON, or the exit code.
static int read_line(struct spool_request *request, const struct verb *verb, int argc, char **argv)
{
    struct words words = {.from = NULL};
    const struct {
        unsigned verbs;
        struct argument row;
    } all[] = {
        {ALL, {.names = ARGUMENT_WORD, .text = &request->path}},
        {ALL, {.names = "--config|-c", .text = &request->config}},
        {ALL, {.names = "--key-file", .text = &request->key_names.file}},
        {ALL, {.names = "--key-keyring", .text = &request->key_names.keyring}},
        {ALL, {.names = "--key-credential", .text = &request->key_names.credential}},
        {REKEY, {.names = "--new-key-file", .text = &request->new_key_names.file}},
        {REKEY, {.names = "--new-key-keyring", .text = &request->new_key_names.keyring}},
        {REKEY, {.names = "--new-key-credential", .text = &request->new_key_names.credential}},
        {REKEY, {.names = "--in-clear", .flag = &request->in_clear}},
        {RESIZE, {.names = "--size", .text = &words.size}},
        {LS | STAT | VERIFY, {.names = "--json|-j", .flag = &request->json}},
        {LS, {.names = "--blocks", .flag = &request->blocks}},
        {CAT | EXPORT, {.names = "--all", .flag = &request->range.settled_too}},
        {CAT | EXPORT, {.names = "--identity", .flag = &request->identity}},
        {CAT | EXPORT, {.names = "--gateway", .text = &request->gateway}},
        {EXPORT, {.names = "--from", .text = &words.from}},
        {EXPORT, {.names = "--to", .text = &words.to}},
        {EXPORT, {.names = "--from-seq", .text = &words.from_seq}},
        {EXPORT, {.names = "--to-seq", .text = &words.to_seq}},
        {EXPORT, {.names = "--key", .text = &words.key}},
        {EXPORT, {.names = "--format", .text = &words.format}},
        {EXPORT, {.names = "--out", .text = &request->out}},
    };
    struct argument rows[sizeof all / sizeof all[0] + 1] = {{.names = NULL}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if ((all[i].verbs & verb->bit) != 0) {
            rows[count++] = all[i].row;
        }
    }
    int code = arguments_read(verb->command, argc, argv, rows, usage);
    return code == ARGUMENTS_GO_ON && !read_words(request, &words) ? EX_USAGE : code;
}

static bool names_its_new_key(const struct spool_request *request)
{
    const struct spool_key_names *names = &request->new_key_names;
    bool named = names->file != NULL || names->keyring != NULL || names->credential != NULL;
    if (named == request->in_clear) {
        (void)fputs("weir spool rekey: name the new key (--new-key-file FILE), or say --in-clear\n",
                    stderr);
    }
    return named != request->in_clear;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    static struct spool_folders folders;
    struct spool_request request = {.verb = verb->name, .range = SPOOL_VIEW_ALL};
    struct spool_keys keys;
    int code = read_line(&request, verb, argc, argv);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    if (verb->bit == REKEY && !names_its_new_key(&request)) {
        return EX_USAGE;
    }
    if (verb->bit == RESIZE && request.size_bytes == 0) {
        (void)fputs("weir spool resize: say how large (--size \"512 MiB\")\n", stderr);
        return EX_USAGE;
    }
    code = spool_keys_read(&request, &keys);
    code = code == EX_OK ? spool_folders_find(&request, &folders) : code;
    code = code == EX_OK ? verb->run(&request, &folders) : code;
    explicit_bzero(&keys, sizeof keys);
    if (fflush(stdout) != 0 && code == EX_OK) {
        (void)fprintf(stderr, "weir spool %s: the output cannot be written\n", verb->name);
        code = EX_IOERR;
    }
    return code;
}

int command_spool(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        (void)fputs(usage, stdout);
        return EX_OK;
    }
    for (int i = 0; argc > 1 && i < VERB_COUNT; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            return run(&verbs[i], argc - 1, argv + 1);
        }
    }
    if (argc > 1) {
        (void)fprintf(stderr,
                      "weir spool: there is no '%s'; ls, stat, cat, export, verify, "
                      "rekey and resize are there\n",
                      argv[1]);
    } else {
        (void)fputs(usage, stderr);
    }
    return EX_USAGE;
}
