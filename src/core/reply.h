/* What goes back: a status, header fields, a body. Problems are documents (RFC 9457) with one member more, error,
 * which repeats the message for the clients of the services that Rowlock replaces. */
#ifndef ROWLOCK_CORE_REPLY_H
#define ROWLOCK_CORE_REPLY_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/buf.h"
#include "core/coding.h"
#include "core/etag.h"
#include "core/route.h"

#define REPLY_JSON "application/json"
#define REPLY_PROBLEM "application/problem+json"

struct reply {
    int status;
    const char *content_type; /* NULL: no body */
    struct buf fields;        /* "Name: value\r\n" each */
    struct buf body;
    char etag[ETAG_SIZE];  /* of a body that has one; "" else */
    struct coding *coding; /* of the body; NULL: it has no gzip form. Not owned */
    struct slice gzip;     /* the gzip form, where it was made before; .ptr NULL else. Not owned */
    bool has_link;         /* the last of fields is Link */
    bool close;
    bool refused; /* the caller asks for more than its share: http.h, pause */
};

void reply_init(struct reply *reply);
void reply_fini(struct reply *reply);

/* Empties it for the next reply: 200 and JSON. */
void reply_clear(struct reply *reply);

/* Replaces what was written by a problem document. A 503 also says when to try again. */
void reply_problem(struct reply *reply, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reply_problem_v(struct reply *reply, int status, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* Adds a target to the reply's Link field (RFC 8288). */
void reply_add_link(struct reply *reply, const char *rel, const char *target_format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tags the reply as it stands now: a strong tag is of the body, a weak one of Link as well. */
void reply_add_etag(struct reply *reply, enum etag_strength strength);

/* Whether clients that take gzip get another form of it than all others do. */
bool reply_has_forms(const struct reply *reply);

/* The database did not make the change that was asked for, because of a trigger or rule of its owner. The caller cannot
 * mend that: 500, and a line in the log. */
void reply_not_made(struct reply *reply, const char *statement);

/* The one place that maps errors of the database to statuses. Writes the problem, and a line in the log unless the
 * caller is at fault. values are those of the caller's request; route is NULL when there are several callers. */
void reply_db_error(struct reply *reply, const struct route *route, const struct value *values,
                    const struct statement *statement, const struct db_answer *answer);

#endif
