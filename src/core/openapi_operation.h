/* A route as an operation. */
#ifndef ROWLOCK_CORE_OPENAPI_OPERATION_H
#define ROWLOCK_CORE_OPENAPI_OPERATION_H

#include "base/buf.h"
#include "core/route.h"

/* The member of its path. tag: the app. */
void openapi_add_operation(struct buf *out, const struct route *route, const char *tag);

#endif
