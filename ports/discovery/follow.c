// The service "follow": looks for newer versions of the contracts that are followed, at the
// heartbeat's cadence (a twelfth of it on metered links), and starts the agent anew with one that
// is good. The start ends the open block, so each block lies under the version that its records
// were taken under. What was tried is promoted once the loop turns with it; where the start fails,
// `weir run` goes back to the old one.
//
//     loop    due ──▶ worker: follow_look ──▶ finished: proposed? ──▶ service_start_anew
#include "ports/discovery/follow.h"

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/notify.h"
#include "agent/service.h"
#include "agent/worker.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    WAIT_MS = 3000,      // for a broker: a stop waits for a look
    LINK_EVERY_MS = 500, // until the link is up
    FIRST_EVERY_MS = 2000,
    METERED_TIMES = 12,
};

struct follow {
    struct worker *worker;
    struct job job;
    struct service_port *port;
    bool is_out; // then `looked` is the worker's
    bool is_settled;
    uint32_t looks;
    struct report report;
    struct followed kept[SETTINGS_FOLLOWS_MAX]; // as reported
    // The job's.
    struct followed looked[SETTINGS_FOLLOWS_MAX];
    struct follow_look look;
    enum err err;
    char why[KAFKA_SENTENCE_SIZE];
    char told[KAFKA_SENTENCE_SIZE];
};

// ---- in the worker ----

static void work(struct job *job)
{
    struct follow *follow = (struct follow *)((char *)job - offsetof(struct follow, job));
    follow->err = follow_look(&follow->look, follow->why);
}

// ---- on the loop ----

// Gateways of a fleet must not all look in the same second: a tenth more or less.
static int64_t every_ms(const struct follow *follow)
{
    const struct settings *settings = follow->port->settings;
    int64_t every = settings->heartbeat_ms * (settings->link == LINK_ETHERNET ? 1 : METERED_TIMES);
    int64_t spread = every / 5 + 1;
    return every - every / 10 + (clock_boot_ms() * 7919 + getpid()) % spread;
}

static void show(struct follow *follow)
{
    const struct settings *settings = follow->port->settings;
    for (uint32_t i = 0; i < settings->follow_count; i++) {
        if (settings->follows[i].product >= 0) {
            service_contract(follow->port, (uint32_t)settings->follows[i].product,
                             &follow->kept[i]);
        }
    }
}

// The loop turns: what was tried has stood the start.
static void promote(struct follow *follow)
{
    const struct settings *settings = follow->port->settings;
    for (uint32_t i = 0; i < settings->follow_count; i++) {
        struct followed *kept = &follow->kept[i];
        char before[FOLLOWED_VERSION_SIZE];
        (void)snprintf(before, sizeof before, "%s",
                       kept->version[0] != '\0' ? kept->version : "none");
        if (!settings->follows[i].is_trial) {
            continue;
        }
        enum err err = followed_promote(kept);
        if (err == OK) {
            log_info("contract.taken", "id=%s version=%s before=%s", settings->follows[i].id,
                     kept->version, before);
        } else {
            log_error("contract.unkept", "file=%s error=%s: the next start tries it again",
                      kept->path, err_name(err));
        }
    }
}

// What could not be taken may be takable now that the settings or this program are others.
static bool has_doubts(const struct follow *follow)
{
    bool doubts = false;
    for (uint32_t i = 0; i < follow->port->settings->follow_count; i++) {
        doubts = doubts || follow->kept[i].newer[0] != '\0';
    }
    return doubts;
}

static void due(struct service_port *port)
{
    struct follow *follow = port->state;
    if (follow->is_out) {
        return; // `finished` asks again
    }
    if (!follow->is_settled) {
        follow->is_settled = true;
        promote(follow);
        show(follow);
    }
    service_report(port, &follow->report);
    if (follow->report.link.link != LINK_UP) {
        service_due_in(port, LINK_EVERY_MS);
        return;
    }
    memcpy(follow->looked, follow->kept, sizeof follow->looked);
    follow->look = (struct follow_look){.settings = port->settings,
                                        .anew = follow->looks == 0 && has_doubts(follow),
                                        .wait_ms = WAIT_MS,
                                        .kept = follow->looked};
    follow->is_out = true;
    worker_give(follow->worker, &follow->job);
}

