/* A growing buffer. Whatever adds to it asks buf_room first, which grows the memory or sets failed; what is added to a
 * buffer that has failed is dropped. */
#include <config.h>

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = BUF_INIT(buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

void buf_trim(struct buf *buf, size_t keep)
{
    if (buf->len == 0 && buf->cap > keep)
        buf_fini(buf);
}

void buf_drop(struct buf *buf, size_t count)
{
    if (count < buf->len)
        memmove(buf->data, buf->data + count, buf->len - count);
    buf->len -= count;
}

char *buf_room(struct buf *buf, size_t count)
{
    if (buf->failed)
        return NULL;
    if (buf->cap - buf->len >= count)
        return buf->data + buf->len;
    if (count > buf->max - buf->len) {
        buf->failed = true;
        return NULL;
    }
    size_t cap = buf->cap == 0 ? 512 : buf->cap;
    while (cap - buf->len < count)
        cap *= 2;
    if (cap > buf->max)
        cap = buf->max; /* what is asked for fits, as was tested above */
    char *data = realloc(buf->data, cap);
    if (data == NULL) {
        buf->failed = true;
        return NULL;
    }
    buf->data = data;
    buf->cap = cap;
    return data + buf->len;
}

char *buf_text(struct buf *buf)
{
    char *end = buf_room(buf, 1);
    if (end == NULL)
        return NULL;
    *end = '\0';
    return buf->data;
}

void buf_add(struct buf *buf, const void *bytes, size_t count)
{
    if (count == 0)
        return;
    char *room = buf_room(buf, count);
    if (room == NULL)
        return;
    memcpy(room, bytes, count);
    buf->len += count;
}

void buf_add_slice(struct buf *buf, struct slice text)
{
    buf_add(buf, text.ptr, text.len);
}

void buf_add_string(struct buf *buf, const char *string)
{
    buf_add(buf, string, strlen(string));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_add_int(struct buf *buf, int64_t number)
{
    char digits[24];
    char *end = digits + sizeof digits, *at = end;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0)
        *--at = '-';
    buf_add(buf, at, (size_t)(end - at));
}

void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    size_t spare = buf->failed ? 0 : buf->cap - buf->len;
    int length = vsnprintf(spare == 0 ? NULL : buf->data + buf->len, spare, format, arguments);
    buf->failed |= length < 0;
    char *room = buf_room(buf, (size_t)length + 1);
    if (room != NULL && (size_t)length >= spare) /* it did not fit there */
        vsnprintf(room, (size_t)length + 1, format, again);
    if (room != NULL)
        buf->len += (size_t)length;
    va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

void buf_add_json(struct buf *buf, struct slice text)
{
    static const char hex[] = "0123456789abcdef", letters[] = "\"\\bfnrt";
    static const char short_ones[] = {'"', '\\', '\b', '\f', '\n', '\r', '\t'};
    buf_add_char(buf, '"');
    size_t plain = 0; /* [plain, i) is what needs no escape and is not yet written */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(buf, text.ptr + plain, i - plain);
        plain = i + 1;
        const char *found = memchr(short_ones, c, sizeof short_ones);
        const char escape[] = {
            '\\', found != NULL ? letters[found - short_ones] : 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        buf_add(buf, escape, found != NULL ? 2 : sizeof escape);
    }
    buf_add(buf, text.ptr + plain, text.len - plain);
    buf_add_char(buf, '"');
}
