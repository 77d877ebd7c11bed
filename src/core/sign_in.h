/* How people ask by a key: they give it once, and their browser keeps a cookie that says whose it is and until when,
 * signed (HMAC, RFC 2104) with what the file of keys has of the key. So no server keeps anything for it, every server
 * with the same file takes it, and it ends with the key: when that expires, or goes from the file. Who can read the
 * file could make one, too.
 *
 * The cookie is HttpOnly, so no script sees it, and SameSite=Lax: it goes along when a link from another site leads
 * here, and with nothing else that another site makes a browser send. */
#ifndef ROWLOCK_CORE_SIGN_IN_H
#define ROWLOCK_CORE_SIGN_IN_H

#include "base/clock.h"
#include "core/keys.h"
#include "core/reply.h"
#include "http/http_parse.h"

#define SIGN_IN_PATH "/sign-in"
#define SIGN_IN_NEXT_MAX 1000 /* characters of where it is to lead */
#define SIGN_IN_S 43200       /* for how long at most: half a day */

/* The key of the cookie; false: there is none, or it does not count, or no longer. */
bool sign_in_find(const struct http_head *head, const struct keys *keys, struct api_key *key);

/* Gives the browser the cookie of a key, or takes it away. head: of the request, which says whether the browser came by
 * HTTPS and is to send it by nothing else. */
void sign_in_give(struct reply *reply, const struct http_head *head, const struct api_key *key);
void sign_in_end(struct reply *reply, const struct http_head *head);

/* A path of this server that a browser may be led to. */
bool sign_in_leads_here(struct slice target);

#endif
