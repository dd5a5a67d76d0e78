// weir demo: the whole sentence to look at. This host's own sensors, the real agent as a child
// process, a broker inside this one, and a consumer that counts what it sees. In the middle the
// broker goes away: the backlog grows; it comes back: the backlog drains; nothing is missing.
#include "agent/argument.h"
#include "agent/clock.h"
#include "agent/command.h"
#include "agent/command_demo_agent.h"
#include "agent/command_demo_cluster.h"
#include "agent/command_demo_files.h"
#include "agent/command_demo_picture.h"
#include "agent/command_demo_reader.h"
#include "agent/human.h"
#include "agent/log.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FOR_LEAST_MS = 5000,
    FOR_MOST_MS = 10 * 60 * 1000,
    // The broker inside keeps 100,000 records of a topic; a host has up to a few hundred sensors.
    SHORT_MS = 60 * 1000,
    EVERY_SHORT_MS = 200,
    EVERY_LONG_MS = 1000,
    START_WAIT_MS = 15000,
    CATCH_UP_WAIT_MS = 30000,
    STOP_WAIT_MS = 20000,
    LAST_WAIT_MS = 5000, // for what is on its way to the consumer
    TURN_MS = 100,
};

static const char usage[] =
    "usage: weir demo [--for 20s] [--json] [--bootstrap HOST:PORT] [--keep DIR]\n"
    "\n"
    "This host's own sensors, a real agent, a broker inside, and a consumer that counts. In the\n"
    "middle the broker goes away and comes back.\n"
    "\n"
    "  --for TIME             how long, 5s to 10min (default 20s)\n"
    "  --json                 end with one JSON object on the last line\n"
    "  --bootstrap HOST:PORT  a real cluster; the topics are made there, and no outage is staged\n"
    "  --keep DIR             settings, contract, log and spool stay in DIR (made, or empty)\n"
    "\n"
    "exit: 0 the consumer has every record; 1 one is missing, lost or out of order; 69 no broker;\n"
    "      70 the agent did not run\n";

static const char *const topics[] = {DEMO_TOPIC, DEMO_LOSSES_TOPIC, DEMO_HEARTBEATS_TOPIC,
                                     // What the agent as the owner would make, were they missing.
                                     DEMO_QUARANTINE_TOPIC, "demo.weir-cursors", "mesh.nodes",
                                     "mesh.products", "mesh.contracts", "mesh.slo",
                                     "mesh.heartbeats", NULL};

static volatile sig_atomic_t interrupts; // Ctrl-C: once ends the story, twice does not wait

static void note_interrupt(int signal_number)
{
    (void)signal_number;
    interrupts = interrupts + 1;
}

struct demo {
    bool json;
    const char *bootstrap; // of a real cluster, or NULL
    const char *keep;
    int64_t for_ms;
    char gateway[65];
    char dir[DEMO_PATH_SIZE];
    struct demo_cluster *cluster;
    struct demo_reader *reader;
    struct demo_agent agent;
    struct demo_picture picture;
    const char *story;
    int64_t started_ms;
    int64_t away_from_ms; // boot time; 0: the broker was not sent away yet
    int64_t away_to_ms;
    int64_t looked_ms;
};

static int64_t elapsed_ms(const struct demo *demo)
{
    return clock_boot_ms() - demo->started_ms;
}

static void draw(struct demo *demo, bool turn)
{
    struct verify_verdict verdict;
    demo_reader_judge(demo->reader, &verdict);
    const struct demo_view view = {
        .gateway = demo->gateway,
        .broker = demo->bootstrap == NULL ? "a broker inside" : demo->bootstrap,
        .story = demo->story,
        .elapsed_ms = elapsed_ms(demo),
        .total_ms = demo->for_ms,
        .away = demo->away_from_ms != 0 && demo->away_to_ms == 0,
        .state = &demo->agent.state,
        .seen = demo_reader_seen(demo->reader),
        .missing = verdict.missing,
        .duplicated = verdict.duplicated,
    };
    picture_draw(&demo->picture, &view, turn);
}

