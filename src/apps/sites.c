/* Sites of labs, the computers and freezers that stand in them, and the containers in those. A record of each kind is
 * put (created or updated), read, deleted and listed in the same way, so a kind is its columns and its fields. */
#include <config.h>

#include <string.h>

#include "apps/apps.h"
#include "apps/sites_seed.h"
#include "base/text.h"
#include "core/paging.h"
#include "core/request.h"

#define ID_MAX 9007199254740991 /* 2^53 - 1: a JSON number that every client keeps exact */
#define POINTS_MAX 1000         /* with these a page of the largest records fits into a reply */
#define LONG_POINTS_MAX 2000
#define HISTORY_MAX 500

/* ---- statements ---- */

#define SITE_COLUMNS                                                                                         \
    {                                                                                                        \
        {"id", COLUMN_NUMBER}, {"name", COLUMN_TEXT}, {"contact", COLUMN_TEXT}, {"address", COLUMN_TEXT},    \
            {"state_or_region", COLUMN_TEXT}, {"country", COLUMN_TEXT}, {"postcode_or_zip", COLUMN_TEXT},    \
    }
#define COMPUTER_COLUMNS                                                                                     \
    {                                                                                                        \
        {"id", COLUMN_NUMBER}, {"name", COLUMN_TEXT}, {"mac", COLUMN_TEXT}, {"site_id", COLUMN_NUMBER},      \
    }
#define FREEZER_COLUMNS                                                                                      \
    {                                                                                                        \
        {"id", COLUMN_NUMBER}, {"name", COLUMN_TEXT}, {"site_id", COLUMN_NUMBER},                            \
    }
#define CONTAINER_COLUMNS                                                                                    \
    {                                                                                                        \
        {"id", COLUMN_NUMBER}, {"uuid", COLUMN_TEXT}, {"description", COLUMN_TEXT},                          \
            {"freezer_id", COLUMN_NUMBER},                                                                   \
    }

/* PostgreSQL names the constraint, SQLite the column or, of a foreign key, nothing: each table has one of ours. */
#define NO_SUCH_SITE "site_id must be the id of a site that exists."
#define NO_SUCH_FREEZER "freezer_id must be the id of a freezer that exists."
#define SAME_MAC "mac is the address of another computer already."
/* By their bytes: an index of PostgreSQL holds 2704 of an entry. */
#define LONG_NAME "name is too long to be listed in order."
#define SITE_REFUSALS                                                                                        \
    {                                                                                                        \
        {NULL, NULL, NULL},                                                                                  \
    }
#define COMPUTER_REFUSALS                                                                                    \
    {                                                                                                        \
        {"computer_site_id_fkey", NO_SUCH_SITE, NULL}, {"FOREIGN KEY", NO_SUCH_SITE, "site_id"},             \
            {"computer_by_site", LONG_NAME, NULL}, {"computer_mac_key", SAME_MAC, NULL},                     \
            {"computer.mac", SAME_MAC, NULL},                                                                \
    }
#define FREEZER_REFUSALS                                                                                     \
    {                                                                                                        \
        {"freezer_site_id_fkey", NO_SUCH_SITE, NULL}, {"FOREIGN KEY", NO_SUCH_SITE, "site_id"},              \
            {"freezer_by_site", LONG_NAME, NULL},                                                            \
    }
#define CONTAINER_REFUSALS                                                                                   \
    {                                                                                                        \
        {"container_freezer_id_fkey", NO_SUCH_FREEZER, NULL},                                                \
            {"FOREIGN KEY", NO_SUCH_FREEZER, "freezer_id"},                                                  \
    }

#define STATEMENTS(kind, KIND)                                                                               \
    static struct stmt kind##_get = {                                                                        \
        .name = #kind "_get", .set = true, .params = {{"id", DB_INT}}, .columns = KIND##_COLUMNS};           \
    static struct stmt kind##_guard = {                                                                      \
        .name = #kind "_guard", .params = {{"id", DB_INT}}, .columns = KIND##_COLUMNS};                      \
    static struct stmt kind##_put = {.name = #kind "_put",                                                   \
                                     .params = {{"id", DB_INT}, {"body", DB_TEXT}, {"guard", DB_TEXT}},      \
                                     .columns = KIND##_COLUMNS,                                              \
                                     .refusals = KIND##_REFUSALS};                                           \
    static struct stmt kind##_delete = {.name = #kind "_delete",                                             \
                                        .told = true,                                                        \
                                        .params = {{"id", DB_INT}, {"guard", DB_TEXT}},                      \
                                        .columns = KIND##_COLUMNS};                                          \
    static struct stmt kind##_list = {.name = #kind "_list",                                                 \
                                      .params = {{"limit", DB_INT}, {"offset", DB_INT}, {"after", DB_INT}},  \
                                      .columns = KIND##_COLUMNS}
