-- The journal of orders as a feed (core/feed.h). Numbers of rows are not in the order in which transactions commit, so the
-- order is that of the transaction and the number, and it ends below the oldest transaction that is still open: nothing
-- comes late into what lies before that.

-- constant EVENTS_PURGED 2000

-- The place behind which the newest rows stand, as many as are asked for; no row: there are no more than that.
-- name: order_events_start
-- one (count int) -> (xid int, number int)
-- (The inner limit is more than is ever asked for: it tells the planner that it is few.)
SELECT xid::text AS xid, id AS number
FROM (
    SELECT xid, id FROM order_events WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid DESC, id DESC LIMIT 5000
) AS newest
ORDER BY newest.xid DESC, id DESC LIMIT 1 OFFSET $1::bigint;

-- From a place on, with the row that it names. held: there are rows that wait for an older transaction to end.
-- name: order_events_from
-- one (xid int, number int, count int) -> (id int, status text?, taker text?, by text?, distance int?, claim int?,
--     lease_until time?, at time) and (origin_lat float?, origin_lng float?, destination_lat float?, destination_lng float?,
--     event text, xid int, number int, held bool)
SELECT e.order_id AS id,
    CASE e.event WHEN 'taken' THEN 'TAKEN' WHEN 'delivered' THEN 'DELIVERED' WHEN 'deleted' THEN NULL ELSE 'UNASSIGNED' END
        AS status,
    CASE WHEN e.event IN ('taken', 'delivered') THEN e.taker END AS taker,
    e.taker AS by, e.distance, e.claim, e.lease_until, e.at,
    e.origin_lat, e.origin_lng, e.destination_lat, e.destination_lng,
    e.event, e.xid::text AS xid, e.id AS number,
    EXISTS (SELECT FROM order_events AS n WHERE n.xid >= pg_snapshot_xmin(pg_current_snapshot())) AS held
FROM order_events AS e
WHERE (e.xid, e.id) >= ($1::bigint::text::xid8, $2::bigint) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.xid, e.id LIMIT $3::bigint;

-- From the oldest on, as far as all are old enough; the newest stays, so that who has read it knows that nothing is missing.
-- name: order_events_purge
-- one writes waits (days int) -> (purged int)
DELETE FROM order_events AS e
USING (
    SELECT xid, id, bool_and(at < now() - make_interval(days => $1::bigint::int)) OVER (ORDER BY xid, id) AS old
    FROM (SELECT xid, id, at FROM order_events ORDER BY xid, id LIMIT {EVENTS_PURGED}) AS first
) AS f
WHERE f.old AND e.xid = f.xid AND e.id = f.id
    AND (f.xid, f.id) < (SELECT xid, id FROM order_events ORDER BY xid DESC, id DESC LIMIT 1)
RETURNING 1;
