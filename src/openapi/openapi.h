/* The OpenAPI 3.1 document of the routes that are served, made of what the server itself goes by: routes, their fields,
 * and the columns of their statements. The same apps give the same bytes. */
#ifndef ROWLOCK_OPENAPI_H
#define ROWLOCK_OPENAPI_H

#include "base/buf.h"
#include "core/app.h"

#define OPENAPI_SIZE_MAX ((size_t)4 << 20)

/* apps ends with NULL. */
void openapi_write(struct buf *out, const struct settings *settings, const struct app *const *apps);

#endif
