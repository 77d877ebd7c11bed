-- Idempotency keys. The statements that write them stand with what they place: order_place_once, message_send_once.
-- The last column of these is "done", "other" (the body differs) or "again" (ask again); see core/idempotency.h.

-- list key: scope text, key text, fingerprint text
-- constant KEY_HOURS 24
-- constant KEYS_PURGED 1000

-- name: idempotency_purge
-- one writes waits () -> (purged int)
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM idempotency_keys WHERE created_at < now() - interval '{KEY_HOURS} hours'
    ORDER BY created_at LIMIT {KEYS_PURGED} FOR UPDATE SKIP LOCKED
))
RETURNING 1;