STATEMENTS(site, SITE);
STATEMENTS(computer, COMPUTER);
STATEMENTS(freezer, FREEZER);
STATEMENTS(container, CONTAINER);

static struct stmt instrument_list = {
    .name = "instrument_list",
    .params = {{"limit", DB_INT}, {"offset", DB_INT}},
    .columns = {{"computer_id", COLUMN_NUMBER},
                {"freezer_id", COLUMN_NUMBER},
                {"name", COLUMN_TEXT},
                {"site_id", COLUMN_NUMBER},
                {"site_name", COLUMN_TEXT}},
};

#define HISTORY_ID 4 /* a column behind those that are shown: where the next page begins */

static struct stmt lab_history_page = {
    .name = "lab_history_page",
    .params = {{"limit", DB_INT}, {"kind", DB_TEXT}, {"id", DB_INT}, {"before", DB_INT}},
    .columns = {{"at", COLUMN_TIME}, {"operation", COLUMN_TEXT}, {"old", COLUMN_JSON}, {"new", COLUMN_JSON}},
};

/* ---- fields ---- */

static const struct field id_path[] = {
    {.name = "id",
     .type = FIELD_INT,
     .required = true,
     .least = 0,
     .most = INT64_MAX,
     .about = "of the record"},
    {.name = NULL},
};

static const struct field put_path[] = {
    {.name = "id", .type = FIELD_INT, .required = true, .least = 0, .most = ID_MAX, .about = "of the record"},
    {.name = NULL},
};

/* The record's own id, which the path says already. */
#define FIELD_SELF(member)                                                                                   \
    {                                                                                                        \
        .name = member, .type = FIELD_INT, .equals = "id", .least = 0, .most = ID_MAX,                       \
        .about = "the id of the path again"                                                                  \
    }
#define FIELD_KEY(member, what)                                                                              \
    {                                                                                                        \
        .name = member, .type = FIELD_INT, .nullable = true, .least = 0, .most = INT64_MAX, .about = what    \
    }
#define FIELD_NAME                                                                                           \
    {                                                                                                        \
        .name = "name", .type = FIELD_TEXT, .required = true, .loose = true, .least = 1, .most = POINTS_MAX, \
        .about = "what it is called"                                                                         \
    }
#define FIELD_WORDS(member, points, what)                                                                    \
    {                                                                                                        \
        .name = member, .type = FIELD_TEXT, .nullable = true, .loose = true, .most = points, .about = what   \
    }

static const struct field site_body[] = {
    FIELD_SELF("site_id"),
    FIELD_NAME,
    FIELD_WORDS("contact", POINTS_MAX, "who is asked for"),
    FIELD_WORDS("address", LONG_POINTS_MAX, "street and town"),
    FIELD_WORDS("state_or_region", POINTS_MAX, "as the post there writes it"),
    FIELD_WORDS("country", POINTS_MAX, "name or code"),
    FIELD_WORDS("postcode_or_zip", POINTS_MAX, "text; a number is stored as text"),
    {.name = NULL},
};

static const struct field computer_body[] = {
    FIELD_SELF("computer_id"),
    FIELD_NAME,
    {.name = "mac",
     .type = FIELD_MAC,
     .nullable = true,
     .about = "stored as aa:bb:cc:dd:ee:ff; no two computers share one"},
    FIELD_KEY("site_id", "where it stands"),
    {.name = NULL},
};

static const struct field freezer_body[] = {
    FIELD_SELF("freezer_id"),
    FIELD_NAME,
    FIELD_KEY("site_id", "where it stands"),
    {.name = NULL},
};

static const struct field container_body[] = {
    FIELD_SELF("container_id"),
    {.name = "uuid", .type = FIELD_UUID, .required = true, .about = "stored in lower case"},
    FIELD_WORDS("description", LONG_POINTS_MAX, "what is in it"),
    FIELD_KEY("freezer_id", "where it is kept"),
    {.name = NULL},
};

/* ---- GET /site/{id}/history ---- */