static void tell_failure(struct follow *follow)
{
    if (follow->err != ERR_AGAIN && strcmp(follow->why, follow->told) != 0) {
        memcpy(follow->told, follow->why, sizeof follow->told);
        log_warn("contract.unseen", "newer contracts cannot be looked for: %s", follow->why);
    }
}

static void finished(struct job *job)
{
    struct follow *follow = (struct follow *)((char *)job - offsetof(struct follow, job));
    const struct settings *settings = follow->port->settings;
    bool proposed = false;
    follow->is_out = false;
    service_due_in(follow->port, every_ms(follow));
    if (follow->err != OK) {
        tell_failure(follow);
        return;
    }
    follow->looks++;
    follow->told[0] = '\0';
    memcpy(follow->kept, follow->looked, sizeof follow->kept);
    for (uint32_t i = 0; i < settings->follow_count; i++) {
        if (follow->kept[i].tries > 0) {
            proposed = true;
            log_info("contract.newer", "id=%s running=%s: a newer version is good; starting anew",
                     settings->follows[i].id, follow->kept[i].version);
        }
    }
    if (proposed) {
        service_start_anew(follow->port);
    }
}

static void ready(struct service_port *port, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    struct follow *follow = port->state;
    worker_serve(follow->worker);
}

static enum err follow_open(struct service_port *port)
{
    if (port->settings->follow_count == 0) {
        return OK; // nothing is followed, and nothing is due
    }
    struct follow *follow = calloc(1, sizeof *follow);
    if (follow == NULL || worker_open(&follow->worker, "follow") != OK) {
        free(follow);
        log_error("follow.memory", "there is no memory for the service follow");
        return ERR_FAILED;
    }
    follow->port = port;
    follow->job = (struct job){.work = work, .done = finished, .name = "follow"};
    for (uint32_t i = 0; i < port->settings->follow_count; i++) {
        follow->kept[i] = port->settings->follows[i].kept;
    }
    if (service_watch(port, worker_fd(follow->worker), EPOLLIN) != OK) {
        worker_close(follow->worker);
        free(follow);
        return ERR_FAILED;
    }
    port->state = follow;
    service_due_in(port, 0);
    return OK;
}

static void follow_close(struct service_port *port, int wait_ms)
{
    (void)wait_ms;
    struct follow *follow = port->state;
    if (follow == NULL) {
        return;
    }
    (void)service_watch(port, worker_fd(follow->worker), 0);
    worker_close(follow->worker);
    for (uint32_t i = 0; i < port->settings->follow_count; i++) {
        if (port->settings->follows[i].product >= 0) {
            service_contract(port, (uint32_t)port->settings->follows[i].product, NULL);
        }
    }
    free(follow);
    port->state = NULL;
}

extern const struct service service_follow;
const struct service service_follow = {
    .name = "follow",
    .open = follow_open,
    .ready = ready,
    .due = due,
    .close = follow_close,
};

// ---- around the agent ----

static struct settings *read_follows(const char *path)
{
    struct problems problems = {.count = 0};
    struct settings *settings = settings_read_follows(path, &problems);
    problems_free(&problems); // told by who reads all of it
    return settings;
}

static enum err look_once(struct settings *settings, struct followed *kept, bool anew,
                          char why[KAFKA_SENTENCE_SIZE])
{
    for (uint32_t i = 0; i < settings->follow_count; i++) {
        kept[i] = settings->follows[i].kept;
    }
    const struct follow_look look = {
        .settings = settings, .anew = anew, .wait_ms = WAIT_MS, .kept = kept};
    return follow_look(&look, why);
}

// The first that has no version; NULL: all have one.
static const struct follow_settings *missing(const struct settings *settings,
                                             const struct followed *kept)
{
    for (uint32_t i = 0; i < settings->follow_count; i++) {
        if (kept[i].version[0] == '\0' && kept[i].tries == 0) {
            return &settings->follows[i];
        }
    }
    return NULL;
}

// Why the agent does not start yet; told where it changes.
static void tell_waiting(const struct follow_settings *follow, const struct followed *kept,
                         enum err err, const char *why, char told[KAFKA_SENTENCE_SIZE])
{
    char sentence[KAFKA_SENTENCE_SIZE];
    if (err != OK) {
        (void)snprintf(sentence, sizeof sentence, "%s", why);
    } else {
        (void)snprintf(sentence, sizeof sentence, "mesh.contracts has no good version %s%s%.180s",
                       follow->track_text, kept->why[0] != '\0' ? ": " : "", kept->why);
    }
    if (strcmp(sentence, told) != 0) {
        memcpy(told, sentence, KAFKA_SENTENCE_SIZE);
        log_warn("contract.waiting", "id=%s track=%s: nothing can be taken before: %s", follow->id,
                 follow->track_text, sentence);
    }
}

