/* The life of one connection and its pipeline. pgattempt connects; on_pgattempt_connected asks who is there
 * (ask_session), and on_session_answer makes it ready (become_ready). From then on pgconn_send encodes a unit and
 * flushes it, and on_socket takes results (take_results); the Sync of a unit ends it (finish_unit). What ends the
 * connection comes to lost, which answers its units in their order and starts to connect again. */
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

#define DEPTH_MAX 16u               /* units on their way */
#define RENEW_NS CLOCK_SECOND       /* a read-only session is no sooner replaced than after this */
#define NEWS_NS (10 * CLOCK_SECOND) /* idle sessions that end within it are one piece of news */
#define UNSURE "it is committed, but the standby may not have it: the wait for it was ended"

enum pgconn_state {
    PGCONN_CONNECTING, /* pgattempt is at work; there is no connection */
    PGCONN_ASKING,     /* who is there: PostgreSQL itself, or a pooler */
    PGCONN_READY,      /* units may be sent */
};

enum pgconn_prepared {
    PGCONN_UNPREPARED,
    PGCONN_LOCKED_OUT, /* likewise: a lock was in the way */
    PGCONN_PREPARING,  /* sent, and not accepted yet */
    PGCONN_PREPARED,
};

struct pgconn {
    struct loop *loop;
    const struct pg_target *target;
    const char *role; /* for the log */
    struct pgconn_events events;
    enum pgconn_state state;
    PGconn *pq;
    struct loop_watch *watch;
    struct pgattempt *attempt;
    struct loop_timer *limit; /* of the unit that a pooler has */
    struct loop_task doom; /* loses it at the end of the turn, when it must not go under its caller's feet */
    bool pooled;           /* see pgconn_pooled; true until it is known */
    struct db_unit asking;
    struct statement ask; /* of asking */
    struct buf ask_text;
    struct buf local;      /* behind a pooler: the statement that settles each transaction */
    bool read_only, stale; /* as in the header */
    bool settled;          /* it knows where our tables are */
    struct db_unit ending; /* of a pooler's session that is read-only */
    bool ends_first;       /* the unit on its way is preceded by it, in its transaction */
    int64_t ended;         /* when it was last sent; 0: it may be sent at once */
    char refusal[256];     /* why there is no answer to it; "": there was no chance to say */
    struct list units;     /* sent, in order */
    unsigned waits;        /* those of them that may wait for a row's lock */
    bool closed;           /* the last of them is one that nothing may be sent behind */
    bool held;             /* a lock held up the last that was answered, and may hold up the next */
    PGresult *rows;        /* of the first unit, as far as they came */
    PGresult *error;       /* the first error of the first unit */
    bool unsure;           /* it is committed, but perhaps not on the standby that it had to wait for */
    int64_t heard;         /* when the server last said something, or was first asked */
    int64_t connected;     /* when it became ready */
    const char *recycle;   /* why it is to reconnect when nothing is outstanding; NULL: it is not */
    bool expected;         /* that is no news */
    struct pgparam params; /* scratch of pgconn_send */
    unsigned statement_count;
    enum pgconn_prepared prepared[]; /* by the index of a statement */
};

static void on_pgattempt_connected(PGconn *pq, bool plain, void *argument);
static void on_pgattempt_failed(const char *reason, bool round, void *argument);
static void on_notice(void *argument, const PGresult *notice);
static void on_session_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer);
static void on_ended_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer);
static void on_ignored_done(struct db_unit *unit);
static void on_socket(int fd, int ready, void *argument);
static void on_limit(void *argument);
static void on_doom(void *argument);
static void lost(struct pgconn *conn, const char *reason);

static const struct statement end_read_only = {
    .name = "end_read_only",
    .text = {[DB_POSTGRES] =
                 "SELECT pg_terminate_backend(pg_backend_pid()) "
                 "WHERE current_setting('transaction_read_only') = 'on' AND NOT pg_is_in_recovery()"}};

/* ---- life ---- */

