-- Health regions, and which of them a forward sortation area belongs to.

-- list health_region: id int, hr_uid int, name_en text, name_fr text, pop int?, website_en text?, website_fr text?,
--     province text
-- list stray: pos int, column text, value text?, target text

-- name: health_region_page
-- one (page) -> health_region
SELECT h.id, h.hr_uid, h.name_en, h.name_fr, h.pop, h.website_en, h.website_fr, p.alpha_code
FROM health_region AS h JOIN province AS p ON p.id = h.fk_province_id
WHERE h.id > $3::bigint
ORDER BY h.id LIMIT $1::bigint OFFSET $2::bigint;

-- name: health_region_get
-- one (id int) -> health_region
SELECT h.id, h.hr_uid, h.name_en, h.name_fr, h.pop, h.website_en, h.website_fr, p.alpha_code
FROM health_region AS h JOIN province AS p ON p.id = h.fk_province_id
WHERE h.id = $1::bigint;

-- name: health_region_of_fsa
-- one (code text) -> health_region
SELECT h.id, h.hr_uid, h.name_en, h.name_fr, h.pop, h.website_en, h.website_fr, p.alpha_code
FROM health_region AS h JOIN province AS p ON p.id = h.fk_province_id
WHERE h.id IN (SELECT f.fk_healthregion_id FROM fsa AS f WHERE f.code = $1)
ORDER BY h.id;

-- name: health_any
-- command () -> (id int)
SELECT id FROM health_region LIMIT 1;

-- Whoever adds to these tables keeps others who do out until the transaction ends: two that meet in the middle would wait
-- for one another, and two that count on from the same ids would write the same rows. Readers are not held up.
-- name: health_lock
-- command ()
LOCK TABLE region, province, health_region, fsa IN SHARE ROW EXCLUSIVE MODE;

-- The provinces and territories there are, with what new ids and hr_uids begin behind. The latter stay clear of the
-- four digits of the published ones.
-- name: health_seed_base
-- command () -> (id int, alpha_code text, name_en text, name_fr text, region_id int, hr_uid int, fsa_id int)
SELECT id, alpha_code, name_en, name_fr,
    (SELECT coalesce(max(id), 0) FROM health_region) AS region_id,
    (SELECT greatest(coalesce(max(hr_uid), 0), 9999) FROM health_region) AS hr_uid,
    (SELECT coalesce(max(id), 0) FROM fsa) AS fsa_id
FROM province ORDER BY id;

-- The thirteen provinces and territories. What is there already stays as it is.
-- name: health_provinces
-- command ()
INSERT INTO region (id, name_en, name_fr) VALUES
    (1, 'Atlantic', 'Atlantique'),
    (2, 'Quebec', 'Québec'),
    (3, 'Ontario', 'Ontario'),
    (4, 'Prairies', 'Prairies'),
    (5, 'British Columbia', 'Colombie-Britannique'),
    (6, 'Territories', 'Territoires')
ON CONFLICT DO NOTHING;
INSERT INTO province (id, geo_code, alpha_code, name_en, name_fr, fk_region_id) VALUES
    (10, 10, 'NL', 'Newfoundland and Labrador', 'Terre-Neuve-et-Labrador', 1),
    (11, 11, 'PE', 'Prince Edward Island', 'Île-du-Prince-Édouard', 1),
    (12, 12, 'NS', 'Nova Scotia', 'Nouvelle-Écosse', 1),
    (13, 13, 'NB', 'New Brunswick', 'Nouveau-Brunswick', 1),
    (24, 24, 'QC', 'Quebec', 'Québec', 2),
    (35, 35, 'ON', 'Ontario', 'Ontario', 3),
    (46, 46, 'MB', 'Manitoba', 'Manitoba', 4),
    (47, 47, 'SK', 'Saskatchewan', 'Saskatchewan', 4),
    (48, 48, 'AB', 'Alberta', 'Alberta', 4),
    (59, 59, 'BC', 'British Columbia', 'Colombie-Britannique', 5),
    (60, 60, 'YT', 'Yukon', 'Yukon', 6),
    (61, 61, 'NT', 'Northwest Territories', 'Territoires du Nord-Ouest', 6),
    (62, 62, 'NU', 'Nunavut', 'Nunavut', 6)
ON CONFLICT DO NOTHING;

-- $1 of those below is an array of rows, each an array in the order of the columns. A stray is the first row that
-- refers to what is not there.

