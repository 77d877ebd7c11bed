/* Sample records of an app, or of all that are served. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "base/progress.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "core/statements.h"

#define TOTAL_MAX 100000000

struct wish {
    int64_t total; /* -1: as many as the app wants by itself */
    bool if_empty, offline;
};

static bool has_samples(const struct app *app)
{
    return app->data != NULL && app->data->seed != NULL;
}

/* Asked under a lock, or two commands that ask at once would both add. */
static bool ask_empty(struct session *session, const struct app *app, bool *empty)
{
    const struct db_rows *rows;
    if (session_query(session, STATEMENT(SEED_LOCK), NULL, NULL) != DB_OK ||
        session_query(session, app->data->any_record, NULL, &rows) != DB_OK)
        return false;
    *empty = rows->count == 0;
    return true;
}

static bool prepare(struct session *session, const struct app *app)
{
    return (app->data->lock == NULL || session_query(session, app->data->lock, NULL, NULL) == DB_OK) &&
           (app->data->built_in == NULL ||
            session_script(session, session_text(session, app->data->built_in)) == DB_OK);
}

static bool add_chunks(struct session *session, const struct app *app, int64_t total)
{
    struct progress progress;
    bool ok = true;
    progress_begin(&progress, app->name, total);
    while (ok && progress.done < total) {
        int64_t left = total - progress.done, chunk = left < APP_SEED_CHUNK ? left : APP_SEED_CHUNK;
        ok = app->data->seed(session, chunk);
        if (ok)
            progress_add(&progress, chunk);
    }
    progress_end(&progress);
    return ok;
}

/* All or nothing: one transaction. */
static bool add_all(struct session *session, const struct app *app, const struct wish *wish, int64_t total,
                    bool *wanted)
{
    if (session_begin(session) != DB_OK || (wish->if_empty && !ask_empty(session, app, wanted)))
        return false;
    if (*wanted && (!prepare(session, app) || !add_chunks(session, app, total)))
        return false;
    return session_script(session, "COMMIT") == DB_OK;
}

static struct progress coming; /* from elsewhere */

static void tell_added(int64_t added, int64_t total)
{
    (void)total;
    progress_set(&coming, added);
}

/* From elsewhere: what was added stays, whatever then happens. */
static int add_from(const struct settings *settings, struct session *session, const struct app *app,
                    int64_t total)
{
    int64_t added;
    char *word;
    progress_begin(&coming, app->name, total);
    bool ok = app->data->seed_from(settings, session, total, tell_added, &added, &word);
    progress_end(&coming);
    if (!ok)
        cmd_complain("seed: %s; added %lld of %lld %s", word, (long long)added, (long long)total, app->name);
    else
        printf("added %lld %s%s%s\n", (long long)added, app->name, word != NULL ? "; " : "",
               word != NULL ? word : "");
    free(word);
    return ok ? CMD_DONE : CMD_FAILED;
}

static int seed(const struct settings *settings, struct session *session, const struct app *app,
                const struct wish *wish)
{
    int64_t total = wish->total >= 0 ? wish->total : app->data->seed_total;
    const struct db_rows *rows;
    bool wanted = true;
    if (session_query(session, app->data->any_record, NULL, &rows) != DB_OK) {
        cmd_complain_of("seed", session->error);
        return CMD_FAILED;
    }
    if (wish->if_empty && rows->count > 0)
        return CMD_DONE;
    if (app->data->seed_from != NULL && !wish->offline)
        return add_from(settings, session, app, total);
    for (int tries = 0; !add_all(session, app, wish, total, &wanted);)
        if (!session_retry(session, &tries)) {
            cmd_complain_of("seed", session->error);
            return CMD_FAILED;
        }
    if (wanted)
        printf("added %lld %s\n", (long long)total, app->name);
    return CMD_DONE;
}

/* The first that fails ends it; what was added before stays. */
static int seed_each(const struct settings *settings, const struct app *const *apps, const struct wish *wish)
{
    int code = CMD_DONE;
    for (; *apps != NULL && code == CMD_DONE; apps++) {
        if (!has_samples(*apps))
            continue;
        struct session *session = cmd_app_session(settings, *apps);
        code = session == NULL ? CMD_FAILED : seed(settings, session, *apps, wish);
        session_close(session);
    }
    return code;
}

static int complain_of(const char *name)
{
    char hint[SIMILAR_HINT_MAX];
    if (name == NULL)
        cmd_complain("seed: name what to seed, one of: %s, or all", apps_names());
    else
        cmd_complain("seed: \"%s\" is no app%s; the apps are: %s, or all", name,
                     apps_hint(name, strlen(name), hint), apps_names());
    return CMD_USAGE;
}

static int seed_named(const struct settings *settings, const char *name, const struct wish *wish)
{
    const struct app *one[] = {name != NULL ? apps_find(name) : NULL, NULL};
    if (one[0] != NULL && has_samples(one[0]))
        return seed_each(settings, one, wish);
    if (name == NULL || strcmp(name, "all") != 0)
        return complain_of(name);
    const struct app **served = cmd_apps(settings);
    int code = served != NULL ? seed_each(settings, served, wish) : CMD_USAGE;
    free((void *)served);
    return code;
}

static int run(struct settings *settings, struct command_line *line)
{
    const char *total = command_line_value(line, "--total");
    struct wish wish = {.total = -1,
                        .if_empty = command_line_value(line, "--if-empty") != NULL,
                        .offline = command_line_value(line, "--offline") != NULL};
    if (total != NULL && (text_int(slice_of(total), &wish.total) != TEXT_NUMBER_OK || wish.total < 0 ||
                          wish.total > TOTAL_MAX)) {
        cmd_complain("--total: \"%s\" is not right: it must be an integer from 0 to %d", total, TOTAL_MAX);
        return CMD_USAGE;
    }
    return seed_named(settings, line->words[0], &wish);
}

static const struct setting_alias of_total[] = {{"--number", "--total"}, {"-n", "--total"}, {NULL, NULL}};

static const struct command_flag flags[] = {{.name = "--total",
                                             .short_name = "-t",
                                             .value_name = "N",
                                             .about = "how many",
                                             .counts = true,
                                             .aliases = of_total},
                                            {.name = "--if-empty", .about = "only when there are none"},
                                            {.name = "--offline", .about = "made up, not from elsewhere"},
                                            {.name = NULL}};

const struct command command_seed = {.name = "seed",
                                     .usage = "seed APP [-t N]",
                                     .about =
                                         "add N sample records (--total N; 15 when not said, of users 150);\n"
                                         "users are read from the GitHub API, or made up with --offline,\n"
                                         "as all others are; --if-empty: only when there are none;\n"
                                         "APP may be all: each app that is served",
                                     .flags = flags,
                                     .words_max = 1,
                                     .run = run};
