-- What the server asks about the database itself.

-- name: health
SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable,
    coalesce(max(version), 0) AS version,
    coalesce(max(oldest_server), 0) AS oldest_server,
    current_setting('synchronous_commit') AS synchronous_commit
FROM rowlock_migrations;

-- name: migrations_lock
SELECT pg_advisory_xact_lock(8245076110394223);

-- name: seed_lock
SELECT pg_advisory_xact_lock(8245076110394224);

-- name: migrations_exist
SELECT to_regclass('rowlock_migrations') IS NOT NULL AS found;

-- name: migrations_list
SELECT version, name, oldest_server, applied_at FROM rowlock_migrations ORDER BY version;

-- name: changes_listen
LISTEN rowlock_changed;

-- name: database_identity
SELECT system.system_identifier || ' ' || database.oid
FROM pg_control_system() AS system, pg_database AS database
WHERE database.datname = current_database();
