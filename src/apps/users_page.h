/* The page /users: the profiles, searched, in either order, page by page. Its rows are in the table of users. */
#ifndef ROWLOCK_APPS_USERS_PAGE_H
#define ROWLOCK_APPS_USERS_PAGE_H

#include "core/page.h"

#define USERS_PAGE_TERM_MAX 100 /* code points of what is searched for */

/* What the profiles can be ordered by, as users_page_query and the API say it. */
enum users_page_order {
    USERS_PAGE_BY_ID,
    USERS_PAGE_BY_TYPE,
};

extern const char *const users_page_orders[];
extern const struct field users_page_path[], users_page_query[];
extern const struct page users_page;

#endif
