-- Indexes for claims, lists and history of orders. They are made beside those who take orders, so each statement stands
-- outside of a transaction, and begins anew what was broken off.
-- By hand, and not as one transaction:  psql -v ON_ERROR_STOP=1 -f 0010_order_indexes.sql

-- free orders, oldest first: a take removes its entry, and adds none
DROP INDEX CONCURRENTLY IF EXISTS orders_free;
CREATE INDEX CONCURRENTLY orders_free ON orders (id) WHERE status = 'UNASSIGNED';

-- what somebody holds or has delivered
DROP INDEX CONCURRENTLY IF EXISTS orders_taker;
CREATE INDEX CONCURRENTLY orders_taker ON orders (taker, status, id) WHERE taker IS NOT NULL;

-- leases by their end; those who take orders without a lease do not pay for it
DROP INDEX CONCURRENTLY IF EXISTS orders_lease;
CREATE INDEX CONCURRENTLY orders_lease ON orders (lease_until) WHERE status = 'TAKEN' AND lease_until IS NOT NULL;

-- the history of an order
DROP INDEX CONCURRENTLY IF EXISTS order_events_order;
CREATE INDEX CONCURRENTLY order_events_order ON order_events (order_id, id);

-- events in an order in which none comes late
DROP INDEX CONCURRENTLY IF EXISTS order_events_xid;
CREATE INDEX CONCURRENTLY order_events_xid ON order_events (xid, id);

ALTER TABLE order_events VALIDATE CONSTRAINT order_events_event_check;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (10, 'order_indexes', 1);
