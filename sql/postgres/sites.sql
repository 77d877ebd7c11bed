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

-- name: site_get
SELECT a.pos, r.id, r.name, r.contact, r.address, r.state_or_region, r.country, r.postcode_or_zip
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN site AS r ON r.id = a.id
ORDER BY a.pos;

-- name: site_guard
SELECT r.id, r.name, r.contact, r.address, r.state_or_region, r.country, r.postcode_or_zip,
    encode(sha256(record_send(r)), 'hex') AS guard
FROM site AS r WHERE r.id = $1::bigint;

-- name: site_put
WITH same AS MATERIALIZED (
    SELECT r.id FROM site AS r
    WHERE r.id = $1::bigint AND $3::text IN ('*', encode(sha256(record_send(r)), 'hex')) FOR NO KEY UPDATE
)
INSERT INTO site AS r (id, name, contact, address, state_or_region, country, postcode_or_zip)
SELECT $1::bigint, b.name, b.contact, b.address, b.state_or_region, b.country, b.postcode_or_zip
FROM jsonb_populate_record(NULL::site, $2::text::jsonb) AS b
WHERE coalesce($3::text, '') = '' OR EXISTS (SELECT FROM same)
ON CONFLICT (id) DO UPDATE SET (name, contact, address, state_or_region, country, postcode_or_zip) = (
    SELECT b.name, b.contact, b.address, b.state_or_region, b.country, b.postcode_or_zip
    FROM jsonb_populate_record(r, $2::text::jsonb) AS b
)
WHERE $3::text IS DISTINCT FROM ''
RETURNING id, name, contact, address, state_or_region, country, postcode_or_zip;

-- name: site_delete
WITH found AS MATERIALIZED (
    SELECT id FROM site AS r
    WHERE r.id = $1::bigint AND ($2::text IS NULL OR $2::text IN ('*', encode(sha256(record_send(r)), 'hex')))
    FOR UPDATE
), gone AS (
    DELETE FROM site AS r USING found AS f WHERE r.id = f.id
    RETURNING r.id, r.name, r.contact, r.address, r.state_or_region, r.country, r.postcode_or_zip
)
SELECT f.id, g.name, g.contact, g.address, g.state_or_region, g.country, g.postcode_or_zip, g.id IS NOT NULL AS gone
FROM found AS f LEFT JOIN gone AS g ON g.id = f.id;

-- name: site_list
SELECT id, name, contact, address, state_or_region, country, postcode_or_zip FROM site WHERE id > $3::bigint ORDER BY id LIMIT $1::bigint OFFSET $2::bigint;

-- name: computer_get
SELECT a.pos, r.id, r.name, r.mac, r.site_id
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN computer AS r ON r.id = a.id
ORDER BY a.pos;

-- name: computer_guard
SELECT r.id, r.name, r.mac, r.site_id, encode(sha256(record_send(r)), 'hex') AS guard
FROM computer AS r WHERE r.id = $1::bigint;

-- name: computer_put
WITH same AS MATERIALIZED (
    SELECT r.id FROM computer AS r
    WHERE r.id = $1::bigint AND $3::text IN ('*', encode(sha256(record_send(r)), 'hex')) FOR NO KEY UPDATE
)
INSERT INTO computer AS r (id, name, mac, site_id)
SELECT $1::bigint, b.name, b.mac, b.site_id
FROM jsonb_populate_record(NULL::computer, $2::text::jsonb) AS b
WHERE coalesce($3::text, '') = '' OR EXISTS (SELECT FROM same)
ON CONFLICT (id) DO UPDATE SET (name, mac, site_id) = (
    SELECT b.name, b.mac, b.site_id
    FROM jsonb_populate_record(r, $2::text::jsonb) AS b
)
WHERE $3::text IS DISTINCT FROM ''
RETURNING id, name, mac, site_id;

-- name: computer_delete
WITH found AS MATERIALIZED (
    SELECT id FROM computer AS r
    WHERE r.id = $1::bigint AND ($2::text IS NULL OR $2::text IN ('*', encode(sha256(record_send(r)), 'hex')))
    FOR UPDATE
), gone AS (
    DELETE FROM computer AS r USING found AS f WHERE r.id = f.id
    RETURNING r.id, r.name, r.mac, r.site_id
)
SELECT f.id, g.name, g.mac, g.site_id, g.id IS NOT NULL AS gone
FROM found AS f LEFT JOIN gone AS g ON g.id = f.id;

-- name: computer_list
SELECT id, name, mac, site_id FROM computer WHERE id > $3::bigint ORDER BY id LIMIT $1::bigint OFFSET $2::bigint;

-- name: freezer_get
SELECT a.pos, r.id, r.name, r.site_id
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN freezer AS r ON r.id = a.id
ORDER BY a.pos;

-- name: freezer_guard
SELECT r.id, r.name, r.site_id, encode(sha256(record_send(r)), 'hex') AS guard
FROM freezer AS r WHERE r.id = $1::bigint;

