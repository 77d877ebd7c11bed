-- Orders. The statements that change or read by id are set statements: each parameter is an array with one
-- element a call, and each row of the answer names the position (from 1) of the call that it answers.
--
-- How a set stays exact: rows are locked by id alone, in id order, without waiting; the status that decides is
-- that of the locked row; two calls for one id are settled by position. NO KEY UPDATE, because FOR UPDATE
-- would collide with the foreign-key checks of others.
--
-- "done" is said of what a row shows that this statement changed or locked, never of what was only read. What was read
-- may be another transaction's that a synchronous standby does not have: its wait for the standby was ended, or
-- PostgreSQL has been started again meanwhile. A lock is written to the WAL, so the commit behind "done" waits for all
-- that was committed before. And a trigger of the database's owner may suppress a change or make another one of it:
-- that is "unchanged".
--
-- An order whose lease has ended counts as free from that moment on, whether or not order_expire has seen it: each
-- statement reads its status as "UNASSIGNED". The time is the database's. Each acquisition has the next number ("claim").

-- list order: id int, origin point, destination point, distance int, status text, taker text?, created_at time,
--     updated_at time, claim int, lease_until time?
-- list order_brief: distance int, id int, status text
-- list order_near: order, distance_to_origin int
-- list order_event: id int, event text, taker text?, claim int?, lease_until time?, at time
-- list order_place: origin_lat float, origin_lng float, destination_lat float, destination_lng float, distance int

-- text: order_as_json
id bigint, origin_lat float8, origin_lng float8, destination_lat float8, destination_lng float8, distance bigint, status text,
    taker text, created_at timestamptz, updated_at timestamptz, claim bigint, lease_until timestamptz

-- The transaction has its number before an order has: claims wait with the front for transactions that are under way, and
-- know those by their numbers only (0013_orders_front.sql).
-- name: order_place
-- set writes apart (order_place) -> order_brief
WITH begun AS MATERIALIZED (
    SELECT pg_current_xact_id() AS number
), asked AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('orders', 'id')) AS id, a.*
    FROM unnest($1::float8[], $2::float8[], $3::float8[], $4::float8[], $5::bigint[])
        WITH ORDINALITY AS a (origin_lat, origin_lng, destination_lat, destination_lng, distance, pos)
    WHERE (SELECT b.number FROM begun AS b) IS NOT NULL
), placed AS (
    INSERT INTO orders (id, origin_lat, origin_lng, destination_lat, destination_lng, distance)
    SELECT id, origin_lat, origin_lng, destination_lat, destination_lng, distance FROM asked
    RETURNING id, distance, status
)
SELECT a.pos, p.distance, p.id, p.status
FROM asked AS a JOIN placed AS p ON p.id = a.id
ORDER BY a.pos;

-- Only what looks free is locked, or held by the one who asks for it again, so that those who ask for what another has
-- taken are not in the holder's way; what it is then is tested on the locked row.
-- name: order_take
-- set writes (id int, taker text?) -> (outcome text, holder text?) and (age float?)
WITH seen AS MATERIALIZED (
    SELECT o.id, o.taker,
        CASE WHEN o.lease_until <= now() AND o.status = 'TAKEN' THEN 'UNASSIGNED' ELSE o.status END AS status
    FROM orders AS o WHERE o.id = ANY ($1::bigint[])
), asked AS MATERIALIZED (
    SELECT a.id, a.taker, a.pos, s.status, s.taker AS holder
    FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS a (id, taker, pos) LEFT JOIN seen AS s ON s.id = a.id
), locked AS MATERIALIZED (
    SELECT o.id, o.taker,
        CASE WHEN o.lease_until <= now() AND o.status = 'TAKEN' THEN 'UNASSIGNED' ELSE o.status END AS status
    FROM orders AS o
    WHERE o.id = ANY (ARRAY(
        SELECT a.id FROM asked AS a WHERE a.status = 'UNASSIGNED' OR (a.status = 'TAKEN' AND a.holder = a.taker)
    ))
    ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED
), winner AS MATERIALIZED (
    SELECT DISTINCT ON (a.id) a.id, a.taker, a.pos
    FROM asked AS a JOIN locked AS l ON l.id = a.id
    WHERE l.status = 'UNASSIGNED' ORDER BY a.id, a.pos
), changed AS (
    UPDATE orders AS o SET status = 'TAKEN', taker = w.taker, released_by = NULL, claim = o.claim + 1,
        lease_until = NULL, updated_at = now()
    FROM winner AS w WHERE o.id = w.id
    RETURNING o.id, o.status = 'TAKEN' AND o.taker IS NOT DISTINCT FROM w.taker AS done, w.pos, w.taker, o.created_at
)
SELECT a.pos,
    CASE
        WHEN c.done AND (c.pos = a.pos OR c.taker = a.taker) THEN 'done'
        WHEN c.done THEN 'taken'
        WHEN l.status = 'UNASSIGNED' THEN 'unchanged'
        WHEN l.status = 'TAKEN' AND l.taker = a.taker THEN 'done'
        WHEN l.id IS NOT NULL THEN 'taken'
        WHEN a.status = 'UNASSIGNED' OR (a.status = 'TAKEN' AND a.holder = a.taker) THEN 'occupied'
        WHEN a.status IS NOT NULL THEN 'taken'
        ELSE 'missing'
    END AS outcome,
    NULL AS holder,
    CASE WHEN c.pos = a.pos THEN date_part('epoch', now()) - date_part('epoch', c.created_at) END AS age
