/* A store in memcached, by its text protocol (doc/protocol.txt of memcached). */
#ifndef ROWLOCK_STORE_MEMCACHED_H
#define ROWLOCK_STORE_MEMCACHED_H

#include "base/cacheurl.h"
#include "io/loop.h"
#include "store/store.h"

struct store *memcached_new(struct loop *loop, const struct cacheurl *url); /* the url must outlive it */

#endif
