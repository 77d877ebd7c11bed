/* A libFuzzer target: the same bytes to a server of each HTTP engine, in one loop, and what comes back is compared.
 *
 * An input is a script. Its first byte says how the rest is cut: 0 not at all, n into pieces of n bytes. What follows
 * are the bytes that the client sends; 0xff and a letter is something else that happens (on_op, play). After each piece
 * and each event both servers run until they have nothing more to do; then the bytes that have come, the requests that
 * were presented, and which connections are closed must be equal. In the end all that is owed is answered, the
 * responses are parsed, and the sorted fields and the bodies are compared; then the clients leave, and no connection
 * may be left. Where 0x80 is added to the first byte, there is room for fewer connections than clients, and the servers
 * are judged one by one.
 *
 * Time stands still but where a script lets it pass (clock_now is defined here), so that a run can be repeated. What a
 * handler does is decided by the path of the request (on_request). */
#include <config.h>

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/http_conn.h"
#include "http/http_room.h"

#define CLIENTS 4
#define CROWD 2 /* connections that there may be, where a script says so */
#define REQUESTS 1024
#define WAITING 64
#define KEEP (64u << 20)
#define LARGE ((size_t)300 << 10)
#define WRITER_MAX ((size_t)1 << 20) /* less than it is, so that a few large pieces reach it */

struct waiting {
    struct http_request *request;
    bool stream; /* it has begun */
};

/* One connection of one server, seen from the client. */
struct client {
    int fd; /* -1: not opened */
    bool closed, reset, paused;
    struct buf in;
    bool no_body[REQUESTS]; /* by the number of the request: what HEAD asked for has none */
    unsigned requests;
};

struct side {
    const char *name;
    enum http_engine_kind engine;
    struct http *http;
    struct sockaddr_un address;
    socklen_t address_length;
    struct client client[CLIENTS];
    struct waiting waiting[WAITING];
    unsigned waiting_count;
    struct buf log; /* what was presented to the handlers */
    unsigned drained;
    bool drains, crowd;
};

static struct side sides[2] = {{.name = "evhttp", .engine = HTTP_EVHTTP},
                               {.name = "direct", .engine = HTTP_DIRECT}};
static struct loop *loop;
static int64_t now = CLOCK_SECOND;
static char large[LARGE];
static const uint8_t *script;
static size_t script_length;

/* ---- what the server asks for, and the fuzzer decides ---- */

int64_t clock_now(void)
{
    return now;
}

int64_t clock_wall(void)
{
    return now;
}

void clock_rfc3339(char *out, size_t size)
{
    snprintf(out, size, "2026-01-01T00:00:00.000Z");
}

const char *clock_http_date(void)
{
    return "Thu, 01 Jan 2026 00:00:00 GMT";
}

/* ---- telling ---- */

static void print_bytes(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n')
            fputs("\\n\n    ", stderr);
        else if (c == '\r')
            fputs("\\r", stderr);
        else if (c < ' ' || c >= 0x7f)
            fprintf(stderr, "\\x%02x", c);
        else
            fputc(c, stderr);
        if (i == 4096) {
            fprintf(stderr, "... (%zu bytes)", length);
            break;
        }
    }
    fputc('\n', stderr);
}

static _Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    fputs("\n== DISAGREEMENT: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\n-- script:\n    ", stderr);
    print_bytes((const char *)script, script_length);
    for (int s = 0; s < 2; s++) {
        fprintf(stderr, "-- %s, requests:\n    ", sides[s].name);
        print_bytes(sides[s].log.data, sides[s].log.len);
        for (int i = 0; i < CLIENTS; i++)
            if (sides[s].client[i].fd >= 0) {
                fprintf(stderr, "-- %s, client %d%s%s, %zu bytes:\n    ", sides[s].name, i,
                        sides[s].client[i].closed ? ", closed" : "",
                        sides[s].client[i].reset ? " by reset" : "", sides[s].client[i].in.len);
                print_bytes(sides[s].client[i].in.data, sides[s].client[i].in.len);
            }
    }
    abort();
}

