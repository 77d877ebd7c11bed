-- Users. Plans are made once for all values, so each question that wants another index is a statement of its own:
-- user_page walks an order and leaves out what does not match, user_search asks the trigram index and sorts what it
-- found (MATERIALIZED, or the planner would bet on a walk that ends early).
-- $1 limit, $2 offset, $3 part of the username, $4 id, $5 order, $6 the id that it begins behind

-- list user: id int, username text, image_url text?, type text?, profile_url text?
-- list user_page: limit int, offset int, username text?, id int?, order_by text, after int

-- name: user_page
-- one (user_page) -> user
SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
WHERE id > $6 AND ($3 IS NULL OR strpos(lower(username), lower($3)) > 0)
ORDER BY id LIMIT $1 OFFSET $2;

-- name: user_page_by_type
-- one (user_page) -> user
SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
WHERE $3 IS NULL OR strpos(lower(username), lower($3)) > 0
ORDER BY type, id LIMIT $1 OFFSET $2;

-- name: user_search
-- one (user_page) -> user
WITH found AS MATERIALIZED (
    SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
    WHERE username ILIKE (SELECT '%' || regexp_replace($3, '[\\%_]', '\\\&', 'g') || '%')
)
SELECT {user} FROM found WHERE id > $6 ORDER BY id LIMIT $1 OFFSET $2;

-- name: user_search_by_type
-- one (user_page) -> user
WITH found AS MATERIALIZED (
    SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
    WHERE username ILIKE (SELECT '%' || regexp_replace($3, '[\\%_]', '\\\&', 'g') || '%')
)
SELECT {user} FROM found ORDER BY type, id LIMIT $1 OFFSET $2;

-- name: user_one
-- one (user_page) -> user
SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
WHERE id = $4 AND id > $6 AND ($3 IS NULL OR strpos(lower(username), lower($3)) > 0)
LIMIT $1 OFFSET $2;

-- name: user_any
-- command () -> (id int)
SELECT id FROM users LIMIT 1;

-- name: user_last
-- command () -> (id int)
SELECT coalesce(max(id), 0) FROM users;

-- name: user_seed_lock
-- command ()
LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE;

-- name: user_store
-- command writes (rows text) -> (stored int)
WITH stored AS (
    INSERT INTO users (id, username, avatar_url, type, profile_url)
    SELECT (r ->> 0)::bigint, r ->> 1, r ->> 2, r ->> 3, r ->> 4 FROM json_array_elements($1::json) AS r
    ON CONFLICT (id) DO UPDATE SET username = excluded.username, avatar_url = excluded.avatar_url, type = excluded.type,
        profile_url = excluded.profile_url
    RETURNING 1
)
SELECT count(*) FROM stored;
