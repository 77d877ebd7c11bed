/* Short messages: sent, listed newest first by number or by days, read, deleted; sent and listed also as the clients of
 * the original service know it (/message). */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/inbox.h"
#include "base/random.h"
#include "base/text.h"
#include "core/obtain.h"
#include "core/paging.h"
#include "core/rows.h"
#include "core/statements.h"

#define NAME_MAX_POINTS INBOX_NAME_MAX
#define TEXT_MAX_POINTS 1000
#define LIMIT_BUILT_IN 100
#define DAYS_MAX 36500
#define LATEST_DAYS 30

/* ---- POST /messages ---- */

#define NAME FIELD_OF_TEXT(NAME_MAX_POINTS), .required = true
#define SENDER .name = "sender", NAME, .about = "who writes", .example = "\"ann\""
#define RECIPIENT .name = "recipient", NAME, .about = "to whom", .example = "\"bob\""

static const struct field send_body[] = {
    {SENDER},
    {RECIPIENT},
    {.name = "text",
     FIELD_OF_TEXT(TEXT_MAX_POINTS),
     .required = true,
     .about = "what",
     .example = "\"Lunch?\""},
    {.name = NULL},
};

/* ---- GET /messages ---- */

enum {
    LIST_RECIPIENT,
    LIST_SENDER,
    LIST_LIMIT,
    LIST_BEFORE,
    LIST_DAYS,
};

static const struct field list_query[] = {
    {RECIPIENT},
    {.name = "sender", FIELD_OF_TEXT(NAME_MAX_POINTS), .about = "only from this one"},
    {.name = "limit", FIELD_OF_LIMIT, .about = "how many; 100 when not said"},
    {.name = "before", FIELD_OF_ID, .about = "ids below this one"},
    {.name = "days", .type = FIELD_INT, .min = 1, .max = DAYS_MAX, .about = "instead: all of the last days"},
    {.name = NULL},
};

/* Percent-encoded: as much of a target as a Link can hold. */
static const char *encoded(struct slice text, char *out, size_t size)
{
    out[0] = '\0';
    if (3 * text.len + 1 <= size)
        text_percent_encode(text, out);
    return out;
}

/* Another part of the same question: sender is empty when it was not asked for. */
static void add_link(struct reply *reply, const char *rel, struct slice recipient, struct slice sender,
                     const char *part_format, ...) __attribute__((format(printf, 5, 6)));

static void add_link(struct reply *reply, const char *rel, struct slice recipient, struct slice sender,
                     const char *part_format, ...)
{
    char to[3 * 4 * NAME_MAX_POINTS + 1], from[3 * 4 * NAME_MAX_POINTS + 1], part[64];
    va_list arguments;
    va_start(arguments, part_format);
    vsnprintf(part, sizeof part, part_format, arguments);
    va_end(arguments);
    reply_add_link(reply, rel, "/messages?recipient=%s%s%s&%s", encoded(recipient, to, sizeof to),
                   sender.len > 0 ? "&sender=" : "", encoded(sender, from, sizeof from), part);
}

static void write_list(const struct answering *answering)
{
    const struct db_param *params = answering->params;
    struct slice recipient = params[PARAM_MESSAGE_LIST_RECIPIENT].text;
    struct slice sender = answering->statement == STATEMENT(MESSAGE_LIST_FROM)
                              ? params[PARAM_MESSAGE_LIST_FROM_SENDER].text
                              : SLICE("");
    long long limit = params[PARAM_MESSAGE_LIST_LIMIT].integer - 1, last;
    if (paging_rows(answering, limit, LIST_MESSAGE_ID, &last))
        add_link(answering->reply, "next", recipient, sender, "limit=%lld&before=%lld", limit, last);
    add_link(answering->reply, "first", recipient, sender, "limit=%lld", limit);
}

/* ---- all of the last days: at once when they are few, else piece by piece, as the database gives them and the client
 * takes them ---- */

/* The request's state. */
struct recent {
    const struct statement *statement;
    struct db_param params[DB_PARAMS_MAX];
    bool begun, last; /* last: no more pieces will come */
};