static const struct field history_query[] = {
    {.name = "limit",
     .type = FIELD_INT,
     .least = 1,
     .most = HISTORY_MAX,
     .about = "changes a page; 500 when not said"},
    {.name = "before",
     .type = FIELD_INT,
     .least = 0,
     .most = INT64_MAX,
     .about = "where a page begins, as Link says"},
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

static bool prepare_history(struct request *request, struct stmt **statement, struct db_param *params)
{
    const struct value *limit = &request->values[HISTORY_LIMIT], *before = &request->values[HISTORY_BEFORE];
    (void)statement;
    params[0].integer = (limit->present ? limit->integer : HISTORY_MAX) + 1;
    params[1].text = kind_of(request->route);
    params[2].integer = request->values[HISTORY_RECORD].integer;
    params[3].integer = before->present ? before->integer : INT64_MAX;
    return true;
}

static void answer_history(const struct route *route, const struct stmt *statement,
                           const struct db_param *params, const struct db_answer *answer, struct reply *reply)
{
    long long limit = params[0].integer - 1, id = params[2].integer;
    struct slice kind = kind_of(route);
    int64_t last = 0;
    if (answer->count == 0 && params[3].integer == INT64_MAX) {
        reply_problem(reply, 404, "Nothing is recorded of this %.*s.", (int)kind.len, kind.ptr);
        return;
    }
    int count = paging_rows(statement, answer, (int)limit, reply);
    if (answer->count > count) {
        text_int(answer->rows->value(answer->rows, answer->first + count - 1, HISTORY_ID), &last);
        reply_add_link(reply, "next", "/%.*s/%lld/history?limit=%lld&before=%lld", (int)kind.len, kind.ptr,
                       id, limit, (long long)last);
    }
    reply_add_link(reply, "first", "/%.*s/%lld/history?limit=%lld", (int)kind.len, kind.ptr, id, limit);
}

/* ---- the table ---- */

#define LIST_ROUTES(word, list, text, keyset)                                                                \
    {.method = HTTP_GET,                                                                                     \
     .path = "/" word,                                                                                       \
     .summary = text,                                                                                        \
     .query = keyset,                                                                                        \
     .statement = &list,                                                                                     \
     .prepare = paging_prepare,                                                                              \
     .answer = paging_answer},                                                                               \
    {                                                                                                        \
        .method = HTTP_GET, .path = "/" word "/{offset}/{count}", .summary = text ", a page",                \
        .path_fields = paging_path, .statement = &list, .prepare = paging_prepare, .answer = paging_answer   \
    }

#define KIND_ROUTES(kind, word)                                                                              \
    LIST_ROUTES(word "s", kind##_list, "All " word "s by id", paging_query),                                 \
        {.method = HTTP_GET,                                                                                 \
         .path = "/" word "/{id}",                                                                           \
         .summary = "One " word,                                                                             \
         .path_fields = id_path,                                                                             \
         .statement = &kind##_get,                                                                           \
         .shape = REPLY_OBJECT,                                                                              \
         .missing = "There is no such " word "."},                                                           \
        {.method = HTTP_POST,                                                                                \
         .path = "/" word "/{id}",                                                                           \
         .summary = "Create or update a " word,                                                              \
         .path_fields = put_path,                                                                            \
         .body = kind##_body,                                                                                \
         .statement = &kind##_put,                                                                           \
         .guard = &kind##_guard,                                                                             \
         .shape = REPLY_OBJECT},                                                                             \
        {.method = HTTP_DELETE,                                                                              \
         .path = "/" word "/{id}",                                                                           \
         .summary = "Delete a " word " and what hangs on it",                                                \
         .path_fields = id_path,                                                                             \
         .statement = &kind##_delete,                                                                        \
         .guard = &kind##_guard,                                                                             \
         .shape = REPLY_OBJECT,                                                                              \
         .missing = "There is no such " word "."},                                                           \
    {                                                                                                        \
        .method = HTTP_GET, .path = "/" word "/{id}/history",                                                \
        .summary = "What became of a " word ", newest first", .path_fields = id_path,                        \
        .query = history_query, .statement = &lab_history_page, .prepare = prepare_history,                  \
        .answer = answer_history                                                                             \
    }

static const struct route routes[] = {
    KIND_ROUTES(site, "site"),
    KIND_ROUTES(computer, "computer"),
    KIND_ROUTES(freezer, "freezer"),
    KIND_ROUTES(container, "container"),
    LIST_ROUTES("instruments", instrument_list, "Computers and freezers of all sites", NULL),
};

#define KIND_NAMES(kind) &kind##_get, &kind##_guard, &kind##_put, &kind##_delete, &kind##_list

static struct stmt *const statements[] = {KIND_NAMES(site),
                                          KIND_NAMES(computer),
                                          KIND_NAMES(freezer),
                                          KIND_NAMES(container),
                                          &instrument_list,
                                          &lab_history_page,
                                          NULL};

static const struct app_data data = {
    .seed = sites_seed,
    .seed_total = 15,
    .any = "site_any",
};

const struct app app_sites = {
    .name = "sites",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .statements = statements,
    .schema = 2,
    .data = &data,
};
