-- An index for the newest messages of all (GET /message). Servers work without it, only more slowly.
-- By hand:  sqlite3 rowlock.db < 0008_messages_latest.sql

CREATE INDEX messages_sent_at ON messages (sent_at DESC, id DESC);

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (8, 'messages_latest', 1);
