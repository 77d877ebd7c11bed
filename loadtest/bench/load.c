/*
 * load: a closed-loop HTTP/1.1 load generator that costs little itself.
 *
 * One thread, one epoll, N keep-alive connections, one request outstanding on each. A request costs one write, one
 * read and its share of an epoll_wait; its bytes are built beforehand except for an id. On a machine that also runs
 * the server and the database, what the generator burns is missing from what is measured; hence C and no library.
 *
 * Connects to loopback addresses only, and is bounded in time, connections and requests.
 *
 * Built by `make bench`, or else by loadtest/rig/programs.py; needs nothing but libc, and epoll, so Linux.
 *
 * Prints one JSON object when done; `load --help` lists the modes.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/standard.h"
#include "die.h"
#include "hist.h"
#include "id_scan.h"
#include "options.h"
#include "requests.h"
#include "response.h"

#define NS 1000000000ULL

enum {
    READ_SIZE = 262144, /* one read takes a list of a thousand orders whole */
    EVENTS = 512,
    DRAIN_SECONDS = 15, /* an answer that takes longer than a server's deadline is lost */
    IDLE_BATCH = 256    /* idle connections opened at a time: fewer than any listen backlog */
};

struct conn {
    int fd;
    bool waiting; /* a request is out and its answer is not complete */
    uint64_t sent_at;
    enum ask ask; /* what was asked last */
    struct response response;
    struct id_scan *ids; /* of what it has claimed, in modes that claim */
};

struct load {
    struct options opt;
    struct sockaddr_storage addr;
    char authority[64]; /* of the Host header */
    socklen_t addr_len;
    struct sockaddr_in from; /* sin_family 0: not said */
    int epoll;
    struct conn *conns;
    struct id_scan *ids; /* one a connection, in modes that claim */
    unsigned outstanding;
    bool stopping;  /* answers are awaited, nothing is sent */
    bool exhausted; /* the ids of the range, the bound of requests, or the free orders were used up */
    uint64_t sent;
    uint64_t answered;
    uint64_t lost;     /* connections that ended without the answer that was due */
    uint64_t closed;   /* connections that the server closed after an answer, as it said */
    uint64_t done;     /* what rates are of: answers; where an order takes several, the last one */
    uint64_t measured; /* the same within the measured time */
    uint64_t placed;   /* orders */
    uint64_t taken;
    uint64_t delivered;
    uint64_t started_at;
    uint64_t measure_from;
    uint64_t measure_to;
    uint64_t last_answer; /* the last one that was measured */
    uint64_t codes_all[RESPONSE_CODES];
    uint64_t codes[RESPONSE_CODES];
    struct hist hist;
    struct requests requests;
};

static char read_buffer[READ_SIZE];
static volatile sig_atomic_t interrupted;

/* ---- small things ---- */

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- what is asked ---- */

/* An order from the first to the last: placed (mixed), claimed, delivered. */
static enum ask next_of_order(const struct load *load, const struct conn *conn)
{
    if (id_scan_left(conn->ids))
        return ASK_DELIVER;
    return load->opt.mode == MODE_MIXED && conn->ask != ASK_PLACE ? ASK_PLACE : ASK_CLAIM;
}

static enum ask next_ask(const struct load *load, const struct conn *conn)
{
    static const enum ask asks[] = {
        [MODE_GET] = ASK_GET,  [MODE_IDLE] = ASK_GET,    [MODE_READ] = ASK_READ,   [MODE_TAKE] = ASK_TAKE,
        [MODE_HOT] = ASK_TAKE, [MODE_PLACE] = ASK_PLACE, [MODE_CLAIM] = ASK_CLAIM, [MODE_NEAR] = ASK_NEAR};
    bool orders = load->opt.mode == MODE_WORK || load->opt.mode == MODE_MIXED;
    return orders ? next_of_order(load, conn) : asks[load->opt.mode];
}

static bool asks_for_orders(const struct conn *conn)
{
    return conn->ask == ASK_CLAIM || conn->ask == ASK_NEAR;
}

/* Of an ask that has none: 0. */
static uint64_t next_id(struct load *load, struct conn *conn)
{
    if (conn->ask == ASK_DELIVER)
        return id_scan_next(conn->ids);
    return conn->ask == ASK_TAKE || conn->ask == ASK_READ ? requests_id(&load->requests) : 0;
}

