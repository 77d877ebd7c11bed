/* How long to wait before an attempt that has failed is made again: twice as long with each failure. */
#ifndef ROWLOCK_BASE_BACKOFF_H
#define ROWLOCK_BASE_BACKOFF_H

#include <stdint.h>

/* failures: those in a row before the last one, so that 0 gives first_ns. Never more than max_ns. */
static inline int64_t backoff_ns(unsigned failures, int64_t first_ns, int64_t max_ns)
{
    int64_t pause = first_ns;
    while (failures-- > 0 && pause < max_ns)
        pause *= 2;
    return pause < max_ns ? pause : max_ns;
}

#endif
