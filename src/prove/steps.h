/* A history as one order sees it: which calls may have changed it, or have seen it. */
#ifndef ROWLOCK_PROVE_STEPS_H
#define ROWLOCK_PROVE_STEPS_H

#include "prove/register.h"

#define STEP_OF_NO_CALL SIZE_MAX /* whoever has placed an order of which no placing was answered */

/* Calls with one key are one: it began with the first that may have reached the server, and had happened when
 * the first was answered. */
struct step_of_order {
    int64_t order;
    struct prove_step step;
    bool promised; /* the answer says that it did nothing: a step only when that is not believed */
};

struct steps {
    struct step_of_order *all; /* by order, then by begin */
    size_t count, room;
    struct prove_step *lost_claims; /* without an answer, by begin: they may have got any order */
    size_t lost_count, lost_room;
    struct prove_step *refused_claims; /* promised, likewise */
    size_t refused_count, refused_room;
};

void steps_of(const struct history *history, struct steps *steps);
void steps_fini(struct steps *steps);

/* The same call with its answer not believed: it may have happened or not. False when it could not have changed
 * anything. */
bool step_weakened(const struct prove_step *step, struct prove_step *weak);

#endif
