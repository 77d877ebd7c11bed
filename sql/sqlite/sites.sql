-- Sites, computers, freezers and containers of labs. $2 of an upsert is the body: a member that was left out, which has
-- no json_type, keeps its value, null clears it. The last parameter of a write is a guard: null, "" where there must be
-- no such record yet, "*" where there must be one, or the guard of the record as it was read. The
-- last column of a deletion says that the record is gone: one that a trigger keeps is there, and stays.

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
SELECT {site} FROM site WHERE id = $1;

-- name: site_guard
-- one (id int) -> site and (guard text)
SELECT {site},
    json_array({site_rest}) AS guard
FROM site WHERE id = $1;

-- name: site_put
-- one writes waits (id int, body text, guard text?) -> site
INSERT INTO site ({site})
SELECT $1, $2 ->> 'name', $2 ->> 'contact', $2 ->> 'address', $2 ->> 'state_or_region', $2 ->> 'country',
    $2 ->> 'postcode_or_zip'
WHERE coalesce($3, '') = '' OR EXISTS (
    SELECT 1 FROM site
    WHERE id = $1 AND $3 IN ('*', json_array({site_rest}))
)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name,
    contact = iif(json_type($2, '$.contact') IS NULL, contact, excluded.contact),
    address = iif(json_type($2, '$.address') IS NULL, address, excluded.address),
    state_or_region = iif(json_type($2, '$.state_or_region') IS NULL, state_or_region, excluded.state_or_region),
    country = iif(json_type($2, '$.country') IS NULL, country, excluded.country),
    postcode_or_zip = iif(json_type($2, '$.postcode_or_zip') IS NULL, postcode_or_zip, excluded.postcode_or_zip)
WHERE $3 IS NOT ''
RETURNING {site};

-- name: site_delete
-- one writes waits told (id int, guard text?) -> site and (gone bool)
DELETE FROM site
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({site_rest})))
RETURNING {site}, true AS gone;
SELECT {site}, false AS gone FROM site
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({site_rest})));

-- name: site_list
-- one (page) -> site
SELECT {site} FROM site WHERE id > $3 ORDER BY id LIMIT $1 OFFSET $2;

-- name: computer_get
-- set (id int) -> computer
SELECT {computer} FROM computer WHERE id = $1;

-- name: computer_guard
-- one (id int) -> computer and (guard text)
SELECT {computer}, json_array({computer_rest}) AS guard
FROM computer WHERE id = $1;

-- name: computer_put
-- one writes waits (id int, body text, guard text?) -> computer
-- refuses FOREIGN KEY of site_id: site_id must be the id of a site that exists.
-- refuses computer.mac: mac is the address of another computer already.
INSERT INTO computer ({computer})
SELECT $1, $2 ->> 'name', $2 ->> 'mac', $2 ->> 'site_id'
WHERE coalesce($3, '') = '' OR EXISTS (SELECT 1 FROM computer WHERE id = $1 AND $3 IN ('*', json_array({computer_rest})))
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name,
    mac = iif(json_type($2, '$.mac') IS NULL, mac, excluded.mac),
    site_id = iif(json_type($2, '$.site_id') IS NULL, site_id, excluded.site_id)
WHERE $3 IS NOT ''
RETURNING {computer};

-- name: computer_delete
-- one writes waits told (id int, guard text?) -> computer and (gone bool)
DELETE FROM computer
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({computer_rest})))
RETURNING {computer}, true AS gone;
SELECT {computer}, false AS gone FROM computer
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({computer_rest})));

-- name: computer_list
-- one (page) -> computer
SELECT {computer} FROM computer WHERE id > $3 ORDER BY id LIMIT $1 OFFSET $2;

-- name: computer_of_site
-- one (page_of) -> computer
SELECT {computer} FROM computer WHERE site_id = $3 AND id > $2 ORDER BY id LIMIT $1;

-- name: freezer_get
-- set (id int) -> freezer
SELECT {freezer} FROM freezer WHERE id = $1;

-- name: freezer_guard
-- one (id int) -> freezer and (guard text)
SELECT {freezer}, json_array({freezer_rest}) AS guard
FROM freezer WHERE id = $1;

-- name: freezer_put
-- one writes waits (id int, body text, guard text?) -> freezer
-- refuses FOREIGN KEY of site_id: site_id must be the id of a site that exists.
INSERT INTO freezer ({freezer})
SELECT $1, $2 ->> 'name', $2 ->> 'site_id'
WHERE coalesce($3, '') = '' OR EXISTS (SELECT 1 FROM freezer WHERE id = $1 AND $3 IN ('*', json_array({freezer_rest})))
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name,
    site_id = iif(json_type($2, '$.site_id') IS NULL, site_id, excluded.site_id)
WHERE $3 IS NOT ''
RETURNING {freezer};

-- name: freezer_delete
-- one writes waits told (id int, guard text?) -> freezer and (gone bool)
DELETE FROM freezer
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({freezer_rest})))
RETURNING {freezer}, true AS gone;
SELECT {freezer}, false AS gone FROM freezer
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({freezer_rest})));

