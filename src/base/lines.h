/* Lines on their way to a descriptor, whose reader may stall: what it does not take at once is lost, never waited
 * for. */
#ifndef ROWLOCK_BASE_LINES_H
#define ROWLOCK_BASE_LINES_H

#include <stdint.h>

#include "base/buf.h"

struct lines {
    int fd;
    struct buf text; /* whole lines that have not left yet */
    bool torn;       /* the last that was written lacks its end: the disk is full */
};

/* Writes what has gathered, and forgets it. Gives how many lines were lost; *begun: something was written. */
int64_t lines_flush(struct lines *lines, bool *begun);

#endif
