// Input driver `file`: the lines of a file that grows and is rotated. The position goes with the
// records of the lines before it, so a restart neither loses nor repeats a line.
//
//     buffer   |.......|line|line|line|par|        |
//                      ^start             ^end
//              the file's byte `offset` ^ is the byte at start; line number `line` begins there
//
// A turn hands over a bounded number of lines and lets the loop go on. At the end of the file it
// rests: looks again after REST_MS as long as there was something, then waits for inotify, and, for
// file systems that do not tell, looks every `every`.
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/port.h"
#include "ports/input/follow.h"
#include "ports/input/text_format.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    CHUNK_SIZE = 128 * 1024,                    // read at once
    BUFFER_SIZE = FIELDS_LINE_MAX + CHUNK_SIZE, // a line that is not whole, and a chunk
    LINES_A_TURN = 1000,
    FILL_COST = 20, // of a read, in lines
    REST_MS = 25,   // between two looks at a file that is being written
};

struct file_input {
    struct follow follow;
    struct text_format format;
    uint8_t *buffer;
    size_t start;
    size_t end;
    uint64_t offset;
    uint64_t line;       // 0: not known
    bool header_pending; // the next line that is not empty names the columns
    bool passing;        // inside a line that is too long
    bool last_line;      // the file is at its end for ever: a line without an end is whole
    bool progressed;     // since the last rest
    bool troubled;
    bool watching;
    int notify_fd; // -1: none
    int file_watch;
    int folder_watch;
};

static const struct option rows[] = {
    {"path", OPTION_PATH, NULL, true, 0, 0, NULL,
     "the file; it is followed through rotations (renamed, or copied and cut)"},
    {"format", OPTION_CHOICE, "json", false, 0, 0, TEXT_KINDS,
     "json: an object a line; csv: a table (RFC 4180); line: InfluxDB line protocol"},
    {"key", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "the name in the input that becomes the record's key; default: the contract's key column, and "
     "for format line the measurement"},
    {"time", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "the name in the input that is the record's time; default: the contract's time column, and "
     "where a line has none, the time at which it is read"},
    {"time unit", OPTION_CHOICE, NULL, false, 0, 0, FIELDS_UNITS,
     "of times that are numbers (RFC 3339 texts need none); default: ms, and for format line ns"},
    {"quality", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "the name in the input that is the record's quality: good, uncertain, bad or 0 to 255"},
    {"fields", OPTION_MAP, NULL, false, 0, 0, NULL,
     "name in the input: property of the contract, where they differ; members of inner objects of "
     "JSON are called a.b"},
    {"columns", OPTION_LIST, NULL, false, 0, 0, NULL,
     "the names of a CSV table's columns, where it has no header line"},
    {"separator", OPTION_TEXT, ",", false, 0, 0, NULL,
     "the byte between two cells of a CSV table, or the word tab"},
    {"from", OPTION_CHOICE, "start", false, 0, 0, "start|end",
     "where to begin in a file that was never read before"},
    {"every", OPTION_DURATION, "1 s", false, 50, 3600000, NULL,
     "how often to look where the system does not tell of changes"},
    {.key = NULL},
};

// ---- settings ----

static struct fields_names names_of(const struct option_set *options)
{
    bool line_protocol = option_choice(options, "format") == TEXT_LINE_PROTOCOL;
    struct fields_names names = {
        .key = option_text(options, "key"),
        .time = option_text(options, "time"),
        .quality = option_text(options, "quality"),
        .unit = line_protocol ? UNIT_NS : UNIT_MS,
    };
    if (option_is_set(options, "time unit")) {
        names.unit = (enum fields_unit)option_choice(options, "time unit");
    }
    if (names.key == NULL && line_protocol) {
        names.key = "measurement";
    }
    names.renames = option_pairs(options, "fields", &names.rename_count);
    return names;
}

static int separator_of(const struct option_set *options) // -1: not one byte
{
    const char *text = option_text(options, "separator");
    if (strcmp(text, "tab") == 0) {
        return '\t';
    }
    bool fits = strlen(text) == 1 && strchr("\"\r\n", *text) == NULL;
    return fits ? (uint8_t)*text : -1;
}

