/* Attempts to connect. pgattempt_start sets the timer; on_attempt_timer begins an attempt (pgattempt_begin): the
 * name of the host is looked up (on_resolved), libpq connects to one of its addresses (connect_host, on_poll), and
 * on_connected hands the connection over while the time of the attempt still runs. pgattempt_failed chooses what is
 * tried next. */
#include <config.h>

#include "pg/pgattempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/resolve.h"
#include "pg/pganswer.h"
#include "pg/pgtarget.h"

#define LIMIT_NS (2 * CLOCK_SECOND) /* one address may take this long to answer */
#define PAUSE_MIN_NS (50 * CLOCK_MS)
#define PAUSE_MAX_NS CLOCK_SECOND

struct pgattempt {
    struct loop *loop;
    const struct pgtarget *target;
    const char *role;
    struct pgattempt_events events;
    struct loop_timer *timer; /* while pausing: the next attempt; else: the limit of this one */
    bool pausing;
    bool plain; /* without options of ours, which this host refused or would not keep */
    struct resolve *resolving;
    PGconn *pq; /* until it is handed over */
    struct loop_watch *watch;
    size_t host;          /* of the target, tried now */
    char addresses[1024]; /* that its name has, by comma */
    const char *left;     /* those of them that were not tried yet */
    char hostaddr[64];    /* tried now; "": as libpq decides */
    unsigned failures;    /* rounds in a row in which no host was reached */
};

static void on_attempt_timer(void *argument);
static void on_resolved(const char *addresses, const char *error, void *argument);
static void on_poll(int fd, int ready, void *argument);
static void not_connected(struct pgattempt *attempt);

/* ---- life ---- */

struct pgattempt *pgattempt_new(struct loop *loop, const struct pgtarget *target, const char *role,
                                const struct pgattempt_events *events)
{
    struct pgattempt *attempt = mem_new(sizeof *attempt);
    attempt->loop = loop;
    attempt->target = target;
    attempt->role = role;
    attempt->events = *events;
    attempt->left = "";
    attempt->timer = loop_timer_new(loop, on_attempt_timer, attempt);
    return attempt;
}

static void pgattempt_stop(struct pgattempt *attempt)
{
    loop_timer_stop(attempt->timer);
    loop_watch_free(attempt->watch); /* before libpq closes its descriptor */
    attempt->watch = NULL;
    resolve_cancel(attempt->resolving);
    attempt->resolving = NULL;
    PQfinish(attempt->pq);
    attempt->pq = NULL;
}

void pgattempt_free(struct pgattempt *attempt)
{
    pgattempt_stop(attempt);
    loop_timer_free(attempt->timer);
    free(attempt);
}

static void begin_after(struct pgattempt *attempt, int64_t pause)
{
    attempt->pausing = true;
    loop_timer_start(attempt->timer, pause);
}

void pgattempt_start(struct pgattempt *attempt, bool was_short, bool failed)
{
    attempt->failures = was_short && failed ? 1 : 0;
    begin_after(attempt, was_short ? PAUSE_MIN_NS : 0);
}

void pgattempt_hurry(struct pgattempt *attempt)
{
    if (attempt->pausing)
        loop_timer_start(attempt->timer, 0);
}

/* ---- one attempt ---- */

static void connect_host(struct pgattempt *attempt)
{
    const char *keywords[PG_KEYWORDS_MAX], *values[PG_KEYWORDS_MAX];
    pgtarget_fill(attempt->target, attempt->host, attempt->hostaddr, attempt->plain, keywords, values);
    attempt->pq = PQconnectStartParams(keywords, values, 0);
    if (attempt->pq == NULL || PQstatus(attempt->pq) == CONNECTION_BAD) {
        not_connected(attempt);
        return;
    }
    PQsetErrorVerbosity(attempt->pq,
                        PQERRORS_VERBOSE); /* the only way to the SQLSTATE of a refused attempt */
    PQsetNoticeReceiver(attempt->pq, attempt->events.on_notice, attempt->events.argument);
    attempt->watch = loop_watch_new(attempt->loop, PQsocket(attempt->pq), on_poll, attempt);
    loop_watch_set(attempt->watch, LOOP_WRITE);
}

/* Each address of a name has a time of its own, as each host has. */
static void try_address(struct pgattempt *attempt)
{
    size_t length = strcspn(attempt->left, ",");
    snprintf(attempt->hostaddr, sizeof attempt->hostaddr, "%.*s", (int)length, attempt->left);
    attempt->left += length + (attempt->left[length] == ',');
    loop_timer_start(attempt->timer, LIMIT_NS);
    connect_host(attempt);
}

