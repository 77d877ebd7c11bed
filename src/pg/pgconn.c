/* The life of one connection and its pipeline. pgattempt connects; on_pgattempt_connected asks who is there
 * (ask_session), and on_session_answer makes it ready (become_ready). From then on pgconn_send encodes a request and
 * flushes it, and on_socket takes results (take_results); the Sync of a request ends it (finish_request). What ends the
 * connection comes to lost, which answers its requests in their order and starts to connect again. */
#include <config.h>

#include "pg/pgconn.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pg/pganswer.h"
#include "pg/pgattempt.h"
#include "pg/pgparam.h"
#include "pg/pgsettings.h"
#include "pg/pgtarget.h"

#define DEPTH_MAX 16u               /* requests on their way at once */
#define RENEW_NS CLOCK_SECOND       /* between two attempts to end a read-only session of a pooler */
#define NEWS_NS (10 * CLOCK_SECOND) /* of the idle sessions that end within it the log names one */
#define UNSURE "it is committed, but the standby may not have it: the wait for it was ended"

enum pgconn_state {
    PGCONN_CONNECTING, /* pgattempt is at work; there is no connection */
    PGCONN_ASKING,     /* who is there: PostgreSQL itself, or a pooler */
    PGCONN_READY,      /* requests may be sent */
};

enum pgconn_prepared {
    PGCONN_UNPREPARED,
    PGCONN_LOCKED_OUT, /* not prepared either: what was to prepare it met a lock */
    PGCONN_PREPARING,  /* sent, and not accepted yet */
    PGCONN_PREPARED,
};

struct pgconn {
    struct loop *loop;
    const struct pgtarget *target;
    const char *role; /* for the log */
    struct pgconn_events events;
    enum pgconn_state state;
    PGconn *pq;
    struct loop_watch *watch;
    struct pgattempt *attempt;
    struct loop_timer *limit; /* how long a pooler may have the request */
    struct loop_task drop; /* gives the connection up at the end of the turn, where a caller still uses it */
    bool pooled;           /* see pgconn_pooled; true until it is known */
    struct db_request asking; /* who is there; its statement is ask, whose text is ask_text */
    struct statement ask;
    struct buf ask_text;
    struct buf local;         /* behind a pooler: the statement that settles each transaction */
    bool read_only, stale;    /* as in the header */
    bool settled;             /* it knows where our tables are */
    struct db_request ending; /* ends a read-only session of a pooler */
    bool ends_first;          /* ending stands before the request on its way, in the same transaction */
    int64_t ended;            /* when ending was last sent; 0: it may be sent at once */
    char refusal[256];        /* why the answer to asking is no good; "": there is none */
    struct list requests;     /* sent and not answered, in order */
    unsigned waits;           /* how many of them may wait for a row's lock */
    bool closed;              /* nothing may be sent behind the last of them */
    bool held;                /* the last that was answered met a lock, and so may the next */
    PGresult *rows;           /* of the first request, if they have come */
    PGresult *error;          /* the first error of the first request */
    bool unsure;              /* the first request is committed, but the standby may not have it */
    int64_t heard;            /* when the server last said something, or was first asked */
    int64_t connected;        /* when it became ready */
    const char *recycle;      /* why it is given up as soon as nothing is outstanding; NULL: it is not */
    bool expected;            /* its end is no news */
    struct pgparam params;    /* scratch of pgconn_send */
    unsigned statement_count;
    enum pgconn_prepared prepared[]; /* by the index of a statement */
};

static void on_pgattempt_connected(PGconn *pq, bool plain, void *argument);
static void on_pgattempt_failed(const char *reason, bool round, void *argument);
static void pgconn_on_notice(void *argument, const PGresult *notice);
static void on_session_answer(struct db_request *request, unsigned position, const struct db_answer *answer);
static void on_ended_answer(struct db_request *request, unsigned position, const struct db_answer *answer);
static void on_socket(int fd, int ready, void *argument);
static void on_limit(void *argument);
static void on_drop(void *argument);
static void lost(struct pgconn *conn, const char *reason);

