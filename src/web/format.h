/* Forms in which a template may write a value: {{name|thousands}}. A format makes text of text, which the template then
 * escapes like any other. build-aux/embed-pages.awk reads the names here. */
#ifndef ROWLOCK_WEB_FORMAT_H
#define ROWLOCK_WEB_FORMAT_H

#include "base/buf.h"

enum format {
    FORMAT_NONE,
    FORMAT_URL, /* percent-encoded, as a part of an address (RFC 3986 section 2.1) */
    FORMAT_LINK, /* an address: of this server ("/…", "?…", "#…"), http or https; anything else becomes "#" */
    FORMAT_INITIALS,  /* "Octo Cat", "octo-cat": "OC" */
    FORMAT_THOUSANDS, /* "1234567": "1,234,567" */
    FORMAT_MILLIERS,  /* the same in French: with narrow spaces that do not break (U+202F) */
    FORMAT_KM,        /* metres: "1728057": "1,728 km", "940": "0.9 km" */
    FORMAT_TIME,      /* "2026-01-02T03:04:05.678Z": "2026-01-02 03:04 UTC" */
};

/* Adds the text in this form. What it does not understand it adds as it is. */
void format_add(struct buf *out, enum format format, struct slice text);

#endif
