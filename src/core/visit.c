/* visit_start -> start_form, if one was sent: its route of the API, on_written -> next_read for each read, on_read ->
 * show.
 *
 * Replies of the API come here in place of the client (on_reply), and may be shared: what they hold is copied, and what
 * follows is started at the end of the turn. */
#include <config.h>

#include "core/visit.h"

#include <string.h>

#include "base/jsonout.h"
#include "core/admit.h"
#include "core/app.h"
#include "core/form.h"
#include "core/form_token.h"
#include "core/page_data.h"
#include "core/router.h"
#include "core/server_parts.h"
#include "core/validate.h"

#define DATA_MAX ((size_t)64 << 20)
#define NOT_SENT ((struct slice){NULL, 0})
#define HTML_TYPE "text/html; charset=utf-8"
/* Nothing but this server's own files, pictures within the style, and those that a page names; nobody frames a page or
 * takes its forms. */
#define POLICY                                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "      \
    "base-uri 'none'; frame-ancestors 'none'; img-src 'self' data:"

/* A request to a page. In its arena. */
struct visit {
    struct pending pending; /* of the time until the end of the turn */
    struct loop_task task;
    struct request *request;
    void (*start)(struct request *request);
    /* What the request is, while it stands for another one. */
    const struct route *route;
    struct value values[ROUTE_FIELDS_MAX];
    enum http_method method;
    struct slice if_match, if_none_match;
    /* What the page is made of. */
    const struct page *page;
    struct slice host;
    struct form_token token;
    struct form form; /* that was sent */
    bool writing;     /* it is on its way */
    int status;
    size_t step; /* the read that comes next */
    struct slice bodies[PAGE_READS_MAX], fields[PAGE_READS_MAX], tags[PAGE_READS_MAX]; /* of what was read */
    bool refused[PAGE_READS_MAX];
};

static void on_reply(struct request *request, const struct reply *reply);
static void on_turn(void *argument);
static void next_read(struct visit *visit);
static void write_page(struct visit *visit);

/* ---- the HTML that is sent ---- */

static void add_fields(struct reply *reply, const struct page *page, const char *cache)
{
    buf_add_string(&reply->fields, "Content-Security-Policy: " POLICY);
    if (page != NULL && page->pictures != NULL)
        buf_printf(&reply->fields, " %s", page->pictures);
    if (page != NULL && page->policy != NULL)
        buf_printf(&reply->fields, "; %s", page->policy);
    buf_printf(&reply->fields, "\r\nReferrer-Policy: same-origin\r\nCache-Control: %s\r\nVary: Accept\r\n",
               cache);
}

static void write_html(struct reply *reply, const struct web_template *template, const struct buf *data)
{
    char error[128];
    struct json *document = json_read(buf_slice(data), error, sizeof error);
    reply->content_type = HTML_TYPE;
    if (document != NULL && !data->failed)
        template_add(&reply->body, template, document);
    else
        reply_problem(reply, 500, "The page cannot be made: %s", error);
    json_free(document);
}

static void write_problem(struct reply *out, const struct request *request, const struct reply *problem)
{
    struct buf data = BUF_INIT(DATA_MAX);
    out->status = problem->status;
    out->close = problem->close;
    out->refused = problem->refused;
    buf_add_slice(&out->fields, buf_slice(&problem->fields));
    jsonout_open(&data, '{');
    page_data_add_common(&data, request, NULL);
    jsonout_name(&data, "problem");
    buf_add_slice(&data, buf_slice(&problem->body));
    jsonout_close(&data, '}');
    write_html(out, TEMPLATE(PROBLEM), &data);
    add_fields(out, NULL, "no-store");
    buf_fini(&data);
}

void visit_show(struct request *request, const struct reply *reply)
{
    bool shown = reply->content_type != NULL && strcmp(reply->content_type, REPLY_PROBLEM) == 0;
    struct reply html;
    request->take = NULL;
    if (!request->takes_html || !shown) {
        request_send(request, reply);
        return;
    }
    reply_init(&html);
    write_problem(&html, request, reply);
    request_send(request, &html);
    reply_fini(&html);
}

/* ---- standing for another request ---- */

static void cancel_turn(struct pending *pending)
{
    loop_task_cancel(&pending_owner(pending, struct visit, pending)->task);
}

