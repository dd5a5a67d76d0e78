#include "agent/command_demo_picture.h"

#include "agent/clock.h"
#include "agent/human.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_EVERY_MS = 2000, BAR_ROWS = 5, WIDTH = 78 };

void picture_open(struct demo_picture *picture)
{
    *picture = (struct demo_picture){.live = isatty(STDOUT_FILENO) == 1};
}

static void line(struct demo_picture *picture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// One line of the picture, cut to WIDTH; what stood there before is erased.
static void line(struct demo_picture *picture, const char *format, ...)
{
    char text[WIDTH + 1];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    for (char *at = text; *at != 0; at++) {
        if ((unsigned char)*at < ' ') {
            *at = ' '; // a value may hold anything; the picture must stand
        }
    }
    (void)printf("\033[K%s\n", text);
    picture->drawn++;
}

// The whole story is as wide as the picture.
static void step(struct demo_picture *picture, const struct demo_view *view)
{
    int64_t now_ms = clock_boot_ms();
    if (now_ms - picture->stepped_ms < view->total_ms / PICTURE_HISTORY) {
        return;
    }
    picture->stepped_ms = now_ms;
    if (picture->waiting_count == PICTURE_HISTORY) {
        for (int i = 1; i < PICTURE_HISTORY; i++) {
            picture->waiting[i - 1] = picture->waiting[i];
        }
        picture->waiting_count--;
    }
    picture->waiting[picture->waiting_count++] = view->state->waiting;
}

// The backlog as columns of '#', the highest as high as the room is.
static void draw_backlog(struct demo_picture *picture)
{
    uint64_t most = 1;
    for (int i = 0; i < picture->waiting_count; i++) {
        most = picture->waiting[i] > most ? picture->waiting[i] : most;
    }
    for (int row = BAR_ROWS; row >= 1; row--) {
        char columns[PICTURE_HISTORY + 1];
        for (int i = 0; i < PICTURE_HISTORY; i++) {
            uint64_t here = i < picture->waiting_count ? picture->waiting[i] : 0;
            // Rounded up: a single waiting record is to be seen.
            bool full = here * BAR_ROWS > most * (uint64_t)(row - 1);
            columns[i] = full ? '#' : ' ';
        }
        columns[PICTURE_HISTORY] = 0;
        if (row == BAR_ROWS) {
            char count[HUMAN_SIZE];
            line(picture, "  %s %s", columns, human_count((int64_t)most, count));
        } else {
            line(picture, "  %s", columns);
        }
    }
    line(picture, "  ------------------------------------------------------------ records waiting");
}

static void draw_flow(struct demo_picture *picture, const struct demo_view *view)
{
    const struct demo_state *state = view->state;
    char read[HUMAN_SIZE];
    char waiting[HUMAN_SIZE];
    char bytes[HUMAN_SIZE];
    char seen[HUMAN_SIZE];
    line(picture, "  %15s    %18s    %-9s    %15s", "sensors", "spool", "Kafka", "consumer");
    line(picture, "  %10s read -> %10s waiting %s %-9s %s %10s seen",
         human_count((int64_t)state->read, read), human_count((int64_t)state->waiting, waiting),
         view->away ? "-/" : "->", state->known ? state->kafka : "?", view->away ? "/-" : "->",
         human_count((int64_t)view->seen->records, seen));
    line(picture, "  %15s    %10s on disk    %-9s    %10" PRIu64 " lost", "",
         human_bytes(state->spool_bytes, bytes), "", view->missing);
    line(picture, "  %15s    %18s    %-9s    %10" PRIu64 " doubled", "", "", "", view->duplicated);
}

static void draw_live(struct demo_picture *picture, const struct demo_view *view)
{
    const struct demo_seen *seen = view->seen;
    if (picture->drawn > 0) {
        (void)printf("\033[%dA", picture->drawn);
    }
    picture->drawn = 0;
    line(picture, "weir demo  %s  %" PRId64 " s of %" PRId64 " s  (%s)", view->gateway,
         view->elapsed_ms / 1000, view->total_ms / 1000, view->broker);
    line(picture, "%s", "");
    draw_flow(picture, view);
    line(picture, "%s", "");
    draw_backlog(picture);
    line(picture, "%s", "");
    if (seen->heartbeats == 0) {
        line(picture, "  heartbeat  none yet");
    } else {
        line(picture, "  heartbeat  %" PRIu64 " %s: %s %s", seen->heartbeat_seq,
             seen->heartbeat_kind, seen->heartbeat_status, seen->heartbeat_reasons);
    }
    line(picture, "  last seen  %s", seen->last_value);
    line(picture, "  now        %s", view->story);
    (void)fflush(stdout);
}

static void print_line(struct demo_picture *picture, const struct demo_view *view, bool turn)
{
    int64_t now_ms = clock_boot_ms();
    if (turn) {
        (void)printf("%5.1f s  %s\n", (double)view->elapsed_ms / 1000.0, view->story);
    } else if (now_ms - picture->told_ms >= LINE_EVERY_MS) {
        picture->told_ms = now_ms;
        (void)printf("%5.1f s  read=%" PRIu64 " waiting=%" PRIu64 " on_disk=%" PRId64
                     " kafka=%s seen=%" PRIu64 " heartbeat=%s\n",
                     (double)view->elapsed_ms / 1000.0, view->state->read, view->state->waiting,
                     view->state->spool_bytes, view->state->known ? view->state->kafka : "?",
                     view->seen->records,
                     view->seen->heartbeats == 0 ? "none" : view->seen->heartbeat_status);
    }
    (void)fflush(stdout);
}

void picture_draw(struct demo_picture *picture, const struct demo_view *view, bool turn)
{
    step(picture, view);
    if (picture->live) {
        draw_live(picture, view);
    } else {
        print_line(picture, view, turn);
    }
}

void picture_close(struct demo_picture *picture)
{
    if (picture->live && picture->drawn > 0) {
        (void)printf("\n");
    }
    picture->drawn = 0;
}
