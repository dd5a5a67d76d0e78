// What this machine says of itself, read from the kernel at the moment of asking: boot, clock,
// load, memory, heat, flash wear. A value that the kernel does not give is unknown (negative, NAN,
// ""), never 0.
//
// Floor: edges.
#ifndef WEIR_PORTS_OBSERVABILITY_MACHINE_H
#define WEIR_PORTS_OBSERVABILITY_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

enum machine_answer { MACHINE_UNKNOWN = -1, MACHINE_NO = 0, MACHINE_YES = 1 };

// Processor time since boot, in ticks; what two readings differ by is the load between them.
struct machine_ticks {
    uint64_t busy;
    uint64_t all; // 0: not read
};

struct machine {
    char boot_id[37]; // of this boot; "" where the kernel has none
    int64_t uptime_s;
    bool clock_synced;         // adjtimex(2) says that something disciplines the clock
    double clock_offset_ms;    // NAN: not known
    double clock_max_error_ms; // NAN: not known
    bool has_rtc;
    struct machine_ticks ticks;
    int64_t memory_free_bytes;          // MemAvailable; -1
    int64_t resident_bytes;             // of this process; -1
    double hottest_c;                   // of all thermal zones; NAN
    int wear_pct;                       // eMMC life used, the worse of A and B; -1
    const char *wear_end;               // "normal", "warning", "urgent", "unknown" (EXT_CSD 267)
    enum machine_answer read_only;      // the file system of the state directory
    enum machine_answer watchdog_reset; // the last reset came from the watchdog
    char interface[17];                 // of the default route (IPv4); ""
};

// `root` is "" (tests give a tree of their own). The file system asked about is that of
// `state_dir`.
void machine_read(struct machine *machine, const char *root, const char *state_dir);

// Load between two readings in percent of the whole machine; NAN where one is missing or equal.
double machine_load_pct(const struct machine_ticks *from, const struct machine_ticks *to);

// Wear of the eMMC behind the block device directory `dir` (as in /sys/dev/block/179:2), from its
// files device/life_time and device/pre_eol_info (Linux, Documentation/mmc/mmc-dev-attrs).
void machine_wear(struct machine *machine, const char *dir);

#endif
