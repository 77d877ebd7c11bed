-- What the server asks about the database itself.

-- name: health
-- one () -> (writable bool, version int, oldest_server int, synchronous_commit text, standby bool?,
--     asynchronous_standby bool?, wal_kept int?, obstacle text?, denied text?)
SELECT 1 AS writable, coalesce(max(version), 0) AS version, coalesce(max(oldest_server), 0) AS oldest_server,
    'on' AS synchronous_commit, NULL AS standby, NULL AS asynchronous_standby, NULL AS wal_kept, NULL AS obstacle,
    NULL AS denied
FROM rowlock_migrations;

-- name: tables_hidden
-- one () -> (name text)
SELECT NULL AS name WHERE 0; -- a file has one schema

-- name: room_spill
-- one ()
SELECT 1; -- the file system is asked

-- name: room_write
-- one writes waits ()
SELECT 1;

-- name: migrations_lock
-- command ()
SELECT 1; -- the transaction was begun IMMEDIATE, so it holds the one write lock already

-- name: migrations_lock_apart
-- command () -> (locked bool)
SELECT 1 AS locked;

-- name: migrations_unlock_apart
-- command () -> (unlocked bool)
SELECT 1 AS unlocked;

-- name: seed_lock
-- command ()
SELECT 1;

-- name: migrations_exist
-- command () -> (found bool)
SELECT count(*) > 0 AS found FROM sqlite_schema WHERE type = 'table' AND name = 'rowlock_migrations';

-- name: migrations_list
-- command () -> (version int, name text, oldest_server int, applied_at time)
SELECT version, name, oldest_server, applied_at FROM rowlock_migrations ORDER BY version;

-- name: connections_max
-- command () -> (most int)
SELECT 1 AS most; -- of the one worker

-- name: migrations_obstacle
-- command () -> (obstacle text?)
SELECT NULL AS obstacle; -- the rights of its file were looked at when it was opened

-- name: relations_named
-- command (names text) -> (name text, columns text)
-- $1 names, by comma
SELECT s.name, coalesce((SELECT group_concat(c.name, ', ') FROM pragma_table_info(s.name) AS c), '') AS columns
FROM sqlite_schema AS s
WHERE s.type IN ('table', 'view', 'index') AND instr(',' || $1 || ',', ',' || lower(s.name) || ',') > 0
ORDER BY s.type = 'index', s.name;

-- name: orders_table
-- one () -> (live int, dead int, bytes int)
SELECT 0 AS live, 0 AS dead, 0 AS bytes WHERE 0; -- it has no dead rows, and to count the others takes reading them

-- name: changes_listen
-- one ()
SELECT 1; -- it has no way to tell

-- name: database_identity
-- one () -> (database text)
SELECT file FROM pragma_database_list WHERE name = 'main';

-- What stands behind its name: the expression is in parentheses.
-- name: constraint_columns
-- one (table text, constraint text) -> (columns text?)
SELECT substr(sql, instr(lower(sql), 'constraint ' || lower($2)) + length('constraint ' || $2)) AS columns
FROM sqlite_schema WHERE type = 'table' AND instr(lower(sql), 'constraint ' || lower($2)) > 0 LIMIT 1;
