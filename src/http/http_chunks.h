/* A chunked body (RFC 9112 section 7.1) piece by piece. Extensions and trailers must be well-formed, because a reader
 * that looks at them and one that does not could see different ends; they are then dropped. A size may have leading
 * zeros. */
#ifndef ROWLOCK_HTTP_CHUNKS_H
#define ROWLOCK_HTTP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* All zero at first. */
struct http_chunks {
    int state;
    bool digits;     /* a size has begun */
    uint64_t left;   /* of the chunk */
    size_t overhead; /* bytes spent on sizes, extensions and trailers, which are bounded */
};

enum http_chunks_result {
    HTTP_CHUNKS_MORE,
    HTTP_CHUNKS_DONE,
    HTTP_CHUNKS_MALFORMED,
    HTTP_CHUNKS_TOO_LARGE,
};

/* Takes from bytes[0, length), appends data to body, and says in *used how much was taken. */
enum http_chunks_result http_chunks_feed(struct http_chunks *chunks, const char *bytes, size_t length,
                                         size_t *used, struct buf *body);

/* After HTTP_CHUNKS_MALFORMED: what is wrong, as a sentence. */
const char *http_chunks_fault(const struct http_chunks *chunks);

#endif
