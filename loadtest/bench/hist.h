/*
 * hist: latencies in a histogram of fixed size, 64 steps an octave: a quantile is off by less than 1.6 %.
 */
#ifndef LOADTEST_HIST_H
#define LOADTEST_HIST_H

#include <stdint.h>

enum { HIST_STEPS = 64, HIST_OCTAVES = 58 };

struct hist {
    uint64_t count[HIST_STEPS * HIST_OCTAVES];
    uint64_t total;
    uint64_t max;
};

void hist_add(struct hist *hist, uint64_t ns);

/* q from 0 to 1; 0 when the histogram is empty. */
uint64_t hist_quantile(const struct hist *hist, double q);

#endif
