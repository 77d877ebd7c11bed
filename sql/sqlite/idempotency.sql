-- Idempotency keys. The statements that write them stand with what they place: order_place_once, message_send_once.

-- list key: scope text, key text, fingerprint text
-- constant KEY_HOURS 24
-- constant KEYS_PURGED 1000

-- The answer that a key has, for what is costly to find out before the record is placed.
-- name: idempotency_recall
-- set writes (key) -> (outcome text, answer json?)
SELECT CASE WHEN fingerprint = $3 THEN 'done' ELSE 'other' END AS outcome, answer FROM idempotency_keys
WHERE scope = $1 AND key = $2 AND created_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{KEY_HOURS} hours');

-- name: idempotency_purge
-- one writes waits () -> (purged int)
DELETE FROM idempotency_keys WHERE rowid IN (
    SELECT rowid FROM idempotency_keys WHERE created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{KEY_HOURS} hours')
    ORDER BY created_at LIMIT {KEYS_PURGED}
)
RETURNING 1;