static size_t next_request(struct load *load, struct conn *conn, char scratch[REQUEST_MAX],
                           const char **bytes)
{
    conn->ask = next_ask(load, conn);
    if (asks_for_orders(conn))
        id_scan_reset(conn->ids);
    return requests_next(&load->requests, conn->ask, (size_t)(conn - load->conns), next_id(load, conn),
                         scratch, bytes);
}

static bool nothing_left(const struct load *load)
{
    bool by_range = load->opt.mode == MODE_TAKE || load->opt.mode == MODE_READ;
    return (load->opt.requests && load->sent >= load->opt.requests) ||
           (by_range && !requests_left(&load->requests));
}

/* ---- connections ---- */

static void conn_open(struct load *load, struct conn *conn)
{
    int one = 1;
    conn->fd = socket(load->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        die("socket: %s", strerror(errno));
    int later = 1; /* which port is settled by connect, so that each server may have all of them */
    setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &later, sizeof(later));
    if (load->from.sin_family == AF_INET &&
        bind(conn->fd, (const struct sockaddr *)&load->from, sizeof(load->from)))
        die("cannot come from %s: %s", load->opt.from, strerror(errno));
    /* Blocking, because on loopback it ends at once, or when the server's backlog has room again. */
    if (connect(conn->fd, (struct sockaddr *)&load->addr, load->addr_len))
        die("cannot connect to %s: %s", load->authority, strerror(errno));
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    conn->waiting = false;
    response_reset(&conn->response);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event))
        die("epoll_ctl: %s", strerror(errno));
}

static void conn_close(struct conn *conn)
{
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
}

/* False when there is nothing more to send. */
static bool conn_send(struct load *load, struct conn *conn, uint64_t now)
{
    if (nothing_left(load)) {
        load->exhausted = true;
        return false;
    }
    char scratch[REQUEST_MAX];
    const char *bytes;
    size_t len = next_request(load, conn, scratch, &bytes);
    /* With one small request outstanding the socket buffer is empty: it takes all or the connection is gone. */
    ssize_t n = send(conn->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0 && (size_t)n != len)
        die("a request of %zu bytes was sent in part", len);
    load->sent++;
    load->outstanding++;
    conn->waiting = true;
    conn->sent_at = now; /* if it failed, the read that follows finds the end of the connection */
    return true;
}

static void conn_ended(struct load *load, struct conn *conn, uint64_t now)
{
    conn_close(conn);
    if (conn->waiting) {
        load->lost++;
        load->outstanding--;
        conn->waiting = false;
    } else {
        load->closed++;
    }
    if (load->lost > 1000 + load->answered / 10)
        die("%" PRIu64 " connections ended without an answer", load->lost);
    if (!load->stopping) {
        conn_open(load, conn);
        conn_send(load, conn, now);
    }
}

static bool was_done(const struct conn *conn)
{
    return conn->response.status == 200;
}

/* Whether this answer is the last one to an order, or to what is asked for itself. */
static bool ends_order(const struct load *load, const struct conn *conn)
{
    bool by_several = load->opt.mode == MODE_WORK || load->opt.mode == MODE_MIXED;
    return !by_several || (conn->ask == ASK_DELIVER && was_done(conn));
}

static void count_orders(struct load *load, const struct conn *conn)
{
    load->placed += conn->ask == ASK_PLACE && was_done(conn);
    load->taken += asks_for_orders(conn) ? conn->ids->count : conn->ask == ASK_TAKE && was_done(conn);
    load->delivered += conn->ask == ASK_DELIVER && was_done(conn);
    load->done += ends_order(load, conn);
}

static void measure(struct load *load, const struct conn *conn, uint64_t now)
{
    load->codes[conn->response.status]++;
    load->measured += ends_order(load, conn);
    load->last_answer = now;
    hist_add(&load->hist, now - conn->sent_at);
}

/* A delivery that was refused is asked for again: somebody else may just have looked whether the order is free. */
static void go_on(struct load *load, struct conn *conn, uint64_t now)
{
    if (conn->ask == ASK_DELIVER && !was_done(conn))
        id_scan_again(conn->ids);
    if (asks_for_orders(conn) && conn->ids->count == 0)
        load->exhausted = true;
    else
        conn_send(load, conn, now);
}