/* ---- handlers ---- */

static bool is_settled(struct slice name)
{
    static const char *const names[] = {"Host",    "Connection", "Content-Length",   "Transfer-Encoding",
                                        "TE",      "Expect",     "Proxy-Connection", "Keep-Alive",
                                        "Trailer", "Upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_equal_nocase(name, slice_of(names[i])))
            return true;
    return false;
}

static uint64_t hash(uint64_t sum, struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        sum = (sum ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    return (sum ^ text.len ^ (text.ptr == NULL ? 99 : 0)) * UINT64_C(1099511628211);
}

/* The client has bound its end to a name that ends in its number. */
static struct client *client_of(struct side *side, struct http_request *request)
{
    struct http_conn *conn = list_entry(request, struct http_conn, exchange.request);
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    if (getpeername(conn->fd, (struct sockaddr *)&name, &length) != 0 ||
        length <= offsetof(struct sockaddr_un, sun_path))
        fail("%s: a request of an unknown connection", side->name);
    conn->writer.out.max = WRITER_MAX;
    return &side->client[((char *)&name)[length - 1] - '0'];
}

/* The request, as it was presented, as text; the hash of that is what the handler answers. */
static uint64_t note(struct side *side, struct http_request *request, const char *what)
{
    struct client *client = client_of(side, request);
    size_t start = side->log.len;
    const struct http_head *head = request->head;
    buf_printf(&side->log, "%s %d ", what, (int)(client - side->client));
    if (head == NULL) {
        buf_printf(&side->log, "refused %d %s\n", request->refusal.status, request->refusal.detail);
    } else {
        buf_printf(&side->log, "%s 1.%d path=", http_method_name(head->method), head->minor);
        buf_add_slice(&side->log, head->path);
        buf_add_string(&side->log, head->query.ptr == NULL ? " no query" : " query=");
        if (head->query.ptr != NULL)
            buf_add_slice(&side->log, head->query);
        buf_add_string(&side->log, head->host.ptr == NULL ? " no host" : " host=");
        if (head->host.ptr != NULL)
            buf_add_slice(&side->log, head->host);
        for (size_t i = 0; i < head->field_count; i++)
            if (!is_settled(head->fields[i].name)) {
                buf_add_string(&side->log, "\n    ");
                buf_add_slice(&side->log, head->fields[i].name);
                buf_add_string(&side->log, ": ");
                buf_add_slice(&side->log, head->fields[i].value);
            }
        buf_printf(&side->log, "\n    body %zu %llx\n", request->body.len,
                   (unsigned long long)hash(1, (struct slice){request->body.len == 0 ? "" : request->body.ptr,
                                                              request->body.len}));
    }
    if (client->requests < REQUESTS)
        client->no_body[client->requests++] = head != NULL && head->method == HTTP_HEAD;
    return hash(7, (struct slice){side->log.data + start, side->log.len - start});
}

static void wait_for_answer(struct side *side, struct http_request *request, bool stream)
{
    if (side->waiting_count == WAITING)
        abort();
    side->waiting[side->waiting_count++] = (struct waiting){request, stream};
}

static void forget(struct side *side, struct http_request *request)
{
    for (unsigned i = 0; i < side->waiting_count; i++)
        if (side->waiting[i].request == request) {
            memmove(side->waiting + i, side->waiting + i + 1,
                    (--side->waiting_count - i) * sizeof side->waiting[0]);
            return;
        }
}

static const char fields[] = "X-Empty: \r\nX-Spaces:  c \r\n";
static const struct http_response plain = {.status = 200,
                                           .content_type = "text/plain",
                                           .request_id = {"x", 1},
                                           .etag = {"\"a: b\"", 6},
                                           .fields = {fields, sizeof fields - 1}};

static void answer(struct http_request *request, int status, struct slice body)
{
    struct http_response response = plain;
    response.status = status;
    response.body = body;
    http_respond(request, &response);
}

/* What is left of a stream that goes on when the client has taken what there was: in user, as a number. */
static void go_on(struct http_request *request)
{
    intptr_t left = (intptr_t)request->user;
    if (left >= 1000) { /* by the script alone */
        return;
    }
    if (left == 0) {
        http_respond_end(request);
        return;
    }
    request->user = (void *)(left - 1);
    if (left == 8)
        http_respond_piece(request, (struct slice){large, LARGE});
    else if (left == 9)
        http_respond_abort(request);
    else
        http_respond_piece(request, (struct slice){"piece\r\n\r\n", left % 2 == 0 ? 0 : 9});
}

/* /s and a letter: streams. */
static void stream(struct side *side, struct http_request *request, char how)
{
    struct http_response response = plain;
    response.close = how == 'c';
    if (how == 'n')
        response.content_type = NULL;
    if (how == '4' || how == '3') /* whoever asks for it gets a stream without a body */
        response.status = 304;
    http_respond_begin(request, &response);
    switch (how) {
    case 'q':
        http_respond_piece(request, SLICE("at once"));
        http_respond_end(request);
        return;
    case 'e':
    case '4':
        http_respond_end(request);
        return;
    case 'i':
        http_respond_piece(request, SLICE("cut"));
        http_respond_abort(request);
        return;
    case 'w':
        request->user = (void *)1000;
        wait_for_answer(side, request, true);
        return;
    default:
        request->user = (void *)(intptr_t)(how >= '0' && how <= '9' ? how - '0' : 2);
        go_on(request);
    }
}

static void on_request(struct http_request *request, void *argument)
{
    struct side *side = argument;
    uint64_t sum = note(side, request, "request");
    char text[32];
    struct slice body = {text, (size_t)snprintf(text, sizeof text, "%llx\r\n\r\n", (unsigned long long)sum)};
    struct http_response response = plain;
    struct slice path = request->head == NULL ? SLICE("") : request->head->path;
    char how = path.len > 1 ? path.ptr[1] : ' ', more = path.len > 2 ? path.ptr[2] : ' ';
    if (request->head == NULL) {
        response.close = true;
        response.status = request->refusal.status;
        response.body = body;
        http_respond(request, &response);
        return;
    }
    switch (how) {
    case 'q': /* later, or when the client has closed its side */
        request->user = request;
        wait_for_answer(side, request, false);
        break;
    case 'l': /* later */
        wait_for_answer(side, request, false);
        break;
    case 's':
        stream(side, request, more);
        break;
    case 'n':
        answer(request, 204, body);
        break;
    case '3':
        answer(request, 304, body);
        break;
    case '4':
        answer(request, 422, body);
        break;
    case '9': /* that reason is not known */
        answer(request, 599, body);
        break;
    case 'b':
        answer(request, 200, (struct slice){large, LARGE});
        break;
    case 'e':
        answer(request, 200, (struct slice){NULL, 0});
        break;
    case 'c':
        response.close = true;
        response.body = body;
        http_respond(request, &response);
        break;
    case 'g': /* in another form */
        response.status = more == '3' ? 304 : 200;
        response.coding = "gzip";
        response.vary = "Accept-Encoding";
        response.body = body;
        http_respond(request, &response);
        break;
    case 't': /* without a type, and without more fields */
        response.content_type = NULL;
        response.fields = response.etag = (struct slice){NULL, 0};
        response.body = more == 'e' ? (struct slice){NULL, 0} : body;
        http_respond(request, &response);
        break;
    default:
        answer(request, 200, body);
    }
}

static bool on_head(struct http_request *request, void *argument)
{
    struct side *side = argument;
    struct slice path = request->head->path;
    if (path.len < 2 || path.ptr[1] != 'x')
        return false;
    note(side, request, "head");
    answer(request, 413, SLICE("no"));
    return true;
}

static void on_leave(struct http_request *request, enum http_leave how, void *argument)
{
    struct side *side = argument;
    buf_printf(&side->log, "%s %d\n", how == HTTP_GONE ? "gone" : "half closed",
               (int)(client_of(side, request) - side->client));
    if (how == HTTP_GONE) {
        forget(side, request);
    } else if (request->user == request) {
        forget(side, request);
        answer(request, 503, SLICE("closed"));
    }
}

static void on_writable(struct http_request *request, void *argument)
{
    (void)argument;
    go_on(request);
}

static void on_drained(void *argument)
{
    struct side *side = argument;
    side->drained++;
}

/* ---- servers and clients ---- */

static void start(struct side *side)
{
    static unsigned number;
    const struct http_handlers handlers = {on_request, on_head, on_leave, on_writable, on_drained, side};
    static const struct http_limits limits = {.connections = 1000,
                                              .read_ns = 10 * CLOCK_SECOND,
                                              .idle_ns = 75 * CLOCK_SECOND,
                                              .write_ns = 20 * CLOCK_SECOND};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    side->address.sun_family = AF_UNIX;
    int length = snprintf(side->address.sun_path + 1, sizeof side->address.sun_path - 1, "rowlock-fuzz-%d-%u",
                          (int)getpid(), number++);
    side->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (fd < 0 || bind(fd, (struct sockaddr *)&side->address, side->address_length) != 0 ||
        listen(fd, 64) != 0)
        abort();
    side->http = http_new(loop, side->engine, &handlers, &limits);
    http_add_listener(side->http, fd);
    side->drained = 0;
    side->drains = false;
}

static void stop(struct side *side)
{
    http_free(side->http);
    side->http = NULL;
    if (side->waiting_count != 0)
        fail("%s: http_free leaves requests", side->name);
}

static bool read_client(struct client *client)
{
    bool some = false;
    static char piece[65536];
    while (client->fd >= 0 && !client->closed && !client->paused) {
        ssize_t got = recv(client->fd, piece, sizeof piece, 0);
        if (got > 0) {
            buf_add(&client->in, piece, (size_t)got);
        } else if (got < 0 && errno == EAGAIN) {
            break;
        } else {
            client->closed = true;
            client->reset = got < 0;
        }
        some = true;
    }
    return some;
}

/* Until neither server has anything to do, nor a client anything to read. */
static void run(void)
{
    bool some = true;
    while (some) {
        event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
        some = false;
        for (int s = 0; s < 2; s++)
            for (int i = 0; i < CLIENTS; i++)
                some |= read_client(&sides[s].client[i]);
    }
}

static bool is_same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Not in a crowd: evhttp accepts in a later turn, so that other connections make room. */
static void compare(void)
{
    struct side *a = &sides[0], *b = &sides[1];
    if (a->crowd)
        return;
    if (!is_same(&a->log, &b->log))
        fail("the requests are not the same");
    for (int i = 0; i < CLIENTS; i++) {
        if (a->client[i].in.len != b->client[i].in.len)
            fail("client %d has got %zu and %zu bytes", i, a->client[i].in.len, b->client[i].in.len);
        if (a->client[i].closed != b->client[i].closed)
            fail("client %d: one connection is closed and one is open", i);
        if (a->client[i].reset != b->client[i].reset)
            fail("client %d: one connection is closed and one is reset", i);
    }
    if (a->drained != b->drained)
        fail("one is drained and one is not");
    if (a->http != NULL && http_connection_count(a->http) != http_connection_count(b->http))
        fail("%zu and %zu connections", http_connection_count(a->http), http_connection_count(b->http));
}

static void settle(void)
{
    run();
    compare();
}

static void open_client(struct side *side, int number)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length =
        snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%d-%s-%d", (int)getpid(), side->name, number);
    if (bind(fd, (struct sockaddr *)&name,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) != 0)
        abort();
    if (side->drains || connect(fd, (struct sockaddr *)&side->address, side->address_length) != 0)
        close(fd);
    else
        side->client[number].fd = fd;
}

/* ---- scripts ---- */

static int chosen; /* the client that speaks */

static void send_bytes(const char *bytes, size_t length)
{
    if (sides[0].client[chosen].fd < 0)
        for (int s = 0; s < 2; s++)
            open_client(&sides[s], chosen);
    for (int s = 0; s < 2; s++) {
        size_t sent = 0;
        struct client *client = &sides[s].client[chosen];
        for (int tries = 0; client->fd >= 0 && sent < length && tries < 8; tries++) {
            ssize_t got = send(client->fd, bytes + sent, length - sent, MSG_NOSIGNAL);
            if (got > 0)
                sent += (size_t)got;
            if (sent < length)
                run();
        }
    }
    settle();
}

static void send_large_piece(struct side *side)
{
    for (unsigned i = 0; i < side->waiting_count; i++)
        if (side->waiting[i].stream) {
            http_respond_piece(side->waiting[i].request, (struct slice){large, LARGE});
            return;
        }
}

static void answer_one(struct side *side, bool newest)
{
    if (side->waiting_count == 0)
        return;
    struct waiting waiting = side->waiting[newest ? side->waiting_count - 1 : 0];
    if (waiting.stream) {
        http_respond_piece(waiting.request, SLICE("waited for"));
    } else {
        forget(side, waiting.request);
        answer(waiting.request, 200, SLICE("later"));
    }
}

static void end_one(struct side *side, bool cut)
{
    for (unsigned i = 0; i < side->waiting_count; i++) {
        struct waiting waiting = side->waiting[i];
        if (!waiting.stream)
            continue;
        forget(side, waiting.request);
        if (cut)
            http_respond_abort(waiting.request);
        else
            http_respond_end(waiting.request);
        return;
    }
}

static void drain(struct side *side, char how)
{
    side->drains = true;
    if (how == 'R')
        http_retire(side->http);
    else
        http_drain(side->http, how == 'D' ? HTTP_ACCEPT_QUEUE : HTTP_LEAVE_QUEUE);
}

/* What can happen beside bytes that come. */
static void on_op(char op)
{
    struct client *clients[2] = {&sides[0].client[chosen], &sides[1].client[chosen]};
    for (int s = 0; s < 2; s++) {
        struct side *side = &sides[s];
        struct client *client = clients[s];
        switch (op) {
        case 'H': /* the client has sent all */
            if (client->fd >= 0)
                shutdown(client->fd, SHUT_WR);
            break;
        case 'X': /* it leaves */
            if (client->fd >= 0)
                shutdown(client->fd, SHUT_RDWR);
            break;
        case 'P': /* it stops reading */
            client->paused = true;
            break;
        case 'G': /* it goes on reading */
            client->paused = false;
            break;
        case 'A':
        case 'Z':
            answer_one(side, op == 'Z');
            break;
        case 'E':
        case 'K':
            end_one(side, op == 'K');
            break;
        case 'B':
            send_large_piece(side);
            break;
        case 'M': /* a new connection would need room */
            http_room_make(side->http);
            break;
        case 'T': /* time passes */
        case 'U':
        case 'V':
            if (s == 0)
                now += op == 'T' ? 600 * CLOCK_MS : op == 'U' ? 11 * CLOCK_SECOND : 100 * CLOCK_SECOND;
            loop_timer_start(side->http->sweep, 0);
            loop_timer_start(side->http->accept_again, 0); /* it may be that nobody waits for it */
            break;
        case 'C': /* somebody waits for room */
            side->http->crowded = true;
            break;
        case 'D':
        case 'L':
        case 'R':
            drain(side, op);
            break;
        default:
            break;
        }
    }
    settle();
}

/* Large things from small scripts: so many KiB of one letter. */
static void send_filler(uint8_t count)
{
    static char filler[256 << 10];
    memset(filler, 'a', sizeof filler);
    send_bytes(filler, (size_t)count << 10);
}

static void play(const uint8_t *data, size_t length)
{
    size_t piece = data[0] & 0x7f, at = 1, start = 1;
    if (piece == 0)
        piece = length;
    if (length / piece > 2000)
        piece = 1 + length / 2000;
    for (; at < length; at++) {
        bool op = data[at] == 0xff && at + 1 < length;
        if (!op && at - start < piece)
            continue;
        send_bytes((const char *)data + start, at - start);
        start = at;
        if (!op)
            continue;
        uint8_t what = data[++at];
        start = at + 1;
        if (what >= '0' && what < '0' + CLIENTS)
            chosen = what - '0';
        else if (what == 'F' && at + 1 < length)
            send_filler(data[++at]), start = at + 1;
        else
            on_op((char)what);
    }
    if (at > start)
        send_bytes((const char *)data + start, at - start);
}

/* ---- responses ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes a number off a field of the head, -1 when it is not there. Heads are terminated here. */
static long field_of(const char *head, const char *name, int base)
{
    const char *at = strcasestr(head, name);
    return at == NULL ? -1 : strtol(at + strlen(name), NULL, base);
}

static char *after_chunks(const struct side *side, char *at, char *end, bool cut)
{
    for (;;) {
        char *line = memmem(at, (size_t)(end - at), "\r\n", 2), *stop;
        if (line == NULL && cut)
            return end;
        if (line == NULL)
            fail("%s: the chunks have no end", side->name);
        unsigned long size = strtoul(at, &stop, 16);
        if (stop != line || stop == at)
            fail("%s: malformed chunks", side->name);
        if ((size_t)(end - line) < size + 4 && cut)
            return end;
        if ((size_t)(end - line) < size + 4 || memcmp(line + 2 + size, "\r\n", 2) != 0)
            fail("%s: a chunk has another length", side->name);
        at = line + 4 + size;
        if (size == 0)
            return at;
    }
}

/* Writes what one connection has got in one form: the lines of a head sorted, and its version as 1.1. */
static void put_in_order(const struct side *side, struct client *client, struct buf *out)
{
    if (client->in.len == 0)
        return;
    char *at = client->in.data, *end = at + client->in.len;
    unsigned count = 0;
    while (at < end) {
        char *lines[64], *head = at, *stop = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
        size_t line_count = 0;
        if (stop == NULL && client->closed) { /* cut off: the client left, or was too slow */
            buf_add(out, at, (size_t)(end - at));
            return;
        }
        if (stop == NULL || (strncmp(at, "HTTP/1.1 ", 9) != 0 && strncmp(at, "HTTP/1.0 ", 9) != 0))
            fail("%s: client %d has got something that is no response", side->name,
                 (int)(client - side->client));
        *stop = '\0';
        head[7] = '1';
        int status = atoi(head + 9);
        long length = field_of(head, "\r\nContent-Length:", 10);
        bool chunked = field_of(head, "\r\nTransfer-Encoding:", 10) >= 0;
        bool closes = strcasestr(head, "\r\nConnection: close") != NULL;
        if (chunked && length >= 0)
            fail("%s: a response has chunks and a length", side->name);
        at = stop + 4;
        bool bodyless = status == 100 || status == 204 || status == 304 || client->no_body[count];
        char *body = at;
        if (bodyless)
            ;
        else if (chunked)
            at = after_chunks(side, at, end, client->closed);
        else if (length >= 0)
            at = (size_t)(end - at) < (size_t)length && client->closed ? end : at + length;
        else if (closes)
            at = end;
        else
            fail("%s: a response has no length, and the connection goes on", side->name);
        if (at > end)
            fail("%s: a body is cut short", side->name);
        for (char *line = head; line != NULL && line_count < 64;) {
            lines[line_count++] = line;
            line = strstr(line, "\r\n");
            if (line != NULL)
                *line = '\0', line += 2;
        }
        if (closes && at != end)
            fail("%s: something comes behind the last response", side->name);
        if (closes && !client->closed && !client->paused)
            fail("%s: client %d was told that the connection is closed, and it is not", side->name,
                 (int)(client - side->client));
        qsort(lines + 1, line_count - 1, sizeof lines[0], by_text);
        for (size_t i = 0; i < line_count; i++) {
            buf_add_string(out, lines[i]);
            buf_add_string(out, "\n");
        }
        buf_add(out, body, (size_t)(at - body));
        buf_add_string(out, "\n--\n");
        if (status != 100)
            count++;
        if (count >= REQUESTS)
            return;
    }
}

static void compare_responses(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        static struct buf text[2] = {BUF_INIT(KEEP), BUF_INIT(KEEP)};
        for (int s = 0; s < 2; s++) {
            buf_clear(&text[s]);
            put_in_order(&sides[s], &sides[s].client[i], &text[s]);
        }
        if (sides[0].crowd || is_same(&text[0], &text[1]))
            continue;
        for (int s = 0; s < 2; s++) {
            fprintf(stderr, "-- %s, in order:\n    ", sides[s].name);
            print_bytes(text[s].data, text[s].len);
        }
        fail("the responses to client %d are not the same", i);
    }
}

