// sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET, where there is one.
//
// Floor: wiring.
#ifndef WEIR_AGENT_NOTIFY_H
#define WEIR_AGENT_NOTIFY_H

#include <stdint.h>

// `message` as in sd_notify(3): "READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=...".
void notify(const char *message);

// Half of $WATCHDOG_USEC in milliseconds, which is how often to send WATCHDOG=1; -1: not asked for.
int64_t notify_watchdog_ms(void);

#endif
