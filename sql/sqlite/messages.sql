-- Messages.

-- list message_send: sender text, recipient text, text text
-- list message_rest: message_send, sent_at time
-- list message: id int, message_rest
-- list message_recent: recipient text, since text?, days int, sent_at text?, before int
-- list message_latest: sender text, recipient text, message text
-- constant MESSAGES_A_PIECE 500
-- constant LATEST_MESSAGES 100

-- name: message_send
-- set writes (message_send) -> message
INSERT INTO messages (sender, recipient, text) VALUES ($1, $2, $3);
SELECT {message} FROM messages WHERE changes() > 0 AND id = last_insert_rowid();

-- See order_place_once.
-- name: message_send_once
-- set writes waits (message_send, key) -> message and (outcome text)
DELETE FROM idempotency_keys
WHERE scope = $4 AND key = $5 AND created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{KEY_HOURS} hours');
SELECT known ->> 'id' AS id, known ->> 'sender' AS sender, known ->> 'recipient' AS recipient, known ->> 'text' AS text,
    known ->> 'sent_at' AS sent_at, iif(known IS NULL, 'other', 'done') AS outcome
FROM (SELECT iif(fingerprint = $6, answer, NULL) AS known FROM idempotency_keys WHERE scope = $4 AND key = $5);
INSERT INTO messages (sender, recipient, text) VALUES ($1, $2, $3);
INSERT INTO idempotency_keys (scope, key, fingerprint, answer)
SELECT $4, $5, $6,
    json_object('id', id, 'sender', sender, 'recipient', recipient, 'text', text, 'sent_at', sent_at)
FROM messages WHERE changes() > 0 AND id = last_insert_rowid()
RETURNING answer ->> 'id' AS id, answer ->> 'sender' AS sender, answer ->> 'recipient' AS recipient, answer ->> 'text' AS text,
    answer ->> 'sent_at' AS sent_at, 'done' AS outcome;

-- name: message_get
-- set (id int) -> message
SELECT {message} FROM messages WHERE id = $1;

-- name: message_guard
-- one (id int) -> message and (guard text)
SELECT {message}, json_array({message_rest}) AS guard
FROM messages WHERE id = $1;

-- One that is there and stays, because a trigger keeps it, is not one that is not there: the last column says that it
-- is gone.
-- name: message_delete
-- one writes waits told (id int, guard text?) -> message and (gone bool)
DELETE FROM messages
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({message_rest})))
RETURNING {message}, true AS gone;
SELECT {message}, false AS gone FROM messages
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({message_rest})));

-- name: message_list
-- one (limit int, recipient text, before int) -> message
SELECT {message} FROM messages
WHERE recipient = $2 AND id < $3 ORDER BY id DESC LIMIT $1;

-- name: message_list_from
-- one (limit int, recipient text, before int, sender text) -> message
SELECT {message} FROM messages
WHERE recipient = $2 AND sender = $4 AND id < $3 ORDER BY id DESC LIMIT $1;

-- name: message_recent
-- one (message_recent) -> message and (since text)
SELECT {message},
    coalesce($2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $3 || ' days')) AS since
FROM messages
WHERE recipient = $1 AND sent_at >= coalesce($2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $3 || ' days'))
    AND (sent_at, id) < (coalesce($4, '9999'), $5)
ORDER BY sent_at DESC, id DESC LIMIT {MESSAGES_A_PIECE};

-- name: message_recent_from
-- one (message_recent, sender text) -> message and (since text)
SELECT {message},
    coalesce($2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $3 || ' days')) AS since
FROM messages
WHERE recipient = $1 AND sender = $6 AND sent_at >= coalesce($2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $3 || ' days'))
    AND (sent_at, id) < (coalesce($4, '9999'), $5)
ORDER BY sent_at DESC, id DESC LIMIT {MESSAGES_A_PIECE};

-- As the clients of the original service know them.
-- name: message_latest
-- one (days int) -> message_latest
SELECT sender, recipient, text AS message FROM messages
WHERE sent_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $1 || ' days')
ORDER BY sent_at DESC, id DESC LIMIT {LATEST_MESSAGES};

-- name: message_latest_from
-- one (sender text, recipient text, days int) -> message_latest
SELECT sender, recipient, text AS message FROM messages
WHERE sender = $1 AND recipient = $2 AND sent_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $3 || ' days')
ORDER BY sent_at DESC, id DESC LIMIT {LATEST_MESSAGES};

-- name: message_any
-- command () -> (id int)
SELECT id FROM messages LIMIT 1;

-- name: message_seed
-- command writes (rows text) -> (stored int)
INSERT INTO messages (sender, recipient, text)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each($1);
SELECT changes();
