/* What a file is that is no text in UTF-8: people export workbooks, or text of another encoding, and a parser's
 * complaint about the first odd byte would not tell them. */
#ifndef ROWLOCK_BASE_FILEKIND_H
#define ROWLOCK_BASE_FILEKIND_H

#include "base/slice.h"

/* Words that go on from "the file": "is UTF-16 …". NULL: it may be text, single bytes of it may still be wrong. */
const char *filekind_of(struct slice bytes);

#endif
