/* The health of PostgreSQL. Each second pg.c calls pghealth_judge, which gives up the health's connection if its
 * answer is late or its session read-only, and pghealth_ask. on_health_answer fills struct db_health; if the tables
 * were not found, on_health_done asks the hidden statement why. Instead of the health ask_room asks every few
 * seconds whether the disk has room. pghealth_heard, pghealth_cut and on_grace move the state (enum pghealth_state). */
#include <config.h>

#include "pg/pghealth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pg/pgtarget.h"

#define TOO_MANY " 53300: " /* in libpq's verbose words: connections of the role, the database, the server */
#define ROOM_TICKS 3u
#define GRACE_NS CLOCK_SECOND /* a database that comes back within this costs waiting, not errors */
#define ANSWER_NS (2 * CLOCK_SECOND)
#define STANDBY_NS (3 * CLOCK_SECOND) /* a session of a standby is left for another so often */

struct pghealth {
    const struct pgtarget *target;
    struct pgpool *pool;
    struct db_events events;
    struct pghealth_options options;
    enum pghealth_state state;
    char cut_reason[256]; /* why it is not UP */
    struct loop_timer *grace;
    struct pgconn *conn;
    struct db_request health, hidden, room; /* on their way one at a time */
    struct pgconn *asked_on;                /* a connection of the pool when there is no other */
    int64_t asked;                          /* 0 when no question is on its way */
    int64_t ready;                          /* when its connection was */
    unsigned room_ticks;                    /* since it was last asked whether there is room */
    bool no_tables;                         /* health found none: before that is told, hidden is asked why */
    bool full;                              /* the disk had no room */
    bool crowded_out;                       /* there is no connection left for the health */
    bool ending;
    struct db_health said, no_pool; /* no_pool: what is said while it is not UP */
};

static void pghealth_on_ready(struct pgconn *conn, void *argument);
static void pghealth_on_lost(struct pgconn *conn, const char *reason, void *argument);
static void on_health_answer(struct db_request *request, unsigned position, const struct db_answer *answer);
static void on_health_done(struct db_request *request);
static void on_hidden_answer(struct db_request *request, unsigned position, const struct db_answer *answer);
static void on_room_answer(struct db_request *request, unsigned position, const struct db_answer *answer);
static void on_room_done(struct db_request *request);
static void on_grace(void *argument);

/* ---- life ---- */

struct pghealth *pghealth_new(struct loop *loop, const struct pgtarget *target, struct pgpool *pool,
                              const struct pghealth_options *options, const struct db_events *events)
{
    struct pghealth *health = mem_new(sizeof *health);
    struct pgconn_events own = {
        .on_ready = pghealth_on_ready, .on_lost = pghealth_on_lost, .argument = health};
    health->target = target;
    health->pool = pool;
    health->events = *events;
    health->options = *options;
    health->state = PGHEALTH_CUT;
    snprintf(health->cut_reason, sizeof health->cut_reason, "not connected yet");
    snprintf(health->said.reason, sizeof health->said.reason, "not connected yet");
    health->said.trouble = "not connected yet";
    health->grace = loop_timer_new(loop, on_grace, health);
    loop_timer_start(health->grace, GRACE_NS);
    health->room = health->hidden = health->health =
        (struct db_request){.call_count = 1, .on_done = on_health_done, .owner = health};
    health->health.statement = options->health->statement;
    health->health.on_answer = on_health_answer;
    health->hidden.statement = options->hidden->statement;
    health->hidden.on_answer = on_hidden_answer;
    health->room.on_answer = on_room_answer;
    health->room.on_done = on_room_done;
    health->conn = pgconn_new(loop, target, "health", options->statement_count, &own);
    return health;
}

void pghealth_end(struct pghealth *health)
{
    health->ending = true;
}

void pghealth_free(struct pghealth *health)
{
    pgconn_free(health->conn);
    loop_timer_free(health->grace);
    free(health);
}

/* ---- the state ---- */

enum pghealth_state pghealth_state(const struct pghealth *health)
{
    return health->state;
}

bool pghealth_answers(const struct pghealth *health)
{
    return health->said.answers;
}

struct pgconn *pghealth_pick(const struct pghealth *health, const struct statement *statement)
{
    return health->state == PGHEALTH_UP ? pgpool_pick(health->pool, statement) : NULL;
}