FROM asked AS a LEFT JOIN locked AS l ON l.id = a.id LEFT JOIN changed AS c ON c.id = a.id
ORDER BY a.pos;

-- A take with a lease; and by "claim" or by his name, the holder's wish for a longer one. $4, the acquisition that is meant,
-- keeps this from being a new one.
-- name: order_lease
-- set writes (id int, taker text?, lease int?, claim int?) -> (outcome text, holder text?, claim int?, lease_until time?)
WITH seen AS MATERIALIZED (
    SELECT o.id, o.taker, o.claim,
        CASE WHEN o.lease_until <= now() AND o.status = 'TAKEN' THEN 'UNASSIGNED' ELSE o.status END AS status
    FROM orders AS o WHERE o.id = ANY ($1::bigint[])
), asked AS MATERIALIZED (
    SELECT a.id, a.taker, a.lease, a.claim, a.pos, s.status, s.claim AS current,
        CASE s.status
            WHEN 'UNASSIGNED' THEN a.claim IS NULL
            WHEN 'TAKEN' THEN s.taker IS NOT DISTINCT FROM a.taker AND coalesce(a.claim = s.claim, a.taker IS NOT NULL)
        END AS hopeful
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS a (id, taker, lease, claim, pos)
        LEFT JOIN seen AS s ON s.id = a.id
), locked AS MATERIALIZED (
    SELECT o.id, o.taker, o.claim,
        CASE WHEN o.lease_until <= now() AND o.status = 'TAKEN' THEN 'UNASSIGNED' ELSE o.status END AS status
    FROM orders AS o
    WHERE o.id = ANY (ARRAY(SELECT a.id FROM asked AS a WHERE a.hopeful)) ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED
), able AS MATERIALIZED (
    SELECT a.id, a.taker, a.lease, a.pos, l.status = 'UNASSIGNED' AS acquires
    FROM asked AS a JOIN locked AS l ON l.id = a.id
    WHERE CASE l.status
        WHEN 'UNASSIGNED' THEN a.claim IS NULL
        WHEN 'TAKEN' THEN l.taker IS NOT DISTINCT FROM a.taker AND coalesce(a.claim = l.claim, a.taker IS NOT NULL)
    END
), winner AS MATERIALIZED (
    SELECT DISTINCT ON (a.id) a.* FROM able AS a ORDER BY a.id, a.pos
), changed AS (
    UPDATE orders AS o SET status = 'TAKEN', taker = w.taker, released_by = NULL,
        claim = CASE WHEN w.acquires THEN o.claim + 1 ELSE o.claim END,
        lease_until = greatest(CASE WHEN NOT w.acquires THEN o.lease_until END, now() + w.lease * interval '1 second'),
        updated_at = now()
    FROM winner AS w WHERE o.id = w.id
    RETURNING o.id, o.status = 'TAKEN' AND o.taker IS NOT DISTINCT FROM w.taker AS done, w.pos, w.taker, o.claim, o.lease_until
)
SELECT a.pos,
    CASE
        WHEN a.status IS NULL THEN 'missing'
        WHEN c.done AND c.pos = a.pos THEN 'done'
        WHEN a.claim <> coalesce(c.claim, l.claim, a.current) THEN 'stale'
        WHEN a.claim IS NOT NULL AND coalesce(l.status, a.status) <> 'TAKEN' THEN 'stale'
        WHEN c.done AND c.taker IS NOT DISTINCT FROM a.taker AND (a.taker IS NOT NULL OR a.claim IS NOT NULL) THEN 'done'
        WHEN c.done THEN 'taken'
        WHEN b.id IS NOT NULL THEN 'unchanged'
        WHEN l.id IS NULL AND a.hopeful THEN 'occupied'
        ELSE 'taken'
    END AS outcome,
    NULL AS holder, c.claim, c.lease_until
FROM asked AS a LEFT JOIN locked AS l ON l.id = a.id LEFT JOIN changed AS c ON c.id = a.id
    LEFT JOIN able AS b ON b.pos = a.pos
ORDER BY a.pos;

