/* What a request says of itself and its client, where somebody is told of it: an access log, or a trace. */
#ifndef ROWLOCK_CORE_VISITOR_H
#define ROWLOCK_CORE_VISITOR_H

#include "base/arena.h"
#include "http/http_parse.h"

/* Texts of the client's: any bytes but NUL, CR and LF. */
struct visitor {
    struct slice target;         /* path and query as sent; .ptr NULL: the request could not be read */
    struct slice referer, agent; /* .ptr NULL: not sent */
    int minor;                   /* HTTP/1.minor */
};

/* In the arena. head: NULL when the request could not be read. */
struct visitor *visitor_note(const struct http_head *head, struct arena *arena);

#endif
