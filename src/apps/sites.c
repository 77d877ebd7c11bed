/* Sites of labs, the computers and freezers that stand in them, and the containers in those. A record of each kind is
 * put (created or updated), read, deleted and listed in the same way, so a kind is its columns and its fields. */
#include <config.h>

#include <string.h>

#include "apps/apps.h"
#include "apps/labs.h"
#include "apps/sites_seed.h"
#include "core/obtain.h"
#include "core/paging.h"

#define ID_MAX 9007199254740991 /* 2^53 - 1: a JSON number that every client keeps exact */
#define POINTS_MAX 1000         /* with these a page of the largest records fits into a reply */
#define LONG_POINTS_MAX 2000
#define HISTORY_MAX 500

/* ---- fields ---- */

static const struct field id_path[] = {
    {.name = "id", FIELD_OF_ID, .required = true, .about = "of the record"},
    {.name = NULL},
};

static const struct field put_path[] = {
    {.name = "id", .type = FIELD_INT, .required = true, .min = 0, .max = ID_MAX, .about = "of the record"},
    {.name = NULL},
};

#define SELF .type = FIELD_INT, .equals = "id", .min = 0, .max = ID_MAX, .about = "the id of the path again"
#define NAME                                                                                                 \
    .name = "name", FIELD_OF_TEXT(POINTS_MAX), .required = true, .takes_numbers = true,                      \
    .about = "what it is called", .example = "\"North lab\""
#define WORDS(points) .type = FIELD_TEXT, .nullable = true, .takes_numbers = true, .max = (points)

static const struct field site_body[] = {
    {.name = "site_id", SELF},
    {NAME},
    {.name = "contact", WORDS(POINTS_MAX), .about = "who is asked for"},
    {.name = "address", WORDS(LONG_POINTS_MAX), .about = "street and town"},
    {.name = "state_or_region", WORDS(POINTS_MAX), .about = "as the post there writes it"},
    {.name = "country", WORDS(POINTS_MAX), .about = "name or code"},
    {.name = "postcode_or_zip", WORDS(POINTS_MAX), .about = "text; a number is stored as text"},
    {.name = NULL},
};

static const struct field computer_body[] = {
    {.name = "computer_id", SELF},
    {NAME},
    {.name = "mac",
     .type = FIELD_MAC,
     .nullable = true,
     .about = "stored as aa:bb:cc:dd:ee:ff; no two computers share one"},
    {.name = "site_id", FIELD_OF_ID, .nullable = true, .about = "where it stands"},
    {.name = NULL},
};

static const struct field freezer_body[] = {
    {.name = "freezer_id", SELF},
    {NAME},
    {.name = "site_id", FIELD_OF_ID, .nullable = true, .about = "where it stands"},
    {.name = NULL},
};

static const struct field container_body[] = {
    {.name = "container_id", SELF},
    {.name = "uuid", .type = FIELD_UUID, .required = true, .about = "stored in lower case"},
    {.name = "description", WORDS(LONG_POINTS_MAX), .about = "what is in it"},
    {.name = "freezer_id", FIELD_OF_ID, .nullable = true, .about = "where it is kept"},
    {.name = NULL},
};

/* ---- GET /computers?site_id= ---- */

enum {
    LIST_LIMIT,
    LIST_AFTER,
    LIST_OWNER,
};

static const struct field of_site_query[] = {
    PAGING_LIMIT,
    PAGING_AFTER,
    {.name = "site_id", FIELD_OF_ID, .about = "only those that stand in this site"},
    {.name = NULL},
};

static const struct field of_freezer_query[] = {
    PAGING_LIMIT,
    PAGING_AFTER,
    {.name = "freezer_id", FIELD_OF_ID, .about = "only those that are in this freezer"},
    {.name = NULL},
};

static void start_owned(struct request *request, const struct statement *of_owner)
{
    const struct value *limit = &request->values[LIST_LIMIT], *after = &request->values[LIST_AFTER],
                       *owner = &request->values[LIST_OWNER];
    struct db_param params[DB_PARAMS_MAX] = {
        [LIST_PAGE_OF_LIMIT] = {.integer = (limit->present ? limit->integer : ROUTE_LIMIT_MAX) + 1},
        [LIST_PAGE_OF_AFTER] = {.integer = after->present ? after->integer : INT64_MIN},
        [LIST_PAGE_OF_OWNER] = {.integer = owner->integer}};
    if (owner->present)
        obtain_answer(request, of_owner, params);
    else
        paging_start(request);
}

static void start_computers(struct request *request)
{
    start_owned(request, STATEMENT(COMPUTER_OF_SITE));
}

static void start_freezers(struct request *request)
{
    start_owned(request, STATEMENT(FREEZER_OF_SITE));
}

static void start_containers(struct request *request)
{
    start_owned(request, STATEMENT(CONTAINER_OF_FREEZER));
}

