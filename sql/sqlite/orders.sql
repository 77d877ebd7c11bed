-- Orders. On SQLite a set is executed call by call inside one transaction, so parameters are plain values.
-- A block may hold several statements: the first that gives a row is the answer and those after it do not run.
-- So one guarded UPDATE decides, and the SELECT behind it finds the words: it reads what the row has become, because a
-- trigger of the database's owner may have suppressed the change or made another one of it, which is "unchanged". What
-- a block has written without a row to show for it is taken back.
--
-- An order whose lease has ended counts as free from that moment on, whether or not order_expire has seen it. What becomes
-- of "now" within a statement is one moment.

-- list order: id int, origin point, destination point, distance int, status text, taker text?, created_at time,
--     updated_at time, claim int, lease_until time?
-- list order_near: order, distance_to_origin int
-- list order_event: id int, event text, taker text?, claim int?, lease_until time?, at time
-- list order_brief: distance int, id int, status text
-- list order_place: origin_lat float, origin_lng float, destination_lat float, destination_lng float, distance int

-- How far an origin is from $4, $5: the haversine of the angle.
-- text: away
pow(sin(radians(origin_lat - $4) / 2), 2) + cos(radians($4)) * cos(radians(origin_lat)) * pow(sin(radians(origin_lng - $5) / 2), 2)

-- The last claim of $1: each take has one event.
-- text: just_taken
status = 'TAKEN' AND taker = $1
    AND id IN (SELECT order_id FROM order_events WHERE event = 'taken' ORDER BY id DESC LIMIT changes())

-- Numbers are kept by quote, which keeps all of their digits.
-- text: order_to_json
'id', id, 'origin_lat', quote(origin_lat), 'origin_lng', quote(origin_lng), 'destination_lat', quote(destination_lat),
    'destination_lng', quote(destination_lng), 'distance', distance, 'status', status, 'taker', taker, 'created_at', created_at,
    'updated_at', updated_at, 'claim', claim, 'lease_until', lease_until

-- text: order_of_json
a.value ->> 'id' AS id, CAST(a.value ->> 'origin_lat' AS REAL) AS origin_lat, CAST(a.value ->> 'origin_lng' AS REAL) AS origin_lng,
    CAST(a.value ->> 'destination_lat' AS REAL) AS destination_lat, CAST(a.value ->> 'destination_lng' AS REAL) AS destination_lng,
    a.value ->> 'distance' AS distance, a.value ->> 'status' AS status, a.value ->> 'taker' AS taker,
    a.value ->> 'created_at' AS created_at, a.value ->> 'updated_at' AS updated_at, a.value ->> 'claim' AS claim,
    a.value ->> 'lease_until' AS lease_until

-- name: order_place
-- set writes apart (order_place) -> order_brief
INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES ($1, $2, $3, $4, $5);
SELECT distance, id, status FROM orders WHERE changes() > 0 AND id = last_insert_rowid();

