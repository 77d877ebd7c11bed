/* From HTTP to what a request waits for: it is understood, routed and validated, and then started by its route. */
#ifndef ROWLOCK_CORE_DISPATCH_H
#define ROWLOCK_CORE_DISPATCH_H

#include "core/request.h"

/* What HTTP calls for each request; see struct http_handlers. */
void dispatch_on_request(struct http_request *http, void *server);
bool dispatch_on_head(struct http_request *http, void *server);

/* Gets the answer of the statement for the request, by the first of these that may be: from the cache if the route is
 * kept, by a read that is shared if it is a GET and the statement takes no sets, by the route's once if the request has
 * an Idempotency-Key, by a call. The reply follows, by the route's write or shape. Parameters are copied; their texts
 * must last as long as the request. */
void dispatch(struct request *request, const struct statement *statement, const struct db_param *params);

#endif
