/* How a key is written: "rowlock_", by which scanners of source trees know one that has leaked, 160 random bits, and a
 * check sum by which a key that was typed or cut wrong is told from one that is not known. A file may as well have the
 * hashes of keys that others have made. */
#ifndef ROWLOCK_CORE_KEY_TEXT_H
#define ROWLOCK_CORE_KEY_TEXT_H

#include <stdbool.h>

#include "base/slice.h"

#define KEY_TEXT_PREFIX "rowlock_"
#define KEY_TEXT_SIZE (sizeof KEY_TEXT_PREFIX - 1 + 32 + 7 + 1) /* with a NUL */

/* How many characters a key of anybody's may have (b64token of RFC 6750 section 2.1). */
#define KEY_TEXT_MAX 256

void key_text_new(char out[static KEY_TEXT_SIZE]);

/* It begins as one of ours does, and is none. */
bool key_text_is_mistyped(struct slice text);

#endif
