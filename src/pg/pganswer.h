/* Inside PostgreSQL: what it said, as the answers of a request's calls. */
#ifndef ROWLOCK_PG_PGANSWER_H
#define ROWLOCK_PG_PGANSWER_H

#include <libpq-fe.h>

#include "db/db.h"

/* An error by its SQLSTATE (PostgreSQL's documentation, Appendix A). Strings are borrowed from the result. */
struct db_answer pganswer_error(const PGresult *result);

/* Does this notice say that the transaction is committed here, but that the wait for a synchronous standby was ended,
 * so that the standby may not have it (a WARNING, not an error)? Told by the function in PostgreSQL that sends it,
 * because its words are in the server's language and its SQLSTATE is that of any warning. */
bool pganswer_is_unsure(const PGresult *notice);

/* Why the connection was lost or not made, in one line. Written to out, or static. */
const char *pganswer_lost(const PGconn *pq, char *out, size_t size);

/* Rows of a PGresult, without its leading columns. */
struct pganswer_view {
    struct db_rows rows;
    const PGresult *result;
    int shift; /* how many columns are left out */
};

struct pganswer_view pganswer_view(const PGresult *result, int shift);

/* Each call gets the same. */
void pganswer_all(struct db_request *request, const struct db_answer *answer);

/* The rows of a set come in order of the position in their first column; each call gets those of its own. */
void pganswer_rows(struct db_request *request, const PGresult *result);

#endif
