/* Memory of one request, in blocks. arena_alloc takes from the newest block and adds another when it is full;
 * arena_reset frees all but the first. */
#include <config.h>

#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ARENA_FIRST_BLOCK 2048
#define ARENA_BLOCK 8192

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    alignas(max_align_t) char data[];
};

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block = mem_resize(NULL, sizeof *block + size);
    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

void arena_init(struct arena *arena)
{
    arena->first = arena->current = NULL;
}

void arena_reset(struct arena *arena)
{
    if (arena->first == NULL)
        return;
    while (arena->first->next != NULL) {
        struct arena_block *block = arena->first->next;
        arena->first->next = block->next;
        free(block);
    }
    arena->first->used = 0;
    arena->current = arena->first;
}

void arena_fini(struct arena *arena)
{
    arena_reset(arena);
    free(arena->first);
    arena_init(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_block *block = arena->current;
    if (block == NULL || block->size - block->used < size) {
        size_t wanted = block == NULL ? ARENA_FIRST_BLOCK : ARENA_BLOCK;
        struct arena_block *fresh = block_new(size > wanted ? size : wanted);
        if (block == NULL)
            arena->first = fresh;
        else
            block->next = fresh;
        arena->current = block = fresh;
    }
    void *memory = block->data + block->used;
    block->used += size;
    return memory;
}

struct slice arena_dup(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return (struct slice){copy, text.len};
}

const char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = arena_alloc(arena, (size_t)(length < 0 ? 0 : length) + 1);
    text[0] = '\0';
    if (length > 0)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}
