/* A store in the process: a table bounded in bytes, in which the least recently used makes room. */
#ifndef ROWLOCK_STORE_STORE_MEMORY_H
#define ROWLOCK_STORE_STORE_MEMORY_H

#include <stddef.h>

#include "store/store.h"

#define STORE_MEMORY_BYTES_MAX ((size_t)16 << 20)

struct store *store_memory_new(size_t bytes_max);

/* What its entries take, their bookkeeping included. */
size_t store_memory_bytes(const struct store *store);

#endif