static void on_answer(struct load *load, struct conn *conn, uint64_t now)
{
    conn->waiting = false;
    load->outstanding--;
    load->answered++;
    load->codes_all[conn->response.status]++;
    count_orders(load, conn);
    if (now >= load->measure_from && now < load->measure_to)
        measure(load, conn, now);
    if (conn->response.close_after) {
        load->closed++;
        conn_close(conn);
        if (!load->stopping)
            conn_open(load, conn);
    }
    if (!load->stopping)
        go_on(load, conn, now);
}

static void on_readable(struct load *load, struct conn *conn)
{
    ssize_t n = recv(conn->fd, read_buffer, sizeof(read_buffer), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    uint64_t now = now_ns();
    if (n <= 0) {
        conn_ended(load, conn, now);
        return;
    }
    size_t used;
    if (!conn->waiting)
        die("bytes that nobody asked for: %.*s", (int)(n < 40 ? n : 40), read_buffer);
    if (asks_for_orders(conn))
        id_scan_take(conn->ids, read_buffer, (size_t)n);
    if (!response_take(&conn->response, read_buffer, (size_t)n, &used))
        return;
    if (used != (size_t)n)
        die("%zu bytes after the end of a response", (size_t)n - used);
    on_answer(load, conn, now);
}

/* ---- runs ---- */

static void turn(struct load *load, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(load->epoll, events, EVENTS, timeout_ms);
    if (n < 0 && errno != EINTR)
        die("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        on_readable(load, events[i].data.ptr);
}

static void drain(struct load *load)
{
    uint64_t until = now_ns() + (uint64_t)DRAIN_SECONDS * NS;
    load->stopping = true;
    while (load->outstanding && now_ns() < until)
        turn(load, 100);
    load->lost += load->outstanding;
}

static void run_busy(struct load *load)
{
    for (unsigned i = 0; i < load->opt.connections; i++)
        conn_open(load, &load->conns[i]);
    load->started_at = now_ns();
    load->measure_from = load->started_at + (uint64_t)(load->opt.warmup * 1e9);
    load->measure_to = load->measure_from + (uint64_t)(load->opt.seconds * 1e9);
    for (unsigned i = 0; i < load->opt.connections; i++)
        if (!conn_send(load, &load->conns[i], now_ns()))
            break;
    while (!interrupted && load->outstanding && now_ns() < load->measure_to)
        turn(load, 20);
    drain(load);
}

/* Opens all, each proven by one answered request, says so, and holds them until told or until time is up. */
static void run_idle(struct load *load)
{
    load->started_at = load->measure_from = now_ns();
    load->measure_to = UINT64_MAX;
    load->stopping = true; /* one request each: an answer sends no other */
    unsigned opened = 0;
    while (opened < load->opt.connections && !interrupted) {
        uint64_t until = now_ns() + (uint64_t)DRAIN_SECONDS * NS;
        for (unsigned i = 0; i < IDLE_BATCH && opened < load->opt.connections; i++, opened++) {
            conn_open(load, &load->conns[opened]);
            conn_send(load, &load->conns[opened], now_ns());
        }
        while (load->outstanding && now_ns() < until)
            turn(load, 100);
        if (load->outstanding || load->lost)
            die("%u of %u connections got no answer", load->outstanding + (unsigned)load->lost, opened);
    }
    printf("{\"open\":%u}\n", opened);
    fflush(stdout);

    uint64_t until = load->started_at + (uint64_t)(load->opt.seconds * 1e9);
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = load->epoll, .events = POLLIN}};
    while (!interrupted && now_ns() < until) {
        if (poll(fds, 2, 100) < 0 && errno != EINTR)
            die("poll: %s", strerror(errno));
        char byte;
        if ((fds[0].revents & (POLLIN | POLLHUP)) && read(STDIN_FILENO, &byte, 1) <= 0)
            break;
        if (fds[1].revents & POLLIN)
            turn(load, 0); /* the server closed some: counted */
    }
}

/* ---- result ---- */

static void print_codes(const char *name, const uint64_t codes[RESPONSE_CODES])
{
    const char *comma = "";
    printf("\"%s\":{", name);
    for (unsigned i = 0; i < RESPONSE_CODES; i++) {
        if (codes[i]) {
            printf("%s\"%u\":%" PRIu64, comma, i, codes[i]);
            comma = ",";
        }
    }
    printf("},");
}

