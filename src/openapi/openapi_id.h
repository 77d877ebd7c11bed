/* What an operation is called: its method and the words of its path. */
#ifndef ROWLOCK_OPENAPI_ID_H
#define ROWLOCK_OPENAPI_ID_H

#include "base/buf.h"
#include "core/route.h"

void openapi_add_id(struct buf *out, const struct route *route); /* as a string */

#endif
