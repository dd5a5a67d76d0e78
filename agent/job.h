// A job: work that may block, handed to a worker with all it needs and handed back when done.
//
// Floor: ground.
#ifndef WEIR_AGENT_JOB_H
#define WEIR_AGENT_JOB_H

struct job {
    void (*work)(struct job *job); // in the worker; touches only what was handed over
    void (*done)(struct job *job); // afterwards, on the thread that gave it
    const char *name;              // for the log, where it takes too long
};

// Where jobs are given. `give` never fails and never runs `done` before it returns, unless the
// giver runs jobs in place (tests, start and stop).
struct job_giver {
    void (*give)(void *context, struct job *job);
    void *context;
};

#endif
