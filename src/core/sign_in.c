/* The cookie is NAME.UNTIL.SIGNATURE: the key's name, seconds since 1970, and the HMAC of both in hex. */
#include <config.h>

#include "core/sign_in.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"

#define COOKIE "rowlock_key"
#define SIGNED "rowlock sign-in "

/* What a cookie says. */
struct ticket {
    struct slice name;
    int64_t until;
    unsigned char signature[DIGEST_SIZE];
};

/* ---- signing ---- */

static void sign(const struct api_key *key, int64_t until, unsigned char out[static DIGEST_SIZE])
{
    char text[sizeof SIGNED + KEY_NAME_MAX + 32];
    int length = snprintf(text, sizeof text, SIGNED "%s %lld", key->name, (long long)until);
    digest_hmac(key->hash, (struct slice){text, (size_t)length}, out);
}

static bool is_signed_by(const struct api_key *key, void *argument)
{
    const struct ticket *ticket = argument;
    unsigned char signature[DIGEST_SIZE];
    sign(key, ticket->until, signature);
    return digest_equal(signature, ticket->signature);
}

/* ---- reading ---- */

/* Takes what stands behind the last point off. */
static bool take_last(struct slice *text, struct slice *last)
{
    const char *point = text->len > 0 ? memrchr(text->ptr, '.', text->len) : NULL;
    if (point == NULL)
        return false;
    *last = (struct slice){point + 1, text->len - (size_t)(point + 1 - text->ptr)};
    text->len = (size_t)(point - text->ptr);
    return true;
}

static bool read_ticket(struct slice text, struct ticket *ticket)
{
    struct slice signature, until;
    if (!take_last(&text, &signature) || !take_last(&text, &until))
        return false;
    ticket->name = text;
    return digest_read(signature, ticket->signature) && text_int(until, &ticket->until) == TEXT_NUMBER_OK &&
           key_name_is_right(ticket->name);
}

static bool find_ticket(struct slice cookies, struct ticket *ticket)
{
    struct slice start = SLICE(COOKIE "=");
    while (cookies.len > 0) {
        struct slice pair = text_take(&cookies, ';');
        if (pair.len > start.len && memcmp(pair.ptr, start.ptr, start.len) == 0)
            return read_ticket((struct slice){pair.ptr + start.len, pair.len - start.len}, ticket);
    }
    return false;
}

bool sign_in_find(const struct http_head *head, const struct keys *keys, struct api_key *key)
{
    struct ticket ticket;
    struct slice cookies = http_head_field(head, SLICE("Cookie"));
    return cookies.len > 0 && find_ticket(cookies, &ticket) && clock_wall() / CLOCK_SECOND < ticket.until &&
           keys_find_named(keys, ticket.name, is_signed_by, &ticket, key) && !key_has_expired(key);
}

/* ---- writing ---- */

/* A form says by its Origin (Fetch standard, section 3.1) how the browser came here; a proxy in front may have
 * forgotten it. */
static const char *secure(const struct http_head *head)
{
    struct slice origin = http_head_field(head, SLICE("Origin")), https = SLICE("https://");
    bool is = origin.len > https.len && memcmp(origin.ptr, https.ptr, https.len) == 0;
    return is ? "; Secure" : "";
}

static void set_cookie(struct reply *reply, const struct http_head *head, const char *value,
                       long long seconds)
{
    buf_printf(&reply->fields,
               "Set-Cookie: " COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Lax%s\r\n", value,
               seconds, secure(head));
}

void sign_in_give(struct reply *reply, const struct http_head *head, const struct api_key *key)
{
    int64_t now = clock_wall() / CLOCK_SECOND, until = now + SIGN_IN_S;
    char value[KEY_NAME_MAX + DIGEST_HEX_SIZE + 32], hex[DIGEST_HEX_SIZE + 1];
    unsigned char signature[DIGEST_SIZE];
    if (key->expires != 0 && key->expires < until)
        until = key->expires;
    sign(key, until, signature);
    digest_write(signature, hex);
    snprintf(value, sizeof value, "%s.%lld.%s", key->name, (long long)until, hex);
    set_cookie(reply, head, value, until - now);
}

void sign_in_end(struct reply *reply, const struct http_head *head)
{
    set_cookie(reply, head, "", 0);
}

/* "//host" and "/\host" are of other hosts (URL standard, section 4.4). */
bool sign_in_leads_here(struct slice target)
{
    bool here = target.len >= 1 && target.ptr[0] == '/' &&
                (target.len == 1 || (target.ptr[1] != '/' && target.ptr[1] != '\\'));
    for (size_t i = 0; here && i < target.len; i++)
        here = target.ptr[i] > ' ' && target.ptr[i] < 0x7f && target.ptr[i] != '\\';
    return here;
}
