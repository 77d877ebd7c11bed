/* A JSON document that is written member by member; commas come by themselves. Names and strings must be UTF-8. */
#ifndef ROWLOCK_BASE_JSONOUT_H
#define ROWLOCK_BASE_JSONOUT_H

#include "base/buf.h"

void jsonout_open(struct buf *out, char bracket);  /* '{' or '[' */
void jsonout_close(struct buf *out, char bracket); /* '}' or ']' */
void jsonout_name(struct buf *out, const char *name);
void jsonout_text(struct buf *out, const char *text);
void jsonout_int(struct buf *out, int64_t number);
void jsonout_raw(struct buf *out, const char *json); /* a value that is JSON already */

/* A name with its value. */
void jsonout_named(struct buf *out, const char *name, char bracket); /* which is left open */
void jsonout_named_text(struct buf *out, const char *name, const char *text);
void jsonout_named_int(struct buf *out, const char *name, int64_t number);
void jsonout_named_raw(struct buf *out, const char *name, const char *json);

#endif
