/* A fast 64-bit hash of bytes, for entity tags and tables. Not for secrets: texts that collide can
 * be made. */
#ifndef ROWLOCK_BASE_HASH_H
#define ROWLOCK_BASE_HASH_H

#include <stdint.h>

#include "base/slice.h"

/* Folded multiplication as in wyhash (W. Yi, D. Y. Wang, "Modern Non-Cryptographic Hash Function and Pseudorandom
 * Number Generator", 2019). The seed chains several texts into one hash. */
uint64_t hash_bytes(struct slice bytes, uint64_t seed);

#endif