struct pgconn *pgconn_new(struct loop *loop, const struct pg_target *target, const char *role,
                          unsigned statement_count, const struct pgconn_events *events)
{
    struct pgconn *conn = mem_new(sizeof *conn + statement_count * sizeof conn->prepared[0]);
    conn->statement_count = statement_count;
    conn->loop = loop;
    conn->target = target;
    conn->role = role;
    conn->events = *events;
    list_init(&conn->units);
    static const struct db_param home = {.text = {PGSETTINGS_HOME, sizeof PGSETTINGS_HOME - 1}};
    static const struct statement_param home_param = {.name = "home", .type = DB_TEXT};
    conn->ask = (struct statement){.name = "session", .param_count = 1, .params = &home_param};
    conn->asking = (struct db_unit){.statement = &conn->ask,
                                    .members = 1,
                                    .params = &home,
                                    .on_answer = on_session_answer,
                                    .on_done = on_ignored_done,
                                    .owner = conn};
    conn->ending = (struct db_unit){.statement = &end_read_only,
                                    .members = 1,
                                    .on_answer = on_ended_answer,
                                    .on_done = on_ignored_done,
                                    .owner = conn};
    conn->ask_text = conn->local = BUF_INIT((size_t)1 << 20);
    struct pgattempt_events attempt = {on_pgattempt_connected, on_pgattempt_failed, on_notice, conn};
    conn->attempt = pgattempt_new(loop, target, role, &attempt);
    conn->limit = loop_timer_new(loop, on_limit, conn);
    loop_task_init(&conn->doom, on_doom, conn);
    pgattempt_start(conn->attempt, false, false);
    return conn;
}

static void fail_units(struct pgconn *conn, const char *reason)
{
    struct db_unit *unit;
    struct db_answer answer = {.error = DB_LOST, .message = reason, .sqlstate = ""};
    while ((unit = list_pop_of(&conn->units, struct db_unit, link)) != NULL) {
        pganswer_all(unit, &answer);
        unit->on_done(unit);
    }
}

static void disconnect(struct pgconn *conn)
{
    conn->state = PGCONN_CONNECTING;
    loop_timer_stop(conn->limit);
    loop_task_cancel(&conn->doom);
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
    fail_units(conn, "the server is shutting down");
    loop_timer_free(conn->limit);
    pgparam_fini(&conn->params);
    buf_fini(&conn->ask_text);
    buf_fini(&conn->local);
    free(conn);
}

bool pgconn_ready(const struct pgconn *conn)
{
    return conn->state == PGCONN_READY && conn->recycle == NULL && !list_linked(&conn->doom.link);
}

/* A pooler gives PostgreSQL's connection to another client when a transaction has ended, even if the first message
 * of the next unit has gone there already; the rest of it then meets another's unnamed statement. */
bool pgconn_room(const struct pgconn *conn)
{
    return pgconn_ready(conn) && !conn->closed && !conn->held &&
           conn->units.length < (conn->pooled ? 1 : DEPTH_MAX);
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
    return (unsigned)conn->units.length;
}

int64_t pgconn_silence(const struct pgconn *conn, int64_t now)
{
    return conn->state == PGCONN_READY && conn->units.length > 0 ? now - conn->heard : 0;
}

/* ---- connecting ---- */

/* What comes at a commit comes before its Sync, so it is about the first unit. */
static void on_notice(void *argument, const PGresult *notice)
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
    buf_add_char(&conn->ask_text, '\0');
    conn->ask.text[DB_POSTGRES] = conn->ask_text.data;
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
    fail_units(conn, reason); /* it may have asked who is there */
    if (round && conn->events.on_lost != NULL)
        conn->events.on_lost(conn, reason, conn->events.argument);
}

static void refuse(struct pgconn *conn)
{
    loop_defer(conn->loop, &conn->doom);
}

