/* Which API key an operation needs: the ways to give one, and the scope that it must have. */
#ifndef ROWLOCK_OPENAPI_SECURITY_H
#define ROWLOCK_OPENAPI_SECURITY_H

#include "base/buf.h"
#include "core/app.h"

void openapi_add_schemes(struct buf *out); /* the member "securitySchemes" of components */

/* The member "security" of an operation: none in the one that needs none. That it goes without a key is one of the
 * choices where keys are not set, or where the settings say so (--anonymous). */
void openapi_add_security(struct buf *out, const struct settings *settings, const struct route *route);

#endif
