/* admit_find finds what the request says of a key (find_credential), then the key (take_key); admit says whether the
 * route is within its scopes (admit_also). */
#include <config.h>

#include "core/admit.h"

#include <string.h>

#include "base/text.h"
#include "core/key_watch.h"
#include "core/key_text.h"
#include "core/server_parts.h"
#include "core/settings.h"
#include "core/sign_in.h"
#include "metrics/metrics.h"

#define REALM "Bearer realm=\"rowlock\""

enum credential_kind {
    CREDENTIAL_NONE,
    CREDENTIAL_KEY,
    CREDENTIAL_MALFORMED, /* text says why */
};

struct credential {
    enum credential_kind kind;
    struct slice text;
};

/* ---- what the head says ---- */

static struct credential malformed(struct slice why)
{
    return (struct credential){CREDENTIAL_MALFORMED, why};
}

/* b64token, in a length that keys have. */
static bool is_token(struct slice text)
{
    size_t end = text.len;
    while (end > 0 && text.ptr[end - 1] == '=')
        end--;
    for (size_t i = 0; i < end; i++)
        if (!http_token_char[(unsigned char)text.ptr[i]] && text.ptr[i] != '/')
            return false;
    return end >= 1 && text.len <= KEY_TEXT_MAX;
}

/* Another scheme than Bearer is somebody else's, such as that of a proxy in front. */
static bool take_bearer(struct slice value, struct slice *token)
{
    struct slice scheme = SLICE("Bearer");
    if (value.len < scheme.len || !slice_equal_nocase((struct slice){value.ptr, scheme.len}, scheme) ||
        (value.len > scheme.len && value.ptr[scheme.len] != ' '))
        return false;
    *token = (struct slice){value.ptr + scheme.len, value.len - scheme.len};
    while (token->len > 0 && token->ptr[0] == ' ')
        *token = (struct slice){token->ptr + 1, token->len - 1};
    return true;
}

/* One line of the head: true when it names a key. */
static bool names_key(const struct http_field *field, struct slice *token)
{
    if (slice_equal_nocase(field->name, SLICE("Authorization")))
        return take_bearer(field->value, token);
    if (!slice_equal_nocase(field->name, SLICE("X-Api-Key")))
        return false;
    *token = field->value;
    return true;
}

static struct credential find_credential(const struct http_head *head)
{
    struct credential found = {CREDENTIAL_NONE, {NULL, 0}};
    struct slice token;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!names_key(&head->fields[i], &token))
            continue;
        if (found.kind != CREDENTIAL_NONE)
            return malformed(SLICE("The API key is given twice."));
        found = (struct credential){CREDENTIAL_KEY, token};
    }
    if (found.kind == CREDENTIAL_KEY && !is_token(found.text))
        return malformed(
            SLICE("What is given as an API key is none: it is empty, too long, or has characters that "
                  "no key has."));
    return found;
}

/* ---- answers without what was asked for ---- */

static void refuse(struct request *request, int status, const char *challenge, const char *message)
{
    struct reply *reply = request_reply(request);
    metric_add(METRIC_REFUSALS, status == 403 ? REFUSAL_SCOPE : REFUSAL_KEY, 1);
    reply_problem(reply, status, "%s", message);
    buf_printf(&reply->fields, "WWW-Authenticate: %s\r\n", challenge);
    request_send(request, reply);
}

/* Who gives no key is not told of an error (RFC 6750 section 3.1). */
static bool refuse_nobody(struct request *request)
{
    refuse(request, 401, REALM, "An API key is needed, in Authorization: Bearer KEY or in X-Api-Key.");
    return false;
}

/* People are led to where they can sign in, and from there back to what they wanted to see. */
static bool lead_to_sign_in(struct request *request)
{
    const struct http_head *head = request->http->head;
    struct buf next = BUF_INIT(HTTP_LINE_MAX), encoded = BUF_INIT(3 * (size_t)HTTP_LINE_MAX);
    buf_add_slice(&next, head->path);
    buf_add_string(&next, head->query.len > 0 ? "?" : "");
    buf_add_slice(&next, head->query);
    if (next.len <= SIGN_IN_NEXT_MAX)
        text_add_percent_encoded(&encoded, buf_slice(&next));
    struct reply *reply = request_reply(request);
    reply->status = 303;
    reply->content_type = NULL;
    buf_printf(&reply->fields, "Location: " SIGN_IN_PATH "?next=%s\r\nCache-Control: no-store\r\n",
               encoded.len > 0 ? buf_text(&encoded) : "");
    buf_fini(&next);
    buf_fini(&encoded);
    request_send(request, reply);
    return false;
}

static bool is_for_a_page(const struct request *request)
{
    bool reads = request->method == HTTP_GET || request->method == HTTP_HEAD;
    return reads && request->takes_html && request->route->for_people && request->route->page != NULL;
}

