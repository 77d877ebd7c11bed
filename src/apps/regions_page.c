/* What the page /regions reads; web/pages/regions.html is how it looks. */
#include <config.h>

#include "apps/regions_page.h"

#define CODE_MAX 100

/* Any text: what is no code is refused by the read, so that the page can say so beside what was typed. */
const struct field regions_page_query[] = {
    {.name = "code", FIELD_OF_TEXT(CODE_MAX), .about = "a postal code, or its first three characters"},
    {.name = NULL},
};

static const struct page_read reads[] = {
    {.name = "regions",
     .target = "/fsa/{code}",
     .optional = true}, /* nothing is shown until a code is given */
    {.name = NULL},
};

const struct page regions_page = {
    .title = "Regions",
    .template = TEMPLATE(REGIONS),
    .reads = reads,
};
