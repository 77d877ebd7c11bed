/* Whose the events of a part of a ring are, so that those whose they are not need not look at each: a Bloom filter
 * (B. H. Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", 1970) with one function. */
#ifndef ROWLOCK_CORE_FEED_OWNERS_H
#define ROWLOCK_CORE_FEED_OWNERS_H

#include "core/feed_ring.h"

#define FEED_OWNERS_BITS 4096u

struct feed_owners {
    uint64_t from, to; /* the events of the ring that it knows; all zeros: none */
    uint64_t bits[FEED_OWNERS_BITS / 64];
};

/* Fills it with the events of that part of the ring, unless they are what it has. */
void feed_owners_know(struct feed_owners *owners, const struct feed_ring *ring, uint64_t from, uint64_t to);

/* False: none of them is his. The hash is feed_owner_hash's. */
bool feed_owners_may_have(const struct feed_owners *owners, uint64_t hash);

#endif
