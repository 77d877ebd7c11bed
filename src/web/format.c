/* Each format is a function, found by its number (format_add). */
#include <config.h>

#include "web/format.h"

#include <ctype.h>

#include "base/text.h"

static bool begins(struct slice text, const char *start)
{
    size_t length = strlen(start);
    return text.len >= length && strncasecmp(text.ptr, start, length) == 0;
}

/* "//host" and "/\host" are another server's. */
static bool is_own(struct slice text)
{
    if (begins(text, "?") || begins(text, "#"))
        return true;
    return begins(text, "/") && (text.len == 1 || (text.ptr[1] != '/' && text.ptr[1] != '\\'));
}

static void add_link(struct buf *out, struct slice text)
{
    bool good = is_own(text) || begins(text, "http://") || begins(text, "https://");
    buf_add_slice(out, good ? text : SLICE("#"));
}

/* The first letters of the first word and of the last. Bytes of characters beyond ASCII are letters; a character is
 * never cut. */
static size_t character(struct slice text, size_t at)
{
    size_t length = 1;
    while (at + length < text.len && ((unsigned char)text.ptr[at + length] & 0xc0) == 0x80)
        length++;
    return length;
}

static bool begins_word(struct slice text, size_t at)
{
    unsigned char c = (unsigned char)text.ptr[at], before = at > 0 ? (unsigned char)text.ptr[at - 1] : ' ';
    bool letter = isalnum(c) || c >= 0xc0, behind = isalnum(before) || before >= 0x80;
    return letter && !behind;
}

static void add_initial(struct buf *out, struct slice text, size_t at)
{
    if (character(text, at) == 1)
        buf_add_char(out, (char)toupper((unsigned char)text.ptr[at]));
    else
        buf_add(out, text.ptr + at, character(text, at));
}

static void add_initials(struct buf *out, struct slice text)
{
    size_t first = text.len, last = text.len;
    for (size_t i = 0; i < text.len; i++)
        if (begins_word(text, i)) {
            first = first == text.len ? i : first;
            last = i;
        }
    if (first == text.len)
        return;
    add_initial(out, text, first);
    if (last != first)
        add_initial(out, text, last);
}

static bool is_digits(struct slice text)
{
    bool all = text.len > 0;
    for (size_t i = 0; all && i < text.len; i++)
        all = isdigit((unsigned char)text.ptr[i]);
    return all;
}

static void add_groups(struct buf *out, struct slice text, const char *between)
{
    bool grouped = is_digits(text);
    for (size_t i = 0; i < text.len; i++) {
        if (grouped && i > 0 && (text.len - i) % 3 == 0)
            buf_add_string(out, between);
        buf_add_char(out, text.ptr[i]);
    }
}

static void add_thousands(struct buf *out, struct slice text)
{
    add_groups(out, text, ",");
}

static void add_milliers(struct buf *out, struct slice text)
{
    add_groups(out, text, "\u202f");
}

static void add_km(struct buf *out, struct slice text)
{
    int64_t metres;
    if (text_int(text, &metres) != TEXT_NUMBER_OK || metres < 0) {
        buf_add_slice(out, text);
    } else if (metres < 10000) {
        buf_printf(out, "%lld.%lld km", (long long)metres / 1000, (long long)(metres % 1000) / 100);
    } else {
        add_thousands(out, (struct slice){text.ptr, text.len - 3});
        buf_add_string(out, " km");
    }
}

static void add_time(struct buf *out, struct slice text)
{
    bool known = text.len >= 17 && text.ptr[10] == 'T' && text.ptr[text.len - 1] == 'Z';
    if (!known) {
        buf_add_slice(out, text);
        return;
    }
    buf_add(out, text.ptr, 10);
    buf_add_char(out, ' ');
    buf_add(out, text.ptr + 11, 5);
    buf_add_string(out, " UTC");
}

void format_add(struct buf *out, enum format format, struct slice text)
{
    static void (*const adds[])(struct buf *, struct slice) = {[FORMAT_NONE] = buf_add_slice,
                                                               [FORMAT_URL] = text_add_percent_encoded,
                                                               [FORMAT_LINK] = add_link,
                                                               [FORMAT_INITIALS] = add_initials,
                                                               [FORMAT_THOUSANDS] = add_thousands,
                                                               [FORMAT_MILLIERS] = add_milliers,
                                                               [FORMAT_KM] = add_km,
                                                               [FORMAT_TIME] = add_time};
    adds[format](out, text);
}
