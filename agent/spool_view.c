#include "agent/spool_view.h"

#include "agent/boots.h"
#include "agent/disk_posix.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TRIES = 6,            // openings, where rows are not found and somebody writes
    PAUSE_US = 20 * 1000, // between them: a commit on its way
};

struct spool_view {
    char *folder;
    bool sealed; // opened with a key
    uint8_t key[32];
    struct disk_posix *files;
    struct spool *spool;
    struct schemas schemas;
    struct boots boots;
    struct block_reader *reader;
    struct spool_stat stat;
    struct spool_shape shape;

    struct spool_view_range range;
    uint64_t seq;      // to be read next
    uint64_t last_seq; // that was durable at the start
    bool have_block;
    const struct wire_json *plan; // of the block
    struct spool_view_gaps gaps;
};

// --- opening

// The parts that go with one opening of the spool.
static void close_spool(struct spool_view *view)
{
    spool_close(view->spool);
    disk_posix_close(view->files);
    schemas_close(&view->schemas);
    view->spool = NULL;
    view->files = NULL;
    view->have_block = false;
}

static enum err open_spool(struct spool_view *view)
{
    static const uint8_t no_boot[16];
    static const struct states none;
    enum err err = disk_posix_open(&view->files, view->folder, true);
    if (err != OK) {
        view->files = NULL;
        return err;
    }
    err = spool_open_readonly(&view->spool, disk_posix_disk(view->files),
                              view->sealed ? view->key : NULL);
    if (err != OK) {
        view->spool = NULL;
        close_spool(view);
        return err;
    }
    boots_restore(&view->boots, no_boot, &none, view->spool);
    spool_stat(view->spool, &view->stat);
    spool_look_shape(view->spool, &view->shape);
    return schemas_load(&view->schemas, view->spool);
}

// A header may be read while it is being written: what is broken now may be whole in a moment.
static enum err open_patiently(struct spool_view *view)
{
    enum err err = open_spool(view);
    for (int i = 1; i < TRIES && (err == ERR_IO || err == ERR_CORRUPT); i++) {
        (void)usleep(PAUSE_US);
        err = open_spool(view);
    }
    return err;
}

enum err spool_view_open(struct spool_view **view, const char *folder, const uint8_t *key)
{
    struct spool_view *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return ERR_FAILED;
    }
    made->folder = strdup(folder);
    made->reader = block_reader_open();
    made->sealed = key != NULL;
    if (key != NULL) {
        memcpy(made->key, key, sizeof made->key);
    }
    bool all = made->folder != NULL && made->reader != NULL;
    enum err err = all ? open_patiently(made) : ERR_FAILED;
    if (err != OK) {
        spool_view_close(made);
        return err;
    }
    struct spool_view_range range = SPOOL_VIEW_ALL;
    spool_view_start(made, &range);
    *view = made;
    return OK;
}

void spool_view_close(struct spool_view *view)
{
    if (view == NULL) {
        return;
    }
    close_spool(view);
    block_reader_close(view->reader);
    explicit_bzero(view->key, sizeof view->key);
    free(view->folder);
    free(view);
}

struct spool *spool_view_spool(struct spool_view *view)
{
    return view->spool;
}

const struct schemas *spool_view_schemas(const struct spool_view *view)
{
    return &view->schemas;
}

bool spool_view_again(struct spool_view *view, enum err *err)
{
    uint64_t stamp = view->shape.stamp;
    uint64_t epoch = view->stat.epoch;
    bool was_empty = view->shape.is_empty;
    (void)usleep(PAUSE_US);
    close_spool(view);
    *err = open_patiently(view);
    if (*err == OK && !was_empty && view->stat.epoch != epoch) {
        *err = ERR_VERSION;
    }
    return *err == OK && view->shape.stamp != stamp;
}

// --- reading

void spool_view_start(struct spool_view *view, const struct spool_view_range *range)
{
    uint64_t last = view->stat.next_seq - 1;
    view->range = *range;
    view->seq = range->from_seq > 0 ? range->from_seq : 1;
    view->last_seq = range->to_seq < last ? range->to_seq : last;
    view->have_block = false;
    view->gaps = (struct spool_view_gaps){.rows = 0};
}

static void add_gap(struct spool_view *view, uint64_t from, uint64_t to)
{
    struct spool_view_gaps *gaps = &view->gaps;
    gaps->rows += to - from + 1;
    struct seq_range *last = gaps->count > 0 ? &gaps->list[gaps->count - 1] : NULL;
    if (last != NULL && last->to + 1 == from) {
        last->to = to;
    } else if (gaps->count < SPOOL_VIEW_GAPS_MAX) {
        gaps->list[gaps->count++] = (struct seq_range){from, to};
    } else {
        gaps->left_out++;
    }
}

// What of from..to has not ended is missing.
static void add_missing(struct spool_view *view, uint64_t from, uint64_t to)
{
    const struct settled *settled = spool_settled(view->spool);
    uint64_t at = settled_next(settled, from);
    while (at <= to) {
        uint64_t end = to;
        for (uint32_t i = 0; i < settled->count; i++) { // ascending: the first one behind `at`
            if (settled->ranges[i].from > at) {
                end = settled->ranges[i].from - 1 < to ? settled->ranges[i].from - 1 : to;
                break;
            }
        }
        add_gap(view, at, end);
        at = settled_next(settled, end + 1);
    }
}

static bool is_missing(const struct spool_view *view, uint64_t from, uint64_t to)
{
    return from <= to && !settled_covers(spool_settled(view->spool), from, to);
}

