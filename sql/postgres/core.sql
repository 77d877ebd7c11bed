-- What the server asks about the database itself.

-- name: health
SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable,
    coalesce(max(version), 0) AS version,
    coalesce(max(oldest_server), 0) AS oldest_server,
    current_setting('synchronous_commit') AS synchronous_commit
FROM rowlock_migrations;

-- name: migrations_lock
SELECT pg_advisory_xact_lock(8245076110394223);

-- name: migrations_exist
-- Not to_regclass: a session that has asked before remembers the answer, even while it waited for migrations_lock.
SELECT EXISTS (
    SELECT FROM pg_class WHERE relname = 'rowlock_migrations' AND pg_table_is_visible(oid)
) AS found;

-- name: migrations_list
SELECT version, name, oldest_server, applied_at FROM rowlock_migrations ORDER BY version;

-- name: relations_named
-- $1 names, by comma
SELECT c.relname, coalesce(string_agg(a.attname, ', ' ORDER BY a.attnum), '') AS columns
FROM pg_class AS c LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    AND c.relname::text = ANY (string_to_array($1, ','))
GROUP BY c.oid ORDER BY c.relkind IN ('i', 'I'), c.relname;

-- name: changes_listen
LISTEN rowlock_changed;

-- name: database_identity
SELECT system.system_identifier || ' ' || database.oid
FROM pg_control_system() AS system, pg_database AS database
WHERE database.datname = current_database();
