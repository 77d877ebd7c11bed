/* Writing a response: the head with what HTTP itself has to say (write_head), behind it the body or pieces of it, all
 * into one buffer; http_writer_send empties that into the socket once a turn. */
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

char *http_writer_room(struct http_writer *writer, size_t length)
{
    char *room = buf_room(&writer->out, length);
    if (room != NULL)
        writer->out.len += length;
    return room;
}

void http_writer_continue(struct http_writer *writer)
{
    buf_add_string(&writer->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void put(char **at, struct slice text)
{
    memcpy(*at, text.ptr, text.len);
    *at += text.len;
}

static void put_field(char **at, const struct http_field *field)
{
    put(at, field->name);
    put(at, SLICE(": "));
    put(at, field->value);
    put(at, SLICE("\r\n"));
}

/* The head, and the body unless its length is not known. */
static bool write_response(struct http_writer *writer, const struct http_exchange *exchange,
                           const struct http_response *response, bool close, bool stream)
{
    struct http_fields own;
    bool bodyless = http_is_bodyless(response->status);
    size_t body = bodyless || exchange->is_head || stream ? 0 : response->body.len;
    char *start = buf_room(&writer->out,
                           512 + response->fields.len + response->etag.len + response->request_id.len + body),
         *at = start;
    if (start == NULL)
        return false;
    put(&at, SLICE("HTTP/1.1 "));
    *at++ = (char)('0' + response->status / 100);
    *at++ = (char)('0' + response->status / 10 % 10);
    *at++ = (char)('0' + response->status % 10);
    put(&at, SLICE(" "));
    put(&at, slice_of(http_reason(response->status)));
    put(&at, SLICE("\r\n"));
    http_fields_fill(&own, response, close, !stream);
    for (size_t i = 0; i < own.count; i++)
        put_field(&at, &own.list[i]);
    if (stream && writer->chunked && !bodyless)
        put(&at, SLICE("Transfer-Encoding: chunked\r\n"));
    if (!close && exchange->minor_0)
        put(&at, SLICE("Connection: keep-alive\r\n"));
    if (response->fields.len > 0)
        put(&at, response->fields);
    put(&at, SLICE("\r\n"));
    if (body > 0)
        put(&at, (struct slice){response->body.ptr, body});
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
    if (writer->chunked)
        buf_printf(&writer->out, "%zx\r\n", piece.len);
    buf_add_slice(&writer->out, piece);
    if (writer->chunked)
        buf_add(&writer->out, "\r\n", 2);
}

void http_writer_end(struct http_writer *writer, const struct http_exchange *exchange)
{
    if (writer->chunked && !exchange->is_head)
        buf_add_string(&writer->out, "0\r\n\r\n");
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
            return HTTP_SENT_PART;
        else if (errno != EINTR)
            return HTTP_SEND_LOST;
    }
    http_writer_fini(writer);
    return HTTP_SENT_ALL;
}
