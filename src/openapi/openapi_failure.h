/* Replies other than success: which route can give which, and what they look like. */
#ifndef ROWLOCK_OPENAPI_FAILURE_H
#define ROWLOCK_OPENAPI_FAILURE_H

#include "base/buf.h"
#include "core/route.h"

void openapi_add_failures(struct buf *out); /* the member "responses" of components */

/* References to those that the route can give, as members of an open object. */
void openapi_add_route_failures(struct buf *out, const struct route *route);

#endif
