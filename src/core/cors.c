/* An origin of the setting must be written as browsers write it (is_origin), so that one comparison of bytes decides.
 * */
#include <config.h>

#include "core/cors.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "http/http_host.h"

/* What scripts send to routes, and what they may read of replies beyond what they always may. */
#define SENT                                                                                                 \
    "Content-Type, Accept, Authorization, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "         \
    "X-Api-Key, X-Request-Id"
#define READ                                                                                                 \
    "ETag, Link, Location, Retry-After, Allow, WWW-Authenticate, X-Request-Id, RateLimit, RateLimit-Policy"
#define PREFLIGHT_S "7200" /* no browser keeps it for longer than two hours */

static bool is_settled_host(struct slice text, int default_port)
{
    struct http_host host;
    for (size_t i = 0; i < text.len; i++)
        if (isupper((unsigned char)text.ptr[i]))
            return false;
    if (text.len == 0 || !http_host_parse(text, &host) || host.port == default_port || host.port == 0)
        return false;
    return host.name.len == text.len || (host.port > 0 && text.ptr[host.name.len + 1] != '0');
}

static bool is_origin(struct slice text)
{
    struct slice http = SLICE("http://"), https = SLICE("https://");
    if (text.len > https.len && memcmp(text.ptr, https.ptr, https.len) == 0)
        return is_settled_host((struct slice){text.ptr + https.len, text.len - https.len}, 443);
    return text.len > http.len && memcmp(text.ptr, http.ptr, http.len) == 0 &&
           is_settled_host((struct slice){text.ptr + http.len, text.len - http.len}, 80);
}

bool cors_parse(const char *text, struct cors *cors, const char **right)
{
    struct slice rest = slice_of(text);
    *cors = (struct cors){NULL, 0};
    cors->origins = mem_array(rest.len + 1, sizeof *cors->origins);
    *right = "it must be origins by comma, each as browsers write it: http:// or https://, the host in lower "
             "case, "
             "the port unless it is the scheme's, and nothing behind it";
    while (rest.len > 0) {
        struct slice one = text_take(&rest, ',');
        if (!is_origin(one))
            return false;
        cors->origins[cors->count++] = mem_dup_n(one.ptr, one.len);
    }
    return true;
}

void cors_fini(struct cors *cors)
{
    for (size_t i = 0; i < cors->count; i++)
        free(cors->origins[i]);
    free(cors->origins);
    *cors = (struct cors){NULL, 0};
}

bool cors_allows(const struct cors *cors, const struct http_head *head)
{
    struct slice origin = cors->count > 0 ? http_head_field(head, SLICE("Origin")) : SLICE("");
    for (size_t i = 0; origin.len > 0 && i < cors->count; i++)
        if (slice_equal(slice_of(cors->origins[i]), origin))
            return true;
    return false;
}

bool cors_is_preflight(const struct cors *cors, const struct http_head *head)
{
    return head->method == HTTP_OPTIONS && cors_allows(cors, head) &&
           http_head_field(head, SLICE("Access-Control-Request-Method")).len > 0;
}

/* What is cached for one origin must not be given to another, so all replies say that it matters. */
void cors_add_fields(const struct cors *cors, const struct http_head *head, struct buf *fields)
{
    if (cors->count == 0)
        return;
    buf_add_string(fields, "Vary: Origin\r\n");
    if (head == NULL || !cors_allows(cors, head))
        return;
    struct slice origin = http_head_field(head, SLICE("Origin"));
    buf_printf(fields, "Access-Control-Allow-Origin: %.*s\r\nAccess-Control-Expose-Headers: " READ "\r\n",
               (int)origin.len, origin.ptr);
}

void cors_add_preflight(struct buf *fields, const char *methods)
{
    buf_printf(fields,
               "Access-Control-Allow-Methods: %s\r\nAccess-Control-Allow-Headers: " SENT
               "\r\nAccess-Control-Max-Age: " PREFLIGHT_S "\r\n",
               methods);
}
