/* Conditional writes in two steps: precondition_start -> read_record -> precondition_on_read, which tests the
 * condition -> write_record -> precondition_on_written -> respond, or read_record again when the record has changed
 * meanwhile. */
#include <config.h>

#include "core/precondition.h"

#include <string.h>

#include "core/bind.h"
#include "core/respond.h"
#include "core/rows.h"

#define TRIES_MAX 5u
#define ABSENT "" /* the guard of a record that is not there, */
#define ANY "*"   /* and of one that is there, whatever it is like */

/* A conditional write. In the request's arena. */
struct conditional {
    struct pending reading; /* what the request waits for during the first step */
    struct request *request;
    unsigned tries;
    struct slice guard; /* of the record as it was read last */
};

static bool reading_leave(struct pending *pending);
static void reading_cancel(struct pending *pending);
static void read_record(struct conditional *conditional);
static void precondition_on_read(struct call *call, const struct db_answer *answer, void *argument);
static void precondition_on_written(struct call *call, const struct db_answer *answer, void *argument);

/* No unsent: the reading call changes nothing, also when it was sent. */
static const struct pending_ops reading_ops = {.leave = reading_leave, .cancel = reading_cancel};

bool precondition_is_write(const struct request *request)
{
    return request->route->guard != NULL &&
           (request->if_match.ptr != NULL || request->if_none_match.ptr != NULL);
}

/* ---- first step: the record and its guard ---- */

static bool is_malformed(struct request *request, struct slice field, const char *name)
{
    if (field.ptr == NULL || etag_find(field, ABSENT, ETAG_WEAK) != ETAG_MALFORMED)
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
    struct conditional *conditional = arena_alloc(&request->arena, sizeof *conditional);
    *conditional = (struct conditional){.reading = {&reading_ops}, .request = request};
    read_record(conditional);
}

static void read_record(struct conditional *conditional)
{
    struct request *request = conditional->request;
    struct db_param params[DB_PARAMS_MAX];
    bind_fields(request, request->route->guard, params);
    enum call_start started =
        request_start_call(request, request->route->guard, params, precondition_on_read, conditional);
    if (started == CALL_STARTED)
        request->pending = &conditional->reading;
    else
        request_not_started(request, started);
}

static bool reading_leave(struct pending *pending)
{
    return pending_leave(&pending_owner(pending, struct conditional, reading)->request->call.pending);
}

static void reading_cancel(struct pending *pending)
{
    call_cancel(&pending_owner(pending, struct conditional, reading)->request->call);
}

/* DB_LOST would say that something may have been changed; a read changes nothing. */
static void refuse_unread(struct request *request, const struct statement *statement,
                          const struct db_answer *answer)
{
    struct db_answer unread = *answer;
    struct reply *reply = request_reply(request);
    if (unread.error == DB_LOST)
        unread.error = DB_AWAY;
    reply_db_error(reply, request->route, request->values, statement, &unread);
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

/* "If-Match: *" alone is true of any record, so the write need not compare. */
static struct slice guard_of(const struct request *request, const struct db_answer *answer)
{
    if (answer->count == 0)
        return SLICE(ABSENT);
    if (request->if_none_match.ptr == NULL && slice_equal(request->if_match, SLICE("*")))
        return SLICE(ANY);
    return answer->rows->value(answer->rows, answer->first, answer->rows->columns - 1);
}

/* Stores the guard. True: it differs from the one that was read before. */
static bool take_guard(struct conditional *conditional, const struct db_answer *answer)
{
    struct slice guard = guard_of(conditional->request, answer);
    bool another = conditional->tries == 0 || !slice_equal(guard, conditional->guard);
    conditional->guard = arena_dup(&conditional->request->arena, guard);
    return another;
}

/* ---- second step: the write ---- */

static const struct statement *write_of(const struct route *route)
{
    return route->guarded != NULL ? route->guarded : route->statement;
}

static void write_record(struct conditional *conditional)
{
    struct request *request = conditional->request;
    const struct statement *statement = write_of(request->route);
    struct db_param params[DB_PARAMS_MAX];
    bind_fields(request, statement, params);
    for (unsigned i = 0; i < statement->param_count; i++)
        if (strcmp(statement->params[i].name, "guard") == 0)
            params[i] = (struct db_param){.text = conditional->guard};
    request_call(request, statement, params, precondition_on_written, conditional);
}

/* The write gave no row, yet the record has the guard that the write was given: the database has kept the change from
 * being made. */
static void refuse_unmade(struct request *request)
{
    struct reply *reply = request_reply(request);
    reply_not_made(reply, write_of(request->route)->name);
    request_send(request, reply);
}

static void refuse_failed(struct request *request, enum precondition condition, bool present)
{
    const char *message = condition == IF_NONE_MATCH_FAILS ? "There is a record that If-None-Match excludes"
                          : present ? "The record is not, or no longer, what If-Match names"
                                    : "There is no record that If-Match could name";
    request_problem(request, 412, "%s; nothing was changed.", message);
}

static void precondition_on_read(struct call *call, const struct db_answer *answer, void *argument)
{
    struct conditional *conditional = argument;
    struct request *request = conditional->request;
    char etag[ETAG_SIZE];
    if (answer->error != DB_OK) {
        refuse_unread(request, call->statement, answer);
        return;
    }
    tag_record(request, call->statement, answer, etag);
    enum precondition condition = etag_precondition(request->if_match, request->if_none_match, etag);
    if (condition != PRECONDITIONS_HOLD)
        refuse_failed(request, condition, answer->count > 0);
    else if (answer->count == 0 && request->route->missing != NULL)
        request_problem(request, 404, "%s", request->route->missing);
    else if (!take_guard(conditional, answer))
        refuse_unmade(request);
    else
        write_record(conditional);
}

/* No row: the record had another guard. */
static void precondition_on_written(struct call *call, const struct db_answer *answer, void *argument)
{
    struct conditional *conditional = argument;
    struct request *request = conditional->request;
    if (answer->error != DB_OK || answer->count > 0)
        respond(call, answer, request);
    else if (++conditional->tries < TRIES_MAX)
        read_record(conditional);
    else
        request_problem(request, 412, "Others change the record all the time; nothing was changed.");
}
