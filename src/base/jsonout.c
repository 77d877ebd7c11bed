/* A value that follows another one gets a comma before it: what was written last tells. */
#include <config.h>

#include "base/jsonout.h"

#include <string.h>

static void separate(struct buf *out)
{
    if (out->len > 0 && strchr("{[:", out->data[out->len - 1]) == NULL)
        buf_add_char(out, ',');
}

void jsonout_open(struct buf *out, char bracket)
{
    separate(out);
    buf_add_char(out, bracket);
}

void jsonout_close(struct buf *out, char bracket)
{
    buf_add_char(out, bracket);
}

void jsonout_name(struct buf *out, const char *name)
{
    jsonout_text(out, name);
    buf_add_char(out, ':');
}

void jsonout_text(struct buf *out, const char *text)
{
    separate(out);
    buf_add_json(out, slice_of(text));
}

void jsonout_int(struct buf *out, int64_t number)
{
    separate(out);
    buf_add_int(out, number);
}

void jsonout_raw(struct buf *out, const char *json)
{
    separate(out);
    buf_add_string(out, json);
}

void jsonout_named(struct buf *out, const char *name, char bracket)
{
    jsonout_name(out, name);
    jsonout_open(out, bracket);
}

void jsonout_named_text(struct buf *out, const char *name, const char *text)
{
    jsonout_name(out, name);
    jsonout_text(out, text);
}

void jsonout_named_int(struct buf *out, const char *name, int64_t number)
{
    jsonout_name(out, name);
    jsonout_int(out, number);
}

void jsonout_named_raw(struct buf *out, const char *name, const char *json)
{
    jsonout_name(out, name);
    jsonout_raw(out, json);
}
