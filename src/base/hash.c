/* A hash by folded multiplication: 16 bytes a step, then what is left and the length. */
#include <config.h>

#include "base/hash.h"

#define KEY_A UINT64_C(0xa0761d6478bd642f)
#define KEY_B UINT64_C(0xe7037ed1a0b428db)

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const char *at, size_t count)
{
    uint64_t word = 0;
    memcpy(&word, at, count);
    return word;
}

uint64_t hash_bytes(struct slice bytes, uint64_t seed)
{
    uint64_t hash = seed ^ KEY_A;
    size_t i = 0;
    for (; i + 16 <= bytes.len; i += 16)
        hash = mix(load(bytes.ptr + i, 8) ^ KEY_B, load(bytes.ptr + i + 8, 8) ^ hash);
    size_t rest = bytes.len - i, low = rest < 8 ? rest : 8;
    if (rest > 0)
        hash = mix(load(bytes.ptr + i, low) ^ KEY_B, load(bytes.ptr + i + low, rest - low) ^ hash);
    return mix(hash ^ KEY_A, bytes.len ^ KEY_B);
}
