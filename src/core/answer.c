/* answer_write: was the change made? Then the route's write or its shape; then the entity tag of what is shown. */
#include <config.h>

#include "core/answer.h"

#include "core/rows.h"

struct slice answer_value(const struct db_answer *answer, int column)
{
    return answer->rows->value(answer->rows, answer->first, column);
}

/* Whatever changes something has a row to show for it, or there was nothing to change; only what is made anew or put in
 * place of another is there in any case. */
static bool is_made(const struct answering *answering)
{
    const struct db_answer *answer = answering->answer;
    if (answer->count == 0)
        return answering->route->method != HTTP_POST;
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

/* What the reply shows has a tag: the data of a GET, or the record that a write has stored. */
static void add_tag(const struct route *route, struct reply *reply)
{
    if (route->method == HTTP_GET)
        reply_add_etag(reply, route->shape == REPLY_OBJECT ? ETAG_STRONG : ETAG_WEAK);
    else if (route->method == HTTP_POST && route->guard != NULL && route->shape == REPLY_OBJECT)
        reply_add_etag(reply, ETAG_STRONG);
}

void answer_write(const struct answering *answering)
{
    if (!is_made(answering))
        reply_not_made(answering->reply, answering->statement->name);
    else if (answering->route->write != NULL)
        answering->route->write(answering);
    else
        write_shape(answering);
    if (answering->reply->status == 200)
        add_tag(answering->route, answering->reply);
}
