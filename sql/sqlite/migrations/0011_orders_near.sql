-- Claims of the nearest orders: what is within a distance is within a band of latitudes. The status is in the index so that
-- the band is read from it alone.
-- By hand:  sqlite3 rowlock.db < 0011_orders_near.sql

CREATE INDEX orders_free_near ON orders (origin_lat, origin_lng, status) WHERE status = 'UNASSIGNED';

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (11, 'orders_near', 1);
