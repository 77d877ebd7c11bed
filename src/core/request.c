/* The life of a request. request_begin takes it from HTTP; then it waits for something (pending) or is answered at
 * once, by request_send or, when the reply is long, in pieces (request_stream_begin). request_on_deadline,
 * request_on_leave and request_end_all answer it before what it waits for has come. Every request ends in
 * request_end. */
#include <config.h>

#include "core/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/accept.h"
#include "core/access_log.h"
#include "core/buckets.h"
#include "core/crowd.h"
#include "core/keys.h"
#include "core/meter.h"
#include "core/server_parts.h"
#include "core/tracing.h"
#include "metrics/metrics.h"

#define SLOW_NS CLOCK_SECOND
#define SPARES_MAX 256u

static void request_end(struct request *request, int status);
static void abort_stream(struct request *request);

/* ---- ids ---- */

/* Short, and without characters that need quoting in a log or a shell. */
static bool is_sane_id(struct slice id)
{
    if (id.len == 0 || id.len > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("-_.~:+/=@", c) != NULL)))
            return false;
    }
    return true;
}

/* A random start and a count: unique within the process, and very probably between processes. */
static void make_id(struct request *request)
{
    static const char hex[] = "0123456789abcdef";
    static uint64_t next;
    if (next == 0 && getrandom(&next, sizeof next, 0) != (ssize_t)sizeof next)
        next = (uint64_t)clock_now();
    uint64_t bits = next++;
    for (int i = 15; i >= 0; i--, bits >>= 4)
        request->id_text[i] = hex[bits & 15];
    request->id = (struct slice){request->id_text, 16};
}

static void take_id(struct request *request, const struct http_head *head)
{
    struct slice id = head != NULL ? http_head_field(head, SLICE("X-Request-Id")) : SLICE("");
    if (is_sane_id(id)) {
        memcpy(request->id_text, id.ptr, id.len);
        request->id = (struct slice){request->id_text, id.len};
    } else {
        make_id(request);
    }
}

/* ---- beginning ---- */

static struct slice keep(struct request *request, struct slice field)
{
    return field.ptr != NULL ? arena_dup(&request->arena, field) : field;
}

/* The lines of a field that is a list are one list (RFC 9110 section 5.3). */
static struct slice join_fields(struct request *request, const struct http_head *head, struct slice name)
{
    struct buf list = BUF_INIT(HTTP_HEAD_MAX);
    for (size_t i = 0; i < head->field_count; i++) {
        if (!slice_equal_nocase(head->fields[i].name, name))
            continue;
        buf_add_string(&list, list.len > 0 ? ", " : "");
        buf_add_slice(&list, head->fields[i].value);
    }
    struct slice joined = arena_dup(&request->arena, buf_slice(&list));
    buf_fini(&list);
    return joined;
}

static struct slice list_field(struct request *request, const struct http_head *head, struct slice name)
{
    struct slice last = http_head_field(head, name);
    return last.ptr != NULL ? join_fields(request, head, name) : last;
}

/* While the head is there: the reply may come when it is not. */
static void take_cors(struct request *request, const struct http_head *head)
{
    const struct cors *cors = &request->server->settings->cors;
    struct buf fields = BUF_INIT(HTTP_HEAD_MAX);
    cors_add_fields(cors, head, &fields);
    request->own_fields = arena_dup(&request->arena, buf_slice(&fields));
    buf_fini(&fields);
}

static void take_visitor(struct request *request)
{
    const struct server *server = request->server;
    tracing_take(request->http->head, &request->arena, server->otlp, &request->trace);
    if ((server->access_log != NULL && server->settings->access_log) || request->trace.otlp != NULL)
        request->visitor = visitor_note(request->http->head, &request->arena);
}

