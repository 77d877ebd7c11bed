/* CSV files into an app's tables, all of them or none. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "base/buf.h"
#include "base/progress.h"
#include "cmd/cmd.h"
#include "core/import.h"

static bool takes_files(const struct app *app)
{
    return app->data != NULL && app->data->imports != NULL;
}

static bool check_usage(const struct app *app, const struct command_line *line)
{
    bool given = false;
    for (const struct command_flag *flag = line->flags; flag->name != NULL; flag++) {
        if (flag->value != NULL && flag->value[0] == '\0') {
            cmd_complain("import: %s needs the name of a file", flag->name);
            return false;
        }
        given |= flag->value != NULL;
    }
    if (!given)
        cmd_complain("import: name a file at least: %s FILE and the like, see rowlock --help",
                     app->data->imports[0].flag);
    return given;
}

static bool read_files(const struct app *app, const struct command_line *line, struct import **imports,
                       char **error)
{
    for (size_t i = 0; app->data->imports[i].flag != NULL; i++) {
        const char *path = command_line_value(line, app->data->imports[i].flag);
        if (path == NULL)
            continue;
        imports[i] = import_read(&app->data->imports[i], path, error);
        if (imports[i] == NULL)
            return false;
    }
    return true;
}

static int64_t count_all(struct import *const *imports)
{
    size_t count = 0;
    for (size_t i = 0; i < COMMAND_FLAGS_MAX; i++)
        count += imports[i] != NULL ? import_count(imports[i]) : 0;
    return (int64_t)count;
}

static bool store_all(struct import *const *imports, struct session *session, char **error)
{
    struct progress progress;
    bool ok = true;
    progress_begin(&progress, "records", count_all(imports));
    for (size_t i = 0; ok && i < COMMAND_FLAGS_MAX; i++)
        ok = imports[i] == NULL || import_store(imports[i], session, &progress, error);
    progress_end(&progress);
    return ok;
}

static bool take_lock(const struct app *app, struct session *session)
{
    return app->data->lock == NULL || session_query(session, app->data->lock, NULL, NULL) == DB_OK;
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

static int import(const struct app *app, const struct command_line *line, const struct settings *settings)
{
    struct import *imports[COMMAND_FLAGS_MAX] = {NULL};
    char *error = NULL;
    int code = CMD_FAILED;
    if (read_files(app, line, imports, &error))
        code = store(app, imports, settings);
    else
        cmd_complain("import: %s", error);
    for (size_t i = 0; i < COMMAND_FLAGS_MAX; i++) {
        if (imports[i] != NULL && code == CMD_DONE)
            printf("%s: %zu records\n", command_line_value(line, app->data->imports[i].flag),
                   import_count(imports[i]));
        import_free(imports[i]);
    }
    free(error);
    return code;
}

/* Each takes its own files, and the apps' flags differ; today one app has any. */
static void add_flags(struct command_line *line)
{
    size_t count = 0;
    for (const struct app *const *app = apps_all(); *app != NULL; app++)
        for (size_t i = 0; takes_files(*app) && (*app)->data->imports[i].flag != NULL; i++)
            line->flags[count++] =
                (struct command_flag){.name = (*app)->data->imports[i].flag, .value_name = "F"};
}

static int complain_of(const char *name)
{
    char hint[SIMILAR_HINT_MAX], names[128] = "";
    struct similar similar = similar_to(name != NULL ? name : "", name != NULL ? strlen(name) : 0);
    for (const struct app *const *app = apps_all(); *app != NULL; app++)
        if (takes_files(*app)) {
            similar_try(&similar, (*app)->name);
            strcat(names, names[0] != '\0' ? ", " : "");
            strcat(names, (*app)->name);
        }
    if (name == NULL)
        cmd_complain("import: name what to import: %s", names);
    else
        cmd_complain("import: \"%s\" is no app that takes files%s; name what to import: %s", name,
                     similar_hint(&similar, hint), names);
    return CMD_USAGE;
}

static int run(struct settings *settings, struct command_line *line)
{
    const char *name = line->words[0];
    const struct app *app = name != NULL ? apps_find(name) : NULL;
    if (app == NULL || !takes_files(app))
        return complain_of(name);
    return check_usage(app, line) ? import(app, line, settings) : CMD_USAGE;
}

/* "import APP FLAG F FLAG F", a line an app. */
static char *usage(void)
{
    struct buf text = BUF_INIT(4096);
    for (const struct app *const *app = apps_all(); *app != NULL; app++) {
        if (!takes_files(*app))
            continue;
        buf_printf(&text, "%simport %s", text.len > 0 ? "\n  rowlock " : "", (*app)->name);
        for (const struct import_file *file = (*app)->data->imports; file->flag != NULL; file++)
            buf_printf(&text, " %s F", file->flag);
    }
    return buf_text(&text);
}

const struct command command_import = {.name = "import",
                                       .usage_now = usage,
                                       .about =
                                           "load CSV files in one transaction; any of them alone will do",
                                       .add_flags = add_flags,
                                       .words_max = 1,
                                       .run = run};
