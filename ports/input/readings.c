// The list, and the groups that /proc tells.
#include "ports/input/readings.h"

#include "agent/bytes.h"
#include "agent/number.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PATH_SIZE = 512 };

// ---- the list ----

void readings_begin(struct readings *readings, int64_t now_ms)
{
    readings->now_ms = now_ms;
    readings->count = 0;
    readings->left_out = 0;
    readings->failed_count = 0;
}

static bool is_skipped(const struct readings *readings, const char *name)
{
    for (uint32_t i = 0; i < readings->skip_count; i++) {
        const char *skip = readings->skip[i].value;
        if (strncmp(name, skip, strlen(skip)) == 0) {
            return true;
        }
    }
    return false;
}

static void add(struct readings *readings, const char *unit, double value, const char *name)
{
    if (is_skipped(readings, name)) {
        return;
    }
    if (readings->count == READINGS_MAX) {
        readings->left_out++;
        return;
    }
    struct reading *reading = &readings->list[readings->count++];
    memcpy(reading->name, name, strlen(name) + 1);
    reading->value = value;
    reading->unit = unit;
}

__attribute__((format(printf, 2, 0))) static void write_name(char name[READING_NAME_SIZE],
                                                             const char *format, va_list arguments)
{
    (void)vsnprintf(name, READING_NAME_SIZE, format, arguments);
}

void readings_add(struct readings *readings, const char *unit, double value, const char *format,
                  ...)
{
    char name[READING_NAME_SIZE];
    va_list arguments;
    va_start(arguments, format);
    write_name(name, format, arguments);
    va_end(arguments);
    add(readings, unit, value, name);
}

static struct reading_counter *counter_for(struct readings *readings, const char *name)
{
    for (uint32_t i = 0; i < readings->counter_count; i++) {
        if (strcmp(readings->counters[i].name, name) == 0) {
            return &readings->counters[i];
        }
    }
    if (readings->counter_count == READINGS_COUNTERS_MAX) {
        return NULL;
    }
    struct reading_counter *counter = &readings->counters[readings->counter_count++];
    memcpy(counter->name, name, strlen(name) + 1);
    counter->at_ms = -1;
    return counter;
}

void readings_add_rate(struct readings *readings, const char *unit, double total,
                       const char *format, ...)
{
    char name[READING_NAME_SIZE];
    va_list arguments;
    va_start(arguments, format);
    write_name(name, format, arguments);
    va_end(arguments);
    struct reading_counter *counter = counter_for(readings, name);
    if (counter == NULL) {
        readings->left_out++;
        return;
    }
    double passed_s = (double)(readings->now_ms - counter->at_ms) / 1000;
    if (counter->at_ms >= 0 && passed_s > 0 && total >= counter->total) {
        add(readings, unit, (total - counter->total) / passed_s, name);
    }
    counter->total = total;
    counter->at_ms = readings->now_ms;
}

void readings_fail(struct readings *readings, int number, const char *format, ...)
{
    char name[READING_NAME_SIZE];
    va_list arguments;
    va_start(arguments, format);
    write_name(name, format, arguments);
    va_end(arguments);
    if (is_skipped(readings, name)) {
        return;
    }
    if (readings->failed_count++ == 0) {
        memcpy(readings->failed_name, name, sizeof name);
        readings->failed_number = number;
    }
}

