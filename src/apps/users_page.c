/* What the page /users reads; web/pages/users.html is how it looks. */
#include <config.h>

#include "apps/users_page.h"

const char *const users_page_orders[] = {[USERS_PAGE_BY_ID] = "id", [USERS_PAGE_BY_TYPE] = "type", NULL};

const struct field users_page_path[] = {
    {.name = "page", .type = FIELD_INT, .min = 1, .max = INT64_MAX, .required = true, .about = "from 1"},
    {.name = NULL},
};

/* A picture of GitHub's is another host's: it learns who looks at which page, and the page waits for it. So there are
 * initials for everybody, and pictures over them for who asks. */
static const char *const pictures[] = {"shown", NULL};

const struct field users_page_query[] = {
    {.name = "pagination", FIELD_OF_LIMIT, .about = "records a page"},
    {.name = "order_by",
     .type = FIELD_ENUM,
     .choices = users_page_orders,
     .about = "by id, or by type and then id"},
    {.name = "username", FIELD_OF_TEXT(USERS_PAGE_TERM_MAX), .about = "a part of it, in any case"},
    {.name = "pictures", .type = FIELD_ENUM, .choices = pictures, .about = "those of GitHub, from there"},
    {.name = NULL},
};

static const struct page_read reads[] = {
    {.name = "profiles",
     .target = "/api/users/profiles?page={page}&pagination={pagination}&order_by={order_by}"
               "&username={username}"},
    {.name = NULL},
};

const struct page users_page = {
    .title = "Users",
    .template = TEMPLATE(USERS),
    .reads = reads,
    .pictures = "https://avatars.githubusercontent.com",
};
