/* How many requests each caller may still send: a bucket a caller, in memory that all processes of a server share, so
 * that together they let through what one would.
 *
 * A bucket is the moment at which it will be full again (the theoretical arrival time of the Generic Cell Rate
 * Algorithm, ITU-T I.371), one 64-bit atomic: who takes moves it on by what one request costs, unless that is farther
 * from now than the whole bucket. No lock, no timer; a bucket that is full is as good as none, and its place may be
 * another caller's. There are BUCKETS_MAX of them. Where more callers than that have asked for so much that theirs are
 * not full again, the bucket that is nearest to it is forgotten: its caller may send its burst once more. */
#ifndef ROWLOCK_CORE_BUCKETS_H
#define ROWLOCK_CORE_BUCKETS_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKETS_MAX 65536u /* of 16 bytes each */

/* Before the first fork. False with errno when there is no memory. */
bool buckets_open(void);
void buckets_close(void);

/* Random, the same in all processes: by it callers are numbered, so that nobody can choose whom he is taken for. */
uint64_t buckets_seed(void);

/* interval_ns * burst must stay below a quarter of what 64 bits hold. */
struct bucket_size {
    int64_t interval_ns; /* what one request costs */
    int64_t burst;       /* how many requests a full bucket has */
};

struct bucket_state {
    int64_t left;    /* requests that may be sent at once */
    int64_t wait_ns; /* until there is one; 0: there is */
};

enum bucket_use {
    BUCKET_TAKE, /* one request */
    BUCKET_LOOK, /* none: whether there is one */
};

/* False when there was none. caller: not 0. now: of clock_now. Without buckets_open there always is one. */
bool buckets_use(uint64_t caller, int64_t now, const struct bucket_size *size, enum bucket_use use,
                 struct bucket_state *state);

#endif
