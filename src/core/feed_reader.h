/* The one reader of a feed in a process: what is new goes from the database into the ring, in pages, for as long as
 * there is somebody to read it for. It looks a moment after it was woken, and from time to time by itself. */
#ifndef ROWLOCK_CORE_FEED_READER_H
#define ROWLOCK_CORE_FEED_READER_H

#include "core/call.h"
#include "core/feed_ring.h"

#define FEED_WAKE_NS (5 * CLOCK_MS)            /* so long after a change, since others may follow it */
#define FEED_POLL_NS (200 * CLOCK_MS)          /* for changes that others have made */
#define FEED_PAGE(ring) ((ring)->capacity / 8) /* rows a read, so that nobody is passed by a page */

enum feed_demand {
    FEED_FOR_NOBODY, /* there are no clients: the ring is emptied */
    FEED_LATER,      /* they have not been given yet what was read: feed_reader_go_on comes */
    FEED_NOW,
};

enum feed_reading {
    FEED_READ_FAILED, /* it is tried again */
    FEED_READ_MORE,   /* a whole page: there may be more */
    FEED_READ_ALL,
    FEED_READ_BROKEN, /* the event that was read last is gone: the ring is emptied behind this and read anew */
};

struct feed_reader {
    const struct feed_source *source;
    struct feed_ring *ring;
    struct calls *calls;
    enum feed_demand (*demand)(void *argument);
    void (*on_read)(enum feed_reading reading, void *argument);
    void *argument;
    /* inside */
    struct call call;
    struct loop_timer *timer;
    int64_t due, pause; /* of the timer; before the next look at what is held */
    int64_t held, told,
        troubled; /* since when nothing comes of what is held; when the log was told of it; of errors */
    bool loaded;  /* the ring holds what it should */
    bool woken, held_up; /* while a call was on its way; by demand */
    /* Reads are counted. What was committed before read number n was sent is in the ring when settled >= n. */
    uint64_t sent, settled;
};

/* Set the members above before. */
void feed_reader_init(struct feed_reader *reader, struct loop *loop);
void feed_reader_fini(struct feed_reader *reader);

void feed_reader_wake(struct feed_reader *reader, int64_t after_ns);
void feed_reader_go_on(struct feed_reader *reader); /* after FEED_LATER; harmless else */

#endif