// Decode `payload` of the rows first_seq .. first_seq + count - 1.
static bool decode(struct spool_view *view, struct bytes payload, uint64_t first_seq,
                   uint32_t count)
{
    struct block_info info;
    const struct schema *schema;
    return block_look(payload, &info) == OK && info.first_seq == first_seq &&
           info.row_count == count &&
           schemas_find(&view->schemas, info.schema_id, &schema, &view->plan) == OK &&
           block_read(view->reader, payload, schema) == OK;
}

bool spool_view_decodes(struct spool_view *view, const struct spool_found *found)
{
    view->have_block = false;
    return decode(view, found->payload, found->first_seq, found->count);
}

// The block at or after view->seq is in the reader. ERR_AGAIN: there is none. `*missing`: up to
// which seq rows are gone before it, or in it (0: none).
static enum err look_for_block(struct spool_view *view, uint64_t *missing)
{
    struct spool_block block;
    view->have_block = false;
    enum err err = spool_read(view->spool, view->seq, &block);
    uint64_t before =
        err == OK && block.first_seq <= view->last_seq ? block.first_seq - 1 : view->last_seq;
    *missing = is_missing(view, view->seq, before) ? before : 0;
    if (err != OK || before == view->last_seq) {
        return ERR_AGAIN;
    }
    if (!decode(view, block.payload, block.first_seq, block.count)) {
        uint64_t last = block.first_seq + block.count - 1;
        *missing = last < view->last_seq ? last : view->last_seq;
        return ERR_CORRUPT;
    }
    view->have_block = true;
    return OK;
}

// Read the block of view->seq, or the next one; if rows are missing, look again as long as somebody
// writes.
static enum err find_block(struct spool_view *view)
{
    uint64_t missing = 0;
    enum err found = look_for_block(view, &missing);
    for (int i = 1; i < TRIES && missing != 0; i++) {
        enum err err;
        bool changed = spool_view_again(view, &err);
        if (err != OK) {
            return err;
        }
        found = look_for_block(view, &missing);
        if (!changed) {
            break;
        }
    }
    if (missing != 0) {
        add_missing(view, view->seq, missing);
        view->seq = missing + 1;
    }
    return found;
}

static bool may_be_in_range(const struct spool_view *view)
{
    const struct block_info *info = block_reader_info(view->reader);
    return info->clock == RECORD_CLOCK_BOOT ||
           (info->time_last_ms >= view->range.from_ms && info->time_first_ms < view->range.to_ms);
}

// Stand on a block that has view->seq. ERR_AGAIN: the end.
static enum err stand_on_block(struct spool_view *view)
{
    while (view->seq <= view->last_seq) {
        const struct block_info *info = block_reader_info(view->reader);
        bool inside = view->have_block && view->seq >= info->first_seq &&
                      view->seq - info->first_seq < info->row_count;
        if (inside && may_be_in_range(view)) {
            return OK;
        }
        if (inside) { // none of its rows is asked for
            view->seq = info->first_seq + info->row_count;
            continue;
        }
        if (!view->range.settled_too) {
            view->seq = settled_next(spool_settled(view->spool), view->seq);
        }
        enum err err = view->seq <= view->last_seq ? find_block(view) : ERR_AGAIN;
        if (err != OK && err != ERR_CORRUPT) {
            return err;
        }
        if (view->have_block && view->seq < block_reader_info(view->reader)->first_seq) {
            view->seq = block_reader_info(view->reader)->first_seq;
        }
    }
    return ERR_AGAIN;
}

// ERR_CORRUPT: its key has no name.
static enum err take_row(struct spool_view *view, struct spool_view_row *row)
{
    const struct block_info *info = block_reader_info(view->reader);
    struct block_row found;
    block_row(view->reader, (uint32_t)(view->seq - info->first_seq), &found);
    *row = (struct spool_view_row){.record = {.time_ms = found.time_ms,
                                              .clock = info->clock,
                                              .quality = found.quality,
                                              .seq = view->seq,
                                              .values = found.values},
                                   .time_is_known = true,
                                   .plan = view->plan};
    if (spool_key(view->spool, found.key_id, &row->record.key) != OK) {
        return ERR_CORRUPT;
    }
    if (info->clock == RECORD_CLOCK_BOOT) {
        bool sure;
        row->time_is_known = boots_wall(&view->boots, info->boot_id, found.time_ms,
                                        info->time_last_ms, &row->record.time_ms, &sure) == OK;
        bool good = row->record.quality == QUALITY_GOOD;
        row->record.quality = good && !row->time_is_known ? QUALITY_UNCERTAIN : row->record.quality;
    }
    return OK;
}

static bool is_asked_for(const struct spool_view *view, const struct record *record)
{
    const struct spool_view_range *range = &view->range;
    return record->time_ms >= range->from_ms && record->time_ms < range->to_ms &&
           (range->key.at == NULL || bytes_equal(range->key, record->key)) &&
           (range->settled_too || !settled_has(spool_settled(view->spool), record->seq));
}

enum err spool_view_next(struct spool_view *view, struct spool_view_row *row)
{
    for (;;) { // each turn: seq moves on, to last_seq at most
        enum err err = stand_on_block(view);
        if (err != OK) {
            return err;
        }
        err = take_row(view, row);
        if (err != OK) {
            add_missing(view, view->seq, view->seq);
        }
        view->seq++;
        if (err == OK && is_asked_for(view, &row->record)) {
            return OK;
        }
    }
}

const struct spool_view_gaps *spool_view_gaps(const struct spool_view *view)
{
    return &view->gaps;
}

void spool_view_progress(const struct spool_view *view, uint64_t *next_seq, uint64_t *last_seq)
{
    *next_seq = view->seq;
    *last_seq = view->last_seq;
}
