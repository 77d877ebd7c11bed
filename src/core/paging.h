/* Lists in pages. Each page asks for one row more than it shows, which tells whether there is a next one. */
#ifndef ROWLOCK_CORE_PAGING_H
#define ROWLOCK_CORE_PAGING_H

#include "core/reply.h"
#include "core/request.h"

#define PAGING_MAX 1000

/* Writes the first limit rows as an array; returns how many there were. */
int paging_rows(const struct statement *statement, const struct db_answer *answer, int limit,
                struct reply *reply);

/* For routes such as /sites?limit=&after= and /sites/{offset}/{count} with a statement of the parameters limit, offset
 * and after (in this order) whose first column is the id that it is ordered by: prepare and answer. Links are of the
 * form that was asked. A statement of limit and offset alone has routes without paging_query, and links of the second
 * form. */
extern const struct field paging_path[];  /* offset, count */
extern const struct field paging_query[]; /* limit, after */
bool paging_prepare(struct request *request, const struct statement **statement, struct db_param *params);
void paging_answer(const struct route *route, const struct statement *statement,
                   const struct db_param *params, const struct db_answer *answer, struct reply *reply);

#endif
