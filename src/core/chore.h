/* What the server does by itself in the background: a statement from time to time, and again soon while there is
 * more. */
#ifndef ROWLOCK_CORE_CHORE_H
#define ROWLOCK_CORE_CHORE_H

#include <stdint.h>

#include "core/statements.h"
#include "db/db.h"
#include "metrics/metric.h"

struct calls;
struct loop;

struct chore {
    const struct statement *statement; /* it gives a row for each record that it changed */
    int64_t parameter;                 /* of the statement, where that has one */
    int batch;                         /* when it gives so many rows there is more to do */
    int64_t every_ns, again_ns; /* from one end to the next beginning; the latter while there is more */
    const char *said, *counted; /* the log's line at level debug, and the name of its number */
    enum metric metric;         /* what its records add to; 0: nothing */
    /* Of a statement that only asks: gets its rows. NULL: it changes records. */
    void (*read)(const struct db_answer *answer);
};

struct chores;

/* For the first time a second after the server's start: there may be much to do after a long stop. */
void chores_add(struct chores **chores, struct loop *loop, struct calls *calls, const struct chore *chore);
void chores_free(struct chores *chores); /* harmless for NULL */

#endif
