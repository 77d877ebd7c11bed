/* Is the database there, and can it do the work? One connection of its own asks the health statement each second,
 * and now and then whether the disk has room. Everything that is heard from the database on any connection comes
 * here too. */
#ifndef ROWLOCK_PG_PGHEALTH_H
#define ROWLOCK_PG_PGHEALTH_H

#include "db/db.h"
#include "pg/pgconn.h"
#include "pg/pgpool.h"

/* Whether statements can be sent, in one word. That the health question itself was answered well is another matter
 * (struct db_health, answers): without a free connection for it the pool still does its work.
 *
 * It begins as CUT, with the grace running. It is UP as soon as the database says something (pghealth_heard) while a
 * connection of the pool is ready. It is CUT again when the last connection of the pool is lost (pghealth_cut), or
 * when the health's connection gets no answer in time: then connections that owe nothing may look well, but what
 * is sent on them could not be taken back. When the grace is over it is AWAY. A silent pooler does not count,
 * because it may let the health wait for its turn while it serves the pool. */
enum pghealth_state {
    PGHEALTH_CUT,  /* nothing is sent, and calls wait without an answer: it may be back in a moment */
    PGHEALTH_AWAY, /* calls that wait and those that come are refused at once, and /healthcheck fails */
    PGHEALTH_UP,   /* statements are sent */
};

struct pghealth_options {
    const struct db_question *health, *hidden; /* these four as in struct pg_options */
    const struct statement *room_spill, *room_write;
    unsigned statement_count;
    void (*on_schema)(void *argument); /* the tables have come: sessions that began before do not find them */
    void *argument;
};

struct pghealth;

/* Calls on_room, on_away and on_health of the events. Target and pool must outlive it. */
struct pghealth *pghealth_new(struct loop *loop, const struct pgtarget *target, struct pgpool *pool,
                              const struct pghealth_options *options, const struct db_events *events);
/* Before the pool is freed, which may owe the answer to its question: nothing is told or asked any more. */
void pghealth_end(struct pghealth *health);
void pghealth_free(struct pghealth *health);

enum pghealth_state pghealth_state(const struct pghealth *health);
bool pghealth_answers(const struct pghealth *health);           /* the last question, whatever the state */
const struct db_health *pghealth_said(struct pghealth *health); /* good until the next call */
/* What pgpool_pick says while the database is up. */
struct pgconn *pghealth_pick(const struct pghealth *health, const struct statement *statement);

/* ---- what the pool tells ---- */

void pghealth_heard(struct pghealth *health);
void pghealth_cut(struct pghealth *health, const char *reason);
void pghealth_full(struct pghealth *health); /* an answer said that the disk is full */

/* ---- each second ---- */

void pghealth_judge(struct pghealth *health, int64_t now); /* what is late, and what is read-only */
void pghealth_ask(struct pghealth *health);

#endif