static void take_head(struct request *request, const struct http_head *head)
{
    take_visitor(request);
    if (request->server->settings->cors.count > 0)
        take_cors(request, head);
    request->path = head != NULL ? arena_dup(&request->arena, head->path) : SLICE("-");
    take_id(request, head);
    if (head == NULL)
        return;
    request->understood = true;
    request->method = head->method;
    request->if_match = list_field(request, head, SLICE("If-Match"));
    request->if_none_match = list_field(request, head, SLICE("If-None-Match"));
    request->idempotency_key = keep(request, http_head_field(head, SLICE("Idempotency-Key")));
    request->takes_gzip = request->server->reply.coding != NULL && coding_is_accepted(head);
    request->takes_html = !request->server->settings->no_pages && accept_is_html(head);
}

struct request *request_begin(struct server *server, struct http_request *http)
{
    struct request *request = list_pop_of(&server->spares, struct request, link);
    if (request == NULL) {
        request = mem_new(sizeof *request);
        arena_init(&request->arena);
    }
    memset(request, 0, offsetof(struct request, arena));
    request->server = server;
    request->http = http;
    http->user = request;
    request->call.state = CALL_IDLE;
    request->caller = caller_find(http_peer_address(http), http->head, &server->settings->trusted);
    request->caller_number = caller_number(&request->caller, buckets_seed());
    request->started = clock_now();
    request->due = request->started + server->settings->deadline_ns;
    take_head(request, http->head);
    list_append(&server->requests, &request->link);
    if (!loop_timer_pending(server->deadline))
        loop_timer_start(server->deadline, server->settings->deadline_ns);
    return request;
}

/* ---- its own call ---- */

enum call_start request_start_call(struct request *request, const struct statement *statement,
                                   const struct db_param *params, call_cb *done, void *argument)
{
    struct call *call = &request->call;
    call->statement = statement;
    call->caller = request->caller_number;
    call->trace = request->trace;
    memcpy(call->params, params, sizeof call->params);
    call->done = done;
    call->argument = argument;
    enum call_start started = call_start(request->server->calls, call);
    if (started == CALL_STARTED)
        request->pending = &call->pending;
    return started;
}

void request_call(struct request *request, const struct statement *statement, const struct db_param *params,
                  call_cb *done, void *argument)
{
    enum call_start started = request_start_call(request, statement, params, done, argument);
    if (started != CALL_STARTED)
        request_not_started(request, started);
}

void request_not_started(struct request *request, enum call_start why)
{
    metric_add(METRIC_REFUSALS, why == CALL_QUEUE_FULL ? REFUSAL_QUEUE : REFUSAL_DATABASE, 1);
    struct reply *reply = request_reply(request);
    if (why == CALL_QUEUE_FULL)
        reply_problem(reply, 503, "Too many requests wait for the database; nothing was changed.");
    else
        reply_problem(reply, 503, "The database is away; nothing was changed.");
    reply->refused = why == CALL_QUEUE_FULL;
    request_send(request, reply);
}

/* ---- ending ---- */

void request_add_field(struct request *request, const char *name, struct slice value)
{
    struct slice before = request->own_fields;
    const char *fields = arena_printf(&request->arena, "%.*s%s: %.*s\r\n", (int)before.len,
                                      before.len > 0 ? before.ptr : "", name, (int)value.len, value.ptr);
    request->own_fields = slice_of(fields);
}

struct reply *request_reply(struct request *request)
{
    reply_clear(&request->server->reply);
    return &request->server->reply;
}

/* The tags of a reply: of the identity, and of the gzip form if the client gets that; "" else. */
struct tags {
    const char *identity;
    char gzip[ETAG_SIZE];
};

static struct tags tags_of(const struct request *request, const struct reply *reply)
{
    struct tags tags = {reply->etag, ""};
    if (request->takes_gzip && reply->etag[0] != '\0' && reply_has_forms(reply))
        etag_write_gzip(tags.gzip, reply->etag);
    return tags;
}

