/* Whether a page of another site made a browser send a request. Such a page can make it send a POST without asking
 * first, also to an address that only its user reaches; such a request must change nothing. Clients that are no
 * browsers say neither Origin nor Sec-Fetch-Site, and pass. */
#ifndef ROWLOCK_CORE_ORIGIN_H
#define ROWLOCK_CORE_ORIGIN_H

#include "http/http_parse.h"

/* NULL, or why the request is refused, as a sentence. The server that was asked is what Host says (or an absolute
 * target), never X-Forwarded-Host, which a proxy may pass on from a client: a proxy has to pass Host. The scheme is
 * ignored, because a proxy may speak TLS in front. */
const char *origin_refusal(const struct http_head *head);

#endif
