/* What a caller may ask of the server: so many requests in a time, so many at once. See core/limits.h. */
#ifndef ROWLOCK_CORE_ALLOWANCE_H
#define ROWLOCK_CORE_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

#define ALLOWANCE_MAX 1000000 /* of each number */

/* 0: there is no such limit. */
struct allowance {
    int64_t rate;       /* requests ... */
    int64_t period_ns;  /* ... in this time */
    int64_t burst;      /* requests that may come at once; 0: as many as the rate has */
    int64_t concurrent; /* requests that are being worked on, open event streams too */
};

#define ALLOWANCE_RATE_RIGHT                                                                                 \
    "it must be off, or a number from 1 to 1000000 a second, minute or hour: 100/s, 600/m or 5000/h"

/* "100/s", "600/m", "5000/h", or "off": sets rate and period. False when it is none of these. */
bool allowance_parse_rate(const char *text, struct allowance *allowance);

const char *allowance_period(const struct allowance *allowance); /* "a second", "a minute", "an hour" */
int64_t allowance_burst(const struct allowance *allowance);      /* of one with a rate */

#endif