static void pgattempt_begin(struct pgattempt *attempt)
{
    const struct pg_host *host = &attempt->target->hosts[attempt->host];
    attempt->pausing = false;
    attempt->plain = attempt->target->pooler == POOLER_TRANSACTION;
    attempt->hostaddr[0] = '\0';
    if (attempt->left[0] != '\0') {
        try_address(attempt);
        return;
    }
    loop_timer_start(attempt->timer, LIMIT_NS);
    if (host->lookup)
        attempt->resolving = resolve_start(attempt->loop, host->name, on_resolved, attempt);
    else
        connect_host(attempt);
}

static void on_attempt_timer(void *argument)
{
    struct pgattempt *attempt = argument;
    if (attempt->pausing)
        pgattempt_begin(attempt);
    else
        pgattempt_failed(attempt, "the database did not answer the attempt to connect in time");
}

static void on_resolved(const char *addresses, const char *error, void *argument)
{
    struct pgattempt *attempt = argument;
    attempt->resolving = NULL;
    if (addresses == NULL) {
        pgattempt_failed(attempt, error);
        return;
    }
    snprintf(attempt->addresses, sizeof attempt->addresses, "%s", addresses);
    attempt->left = attempt->addresses;
    try_address(attempt);
}

static void connected(struct pgattempt *attempt)
{
    PGconn *pq = attempt->pq;
    if (PQsetnonblocking(pq, 1) != 0 || PQenterPipelineMode(pq) != 1) {
        char reason[256];
        pgattempt_failed(attempt, pganswer_lost(pq, reason, sizeof reason));
        return;
    }
    attempt->pq = NULL;
    attempt->events.on_connected(pq, attempt->plain, attempt->events.argument);
}

static void on_poll(int fd, int ready, void *argument)
{
    struct pgattempt *attempt = argument;
    (void)fd;
    (void)ready;
    /* libpq may close the socket and get the same number for another one, which the loop would not notice */
    loop_watch_free(attempt->watch);
    attempt->watch = NULL;
    PostgresPollingStatusType status = PQconnectPoll(attempt->pq);
    if (status == PGRES_POLLING_OK) {
        connected(attempt);
    } else if (status == PGRES_POLLING_FAILED) {
        not_connected(attempt);
    } else {
        attempt->watch = loop_watch_new(attempt->loop, PQsocket(attempt->pq), on_poll, attempt);
        loop_watch_set(attempt->watch, status == PGRES_POLLING_READING ? LOOP_READ : LOOP_WRITE);
    }
}

/* Poolers refuse what they could not keep for a client, in words of their own that name the options ("unsupported
 * startup parameter: options", "... in options: jit"): the same host again without ours. */
static void not_connected(struct pgattempt *attempt)
{
    char reason[256];
    if (attempt->pq != NULL && !attempt->plain && attempt->target->pooler == POOLER_AUTO &&
        strstr(PQerrorMessage(attempt->pq), "options") != NULL) {
        pgattempt_stop(attempt);
        attempt->plain = true;
        loop_timer_start(attempt->timer, LIMIT_NS);
        connect_host(attempt);
        return;
    }
    pgattempt_failed(attempt, attempt->pq == NULL ? "out of memory"
                                                  : pganswer_lost(attempt->pq, reason, sizeof reason));
}

/* ---- what comes next ---- */

void pgattempt_done(struct pgattempt *attempt)
{
    loop_timer_stop(attempt->timer);
    attempt->host = 0;
    attempt->left = "";
    if (attempt->failures > 0)
        log_info("database connection is back", LOG_S("role", attempt->role));
}

/* This address did not work: the next one of the name at once, then the next host, and after the last of them a pause
 * that grows, with jitter so that many servers do not come back in step. */
void pgattempt_failed(struct pgattempt *attempt, const char *reason)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", reason); /* it may be libpq's */
    pgattempt_stop(attempt);
    bool last = attempt->left[0] == '\0';
    if (last)
        attempt->host = (attempt->host + 1) % attempt->target->host_count;
    bool round = last && attempt->host == 0;
    int64_t pause = 0;
    if (!round) {
        log_debug("database host not reached", LOG_S("role", attempt->role), LOG_S("reason", copy));
    } else {
        pause = backoff_ns(attempt->failures, PAUSE_MIN_NS, PAUSE_MAX_NS);
        pause = pause / 2 + random() % (pause / 2 + 1);
        if (attempt->failures++ == 0)
            log_warn("cannot connect to the database", LOG_S("role", attempt->role), LOG_S("reason", copy));
    }
    begin_after(attempt, pause);
    attempt->events.on_failed(copy, round, attempt->events.argument);
}
