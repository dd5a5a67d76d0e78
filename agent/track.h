// Which versions of a contract a gateway follows, and whether it is among those that try a new one.
//
// A track is "1.x" (every version whose first number is 1), "1.4.x", or one version, "1.4.2". Only
// versions of numbers and points belong to a track: 2.0.0-rc1 belongs to none.
//
// A canary is a share of the gateways. Whether one takes part is decided by its node (the key of
// its record on mesh.nodes, PRODUCT/GATEWAY) alone: the front of its SHA-256. So whoever is among 5
// % is among 25 % too, and owner and gateway come to the same answer.
//
// Floor: forms.
#ifndef WEIR_AGENT_TRACK_H
#define WEIR_AGENT_TRACK_H

#include "agent/bytes.h"

enum {
    TRACK_NUMBERS_MAX = 3,
    CANARY_ALL = 10000, // hundredths of a percent
};

struct track {
    unsigned count; // of `numbers`
    unsigned long numbers[TRACK_NUMBERS_MAX];
    bool is_open; // ends with "x": what follows the numbers may be anything
};

// False: `text` is no track.
bool track_read(const char *text, struct track *track);

bool track_has(const struct track *track, const char *version);

// Read "5%", "0.5 %" or "5" as hundredths of a percent. False: it is no share of 0 to 100 %.
bool canary_read(const char *text, unsigned *share);

// Is the node among `share` hundredths of a percent of all?
bool canary_has(unsigned share, const char *node);

#endif
