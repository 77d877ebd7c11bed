/* Lists of what a client would have, with weights: Accept and Accept-Encoding (RFC 9110 section 12.4.2). Pure functions
 * over memory. */
#ifndef ROWLOCK_CORE_WEIGHT_H
#define ROWLOCK_CORE_WEIGHT_H

#include "base/slice.h"

#define WEIGHT_MAX 1000 /* of what has none; weights are in thousandths */
#define WEIGHT_MALFORMED (-2)

/* Takes what stands before the separator off the text, all of it when there is none; without the white space around
 * it. */
struct slice weight_take(struct slice *text, char separator);

/* "q=0.5". */
int weight_read(struct slice text);

#endif
