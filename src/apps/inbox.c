/* What the page /inbox reads, and where its forms lead; web/pages/inbox.html is how it looks. */
#include <config.h>

#include "apps/inbox.h"

const struct field inbox_query[] = {
    {.name = "recipient", FIELD_OF_TEXT(INBOX_NAME_MAX), .about = "whose messages"},
    {.name = "limit", FIELD_OF_LIMIT, .about = "how many; 20 when not said"},
    {.name = "before", FIELD_OF_ID, .about = "older than this one"},
    {.name = NULL},
};

static const struct page_read reads[] = {
    {.name = "messages",
     .target = "/messages?recipient={recipient}&limit={limit:20}&before={before}",
     .optional = true}, /* nothing is shown until a recipient is named */
    {.name = NULL},
};

const struct page_form inbox_forms[] = {
    [INBOX_WRITE] = {.name = "write",
                     .method = HTTP_POST,
                     .path = "/messages",
                     .next = "/inbox?recipient={recipient}"},
    [INBOX_DELETE] = {.name = "delete",
                      .method = HTTP_DELETE,
                      .path = "/messages/{id}",
                      .next = "/inbox?recipient={recipient}"},
    {.name = NULL},
};

const struct page inbox_page = {
    .title = "Inbox",
    .template = TEMPLATE(INBOX),
    .reads = reads,
    .forms = inbox_forms,
};
