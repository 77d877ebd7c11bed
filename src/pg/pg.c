/* PostgreSQL as a database. pg_open starts the connections of the pool, that of the health and, if wanted, the one that
 * listens. pg_slot picks a connection, pg_send sends on it; on_answered says that there is room again. on_tick asks
 * each second for the health (ask_health, on_health_answer), gives silent connections up (drop_silent) and keeps the
 * listening one awake; without any connection for the grace, on_grace tells that the database is away. */
#include <config.h>

#include "pg/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "pg/pgconn.h"
#include "pg/pgtarget.h"

#define SLOW_NS (250 * CLOCK_MS) /* nothing more is sent to a connection that owes an answer for so long */
#define USUAL_NS (10 * CLOCK_MS) /* where another is, one that owes an answer for so long is left alone */
#define WAITS_MAX 2u             /* statements on a connection that may wait for a row */
#define LOCK_NS (100 * CLOCK_MS) /* a statement waits so long for a lock inside PostgreSQL; longer outside */
#define TICK_NS CLOCK_SECOND     /* the health is asked for this often */
#define PATIENCE_MAX 6u
#define PATIENCE_NS (60 * CLOCK_SECOND) /* it ends when no connection has been silent for so long */
#define TOO_MANY " 53300: " /* in libpq's verbose words: connections of the role, the database, the server */
#define ROOM_TICKS 3u
#define GRACE_NS CLOCK_SECOND /* a database that comes back within this costs waiting, not errors */
#define HEALTH_LIMIT_NS (2 * CLOCK_SECOND)
#define LISTEN_NS                                                                                            \
    (5 * CLOCK_SECOND) /* a connection that only hears is asked this often whether it is there */
#define SILENT_NS                                                                                            \
    (5 * CLOCK_SECOND / 2) /* a connection this silent is dropped when the health is silent too */

struct pg {
    struct db db;
    struct loop *loop;
    struct db_events events;
    struct pg_target *target, *health_target;
    struct pgconn **conns;
    unsigned conn_count;
    int64_t deadline_ns;
    unsigned patience; /* rounds in a row in which silent connections were given up in vain */
    int64_t silent_at; /* when a connection was last silent for longer than without patience */
    bool silent;       /* the health connection got no answer, and nothing was heard on another since */
    bool cut;          /* there is no connection to send on: none is ready, or it is silent */
    bool away;         /* nor was there for the grace: who calls is told so at once */
    char away_reason[256];
    struct loop_timer *tick, *grace;
    /* health */
    struct pgconn *health_conn;
    struct db_unit health_unit, hidden_unit, room_unit; /* on their way one at a time */
    bool no_tables;           /* health found none: before that is told, hidden is asked why */
    struct pgconn *health_on; /* where it was asked: a connection of the pool when there is no other */
    int64_t health_asked;     /* 0 when no question is on its way */
    const struct statement *room_spill, *room_write;
    unsigned statement_count;
    unsigned room_ticks;              /* since it was last asked whether there is room */
    bool full;                        /* there was none */
    bool crowded_out;                 /* there is no connection left for the health */
    struct db_health health, no_pool; /* no_pool: what is said while no connection of the pool is ready */
    bool standby; /* as the health says: a session of it will take writes when it is promoted */
    bool warned_asynchronous, told_pooled, ending;
    /* changes; NULL when nobody wants to hear of them */
    struct pgconn *listen_conn;
    struct db_unit listen_unit, identity_unit;
    int64_t listened; /* when LISTEN was last sent */
};

static void on_ready(struct pgconn *conn, void *argument);
static void on_answered(struct pgconn *conn, void *argument);
static void on_lost(struct pgconn *conn, const char *reason, void *argument);
static void on_health_ready(struct pgconn *conn, void *argument);
static void on_ignored(struct pgconn *conn, void *argument);
static void on_health_lost(struct pgconn *conn, const char *reason, void *argument);
static void on_health_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer);
static void on_health_done(struct db_unit *unit);
static void on_hidden_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer);
static void on_room_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer);
static void on_room_done(struct db_unit *unit);
static void on_listen_ready(struct pgconn *conn, void *argument);
static void on_listen_lost(struct pgconn *conn, const char *reason, void *argument);
static void on_notify(struct pgconn *conn, struct slice payload, void *argument);
static void on_listen_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer);
static void on_identity_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer);
static void on_listen_done(struct db_unit *unit);
static void on_tick(void *argument);
static void on_grace(void *argument);

