/* Lists in pages. Each page asks for one row more than it shows, which tells whether there is a next one. */
#ifndef ROWLOCK_CORE_PAGING_H
#define ROWLOCK_CORE_PAGING_H

#include "core/answer.h"
#include "core/request.h"

#define PAGING_MAX 1000

/* Writes the first limit rows as an array; returns how many there were. */
int paging_rows(const struct answering *answering, int limit);

/* The id in the last of those rows. */
int64_t paging_last_id(const struct db_answer *answer, int count, int column);

/* For routes such as /sites?limit=&after= and /sites/{offset}/{count} with a statement of the parameters limit, offset
 * and after (in this order) whose first column is the id that it is ordered by: start and write. Links are of the
 * form that was asked. A statement of limit and offset alone has routes without paging_query, and links of the second
 * form. */
extern const struct field paging_path[];  /* offset, count */
extern const struct field paging_query[]; /* limit, after */
void paging_start(struct request *request);
void paging_write(const struct answering *answering);

#endif