-- name: order_release
-- set writes (id int, taker text?, claim int?) -> (outcome text, holder text?)
WITH asked AS MATERIALIZED (
    SELECT a.id, a.taker, a.claim, a.pos
    FROM unnest($1::bigint[], $2::text[], $3::bigint[]) WITH ORDINALITY AS a (id, taker, claim, pos)
), locked AS MATERIALIZED (
    SELECT o.id, o.taker, o.released_by, o.claim,
        CASE WHEN o.lease_until <= now() AND o.status = 'TAKEN' THEN 'UNASSIGNED' ELSE o.status END AS status
    FROM orders AS o
    WHERE o.id = ANY ($1::bigint[]) ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED
), winner AS MATERIALIZED (
    SELECT DISTINCT ON (a.id) a.id, a.taker, a.pos
    FROM asked AS a JOIN locked AS l ON l.id = a.id
    WHERE l.status = 'TAKEN' AND l.taker IS NOT DISTINCT FROM a.taker AND coalesce(a.claim = l.claim, true)
    ORDER BY a.id, a.pos
), changed AS (
    UPDATE orders AS o SET status = 'UNASSIGNED', taker = NULL, released_by = w.taker, lease_until = NULL,
        updated_at = now()
    FROM winner AS w WHERE o.id = w.id
    RETURNING o.id, o.status = 'UNASSIGNED' AND o.taker IS NULL AS done, w.pos, w.taker
)
SELECT a.pos,
    CASE
        WHEN a.claim <> l.claim THEN 'stale'
        WHEN c.done AND (c.pos = a.pos OR (c.pos < a.pos AND c.taker = a.taker)) THEN 'done'
        WHEN c.done AND c.pos < a.pos THEN 'unassigned'
        WHEN l.status = 'TAKEN' AND l.taker IS NOT DISTINCT FROM a.taker THEN 'unchanged'
        WHEN l.status = 'UNASSIGNED' AND l.released_by = a.taker THEN 'done'
        WHEN l.status = 'UNASSIGNED' AND a.claim = l.claim THEN 'stale'
        WHEN l.status = 'UNASSIGNED' THEN 'unassigned'
        WHEN l.status = 'DELIVERED' THEN 'delivered'
        WHEN l.id IS NOT NULL THEN 'held'
        WHEN EXISTS (SELECT FROM orders AS o WHERE o.id = a.id) THEN 'occupied'
        ELSE 'missing'
    END AS outcome,
    l.taker AS holder
FROM asked AS a LEFT JOIN locked AS l ON l.id = a.id LEFT JOIN changed AS c ON c.id = a.id
ORDER BY a.pos;

-- name: order_deliver
-- set writes (id int, taker text?, claim int?) -> (outcome text, holder text?)
WITH asked AS MATERIALIZED (
    SELECT a.id, a.taker, a.claim, a.pos
    FROM unnest($1::bigint[], $2::text[], $3::bigint[]) WITH ORDINALITY AS a (id, taker, claim, pos)
), locked AS MATERIALIZED (
    SELECT o.id, o.taker, o.claim,
        CASE WHEN o.lease_until <= now() AND o.status = 'TAKEN' THEN 'UNASSIGNED' ELSE o.status END AS status
    FROM orders AS o
    WHERE o.id = ANY ($1::bigint[]) ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED
), winner AS MATERIALIZED (
    SELECT DISTINCT ON (a.id) a.id, a.taker, a.pos
    FROM asked AS a JOIN locked AS l ON l.id = a.id
    WHERE l.status = 'TAKEN' AND l.taker IS NOT DISTINCT FROM a.taker AND coalesce(a.claim = l.claim, true)
    ORDER BY a.id, a.pos
), changed AS (
    UPDATE orders AS o SET status = 'DELIVERED', lease_until = NULL, updated_at = now()
    FROM winner AS w WHERE o.id = w.id
    RETURNING o.id, o.status = 'DELIVERED' AND o.taker IS NOT DISTINCT FROM w.taker AS done, w.pos, w.taker
)
SELECT a.pos,
    CASE
        WHEN a.claim <> l.claim THEN 'stale'
        WHEN c.done AND (c.pos = a.pos OR (c.pos < a.pos AND c.taker = a.taker)) THEN 'done'
        WHEN c.done AND c.pos < a.pos THEN 'delivered'
        WHEN l.status = 'TAKEN' AND l.taker IS NOT DISTINCT FROM a.taker THEN 'unchanged'
        WHEN l.status = 'DELIVERED' AND l.taker = a.taker THEN 'done'
        WHEN l.status = 'DELIVERED' THEN 'delivered'
        WHEN l.status = 'UNASSIGNED' AND a.claim = l.claim THEN 'stale'
        WHEN l.status = 'UNASSIGNED' THEN 'unassigned'
        WHEN l.id IS NOT NULL THEN 'held'
        WHEN EXISTS (SELECT FROM orders AS o WHERE o.id = a.id) THEN 'occupied'
        ELSE 'missing'
    END AS outcome,
    l.taker AS holder
FROM asked AS a LEFT JOIN locked AS l ON l.id = a.id LEFT JOIN changed AS c ON c.id = a.id
ORDER BY a.pos;