static const struct db_ops pg_ops;

static struct pg *pg_of(const struct db *db)
{
    return (struct pg *)(void *)(uintptr_t)db;
}

static void start_listening(struct pg *pg, const struct pg_options *options)
{
    struct pgconn_events events = {on_listen_ready, on_ignored, on_listen_lost, on_notify, pg};
    pg->listen_unit = (struct db_unit){.statement = options->listen,
                                       .members = 1,
                                       .on_answer = on_listen_answer,
                                       .on_done = on_listen_done,
                                       .owner = pg};
    pg->identity_unit = (struct db_unit){.statement = options->identity,
                                         .members = 1,
                                         .on_answer = on_identity_answer,
                                         .on_done = on_listen_done,
                                         .owner = pg};
    pg->listen_conn = pgconn_new(pg->loop, pg->health_target, "listen", pg->statement_count, &events);
}

struct db *pg_open(struct loop *loop, const struct pg_options *options, const struct db_events *events,
                   char **error)
{
    struct pg_limits limits = {.lock_ns =
                                   LOCK_NS < options->deadline_ns / 2 ? LOCK_NS : options->deadline_ns / 2,
                               .statement_ns = options->deadline_ns * 9 / 10,
                               .pooler_ns = options->deadline_ns * 19 / 20},
                     health_limits = {
                         .lock_ns = CLOCK_SECOND, .statement_ns = CLOCK_SECOND, .pooler_ns = HEALTH_LIMIT_NS};
    struct pg_target *target = pg_target_new(options->conninfo, options->pooler, &limits, error);
    if (target == NULL)
        return NULL;
    struct pg *pg = mem_new(sizeof *pg);
    pg->db.ops = &pg_ops;
    pg->loop = loop;
    pg->events = *events;
    pg->target = target;
    pg->health_target = pg_target_new(options->conninfo, options->pooler, &health_limits, error);
    pg->deadline_ns = options->deadline_ns;
    pg->cut = true;
    snprintf(pg->away_reason, sizeof pg->away_reason, "not connected yet");
    snprintf(pg->health.reason, sizeof pg->health.reason, "not connected yet");
    pg->health.trouble = "not connected yet";
    pg->tick = loop_timer_new(loop, on_tick, pg);
    pg->grace = loop_timer_new(loop, on_grace, pg);
    loop_timer_start(pg->tick, TICK_NS);
    loop_timer_start(pg->grace, GRACE_NS);
    pg->health_unit = (struct db_unit){.statement = options->health,
                                       .members = 1,
                                       .on_answer = on_health_answer,
                                       .on_done = on_health_done,
                                       .owner = pg};
    pg->hidden_unit = (struct db_unit){.statement = options->hidden,
                                       .members = 1,
                                       .on_answer = on_hidden_answer,
                                       .on_done = on_health_done,
                                       .owner = pg};
    pg->room_unit =
        (struct db_unit){.members = 1, .on_answer = on_room_answer, .on_done = on_room_done, .owner = pg};
    pg->statement_count = options->statement_count;
    pg->room_spill = options->room_spill;
    pg->room_write = options->room_write;
    struct pgconn_events pool = {on_ready, on_answered, on_lost, NULL, pg};
    pg->conn_count = options->connections;
    pg->conns = mem_array(pg->conn_count, sizeof *pg->conns);
    for (unsigned i = 0; i < pg->conn_count; i++)
        pg->conns[i] = pgconn_new(loop, pg->target, "pool", pg->statement_count, &pool);
    /* behind those that do the work, which come first where connections are few */
    struct pgconn_events health = {on_health_ready, on_ignored, on_health_lost, NULL, pg};
    pg->health_conn = pgconn_new(loop, pg->health_target, "health", pg->statement_count, &health);
    if (options->listen != NULL)
        start_listening(pg, options);
    return &pg->db;
}

