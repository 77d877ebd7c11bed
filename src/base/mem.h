/* Allocation of sizes that we choose: running out of them ends the process with one line, so callers need
 * no path for it. Sizes that a client chooses go through buf and arena, which have a maximum. */
#ifndef ROWLOCK_BASE_MEM_H
#define ROWLOCK_BASE_MEM_H

#include <stddef.h>

void *mem_new(size_t size);                 /* zeroed; free() releases it */
void *mem_array(size_t count, size_t size); /* zeroed */
void *mem_raw(size_t size);                 /* not zeroed */
void *mem_resize(void *memory, size_t size);
char *mem_dup(const char *string);                 /* NULL gives NULL */
char *mem_dup_n(const char *bytes, size_t length); /* NUL-terminated copy */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
