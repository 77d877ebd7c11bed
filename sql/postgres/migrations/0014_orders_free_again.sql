-- The index for claims of orders that are free again. As in 0010 it is made beside those who take orders.
-- By hand, and not as one transaction:  psql -v ON_ERROR_STOP=1 -f 0014_orders_free_again.sql

-- they may be anywhere, below the front too
DROP INDEX CONCURRENTLY IF EXISTS orders_free_again;
CREATE INDEX CONCURRENTLY orders_free_again ON orders (id) WHERE status = 'UNASSIGNED' AND claim > 0;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (14, 'orders_free_again', 1);