/* ---- one input ---- */

static void begin(bool crowd)
{
    if (loop == NULL) {
        loop = loop_new();
        log_setup(LOG_ERROR, LOG_TEXT);
        memset(large, 'b', sizeof large);
    }
    chosen = 0;
    for (int s = 0; s < 2; s++) {
        struct side *side = &sides[s];
        if (side->http == NULL)
            start(side);
        side->crowd = crowd;
        side->http->limits.connections = crowd ? CROWD : 1000;
        side->http->crowded = false;
        side->log = BUF_INIT(KEEP);
        for (int i = 0; i < CLIENTS; i++) {
            side->client[i] = (struct client){.fd = -1};
            side->client[i].in = BUF_INIT(KEEP);
        }
    }
}

/* In the end all clients read, and */
static void read_all(void)
{
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < CLIENTS; i++)
            sides[s].client[i].paused = false;
    settle();
}

/* what is owed is answered; */
static void answer_all(void)
{
    read_all();
    for (int turns = 0; turns < 4096 && sides[0].waiting_count + sides[1].waiting_count > 0; turns++) {
        for (int s = 0; s < 2; s++) {
            if (sides[s].waiting_count > 0 && sides[s].waiting[0].stream)
                end_one(&sides[s], false);
            else
                answer_one(&sides[s], false);
        }
        settle();
    }
}

