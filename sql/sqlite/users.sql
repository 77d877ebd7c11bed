-- Users. There is no index for parts of usernames: a search walks the order and stops when the page is full.
-- $1 limit, $2 offset, $3 part of the username, $4 id, $5 order, $6 the id that it begins behind

-- list user: id int, username text, image_url text?, type text?, profile_url text?
-- list user_page: limit int, offset int, username text?, id int?, order_by text, after int

-- name: user_page
-- one (user_page) -> user
SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
WHERE id > $6 AND ($3 IS NULL OR instr(lower(username), lower($3)) > 0)
ORDER BY id LIMIT $1 OFFSET $2;

-- name: user_page_by_type
-- one (user_page) -> user
SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
WHERE $3 IS NULL OR instr(lower(username), lower($3)) > 0
ORDER BY type, id LIMIT $1 OFFSET $2;

-- name: user_search
-- one (user_page) -> user
SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
WHERE id > $6 AND instr(lower(username), lower($3)) > 0
ORDER BY id LIMIT $1 OFFSET $2;

-- name: user_search_by_type
-- one (user_page) -> user
SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
WHERE instr(lower(username), lower($3)) > 0
ORDER BY type, id LIMIT $1 OFFSET $2;

-- name: user_one
-- one (user_page) -> user
SELECT id, username, avatar_url AS image_url, type, profile_url FROM users
WHERE id = $4 AND id > $6 AND ($3 IS NULL OR instr(lower(username), lower($3)) > 0)
LIMIT $1 OFFSET $2;

-- name: user_any
-- command () -> (id int)
SELECT id FROM users LIMIT 1;

-- name: user_last
-- command () -> (id int)
SELECT coalesce(max(id), 0) FROM users;

-- name: user_seed_lock
-- command ()
SELECT 1; -- a transaction that writes has the lock already

-- name: user_store
-- command writes (rows text) -> (stored int)
INSERT INTO users (id, username, avatar_url, type, profile_url)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]')
FROM json_each($1) WHERE true -- or SQLite takes ON for a join's
ON CONFLICT (id) DO UPDATE SET username = excluded.username, avatar_url = excluded.avatar_url, type = excluded.type,
    profile_url = excluded.profile_url;
SELECT changes();