static bool refuse_wrong(struct request *request)
{
    if (request->key_malformed)
        refuse(request, 400, REALM ", error=\"invalid_request\"", request->key_wrong);
    else
        refuse(request, 401, REALM ", error=\"invalid_token\"", request->key_wrong);
    return false;
}

static bool refuse_scope(struct request *request, enum scope scope)
{
    const char *word = scope_name(scope);
    refuse(request, 403,
           arena_printf(&request->arena, REALM ", error=\"insufficient_scope\", scope=\"%s\"", word),
           arena_printf(&request->arena, "The API key %s lacks the scope %s.", request->key->name, word));
    return false;
}

/* ---- the key ---- */

/* The request's own copy, whatever becomes of the table meanwhile. */
static const struct api_key *keep(struct request *request, const struct api_key *found)
{
    struct api_key *key = arena_alloc(&request->arena, sizeof *key);
    *key = *found;
    key->name = arena_dup(&request->arena, slice_of(found->name)).ptr;
    return key;
}

/* Why it does not count; NULL: it does. */
static const char *look_up(const struct request *request, struct slice text, struct api_key *key)
{
    unsigned char hash[DIGEST_SIZE];
    digest_sha256(text, hash);
    if (!keys_find(key_watch_keys(request->server->key_watch), hash, key))
        return key_text_is_mistyped(text) ? "The API key was not copied right: its check sum does not fit."
                                          : "The API key is not known here.";
    return key_has_expired(key) ? "The API key has expired." : NULL;
}

bool admit_key(const struct request *request, struct slice text, struct api_key *key)
{
    return request->server->key_watch != NULL && text.len <= KEY_TEXT_MAX &&
           look_up(request, text, key) == NULL;
}

/* What a page of an origin that may use the API sends is not by the cookie of who looks at it: core/cors.h. */
static void take_cookie(struct request *request, const struct http_head *head)
{
    struct api_key found;
    if (!cors_allows(&request->server->settings->cors, head) &&
        sign_in_find(head, key_watch_keys(request->server->key_watch), &found))
        request->key = keep(request, &found);
}

/* Why the key does not count; NULL: it does, or there is none. */
static const char *take_key(struct request *request, const struct http_head *head,
                            const struct credential *credential)
{
    struct api_key found;
    if (credential->kind == CREDENTIAL_NONE)
        take_cookie(request, head);
    if (credential->kind != CREDENTIAL_KEY)
        return NULL;
    const char *why = look_up(request, credential->text, &found);
    if (why == NULL)
        request->key = keep(request, &found);
    return why;
}

static bool has_scope(const struct request *request, enum scope scope)
{
    scope_set anybody = request->server->settings->anonymous;
    return request->server->key_watch == NULL || scope_in(anybody, scope) ||
           (request->key != NULL && scope_in(request->key->scopes, scope));
}

bool admit_also(struct request *request, enum scope scope)
{
    if (has_scope(request, scope))
        return true;
    return request->key == NULL ? refuse_nobody(request) : refuse_scope(request, scope);
}

void admit_find(struct request *request, const struct http_head *head)
{
    if (request->server->key_watch == NULL)
        return;
    /* What one may read must not be given to another by a cache between (RFC 9111 section 4.1; of Authorization alone
     * it would know by itself). */
    request_add_field(request, "Vary", SLICE("Authorization, X-Api-Key, Cookie"));
    struct credential credential = find_credential(head);
    request->key_wrong = take_key(request, head, &credential);
    request->key_malformed = credential.kind == CREDENTIAL_MALFORMED;
    if (request->key_malformed)
        request->key_wrong = credential.text.ptr;
}

/* Whoever gives a key is told when it does not count, also where none is needed, but for what is open to all. */
bool admit(struct request *request)
{
    enum scope scope = request->route->scope;
    if (scope == SCOPE_OPEN)
        return true;
    if (request->key_wrong != NULL)
        return refuse_wrong(request);
    if (request->key == NULL && !has_scope(request, scope) && is_for_a_page(request))
        return lead_to_sign_in(request);
    return admit_also(request, scope);
}

/* ---- what goes on ---- */

struct admitted admitted_as(const struct request *request)
{
    const struct api_key *key = request->key;
    struct admitted who = {.scope = request->route->scope, .has_key = key != NULL};
    if (key == NULL)
        return who;
    who.takers_own = key->takers_own;
    who.expires = key->expires;
    memcpy(who.hash, key->hash, sizeof who.hash);
    return who;
}

bool admitted_still(const struct admitted *who, const struct server *server)
{
    struct api_key key;
    bool anybody = scope_in(server->settings->anonymous, who->scope);
    if (server->key_watch == NULL || !who->has_key)
        return server->key_watch == NULL || anybody;
    return keys_find(key_watch_keys(server->key_watch), who->hash, &key) && !key_has_expired(&key) &&
           key.takers_own == who->takers_own && (anybody || scope_in(key.scopes, who->scope));
}
