// Carries librdkafka's bytes to brokers by TLS from mbedTLS, so that neither needs OpenSSL: one
// thread for all connections.
//
//     librdkafka ═ socketpair ═ pump ─ TLS over TCP ─ broker
//
// P1  A caller hands a connection over by one write into a pipe and never waits: not for the
//     network, not for the pump.
// P2  Only the pump's thread touches connections and credentials. What others may see is the board
//     of faults (tls_fault.h) and the counters.
// P3  The thread sleeps unless a socket has something for it. A handshake is work of tens to
//     hundreds of milliseconds on a small ARM, during which the other connections wait.
//
// Floor: edges.
#ifndef WEIR_PORTS_OUTPUT_TLS_PUMP_H
#define WEIR_PORTS_OUTPUT_TLS_PUMP_H

#include "ports/output/tls_connection.h"

enum { TLS_ACCOUNTS_MAX = 8, TLS_CONNECTIONS_MAX = 256 };

struct tls_pump;

// ERR_FAILED: errno says why.
enum err tls_pump_open(struct tls_pump **pump);

// End the thread and all connections. Whoever has the other ends sees them closed; end those
// first (rd_kafka_destroy), so that nothing calls tls_pump_connect any more.
void tls_pump_close(struct tls_pump *pump);

// An account for these settings: the one there is, or a new one. NULL: there are
// TLS_ACCOUNTS_MAX, or no memory. Lives as long as the pump. One thread at a time.
struct tls_account *tls_pump_account(struct tls_pump *pump, const struct tls_settings *settings);

// Connect `socket` (any that is not connected; it becomes a socketpair's end, held, see
// tls_hold.h) to `address` for `account`. `name` ("host:port") is what the certificate must be
// for, and what faults are told of. Any thread; does not wait. Returns 0, or an errno.
int tls_pump_connect(struct tls_pump *pump, struct tls_account *account, int socket,
                     const struct sockaddr *address, socklen_t address_size, const char *name);

// Why `name` cannot be reached, see tls_board_look. Any thread.
bool tls_pump_fault(struct tls_pump *pump, const char *name, bool timed_out,
                    struct tls_fault *fault);

#endif
