/* A blocking session. session_open_pg connects and settles it (session_pg_settle); each statement is then checked by
 * session_pg_check, and stands in a transaction of its own unless session_begin has begun one. */
#include <config.h>

#include "pg/session_pg.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pg/pganswer.h"
#include "pg/pgsettings.h"
#include "pg/sqlstate.h"

struct pg_session {
    struct session session;
    PGconn *pq;
    PGresult *result;
    struct pganswer_view view; /* of result */
    bool unsure;               /* see pganswer_is_unsure; of the last statement */
    struct buf local;          /* behind a pooler: the statement that settles each transaction; else empty */
};

static const struct session_ops pg_session_ops;
static const struct pgsettings_limits no_limits; /* a command takes as long as it takes */
static void pg_close(struct session *session);
static enum db_error session_pg_check(struct pg_session *own, PGresult *result);
static enum db_error session_pg_end(struct pg_session *own, enum db_error error);
static enum db_error pg_query(struct session *session, const char *sql, const char *const *params,
                              unsigned count, const struct db_rows **rows);

static void session_pg_on_notice(void *argument, const PGresult *notice)
{
    struct pg_session *own = argument;
    own->unsure |= pganswer_is_unsure(notice);
}

/* In a transaction without limits of time, or one that the role has would end this as well. */
static enum db_error ask_settled(struct pg_session *own, const char *ask, const struct db_rows **rows)
{
    const char *home = PGSETTINGS_HOME;
    enum db_error error =
        session_pg_check(own, PQexec(own->pq, "BEGIN; SET LOCAL statement_timeout = 0; "
                                              "SET LOCAL idle_in_transaction_session_timeout = 0"));
    return session_pg_end(own, error == DB_OK ? pg_query(&own->session, ask, &home, 1, rows) : error);
}

/* Settles the session; one that is a pooler's is settled in each transaction. False and *error (to be freed). */
static bool session_pg_settle(struct pg_session *own, char **error)
{
    struct buf ask = BUF_INIT((size_t)1 << 20);
    const struct db_rows *rows;
    char reason[256] = "";
    int version = PQserverVersion(own->pq);
    pgsettings_ask(&ask, &no_limits, PGSETTINGS_ASKED, PQbackendPID(own->pq), version);
    if (ask_settled(own, buf_text(&ask), &rows) != DB_OK) {
        *error = mem_dup(own->session.error);
    } else {
        struct pgsettings_session session = pgsettings_read(rows, 0);
        if (pgsettings_misencoded(session.encoding, reason, sizeof reason))
            *error = mem_dup(reason);
        if (!session.settled) {
            pgsettings_local(&own->local, &no_limits, session.path, version);
            own->session.pooled = true;
        }
    }
    buf_fini(&ask);
    return *error == NULL;
}

struct session *session_open_pg(const char *conninfo, char **error)
{
    const char *keywords[] = {"fallback_application_name", "client_encoding", "dbname", "connect_timeout",
                              NULL};
    const char *values[] = {"rowlock", "UTF8", conninfo, getenv("PGCONNECT_TIMEOUT") != NULL ? NULL : "10",
                            NULL};
    PGconn *pq = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(pq) != CONNECTION_OK) {
        const char *message = PQerrorMessage(pq);
        *error = mem_dup_n(message, strcspn(message, "\n"));
        PQfinish(pq);
        return NULL;
    }
    struct pg_session *own = mem_new(sizeof *own);
    PQsetNoticeReceiver(pq, session_pg_on_notice, own);
    own->session.ops = &pg_session_ops;
    own->session.engine = "postgres";
    own->pq = pq;
    own->local = BUF_INIT((size_t)1 << 20);
    *error = NULL;
    if (session_pg_settle(own, error))
        return &own->session;
    pg_close(&own->session);
    return NULL;
}