static void tell(struct demo *demo, const char *story)
{
    demo->story = story;
    draw(demo, true);
}

// One turn: read, ask, draw. False: the agent has ended.
static bool turn(struct demo *demo)
{
    demo_reader_poll(demo->reader, TURN_MS);
    bool lives = !demo_agent_has_ended(&demo->agent);
    if (lives && clock_boot_ms() - demo->looked_ms >= TURN_MS) {
        demo_agent_look(&demo->agent);
        demo->looked_ms = clock_boot_ms();
    }
    draw(demo, false);
    return lives;
}

// ---- the story ----

// Until the consumer has seen the first record.
static bool begin(struct demo *demo)
{
    tell(demo, "the agent starts");
    int64_t end_ms = clock_boot_ms() + START_WAIT_MS;
    while (demo_reader_seen(demo->reader)->records == 0 && interrupts == 0) {
        if (!turn(demo) || clock_boot_ms() > end_ms) {
            return false;
        }
    }
    return true;
}

// Go on to `until_ms` of the story.
static bool go_on(struct demo *demo, int64_t until_ms)
{
    while (elapsed_ms(demo) < until_ms && interrupts == 0) {
        if (!turn(demo)) {
            return false;
        }
    }
    return true;
}

static bool stage_outage(struct demo *demo)
{
    if (!go_on(demo, demo->for_ms * 3 / 10)) {
        return false;
    }
    demo_cluster_go_away(demo->cluster);
    demo->away_from_ms = clock_boot_ms();
    tell(demo, "the broker is away: records go on entering and wait in the spool");
    bool lives = go_on(demo, demo->for_ms * 6 / 10);
    demo_cluster_come_back(demo->cluster);
    demo->away_to_ms = clock_boot_ms();
    tell(demo, "the broker is back: the spool drains");
    return lives;
}

// Until all that was read by now is settled: an outage just before the end must not look like a
// loss.
static bool catch_up(struct demo *demo)
{
    uint64_t goal = demo->agent.state.read;
    int64_t end_ms = clock_boot_ms() + CATCH_UP_WAIT_MS;
    while (demo->agent.state.settled < goal && clock_boot_ms() < end_ms && interrupts < 2) {
        if (!turn(demo)) {
            return false;
        }
    }
    return true;
}

static bool tell_the_story(struct demo *demo)
{
    if (!begin(demo)) {
        return false;
    }
    tell(demo, "records flow: sensors, spool, Kafka, consumer");
    if (demo_cluster_can_go_away(demo->cluster) && !stage_outage(demo)) {
        return false;
    }
    return go_on(demo, demo->for_ms) && catch_up(demo);
}

// Stop the agent in order, and let the consumer read what is still on its way.
static void end(struct demo *demo)
{
    tell(demo, "the agent stops: it sends what it has, and says bye");
    demo_agent_ask_to_stop(&demo->agent);
    int64_t end_ms = clock_boot_ms() + STOP_WAIT_MS;
    while (!demo_agent_has_ended(&demo->agent) && clock_boot_ms() < end_ms && interrupts < 2) {
        demo_reader_poll(demo->reader, TURN_MS);
        draw(demo, false);
    }
    demo_agent_kill(&demo->agent);
    const struct demo_seen *seen = demo_reader_seen(demo->reader);
    struct verify_verdict verdict;
    end_ms = clock_boot_ms() + LAST_WAIT_MS;
    do {
        demo_reader_poll(demo->reader, TURN_MS);
        demo_reader_judge(demo->reader, &verdict);
    } while ((!seen->bye || verdict.last < seen->told_seq || verdict.missing > 0) &&
             clock_boot_ms() < end_ms && interrupts < 2);
}

// ---- the verdict ----