static void go_on_later(struct visit *visit)
{
    visit->request->pending = &visit->pending;
    loop_defer(visit->request->server->loop, &visit->task);
}

/* The values of the request are those of the route already. */
static void run(struct visit *visit, const struct route *route, struct slice if_match,
                struct slice if_none_match)
{
    struct request *request = visit->request;
    request->route = route;
    request->method = route->method;
    request->if_match = if_match;
    request->if_none_match = if_none_match;
    request->idempotency_key = NOT_SENT;
    visit->start(request);
}

/* The request is itself again, and its next reply goes to the client. */
static struct request *end(struct visit *visit)
{
    struct request *request = visit->request;
    request->route = visit->route;
    request->method = visit->method;
    request->if_match = visit->if_match;
    request->if_none_match = visit->if_none_match;
    request->take = visit_show;
    return request;
}

/* ---- starting ---- */

/* The page of the only app that is served beside the first, which is that of operations, if it has one in the menu;
 * NULL else. */
static const struct route *sole_page(const struct server *server)
{
    const struct app *const *apps = server->apps;
    if (apps[1] == NULL || apps[2] != NULL)
        return NULL;
    for (size_t i = 0; i < apps[1]->route_count; i++)
        if (apps[1]->routes[i].for_people && page_is_in_menu(&apps[1]->routes[i]))
            return &apps[1]->routes[i];
    return NULL;
}

static struct visit *visit_new(struct request *request, void (*start)(struct request *))
{
    const struct http_head *head = request->http->head;
    struct visit *visit = arena_alloc(&request->arena, sizeof *visit);
    memset(visit, 0, sizeof *visit);
    static const struct pending_ops ops = {.cancel = cancel_turn};
    visit->pending.ops = &ops;
    loop_task_init(&visit->task, on_turn, visit);
    visit->request = request;
    visit->start = start;
    visit->route = request->route;
    memcpy(visit->values, request->values, sizeof visit->values);
    visit->method = request->method;
    visit->if_match = request->if_match;
    visit->if_none_match = request->if_none_match;
    visit->page = request->route->page;
    visit->host = arena_dup(&request->arena, head->host.len > 0 ? head->host : SLICE("localhost"));
    visit->token = form_token_of(head, &request->arena);
    visit->status = 200;
    return visit;
}

/* Inputs that the address of the page has. */
static void take_path(struct visit *visit)
{
    for (const struct field *field = visit->route->path_fields; field != NULL && field->name != NULL;
         field++) {
        struct form_input *input = form_input(&visit->form, slice_of(field->name));
        if (input == NULL)
            continue;
        input->text =
            page_data_parameter(visit->route, visit->values, slice_of(field->name), &visit->request->arena);
        input->given = true;
    }
}

static void send_form(struct visit *visit, const struct route *target)
{
    struct request *request = visit->request;
    if (form_validate(&visit->form, &request->arena, request->values)) {
        visit->writing = true;
        run(visit, target, visit->form.if_match, visit->route->form->fresh ? SLICE("*") : NOT_SENT);
    } else {
        visit->status = 400;
        next_read(visit);
    }
}

static void start_form(struct visit *visit)
{
    struct request *request = visit->request;
    const struct http_request *http = request->http;
    const struct page_form *form = visit->route->form;
    const struct route *target = router_route(request->server->router, form->method, form->path);
    form_init(&visit->form, target);
    take_path(visit);
    form_read(&visit->form, http->body, &request->arena);
    if (!form_is_sent(http->head))
        request_problem(end(visit), 415, "The body of a form is " FORM_TYPE ".");
    else if (!form_token_is_right(&visit->token, http->head, visit->form.token))
        request_problem(end(visit), 403, FORM_TOKEN_FOREIGN);
    else
        send_form(visit, target);
}

/* What the page is of, or its form leads to, may need more than the page. False: it was answered. */
static bool may_visit(struct visit *visit, const struct route *sole)
{
    struct request *request = visit->request;
    const struct page_form *form = visit->route->form;
    if (sole != NULL)
        return admit_also(request, sole->scope);
    return form == NULL ||
           admit_also(request, router_route(request->server->router, form->method, form->path)->scope);
}