static void pg_free(struct db *db)
{
    struct pg *pg = pg_of(db);
    pg->ending = true;
    for (unsigned i = 0; i < pg->conn_count; i++)
        pgconn_free(pg->conns[i]);
    pgconn_free(pg->health_conn);
    pgconn_free(pg->listen_conn);
    loop_timer_free(pg->tick);
    loop_timer_free(pg->grace);
    pg_target_free(pg->target);
    pg_target_free(pg->health_target);
    free(pg->conns);
    free(pg);
}

/* ---- the pool ---- */

static unsigned pg_connections(const struct db *db)
{
    return pg_of(db)->conn_count;
}

static bool is_open(const struct pgconn *conn)
{
    return conn != NULL && pgconn_ready(conn);
}

/* True when no session takes writes, and none is about to begin that may. */
static bool all_read_only(const struct pg *pg)
{
    for (unsigned i = 0; i < pg->conn_count; i++)
        if (!is_open(pg->conns[i]) || !pgconn_read_only(pg->conns[i]))
            return false;
    return true;
}

/* Statements that may wait for a row's lock are kept off one connection at least, so that a lock of somebody else's
 * holds up nobody else; and few of them are behind each other, because their waits add up. */
static bool may_hold(const struct pg *pg, const struct pgconn *conn)
{
    unsigned holding = 0;
    if (pgconn_waits(conn) > 0)
        return pgconn_waits(conn) < WAITS_MAX;
    for (unsigned i = 0; i < pg->conn_count; i++)
        holding += is_open(pg->conns[i]) && pgconn_waits(pg->conns[i]) > 0;
    return holding == 0 || holding + 1 < pg->conn_count;
}

/* What is on its way, and far behind that whether it has been silent for longer than a statement usually takes. */
static unsigned burden(const struct pgconn *conn, int64_t now)
{
    return pgconn_depth(conn) + (pgconn_silence(conn, now) > USUAL_NS ? 1000 : 0);
}

/* The connection with the least on its way, so that one slow statement holds up nobody while another is free. Never
 * one that has owed an answer for a while: what is sent behind that can no longer be taken back. For the same reason
 * none at all while the database says nothing, though a connection that owes nothing looks well. What writes goes where
 * that is allowed: a session that refuses is the first to answer, and would draw all the work. */
static struct pgconn *pick(const struct pg *pg, const struct statement *statement)
{
    struct pgconn *best = NULL;
    int64_t now = clock_now();
    int anywhere = -1; /* not known yet */
    for (unsigned i = 0; i < pg->conn_count && !pg->silent; i++) {
        struct pgconn *conn = pg->conns[i];
        if (!pgconn_room(conn) || pgconn_silence(conn, now) >= SLOW_NS)
            continue;
        if (statement->waits && !may_hold(pg, conn))
            continue;
        if (statement->writes && pgconn_read_only(conn)) {
            if (anywhere < 0)
                anywhere = all_read_only(pg);
            if (!anywhere)
                continue;
        }
        if (best == NULL || burden(conn, now) < burden(best, now))
            best = conn;
    }
    return best;
}

static struct db_slot *pg_slot(struct db *db, const struct statement *statement)
{
    return (struct db_slot *)(void *)pick(pg_of(db), statement);
}

static void pg_send(struct db *db, struct db_slot *slot, struct db_unit *unit)
{
    (void)db;
    pgconn_send((struct pgconn *)(void *)slot, unit);
}

static bool pg_away(const struct db *db)
{
    return pg_of(db)->away;
}

static bool any_ready(const struct pg *pg)
{
    for (unsigned i = 0; i < pg->conn_count; i++)
        if (is_open(pg->conns[i]))
            return true;
    return false;
}

static void set_cut(struct pg *pg, const char *reason)
{
    snprintf(pg->away_reason, sizeof pg->away_reason, "%s", reason);
    if (!pg->cut)
        loop_timer_start(pg->grace, GRACE_NS);
    pg->cut = true;
}

