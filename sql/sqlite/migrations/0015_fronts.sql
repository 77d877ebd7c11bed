-- On SQLite nothing that is dead stays in orders_lease. The versions of both databases keep in step.
-- By hand:  sqlite3 rowlock.db < 0015_fronts.sql

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (15, 'fronts', 1);
