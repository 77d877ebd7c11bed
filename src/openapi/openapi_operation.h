/* A route as an operation. */
#ifndef ROWLOCK_OPENAPI_OPERATION_H
#define ROWLOCK_OPENAPI_OPERATION_H

#include "base/buf.h"
#include "core/app.h"

/* The member of its path. */
void openapi_add_operation(struct buf *out, const struct settings *settings, const struct app *app,
                           const struct route *route);

#endif
