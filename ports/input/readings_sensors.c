// The groups that /sys tells: thermal zones, hwmon, IIO. Devices are called by their names, because
// their numbers change from boot to boot; of two with one name the second has its number too.
#include "ports/input/readings.h"

#include "agent/number.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DEVICES_MAX = 64,
    CHANNELS_MAX = 256, // files of a device that are looked at
    NAME_SIZE = 40,
};

// ---- files ----

// A file with one number; false and errno where there is none.
static bool file_number(struct readings *readings, const char *folder, const char *file,
                        double *value)
{
    const char *text = readings_file(readings, "%s/%s", folder, file);
    if (text == NULL) {
        return false;
    }
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] <= ' ') {
        size--;
    }
    struct number number;
    if (number_parse(bytes_from(text, size), &number) == NUMBER_NONE) {
        errno = EBADMSG;
        return false;
    }
    *value = number.number;
    return true;
}

// A file with a name, made fit for a key: spaces and slashes become "_".
static bool file_name(struct readings *readings, const char *folder, const char *file,
                      char out[NAME_SIZE])
{
    const char *text = readings_file(readings, "%s/%s", folder, file);
    if (text == NULL || *text <= ' ') {
        return false;
    }
    size_t size = 0;
    while (size < NAME_SIZE - 1 && text[size] != 0 && text[size] != '\n') {
        char byte = text[size];
        out[size++] = (char)(isgraph((unsigned char)byte) && byte != '/' ? byte : '_');
    }
    out[size] = 0;
    return true;
}

// ---- devices ----

struct device {
    char folder[128]; // below the root
    int number;
    char name[NAME_SIZE];
};

struct devices {
    uint32_t count;
    struct device list[DEVICES_MAX];
};

static int by_number(const void *a, const void *b)
{
    const struct device *first = a;
    const struct device *second = b;
    return (first->number > second->number) - (first->number < second->number);
}

// Of two devices with one name the later one has its number behind the name.
static void tell_apart(struct devices *devices)
{
    for (uint32_t i = devices->count; i-- > 0;) {
        struct device *device = &devices->list[i];
        for (uint32_t other = 0; other < i; other++) {
            if (strcmp(devices->list[other].name, device->name) == 0) {
                char name[NAME_SIZE];
                (void)snprintf(name, sizeof name, "%.28s-%d", device->name, device->number);
                memcpy(device->name, name, sizeof name);
                break;
            }
        }
    }
}

