/* Reads that are shared. Identical GETs that were not sent yet ride on one query and get one serialised body; one
 * that comes after the query was sent waits for the next. So nobody sees less than what was committed before he
 * asked, and the database reads each thing at most once at a time. */
#ifndef ROWLOCK_CORE_SHARED_H
#define ROWLOCK_CORE_SHARED_H

#include "core/request.h"

struct shared;

struct shared *shared_new(struct server *server);
void shared_free(struct shared *shared);

/* Joins or starts the read; the reply follows, by the request's route. Parameters are copied. */
void shared_start(struct shared *shared, struct request *request, const struct statement *statement,
                  const struct db_param *params);

/* The request leaves its read. */
void shared_leave(struct request *request);

/* True when the request's read was not sent yet. */
bool shared_unsent(const struct request *request);

#endif
