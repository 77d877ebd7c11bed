-- Claims of the nearest orders. 0012 makes the index for them.
-- By hand:  psql -1 -v ON_ERROR_STOP=1 -f 0011_orders_near.sql

-- The cell of a point of the unit sphere: the cube around the sphere halved 20 times along each axis, the halves' numbers
-- interleaved (a Morton number). So the cells of any size are ranges, neither the poles nor the 180th meridian are
-- anything special, and a plain index has them, which remembers what it met dead. This is the part of one axis, of a
-- coordinate from -1 to 1: each third bit.
CREATE FUNCTION sphere_part(coordinate float8) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    n bigint := greatest(0, least(1048575, floor((coordinate + 1) * 524288)));
BEGIN
    n := (n | (n << 32)) & 8725724278095871;
    n := (n | (n << 16)) & 8725728556220671;
    n := (n | (n << 8)) & 1157144660301377551;
    n := (n | (n << 4)) & 1207822528635744451;
    RETURN (n | (n << 2)) & 1317624576693539401;
END
$$;

-- Written so that it needs no search path: indexes are maintained and restored without one.
CREATE FUNCTION order_cell(lat float8, lng float8) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sphere_part(cos(radians(lat)) * cos(radians(lng))) | (sphere_part(cos(radians(lat)) * sin(radians(lng))) << 1)
    | (sphere_part(sin(radians(lat))) << 2);

-- Takes the free orders that are nearest to a point, so many for each call of a set, one call after the other; away is the
-- haversine. What has expired is made free first, so that it is found like all that is free.
--
-- It looks within a circle that grows until it has enough. The box around the circle is no wider than a cell of the size
-- that is chosen, so its eight corners are in all cells that it touches. Those of smaller circles are parts of them, and are
-- not read again: where many were taken, who reads passes by all of that until vacuum has run. Of all orders at one point
-- the oldest alone is read before they are wanted: many may be fetched at one door. What others have locked is left out.
-- What was chosen is written some hundred at a time, because a statement that writes costs more than an order in it.
CREATE FUNCTION orders_claim_near(takers text[], limits bigint[], leases bigint[], lats float8[], lngs float8[],
    withins bigint[]) RETURNS TABLE (pos bigint, taken orders, away float8) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    slack CONSTANT float8 := 0.000000001; -- of rounding; 6 mm
    asked record;
    point record;
    x float8; y float8; z float8;
    most float8; reach float8; -- chords of the unit sphere
    bound float8; -- reach as a haversine
    below integer; -- how many bits tell the cells within one of the chosen size apart
    cells int8multirange; -- those that the circle touches
    done int8multirange; -- those that were looked through for smaller circles
    done_bound float8;
    other_cells bigint[]; other_lats float8[]; other_lngs float8[]; other_ids bigint[]; -- points there, outside of the circle
    seen float8; -- points
    missing bigint;
    id bigint;
    ids bigint[] := '{}';
    aways float8[] := '{}';
    calls bigint[] := '{}';
