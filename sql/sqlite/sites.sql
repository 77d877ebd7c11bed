-- Sites, computers, freezers and containers of labs. $2 of an upsert is the body: a member that was left out, which has
-- no json_type, keeps its value, null clears it. The last parameter of a write is a guard: null, "" where there must be
-- no such record yet, "*" where there must be one, or the guard of the record as it was read. The
-- last column of a deletion says that the record is gone: one that a trigger keeps is there, and stays.

-- name: site_get
SELECT id, name, contact, address, state_or_region, country, postcode_or_zip FROM site WHERE id = $1;

-- name: site_guard
SELECT id, name, contact, address, state_or_region, country, postcode_or_zip,
    json_array(name, contact, address, state_or_region, country, postcode_or_zip) AS guard
FROM site WHERE id = $1;

-- name: site_put
INSERT INTO site (id, name, contact, address, state_or_region, country, postcode_or_zip)
SELECT $1, $2 ->> 'name', $2 ->> 'contact', $2 ->> 'address', $2 ->> 'state_or_region', $2 ->> 'country',
    $2 ->> 'postcode_or_zip'
WHERE coalesce($3, '') = '' OR EXISTS (
    SELECT 1 FROM site
    WHERE id = $1 AND $3 IN ('*', json_array(name, contact, address, state_or_region, country, postcode_or_zip))
)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name,
    contact = iif(json_type($2, '$.contact') IS NULL, contact, excluded.contact),
    address = iif(json_type($2, '$.address') IS NULL, address, excluded.address),
    state_or_region = iif(json_type($2, '$.state_or_region') IS NULL, state_or_region, excluded.state_or_region),
    country = iif(json_type($2, '$.country') IS NULL, country, excluded.country),
    postcode_or_zip = iif(json_type($2, '$.postcode_or_zip') IS NULL, postcode_or_zip, excluded.postcode_or_zip)
WHERE $3 IS NOT ''
RETURNING id, name, contact, address, state_or_region, country, postcode_or_zip;

-- name: site_delete
DELETE FROM site
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(name, contact, address, state_or_region, country, postcode_or_zip)))
RETURNING id, name, contact, address, state_or_region, country, postcode_or_zip, true AS gone;
SELECT id, name, contact, address, state_or_region, country, postcode_or_zip, false AS gone FROM site
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(name, contact, address, state_or_region, country, postcode_or_zip)));

-- name: site_list
SELECT id, name, contact, address, state_or_region, country, postcode_or_zip FROM site WHERE id > $3 ORDER BY id LIMIT $1 OFFSET $2;

-- name: computer_get
SELECT id, name, mac, site_id FROM computer WHERE id = $1;

-- name: computer_guard
SELECT id, name, mac, site_id, json_array(name, mac, site_id) AS guard
FROM computer WHERE id = $1;

-- name: computer_put
INSERT INTO computer (id, name, mac, site_id)
SELECT $1, $2 ->> 'name', $2 ->> 'mac', $2 ->> 'site_id'
WHERE coalesce($3, '') = '' OR EXISTS (SELECT 1 FROM computer WHERE id = $1 AND $3 IN ('*', json_array(name, mac, site_id)))
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name,
    mac = iif(json_type($2, '$.mac') IS NULL, mac, excluded.mac),
    site_id = iif(json_type($2, '$.site_id') IS NULL, site_id, excluded.site_id)
WHERE $3 IS NOT ''
RETURNING id, name, mac, site_id;

-- name: computer_delete
DELETE FROM computer
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(name, mac, site_id)))
RETURNING id, name, mac, site_id, true AS gone;
SELECT id, name, mac, site_id, false AS gone FROM computer
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(name, mac, site_id)));

-- name: computer_list
SELECT id, name, mac, site_id FROM computer WHERE id > $3 ORDER BY id LIMIT $1 OFFSET $2;

-- name: freezer_get
SELECT id, name, site_id FROM freezer WHERE id = $1;

-- name: freezer_guard
SELECT id, name, site_id, json_array(name, site_id) AS guard
FROM freezer WHERE id = $1;

-- name: freezer_put
INSERT INTO freezer (id, name, site_id)
SELECT $1, $2 ->> 'name', $2 ->> 'site_id'
WHERE coalesce($3, '') = '' OR EXISTS (SELECT 1 FROM freezer WHERE id = $1 AND $3 IN ('*', json_array(name, site_id)))
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name,
    site_id = iif(json_type($2, '$.site_id') IS NULL, site_id, excluded.site_id)