-- The oldest free orders, so many for each call, each for one call only: what is found is numbered, and so are the places
-- to fill. Those that are free for the first time are looked for from the front on, where none can be below; those that are
-- free again are few, and stand in an index of their own (0013_orders_front.sql). Of what has expired only as much is locked
-- as may be among the oldest. The array keeps the plan from expecting all that a LIMIT which it does not know may let through.
-- The last LIMIT limits nothing: it says what was seen, also when that is nothing.
-- name: order_claim
-- set writes apart (taker text, limit int, lease int?) -> order
WITH place AS MATERIALIZED (
    SELECT a.taker, a.lease, a.pos, row_number() OVER (ORDER BY a.pos) AS number
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS a (taker, wanted, lease, pos)
        CROSS JOIN LATERAL generate_series(1, a.wanted) AS n
), front AS MATERIALIZED (
    SELECT f.last_value AS id, orders_lease_from() AS ended FROM orders_front AS f
), again AS MATERIALIZED (
    SELECT o.id FROM orders AS o WHERE o.status = 'UNASSIGNED' AND o.claim > 0 AND o.id < (SELECT f.id FROM front AS f)
    ORDER BY o.id LIMIT (SELECT count(*) FROM place) FOR NO KEY UPDATE SKIP LOCKED
), fresh AS MATERIALIZED (
    SELECT o.id FROM orders AS o WHERE o.status = 'UNASSIGNED' AND o.id >= (SELECT f.id FROM front AS f)
    ORDER BY o.id LIMIT (SELECT count(*) FROM place) - (SELECT count(*) FROM again) FOR NO KEY UPDATE SKIP LOCKED
), free AS MATERIALIZED (
    SELECT a.* FROM again AS a UNION ALL SELECT f.* FROM fresh AS f
), expired AS MATERIALIZED (
    SELECT o.id FROM orders AS o
    WHERE o.status = 'TAKEN' AND o.lease_until <= now() AND o.lease_until >= (SELECT f.ended FROM front AS f)
        AND ((SELECT count(*) FROM free) < (SELECT count(*) FROM place) OR o.id < (SELECT max(f.id) FROM free AS f))
    ORDER BY o.id LIMIT (SELECT count(*) FROM place) FOR NO KEY UPDATE SKIP LOCKED
), found AS MATERIALIZED (
    SELECT f.id, row_number() OVER (ORDER BY f.id) AS number
    FROM (SELECT f.id FROM free AS f UNION ALL SELECT e.id FROM expired AS e) AS f
), winner AS MATERIALIZED (
    SELECT f.id, p.taker, p.lease, p.pos FROM place AS p JOIN found AS f ON f.number = p.number
), changed AS (
    UPDATE orders AS o SET status = 'TAKEN', taker = w.taker, released_by = NULL, claim = o.claim + 1,
        lease_until = now() + w.lease * interval '1 second', updated_at = now()
    FROM winner AS w WHERE o.id = w.id AND o.id = ANY (ARRAY(SELECT w.id FROM winner AS w))
    RETURNING {o.order}, w.pos, o.status = 'TAKEN' AND o.taker = w.taker AS done
)
SELECT c.pos, {c.order} FROM changed AS c WHERE c.done ORDER BY c.pos, c.id
LIMIT (
    SELECT CASE WHEN (SELECT count(*) FROM again) < (SELECT count(*) FROM place)
        THEN orders_front_seen((SELECT min(f.id) FROM fresh AS f), pg_snapshot_xmin(pg_current_snapshot())) END
)
OFFSET (
    SELECT CASE WHEN f.ended < now() - interval '250 ms' THEN orders_lease_seen(pg_snapshot_xmin(pg_current_snapshot())) END
    FROM front AS f
);

