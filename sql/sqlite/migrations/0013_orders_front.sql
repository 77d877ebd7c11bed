-- On SQLite claims begin at the beginning of orders_free, in which nothing dead stays. The versions of both databases keep in step.
-- By hand:  sqlite3 rowlock.db < 0013_orders_front.sql

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (13, 'orders_front', 1);
