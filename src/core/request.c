/* request_on_http -> route -> validate -> run -> (call | shared read | handler) ... request_send -> over. */
#include <config.h>

#include "core/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/cache.h"
#include "core/origin.h"
#include "core/precondition.h"
#include "core/refusal.h"
#include "core/rows.h"
#include "core/server_parts.h"
#include "core/shared.h"
#include "core/validate.h"

#define SLOW_NS CLOCK_SECOND
#define SPARES_MAX 256u

static void run(struct request *request);
static void over(struct request *request, int status);
static void release(struct request *request);

/* ---- ids ---- */

/* Sane: short, and nothing that a log or a shell would trip over. */
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

/* A random start and a count: unique within the process, and between processes as far as chance goes. */
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

static void take_fields(struct request *request, const struct http_head *head)
{
    static const struct slice none = {NULL, 0};
    request->if_match = request->if_none_match = request->idempotency_key = none;
    if (head == NULL)
        return;
    request->if_match = list_field(request, head, SLICE("If-Match"));
    request->if_none_match = list_field(request, head, SLICE("If-None-Match"));
    request->idempotency_key = keep(request, http_head_field(head, SLICE("Idempotency-Key")));
}

static struct request *begin(struct server *server, struct http_request *http)
{
    struct request *request = list_pop_of(&server->spares, struct request, link);
    if (request == NULL) {
        request = mem_new(sizeof *request);
        arena_init(&request->arena);
    }
    request->server = server;
    request->http = http;
    http->user = request;
    request->route = NULL;
    request->read = NULL;
    request->cancel = NULL;
    request->waiting_for = NULL;
    request->call.state = CALL_IDLE;
    request->started = clock_now();
    request->due = request->started + server->settings->deadline_ns;
    request->streaming = request->parked = request->reading = false;
    request->understood = http->head != NULL;
    request->method = request->understood ? http->head->method : HTTP_GET;
    request->path = http->head != NULL ? arena_dup(&request->arena, http->head->path) : SLICE("-");
    take_fields(request, http->head);
    take_id(request, http->head);
    list_append(&server->requests, &request->link);
    if (!loop_timer_pending(server->deadline))
        loop_timer_start(server->deadline, server->settings->deadline_ns);
    return request;
}

/* What the whole server has (RFC 9110 section 9.3.7). */
static void send_options(struct request *request, const char *allow)
{
    struct reply *reply = request_reply(request);
    reply->status = 204;
    reply->content_type = NULL;
    buf_printf(&reply->fields, "Allow: %s\r\n", allow);
    request_send(request, reply);
}

static void refuse_method(struct request *request, const char *allow)
{
    struct reply *reply = request_reply(request);
    reply_problem(reply, 405, "This path has the methods %s.", allow);
    buf_printf(&reply->fields, "Allow: %s\r\n", allow);
    request_send(request, reply);
}

/* The name of a field that was sent more than once, though no two values of it make sense. */
static const char *field_given_twice(const struct http_head *head)
{
    static const struct slice single[] = {
        {"Content-Type", 12}, {"Idempotency-Key", 15}, {"Origin", 6}, {"Sec-Fetch-Site", 14}};
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        unsigned count = 0;
        for (size_t k = 0; k < head->field_count; k++)
            count += slice_equal_nocase(head->fields[k].name, single[i]);
        if (count > 1)
            return single[i].ptr;
    }
    return NULL;
}

/* Finds the route. True when method, path and headers alone are enough for an answer, which was sent. */
static bool is_answered_by_head(struct request *request, const struct http_head *head,
                                struct router_match *match)
{
    const char *foreign, *twice;
    router_find(request->server->router, head->method, head->path, &request->arena, match);
    request->route = match->route;
    if ((twice = field_given_twice(head)) != NULL)
        request_problem(request, 400, "%s is given twice.", twice);
    else if (match->malformed)
        request_problem(request, 400, "The path is not well-formed percent-encoded UTF-8.");
    else if (match->allow == NULL)
        request_problem(request, 404, "There is nothing at this path.");
    else if (slice_equal(head->path, SLICE("*")))
        send_options(request, match->allow);
    else if (match->route == NULL)
        refuse_method(request, match->allow);
    else if ((foreign = origin_refusal(head)) != NULL)
        request_problem(request, 403, "%s", foreign);
    else
        return false;
    return true;
}