static void ask_recent(struct request *request);

/* The next piece begins behind the last row of this one. */
static void move_on(struct request *request, const struct db_answer *answer)
{
    struct recent *recent = request->state;
    const struct db_rows *rows = answer->rows;
    int row = answer->first + answer->count - 1;
    recent->params[PARAM_MESSAGE_RECENT_FROM_SINCE] = (struct db_param){
        .text = arena_dup(&request->arena, rows->value(rows, row, COLUMN_MESSAGE_RECENT_SINCE))};
    recent->params[PARAM_MESSAGE_RECENT_FROM_SENT_AT] =
        (struct db_param){.text = arena_dup(&request->arena, rows->value(rows, row, LIST_MESSAGE_SENT_AT))};
    text_int(rows->value(rows, row, LIST_MESSAGE_ID),
             &recent->params[PARAM_MESSAGE_RECENT_FROM_BEFORE].integer);
}

static void write_piece(const struct recent *recent, const struct statement *statement,
                        const struct db_answer *answer, struct reply *reply)
{
    for (int row = 0; row < answer->count; row++) {
        buf_add_char(&reply->body, recent->begun || row > 0 ? ',' : '[');
        rows_add_object(&reply->body, statement, answer->rows, answer->first + row);
    }
    if (!recent->begun && answer->count == 0)
        buf_add_char(&reply->body, '[');
    if (recent->last)
        buf_add_char(&reply->body, ']');
    if (!recent->begun)
        add_link(reply, "first", recent->params[PARAM_MESSAGE_RECENT_FROM_RECIPIENT].text,
                 recent->params[PARAM_MESSAGE_RECENT_FROM_SENDER].text, "days=%lld",
                 (long long)recent->params[PARAM_MESSAGE_RECENT_FROM_DAYS].integer);
}

static void send_piece(struct request *request, const struct reply *reply)
{
    struct recent *recent = request->state;
    if (!recent->begun)
        request_stream_begin(request, reply, ask_recent);
    recent->begun = true;
    recent->last |= request->method == HTTP_HEAD;
    request_stream_piece(request, buf_slice(&reply->body));
    if (recent->last)
        request_stream_end(request);
}

static void on_recent(struct call *call, const struct db_answer *answer, void *argument)
{
    struct request *request = argument;
    struct recent *recent = request->state;
    struct reply *reply = request_reply(request);
    if (answer->error != DB_OK) {
        reply_db_error(reply, request->route, request->values, call->statement, answer);
        request_send(request, reply);
        return;
    }
    recent->last = answer->count < MESSAGES_A_PIECE;
    if (!recent->last)
        move_on(request, answer);
    write_piece(recent, call->statement, answer, reply);
    if (recent->last && !recent->begun) {
        reply_add_etag(reply, ETAG_WEAK);
        request_send(request, reply);
    } else {
        send_piece(request, reply);
    }
}

static void ask_recent(struct request *request)
{
    struct recent *recent = request->state;
    if (!recent->last && request->call.state == CALL_IDLE)
        request_call(request, recent->statement, recent->params, on_recent, request);
}

static void start_recent(struct request *request)
{
    const struct value *values = request->values, *sender = &values[LIST_SENDER];
    struct recent *recent = arena_alloc(&request->arena, sizeof *recent);
    *recent = (struct recent){
        .statement = sender->present ? STATEMENT(MESSAGE_RECENT_FROM) : STATEMENT(MESSAGE_RECENT),
        .params = {
            [PARAM_MESSAGE_RECENT_FROM_RECIPIENT] = {.text = values[LIST_RECIPIENT].text},
            [PARAM_MESSAGE_RECENT_FROM_SINCE] = {.null = true},
            [PARAM_MESSAGE_RECENT_FROM_DAYS] = {.integer = values[LIST_DAYS].integer},
            [PARAM_MESSAGE_RECENT_FROM_SENT_AT] = {.null = true},
            [PARAM_MESSAGE_RECENT_FROM_BEFORE] = {.integer = INT64_MAX},
            [PARAM_MESSAGE_RECENT_FROM_SENDER] = {.text = sender->present ? sender->text : SLICE("")}}};
    request->state = recent;
    ask_recent(request);
}

