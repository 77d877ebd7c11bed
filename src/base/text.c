/* Readers of numbers, UTF-8 and percent-encoding. Each takes the whole text or refuses it. */
#include <config.h>

#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum text_number text_int(struct slice text, int64_t *number)
{
    size_t i = 0;
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (negative)
        i++;
    if (i == text.len)
        return TEXT_NUMBER_MALFORMED;
    uint64_t value = 0, limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    bool range = false;
    for (; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return TEXT_NUMBER_MALFORMED;
        unsigned digit = (unsigned)(text.ptr[i] - '0');
        if (range || value > (limit - digit) / 10)
            range = true;
        else
            value = value * 10 + digit;
    }
    if (range)
        return TEXT_NUMBER_RANGE;
    *number = negative ? (int64_t)(0 - value) : (int64_t)value;
    return TEXT_NUMBER_OK;
}

/* Digits in a row. */
static bool read_part(struct slice text, size_t at, size_t count, int64_t *number)
{
    return at + count <= text.len && text.ptr[at] != '-' &&
           text_int((struct slice){text.ptr + at, count}, number) == TEXT_NUMBER_OK;
}

/* Since 1970, in the Gregorian calendar: years begin in March, so that the day that comes and goes is their last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    month += month <= 2 ? 9 : -3;
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719468;
}

bool text_time(struct slice text, int64_t *nanoseconds)
{
    int64_t year, month, day, hour, minute, second, rest = 0, unit = 1000000000;
    if (!read_part(text, 0, 4, &year) || !read_part(text, 5, 2, &month) || !read_part(text, 8, 2, &day) ||
        !read_part(text, 11, 2, &hour) || !read_part(text, 14, 2, &minute) ||
        !read_part(text, 17, 2, &second))
        return false;
    for (size_t i = 20; text.len > 20 && text.ptr[19] == '.' && i < text.len && text.ptr[i] >= '0' &&
                        text.ptr[i] <= '9' && unit > 1;
         i++)
        rest += (text.ptr[i] - '0') * (unit /= 10);
    int64_t seconds = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return !__builtin_mul_overflow(seconds, 1000000000, nanoseconds) &&
           !__builtin_add_overflow(*nanoseconds, rest, nanoseconds);
}

static size_t digits(struct slice text, size_t at)
{
    size_t count = 0;
    while (at + count < text.len && isdigit((unsigned char)text.ptr[at + count]))
        count++;
    return count;
}

enum text_number text_double(struct slice text, double *number)
{
    size_t i = 0, n;
    char copy[64];
    if (i < text.len && (text.ptr[i] == '-' || text.ptr[i] == '+'))
        i++;
    if ((n = digits(text, i)) == 0)
        return TEXT_NUMBER_MALFORMED;
    i += n;
    if (i < text.len && text.ptr[i] == '.') {
        if ((n = digits(text, i + 1)) == 0)
            return TEXT_NUMBER_MALFORMED;
        i += n + 1;
    }
    if (i < text.len && (text.ptr[i] == 'e' || text.ptr[i] == 'E')) {
        i++;
        if (i < text.len && (text.ptr[i] == '-' || text.ptr[i] == '+'))
            i++;
        if ((n = digits(text, i)) == 0)
            return TEXT_NUMBER_MALFORMED;
        i += n;
    }
    if (i != text.len || text.len >= sizeof copy)
        return TEXT_NUMBER_MALFORMED;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *number = strtod(copy, NULL);
    return isfinite(*number) ? TEXT_NUMBER_OK : TEXT_NUMBER_RANGE;
}

void text_from_double(char *out, size_t size, double number)
{
    for (int digits_wanted = 15; digits_wanted <= 17; digits_wanted++) {
        snprintf(out, size, "%.*g", digits_wanted, number);
        if (strtod(out, NULL) == number)
            return;
    }
}

/* The length of the well-formed sequence at p (RFC 3629 section 4), or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return p[0] == 0 ? 0 : 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size_t need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (left < need)
        return 0;
    unsigned char low = 0x80,
                  high = 0xbf; /* of the second byte: no overlong forms, surrogates, nor past U+10FFFF */
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return need;
}

bool text_utf8(struct slice text, size_t *points)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t count = 0;
    for (size_t i = 0; i < text.len; count++) {
        size_t n = utf8_sequence(p + i, text.len - i);
        if (n == 0)
            return false;
        i += n;
    }
    if (points != NULL)
        *points = count;
    return true;
}

void text_end_at_character(char *text)
{
    size_t length = strlen(text), last = length;
    while (last > 0 && length - last < 3 && ((unsigned char)text[last - 1] & 0xc0) == 0x80)
        last--;
    if (last > 0 && utf8_sequence((const unsigned char *)text + last - 1, length - last + 1) == 0)
        text[last - 1] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool text_percent_decode(struct slice text, bool plus_is_space, char *out, size_t *length)
{
    size_t used = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[used++] = c;
    }
    *length = used;
    return text_utf8((struct slice){out, used}, NULL);
}

void text_percent_encode(struct slice text, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = hex[c >> 4];
            *out++ = hex[c & 15];
        }
    }
    *out = '\0';
}

void text_add_percent_encoded(struct buf *out, struct slice text)
{
    char *room = buf_room(out, 3 * text.len + 1);
    if (room == NULL)
        return;
    text_percent_encode(text, room);
    out->len += strlen(room);
}

struct slice text_trimmed(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = (struct slice){text.ptr + 1, text.len - 1};
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

struct slice text_take(struct slice *text, char separator)
{
    const char *end = text->len > 0 ? memchr(text->ptr, separator, text->len) : NULL;
    struct slice first = {text->ptr, end != NULL ? (size_t)(end - text->ptr) : text->len};
    size_t past = end != NULL ? first.len + 1 : first.len;
    *text = (struct slice){text->ptr + past, text->len - past};
    return text_trimmed(first);
}