-- name: order_take
-- set writes (id int, taker text?) -> (outcome text, holder text?) and (age float?)
UPDATE orders SET status = 'TAKEN', taker = $2, released_by = NULL, claim = claim + 1, lease_until = NULL,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id = $1 AND (status = 'UNASSIGNED' OR (status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
SELECT
    CASE
        WHEN status = 'TAKEN' AND (taker = $2 OR (changes() > 0 AND taker IS $2)) THEN 'done'
        WHEN changes() > 0 OR status = 'UNASSIGNED' THEN 'unchanged'
        ELSE 'taken'
    END AS outcome,
    NULL AS holder,
    CASE WHEN changes() > 0 THEN (julianday(updated_at) - julianday(created_at)) * 86400 END AS age
FROM orders WHERE id = $1;
SELECT 'missing' AS outcome, NULL AS holder, NULL AS age;

-- A take with a lease; and by "claim" or by his name, the holder's wish for a longer one. $4, the acquisition that is meant,
-- keeps this from being a new one.
-- name: order_lease
-- set writes (id int, taker text?, lease int?, claim int?) -> (outcome text, holder text?, claim int?, lease_until time?)
UPDATE orders SET status = 'TAKEN', taker = $2, released_by = NULL,
    claim = claim + (status = 'UNASSIGNED' OR coalesce(lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 0)),
    lease_until = CASE
        WHEN status = 'UNASSIGNED' OR lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now', $3 || ' seconds')
        ELSE coalesce(max(coalesce(lease_until, ''), strftime('%Y-%m-%dT%H:%M:%fZ', 'now', $3 || ' seconds')), lease_until)
    END,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id = $1 AND CASE
    WHEN status = 'UNASSIGNED' OR (status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) THEN $4 IS NULL
    ELSE status = 'TAKEN' AND taker IS $2 AND coalesce(claim = $4, $2 IS NOT NULL)
END;
SELECT
    CASE
        WHEN changes() > 0 AND status = 'TAKEN' AND taker IS $2 THEN 'done'
        WHEN changes() > 0 THEN 'unchanged'
        WHEN $4 <> claim OR ($4 = claim AND (status <> 'TAKEN' OR lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))) THEN 'stale'
        WHEN status = 'UNASSIGNED' OR lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN 'unchanged'
        ELSE 'taken'
    END AS outcome,
    NULL AS holder, claim, lease_until
FROM orders WHERE id = $1;
SELECT 'missing' AS outcome, NULL AS holder, NULL AS claim, NULL AS lease_until;

-- name: order_release
-- set writes (id int, taker text?, claim int?) -> (outcome text, holder text?)
UPDATE orders SET status = 'UNASSIGNED', taker = NULL, released_by = $2, lease_until = NULL,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id = $1 AND status = 'TAKEN' AND taker IS $2 AND coalesce(claim = $3, 1)
    AND (lease_until IS NULL OR lease_until > strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
SELECT
    CASE
        WHEN $3 <> claim THEN 'stale'
        WHEN status = 'UNASSIGNED' AND taker IS NULL AND (released_by = $2 OR changes() > 0) THEN 'done'
        WHEN changes() > 0 THEN 'unchanged'
        WHEN status = 'UNASSIGNED' OR (status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) THEN iif($3 IS NULL, 'unassigned', 'stale')
        WHEN status = 'DELIVERED' THEN 'delivered'
        WHEN taker IS $2 THEN 'unchanged'
        ELSE 'held'
    END AS outcome,
    taker AS holder
FROM orders WHERE id = $1;
SELECT 'missing' AS outcome, NULL AS holder;

-- name: order_deliver
-- set writes (id int, taker text?, claim int?) -> (outcome text, holder text?)
UPDATE orders SET status = 'DELIVERED', lease_until = NULL, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id = $1 AND status = 'TAKEN' AND taker IS $2 AND coalesce(claim = $3, 1)
    AND (lease_until IS NULL OR lease_until > strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
SELECT
    CASE
        WHEN $3 <> claim THEN 'stale'
        WHEN status = 'DELIVERED' AND (taker = $2 OR (changes() > 0 AND taker IS $2)) THEN 'done'
        WHEN changes() > 0 THEN 'unchanged'
        WHEN status = 'DELIVERED' THEN 'delivered'
        WHEN status = 'UNASSIGNED' OR (status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) THEN iif($3 IS NULL, 'unassigned', 'stale')
        WHEN taker IS $2 THEN 'unchanged'
        ELSE 'held'
    END AS outcome,
    taker AS holder
FROM orders WHERE id = $1;
SELECT 'missing' AS outcome, NULL AS holder;

-- The oldest free orders. Which were taken is what the journal says last.
-- text: oldest
UPDATE orders SET status = 'TAKEN', taker = $1, released_by = NULL, claim = claim + 1,
    lease_until = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', $3 || ' seconds'),
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id IN (
    SELECT id FROM (
        SELECT id FROM (SELECT id FROM orders WHERE status = 'UNASSIGNED' ORDER BY id LIMIT $2)
        UNION ALL SELECT id FROM orders WHERE status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    ) ORDER BY id LIMIT $2
)

-- name: order_claim
-- set writes apart (taker text, limit int, lease int?) -> order
{oldest};
SELECT {order} FROM orders WHERE {just_taken} ORDER BY id;

-- With an Idempotency-Key: the known answer, or what is taken now. An answer without orders is kept as well, in a row
-- without an order.
-- name: order_claim_once
-- set writes waits (taker text, limit int, lease int?, key) -> order and (outcome text)
DELETE FROM idempotency_keys
WHERE scope = $4 AND key = $5 AND created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{KEY_HOURS} hours');
SELECT {order_of_json}, iif(k.fingerprint = $6, 'done', 'other') AS outcome
FROM idempotency_keys AS k LEFT JOIN json_each(iif(k.fingerprint = $6, k.answer, '[]')) AS a
WHERE k.scope = $4 AND k.key = $5
ORDER BY a.key;
{oldest};
INSERT INTO idempotency_keys (scope, key, fingerprint, answer)
SELECT $4, $5, $6, json_group_array(json_object({order_to_json}))
FROM (SELECT * FROM orders WHERE {just_taken} ORDER BY id);
SELECT {order_of_json}, 'done' AS outcome
FROM idempotency_keys AS k LEFT JOIN json_each(k.answer) AS a
WHERE k.scope = $4 AND k.key = $5
ORDER BY a.key;

-- The free orders that are nearest to a point. They are looked for in a band of latitudes that grows until the circle in it
-- has enough of them; ids are what the one before had. What has expired is made free first, so that it is found like all that
-- is free. A circle is a hundredth of a millimetre wider than said, for rounding.
-- text: nearest
UPDATE orders SET status = 'UNASSIGNED', taker = NULL, released_by = NULL, lease_until = NULL,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now');
WITH RECURSIVE circle (radius, ids) AS (
    VALUES (0.0004, '[]')
    UNION ALL
    SELECT radius * 4, (
        SELECT json_group_array(id)
        FROM (
            SELECT id, {away} AS away FROM orders
            WHERE status = 'UNASSIGNED' AND origin_lat BETWEEN $4 - radius AND $4 + radius
            ORDER BY away, id LIMIT $2
        )
        WHERE away <= 1e-24 + min(pow(sin(radians(min(radius, 180)) / 2), 2), coalesce(pow(sin(min($6 / 12742017.6, pi() / 2)), 2), 1))
    )
    FROM circle WHERE json_array_length(ids) < $2 AND radius < 0.0008 + 4 * min(180, coalesce(degrees($6 / 6371008.8), 180))
)
UPDATE orders SET status = 'TAKEN', taker = $1, released_by = NULL, claim = claim + 1,
    lease_until = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', $3 || ' seconds'),
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id IN (SELECT value FROM json_each((SELECT ids FROM circle ORDER BY radius DESC LIMIT 1)))

-- text: just_taken_near
SELECT *, CAST(round(12742017.6 * asin(sqrt(min(1, away)))) AS INTEGER) AS distance_to_origin
FROM (SELECT *, {away} AS away FROM orders WHERE {just_taken})
ORDER BY away, id

-- name: order_claim_near
-- set writes heavy (taker text, limit int, lease int?, lat float, lng float, within int?) -> order_near
{nearest};
SELECT {order}, distance_to_origin FROM ({just_taken_near}) ORDER BY away, id;

-- name: order_claim_near_once
-- set writes waits heavy (taker text, limit int, lease int?, lat float, lng float, within int?, key) -> order_near and (outcome text)
DELETE FROM idempotency_keys
WHERE scope = $7 AND key = $8 AND created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{KEY_HOURS} hours');
SELECT {order_of_json}, a.value ->> 'distance_to_origin' AS distance_to_origin, iif(k.fingerprint = $9, 'done', 'other') AS outcome
FROM idempotency_keys AS k LEFT JOIN json_each(iif(k.fingerprint = $9, k.answer, '[]')) AS a
WHERE k.scope = $7 AND k.key = $8
ORDER BY a.key;
{nearest};
INSERT INTO idempotency_keys (scope, key, fingerprint, answer)
SELECT $7, $8, $9, json_group_array(json_object({order_to_json}, 'distance_to_origin', distance_to_origin))
FROM ({just_taken_near});
SELECT {order_of_json}, a.value ->> 'distance_to_origin' AS distance_to_origin, 'done' AS outcome
FROM idempotency_keys AS k LEFT JOIN json_each(k.answer) AS a
WHERE k.scope = $7 AND k.key = $8
ORDER BY a.key;

-- Makes visible that leases have ended.
-- constant ORDERS_EXPIRED 1000
-- name: order_expire
-- one writes () -> (expired int)
UPDATE orders SET status = 'UNASSIGNED', taker = NULL, released_by = NULL, lease_until = NULL,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id IN (
    SELECT id FROM orders WHERE status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    ORDER BY lease_until LIMIT {ORDERS_EXPIRED}
)
RETURNING 1 AS expired;

-- Nothing that is dead stands in an index, so claims begin at its beginning.
-- constant ORDERS_LOOKED_AT 100000
-- name: order_front
-- one writes (count int) -> (missed int)
SELECT $1 AS missed WHERE false;

-- name: order_get
-- set (id int) -> order
SELECT {order}
FROM orders WHERE id = $1;

-- A change that must find the order as it was read: $3 is the status wanted, $4 the guard, "" for no order; quote keeps
-- all digits of a number. It follows the rules of the three above; no row says that the guard is another, "unchanged"
-- that the order has not become what was asked for, which is a trigger's doing.
-- name: order_guard
-- one (id int) -> order and (guard text)
SELECT {order},
    json_array(quote(origin_lat), quote(origin_lng), quote(destination_lat), quote(destination_lng),
        distance, status, taker, released_by, created_at, updated_at, claim, lease_until) AS guard
FROM orders WHERE id = $1;

-- name: order_change_if
-- one writes waits (id int, taker text?, status text, guard text, lease int?, claim int?)
--     -> (outcome text, holder text?, claim int?, lease_until time?)
UPDATE orders SET status = $3,
    taker = CASE $3 WHEN 'TAKEN' THEN $2 WHEN 'DELIVERED' THEN taker END,
    released_by = CASE $3 WHEN 'UNASSIGNED' THEN $2 WHEN 'DELIVERED' THEN released_by END,
    claim = claim + ($3 = 'TAKEN' AND (status = 'UNASSIGNED' OR coalesce(lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 0))),
    lease_until = CASE WHEN $3 <> 'TAKEN' THEN NULL
        WHEN status = 'UNASSIGNED' OR lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now', $5 || ' seconds')
        ELSE coalesce(max(coalesce(lease_until, ''), strftime('%Y-%m-%dT%H:%M:%fZ', 'now', $5 || ' seconds')), lease_until)
    END,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id = $1
    AND $4 IN ('*', json_array(quote(origin_lat), quote(origin_lng), quote(destination_lat), quote(destination_lng),
        distance, status, taker, released_by, created_at, updated_at, claim, lease_until))
    AND CASE
        WHEN status = 'UNASSIGNED' OR (status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) THEN $3 = 'TAKEN' AND $6 IS NULL
        WHEN status = 'TAKEN' AND $3 = 'TAKEN'
            THEN taker IS $2 AND coalesce($5, $6) IS NOT NULL AND coalesce(claim = $6, $2 IS NOT NULL)
        ELSE status = 'TAKEN' AND taker IS $2 AND coalesce(claim = $6, 1)
    END;
SELECT
    CASE
        WHEN changes() > 0 AND status = $3 AND taker IS CASE WHEN $3 <> 'UNASSIGNED' THEN $2 END THEN 'done'
        WHEN changes() > 0 THEN 'unchanged'
        WHEN $6 <> claim OR ($6 = claim AND (status = 'UNASSIGNED' OR (status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
            OR (status = 'DELIVERED' AND $3 = 'TAKEN')) AND NOT ($3 = 'UNASSIGNED' AND coalesce(released_by = $2, 0))) THEN 'stale'
        WHEN status = 'TAKEN' AND lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN iif($3 = 'TAKEN', 'unchanged', 'unassigned')
        WHEN status = $3 AND CASE $3 WHEN 'UNASSIGNED' THEN released_by ELSE taker END = $2 THEN 'done'
        WHEN status <> 'UNASSIGNED' AND $3 = 'TAKEN' THEN 'taken'
        WHEN status = 'UNASSIGNED' AND $3 <> 'TAKEN' THEN 'unassigned'
        WHEN status = 'DELIVERED' THEN 'delivered'
        WHEN status = 'TAKEN' AND taker IS NOT $2 THEN 'held'
        ELSE 'unchanged'
    END AS outcome,
    taker AS holder, claim, lease_until
FROM orders
WHERE id = $1 AND (changes() > 0 OR $4 IN ('*', json_array(quote(origin_lat), quote(origin_lng), quote(destination_lat), quote(destination_lng),
        distance, status, taker, released_by, created_at, updated_at, claim, lease_until)));
SELECT 'missing' AS outcome, NULL AS holder, NULL AS claim, NULL AS lease_until
WHERE $4 = '' AND NOT EXISTS (SELECT 1 FROM orders WHERE id = $1);

-- name: order_page
-- one (limit int, offset int) -> order_brief
SELECT distance, id, status FROM orders ORDER BY id DESC LIMIT $1 OFFSET $2;

-- name: order_before
-- one (limit int, before int) -> order_brief
SELECT distance, id, status FROM orders WHERE id < $2 ORDER BY id DESC LIMIT $1;

-- name: order_board
-- one (limit int, before int) -> order
SELECT {order} FROM orders WHERE id < $2 ORDER BY id DESC LIMIT $1;

-- name: order_free
-- one (limit int, before int) -> order_brief
SELECT distance, id, status FROM orders WHERE status = 'UNASSIGNED' AND id < $2 ORDER BY id DESC LIMIT $1;

-- name: order_of
-- one (limit int, before int, taker text, status text) -> order_brief
SELECT distance, id, status FROM orders WHERE taker = $3 AND status = $4 AND id < $2 ORDER BY id DESC LIMIT $1;

-- name: order_history
-- one (limit int, before int, id int) -> order_event
SELECT {order_event} FROM order_events WHERE order_id = $3 AND id < $2 ORDER BY id DESC LIMIT $1;

-- name: order_any
-- command () -> (id int)
SELECT id FROM orders LIMIT 1;

-- name: order_seed
-- command writes (rows text) -> (stored int)
INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]')
FROM json_each($1);
SELECT changes();

-- With an Idempotency-Key: the known answer, or a new order and its answer. The row of the key holds the columns of the
-- answer as an object of JSON. The first answer is read from it like all that repeat it, so they are the same.
-- name: order_place_once
-- set writes waits (order_place, key) -> order_brief and (outcome text)
DELETE FROM idempotency_keys
WHERE scope = $6 AND key = $7 AND created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{KEY_HOURS} hours');
SELECT known ->> 'distance' AS distance, known ->> 'id' AS id, known ->> 'status' AS status,
    iif(known IS NULL, 'other', 'done') AS outcome
FROM (SELECT iif(fingerprint = $8, answer, NULL) AS known FROM idempotency_keys WHERE scope = $6 AND key = $7);
INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES ($1, $2, $3, $4, $5);
INSERT INTO idempotency_keys (scope, key, fingerprint, answer)
SELECT $6, $7, $8, json_object('distance', distance, 'id', id, 'status', status)
FROM orders WHERE changes() > 0 AND id = last_insert_rowid()
RETURNING answer ->> 'distance' AS distance, answer ->> 'id' AS id, answer ->> 'status' AS status, 'done' AS outcome;

-- The answer that a key has, for what is costly to find out before the order is placed.
-- name: order_recall
-- set writes (key) -> order_brief and (outcome text)
SELECT known ->> 'distance' AS distance, known ->> 'id' AS id, known ->> 'status' AS status,
    iif(known IS NULL, 'other', 'done') AS outcome
FROM (
    SELECT iif(fingerprint = $3, answer, NULL) AS known FROM idempotency_keys
    WHERE scope = $1 AND key = $2 AND created_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{KEY_HOURS} hours')
);