static void write_local(struct pgconn *conn, struct slice path)
{
    buf_clear(&conn->local);
    pgsettings_local(&conn->local, &conn->target->limits, path, PQserverVersion(conn->pq));
    pg_target_add_local(&conn->local);
    buf_add_char(&conn->local, '\0');
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
static void on_session_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer)
{
    struct pgconn *conn = unit->owner;
    struct pgsettings_session session = {.known = false};
    (void)member;
    if (conn->state != PGCONN_ASKING)
        return;
    if (answer->error == DB_OK)
        session = pgsettings_read(answer->rows, answer->first);
    if (!session.known) {
        snprintf(conn->refusal, sizeof conn->refusal, "asked who it is: %s", answer->message);
        refuse(conn);
        return;
    }
    if (pgsettings_misencoded(session.encoding, conn->refusal, sizeof conn->refusal)) {
        refuse(conn);
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

static void on_ignored_done(struct db_unit *unit)
{
    (void)unit;
}

/* ---- losing it ---- */

/* A session that ends while nothing is asked of it costs nobody anything: somebody thought that it had been idle for
 * too long, or an administrator ended it. Behind a pooler that is everyday; else it is news, but not one for each
 * session. */
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
    bool quiet = conn->expected || conn->units.length == 0;
    if (quiet)
        tell_idle(conn, copy);
    else
        log_warn("database connection lost", LOG_S("role", conn->role), LOG_S("reason", copy),
                 LOG_I("outstanding", conn->units.length), LOG_MS("age_ms", clock_now() - conn->connected));
    bool was_short = clock_now() - conn->connected < CLOCK_SECOND;
    disconnect(conn);
    pgattempt_start(conn->attempt, was_short, !quiet);
    fail_units(conn, copy);
    if (conn->events.on_lost != NULL)
        conn->events.on_lost(conn, copy, conn->events.argument);
}

static void end(struct pgconn *conn, const char *reason)
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

/* A pooler gives a session to whom it likes, so what ends it must come before the next that it gives to us, and must
 * look at it again. It is asked for no more than once a second: a new one may be read-only too. */
static bool may_end(struct pgconn *conn)
{
    int64_t now = clock_now();
    if (conn->units.length > 0 || (conn->ended != 0 && now - conn->ended < RENEW_NS))
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

void pgconn_send_or_end(struct pgconn *conn, struct db_unit *unit)
{
    conn->ends_first = conn->pooled && may_end(conn);
    pgconn_send(conn, unit);
}

static void on_ended_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer)
{
    struct pgconn *conn = unit->owner;
    (void)member;
    if (answer->error != DB_LOST)
        conn->expected = false; /* it was another, and is well */
}

static void renew(struct pgconn *conn, const char *reason)
{
    if (!pgconn_ready(conn))
        return;
    conn->recycle = reason;
    conn->expected = true;
    if (conn->units.length == 0)
        loop_defer(conn->loop, &conn->doom);
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

static void on_doom(void *argument)
{
    struct pgconn *conn = argument;
    char reason[256];
    const char *known = conn->state == PGCONN_READY ? conn->recycle
                        : conn->refusal[0] != '\0'  ? conn->refusal
                                                    : NULL;
    end(conn, known != NULL ? known : pganswer_lost(conn->pq, reason, sizeof reason));
}

/* ---- sending ---- */

static void flush(struct pgconn *conn)
{
    int left = PQflush(conn->pq);
    if (left < 0)
        loop_defer(conn->loop, &conn->doom);
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

/* A statement is prepared by the first unit that needs it, in the same breath. */
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

/* In the transaction of what follows. */
static bool send_brief(struct pgconn *conn, const struct db_unit *unit)
{
    return !unit->brief || send_plain(conn, "SELECT set_config('lock_timeout', '25', true)");
}

static bool send_statement(struct pgconn *conn, const struct db_unit *unit)
{
    if (unit == &conn->asking || unit == &conn->ending)
        return send_unnamed(conn, unit->statement);
    if (!conn->pooled)
        return send_brief(conn, unit) && send_named(conn, unit->statement);
    /* whatever session this is, nothing is expected of it and nothing stays in it. These two run under the role's own
     * statement_timeout; one that ends them skips the rest of the transaction, so nothing is changed (DB_BUSY). */
    return send_plain(conn, PGSETTINGS_ISOLATION) && send_plain(conn, conn->local.data) &&
           (!conn->ends_first || send_plain(conn, end_read_only.text[DB_POSTGRES])) &&
           send_brief(conn, unit) && send_unnamed(conn, unit->statement);
}

/* One Sync a unit: what stands between two of them is one transaction, and a unit must not share its fate with
 * another. */
void pgconn_send(struct pgconn *conn, struct db_unit *unit)
{
    if (conn->units.length == 0)
        conn->heard = clock_now();
    list_append(&conn->units, &unit->link);
    conn->waits += unit->statement->waits;
    conn->closed = unit->last;
    /* A pooler may hold it until PostgreSQL is back; by then nobody wants it any more. */
    if (conn->pooled && conn->state == PGCONN_READY)
        loop_timer_start(conn->limit, conn->target->pooler_ns);
    pgparam_encode(&conn->params, unit);
    if (send_statement(conn, unit) && PQpipelineSync(conn->pq) == 1)
        flush(conn);
    else
        loop_defer(conn->loop, &conn->doom);
}

/* ---- receiving ---- */

static bool is_state(const struct db_answer *answer, const char *sqlstate)
{
    return strcmp(answer->sqlstate, sqlstate) == 0;
}

/* The session is at fault, not the statement: what it refused, another may do. One that is known to be read-only was
 * asked because none is there that is not. */
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

/* Until it was accepted, a statement is not there; others that were sent in the belief that it is find it missing. */
static void judge_prepared(struct pgconn *conn, enum pgconn_prepared *prepared, struct db_answer *answer)
{
    if (is_state(answer, "42P05"))
        *prepared = PGCONN_PREPARED;
    else if (*prepared == PGCONN_LOCKED_OUT && is_state(answer, "26000"))
        answer->error = DB_LOCKED; /* as that which was to prepare it */
    else if (*prepared != PGCONN_PREPARED)
        *prepared = answer->error == DB_LOCKED ? PGCONN_LOCKED_OUT : PGCONN_UNPREPARED;
    else if (answer->error == DB_RETRY && (answer->sqlstate[0] == '0' || answer->sqlstate[0] == '2'))
        conn->recycle = "its prepared statements are stale";
}

/* True: for want of room. */
static bool answer_error(struct pgconn *conn, struct db_unit *unit, const PGresult *result)
{
    struct db_answer answer = pganswer_error(result);
    judge_session(conn, &answer);
    if (!conn->pooled && conn->state == PGCONN_READY)
        judge_prepared(conn, &conn->prepared[unit->statement->index], &answer);
    conn->held = answer.error == DB_LOCKED && conn->units.length > 0;
    pganswer_all(unit, &answer);
    if (answer.error == DB_UNFIT && conn->pooled)
        end_session(conn);
    return answer.error == DB_FULL;
}

/* Committed here; whether it outlives this host nobody knows. */
static void answer_unsure(struct pgconn *conn, struct db_unit *unit)
{
    struct db_answer answer = {.error = DB_LOST, .message = UNSURE, .sqlstate = ""};
    log_warn("the wait for a synchronous standby was ended", LOG_S("role", conn->role),
             LOG_S("statement", unit->statement->name), LOG_I("calls", unit->members));
    pganswer_all(unit, &answer);
}

/* The Sync of the first unit has come, and with it the commit. */
static void finish_unit(struct pgconn *conn)
{
    struct db_unit *unit = list_pop_of(&conn->units, struct db_unit, link);
    assert(unit != NULL);
    loop_timer_stop(conn->limit);
    conn->waits -= unit->statement->waits;
    conn->closed = conn->closed && conn->units.length > 0;
    conn->held = false;
    conn->expected = conn->expected && !conn->ends_first; /* the session was another, and is well */
    conn->ends_first = false;
    PGresult *rows = conn->rows, *error = conn->error;
    bool unsure = conn->unsure, full = false, wrote = error == NULL && unit->statement->writes;
    conn->rows = conn->error = NULL;
    conn->unsure = false;
    if (rows == NULL) /* LISTEN has none */
        rows = PQmakeEmptyPGresult(conn->pq, PGRES_TUPLES_OK);
    if (error != NULL)
        full = answer_error(conn, unit, error);
    else if (unsure)
        answer_unsure(conn, unit);
    else
        pganswer_rows(unit, rows);
    PQclear(rows);
    PQclear(error);
    unit->on_done(unit);
    if (conn->recycle != NULL && conn->units.length == 0)
        loop_defer(conn->loop, &conn->doom);
    /* behind ending somebody may wait for room as behind any other */
    if (unit != &conn->asking && conn->events.on_answered != NULL)
        conn->events.on_answered(conn, full, wrote, conn->events.argument);
}

/* The first that is done of the first unit: its statement was accepted, if it was sent along. */
static void note_prepared(struct pgconn *conn)
{
    const struct db_unit *unit = list_first_of(&conn->units, struct db_unit, link);
    if (!conn->pooled && conn->state == PGCONN_READY &&
        conn->prepared[unit->statement->index] == PGCONN_PREPARING)
        conn->prepared[unit->statement->index] = PGCONN_PREPARED;
}

static void take_result(struct pgconn *conn, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        PQclear(result);
        finish_unit(conn);
        break;
    case PGRES_TUPLES_OK: /* before those of the unit come those of what set the session up for it */
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
    default: /* what follows an error was skipped */
        PQclear(result);
    }
}

static void take_results(struct pgconn *conn)
{
    while (conn->units.length > 0 && !PQisBusy(conn->pq)) {
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
        end(conn, said != NULL ? said : pganswer_lost(conn->pq, reason, sizeof reason));
        return;
    }
    flush(conn);
}
