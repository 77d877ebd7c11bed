-- Short messages from one person to another.
-- By hand:  sqlite3 rowlock.db < 0004_messages.sql

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL CHECK (length(sender) BETWEEN 1 AND 200),
    recipient TEXT NOT NULL CHECK (length(recipient) BETWEEN 1 AND 200),
    text TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 1000),
    sent_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX messages_recipient ON messages (recipient, id DESC);
CREATE INDEX messages_recipient_sender ON messages (recipient, sender, id DESC);
CREATE INDEX messages_recipient_sent_at ON messages (recipient, sent_at DESC, id DESC);
CREATE INDEX messages_recipient_sender_sent_at ON messages (recipient, sender, sent_at DESC, id DESC);

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (4, 'messages', 1);
