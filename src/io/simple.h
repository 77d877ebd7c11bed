/* A store in the process: a table bounded in bytes, in which the least recently used makes room. */
#ifndef ROWLOCK_IO_SIMPLE_H
#define ROWLOCK_IO_SIMPLE_H

#include <stddef.h>

#include "io/store.h"

#define SIMPLE_BYTES_MAX ((size_t)16 << 20)

struct store *simple_new(size_t bytes_max);

/* What its entries take, their bookkeeping included. */
size_t simple_bytes(const struct store *store);

#endif