static bool client_has(const struct request *request, const char *tag)
{
    return etag_find(request->if_none_match, tag, ETAG_WEAK) == ETAG_FOUND;
}

/* Only reads of data that has a tag have conditions. *tag is that of the form that the client has: a 304 confirms no
 * other, or a cache would take it for the wrong one. A client that has the gzip form alone, and does not take it now,
 * gets the identity in full. */
static enum precondition condition_of(const struct request *request, const struct tags *tags,
                                      const char **tag)
{
    bool reads = request->method == HTTP_GET || request->method == HTTP_HEAD;
    if (!reads || tags->identity[0] == '\0')
        return PRECONDITIONS_HOLD;
    enum precondition condition =
        etag_precondition(request->if_match, request->if_none_match, tags->identity);
    if (condition != IF_NONE_MATCH_FAILS)
        return condition;
    *tag = client_has(request, tags->gzip) ? tags->gzip : tags->identity;
    return client_has(request, *tag) ? IF_NONE_MATCH_FAILS : PRECONDITIONS_HOLD;
}

/* Leaves the reply that was meant for the request as it is, because other requests may share it. */
static void send_failed(struct request *request)
{
    struct reply failed;
    reply_init(&failed);
    reply_problem(&failed, 412, "The data is not, or no longer, what If-Match names.");
    request_send(request, &failed);
    reply_fini(&failed);
}

/* Without a gzip form every client gets the identity. */
static void send_gzip(struct http_response *response, const struct reply *reply, const struct tags *tags)
{
    struct slice gzip = reply->gzip.ptr != NULL ? reply->gzip : coding_gzip(reply->coding, response->body);
    if (gzip.ptr == NULL)
        return;
    response->body = gzip;
    response->coding = "gzip";
    response->etag = slice_of(tags->gzip);
}

static void respond_with(struct request *request, const struct http_response *response)
{
    struct http_request *http = request->http;
    request->http = NULL;
    request->sent = request->method == HTTP_HEAD ? 0 : response->body.len;
    http_respond(http, response);
    request_end(request, response->status);
}

static void send_overflow(struct request *request)
{
    struct http_response response = {
        .status = 500, .own_fields = request->own_fields, .request_id = request->id, .close = true};
    log_error("a reply outgrew its buffer", LOG_T("request_id", request->id));
    respond_with(request, &response);
}

static void send_reply(struct request *request, const struct reply *reply)
{
    bool forms = reply_has_forms(reply);
    struct tags tags = tags_of(request, reply);
    const char *tag = tags.identity;
    enum precondition condition = condition_of(request, &tags, &tag);
    struct http_response response = {.status = reply->status,
                                     .content_type = reply->content_type,
                                     .fields = buf_slice(&reply->fields),
                                     .own_fields = request->own_fields,
                                     .etag = slice_of(tag),
                                     .vary = forms ? "Accept-Encoding" : NULL,
                                     .request_id = request->id,
                                     .body = buf_slice(&reply->body),
                                     .close = reply->close,
                                     .pause = reply->refused && !request->caller.named};
    if (condition == IF_MATCH_FAILS) {
        send_failed(request);
        return;
    }
    if (condition == IF_NONE_MATCH_FAILS) {
        response.status = 304;
        response.content_type = NULL;
        response.body.len = 0;
    } else if (forms && request->takes_gzip) {
        send_gzip(&response, reply, &tags);
    }
    respond_with(request, &response);
}

void request_send(struct request *request, const struct reply *reply)
{
    if (request->streaming) /* the status has been sent: the reply that has begun is cut short */
        abort_stream(request);
    else if (request->take != NULL)
        request->take(request, reply);
    else if (reply->body.failed || reply->fields.failed)
        send_overflow(request);
    else
        send_reply(request, reply);
}

void request_problem(struct request *request, int status, const char *format, ...)
{
    struct reply *reply = request_reply(request);
    va_list arguments;
    va_start(arguments, format);
    reply_problem_v(reply, status, format, arguments);
    va_end(arguments);
    request_send(request, reply);
}

