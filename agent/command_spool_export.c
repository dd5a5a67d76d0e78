// weir spool cat, export: the records of one spool, as JSON lines or CSV.
#include "agent/clock.h"
#include "agent/command_spool.h"
#include "agent/human.h"
#include "agent/json_text.h"
#include "agent/number.h"
#include "agent/wire_csv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ROW_BYTES = 1024 * 1024, // a row of 64 KiB of text, each byte escaped, its names and identity
    PROGRESS_ROWS = 512,     // looked at the clock so often
    PROGRESS_MS = 200,
};

struct export
{
    const struct spool_request *request;
    const char *folder;
    struct spool_view *view;
    FILE *out;
    bool shows_progress;
    int64_t shown_ms;
    char gateway[128];
    char epoch[17];
    struct wire_csv *csv;
    struct buffer line;
    uint64_t rows;
    uint64_t of_unknown_time;
};

// --- whose records these are

static bool schema_names_gateway(const struct schemas *schemas)
{
    for (uint32_t i = 0; i < schemas->count; i++) {
        for (uint16_t k = 0; k < schemas->list[i]->column_count; k++) {
            if (schemas->list[i]->columns[k].role == ROLE_GATEWAY) {
                return true;
            }
        }
    }
    return false;
}

static int find_gateway(struct export *export)
{
    const struct spool_request *request = export->request;
    struct bytes stored = {0};
    struct spool *spool = spool_view_spool(export->view);
    if (request->gateway != NULL) {
        (void)snprintf(export->gateway, sizeof export->gateway, "%s", request->gateway);
        return EX_OK;
    }
    if (spool_state(spool, "gateway", &stored) == OK && stored.size > 0) {
        (void)snprintf(export->gateway, sizeof export->gateway, "%.*s", (int)stored.size,
                       (const char *)stored.at);
        return EX_OK;
    }
    struct spool_stat stat;
    spool_stat(spool, &stat);
    bool needed = request->identity || schema_names_gateway(spool_view_schemas(export->view));
    if (needed && stat.next_seq > 1) {
        (void)fprintf(stderr,
                      "weir spool %s: %s does not tell the name of its gateway; add --gateway "
                      "NAME\n",
                      request->verb, export->folder);
        return EX_USAGE;
    }
    return EX_OK;
}

// --- a row

static void put_identity(const struct export *export, uint64_t seq, struct buffer *out)
{
    char digits[NUMBER_TEXT_SIZE];
    buffer_put_text(out, export->gateway);
    buffer_put_byte(out, '/');
    buffer_put_text(out, export->epoch);
    buffer_put_byte(out, '/');
    buffer_put(out, digits, number_format_integer((int64_t)seq, digits));
}

// As Kafka gets it: the header `weir`, the key, the value.
static void put_json(struct export *export, const struct spool_view_row *row)
{
    struct buffer *line = &export->line;
    const struct record *record = &row->record;
    if (export->request->identity) {
        buffer_put_text(line, "{\"weir\":\"");
        put_identity(export, record->seq, line);
        buffer_put_text(line, "\",\"key\":");
        json_put_string(line, record->key);
        buffer_put_text(line, ",\"record\":");
    }
    wire_json_put(row->plan, record, export->gateway, export->epoch, line);
    buffer_put_text(line, export->request->identity ? "}\n" : "\n");
}

static void put_csv(struct export *export, const struct spool_view_row *row)
{
    struct buffer *line = &export->line;
    if (export->request->identity) {
        put_identity(export, row->record.seq, line);
        buffer_put_byte(line, ',');
        wire_csv_put_text(line, row->record.key);
        buffer_put_byte(line, ',');
    }
    wire_csv_put(export->csv, row->plan->schema, &row->record, export->gateway, export->epoch,
                 line);
    buffer_put_text(line, "\r\n");
}

static bool write_line(struct export *export)
{
    bool good = !export->line.overflow &&
                fwrite(export->line.at, 1, export->line.size, export->out) == export->line.size;
    export->line.size = 0;
    export->line.overflow = false;
    return good;
}

static bool write_head(struct export *export)
{
    if (!export->request->csv) {
        return true;
    }
    const struct schemas *schemas = spool_view_schemas(export->view);
    for (uint32_t i = 0; i < schemas->count; i++) {
        wire_csv_add(export->csv, schemas->list[i]);
    }
    if (export->request->identity) {
        buffer_put_text(&export->line, "weir,key,");
    }
    wire_csv_put_names(export->csv, &export->line);
    buffer_put_text(&export->line, "\r\n");
    return write_line(export);
}

// --- progress, on a terminal only

static void show_progress(struct export *export)
{
    int64_t now = clock_boot_ms();
    if (!export->shows_progress || now - export->shown_ms < PROGRESS_MS) {
        return;
    }
    export->shown_ms = now;
    uint64_t next;
    uint64_t last;
    char rows[HUMAN_SIZE];
    spool_view_progress(export->view, &next, &last);
    uint64_t first = export->request->range.from_seq;
    double part = last > first ? (double)(next - first) / (double)(last - first) : 1.0;
    (void)fprintf(stderr, "\r%3.0f %%  %s records \033[K", 100 * (part < 1 ? part : 1),
                  human_count((int64_t) export->rows, rows));
}

// --- the whole