static void start_page(struct request *request)
{
    const struct value *values = request->values;
    const struct value *limit = &values[LIST_LIMIT], *before = &values[LIST_BEFORE];
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_MESSAGE_LIST_FROM_LIMIT] = {.integer = (limit->present ? limit->integer : LIMIT_BUILT_IN) + 1},
        [PARAM_MESSAGE_LIST_FROM_RECIPIENT] = {.text = values[LIST_RECIPIENT].text},
        [PARAM_MESSAGE_LIST_FROM_BEFORE] = {.integer = before->present ? before->integer : INT64_MAX},
        [PARAM_MESSAGE_LIST_FROM_SENDER] = {.text = values[LIST_SENDER].text}};
    obtain_answer(request,
                  values[LIST_SENDER].present ? STATEMENT(MESSAGE_LIST_FROM) : STATEMENT(MESSAGE_LIST),
                  params);
}

static void start_list(struct request *request)
{
    const struct value *values = request->values;
    if (!values[LIST_DAYS].present)
        start_page(request);
    else if (values[LIST_LIMIT].present || values[LIST_BEFORE].present)
        request_problem(request, 400, "The query parameter days excludes limit and before.");
    else
        start_recent(request);
}

/* ---- /message, as the clients of the original service know it ---- */

static const struct field save_body[] = {
    {SENDER},
    {RECIPIENT},
    {.name = "message",
     FIELD_OF_TEXT(TEXT_MAX_POINTS),
     .required = true,
     .column = "text",
     .about = "what; other members are ignored",
     .example = "\"Lunch?\""},
    {.name = NULL},
};

static void write_saved(const struct answering *answering)
{
    struct slice id = answer_value(answering->answer, LIST_MESSAGE_ID);
    answering->reply->content_type = answering->route->content_type;
    buf_printf(&answering->reply->body, "Message saved with id: %.*s", (int)id.len, id.ptr);
}

enum {
    LATEST_SENDER,
    LATEST_RECIPIENT,
};

static const struct field latest_query[] = {
    {.name = "sender", FIELD_OF_TEXT(NAME_MAX_POINTS), .about = "only from this one; with recipient"},
    {.name = "recipient", FIELD_OF_TEXT(NAME_MAX_POINTS), .about = "to whom; with sender"},
    {.name = NULL},
};

static void start_latest(struct request *request)
{
    const struct value *sender = &request->values[LATEST_SENDER],
                       *recipient = &request->values[LATEST_RECIPIENT];
    struct db_param all[DB_PARAMS_MAX] = {[PARAM_MESSAGE_LATEST_DAYS] = {.integer = LATEST_DAYS}},
                    of_two[DB_PARAMS_MAX] = {
                        [PARAM_MESSAGE_LATEST_FROM_SENDER] = {.text = sender->text},
                        [PARAM_MESSAGE_LATEST_FROM_RECIPIENT] = {.text = recipient->text},
                        [PARAM_MESSAGE_LATEST_FROM_DAYS] = {.integer = LATEST_DAYS}};
    if (sender->present != recipient->present)
        request_problem(request, 400, "The query parameters sender and recipient go together: %s is missing.",
                        sender->present ? "recipient" : "sender");
    else if (sender->present)
        obtain_answer(request, STATEMENT(MESSAGE_LATEST_FROM), of_two);
    else
        obtain_answer(request, STATEMENT(MESSAGE_LATEST), all);
}

/* ---- sample messages ---- */

