-- The index for claims of the nearest orders. As in 0010 it is made beside those who take orders.
-- By hand, and not as one transaction:  psql -v ON_ERROR_STOP=1 -f 0012_orders_near_index.sql

-- free orders by cell, point and age: the points of a cell are read from it alone, and of each point the oldest first
DROP INDEX CONCURRENTLY IF EXISTS orders_free_near;
CREATE INDEX CONCURRENTLY orders_free_near ON orders (order_cell(origin_lat, origin_lng), origin_lat, origin_lng, id) WHERE status = 'UNASSIGNED';

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (12, 'orders_near_index', 1);
