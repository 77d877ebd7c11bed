/* Weights in lists of what a client would have: Accept and Accept-Encoding (RFC 9110 section 12.4.2). */
#ifndef ROWLOCK_CORE_WEIGHT_H
#define ROWLOCK_CORE_WEIGHT_H

#include "base/slice.h"

#define WEIGHT_MAX 1000 /* of what has none; weights are in thousandths */
#define WEIGHT_MALFORMED (-2)

/* "q=0.5". */
int weight_read(struct slice text);

#endif
