// The lanes of a product whose contract says `late: topic`: live rows go first, to the data topic;
// the backlog of an outage goes beside them to `<topic>.late`.
//
//     settled    late, some settled          live: settled, sent ...   durable, to be sent
//     1 ....... | ##.......###.............. | #########............... | ................
//               cursor                late_to                    durable_seq
//
// L1  A late lane opens only where, when the link answers again, the oldest unsettled row of the
//     live lane is older than `after_ms`; then all that is durable by then becomes late. A second
//     outage moves `late_to` on: its rows join the lane, and what was delivered live between them
//     is passed over.
// L2  Nothing beyond `late_to` is sent before it is durable, and with it the promise that those
//     rows come late; so after a kill the lanes go on where they were.
// L3  Both lanes settle into one set, and each at its own front only. The live lane waits where it
//     would need one of the set's last ranges (I4); the late lane closes them one by one.
// L4  While nobody answers, live rows are not handed over (they would be the backlog of tomorrow):
//     one record knocks. Rows that were on their way when the link broke still go first.
//
// Floor: flow.
#ifndef WEIR_AGENT_LANES_H
#define WEIR_AGENT_LANES_H

#include <stdbool.h>
#include <stdint.h>

enum { LANES_RANGES_SPARE = 6 }; // of the settled set: for what rots or is dropped meanwhile

struct lanes {
    bool wanted; // the contract asks for them
    bool ready;  // there is an outlet for the late one, and the start is over
    int64_t after_ms;
    uint32_t window;     // of both together
    uint32_t live, late; // in the link's share
    bool held;           // by the link's share, when last asked

    uint64_t late_to;                  // 0: no late lane is open
    uint64_t given_to, durable_to;     // as a commit took it, and when it came back
    uint64_t given_live, durable_live; // the end of what is settled in the live lane

    bool outage;      // since the last decision the link did not answer
    bool deciding;    // it does, and what was on its way comes back first
    bool old;         // the oldest row then was older than after_ms
    int64_t front_ms; // of the first live row at the start, by its own time; INT64_MIN: not known
};

#endif
