/* http_spares_give keeps the memory of a buffer if it is small and few are kept; http_spares_take gives it to
 * another. */
#include <config.h>

#include "http/http_spares.h"

void http_spares_fini(struct http_spares *spares)
{
    while (spares->count > 0)
        buf_fini(&spares->list[--spares->count]);
}

void http_spares_take(struct http_spares *spares, struct buf *buf)
{
    if (spares->count == 0)
        return;
    const struct buf *spare = &spares->list[--spares->count];
    buf->data = spare->data;
    buf->cap = spare->cap;
}

void http_spares_give(struct http_spares *spares, struct buf *buf)
{
    if (buf->data == NULL || buf->cap > HTTP_SPARE_BYTES || spares->count == HTTP_SPARES_MAX) {
        buf_fini(buf);
        return;
    }
    spares->list[spares->count++] = *buf;
    *buf = BUF_INIT(buf->max);
}
