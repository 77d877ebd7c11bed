/*
 * bare: evhttp that answers a constant, and nothing else.
 *
 * The most that a server on evhttp can reach on this machine: `make bench` sets Rowlock's /health beside it. It answers
 * what /health answers, to every request, and must be linked with the allocator that Rowlock is linked with.
 *
 * Built by `make bench`, or else by loadtest/rig/programs.py.
 *
 * usage: bare [--port N]      on 127.0.0.1; 0, the built-in, is a free port; prints the port and serves until SIGTERM
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/standard.h"

static const char answer[] = "UP";

static void on_request(struct evhttp_request *req, void *arg)
{
    (void)arg;
    struct evbuffer *out = evhttp_request_get_output_buffer(req);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "text/plain");
    evbuffer_add_reference(out, answer, sizeof(answer) - 1, NULL, NULL);
    evhttp_send_reply(req, 200, "OK", NULL);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    event_base_loopbreak(arg);
}

/* A socket of our own, because evhttp's has a backlog of 128 and leaves Nagle's algorithm on. */
static int listen_on(uint16_t port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof(addr);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&addr, &len)) {
        close(fd);
        return -1;
    }
    if (printf("listening on 127.0.0.1:%u\n", ntohs(addr.sin_port)) < 0 || fflush(stdout) != 0) {
        close(fd); /* nobody would know where */
        return -1;
    }
    return fd;
}

static long parse_port(int argc, char **argv)
{
    char *end = NULL;
    if (argc == 1)
        return 0;
    long port = argc == 3 && strcmp(argv[1], "--port") == 0 ? strtol(argv[2], &end, 10) : -1;
    return port >= 0 && port <= 65535 && end != argv[2] && *end == '\0' ? port : -1;
}

int main(int argc, char **argv)
{
    int status = 1;
    struct evhttp *http = NULL;
    struct event *term = NULL, *interrupt = NULL;
    struct evconnlistener *listener;

    if (!standard_open())
        return 1;
    long port = parse_port(argc, argv);
    if (port < 0) {
        fputs("usage: bare [--port N]\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    if (!base || !(http = evhttp_new(base)))
        goto out;
    evhttp_set_gencb(http, on_request, NULL);
    int fd = listen_on((uint16_t)port);
    if (fd < 0) {
        fprintf(stderr, "bare: cannot listen on 127.0.0.1:%ld: %s\n", port, strerror(errno));
        goto out;
    }
    listener = evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!listener) {
        close(fd);
        goto out;
    }
    if (!evhttp_bind_listener(http, listener)) { /* from here on evhttp frees it */
        evconnlistener_free(listener);
        goto out;
    }
    term = evsignal_new(base, SIGTERM, on_signal, base);
    interrupt = evsignal_new(base, SIGINT, on_signal, base);
    if (!term || !interrupt || event_add(term, NULL) || event_add(interrupt, NULL))
        goto out;
    event_base_dispatch(base);
    status = 0;
out:
    if (status)
        fputs("bare: cannot start\n", stderr);
    if (term)
        event_free(term);
    if (interrupt)
        event_free(interrupt);
    if (http)
        evhttp_free(http);
    if (base)
        event_base_free(base);
    return status;
}
