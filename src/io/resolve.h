/* Host names to addresses without blocking the loop: getaddrinfo in a thread of its own. */
#ifndef ROWLOCK_IO_RESOLVE_H
#define ROWLOCK_IO_RESOLVE_H

#include "io/loop.h"

struct resolve;

/* address is a list of numeric addresses by comma, in the system's order, or NULL with an error; called once, never
 * before resolve_start has returned. */
typedef void resolve_cb(const char *address, const char *error, void *argument);

struct resolve *resolve_start(struct loop *loop, const char *name, resolve_cb *callback, void *argument);

/* No callback any more; the thread ends by itself when the system gives up. NULL is harmless. */
void resolve_cancel(struct resolve *resolve);

#endif
