/* Short messages: sent, listed newest first by number or by days, read, deleted. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "apps/apps.h"
#include "base/random.h"
#include "base/text.h"
#include "core/idempotency.h"
#include "core/paging.h"
#include "core/request.h"
#include "core/rows.h"
#include "core/sql.h"

#define NAME_MAX_POINTS 200
#define TEXT_MAX_POINTS 1000
#define LIMIT_BUILT_IN 100
#define DAYS_MAX 36500
#define PIECE 500 /* messages of a streamed piece, as the statement has it */

#define MESSAGE_COLUMNS                                                                                      \
    {                                                                                                        \
        {"id", COLUMN_NUMBER}, {"sender", COLUMN_TEXT}, {"recipient", COLUMN_TEXT}, {"text", COLUMN_TEXT},   \
            {"sent_at", COLUMN_TIME},                                                                        \
    }

enum { /* of MESSAGE_COLUMNS, and of message_recent */
       COLUMN_ID,
       COLUMN_SENT_AT = 4,
       COLUMN_SINCE,
};

static struct stmt message_send = {
    .name = "message_send",
    .set = true,
    .params = {{"sender", DB_TEXT}, {"recipient", DB_TEXT}, {"text", DB_TEXT}},
    .columns = MESSAGE_COLUMNS,
};

static struct stmt message_send_once = {
    .name = "message_send_once",
    .set = true,
    .params = {{"sender", DB_TEXT}, {"recipient", DB_TEXT}, {"text", DB_TEXT}, IDEMPOTENCY_PARAMS},
    .columns = IDEMPOTENCY_COLUMNS,
};

static struct stmt message_get = {
    .name = "message_get", .set = true, .params = {{"id", DB_INT}}, .columns = MESSAGE_COLUMNS};

static struct stmt message_guard = {
    .name = "message_guard", .params = {{"id", DB_INT}}, .columns = MESSAGE_COLUMNS};

static struct stmt message_delete = {.name = "message_delete",
                                     .told = true,
                                     .params = {{"id", DB_INT}, {"guard", DB_TEXT}},
                                     .columns = MESSAGE_COLUMNS};

static struct stmt message_list = {
    .name = "message_list",
    .params = {{"limit", DB_INT}, {"recipient", DB_TEXT}, {"before", DB_INT}},
    .columns = MESSAGE_COLUMNS,
};

static struct stmt message_list_from = {
    .name = "message_list_from",
    .params = {{"limit", DB_INT}, {"recipient", DB_TEXT}, {"before", DB_INT}, {"sender", DB_TEXT}},
    .columns = MESSAGE_COLUMNS,
};

static struct stmt message_recent = {
    .name = "message_recent",
    .params = {{"recipient", DB_TEXT},
               {"since", DB_TEXT},
               {"days", DB_INT},
               {"sent_at", DB_TEXT},
               {"before", DB_INT}},
    .columns = MESSAGE_COLUMNS,
};

static struct stmt message_recent_from = {
    .name = "message_recent_from",
    .params = {{"recipient", DB_TEXT},
               {"since", DB_TEXT},
               {"days", DB_INT},
               {"sent_at", DB_TEXT},
               {"before", DB_INT},
               {"sender", DB_TEXT}},
    .columns = MESSAGE_COLUMNS,
};

/* ---- POST /messages ---- */

static const struct field send_body[] = {
    {.name = "sender",
     .type = FIELD_TEXT,
     .required = true,
     .least = 1,
     .most = NAME_MAX_POINTS,
     .about = "who writes"},
    {.name = "recipient",
     .type = FIELD_TEXT,
     .required = true,
     .least = 1,
     .most = NAME_MAX_POINTS,
     .about = "to whom"},
    {.name = "text",
     .type = FIELD_TEXT,
     .required = true,
     .least = 1,
     .most = TEXT_MAX_POINTS,
     .about = "what"},
    {.name = NULL},
};

/* 201 says where the message is; its id is the first member of the body. */
static void finish_send(struct reply *reply)
{
    struct slice body = buf_slice(&reply->body);
    size_t start = strlen("{\"id\":"), end = start;
    while (end < body.len && body.ptr[end] >= '0' && body.ptr[end] <= '9')
        end++;
    reply->status = 201;
    buf_printf(&reply->fields, "Location: /messages/%.*s\r\n", (int)(end - start), body.ptr + start);
}

