/* The pages /labs: sites, the computers and freezers in them, and the containers in those, each kind with a list, a
 * page of one record, and its history. Their rows are in the table of sites. */
#ifndef ROWLOCK_APPS_LABS_H
#define ROWLOCK_APPS_LABS_H

#include "core/page.h"

enum labs_kind {
    LABS_SITE,
    LABS_COMPUTER,
    LABS_FREEZER,
    LABS_CONTAINER,
    LABS_KINDS,
};

/* The forms of the page of a record. */
enum {
    LABS_CHANGE,
    LABS_DELETE,
    LABS_RECORD_FORMS = 5, /* with those of what stands in it, and the end */
};

extern const struct page labs_lists[LABS_KINDS], labs_records[LABS_KINDS], labs_histories[LABS_KINDS];
extern const struct page_form labs_add_forms[LABS_KINDS][2], labs_record_forms[LABS_KINDS][LABS_RECORD_FORMS];

#endif
