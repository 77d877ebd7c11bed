/* The access log in the formats that other programs read, on stdout: the Common Log Format, and the Combined one, which
 * has Referer and User-Agent as well (https://httpd.apache.org/docs/2.4/logs.html#accesslog). Lines are gathered, and
 * leave at the end of the loop turn; a reader that stalls costs lines, never a turn. */
#ifndef ROWLOCK_CORE_ACCESS_LOG_H
#define ROWLOCK_CORE_ACCESS_LOG_H

#include "base/buf.h"
#include "core/visitor.h"
#include "io/loop.h"

/* In the order of --access-log-format's words. */
enum access_log_format {
    ACCESS_LOG_AS_LOG, /* lines of the log, on stderr */
    ACCESS_LOG_COMMON,
    ACCESS_LOG_COMBINED,
};

struct access_log;

/* NULL for ACCESS_LOG_AS_LOG. */
struct access_log *access_log_new(struct loop *loop, enum access_log_format format);
void access_log_free(struct access_log *log); /* writes what has gathered; NULL is harmless */

struct access {
    const char *client; /* its address; "": none, as on a UNIX socket */
    const char *user;   /* the name of its API key, which is one word; NULL: none */
    const struct visitor *visitor;
    const char *method; /* "" when there is none */
    int status;
    uint64_t bytes; /* of the body that was sent */
};

/* The line of a request: every byte of a client's that could end it, or a text in it, is written as an escape. */
void access_log_line(struct buf *out, enum access_log_format format, const struct access *access);

void access_log_add(struct access_log *log, const struct access *access);

#endif
