/* What kind of answer a client would have: its Accept (RFC 9110 section 12.5.1). */
#ifndef ROWLOCK_CORE_ACCEPT_H
#define ROWLOCK_CORE_ACCEPT_H

#include <stdbool.h>

#include "http/http_parse.h"

/* Whether it would rather have HTML than JSON: text/html is named, which browsers do when somebody looks at what comes,
 * and with a higher weight than any kind of JSON that is named. A wildcard names nothing. */
bool accept_is_html(const struct http_head *head);

/* Whether it would rather have this media type than plain text: it is named, with a weight that is not below. */
bool accept_is(const struct http_head *head, struct slice type);

#endif
