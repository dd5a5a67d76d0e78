// Input driver `linux`: this host. Every `every` all readings are taken at once and have one time.
// How they become records depends on the contract:
//
//     it has a number `value`   one record a reading: the key is the reading's name, `value`, and
//                               `unit` where the contract has that text
//     it has not                one record a poll: the key is the option `key`; each property that
//                               is called like a reading ("memory_available" for memory/available)
//                               has its value
//
// Readings are taken in a worker: a sensor on a slow bus may stand still for a second, and the loop
// does not. Where there is no room, the readings of a poll wait; the next poll is then left out,
// and told; so is one that is due while the last one still stands at a sensor.
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/port.h"
#include "agent/worker.h"
#include "ports/input/readings.h"

#include <ctype.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { CLOSE_WAIT_MS = 2000 };

static const char *const groups[] = {"load",    "cpu",     "memory", "disk", "io",
                                     "network", "thermal", "hwmon",  "iio",  NULL};

struct linux_input {
    struct input *input;
    struct worker *worker;
    struct job job;  // one poll
    bool is_reading; // then `readings` and `time_ms` are the worker's
    int64_t next_ms; // of the next poll, since boot
    int64_t time_ms; // of the last one
    uint32_t given;  // readings of it that were handed over
    uint32_t left_out_polls;
    bool troubled;
    const struct column *value; // NULL: a wide record
    const struct column *unit;  // may be NULL
    struct value values[SCHEMA_COLUMNS_MAX];
    struct readings readings;
};

static const struct option rows[] = {
    {"every", OPTION_DURATION, "10 s", false, 100, 86400000, NULL, "how often to read"},
    {"read", OPTION_LIST, NULL, false, 0, 0, NULL,
     "of load, cpu, memory, disk, io, network, thermal, hwmon, iio; default: all that there are"},
    {"skip", OPTION_LIST, NULL, false, 0, 0, NULL,
     "names of readings to leave out, or their beginnings: thermal/acpitz, net/docker"},
    {"mounts", OPTION_LIST, NULL, false, 0, 0, NULL,
     "where file systems are mounted whose space is read; default: all of block devices"},
    {"key", OPTION_TEXT, "host", false, 0, 0, NULL,
     "the key of records that hold a whole poll (the contract has no `value`)"},
    {"root", OPTION_PATH, "/", false, 0, 0, NULL, "where proc and sys are mounted"},
    {.key = NULL},
};

// ---- settings ----

static const struct column *column_called(const struct schema *schema, const char *name)
{
    for (uint16_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        if (column->role == ROLE_FIELD && strcmp(column->name, name) == 0) {
            return column;
        }
    }
    return NULL;
}

