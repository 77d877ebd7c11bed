/* A store in memcached, by its text protocol (doc/protocol.txt of memcached). */
#ifndef ROWLOCK_IO_MEMCACHED_H
#define ROWLOCK_IO_MEMCACHED_H

#include "base/cacheurl.h"
#include "io/loop.h"
#include "io/store.h"

struct store *memcached_new(struct loop *loop, const struct cacheurl *url); /* the url must outlive it */

#endif