BEGIN
    IF EXISTS (SELECT FROM orders AS o WHERE o.status = 'TAKEN' AND o.lease_until <= now()) THEN
        UPDATE orders SET status = 'UNASSIGNED', taker = NULL, released_by = NULL, lease_until = NULL, updated_at = now()
        WHERE id = ANY (ARRAY(
            SELECT o.id FROM orders AS o WHERE o.status = 'TAKEN' AND o.lease_until <= now()
            ORDER BY o.lease_until LIMIT 10000 FOR NO KEY UPDATE SKIP LOCKED
        ));
    END IF;
    FOR asked IN
        SELECT a.* FROM unnest(limits, lats, lngs, withins) WITH ORDINALITY AS a (wanted, lat, lng, within, pos)
        WHERE EXISTS (SELECT FROM orders AS o WHERE o.status = 'UNASSIGNED')
    LOOP
        x := cos(radians(asked.lat)) * cos(radians(asked.lng));
        y := cos(radians(asked.lat)) * sin(radians(asked.lng));
        z := sin(radians(asked.lat));
        most := coalesce(2 * sin(least(asked.within / 12742017.6, pi() / 2)), 2);
        reach := 0.00001;
        missing := asked.wanted;
        done := '{}';
        done_bound := -1;
        other_cells := '{}'; other_lats := '{}'; other_lngs := '{}'; other_ids := '{}';
        LOOP
            reach := least(reach, most);
            bound := CASE WHEN reach < 2 THEN reach * reach / 4 + 1e-24 ELSE 2 END;
            below := 60 - 3 * greatest(0, least(20, floor(-ln(reach + slack) / ln(2.0::float8))))::integer;
            cells := (
                SELECT range_agg(int8range(c.low << below, (c.low + 1) << below))
                FROM (
                    SELECT DISTINCT (i | (j << 1) | (k << 2)) >> below AS low
                    FROM unnest(ARRAY[sphere_part(x - reach - slack), sphere_part(x + reach + slack)]) AS i,
                        unnest(ARRAY[sphere_part(y - reach - slack), sphere_part(y + reach + slack)]) AS j,
                        unnest(ARRAY[sphere_part(z - reach - slack), sphere_part(z + reach + slack)]) AS k
                ) AS c
            );
            seen := 0;
            FOR point IN
                WITH RECURSIVE next (cell, lat, lng, id, high) AS (
                    SELECT f.*, upper(c.part)
                    FROM unnest(cells - done) AS c (part) CROSS JOIN LATERAL (
                        SELECT order_cell(o.origin_lat, o.origin_lng), o.origin_lat, o.origin_lng, o.id
                        FROM orders AS o
                        WHERE o.status = 'UNASSIGNED' AND order_cell(o.origin_lat, o.origin_lng) >= lower(c.part)
                            AND order_cell(o.origin_lat, o.origin_lng) < upper(c.part)
                        ORDER BY order_cell(o.origin_lat, o.origin_lng), o.origin_lat, o.origin_lng, o.id LIMIT 1
                    ) AS f
                    UNION ALL
                    SELECT f.*, n.high
                    FROM next AS n CROSS JOIN LATERAL (
                        SELECT order_cell(o.origin_lat, o.origin_lng), o.origin_lat, o.origin_lng, o.id
                        FROM orders AS o
                        WHERE o.status = 'UNASSIGNED' AND order_cell(o.origin_lat, o.origin_lng) < n.high
                            AND (order_cell(o.origin_lat, o.origin_lng), o.origin_lat, o.origin_lng) > (n.cell, n.lat, n.lng)
                        ORDER BY order_cell(o.origin_lat, o.origin_lng), o.origin_lat, o.origin_lng, o.id LIMIT 1
                    ) AS f
                )
                SELECT n.*, h.away, count(*) OVER () AS seen
                FROM (
                    SELECT n.cell, n.lat, n.lng, n.id, true AS new FROM next AS n
                    UNION ALL
                    SELECT n.*, false FROM unnest(other_cells, other_lats, other_lngs, other_ids) AS n (cell, lat, lng, id)
                ) AS n CROSS JOIN LATERAL (
                    SELECT sin(radians(n.lat - asked.lat) / 2) ^ 2
                        + cos(radians(asked.lat)) * cos(radians(n.lat)) * sin(radians(n.lng - asked.lng) / 2) ^ 2
                ) AS h (away)
                WHERE h.away > done_bound
                ORDER BY h.away, n.id
            LOOP
                seen := point.seen;
                IF point.away > bound THEN
                    CONTINUE WHEN NOT point.new;
                    other_cells := other_cells || point.cell;
                    other_lats := other_lats || point.lat;
                    other_lngs := other_lngs || point.lng;
                    other_ids := other_ids || point.id;
                    CONTINUE;
                END IF;
                FOR id IN
                    SELECT o.id FROM orders AS o
                    WHERE o.status = 'UNASSIGNED' AND order_cell(o.origin_lat, o.origin_lng) = point.cell
                        AND o.origin_lat = point.lat AND o.origin_lng = point.lng AND o.id >= point.id AND o.id <> ALL (ids)
                    ORDER BY o.id LIMIT missing FOR NO KEY UPDATE SKIP LOCKED
                LOOP
                    ids := ids || id;
                    aways := aways || point.away;
                    calls := calls || asked.pos;
                    missing := missing - 1;
                END LOOP;
                EXIT WHEN missing = 0;
            END LOOP;
            EXIT WHEN missing = 0 OR reach >= most;
            done := cells;
            done_bound := bound;
            -- so far as the points that were seen promise enough
            reach := reach * CASE WHEN seen = 0 THEN 8 ELSE greatest(1.5, least(8, 4 * sqrt(missing / seen))) END;
        END LOOP;
        IF cardinality(ids) >= 500 OR (asked.pos = cardinality(limits) AND cardinality(ids) > 0) THEN
            RETURN QUERY UPDATE orders AS o SET status = 'TAKEN', taker = takers[f.pos], released_by = NULL, claim = o.claim + 1,
                lease_until = now() + leases[f.pos] * interval '1 second', updated_at = now()
            FROM unnest(ids, aways, calls) AS f (id, away, pos) WHERE o.id = f.id AND o.id = ANY (ids)
            RETURNING f.pos, o, f.away;
            ids := '{}';
            aways := '{}';
            calls := '{}';
        END IF;
    END LOOP;