static bool seed(struct session *session, int64_t count)
{
    static const char *const people[] = {"ann", "bob", "chloé", "dmitri", "emi", "farid", "görkem", "hana"};
    static const char *const texts[] = {
        "Are you there?",     "On my way.",         "Свободен сегодня?",      "昼ごはん、どう？",
        "See you at eight 🚲", "Danke, bis später!", "¿Quién tiene la llave?", "👍"};
    struct buf rows = BUF_INIT((size_t)1 << 20);
    for (int64_t i = 0; i < count; i++) {
        int64_t sender = random_int(0, 7), recipient = (sender + random_int(1, 7)) % 8;
        if (i == 0) /* those who try what the README shows ask for ann's */
            sender = 1, recipient = 0;
        buf_printf(&rows, "%c[\"%s\",\"%s\",\"%s\"]", i == 0 ? '[' : ',', people[sender], people[recipient],
                   texts[random_int(0, 7)]);
    }
    buf_add_string(&rows, count == 0 ? "[]" : "]");
    bool ok = session_store(session, STATEMENT(MESSAGE_SEED), buf_text(&rows), count) == DB_OK;
    buf_fini(&rows);
    return ok;
}

/* ---- the table ---- */

static const struct field id_path[] = {
    {.name = "id", FIELD_OF_ID, .required = true, .about = "of the message"},
    {.name = NULL},
};

static const struct route routes[] = {
    {.method = HTTP_POST,
     .path = "/messages",
     .summary = "Send a message",
     .scope = SCOPE_MESSAGES_WRITE,
     .body = send_body,
     .statement = STATEMENT(MESSAGE_SEND),
     .once = STATEMENT(MESSAGE_SEND_ONCE),
     .shape = REPLY_OBJECT,
     .status = 201},
    {.method = HTTP_GET,
     .path = "/messages",
     .summary = "Messages of a recipient, newest first",
     .scope = SCOPE_MESSAGES_READ,
     .query = list_query,
     .statement = STATEMENT(MESSAGE_LIST),
     .shape = REPLY_PAGE,
     .start = start_list,
     .write = write_list},
    {.method = HTTP_GET,
     .path = "/messages/{id}",
     .summary = "One message",
     .scope = SCOPE_MESSAGES_READ,
     .path_fields = id_path,
     .statement = STATEMENT(MESSAGE_GET),
     .shape = REPLY_OBJECT,
     .missing = "Message does not exist."},
    {.method = HTTP_DELETE,
     .path = "/messages/{id}",
     .summary = "Delete a message",
     .scope = SCOPE_MESSAGES_WRITE,
     .path_fields = id_path,
     .statement = STATEMENT(MESSAGE_DELETE),
     .guard = STATEMENT(MESSAGE_GUARD),
     .shape = REPLY_OBJECT,
     .missing = "Message does not exist."},
    {.method = HTTP_POST,
     .path = "/message",
     .summary = "Send a message, as the original's clients do",
     .scope = SCOPE_MESSAGES_WRITE,
     .body = save_body,
     .of_original = true,
     .statement = STATEMENT(MESSAGE_SEND),
     .content_type = "text/plain; charset=utf-8",
     .write = write_saved},
    {.method = HTTP_GET,
     .path = "/message",
     .summary = "The newest of the last 30 days, as the original's clients know them",
     .scope = SCOPE_MESSAGES_READ,
     .query = latest_query,
     .statement = STATEMENT(MESSAGE_LATEST),
     .shape = REPLY_ARRAY,
     .start = start_latest},
    {.method = HTTP_GET,
     .path = "/inbox",
     .summary = "Messages of a recipient, newest first",
     .scope = SCOPE_MESSAGES_READ,
     .for_people = true,
     .query = inbox_query,
     .page = &inbox_page},
    {.method = HTTP_POST,
     .path = "/inbox",
     .summary = "Write a message",
     .scope = SCOPE_MESSAGES_WRITE,
     .for_people = true,
     .query = inbox_query,
     .page = &inbox_page,
     .form = &inbox_forms[INBOX_WRITE]},
    {.method = HTTP_POST,
     .path = "/inbox/{id}/delete",
     .summary = "Delete a message",
     .scope = SCOPE_MESSAGES_WRITE,
     .for_people = true,
     .path_fields = id_path,
     .query = inbox_query,
     .page = &inbox_page,
     .form = &inbox_forms[INBOX_DELETE]},
};

static const struct app_data data = {
    .seed = seed,
    .seed_total = 15,
    .any_record = STATEMENT(MESSAGE_ANY),
};

const struct app app_messages = {
    .name = "messages",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .schema = 7,
    .data = &data,
};