void pghealth_heard(struct pghealth *health)
{
    if (health->state != PGHEALTH_UP && pgpool_ready(health->pool)) {
        health->state = PGHEALTH_UP;
        loop_timer_stop(health->grace);
        if (health->said.answers)
            health->events.on_health(health->events.argument);
    }
    health->events.on_room(health->events.argument);
}

void pghealth_cut(struct pghealth *health, const char *reason)
{
    snprintf(health->cut_reason, sizeof health->cut_reason, "%s", reason);
    if (health->state != PGHEALTH_UP)
        return;
    health->state = PGHEALTH_CUT;
    loop_timer_start(health->grace, GRACE_NS);
}

static void on_grace(void *argument)
{
    struct pghealth *health = argument;
    health->state = PGHEALTH_AWAY;
    health->events.on_away(health->events.argument);
    health->events.on_health(health->events.argument);
}

/* ---- what is said ---- */

/* Within the grace nothing is worth telling. */
static void tell_health(struct pghealth *health)
{
    if (health->state != PGHEALTH_CUT)
        health->events.on_health(health->events.argument);
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

static void set_unhealthy(struct pghealth *health, const char *reason, const char *trouble)
{
    health->said.answers = false;
    snprintf(health->said.reason, sizeof health->said.reason, "%s", reason);
    /* the caller's reason does not stay */
    health->said.trouble = trouble == reason ? health->said.reason : trouble;
    tell_health(health);
}

/* The health's connection may be back before those of the pool, which do the work. */
const struct db_health *pghealth_said(struct pghealth *health)
{
    if (health->state == PGHEALTH_UP)
        return &health->said;
    health->no_pool = health->said;
    health->no_pool.answers = false;
    if (health->said.answers) {
        snprintf(health->no_pool.reason, sizeof health->no_pool.reason, "%s", health->cut_reason);
        health->no_pool.trouble = trouble_of(health->cut_reason);
    }
    return &health->no_pool;
}

/* ---- asking ---- */

static void ask_on(struct pghealth *health, struct pgconn *conn, struct db_request *request)
{
    health->asked = clock_now();
    health->asked_on = conn;
    /* What asks and what ends a read-only session are one transaction, because a pooler hands out another session for
     * the next one. So each look meets a session that writes, or leaves one less that does not. */
    if (health->said.answers && !health->said.writable && !health->said.standby)
        pgconn_send_or_end(conn, request);
    else
        pgconn_send(conn, request);
}

/* A role at its limit of connections has none left for this, and may do all its work. */
static void ask_health(struct pghealth *health)
{
    struct pgconn *conn = pgconn_room(health->conn) ? health->conn : NULL;
    if (conn == NULL && health->crowded_out)
        conn = pghealth_pick(health, health->health.statement);
    if (health->asked == 0 && conn != NULL)
        ask_on(health, conn, &health->health);
}

/* Nothing but writing says whether there is room, and an idle server writes nothing. */
static bool ask_room(struct pghealth *health)
{
    bool due = health->full || ++health->room_ticks >= ROOM_TICKS;
    if (!due || health->asked != 0 || !pgconn_room(health->conn) || !health->said.answers ||
        !health->said.has_schema || !health->said.writable)
        return false;
    health->room_ticks = 0;
    health->room.statement = health->full ? health->options.room_write : health->options.room_spill;
    ask_on(health, health->conn, &health->room);
    return true;
}

void pghealth_ask(struct pghealth *health)
{
    if (!ask_room(health))
        ask_health(health);
}

/* Another host may take writes, and so may another session; behind a pooler ask_on ends the session. A standby may be
 * promoted, but a name or a proxy may lead to the primary again, too, and what is connected to the standby would not
 * notice; the pool follows when this connection has found a session that takes writes. */
static void leave_read_only(struct pghealth *health, int64_t now)
{
    if (health->target->read_write)
        pgconn_lose(health->conn, "it is read-only");
    else if (!pgconn_pooled(health->conn) && (!health->said.standby || now - health->ready > STANDBY_NS))
        pgconn_renew_session(health->conn);
}

void pghealth_judge(struct pghealth *health, int64_t now)
{
    bool late = health->asked != 0 && now - health->asked > ANSWER_NS;
    if (late && health->asked_on != health->conn) {
        set_unhealthy(health, "the database does not answer", trouble_of("does not answer"));
    } else if (late) {
        if (!pgconn_pooled(health->conn))
            pghealth_cut(health, "the database does not answer");
        pgconn_lose(health->conn, "the database does not answer");
    }
    if (health->said.answers && !health->said.writable)
        leave_read_only(health, now);
}

/* ---- the room ---- */

void pghealth_full(struct pghealth *health)
{
    health->full = true;
}

static void on_room_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    struct pghealth *health = request->owner;
    (void)position;
    if (health->ending || answer->error == DB_LOST)
        return;
    pghealth_heard(health);
    if (answer->error == DB_FULL && !health->full)
        log_error("the database has no room left", LOG_S("reason", answer->message));
    /* what passes, as a lock that is in the way, says nothing about the room */
    bool passing = answer->error == DB_LOCKED || answer->error == DB_BUSY || answer->error == DB_RETRY ||
                   answer->error == DB_UNFIT || answer->error == DB_AWAY;
    if (answer->error == DB_FULL || (request->statement == health->options.room_write && !passing))
        health->full = answer->error == DB_FULL;
}