static bool has_column(const struct option_pair *columns, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(columns[i].value, name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_columns(const struct option_set *options, const char *file,
                          struct problems *problems)
{
    uint32_t count = 0;
    const struct option_pair *columns = option_pairs(options, "columns", &count);
    int line = option_line(options, "columns");
    if (columns == NULL) {
        return;
    }
    if (option_choice(options, "format") != TEXT_CSV) {
        problem_add(problems, file, line, "columns", "only tables have columns; write format: csv");
    }
    if (count == 0 || count > CSV_COLUMNS_MAX) {
        problem_add(problems, file, line, "columns", "there are %u names; write 1 to %d", count,
                    CSV_COLUMNS_MAX);
    }
    static const char *const wanted[] = {"key", "time", "quality"};
    for (size_t i = 0; i < 3; i++) {
        const char *name = option_text(options, wanted[i]);
        if (name != NULL && !has_column(columns, count, name)) {
            problem_add(problems, file, option_line(options, wanted[i]), wanted[i],
                        "\"%s\" is not among the columns", name);
        }
    }
}

static void file_check(const struct option_set *options, const struct schema *schema,
                       const char *file, struct problems *problems)
{
    struct fields_names names = names_of(options);
    if (separator_of(options) < 0) {
        problem_add(problems, file, option_line(options, "separator"), "separator",
                    "\"%s\" is not one byte; write e.g. ; or tab",
                    option_text(options, "separator"));
    }
    check_columns(options, file, problems);
    fields_check(&names, schema, file, option_line(options, "fields"), "fields", problems);
}

// ---- trouble ----

static void trouble(struct input *input, enum port_state state, const char *what, int number)
{
    struct file_input *file = input->state;
    char every[OPTION_TEXT_SIZE];
    option_format_duration(option_duration_ms(input->options, "every"), every);
    input_trouble(input, state, "%s: %s: %s; it is tried again every %s", file->follow.path, what,
                  number == 0 ? "not a file" : strerror(number), every);
    file->troubled = true;
}

static void well(struct input *input)
{
    struct file_input *file = input->state;
    if (file->troubled) {
        input_well(input);
        file->troubled = false;
    }
}

static void refuse(struct input *input, const char *sentence)
{
    struct file_input *file = input->state;
    if (file->line > 0) {
        input_refuse(input, "%s:%llu: %s", file->follow.base, (unsigned long long)file->line,
                     sentence);
    } else {
        input_refuse(input, "%s at byte %llu: %s", file->follow.base,
                     (unsigned long long)file->offset, sentence);
    }
}

// ---- places ----

static void keep_position(struct input *input)
{
    struct file_input *file = input->state;
    uint8_t position[FOLLOW_PLACE_SIZE];
    struct follow_place place = follow_place(&file->follow, file->offset, file->line);
    follow_place_put(&place, position);
    input_position(input, bytes_from(position, sizeof position));
}

// Begin to read the open file at `offset`.
static void begin_at(struct file_input *file, uint64_t offset, uint64_t line)
{
    file->start = 0;
    file->end = 0;
    file->offset = offset;
    file->line = line;
    file->passing = false;
    file->last_line = false;
    file->header_pending = file->format.header_wanted;
    file->progressed = true;
}

// The columns of a table that is read on somewhere in its middle stand in its first line.
static void read_header_again(struct input *input)
{
    struct file_input *file = input->state;
    if (!file->format.header_wanted || file->offset == 0) {
        return;
    }
    ssize_t got = follow_read(&file->follow, 0, file->buffer, FIELDS_LINE_MAX);
    struct bytes rest = bytes_from(file->buffer, got > 0 ? (size_t)got : 0);
    size_t size = text_line_size(&file->format, rest);
    while (size > 0 && text_line_is_empty(&file->format, bytes_from(rest.at, size))) {
        rest = bytes_from(rest.at + size, rest.size - size);
        size = text_line_size(&file->format, rest);
    }
    file->header_pending = size == 0 || !csv_read_header(&file->format.csv, file->format.fields,
                                                         bytes_from(rest.at, size));
}

// The start of the last line that is not whole, for `from: end`.
static uint64_t last_line_start(struct file_input *file)
{
    off_t size = lseek(file->follow.fd, 0, SEEK_END);
    uint64_t end = size > 0 ? (uint64_t)size : 0;
    uint64_t from = end > FIELDS_LINE_MAX ? end - FIELDS_LINE_MAX : 0;
    ssize_t got = follow_read(&file->follow, from, file->buffer, (size_t)(end - from));
    for (ssize_t i = got; i > 0; i--) {
        if (file->buffer[i - 1] == '\n') {
            return from + (uint64_t)i;
        }
    }
    return from == 0 ? 0 : end;
}

static void open_restored(struct input *input, const struct follow_place *place)
{
    struct file_input *file = input->state;
    if (follow_open_place(&file->follow, place) == OK) {
        begin_at(file, place->offset, place->line);
        read_header_again(input);
        return;
    }
    log_warn("file.gone",
             "input=%s path=%s inode=%llu byte=%llu reason=\"the file that was read up to here is "
             "not in the folder any more, or was written anew; reading what has the name now from "
             "its start\"",
             input->name, file->follow.path, (unsigned long long)place->inode,
             (unsigned long long)place->offset);
}

// Open the file that has the name, for the first time or again. False: trouble, told.
static bool open_named(struct input *input, bool from_end)
{
    struct file_input *file = input->state;
    enum err err = follow_open(&file->follow);
    if (err != OK) {
        trouble(input, PORT_DOWN, "cannot be opened", err == ERR_INVALID ? 0 : errno);
        return false;
    }
    uint64_t offset = from_end ? last_line_start(file) : 0;
    begin_at(file, offset, offset == 0);
    read_header_again(input);
    return true;
}

// ---- lines ----

static struct bytes unread(const struct file_input *file)
{
    return bytes_from(file->buffer + file->start, file->end - file->start);
}

static uint64_t line_ends(struct bytes line)
{
    uint64_t count = 0;
    const uint8_t *at = line.at;
    const uint8_t *end = line.at + line.size;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        count++;
        at++;
    }
    return count;
}

static void step_over(struct file_input *file, size_t size)
{
    if (file->line > 0) {
        file->line += line_ends(bytes_from(file->buffer + file->start, size));
    }
    file->start += size;
    file->offset += size;
    file->progressed = true;
}

// Bytes of the next line; 0: not whole yet. A line over the limit is told once and passed over.
static size_t next_line(struct input *input)
{
    struct file_input *file = input->state;
    struct bytes rest = unread(file);
    size_t size = text_line_size(&file->format, rest);
    if (size == 0 && file->last_line && rest.size <= FIELDS_LINE_MAX) {
        return rest.size;
    }
    if (size > 0 && size <= FIELDS_LINE_MAX && !file->passing) {
        return size;
    }
    if (size == 0 && rest.size < FIELDS_LINE_MAX) {
        return 0;
    }
    if (!file->passing) {
        refuse(input, "the line has more than 65536 bytes (or a quotation mark of a table is not "
                      "closed); it is passed over");
        keep_position(input); // of the lines before it: none is kept within it
    }
    const uint8_t *end = memchr(rest.at, '\n', rest.size);
    file->passing = end == NULL;
    step_over(file, end == NULL ? rest.size : (size_t)(end - rest.at) + 1);
    return 0;
}

static struct bytes without_mark(const struct file_input *file, struct bytes line)
{
    bool marked = file->offset == 0 && line.size >= 3 && memcmp(line.at, "\xEF\xBB\xBF", 3) == 0;
    return marked ? bytes_from(line.at + 3, line.size - 3) : line;
}

// One line, which is whole. False: there is no room for its record.
static bool hand_over(struct input *input, struct bytes line)
{
    struct file_input *file = input->state;
    line = without_mark(file, line);
    if (text_line_is_empty(&file->format, line)) {
        return true;
    }
    if (file->header_pending) {
        file->header_pending = !csv_read_header(&file->format.csv, file->format.fields, line);
        if (file->header_pending) {
            refuse(input, fields_sentence(file->format.fields));
        }
        return true;
    }
    if (!input_room(input)) {
        return false;
    }
    const struct record *record = text_line_read(&file->format, line);
    if (record == NULL) {
        refuse(input, fields_sentence(file->format.fields));
        return true;
    }
    return input_record(input, record) != ERR_AGAIN;
}

// Hand over what is whole in the buffer. False: no room.
static bool hand_over_lines(struct input *input, uint32_t *budget)
{
    struct file_input *file = input->state;
    while (*budget > 0 && file->start < file->end) {
        size_t before = file->start;
        size_t size = next_line(input);
        if (size == 0 && file->start == before) {
            return true;
        }
        (*budget)--;
        if (size > 0) {
            struct bytes line = bytes_from(file->buffer + file->start, size);
            if (!file->passing && !hand_over(input, line)) {
                return false;
            }
            step_over(file, size);
        }
    }
    return true;
}

// ---- reading ----

static ssize_t fill(struct file_input *file)
{
    if (file->start > 0) {
        memmove(file->buffer, file->buffer + file->start, file->end - file->start);
        file->end -= file->start;
        file->start = 0;
    }
    size_t room = BUFFER_SIZE - file->end;
    ssize_t got = follow_read(&file->follow, file->offset + file->end, file->buffer + file->end,
                              room < CHUNK_SIZE ? room : CHUNK_SIZE);
    file->end += got > 0 ? (size_t)got : 0;
    return got;
}

static void watch_file(struct file_input *file)
{
    if (file->notify_fd < 0) {
        return;
    }
    if (file->folder_watch < 0) {
        file->folder_watch = inotify_add_watch(file->notify_fd, file->follow.folder,
                                               IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    }
    if (file->file_watch >= 0) {
        (void)inotify_rm_watch(file->notify_fd, file->file_watch);
        file->file_watch = -1;
    }
    if (file->follow.fd >= 0) {
        char name[40];
        (void)snprintf(name, sizeof name, "/proc/self/fd/%d", file->follow.fd);
        file->file_watch = inotify_add_watch(file->notify_fd, name, IN_MODIFY | IN_ATTRIB);
    }
}

static void go_on_after_cut(struct input *input)
{
    struct file_input *file = input->state;
    uint64_t offset = file->offset;
    uint64_t line = file->line;
    bool copied = follow_open_copy(&file->follow, offset);
    log_info("file.cut", "input=%s path=%s byte=%llu copy=%s", input->name, file->follow.path,
             (unsigned long long)offset, copied ? "found" : "none");
    begin_at(file, copied ? offset : 0, copied ? line : 1);
    read_header_again(input);
    watch_file(file);
}

static void go_on_with_next(struct input *input)
{
    struct file_input *file = input->state;
    if (follow_open_next(&file->follow)) {
        log_info("file.rotated", "input=%s path=%s", input->name, file->follow.path);
        begin_at(file, 0, 1);
        watch_file(file);
    }
}

// The buffer is empty of whole lines and the file is at its end. False: nothing to do but to wait.
static bool go_on(struct input *input)
{
    struct file_input *file = input->state;
    if (!follow_has_next(&file->follow)) {
        return false;
    }
    // What was written before the next file began must be read: look once more, then the last line
    // is whole even without its end.
    if (fill(file) > 0) {
        return true;
    }
    if (file->end > file->start && !file->last_line) {
        file->last_line = true;
        return true;
    }
    go_on_with_next(input);
    return true;
}

static void set_watching(struct input *input, bool watching)
{
    struct file_input *file = input->state;
    if (file->notify_fd >= 0 && file->watching != watching) {
        (void)input_watch(input, file->notify_fd, watching ? EPOLLIN : 0);
        file->watching = watching;
    }
}

static void rest(struct input *input)
{
    struct file_input *file = input->state;
    if (file->progressed) {
        file->progressed = false;
        set_watching(input, false);
        input_due_in(input, REST_MS);
        return;
    }
    set_watching(input, true);
    input_due_in(input, option_duration_ms(input->options, "every"));
}

// Read and hand over until the budget, the room or the file ends.
static void read_lines(struct input *input)
{
    struct file_input *file = input->state;
    uint32_t budget = LINES_A_TURN;
    for (;;) {
        bool room = hand_over_lines(input, &budget);
        if (!room) {
            set_watching(input, false);
            input_due_in(input, -1);
            return; // file_resume goes on
        }
        if (budget < FILL_COST) {
            set_watching(input, false);
            input_due_in(input, 0);
            return;
        }
        budget -= FILL_COST;
        if (follow_is_cut(&file->follow, file->offset + file->end - file->start)) {
            go_on_after_cut(input);
        }
        ssize_t got = fill(file);
        if (got < 0) {
            trouble(input, PORT_DEGRADED, "cannot be read", errno);
            follow_close(&file->follow);
            break;
        }
        well(input);
        if (got == 0 && !go_on(input)) {
            break;
        }
    }
    rest(input);
}

static void turn(struct input *input)
{
    struct file_input *file = input->state;
    if (file->follow.fd < 0) {
        if (!open_named(input, false)) {
            watch_file(file);
            file->progressed = false;
            rest(input);
            return;
        }
        watch_file(file);
    }
    read_lines(input);
    if (file->follow.fd >= 0 && !file->passing) {
        keep_position(input);
    }
}

// ---- the driver ----

static bool take_memory(struct input *input)
{
    struct file_input *file = calloc(1, sizeof *file);
    struct fields_names names = names_of(input->options);
    uint32_t count = 0;
    if (file == NULL) {
        return false;
    }
    follow_init(&file->follow, option_text(input->options, "path"));
    file->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    file->file_watch = -1;
    file->folder_watch = -1;
    file->buffer = malloc(BUFFER_SIZE);
    file->format.kind = (enum text_kind)option_choice(input->options, "format");
    file->format.fields = fields_open(input->name, input->schema, &names);
    input->state = file;
    if (file->buffer == NULL || file->format.fields == NULL) {
        return false;
    }
    const struct option_pair *columns = option_pairs(input->options, "columns", &count);
    csv_init(&file->format.csv, (uint8_t)separator_of(input->options));
    if (file->format.kind == TEXT_CSV && columns != NULL) {
        csv_set_columns(&file->format.csv, file->format.fields, columns, count);
    }
    file->format.header_wanted = file->format.kind == TEXT_CSV && columns == NULL;
    fields_expect(file->format.fields, "measurement");
    return true;
}

static void file_close(struct input *input)
{
    struct file_input *file = input->state;
    if (file == NULL) {
        return;
    }
    set_watching(input, false);
    if (file->notify_fd >= 0) {
        (void)close(file->notify_fd);
    }
    follow_close(&file->follow);
    fields_close(file->format.fields);
    free(file->buffer);
    free(file);
    input->state = NULL;
}

static enum err file_open(struct input *input)
{
    struct follow_place place;
    if (!take_memory(input)) {
        log_error("input.memory", "input=%s", input->name);
        file_close(input);
        return ERR_FAILED;
    }
    struct file_input *file = input->state;
    struct bytes position = input_restored(input);
    bool restored = position.size > 0 && follow_place_get(&place, position) == OK;
    if (restored) {
        open_restored(input, &place);
    } else {
        (void)open_named(input, option_choice(input->options, "from") == 1);
    }
    watch_file(file);
    input_due_in(input, 0);
    return OK;
}

static void file_ready(struct input *input, int fd, uint32_t events)
{
    (void)events;
    char changes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    for (int i = 0; i < 16 && read(fd, changes, sizeof changes) > 0; i++) {
        // What changed is found out by looking.
    }
    turn(input);
}

static void file_due(struct input *input)
{
    turn(input);
}

extern const struct input_driver file_driver;
const struct input_driver file_driver = {
    .name = "file",
    .help = "the lines of a file that grows and is rotated: JSON, CSV or line protocol",
    .options = rows,
    .check = file_check,
    .open = file_open,
    .ready = file_ready,
    .due = file_due,
    .resume = file_due,
    .close = file_close,
};