-- The same with an Idempotency-Key; see order_place_once. The answer of a key is what the orders are going to be, as an array
-- of JSON: also when it is empty, in a row without an order. The rows of orders are locked before, so it is true, or the
-- statement ends.
-- name: order_claim_once
-- set writes waits (taker text, limit int, lease int?, key) -> order and (outcome text)
WITH asked AS MATERIALIZED (
    SELECT a.* FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY
        AS a (taker, wanted, lease, scope, key, fingerprint, pos)
), first AS MATERIALIZED (
    SELECT DISTINCT ON (a.scope, a.key) a.*, k.key IS NULL AS new
    FROM asked AS a LEFT JOIN idempotency_keys AS k
        ON k.scope = a.scope AND k.key = a.key AND k.created_at >= now() - interval '{KEY_HOURS} hours'
    ORDER BY a.scope, a.key, a.pos
), known AS MATERIALIZED (
    SELECT f.scope, f.key, k.fingerprint, k.answer
    FROM first AS f CROSS JOIN LATERAL (
        SELECT k.fingerprint, k.answer FROM idempotency_keys AS k
        WHERE k.scope = f.scope AND k.key = f.key AND k.created_at >= now() - interval '{KEY_HOURS} hours'
        FOR KEY SHARE SKIP LOCKED
    ) AS k
    WHERE NOT f.new
), place AS MATERIALIZED (
    SELECT f.taker, f.lease, f.pos, row_number() OVER (ORDER BY f.pos) AS number
    FROM first AS f CROSS JOIN LATERAL generate_series(1, f.wanted) AS n WHERE f.new
), front AS MATERIALIZED (
    SELECT f.last_value AS id, orders_lease_from() AS ended FROM orders_front AS f
), again AS MATERIALIZED (
    SELECT {o.order} FROM orders AS o WHERE o.status = 'UNASSIGNED' AND o.claim > 0 AND o.id < (SELECT f.id FROM front AS f)
    ORDER BY o.id LIMIT (SELECT count(*) FROM place) FOR NO KEY UPDATE SKIP LOCKED
), fresh AS MATERIALIZED (
    SELECT {o.order} FROM orders AS o WHERE o.status = 'UNASSIGNED' AND o.id >= (SELECT f.id FROM front AS f)
    ORDER BY o.id LIMIT (SELECT count(*) FROM place) - (SELECT count(*) FROM again) FOR NO KEY UPDATE SKIP LOCKED
), free AS MATERIALIZED (
    SELECT a.* FROM again AS a UNION ALL SELECT f.* FROM fresh AS f
), expired AS MATERIALIZED (
    SELECT {o.order} FROM orders AS o
    WHERE o.status = 'TAKEN' AND o.lease_until <= now() AND o.lease_until >= (SELECT f.ended FROM front AS f)
        AND ((SELECT count(*) FROM free) < (SELECT count(*) FROM place) OR o.id < (SELECT max(f.id) FROM free AS f))
    ORDER BY o.id LIMIT (SELECT count(*) FROM place) FOR NO KEY UPDATE SKIP LOCKED
), found AS MATERIALIZED (
    SELECT f.*, row_number() OVER (ORDER BY f.id) AS number
    FROM (SELECT f.* FROM free AS f UNION ALL SELECT e.* FROM expired AS e) AS f
), winner AS MATERIALIZED (
    SELECT f.id, f.origin_lat, f.origin_lng, f.destination_lat, f.destination_lng, f.distance, 'TAKEN' AS status, p.taker,
        f.created_at, now() AS updated_at, f.claim + 1 AS claim, now() + p.lease * interval '1 second' AS lease_until, p.pos
    FROM place AS p JOIN found AS f ON f.number = p.number
), answered AS MATERIALIZED (
    SELECT w.pos, json_agg(row_to_json(r) ORDER BY w.id) AS answer
    FROM winner AS w CROSS JOIN LATERAL (SELECT {w.order}) AS r GROUP BY w.pos
), kept AS (
    INSERT INTO idempotency_keys AS k (scope, key, fingerprint, answer)
    SELECT f.scope, f.key, f.fingerprint, coalesce(w.answer, '[]')
    FROM first AS f LEFT JOIN answered AS w ON w.pos = f.pos WHERE f.new ORDER BY f.scope, f.key
    ON CONFLICT (scope, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = now()
        WHERE k.created_at < now() - interval '{KEY_HOURS} hours'
    RETURNING k.scope, k.key, k.answer
), owed AS MATERIALIZED (
    SELECT w.* FROM kept AS k JOIN first AS f ON f.scope = k.scope AND f.key = k.key JOIN winner AS w ON w.pos = f.pos
), changed AS (
    UPDATE orders AS o SET status = w.status, taker = w.taker, released_by = NULL, claim = w.claim,
        lease_until = w.lease_until, updated_at = w.updated_at
    FROM owed AS w WHERE o.id = w.id AND o.id = ANY (ARRAY(SELECT w.id FROM owed AS w))
    RETURNING o.id, o.status = w.status AND o.taker = w.taker AND o.claim = w.claim AS done
)
SELECT a.pos, {r.order},
    CASE
        WHEN (SELECT count(*) FROM owed) <> (SELECT count(*) FROM changed AS c WHERE c.done)
            THEN current_setting('rowlock.order_was_not_taken')
        WHEN k.key IS NOT NULL AND f.fingerprint = a.fingerprint THEN 'done'
        WHEN k.key IS NOT NULL THEN 'other'
        WHEN b.fingerprint = a.fingerprint THEN 'done'
        WHEN b.key IS NOT NULL THEN 'other'
        ELSE 'again'
    END AS outcome
FROM asked AS a LEFT JOIN first AS f ON f.scope = a.scope AND f.key = a.key
    LEFT JOIN kept AS k ON k.scope = a.scope AND k.key = a.key
    LEFT JOIN known AS b ON b.scope = a.scope AND b.key = a.key
    LEFT JOIN LATERAL ROWS FROM (
        json_to_recordset(CASE
            WHEN k.key IS NULL AND b.fingerprint = a.fingerprint THEN b.answer
            WHEN f.fingerprint = a.fingerprint THEN k.answer
        END::json)
            AS ({order_as_json})
    ) WITH ORDINALITY AS r ({order}, number) ON true
ORDER BY a.pos, r.number;

-- The free orders that are nearest to a point, so many for each call, one call after the other; see 0011_orders_near.sql.
-- name: order_claim_near
-- set writes heavy (taker text, limit int, lease int?, lat float, lng float, within int?) -> order_near
SELECT n.pos, {o.order}, round(12742017.6 * asin(sqrt(least(1, n.away))))::bigint AS distance_to_origin
FROM orders_claim_near($1::text[], $2::bigint[], $3::bigint[], $4::float8[], $5::float8[], $6::bigint[]) AS n
    CROSS JOIN LATERAL (SELECT (n.taken).*) AS o
WHERE o.status = 'TAKEN' AND o.taker = ($1::text[])[n.pos]
ORDER BY n.pos, n.away, o.id;

-- The same with an Idempotency-Key, in the order of keys, so that two sets wait for each other one way only. The answer is
-- kept as in order_claim_once.
-- name: order_claim_near_once
-- set writes waits heavy (taker text, limit int, lease int?, lat float, lng float, within int?, key) -> order_near and (outcome text)
SELECT a.pos, {r.order}, r.distance_to_origin, n.outcome
FROM (
        SELECT a.*
        FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::float8[], $5::float8[], $6::bigint[], $7::text[], $8::text[],
            $9::text[]) WITH ORDINALITY AS a (taker, wanted, lease, lat, lng, within, scope, key, fingerprint, pos)
        ORDER BY a.scope, a.key, a.pos
    ) AS a
    CROSS JOIN LATERAL orders_claim_near_once(a.taker, a.wanted, a.lease, a.lat, a.lng, a.within, a.scope, a.key,
        a.fingerprint, {KEY_HOURS}) AS n
    LEFT JOIN LATERAL ROWS FROM (
        json_to_recordset(n.answer) AS ({order_as_json}, distance_to_origin bigint)
    ) WITH ORDINALITY AS r ({order}, distance_to_origin, number) ON true
