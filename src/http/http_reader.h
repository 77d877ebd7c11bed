/* Inside HTTP: the bytes of one connection to requests, each with its head and its body. It knows no socket.
 *
 * Order of calls: http_reader_add with what was read, then http_reader_next until it says that more must come; after
 * HTTP_READ_WHOLE, http_reader_done when the request was looked at. After HTTP_READ_REFUSED nothing that follows can
 * be trusted: http_reader_drop. How the bytes were cut into pieces makes no difference. */
#ifndef ROWLOCK_HTTP_HTTP_READER_H
#define ROWLOCK_HTTP_HTTP_READER_H

#include "base/buf.h"
#include "http/http_chunks.h"
#include "http/http_parse.h"

/* Past this a client that sends while it waits for an answer is not read any more. */
#define HTTP_READER_PAUSE (HTTP_HEAD_MAX + HTTP_BODY_MAX)

/* All zero but the limits of the buffers (HTTP_READER_INIT). */
struct http_reader {
    struct buf in;      /* read and not yet used; the request that is being read begins at its front */
    size_t searched;    /* how far in was searched for the end of a head */
    size_t head_length; /* of the head whose body is awaited; 0: its end has not come */
    size_t body_length; /* what the head says of the body, unless it is chunked */
    bool chunked;
    bool wants_leave; /* the head expects 100, and http_reader_next has not told it yet */
    struct http_chunks chunks;
    struct buf body; /* of a chunked request, as far as it came */
    size_t used;     /* bytes of in that belong to the request that http_reader_next has given */
};

#define HTTP_READER_INIT                                                                                     \
    ((struct http_reader){.in = BUF_INIT(HTTP_READER_PAUSE + 2 * 65536u), .body = BUF_INIT(HTTP_BODY_MAX)})

/* Good until http_reader_add, _done or _drop. */
struct http_message {
    struct http_head head;
    struct slice body;
    struct http_refusal refusal;
};

enum http_reading {
    HTTP_READ_NOTHING, /* nothing of a request has come, or half an empty line */
    HTTP_READ_PART,
    HTTP_READ_LEAVE, /* the head has come, and its client waits for 100; said once a request. head is set */
    HTTP_READ_WHOLE, /* head and body are set */
    HTTP_READ_REFUSED,
};

void http_reader_fini(struct http_reader *reader);

/* False when more has come than is kept. */
bool http_reader_add(struct http_reader *reader, const char *bytes, size_t length);

enum http_reading http_reader_next(struct http_reader *reader, struct http_message *message);
void http_reader_done(struct http_reader *reader);

/* Forgets all that has come, and gives the memory back. */
void http_reader_drop(struct http_reader *reader);

/* Gives back what memory an idle connection need not keep. */
void http_reader_trim(struct http_reader *reader, size_t keep);

/* Bytes that have come and are kept, without those of the request that http_reader_next has given. */
size_t http_reader_held(const struct http_reader *reader);

/* A part of a request has come. Half an empty line is none, or a client could renew its time with it. */
bool http_reader_has_begun(const struct http_reader *reader);

#endif
