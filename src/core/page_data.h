/* What a template sees of a page, as one object of JSON; see core/page.h. */
#ifndef ROWLOCK_CORE_PAGE_DATA_H
#define ROWLOCK_CORE_PAGE_DATA_H

#include "base/arena.h"
#include "core/page.h"

struct request;

/* A target with its {NAME}s filled in, percent-encoded, in the arena. value gives the text of one, false when there is
 * none; a pair of the query whose value there is not is left out. */
const char *page_data_target(const char *pattern, struct arena *arena,
                             bool (*value)(struct slice name, void *argument, struct slice *text),
                             void *argument);

/* A parameter of the route, of its path or query, as text; .ptr NULL: it was not given. */
struct slice page_data_parameter(const struct route *route, const struct value *values, struct slice name,
                                 struct arena *arena);

/* Members of every page: version, pages, title, kind, and, where keys are set, sign_in: on, and key, the name of the
 * one by which the request asks ("": none). page NULL: of none. */
void page_data_add_common(struct buf *out, const struct request *request, const struct page *page);
/* given, and choices: for each parameter of the query that has some. */
void page_data_add_given(struct buf *out, const struct route *route, const struct value *values);

/* "next":"?page=2" and the like, of the Link in a reply's fields (RFC 8288). */
void page_data_add_links(struct buf *out, struct slice fields);

#endif