ORDER BY a.pos, r.number;

-- Makes visible that leases have ended. Now and then it looks from the beginning on; see 0015_fronts.sql.
-- constant ORDERS_EXPIRED 1000
-- name: order_expire
-- one writes () -> (expired int)
UPDATE orders SET status = 'UNASSIGNED', taker = NULL, released_by = NULL, lease_until = NULL, updated_at = now()
WHERE id = ANY (ARRAY(
    SELECT o.id FROM orders AS o
    WHERE o.status = 'TAKEN' AND o.lease_until <= now()
        AND o.lease_until >= CASE WHEN extract(epoch FROM now())::bigint % 10 > 0 THEN orders_lease_from() ELSE '-infinity' END
    ORDER BY o.lease_until LIMIT {ORDERS_EXPIRED} FOR NO KEY UPDATE SKIP LOCKED
))
RETURNING 1 AS expired;

-- Sets the front back where an order was missed; see 0013_orders_front.sql.
-- constant ORDERS_LOOKED_AT 100000
-- name: order_front
-- one writes (count int) -> (missed int)
SELECT f.missed FROM orders_front_look($1::bigint) AS f (missed) WHERE f.missed IS NOT NULL;

-- name: order_get
-- set (id int) -> order
SELECT a.pos, {o.order}
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN orders AS o ON o.id = a.id
ORDER BY a.pos;

-- A change that must find the order as it was read: $3 is the status wanted, $4 the guard, of all columns in their binary
-- form, "" for no order. It is one call, and follows the rules of the three above; no row says that the guard is another,
-- "unchanged" that the order has not become what was asked for, which is a trigger's doing.
-- name: order_guard
-- one (id int) -> order and (guard text)
SELECT {o.order}, encode(sha256(record_send(o)), 'hex') AS guard
FROM orders AS o WHERE o.id = $1::bigint;

