#include "ports/observability/machine.h"

#include "agent/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <unistd.h>

enum { PATH_SIZE = 512, TEXT_SIZE = 4096, ZONES_MAX = 64, WATCHDOGS_MAX = 4 };

// The start of a small kernel file as text, without its last line feed; false where there is none.
static bool read_text(const char *path, char *text, size_t size)
{
    text[0] = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t got = fread(text, 1, size - 1, file);
    (void)fclose(file);
    text[got] = 0;
    if (got > 0 && text[got - 1] == '\n') {
        text[got - 1] = 0;
    }
    return got > 0;
}

static bool read_below(const char *root, const char *path, char *text, size_t size)
{
    char whole[PATH_SIZE];
    int length = snprintf(whole, sizeof whole, "%s%s", root, path);
    text[0] = 0;
    return length > 0 && (size_t)length < sizeof whole && read_text(whole, text, size);
}

static void read_boot(struct machine *machine, const char *root)
{
    char text[64];
    machine->boot_id[0] = 0;
    if (read_below(root, "/proc/sys/kernel/random/boot_id", text, sizeof text) &&
        strlen(text) == sizeof machine->boot_id - 1) {
        memcpy(machine->boot_id, text, sizeof machine->boot_id);
    }
    machine->uptime_s = clock_boot_ms() / 1000;
}

static void read_clock(struct machine *machine, const char *root)
{
    struct timex timex = {.modes = 0};
    int state = adjtimex(&timex);
    machine->clock_synced = state >= 0 && state != TIME_ERROR && (timex.status & STA_UNSYNC) == 0;
    machine->clock_offset_ms = (double)NAN;
    machine->clock_max_error_ms = (double)NAN;
    if (machine->clock_synced) {
        double unit_ms = (timex.status & STA_NANO) != 0 ? 1e-6 : 1e-3;
        machine->clock_offset_ms = (double)timex.offset * unit_ms;
        machine->clock_max_error_ms = (double)timex.maxerror * 1e-3;
    }
    char text[64];
    machine->has_rtc = read_below(root, "/sys/class/rtc/rtc0/name", text, sizeof text);
}

// The first line of /proc/stat: user nice system idle iowait irq softirq steal (proc(5)).
static void read_ticks(struct machine *machine, const char *root)
{
    machine->ticks = (struct machine_ticks){0};
    char text[TEXT_SIZE];
    if (!read_below(root, "/proc/stat", text, sizeof text) || strncmp(text, "cpu ", 4) != 0) {
        return;
    }
    char *at = text + 4;
    for (int column = 0; column < 8; column++) {
        char *end;
        uint64_t ticks = strtoull(at, &end, 10);
        if (end == at) {
            break;
        }
        bool idle = column == 3 || column == 4;
        machine->ticks.all += ticks;
        machine->ticks.busy += idle ? 0 : ticks;
        at = end;
    }
}

static void read_memory(struct machine *machine, const char *root)
{
    char text[TEXT_SIZE];
    machine->memory_free_bytes = -1;
    machine->resident_bytes = -1;
    if (read_below(root, "/proc/meminfo", text, sizeof text)) {
        const char *at = strstr(text, "MemAvailable:");
        machine->memory_free_bytes = at == NULL ? -1 : strtoll(at + 13, NULL, 10) * 1024;
    }
    char *resident; // the second number: size resident ...
    if (read_below(root, "/proc/self/statm", text, sizeof text) &&
        strtoll(text, &resident, 10) > 0 && *resident == ' ') {
        machine->resident_bytes = strtoll(resident, NULL, 10) * sysconf(_SC_PAGESIZE);
    }
}

static void read_heat(struct machine *machine, const char *root)
{
    machine->hottest_c = (double)NAN;
    for (int zone = 0; zone < ZONES_MAX; zone++) {
        char path[64];
        char text[32];
        (void)snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", zone);
        if (!read_below(root, path, text, sizeof text)) {
            break; // zones are numbered without gaps
        }
        double here_c = (double)strtol(text, NULL, 10) / 1000.0;
        if (isnan(machine->hottest_c) || here_c > machine->hottest_c) {
            machine->hottest_c = here_c;
        }
    }
}

