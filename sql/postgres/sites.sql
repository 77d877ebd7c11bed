-- Sites, computers, freezers and containers of labs. What is written is one call a statement: an upsert is atomic by
-- itself, and deleting takes along what hangs on the record by its foreign keys.
--
-- $2 of an upsert is the body: in jsonb_populate_record a member that was left out keeps the record's value, null
-- clears it.
--
-- What is deleted is locked first, so that a record that is there and stays, because a trigger keeps it, is not taken for
-- one that is not there. The last column says that it is gone.
--
-- The last parameter of a write is a guard: null, "" where there must be no such record yet, "*" where there must be one,
-- or the guard of the record as it was read, of all its columns in their binary form, which no setting of a session
-- changes. An upsert locks the record before it compares, and waits for who has it, so that it is neither changed nor
-- deleted between that and the INSERT; so does a deletion.

-- list page: limit int, offset int, after int
-- list page_of: limit int, after int, owner int
-- list site_rest: name text, contact text?, address text?, state_or_region text?, country text?, postcode_or_zip text?
-- list site: id int, site_rest
-- list computer_rest: name text, mac text?, site_id int?
-- list computer: id int, computer_rest
-- list freezer_rest: name text, site_id int?
-- list freezer: id int, freezer_rest
-- list container_rest: uuid text, description text?, freezer_id int?
-- list container: id int, container_rest

-- name: site_get
-- set (id int) -> site
SELECT a.pos, {r.site}
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN site AS r ON r.id = a.id
ORDER BY a.pos;

-- name: site_guard
-- one (id int) -> site and (guard text)
SELECT {r.site},
    encode(sha256(record_send(r)), 'hex') AS guard
FROM site AS r WHERE r.id = $1::bigint;

-- name: site_put
-- one writes waits (id int, body text, guard text?) -> site
WITH same AS MATERIALIZED (
    SELECT r.id FROM site AS r
    WHERE r.id = $1::bigint AND $3::text IN ('*', encode(sha256(record_send(r)), 'hex')) FOR NO KEY UPDATE
)
INSERT INTO site AS r ({site})
SELECT $1::bigint, {b.site_rest}
FROM jsonb_populate_record(NULL::site, $2::text::jsonb) AS b
WHERE coalesce($3::text, '') = '' OR EXISTS (SELECT FROM same)
ON CONFLICT (id) DO UPDATE SET ({site_rest}) = (
    SELECT {b.site_rest}
    FROM jsonb_populate_record(r, $2::text::jsonb) AS b
)
WHERE $3::text IS DISTINCT FROM ''
RETURNING {site};

-- name: site_delete
-- one writes waits told (id int, guard text?) -> site and (gone bool)
WITH found AS MATERIALIZED (
    SELECT id FROM site AS r
    WHERE r.id = $1::bigint AND ($2::text IS NULL OR $2::text IN ('*', encode(sha256(record_send(r)), 'hex')))
    FOR UPDATE
), gone AS (
    DELETE FROM site AS r USING found AS f WHERE r.id = f.id
    RETURNING {r.site}
)
SELECT f.id, {g.site_rest}, g.id IS NOT NULL AS gone
FROM found AS f LEFT JOIN gone AS g ON g.id = f.id;

-- name: site_list
-- one (page) -> site
SELECT {site} FROM site WHERE id > $3::bigint ORDER BY id LIMIT $1::bigint OFFSET $2::bigint;

-- name: computer_get
-- set (id int) -> computer
SELECT a.pos, {r.computer}
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN computer AS r ON r.id = a.id
ORDER BY a.pos;

-- name: computer_guard
-- one (id int) -> computer and (guard text)
SELECT {r.computer}, encode(sha256(record_send(r)), 'hex') AS guard
FROM computer AS r WHERE r.id = $1::bigint;