bool request_on_head(struct http_request *http, void *argument)
{
    struct request *request = begin(argument, http);
    struct router_match match;
    struct refusal refusal;
    if (is_answered_by_head(request, http->head, &match))
        return true;
    if (!validate_head(match.route, &match, http->head, &request->arena, request->values, &refusal)) {
        request_problem(request, refusal.status, "%s", refusal.message);
        return true;
    }
    release(request); /* it begins anew when the body is there */
    return false;
}

void request_on_http(struct http_request *http, void *argument)
{
    struct server *server = argument;
    struct request *request = begin(server, http);
    struct router_match match;
    struct refusal refusal;
    const struct http_head *head = http->head;
    if (head == NULL) {
        struct reply *reply = request_reply(request);
        reply->close = true;
        reply_problem(reply, http->refusal.status, "%s", http->refusal.detail);
        request_send(request, reply);
        return;
    }
    if (is_answered_by_head(request, head, &match))
        return;
    if (!validate(match.route, &match, head, http->body, &request->arena, request->values, &refusal))
        request_problem(request, refusal.status, "%s", refusal.message);
    else
        run(request);
}

/* ---- running ---- */

/* What was given of the body, normalised, as one object. */
static struct slice body_json(struct request *request)
{
    struct buf out = BUF_INIT(8 * (size_t)HTTP_BODY_MAX);
    const struct route *route = request->route;
    const struct value *values =
        request->values + route_field_count(route->path_fields) + route_field_count(route->query);
    for (size_t i = 0; route->body != NULL && route->body[i].name != NULL; i++) {
        const struct field *field = &route->body[i];
        if (!values[i].present || field->equals != NULL)
            continue;
        buf_printf(&out, "%c\"%s\":", out.len == 0 ? '{' : ',', field->name);
        if (values[i].null)
            buf_add_string(&out, "null");
        else if (field->type == FIELD_INT)
            buf_add_int(&out, values[i].integer);
        else
            buf_add_json(&out, values[i].text);
    }
    buf_add_string(&out, out.len == 0 ? "{}" : "}");
    struct slice json = arena_dup(&request->arena, buf_slice(&out));
    buf_fini(&out);
    return json;
}

void request_bind(struct request *request, const struct statement *statement,
                  struct db_param params[DB_PARAMS_MAX])
{
    memset(params, 0, DB_PARAMS_MAX * sizeof *params);
    for (unsigned i = 0; i < statement->param_count; i++) {
        if (strcmp(statement->params[i].name, "body") == 0) {
            params[i].text = body_json(request);
            continue;
        }
        int field = route_field(request->route, statement->params[i].name);
        const struct value *value = field < 0 ? NULL : &request->values[field];
        params[i].null = value == NULL || !value->present || value->null;
        if (!params[i].null) {
            params[i].integer = value->integer;
            params[i].text = value->text;
        }
    }
}

static bool prepare(struct request *request, const struct statement **statement,
                    struct db_param params[DB_PARAMS_MAX])
{
    if (request->route->prepare == NULL) {
        request_bind(request, *statement, params);
        return true;
    }
    memset(params, 0, DB_PARAMS_MAX * sizeof *params);
    return request->route->prepare(request, statement, params);
}

static void run(struct request *request)
{
    const struct route *route = request->route;
    const struct statement *statement = route->statement;
    struct db_param params[DB_PARAMS_MAX];
    if (route->handler != NULL) {
        route->handler(request);
        return;
    }
    if (precondition_is_write(request)) {
        precondition_start(request);
        return;
    }
    if (!prepare(request, &statement, params))
        return;
    if (route->cached)
        cache_read(request->server->cache, request, statement, params);
    else if (route->method == HTTP_GET && !statement->set)
        shared_start(request->server->shared, request, statement, params);
    else
        request_call(request, statement, params, NULL);
}

void request_answer(struct request *request, const struct statement *statement, const struct db_param *params,
                    const struct db_answer *answer)
{
    if (answer->error != DB_OK) {
        refusal_reply(request, statement, answer);
        return;
    }
    struct reply *reply = request_reply(request);
    request_write_answer(request->route, statement, params, answer, reply);
    request_send(request, reply);
}

static void on_answer(struct call *call, const struct db_answer *answer, void *argument)
{
    request_answer(argument, call->statement, call->params, answer);
}