const char *readings_file(struct readings *readings, const char *format, ...)
{
    char below[PATH_SIZE / 2];
    char path[PATH_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(below, sizeof below, format, arguments);
    va_end(arguments);
    (void)snprintf(path, sizeof path, "%.250s%s", readings->root, below);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    size_t size = 0;
    ssize_t got = 0;
    while (size < READING_FILE_MAX &&
           (got = read(fd, readings->text + size, READING_FILE_MAX - size)) > 0) {
        size += (size_t)got;
    }
    int number = errno;
    (void)close(fd);
    readings->text[size] = 0;
    errno = number;
    return got < 0 ? NULL : readings->text;
}

// ---- texts ----

// The line after the one at `at`; NULL at the end.
static const char *next_line(const char *at)
{
    const char *end = strchr(at, '\n');
    return end == NULL || end[1] == 0 ? NULL : end + 1;
}

// Up to `count` numbers separated by spaces; returns how many there are.
static int take_numbers(const char *at, double *numbers, int count)
{
    int found = 0;
    while (found < count) {
        char *end;
        unsigned long long number = strtoull(at, &end, 10);
        if (end == at) {
            break;
        }
        numbers[found++] = (double)number;
        at = end;
    }
    return found;
}

// ---- the groups of /proc ----

void readings_load(struct readings *readings)
{
    const char *text = readings_file(readings, "/proc/loadavg");
    if (text == NULL) {
        readings_fail(readings, errno, "load");
        return;
    }
    double load[3];
    struct bytes rest = bytes_text(text);
    for (int i = 0; i < 3; i++) {
        struct number number;
        size_t used = number_take(rest, &number);
        if (number.kind == NUMBER_NONE || used == rest.size) {
            readings_fail(readings, EBADMSG, "load");
            return;
        }
        load[i] = number.number;
        rest = bytes_from(rest.at + used + 1, rest.size - used - 1); // past the space
    }
    readings_add(readings, "", load[0], "load/1m");
    readings_add(readings, "", load[1], "load/5m");
    readings_add(readings, "", load[2], "load/15m");
}

// "cpu user nice system idle iowait irq softirq steal ...": idle and iowait are idle.
void readings_cpu(struct readings *readings)
{
    const char *text = readings_file(readings, "/proc/stat");
    double ticks[8] = {0};
    if (text == NULL || strncmp(text, "cpu ", 4) != 0 || take_numbers(text + 4, ticks, 8) < 4) {
        readings_fail(readings, text == NULL ? errno : EBADMSG, "cpu");
        return;
    }
    double all = 0;
    for (int i = 0; i < 8; i++) {
        all += ticks[i];
    }
    double busy = all - ticks[3] - ticks[4];
    if (readings->cpu_all > 0 && all > readings->cpu_all && busy >= readings->cpu_busy) {
        double share = (busy - readings->cpu_busy) / (all - readings->cpu_all);
        readings_add(readings, "%", share * 100, "cpu");
    }
    readings->cpu_all = all;
    readings->cpu_busy = busy;
}

void readings_memory(struct readings *readings)
{
    static const struct {
        const char *label;
        const char *name;
    } wanted[] = {{"MemAvailable:", "memory/available"},
                  {"MemTotal:", "memory/total"},
                  {"SwapFree:", "memory/swap_free"}};
    const char *line = readings_file(readings, "/proc/meminfo");
    if (line == NULL) {
        readings_fail(readings, errno, "memory");
        return;
    }
    for (; line != NULL; line = next_line(line)) {
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            double kib;
            size_t size = strlen(wanted[i].label);
            if (strncmp(line, wanted[i].label, size) == 0 &&
                take_numbers(line + size, &kib, 1) == 1) {
                readings_add(readings, "By", kib * 1024, "%s", wanted[i].name);
            }
        }
    }
}

// A whole disk has a folder in /sys/block; partitions have none. Loop and RAM disks are no disks.
static bool is_disk(const struct readings *readings, const char *name)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%.250s/sys/block/%.64s", readings->root, name);
    return strncmp(name, "loop", 4) != 0 && strncmp(name, "ram", 3) != 0 && access(path, F_OK) == 0;
}

// Linux, Documentation/admin-guide/iostats: sectors are of 512 bytes, field 10 is ms of being busy.
void readings_io(struct readings *readings)
{
    const char *line = readings_file(readings, "/proc/diskstats");
    if (line == NULL) {
        if (errno != ENOENT) {
            readings_fail(readings, errno, "io");
        }
        return;
    }
    for (; line != NULL; line = next_line(line)) {
        char name[65];
        double fields[10];
        int used = 0;
        if (sscanf(line, "%*u %*u %64s%n", name, &used) != 1 ||
            take_numbers(line + used, fields, 10) != 10 || !is_disk(readings, name)) {
            continue;
        }
        readings_add_rate(readings, "By/s", fields[2] * 512, "io/%s/read", name);
        readings_add_rate(readings, "By/s", fields[6] * 512, "io/%s/written", name);
        readings_add_rate(readings, "%", fields[9] / 10, "io/%s/busy", name);
    }
}

