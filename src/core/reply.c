/* A reply that is being written: its problems, links, tag, and what each error of the database is to a caller. */
#include <config.h>

#include "core/reply.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "core/refusal.h"
#include "http/http.h"

#define BODY_MAX ((size_t)48 << 20)

void reply_init(struct reply *reply)
{
    *reply = (struct reply){.fields = {.max = 16384}, .body = {.max = BODY_MAX}};
    reply_clear(reply);
}

void reply_fini(struct reply *reply)
{
    buf_fini(&reply->fields);
    buf_fini(&reply->body);
}

void reply_clear(struct reply *reply)
{
    reply->status = 200;
    reply->content_type = REPLY_JSON;
    reply->close = reply->has_link = reply->refused = false;
    reply->etag[0] = '\0';
    reply->gzip = (struct slice){NULL, 0};
    buf_clear(&reply->fields);
    buf_clear(&reply->body);
    buf_trim(&reply->body, (size_t)256 << 10);
    coding_forget(reply->coding);
}

void reply_problem_v(struct reply *reply, int status, const char *format, va_list arguments)
{
    char message[1024];
    vsnprintf(message, sizeof message, format, arguments);
    text_end_at_character(message);
    bool close = reply->close;
    reply_clear(reply);
    reply->close = close;
    reply->status = status;
    reply->content_type = REPLY_PROBLEM;
    struct buf *body = &reply->body;
    buf_printf(body,
               "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":", http_reason(status),
               status);
    buf_add_json(body, slice_of(message));
    buf_add_string(body, ",\"error\":");
    buf_add_json(body, slice_of(message));
    buf_add_char(body, '}');
    if (status == 503)
        buf_add_string(&reply->fields, "Retry-After: 1\r\n");
}

void reply_problem(struct reply *reply, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    reply_problem_v(reply, status, format, arguments);
    va_end(arguments);
}

/* The field stays open for the next link: it is the last one written, and its line is ended each time anew. */
void reply_add_link(struct reply *reply, const char *rel, const char *target_format, ...)
{
    va_list arguments;
    if (reply->has_link)
        reply->fields.len -= 2; /* its CR LF */
    buf_add_string(&reply->fields, reply->has_link ? ", <" : "Link: <");
    va_start(arguments, target_format);
    buf_vprintf(&reply->fields, target_format, arguments);
    va_end(arguments);
    buf_printf(&reply->fields, ">; rel=\"%s\"\r\n", rel);
    reply->has_link = true;
}

void reply_add_etag(struct reply *reply, enum etag_strength strength)
{
    uint64_t hash = hash_bytes(buf_slice(&reply->body), 0);
    if (strength == ETAG_WEAK)
        hash = hash_bytes(buf_slice(&reply->fields), hash);
    etag_write(reply->etag, strength, hash);
}

bool reply_has_forms(const struct reply *reply)
{
    bool made = reply->gzip.ptr != NULL, can_be = reply->coding != NULL && reply->content_type != NULL;
    return made ||
           (can_be && !reply->body.failed && reply->body.len >= CODING_MIN && reply->body.len <= CODING_MAX);
}

#define NOT_MADE "The database did not make the change that was asked for; the server's log says more."

void reply_not_made(struct reply *reply, const char *statement)
{
    log_error("the database did not make a change; is there a trigger, rule or policy of its own?",
              LOG_S("statement", statement));
    reply_problem(reply, 500, NOT_MADE);
}

/* What each reason is to a caller. Which of the database's tables, rights and disks it is about is for the log. */
static const struct {
    int status;
    const char *message;
} problems[] = {
    [DB_REFUSED] =
        {500, "The database refused this for a reason that no request can mend; nothing was changed. The "
              "server's log says why."},
    [DB_RETRY] = {503, "The database was too busy; nothing was changed."},
    [DB_LOCKED] = {503, "The database was too busy; nothing was changed."},
    [DB_UNFIT] = {503, "The database is away; nothing was changed."},
    [DB_BUSY] = {503, "The database was too busy; nothing was changed."},
    [DB_SCHEMA] = {503,
                   "The database's tables are not as this server needs them; the server's log says more."},
    [DB_DENIED] =
        {503,
         "The database does not let this server do that; nothing was changed. The server's log says more."},
    [DB_FULL] = {503, "The database has no room left; nothing was changed."},
    [DB_AWAY] = {503, "The database is away; nothing was changed."},
    [DB_LOST] = {503, "The database is away; if the request changes something, whether it did is unknown."},
    [DB_KEPT] = {500, NOT_MADE},
    [DB_CROWDED] = {503, "Too many requests wait for the database; nothing was changed."},
    [DB_FAILED] = {500, "The database could not do this; nothing was changed. The server's log says why."},
};

static struct log_field optional(const char *key, const char *text)
{
    return text != NULL && text[0] != '\0' ? LOG_S(key, text) : (struct log_field){.key = NULL};
}

/* That a database is away is logged once, by its engine; what the database itself reports has a code and is logged
 * here. That too much waits is counted. */
static void log_db_error(const struct statement *statement, const struct db_answer *answer)
{
    bool told = answer->error == DB_LOST || answer->error == DB_AWAY || answer->error == DB_CROWDED;
    if (told && answer->sqlstate[0] == '\0')
        return;
    log_error("statement failed", LOG_S("statement", statement->name), LOG_S("reason", answer->message),
              LOG_S("sqlstate", answer->sqlstate), optional("constraint", answer->constraint),
              optional("table", answer->table), optional("column", answer->column));
}

void reply_db_error(struct reply *reply, const struct route *route, const struct value *values,
                    const struct statement *statement, const struct db_answer *answer)
{
    char message[512];
    if (refusal_message(route, values, statement, answer, message, sizeof message)) {
        reply_problem(reply, 400, "%s", message);
        return;
    }
    log_db_error(statement, answer);
    reply_problem(reply, problems[answer->error].status, "%s", problems[answer->error].message);
    reply->refused = answer->error == DB_CROWDED;
}
