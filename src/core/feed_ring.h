/* The newest events of a feed, as its clients are given them. Each has a number that is counted from the first that was
 * ever added, so a client is a number; when there is no more room, the oldest go. */
#ifndef ROWLOCK_CORE_FEED_RING_H
#define ROWLOCK_CORE_FEED_RING_H

#include <stddef.h>

#include "core/feed_event.h"

struct feed_ring {
    struct feed_event *events;  /* owned, and so are their texts; NULL while it is empty */
    size_t capacity;            /* a power of two */
    size_t bytes, bytes_max;    /* of texts */
    uint64_t first, next;       /* the oldest that is there; the one that will be added */
    struct feed_position start; /* behind which the oldest stands: nothing is missing in between */
};

void feed_ring_init(struct feed_ring *ring, size_t capacity, size_t bytes_max);
void feed_ring_fini(struct feed_ring *ring); /* frees all events; it may be used again */

/* Empties it: what is added next stands behind this position. Numbers go on. */
void feed_ring_restart(struct feed_ring *ring, struct feed_position start);

void feed_ring_add(struct feed_ring *ring, const struct feed_event *event); /* copies it */
const struct feed_event *feed_ring_at(const struct feed_ring *ring,
                                      uint64_t number);           /* from first, below next */
struct feed_position feed_ring_end(const struct feed_ring *ring); /* of the newest event, or start */

/* The number of what comes behind a position; false: no event of the ring has it, nor is it its start. */
bool feed_ring_find(const struct feed_ring *ring, struct feed_position position, uint64_t *number);

#endif
