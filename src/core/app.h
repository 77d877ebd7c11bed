/* An app: a name for --apps, its routes, statements and settings, its state, and where its sample records come from. */
#ifndef ROWLOCK_CORE_APP_H
#define ROWLOCK_CORE_APP_H

#include "core/router.h"
#include "core/settings.h"
#include "db/session.h"

struct chore;
struct import_file;
struct loop;

/* What `rowlock seed` and `rowlock import` do for an app. */
struct app_data {
    /* Sample records: adds count of them (at most APP_SEED_CHUNK) within the session's transaction; false with
     * session->error. NULL: it has none. */
    bool (*seed)(struct session *session, int64_t count);
    /* Records from elsewhere, in place of made-up ones unless --offline is given: adds up to total, in transactions of
     * its own, and calls tell (unless NULL) as they come. *added says how many there were; on false, and when there are
     * no more, *word (to be freed) says why they are fewer. NULL: there is no elsewhere. */
    bool (*seed_from)(const struct settings *settings, struct session *session, int64_t total,
                      void (*tell)(int64_t added, int64_t total), int64_t *added, char **word);
    int64_t seed_total;                 /* how many when it is not said */
    const struct statement *any_record; /* gives a row when there are records */
    /* A statement that keeps others who seed or import out until the transaction ends; NULL: they do not mind one
     * another. */
    const struct statement *lock;
    const struct statement *built_in; /* adds built-in records, which the others rest on; NULL: none */
    /* What rowlock import takes, in this order; ends with flag NULL; NULL: nothing. */
    const struct import_file *imports;
};

#define APP_SEED_CHUNK 1000

struct app {
    const char *name;
    const struct route *routes;
    size_t route_count;
    int schema;                           /* the newest migration that it needs */
    const struct setting_group *settings; /* of its own; NULL: none */
    const struct chore *chores;           /* ends with statement NULL; NULL: none */
    const struct app_data *data;          /* NULL: there is nothing to seed or import */
    /* Makes the app's state before the first request; handlers get it by server_state, stop at the end. NULL with
     * *error (to be freed). Both are NULL when it has no state. */
    void *(*start)(struct loop *loop, const struct settings *settings, char **error);
    void (*stop)(void *state);
};

#endif
