-- Indexes for claims, lists and history of orders.
-- By hand:  sqlite3 rowlock.db < 0010_order_indexes.sql

CREATE INDEX orders_free ON orders (id) WHERE status = 'UNASSIGNED';
CREATE INDEX orders_taker ON orders (taker, status, id) WHERE taker IS NOT NULL;
CREATE INDEX orders_lease ON orders (lease_until) WHERE status = 'TAKEN' AND lease_until IS NOT NULL;
CREATE INDEX order_events_order ON order_events (order_id, id);

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (10, 'order_indexes', 1);
