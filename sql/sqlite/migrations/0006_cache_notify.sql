-- SQLite cannot tell other processes of a change, so what is kept stays up to five seconds there. The versions of both
-- databases keep in step.
-- By hand:  sqlite3 rowlock.db < 0006_cache_notify.sql

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (6, 'cache_notify', 1);