/* It said something, on whichever connection. */
static void heard(struct pg *pg)
{
    pg->silent = false;
    if (pg->cut && any_ready(pg)) {
        pg->cut = pg->away = false;
        loop_timer_stop(pg->grace);
        if (pg->health.answers)
            pg->events.on_health(pg->events.argument);
    }
    pg->events.on_room(pg->events.argument);
}

static void on_ready(struct pgconn *conn, void *argument)
{
    struct pg *pg = argument;
    if (pgconn_pooled(conn) && !pg->told_pooled) {
        pg->told_pooled = true;
        log_info(
            "a pooler stands before PostgreSQL: statements go without names, and changes are not heard of");
    }
    heard(pg);
}

static void on_answered(struct pgconn *conn, void *argument)
{
    struct pg *pg = argument;
    pg->full |= pgconn_was_full(conn);
    if (pgconn_has_written(conn) && pgconn_pooled(conn))
        for (unsigned i = 0; i < pg->conn_count; i++)
            pgconn_allow_ending(pg->conns[i]);
    heard(pg);
}

static void on_lost(struct pgconn *conn, const char *reason, void *argument)
{
    struct pg *pg = argument;
    (void)conn;
    if (pg->ending)
        return;
    if (!any_ready(pg))
        set_cut(pg, reason);
}

static void on_grace(void *argument)
{
    struct pg *pg = argument;
    pg->away = true;
    pg->events.on_away(pg->events.argument);
    pg->events.on_health(pg->events.argument);
}

/* ---- health ---- */

/* Within the grace nothing is worth telling. */
static void tell_health(struct pg *pg)
{
    if (!pg->cut || pg->away)
        pg->events.on_health(pg->events.argument);
}

static const char refuses[] = "it refuses connections";

/* The reason in words that are not the database's own. libpq has no code for a failed attempt to connect; what is
 * refused begins with FATAL behind the address. */
static const char *trouble_of(const char *reason)
{
    if (strncmp(reason, "its encoding", strlen("its encoding")) == 0)
        return reason;
    if (strstr(reason, "FATAL") != NULL)
        return refuses;
    if (strstr(reason, "not answer") != NULL)
        return "it does not answer";
    return strstr(reason, "read-only") != NULL ? "it is read-only" : "it cannot be reached";
}

/* It answers, but not with what was asked for. */
static const char *error_of(const char *message)
{
    return strstr(message, "permission denied") != NULL ? "its user may not read the tables"
                                                        : "it answers with an error, see the log";
}

static void set_unhealthy(struct pg *pg, const char *reason, const char *trouble)
{
    pg->health.answers = false;
    snprintf(pg->health.reason, sizeof pg->health.reason, "%s", reason);
    pg->health.trouble = trouble == reason ? pg->health.reason : trouble; /* the caller's does not stay */
    tell_health(pg);
}

static void ask_on(struct pg *pg, struct pgconn *conn, struct db_unit *unit)
{
    pg->health_asked = clock_now();
    pg->health_on = conn;
    /* What asks and what ends a read-only session are one transaction, because a pooler hands out another session for
     * the next one. So each look meets a session that writes, or leaves one less that does not. */
    if (pg->health.answers && !pg->health.writable && !pg->standby)
        pgconn_send_or_end(conn, unit);
    else
        pgconn_send(conn, unit);
}

/* A role at its limit of connections has none left for this, and may do all its work. */
static void ask_health(struct pg *pg)
{
    struct pgconn *conn = pgconn_room(pg->health_conn) ? pg->health_conn : NULL;
    if (conn == NULL && pg->crowded_out)
        conn = pick(pg, pg->health_unit.statement);
    if (pg->health_asked == 0 && conn != NULL)
        ask_on(pg, conn, &pg->health_unit);
}

/* Nothing but writing says whether there is room, and an idle server writes nothing. */
static bool ask_room(struct pg *pg)
{
    bool due = pg->full || ++pg->room_ticks >= ROOM_TICKS;
    if (!due || pg->health_asked != 0 || !pgconn_room(pg->health_conn) || !pg->health.answers ||
        !pg->health.has_schema || !pg->health.writable)
        return false;
    pg->room_ticks = 0;
    pg->room_unit.statement = pg->full ? pg->room_write : pg->room_spill;
    ask_on(pg, pg->health_conn, &pg->room_unit);
    return true;
}

