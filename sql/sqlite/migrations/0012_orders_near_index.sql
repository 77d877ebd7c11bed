-- On SQLite 0011 has made the index already. The versions of both databases keep in step.
-- By hand:  sqlite3 rowlock.db < 0012_orders_near_index.sql

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (12, 'orders_near_index', 1);
