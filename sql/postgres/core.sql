-- What the server asks about the database itself.

-- What it asks each second. The obstacle is what keeps a schema of the right version from being ours.
-- name: health
-- one () -> (writable bool, version int, oldest_server int, synchronous_commit text, standby bool?,
--     asynchronous_standby bool?, wal_kept int?, obstacle text?, denied text?)
WITH migrated AS MATERIALIZED (
    SELECT coalesce(max(version), 0) AS version, coalesce(max(oldest_server), 0) AS oldest_server FROM rowlock_migrations
)
SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable,
    version, oldest_server,
    current_setting('synchronous_commit') AS synchronous_commit,
    pg_is_in_recovery() AS standby,
    -- Is there a standby that no commit waits for? Another role's connections show their number and the program's name
    -- alone, unless ours may read all statistics; what copies or archives, and subscribers, are no standbys.
    CASE WHEN pg_is_in_recovery() OR (btrim(current_setting('synchronous_standby_names')) <> ''
            AND current_setting('synchronous_commit') NOT IN ('off', 'local'))
        THEN false
        ELSE EXISTS (
            SELECT FROM pg_stat_replication AS r
            WHERE r.application_name NOT IN ('pg_basebackup', 'pg_receivewal', 'barman_receive_wal')
                AND NOT EXISTS (SELECT FROM pg_replication_slots AS s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
        )
    END AS asynchronous_standby,
    -- The bytes that the slot furthest behind keeps, once that is more than the log would take without it.
    (
        SELECT max(s.kept)::bigint
        FROM (
            SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                restart_lsn) AS kept
            FROM pg_replication_slots
        ) AS s
        WHERE s.kept > pg_size_bytes(current_setting('max_wal_size'))
    ) AS wal_kept,
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
    ) AS obstacle,
    -- The rights that are missing, one a line behind the app that needs it. Without what else there is (deleting, keys of
    -- repeated requests) most requests work. A table that is not there is the schema's matter. Where row security is on
    -- for this role, no row at all can be changed without a policy that lets it.
    (
        SELECT string_agg(n.app || ' ' || n.needed || ' on ' || n.name
            || CASE WHEN r.granted THEN ' by a policy of its row security' ELSE '' END, E'\n')
        FROM (VALUES ('orders', 'orders', 'SELECT'), ('orders', 'orders', 'INSERT'), ('orders', 'orders', 'UPDATE'),
            ('orders', 'orders_id_seq', 'USAGE'), ('orders', 'order_events', 'INSERT'),
            ('messages', 'messages', 'SELECT'), ('messages', 'messages', 'INSERT'), ('messages', 'messages_id_seq', 'USAGE'),
            ('sites', 'site', 'SELECT'), ('sites', 'site', 'INSERT'), ('sites', 'site', 'UPDATE'),
            ('sites', 'computer', 'SELECT'), ('sites', 'computer', 'INSERT'), ('sites', 'computer', 'UPDATE'),
            ('sites', 'freezer', 'SELECT'), ('sites', 'freezer', 'INSERT'), ('sites', 'freezer', 'UPDATE'),
            ('sites', 'container', 'SELECT'), ('sites', 'container', 'INSERT'), ('sites', 'container', 'UPDATE'),
            ('sites', 'instrument', 'SELECT'), ('sites', 'lab_history', 'SELECT'), ('sites', 'lab_history', 'INSERT'),
            ('health', 'region', 'SELECT'), ('health', 'province', 'SELECT'), ('health', 'health_region', 'SELECT'),
            ('health', 'fsa', 'SELECT'), ('users', 'users', 'SELECT')) AS n (app, name, needed)
            CROSS JOIN LATERAL (
                SELECT CASE WHEN n.name LIKE '%\_seq' THEN has_sequence_privilege(to_regclass(n.name), n.needed)
                    ELSE has_any_column_privilege(to_regclass(n.name), n.needed) END AS granted
            ) AS r
        WHERE NOT r.granted
            OR (row_security_active(to_regclass(n.name)) AND NOT EXISTS (
                SELECT FROM pg_policy AS p
                WHERE p.polrelid = to_regclass(n.name) AND p.polpermissive
                    AND p.polcmd IN ('*', CASE n.needed WHEN 'SELECT' THEN 'r' WHEN 'INSERT' THEN 'a' ELSE 'w' END)
                    AND EXISTS (
                        SELECT FROM unnest(p.polroles) AS o (role)
                        WHERE CASE WHEN o.role = 0 THEN true ELSE pg_has_role(o.role, 'USAGE') END
                    )
            ))
    ) AS denied
FROM migrated;

-- Why the tables are not found: a schema that is searched has them, and the role may not use it.
-- name: tables_hidden
-- one () -> (name text)
SELECT n.nspname AS name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = 'rowlock_migrations' AND NOT has_schema_privilege(n.oid, 'USAGE')
    AND n.nspname::text IN (
        SELECT CASE btrim(s.name, ' "') WHEN '$user' THEN current_user ELSE btrim(s.name, ' "') END
        FROM unnest(string_to_array(current_setting('search_path'), ',')) AS s (name)
    )
LIMIT 1;

-- Is there room on the disk? Asked on an idle server too, so nothing may stay of it: what does not fit into memory goes
-- to a file beside the tables, which is gone at the end.
-- name: room_spill
-- one ()
DO $$
BEGIN
    PERFORM set_config('work_mem', '64kB', true), set_config('temp_tablespaces', '', true);
    PERFORM count(*) FROM generate_series(1, 8000);
