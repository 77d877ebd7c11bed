/* answer_write tests whether the change was made, has the reply written by the route's write or shape, and adds the
 * entity tag. */
#include <config.h>

#include "core/answer.h"

#include "core/rows.h"

struct slice answer_value(const struct db_answer *answer, int column)
{
    return answer->rows->value(answer->rows, answer->first, column);
}

/* A statement that changes something gives a row for it. No row from PATCH or DELETE: there was nothing to change.
 * No row from POST, which makes a record or replaces one: the database has kept the change from being made; but where
 * it answers with all rows that it changed, there was none. */
static bool is_made(const struct answering *answering)
{
    const struct db_answer *answer = answering->answer;
    if (answer->count == 0)
        return answering->route->method != HTTP_POST || answering->route->shape == REPLY_ARRAY;
    if (!answering->statement->told)
        return true;
    struct slice told = answer_value(answer, answer->rows->columns - 1);
    return told.len == 1 && (told.ptr[0] == 't' || told.ptr[0] == '1');
}

static void write_shape(const struct answering *answering)
{
    const struct route *route = answering->route;
    const struct db_answer *answer = answering->answer;
    struct reply *reply = answering->reply;
    if (route->shape == REPLY_ARRAY && (answer->count > 0 || route->missing == NULL))
        rows_add_array(&reply->body, answering->statement, answer->rows, answer->first, answer->count);
    else if (answer->count == 0)
        reply_problem(reply, 404, "%s", route->missing != NULL ? route->missing : "There is no such record.");
    else
        rows_add_object(&reply->body, answering->statement, answer->rows, answer->first);
}

static void add_tag(const struct route *route, struct reply *reply)
{
    if (route_has_tag(route))
        reply_add_etag(reply, route->shape == REPLY_OBJECT ? ETAG_STRONG : ETAG_WEAK);
}

static void add_location(const struct answering *answering)
{
    struct slice id = answer_value(answering->answer, 0);
    answering->reply->status = 201;
    buf_printf(&answering->reply->fields, "Location: %s/%.*s\r\n", answering->route->path, (int)id.len,
               id.ptr);
}

void answer_write(const struct answering *answering)
{
    if (!is_made(answering))
        reply_not_made(answering->reply, answering->statement->name);
    else if (answering->route->write != NULL)
        answering->route->write(answering);
    else
        write_shape(answering);
    if (answering->reply->status == 200 && answering->route->status == 201)
        add_location(answering);
    if (answering->reply->status == 200)
        add_tag(answering->route, answering->reply);
}