-- name: region_store
-- command writes (rows text) -> (stored int)
WITH stored AS (
    INSERT INTO region (id, name_en, name_fr)
    SELECT (r ->> 0)::bigint, r ->> 1, r ->> 2
    FROM json_array_elements($1::json) AS r
    ON CONFLICT (id) DO UPDATE SET name_en = excluded.name_en, name_fr = excluded.name_fr
    RETURNING 1
)
SELECT count(*) FROM stored;

-- name: province_stray
-- command (rows text) -> stray
SELECT a.pos, 'fk_region_id' AS column, (a.r ->> 5) AS value, 'region' AS target
FROM json_array_elements($1::json) WITH ORDINALITY AS a (r, pos)
WHERE NOT EXISTS (SELECT FROM region AS t WHERE t.id = (a.r ->> 5)::bigint)
ORDER BY pos LIMIT 1;

-- name: province_store
-- command writes (rows text) -> (stored int)
WITH stored AS (
    INSERT INTO province (id, geo_code, alpha_code, name_en, name_fr, fk_region_id)
    SELECT (r ->> 0)::bigint, (r ->> 1)::bigint, r ->> 2, r ->> 3, r ->> 4, (r ->> 5)::bigint
    FROM json_array_elements($1::json) AS r
    ON CONFLICT (id) DO UPDATE SET geo_code = excluded.geo_code, alpha_code = excluded.alpha_code,
        name_en = excluded.name_en, name_fr = excluded.name_fr, fk_region_id = excluded.fk_region_id
    RETURNING 1
)
SELECT count(*) FROM stored;

-- name: health_region_stray
-- command (rows text) -> stray
SELECT a.pos, 'fk_province_id' AS column, (a.r ->> 9) AS value, 'province' AS target
FROM json_array_elements($1::json) WITH ORDINALITY AS a (r, pos)
WHERE NOT EXISTS (SELECT FROM province AS t WHERE t.id = (a.r ->> 9)::bigint)
ORDER BY pos LIMIT 1;

-- name: health_region_store
-- command writes (rows text) -> (stored int)
WITH stored AS (
    INSERT INTO health_region (id, hr_uid, name_en, name_fr, pop, website_en, website_fr, en_prov_vaccine_site,
        fr_prov_vaccine_site, fk_province_id)
    SELECT (r ->> 0)::bigint, (r ->> 1)::bigint, r ->> 2, r ->> 3, (r ->> 4)::bigint, r ->> 5, r ->> 6, r ->> 7,
        r ->> 8, (r ->> 9)::bigint
    FROM json_array_elements($1::json) AS r
    ON CONFLICT (id) DO UPDATE SET hr_uid = excluded.hr_uid, name_en = excluded.name_en, name_fr = excluded.name_fr,
        pop = excluded.pop, website_en = excluded.website_en, website_fr = excluded.website_fr,
        en_prov_vaccine_site = excluded.en_prov_vaccine_site, fr_prov_vaccine_site = excluded.fr_prov_vaccine_site,
        fk_province_id = excluded.fk_province_id
    RETURNING 1
)
SELECT count(*) FROM stored;

-- name: fsa_stray
-- command (rows text) -> stray
SELECT a.pos, 'fk_healthregion_id' AS column, (a.r ->> 5) AS value, 'health_region' AS target
FROM json_array_elements($1::json) WITH ORDINALITY AS a (r, pos)
WHERE NOT EXISTS (SELECT FROM health_region AS t WHERE t.id = (a.r ->> 5)::bigint)
UNION ALL
SELECT a.pos, 'fk_province_id' AS column, (a.r ->> 6) AS value, 'province' AS target
FROM json_array_elements($1::json) WITH ORDINALITY AS a (r, pos)
WHERE NOT EXISTS (SELECT FROM province AS t WHERE t.id = (a.r ->> 6)::bigint)
ORDER BY pos LIMIT 1;

-- name: fsa_store
-- command writes (rows text) -> (stored int)
WITH stored AS (
    INSERT INTO fsa (id, code, eng_name, fre_name, estimated_pop, fk_healthregion_id, fk_province_id)
    SELECT (r ->> 0)::bigint, r ->> 1, r ->> 2, r ->> 3, (r ->> 4)::bigint, (r ->> 5)::bigint, (r ->> 6)::bigint
    FROM json_array_elements($1::json) AS r
    ON CONFLICT (id) DO UPDATE SET code = excluded.code, eng_name = excluded.eng_name, fre_name = excluded.fre_name,
        estimated_pop = excluded.estimated_pop, fk_healthregion_id = excluded.fk_healthregion_id,
        fk_province_id = excluded.fk_province_id
    RETURNING 1
)
SELECT count(*) FROM stored;