static void print_result(const struct load *load)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    /* A run that ended early, by its bound of requests, is divided by the time that it took. */
    uint64_t end = load->exhausted && load->last_answer ? load->last_answer : load->measure_to;
    double seconds = load->opt.mode == MODE_IDLE || interrupted
                         ? (double)(now_ns() - load->measure_from) / 1e9
                         : (double)(end - load->measure_from) / 1e9;
    printf("{\"mode\":\"%s\",\"connections\":%u,\"seconds\":%.3f,\"requests\":%" PRIu64 ",",
           mode_name(load->opt.mode), load->opt.connections, seconds, load->measured);
    printf("\"rps\":%.1f,", seconds > 0 ? (double)load->measured / seconds : 0.0);
    printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,", (double)hist_quantile(&load->hist, 0.5) / 1e3,
           (double)hist_quantile(&load->hist, 0.99) / 1e3, (double)load->hist.max / 1e3);
    print_codes("codes", load->codes);
    print_codes("codes_all", load->codes_all);
    printf("\"sent\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"closed\":%" PRIu64
           ",\"done\":%" PRIu64 ",\"placed\":%" PRIu64 ",\"taken\":%" PRIu64 ",\"delivered\":%" PRIu64
           ",\"exhausted\":%s,\"cpu_seconds\":%.3f}\n",
           load->sent, load->answered, load->lost, load->closed, load->done, load->placed, load->taken,
           load->delivered, load->exhausted ? "true" : "false", cpu);
}

/* Loopback only: this is an instrument for one's own machine. */
static void find_address(struct load *load)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&load->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&load->addr;
    bool loopback = false;
    if (inet_pton(AF_INET, load->opt.host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(load->opt.port);
        load->addr_len = sizeof(*v4);
        loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
        snprintf(load->authority, sizeof(load->authority), "%s:%u", load->opt.host, load->opt.port);
    } else if (inet_pton(AF_INET6, load->opt.host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(load->opt.port);
        load->addr_len = sizeof(*v6);
        loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        snprintf(load->authority, sizeof(load->authority), "[%s]:%u", load->opt.host, load->opt.port);
    }
    if (!loopback)
        wrong_usage("--host takes a loopback address in numbers");
    if (load->opt.from && (inet_pton(AF_INET, load->opt.from, &load->from.sin_addr) != 1 ||
                           (ntohl(load->from.sin_addr.s_addr) >> 24) != 127))
        wrong_usage("--from takes an address 127.…");
    load->from.sin_family = load->opt.from ? AF_INET : 0;
}

static void raise_file_limit(unsigned connections)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)connections + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
        return;
    limit.rlim_cur = need;
    if (limit.rlim_max < need)
        limit.rlim_max = need;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        die("the file limit allows fewer than %u connections", connections);
}

static void give_ids(struct load *load)
{
    enum mode mode = load->opt.mode;
    if (mode != MODE_CLAIM && mode != MODE_NEAR && mode != MODE_WORK && mode != MODE_MIXED)
        return;
    load->ids = calloc(load->opt.connections, sizeof(*load->ids));
    if (!load->ids)
        die("out of memory");
    for (unsigned i = 0; i < load->opt.connections; i++)
        load->conns[i].ids = &load->ids[i];
}

static void fini(struct load *load)
{
    for (unsigned i = 0; i < load->opt.connections; i++) {
        conn_close(&load->conns[i]);
        response_fini(&load->conns[i].response);
    }
    free(load->conns);
    free(load->ids);
    requests_fini(&load->requests);
    close(load->epoll);
}

int main(int argc, char **argv)
{
    static struct load load;
    if (!standard_open())
        return 1;
    load.opt = options_parse(argc, argv);
    find_address(&load);
    raise_file_limit(load.opt.connections);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    load.conns = calloc(load.opt.connections, sizeof(*load.conns));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!load.conns || load.epoll < 0)
        die("cannot start: %s", strerror(errno));
    for (unsigned i = 0; i < load.opt.connections; i++)
        load.conns[i].fd = -1;
    give_ids(&load);
    requests_init(&load.requests, &load.opt, load.authority);
    if (load.opt.mode == MODE_IDLE)
        run_idle(&load);
    else
        run_busy(&load);
    print_result(&load);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        die("cannot write to stdout: %s", strerror(errno));
    fini(&load);
    return load.lost ? 1 : 0;
}
