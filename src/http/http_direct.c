/* The engine without a second parser: what the gate has read goes straight to the caller, and the connection's writer
 * writes the response. */
#include <config.h>

#include <errno.h>
#include <sys/socket.h>

#include "http/http_conn.h"

static enum http_accepting direct_accept(struct http_listener *listener)
{
    for (;;) {
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        int fd = accept4(listener->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            http_conn_open(listener->http, fd, (struct sockaddr *)&peer);
            return HTTP_ACCEPTED;
        }
        if (errno == ECONNABORTED || errno == EINTR)
            continue;
        return errno == EAGAIN ? HTTP_ACCEPT_NOTHING : HTTP_ACCEPT_FAILED;
    }
}

static bool direct_respond(struct http_conn *conn, const struct http_response *response)
{
    return http_writer_respond(&conn->writer, &conn->exchange, response, conn->close);
}

static void direct_begin(struct http_conn *conn, const struct http_response *response)
{
    http_writer_begin(&conn->writer, &conn->exchange, response, conn->close);
}

static void direct_piece(struct http_conn *conn, struct slice piece)
{
    http_writer_piece(&conn->writer, &conn->exchange, piece);
}

static void direct_end(struct http_conn *conn)
{
    http_writer_end(&conn->writer, &conn->exchange);
}

const struct http_engine http_direct = {
    .accept = direct_accept,
    .read = http_conn_deliver,
    .respond = direct_respond,
    .begin = direct_begin,
    .piece = direct_piece,
    .end = direct_end,
};
