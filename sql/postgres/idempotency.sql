-- Idempotency keys. The statements that write them stand with what they place: order_place_once, message_send_once.

-- The answer that a key has, for what is costly to find out before the record is placed. The row is locked, for the
-- reason that stands in orders.sql: "again" when somebody holds it.
-- name: idempotency_recall
SELECT a.pos,
    CASE WHEN k.answer IS NULL THEN 'again' WHEN k.fingerprint = a.fingerprint THEN 'done' ELSE 'other' END AS outcome,
    k.answer
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (scope, key, fingerprint, pos)
    JOIN idempotency_keys AS s ON s.scope = a.scope AND s.key = a.key AND s.created_at >= now() - interval '24 hours'
    LEFT JOIN LATERAL (
        SELECT k.fingerprint, k.answer FROM idempotency_keys AS k
        WHERE k.scope = a.scope AND k.key = a.key AND k.created_at >= now() - interval '24 hours'
        FOR KEY SHARE SKIP LOCKED
    ) AS k ON true
ORDER BY a.pos;

-- name: idempotency_purge
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM idempotency_keys WHERE created_at < now() - interval '24 hours'
    ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
))
RETURNING 1;