-- name: freezer_list
-- one (page) -> freezer
SELECT {freezer} FROM freezer WHERE id > $3 ORDER BY id LIMIT $1 OFFSET $2;

-- name: freezer_of_site
-- one (page_of) -> freezer
SELECT {freezer} FROM freezer WHERE site_id = $3 AND id > $2 ORDER BY id LIMIT $1;

-- name: container_get
-- set (id int) -> container
SELECT {container} FROM container WHERE id = $1;

-- name: container_guard
-- one (id int) -> container and (guard text)
SELECT {container}, json_array({container_rest}) AS guard
FROM container WHERE id = $1;

-- name: container_put
-- one writes waits (id int, body text, guard text?) -> container
-- refuses FOREIGN KEY of freezer_id: freezer_id must be the id of a freezer that exists.
INSERT INTO container ({container})
SELECT $1, $2 ->> 'uuid', $2 ->> 'description', $2 ->> 'freezer_id'
WHERE coalesce($3, '') = '' OR EXISTS (
    SELECT 1 FROM container WHERE id = $1 AND $3 IN ('*', json_array({container_rest}))
)
ON CONFLICT (id) DO UPDATE SET
    uuid = excluded.uuid,
    description = iif(json_type($2, '$.description') IS NULL, description, excluded.description),
    freezer_id = iif(json_type($2, '$.freezer_id') IS NULL, freezer_id, excluded.freezer_id)
WHERE $3 IS NOT ''
RETURNING {container};

-- name: container_delete
-- one writes waits told (id int, guard text?) -> container and (gone bool)
DELETE FROM container
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({container_rest})))
RETURNING {container}, true AS gone;
SELECT {container}, false AS gone FROM container
WHERE id = $1 AND ($2 IS NULL OR $2 IN ('*', json_array({container_rest})));

-- name: container_list
-- one (page) -> container
SELECT {container} FROM container WHERE id > $3 ORDER BY id LIMIT $1 OFFSET $2;

-- name: container_of_freezer
-- one (page_of) -> container
SELECT {container} FROM container WHERE freezer_id = $3 AND id > $2 ORDER BY id LIMIT $1;

-- The view's rows from its tables, because SQLite would sort the whole view for each page: so it merges two indexes.
-- name: instrument_list
-- one (limit int, offset int) -> (computer_id int?, freezer_id int?, name text, site_id int?, site_name text?)
SELECT c.id AS computer_id, NULL AS freezer_id, c.name AS name, c.site_id AS site_id, s.name AS site_name,
    c.site_id IS NULL AS no_site, 1 AS kind, c.id AS id
FROM computer AS c LEFT JOIN site AS s ON s.id = c.site_id
UNION ALL
SELECT NULL, f.id, f.name, f.site_id, s.name, f.site_id IS NULL, 2, f.id
FROM freezer AS f LEFT JOIN site AS s ON s.id = f.site_id
ORDER BY no_site, site_id, name, kind, id LIMIT $1 OFFSET $2;

-- name: lab_history_page
-- one (limit int, kind text, id int, before int) -> (at time, operation text, old json?, new json?) and (id int)
SELECT at, operation, old, new, id FROM lab_history
WHERE kind = $2 AND record_id = $3 AND id < $4
ORDER BY id DESC LIMIT $1;

-- name: site_any
-- command () -> (id int)
SELECT id FROM site LIMIT 1;

-- The new sites have the last ids, one after the other: nobody else writes meanwhile. If a trigger kept one away nothing
-- would know where it stands, and the computers are refused.
-- name: site_seed
-- command writes (rows text) -> (stored int)
INSERT INTO site ({site_rest})
SELECT s.value ->> 'name', s.value ->> 'contact', s.value ->> 'address', s.value ->> 'state_or_region',
    s.value ->> 'country', s.value ->> 'postcode_or_zip'
FROM json_each($1) AS s;
INSERT INTO computer ({computer_rest})
SELECT c.value ->> 'name', c.value ->> 'mac',
    iif(changes() = json_array_length($1), (SELECT max(id) FROM site) - json_array_length($1) + 1 + s.key, -1)
FROM json_each($1) AS s, json_each(s.value, '$.computers') AS c WHERE true
ON CONFLICT (mac) DO NOTHING;
INSERT INTO freezer ({freezer_rest})
SELECT f.value ->> 'name', (SELECT max(id) FROM site) - json_array_length($1) + 1 + s.key
FROM json_each($1) AS s, json_each(s.value, '$.freezers') AS f;
INSERT INTO container ({container_rest})
SELECT c.value ->> 'uuid', c.value ->> 'description', r.id
FROM json_each($1) AS s, json_each(s.value, '$.freezers') AS f, json_each(f.value, '$.containers') AS c
JOIN freezer AS r ON r.site_id = (SELECT max(id) FROM site) - json_array_length($1) + 1 + s.key
    AND r.name = f.value ->> 'name';
SELECT json_array_length($1);
