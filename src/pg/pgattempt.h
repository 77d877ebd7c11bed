/* Attempts to connect to PostgreSQL: host by host of the target, address by address of its name, until one succeeds. */
#ifndef ROWLOCK_PG_PGATTEMPT_H
#define ROWLOCK_PG_PGATTEMPT_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "io/loop.h"

struct pgtarget;
struct pgattempt;

struct pgattempt_events {
    /* There is a connection, in pipeline mode; it is the receiver's from now on. plain: without options of ours. The
     * time of the attempt still runs, until pgattempt_done or pgattempt_failed is called. */
    void (*on_connected)(PGconn *pq, bool plain, void *argument);
    /* The attempt failed: what on_connected gave is to be closed. The next attempt comes by itself; round: it was
     * the last address of the last host, and the next begins with the first after a pause. */
    void (*on_failed)(const char *reason, bool round, void *argument);
    PQnoticeReceiver on_notice; /* of each connection, with the same argument */
    void *argument;
};

/* The target must outlive it. role: for the log. Does nothing before pgattempt_start. */
struct pgattempt *pgattempt_new(struct loop *loop, const struct pgtarget *target, const char *role,
                                const struct pgattempt_events *events);
void pgattempt_free(struct pgattempt *attempt); /* no callback any more */

/* No callback before it has returned. was_short: the connection before was lost soon after it was ready, so there is a
 * pause; failed: that counts as a failed round. */
void pgattempt_start(struct pgattempt *attempt, bool was_short, bool failed);
/* What on_connected gave is good: the next start begins with the first host again. */
void pgattempt_done(struct pgattempt *attempt);
/* What on_connected gave is no good. Calls on_failed. */
void pgattempt_failed(struct pgattempt *attempt, const char *reason);
void pgattempt_hurry(struct pgattempt *attempt); /* ends a pause before the next attempt */

#endif
