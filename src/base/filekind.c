/* What kind of file it is, by its first bytes: known signatures, then UTF-16 by its zero bytes, then control
 * characters. */
#include <config.h>

#include "base/filekind.h"

#include <stdbool.h>
#include <string.h>

#define SAMPLE 4096u /* bytes that are looked at */

#define UTF16 "is UTF-16; save it as UTF-8"
#define UTF32 "is UTF-32; save it as UTF-8"
#define ARCHIVE "is compressed; unpack it first"

static const struct {
    const char *begin;
    size_t length;
    const char *kind;
} known[] = {
    {"\xff\xfe\0\0", 4, UTF32}, /* before UTF-16, which begins like it */
    {"\0\0\xfe\xff", 4, UTF32},
    {"\xff\xfe", 2, UTF16},
    {"\xfe\xff", 2, UTF16},
    {"PK\x03\x04", 4, "is a workbook or a ZIP archive; save the sheet as CSV in UTF-8"},
    {"\xd0\xcf\x11\xe0", 4, "is a workbook; save the sheet as CSV in UTF-8"},
    {"%PDF-", 5, "is a PDF"},
    {"\x1f\x8b", 2, ARCHIVE},
    {"BZh", 3, ARCHIVE},
    {"\xfd"
     "7zXZ",
     5, ARCHIVE},
    {"\x28\xb5\x2f\xfd", 4, ARCHIVE},
};

static bool begins(struct slice bytes, const char *with, size_t length)
{
    return bytes.len >= length && memcmp(bytes.ptr, with, length) == 0;
}

/* Without a mark: the names of a header are ASCII, so every second byte is NUL. */
static bool is_utf16(struct slice bytes)
{
    size_t length = (bytes.len < 64 ? bytes.len : 64) & ~(size_t)1;
    size_t zeros[2] = {0, 0};
    for (size_t i = 0; i < length; i++)
        zeros[i % 2] += bytes.ptr[i] == '\0';
    return length >= 4 &&
           ((zeros[0] == 0 && zeros[1] == length / 2) || (zeros[1] == 0 && zeros[0] == length / 2));
}

static bool is_control(char byte)
{
    return ((unsigned char)byte < ' ' && strchr("\t\n\v\f\r", byte) == NULL) || byte == '\0' || byte == 0x7f;
}

/* A stray one in a text is named where it is; a first line that has one, or many anywhere, is no text. */
static bool is_binary(struct slice bytes)
{
    size_t length = bytes.len < SAMPLE ? bytes.len : SAMPLE, controls = 0;
    bool first_line = true;
    for (size_t i = 0; i < length; i++) {
        first_line = first_line && bytes.ptr[i] != '\n' && bytes.ptr[i] != '\r';
        if (!is_control(bytes.ptr[i]))
            continue;
        if (first_line)
            return true;
        controls++;
    }
    return controls > 1 && controls * 20 > length;
}

const char *filekind_of(struct slice bytes)
{
    if (bytes.len == 0)
        return "is empty";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (begins(bytes, known[i].begin, known[i].length))
            return known[i].kind;
    if (is_utf16(bytes))
        return UTF16;
    return is_binary(bytes) ? "is binary" : NULL;
}