static void read_watchdog(struct machine *machine, const char *root)
{
    const unsigned long card_reset = 0x20; // WDIOF_CARDRESET of linux/watchdog.h
    machine->watchdog_reset = MACHINE_UNKNOWN;
    for (int i = 0; i < WATCHDOGS_MAX; i++) {
        char path[64];
        char text[32];
        (void)snprintf(path, sizeof path, "/sys/class/watchdog/watchdog%d/bootstatus", i);
        if (!read_below(root, path, text, sizeof text)) {
            continue;
        }
        bool reset = (strtoul(text, NULL, 0) & card_reset) != 0;
        if (reset || machine->watchdog_reset == MACHINE_UNKNOWN) {
            machine->watchdog_reset = reset ? MACHINE_YES : MACHINE_NO;
        }
    }
}

// The first route of /proc/net/route whose destination is 0.0.0.0.
static void read_interface(struct machine *machine, const char *root)
{
    char text[TEXT_SIZE];
    machine->interface[0] = 0;
    if (!read_below(root, "/proc/net/route", text, sizeof text)) {
        return;
    }
    for (char *line = strchr(text, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
        size_t length = strcspn(line + 1, "\t\n");
        const char *destination = line + 1 + length;
        if (length < sizeof machine->interface && strncmp(destination, "\t00000000\t", 10) == 0) {
            memcpy(machine->interface, line + 1, length);
            machine->interface[length] = 0;
            return;
        }
    }
}

static bool read_wear_file(const char *dir, const char *name, char *text, size_t size)
{
    char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", dir, name);
    return length > 0 && (size_t)length < sizeof path && read_text(path, text, size);
}

void machine_wear(struct machine *machine, const char *dir)
{
    static const char *const ends[] = {"unknown", "normal", "warning", "urgent"};
    char text[32];
    // Each step is a tenth of the life: 0x01 up to 10 %, 0x0b beyond its end; 0 says nothing.
    if (read_wear_file(dir, "device/life_time", text, sizeof text)) {
        char *rest;
        unsigned long a = strtoul(text, &rest, 16);
        unsigned long b = strtoul(rest, NULL, 16);
        unsigned long worse = a > b ? a : b;
        if (worse >= 1 && worse <= 11) {
            machine->wear_pct = (int)worse * 10;
        }
    }
    if (read_wear_file(dir, "device/pre_eol_info", text, sizeof text)) {
        unsigned long end = strtoul(text, NULL, 16);
        machine->wear_end = end < 4 ? ends[end] : ends[0];
    }
}

static void read_store(struct machine *machine, const char *root, const char *state_dir)
{
    machine->wear_pct = -1;
    machine->wear_end = "unknown";
    machine->read_only = MACHINE_UNKNOWN;
    struct statvfs file_system;
    if (statvfs(state_dir, &file_system) == 0) {
        bool read_only = (file_system.f_flag & ST_RDONLY) != 0;
        machine->read_only = read_only ? MACHINE_YES : MACHINE_NO;
    }
    struct stat status;
    if (stat(state_dir, &status) != 0) {
        return;
    }
    char dir[PATH_SIZE];
    int length = snprintf(dir, sizeof dir, "%s/sys/dev/block/%u:%u", root, major(status.st_dev),
                          minor(status.st_dev));
    if (length < 0 || (size_t)length + 4 >= sizeof dir) {
        return;
    }
    machine_wear(machine, dir);
    if (machine->wear_pct < 0) {
        memcpy(dir + length, "/..", 4); // a partition: the disk that holds it
        machine_wear(machine, dir);
    }
}

void machine_read(struct machine *machine, const char *root, const char *state_dir)
{
    read_boot(machine, root);
    read_clock(machine, root);
    read_ticks(machine, root);
    read_memory(machine, root);
    read_heat(machine, root);
    read_watchdog(machine, root);
    read_interface(machine, root);
    read_store(machine, root, state_dir);
}

double machine_load_pct(const struct machine_ticks *from, const struct machine_ticks *to)
{
    if (from->all == 0 || to->all <= from->all || to->busy < from->busy) {
        return (double)NAN;
    }
    return 100.0 * (double)(to->busy - from->busy) / (double)(to->all - from->all);
}
