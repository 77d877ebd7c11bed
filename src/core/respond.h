/* The answer of a request's own statement becomes its reply, and ends the request. */
#ifndef ROWLOCK_CORE_RESPOND_H
#define ROWLOCK_CORE_RESPOND_H

#include "core/request.h"

/* The done of the request's call; argument: the request. An answer without error is written by the route's write or
 * shape, an error as the problem that it is to the caller. Of a constraint that no statement declares the database is
 * asked first which columns it is about. */
void respond(struct call *call, const struct db_answer *answer, void *request);

#endif
