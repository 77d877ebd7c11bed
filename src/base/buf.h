/* A growing byte buffer that is born with its maximum. A failure sticks: write ten things, test once. */
#ifndef ROWLOCK_BASE_BUF_H
#define ROWLOCK_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct buf {
    char *data; /* owned; NULL while empty */
    size_t len, cap;
    size_t max;  /* never grows past this */
    bool failed; /* something did not fit: the content is useless */
};

#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})

void buf_fini(struct buf *buf);               /* frees the memory; the buffer may be used again */
void buf_clear(struct buf *buf);              /* forgets the content and the failure, keeps the memory */
void buf_trim(struct buf *buf, size_t keep);  /* gives the memory back when empty and larger than keep */
void buf_drop(struct buf *buf, size_t count); /* removes count bytes from the front */

/* Room for count more bytes, or NULL (and failed). The caller writes there and adds to len. */
char *buf_room(struct buf *buf, size_t count);

void buf_add(struct buf *buf, const void *bytes, size_t count);
void buf_add_slice(struct buf *buf, struct slice text);
void buf_add_string(struct buf *buf, const char *string);
void buf_add_char(struct buf *buf, char c);
void buf_add_int(struct buf *buf, int64_t number);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* A JSON string with its quotes (RFC 8259 section 7); the text must be UTF-8. */
void buf_add_json(struct buf *buf, struct slice text);

/* The content as a C string, the buffer's own: the NUL behind it is no part of the content. NULL when it has failed. */
char *buf_text(struct buf *buf);

static inline struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->data, buf->len};
}

#endif
