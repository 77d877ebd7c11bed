-- Orders. On SQLite a set is executed call by call inside one transaction, so parameters are plain values.
-- A block may hold several statements: the first that gives a row is the answer and those after it do not run.
-- So one guarded UPDATE decides, and the SELECT behind it finds the words: it reads what the row has become, because a
-- trigger of the database's owner may have suppressed the change or made another one of it, which is "unchanged". What
-- a block has written without a row to show for it is taken back.

-- list order: id int, origin point, destination point, distance int, status text, taker text?, created_at time,
--     updated_at time
-- list order_brief: distance int, id int, status text
-- list order_place: origin_lat float, origin_lng float, destination_lat float, destination_lng float, distance int

-- name: order_place
-- set writes (order_place) -> order_brief
INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES ($1, $2, $3, $4, $5);
SELECT distance, id, status FROM orders WHERE changes() > 0 AND id = last_insert_rowid();

-- name: order_take
-- set writes (id int, taker text?) -> (outcome text, holder text?)
UPDATE orders SET status = 'TAKEN', taker = $2, released_by = NULL, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id = $1 AND status = 'UNASSIGNED';
SELECT
    CASE
        WHEN status = 'TAKEN' AND (taker = $2 OR (changes() > 0 AND taker IS $2)) THEN 'done'
        WHEN changes() > 0 OR status = 'UNASSIGNED' THEN 'unchanged'
        ELSE 'taken'
    END AS outcome,
    NULL AS holder
FROM orders WHERE id = $1;
SELECT 'missing' AS outcome, NULL AS holder;

-- name: order_release
-- set writes (id int, taker text?) -> (outcome text, holder text?)
UPDATE orders SET status = 'UNASSIGNED', taker = NULL, released_by = $2,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id = $1 AND status = 'TAKEN' AND taker IS $2;
SELECT
    CASE
        WHEN status = 'UNASSIGNED' AND taker IS NULL AND (released_by = $2 OR changes() > 0) THEN 'done'
        WHEN changes() > 0 THEN 'unchanged'
        WHEN status = 'UNASSIGNED' THEN 'unassigned'
        WHEN status = 'DELIVERED' THEN 'delivered'
        WHEN taker IS $2 THEN 'unchanged'
        ELSE 'held'
    END AS outcome,
    taker AS holder
FROM orders WHERE id = $1;
SELECT 'missing' AS outcome, NULL AS holder;

-- name: order_deliver
-- set writes (id int, taker text?) -> (outcome text, holder text?)
UPDATE orders SET status = 'DELIVERED', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id = $1 AND status = 'TAKEN' AND taker IS $2;
SELECT
    CASE
        WHEN status = 'DELIVERED' AND (taker = $2 OR (changes() > 0 AND taker IS $2)) THEN 'done'
        WHEN changes() > 0 THEN 'unchanged'
        WHEN status = 'DELIVERED' THEN 'delivered'
        WHEN status = 'UNASSIGNED' THEN 'unassigned'
        WHEN taker IS $2 THEN 'unchanged'
        ELSE 'held'
    END AS outcome,
    taker AS holder
FROM orders WHERE id = $1;
SELECT 'missing' AS outcome, NULL AS holder;

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
        distance, status, taker, released_by, created_at, updated_at) AS guard
FROM orders WHERE id = $1;

-- name: order_change_if
-- one writes waits (id int, taker text?, status text, guard text) -> (outcome text, holder text?)
UPDATE orders SET status = $3,
    taker = CASE $3 WHEN 'TAKEN' THEN $2 WHEN 'DELIVERED' THEN taker END,
    released_by = CASE $3 WHEN 'UNASSIGNED' THEN $2 WHEN 'DELIVERED' THEN released_by END,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id = $1
    AND $4 IN ('*', json_array(quote(origin_lat), quote(origin_lng), quote(destination_lat), quote(destination_lng),
        distance, status, taker, released_by, created_at, updated_at))
    AND CASE $3 WHEN 'TAKEN' THEN status = 'UNASSIGNED' ELSE status = 'TAKEN' AND taker IS $2 END;
SELECT
    CASE
        WHEN changes() > 0 AND status = $3 AND taker IS CASE WHEN $3 <> 'UNASSIGNED' THEN $2 END THEN 'done'
        WHEN changes() > 0 THEN 'unchanged'
        WHEN status = $3 AND CASE $3 WHEN 'UNASSIGNED' THEN released_by ELSE taker END = $2 THEN 'done'
        WHEN status <> 'UNASSIGNED' AND $3 = 'TAKEN' THEN 'taken'
        WHEN status = 'UNASSIGNED' AND $3 <> 'TAKEN' THEN 'unassigned'
        WHEN status = 'DELIVERED' THEN 'delivered'
        WHEN status = 'TAKEN' AND taker IS NOT $2 THEN 'held'
        ELSE 'unchanged'
    END AS outcome,
    taker AS holder
FROM orders
WHERE id = $1 AND (changes() > 0 OR $4 IN ('*', json_array(quote(origin_lat), quote(origin_lng),
    quote(destination_lat), quote(destination_lng), distance, status, taker, released_by, created_at, updated_at)));
SELECT 'missing' AS outcome, NULL AS holder WHERE $4 = '' AND NOT EXISTS (SELECT 1 FROM orders WHERE id = $1);

-- name: order_page
-- one (limit int, offset int) -> order_brief
SELECT distance, id, status FROM orders ORDER BY id DESC LIMIT $1 OFFSET $2;

-- name: order_before
-- one (limit int, before int) -> order_brief
SELECT distance, id, status FROM orders WHERE id < $2 ORDER BY id DESC LIMIT $1;

-- name: order_board
-- one (limit int, before int) -> order
SELECT {order} FROM orders WHERE id < $2 ORDER BY id DESC LIMIT $1;

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
