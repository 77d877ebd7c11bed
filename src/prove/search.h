/* Whether the calls of one order can be put one after the other so that each follows from those before:
 * whether its history is linearizable.
 *
 * An order is an object of its own, so that each can be judged by itself (M. Herlihy, J. Wing,
 * "Linearizability: a correctness condition for concurrent objects", 1990: locality; A. Horn, D. Kroening,
 * "Faster linearizability checking via P-compositionality", 2015). The way through the history is that of G.
 * Lowe, "Testing for linearizability", 2017, section "just-in-time linearization", after J. Wing, C. Gong,
 * "Testing and verifying concurrent objects", 1993: all states in which the order may be are kept while the
 * history is read forward; when a call has its answer, each state must have come to it, by those of the calls
 * under way that are needed for that and no other. What is the same state twice is kept once, and so is what
 * another state can do as well.
 *
 * Calls without an answer may happen at any later time: sets of them would be too many. When they get so, an
 * order is looked at once more, and each may happen as often as it is needed. That finds less, and never what
 * is not: see search_result.loosely. */
#ifndef ROWLOCK_PROVE_SEARCH_H
#define ROWLOCK_PROVE_SEARCH_H

#include "prove/register.h"

enum search_verdict {
    SEARCH_POSSIBLE,
    SEARCH_IMPOSSIBLE,
    SEARCH_UNDECIDED, /* too many states */
};

struct search_result {
    enum search_verdict verdict;
    bool loosely; /* calls without an answer were taken to happen as often as needed */
    size_t at;    /* of SEARCH_IMPOSSIBLE: the step with whose answer no state was left */
};

/* steps by begin. */
struct search_result search_order(const struct prove_step *steps, size_t count);

/* The same, loosely from the beginning. */
struct search_result search_loosely(const struct prove_step *steps, size_t count);

#endif
