// A worker: a thread that does one blocking kind of work, with one mailbox. Jobs are done in the
// order in which they were given, one at a time, and come back through a descriptor that the loop
// watches. Between giving and `done` a job belongs to the worker.
//
// Floor: wiring.
#ifndef WEIR_AGENT_WORKER_H
#define WEIR_AGENT_WORKER_H

#include "agent/err.h"
#include "agent/job.h"

#include <stdbool.h>
#include <stdint.h>

enum { WORKER_JOBS_MAX = 64 }; // given and not yet served

struct worker; // opaque

// Start the thread. `name` (at most 15 characters) is the thread's.
enum err worker_open(struct worker **worker, const char *name);

// Waits for the jobs that were given, serves them, and ends the thread.
void worker_close(struct worker *worker);

// Giving a 65th is a bug: each user of a worker has a fixed number of jobs of its own.
void worker_give(struct worker *worker, struct job *job);

// Readable when jobs are done; then worker_serve calls their `done`.
int worker_fd(const struct worker *worker);
void worker_serve(struct worker *worker);

// Milliseconds (boot time) that the job at hand has taken so far; 0 where there is none.
int64_t worker_busy_ms(const struct worker *worker);

#endif
