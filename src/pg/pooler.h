/* What stands between us and PostgreSQL. */
#ifndef ROWLOCK_PG_POOLER_H
#define ROWLOCK_PG_POOLER_H

enum pooler {
    POOLER_AUTO,        /* each connection finds out for itself */
    POOLER_NONE,        /* a session is ours as long as its connection lasts */
    POOLER_TRANSACTION, /* nothing of a session outlives a transaction: PgBouncer's pool_mode = transaction */
};

#endif