static void on_room_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer)
{
    struct pg *pg = unit->owner;
    (void)member;
    if (pg->ending || answer->error == DB_LOST)
        return;
    heard(pg);
    if (answer->error == DB_FULL && !pg->full)
        log_error("the database has no room left", LOG_S("reason", answer->message));
    /* what passes, as a lock that is in the way, says nothing about the room */
    bool passing = answer->error == DB_LOCKED || answer->error == DB_BUSY || answer->error == DB_RETRY ||
                   answer->error == DB_UNFIT || answer->error == DB_AWAY;
    if (answer->error == DB_FULL || (unit->statement == pg->room_write && !passing))
        pg->full = answer->error == DB_FULL;
}

static void on_room_done(struct db_unit *unit)
{
    struct pg *pg = unit->owner;
    pg->health_asked = 0;
    if (!pg->ending)
        ask_health(pg);
}

static void renew_one(struct pgconn *conn, bool unsettled)
{
    if (conn == NULL || !pgconn_ready(conn))
        return;
    if (pgconn_read_only(conn))
        pgconn_renew_session(conn);
    else if (unsettled && !pgconn_settled(conn))
        pgconn_renew(conn, "it did not know the schema");
}

/* Sessions that began as read-only ones, when the health is asked for in one that is not; and when the tables have
 * come, those that began before. While all are read-only the next one is tried each second, and one of the pool with
 * it. */
static void renew_sessions(struct pg *pg, bool unsettled)
{
    if (unsettled) {
        renew_one(pg->health_conn, true);
        renew_one(pg->listen_conn, true);
    }
    for (unsigned i = 0; i < pg->conn_count && pg->health.writable; i++)
        renew_one(pg->conns[i], unsettled);
    for (unsigned i = 0; i < pg->conn_count && !pg->health.writable; i++)
        if (is_open(pg->conns[i]) && pgconn_stale(pg->conns[i])) {
            pgconn_renew_session(pg->conns[i]);
            break;
        }
}

static int64_t number_at(const struct db_answer *answer, int column)
{
    int64_t number = 0;
    struct slice text = answer->rows->value(answer->rows, answer->first, column);
    return text.ptr != NULL && text_int(text, &number) == TEXT_NUMBER_OK ? number : 0;
}

static void keep_text(char *out, size_t size, struct slice text)
{
    snprintf(out, size, "%.*s", (int)text.len, text.ptr != NULL ? text.ptr : "");
    text_end_at_character(out);
}

/* False when there is none that says anything of the health. */
static bool is_answer(struct pg *pg, const struct db_answer *answer)
{
    if (pg->ending)
        return false;
    if (answer->error != DB_LOST)
        heard(pg);
    if (answer->error == DB_OK || answer->error == DB_SCHEMA)
        return true;
    set_unhealthy(pg, answer->message,
                  answer->error == DB_LOST ? trouble_of(answer->message) : error_of(answer->message));
    return false;
}

static void set_healthy(struct pg *pg, bool has_schema)
{
    bool had_schema = pg->health.has_schema;
    pg->health.answers = true;
    pg->health.has_schema = has_schema;
    pg->health.full = pg->full;
    pg->health.reason[0] = '\0';
    renew_sessions(pg, has_schema && !had_schema);
    tell_health(pg);
}

