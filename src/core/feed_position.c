/* Positions are compared, read and written. */
#include <config.h>

#include "core/feed_position.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

int feed_position_compare(struct feed_position a, struct feed_position b)
{
    if (a.xid != b.xid)
        return a.xid < b.xid ? -1 : 1;
    return (a.number > b.number) - (a.number < b.number);
}

bool feed_position_is_start(struct feed_position position)
{
    return position.xid == 0 && position.number == 0;
}

static bool read_number(struct slice text, int64_t *number)
{
    return text.len > 0 && text.ptr[0] != '-' && text_int(text, number) == TEXT_NUMBER_OK;
}

bool feed_position_read(struct slice text, struct feed_position *position)
{
    const char *dash = text.len > 0 ? memchr(text.ptr, '-', text.len) : NULL;
    if (dash == NULL)
        return false;
    size_t length = (size_t)(dash - text.ptr);
    return read_number((struct slice){text.ptr, length}, &position->xid) &&
           read_number((struct slice){dash + 1, text.len - length - 1}, &position->number);
}

void feed_position_write(char out[FEED_POSITION_SIZE], struct feed_position position)
{
    snprintf(out, FEED_POSITION_SIZE, "%lld-%lld", (long long)position.xid, (long long)position.number);
}
