/* Whether a history can be: each order by itself, and what holds between them (one key, one answer; one
 * placing, one order). What cannot be is cut down to the answers that contradict one another. */
#ifndef ROWLOCK_PROVE_JUDGE_H
#define ROWLOCK_PROVE_JUDGE_H

#include "prove/history.h"

enum finding_kind {
    FINDING_ORDER,   /* the answers about one order */
    FINDING_ANSWERS, /* one Idempotency-Key, two answers */
    FINDING_TWICE,   /* one placing, two orders */
};

/* What cannot be. Whatever the other calls were answered: these answers contradict one another. */
struct finding {
    enum finding_kind kind;
    int64_t order; /* the one that it is about; of FINDING_TWICE the second */
    size_t *calls; /* indexes in the history, by begin */
    size_t count;
    bool refusals_hold; /* of FINDING_ORDER: it cannot be as long as refused calls have changed nothing */
    size_t last;        /* the one of them that began last */
};

#define FINDINGS_MAX 5 /* that are cut down; others are counted */

struct verdict {
    struct finding findings[FINDINGS_MAX];
    size_t count, more; /* more: orders with findings that are not shown */
    size_t orders;      /* that were judged */
    size_t strangers;   /* that were not: somebody who is not in the history had them */
    size_t loosely;     /* judged with calls without an answer taken to happen as often as needed */
    size_t undecided;   /* too many states even so */
};

void judge(const struct history *history, struct verdict *verdict);
void verdict_fini(struct verdict *verdict);

/* Whether anything was acknowledged at all, so that there was something to judge. */
bool judge_has_something(const struct history *history);

#endif
