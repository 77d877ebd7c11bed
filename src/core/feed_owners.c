/* A bit for the hash of each owner. */
#include <config.h>

#include "core/feed_owners.h"

#include <string.h>

static uint64_t bit_of(uint64_t hash)
{
    return UINT64_C(1) << (hash & 63);
}

static size_t word_of(uint64_t hash)
{
    return (size_t)(hash >> 6) % (FEED_OWNERS_BITS / 64);
}

void feed_owners_know(struct feed_owners *owners, const struct feed_ring *ring, uint64_t from, uint64_t to)
{
    if (owners->from == from && owners->to == to)
        return;
    memset(owners->bits, 0, sizeof owners->bits);
    for (uint64_t at = from; at < to; at++) {
        uint64_t hash = feed_ring_at(ring, at)->owner_hash;
        owners->bits[word_of(hash)] |= bit_of(hash);
    }
    owners->from = from;
    owners->to = to;
}

bool feed_owners_may_have(const struct feed_owners *owners, uint64_t hash)
{
    return (owners->bits[word_of(hash)] & bit_of(hash)) != 0;
}