enum call_start request_try_call(struct request *request, const struct statement *statement,
                                 const struct db_param *params, call_cb *done)
{
    struct call *call = &request->call;
    call->statement = statement;
    memcpy(call->params, params, sizeof call->params);
    call->done = done != NULL ? done : on_answer;
    call->argument = request;
    return call_start(request->server->calls, call);
}

void request_call(struct request *request, const struct statement *statement, const struct db_param *params,
                  call_cb *done)
{
    enum call_start started = request_try_call(request, statement, params, done);
    if (started != CALL_STARTED)
        request_not_started(request, started);
}

void request_not_started(struct request *request, enum call_start why)
{
    if (why == CALL_QUEUE_FULL)
        request_problem(request, 503, "Too many requests wait for the database; nothing was changed.");
    else
        request_problem(request, 503, "The database is away; nothing was changed.");
}

/* Whatever changes something has a row to show for it, or there was nothing to change; only what is made anew or put in
 * place of another is there in any case. */
static bool is_made(const struct route *route, const struct statement *statement,
                    const struct db_answer *answer)
{
    const struct db_rows *rows = answer->rows;
    if (answer->count == 0)
        return route->method != HTTP_POST;
    struct slice told = statement->told ? rows->value(rows, answer->first, rows->columns - 1) : SLICE("1");
    return told.len == 1 && (told.ptr[0] == 't' || told.ptr[0] == '1');
}

/* What the reply shows has a tag: the data of a GET, or the record that a write has stored. */
static void tag_answer(const struct route *route, struct reply *reply)
{
    if (route->method == HTTP_GET)
        reply_add_etag(reply, route->shape == REPLY_OBJECT ? ETAG_STRONG : ETAG_WEAK);
    else if (route->method == HTTP_POST && route->guard != NULL && route->shape == REPLY_OBJECT)
        reply_add_etag(reply, ETAG_STRONG);
}

void request_write_answer(const struct route *route, const struct statement *statement,
                          const struct db_param *params, const struct db_answer *answer, struct reply *reply)
{
    if (!is_made(route, statement, answer))
        reply_not_made(reply, statement->name);
    else if (route->answer != NULL)
        route->answer(route, statement, params, answer, reply);
    else if (route->shape == REPLY_ARRAY && (answer->count > 0 || route->missing == NULL))
        rows_add_array(&reply->body, statement, answer->rows, answer->first, answer->count);
    else if (answer->count == 0)
        reply_problem(reply, 404, "%s", route->missing != NULL ? route->missing : "There is no such record.");
    else
        rows_add_object(&reply->body, statement, answer->rows, answer->first);
    if (reply->status == 200)
        tag_answer(route, reply);
}

/* ---- ending ---- */

struct reply *request_reply(struct request *request)
{
    reply_clear(&request->server->reply);
    return &request->server->reply;
}

/* The conditions of a read, for what can have some: data that has a tag. */
static enum precondition condition_of(const struct request *request, const struct reply *reply)
{
    bool reads = request->method == HTTP_GET || request->method == HTTP_HEAD;
    return reads && reply->etag[0] != '\0' ? precondition_of(request, reply->etag) : PRECONDITIONS_HOLD;
}

/* The reply that was meant for it stays as it is: others may share it. */
static void send_failed(struct request *request)
{
    struct reply failed;
    reply_init(&failed);
    reply_problem(&failed, 412, "The data is not, or no longer, what If-Match names.");
    request_send(request, &failed);
    reply_fini(&failed);
}

