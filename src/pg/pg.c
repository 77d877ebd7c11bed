/* PostgreSQL as a database: pool, health and notices put together. pg_open starts the connections of the pool, that
 * of the health and, if wanted, the one that listens. pg_slot picks a connection, pg_send sends on it; on_answered
 * says that there is room again. pg_on_tick goes through all three each second. */
#include <config.h>

#include "pg/pg.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics/metrics.h"
#include "pg/pghealth.h"
#include "pg/pgnotices.h"
#include "pg/pgpool.h"
#include "pg/pgtarget.h"

#define LOCK_NS (100 * CLOCK_MS) /* a statement waits so long for a lock inside PostgreSQL; longer outside */
#define TICK_NS CLOCK_SECOND     /* the health is asked for this often */
#define HEALTH_LIMIT_NS (2 * CLOCK_SECOND)

struct pg {
    struct db db;
    struct pgtarget *target, *health_target;
    struct pgpool *pool;
    struct pghealth *health;
    struct pgnotices *notices; /* NULL when changes are not listened for */
    struct loop_timer *tick;
    bool told_pooled;
};

static void on_pool_ready(struct pgconn *conn, void *argument);
static void on_pool_answered(struct pgconn *conn, bool full, bool wrote, void *argument);
static void on_pool_lost(struct pgconn *conn, const char *reason, void *argument);
static void on_schema(void *argument);
static void pg_on_tick(void *argument);

static const struct db_ops pg_ops;

static const struct pg *pg_of(const struct db *db)
{
    return (const struct pg *)(const void *)db;
}

/* ---- life ---- */

struct db *pg_open(struct loop *loop, const struct pg_options *options, const struct db_events *events,
                   char **error)
{
    struct pg_limits limits = {.lock_ns =
                                   LOCK_NS < options->deadline_ns / 2 ? LOCK_NS : options->deadline_ns / 2,
                               .statement_ns = options->deadline_ns * 9 / 10,
                               .pooler_ns = options->deadline_ns * 19 / 20},
                     health_limits = {
                         .lock_ns = CLOCK_SECOND, .statement_ns = CLOCK_SECOND, .pooler_ns = HEALTH_LIMIT_NS};
    struct pgtarget *target = pgtarget_new(options->conninfo, options->pooler, &limits, error);
    if (target == NULL)
        return NULL;
    struct pg *pg = mem_new(sizeof *pg);
    struct pgconn_events pool = {
        .on_ready = on_pool_ready, .on_answered = on_pool_answered, .on_lost = on_pool_lost, .argument = pg};
    struct pghealth_options health = {.health = options->health,
                                      .hidden = options->hidden,
                                      .room_spill = options->room_spill,
                                      .room_write = options->room_write,
                                      .statement_count = options->statement_count,
                                      .on_schema = on_schema,
                                      .argument = pg};
    pg->db.ops = &pg_ops;
    pg->target = target;
    pg->health_target = pgtarget_new(options->conninfo, options->pooler, &health_limits, error);
    pg->tick = loop_timer_new(loop, pg_on_tick, pg);
    loop_timer_start(pg->tick, TICK_NS);
    /* in the order of need, because connections may be few */
    pg->pool = pgpool_new(loop, pg->target, options->connections, options->statement_count,
                          options->deadline_ns, &pool);
    pg->health = pghealth_new(loop, pg->health_target, pg->pool, &health, events);
    if (options->listen != NULL)
        pg->notices = pgnotices_new(loop, pg->health_target, options->statement_count, options->listen,
                                    options->identity, events);
    return &pg->db;
}

static void pg_free(struct db *db)
{
    struct pg *pg = (struct pg *)(void *)db;
    pghealth_end(pg->health);
    pgpool_free(pg->pool);
    pghealth_free(pg->health);
    pgnotices_free(pg->notices);
    loop_timer_free(pg->tick);
    pgtarget_free(pg->target);
    pgtarget_free(pg->health_target);
    free(pg);
}

/* ---- work ---- */

static unsigned pg_connections(const struct db *db)
{
    return pgpool_count(pg_of(db)->pool);
}

static struct db_slot *pg_slot(struct db *db, const struct statement *statement)
{
    return (struct db_slot *)(void *)pghealth_pick(pg_of(db)->health, statement);
}

static void pg_send(struct db *db, struct db_slot *slot, struct db_request *request)
{
    (void)db;
    pgconn_send((struct pgconn *)(void *)slot, request);
}

static bool pg_away(const struct db *db)
{
    return pghealth_state(pg_of(db)->health) == PGHEALTH_AWAY;
}

static const struct db_health *pg_health(const struct db *db)
{
    return pghealth_said(pg_of(db)->health);
}

static void pg_sample(const struct db *db)
{
    pgpool_sample(pg_of(db)->pool);
}

/* ---- events ---- */

static void on_pool_ready(struct pgconn *conn, void *argument)
{
    struct pg *pg = argument;
    metric_add(METRIC_DATABASE_CONNECTIONS_OPENED, 0, 1);
    if (pgconn_pooled(conn) && !pg->told_pooled) {
        pg->told_pooled = true;
        log_info(
            "a pooler stands before PostgreSQL: statements go without names, and changes are not heard of");
    }
    pghealth_heard(pg->health);
}

static void on_pool_answered(struct pgconn *conn, bool full, bool wrote, void *argument)
{
    struct pg *pg = argument;
    if (full)
        pghealth_full(pg->health);
    if (wrote && pgconn_pooled(conn))
        pgpool_allow_ending(pg->pool);
    pghealth_heard(pg->health);
}

static void on_pool_lost(struct pgconn *conn, const char *reason, void *argument)
{
    struct pg *pg = argument;
    (void)conn;
    metric_add(METRIC_DATABASE_CONNECTIONS_LOST, 0, 1);
    if (!pgpool_ready(pg->pool))
        pghealth_cut(pg->health, reason);
}

static void on_schema(void *argument)
{
    const struct pg *pg = argument;
    if (pg->notices != NULL)
        pgnotices_renew(pg->notices);
}

static void pg_on_tick(void *argument)
{
    struct pg *pg = argument;
    int64_t now = clock_now();
    loop_timer_start(pg->tick, TICK_NS);
    pghealth_judge(pg->health, now);
    pgpool_drop_silent(pg->pool, now, pghealth_answers(pg->health));
    if (pg->notices != NULL)
        pgnotices_tend(pg->notices, now);
    pghealth_ask(pg->health);
}

static const struct db_ops pg_ops = {
    .engine = "postgres",
    .arrays = true,
    .connections = pg_connections,
    .slot = pg_slot,
    .away = pg_away,
    .send = pg_send,
    .health = pg_health,
    .sample = pg_sample,
    .free = pg_free,
};
