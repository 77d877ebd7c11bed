/* Brings a WAL that has grown large back into the file and shortens it, in a thread with a connection of its own: the
 * loop does not wait for the disk meanwhile. A reader of another process that stays in its transaction keeps it from
 * that; then it ends without, and is started again later. */
#ifndef ROWLOCK_SQLITE_SQLITE_WAL_H
#define ROWLOCK_SQLITE_SQLITE_WAL_H

#include <stdbool.h>

struct sqlite_wal;

struct sqlite_wal *sqlite_wal_start(const char *path); /* NULL: not now */
bool sqlite_wal_done(struct sqlite_wal *wal);
void sqlite_wal_free(struct sqlite_wal *wal); /* stops it if it is not done; NULL is harmless */

#endif