WHERE $3 IS NOT ''
RETURNING id, name, site_id;

-- name: freezer_delete
DELETE FROM freezer
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(name, site_id)))
RETURNING id, name, site_id, true AS gone;
SELECT id, name, site_id, false AS gone FROM freezer
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(name, site_id)));

-- name: freezer_list
SELECT id, name, site_id FROM freezer WHERE id > $3 ORDER BY id LIMIT $1 OFFSET $2;

-- name: container_get
SELECT id, uuid, description, freezer_id FROM container WHERE id = $1;

-- name: container_guard
SELECT id, uuid, description, freezer_id, json_array(uuid, description, freezer_id) AS guard
FROM container WHERE id = $1;

-- name: container_put
INSERT INTO container (id, uuid, description, freezer_id)
SELECT $1, $2 ->> 'uuid', $2 ->> 'description', $2 ->> 'freezer_id'
WHERE coalesce($3, '') = '' OR EXISTS (
    SELECT 1 FROM container WHERE id = $1 AND $3 IN ('*', json_array(uuid, description, freezer_id))
)
ON CONFLICT (id) DO UPDATE SET
    uuid = excluded.uuid,
    description = iif(json_type($2, '$.description') IS NULL, description, excluded.description),
    freezer_id = iif(json_type($2, '$.freezer_id') IS NULL, freezer_id, excluded.freezer_id)
WHERE $3 IS NOT ''
RETURNING id, uuid, description, freezer_id;

-- name: container_delete
DELETE FROM container
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(uuid, description, freezer_id)))
RETURNING id, uuid, description, freezer_id, true AS gone;
SELECT id, uuid, description, freezer_id, false AS gone FROM container
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array(uuid, description, freezer_id)));

-- name: container_list
SELECT id, uuid, description, freezer_id FROM container WHERE id > $3 ORDER BY id LIMIT $1 OFFSET $2;

-- The view's rows from its tables, because SQLite would sort the whole view for each page: so it merges two indexes.
-- name: instrument_list
SELECT c.id AS computer_id, NULL AS freezer_id, c.name AS name, c.site_id AS site_id, s.name AS site_name,
    c.site_id IS NULL AS no_site, 1 AS kind, c.id AS id
FROM computer AS c LEFT JOIN site AS s ON s.id = c.site_id
UNION ALL
SELECT NULL, f.id, f.name, f.site_id, s.name, f.site_id IS NULL, 2, f.id
FROM freezer AS f LEFT JOIN site AS s ON s.id = f.site_id
ORDER BY no_site, site_id, name, kind, id LIMIT $1 OFFSET $2;

-- name: lab_history_page
SELECT at, operation, old, new, id FROM lab_history
WHERE kind = $2 AND record_id = $3 AND id < $4
ORDER BY id DESC LIMIT $1;

-- name: site_any
SELECT id FROM site LIMIT 1;

-- The new sites have the last ids, one after the other: nobody else writes meanwhile. If a trigger kept one away nothing
-- would know where it stands, and the computers are refused.
-- name: site_seed
INSERT INTO site (name, contact, address, state_or_region, country, postcode_or_zip)
SELECT s.value ->> 'name', s.value ->> 'contact', s.value ->> 'address', s.value ->> 'state_or_region',
    s.value ->> 'country', s.value ->> 'postcode_or_zip'
FROM json_each($1) AS s;
INSERT INTO computer (name, mac, site_id)
SELECT c.value ->> 'name', c.value ->> 'mac',
    iif(changes() = json_array_length($1), (SELECT max(id) FROM site) - json_array_length($1) + 1 + s.key, -1)
FROM json_each($1) AS s, json_each(s.value, '$.computers') AS c WHERE true
ON CONFLICT (mac) DO NOTHING;
INSERT INTO freezer (name, site_id)
SELECT f.value ->> 'name', (SELECT max(id) FROM site) - json_array_length($1) + 1 + s.key
FROM json_each($1) AS s, json_each(s.value, '$.freezers') AS f;
INSERT INTO container (uuid, description, freezer_id)
SELECT c.value ->> 'uuid', c.value ->> 'description', r.id
FROM json_each($1) AS s, json_each(s.value, '$.freezers') AS f, json_each(f.value, '$.containers') AS c
JOIN freezer AS r ON r.site_id = (SELECT max(id) FROM site) - json_array_length($1) + 1 + s.key
    AND r.name = f.value ->> 'name';
SELECT json_array_length($1);