void readings_network(struct readings *readings)
{
    const char *line = readings_file(readings, "/proc/net/dev");
    if (line == NULL) {
        readings_fail(readings, errno, "net");
        return;
    }
    for (; line != NULL; line = next_line(line)) {
        char name[33];
        double fields[16];
        const char *colon = strchr(line, ':');
        const char *end = strchr(line, '\n');
        if (colon == NULL || (end != NULL && colon > end) || // the two lines of the header
            sscanf(line, " %32[^: ]", name) != 1 || take_numbers(colon + 1, fields, 16) != 16 ||
            strcmp(name, "lo") == 0) {
            continue;
        }
        readings_add_rate(readings, "By/s", fields[0], "net/%s/rx", name);
        readings_add_rate(readings, "By/s", fields[8], "net/%s/tx", name);
        readings_add_rate(readings, "/s", fields[2] + fields[10], "net/%s/errors", name);
        readings_add_rate(readings, "/s", fields[3] + fields[11], "net/%s/dropped", name);
    }
}

// ---- disk space ----

// The mount table writes spaces and the like as \040.
static void unescape(char *text)
{
    char *out = text;
    for (const char *at = text; *at != 0; at++) {
        bool octal = at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' &&
                     at[2] <= '7' && at[3] >= '0' && at[3] <= '7';
        if (octal) {
            *out++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
            at += 3;
        } else {
            *out++ = *at;
        }
    }
    *out = 0;
}

static bool is_wanted(const char *device, const char *mount, const struct option_pair *mounts,
                      uint32_t count)
{
    if (mounts == NULL) {
        return strncmp(device, "/dev/", 5) == 0 && strncmp(device, "/dev/loop", 9) != 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(mounts[i].value, mount) == 0) {
            return true;
        }
    }
    return false;
}

static void add_mount(struct readings *readings, const char *mount)
{
    char path[PATH_SIZE];
    struct statvfs status;
    const char *name = strcmp(mount, "/") == 0 ? "root" : mount + 1;
    (void)snprintf(path, sizeof path, "%.250s%.250s", readings->root, mount);
    if (statvfs(path, &status) != 0) {
        readings_fail(readings, errno, "disk/%s", name);
        return;
    }
    double used = (double)(status.f_blocks - status.f_bfree);
    double usable = used + (double)status.f_bavail; // as df(1) has it: without the reserve
    if (usable > 0) {
        readings_add(readings, "By", (double)status.f_bavail * (double)status.f_frsize,
                     "disk/%s/free", name);
        readings_add(readings, "%", used / usable * 100, "disk/%s/used", name);
    }
}

static bool is_listed(const struct readings *readings, const char *mount)
{
    char name[READING_NAME_SIZE];
    (void)snprintf(name, sizeof name, "disk/%.80s/free",
                   strcmp(mount, "/") == 0 ? "root" : mount + 1);
    for (uint32_t i = 0; i < readings->count; i++) {
        if (strcmp(readings->list[i].name, name) == 0) {
            return true; // mounted twice
        }
    }
    return false;
}

void readings_disk(struct readings *readings, const struct option_pair *mounts, uint32_t count)
{
    const char *line = readings_file(readings, "/proc/mounts");
    if (line == NULL) {
        readings_fail(readings, errno, "disk");
        return;
    }
    for (; line != NULL; line = next_line(line)) {
        char device[129];
        char mount[200];
        if (sscanf(line, "%128s %199s", device, mount) != 2) {
            continue;
        }
        unescape(mount);
        if (is_wanted(device, mount, mounts, count) && !is_listed(readings, mount)) {
            add_mount(readings, mount);
        }
    }
}
