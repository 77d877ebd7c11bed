-- As 0013. The versions of both databases keep in step.
-- By hand:  sqlite3 rowlock.db < 0014_orders_free_again.sql

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (14, 'orders_free_again', 1);
