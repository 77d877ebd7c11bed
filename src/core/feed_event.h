/* What a feed is made of: rows of a table that only grows at its end, each of which is one event; and what a client
 * asks for of them. */
#ifndef ROWLOCK_CORE_FEED_EVENT_H
#define ROWLOCK_CORE_FEED_EVENT_H

#include "base/buf.h"
#include "core/feed_position.h"
#include "db/db.h"

struct feed_event {
    struct feed_position position;
    int64_t record;     /* whom it is about */
    struct slice owner; /* who has to do with it; .ptr NULL: nobody */
    uint64_t owner_hash;
    unsigned kind;     /* of the source's kinds */
    struct slice text; /* as it is sent (the event streams of the HTML standard, section 9.2.6) */
};

/* An app's feed: how its rows are read, and what they are. */
struct feed_source {
    /* (count) -> (xid, number): the position behind which the newest rows stand, as many; no row: there are fewer. */
    const struct statement *start;
    /* (xid, number, count) -> ... and (xid, number, held): so many rows from that position on, itself included. */
    const struct statement *from;
    /* (days) -> a row each: deletes those that are older, from the oldest on, but not the newest of all; so many at
     * most at a time. */
    const struct statement *purge;
    int purged;
    const char *const *kinds; /* what clients call them; ends with NULL */
    /* Fills record, owner and kind, and adds the data, which is one line. */
    void (*read)(const struct feed_source *source, const struct db_rows *rows, int row,
                 struct feed_event *event, struct buf *data);
};

/* What is not said is asked for whatever it is. */
struct feed_filter {
    bool of_record, of_owner;
    bool or_nobody; /* with of_owner: events without an owner as well */
    int64_t record;
    struct slice owner;
    unsigned kinds; /* a bit each; 0: all */
};

bool feed_filter_takes(const struct feed_filter *filter, const struct feed_event *event);
uint64_t feed_owner_hash(struct slice owner);
bool feed_filter_is_open(const struct feed_filter *filter); /* it takes everything */

#define FEED_TEXT_MAX ((size_t)1 << 20) /* bytes of an event, far more than any has */

/* A row of source->start. */
struct feed_position feed_event_place(const struct db_rows *rows, int row);

/* A row of source->from: its position alone, or all of it. text is emptied, and what the event refers to is good until
 * the answer or text is gone. */
struct feed_position feed_event_position(const struct db_rows *rows, int row);
void feed_event_read(const struct feed_source *source, const struct db_rows *rows, int row,
                     struct feed_event *event, struct buf *text);
bool feed_event_is_held(const struct db_rows *rows, int row); /* others wait behind it */

#endif
