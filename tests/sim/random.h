// The simulator's only source of chance: splitmix64, so that one seed is one history.
#ifndef WEIR_TESTS_SIM_RANDOM_H
#define WEIR_TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

static inline uint64_t sim_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

static inline uint64_t sim_next(struct sim_random *random)
{
    random->state += 0x9e3779b97f4a7c15U;
    return sim_mix(random->state);
}

// 0 .. bound - 1 (bound > 0).
static inline uint32_t sim_below(struct sim_random *random, uint32_t bound)
{
    return (uint32_t)(((sim_next(random) >> 32) * bound) >> 32);
}

// least .. most, both included.
static inline uint32_t sim_between(struct sim_random *random, uint32_t least, uint32_t most)
{
    return least + sim_below(random, most - least + 1);
}

// True once in `times`; never where `times` is 0.
static inline bool sim_once_in(struct sim_random *random, uint32_t times)
{
    return times > 0 && sim_below(random, times) == 0;
}

#endif
