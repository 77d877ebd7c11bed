/* Strict readers of text that came from outside. All of them take the whole text or refuse it. */
#ifndef ROWLOCK_BASE_TEXT_H
#define ROWLOCK_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum text_number {
    TEXT_NUMBER_OK,
    TEXT_NUMBER_MALFORMED,
    TEXT_NUMBER_RANGE, /* a number, but beyond what the type holds */
};

/* -?[0-9]+ into 64 bits. */
enum text_number text_int(struct slice text, int64_t *number);

/* The number grammar of RFC 8259 section 6, with leading zeros and a plus sign allowed: people write "012.70". Never
 * NaN or infinite. */
enum text_number text_double(struct slice text, double *number);

/* The shortest decimal text that reads back as the same double; out holds at least 32 bytes. */
void text_from_double(char *out, size_t size, double number);

/* Nanoseconds since 1970 of a moment in UTC as databases write it: 2026-01-02 03:04:05.678+00, or with T and Z. False
 * beyond what 64 bits hold, the years 1678 to 2261. */
bool text_time(struct slice text, int64_t *nanoseconds);

/* Well-formed UTF-8 (RFC 3629) without NUL. *points, when wanted, gets the number of code points. */
bool text_utf8(struct slice text, size_t *points);

/* For a text that was cut by bytes: takes away what is left of a character at its end. */
void text_end_at_character(char *text);

/* Percent-decoding (RFC 3986 section 2.1) into out, which holds text.len bytes; plus becomes a space if asked.
 * False for a bad escape, a decoded NUL or what is not UTF-8. */
bool text_percent_decode(struct slice text, bool plus_is_space, char *out, size_t *length);

/* Percent-encodes all but the unreserved characters (RFC 3986 section 2.3); out holds 3 * text.len + 1 bytes. */
void text_percent_encode(struct slice text, char *out);
void text_add_percent_encoded(struct buf *out, struct slice text); /* the same, behind what is there */

/* Without blanks and tabs at its ends. */
struct slice text_trimmed(struct slice text);

/* Takes what stands before the separator off the text, all of it when there is none; trimmed. */
struct slice text_take(struct slice *text, char separator);

#endif
