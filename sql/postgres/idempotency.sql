-- Idempotency keys. The statements that write them stand with what they place: order_place_once, message_send_once.

-- list key: scope text, key text, fingerprint text
-- constant KEY_HOURS 24
-- constant KEYS_PURGED 1000

-- The answer that a key has, for what is costly to find out before the record is placed. The row is locked, for the
-- reason that stands in orders.sql: "again" when somebody holds it.
-- name: idempotency_recall
-- set writes (key) -> (outcome text, answer json?)
SELECT a.pos,
    CASE WHEN k.answer IS NULL THEN 'again' WHEN k.fingerprint = a.fingerprint THEN 'done' ELSE 'other' END AS outcome,
    k.answer
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (scope, key, fingerprint, pos)
    JOIN idempotency_keys AS s ON s.scope = a.scope AND s.key = a.key AND s.created_at >= now() - interval '{KEY_HOURS} hours'
    LEFT JOIN LATERAL (
        SELECT k.fingerprint, k.answer FROM idempotency_keys AS k
        WHERE k.scope = a.scope AND k.key = a.key AND k.created_at >= now() - interval '{KEY_HOURS} hours'
        FOR KEY SHARE SKIP LOCKED
    ) AS k ON true
ORDER BY a.pos;

-- name: idempotency_purge
-- one writes waits () -> (purged int)
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM idempotency_keys WHERE created_at < now() - interval '{KEY_HOURS} hours'
    ORDER BY created_at LIMIT {KEYS_PURGED} FOR UPDATE SKIP LOCKED
))
RETURNING 1;
