/* migrate_apply sees that nothing is in the way, then applies one migration after the other (apply_next) until none
 * is missing. migrate_check only asks (read_state, migrate_fits). */
#include <config.h>

#include "core/migrate.h"

#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "core/conflict.h"
#include "core/sql.h"

#define LOCK_AGAIN_NS (200 * CLOCK_MS)
#define STATEMENT_APART_MAX 1024
#define TEXT_APART_MAX 65536

static bool fail(struct session *session)
{
    session_undo(session);
    return false;
}

static bool is_true(const struct db_rows *rows, int column)
{
    char first = rows->value(rows, 0, column).ptr[0];
    return first == 't' || first == '1';
}

static bool read_state(struct session *session, struct migrate_state *state)
{
    const struct db_rows *rows;
    *state = (struct migrate_state){0, 0};
    if (session_query(session, STATEMENT(MIGRATIONS_EXIST), NULL, &rows) != DB_OK)
        return false;
    if (!is_true(rows, COLUMN_MIGRATIONS_EXIST_FOUND))
        return true;
    if (session_query(session, STATEMENT(MIGRATIONS_LIST), NULL, &rows) != DB_OK)
        return false;
    for (int row = 0; row < rows->count; row++) {
        int64_t one;
        if (text_int(rows->value(rows, row, COLUMN_MIGRATIONS_LIST_VERSION), &one) == TEXT_NUMBER_OK &&
            one > state->version)
            state->version = one;
        if (text_int(rows->value(rows, row, COLUMN_MIGRATIONS_LIST_OLDEST_SERVER), &one) == TEXT_NUMBER_OK &&
            one > state->oldest_server)
            state->oldest_server = one;
    }
    return true;
}

bool migrate_fits(struct migrate_state state, int needed, int newest, char *reason, size_t size)
{
    if (state.version < needed)
        snprintf(reason, size, "version %lld is older than %d, which this server needs; run rowlock migrate",
                 (long long)state.version, needed);
    else if (state.oldest_server > newest)
        snprintf(reason, size, "version %lld needs a server of at least %lld, this one is %d; upgrade it",
                 (long long)state.version, (long long)state.oldest_server, newest);
    else
        return true;
    return false;
}

bool migrate_check(struct session *session, int needed)
{
    struct migrate_state state;
    return read_state(session, &state) &&
           migrate_fits(state, needed, sql_newest(session->engine), session->error, sizeof session->error);
}

static const struct sql_migration *next_after(const char *engine, int64_t version)
{
    for (size_t i = 0; i < sql_migration_count; i++)
        if (strcmp(sql_migrations[i].engine, engine) == 0 && sql_migrations[i].version > version)
            return &sql_migrations[i];
    return NULL;
}

bool migrate_missing(struct session *session, int64_t *count)
{
    struct migrate_state state;
    *count = 0;
    if (!read_state(session, &state))
        return false;
    for (const struct sql_migration *next = next_after(session->engine, state.version); next != NULL;
         next = next_after(session->engine, next->version))
        ++*count;
    return true;
}

/* Begins a transaction under the lock, and reads the version there: another host may have been faster. */
static bool begin_locked(struct session *session, struct migrate_state *state)
{
    return session_begin(session) == DB_OK &&
           session_query(session, STATEMENT(MIGRATIONS_LOCK), NULL, NULL) == DB_OK &&
           read_state(session, state);
}

/* Building an index beside those who write waits for every transaction that has begun, so nobody may wait in one for
 * him who builds: this lock belongs to the session, and is asked for until it is free. */
static bool lock_apart(struct session *session)
{
    const struct timespec moment = {.tv_nsec = LOCK_AGAIN_NS};
    const struct db_rows *rows;
    while (session_query(session, STATEMENT(MIGRATIONS_LOCK_APART), NULL, &rows) == DB_OK) {
        if (is_true(rows, COLUMN_MIGRATIONS_LOCK_APART_LOCKED))
            return true;
        nanosleep(&moment, NULL);
    }
    return false;
}

static bool unlock_apart(struct session *session)
{
    return session_query(session, STATEMENT(MIGRATIONS_UNLOCK_APART), NULL, NULL) == DB_OK;
}

/* One statement after the other; those are few and short, and end with their line. The last, the record, stays. */
static bool run_apart(struct session *session, const char *text)
{
    for (const char *end; (end = strstr(text, ";\n")) != NULL && end[2] != '\0'; text = end + 2) {
        char one[STATEMENT_APART_MAX];
        snprintf(one, sizeof one, "%.*s", (int)(end - text), text);
        if (session_script(session, one) != DB_OK)
            return false;
    }
    return true;
}

static bool is_missing(struct session *session, const struct sql_migration *migration)
{
    struct migrate_state state;
    return read_state(session, &state) && state.version < migration->version;
}

static bool record_apart(struct session *session, const struct sql_migration *migration)
{
    struct migrate_state state;
    const char *record = strstr(migration->text, "INSERT INTO rowlock_migrations");
    return begin_locked(session, &state) &&
           (state.version >= migration->version || session_script(session, record) == DB_OK) &&
           session_script(session, "COMMIT") == DB_OK;
}

