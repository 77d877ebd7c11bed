-- Answers that are given again when a request is repeated with its Idempotency-Key.
-- By hand:  sqlite3 rowlock.db < 0007_idempotency.sql

CREATE TABLE idempotency_keys (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (7, 'idempotency', 1);
