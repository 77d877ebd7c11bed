/* From the reply that has a new record to what can be done with it. */
#ifndef ROWLOCK_OPENAPI_LINK_H
#define ROWLOCK_OPENAPI_LINK_H

#include "base/buf.h"
#include "core/app.h"

/* The member "links" of the route's success; nothing where no other route of the app takes the record's id. */
void openapi_add_links(struct buf *out, const struct app *app, const struct route *route);

#endif