/* *applied: it was not another host that did so meanwhile. */
static bool apply_apart(struct session *session, const struct sql_migration *migration, bool *applied)
{
    if (!lock_apart(session))
        return false;
    *applied = is_missing(session, migration);
    bool ok = !*applied || (run_apart(session, migration->text) && record_apart(session, migration));
    if (!ok)
        session_undo(session);
    return unlock_apart(session) && ok;
}

/* A session of a pooler can keep no lock: there indexes are built as others are, and who writes waits for that. */
static enum db_error run_not_apart(struct session *session, const char *text)
{
    static const char word[] = " CONCURRENTLY";
    struct buf plain = BUF_INIT(TEXT_APART_MAX);
    for (const char *at; (at = strstr(text, word)) != NULL; text = at + strlen(word))
        buf_add(&plain, text, (size_t)(at - text));
    buf_add_string(&plain, text);
    enum db_error error = session_script(session, buf_text(&plain));
    buf_fini(&plain);
    return error;
}

static bool apply_together(struct session *session, const struct sql_migration *migration)
{
    enum db_error error =
        migration->apart ? run_not_apart(session, migration->text) : session_script(session, migration->text);
    return error == DB_OK && session_script(session, "COMMIT") == DB_OK;
}

/* One migration, or none when all are applied (*done). */
static bool apply_next(struct session *session, bool *done, void (*tell)(int version, const char *name))
{
    struct migrate_state state;
    if (!begin_locked(session, &state))
        return fail(session);
    const struct sql_migration *next = next_after(session->engine, state.version);
    bool applied = next != NULL;
    *done = next == NULL;
    bool apart = next == NULL || (next->apart && !session->pooled);
    if (apart ? session_script(session, "COMMIT") != DB_OK : !apply_together(session, next))
        return fail(session);
    if (next != NULL && apart && !apply_apart(session, next, &applied))
        return false;
    if (applied && tell != NULL)
        tell(next->version, next->name);
    return true;
}

/* Before the first is applied, because each is a transaction of its own: what is in the way of the fifth must not be
 * found behind the fourth. Under the lock, so that the tables of another host's migrations are not taken
 * for strangers. */
static bool nothing_in_the_way(struct session *session)
{
    struct migrate_state state;
    if (!begin_locked(session, &state) || !conflict_free(session, state.version))
        return fail(session);
    return session_script(session, "COMMIT") == DB_OK || fail(session);
}

/* False with what keeps this session from making tables. */
static bool may_create(struct session *session)
{
    const struct db_rows *rows;
    if (session_query(session, STATEMENT(MIGRATIONS_OBSTACLE), NULL, &rows) != DB_OK)
        return false;
    struct slice obstacle = rows->value(rows, 0, COLUMN_MIGRATIONS_OBSTACLE_OBSTACLE);
    snprintf(session->error, sizeof session->error, "%.*s", (int)obstacle.len,
             obstacle.ptr != NULL ? obstacle.ptr : "");
    return obstacle.ptr == NULL;
}

bool migrate_may_apply(struct session *session)
{
    struct migrate_state state;
    int newest = sql_newest(session->engine);
    return read_state(session, &state) &&
           migrate_fits(state, 0, newest, session->error, sizeof session->error) &&
           conflict_free(session, state.version) && (state.version >= newest || may_create(session));
}

/* After several tries. */
static bool give_up(struct session *session)
{
    size_t length = strlen(session->error);
    if (session->again)
        snprintf(session->error + length, sizeof session->error - length,
                 "; try again when nobody else holds these tables for long");
    return false;
}

bool migrate_apply(struct session *session, void (*tell)(int version, const char *name))
{
    bool done = false;
    for (int tries = 0; !nothing_in_the_way(session);)
        if (!session_retry(session, &tries))
            return give_up(session);
    for (int tries = 0; !done;)
        if (!apply_next(session, &done, tell) && !session_retry(session, &tries))
            return give_up(session);
    return true;
}

static void print_applied(const struct db_rows *rows, int row, FILE *out)
{
    struct slice cells[4];
    for (int column = 0; column < 4; column++)
        cells[column] = rows->value(rows, row, column);
    fprintf(out, "%.*s  %.*s  applied %.*s, serves servers from %.*s on\n", (int)cells[0].len, cells[0].ptr,
            (int)cells[1].len, cells[1].ptr, (int)cells[3].len, cells[3].ptr, (int)cells[2].len,
            cells[2].ptr);
}

bool migrate_print_status(struct session *session, FILE *out)
{
    struct migrate_state state;
    const struct db_rows *rows;
    if (!read_state(session, &state))
        return false;
    if (state.version > 0) {
        if (session_query(session, STATEMENT(MIGRATIONS_LIST), NULL, &rows) != DB_OK)
            return false;
        for (int row = 0; row < rows->count; row++)
            print_applied(rows, row, out);
    }
    for (const struct sql_migration *next = next_after(session->engine, state.version); next != NULL;
         next = next_after(session->engine, next->version))
        fprintf(out, "%d  %s  pending\n", next->version, next->name);
    if (state.version > sql_newest(session->engine))
        fprintf(out, "the schema is newer than this program, which knows %d\n", sql_newest(session->engine));
    return true;
}
