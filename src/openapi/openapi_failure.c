/* One table: the status, when it comes, and of which routes. */
#include <config.h>

#include "openapi/openapi_failure.h"

#include <ctype.h>
#include <stdio.h>

#include "base/jsonout.h"
#include "core/reply.h"
#include "openapi/openapi_field.h"
#include "openapi/openapi_schema.h"

static bool of_all(const struct route *route)
{
    (void)route;
    return true;
}

/* What no operation of the document can be answered with: the request is another one. */
static bool of_none(const struct route *route)
{
    (void)route;
    return false;
}

static bool of_scoped(const struct route *route)
{
    return route->scope != SCOPE_OPEN;
}

static bool of_writes(const struct route *route)
{
    return route->method != HTTP_GET;
}

/* All operations that change something have a scope. */
static bool of_forbidden(const struct route *route)
{
    return of_scoped(route) || of_writes(route);
}

static bool of_missing(const struct route *route)
{
    return route->missing != NULL;
}

static bool of_conditional(const struct route *route)
{
    return route_has_read_conditions(route) || route_has_write_conditions(route);
}

static bool of_bodies(const struct route *route)
{
    return route->body != NULL;
}

static bool of_keys(const struct route *route)
{
    return route->once != NULL;
}

static bool of_named(const struct route *route)
{
    return !route->any_host;
}

static bool of_limited(const struct route *route)
{
    return !route->unlimited;
}

static bool of_database(const struct route *route)
{
    return route->statement != NULL;
}

static const struct {
    int status;
    const char *about;
    bool (*of)(const struct route *route);
} failures[] = {
    {304, "What If-None-Match names is what there is.", route_has_read_conditions},
    {400, "The path, a parameter, a member or a header field is not right, or the request is refused.",
     of_all},
    {401, "There is no API key, or it is not known or has expired.", of_scoped},
    {403, "The API key lacks the scope, or a page of another site sent the request.", of_forbidden},
    {404, "There is no such record.", of_missing},
    {405, "The path has other methods.", of_none},
    {408, "The request did not arrive in time.", of_all},
    {412, "The record is not as If-Match or If-None-Match asks; nothing was changed.", of_conditional},
    {413, "The body is too long.", of_all},
    {414, "The request line is too long.", of_all},
    {415, "The body is not JSON, or it is compressed.", of_bodies},
    {417, "The request expects something else than 100-continue.", of_none},
    {421, "Host is none of the names that --hosts gives this server.", of_named},
    {422, "The Idempotency-Key was used with another body.", of_keys},
    {429, "The caller has sent more than --rate-limit, --max-concurrent or its key lets it.", of_limited},
    {431, "The header fields are too long or too many.", of_all},
    {500, "The server or the database could not do this; the log says why.", of_database},
    {501, "The method or the transfer coding is not known.", of_none},
    {503, "The database is away or busy. The message says whether something was changed.", of_database},
    {505, "The request is not HTTP/1.", of_none},
};

#define FAILURES (sizeof failures / sizeof failures[0])
#define NAME_MAX_LENGTH 64

/* "Not Found" to "NotFound". */
static void write_name(char out[NAME_MAX_LENGTH], int status)
{
    size_t used = 0;
    for (const char *c = http_reason(status); *c != '\0' && used < NAME_MAX_LENGTH - 1; c++)
        if (isalnum((unsigned char)*c))
            out[used++] = *c;
    out[used] = '\0';
}

static void add_failure(struct buf *out, size_t i)
{
    char name[NAME_MAX_LENGTH];
    write_name(name, failures[i].status);
    jsonout_named(out, name, '{');
    jsonout_named_text(out, "description", failures[i].about);
    openapi_add_headers(out, NULL, failures[i].status);
    if (failures[i].status != 304)
        jsonout_named_raw(out, "content", "{\"" REPLY_PROBLEM "\":{\"schema\":" OPENAPI_PROBLEM "}}");
    jsonout_close(out, '}');
}

void openapi_add_failures(struct buf *out)
{
    jsonout_named(out, "responses", '{');
    for (size_t i = 0; i < FAILURES; i++)
        add_failure(out, i);
    jsonout_close(out, '}');
}

void openapi_add_route_failures(struct buf *out, const struct route *route)
{
    char status[16], name[NAME_MAX_LENGTH];
    for (size_t i = 0; i < FAILURES; i++) {
        if (!failures[i].of(route) || failures[i].status == route->unfit)
            continue;
        snprintf(status, sizeof status, "%d", failures[i].status);
        write_name(name, failures[i].status);
        jsonout_named(out, status, '{');
        jsonout_name(out, "$ref");
        buf_printf(out, "\"#/components/responses/%s\"", name);
        jsonout_close(out, '}');
    }
}
