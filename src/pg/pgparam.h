/* Parameters of a request in PostgreSQL's binary format: plain values, or one array a parameter for a set (array_send
 * in src/backend/utils/adt/arrayfuncs.c: dimensions, null flag, element type, length, lower bound, elements). */
#ifndef ROWLOCK_PG_PGPARAM_H
#define ROWLOCK_PG_PGPARAM_H

#include "base/buf.h"
#include "db/db.h"

struct pgparam {
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX];
    struct buf bytes;
};

unsigned pgparam_type(enum db_type type, bool array); /* the type's object id */

/* Fills values, lengths and formats as libpq wants them; good until the next call. */
void pgparam_encode(struct pgparam *param, const struct db_request *request);
void pgparam_fini(struct pgparam *param);

#endif