-- name: freezer_put
WITH same AS MATERIALIZED (
    SELECT r.id FROM freezer AS r
    WHERE r.id = $1::bigint AND $3::text IN ('*', encode(sha256(record_send(r)), 'hex')) FOR NO KEY UPDATE
)
INSERT INTO freezer AS r (id, name, site_id)
SELECT $1::bigint, b.name, b.site_id
FROM jsonb_populate_record(NULL::freezer, $2::text::jsonb) AS b
WHERE coalesce($3::text, '') = '' OR EXISTS (SELECT FROM same)
ON CONFLICT (id) DO UPDATE SET (name, site_id) = (
    SELECT b.name, b.site_id
    FROM jsonb_populate_record(r, $2::text::jsonb) AS b
)
WHERE $3::text IS DISTINCT FROM ''
RETURNING id, name, site_id;

-- name: freezer_delete
WITH found AS MATERIALIZED (
    SELECT id FROM freezer AS r
    WHERE r.id = $1::bigint AND ($2::text IS NULL OR $2::text IN ('*', encode(sha256(record_send(r)), 'hex')))
    FOR UPDATE
), gone AS (
    DELETE FROM freezer AS r USING found AS f WHERE r.id = f.id
    RETURNING r.id, r.name, r.site_id
)
SELECT f.id, g.name, g.site_id, g.id IS NOT NULL AS gone
FROM found AS f LEFT JOIN gone AS g ON g.id = f.id;

-- name: freezer_list
SELECT id, name, site_id FROM freezer WHERE id > $3::bigint ORDER BY id LIMIT $1::bigint OFFSET $2::bigint;

-- name: container_get
SELECT a.pos, r.id, r.uuid, r.description, r.freezer_id
FROM unnest($1::bigint[]) WITH ORDINALITY AS a (id, pos) JOIN container AS r ON r.id = a.id
ORDER BY a.pos;

-- name: container_guard
SELECT r.id, r.uuid, r.description, r.freezer_id, encode(sha256(record_send(r)), 'hex') AS guard
FROM container AS r WHERE r.id = $1::bigint;

-- name: container_put
WITH same AS MATERIALIZED (
    SELECT r.id FROM container AS r
    WHERE r.id = $1::bigint AND $3::text IN ('*', encode(sha256(record_send(r)), 'hex')) FOR NO KEY UPDATE
)
INSERT INTO container AS r (id, uuid, description, freezer_id)
SELECT $1::bigint, b.uuid, b.description, b.freezer_id
FROM jsonb_populate_record(NULL::container, $2::text::jsonb) AS b
WHERE coalesce($3::text, '') = '' OR EXISTS (SELECT FROM same)
ON CONFLICT (id) DO UPDATE SET (uuid, description, freezer_id) = (
    SELECT b.uuid, b.description, b.freezer_id
    FROM jsonb_populate_record(r, $2::text::jsonb) AS b
)
WHERE $3::text IS DISTINCT FROM ''
RETURNING id, uuid, description, freezer_id;

-- name: container_delete
WITH found AS MATERIALIZED (
    SELECT id FROM container AS r
    WHERE r.id = $1::bigint AND ($2::text IS NULL OR $2::text IN ('*', encode(sha256(record_send(r)), 'hex')))
    FOR UPDATE
), gone AS (
    DELETE FROM container AS r USING found AS f WHERE r.id = f.id
    RETURNING r.id, r.uuid, r.description, r.freezer_id
)
SELECT f.id, g.uuid, g.description, g.freezer_id, g.id IS NOT NULL AS gone
FROM found AS f LEFT JOIN gone AS g ON g.id = f.id;

-- name: container_list
SELECT id, uuid, description, freezer_id FROM container WHERE id > $3::bigint ORDER BY id LIMIT $1::bigint OFFSET $2::bigint;

-- Rows come merged from the two indexes by site and name, so a page costs its rows and those left out before it.
-- name: instrument_list
SELECT computer_id, freezer_id, name, site_id, site_name FROM instrument
ORDER BY site_id, name, computer_id IS NULL, computer_id, freezer_id LIMIT $1::bigint OFFSET $2::bigint;

-- name: lab_history_page
SELECT at, operation, old, new, id FROM lab_history
WHERE kind = $2::text AND record_id = $3::bigint AND id < $4::bigint
ORDER BY id DESC LIMIT $1::bigint;

-- name: site_any
SELECT id FROM site LIMIT 1;

-- name: site_seed
WITH sites AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('site', 'id')) AS id, s FROM json_array_elements($1::json) AS s
), freezers AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('freezer', 'id')) AS id, sites.id AS site_id, f
    FROM sites, json_array_elements(s -> 'freezers') AS f
), new_sites AS (
    INSERT INTO site (id, name, contact, address, state_or_region, country, postcode_or_zip)
    SELECT id, s ->> 'name', s ->> 'contact', s ->> 'address', s ->> 'state_or_region', s ->> 'country',
        s ->> 'postcode_or_zip'
    FROM sites
    RETURNING 1
), new_computers AS (
    INSERT INTO computer (name, mac, site_id)
    SELECT c ->> 'name', (c ->> 'mac')::macaddr, sites.id FROM sites, json_array_elements(s -> 'computers') AS c
    ON CONFLICT (mac) DO NOTHING
), new_freezers AS (
    INSERT INTO freezer (id, name, site_id) SELECT id, f ->> 'name', site_id FROM freezers
), new_containers AS (
    INSERT INTO container (uuid, description, freezer_id)
    SELECT (c ->> 'uuid')::uuid, c ->> 'description', freezers.id
    FROM freezers, json_array_elements(f -> 'containers') AS c
)
SELECT count(*) FROM new_sites;
