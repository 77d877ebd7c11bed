/* Inside HTTP: responses to the bytes of one connection, and those to its socket. Whether the connection is kept is
 * decided by its caller.
 *
 * Order of calls: http_writer_respond, or http_writer_begin, any number of http_writer_piece, http_writer_end; and
 * http_writer_send whenever the socket may take something. What does not fit into memory is a failure that
 * http_writer_send reports. */
#ifndef ROWLOCK_HTTP_HTTP_WRITER_H
#define ROWLOCK_HTTP_HTTP_WRITER_H

#include "base/buf.h"
#include "http/http_fields.h"
#include "http/http_spares.h"

/* All zero but the limit of the buffer, and the spares that it shares with others (HTTP_WRITER_INIT). */
struct http_writer {
    struct buf out; /* what was not sent begins at sent */
    size_t sent;
    bool chunked; /* the response that is streamed has chunks */
    struct http_spares *spares;
};

#define HTTP_WRITER_INIT(shared) ((struct http_writer){.out = BUF_INIT((size_t)64 << 20), .spares = (shared)})

void http_writer_fini(struct http_writer *writer); /* it may be used again */

/* 100 (Continue), before the response. */
void http_writer_continue(struct http_writer *writer);

/* close: the response says that the connection is closed behind it. False when there is no memory for it; then nothing
 * of it was written. */
bool http_writer_respond(struct http_writer *writer, const struct http_exchange *exchange,
                         const struct http_response *response, bool close);

/* A response whose length is not known: with chunks, or for HTTP/1.0 until the end of the connection. */
void http_writer_begin(struct http_writer *writer, const struct http_exchange *exchange,
                       const struct http_response *response, bool close);
void http_writer_piece(struct http_writer *writer, const struct http_exchange *exchange, struct slice piece);
void http_writer_end(struct http_writer *writer, const struct http_exchange *exchange);

/* Room for bytes of a response that somebody else has written, who fills it at once; NULL when there is none. */
char *http_writer_room(struct http_writer *writer, size_t length);

/* Bytes that were written and not sent. */
size_t http_writer_left(const struct http_writer *writer);

enum http_sending {
    HTTP_SENT_ALL,
    HTTP_SENT_PART, /* the client does not take more now */
    HTTP_SEND_LOST, /* the connection is of no use any more */
    HTTP_SEND_OVERFLOW,
};

/* Where all was sent, no memory is kept. */
enum http_sending http_writer_send(struct http_writer *writer, int fd);

#endif