static struct list *list_of(const struct request *request)
{
    return request->parked ? &request->server->streams : &request->server->requests;
}

/* A streamed reply is parked while its client takes the last piece, and is not while the next piece is made. */
static void park(struct request *request, bool parked)
{
    list_remove(&request->link);
    request->parked = parked;
    request->due = clock_now() + request->server->settings->deadline_ns;
    list_append(list_of(request), &request->link);
    if (!parked && !loop_timer_pending(request->server->deadline))
        loop_timer_start(request->server->deadline, request->server->settings->deadline_ns);
}

static struct http_response head_of(const struct request *request, const struct reply *reply)
{
    return (struct http_response){.status = reply->status,
                                  .content_type = reply->content_type,
                                  .fields = buf_slice(&reply->fields),
                                  .own_fields = request->own_fields,
                                  .request_id = request->id};
}

void request_stream_begin(struct request *request, const struct reply *reply,
                          void (*more)(struct request *request))
{
    struct http_response response = head_of(request, reply);
    request->streaming = true;
    request->more = more;
    http_respond_begin(request->http, &response);
}

void request_stream_piece(struct request *request, struct slice piece)
{
    http_respond_piece(request->http, piece);
    request->sent += piece.len;
    park(request, true);
}

void request_stream_end(struct request *request)
{
    struct http_request *http = request->http;
    request->http = NULL;
    http_respond_end(http);
    request_end(request, 200);
}

struct http_request *request_stream_open(struct request *request, const struct reply *reply,
                                         const struct http_stream *stream, void *owner,
                                         struct crowd_place **inside)
{
    struct http_request *http = request->http;
    struct http_response response = head_of(request, reply);
    request->http = NULL;
    http->user = owner;
    *inside = request->inside;
    request->inside = NULL;
    http_respond_open(http, &response, stream);
    request_end(request, reply->status);
    return http;
}

static void abort_stream(struct request *request)
{
    struct http_request *http = request->http;
    request->http = NULL;
    http_respond_abort(http);
    request_end(request, 503);
}

void request_on_writable(struct http_request *http, void *argument)
{
    struct request *request = http->user;
    (void)argument;
    park(request, false);
    request->more(request);
}

static const char *method_of(const struct request *request)
{
    return request->understood ? http_method_name(request->method) : "-";
}

/* In a format that other programs read. */
static void write_access(const struct request *request, int status)
{
    char client[CALLER_TEXT_MAX];
    caller_write(&request->caller, client);
    struct access access = {.client = request->caller.kind == CALLER_IP ? client : "",
                            .user = request->key != NULL ? request->key->name : NULL,
                            .visitor = request->visitor,
                            .method = method_of(request),
                            .status = status,
                            .bytes = request->sent};
    access_log_add(request->server->access_log, &access);
}

static void write_line(const struct request *request, enum log_level level, const char *what, int status,
                       int64_t took)
{
    char client[CALLER_TEXT_MAX], trace_id[TRACE_ID_SIZE], span_id[TRACE_SPAN_SIZE];
    caller_write(&request->caller, client);
    trace_write_id(&request->trace, trace_id);
    trace_write_span(request->trace.span, span_id);
    LOG_AT(level, what, LOG_T("request_id", request->id), LOG_S("client", client),
           LOG_S("method", method_of(request)),
           LOG_S("route", request->route != NULL ? request->route->path : "-"), LOG_T("path", request->path),
           LOG_S("key", request->key != NULL ? request->key->name : NULL), LOG_I("status", status),
           LOG_MS("duration_ms", took), LOG_S("trace_id", trace_id), LOG_S("span_id", span_id));
}