void visit_start(struct request *request, void (*start)(struct request *request))
{
    struct visit *visit = visit_new(request, start);
    const struct route *sole = visit->page->sole ? sole_page(request->server) : NULL;
    if (!may_visit(visit, sole))
        return;
    request->take = on_reply;
    request->visit = visit;
    if (sole != NULL) {
        visit->route = sole;
        visit->page = sole->page;
        memset(visit->values, 0, sizeof visit->values);
    }
    if (visit->route->form != NULL)
        start_form(visit);
    else
        next_read(visit);
}

/* ---- reading ---- */

static bool parameter(struct slice name, void *argument, struct slice *text)
{
    const struct visit *visit = argument;
    *text = page_data_parameter(visit->route, visit->values, name, &visit->request->arena);
    return text->ptr != NULL;
}

static void start_read(struct visit *visit, const struct page_read *read)
{
    struct request *request = visit->request;
    struct arena *arena = &request->arena;
    struct http_head head = {.method = HTTP_GET};
    struct router_match match;
    struct refusal refusal;
    http_head_set_target(&head, slice_of(page_data_target(read->target, arena, parameter, visit)));
    router_find(request->server->router, HTTP_GET, head.path, arena, &match);
    if (match.route == NULL)
        request_problem(request, 404, "This server does not serve %s.", read->target);
    else if (!admit_also(request, match.route->scope))
        return;
    else if (!validate(match.route, &match, &head, SLICE(""), arena, request->values, &refusal))
        request_problem(request, refusal.status, "%s", refusal.message);
    else
        run(visit, match.route, NOT_SENT, NOT_SENT);
}

static void next_read(struct visit *visit)
{
    const struct page_read *reads = visit->page->reads;
    if (reads == NULL || reads[visit->step].name == NULL)
        write_page(visit);
    else
        start_read(visit, &reads[visit->step]);
}

static void on_turn(void *argument)
{
    next_read(argument);
}

/* ---- coming back ---- */

static void on_read(struct visit *visit, const struct reply *reply)
{
    struct request *request = visit->request;
    bool good = reply->status < 400 || reply->status == request->route->unfit;
    bool optional = visit->page->reads[visit->step].optional && reply->status < 500;
    if (!good && !optional) {
        visit_show(end(visit), reply);
        return;
    }
    visit->refused[visit->step] = !good;
    visit->bodies[visit->step] = arena_dup(&request->arena, buf_slice(&reply->body));
    visit->fields[visit->step] = arena_dup(&request->arena, buf_slice(&reply->fields));
    visit->tags[visit->step] = arena_dup(&request->arena, slice_of(reply->etag));
    visit->step++;
    go_on_later(visit);
}

/* Where a form leads. */
struct leading {
    struct visit *visit;
    const struct json *answer;
};

static bool lead(struct slice name, void *argument, struct slice *text)
{
    const struct leading *leading = argument;
    struct arena *arena = &leading->visit->request->arena;
    const char *member = arena_dup(arena, name).ptr;
    const struct form_input *input = form_input(&leading->visit->form, name);
    *text = form_text_of(leading->answer != NULL ? json_member(leading->answer, member) : NULL, arena);
    if (text->len == 0 && input != NULL)
        *text = input->text;
    if (text->len == 0)
        *text = page_data_parameter(leading->visit->route, leading->visit->values, name, arena);
    return text->len > 0;
}

static void lead_on(struct visit *visit, const struct reply *reply)
{
    char error[128];
    struct json *answer = json_read(buf_slice(&reply->body), error, sizeof error);
    struct leading leading = {visit, answer};
    struct request *request = end(visit);
    const char *next = page_data_target(visit->route->form->next, &request->arena, lead, &leading);
    struct reply led;
    json_free(answer);
    reply_init(&led);
    led.status = 303;
    led.content_type = NULL;
    buf_printf(&led.fields, "Location: %s\r\nCache-Control: no-store\r\n", next);
    request_send(request, &led);
    reply_fini(&led);
}

static void blame(struct visit *visit, const struct reply *reply)
{
    char error[128];
    struct json *problem = json_read(buf_slice(&reply->body), error, sizeof error);
    const struct json *detail = problem != NULL ? json_member(problem, "detail") : NULL;
    form_blame(&visit->form, detail != NULL ? json_text(detail) : SLICE("The server refused it."),
               &visit->request->arena);
    json_free(problem);
}

/* Whoever has read of the other change may make his own: the form comes again with the tag of today. */
static void blame_condition(struct visit *visit)
{
    visit->form.if_match = NOT_SENT;
    visit->form.error = visit->route->form->fresh
                            ? "There is such a record already; nothing was changed."
                            : "Somebody else has changed the record since it was shown here, as you see now; "
                              "nothing was changed. Send it again if it is still what you want.";
}

