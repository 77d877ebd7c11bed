/* The head of an HTTP/1.1 request, strictly (RFC 9112 sections 2 to 7, RFC 9110 section 5). Pure functions over
 * memory: no copying, no allocation. What other parsers might read differently is refused, because two readers
 * of one stream that disagree are how requests are smuggled. */
#ifndef ROWLOCK_HTTP_PARSE_H
#define ROWLOCK_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define HTTP_LINE_MAX 8192u  /* request line; longer: 414 */
#define HTTP_HEAD_MAX 16384u /* request line and fields; longer: 431 */
#define HTTP_FIELDS_MAX 100u /* more: 431 */
#define HTTP_BODY_MAX 65536u /* longer: 413 */

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_TRACE,
    HTTP_CONNECT,
    HTTP_METHODS,
};

const char *http_method_name(enum http_method method);

struct http_field {
    struct slice name, value; /* value without the white space around it */
};

struct http_head {
    enum http_method method;
    struct slice host;  /* Host, or the authority of an absolute target, which wins; .ptr NULL: neither */
    struct slice path;  /* as sent, percent-encoded, begins with "/"; "*" for OPTIONS of the whole server */
    struct slice query; /* as sent, without "?"; .ptr NULL when there is none */
    int minor;          /* HTTP/1.minor; 1 for what is higher */
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t field_count;
    bool keep_alive;
    bool chunked;
    bool expect_continue;
    int64_t content_length; /* 0 when there is none */
};

/* The end of the head in bytes[0, length): its length with the empty line, 0 when it has not come yet. *seen
 * remembers how far was looked, so that a head in many pieces is searched once; it starts at 0. Lenient about
 * line ends on purpose: what ends a head for anybody must not be waited for, it is refused by http_parse. */
size_t http_head_end(const char *bytes, size_t length, size_t *seen);

struct http_refusal {
    int status; /* 400, 417, 431, 501, 505 */
    const char *detail;
};

/* Parses one head of exactly length bytes. True, or false with *refusal; the connection must then be closed. */
bool http_parse(const char *bytes, size_t length, struct http_head *head, struct http_refusal *refusal);

/* The path and the query of a target that begins with "/", or is "*". */
void http_head_set_target(struct http_head *head, struct slice target);

/* The value of a field, the last one where it was sent more than once; .ptr NULL when it was not sent. */
struct slice http_head_field(const struct http_head *head, struct slice name);

/* By the code of a character: may it stand in a token, such as the name of a field? */
extern const bool http_token_char[256];

#endif