static void answer_send(const struct route *route, const struct stmt *stmt, const struct db_param *params,
                        const struct db_answer *answer, struct reply *reply)
{
    (void)route;
    (void)params;
    rows_add_object(&reply->body, stmt, answer->rows, answer->first);
    finish_send(reply);
}

static void send(struct request *request)
{
    struct db_param params[DB_PARAMS_MAX] = {{.text = request->values[0].text},
                                             {.text = request->values[1].text},
                                             {.text = request->values[2].text}};
    switch (idempotency_params(request, params + 3)) {
    case IDEMPOTENCY_NONE:
        request_call(request, &message_send, params, NULL);
        break;
    case IDEMPOTENCY_KEY:
        idempotency_call(request, &message_send_once, params, finish_send);
        break;
    case IDEMPOTENCY_REFUSED:
        break;
    }
}

/* ---- GET /messages ---- */

enum {
    LIST_RECIPIENT,
    LIST_SENDER,
    LIST_LIMIT,
    LIST_BEFORE,
    LIST_DAYS,
};

static const struct field list_query[] = {
    {.name = "recipient",
     .type = FIELD_TEXT,
     .required = true,
     .least = 1,
     .most = NAME_MAX_POINTS,
     .about = "to whom"},
    {.name = "sender",
     .type = FIELD_TEXT,
     .least = 1,
     .most = NAME_MAX_POINTS,
     .about = "only from this one"},
    {.name = "limit",
     .type = FIELD_INT,
     .least = 1,
     .most = PAGING_MAX,
     .about = "how many; 100 when not said"},
    {.name = "before", .type = FIELD_INT, .least = 0, .most = INT64_MAX, .about = "ids below this one"},
    {.name = "days",
     .type = FIELD_INT,
     .least = 1,
     .most = DAYS_MAX,
     .about = "instead: all of the last days"},
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

static void answer_list(const struct route *route, const struct stmt *stmt, const struct db_param *params,
                        const struct db_answer *answer, struct reply *reply)
{
    struct slice recipient = params[1].text;
    struct slice sender = stmt == &message_list_from ? params[3].text : SLICE("");
    long long limit = params[0].integer - 1;
    int64_t last = 0;
    int count = paging_rows(stmt, answer, (int)limit, reply);
    (void)route;
    if (answer->count > count) {
        text_int(answer->rows->value(answer->rows, answer->first + count - 1, COLUMN_ID), &last);
        add_link(reply, "next", recipient, sender, "limit=%lld&before=%lld", limit, (long long)last);
    }
    add_link(reply, "first", recipient, sender, "limit=%lld", limit);
}

/* ---- all of the last days: at once when they are few, else piece by piece, as the database gives them and the client
 * takes them ---- */

struct recent {
    struct stmt *stmt;
    struct db_param params[DB_PARAMS_MAX];
    bool begun, last; /* last: no more pieces will come */
};

static void ask_recent(struct request *request);

static void on_recent(struct call *call, const struct db_answer *answer, void *argument)
{
    struct request *request = argument;
    struct recent *recent = request->waiting_for;
    const struct db_rows *rows = answer->rows;
    struct reply *reply = request_reply(request);
    if (answer->error != DB_OK) {
        reply_db_error(reply, request, call->stmt, answer);
        request_send(request, reply);
        return;
    }
    buf_add_char(&reply->body, recent->begun ? ',' : '[');
    if (recent->begun && answer->count == 0)
        buf_clear(&reply->body);
    for (int row = 0; row < answer->count; row++) {
        if (row > 0)
            buf_add_char(&reply->body, ',');
        rows_add_object(&reply->body, call->stmt, rows, answer->first + row);
    }
    recent->last = answer->count < PIECE;
    if (recent->last)
        buf_add_char(&reply->body, ']');
    else {
        int row = answer->first + answer->count - 1;
        recent->params[1] =
            (struct db_param){.text = arena_dup(&request->arena, rows->value(rows, row, COLUMN_SINCE))};
        recent->params[3] =
            (struct db_param){.text = arena_dup(&request->arena, rows->value(rows, row, COLUMN_SENT_AT))};
        text_int(rows->value(rows, row, COLUMN_ID), &recent->params[4].integer);
    }
    if (!recent->begun)
        add_link(reply, "first", recent->params[0].text, recent->params[5].text, "days=%lld",
                 (long long)recent->params[2].integer);
    if (recent->last && !recent->begun) {
        reply_add_etag(reply, ETAG_WEAK);
        request_send(request, reply);
        return;
    }
    if (!recent->begun)
        request_stream_begin(request, reply, ask_recent);
    recent->begun = true;
    recent->last |= request->method == HTTP_HEAD;
    request_stream_piece(request, buf_slice(&reply->body));
    if (recent->last)
        request_stream_end(request);
}

static void ask_recent(struct request *request)
{
    struct recent *recent = request->waiting_for;
    if (!recent->last && request->call.state == CALL_IDLE)
        request_call(request, recent->stmt, recent->params, on_recent);
}

static void list_recent(struct request *request)
{
    const struct value *values = request->values;
    struct recent *recent = arena_alloc(&request->arena, sizeof *recent);
    *recent = (struct recent){
        .stmt = values[LIST_SENDER].present ? &message_recent_from : &message_recent,
        .params = {{.text = values[LIST_RECIPIENT].text},
                   {.null = true},
                   {.integer = values[LIST_DAYS].integer},
                   {.null = true},
                   {.integer = INT64_MAX},
                   {.text = values[LIST_SENDER].present ? values[LIST_SENDER].text : SLICE("")}}};
    request->waiting_for = recent;
    ask_recent(request);
}

static bool prepare_list(struct request *request, struct stmt **statement, struct db_param *params)
{
    const struct value *values = request->values;
    if (values[LIST_DAYS].present) {
        if (values[LIST_LIMIT].present || values[LIST_BEFORE].present)
            request_problem(request, 400, "The query parameter days excludes limit and before.");
        else
            list_recent(request);
        return false;
    }
    params[0].integer = (values[LIST_LIMIT].present ? values[LIST_LIMIT].integer : LIMIT_BUILT_IN) + 1;
    params[1].text = values[LIST_RECIPIENT].text;
    params[2].integer = values[LIST_BEFORE].present ? values[LIST_BEFORE].integer : INT64_MAX;
    params[3].text = values[LIST_SENDER].text;
    *statement = values[LIST_SENDER].present ? &message_list_from : &message_list;
    return true;
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
    buf_add(&rows, count == 0 ? "[]" : "]", count == 0 ? 3 : 2); /* with its NUL */
    bool ok = session_store(session, sql_text(session->engine, "message_seed"), rows.data, count) == DB_OK;
    buf_fini(&rows);
    return ok;
}

/* ---- the table ---- */

static const struct field id_path[] = {
    {.name = "id",
     .type = FIELD_INT,
     .required = true,
     .least = 0,
     .most = INT64_MAX,
     .about = "of the message"},
    {.name = NULL},
};

static const struct route routes[] = {
    {.method = HTTP_POST,
     .path = "/messages",
     .summary = "Send a message",
     .body = send_body,
     .handler = send,
     .answer = answer_send},
    {.method = HTTP_GET,
     .path = "/messages",
     .summary = "Messages of a recipient, newest first",
     .query = list_query,
     .prepare = prepare_list,
     .answer = answer_list},
    {.method = HTTP_GET,
     .path = "/messages/{id}",
     .summary = "One message",
     .path_fields = id_path,
     .statement = &message_get,
     .shape = REPLY_OBJECT,
     .missing = "Message does not exist."},
    {.method = HTTP_DELETE,
     .path = "/messages/{id}",
     .summary = "Delete a message",
     .path_fields = id_path,
     .statement = &message_delete,
     .guard = &message_guard,
     .shape = REPLY_OBJECT,
     .missing = "Message does not exist."},
};

static struct stmt *const statements[] = {
    &message_send, &message_send_once, &message_get,    &message_guard,       &message_delete,
    &message_list, &message_list_from, &message_recent, &message_recent_from, NULL};

static const struct app_data data = {
    .seed = seed,
    .seed_total = 15,
    .any = "message_any",
};

const struct app app_messages = {
    .name = "messages",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .statements = statements,
    .schema = 7,
    .idempotency = true,
    .data = &data,
};
