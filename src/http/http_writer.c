/* Writing a response: the head with what HTTP itself has to say, behind it the body (write_response) or pieces of
 * it, all into one buffer; http_writer_send empties that into the socket once a turn. */
#include <config.h>

#include "http/http_writer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

void http_writer_fini(struct http_writer *writer)
{
    buf_fini(&writer->out);
    writer->sent = 0;
}

size_t http_writer_left(const struct http_writer *writer)
{
    return writer->out.len - writer->sent;
}

/* Whatever is written begins here. */
static struct buf *out_of(struct http_writer *writer)
{
    if (writer->out.data == NULL)
        http_spares_take(writer->spares, &writer->out);
    return &writer->out;
}

char *http_writer_room(struct http_writer *writer, size_t length)
{
    char *room = buf_room(out_of(writer), length);
    if (room != NULL)
        writer->out.len += length;
    return room;
}

void http_writer_continue(struct http_writer *writer)
{
    buf_add_string(out_of(writer), "HTTP/1.1 100 Continue\r\n\r\n");
}

/* The head, and the body unless its length is not known. */
static bool write_response(struct http_writer *writer, const struct http_exchange *exchange,
                           const struct http_response *response, bool close, bool stream)
{
    struct http_fields own;
    bool bodyless = http_is_bodyless(response->status);
    size_t body = bodyless || exchange->is_head || stream ? 0 : response->body.len;
    char *start = buf_room(out_of(writer), 512 + response->fields.len + response->own_fields.len +
                                               response->etag.len + response->request_id.len + body),
         *at = start;
    if (start == NULL)
        return false;
    at = slice_put(at, SLICE("HTTP/1.1 "));
    *at++ = (char)('0' + response->status / 100);
    *at++ = (char)('0' + response->status / 10 % 10);
    *at++ = (char)('0' + response->status % 10);
    at = slice_put(at, SLICE(" "));
    at = slice_put(at, slice_of(http_reason(response->status)));
    at = slice_put(at, SLICE("\r\n"));
    http_fields_fill(&own, response, close, !stream);
    for (size_t i = 0; i < own.count; i++)
        at = http_field_write(at, own.list[i].name, own.list[i].value);
    if (stream && writer->chunked && !bodyless)
        at = slice_put(at, SLICE("Transfer-Encoding: chunked\r\n"));
    if (!close && exchange->minor_0)
        at = slice_put(at, SLICE("Connection: keep-alive\r\n"));
    at = slice_put(at, response->fields);
    at = slice_put(at, response->own_fields);
    at = http_gate_fields_write(at, response);
    at = slice_put(at, SLICE("\r\n"));
    at = slice_put(at, (struct slice){response->body.ptr, body});
    writer->out.len += (size_t)(at - start);
    return true;
}

bool http_writer_respond(struct http_writer *writer, const struct http_exchange *exchange,
                         const struct http_response *response, bool close)
{
    return write_response(writer, exchange, response, close, false);
}

void http_writer_begin(struct http_writer *writer, const struct http_exchange *exchange,
                       const struct http_response *response, bool close)
{
    writer->chunked = !exchange->minor_0;
    write_response(writer, exchange, response, close, true); /* http_writer_send reports a failure */
}

void http_writer_piece(struct http_writer *writer, const struct http_exchange *exchange, struct slice piece)
{
    if (exchange->is_head || piece.len == 0) /* a chunk of no bytes would be the last */
        return;
    struct buf *out = out_of(writer);
    if (writer->chunked)
        buf_printf(out, "%zx\r\n", piece.len);
    buf_add_slice(out, piece);
    if (writer->chunked)
        buf_add(out, "\r\n", 2);
}

void http_writer_end(struct http_writer *writer, const struct http_exchange *exchange)
{
    if (writer->chunked && !exchange->is_head)
        buf_add_string(out_of(writer), "0\r\n\r\n");
}

/* What was sent is dropped when it is more than what was not, so that each byte is moved once at most: a client that is
 * always a little behind would else have all that it was ever sent kept for it. */
static void drop_sent(struct http_writer *writer)
{
    if (writer->sent <= http_writer_left(writer))
        return;
    buf_drop(&writer->out, writer->sent);
    writer->sent = 0;
}

enum http_sending http_writer_send(struct http_writer *writer, int fd)
{
    struct buf *out = &writer->out;
    if (out->failed)
        return HTTP_SEND_OVERFLOW;
    while (writer->sent < out->len) {
        ssize_t sent = send(fd, out->data + writer->sent, out->len - writer->sent, MSG_NOSIGNAL);
        if (sent >= 0)
            writer->sent += (size_t)sent;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            return HTTP_SEND_LOST;
    }
    if (http_writer_left(writer) > 0) {
        drop_sent(writer);
        return HTTP_SENT_PART;
    }
    http_spares_give(writer->spares, out);
    writer->sent = 0;
    return HTTP_SENT_ALL;
}
