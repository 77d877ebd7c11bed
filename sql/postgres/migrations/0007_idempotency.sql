-- Answers that are given again when a request is repeated with its Idempotency-Key.
-- By hand:  psql -1 -v ON_ERROR_STOP=1 -f 0007_idempotency.sql

CREATE TABLE idempotency_keys (
    scope text NOT NULL, -- the path, and whose key it is
    key text NOT NULL,
    fingerprint text NOT NULL, -- of the body: the same key with another body is an error
    answer text NOT NULL, -- the body of the answer, word for word
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (7, 'idempotency', 1);