-- name: order_change_if
-- one writes waits (id int, taker text?, status text, guard text, lease int?, claim int?)
--     -> (outcome text, holder text?, claim int?, lease_until time?)
WITH locked AS MATERIALIZED (
    SELECT o.id, o.taker, o.released_by, o.claim,
        CASE WHEN o.lease_until <= now() AND o.status = 'TAKEN' THEN 'UNASSIGNED' ELSE o.status END AS status
    FROM orders AS o
    WHERE o.id = $1::bigint AND $4::text IN ('*', encode(sha256(record_send(o)), 'hex')) FOR NO KEY UPDATE SKIP LOCKED
), changed AS (
    UPDATE orders AS o SET status = $3::text,
        taker = CASE $3::text WHEN 'TAKEN' THEN $2::text WHEN 'DELIVERED' THEN o.taker END,
        released_by = CASE $3::text WHEN 'UNASSIGNED' THEN $2::text WHEN 'DELIVERED' THEN o.released_by END,
        claim = CASE WHEN l.status = 'UNASSIGNED' THEN o.claim + 1 ELSE o.claim END,
        lease_until = CASE $3::text WHEN 'TAKEN' THEN
            greatest(CASE l.status WHEN 'TAKEN' THEN o.lease_until END, now() + $5::bigint * interval '1 second') END,
        updated_at = now()
    FROM locked AS l
    WHERE o.id = l.id AND ($6::bigint IS NULL OR ($6::bigint = l.claim AND l.status = 'TAKEN'))
        AND CASE $3::text || l.status
        WHEN 'TAKENUNASSIGNED' THEN true
        WHEN 'TAKENTAKEN' THEN l.taker IS NOT DISTINCT FROM $2::text
            AND coalesce($5::bigint, $6::bigint) IS NOT NULL AND coalesce($2::text, $6::bigint::text) IS NOT NULL
        ELSE l.status = 'TAKEN' AND l.taker IS NOT DISTINCT FROM $2::text
    END
    RETURNING o.id, o.claim, o.lease_until, o.status = $3::text
        AND o.taker IS NOT DISTINCT FROM CASE WHEN $3::text <> 'UNASSIGNED' THEN $2::text END AS done
)
SELECT
    CASE
        WHEN c.done THEN 'done'
        WHEN $6::bigint <> l.claim OR ($6::bigint = l.claim AND CASE $3::text
            WHEN 'TAKEN' THEN l.status <> 'TAKEN'
            WHEN 'UNASSIGNED' THEN l.status = 'UNASSIGNED' AND coalesce(l.released_by <> $2::text, true)
            ELSE l.status = 'UNASSIGNED'
        END) THEN 'stale'
        WHEN l.status = $3::text AND CASE $3::text WHEN 'UNASSIGNED' THEN l.released_by ELSE l.taker END = $2::text
            THEN 'done'
        WHEN l.status <> 'UNASSIGNED' AND $3::text = 'TAKEN' THEN 'taken'
        WHEN l.status = 'UNASSIGNED' AND $3::text <> 'TAKEN' THEN 'unassigned'
        WHEN l.status = 'DELIVERED' THEN 'delivered'
        WHEN l.status = 'TAKEN' AND l.taker IS DISTINCT FROM $2::text THEN 'held'
        ELSE 'unchanged'
    END AS outcome,
    l.taker AS holder, c.claim, c.lease_until
FROM locked AS l LEFT JOIN changed AS c ON c.id = l.id
UNION ALL
SELECT 'occupied', NULL, NULL, NULL FROM orders AS o
WHERE o.id = $1::bigint AND $4::text IN ('*', encode(sha256(record_send(o)), 'hex')) AND NOT EXISTS (SELECT FROM locked)
UNION ALL
SELECT 'missing', NULL, NULL, NULL WHERE $4::text = '' AND NOT EXISTS (SELECT FROM orders AS o WHERE o.id = $1::bigint);

-- name: order_page
-- one (limit int, offset int) -> order_brief
SELECT distance, id, status FROM orders ORDER BY id DESC LIMIT $1::bigint OFFSET $2::bigint;

-- name: order_before
-- one (limit int, before int) -> order_brief
SELECT distance, id, status FROM orders WHERE id < $2::bigint ORDER BY id DESC LIMIT $1::bigint;

-- name: order_board
-- one (limit int, before int) -> order
SELECT {order} FROM orders WHERE id < $2::bigint ORDER BY id DESC LIMIT $1::bigint;

-- name: order_free
-- one (limit int, before int) -> order_brief
SELECT distance, id, status FROM orders WHERE status = 'UNASSIGNED' AND id < $2::bigint ORDER BY id DESC LIMIT $1::bigint;

-- name: order_of
-- one (limit int, before int, taker text, status text) -> order_brief
SELECT distance, id, status FROM orders WHERE taker = $3::text AND status = $4::text AND id < $2::bigint
ORDER BY id DESC LIMIT $1::bigint;

-- name: order_history
-- one (limit int, before int, id int) -> order_event
SELECT {order_event} FROM order_events WHERE order_id = $3::bigint AND id < $2::bigint ORDER BY id DESC LIMIT $1::bigint;

-- name: order_any
-- command () -> (id int)
SELECT id FROM orders LIMIT 1;

-- name: order_seed
-- command writes (rows text) -> (stored int)
WITH added AS (
    INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance)
    SELECT (r ->> 0)::float8, (r ->> 1)::float8, (r ->> 2)::float8, (r ->> 3)::float8, (r ->> 4)::bigint
    FROM json_array_elements($1::json) AS r
    RETURNING 1
)
SELECT count(*) FROM added;

