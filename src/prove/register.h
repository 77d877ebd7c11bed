/* What one order is, and what becomes of it by one call: the sequential rules that docs/api/orders.md has,
 * written down a second time, and as no server is written. A history is right when its calls can be put one
 * after the other so that each answer follows from these. */
#ifndef ROWLOCK_PROVE_REGISTER_H
#define ROWLOCK_PROVE_REGISTER_H

#include "prove/history.h"

/* A call as far as it concerns one order. */
enum prove_deed {
    DEED_PLACE,
    DEED_TAKE,    /* acquires it, or the holder asks again */
    DEED_ACQUIRE, /* by a claim: it was free before */
    DEED_RELEASE,
    DEED_DELIVER,
    DEED_LOOK, /* changes nothing: a read, or a refusal */
};

struct prove_step {
    enum prove_deed deed;
    enum prove_answer answer; /* of a refusal; PROVE_UNKNOWN: may have happened */
    enum prove_op op;         /* of DEED_LOOK: what was asked for */
    int taker, holder;
    int64_t begin, end;     /* end: INT64_MAX where it may happen at any time */
    int64_t lease, fence;   /* nanoseconds; the claim that was named; 0: none */
    int64_t claim, until;   /* that were told; 0: were not */
    struct prove_seen seen; /* of a read */
    size_t call;            /* its index in the history */
};

#define PROVE_NEVER INT64_MAX

struct prove_state {
    enum prove_status status;
    bool expired; /* free because its lease has ended: reads may show for a while what it was */
    bool loose;   /* the claim may be higher, see prove_apply */
    int who;      /* holds or has delivered it, or who has released it last; whose lease has ended */
    int64_t claim;
    int64_t lease_end; /* by our clock, at the earliest; PROVE_NEVER: without a lease */
    int64_t until;     /* of the lease, by the database's clock; 0: not told */
};

/* Before it was placed. */
struct prove_state prove_state_absent(void);

/* Whether a call changes nothing, whatever the state. */
bool prove_is_look(const struct prove_step *step);

/* Whether the call may happen in this state and be answered as it was; *next is the state then. What may have
 * happened without an answer is said of those alone that would change something. */
bool prove_apply(const struct prove_state *state, const struct prove_step *step, struct prove_state *next);

/* Whether its lease may have ended at this moment of our clock; *next is the state then. */
bool prove_expire(const struct prove_state *state, int64_t now, struct prove_state *next);

#endif
