-- Idempotency keys. The statements that write them stand with what they place: order_place_once, message_send_once.

-- The answer that a key has, for what is costly to find out before the record is placed.
-- name: idempotency_recall
SELECT CASE WHEN fingerprint = $3 THEN 'done' ELSE 'other' END AS outcome, answer FROM idempotency_keys
WHERE scope = $1 AND key = $2 AND created_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-24 hours');

-- name: idempotency_purge
DELETE FROM idempotency_keys WHERE rowid IN (
    SELECT rowid FROM idempotency_keys WHERE created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-24 hours')
    ORDER BY created_at LIMIT 1000
)
RETURNING 1;