static int tell_gaps(const struct export *export)
{
    const struct spool_view_gaps *gaps = spool_view_gaps(export->view);
    if (gaps->rows == 0) {
        return EX_OK;
    }
    (void)fprintf(stderr, "weir spool %s: %s: %llu records are damaged and were left out: seq",
                  export->request->verb, export->folder, (unsigned long long)gaps->rows);
    for (uint32_t i = 0; i < gaps->count && i < 8; i++) {
        (void)fprintf(stderr, "%s %llu..%llu", i > 0 ? "," : "",
                      (unsigned long long)gaps->list[i].from, (unsigned long long)gaps->list[i].to);
    }
    (void)fprintf(stderr, "%s\n", gaps->count > 8 || gaps->left_out > 0 ? ", .." : "");
    return EX_DATAERR;
}

static int tell_unwritten(const struct export *export)
{
    const char *name = export->request->out != NULL ? export->request->out : "the output";
    (void)fprintf(stderr, "weir spool %s: %s cannot be written: %s\n", export->request->verb, name,
                  strerror(errno));
    return EX_IOERR;
}

static void tell_end(const struct export *export)
{
    char rows[HUMAN_SIZE];
    if (export->shows_progress) {
        (void)fprintf(stderr, "\r\033[K%s records written to %s\n",
                      human_count((int64_t) export->rows, rows),
                      export->request->out != NULL ? export->request->out : "the output");
    }
    if (export->of_unknown_time > 0) {
        (void)fprintf(stderr,
                      "weir spool %s: %s: %llu records were taken before the gateway's clock was "
                      "set; their times count from its start, as if that was in 1970\n",
                      export->request->verb, export->folder,
                      (unsigned long long)export->of_unknown_time);
    }
}

static int write_rows(struct export *export)
{
    spool_view_start(export->view, &export->request->range);
    if (!write_head(export)) {
        return tell_unwritten(export);
    }
    for (;;) { // each turn: one row
        struct spool_view_row row;
        enum err err = spool_view_next(export->view, &row);
        if (err == ERR_AGAIN) {
            break;
        }
        if (err == ERR_VERSION) {
            (void)fprintf(stderr,
                          "weir spool %s: %s was made anew meanwhile; what was written is of its "
                          "life before\n",
                          export->request->verb, export->folder);
            return EX_TEMPFAIL;
        }
        if (err != OK) {
            return spool_explain(export->request, export->folder, err);
        }
        if (export->request->csv) {
            put_csv(export, &row);
        } else {
            put_json(export, &row);
        }
        if (!write_line(export)) {
            return tell_unwritten(export);
        }
        export->of_unknown_time += row.time_is_known ? 0 : 1;
        export->rows++;
        if (export->rows % PROGRESS_ROWS == 0) {
            show_progress(export);
        }
    }
    if (fflush(export->out) != 0) {
        return tell_unwritten(export);
    }
    tell_end(export);
    return tell_gaps(export);
}

// Never over a file that is there: it may be the last copy of something.
static int open_out(struct export *export)
{
    const char *path = export->request->out;
    export->out = path != NULL ? fopen(path, "wxe") : stdout;
    if (export->out == NULL) {
        (void)fprintf(stderr, "weir spool %s: %s cannot be made: %s\n", export->request->verb, path,
                      strerror(errno));
        return EX_CANTCREAT;
    }
    export->shows_progress = isatty(STDERR_FILENO) && (path != NULL || !isatty(STDOUT_FILENO));
    return EX_OK;
}

static int close_out(struct export *export, int code)
{
    if (export->request->out == NULL) {
        return code;
    }
    bool good = fsync(fileno(export->out)) == 0 || errno == EINVAL || errno == EROFS;
    good = fclose(export->out) == 0 && good;
    return good || code != EX_OK ? code : tell_unwritten(export);
}

static int export_one(struct export *export)
{
    struct spool_stat stat;
    spool_stat(spool_view_spool(export->view), &stat);
    (void)snprintf(export->epoch, sizeof export->epoch, "%016llx", (unsigned long long)stat.epoch);
    int code = find_gateway(export);
    if (code != EX_OK) {
        return code;
    }
    export->csv = calloc(1, sizeof *export->csv);
    export->line = buffer_over(malloc(ROW_BYTES), ROW_BYTES);
    if (export->csv == NULL || export->line.at == NULL) {
        (void)fprintf(stderr, "weir spool %s: there is not enough memory\n", export->request->verb);
        code = EX_OSERR;
    }
    code = code == EX_OK ? open_out(export) : code;
    if (code == EX_OK) {
        code = close_out(export, write_rows(export));
    }
    free(export->csv);
    free(export->line.at);
    return code;
}

int spool_export(const struct spool_request *request, const struct spool_folders *folders)
{
    if (folders->count > 1) {
        (void)fprintf(stderr, "weir spool %s: there are %u spools; name one of", request->verb,
                      folders->count);
        for (uint32_t i = 0; i < folders->count; i++) {
            (void)fprintf(stderr, "%s %s", i > 0 ? "," : "", folders->list[i]);
        }
        (void)fprintf(stderr, "\n");
        return EX_USAGE;
    }
    struct export export = {.request = request, .folder = folders->list[0]};
    int code = spool_request_open(request, export.folder, &export.view);
    if (code == EX_OK) {
        code = export_one(&export);
        spool_view_close(export.view);
    }
    return code;
}
