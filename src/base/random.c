/* Random numbers by xorshift, seeded from the system once. */
#include <config.h>

#include "base/random.h"

#include <sys/random.h>

#include "base/clock.h"

/* xorshift64* (S. Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016). */
uint64_t random_bits(void)
{
    static uint64_t state;
    if (state == 0 && getrandom(&state, sizeof state, 0) != (long)sizeof state)
        state = (uint64_t)clock_now();
    state |= state == 0;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

double random_between(double low, double high)
{
    return low + (high - low) * (double)(random_bits() >> 11) / 9007199254740992.0;
}

int64_t random_int(int64_t min, int64_t max)
{
    return min + (int64_t)(random_bits() % ((uint64_t)(max - min) + 1));
}
