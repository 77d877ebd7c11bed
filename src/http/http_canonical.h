/* Inside HTTP: a request that was read, in the one form that no two parsers read differently: the request line with the
 * target in origin-form, Host, the other fields as they came, and a body with its length. What speaks of the connection
 * or of how the body was sent (Connection, Expect, Transfer-Encoding and the like, RFC 9110 section 7.6.1) is settled
 * by then, and is said anew or left out. */
#ifndef ROWLOCK_HTTP_HTTP_CANONICAL_H
#define ROWLOCK_HTTP_HTTP_CANONICAL_H

#include "base/buf.h"
#include "http/http_parse.h"

/* False where not all parsers agree that a body follows (HEAD, TRACE). */
bool http_canonical_has_body(enum http_method method);

/* Appends the request; out fails when there is no room for it, and for HTTP_CANONICAL_EXTRA bytes: more than method,
 * version, framing and the ends of lines take. The body is left out where http_canonical_has_body says so. */
#define HTTP_CANONICAL_EXTRA 128u
void http_canonical_write(struct buf *out, const struct http_head *head, struct slice body);

/* A target as http_canonical_write writes it, back to the one that the client sent. */
struct slice http_canonical_target(struct slice target);

#endif