struct demo_result {
    uint64_t read, delivered, lost, duplicated, out_of_order;
    double outage_s;
    int64_t spool_peak_bytes, wire_bytes;
    uint64_t heartbeats;
    bool bye;
};

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// What was read is what the agent last said of itself, by its socket or by its bye; all the rest is
// what the consumer saw.
static struct demo_result judge(const struct demo *demo)
{
    const struct demo_seen *seen = demo_reader_seen(demo->reader);
    struct verify_verdict verdict;
    demo_reader_judge(demo->reader, &verdict);
    struct demo_result result = {
        .read = most(most(seen->told_seq, demo->agent.state.read), verdict.last),
        .delivered = verdict.delivered,
        .duplicated = verdict.duplicated,
        .out_of_order = verdict.out_of_order,
        .outage_s = (double)(demo->away_to_ms - demo->away_from_ms) / 1000.0,
        .spool_peak_bytes = demo->agent.state.spool_peak_bytes,
        .wire_bytes = demo->agent.state.wire_bytes,
        .heartbeats = seen->heartbeats,
        .bye = seen->bye,
    };
    result.lost = result.read - result.delivered;
    return result;
}

static void print_json(const struct demo_result *result)
{
    (void)printf("{\"read\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"lost\":%" PRIu64
                 ",\"duplicated\":%" PRIu64 ",\"outage_s\":%.1f,\"spool_peak_bytes\":%" PRId64
                 ",\"wire_bytes\":%" PRId64 ",\"out_of_order\":%" PRIu64 ",\"heartbeats\":%" PRIu64
                 ",\"bye\":%s}\n",
                 result->read, result->delivered, result->lost, result->duplicated,
                 result->outage_s, result->spool_peak_bytes, result->wire_bytes,
                 result->out_of_order, result->heartbeats, result->bye ? "true" : "false");
}

static void print_words(const struct demo *demo, const struct demo_result *result)
{
    char peak[HUMAN_SIZE];
    char wire[HUMAN_SIZE];
    (void)printf("read %" PRIu64 ", delivered %" PRIu64 ", lost %" PRIu64 ", duplicated %" PRIu64
                 ", out of order %" PRIu64 ", as the consumer counts\n",
                 result->read, result->delivered, result->lost, result->duplicated,
                 result->out_of_order);
    if (demo_cluster_can_go_away(demo->cluster)) {
        (void)printf("the broker was away for %.1f s; at most %s lay in the spool; %s were sent\n",
                     result->outage_s, human_bytes(result->spool_peak_bytes, peak),
                     human_bytes(result->wire_bytes, wire));
    } else {
        (void)printf("a real cluster: no outage was staged; %s were sent\n",
                     human_bytes(result->wire_bytes, wire));
    }
    if (!result->bye) {
        (void)printf("no bye was heard\n");
    }
    if (demo->keep != NULL) {
        (void)printf("kept in %s: weir.yaml, host.odcs.yaml, agent.log, state/\n", demo->dir);
    }
}

static int finish(struct demo *demo)
{
    picture_close(&demo->picture);
    struct demo_result result = judge(demo);
    if (!demo->json) {
        print_words(demo, &result);
    } else {
        print_json(&result);
    }
    bool whole = result.read > 0 && result.lost == 0 && result.out_of_order == 0;
    return whole ? EX_OK : 1;
}

// ---- setting up and clearing away ----

static int tell_wrong(struct demo *demo)
{
    picture_close(&demo->picture);
    (void)fflush(stdout);
    bool ended = demo_agent_has_ended(&demo->agent);
    demo_agent_kill(&demo->agent);
    if (ended) {
        (void)fprintf(stderr, "weir demo: the agent ended with exit code %d; its last words:\n",
                      demo->agent.exit_code);
    } else {
        (void)fprintf(stderr, "weir demo: no record reached the consumer; the agent said:\n");
    }
    demo_agent_print_log(&demo->agent);
    return EX_SOFTWARE;
}

static int play(struct demo *demo)
{
    enum err err = demo_agent_start(&demo->agent, demo->dir);
    if (err != OK) {
        (void)fprintf(stderr, "weir demo: the agent could not be started: %s\n", err_name(err));
        return EX_OSERR;
    }
    demo->started_ms = clock_boot_ms();
    if (!tell_the_story(demo)) {
        return tell_wrong(demo);
    }
    end(demo);
    return finish(demo);
}

