/* An array that is used round and round; events are found in it by bisection. */
#include <config.h>

#include "core/feed_ring.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void feed_ring_init(struct feed_ring *ring, size_t capacity, size_t bytes_max)
{
    *ring = (struct feed_ring){.capacity = capacity, .bytes_max = bytes_max};
}

static struct feed_event *slot_of(const struct feed_ring *ring, uint64_t number)
{
    return &ring->events[number & (ring->capacity - 1)];
}

/* The text and the owner are one piece of memory, which the text begins. */
static void drop_oldest(struct feed_ring *ring)
{
    struct feed_event *oldest = slot_of(ring, ring->first++);
    ring->start = oldest->position;
    ring->bytes -= oldest->text.len + oldest->owner.len;
    free((void *)(uintptr_t)oldest->text.ptr);
}

void feed_ring_restart(struct feed_ring *ring, struct feed_position start)
{
    while (ring->first < ring->next)
        drop_oldest(ring);
    ring->start = start;
}

void feed_ring_fini(struct feed_ring *ring)
{
    feed_ring_restart(ring, (struct feed_position){0, 0});
    free(ring->events);
    ring->events = NULL;
}

static struct feed_event copy_of(const struct feed_event *event)
{
    struct feed_event copy = *event;
    char *bytes = mem_resize(NULL, event->text.len + event->owner.len + 1);
    memcpy(bytes, event->text.ptr, event->text.len);
    copy.text.ptr = bytes;
    if (event->owner.ptr != NULL) {
        memcpy(bytes + event->text.len, event->owner.ptr, event->owner.len);
        copy.owner.ptr = bytes + event->text.len;
    }
    return copy;
}

void feed_ring_add(struct feed_ring *ring, const struct feed_event *event)
{
    size_t size = event->text.len + event->owner.len;
    if (ring->events == NULL)
        ring->events = mem_array(ring->capacity, sizeof *ring->events);
    while (ring->next > ring->first &&
           (ring->next - ring->first == ring->capacity || ring->bytes + size > ring->bytes_max))
        drop_oldest(ring);
    *slot_of(ring, ring->next++) = copy_of(event);
    ring->bytes += size;
}

const struct feed_event *feed_ring_at(const struct feed_ring *ring, uint64_t number)
{
    return slot_of(ring, number);
}

struct feed_position feed_ring_end(const struct feed_ring *ring)
{
    return ring->next == ring->first ? ring->start : feed_ring_at(ring, ring->next - 1)->position;
}

bool feed_ring_find(const struct feed_ring *ring, struct feed_position position, uint64_t *number)
{
    uint64_t low = ring->first, high = ring->next;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (feed_position_compare(feed_ring_at(ring, middle)->position, position) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct feed_position before = low == ring->first ? ring->start : feed_ring_at(ring, low - 1)->position;
    *number = low;
    return feed_position_compare(before, position) == 0;
}
