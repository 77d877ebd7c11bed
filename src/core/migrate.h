/* Bringing a schema up to date: the migrations of the tree, in order, each in a transaction of its own under one
 * lock, so that any number of hosts may start at once. */
#ifndef ROWLOCK_CORE_MIGRATE_H
#define ROWLOCK_CORE_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "db/session.h"

/* What a database says of its schema: the newest migration, and the oldest server that may work with it. */
struct migrate_state {
    int64_t version; /* 0: there is none */
    int64_t oldest_server;
};

/* Whether this program, which knows migrations up to newest, may work with that; needed is the newest migration that
 * what it does rests on. False with the reason. */
bool migrate_fits(struct migrate_state state, int needed, int newest, char *reason, size_t size);

/* The same of a session's database. False with session->error. */
bool migrate_check(struct session *session, int needed);

/* How many are to be applied yet. False with session->error. */
bool migrate_missing(struct session *session, int64_t *count);

/* Would migrate_apply find nothing in its way: a newer schema, tables of others, a right that is missing? Changes
 * nothing. False with session->error. */
bool migrate_may_apply(struct session *session);

/* Calls tell (may be NULL) behind each migration that was applied. False with session->error. */
bool migrate_apply(struct session *session, void (*tell)(int version, const char *name));

/* Prints a line a version: known to this program, applied, when. False with session->error. */
bool migrate_print_status(struct session *session, FILE *out);

#endif
