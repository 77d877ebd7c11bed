/* From HTTP to a route: a request is understood, routed and validated, and then started. */
#ifndef ROWLOCK_CORE_DISPATCH_H
#define ROWLOCK_CORE_DISPATCH_H

#include "core/request.h"

struct door;

/* What HTTP calls for each request; see struct http_handlers. door: struct door of core/server_parts.h. */
void dispatch_on_request(struct http_request *http, void *door);
bool dispatch_on_head(struct http_request *http, void *door);

#endif
