/* How many calls of each kind had which outcome, and how long answers took. */
#ifndef ROWLOCK_PROVE_TALLY_H
#define ROWLOCK_PROVE_TALLY_H

#include <stdio.h>

#include "prove/history.h"

/* A table, a line a kind of call; latencies in milliseconds, of calls that had an answer. */
void tally_print(const struct history *history, FILE *out);

#endif