static void on_refused(struct visit *visit, const struct reply *reply)
{
    visit->status = reply->status;
    if (reply->status == 412)
        blame_condition(visit);
    else
        blame(visit, reply);
    go_on_later(visit);
}

static void on_reply(struct request *request, const struct reply *reply)
{
    struct visit *visit = request->visit;
    bool writing = visit->writing;
    visit->writing = false;
    if (request->given_up)
        visit_show(end(visit), reply);
    else if (!writing)
        on_read(visit, reply);
    else if (reply->status < 400)
        lead_on(visit, reply);
    else
        on_refused(visit, reply);
}

/* ---- the page ---- */

static void add_bodies(struct buf *data, const struct visit *visit, bool refused)
{
    for (size_t i = 0; i < visit->step; i++) {
        if (visit->refused[i] != refused)
            continue;
        jsonout_name(data, visit->page->reads[i].name);
        buf_add_slice(data, visit->bodies[i]);
    }
}

static void add_reads(struct buf *data, const struct visit *visit)
{
    const struct page_read *reads = visit->page->reads;
    add_bodies(data, visit, false);
    jsonout_named(data, "refused", '{');
    add_bodies(data, visit, true);
    jsonout_close(data, '}');
    jsonout_named(data, "links", '{');
    for (size_t i = 0; i < visit->step; i++) {
        jsonout_named(data, reads[i].name, '{');
        page_data_add_links(data, visit->fields[i]);
        jsonout_close(data, '}');
    }
    jsonout_close(data, '}');
}

static void fill_from(struct form *form, const struct visit *visit, size_t read)
{
    char error[128];
    struct json *record = json_read(visit->bodies[read], error, sizeof error);
    if (record != NULL)
        form_fill(form, record, &visit->request->arena);
    if (form->if_match.ptr == NULL)
        form->if_match = visit->tags[read];
    json_free(record);
}

/* From the read of that name, if it is there. */
static void fill_form(struct form *form, const struct visit *visit, const char *name)
{
    for (size_t i = 0; name != NULL && i < visit->step; i++)
        if (!visit->refused[i] && strcmp(visit->page->reads[i].name, name) == 0)
            fill_from(form, visit, i);
}

static void add_forms(struct buf *data, struct visit *visit)
{
    struct request *request = visit->request;
    for (const struct page_form *form = visit->page->forms; form != NULL && form->name != NULL; form++) {
        struct form fresh, *shown = visit->route->form == form ? &visit->form : &fresh;
        const struct route *target = router_route(request->server->router, form->method, form->path);
        form_init(&fresh, target);
        fill_form(shown, visit, form->fill);
        form_add(data, shown, form->name);
    }
}

static bool has_token(const struct page *page)
{
    return page->forms != NULL || page->has_token;
}

static void add_data(struct buf *data, struct visit *visit)
{
    struct request *request = visit->request;
    jsonout_open(data, '{');
    page_data_add_common(data, request, visit->page);
    jsonout_name(data, "host");
    buf_add_json(data, visit->host);
    page_data_add_given(data, visit->route, visit->values);
    add_reads(data, visit);
    if (has_token(visit->page)) {
        jsonout_name(data, FORM_TOKEN);
        buf_add_json(data, visit->token.word);
    }
    if (visit->page->forms != NULL)
        add_forms(data, visit);
    if (visit->page->add != NULL)
        visit->page->add(request, data);
    jsonout_close(data, '}');
}

/* At the end of a turn, or in dispatch: the server's reply is nobody else's. */
static void write_page(struct visit *visit)
{
    struct request *request = visit->request;
    struct buf data = BUF_INIT(DATA_MAX);
    add_data(&data, visit);
    struct reply *reply = request_reply(end(visit));
    reply->status = visit->status;
    write_html(reply, visit->page->template, &data);
    buf_fini(&data);
    if (reply->status == 200)
        reply_add_etag(reply, ETAG_WEAK);
    if (strcmp(reply->content_type, HTML_TYPE) == 0)
        add_fields(reply, visit->page, "private, no-cache");
    if (has_token(visit->page))
        form_token_give(&visit->token, reply);
    request_send(request, reply);
}
