/* Header fields: those that operations look at, and those that replies have. */
#ifndef ROWLOCK_OPENAPI_FIELD_H
#define ROWLOCK_OPENAPI_FIELD_H

#include "base/buf.h"
#include "core/route.h"

void openapi_add_request_fields(struct buf *out); /* the member "parameters" of components */
void openapi_add_reply_fields(struct buf *out);   /* the member "headers" */

/* References to those of a route, as members of an open array. */
void openapi_add_route_fields(struct buf *out, const struct route *route);

/* The member "headers" of a reply with that status. route is NULL for what all routes share. */
void openapi_add_headers(struct buf *out, const struct route *route, int status);

#endif
