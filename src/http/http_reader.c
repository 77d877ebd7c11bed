/* Reading a request: http_reader_next searches the end of the head (begin), parses the head once and remembers what it
 * says of the body, then takes the body (take_plain or take_chunks) as it comes. A body that came later than its head
 * may have moved the buffer, so the head is parsed a second time when the request is whole, and at no other time. */
#include <config.h>

#include "http/http_reader.h"

#include <string.h>

void http_reader_fini(struct http_reader *reader)
{
    buf_fini(&reader->in);
    buf_fini(&reader->body);
}

bool http_reader_add(struct http_reader *reader, const char *bytes, size_t length)
{
    buf_add(&reader->in, bytes, length);
    return !reader->in.failed;
}

size_t http_reader_held(const struct http_reader *reader)
{
    return reader->in.len - reader->used;
}

bool http_reader_has_begun(const struct http_reader *reader)
{
    return reader->in.len > 1 || (reader->in.len == 1 && reader->in.data[0] != '\r');
}

void http_reader_trim(struct http_reader *reader, size_t keep)
{
    buf_trim(&reader->in, keep);
}

static void forget_request(struct http_reader *reader)
{
    reader->searched = reader->head_length = reader->used = 0;
    reader->wants_leave = false;
}

void http_reader_drop(struct http_reader *reader)
{
    http_reader_fini(reader);
    forget_request(reader);
}

void http_reader_done(struct http_reader *reader)
{
    if (reader->used == 0)
        return;
    buf_drop(&reader->in, reader->used);
    buf_fini(&reader->body);
    forget_request(reader);
}

static enum http_reading refuse(struct http_message *message, int status, const char *detail)
{
    message->refusal = (struct http_refusal){status, detail};
    return HTTP_READ_REFUSED;
}

/* All empty lines before a request line are skipped (RFC 9112 section 2.2 asks for one at least): how many of them come
 * in one piece is chance. */
static void skip_empty_lines(struct http_reader *reader)
{
    struct buf *in = &reader->in;
    size_t count = 0;
    while (count + 2 <= in->len && memcmp(in->data + count, "\r\n", 2) == 0)
        count += 2;
    if (count > 0) {
        buf_drop(in, count);
        reader->searched = 0;
    }
}

/* HTTP_READ_WHOLE when the head is there, and is parsed. */
static enum http_reading begin(struct http_reader *reader, struct http_message *message)
{
    struct buf *in = &reader->in;
    struct http_head *head = &message->head;
    skip_empty_lines(reader);
    size_t length = http_head_end(in->data, in->len, &reader->searched);
    size_t come = length > 0 ? length : in->len;
    if (come > HTTP_LINE_MAX && memchr(in->data, '\n', HTTP_LINE_MAX) == NULL)
        return refuse(message, 414, "The request line is longer than 8 KiB.");
    if (come > HTTP_HEAD_MAX)
        return refuse(message, 431, "The header fields are longer than 16 KiB.");
    if (length == 0)
        return http_reader_has_begun(reader) ? HTTP_READ_PART : HTTP_READ_NOTHING;
    if (!http_parse(in->data, length, head, &message->refusal))
        return HTTP_READ_REFUSED;
    if (head->content_length > (int64_t)HTTP_BODY_MAX)
        return refuse(message, 413, "The body is larger than 64 KiB.");
    reader->head_length = length;
    reader->body_length = (size_t)head->content_length;
    reader->chunked = head->chunked;
    reader->wants_leave = head->expect_continue && head->minor == 1;
    reader->chunks = (struct http_chunks){0};
    buf_clear(&reader->body);
    return HTTP_READ_WHOLE;
}

/* The rest of the body must come first, for which the client may want leave. */
static enum http_reading await(struct http_reader *reader)
{
    enum http_reading reading = reader->wants_leave ? HTTP_READ_LEAVE : HTTP_READ_PART;
    reader->wants_leave = false;
    return reading;
}

static enum http_reading take_plain(struct http_reader *reader, struct http_message *message)
{
    size_t whole = reader->head_length + reader->body_length;
    if (reader->in.len < whole)
        return await(reader);
    message->body = (struct slice){reader->in.data + reader->head_length, reader->body_length};
    reader->used = whole;
    return HTTP_READ_WHOLE;
}

static enum http_reading take_chunks(struct http_reader *reader, struct http_message *message)
{
    size_t used, head = reader->head_length;
    switch (http_chunks_feed(&reader->chunks, reader->in.data + head, reader->in.len - head, &used,
                             &reader->body)) {
    case HTTP_CHUNKS_MALFORMED:
        return refuse(message, 400, http_chunks_fault(&reader->chunks));
    case HTTP_CHUNKS_TOO_LARGE:
        return refuse(message, 413, "The body is larger than 64 KiB.");
    case HTTP_CHUNKS_MORE:
        reader->in.len = head; /* what was fed is in body */
        return await(reader);
    default:
        message->body = buf_slice(&reader->body);
        reader->used = head + used;
        return HTTP_READ_WHOLE;
    }
}

enum http_reading http_reader_next(struct http_reader *reader, struct http_message *message)
{
    bool new_head = reader->head_length == 0;
    enum http_reading reading = new_head ? begin(reader, message) : HTTP_READ_WHOLE;
    if (reading != HTTP_READ_WHOLE)
        return reading;
    reading = reader->chunked ? take_chunks(reader, message) : take_plain(reader, message);
    if (reading == HTTP_READ_WHOLE && !new_head &&
        !http_parse(reader->in.data, reader->head_length, &message->head, &message->refusal))
        return HTTP_READ_REFUSED; /* it was accepted before: never */
    return reading;
}