void follow_first(const char *path)
{
    struct settings *settings = read_follows(path);
    struct followed *kept = calloc(SETTINGS_FOLLOWS_MAX, sizeof *kept);
    char why[KAFKA_SENTENCE_SIZE];
    char told[KAFKA_SENTENCE_SIZE] = "";
    for (uint32_t i = 0; settings != NULL && kept != NULL && i < settings->follow_count; i++) {
        kept[i] = settings->follows[i].kept;
    }
    const struct follow_settings *first =
        settings != NULL && kept != NULL ? missing(settings, kept) : NULL;
    if (first != NULL) {
        log_start((enum log_level)settings->log_level);
        notify("READY=1"); // the service manager need not wait for a broker with us
    }
    while (first != NULL) {
        enum err err = look_once(settings, kept, true, why);
        first = missing(settings, kept);
        if (first != NULL) {
            tell_waiting(first, &kept[first - settings->follows], err, why, told);
            notify("WATCHDOG=1");
            (void)usleep(FIRST_EVERY_MS * 1000);
        }
        for (uint32_t i = 0; i < settings->follow_count; i++) {
            settings->follows[i].kept = kept[i];
        }
    }
    free(kept);
    settings_free(settings);
}

bool follow_newer(const char *path)
{
    struct settings *settings = read_follows(path);
    struct followed *kept = calloc(SETTINGS_FOLLOWS_MAX, sizeof *kept);
    char why[KAFKA_SENTENCE_SIZE];
    bool found = false;
    if (settings != NULL && kept != NULL && settings->follow_count > 0 &&
        look_once(settings, kept, true, why) == OK) {
        for (uint32_t i = 0; i < settings->follow_count; i++) {
            found = found || kept[i].tries > 0;
        }
    }
    free(kept);
    settings_free(settings);
    return found;
}

// The version that lies at `next_path`.
static void version_tried(const struct followed *kept, char version[FOLLOWED_VERSION_SIZE])
{
    struct problems problems = {.count = 0};
    struct contract *contract = contract_read(kept->next_path, &problems);
    (void)snprintf(version, FOLLOWED_VERSION_SIZE, "%s",
                   contract != NULL ? contract->version : "unknown");
    contract_free(contract);
    problems_free(&problems);
}

static bool give_up(const struct settings *settings, const char *why, enum followed_until until)
{
    bool tried = false;
    for (uint32_t i = 0; i < settings->follow_count; i++) {
        struct followed kept = settings->follows[i].kept;
        char version[FOLLOWED_VERSION_SIZE];
        if (kept.tries == 0) {
            continue;
        }
        version_tried(&kept, version);
        if (followed_refuse(&kept, version, why, until) == OK) {
            tried = true;
            log_warn("contract.refused", "id=%s version=%s running=%s: %s", settings->follows[i].id,
                     version, kept.version, why);
        }
    }
    return tried;
}

bool follow_give_up(const char *path, const char *why)
{
    struct settings *settings = read_follows(path);
    bool tried = settings != NULL && give_up(settings, why, FOLLOWED_UNTIL_RESTART);
    settings_free(settings);
    return tried;
}

bool follow_count_try(const char *path)
{
    struct settings *settings = read_follows(path);
    bool good = true;
    for (uint32_t i = 0; settings != NULL && i < settings->follow_count; i++) {
        struct followed *kept = &settings->follows[i].kept;
        good = good && kept->tries <= FOLLOWED_TRIES_MAX;
        if (good && kept->tries > 0) {
            (void)followed_try(kept);
        }
    }
    if (!good) {
        good = !give_up(settings, "the agent ended each time that it started with it",
                        FOLLOWED_FOR_GOOD);
    }
    settings_free(settings);
    return good;
}

void follow_forgive(const char *path)
{
    struct settings *settings = read_follows(path);
    for (uint32_t i = 0; settings != NULL && i < settings->follow_count; i++) {
        (void)followed_forgive(&settings->follows[i].kept);
    }
    settings_free(settings);
}