END
$$;

-- The same for a request with an Idempotency-Key, whose answer is kept. "again": somebody holds the row of the key.
CREATE FUNCTION orders_claim_near_once(whose text, wanted bigint, seconds bigint, lat float8, lng float8, within bigint,
    of_scope text, of_key text, of_body text, hours integer) RETURNS TABLE (answer json, outcome text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    old record;
BEGIN
    INSERT INTO idempotency_keys AS k (scope, key, fingerprint, answer) VALUES (of_scope, of_key, of_body, '[]')
    ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = now()
        WHERE k.created_at < now() - hours * interval '1 hour';
    IF FOUND THEN
        RETURN QUERY UPDATE idempotency_keys AS k SET answer = (
            SELECT coalesce(json_agg(row_to_json(r)), '[]')
            FROM (
                SELECT o.id, o.origin_lat, o.origin_lng, o.destination_lat, o.destination_lng, o.distance, o.status, o.taker,
                    o.created_at, o.updated_at, o.claim, o.lease_until,
                    round(12742017.6 * asin(sqrt(least(1, n.away))))::bigint AS distance_to_origin
                FROM orders_claim_near(ARRAY[whose], ARRAY[wanted], ARRAY[seconds], ARRAY[lat], ARRAY[lng], ARRAY[within]) AS n
                    CROSS JOIN LATERAL (SELECT (n.taken).*) AS o
                WHERE o.status = 'TAKEN' AND o.taker = whose
                ORDER BY n.away, o.id
            ) AS r
        )
        WHERE k.scope = of_scope AND k.key = of_key RETURNING k.answer::json, 'done';
        RETURN;
    END IF;
    SELECT k.fingerprint, k.answer INTO old FROM idempotency_keys AS k
    WHERE k.scope = of_scope AND k.key = of_key FOR KEY SHARE SKIP LOCKED;
    RETURN QUERY SELECT CASE WHEN old.fingerprint = of_body THEN old.answer::json END,
        CASE WHEN old.fingerprint IS NULL THEN 'again' WHEN old.fingerprint = of_body THEN 'done' ELSE 'other' END;
END
$$;

-- Also where nobody may call new functions by default: who places an order, by whatever way, needs the first two.
GRANT EXECUTE ON FUNCTION sphere_part, order_cell, orders_claim_near, orders_claim_near_once TO PUBLIC;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (11, 'orders_near', 1);
