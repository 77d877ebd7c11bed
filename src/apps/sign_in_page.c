/* Both forms are answered with where the browser goes next: to the page that it came for, or back to this one, which
 * then says what is wrong. The key stands in no address. */
#include <config.h>

#include "apps/sign_in_page.h"

#include "base/text.h"
#include "core/admit.h"
#include "core/form.h"
#include "core/form_token.h"
#include "core/request.h"
#include "core/sign_in.h"

#define NEXT_MAX SIGN_IN_NEXT_MAX

static const char *const wrongs[] = {"key", NULL};

const struct field sign_in_query[] = {
    {.name = "next", FIELD_OF_TEXT(NEXT_MAX), .about = "the page that is meant"},
    {.name = "wrong", .type = FIELD_ENUM, .choices = wrongs, .about = "what was not right"},
    {.name = NULL},
};

const struct page sign_in_page = {.template = TEMPLATE(SIGN_IN), .has_token = true};

/* What the form has. */
static const struct field inputs[] = {
    {.name = "key", FIELD_OF_TEXT(HTTP_BODY_MAX)},
    {.name = "next", FIELD_OF_TEXT(NEXT_MAX)},
    {.name = NULL},
};

static const struct route form_route = {.body = inputs};

/* False: it is no form of this server, and was answered. */
static bool read_form(struct request *request, struct form *form)
{
    const struct http_request *http = request->http;
    struct form_token token = form_token_of(http->head, &request->arena);
    form_init(form, &form_route);
    form_read(form, http->body, &request->arena);
    if (!form_is_sent(http->head))
        request_problem(request, 415, "The body of a form is " FORM_TYPE ".");
    else if (form->error != NULL)
        request_problem(request, 400, "%s", form->error);
    else if (!form_token_is_right(&token, http->head, form->token))
        request_problem(request, 403, FORM_TOKEN_FOREIGN);
    else
        return true;
    return false;
}

static void lead(struct reply *reply, const char *where)
{
    reply->status = 303;
    reply->content_type = NULL;
    buf_printf(&reply->fields, "Location: %s\r\nCache-Control: no-store\r\n", where);
}

/* Back, with where it was to lead. */
static void send_back(struct request *request, struct slice next)
{
    char encoded[3 * NEXT_MAX + 1] = "";
    struct reply *reply = request_reply(request);
    if (sign_in_leads_here(next) && next.len <= NEXT_MAX)
        text_percent_encode(next, encoded);
    lead(reply, arena_printf(&request->arena, SIGN_IN_PATH "?wrong=%s%s%s", wrongs[0],
                             encoded[0] != '\0' ? "&next=" : "", encoded));
    request_send(request, reply);
}

/* What was copied with a key is nobody's intention. */
static struct slice key_in(struct form *form)
{
    struct slice key = text_trimmed(form_input(form, SLICE("key"))->text);
    while (key.len > 0 && key.ptr[key.len - 1] == '\n')
        key.len--;
    return text_trimmed(key);
}

void sign_in_start(struct request *request)
{
    const struct http_head *head = request->http->head;
    struct form form;
    struct api_key key;
    if (!read_form(request, &form))
        return;
    struct slice next = form_input(&form, SLICE("next"))->text;
    if (!admit_key(request, key_in(&form), &key)) {
        send_back(request, next);
        return;
    }
    struct reply *reply = request_reply(request);
    lead(reply, sign_in_leads_here(next) ? arena_dup(&request->arena, next).ptr : "/");
    sign_in_give(reply, head, &key);
    request_send(request, reply);
}

void sign_out_start(struct request *request)
{
    const struct http_head *head = request->http->head;
    struct form form;
    if (!read_form(request, &form))
        return;
    struct reply *reply = request_reply(request);
    lead(reply, SIGN_IN_PATH);
    sign_in_end(reply, head);
    request_send(request, reply);
}