/* Failures and slow requests are always logged, others if the setting says so. */
static void write_log(const struct request *request, int status, int64_t took)
{
    const struct server *server = request->server;
    bool failed = status >= 500, slow = took >= SLOW_NS;
    if (request->visitor != NULL && server->access_log != NULL && server->settings->access_log)
        write_access(request, status);
    if (failed || slow || (server->settings->access_log && server->access_log == NULL))
        write_line(request, failed || slow ? LOG_WARN : LOG_INFO, slow ? "slow request" : "request", status,
                   took);
}

static void record(const struct request *request, int status, int64_t ended)
{
    char client[CALLER_TEXT_MAX];
    caller_write(&request->caller, client);
    struct tracing_span span = {.trace = &request->trace,
                                .visitor = request->visitor,
                                .client = client,
                                .method = request->understood ? http_method_name(request->method) : NULL,
                                .route = request->route != NULL ? request->route->path : NULL,
                                .path = request->path,
                                .status = status,
                                .started = request->started,
                                .ended = ended};
    tracing_record(&span);
}

void request_forget(struct request *request)
{
    struct server *server = request->server;
    list_remove(&request->link);
    arena_reset(&request->arena);
    if (server->spares.length < SPARES_MAX) {
        list_append(&server->spares, &request->link);
        return;
    }
    arena_fini(&request->arena);
    free(request);
}

/* The one exit. What was not sent is taken back, the answer to what was sent will be dropped, and the memory is kept
 * for another request. */
static void request_end(struct request *request, int status)
{
    int64_t took = clock_now() - request->started;
    bool sampled = request->trace.flags & TRACE_SAMPLED;
    meter_request(request->endpoint, status, took, sampled ? request->trace.id : NULL);
    write_log(request, status, took);
    if (request->trace.otlp != NULL)
        record(request, status, request->started + took);
    pending_cancel(request->pending);
    crowd_leave(request->inside);
    request_forget(request);
}

static void give_up(struct request *request, enum metric_refusal why, const char *unsent, const char *sent)
{
    metric_add(METRIC_REFUSALS, why, 1);
    request->given_up = true;
    request_problem(request, 503, "%s", pending_unsent(request->pending) ? unsent : sent);
}

/* All requests have the same time, and a request whose time begins anew moves to the end of the list. So the list is in
 * order of deadlines, and one timer is enough. */
void request_on_deadline(void *argument)
{
    struct server *server = argument;
    int64_t now = clock_now();
    struct request *request;
    while ((request = list_first_of(&server->requests, struct request, link)) != NULL) {
        int64_t left = request->due - now;
        if (left > 0) {
            loop_timer_start(server->deadline, left);
            return;
        }
        give_up(request, REFUSAL_DEADLINE,
                "The database did not take the request in time; nothing was changed.",
                "The database did not answer in time; if the request changes something, whether it did is "
                "unknown.");
    }
}

void request_on_leave(struct http_request *http, enum http_leave how, void *argument)
{
    struct request *request = http->user;
    (void)argument;
    if (how == HTTP_GONE) {
        request->http = NULL;
        request_end(request, 499);
        return;
    }
    /* A client that has only closed its sending side looks like one that has left. What was not sent to the database is
     * taken back and the client is told so; what was sent is answered. */
    if (!pending_leave(request->pending))
        return;
    request->given_up = true;
    request_problem(request, 503,
                    "The connection was closed before the request was sent to the database; nothing "
                    "was changed.");
}

void request_end_all(struct server *server, const char *why)
{
    struct request *request;
    while ((request = list_first_of(&server->requests, struct request, link)) != NULL)
        give_up(request, REFUSAL_SHUTDOWN, "The server is shutting down; nothing was changed.", why);
    while ((request = list_first_of(&server->streams, struct request, link)) != NULL)
        abort_stream(request);
}

void request_free_spares(struct server *server)
{
    struct request *request;
    while ((request = list_pop_of(&server->spares, struct request, link)) != NULL) {
        arena_fini(&request->arena);
        free(request);
    }
}