static void write_owned(const struct answering *answering)
{
    const struct route *route = answering->route;
    const struct db_param *params = answering->params;
    long long limit = params[LIST_PAGE_OF_LIMIT].integer - 1, owner = params[LIST_PAGE_OF_OWNER].integer,
              last;
    const char *name = route->query[LIST_OWNER].name;
    if (answering->statement == route->statement) {
        paging_write(answering);
        return;
    }
    if (paging_rows(answering, limit, 0, &last))
        reply_add_link(answering->reply, "next", "%s?limit=%lld&after=%lld&%s=%lld", route->path, limit, last,
                       name, owner);
    reply_add_link(answering->reply, "first", "%s?limit=%lld&%s=%lld", route->path, limit, name, owner);
}

/* ---- GET /site/{id}/history ---- */

static const struct field history_query[] = {
    {.name = "limit",
     .type = FIELD_INT,
     .min = 1,
     .max = HISTORY_MAX,
     .about = "changes a page; 500 when not said"},
    {.name = "before", FIELD_OF_ID, .about = "where a page begins, as Link says"},
    {.name = NULL},
};

enum {
    HISTORY_RECORD,
    HISTORY_LIMIT,
    HISTORY_BEFORE,
};

/* "/site/{id}/history": a kind is called as its table and its path. */
static struct slice kind_of(const struct route *route)
{
    return (struct slice){route->path + 1, strcspn(route->path + 1, "/")};
}

static void start_history(struct request *request)
{
    const struct value *limit = &request->values[HISTORY_LIMIT], *before = &request->values[HISTORY_BEFORE];
    struct db_param params[DB_PARAMS_MAX] = {
        [PARAM_LAB_HISTORY_PAGE_LIMIT] = {.integer = (limit->present ? limit->integer : HISTORY_MAX) + 1},
        [PARAM_LAB_HISTORY_PAGE_KIND] = {.text = kind_of(request->route)},
        [PARAM_LAB_HISTORY_PAGE_ID] = {.integer = request->values[HISTORY_RECORD].integer},
        [PARAM_LAB_HISTORY_PAGE_BEFORE] = {.integer = before->present ? before->integer : INT64_MAX}};
    obtain_answer(request, STATEMENT(LAB_HISTORY_PAGE), params);
}

static void write_history(const struct answering *answering)
{
    const struct db_param *params = answering->params;
    struct reply *reply = answering->reply;
    long long limit = params[PARAM_LAB_HISTORY_PAGE_LIMIT].integer - 1,
              id = params[PARAM_LAB_HISTORY_PAGE_ID].integer, last;
    struct slice kind = kind_of(answering->route);
    if (answering->answer->count == 0 && params[PARAM_LAB_HISTORY_PAGE_BEFORE].integer == INT64_MAX) {
        reply_problem(reply, 404, "%s", answering->route->missing);
        return;
    }
    if (paging_rows(answering, limit, COLUMN_LAB_HISTORY_PAGE_ID, &last))
        reply_add_link(reply, "next", "/%.*s/%lld/history?limit=%lld&before=%lld", (int)kind.len, kind.ptr,
                       id, limit, last);
    reply_add_link(reply, "first", "/%.*s/%lld/history?limit=%lld", (int)kind.len, kind.ptr, id, limit);
}

/* ---- the table ---- */

#define LIST(word, list, text)                                                                               \
    PAGING_LIST, .scope = SCOPE_SITES_READ, .path = "/" word, .summary = text, .statement = STATEMENT(list)
#define OWNED(word, list, text, fields)                                                                      \
    .method = HTTP_GET, .scope = SCOPE_SITES_READ, .path = "/" #word, .summary = text, .query = fields,      \
    .statement = STATEMENT(list), .shape = REPLY_PAGE, .start = start_##word, .write = write_owned
#define LIST_PAGE(word, list, text)                                                                          \
    PAGING_LIST, .scope = SCOPE_SITES_READ, .path = "/" word "/{offset}/{count}",                            \
                 .summary = text ", a page", .path_fields = paging_path, .statement = STATEMENT(list)

