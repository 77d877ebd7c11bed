-- Orders of a delivery service, and the journal of what happened to each.
-- By hand:  sqlite3 rowlock.db < 0001_orders.sql

CREATE TABLE IF NOT EXISTS rowlock_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    oldest_server INTEGER NOT NULL,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    origin_lat REAL NOT NULL CHECK (origin_lat BETWEEN -90 AND 90),
    origin_lng REAL NOT NULL CHECK (origin_lng BETWEEN -180 AND 180),
    destination_lat REAL NOT NULL CHECK (destination_lat BETWEEN -90 AND 90),
    destination_lng REAL NOT NULL CHECK (destination_lng BETWEEN -180 AND 180),
    distance INTEGER NOT NULL CHECK (distance >= 0), -- metres
    status TEXT NOT NULL DEFAULT 'UNASSIGNED' CHECK (status IN ('UNASSIGNED', 'TAKEN', 'DELIVERED')),
    taker TEXT,
    released_by TEXT,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE order_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('placed', 'taken', 'released', 'delivered', 'deleted')),
    taker TEXT,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TRIGGER order_events_insert AFTER INSERT ON orders BEGIN
    INSERT INTO order_events (order_id, event, taker) VALUES (new.id, 'placed', new.taker);
END;

CREATE TRIGGER order_events_update AFTER UPDATE ON orders
WHEN new.status <> old.status OR (new.status = 'TAKEN' AND new.taker IS NOT old.taker) BEGIN
    INSERT INTO order_events (order_id, event, taker) VALUES (
        new.id,
        CASE new.status WHEN 'TAKEN' THEN 'taken' WHEN 'DELIVERED' THEN 'delivered' ELSE 'released' END,
        CASE new.status WHEN 'UNASSIGNED' THEN old.taker ELSE new.taker END
    );
END;

CREATE TRIGGER order_events_delete AFTER DELETE ON orders BEGIN
    INSERT INTO order_events (order_id, event, taker) VALUES (old.id, 'deleted', old.taker);
END;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (1, 'orders', 1);