/* or the servers end with all that is open. */
static void stop_all(void)
{
    stop(&sides[0]);
    stop(&sides[1]);
    read_all();
}

static void leave_all(void)
{
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < CLIENTS; i++)
            if (sides[s].client[i].fd >= 0)
                shutdown(sides[s].client[i].fd, SHUT_RDWR);
    run();
    answer_all(); /* where there was no room, the request of a client that waited for it has come only now */
    for (int s = 0; s < 2; s++) {
        if (sides[s].http != NULL && http_connection_count(sides[s].http) > 0)
            fail("%s: all clients have left, and %zu connections stay", sides[s].name,
                 http_connection_count(sides[s].http));
        if (sides[s].drains && sides[s].http != NULL && sides[s].drained != 1)
            fail("%s: drained %u times", sides[s].name, sides[s].drained);
    }
}

static void finish(void)
{
    for (int s = 0; s < 2; s++) {
        struct side *side = &sides[s];
        for (int i = 0; i < CLIENTS; i++) {
            if (side->client[i].fd >= 0)
                close(side->client[i].fd);
            buf_fini(&side->client[i].in);
        }
        buf_fini(&side->log);
        if ((side->drains || side->crowd) && side->http != NULL)
            stop(side);
        side->waiting_count = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length < 2)
        return 0;
    script = data;
    script_length = length;
    begin(data[0] & 0x80);
    play(data, length);
    if (length > 2 && data[length - 1] == 0xff)
        stop_all();
    else
        answer_all();
    compare_responses();
    leave_all();
    finish();
    return 0;
}