END
$$;

-- Once a statement has met a full disk, only what grows the same tables shows that there is room again: an order and a
-- message are written and taken back, each by a role that may.
-- name: room_write
-- one writes waits ()
DO $$
BEGIN
    PERFORM set_config('work_mem', '64kB', true), set_config('temp_tablespaces', '', true),
        set_config('lock_timeout', '100ms', true);
    PERFORM count(*) FROM generate_series(1, 8000);
    BEGIN
        IF has_table_privilege('orders', 'INSERT') THEN
            INSERT INTO orders (id, origin_lat, origin_lng, destination_lat, destination_lng, distance, taker)
            VALUES (-pg_backend_pid(), 0, 0, 0, 0, 0, repeat('x', 100));
        END IF;
        IF has_table_privilege('messages', 'INSERT') THEN
            INSERT INTO messages (id, sender, recipient, text) VALUES (-pg_backend_pid(), 'x', 'x', repeat('x', 1000));
        END IF;
        RAISE SQLSTATE 'RWOK1';
    EXCEPTION WHEN SQLSTATE 'RWOK1' THEN
        NULL;
    END;
END
$$;

-- name: migrations_lock
-- command ()
SELECT pg_advisory_xact_lock(8245076110394223);

-- name: migrations_lock_apart
-- command () -> (locked bool)
SELECT pg_try_advisory_lock(8245076110394225) AS locked;

-- name: migrations_unlock_apart
-- command () -> (unlocked bool)
SELECT pg_advisory_unlock(8245076110394225) AS unlocked;

-- name: seed_lock
-- command ()
SELECT pg_advisory_xact_lock(8245076110394224);

-- name: migrations_exist
-- command () -> (found bool)
-- Not to_regclass: a session that has asked before remembers the answer, even while it waited for migrations_lock.
SELECT EXISTS (
    SELECT FROM pg_class WHERE relname = 'rowlock_migrations' AND pg_table_is_visible(oid)
) AS found;

-- name: migrations_list
-- command () -> (version int, name text, oldest_server int, applied_at time)
SELECT version, name, oldest_server, applied_at FROM rowlock_migrations ORDER BY version;

-- How many connections this role may have here at most; who is no superuser has none of those that are kept for them.
-- name: connections_max
-- command () -> (most int)
SELECT least(
    current_setting('max_connections')::bigint
        - CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::bigint END,
    CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit END,
    CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit END
) AS most
FROM pg_roles AS r, pg_database AS d
WHERE r.rolname = current_user AND d.datname = current_database();

-- What would keep migrations from being applied, in the words in which the database would say it.
-- name: migrations_obstacle
-- command () -> (obstacle text?)
SELECT CASE
    WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'
        THEN 'cannot execute CREATE TABLE in a read-only transaction'
    WHEN current_schema() IS NULL THEN 'no schema has been selected to create in'
    WHEN NOT has_schema_privilege(current_schema(), 'CREATE') THEN 'permission denied for schema ' || current_schema()
END AS obstacle;

-- name: relations_named
-- command (names text) -> (name text, columns text)
-- $1 names, by comma. A table needs its name as that of a type, too, so enumerations, domains and ranges are in the way.
SELECT n.name, n.columns
FROM (
    SELECT c.relname AS name, coalesce(string_agg(a.attname, ', ' ORDER BY a.attnum), '') AS columns,
        c.relkind IN ('i', 'I') AS is_index
    FROM pg_class AS c LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    GROUP BY c.oid
    UNION ALL
    SELECT t.typname, '', false FROM pg_type AS t
    WHERE t.typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
        AND t.typtype IN ('d', 'e', 'm', 'r')
) AS n
WHERE n.name::text = ANY (string_to_array($1, ','))
ORDER BY n.is_index, n.name;

-- What statistics say of orders, for those who watch: nothing is counted for it.
-- name: orders_table
-- one () -> (live int, dead int, bytes int)
SELECT pg_stat_get_live_tuples(o.id) AS live, pg_stat_get_dead_tuples(o.id) AS dead, pg_total_relation_size(o.id) AS bytes
FROM to_regclass('orders') AS o (id) WHERE o.id IS NOT NULL;

-- name: changes_listen
-- one ()
LISTEN rowlock_changed;

-- name: database_identity
-- one () -> (database text)
SELECT system.system_identifier || ' ' || database.oid
FROM pg_control_system() AS system, pg_database AS database
WHERE database.datname = current_database();

-- What a constraint, or an index of that name, is about.
-- name: constraint_columns
-- one (table text, constraint text) -> (columns text?)
SELECT string_agg(a.attname, ',') AS columns
FROM (
    SELECT c.conrelid AS relation, unnest(c.conkey) AS number FROM pg_constraint AS c
    WHERE c.conrelid = to_regclass(quote_ident($1)) AND c.conname = $2
    UNION
    SELECT i.indrelid, unnest(i.indkey) FROM pg_index AS i
    WHERE i.indrelid = to_regclass(quote_ident($1)) AND i.indexrelid = to_regclass(quote_ident($2))
) AS n JOIN pg_attribute AS a ON a.attrelid = n.relation AND a.attnum = n.number;