static const struct statement end_read_only = {
    .name = "end_read_only",
    .text = {[DB_POSTGRES] =
                 "SELECT pg_terminate_backend(pg_backend_pid()) "
                 "WHERE current_setting('transaction_read_only') = 'on' AND NOT pg_is_in_recovery()"}};

/* ---- life ---- */

struct pgconn *pgconn_new(struct loop *loop, const struct pgtarget *target, const char *role,
                          unsigned statement_count, const struct pgconn_events *events)
{
    struct pgconn *conn = mem_new(sizeof *conn + statement_count * sizeof conn->prepared[0]);
    conn->statement_count = statement_count;
    conn->loop = loop;
    conn->target = target;
    conn->role = role;
    conn->events = *events;
    list_init(&conn->requests);
    static const struct db_param home = {.text = {PGSETTINGS_HOME, sizeof PGSETTINGS_HOME - 1}};
    static const struct statement_param home_param = {.name = "home", .type = DB_TEXT};
    conn->ask = (struct statement){.name = "session", .param_count = 1, .params = &home_param};
    conn->asking = (struct db_request){.statement = &conn->ask,
                                       .call_count = 1,
                                       .params = &home,
                                       .on_answer = on_session_answer,
                                       .owner = conn};
    conn->ending = (struct db_request){
        .statement = &end_read_only, .call_count = 1, .on_answer = on_ended_answer, .owner = conn};
    conn->ask_text = conn->local = BUF_INIT((size_t)1 << 20);
    struct pgattempt_events attempt = {on_pgattempt_connected, on_pgattempt_failed, pgconn_on_notice, conn};
    conn->attempt = pgattempt_new(loop, target, role, &attempt);
    conn->limit = loop_timer_new(loop, on_limit, conn);
    loop_task_init(&conn->drop, on_drop, conn);
    pgattempt_start(conn->attempt, false, false);
    return conn;
}

static void fail_requests(struct pgconn *conn, const char *reason)
{
    struct db_request *request;
    struct db_answer answer = {.error = DB_LOST, .message = reason, .sqlstate = ""};
    while ((request = list_pop_of(&conn->requests, struct db_request, link)) != NULL) {
        pganswer_all(request, &answer);
        if (request->on_done != NULL)
            request->on_done(request);
    }
}

static void disconnect(struct pgconn *conn)
{
    conn->state = PGCONN_CONNECTING;
    loop_timer_stop(conn->limit);
    loop_task_cancel(&conn->drop);
    loop_watch_free(conn->watch); /* before libpq closes its descriptor */
    conn->watch = NULL;
    PQclear(conn->rows);
    PQclear(conn->error);
    conn->rows = conn->error = NULL;
    conn->unsure = false;
    PQfinish(conn->pq);
    conn->pq = NULL;
    conn->recycle = NULL;
    conn->waits = 0;
    conn->closed = conn->held = conn->expected = conn->ends_first = false;
    memset(conn->prepared, 0, conn->statement_count * sizeof conn->prepared[0]);
}

void pgconn_free(struct pgconn *conn)
{
    if (conn == NULL)
        return;
    disconnect(conn);
    pgattempt_free(conn->attempt);
    fail_requests(conn, "the server is shutting down");
    loop_timer_free(conn->limit);
    pgparam_fini(&conn->params);
    buf_fini(&conn->ask_text);
    buf_fini(&conn->local);
    free(conn);
}

bool pgconn_ready(const struct pgconn *conn)
{
    return conn->state == PGCONN_READY && conn->recycle == NULL && !list_linked(&conn->drop.link);
}

/* A pooler gives PostgreSQL's connection to another client when a transaction has ended, even if the first message
 * of the next request has gone there already; the rest of it then meets another's unnamed statement. */
