/* Lists in pages. Each page asks for one row more than it shows, which tells whether there is a next one. */
#ifndef ROWLOCK_CORE_PAGING_H
#define ROWLOCK_CORE_PAGING_H

#include "core/reply.h"
#include "core/request.h"

#define PAGING_MAX 1000

/* Writes the first limit rows as an array; returns how many there were. */
int paging_rows(const struct stmt *stmt, const struct db_answer *answer, int limit, struct reply *reply);

/* For routes such as /sites and /sites/{offset}/{count} with a statement of the parameters limit and offset (in this
 * order, ahead of others): prepare and answer. Links are of the second form. */
extern const struct field paging_path[]; /* offset, count */
bool paging_prepare(struct request *request, struct stmt **statement, struct db_param *params);
void paging_answer(const struct route *route, const struct stmt *stmt, const struct db_param *params,
                   const struct db_answer *answer, struct reply *reply);

#endif
