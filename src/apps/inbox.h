/* The page /inbox: messages of a recipient, one to write, each to delete. Its rows are in the table of messages. */
#ifndef ROWLOCK_APPS_INBOX_H
#define ROWLOCK_APPS_INBOX_H

#include "core/page.h"

#define INBOX_NAME_MAX 200 /* code points of a sender and of a recipient */

enum {
    INBOX_WRITE,
    INBOX_DELETE,
};

extern const struct field inbox_query[];
extern const struct page_form inbox_forms[];
extern const struct page inbox_page;

#endif
