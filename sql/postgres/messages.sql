-- Messages. Sending goes in sets (see orders.sql).

-- list message_send: sender text, recipient text, text text
-- list message_rest: message_send, sent_at time
-- list message: id int, message_rest
-- list message_recent: recipient text, since text?, days int, sent_at text?, before int
-- list message_latest: sender text, recipient text, message text
-- constant MESSAGES_A_PIECE 500
-- constant LATEST_MESSAGES 100

-- name: message_send
-- set writes (message_send) -> message
WITH asked AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('messages', 'id')) AS id, a.*
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (sender, recipient, text, pos)
), sent AS (
    INSERT INTO messages (id, sender, recipient, text) SELECT id, sender, recipient, text FROM asked
    RETURNING {message}
)
SELECT a.pos, {s.message} FROM asked AS a JOIN sent AS s ON s.id = a.id ORDER BY a.pos;

-- See order_place_once.
-- name: message_send_once
-- set writes waits (message_send, key) -> message and (outcome text)
WITH asked AS MATERIALIZED (
    SELECT a.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY
        AS a (sender, recipient, text, scope, key, fingerprint, pos)
), first AS MATERIALIZED (
    SELECT DISTINCT ON (a.scope, a.key) a.* FROM asked AS a ORDER BY a.scope, a.key, a.pos
), numbered AS MATERIALIZED (
    SELECT f.*, CASE WHEN k.key IS NULL THEN nextval(pg_get_serial_sequence('messages', 'id')) END AS id
    FROM first AS f LEFT JOIN idempotency_keys AS k
        ON k.scope = f.scope AND k.key = f.key AND k.created_at >= now() - interval '{KEY_HOURS} hours'
), known AS MATERIALIZED (
    SELECT n.scope, n.key, k.fingerprint, k.answer
    FROM numbered AS n CROSS JOIN LATERAL (
        SELECT k.fingerprint, k.answer FROM idempotency_keys AS k
        WHERE k.scope = n.scope AND k.key = n.key AND k.created_at >= now() - interval '{KEY_HOURS} hours'
        FOR KEY SHARE SKIP LOCKED
    ) AS k
    WHERE n.id IS NULL
), claimed AS (
    INSERT INTO idempotency_keys AS k (scope, key, fingerprint, answer)
    SELECT n.scope, n.key, n.fingerprint, row_to_json(r)
    FROM numbered AS n CROSS JOIN LATERAL (
        SELECT n.id, {n.message_send}, replace((now() AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' AS sent_at
    ) AS r
    WHERE n.id IS NOT NULL ORDER BY n.scope, n.key
    ON CONFLICT (scope, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = now()
        WHERE k.created_at < now() - interval '{KEY_HOURS} hours'
    RETURNING k.scope, k.key, k.answer
), sent AS (
    INSERT INTO messages ({message})
    SELECT n.id, n.sender, n.recipient, n.text, now()
    FROM claimed AS c JOIN numbered AS n ON n.scope = c.scope AND n.key = c.key
    RETURNING {message}
)
SELECT a.pos, {r.message},
    CASE
        WHEN c.key IS NOT NULL AND s.id IS NULL THEN current_setting('rowlock.message_was_not_stored')
        WHEN c.key IS NOT NULL AND n.fingerprint = a.fingerprint THEN 'done'
        WHEN c.key IS NOT NULL THEN 'other'
        WHEN k.fingerprint = a.fingerprint THEN 'done'
        WHEN k.key IS NOT NULL THEN 'other'
        ELSE 'again'
    END AS outcome
FROM asked AS a LEFT JOIN numbered AS n ON n.scope = a.scope AND n.key = a.key
    LEFT JOIN claimed AS c ON c.scope = a.scope AND c.key = a.key
    LEFT JOIN sent AS s ON s.id = n.id AND s.sent_at = now()
        AND (s.sender, s.recipient, s.text) = (n.sender, n.recipient, n.text)
    LEFT JOIN known AS k ON k.scope = a.scope AND k.key = a.key
    LEFT JOIN LATERAL json_to_record(coalesce(c.answer, CASE WHEN k.fingerprint = a.fingerprint THEN k.answer END)::json)
        AS r (id bigint, sender text, recipient text, text text, sent_at timestamptz) ON true
ORDER BY a.pos;

-- name: message_get
-- set (id int) -> message
SELECT a.pos, {m.message}
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN messages AS m ON m.id = a.id ORDER BY a.pos;

-- name: message_guard
-- one (id int) -> message and (guard text)
SELECT {m.message}, encode(sha256(record_send(m)), 'hex') AS guard
FROM messages AS m WHERE m.id = $1::bigint;

-- The row is locked first, so that one that is there and stays, because a trigger keeps it, is not taken for one that
-- is not there. The last column says that it is gone.
-- name: message_delete
-- one writes waits told (id int, guard text?) -> message and (gone bool)
WITH found AS MATERIALIZED (
    SELECT id FROM messages AS m
    WHERE m.id = $1::bigint AND ($2::text IS NULL OR $2::text IN ('*', encode(sha256(record_send(m)), 'hex')))
    FOR UPDATE
), gone AS (
    DELETE FROM messages AS m USING found AS f WHERE m.id = f.id
    RETURNING {m.message}
)
SELECT f.id, {g.message_rest}, g.id IS NOT NULL AS gone
FROM found AS f LEFT JOIN gone AS g ON g.id = f.id;

-- name: message_list
-- one (limit int, recipient text, before int) -> message
SELECT {message} FROM messages
WHERE recipient = $2 AND id < $3 ORDER BY id DESC LIMIT $1;

-- name: message_list_from
-- one (limit int, recipient text, before int, sender text) -> message
SELECT {message} FROM messages
WHERE recipient = $2 AND sender = $4 AND id < $3 ORDER BY id DESC LIMIT $1;

-- One piece of the messages of the last days: those behind the last of the piece before. The first piece fixes since,
-- so that the window does not move while it is sent.
-- name: message_recent
-- one (message_recent) -> message and (since text)
SELECT {message},
    coalesce($2::text::timestamptz, now() - make_interval(days => $3::int)) AS since
FROM messages
WHERE recipient = $1 AND sent_at >= coalesce($2::text::timestamptz, now() - make_interval(days => $3::int))
    AND (sent_at, id) < (coalesce($4::text::timestamptz, 'infinity'), $5::bigint)
ORDER BY sent_at DESC, id DESC LIMIT {MESSAGES_A_PIECE};

-- name: message_recent_from
-- one (message_recent, sender text) -> message and (since text)
SELECT {message},
    coalesce($2::text::timestamptz, now() - make_interval(days => $3::int)) AS since
FROM messages
WHERE recipient = $1 AND sender = $6 AND sent_at >= coalesce($2::text::timestamptz, now() - make_interval(days => $3::int))
    AND (sent_at, id) < (coalesce($4::text::timestamptz, 'infinity'), $5::bigint)
ORDER BY sent_at DESC, id DESC LIMIT {MESSAGES_A_PIECE};

-- As the clients of the original service know them. The days are a parameter, or the plan would hang on how many messages
-- are recent when it is made.
-- name: message_latest
-- one (days int) -> message_latest
SELECT sender, recipient, text AS message FROM messages
WHERE sent_at >= now() - make_interval(days => $1::int)
ORDER BY sent_at DESC, id DESC LIMIT {LATEST_MESSAGES};

-- name: message_latest_from
-- one (sender text, recipient text, days int) -> message_latest
SELECT sender, recipient, text AS message FROM messages
WHERE sender = $1 AND recipient = $2 AND sent_at >= now() - make_interval(days => $3::int)
ORDER BY sent_at DESC, id DESC LIMIT {LATEST_MESSAGES};

-- name: message_any
-- command () -> (id int)
SELECT id FROM messages LIMIT 1;

-- name: message_seed
-- command writes (rows text) -> (stored int)
WITH added AS (
    INSERT INTO messages (sender, recipient, text)
    SELECT m ->> 0, m ->> 1, m ->> 2 FROM json_array_elements($1::json) AS m
    RETURNING 1
)
SELECT count(*) FROM added;