bool session_pg_away(const char *conninfo)
{
    const char *keywords[] = {"dbname", "connect_timeout", NULL};
    const char *values[] = {conninfo, getenv("PGCONNECT_TIMEOUT") != NULL ? NULL : "10", NULL};
    PGPing ping = PQpingParams(keywords, values, 1);
    return ping == PQPING_REJECT || ping == PQPING_NO_RESPONSE;
}

static void pg_close(struct session *session)
{
    struct pg_session *own = (struct pg_session *)session;
    PQclear(own->result);
    PQfinish(own->pq);
    buf_fini(&own->local);
    free(own);
}

static enum db_error unsure_of(struct pg_session *own)
{
    snprintf(own->session.error, sizeof own->session.error,
             "it is committed in this database, but the wait for its synchronous standby was ended: the "
             "standby may not have it");
    return DB_LOST;
}

/* A deadlock, a conflict of snapshots, a lock that was not given within the time that a migration waits for it. */
static bool is_passing(const char *sqlstate)
{
    return strcmp(sqlstate, "40P01") == 0 || strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "55P03") == 0;
}

static enum db_error session_pg_check(struct pg_session *own, PGresult *result)
{
    PQclear(own->result);
    own->result = result;
    own->session.error[0] = '\0';
    own->session.again = false;
    bool unsure = own->unsure;
    own->unsure = false;
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return unsure ? unsure_of(own) : DB_OK;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (message == NULL)
        message = PQerrorMessage(own->pq);
    snprintf(own->session.error, sizeof own->session.error, "%.*s", (int)strcspn(message, "\n"), message);
    own->session.again = sqlstate != NULL && is_passing(sqlstate);
    return sqlstate != NULL ? sqlstate_error(sqlstate) : DB_LOST;
}

static enum db_error session_pg_begin(struct pg_session *own, const char *sql)
{
    enum db_error error = session_pg_check(own, PQexec(own->pq, sql));
    if (error == DB_OK && own->local.len > 0)
        error = session_pg_check(own, PQexec(own->pq, PGSETTINGS_ISOLATION));
    return error == DB_OK && own->local.len > 0
               ? session_pg_check(own, PQexec(own->pq, buf_text(&own->local)))
               : error;
}

/* Behind a pooler nothing is settled outside of a transaction: what stands alone gets one. */
static bool stands_alone(const struct pg_session *own)
{
    return own->local.len > 0 && PQtransactionStatus(own->pq) == PQTRANS_IDLE;
}

static enum db_error pg_script(struct session *session, const char *sql)
{
    struct pg_session *own = (struct pg_session *)session;
    if (strcmp(sql, "BEGIN") == 0)
        return session_pg_begin(own, sql);
    return session_pg_check(own, PQexec(own->pq, sql));
}

/* After a statement that stood alone; its rows, or its error, stay. */
static enum db_error session_pg_end(struct pg_session *own, enum db_error error)
{
    PGresult *ended = PQexec(own->pq, error == DB_OK ? "COMMIT" : "ROLLBACK");
    if (error == DB_OK && PQresultStatus(ended) != PGRES_COMMAND_OK)
        return session_pg_check(own, ended);
    PQclear(ended);
    bool unsure = own->unsure;
    own->unsure = false;
    return error == DB_OK && unsure ? unsure_of(own) : error;
}

static enum db_error pg_query(struct session *session, const char *sql, const char *const *params,
                              unsigned count, const struct db_rows **rows)
{
    struct pg_session *own = (struct pg_session *)session;
    bool alone = stands_alone(own);
    enum db_error error = alone ? session_pg_begin(own, "BEGIN") : DB_OK;
    if (error == DB_OK)
        error = session_pg_check(own, PQexecParams(own->pq, sql, (int)count, NULL, params, NULL, NULL, 0));
    if (alone)
        error = session_pg_end(own, error);
    own->view = pganswer_view(own->result, 0);
    *rows = &own->view.rows;
    return error;
}

static const struct session_ops pg_session_ops = {pg_script, pg_query, pg_close};
