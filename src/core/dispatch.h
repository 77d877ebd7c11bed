/* From HTTP to a route: a request is understood, routed and validated, and then started. */
#ifndef ROWLOCK_CORE_DISPATCH_H
#define ROWLOCK_CORE_DISPATCH_H

#include "core/request.h"

/* What HTTP calls for each request; see struct http_handlers. */
void dispatch_on_request(struct http_request *http, void *server);
bool dispatch_on_head(struct http_request *http, void *server);

#endif