void request_send(struct request *request, const struct reply *reply)
{
    struct http_response response = {.status = reply->status,
                                     .content_type = reply->content_type,
                                     .fields = buf_slice(&reply->fields),
                                     .request_id = request->id,
                                     .body = buf_slice(&reply->body),
                                     .close = reply->close};
    int status = reply->status;
    if (request->streaming) { /* too late for another reply: what has begun is cut short */
        request_stream_abort(request);
        return;
    }
    enum precondition condition = condition_of(request, reply);
    if (condition == IF_MATCH_FAILS) {
        send_failed(request);
        return;
    }
    if (condition == IF_NONE_MATCH_FAILS) {
        response.status = status = 304;
        response.content_type = NULL;
        response.body.len = 0;
    }
    if (reply->body.failed || reply->fields.failed) {
        response = (struct http_response){.status = status = 500, .request_id = request->id, .close = true};
        log_error("a reply outgrew its buffer", LOG_T("request_id", request->id));
    }
    struct http_request *http = request->http;
    request->http = NULL;
    http_respond(http, &response);
    over(request, status);
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

/* Between the pieces of a streamed reply: whose turn is it, the client's or ours? */
static void park(struct request *request, bool parked)
{
    list_remove(&request->link);
    request->parked = parked;
    request->due = clock_now() + request->server->settings->deadline_ns;
    list_append(list_of(request), &request->link);
    if (!parked && !loop_timer_pending(request->server->deadline))
        loop_timer_start(request->server->deadline, request->server->settings->deadline_ns);
}

void request_stream_begin(struct request *request, const struct reply *reply,
                          void (*more)(struct request *request))
{
    struct http_response response = {.status = reply->status,
                                     .content_type = reply->content_type,
                                     .fields = buf_slice(&reply->fields),
                                     .request_id = request->id};
    request->streaming = true;
    request->more = more;
    http_respond_begin(request->http, &response);
}

void request_stream_piece(struct request *request, struct slice piece)
{
    http_respond_piece(request->http, piece);
    park(request, true);
}

void request_stream_end(struct request *request)
{
    struct http_request *http = request->http;
    request->http = NULL;
    http_respond_end(http);
    over(request, 200);
}

void request_stream_abort(struct request *request)
{
    struct http_request *http = request->http;
    request->http = NULL;
    http_respond_abort(http);
    over(request, 503);
}

void request_on_writable(struct http_request *http, void *argument)
{
    struct request *request = http->user;
    (void)argument;
    park(request, false);
    request->more(request);
}

/* A line for each request if wanted; for a failure or a slow one always. */
static void write_log(const struct request *request, int status)
{
    int64_t took = clock_now() - request->started;
    bool failed = status >= 500, slow = took >= SLOW_NS;
    if (!failed && !slow && !request->server->settings->access_log)
        return;
    LOG_AT(failed || slow ? LOG_WARN : LOG_INFO, slow ? "slow request" : "request",
           LOG_T("request_id", request->id),
           LOG_S("method", request->understood ? http_method_name(request->method) : "-"),
           LOG_S("route", request->route != NULL ? request->route->path : "-"), LOG_T("path", request->path),
           LOG_I("status", status), LOG_MS("duration_ms", took));
}

/* The one exit. What was not sent is taken back, what was sent is forgotten, and the memory is ready for the next. */
static void over(struct request *request, int status)
{
    struct server *server = request->server;
    write_log(request, status);
    if (request->read != NULL)
        shared_leave(request);
    call_cancel(server->calls, &request->call);
    if (request->cancel != NULL)
        request->cancel(request);
    release(request);
}

static void release(struct request *request)
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

static bool is_unsent(const struct request *request)
{
    if (request->read != NULL)
        return shared_unsent(request);
    return request->call.state != CALL_SENT;
}

static void give_up(struct request *request, const char *unsent, const char *sent)
{
    request_problem(request, 503, "%s", request->reading || is_unsent(request) ? unsent : sent);
}

/* All requests have the same time and those that get it anew go to the end, so the first is due first and one timer
 * does for all. */
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
        give_up(request, "The database did not take the request in time; nothing was changed.",
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
        over(request, 499);
        return;
    }
    /* Whether the client only closed its side or left cannot be told apart: what waits for the database is taken back
     * and said so, what is on its way is answered. */
    if (request->cancel == NULL && is_unsent(request))
        request_problem(request, 503,
                        "The connection was closed before the request was sent to the database; nothing "
                        "was changed.");
    else
        call_leave(&request->call);
}

void request_end_all(struct server *server, const char *why)
{
    struct request *request;
    while ((request = list_first_of(&server->requests, struct request, link)) != NULL)
        give_up(request, "The server is shutting down; nothing was changed.", why);
    while ((request = list_first_of(&server->streams, struct request, link)) != NULL)
        request_stream_abort(request);
}

void request_free_spares(struct server *server)
{
    struct request *request;
    while ((request = list_pop_of(&server->spares, struct request, link)) != NULL) {
        arena_fini(&request->arena);
        free(request);
    }
}