static bool is_group(const char *name)
{
    for (size_t i = 0; groups[i] != NULL; i++) {
        if (strcmp(groups[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void linux_check(const struct option_set *options, const struct schema *schema,
                        const char *file, struct problems *problems)
{
    uint32_t count = 0;
    const struct option_pair *read = option_pairs(options, "read", &count);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_group(read[i].value)) {
            problem_add(problems, file, option_line(options, "read"), "read",
                        "\"%s\" is none of load, cpu, memory, disk, io, network, thermal, hwmon, "
                        "iio",
                        read[i].value);
        }
    }
    const struct column *value = column_called(schema, "value");
    if (value != NULL && value->type != COLUMN_NUMBER) {
        problem_add(problems, file, options->line, "driver",
                    "the contract's property \"value\" is no number, which readings are");
    }
}

// ---- taking readings ----

static bool is_read(const struct input *input, const char *group)
{
    uint32_t count = 0;
    const struct option_pair *read = option_pairs(input->options, "read", &count);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(read[i].value, group) == 0) {
            return true;
        }
    }
    return read == NULL;
}

static struct linux_input *host_of(struct job *job)
{
    return (struct linux_input *)((char *)job - offsetof(struct linux_input, job));
}

// In the worker.
static void take_readings(struct job *job)
{
    struct linux_input *host = host_of(job);
    const struct input *input = host->input;
    struct readings *readings = &host->readings;
    static void (*const takers[])(struct readings *) = {
        readings_load,    readings_cpu,     readings_memory, NULL /* disk */, readings_io,
        readings_network, readings_thermal, readings_hwmon,  readings_iio,
    };
    uint32_t count = 0;
    const struct option_pair *mounts = option_pairs(input->options, "mounts", &count);
    readings_begin(readings, clock_boot_ms());
    host->time_ms = clock_wall_ms();
    for (size_t i = 0; groups[i] != NULL; i++) {
        if (!is_read(input, groups[i])) {
            continue;
        }
        if (takers[i] == NULL) {
            readings_disk(readings, mounts, count);
        } else {
            takers[i](readings);
        }
    }
}

// ---- records ----

static enum err hand_over(struct input *input, const char *key)
{
    struct linux_input *host = input->state;
    struct record record = {
        .key = bytes_text(key),
        .time_ms = host->time_ms,
        .clock = RECORD_CLOCK_WALL,
        .values = host->values,
    };
    return input_room(input) ? input_record(input, &record) : ERR_AGAIN;
}

static void clear_values(struct input *input)
{
    struct linux_input *host = input->state;
    for (uint16_t i = 0; i < input->schema->field_count; i++) {
        host->values[i].kind = VALUE_NULL;
    }
}

// One record a reading. False: no room.
static bool hand_over_each(struct input *input)
{
    struct linux_input *host = input->state;
    clear_values(input);
    for (; host->given < host->readings.count; host->given++) {
        const struct reading *reading = &host->readings.list[host->given];
        host->values[host->value->field] =
            (struct value){.kind = VALUE_NUMBER, .number = reading->value};
        if (host->unit != NULL) {
            host->values[host->unit->field] =
                (struct value){.kind = VALUE_TEXT, .text = bytes_text(reading->unit)};
        }
        if (hand_over(input, reading->name) == ERR_AGAIN) {
            return false;
        }
    }
    return true;
}

static const struct column *column_of(const struct schema *schema, const struct reading *reading)
{
    char name[READING_NAME_SIZE];
    size_t size = strlen(reading->name);
    for (size_t i = 0; i <= size; i++) {
        char byte = reading->name[i];
        name[i] = (char)(byte == 0 || isalnum((unsigned char)byte) ? byte : '_');
    }
    const struct column *column = column_called(schema, reading->name);
    return column != NULL ? column : column_called(schema, name);
}

// One record with all readings that have a property. False: no room.
static bool hand_over_row(struct input *input)
{
    struct linux_input *host = input->state;
    uint32_t found = 0;
    clear_values(input);
    for (uint32_t i = 0; i < host->readings.count; i++) {
        const struct reading *reading = &host->readings.list[i];
        const struct column *column = column_of(input->schema, reading);
        if (column != NULL && column->type == COLUMN_NUMBER) {
            host->values[column->field] =
                (struct value){.kind = VALUE_NUMBER, .number = reading->value};
            found++;
        }
    }
    if (host->given == 0 && found > 0 &&
        hand_over(input, option_text(input->options, "key")) == ERR_AGAIN) {
        return false;
    }
    if (found == 0) {
        input_trouble(input, PORT_DEGRADED,
                      "the contract has no number called value, nor one called like a reading "
                      "(e.g. cpu, load_1m, memory_available)");
        host->troubled = true;
    }
    host->given = host->readings.count;
    return true;
}

// False: some wait for room.
static bool hand_over_poll(struct input *input)
{
    struct linux_input *host = input->state;
    if (host->given == host->readings.count) {
        return true;
    }
    return host->value != NULL ? hand_over_each(input) : hand_over_row(input);
}

// ---- the driver ----

static void tell_failed(struct input *input)
{
    struct linux_input *host = input->state;
    const struct readings *readings = &host->readings;
    if (readings->failed_count > 0) {
        input_trouble(input, PORT_DEGRADED,
                      "%s cannot be read: %s (%u readings in all; what never can be is left out by "
                      "skip:)",
                      readings->failed_name, strerror(readings->failed_number),
                      readings->failed_count);
        host->troubled = true;
    } else if (readings->left_out > 0) {
        input_trouble(input, PORT_DEGRADED,
                      "%u readings are beyond the %d that are taken; choose "
                      "with read: or skip:",
                      readings->left_out, READINGS_MAX);
        host->troubled = true;
    } else if (host->troubled) {
        host->troubled = false;
        input_well(input);
    }
}

static void schedule(struct input *input)
{
    struct linux_input *host = input->state;
    int64_t every_ms = option_duration_ms(input->options, "every");
    int64_t now_ms = clock_boot_ms();
    host->next_ms += every_ms;
    if (host->next_ms <= now_ms) { // the machine slept or stood still
        host->next_ms = now_ms + every_ms;
    }
    input_due_in(input, host->next_ms - now_ms);
}

static void leave_out(struct input *input, const char *why)
{
    struct linux_input *host = input->state;
    host->left_out_polls++;
    uint32_t due = host->readings.count + host->readings.failed_count; // as many as last time
    input_missed(input, host->value != NULL && due > 0 ? due : 1);
    input_trouble(input, PORT_DEGRADED, "%s: %u polls were left out so far", why,
                  host->left_out_polls);
    host->troubled = true;
}

static void linux_due(struct input *input)
{
    struct linux_input *host = input->state;
    schedule(input);
    if (host->is_reading) {
        leave_out(input, "a sensor has not answered since the last poll");
    } else if (!hand_over_poll(input)) {
        leave_out(input, "there is no room");
    } else {
        host->is_reading = true;
        worker_give(host->worker, &host->job);
    }
}

static void poll_done(struct job *job)
{
    struct linux_input *host = host_of(job);
    host->is_reading = false;
    host->given = 0;
    tell_failed(host->input);
    if (host->value != NULL) { // a record a reading; else the record has nulls for them
        input_missed(host->input, host->readings.failed_count);
    }
    (void)hand_over_poll(host->input);
}

static void linux_ready(struct input *input, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    struct linux_input *host = input->state;
    worker_serve(host->worker);
}

static void linux_resume(struct input *input)
{
    struct linux_input *host = input->state;
    if (!host->is_reading) {
        (void)hand_over_poll(input);
    }
}

static enum err linux_open(struct input *input)
{
    struct linux_input *host = calloc(1, sizeof *host);
    if (host == NULL) {
        log_error("input.memory", "input=%s", input->name);
        return ERR_FAILED;
    }
    const char *root = option_text(input->options, "root");
    if (worker_open(&host->worker, "linux") != OK) {
        log_error("input.worker", "input=%s", input->name);
        free(host);
        return ERR_FAILED;
    }
    (void)input_watch(input, worker_fd(host->worker), EPOLLIN);
    host->input = input;
    host->job = (struct job){.work = take_readings, .done = poll_done, .name = "linux"};
    input->state = host;
    host->value = column_called(input->schema, "value");
    host->unit = column_called(input->schema, "unit");
    if (host->unit != NULL && host->unit->type != COLUMN_STRING) {
        host->unit = NULL;
    }
    host->readings.root = strcmp(root, "/") == 0 ? "" : root;
    host->readings.skip = option_pairs(input->options, "skip", &host->readings.skip_count);
    host->next_ms = clock_boot_ms();
    input_due_in(input, 0);
    return OK;
}

// Does the poll at hand end soon?
static bool is_answered(const struct linux_input *host)
{
    struct pollfd done = {.fd = worker_fd(host->worker), .events = POLLIN};
    return !host->is_reading || poll(&done, 1, CLOSE_WAIT_MS) > 0;
}

// What a poll still reads is handed over: it was due. A sensor that never answers keeps its thread
// and this memory until the process ends, which shall not wait for it.
static void linux_close(struct input *input)
{
    struct linux_input *host = input->state;
    (void)input_watch(input, worker_fd(host->worker), 0);
    if (!is_answered(host)) {
        log_warn("input.stuck", "input=%s waited_ms=%d", input->name, CLOSE_WAIT_MS);
        return;
    }
    worker_close(host->worker);
    input->state = NULL;
    free(host);
}

extern const struct input_driver linux_driver;
const struct input_driver linux_driver = {
    .name = "linux",
    .help = "this host: load, CPU, memory, disks, network, thermal zones, hwmon, IIO",
    .options = rows,
    .check = linux_check,
    .open = linux_open,
    .ready = linux_ready,
    .due = linux_due,
    .resume = linux_resume,
    .close = linux_close,
};
