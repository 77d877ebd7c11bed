/* Where something stands in a feed: by the transaction that wrote it, then by its number. Said to clients as the id of
 * an event, "5731-42", which they give back as it is. */
#ifndef ROWLOCK_CORE_FEED_POSITION_H
#define ROWLOCK_CORE_FEED_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Zeros: before all that there ever was. */
struct feed_position {
    int64_t xid; /* 0 where transactions come one after the other */
    int64_t number;
};

#define FEED_POSITION_SIZE 48
#define FEED_OLDEST "oldest" /* what clients say in its place: whatever is kept */
#define FEED_POSITION_PATTERN "^([0-9]{1,19}-[0-9]{1,19}|" FEED_OLDEST ")$"

/* Below 0, 0 or above, as memcmp has it. */
int feed_position_compare(struct feed_position a, struct feed_position b);
bool feed_position_is_start(struct feed_position position);

/* False: it is not of this form. */
bool feed_position_read(struct slice text, struct feed_position *position);
void feed_position_write(char out[FEED_POSITION_SIZE], struct feed_position position);

#endif
