-- Messages.

-- name: message_send
INSERT INTO messages (sender, recipient, text) VALUES ($1, $2, $3);
SELECT id, sender, recipient, text, sent_at FROM messages WHERE changes() > 0 AND id = last_insert_rowid();

-- name: message_send_once
DELETE FROM idempotency_keys
WHERE scope = $4 AND key = $5 AND created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-24 hours');
SELECT CASE WHEN fingerprint = $6 THEN 'done' ELSE 'other' END AS outcome, answer
FROM idempotency_keys WHERE scope = $4 AND key = $5;
INSERT INTO messages (sender, recipient, text) VALUES ($1, $2, $3);
INSERT INTO idempotency_keys (scope, key, fingerprint, answer)
SELECT $4, $5, $6, format('{"id":%d,"sender":%s,"recipient":%s,"text":%s,"sent_at":"%s"}', id, json_quote(sender),
    json_quote(recipient), json_quote(text), sent_at)
FROM messages WHERE changes() > 0 AND id = last_insert_rowid() RETURNING 'done' AS outcome, answer;

-- name: message_get
SELECT id, sender, recipient, text, sent_at FROM messages WHERE id = $1;

-- name: message_guard
SELECT id, sender, recipient, text, sent_at, json_array(sender, recipient, text, sent_at) AS guard
FROM messages WHERE id = $1;

-- One that is there and stays, because a trigger keeps it, is not one that is not there: the last column says that it
-- is gone.
-- name: message_delete
DELETE FROM messages
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(sender, recipient, text, sent_at)))
RETURNING id, sender, recipient, text, sent_at, true AS gone;
SELECT id, sender, recipient, text, sent_at, false AS gone FROM messages
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(sender, recipient, text, sent_at)));

-- name: message_list
SELECT id, sender, recipient, text, sent_at FROM messages
WHERE recipient = $2 AND id < $3 ORDER BY id DESC LIMIT $1;

-- name: message_list_from
SELECT id, sender, recipient, text, sent_at FROM messages
WHERE recipient = $2 AND sender = $4 AND id < $3 ORDER BY id DESC LIMIT $1;

-- name: message_recent
SELECT id, sender, recipient, text, sent_at,
    coalesce($2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $3 || ' days')) AS since
FROM messages
WHERE recipient = $1 AND sent_at >= coalesce($2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $3 || ' days'))
    AND (sent_at, id) < (coalesce($4, '9999'), $5)
ORDER BY sent_at DESC, id DESC LIMIT 500;

-- name: message_recent_from
SELECT id, sender, recipient, text, sent_at,
    coalesce($2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $3 || ' days')) AS since
FROM messages
WHERE recipient = $1 AND sender = $6 AND sent_at >= coalesce($2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $3 || ' days'))
    AND (sent_at, id) < (coalesce($4, '9999'), $5)
ORDER BY sent_at DESC, id DESC LIMIT 500;

-- name: message_any
SELECT id FROM messages LIMIT 1;

-- name: message_seed
INSERT INTO messages (sender, recipient, text)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each($1);
SELECT changes();
