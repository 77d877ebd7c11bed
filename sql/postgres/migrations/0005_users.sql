-- Profiles of GitHub users, as the GitHub API lists them.
-- By hand:  psql -1 -v ON_ERROR_STOP=1 -f 0005_users.sql

CREATE TABLE users (
    id bigint PRIMARY KEY CHECK (id >= 0), -- GitHub's
    username text NOT NULL, -- not unique: a name that its owner gave up is free for somebody else
    avatar_url text,
    type text COLLATE "C" NOT NULL DEFAULT 'User', -- User, Organization, Bot; "C": the same order everywhere
    profile_url text
);

CREATE INDEX users_type_id ON users (type, id);

-- For parts of usernames. Where the extension is not installed or this user may not create it, a search reads the
-- whole table instead, which is slow only when that is large; who installs it later adds the index by hand.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX users_username_trgm ON users USING gin (username gin_trgm_ops);
EXCEPTION
    WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
        RAISE NOTICE 'no index for parts of usernames: %', SQLERRM;
END
$$;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (5, 'users', 1);