bool pgconn_room(const struct pgconn *conn)
{
    return pgconn_ready(conn) && !conn->closed && !conn->held &&
           conn->requests.length < (conn->pooled ? 1 : DEPTH_MAX);
}

unsigned pgconn_waits(const struct pgconn *conn)
{
    return conn->waits;
}

bool pgconn_read_only(const struct pgconn *conn)
{
    return conn->read_only;
}

bool pgconn_stale(const struct pgconn *conn)
{
    return conn->stale;
}

bool pgconn_pooled(const struct pgconn *conn)
{
    return conn->pooled;
}

void pgconn_allow_ending(struct pgconn *conn)
{
    conn->ended = 0;
}

unsigned pgconn_depth(const struct pgconn *conn)
{
    return (unsigned)conn->requests.length;
}

int64_t pgconn_silence(const struct pgconn *conn, int64_t now)
{
    return conn->state == PGCONN_READY && conn->requests.length > 0 ? now - conn->heard : 0;
}

/* ---- connecting ---- */

/* A notice about a commit comes before its Sync, so it is about the first request. */
static void pgconn_on_notice(void *argument, const PGresult *notice)
{
    struct pgconn *conn = argument;
    const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    log_debug("notice from the database", LOG_S("detail", message != NULL ? message : ""));
    conn->unsure |= pganswer_is_unsure(notice);
}

static void ask_session(struct pgconn *conn, bool plain)
{
    enum pgsettings_whose whose = conn->target->pooler == POOLER_NONE ? PGSETTINGS_OURS
                                  : plain                             ? PGSETTINGS_OTHERS
                                                                      : PGSETTINGS_ASKED;
    conn->pooled = whose != PGSETTINGS_OURS;
    buf_clear(&conn->ask_text);
    pgsettings_ask(&conn->ask_text, &conn->target->limits, whose, PQbackendPID(conn->pq),
                   PQserverVersion(conn->pq));
    conn->ask.text[DB_POSTGRES] = buf_text(&conn->ask_text);
    conn->state = PGCONN_ASKING;
    conn->refusal[0] = '\0';
    pgconn_send(conn, &conn->asking);
}

static void on_pgattempt_connected(PGconn *pq, bool plain, void *argument)
{
    struct pgconn *conn = argument;
    conn->pq = pq;
    conn->watch = loop_watch_new(conn->loop, PQsocket(pq), on_socket, conn);
    loop_watch_set(conn->watch, LOOP_READ);
    ask_session(conn, plain);
}

static void on_pgattempt_failed(const char *reason, bool round, void *argument)
{
    struct pgconn *conn = argument;
    disconnect(conn);
    fail_requests(conn, reason); /* it may have asked who is there */
    if (round && conn->events.on_lost != NULL)
        conn->events.on_lost(conn, reason, conn->events.argument);
}

static void write_local(struct pgconn *conn, struct slice path)
{
    buf_clear(&conn->local);
    pgsettings_local(&conn->local, &conn->target->limits, path, PQserverVersion(conn->pq));
    pgtarget_add_local(&conn->local);
}

static void become_ready(struct pgconn *conn)
{
    pgattempt_done(conn->attempt);
    conn->state = PGCONN_READY;
    conn->connected = conn->heard = clock_now();
    conn->events.on_ready(conn, conn->events.argument);
}

/* A pooler lets clients in while PostgreSQL is away, so this answer is also the proof that it is there. The number that
 * was given at the start, for cancelling, is the process that answers here, unless a pooler made it up. */
