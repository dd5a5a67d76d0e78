// The demo to look at: on a terminal a picture that is drawn again in place, elsewhere a line at
// each turn of the story and every few seconds.
//
// Floor: edges.
#ifndef WEIR_AGENT_COMMAND_DEMO_PICTURE_H
#define WEIR_AGENT_COMMAND_DEMO_PICTURE_H

#include "agent/command_demo_agent.h"
#include "agent/command_demo_reader.h"

enum { PICTURE_HISTORY = 60 };

struct demo_picture {
    bool live;       // stdout is a terminal
    int drawn;       // lines of the last picture
    int64_t told_ms; // boot time of the last line, where not live
    // How many records waited at each step of the story, oldest first.
    uint64_t waiting[PICTURE_HISTORY];
    int waiting_count;
    int64_t stepped_ms;
};

struct demo_view {
    const char *gateway;
    const char *broker; // "a broker inside this process", or its address
    const char *story;  // what happens now
    int64_t elapsed_ms;
    int64_t total_ms;
    bool away; // the broker is, by our own doing
    const struct demo_state *state;
    const struct demo_seen *seen;
    uint64_t missing; // gaps that the consumer sees at this moment
    uint64_t duplicated;
};

void picture_open(struct demo_picture *picture);

// Draw, or, where not live, print a line if it is time or `turn` says that the story turned.
void picture_draw(struct demo_picture *picture, const struct demo_view *view, bool turn);

// Leave the last picture standing.
void picture_close(struct demo_picture *picture);

#endif