-- With an Idempotency-Key: the key and the answer are written in the same statement as the order. Of the calls of a set
-- that have the same key the first places it. Keys are inserted in order, so that two sets wait for each other one way
-- only. "again": another transaction has just written the key, and this snapshot does not see it yet, or somebody holds
-- the key's row. Who asks again locks that row, for the reason that stands above; KEY SHARE, so that those who do so at
-- once do not hinder each other.
--
-- The row of the key holds the columns of the answer as an object of JSON. The first answer is read from it like all that
-- repeat it, so they are the same.
--
-- An order that was not stored as its answer says ends the statement, or the key would stay with an answer that is not
-- true. SQL has no RAISE: asking for a setting that nobody has made is an error (42704) with a name in it for the log.
-- name: order_place_once
-- set writes waits (order_place, key) -> order_brief and (outcome text)
WITH asked AS MATERIALIZED (
    SELECT a.* FROM unnest($1::float8[], $2::float8[], $3::float8[], $4::float8[], $5::bigint[], $6::text[], $7::text[],
        $8::text[]) WITH ORDINALITY
        AS a (origin_lat, origin_lng, destination_lat, destination_lng, distance, scope, key, fingerprint, pos)
), first AS MATERIALIZED (
    SELECT DISTINCT ON (a.scope, a.key) a.* FROM asked AS a ORDER BY a.scope, a.key, a.pos
), begun AS MATERIALIZED (
    SELECT pg_current_xact_id() AS number
), numbered AS MATERIALIZED (
    SELECT f.*, CASE WHEN k.key IS NULL THEN nextval(pg_get_serial_sequence('orders', 'id')) END AS id
    FROM first AS f LEFT JOIN idempotency_keys AS k
        ON k.scope = f.scope AND k.key = f.key AND k.created_at >= now() - interval '{KEY_HOURS} hours'
    WHERE (SELECT b.number FROM begun AS b) IS NOT NULL
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
    FROM numbered AS n CROSS JOIN LATERAL (SELECT n.distance, n.id, 'UNASSIGNED' AS status) AS r
    WHERE n.id IS NOT NULL ORDER BY n.scope, n.key
    ON CONFLICT (scope, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = now()
        WHERE k.created_at < now() - interval '{KEY_HOURS} hours'
    RETURNING k.scope, k.key, k.answer
), placed AS (
    INSERT INTO orders (id, origin_lat, origin_lng, destination_lat, destination_lng, distance)
    SELECT n.id, n.origin_lat, n.origin_lng, n.destination_lat, n.destination_lng, n.distance
    FROM claimed AS c JOIN numbered AS n ON n.scope = c.scope AND n.key = c.key
    RETURNING id, distance, status
)
SELECT a.pos, r.distance, r.id, r.status,
    CASE
        WHEN c.key IS NOT NULL AND p.id IS NULL THEN current_setting('rowlock.order_was_not_stored')
        WHEN c.key IS NOT NULL AND n.fingerprint = a.fingerprint THEN 'done'
        WHEN c.key IS NOT NULL THEN 'other'
        WHEN k.fingerprint = a.fingerprint THEN 'done'
        WHEN k.key IS NOT NULL THEN 'other'
        ELSE 'again'
    END AS outcome
FROM asked AS a LEFT JOIN numbered AS n ON n.scope = a.scope AND n.key = a.key
    LEFT JOIN claimed AS c ON c.scope = a.scope AND c.key = a.key
    LEFT JOIN placed AS p ON p.id = n.id AND p.distance = n.distance AND p.status = 'UNASSIGNED'
    LEFT JOIN known AS k ON k.scope = a.scope AND k.key = a.key
    LEFT JOIN LATERAL json_to_record(coalesce(c.answer, CASE WHEN k.fingerprint = a.fingerprint THEN k.answer END)::json)
        AS r (distance bigint, id bigint, status text) ON true
ORDER BY a.pos;

-- The answer that a key has, for what is costly to find out before the order is placed. The row is locked as above: "again"
-- when somebody holds it.
-- name: order_recall
-- set writes (key) -> order_brief and (outcome text)
SELECT a.pos, r.distance, r.id, r.status,
    CASE WHEN k.answer IS NULL THEN 'again' WHEN k.fingerprint = a.fingerprint THEN 'done' ELSE 'other' END AS outcome
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (scope, key, fingerprint, pos)
    JOIN idempotency_keys AS s ON s.scope = a.scope AND s.key = a.key AND s.created_at >= now() - interval '{KEY_HOURS} hours'
    LEFT JOIN LATERAL (
        SELECT k.fingerprint, k.answer FROM idempotency_keys AS k
        WHERE k.scope = a.scope AND k.key = a.key AND k.created_at >= now() - interval '{KEY_HOURS} hours'
        FOR KEY SHARE SKIP LOCKED
    ) AS k ON true
    LEFT JOIN LATERAL json_to_record(CASE WHEN k.fingerprint = a.fingerprint THEN k.answer END::json)
        AS r (distance bigint, id bigint, status text) ON true
ORDER BY a.pos;
