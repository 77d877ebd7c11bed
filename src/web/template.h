/* Templates of pages: HTML with tags, in web/pages, made into tables by build-aux/embed-pages.awk, which says what the
 * tags are (web/templates.h). A value is written in one way, escaped so that it is text wherever a template may have
 * it. */
#ifndef ROWLOCK_WEB_TEMPLATE_H
#define ROWLOCK_WEB_TEMPLATE_H

#include "base/buf.h"
#include "base/json.h"
#include "web/format.h"

enum template_kind {
    TEMPLATE_TEXT,     /* text, as it is */
    TEMPLATE_VALUE,    /* of the name in text */
    TEMPLATE_SECTION,  /* of that name, up to end */
    TEMPLATE_INVERTED, /* the same, where a section would be left out */
    TEMPLATE_PART,
    TEMPLATE_END,
};

struct template_op {
    enum template_kind kind;
    struct slice text;
    enum format format;
    unsigned end; /* the first behind a section */
    const struct web_template *part;
};

struct web_template {
    const char *name;
    const struct template_op *ops; /* the last is TEMPLATE_END */
};

/* Adds the template, filled from the data, which is an object. A name that is not there is an empty text. */
void template_add(struct buf *out, const struct web_template *template, const struct json *data);

#endif
