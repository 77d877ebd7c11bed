/* precondition_start -> read_record -> on_read -> write_record -> on_written -> reply, or read_record again. */
#include <config.h>

#include "core/precondition.h"

#include <string.h>

#include "core/rows.h"
#include "core/server.h"

#define TRIES_MAX 5u
#define ABSENT "" /* the guard of a record that is not there, */
#define ANY "*"   /* and of one that is there, whatever it is like */

static void read_record(struct request *request);
static void on_read(struct call *call, const struct db_answer *answer, void *argument);
static void on_written(struct call *call, const struct db_answer *answer, void *argument);

/* ---- conditions ---- */

static bool finds(struct slice field, const char *etag, enum etag_strength comparison, enum etag_found wanted)
{
    return field.ptr != NULL && etag_find(field, etag, comparison) == wanted;
}

enum precondition precondition_of(const struct request *request, const char *etag)
{
    if (finds(request->if_match, etag, ETAG_STRONG, ETAG_NOT_FOUND))
        return IF_MATCH_FAILS;
    if (finds(request->if_none_match, etag, ETAG_WEAK, ETAG_FOUND))
        return IF_NONE_MATCH_FAILS;
    return PRECONDITIONS_HOLD;
}

bool precondition_is_write(const struct request *request)
{
    return request->route->guard != NULL &&
           (request->if_match.ptr != NULL || request->if_none_match.ptr != NULL);
}

/* ---- first step: the record and its guard ---- */

static bool is_malformed(struct request *request, struct slice field, const char *name)
{
    if (!finds(field, ABSENT, ETAG_WEAK, ETAG_MALFORMED))
        return false;
    request_problem(request, 400, "%s must be * or entity tags as ETag gives them, such as \"1a2b3c\".",
                    name);
    return true;
}

void precondition_start(struct request *request)
{
    if (is_malformed(request, request->if_match, "If-Match") ||
        is_malformed(request, request->if_none_match, "If-None-Match"))
        return;
    request->again = 0;
    read_record(request);
}

static void read_record(struct request *request)
{
    struct db_param params[DB_PARAMS_MAX];
    request->reading = true;
    request_bind(request, request->route->guard, params);
    request_call(request, request->route->guard, params, on_read);
}

/* The lost connection had nothing to change on its way. */
static void refuse_unread(struct request *request, const struct statement *statement,
                          const struct db_answer *answer)
{
    struct db_answer unread = *answer;
    struct reply *reply = request_reply(request);
    if (unread.error == DB_LOST)
        unread.error = DB_AWAY;
    reply_db_error(reply, request, statement, &unread);
    request_send(request, reply);
}

/* The tag that a GET would give: of the same columns, written in the same way. */
static void tag_record(struct request *request, const struct statement *statement,
                       const struct db_answer *answer, char etag[ETAG_SIZE])
{
    struct reply *reply = request_reply(request);
    etag[0] = '\0';
    if (answer->count == 0)
        return;
    rows_add_object(&reply->body, statement, answer->rows, answer->first);
    reply_add_etag(reply, ETAG_STRONG);
    memcpy(etag, reply->etag, ETAG_SIZE);
}

/* Where "If-Match: *" is all that is asked for, who changes the record meanwhile is in nobody's way. */
static struct slice guard_of(const struct request *request, const struct db_answer *answer)
{
    if (answer->count == 0)
        return SLICE(ABSENT);
    if (request->if_none_match.ptr == NULL && slice_equal(request->if_match, SLICE("*")))
        return SLICE(ANY);
    return answer->rows->value(answer->rows, answer->first, answer->rows->columns - 1);
}

/* Whether it is another one than the last that was read. */
static bool take_guard(struct request *request, const struct db_answer *answer)
{
    struct slice guard = guard_of(request, answer);
    bool another = request->again == 0 || !slice_equal(guard, request->guard);
    request->guard = arena_dup(&request->arena, guard);
    return another;
}

/* ---- second step: the write ---- */

static const struct statement *write_of(const struct route *route)
{
    return route->guarded != NULL ? route->guarded : route->statement;
}

static void write_record(struct request *request)
{
    const struct statement *statement = write_of(request->route);
    struct db_param params[DB_PARAMS_MAX];
    request_bind(request, statement, params);
    for (unsigned i = 0; i < statement->param_count; i++)
        if (strcmp(statement->params[i].name, "guard") == 0)
            params[i] = (struct db_param){.text = request->guard};
    request_call(request, statement, params, on_written);
}

/* The write found the record as it was read, unless somebody has changed it and changed it back. */
static void refuse_unmade(struct request *request)
{
    struct reply *reply = request_reply(request);
    reply_not_made(reply, write_of(request->route)->name);
    request_send(request, reply);
}

static void refuse_failed(struct request *request, enum precondition condition, bool present)
{
    const char *words = condition == IF_NONE_MATCH_FAILS ? "There is a record that If-None-Match excludes"
                        : present ? "The record is not, or no longer, what If-Match names"
                                  : "There is no record that If-Match could name";
    request_problem(request, 412, "%s; nothing was changed.", words);
}

static void on_read(struct call *call, const struct db_answer *answer, void *argument)
{
    struct request *request = argument;
    char etag[ETAG_SIZE];
    request->reading = false;
    if (answer->error != DB_OK) {
        refuse_unread(request, call->statement, answer);
        return;
    }
    tag_record(request, call->statement, answer, etag);
    enum precondition condition = precondition_of(request, etag);
    if (condition != PRECONDITIONS_HOLD)
        refuse_failed(request, condition, answer->count > 0);
    else if (answer->count == 0 && request->route->missing != NULL)
        request_problem(request, 404, "%s", request->route->missing);
    else if (!take_guard(request, answer))
        refuse_unmade(request);
    else
        write_record(request);
}

/* No row: the record had another guard. */
static void on_written(struct call *call, const struct db_answer *answer, void *argument)
{
    struct request *request = argument;
    if (answer->error != DB_OK || answer->count > 0)
        request_answer(request, call->statement, call->params, answer);
    else if (++request->again < TRIES_MAX)
        read_record(request);
    else
        request_problem(request, 412, "Others change the record all the time; nothing was changed.");
}
