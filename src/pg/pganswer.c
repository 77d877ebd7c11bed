/* Answers. pganswer_error makes one of an error, pganswer_rows finds the rows of each call in those of a set.
 * Nothing is copied: what an answer points to is good as long as its PGresult. */
#include <config.h>

#include "pg/pganswer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/sqlstate.h"

/* A plan that was kept, and whose tables have changed since: not what "not supported" means else. */
static bool is_stale(const PGresult *result, const char *sqlstate)
{
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    return strcmp(sqlstate, "0A000") == 0 && function != NULL &&
           strcmp(function, "RevalidateCachedQuery") == 0;
}

/* Inside a function, which has a context, it is no value that a caller gave. */
static bool is_value(const PGresult *result, const char *sqlstate)
{
    static const char *const codes[] = {"22001", "22021", "22P05"}; /* too long, characters */
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(sqlstate, codes[i]) == 0)
            return PQresultErrorField(result, PG_DIAG_CONTEXT) == NULL;
    return false;
}

struct db_answer pganswer_error(const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    struct db_answer answer = {.error = DB_LOST,
                               .sqlstate = "",
                               .message = message != NULL ? message : "the database gave no reason"};
    if (sqlstate == NULL)
        return answer;
    answer.sqlstate = sqlstate;
    answer.error = is_stale(result, sqlstate) ? DB_RETRY : sqlstate_error(sqlstate);
    answer.value = is_value(result, sqlstate);
    answer.table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
    answer.column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
    answer.constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    return answer;
}

bool pganswer_is_unsure(const PGresult *notice)
{
    const char *function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
    return function != NULL && strcmp(function, "SyncRepWaitForLSN") == 0;
}

/* libpq's messages are lines; the first of them, without the newline, is what a log wants. */
const char *pganswer_lost(const PGconn *pq, char *out, size_t size)
{
    const char *message = PQerrorMessage(pq);
    snprintf(out, size, "%.*s", (int)strcspn(message, "\n"), message);
    return out[0] != '\0' ? out : "the connection was closed";
}

void pganswer_all(struct db_request *request, const struct db_answer *answer)
{
    for (unsigned position = 0; position < request->call_count; position++)
        request->on_answer(request, position, answer);
}

static struct slice pganswer_value(const struct db_rows *rows, int row, int column)
{
    const struct pganswer_view *view = (const struct pganswer_view *)(const void *)rows;
    column += view->shift;
    if (PQgetisnull(view->result, row, column))
        return (struct slice){NULL, 0};
    return (struct slice){PQgetvalue(view->result, row, column),
                          (size_t)PQgetlength(view->result, row, column)};
}

struct pganswer_view pganswer_view(const PGresult *result, int shift)
{
    struct db_rows rows = {PQntuples(result), PQnfields(result) - shift, pganswer_value};
    return (struct pganswer_view){rows, result, shift};
}

void pganswer_rows(struct db_request *request, const PGresult *result)
{
    struct pganswer_view view = pganswer_view(result, request->statement->set);
    struct db_answer answer = {.error = DB_OK, .message = "", .sqlstate = "", .rows = &view.rows};
    if (!request->statement->set) {
        answer.count = view.rows.count;
        request->on_answer(request, 0, &answer);
        return;
    }
    int row = 0;
    for (unsigned position = 0; position < request->call_count; position++) {
        answer.first = row;
        while (row < view.rows.count && (unsigned)atoi(PQgetvalue(result, row, 0)) == position + 1)
            row++;
        answer.count = row - answer.first;
        request->on_answer(request, position, &answer);
    }
}
