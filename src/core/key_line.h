/* A line of the file of keys:
 *
 *     NAME SHA256 SCOPE… [takers=own] [rate=100/s] [burst=200] [concurrent=20] [expires=2027-01-31]
 *
 * by blanks; "#" and what follows it is a comment. SHA256 is that of the key, in 64 hex digits. rate is by s, m (or
 * min) or h. expires is a day or a moment, in UTC (2027-01-31T12:00:00Z), from which on the key is no longer good. */
#ifndef ROWLOCK_CORE_KEY_LINE_H
#define ROWLOCK_CORE_KEY_LINE_H

#include "base/buf.h"
#include "core/keys.h"

#define KEY_LINE_MAX 4096 /* characters */
#define KEY_LINE_WHY_MAX 256

enum key_line {
    KEY_LINE_NONE, /* blank, or a comment */
    KEY_LINE_KEY,
    KEY_LINE_WRONG,
};

/* name gets the name, which key refers to. why says what is wrong, and repeats nothing that might be a key. */
enum key_line key_line_parse(struct slice line, struct api_key *key, char name[static KEY_NAME_MAX + 1],
                             char why[static KEY_LINE_WHY_MAX]);

/* One word behind the hash. False with why. */
bool key_line_take_word(struct slice word, struct api_key *key, char why[static KEY_LINE_WHY_MAX]);

#endif