static int play_with_kafka(struct demo *demo)
{
    char why[KAFKA_SENTENCE_SIZE];
    demo->cluster = demo_cluster_open(demo->bootstrap, topics, why);
    if (demo->cluster == NULL) {
        (void)fprintf(stderr, "weir demo: %s\n", why);
        return EX_UNAVAILABLE;
    }
    const char *bootstrap = demo_cluster_bootstrap(demo->cluster);
    int code = EX_UNAVAILABLE;
    int every_ms = demo->for_ms <= SHORT_MS ? EVERY_SHORT_MS : EVERY_LONG_MS;
    enum err err = demo_files_write(demo->dir, demo->gateway, bootstrap, every_ms);
    demo->reader = demo_reader_open(bootstrap, demo->gateway, topics, why);
    if (err != OK) {
        (void)fprintf(stderr, "weir demo: %s: cannot be written: %s\n", demo->dir, err_name(err));
        code = EX_CANTCREAT;
    } else if (demo->reader == NULL) {
        (void)fprintf(stderr, "weir demo: %s\n", why);
    } else {
        code = play(demo);
    }
    if (demo->reader != NULL) {
        demo_reader_close(demo->reader);
    }
    demo_cluster_close(demo->cluster);
    return code;
}

static int tell_no_dir(const struct demo *demo, enum err err)
{
    const char *dir = demo->keep == NULL ? "a temporary directory" : demo->keep;
    if (err == ERR_BUSY) {
        (void)fprintf(stderr,
                      "weir demo: %s is not empty; name one that is, or that is not there\n", dir);
    } else if (err == ERR_LIMIT) {
        (void)fprintf(stderr,
                      "weir demo: %s: its path has more than 90 bytes, too many for the "
                      "agent's socket in it\n",
                      dir);
    } else {
        (void)fprintf(stderr, "weir demo: %s cannot be made: %s\n", dir, err_name(err));
    }
    return EX_CANTCREAT;
}

// "demo-HOST-PID", so that runs on one cluster do not meet.
static void name_gateway(char out[65])
{
    char host[40] = "host";
    (void)gethostname(host, sizeof host - 1);
    for (char *at = host; *at != 0; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || *at == '-';
        *at = plain ? *at : '-';
    }
    (void)snprintf(out, 65, "demo-%s-%d", host, (int)getpid());
}

static int read_demo_arguments(int argc, char **argv, struct demo *demo)
{
    const char *time = "20s";
    const struct argument rows[] = {{.names = "--for", .text = &time},
                                    {.names = "--json", .flag = &demo->json},
                                    {.names = "--bootstrap", .text = &demo->bootstrap},
                                    {.names = "--keep", .text = &demo->keep},
                                    {.names = NULL}};
    int code = arguments_read("demo", argc, argv, rows, usage);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    demo->for_ms = human_duration_ms(time);
    if (demo->for_ms < FOR_LEAST_MS || demo->for_ms > FOR_MOST_MS) {
        (void)fprintf(stderr, "weir demo: --for %s: a time from 5s to 10min, e.g. 20s\n", time);
        return EX_USAGE;
    }
    return ARGUMENTS_GO_ON;
}

int command_demo(int argc, char **argv)
{
    struct demo demo = {0};
    int code = read_demo_arguments(argc, argv, &demo);
    if (code != ARGUMENTS_GO_ON) {
        return code;
    }
    log_start(LOG_LEVEL_ERROR); // an outage is part of the play
    name_gateway(demo.gateway);
    enum err err = demo_files_make_dir(demo.keep, demo.dir, sizeof demo.dir);
    if (err != OK) {
        return tell_no_dir(&demo, err);
    }
    struct sigaction action = {.sa_handler = note_interrupt};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    picture_open(&demo.picture);
    code = play_with_kafka(&demo);
    if (demo.keep == NULL) {
        demo_files_remove(demo.dir);
    }
    return code;
}
