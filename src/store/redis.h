/* A store in Redis. hiredis is seen by redis.c alone. */
#ifndef ROWLOCK_STORE_REDIS_H
#define ROWLOCK_STORE_REDIS_H

#include "base/cacheurl.h"
#include "io/loop.h"
#include "store/store.h"

struct store *redis_new(struct loop *loop, const struct cacheurl *url); /* the url must outlive it */

#endif