-- name: computer_put
-- one writes waits (id int, body text, guard text?) -> computer
-- refuses computer_site_id_fkey: site_id must be the id of a site that exists.
-- refuses computer_by_site: name is too long to be listed in order.
-- refuses computer_mac_key: mac is the address of another computer already.
WITH same AS MATERIALIZED (
    SELECT r.id FROM computer AS r
    WHERE r.id = $1::bigint AND $3::text IN ('*', encode(sha256(record_send(r)), 'hex')) FOR NO KEY UPDATE
)
INSERT INTO computer AS r ({computer})
SELECT $1::bigint, {b.computer_rest}
FROM jsonb_populate_record(NULL::computer, $2::text::jsonb) AS b
WHERE coalesce($3::text, '') = '' OR EXISTS (SELECT FROM same)
ON CONFLICT (id) DO UPDATE SET ({computer_rest}) = (
    SELECT {b.computer_rest}
    FROM jsonb_populate_record(r, $2::text::jsonb) AS b
)
WHERE $3::text IS DISTINCT FROM ''
RETURNING {computer};

-- name: computer_delete
-- one writes waits told (id int, guard text?) -> computer and (gone bool)
WITH found AS MATERIALIZED (
    SELECT id FROM computer AS r
    WHERE r.id = $1::bigint AND ($2::text IS NULL OR $2::text IN ('*', encode(sha256(record_send(r)), 'hex')))
    FOR UPDATE
), gone AS (
    DELETE FROM computer AS r USING found AS f WHERE r.id = f.id
    RETURNING {r.computer}
)
SELECT f.id, {g.computer_rest}, g.id IS NOT NULL AS gone
FROM found AS f LEFT JOIN gone AS g ON g.id = f.id;

-- name: computer_list
-- one (page) -> computer
SELECT {computer} FROM computer WHERE id > $3::bigint ORDER BY id LIMIT $1::bigint OFFSET $2::bigint;

-- name: computer_of_site
-- one (page_of) -> computer
SELECT {computer} FROM computer WHERE site_id = $3::bigint AND id > $2::bigint ORDER BY id LIMIT $1::bigint;

-- name: freezer_get
-- set (id int) -> freezer
SELECT a.pos, {r.freezer}
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN freezer AS r ON r.id = a.id
ORDER BY a.pos;

-- name: freezer_guard
-- one (id int) -> freezer and (guard text)
SELECT {r.freezer}, encode(sha256(record_send(r)), 'hex') AS guard
FROM freezer AS r WHERE r.id = $1::bigint;

-- name: freezer_put
-- one writes waits (id int, body text, guard text?) -> freezer
-- refuses freezer_site_id_fkey: site_id must be the id of a site that exists.
-- refuses freezer_by_site: name is too long to be listed in order.
WITH same AS MATERIALIZED (
    SELECT r.id FROM freezer AS r
    WHERE r.id = $1::bigint AND $3::text IN ('*', encode(sha256(record_send(r)), 'hex')) FOR NO KEY UPDATE
)
INSERT INTO freezer AS r ({freezer})
SELECT $1::bigint, {b.freezer_rest}
FROM jsonb_populate_record(NULL::freezer, $2::text::jsonb) AS b
WHERE coalesce($3::text, '') = '' OR EXISTS (SELECT FROM same)
ON CONFLICT (id) DO UPDATE SET ({freezer_rest}) = (
    SELECT {b.freezer_rest}
    FROM jsonb_populate_record(r, $2::text::jsonb) AS b
)
WHERE $3::text IS DISTINCT FROM ''
RETURNING {freezer};

-- name: freezer_delete
-- one writes waits told (id int, guard text?) -> freezer and (gone bool)
WITH found AS MATERIALIZED (
    SELECT id FROM freezer AS r
    WHERE r.id = $1::bigint AND ($2::text IS NULL OR $2::text IN ('*', encode(sha256(record_send(r)), 'hex')))
    FOR UPDATE
), gone AS (
    DELETE FROM freezer AS r USING found AS f WHERE r.id = f.id
    RETURNING {r.freezer}
)
SELECT f.id, {g.freezer_rest}, g.id IS NOT NULL AS gone
FROM found AS f LEFT JOIN gone AS g ON g.id = f.id;

-- name: freezer_list
-- one (page) -> freezer
SELECT {freezer} FROM freezer WHERE id > $3::bigint ORDER BY id LIMIT $1::bigint OFFSET $2::bigint;

-- name: freezer_of_site
-- one (page_of) -> freezer
SELECT {freezer} FROM freezer WHERE site_id = $3::bigint AND id > $2::bigint ORDER BY id LIMIT $1::bigint;

-- name: container_get
-- set (id int) -> container
SELECT a.pos, {r.container}
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN container AS r ON r.id = a.id
ORDER BY a.pos;

