// The core's side of agent/port.h for tests of one input driver: it keeps what it is given. A test
// that includes this defines every input_*, so the linker takes none of them from the library.
#ifndef WEIR_TESTS_UNIT_SUPPORT_FAKE_CORE_H
#define WEIR_TESTS_UNIT_SUPPORT_FAKE_CORE_H

#include "agent/port.h"

#include <assert.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { FAKE_RECORDS_MAX = 20000, FAKE_WATCHES_MAX = 64 };

struct fake_record {
    char key[64];
    int64_t time_ms;
    enum record_clock clock;
    double numbers[4]; // of the first fields, NAN: not a number
    char text[64];     // of the first field that is a text
};

static struct fake_core {
    struct schema schema;
    struct option_set options;
    struct input input;
    const struct option_set *output_options; // for drivers that share the output's cluster
    const struct input_driver *driver;
    uint32_t room; // records that still fit
    uint64_t missed;
    bool starved;
    uint32_t record_count;
    struct fake_record records[FAKE_RECORDS_MAX];
    uint8_t position[1024];
    size_t position_size;
    uint8_t restored[1024];
    size_t restored_size;
    int64_t due_ms; // -1: none
    struct pollfd watches[FAKE_WATCHES_MAX];
    uint32_t watch_count;
    uint32_t trouble_count;
    uint32_t refuse_count;
    bool in_trouble;
    char sentence[512];
    uint32_t joined_fields; // of input_join
    uint32_t latest_count;
    char latest_key[64];
    double latest[4];
} fake;

bool input_room(const struct input *input)
{
    (void)input;
    fake.starved = fake.starved || fake.room == 0;
    return fake.room > 0;
}

enum err input_record(struct input *input, const struct record *record)
{
    (void)input;
    if (!input_room(input)) {
        return ERR_AGAIN;
    }
    assert(fake.record_count < FAKE_RECORDS_MAX);
    fake.room--;
    struct fake_record *copy = &fake.records[fake.record_count++];
    *copy = (struct fake_record){.time_ms = record->time_ms, .clock = record->clock};
    (void)snprintf(copy->key, sizeof copy->key, "%.*s", (int)record->key.size,
                   (const char *)record->key.at);
    for (int i = 0; i < 4; i++) {
        bool is_number = i < fake.schema.field_count && record->values[i].kind == VALUE_NUMBER;
        copy->numbers[i] = is_number ? record->values[i].number : (double)NAN;
    }
    for (int i = fake.schema.field_count - 1; i >= 0; i--) {
        if (record->values[i].kind == VALUE_TEXT) {
            (void)snprintf(copy->text, sizeof copy->text, "%.*s", (int)record->values[i].text.size,
                           (const char *)record->values[i].text.at);
        }
    }
    return OK;
}

void input_position(struct input *input, struct bytes position)
{
    (void)input;
    assert(position.size <= sizeof fake.position);
    memcpy(fake.position, position.at, position.size);
    fake.position_size = position.size;
}

struct bytes input_restored(const struct input *input)
{
    (void)input;
    return bytes_from(fake.restored, fake.restored_size);
}

enum err input_join(struct input *input, const struct join_options *options)
{
    (void)input;
    fake.joined_fields = options->field_count;
    return OK;
}

enum err input_latest(struct input *input, struct bytes key, const struct value *values,
                      int64_t time_ms)
{
    (void)input;
    (void)time_ms;
    fake.latest_count++;
    (void)snprintf(fake.latest_key, sizeof fake.latest_key, "%.*s", (int)key.size,
                   (const char *)key.at);
    for (uint32_t i = 0; i < 4 && i < fake.joined_fields; i++) {
        fake.latest[i] = values[i].kind == VALUE_NUMBER ? values[i].number : (double)NAN;
    }
    return OK;
}

void input_missed(struct input *input, uint64_t count)
{
    (void)input;
    fake.missed += count;
}

enum err input_watch(struct input *input, int fd, uint32_t events)
{
    (void)input;
    uint32_t i = 0;
    while (i < fake.watch_count && fake.watches[i].fd != fd) {
        i++;
    }
    if (events == 0) {
        if (i < fake.watch_count) {
            fake.watches[i] = fake.watches[--fake.watch_count];
        }
        return OK;
    }
    assert(i < FAKE_WATCHES_MAX);
    fake.watches[i] = (struct pollfd){.fd = fd, .events = (short)events};
    fake.watch_count += i == fake.watch_count;
    return OK;
}

void input_due_in(struct input *input, int64_t delay_ms)
{
    (void)input;
    fake.due_ms = delay_ms;
}

void input_trouble(struct input *input, enum port_state state, const char *format, ...)
{
    (void)input;
    (void)state;
    fake.trouble_count++;
    fake.in_trouble = true;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fake.sentence, sizeof fake.sentence, format, arguments);
    va_end(arguments);
}

void input_well(struct input *input)
{
    (void)input;
    fake.in_trouble = false;
}

void input_refuse(struct input *input, const char *format, ...)
{
    (void)input;
    fake.refuse_count++;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fake.sentence, sizeof fake.sentence, format, arguments);
    va_end(arguments);
}

// Open the driver with `settings` (YAML), the restored position that the last run left, and room.
static inline enum err fake_open(const struct input_driver *driver, const char *settings)
{
    struct problems problems = {0};
    memcpy(fake.restored, fake.position, fake.position_size);
    fake.restored_size = fake.position_size;
    fake.driver = driver;
    fake.due_ms = -1;
    bool read = option_read_text(&fake.options, driver->options, "weir.yaml", settings, &problems);
    if (driver->check != NULL) {
        driver->check(&fake.options, &fake.schema, "weir.yaml", &problems);
    }
    problems_print(&problems, stderr);
    assert(read && problems.count == 0);
    problems_free(&problems);
    fake.input = (struct input){.name = "test",
                                .options = &fake.options,
                                .schema = &fake.schema,
                                .gateway = "gw-1",
                                .output_options = fake.output_options,
                                .core = &fake};
    return driver->open(&fake.input);
}

static inline void fake_close(void)
{
    fake.driver->close(&fake.input);
    option_set_free(&fake.options);
    assert(fake.watch_count == 0);
}

// A loop of a few lines: run what is ready or due, until nothing happens for `quiet_ms` or, so that
// a driver that spins is found, for 2,000 turns.
static inline void fake_run(int quiet_ms)
{
    for (int turns = 0; turns < 2000; turns++) {
        int64_t wait = fake.due_ms >= 0 && fake.due_ms < quiet_ms ? fake.due_ms : quiet_ms;
        bool due = fake.due_ms >= 0 && fake.due_ms <= quiet_ms;
        int ready = poll(fake.watches, fake.watch_count, (int)wait);
        if (ready > 0) {
            for (uint32_t i = 0; i < fake.watch_count; i++) {
                if (fake.watches[i].revents != 0) {
                    fake.driver->ready(&fake.input, fake.watches[i].fd,
                                       (uint32_t)fake.watches[i].revents);
                    break;
                }
            }
        } else if (due) {
            fake.due_ms = -1;
            fake.driver->due(&fake.input);
        } else {
            return;
        }
    }
    assert(!"the driver never rests");
}

#endif