static void on_health_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer)
{
    struct pg *pg = unit->owner;
    struct db_health *health = &pg->health;
    const struct db_rows *rows = answer->rows;
    (void)member;
    if (!is_answer(pg, answer))
        return;
    pg->no_tables = answer->error != DB_OK || answer->count != 1;
    if (pg->no_tables)
        return;
    health->writable = slice_equal(rows->value(rows, answer->first, 0), SLICE("t"));
    health->version = number_at(answer, 1);
    health->oldest_server = number_at(answer, 2);
    health->asynchronous_commit = slice_equal(rows->value(rows, answer->first, 3), SLICE("off"));
    pg->standby = slice_equal(rows->value(rows, answer->first, 4), SLICE("t"));
    keep_text(health->obstacle, sizeof health->obstacle, rows->value(rows, answer->first, 5));
    keep_text(health->denied, sizeof health->denied, rows->value(rows, answer->first, 6));
    if (health->asynchronous_commit && !pg->warned_asynchronous) {
        pg->warned_asynchronous = true;
        log_warn(
            "synchronous_commit is off: a crash of PostgreSQL can forget orders that were answered SUCCESS");
    }
    set_healthy(pg, true);
}

static void on_health_done(struct db_unit *unit)
{
    struct pg *pg = unit->owner;
    pg->health_asked = 0;
    if (pg->no_tables && !pg->ending)
        ask_on(pg, pg->health_on, &pg->hidden_unit);
    pg->no_tables = false;
}

static void on_hidden_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer)
{
    struct pg *pg = unit->owner;
    struct db_health *health = &pg->health;
    (void)member;
    if (!is_answer(pg, answer))
        return;
    health->denied[0] = health->obstacle[0] = '\0';
    if (answer->error == DB_OK && answer->count == 1) {
        struct slice schema = answer->rows->value(answer->rows, answer->first, 0);
        snprintf(health->obstacle, sizeof health->obstacle,
                 "the server's role may not use the schema %.*s, where its tables are", (int)schema.len,
                 schema.ptr);
    }
    health->writable = true;
    health->version = health->oldest_server = 0;
    set_healthy(pg, false);
}

/* Where one connection came through, the others need not sit out their pauses. */
static void on_health_ready(struct pgconn *conn, void *argument)
{
    struct pg *pg = argument;
    (void)conn;
    pg->crowded_out = false;
    for (unsigned i = 0; i < pg->conn_count; i++)
        if (pg->conns[i] != NULL)
            pgconn_hurry(pg->conns[i]);
    ask_health(pg);
}

static void on_ignored(struct pgconn *conn, void *argument)
{
    (void)conn;
    (void)argument;
}

static void on_health_lost(struct pgconn *conn, const char *reason, void *argument)
{
    struct pg *pg = argument;
    (void)conn;
    if (pg->ending)
        return;
    const char *trouble = trouble_of(reason);
    if (trouble == refuses)
        heard(pg);
    pg->crowded_out = strstr(reason, TOO_MANY) != NULL && any_ready(pg);
    if (pg->crowded_out)
        ask_health(pg);
    else
        set_unhealthy(pg, reason, trouble);
}

/* ---- changes ---- */

/* First LISTEN, then who it is: with that answer there, nothing that changes is missed any more. Behind a pooler
 * nothing would be heard, and what is kept lives for its time. */
static void on_listen_ready(struct pgconn *conn, void *argument)
{
    struct pg *pg = argument;
    if (!pgconn_pooled(conn)) {
        pg->listened = clock_now();
        pgconn_send(conn, &pg->listen_unit);
    }
    pgconn_send(conn, &pg->identity_unit);
}

static void on_listen_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer)
{
    const struct pg *pg = unit->owner;
    (void)member;
    if (answer->error != DB_OK && answer->error != DB_LOST && !pg->ending)
        log_warn("the database does not tell of changes", LOG_S("reason", answer->message));
}

static void on_identity_answer(struct db_unit *unit, unsigned member, const struct db_answer *answer)
{
    struct pg *pg = unit->owner;
    (void)member;
    if (pg->ending || answer->error == DB_LOST)
        return;
    if (answer->error == DB_OK && answer->count == 1)
        pg->events.on_listening(answer->rows->value(answer->rows, answer->first, 0), pg->events.argument);
    else
        log_warn("the database does not say which one it is", LOG_S("reason", answer->message));
}

static void on_listen_done(struct db_unit *unit)
{
    (void)unit;
}

static void on_notify(struct pgconn *conn, struct slice payload, void *argument)
{
    struct pg *pg = argument;
    (void)conn;
    pg->events.on_change(payload, pg->events.argument);
}

