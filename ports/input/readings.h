// What a Linux machine measures of itself, as a flat list made at one moment: name, value, unit
// (UCUM codes). A value that cannot be read is counted as failed and never a number.
#ifndef WEIR_PORTS_INPUT_READINGS_H
#define WEIR_PORTS_INPUT_READINGS_H

#include "agent/option.h"

enum {
    READINGS_MAX = 512,
    READINGS_COUNTERS_MAX = 256, // totals of which rates are made
    READING_NAME_SIZE = 96,
    READING_FILE_MAX = 16384, // bytes read of a file of /proc or /sys
};

struct reading {
    char name[READING_NAME_SIZE]; // "thermal/x86_pkg_temp"
    double value;
    const char *unit; // static; "" for none
};

struct reading_counter {
    char name[READING_NAME_SIZE];
    double total;
    int64_t at_ms;
};

struct readings {
    const char *root;               // "" or where a test has its /proc and /sys; borrowed
    const struct option_pair *skip; // beginnings of names that are left out; borrowed
    uint32_t skip_count;
    int64_t now_ms; // since boot, of this poll
    uint32_t count;
    uint32_t left_out; // beyond READINGS_MAX
    struct reading list[READINGS_MAX];
    uint32_t counter_count;
    struct reading_counter counters[READINGS_COUNTERS_MAX];
    uint32_t failed_count;
    int failed_number; // errno of the first
    char failed_name[READING_NAME_SIZE];
    double cpu_busy, cpu_all; // ticks at the last poll
    char text[READING_FILE_MAX + 1];
};

// Empty the list for a poll at `now_ms` since boot; totals are kept.
void readings_begin(struct readings *readings, int64_t now_ms);

// Add a value; a rate of a total that grows (from the second poll on; none where it was reset);
// one that could not be read, for the reason `number` (errno).
void readings_add(struct readings *readings, const char *unit, double value, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
void readings_add_rate(struct readings *readings, const char *unit, double total,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void readings_fail(struct readings *readings, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The text of a file below the root, cut at READING_FILE_MAX, in `readings->text` until the next
// call. NULL and errno where it cannot be read.
const char *readings_file(struct readings *readings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// ---- the groups ----
void readings_load(struct readings *readings);    // load/1m load/5m load/15m
void readings_cpu(struct readings *readings);     // cpu (%), since the last poll
void readings_memory(struct readings *readings);  // memory/available memory/total memory/swap_free
void readings_io(struct readings *readings);      // io/sda/read io/sda/written io/sda/busy
void readings_network(struct readings *readings); // net/eth0/rx .../tx .../errors .../dropped
void readings_thermal(struct readings *readings); // thermal/TYPE
void readings_hwmon(struct readings *readings);   // hwmon/CHIP/LABEL
void readings_iio(struct readings *readings);     // iio/DEVICE/CHANNEL

// disk/MOUNT/free disk/MOUNT/used; `mounts` (may be NULL) are those wanted, else all of block
// devices. The root's name is "root".
void readings_disk(struct readings *readings, const struct option_pair *mounts, uint32_t count);

#endif
