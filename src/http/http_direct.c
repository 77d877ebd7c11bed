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

const struct http_engine http_direct = {.accept = direct_accept, .read = http_conn_deliver};
