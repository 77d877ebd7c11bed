/* Allocation that does not fail: without memory the process ends with one line. */
#include <config.h>

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("rowlock: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *mem_new(size_t size)
{
    return must(calloc(1, size));
}

void *mem_array(size_t count, size_t size)
{
    return must(calloc(count == 0 ? 1 : count, size));
}

void *mem_raw(size_t size)
{
    return must(malloc(size));
}

void *mem_resize(void *memory, size_t size)
{
    return must(realloc(memory, size));
}

char *mem_dup(const char *string)
{
    return string == NULL ? NULL : must(strdup(string));
}

char *mem_dup_n(const char *bytes, size_t length)
{
    char *copy = mem_raw(length + 1);
    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *mem_printf(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return must(length < 0 ? NULL : text);
}