static void on_session_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    struct pgconn *conn = request->owner;
    struct pgsettings_session session = {.known = false};
    (void)position;
    if (conn->state != PGCONN_ASKING)
        return;
    if (answer->error == DB_OK)
        session = pgsettings_read(answer->rows, answer->first);
    if (!session.known)
        snprintf(conn->refusal, sizeof conn->refusal, "asked who it is: %s", answer->message);
    if (!session.known || pgsettings_misencoded(session.encoding, conn->refusal, sizeof conn->refusal)) {
        loop_defer(conn->loop, &conn->drop);
        return;
    }
    conn->pooled = !session.settled;
    conn->read_only = session.read_only && !conn->pooled;
    conn->stale = conn->read_only && !session.standby;
    conn->settled = session.path.len > 0;
    if (conn->pooled)
        write_local(conn, session.path);
    become_ready(conn);
}

/* ---- losing it ---- */

/* A session that ends while nothing is asked of it costs nothing: something closed it because it was idle, or an
 * administrator ended it. Behind a pooler that is normal. Elsewhere the log says it, but not once for each session. */
static void tell_idle(const struct pgconn *conn, const char *reason)
{
    static int64_t told;
    int64_t now = clock_now();
    bool news = !conn->pooled && !conn->expected && (told == 0 || now - told >= NEWS_NS);
    if (news)
        told = now;
    LOG_AT(news ? LOG_INFO : LOG_DEBUG, "idle database session ended", LOG_S("role", conn->role),
           LOG_S("reason", reason), LOG_MS("age_ms", now - conn->connected));
}

static void lost(struct pgconn *conn, const char *reason)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", reason);
    bool quiet = conn->expected || conn->requests.length == 0;
    if (quiet)
        tell_idle(conn, copy);
    else
        log_warn("database connection lost", LOG_S("role", conn->role), LOG_S("reason", copy),
                 LOG_I("outstanding", conn->requests.length),
                 LOG_MS("age_ms", clock_now() - conn->connected));
    bool was_short = clock_now() - conn->connected < CLOCK_SECOND;
    disconnect(conn);
    pgattempt_start(conn->attempt, was_short, !quiet);
    fail_requests(conn, copy);
    if (conn->events.on_lost != NULL)
        conn->events.on_lost(conn, copy, conn->events.argument);
}

static void pgconn_end(struct pgconn *conn, const char *reason)
{
    if (conn->state == PGCONN_ASKING)
        pgattempt_failed(conn->attempt, reason);
    else
        lost(conn, reason);
}

static void on_limit(void *argument)
{
    lost(argument, "the pooler did not answer in time");
}

void pgconn_lose(struct pgconn *conn, const char *reason)
{
    if (conn->state == PGCONN_READY)
        lost(conn, reason);
}

/* A pooler may give us another session for each transaction, so the statement that ends a session must look itself
 * whether that is read-only. It is sent once a second at most, because the session that replaces it may be read-only
 * too. */
static bool may_end(struct pgconn *conn)
{
    int64_t now = clock_now();
    if (conn->requests.length > 0 || (conn->ended != 0 && now - conn->ended < RENEW_NS))
        return false;
    conn->ended = now;
    conn->expected = true;
    return true;
}

static void end_session(struct pgconn *conn)
{
    if (may_end(conn))
        pgconn_send(conn, &conn->ending);
}

void pgconn_send_or_end(struct pgconn *conn, struct db_request *request)
{
    conn->ends_first = conn->pooled && may_end(conn);
    pgconn_send(conn, request);
}

static void on_ended_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    struct pgconn *conn = request->owner;
    (void)position;
    if (answer->error != DB_LOST)
        conn->expected = false; /* it was sent to a session that takes writes */
}

static void renew(struct pgconn *conn, const char *reason)
{
    if (!pgconn_ready(conn))
        return;
    conn->recycle = reason;
    conn->expected = true;
    if (conn->requests.length == 0)
        loop_defer(conn->loop, &conn->drop);
}

void pgconn_renew_session(struct pgconn *conn)
{
    if (!conn->pooled)
        renew(conn, "its session is read-only");
    else if (pgconn_ready(conn))
        end_session(conn);
}

