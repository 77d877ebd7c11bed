/* hist: see hist.h */
#include "hist.h"

#include <stddef.h>

static size_t hist_index(uint64_t ns)
{
    if (ns < HIST_STEPS)
        return (size_t)ns;
    unsigned octave = 63U - (unsigned)__builtin_clzll(ns); /* at least 6 */
    return (size_t)(octave - 5) * HIST_STEPS + (size_t)((ns >> (octave - 6)) & (HIST_STEPS - 1));
}

static uint64_t hist_value(size_t index)
{
    if (index < HIST_STEPS)
        return index;
    unsigned octave = (unsigned)(index / HIST_STEPS) + 5;
    uint64_t step = 1ULL << (octave - 6);
    return (1ULL << octave) + (index % HIST_STEPS) * step + step / 2;
}

void hist_add(struct hist *hist, uint64_t ns)
{
    size_t index = hist_index(ns);
    if (index < sizeof(hist->count) / sizeof(hist->count[0]))
        hist->count[index]++;
    hist->total++;
    if (ns > hist->max)
        hist->max = ns;
}

uint64_t hist_quantile(const struct hist *hist, double q)
{
    uint64_t rank = (uint64_t)(q * (double)hist->total + 0.999), seen = 0;
    for (size_t i = 0; i < sizeof(hist->count) / sizeof(hist->count[0]); i++) {
        seen += hist->count[i];
        if (seen >= rank && seen > 0)
            return hist_value(i) < hist->max ? hist_value(i) : hist->max;
    }
    return hist->max;
}