// The devices PREFIXn in `folder`, in the order of n, named by their file `name_file`.
static void find_devices(struct readings *readings, const char *folder, const char *prefix,
                         const char *name_file, struct devices *devices)
{
    char path[512];
    size_t prefix_size = strlen(prefix);
    struct dirent *entry;
    devices->count = 0;
    (void)snprintf(path, sizeof path, "%.250s%s", readings->root, folder);
    DIR *list = opendir(path);
    while (list != NULL && devices->count < DEVICES_MAX && (entry = readdir(list)) != NULL) {
        const char *digits = entry->d_name + prefix_size;
        struct device *device = &devices->list[devices->count];
        if (strncmp(entry->d_name, prefix, prefix_size) != 0 || !isdigit((unsigned char)*digits)) {
            continue;
        }
        device->number = (int)strtol(digits, NULL, 10);
        (void)snprintf(device->folder, sizeof device->folder, "%s/%.60s", folder, entry->d_name);
        if (!file_name(readings, device->folder, name_file, device->name)) {
            (void)snprintf(device->name, sizeof device->name, "%s%d", prefix, device->number);
        }
        devices->count++;
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    qsort(devices->list, devices->count, sizeof *devices->list, by_number);
    tell_apart(devices);
}

// The files of a device, sorted, so that records keep their order.
struct channels {
    uint32_t count;
    char names[CHANNELS_MAX][NAME_SIZE];
};

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void find_channels(const struct readings *readings, const struct device *device,
                          struct channels *channels)
{
    char path[512];
    struct dirent *entry;
    channels->count = 0;
    (void)snprintf(path, sizeof path, "%.250s%s", readings->root, device->folder);
    DIR *list = opendir(path);
    while (list != NULL && channels->count < CHANNELS_MAX && (entry = readdir(list)) != NULL) {
        size_t size = strlen(entry->d_name);
        if (size < NAME_SIZE) {
            memcpy(channels->names[channels->count++], entry->d_name, size + 1);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    qsort(channels->names, channels->count, NAME_SIZE, by_text);
}

// "in_temp_raw" without `head` and `tail`; false where it does not have both.
static bool middle_of(const char *name, const char *head, const char *tail, char out[NAME_SIZE])
{
    size_t size = strlen(name);
    size_t head_size = strlen(head);
    size_t tail_size = strlen(tail);
    if (size <= head_size + tail_size || strncmp(name, head, head_size) != 0 ||
        strcmp(name + size - tail_size, tail) != 0) {
        return false;
    }
    memcpy(out, name + head_size, size - head_size - tail_size);
    out[size - head_size - tail_size] = 0;
    return true;
}

// ---- kinds of sensors ----

struct kind {
    const char *prefix;
    const char *unit;
    double factor; // from what the kernel writes to the unit
};

static const struct kind *kind_of(const struct kind *kinds, const char *channel)
{
    const struct kind *kind = kinds;
    while (kind->prefix != NULL && strncmp(channel, kind->prefix, strlen(kind->prefix)) != 0) {
        kind++;
    }
    return kind->prefix == NULL ? NULL : kind;
}

void readings_thermal(struct readings *readings)
{
    struct devices devices;
    find_devices(readings, "/sys/class/thermal", "thermal_zone", "type", &devices);
    for (uint32_t i = 0; i < devices.count; i++) {
        double millidegrees;
        if (file_number(readings, devices.list[i].folder, "temp", &millidegrees)) {
            readings_add(readings, "Cel", millidegrees / 1000, "thermal/%s", devices.list[i].name);
        } else {
            readings_fail(readings, errno, "thermal/%s", devices.list[i].name);
        }
    }
}

// Linux, Documentation/hwmon/sysfs-interface
static const struct kind hwmon_kinds[] = {
    {"temp", "Cel", 1000},    {"in", "V", 1000},       {"curr", "A", 1000}, {"power", "W", 1000000},
    {"energy", "J", 1000000}, {"humidity", "%", 1000}, {"fan", "/min", 1},  {NULL, NULL, 0},
};

static void add_hwmon(struct readings *readings, const struct device *device)
{
    static struct channels channels;
    find_channels(readings, device, &channels);
    for (uint32_t i = 0; i < channels.count; i++) {
        char channel[NAME_SIZE];
        char file[NAME_SIZE + 8];
        char label[NAME_SIZE];
        double value;
        const struct kind *kind = kind_of(hwmon_kinds, channels.names[i]);
        if (kind == NULL || !middle_of(channels.names[i], "", "_input", channel)) {
            continue;
        }
        (void)snprintf(file, sizeof file, "%s_label", channel);
        const char *name = file_name(readings, device->folder, file, label) ? label : channel;
        if (file_number(readings, device->folder, channels.names[i], &value)) {
            readings_add(readings, kind->unit, value / kind->factor, "hwmon/%s/%s", device->name,
                         name);
        } else {
            readings_fail(readings, errno, "hwmon/%s/%s", device->name, name);
        }
    }
}

void readings_hwmon(struct readings *readings)
{
    struct devices devices;
    find_devices(readings, "/sys/class/hwmon", "hwmon", "name", &devices);
    for (uint32_t i = 0; i < devices.count; i++) {
        add_hwmon(readings, &devices.list[i]);
    }
}

// Linux, Documentation/ABI/testing/sysfs-bus-iio: (raw + offset) * scale is in these units.
static const struct kind iio_kinds[] = {
    {"temp", "Cel", 1000},
    {"voltage", "V", 1000},
    {"current", "A", 1000},
    {"power", "W", 1000},
    {"humidity", "%", 1000},
    {"pressure", "kPa", 1},
    {"illuminance", "lx", 1},
    {"accel", "m/s2", 1},
    {"anglvel", "rad/s", 1},
    {"magn", "G", 1},
    {"distance", "m", 1},
    {"concentration", "%", 1},
    {"", "", 1},
    {NULL, NULL, 0},
};

// "in_voltage0_scale", else the one that all channels of a type share, "in_voltage_scale".
static bool channel_number(struct readings *readings, const struct device *device,
                           const char *channel, const char *what, double *value)
{
    char file[NAME_SIZE + 16];
    size_t type = strcspn(channel, "0123456789");
    (void)snprintf(file, sizeof file, "in_%s_%s", channel, what);
    if (file_number(readings, device->folder, file, value)) {
        return true;
    }
    if (errno != ENOENT) {
        return false;
    }
    (void)snprintf(file, sizeof file, "in_%.*s_%s", (int)type, channel, what);
    return file_number(readings, device->folder, file, value);
}

// An offset or a scale that is not there is none; one that cannot be read makes the value wrong.
static bool channel_value(struct readings *readings, const struct device *device,
                          const char *channel, double *value)
{
    double offset = 0;
    double scale = 1;
    char file[NAME_SIZE + 16];
    (void)snprintf(file, sizeof file, "in_%s_raw", channel);
    if (!file_number(readings, device->folder, file, value) ||
        (!channel_number(readings, device, channel, "offset", &offset) && errno != ENOENT) ||
        (!channel_number(readings, device, channel, "scale", &scale) && errno != ENOENT)) {
        return false;
    }
    *value = (*value + offset) * scale;
    return true;
}

static void add_iio(struct readings *readings, const struct device *device)
{
    static struct channels channels;
    find_channels(readings, device, &channels);
    for (uint32_t i = 0; i < channels.count; i++) {
        char channel[NAME_SIZE];
        double value;
        bool processed = middle_of(channels.names[i], "in_", "_input", channel);
        if (!processed && !middle_of(channels.names[i], "in_", "_raw", channel)) {
            continue;
        }
        const struct kind *kind = kind_of(iio_kinds, channel);
        bool known = processed ? file_number(readings, device->folder, channels.names[i], &value)
                               : channel_value(readings, device, channel, &value);
        if (known && kind != NULL) {
            readings_add(readings, kind->unit, value / kind->factor, "iio/%s/%s", device->name,
                         channel);
        } else {
            readings_fail(readings, errno, "iio/%s/%s", device->name, channel);
        }
    }
}

void readings_iio(struct readings *readings)
{
    struct devices devices;
    find_devices(readings, "/sys/bus/iio/devices", "iio:device", "name", &devices);
    for (uint32_t i = 0; i < devices.count; i++) {
        add_iio(readings, &devices.list[i]);
    }
}
