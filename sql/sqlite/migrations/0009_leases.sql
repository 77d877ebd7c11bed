-- Leases of orders, the number of each acquisition, and a journal that says what an order was then.
-- By hand:  sqlite3 rowlock.db < 0009_leases.sql

DROP TRIGGER order_events_insert;
DROP TRIGGER order_events_update;
DROP TRIGGER order_events_delete;

ALTER TABLE orders ADD COLUMN claim INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN lease_until TEXT;

-- SQLite cannot change the constraint of a table: it is made anew.
ALTER TABLE order_events RENAME TO order_events_before_leases;
CREATE TABLE order_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('placed', 'taken', 'released', 'delivered', 'expired', 'deleted')),
    taker TEXT,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    claim INTEGER,
    lease_until TEXT,
    distance INTEGER,
    origin_lat REAL,
    origin_lng REAL,
    destination_lat REAL,
    destination_lng REAL
) STRICT;
INSERT INTO order_events (id, order_id, event, taker, at)
SELECT id, order_id, event, taker, at FROM order_events_before_leases;
DROP TABLE order_events_before_leases;

CREATE TRIGGER order_events_insert AFTER INSERT ON orders BEGIN
    INSERT INTO order_events (order_id, event, taker, claim, distance, origin_lat, origin_lng, destination_lat, destination_lng)
    VALUES (new.id, 'placed', new.taker, new.claim, new.distance, new.origin_lat, new.origin_lng, new.destination_lat,
        new.destination_lng);
END;

-- Who takes an order whose lease has ended makes two events, in this order. An acquisition that the one who made it did
-- not count (by hand, or a server that does not know of them) is counted here.
CREATE TRIGGER order_events_update AFTER UPDATE ON orders
WHEN new.status <> old.status OR (new.status = 'TAKEN' AND (new.taker IS NOT old.taker OR new.claim <> old.claim)) BEGIN
    INSERT INTO order_events (order_id, event, taker, claim, lease_until, distance)
    SELECT new.id, 'expired', old.taker, old.claim, old.lease_until, new.distance
    WHERE old.status = 'TAKEN' AND old.lease_until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        AND (new.status = 'TAKEN' OR (new.status = 'UNASSIGNED' AND new.released_by IS NULL));
    INSERT INTO order_events (order_id, event, taker, claim, lease_until, distance)
    SELECT new.id,
        CASE new.status WHEN 'TAKEN' THEN 'taken' WHEN 'DELIVERED' THEN 'delivered' ELSE 'released' END,
        CASE new.status WHEN 'UNASSIGNED' THEN old.taker ELSE new.taker END,
        CASE new.status WHEN 'TAKEN' THEN max(new.claim, old.claim + 1) ELSE new.claim END,
        iif(new.status = 'TAKEN' AND (new.claim > old.claim OR new.lease_until IS NOT old.lease_until), new.lease_until, NULL),
        new.distance
    WHERE new.status <> 'UNASSIGNED' OR old.status <> 'TAKEN' OR new.released_by IS NOT NULL
        OR old.lease_until IS NULL OR old.lease_until > strftime('%Y-%m-%dT%H:%M:%fZ', 'now');
    UPDATE orders SET claim = old.claim + 1, lease_until = iif(new.lease_until IS old.lease_until, NULL, new.lease_until)
    WHERE id = new.id AND new.status = 'TAKEN' AND new.claim <= old.claim;
END;

CREATE TRIGGER order_events_delete AFTER DELETE ON orders BEGIN
    INSERT INTO order_events (order_id, event, taker, claim, distance)
    VALUES (old.id, 'deleted', old.taker, old.claim, old.distance);
END;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (9, 'leases', 1);
