/* The page /regions: the health regions of a postal code. Its row is in the table of health regions. */
#ifndef ROWLOCK_APPS_REGIONS_PAGE_H
#define ROWLOCK_APPS_REGIONS_PAGE_H

#include "core/page.h"

extern const struct field regions_page_query[];
extern const struct page regions_page;

#endif