static void on_listen_lost(struct pgconn *conn, const char *reason, void *argument)
{
    (void)conn;
    (void)reason;
    (void)argument;
}

/* Nobody notices by himself that a connection on which nothing is asked has lost its other end. LISTEN once more
 * changes nothing. */
static void tend_listening(struct pg *pg, int64_t now)
{
    if (pg->listen_conn == NULL || !pgconn_ready(pg->listen_conn))
        return;
    if (pgconn_silence(pg->listen_conn, now) > HEALTH_LIMIT_NS) {
        pgconn_lose(pg->listen_conn, "the database does not answer");
    } else if (pgconn_depth(pg->listen_conn) == 0 && now - pg->listened > LISTEN_NS &&
               !pgconn_pooled(pg->listen_conn)) {
        pg->listened = now;
        pgconn_send(pg->listen_conn, &pg->listen_unit);
    }
}

/* A stopped server or a cut cable says nothing at all, and no time limit inside PostgreSQL runs then. The health
 * connection finds out; what has been as silent on the others is given up with it. While that one is answered, silence
 * is a commit that waits for its standby: its backend stays where it is and does not notice that we have gone, so each
 * round that changes nothing has twice the patience. Answers do not end it: what reads, or changes nothing, waits for
 * no standby and is answered meanwhile. */
static void drop_silent(struct pg *pg, int64_t now)
{
    int64_t base = pg->deadline_ns + CLOCK_SECOND;
    if (now - pg->silent_at > PATIENCE_NS)
        pg->patience = 0;
    int64_t limit = pg->health.answers ? base << pg->patience : SILENT_NS;
    bool dropped = false;
    for (unsigned i = 0; i < pg->conn_count; i++) {
        int64_t silence = pgconn_silence(pg->conns[i], now);
        if (silence > base)
            pg->silent_at = now;
        if (silence <= limit)
            continue;
        pgconn_lose(pg->conns[i], "the database does not answer");
        dropped = true;
    }
    if (dropped && pg->health.answers && pg->patience < PATIENCE_MAX)
        pg->patience++;
}

static void on_tick(void *argument)
{
    struct pg *pg = argument;
    int64_t now = clock_now();
    loop_timer_start(pg->tick, TICK_NS);
    bool late = pg->health_asked != 0 && now - pg->health_asked > HEALTH_LIMIT_NS;
    if (late && pg->health_on != pg->health_conn) {
        set_unhealthy(pg, "the database does not answer", trouble_of("does not answer"));
    } else if (late) {
        /* a pooler may let it wait for its turn and serve the others meanwhile */
        pg->silent = !pgconn_pooled(pg->health_conn);
        if (pg->silent)
            set_cut(pg, "the database does not answer");
        pgconn_lose(pg->health_conn, "the database does not answer");
    }
    if (pg->health.answers && !pg->health.writable && pg->health_target->read_write)
        pgconn_lose(pg->health_conn, "it is read-only"); /* another host may not be */
    else if (pg->health.answers && !pg->health.writable && !pg->standby && !pgconn_pooled(pg->health_conn))
        pgconn_renew_session(pg->health_conn); /* the next one may not be; behind a pooler ask_on does it */
    drop_silent(pg, now);
    tend_listening(pg, now);
    if (!ask_room(pg))
        ask_health(pg);
}

static const struct db_health *pg_health(const struct db *db)
{
    struct pg *pg = pg_of(db);
    if (!pg->cut)
        return &pg->health;
    /* the health connection may be back before those that do the work */
    pg->no_pool = pg->health;
    pg->no_pool.answers = false;
    if (pg->health.answers) {
        snprintf(pg->no_pool.reason, sizeof pg->no_pool.reason, "%s", pg->away_reason);
        pg->no_pool.trouble = trouble_of(pg->away_reason);
    }
    return &pg->no_pool;
}

static const struct db_ops pg_ops = {
    .engine = "postgres",
    .arrays = true,
    .connections = pg_connections,
    .slot = pg_slot,
    .away = pg_away,
    .send = pg_send,
    .health = pg_health,
    .free = pg_free,
};
