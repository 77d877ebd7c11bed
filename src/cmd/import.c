/* CSV files into an app's tables, all of them or none. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "apps/apps.h"
#include "cmd/cmd.h"
#include "core/import.h"
#include "core/sql.h"

#define FILES_MAX 8

/* Which flags there are is up to the app, so its name is looked for before they are read. */
static const struct app *find_app(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        const struct app *app = apps_find(argv[i]);
        if (app != NULL && app->imports != NULL)
            return app;
    }
    return NULL;
}

static bool check_usage(const struct app *app, const struct command_flag *flags)
{
    bool given = false;
    for (; flags->name != NULL; flags++) {
        if (flags->value != NULL && flags->value[0] == '\0') {
            cmd_complain("import: %s needs the name of a file", flags->name);
            return false;
        }
        given |= flags->value != NULL;
    }
    if (!given)
        cmd_complain("import: name a file at least: %s FILE and the like, see rowlock --help",
                     app->imports[0].flag);
    return given;
}

static bool read_files(const struct app *app, const struct command_flag *flags, struct import **imports,
                       char **error)
{
    for (size_t i = 0; flags[i].name != NULL; i++) {
        if (flags[i].value == NULL)
            continue;
        imports[i] = import_read(&app->imports[i], flags[i].value, error);
        if (imports[i] == NULL)
            return false;
    }
    return true;
}

static bool store_all(struct import *const *imports, struct session *session, char **error)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        if (imports[i] != NULL && !import_store(imports[i], session, error))
            return false;
    return true;
}

static bool take_lock(const struct app *app, struct session *session)
{
    return app->lock == NULL ||
           session_query(session, sql_text(session->engine, app->lock), NULL, 0, NULL) == DB_OK;
}

/* One transaction. */
static bool store_once(const struct app *app, struct import *const *imports, struct session *session,
                       char **error)
{
    free(*error);
    *error = NULL;
    return session_begin(session) == DB_OK && take_lock(app, session) && store_all(imports, session, error) &&
           session_script(session, "COMMIT") == DB_OK;
}

static int store(const struct app *app, struct import *const *imports, const struct settings *settings)
{
    char *error = NULL;
    struct session *session = cmd_app_session(settings, app);
    if (session == NULL)
        return CMD_FAILED;
    bool ok = false;
    for (int tries = 0; !ok;) {
        ok = store_once(app, imports, session, &error);
        if (!ok && !session_retry(session, &tries))
            break;
    }
    if (!ok)
        cmd_complain("import: %s", error != NULL ? error : session->error);
    free(error);
    session_close(session);
    return ok ? CMD_DONE : CMD_FAILED;
}

static int import(const struct app *app, const struct command_flag *flags, const struct settings *settings)
{
    struct import *imports[FILES_MAX] = {NULL};
    char *error = NULL;
    int code = CMD_FAILED;
    if (read_files(app, flags, imports, &error))
        code = store(app, imports, settings);
    else
        cmd_complain("import: %s", error);
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (imports[i] != NULL && code == CMD_DONE)
            printf("%s: %zu records\n", flags[i].value, import_count(imports[i]));
        import_free(imports[i]);
    }
    free(error);
    return code;
}

int cmd_import(int argc, char **argv)
{
    struct command_flag flags[FILES_MAX + 1] = {{.name = NULL}};
    const struct app *app = find_app(argc, argv);
    const char *name;
    struct settings settings;
    size_t words;
    int code;
    if (app == NULL) {
        cmd_complain("import: name what to import: health");
        return CMD_USAGE;
    }
    for (size_t i = 0; app->imports[i].flag != NULL; i++)
        flags[i] = (struct command_flag){.name = app->imports[i].flag, .value_name = "F"};
    if (!cmd_begin(argc, argv, flags, &name, 1, &words, &settings, &code))
        return code;
    code = check_usage(app, flags) ? import(app, flags, &settings) : CMD_USAGE;
    settings_free(&settings);
    return code;
}
