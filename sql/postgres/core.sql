-- What the server asks about the database itself.

-- What it asks each second. The obstacle is what keeps a schema of the right version from being ours.
-- name: health
WITH migrated AS MATERIALIZED (
    SELECT coalesce(max(version), 0) AS version, coalesce(max(oldest_server), 0) AS oldest_server FROM rowlock_migrations
)
SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable,
    version, oldest_server,
    current_setting('synchronous_commit') AS synchronous_commit,
    pg_is_in_recovery() AS standby,
    coalesce(
        CASE current_setting('session_replication_role') WHEN 'replica'
            THEN 'session_replication_role is replica, so no trigger writes the journals' END,
        (
            SELECT format('the table %s is found in the schema %s, but the migrations are in %s',
                t.name, c.relnamespace::regnamespace, m.relnamespace::regnamespace)
            FROM unnest(ARRAY['orders', 'order_events', 'site', 'computer', 'freezer', 'container', 'instrument',
                    'lab_history', 'region', 'province', 'health_region', 'fsa', 'messages', 'users',
                    'idempotency_keys']) AS t (name)
                JOIN pg_class AS c ON c.oid = to_regclass(t.name)
                JOIN pg_class AS m ON m.oid = to_regclass('rowlock_migrations')
            WHERE c.relnamespace <> m.relnamespace LIMIT 1
        )
    ) AS obstacle
FROM migrated;

-- name: migrations_lock
SELECT pg_advisory_xact_lock(8245076110394223);

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
