/* The connections of the pool. pgpool_pick looks at all of them for each set that leaves; pgpool_drop_silent looks each
 * second which have said nothing for too long. */
#include <config.h>

#include "pg/pgpool.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "metrics/metrics.h"

#define SLOW_NS (250 * CLOCK_MS) /* nothing more is sent to a connection that owes an answer for so long */
#define USUAL_NS (10 * CLOCK_MS) /* where another is, one that owes an answer for so long is left alone */
#define WAITS_MAX 2u             /* statements on a connection that may wait for a row */
#define PATIENCE_MAX 6u
#define PATIENCE_NS (60 * CLOCK_SECOND)  /* it ends when no connection has been silent for so long */
#define SILENT_NS (5 * CLOCK_SECOND / 2) /* a connection so silent is dropped when the health is silent too */

struct pgpool {
    struct pgconn **conns;
    unsigned count;
    int64_t deadline_ns;
    unsigned patience; /* rounds in a row in which silent connections were given up in vain */
    int64_t silent_at; /* when a connection was last silent for longer than without patience */
};

struct pgpool *pgpool_new(struct loop *loop, const struct pgtarget *target, unsigned count,
                          unsigned statement_count, int64_t deadline_ns, const struct pgconn_events *events)
{
    struct pgpool *pool = mem_new(sizeof *pool);
    pool->deadline_ns = deadline_ns;
    pool->count = count;
    pool->conns = mem_array(count, sizeof *pool->conns);
    for (unsigned i = 0; i < count; i++)
        pool->conns[i] = pgconn_new(loop, target, "pool", statement_count, events);
    return pool;
}

void pgpool_free(struct pgpool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        pgconn_free(pool->conns[i]);
    free(pool->conns);
    free(pool);
}

unsigned pgpool_count(const struct pgpool *pool)
{
    return pool->count;
}

bool pgpool_ready(const struct pgpool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (pgconn_ready(pool->conns[i]))
            return true;
    return false;
}

void pgpool_sample(const struct pgpool *pool)
{
    uint64_t counts[DATABASE_CONNECTIONS] = {0};
    for (unsigned i = 0; i < pool->count; i++)
        counts[!pgconn_ready(pool->conns[i])       ? DATABASE_CONNECTING
               : pgconn_depth(pool->conns[i]) == 0 ? DATABASE_IDLE
                                                   : DATABASE_BUSY]++;
    for (size_t state = 0; state < DATABASE_CONNECTIONS; state++)
        metric_set(METRIC_DATABASE_CONNECTIONS, state, counts[state]);
}

/* ---- picking ---- */

/* True when no session takes writes, and none is about to begin that may. */
static bool all_read_only(const struct pgpool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        if (!pgconn_ready(pool->conns[i]) || !pgconn_read_only(pool->conns[i]))
            return false;
    return true;
}

/* Statements that may wait for a row's lock are kept off one connection at least, so that the lock holds
 * up no other statement; and few of them are behind each other, because their waits add up. */
static bool pgpool_may_wait(const struct pgpool *pool, const struct pgconn *conn)
{
    unsigned waiting = 0;
    if (pgconn_waits(conn) > 0)
        return pgconn_waits(conn) < WAITS_MAX;
    for (unsigned i = 0; i < pool->count; i++)
        waiting += pgconn_ready(pool->conns[i]) && pgconn_waits(pool->conns[i]) > 0;
    return waiting == 0 || waiting + 1 < pool->count;
}

/* What is on its way, and far behind that whether it has been silent for longer than a statement usually takes. */
static unsigned burden(const struct pgconn *conn, int64_t now)
{
    return pgconn_depth(conn) + (pgconn_silence(conn, now) > USUAL_NS ? 1000 : 0);
}

/* One slow statement must hold up no other while a connection is free. A connection that has owed an answer for a
 * while is never taken, because what is sent behind that can no longer be taken back. What writes goes where that is
 * allowed: a session that refuses is the first to answer, and would draw all the work. */
struct pgconn *pgpool_pick(const struct pgpool *pool, const struct statement *statement)
{
    struct pgconn *best = NULL;
    int64_t now = clock_now();
    int anywhere = -1; /* not known yet */
    for (unsigned i = 0; i < pool->count; i++) {
        struct pgconn *conn = pool->conns[i];
        if (!pgconn_room(conn) || pgconn_silence(conn, now) >= SLOW_NS)
            continue;
        if (statement->waits && !pgpool_may_wait(pool, conn))
            continue;
        if (statement->writes && pgconn_read_only(conn)) {
            if (anywhere < 0)
                anywhere = all_read_only(pool);
            if (!anywhere)
                continue;
        }
        if (best == NULL || burden(conn, now) < burden(best, now))
            best = conn;
    }
    return best;
}

/* ---- replacing ---- */

/* A stopped server or a cut cable says nothing at all, and no time limit inside PostgreSQL runs then. The health's
 * connection finds out (answers is false), and what has been as silent in the pool is given up with it. While the
 * health is answered, silence is a commit that waits for its standby: its backend stays where it is and does not
 * notice that we have gone, so each round that changes nothing doubles the patience. An answer does not end the
 * patience, because what reads, or changes nothing, waits for no standby and is answered meanwhile. */
void pgpool_drop_silent(struct pgpool *pool, int64_t now, bool answers)
{
    int64_t base = pool->deadline_ns + CLOCK_SECOND;
    if (now - pool->silent_at > PATIENCE_NS)
        pool->patience = 0;
    int64_t limit = answers ? base << pool->patience : SILENT_NS;
    bool dropped = false;
    for (unsigned i = 0; i < pool->count; i++) {
        int64_t silence = pgconn_silence(pool->conns[i], now);
        if (silence > base)
            pool->silent_at = now;
        if (silence <= limit)
            continue;
        pgconn_lose(pool->conns[i], "the database does not answer");
        dropped = true;
    }
    if (dropped && answers && pool->patience < PATIENCE_MAX)
        pool->patience++;
}

/* While all are read-only, one a second is tried anew, beside the health's own. */
void pgpool_renew(struct pgpool *pool, bool writable, bool missed_schema)
{
    for (unsigned i = 0; i < pool->count; i++) {
        if (writable) {
            pgconn_renew_unfit(pool->conns[i], missed_schema);
        } else if (pgconn_ready(pool->conns[i]) && pgconn_stale(pool->conns[i])) {
            pgconn_renew_session(pool->conns[i]);
            return;
        }
    }
}

void pgpool_hurry(struct pgpool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        pgconn_hurry(pool->conns[i]);
}

void pgpool_allow_ending(struct pgpool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        pgconn_allow_ending(pool->conns[i]);
}
