-- Idempotency keys. The statements that write them stand with what they place: order_place_once, message_send_once.

-- The answer that a key has, for what is costly to find out before the record is placed. The row is locked, for the
-- reason that stands in orders.sql: "again" when somebody holds it.
-- name: idempotency_recall
WITH asked AS MATERIALIZED (
    SELECT a.* FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (scope, key, fingerprint, pos)
), seen AS MATERIALIZED (
    SELECT a.pos, a.scope, a.key, a.fingerprint
    FROM asked AS a JOIN idempotency_keys AS k
        ON k.scope = a.scope AND k.key = a.key AND k.created_at >= now() - interval '24 hours'
), known AS MATERIALIZED (
    SELECT k.scope, k.key, k.fingerprint, k.answer
    FROM (SELECT DISTINCT s.scope, s.key FROM seen AS s) AS s JOIN idempotency_keys AS k
        ON k.scope = s.scope AND k.key = s.key AND k.created_at >= now() - interval '24 hours'
    FOR KEY SHARE OF k SKIP LOCKED
)
SELECT s.pos,
    CASE WHEN k.key IS NULL THEN 'again' WHEN k.fingerprint = s.fingerprint THEN 'done' ELSE 'other' END AS outcome,
    k.answer
FROM seen AS s LEFT JOIN known AS k ON k.scope = s.scope AND k.key = s.key
ORDER BY s.pos;

-- name: idempotency_purge
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM idempotency_keys WHERE created_at < now() - interval '24 hours'
    ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
))
RETURNING 1;
