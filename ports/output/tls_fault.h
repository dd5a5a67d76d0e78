// Why a broker cannot be reached by TLS, in words that say what to do, and the board where the pump
// pins them up for the loop's thread: one note for each host:port.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_TLS_FAULT_H
#define WEIR_PORTS_OUTPUT_TLS_FAULT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TLS_SENTENCE_SIZE = 256,
    TLS_NAME_SIZE = 136, // "host:port"; a longer name is cut
    TLS_NOTES_MAX = 64,  // hosts remembered; the one not heard of for longest makes room
};

// How far a connection is.
enum tls_stage { TLS_CONNECTING, TLS_HANDSHAKING, TLS_OPEN };

struct tls_fault {
    bool is_tls; // false: the network below it
    char sentence[TLS_SENTENCE_SIZE];
};

// connect(2) failed with this errno.
void tls_fault_of_network(struct tls_fault *fault, const char *name, int number);

// What is known of the other side when the handshake fails.
struct tls_peer {
    bool spoke;      // any byte came
    uint8_t first;   // the first of them
    uint8_t alert;   // its alert, where `error` says that one came
    bool has_client; // we have a certificate to show
    bool answered;   // bytes came through TLS
};

// An mbedTLS call failed with `error`, other than for the certificate (tls_verify.h).
void tls_fault_of_tls(struct tls_fault *fault, const char *name, int error, enum tls_stage stage,
                      const struct tls_peer *peer);

// Nothing came for too long in this stage.
void tls_fault_of_silence(struct tls_fault *fault, const char *name, enum tls_stage stage);

// The board. Any thread; its lock is held for a copy only.
struct tls_board {
    pthread_mutex_t lock;
    uint64_t clock;
    struct tls_note {
        char name[TLS_NAME_SIZE];
        enum tls_stage stage; // of the newest attempt
        bool is_fault;
        struct tls_fault fault;
        uint64_t used;
    } notes[TLS_NOTES_MAX];
};

void tls_board_init(struct tls_board *board);
void tls_board_destroy(struct tls_board *board);
void tls_board_begin(struct tls_board *board, const char *name, enum tls_stage stage);
// True: it was not there before, so it is worth a line in the log.
bool tls_board_fail(struct tls_board *board, const char *name, const struct tls_fault *fault);
void tls_board_clear(struct tls_board *board, const char *name); // the broker answered

// The newest fault; where there is none, and `timed_out` says that the caller's patience ended,
// the one that follows from how far the attempt is. False: nothing is known.
bool tls_board_look(struct tls_board *board, const char *name, bool timed_out,
                    struct tls_fault *fault);

#endif
