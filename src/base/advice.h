/* What may help against what a database says when it refuses something. */
#ifndef ROWLOCK_BASE_ADVICE_H
#define ROWLOCK_BASE_ADVICE_H

/* A sentence for the message of PostgreSQL, libpq or SQLite, without a full stop; NULL when there is nothing to add. */
const char *advice_on(const char *message);

#endif
