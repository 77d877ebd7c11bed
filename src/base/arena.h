/* Memory of one request: taken piece by piece, given back all at once. The first block is kept between
 * resets, so an ordinary request allocates nothing. */
#ifndef ROWLOCK_BASE_ARENA_H
#define ROWLOCK_BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *first, *current;
};

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);  /* frees every block */
void arena_reset(struct arena *arena); /* keeps the first block */

void *arena_alloc(struct arena *arena, size_t size); /* aligned for any type, not zeroed; never NULL */
struct slice arena_dup(struct arena *arena, struct slice text); /* a NUL follows the copy */
const char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
