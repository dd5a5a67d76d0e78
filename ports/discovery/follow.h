// Following contracts: what their owners publish on `mesh.contracts` is taken, checked and kept
// (agent/followed.h).
//
// A look reads the topic from where the last one ended, as any consumer could; only the first, and
// one of another cluster, reads all of it. At most FOLLOW_CANDIDATES_MAX documents of a contract
// are held, the highest versions. One is a candidate when it belongs to the track, is newer than
// what is run, and is signed for its domain under an authority that we believe; forged ones are
// told and hold up nobody.
//
// Floor: edges.
#ifndef WEIR_PORTS_DISCOVERY_FOLLOW_H
#define WEIR_PORTS_DISCOVERY_FOLLOW_H

#include "agent/settings.h"
#include "ports/output/kafka_reader.h"

enum { FOLLOW_CANDIDATES_MAX = 4 };

struct follow_look {
    const struct settings *settings; // of settings_read or settings_read_follows
    bool anew;                       // read all of the topic
    int wait_ms;                     // for a broker
    // By follow of the settings; in: as they lie there, out: as they lie there then. One that is
    // proposed to be tried has `tries` above 0, with one exception: the first version of a contract
    // is promoted at once.
    struct followed *kept;
};

// Look once. An err is the world's: no broker, no topic, no right, a disk; `why` tells.
enum err follow_look(const struct follow_look *look, char why[KAFKA_SENTENCE_SIZE]);

// Before a start: wait for a broker until each contract that the settings at `path` follow has a
// version. Returns at once where nothing is missing, or where the settings cannot be read.
void follow_first(const char *path);

// After a start that failed: is there a newer version, of anything that is followed, to be tried?
bool follow_newer(const char *path);

// A new run of the program: what the last one refused to start with may be tried again.
void follow_forgive(const char *path);

// After a start with a version that is tried failed: it is refused with `why`, and the old one is
// next. False: none was tried.
bool follow_give_up(const char *path, const char *why);

// Before a start with one that is tried: count it. One that no run survived is refused for good
// (then false: read the settings anew).
bool follow_count_try(const char *path);

#endif
