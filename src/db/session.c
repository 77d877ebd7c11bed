/* Sessions for commands: what both engines have in common. A transaction is session_begin, queries, COMMIT by
 * session_script; if one of these fails, session_retry undoes it and says whether it is worth another try. */
#include <config.h>

#include "db/session.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

#define TRIES_MAX 6

void session_close(struct session *session)
{
    if (session != NULL)
        session->ops->close(session);
}

enum db_error session_script(struct session *session, const char *sql)
{
    return session->ops->script(session, sql);
}

const char *session_text(const struct session *session, const struct statement *statement)
{
    return statement->text[strcmp(session->engine, "sqlite") == 0 ? DB_SQLITE : DB_POSTGRES];
}

enum db_error session_query(struct session *session, const struct statement *statement,
                            const char *const *params, const struct db_rows **rows)
{
    const struct db_rows *ignored;
    return session->ops->query(session, session_text(session, statement), params, statement->param_count,
                               rows != NULL ? rows : &ignored);
}

enum db_error session_store(struct session *session, const struct statement *statement, const char *rows,
                            int64_t expected)
{
    const struct db_rows *answer;
    int64_t stored = 0;
    enum db_error error = session_query(session, statement, &rows, &answer);
    if (error != DB_OK)
        return error;
    if (answer->count == 1)
        text_int(answer->value(answer, 0, 0), &stored);
    if (stored == expected)
        return DB_OK;
    snprintf(session->error, sizeof session->error,
             "the database stored %lld of %lld rows; is there a trigger, rule or policy of its own?",
             (long long)stored, (long long)expected);
    return DB_REFUSED;
}

enum db_error session_begin(struct session *session)
{
    return session_script(session, strcmp(session->engine, "sqlite") == 0 ? "BEGIN IMMEDIATE" : "BEGIN");
}

void session_undo(struct session *session)
{
    char error[sizeof session->error];
    bool again = session->again;
    memcpy(error, session->error, sizeof error);
    session_script(session, "ROLLBACK");
    memcpy(session->error, error, sizeof error);
    session->again = again;
}

/* Transactions that met once should not meet again, so the pause is random. */
bool session_retry(struct session *session, int *tries)
{
    session_undo(session);
    if (!session->again || ++*tries == TRIES_MAX)
        return false;
    struct timespec moment = {.tv_nsec = (long)(random_int(20, 250) * CLOCK_MS)};
    nanosleep(&moment, NULL);
    return true;
}
