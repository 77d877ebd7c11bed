/* Writing a response: the head with what HTTP itself has to say (write_head), behind it the body or pieces of it, all
 * into one buffer; http_writer_send empties that into the socket once a turn. */
#include <config.h>

#include "http/http_writer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
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

void http_writer_continue(struct http_writer *writer)
{
    buf_add_string(&writer->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void put(char **at, struct slice text)
{
    memcpy(*at, text.ptr, text.len);
    *at += text.len;
}

static void put_number(char **at, size_t number)
{
    char digits[20];
    size_t i = sizeof digits;
    do
        digits[--i] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    put(at, (struct slice){digits + i, sizeof digits - i});
}

/* The fields that say what the body is and how its end is found. */
static void put_framing(char **at, const struct http_response *response, bool bodyless, bool stream,
                        bool chunked)
{
    if (bodyless)
        return;
    if (response->content_type != NULL) {
        put(at, SLICE("\r\nContent-Type: "));
        put(at, slice_of(response->content_type));
    }
    if (chunked) {
        put(at, SLICE("\r\nTransfer-Encoding: chunked"));
    } else if (!stream) {
        put(at, SLICE("\r\nContent-Length: "));
        put_number(at, response->body.len);
    }
}

/* The head, and the body unless its length is not known. */
static bool write_response(struct http_writer *writer, const struct http_exchange *exchange,
                           const struct http_response *response, bool close, bool stream)
{
    bool bodyless = response->status == 204 || response->status == 304;
    size_t body = bodyless || exchange->is_head || stream ? 0 : response->body.len;
    char *start = buf_room(&writer->out, 512 + response->fields.len + response->request_id.len + body),
         *at = start;
    if (start == NULL)
        return false;
    put(&at, SLICE("HTTP/1.1 "));
    put_number(&at, (size_t)response->status);
    put(&at, SLICE(" "));
    put(&at, slice_of(http_reason(response->status)));
    put(&at, SLICE("\r\nDate: "));
    put(&at, slice_of(clock_http_date()));
    put_framing(&at, response, bodyless, stream, stream && writer->chunked);
    put(&at, SLICE("\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: "));
    put(&at, response->request_id);
    put(&at, SLICE("\r\n"));
    if (response->fields.len > 0)
        put(&at, response->fields);
    if (close)
        put(&at, SLICE("Connection: close\r\n"));
    else if (exchange->minor_0)
        put(&at, SLICE("Connection: keep-alive\r\n"));
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

enum http_sending http_writer_send(struct http_writer *writer, int fd, size_t keep)
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
    writer->sent = 0;
    buf_clear(out);
    buf_trim(out, keep);
    return HTTP_SENT_ALL;
}
