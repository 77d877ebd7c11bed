/* Two tables: what a field is, and which routes or statuses have it. */
#include <config.h>

#include "openapi/openapi_field.h"

#include <stdio.h>

#include "base/jsonout.h"
#include "core/feed_position.h"
#include "core/idempotency.h"

/* ---- which have what ---- */

static bool is_always(const struct route *route)
{
    (void)route;
    return true;
}

static bool has_key(const struct route *route)
{
    return route->once != NULL;
}

static bool has_feed(const struct route *route)
{
    return route->feed != NULL;
}

/* ---- of requests ---- */

#define TEXT "{\"type\":\"string\"}"

#define KEY_PATTERN "^[!-~]+$"

static const struct {
    const char *key, *name, *about;
    bool (*of)(const struct route *route);
    const char *pattern; /* NULL: any, or what else is sent is ignored */
    int64_t max;         /* characters; 0: no limit */
} request_fields[] = {
    {"X-Request-Id", "X-Request-Id",
     "comes back, and stands in the log; made up when it is not sent or not sane", is_always, NULL, 0},
    {"If-Match", "If-Match", "entity tags, or *: only while the data has one of them, else 412",
     route_has_read_conditions, NULL, 0},
    {"If-None-Match", "If-None-Match", "entity tags, or *: only if the data has none of them, else 304",
     route_has_read_conditions, NULL, 0},
    {"If-Match.write", "If-Match", "entity tags, or *: only if the record has one of them, else 412",
     route_has_write_conditions, ETAG_LIST_PATTERN, 0},
    {"If-None-Match.write", "If-None-Match",
     "entity tags, or *: only if the record has none of them, else 412", route_has_write_conditions,
     ETAG_LIST_PATTERN, 0},
    {"Idempotency-Key", "Idempotency-Key", "with the same key and body the first answer comes again", has_key,
     KEY_PATTERN, IDEMPOTENCY_KEY_MAX},
    {"Last-Event-ID", "Last-Event-ID",
     "the id of the last event that was seen, or oldest: what follows comes", has_feed, FEED_POSITION_PATTERN,
     0},
};

#define REQUEST_FIELDS (sizeof request_fields / sizeof request_fields[0])

static void add_request_field(struct buf *out, size_t i)
{
    jsonout_named(out, request_fields[i].key, '{');
    jsonout_named_text(out, "name", request_fields[i].name);
    jsonout_named_text(out, "in", "header");
    jsonout_named_text(out, "description", request_fields[i].about);
    jsonout_named(out, "schema", '{');
    jsonout_named_text(out, "type", "string");
    if (request_fields[i].pattern != NULL)
        jsonout_named_text(out, "pattern", request_fields[i].pattern);
    if (request_fields[i].max > 0)
        jsonout_named_int(out, "maxLength", request_fields[i].max);
    jsonout_close(out, '}');
    jsonout_close(out, '}');
}

void openapi_add_request_fields(struct buf *out)
{
    jsonout_named(out, "parameters", '{');
    for (size_t i = 0; i < REQUEST_FIELDS; i++)
        add_request_field(out, i);
    jsonout_close(out, '}');
}

static void add_reference(struct buf *out, const char *kind, const char *name)
{
    jsonout_open(out, '{');
    jsonout_name(out, "$ref");
    buf_printf(out, "\"#/components/%s/%s\"", kind, name);
    jsonout_close(out, '}');
}

void openapi_add_route_fields(struct buf *out, const struct route *route)
{
    for (size_t i = 0; i < REQUEST_FIELDS; i++)
        if (request_fields[i].of(route))
            add_reference(out, "parameters", request_fields[i].key);
}

/* ---- of replies ---- */

static bool on_all(const struct route *route, int status)
{
    (void)route;
    (void)status;
    return true;
}

/* Success has the tag; "not modified" repeats it. */
static bool on_tagged(const struct route *route, int status)
{
    return status == 304 || (route != NULL && route_has_tag(route));
}

static bool on_page(const struct route *route, int status)
{
    return status == 304 || (route != NULL && route->shape == REPLY_PAGE);
}

static bool on_elsewhere(const struct route *route, int status)
{
    (void)route;
    return status == 201 || status == 302;
}

static bool on_limited(const struct route *route, int status)
{
    (void)status;
    return route == NULL || !route->unlimited;
}

static bool on_unavailable(const struct route *route, int status)
{
    (void)route;
    return status == 503 || status == 429;
}

/* 400: the key is given twice, or is none. */
static bool on_challenge(const struct route *route, int status)
{
    (void)route;
    return status == 400 || status == 401 || status == 403;
}

static bool on_other_method(const struct route *route, int status)
{
    (void)route;
    return status == 405;
}

static bool on_no_store(const struct route *route, int status)
{
    (void)status;
    return route != NULL && route->no_store;
}

static bool on_feed(const struct route *route, int status)
{
    return route != NULL && route->feed != NULL && status == 200;
}

static const struct {
    const char *name, *about;
    bool (*on)(const struct route *route, int status);
    const char *schema;
} reply_fields[] = {
    {"X-Request-Id", "that of the request, in the log as well", on_all, TEXT},
    {"X-Content-Type-Options", "always nosniff", on_all, TEXT},
    {"ETag", "for If-Match and If-None-Match", on_tagged, TEXT},
    {"Link", "next, prev and first page, as far as there are any (RFC 8288)", on_page, TEXT},
    {"Location", "where the new record is, or what was asked for", on_elsewhere, TEXT},
    {"Retry-After", "seconds until it is worth asking again", on_unavailable,
     "{\"type\":\"integer\",\"minimum\":1}"},
    {"RateLimit",
     "what is left to the caller, where there are limits (draft-ietf-httpapi-ratelimit-headers-11)",
     on_limited, TEXT},
    {"RateLimit-Policy", "beside it: what each caller may", on_limited, TEXT},
    {"WWW-Authenticate", "what is wrong with the API key, and the scope that it lacks (RFC 6750)",
     on_challenge, TEXT},
    {"Allow", "the methods that the path has", on_other_method, TEXT},
    {"Cache-Control", "no-store: the answer holds for this moment alone", on_no_store, TEXT},
    {"Access-Control-Allow-Origin", "the Origin of the request, where --cors-origins names it", on_all, TEXT},
    {"Access-Control-Expose-Headers", "beside it: what scripts may read", on_all, TEXT},
    {"X-Accel-Buffering", "no: nginx is to pass on what comes at once", on_feed, TEXT},
};

#define REPLY_FIELDS (sizeof reply_fields / sizeof reply_fields[0])

void openapi_add_reply_fields(struct buf *out)
{
    jsonout_named(out, "headers", '{');
    for (size_t i = 0; i < REPLY_FIELDS; i++) {
        jsonout_named(out, reply_fields[i].name, '{');
        jsonout_named_text(out, "description", reply_fields[i].about);
        jsonout_named_raw(out, "schema", reply_fields[i].schema);
        jsonout_close(out, '}');
    }
    jsonout_close(out, '}');
}

void openapi_add_headers(struct buf *out, const struct route *route, int status)
{
    jsonout_named(out, "headers", '{');
    for (size_t i = 0; i < REPLY_FIELDS; i++)
        if (reply_fields[i].on(route, status)) {
            jsonout_name(out, reply_fields[i].name);
            add_reference(out, "headers", reply_fields[i].name);
        }
    jsonout_close(out, '}');
}
