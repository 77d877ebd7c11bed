/* respond writes the reply, or a problem. It may have to ask first why the database has refused a value: ask_columns,
 * then respond_on_columns, then send_problem. */
#include <config.h>

#include "core/respond.h"

#include "core/answer.h"
#include "core/refusal.h"
#include "core/statements.h"

/* A refusal whose reason is asked for. In the request's arena. */
struct question {
    struct request *request;
    const struct statement *statement;
    struct db_answer refused;
};

static void respond_on_columns(struct call *call, const struct db_answer *answer, void *argument);

static void send_problem(struct request *request, const struct statement *statement,
                         const struct db_answer *answer)
{
    struct reply *reply = request_reply(request);
    reply_db_error(reply, request->route, request->values, statement, answer);
    request_send(request, reply);
}

static const char *keep(struct request *request, const char *text)
{
    return text != NULL ? arena_dup(&request->arena, slice_of(text)).ptr : NULL;
}

/* The texts of an answer are gone when its callback returns, so they are copied. */
static struct question *keep_question(struct request *request, const struct statement *statement,
                                      const struct db_answer *answer)
{
    struct question *question = arena_alloc(&request->arena, sizeof *question);
    *question = (struct question){.request = request, .statement = statement, .refused = *answer};
    question->refused.message = keep(request, answer->message);
    question->refused.sqlstate = keep(request, answer->sqlstate);
    question->refused.table = keep(request, answer->table);
    question->refused.column = keep(request, answer->column);
    question->refused.constraint = keep(request, answer->constraint);
    return question;
}

/* If the question cannot be asked, the caller is told that the values were refused, without the reason. */
static void ask_columns(struct question *question)
{
    const struct db_answer *refused = &question->refused;
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_CONSTRAINT_COLUMNS_TABLE] = {.null = refused->table == NULL, .text = slice_of(refused->table)},
        [PARAM_CONSTRAINT_COLUMNS_CONSTRAINT] = {.text = slice_of(refused->constraint)}};
    if (request_start_call(question->request, STATEMENT(CONSTRAINT_COLUMNS), params, respond_on_columns,
                           question) != CALL_STARTED)
        send_problem(question->request, question->statement, refused);
}

void respond(struct call *call, const struct db_answer *answer, void *argument)
{
    struct request *request = argument;
    struct answering answering = {request->route, call->statement, call->params, answer, NULL};
    if (refusal_is_open(request->route, request->values, call->statement, answer)) {
        ask_columns(keep_question(request, call->statement, answer));
    } else if (answer->error != DB_OK) {
        send_problem(request, call->statement, answer);
    } else {
        answering.reply = request_reply(request);
        answer_write(&answering);
        request_send(request, answering.reply);
    }
}

static void respond_on_columns(struct call *call, const struct db_answer *answer, void *argument)
{
    struct question *question = argument;
    struct request *request = question->request;
    (void)call;
    if (answer->error == DB_OK && answer->count == 1) {
        struct slice columns = answer_value(answer, COLUMN_CONSTRAINT_COLUMNS_COLUMNS);
        question->refused.columns = columns.ptr != NULL ? arena_dup(&request->arena, columns).ptr : NULL;
    }
    send_problem(request, question->statement, &question->refused);
}
