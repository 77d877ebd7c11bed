/* Whose turn it is, where more waits than can go at once: callers are asked one after the other, each for its oldest,
 * so that one who has much waiting does not hold up those who have little (round robin, as in J. Nagle, RFC 970,
 * with the same cost for all). Of one caller nothing overtakes what came before it.
 *
 * What waits stands in a line (struct turn_line), of which there may be many; how much a caller has in all lines
 * together, and beside them, is counted too. */
#ifndef ROWLOCK_CORE_TURNS_H
#define ROWLOCK_CORE_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct turn;
struct turn_caller;

#define TURN_BUCKETS 256u

struct turns {
    struct list callers[TURN_BUCKETS]; /* those who have something, by a hash */
    struct turn_caller *heaviest;      /* who has most; NULL: it is not known */
};

/* Begins as an empty list. */
struct turn_line {
    struct list turns; /* of the callers who have something in it, in the order in which they are asked */
};

/* What waits; begins as zeros. */
struct turn_place {
    struct list_node link;
    struct turn *turn;          /* NULL: it stands in no line */
    struct turn_caller *caller; /* NULL: it is not counted */
};

void turns_init(struct turns *turns); /* once nothing is counted any more, nothing is left of it to free */

/* Counted: it waits, in a line or not. */
void turns_count(struct turns *turns, struct turn_place *place, uint64_t caller);
void turns_uncount(struct turns *turns, struct turn_place *place); /* harmless when it is not; it stands in no line */

/* Of one that is counted: behind all that its caller has in the line, or before them. */
void turns_add(struct turn_line *line, struct turn_place *place, bool in_front);
void turns_remove(struct turn_place *place); /* harmless when it stands in none */

/* The oldest of the caller whose turn it is; NULL: nothing is there. */
struct turn_place *turns_first(const struct turn_line *line);
void turns_pass(struct turn_line *line); /* it is the next one's turn */

/* The newest of the caller who has most, from the line in which it has most. NULL when the other caller has as much, or
 * would have with one more. */
struct turn_place *turns_surplus(struct turns *turns, uint64_t other);

#endif
