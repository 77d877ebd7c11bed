/* The page at /: what this server is, its health, the apps that it serves, and how to call them. */
#ifndef ROWLOCK_APPS_START_PAGE_H
#define ROWLOCK_APPS_START_PAGE_H

#include "core/page.h"

extern const struct page start_page;

#endif
