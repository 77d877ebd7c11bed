/* Lists in pages. Each page asks for one row more than it shows, which tells whether there is a next one. */
#ifndef ROWLOCK_CORE_PAGING_H
#define ROWLOCK_CORE_PAGING_H

#include "core/answer.h"
#include "core/request.h"

/* Writes the first limit rows as an array. True: there is another page, and last is the id of the last row of this one,
 * which stands in column. */
bool paging_rows(const struct answering *answering, long long limit, int column, long long *last);

#define PAGING_LIMIT                                                                                         \
    {                                                                                                        \
        .name = "limit", FIELD_OF_LIMIT, .about = "records a page; 1000 when not said"                       \
    }
#define PAGING_AFTER                                                                                         \
    {                                                                                                        \
        .name = "after", .type = FIELD_INT, .min = INT64_MIN, .max = INT64_MAX,                              \
        .about = "ids above this one"                                                                        \
    }

/* For routes such as /sites?limit=&after= and /sites/{offset}/{count} with a statement of the parameters limit, offset
 * and after (in this order) whose first column is the id that it is ordered by: start and write. Links are of the
 * form that was asked. A statement of limit and offset alone has routes without paging_query, and links of the second
 * form. */
extern const struct field paging_path[];  /* offset, count */
extern const struct field paging_query[]; /* limit, after */
void paging_start(struct request *request);
void paging_write(const struct answering *answering);

/* What the routes of such a list have in common. */
#define PAGING_LIST .method = HTTP_GET, .shape = REPLY_PAGE, .start = paging_start, .write = paging_write

#endif
