/* What the pages /labs read, and where their forms lead; web/pages/lab*.html is how they look. The kinds differ in what
 * stands in a record of theirs. */
#include <config.h>

#include "apps/labs.h"

/* ---- reads ---- */

#define LIST_READS(word, owner)                                                                              \
    {                                                                                                        \
        {.name = "records", .target = "/" word "?limit={limit:20}&after={after}" owner},                     \
        {                                                                                                    \
            .name = NULL                                                                                     \
        }                                                                                                    \
    }
#define RECORD_READ(word)                                                                                    \
    {                                                                                                        \
        .name = "record", .target = "/" word "/{id}"                                                         \
    }
#define HISTORY_READ(word)                                                                                   \
    {                                                                                                        \
        .name = "history", .target = "/" word "/{id}/history?limit=5", .optional = true                      \
    } /* of old records */
#define HISTORY_READS(word)                                                                                  \
    {                                                                                                        \
        {.name = "history", .target = "/" word "/{id}/history?limit={limit:20}&before={before}"},            \
        {                                                                                                    \
            .name = NULL                                                                                     \
        }                                                                                                    \
    }

static const struct page_read list_reads[LABS_KINDS][2] = {
    [LABS_SITE] = LIST_READS("sites", ""),
    [LABS_COMPUTER] = LIST_READS("computers", "&site_id={site_id}"),
    [LABS_FREEZER] = LIST_READS("freezers", "&site_id={site_id}"),
    [LABS_CONTAINER] = LIST_READS("containers", "&freezer_id={freezer_id}"),
};

static const struct page_read record_reads[LABS_KINDS][5] = {
    [LABS_SITE] = {RECORD_READ("site"),
                   {.name = "computers", .target = "/computers?limit=100&site_id={id}"},
                   {.name = "freezers", .target = "/freezers?limit=100&site_id={id}"},
                   HISTORY_READ("site")},
    [LABS_COMPUTER] = {RECORD_READ("computer"), HISTORY_READ("computer")},
    [LABS_FREEZER] = {RECORD_READ("freezer"),
                      {.name = "containers", .target = "/containers?limit=100&freezer_id={id}"},
                      HISTORY_READ("freezer")},
    [LABS_CONTAINER] = {RECORD_READ("container"), HISTORY_READ("container")},
};

static const struct page_read history_reads[LABS_KINDS][2] = {
    [LABS_SITE] = HISTORY_READS("site"),
    [LABS_COMPUTER] = HISTORY_READS("computer"),
    [LABS_FREEZER] = HISTORY_READS("freezer"),
    [LABS_CONTAINER] = HISTORY_READS("container"),
};

/* ---- forms ---- */

#define FORM_TO(word) .path = "/" word "/{id}", .next = "/labs/" word "/{id}"
#define ADD(name_, word)                                                                                     \
    {                                                                                                        \
        .name = name_, .method = HTTP_POST, FORM_TO(word), .fresh = true                                     \
    }
#define CHANGE(word)                                                                                         \
    {                                                                                                        \
        .name = "change", .method = HTTP_POST, FORM_TO(word), .fill = "record"                               \
    }
#define DELETE(word)                                                                                         \
    {                                                                                                        \
        .name = "delete", .method = HTTP_DELETE, .path = "/" word "/{id}",                                   \
        .next = "/labs/" word "/{id}/history", .fill = "record"                                              \
    }

const struct page_form labs_add_forms[LABS_KINDS][2] = {
    [LABS_SITE] = {ADD("add", "site")},
    [LABS_COMPUTER] = {ADD("add", "computer")},
    [LABS_FREEZER] = {ADD("add", "freezer")},
    [LABS_CONTAINER] = {ADD("add", "container")},
};

/* What is added from the page of its owner is sent to the list of its kind. */
const struct page_form labs_record_forms[LABS_KINDS][LABS_RECORD_FORMS] = {
    [LABS_SITE] = {[LABS_CHANGE] = CHANGE("site"),
                   [LABS_DELETE] = DELETE("site"),
                   ADD("add_computer", "computer"),
                   ADD("add_freezer", "freezer")},
    [LABS_COMPUTER] = {[LABS_CHANGE] = CHANGE("computer"), [LABS_DELETE] = DELETE("computer")},
    [LABS_FREEZER] = {[LABS_CHANGE] = CHANGE("freezer"),
                      [LABS_DELETE] = DELETE("freezer"),
                      ADD("add_container", "container")},
    [LABS_CONTAINER] = {[LABS_CHANGE] = CHANGE("container"), [LABS_DELETE] = DELETE("container")},
};

/* ---- pages ---- */

#define LIST_PAGE(kind_, word, name)                                                                         \
    .template = TEMPLATE(name), .kind = word, .reads = list_reads[kind_], .forms = labs_add_forms[kind_]
#define RECORD_PAGE(kind_, word, name)                                                                       \
    {                                                                                                        \
        .template = TEMPLATE(name), .kind = word, .reads = record_reads[kind_],                              \
        .forms = labs_record_forms[kind_]                                                                    \
    }
#define HISTORY_PAGE(kind_, word)                                                                            \
    {                                                                                                        \
        .template = TEMPLATE(LAB_HISTORY), .kind = word, .reads = history_reads[kind_]                       \
    }

const struct page labs_lists[LABS_KINDS] = {
    [LABS_SITE] = {.title = "Labs", LIST_PAGE(LABS_SITE, "site", LABS)},
    [LABS_COMPUTER] = {LIST_PAGE(LABS_COMPUTER, "computer", LAB_COMPUTERS)},
    [LABS_FREEZER] = {LIST_PAGE(LABS_FREEZER, "freezer", LAB_FREEZERS)},
    [LABS_CONTAINER] = {LIST_PAGE(LABS_CONTAINER, "container", LAB_CONTAINERS)},
};

const struct page labs_records[LABS_KINDS] = {
    [LABS_SITE] = RECORD_PAGE(LABS_SITE, "site", LAB_SITE),
    [LABS_COMPUTER] = RECORD_PAGE(LABS_COMPUTER, "computer", LAB_COMPUTER),
    [LABS_FREEZER] = RECORD_PAGE(LABS_FREEZER, "freezer", LAB_FREEZER),
    [LABS_CONTAINER] = RECORD_PAGE(LABS_CONTAINER, "container", LAB_CONTAINER),
};

const struct page labs_histories[LABS_KINDS] = {
    [LABS_SITE] = HISTORY_PAGE(LABS_SITE, "site"),
    [LABS_COMPUTER] = HISTORY_PAGE(LABS_COMPUTER, "computer"),
    [LABS_FREEZER] = HISTORY_PAGE(LABS_FREEZER, "freezer"),
    [LABS_CONTAINER] = HISTORY_PAGE(LABS_CONTAINER, "container"),
};