#define RECORD(word, fields) .path = "/" word "/{id}", .path_fields = fields, .shape = REPLY_OBJECT
#define READ(word, KIND)                                                                                     \
    RECORD(word, id_path), .method = HTTP_GET, .scope = SCOPE_SITES_READ, .summary = "One " word,            \
                           .statement = STATEMENT(KIND##_GET), .missing = "There is no such " word "."
#define STORE(word, KIND)                                                                                    \
    RECORD(word, put_path), .method = HTTP_POST, .scope = SCOPE_SITES_WRITE,                                 \
                            .summary = "Create or update a " word, .statement = STATEMENT(KIND##_PUT),       \
                            .guard = STATEMENT(KIND##_GUARD)
#define DELETE(word, KIND)                                                                                   \
    RECORD(word, id_path), .method = HTTP_DELETE, .scope = SCOPE_SITES_WRITE,                                \
                           .summary = "Delete a " word " and what hangs on it",                              \
                           .statement = STATEMENT(KIND##_DELETE), .guard = STATEMENT(KIND##_GUARD),          \
                           .missing = "There is no such " word "."
#define HISTORY(word)                                                                                        \
    .method = HTTP_GET, .scope = SCOPE_SITES_READ, .path = "/" word "/{id}/history",                         \
    .summary = "What became of a " word ", newest first", .path_fields = id_path, .query = history_query,    \
    .statement = STATEMENT(LAB_HISTORY_PAGE), .shape = REPLY_PAGE,                                           \
    .missing = "Nothing is recorded of this " word ".", .start = start_history, .write = write_history

/* For people: the list of a kind, where one is added, and a record, which is changed and deleted there. */
#define SHOW_LIST(address, word, kind, fields)                                                               \
    {.method = HTTP_GET,                                                                                     \
     .scope = SCOPE_SITES_READ,                                                                              \
     .path = address,                                                                                        \
     .summary = "The " word "s of labs",                                                                     \
     .for_people = true,                                                                                     \
     .query = fields,                                                                                        \
     .page = &labs_lists[kind]},                                                                             \
    {                                                                                                        \
        .method = HTTP_POST, .scope = SCOPE_SITES_WRITE, .path = address, .summary = "Add a " word,          \
        .for_people = true, .query = fields, .page = &labs_lists[kind], .form = labs_add_forms[kind]         \
    }
#define SHOW_ROW(verb, what, address, text, shown)                                                           \
    .method = verb, .scope = what, .path = "/labs/" address, .summary = text, .for_people = true,            \
    .path_fields = id_path, .page = shown
#define SHOW_RECORD(word, kind)                                                                              \
    {SHOW_ROW(HTTP_GET, SCOPE_SITES_READ, word "/{id}", "One " word, &labs_records[kind])},                  \
        {SHOW_ROW(HTTP_POST, SCOPE_SITES_WRITE, word "/{id}/change", "Change a " word, &labs_records[kind]), \
         .form = &labs_record_forms[kind][LABS_CHANGE]},                                                     \
        {SHOW_ROW(HTTP_POST, SCOPE_SITES_WRITE, word "/{id}/delete", "Delete a " word, &labs_records[kind]), \
         .form = &labs_record_forms[kind][LABS_DELETE]},                                                     \
    {                                                                                                        \
        SHOW_ROW(HTTP_GET, SCOPE_SITES_READ, word "/{id}/history", "What became of a " word,                 \
                 &labs_histories[kind]),                                                                     \
            .query = history_query                                                                           \
    }

static const struct route routes[] = {
    {LIST("sites", SITE_LIST, "All sites by id"), .query = paging_query},
    {LIST_PAGE("sites", SITE_LIST, "All sites by id")},
    {READ("site", SITE)},
    {STORE("site", SITE), .body = site_body},
    {DELETE("site", SITE)},
    {HISTORY("site")},

    {OWNED(computers, COMPUTER_LIST, "All computers by id, or those of a site", of_site_query)},
    {LIST_PAGE("computers", COMPUTER_LIST, "All computers by id")},
    {READ("computer", COMPUTER)},
    {STORE("computer", COMPUTER), .body = computer_body},
    {DELETE("computer", COMPUTER)},
    {HISTORY("computer")},

    {OWNED(freezers, FREEZER_LIST, "All freezers by id, or those of a site", of_site_query)},
    {LIST_PAGE("freezers", FREEZER_LIST, "All freezers by id")},
    {READ("freezer", FREEZER)},
    {STORE("freezer", FREEZER), .body = freezer_body},
    {DELETE("freezer", FREEZER)},
    {HISTORY("freezer")},

    {OWNED(containers, CONTAINER_LIST, "All containers by id, or those of a freezer", of_freezer_query)},
    {LIST_PAGE("containers", CONTAINER_LIST, "All containers by id")},
    {READ("container", CONTAINER)},
    {STORE("container", CONTAINER), .body = container_body},
    {DELETE("container", CONTAINER)},
    {HISTORY("container")},

    {LIST("instruments", INSTRUMENT_LIST, "Computers and freezers of all sites")},
    {LIST_PAGE("instruments", INSTRUMENT_LIST, "Computers and freezers of all sites")},

    SHOW_LIST("/labs", "site", LABS_SITE, paging_query),
    SHOW_RECORD("site", LABS_SITE),
    SHOW_LIST("/labs/computers", "computer", LABS_COMPUTER, of_site_query),
    SHOW_RECORD("computer", LABS_COMPUTER),
    SHOW_LIST("/labs/freezers", "freezer", LABS_FREEZER, of_site_query),
    SHOW_RECORD("freezer", LABS_FREEZER),
    SHOW_LIST("/labs/containers", "container", LABS_CONTAINER, of_freezer_query),
    SHOW_RECORD("container", LABS_CONTAINER),
};

static const struct app_data data = {
    .seed = sites_seed,
    .seed_total = 15,
    .any_record = STATEMENT(SITE_ANY),
};

const struct app app_sites = {
    .name = "sites",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .schema = 2,
    .data = &data,
};
