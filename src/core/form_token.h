/* What tells a form of this server from one of another site, where a browser says neither Origin nor Sec-Fetch-Site
 * (core/origin.h): a random word in a cookie and in the form, which must be the same. Another site can make a browser
 * send the form, but can neither read the cookie nor set it, and SameSite keeps it from being sent along at all. No
 * server needs to keep or share anything for that, as it would for tokens that are signed. */
#ifndef ROWLOCK_CORE_FORM_TOKEN_H
#define ROWLOCK_CORE_FORM_TOKEN_H

#include "base/arena.h"
#include "core/reply.h"
#include "http/http_parse.h"

/* What a 403 says. */
#define FORM_TOKEN_FOREIGN                                                                                   \
    "The form is not one of this server's, or cookies are off: the browser says neither Origin nor "         \
    "Sec-Fetch-Site, and form_token is not that of its cookie."

struct form_token {
    struct slice word;
    bool fresh; /* the browser has no cookie of it yet */
};

/* The one that the browser has, or else a new one. */
struct form_token form_token_of(const struct http_head *head, struct arena *arena);

/* Whether a form with that word may change something. */
bool form_token_is_right(const struct form_token *token, const struct http_head *head, struct slice word);

/* Gives it to the browser, if it is fresh. */
void form_token_give(const struct form_token *token, struct reply *reply);

#endif
