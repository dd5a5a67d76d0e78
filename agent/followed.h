// A contract that is followed (agent/track.h), as it lies in STATE/contracts:
//
//     HEX.odcs.json        the version that is run: the bytes that its owner signed
//     HEX.next.odcs.json   a newer one, while it is tried
//     HEX.json             what is known of both
//
// HEX is the front of the SHA-256 of the contract's id. Each file is replaced as a whole, so a
// power cut leaves the old or the new one. What lies there was checked when it was taken (the
// signature, the contract, the settings with it); it is as much to be believed as weir.yaml itself.
//
//     propose ──▶ being tried, at most FOLLOWED_TRIES_MAX starts ──▶ promote: it is the version
//                        └──▶ refuse: the old one stays, and why is kept
//
// Floor: keeping.
#ifndef WEIR_AGENT_FOLLOWED_H
#define WEIR_AGENT_FOLLOWED_H

#include "agent/bytes.h"
#include "agent/digest.h"
#include "agent/err.h"

enum {
    FOLLOWED_VERSION_SIZE = 64,
    FOLLOWED_DOMAIN_SIZE = 129,
    FOLLOWED_PATH_SIZE = 512,
    FOLLOWED_WHY_SIZE = 256,
    FOLLOWED_TRIES_MAX = 3,
    FOLLOWED_DOCUMENT_MAX = 1024 * 1024,
};

struct followed {
    char path[FOLLOWED_PATH_SIZE];      // of the version that is run
    char next_path[FOLLOWED_PATH_SIZE]; // of the one that is tried
    char note_path[FOLLOWED_PATH_SIZE];
    char version[FOLLOWED_VERSION_SIZE]; // "": none was taken yet
    char domain[FOLLOWED_DOMAIN_SIZE];
    unsigned tries; // > 0: `next_path` is being tried
    // A newer version that is not run; "": none is known.
    char newer[FOLLOWED_VERSION_SIZE];
    char why[FOLLOWED_WHY_SIZE];
    uint8_t refused[DIGEST_SIZE]; // bytes that are not tried again; or zeros
    bool for_good;                // not in the next run either
    uint8_t sum[DIGEST_SIZE];     // of the file at `path`
    uint8_t next_sum[DIGEST_SIZE];
};

// What lies there of the contract `id`; with nothing there, or damaged, `version` is "".
// ERR_LIMIT: the path is too long.
enum err followed_open(struct followed *followed, const char *state_dir, const char *id);

// Keep `document` to be tried by the next start. Else, as below: what errno says.
enum err followed_propose(struct followed *followed, struct bytes document);
// One more start tries it.
enum err followed_try(struct followed *followed);
// What was tried is the version from now on.
enum err followed_promote(struct followed *followed);
// Nothing is tried any more, and the version stays; `version` is the newer one, and `why` the
// sentence.
enum followed_until {
    FOLLOWED_UNTIL_SEEN,    // it may be tried when it is seen again
    FOLLOWED_UNTIL_RESTART, // no start with it succeeded in this run
    FOLLOWED_FOR_GOOD,      // no run survived it
};
enum err followed_refuse(struct followed *followed, const char *version, const char *why,
                         enum followed_until until);
// A new run: what was refused until then may be tried.
enum err followed_forgive(struct followed *followed);
// The bytes of the version that is run, with other marks (agent/contract_document.h).
enum err followed_refresh(struct followed *followed, struct bytes document);

// Replace a small file as a whole, its folder made where it is missing.
enum err followed_write(const char *path, struct bytes content);

#endif
