/* A run of bytes with an owner elsewhere. Never NUL-terminated by promise. */
#ifndef ROWLOCK_BASE_SLICE_H
#define ROWLOCK_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *ptr;
    size_t len;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *string)
{
    return (struct slice){string, string != NULL ? strlen(string) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII case is ignored, as for header names and media types. Most that are not equal differ in length or in the first
 * byte, but for the bit that letters of both cases differ in. */
static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
    return a.len == b.len &&
           (a.len == 0 || ((a.ptr[0] | 0x20) == (b.ptr[0] | 0x20) && strncasecmp(a.ptr, b.ptr, a.len) == 0));
}

/* Copies the bytes to where there is room for them, and gives the place behind them. */
static inline char *slice_put(char *at, struct slice text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    return at + text.len;
}

#endif