void pgconn_renew_unfit(struct pgconn *conn, bool missed_schema)
{
    if (conn->read_only)
        pgconn_renew_session(conn);
    else if (missed_schema && !conn->settled)
        renew(conn, "it did not know the schema");
}

void pgconn_hurry(struct pgconn *conn)
{
    pgattempt_hurry(conn->attempt);
}

static void on_drop(void *argument)
{
    struct pgconn *conn = argument;
    char reason[256];
    const char *known = conn->state == PGCONN_READY ? conn->recycle
                        : conn->refusal[0] != '\0'  ? conn->refusal
                                                    : NULL;
    pgconn_end(conn, known != NULL ? known : pganswer_lost(conn->pq, reason, sizeof reason));
}

/* ---- sending ---- */

static void flush(struct pgconn *conn)
{
    int left = PQflush(conn->pq);
    if (left < 0)
        loop_defer(conn->loop, &conn->drop);
    else
        loop_watch_set(conn->watch, left == 1 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void fill_types(const struct statement *statement, Oid *types)
{
    for (unsigned i = 0; i < statement->param_count; i++)
        types[i] = pgparam_type(statement->params[i].type, statement->set);
}

static bool send_prepare(struct pgconn *conn, const struct statement *statement)
{
    Oid types[DB_PARAMS_MAX];
    fill_types(statement, types);
    return PQsendPrepare(conn->pq, statement->name, statement->text[DB_POSTGRES], (int)statement->param_count,
                         types) == 1;
}

/* The first request that needs a statement prepares it, in the same round trip. */
static bool send_named(struct pgconn *conn, const struct statement *statement)
{
    enum pgconn_prepared *prepared = &conn->prepared[statement->index];
    if (*prepared == PGCONN_UNPREPARED || *prepared == PGCONN_LOCKED_OUT) {
        if (!send_prepare(conn, statement))
            return false;
        *prepared = PGCONN_PREPARING;
    }
    return PQsendQueryPrepared(conn->pq, statement->name, (int)statement->param_count, conn->params.values,
                               conn->params.lengths, conn->params.formats, 0) == 1;
}

static bool send_unnamed(struct pgconn *conn, const struct statement *statement)
{
    Oid types[DB_PARAMS_MAX];
    fill_types(statement, types);
    return PQsendQueryParams(conn->pq, statement->text[DB_POSTGRES], (int)statement->param_count, types,
                             conn->params.values, conn->params.lengths, conn->params.formats, 0) == 1;
}

static bool send_plain(struct pgconn *conn, const char *text)
{
    return PQsendQueryParams(conn->pq, text, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

/* It stands in the transaction of the statement that follows. */
static bool send_brief(struct pgconn *conn, const struct db_request *request)
{
    return !request->brief || send_plain(conn, "SELECT set_config('lock_timeout', '25', true)");
}

/* So do these: what PostgreSQL shows and logs as application_name while it runs the statement. It reverts with the
 * transaction. */
static bool send_label(struct pgconn *conn, const struct db_request *request)
{
    static const char text[] = "SELECT set_config('application_name', $1, true)";
    static const Oid type = 25; /* text */
    return request->label == NULL ||
           PQsendQueryParams(conn->pq, text, 1, &type, &request->label, NULL, NULL, 0) == 1;
}

static bool send_statement(struct pgconn *conn, const struct db_request *request)
{
    if (request == &conn->asking || request == &conn->ending)
        return send_unnamed(conn, request->statement);
    if (!conn->pooled)
        return send_label(conn, request) && send_brief(conn, request) && send_named(conn, request->statement);
    /* Nothing is expected of the pooler's session, and nothing stays in it. These two run under the role's own
     * statement_timeout; one that ends them skips the rest of the transaction, so nothing is changed (DB_BUSY). */
    return send_plain(conn, PGSETTINGS_ISOLATION) && send_plain(conn, buf_text(&conn->local)) &&
           (!conn->ends_first || send_plain(conn, end_read_only.text[DB_POSTGRES])) &&
           send_label(conn, request) && send_brief(conn, request) && send_unnamed(conn, request->statement);
}

/* One Sync a request: what stands between two of them is one transaction, and a request must not share its fate with
 * another. */
void pgconn_send(struct pgconn *conn, struct db_request *request)
{
    if (conn->requests.length == 0)
        conn->heard = clock_now();
    list_append(&conn->requests, &request->link);
    conn->waits += request->statement->waits;
    conn->closed = request->last;
    request->backend = conn->pooled ? 0 : PQbackendPID(conn->pq);
    /* A pooler may hold the request until PostgreSQL is back, when nobody wants it any more. */
    if (conn->pooled && conn->state == PGCONN_READY)
        loop_timer_start(conn->limit, conn->target->pooler_ns);
    pgparam_encode(&conn->params, request);
    if (send_statement(conn, request) && PQpipelineSync(conn->pq) == 1)
        flush(conn);
    else
        loop_defer(conn->loop, &conn->drop);
}

/* ---- receiving ---- */

static bool is_state(const struct db_answer *answer, const char *sqlstate)
{
    return strcmp(answer->sqlstate, sqlstate) == 0;
}

/* 25006 (read-only) and 25P02 (failed transaction) are the session's fault: another session may do what it refused. A
 * session that is known to be read-only was only asked because there is no other. */
static void judge_session(struct pgconn *conn, struct db_answer *answer)
{
    bool read_only = is_state(answer, "25006");
    if (!read_only && !is_state(answer, "25P02"))
        return;
    if (!read_only || !conn->read_only)
        answer->error = DB_UNFIT;
    if (conn->pooled || (read_only && conn->read_only && !conn->target->read_write))
        return;
    conn->recycle = read_only ? "its session is read-only" : "its session is in a failed transaction";
}

/* A statement is there once PostgreSQL has accepted it. Requests that were sent behind the one that failed to
 * prepare it do not find it (26000). */
static void judge_prepared(struct pgconn *conn, enum pgconn_prepared *prepared, struct db_answer *answer)
{
    if (is_state(answer, "42P05"))
        *prepared = PGCONN_PREPARED;
    else if (*prepared == PGCONN_LOCKED_OUT && is_state(answer, "26000"))
        answer->error = DB_LOCKED; /* like the request that was to prepare it */
    else if (*prepared != PGCONN_PREPARED)
        *prepared = answer->error == DB_LOCKED ? PGCONN_LOCKED_OUT : PGCONN_UNPREPARED;
    else if (answer->error == DB_RETRY && (answer->sqlstate[0] == '0' || answer->sqlstate[0] == '2'))
        conn->recycle = "its prepared statements are stale";
}

/* True: the disk is full. */
static bool answer_error(struct pgconn *conn, struct db_request *request, const PGresult *result)
{
    struct db_answer answer = pganswer_error(result);
    judge_session(conn, &answer);
    if (!conn->pooled && conn->state == PGCONN_READY)
        judge_prepared(conn, &conn->prepared[request->statement->index], &answer);
    conn->held = answer.error == DB_LOCKED && conn->requests.length > 0;
    pganswer_all(request, &answer);
    if (answer.error == DB_UNFIT && conn->pooled)
        end_session(conn);
    return answer.error == DB_FULL;
}

/* It is committed on this host, but may be lost with it. */
static void answer_unsure(struct pgconn *conn, struct db_request *request)
{
    struct db_answer answer = {.error = DB_LOST, .message = UNSURE, .sqlstate = ""};
    log_warn("the wait for a synchronous standby was ended", LOG_S("role", conn->role),
             LOG_S("statement", request->statement->name), LOG_I("calls", request->call_count));
    pganswer_all(request, &answer);
}

/* The Sync of the first request has come, and with it the commit. */
static void finish_request(struct pgconn *conn)
{
    struct db_request *request = list_pop_of(&conn->requests, struct db_request, link);
    assert(request != NULL);
    loop_timer_stop(conn->limit);
    conn->waits -= request->statement->waits;
    conn->closed = conn->closed && conn->requests.length > 0;
    conn->held = false;
    conn->expected = conn->expected && !conn->ends_first; /* the session takes writes */
    conn->ends_first = false;
    PGresult *rows = conn->rows, *error = conn->error;
    bool unsure = conn->unsure, full = false, wrote = error == NULL && request->statement->writes;
    conn->rows = conn->error = NULL;
    conn->unsure = false;
    if (rows == NULL) /* LISTEN has none */
        rows = PQmakeEmptyPGresult(conn->pq, PGRES_TUPLES_OK);
    if (error != NULL)
        full = answer_error(conn, request, error);
    else if (unsure)
        answer_unsure(conn, request);
    else
        pganswer_rows(request, rows);
    PQclear(rows);
    PQclear(error);
    if (request->on_done != NULL)
        request->on_done(request);
    if (conn->recycle != NULL && conn->requests.length == 0)
        loop_defer(conn->loop, &conn->drop);
    /* a call may have waited for the room that ending took */
    if (request != &conn->asking && conn->events.on_answered != NULL)
        conn->events.on_answered(conn, full, wrote, conn->events.argument);
}

/* If the statement of the first request was sent along with it, the first result says that it was accepted. */
static void note_prepared(struct pgconn *conn)
{
    const struct db_request *request = list_first_of(&conn->requests, struct db_request, link);
    if (!conn->pooled && conn->state == PGCONN_READY &&
        conn->prepared[request->statement->index] == PGCONN_PREPARING)
        conn->prepared[request->statement->index] = PGCONN_PREPARED;
}

static void take_result(struct pgconn *conn, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        PQclear(result);
        finish_request(conn);
        break;
    case PGRES_TUPLES_OK: /* rows of statements that set the transaction up come before those of the request */
        PQclear(conn->rows);
        conn->rows = result;
        break;
    case PGRES_FATAL_ERROR:
        if (conn->error == NULL)
            conn->error = result;
        else
            PQclear(result);
        break;
    case PGRES_COMMAND_OK: /* a Parse was accepted, or a statement that has no rows is done */
        note_prepared(conn);
        PQclear(conn->rows);
        conn->rows = NULL;
        PQclear(result);
        break;
    default: /* PGRES_PIPELINE_ABORTED: a statement behind an error was skipped */
        PQclear(result);
    }
}

static void take_results(struct pgconn *conn)
{
    while (conn->requests.length > 0 && !PQisBusy(conn->pq)) {
        PGresult *result = PQgetResult(conn->pq); /* NULL ends the results of one message */
        if (result == NULL && PQstatus(conn->pq) == CONNECTION_BAD)
            break;
        if (result != NULL)
            take_result(conn, result);
    }
}

static void take_notices(struct pgconn *conn)
{
    PGnotify *notify;
    while (conn->events.on_notify != NULL && (notify = PQnotifies(conn->pq)) != NULL) {
        conn->events.on_notify(conn, slice_of(notify->extra), conn->events.argument);
        PQfreemem(notify);
    }
}

static void on_socket(int fd, int ready, void *argument)
{
    struct pgconn *conn = argument;
    char reason[256];
    (void)fd;
    (void)ready;
    int ok = PQconsumeInput(conn->pq);
    conn->heard = clock_now();
    take_results(conn);
    take_notices(conn);
    if (!ok || PQstatus(conn->pq) == CONNECTION_BAD) {
        const char *said =
            conn->error != NULL ? PQresultErrorField(conn->error, PG_DIAG_MESSAGE_PRIMARY) : NULL;
        pgconn_end(conn, said != NULL ? said : pganswer_lost(conn->pq, reason, sizeof reason));
        return;
    }
    flush(conn);
}
