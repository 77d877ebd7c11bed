-- Profiles of GitHub users, as the GitHub API lists them.
-- By hand:  sqlite3 rowlock.db < 0005_users.sql

CREATE TABLE users (
    id INTEGER PRIMARY KEY CHECK (id >= 0), -- GitHub's
    username TEXT NOT NULL, -- not unique: a name that its owner gave up is free for somebody else
    avatar_url TEXT,
    type TEXT NOT NULL DEFAULT 'User', -- User, Organization, Bot
    profile_url TEXT
) STRICT;

CREATE INDEX users_type_id ON users (type, id);

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (5, 'users', 1);
