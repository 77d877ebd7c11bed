/* A courier: one caller with one request under way, who decides by what he was told, and by the dice, what to
 * ask next. */
#ifndef ROWLOCK_PROVE_COURIER_H
#define ROWLOCK_PROVE_COURIER_H

#include "prove/history.h"

enum workload {
    WORKLOAD_TAKE,
    WORKLOAD_CLAIM,
    WORKLOAD_LEASE,
    WORKLOAD_IDEMPOTENCY,
    WORKLOAD_MIXED,
    WORKLOADS,
};

extern const char *const workload_names[WORKLOADS + 1]; /* ends with NULL */

/* xorshift64* (S. Vigna, 2016), so that a seed says what is decided. */
struct dice {
    uint64_t state; /* not 0 */
};

int64_t dice_roll(struct dice *dice, int64_t sides); /* 0 to sides - 1 */

/* What all couriers know. */
struct board {
    struct history *history;
    struct dice dice;
    enum workload workload;
    const char *run;  /* what names of this run begin with */
    int64_t wanted;   /* orders to place */
    int64_t marks;    /* placed or under way */
    size_t most_live; /* orders that are not delivered, wanted at a time */
    int64_t *live;    /* ids */
    size_t live_count, live_room;
    int64_t *all; /* ids of this run, as they became known */
    size_t all_count, all_room;
    int64_t *known; /* the same by hash; 0: none */
    size_t known_room;
    int64_t delivered;
    struct prove_call placing,
        claiming; /* the newest with a key, of whomever; op differs when there is none */
};

void board_init(struct board *board);
void board_fini(struct board *board);
bool board_knows(const struct board *board, int64_t order);
void board_add(struct board *board, int64_t order); /* a new one, or one that is known */

struct holding {
    int64_t order, fence; /* fence: the claim, when it was told; else 0 */
    bool leased;
};

#define HOLDINGS_MAX 6

struct courier {
    int number, taker;
    struct holding held[HOLDINGS_MAX], former; /* former: what he has let go */
    size_t held_count;
    int64_t foreign[100]; /* orders that a claim has got and that are not of this run: to be given back */
    size_t foreign_count;
    struct prove_call last;              /* what he asked last; its seen is not his */
    struct prove_call placing, claiming; /* likewise, his own */
    int tries;                           /* how often already without an answer that is final */
    int64_t keys;
};

void courier_init(struct courier *courier, const struct board *board, int number);

/* What he asks next: the call, without its times. */
struct prove_call courier_next(struct courier *courier, struct board *board);

/* What he was told. */
void courier_told(struct courier *courier, struct board *board, const struct prove_call *call);

#endif
