/* Inside HTTP: memory of responses that were sent, for those that come next. An idle connection keeps none; and what
 * many connections are sent at the end of one turn would else be got and given back each time anew. */
#ifndef ROWLOCK_HTTP_HTTP_SPARES_H
#define ROWLOCK_HTTP_HTTP_SPARES_H

#include "base/buf.h"

#define HTTP_SPARES_MAX 64u
#define HTTP_SPARE_BYTES 4096u /* of a larger response nothing is kept */

/* All zero: there are none. */
struct http_spares {
    struct buf list[HTTP_SPARES_MAX]; /* each owned, the last one was used last */
    size_t count;
};

void http_spares_fini(struct http_spares *spares);

/* Gives the buffer, which has no memory, some that is spare; nothing when there is none. */
void http_spares_take(struct http_spares *spares, struct buf *buf);

/* Takes the memory of the buffer, which may be used again. */
void http_spares_give(struct http_spares *spares, struct buf *buf);

#endif
