#include "agent/rates.h"

#include <string.h>

void rates_sample(struct rates *rates, int64_t now_ms, uint64_t in, uint64_t out)
{
    if (rates->count > 0 && now_ms - rates->at_ms[rates->count - 1] < RATES_EVERY_MS) {
        return;
    }
    if (rates->count == RATES_SAMPLES) {
        rates->count--;
        memmove(rates->at_ms, rates->at_ms + 1, rates->count * sizeof rates->at_ms[0]);
        memmove(rates->in, rates->in + 1, rates->count * sizeof rates->in[0]);
        memmove(rates->out, rates->out + 1, rates->count * sizeof rates->out[0]);
    }
    rates->at_ms[rates->count] = now_ms;
    rates->in[rates->count] = in;
    rates->out[rates->count++] = out;
}

bool rates_get(const struct rates *rates, int64_t *in_bps, int64_t *out_bps)
{
    if (rates->count < 2) {
        return false;
    }
    uint32_t last = rates->count - 1;
    int64_t ms = rates->at_ms[last] - rates->at_ms[0];
    if (ms <= 0) {
        return false;
    }
    *in_bps = (int64_t)(rates->in[last] - rates->in[0]) * 1000 / ms;
    *out_bps = (int64_t)(rates->out[last] - rates->out[0]) * 1000 / ms;
    return true;
}

void ages_mark(struct ages *ages, uint64_t seq, int64_t now_ms)
{
    if (ages->count > 0 && ages->seqs[ages->count - 1] >= seq) {
        return;
    }
    if (ages->count == AGES_MARKS) { // keep every second one: old marks grow coarser
        ages->count = AGES_MARKS / 2;
        for (uint32_t i = 0; i < ages->count; i++) {
            ages->seqs[i] = ages->seqs[(size_t)2 * i];
            ages->at_ms[i] = ages->at_ms[(size_t)2 * i];
        }
    }
    ages->seqs[ages->count] = seq;
    ages->at_ms[ages->count++] = now_ms;
}

bool ages_get(const struct ages *ages, uint64_t seq, int64_t *at_ms)
{
    for (uint32_t i = ages->count; i > 0; i--) {
        if (ages->seqs[i - 1] <= seq) {
            *at_ms = ages->at_ms[i - 1];
            return true;
        }
    }
    return false;
}
