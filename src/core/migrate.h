/* Bringing a schema up to date: the migrations of the tree, in order, each in a transaction of its own under one
 * lock, so that any number of hosts may start at once. */
#ifndef ROWLOCK_CORE_MIGRATE_H
#define ROWLOCK_CORE_MIGRATE_H

#include <stdbool.h>
#include <stdio.h>

#include "io/session.h"

/* Calls tell (may be NULL) behind each migration that was applied. False with session->error. */
bool migrate_apply(struct session *session, void (*tell)(int version, const char *name));

/* Prints a line a version: known to this program, applied, when. False with session->error. */
bool migrate_print_status(struct session *session, FILE *out);

#endif
