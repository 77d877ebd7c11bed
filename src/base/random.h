/* Random numbers for sample data and for the ids of traces; never for secrets. */
#ifndef ROWLOCK_BASE_RANDOM_H
#define ROWLOCK_BASE_RANDOM_H

#include <stdint.h>

uint64_t random_bits(void);                     /* any number but 0 */
double random_between(double low, double high); /* low <= number < high */
int64_t random_int(int64_t min, int64_t max);   /* both included */

#endif