static void on_room_done(struct db_request *request)
{
    struct pghealth *health = request->owner;
    health->asked = 0;
    if (!health->ending)
        ask_health(health);
}

/* ---- the answers ---- */

/* False when there is none that says anything of the health. */
static bool is_answer(struct pghealth *health, const struct db_answer *answer)
{
    if (health->ending)
        return false;
    if (answer->error != DB_LOST)
        pghealth_heard(health);
    if (answer->error == DB_OK || answer->error == DB_SCHEMA)
        return true;
    set_unhealthy(health, answer->message,
                  answer->error == DB_LOST ? trouble_of(answer->message) : error_of(answer->message));
    return false;
}

static void set_healthy(struct pghealth *health, bool has_schema)
{
    bool missed_schema = has_schema && !health->said.has_schema;
    health->said.answers = true;
    health->said.has_schema = has_schema;
    health->said.full = health->full;
    health->said.reason[0] = '\0';
    if (missed_schema) {
        pgconn_renew_unfit(health->conn, true);
        health->options.on_schema(health->options.argument);
    }
    pgpool_renew(health->pool, health->said.writable, missed_schema);
    tell_health(health);
}

static void on_health_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    struct pghealth *health = request->owner;
    (void)position;
    if (!is_answer(health, answer))
        return;
    health->no_tables = answer->error != DB_OK || answer->count != 1;
    if (health->no_tables)
        return;
    health->options.health->read(answer->rows, answer->first, &health->said);
    health->said.answer_ns = clock_now() - health->asked;
    set_healthy(health, true);
}

static void on_health_done(struct db_request *request)
{
    struct pghealth *health = request->owner;
    health->asked = 0;
    if (health->no_tables && !health->ending)
        ask_on(health, health->asked_on, &health->hidden);
    health->no_tables = false;
}

static void on_hidden_answer(struct db_request *request, unsigned position, const struct db_answer *answer)
{
    struct pghealth *health = request->owner;
    struct db_health *said = &health->said;
    (void)position;
    if (!is_answer(health, answer))
        return;
    said->denied[0] = said->obstacle[0] = '\0';
    if (answer->error == DB_OK && answer->count == 1)
        health->options.hidden->read(answer->rows, answer->first, said);
    said->writable = true;
    said->version = said->oldest_server = 0;
    set_healthy(health, false);
}

/* ---- its connection ---- */

/* Where one connection came through, the others need not sit out their pauses. */
static void pghealth_on_ready(struct pgconn *conn, void *argument)
{
    struct pghealth *health = argument;
    (void)conn;
    health->crowded_out = false;
    health->ready = clock_now();
    pgpool_hurry(health->pool);
    ask_health(health);
}

static void pghealth_on_lost(struct pgconn *conn, const char *reason, void *argument)
{
    struct pghealth *health = argument;
    (void)conn;
    const char *trouble = trouble_of(reason);
    if (trouble == refuses)
        pghealth_heard(health);
    health->crowded_out = strstr(reason, TOO_MANY) != NULL && pgpool_ready(health->pool);
    if (health->crowded_out)
        ask_health(health);
    else
        set_unhealthy(health, reason, trouble);
}
