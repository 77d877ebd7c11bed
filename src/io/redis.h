/* A store in Redis. hiredis is seen by redis.c alone. */
#ifndef ROWLOCK_IO_REDIS_H
#define ROWLOCK_IO_REDIS_H

#include "base/cacheurl.h"
#include "io/loop.h"
#include "io/store.h"

struct store *redis_new(struct loop *loop, const struct cacheurl *url); /* the url must outlive it */

#endif
