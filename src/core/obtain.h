/* What a request waits for, once its statement is known. */
#ifndef ROWLOCK_CORE_OBTAIN_H
#define ROWLOCK_CORE_OBTAIN_H

#include "core/request.h"

/* Gets the answer of the statement for the request, by the first of these that may be: from the cache if the route is
 * kept, by a read that is shared if it is a GET and the statement takes no sets, by the route's once if the request has
 * an Idempotency-Key, by a call. The reply follows, by the route's write or shape. Parameters are copied; their texts
 * must last as long as the request. */
void obtain_answer(struct request *request, const struct statement *statement, const struct db_param *params);

#endif
