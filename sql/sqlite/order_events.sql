-- The journal of orders as a feed (core/feed.h). One writes at a time, so rows are in the order in which they were committed.

-- constant EVENTS_PURGED 2000

-- The place behind which the newest rows stand, as many as are asked for; no row: there are no more than that.
-- name: order_events_start
-- one (count int) -> (xid int, number int)
SELECT 0 AS xid, id AS number FROM order_events ORDER BY id DESC LIMIT 1 OFFSET $1;

-- From a place on, with the row that it names.
-- name: order_events_from
-- one (xid int, number int, count int) -> (id int, status text?, taker text?, by text?, distance int?, claim int?,
--     lease_until time?, at time) and (origin_lat float?, origin_lng float?, destination_lat float?, destination_lng float?,
--     event text, xid int, number int, held bool)
SELECT order_id AS id,
    CASE event WHEN 'taken' THEN 'TAKEN' WHEN 'delivered' THEN 'DELIVERED' WHEN 'deleted' THEN NULL ELSE 'UNASSIGNED' END
        AS status,
    CASE WHEN event IN ('taken', 'delivered') THEN taker END AS taker,
    taker AS by, distance, claim, lease_until, at,
    origin_lat, origin_lng, destination_lat, destination_lng,
    event, 0 AS xid, e.id AS number, 0 AS held
FROM order_events AS e WHERE e.id >= $2 AND $1 = 0 ORDER BY e.id LIMIT $3;

-- From the oldest on, as far as all are old enough; the newest stays, so that who has read it knows that nothing is missing.
-- name: order_events_purge
-- one writes waits (days int) -> (purged int)
WITH first AS MATERIALIZED (SELECT id, at FROM order_events ORDER BY id LIMIT {EVENTS_PURGED})
DELETE FROM order_events
WHERE id <= (SELECT max(id) FROM first)
    AND id < (SELECT max(id) FROM order_events)
    AND id < coalesce(
        (SELECT min(id) FROM first WHERE at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || $1 || ' days')), 9223372036854775807)
RETURNING 1 AS purged;