-- name: container_guard
-- one (id int) -> container and (guard text)
SELECT {r.container}, encode(sha256(record_send(r)), 'hex') AS guard
FROM container AS r WHERE r.id = $1::bigint;

-- name: container_put
-- one writes waits (id int, body text, guard text?) -> container
-- refuses container_freezer_id_fkey: freezer_id must be the id of a freezer that exists.
WITH same AS MATERIALIZED (
    SELECT r.id FROM container AS r
    WHERE r.id = $1::bigint AND $3::text IN ('*', encode(sha256(record_send(r)), 'hex')) FOR NO KEY UPDATE
)
INSERT INTO container AS r ({container})
SELECT $1::bigint, {b.container_rest}
FROM jsonb_populate_record(NULL::container, $2::text::jsonb) AS b
WHERE coalesce($3::text, '') = '' OR EXISTS (SELECT FROM same)
ON CONFLICT (id) DO UPDATE SET ({container_rest}) = (
    SELECT {b.container_rest}
    FROM jsonb_populate_record(r, $2::text::jsonb) AS b
)
WHERE $3::text IS DISTINCT FROM ''
RETURNING {container};

-- name: container_delete
-- one writes waits told (id int, guard text?) -> container and (gone bool)
WITH found AS MATERIALIZED (
    SELECT id FROM container AS r
    WHERE r.id = $1::bigint AND ($2::text IS NULL OR $2::text IN ('*', encode(sha256(record_send(r)), 'hex')))
    FOR UPDATE
), gone AS (
    DELETE FROM container AS r USING found AS f WHERE r.id = f.id
    RETURNING {r.container}
)
SELECT f.id, {g.container_rest}, g.id IS NOT NULL AS gone
FROM found AS f LEFT JOIN gone AS g ON g.id = f.id;

-- name: container_list
-- one (page) -> container
SELECT {container} FROM container WHERE id > $3::bigint ORDER BY id LIMIT $1::bigint OFFSET $2::bigint;

-- name: container_of_freezer
-- one (page_of) -> container
SELECT {container} FROM container WHERE freezer_id = $3::bigint AND id > $2::bigint ORDER BY id LIMIT $1::bigint;

-- Rows come merged from the two indexes by site and name, so a page costs its rows and those left out before it.
-- name: instrument_list
-- one (limit int, offset int) -> (computer_id int?, freezer_id int?, name text, site_id int?, site_name text?)
SELECT computer_id, freezer_id, name, site_id, site_name FROM instrument
ORDER BY site_id, name, computer_id IS NULL, computer_id, freezer_id LIMIT $1::bigint OFFSET $2::bigint;

-- name: lab_history_page
-- one (limit int, kind text, id int, before int) -> (at time, operation text, old json?, new json?) and (id int)
SELECT at, operation, old, new, id FROM lab_history
WHERE kind = $2::text AND record_id = $3::bigint AND id < $4::bigint
ORDER BY id DESC LIMIT $1::bigint;

-- name: site_any
-- command () -> (id int)
SELECT id FROM site LIMIT 1;

-- name: site_seed
-- command writes (rows text) -> (stored int)
WITH sites AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('site', 'id')) AS id, s FROM json_array_elements($1::json) AS s
), freezers AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('freezer', 'id')) AS id, sites.id AS site_id, f
    FROM sites, json_array_elements(s -> 'freezers') AS f
), new_sites AS (
    INSERT INTO site ({site})
    SELECT id, s ->> 'name', s ->> 'contact', s ->> 'address', s ->> 'state_or_region', s ->> 'country',
        s ->> 'postcode_or_zip'
    FROM sites
    RETURNING 1
), new_computers AS (
    INSERT INTO computer ({computer_rest})
    SELECT c ->> 'name', (c ->> 'mac')::macaddr, sites.id FROM sites, json_array_elements(s -> 'computers') AS c
    ON CONFLICT (mac) DO NOTHING
), new_freezers AS (
    INSERT INTO freezer ({freezer}) SELECT id, f ->> 'name', site_id FROM freezers
), new_containers AS (
    INSERT INTO container ({container_rest})
    SELECT (c ->> 'uuid')::uuid, c ->> 'description', freezers.id
    FROM freezers, json_array_elements(f -> 'containers') AS c
)
SELECT count(*) FROM new_sites;
