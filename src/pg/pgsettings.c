/* The table settled has them all. What a session is asked and told (pgsettings_ask) and what a transaction begins
 * with (pgsettings_local) are written from it. */
#include <config.h>

#include "pg/pgsettings.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* Of the settings that any user may set for a session, a role or a database (pg_settings, context "user"), those that
 * can change what a statement means, returns or promises. Left as they are: what only costs time (planner, memory),
 * who we are (role), what we may see (row_security), whether we may write (default_transaction_read_only: a DBA's
 * word, which /healthcheck repeats), where tables are made (default_tablespace and its like), and synchronous_commit,
 * of which the server warns. */
static const struct {
    const char *name, *value;
    int since; /* the version that knows it, as PQserverVersion has it */
} settled[] = {
    /* how what we send is read */
    {"standard_conforming_strings", "on", 0},
    {"backslash_quote", "safe_encoding", 0},
    {"array_nulls", "on", 0},
    {"transform_null_equals", "off", 0},
    {"xmloption", "content", 0},
    /* how values are written */
    {"extra_float_digits", "1", 0},
    {"bytea_output", "hex", 0},
    {"datestyle", "ISO, MDY", 0},
    {"intervalstyle", "postgres", 0},
    {"timezone", "UTC", 0},
    /* what is found, and what we are told of */
    {"gin_fuzzy_search_limit", "0", 0},
    {"client_min_messages", "notice", 0}, /* that a wait for a standby was ended is a warning */
    /* what ends a statement, a transaction or a session too early */
    {"exit_on_error", "off", 0},
    {"idle_session_timeout", "0", 140000},
    {"transaction_timeout", "0", 170000},
    /* which rows a statement sees */
    {"default_transaction_isolation", "read committed", 0},
    {"default_transaction_deferrable", "off", 0},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* "set_config(…), set_config(…)", for the transaction or for the session. */
static void add_settled(struct buf *out, const struct pgsettings_limits *limits, int version, bool local)
{
    const char *span = local ? "true" : "false";
    const struct {
        const char *name;
        int64_t ns;
    } limited[] = {{"lock_timeout", limits->lock_ns},
                   {"statement_timeout", limits->statement_ns},
                   {"idle_in_transaction_session_timeout", limits->idle_ns}};
    for (size_t i = 0; i < COUNT(limited); i++)
        buf_printf(out, "%sset_config('%s', '%lld', %s)", i > 0 ? ", " : "", limited[i].name,
                   (long long)(limited[i].ns / CLOCK_MS), span);
    for (size_t i = 0; i < COUNT(settled); i++)
        if (version >= settled[i].since)
            buf_printf(out, ", set_config('%s', '%s', %s)", settled[i].name, settled[i].value, span);
}

/* The path: first the schema in which this session finds our migrations, so that no other table of the same name comes
 * before ours; then what it searched before; last those of temporary tables, which otherwise come before all.
 * pg_catalog is named nowhere, and is searched first for that. Nothing when our tables are not there. */
static const char ask_path[] =
    "WITH home AS MATERIALIZED ("
    "SELECT n.nspname AS name FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = "
    "c.relnamespace "
    "WHERE c.oid = pg_catalog.to_regclass($1::text) AND c.relpersistence <> 't'"
    "), found AS MATERIALIZED ("
    "SELECT (SELECT name FROM home) IS NOT NULL AS home, pg_catalog.concat_ws(', ', "
    "(SELECT pg_catalog.quote_ident(name) FROM home), "
    "(SELECT pg_catalog.string_agg(pg_catalog.quote_ident(s.name), ', ' ORDER BY s.pos) "
    "FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s (name, pos) "
    "WHERE s.name <> 'pg_catalog' AND pg_catalog.left(s.name, 7) <> 'pg_temp' "
    "AND s.name IS DISTINCT FROM (SELECT name FROM home)), 'pg_temp') AS path"
    ") ";

void pgsettings_ask(struct buf *out, const struct pgsettings_limits *limits, enum pgsettings_whose whose,
                    int process, int version)
{
    buf_add_string(out, ask_path);
    buf_add_string(
        out,
        "SELECT pg_catalog.current_setting('server_encoding'), "
        "CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'standby' ELSE "
        "pg_catalog.current_setting('transaction_read_only') END, CASE WHEN home THEN path END, CASE WHEN ");
    if (whose == PGSETTINGS_ASKED)
        buf_printf(out, "pg_catalog.pg_backend_pid() = %d", process);
    else
        buf_add_string(out, whose == PGSETTINGS_OURS ? "true" : "false");
    buf_add_string(out, " THEN pg_catalog.concat(");
    add_settled(out, limits, version, false);
    buf_add_string(out, ", CASE WHEN home THEN set_config('search_path', path, false) END) END FROM found");
}

struct pgsettings_session pgsettings_read(const struct db_rows *rows, int row)
{
    struct pgsettings_session session = {.known = false};
    if (rows->count <= row || rows->columns != 4)
        return session;
    session.known = true;
    session.encoding = rows->value(rows, row, 0);
    session.standby = slice_equal(rows->value(rows, row, 1), SLICE("standby"));
    session.read_only = session.standby || slice_equal(rows->value(rows, row, 1), SLICE("on"));
    session.path = rows->value(rows, row, 2);
    session.settled = rows->value(rows, row, 3).ptr != NULL;
    return session;
}

void pgsettings_local(struct buf *out, const struct pgsettings_limits *limits, struct slice path, int version)
{
    buf_add_string(out, "SELECT ");
    add_settled(out, limits, version, true);
    if (path.len == 0)
        return;
    buf_add_string(out, ", set_config('search_path', E'");
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '\'' || path.ptr[i] == '\\')
            buf_add_char(out, path.ptr[i] == '\'' ? '\'' : '\\');
        buf_add_char(out, path.ptr[i]);
    }
    buf_add_string(out, "', true)");
}

bool pgsettings_misencoded(struct slice encoding, char *reason, size_t size)
{
    if (slice_equal(encoding, SLICE("UTF8")))
        return false;
    snprintf(
        reason, size,
        "its encoding is %.*s, and Rowlock needs UTF8: make a database with createdb -E UTF8 -T template0",
        (int)encoding.len, encoding.ptr);
    return true;
}
