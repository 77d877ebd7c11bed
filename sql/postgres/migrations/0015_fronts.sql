-- What has expired is looked for from a second front on, for the reason that claims of the oldest have one (0013_orders_front.sql): a
-- lease leaves an entry in orders_lease when its order is delivered, and once its time has passed each claim would go through it.
-- By hand:  psql -1 -v ON_ERROR_STOP=1 -f 0015_fronts.sql

-- The table is locked only for a moment, and who takes orders is not held up by waiting for that.
SET LOCAL lock_timeout = '500ms';

-- No lease that ended before it is still an order's; microseconds since 1970.
CREATE SEQUENCE orders_lease_front MINVALUE 0 START 0 OWNED BY orders.lease_until;
GRANT SELECT ON SEQUENCE orders_lease_front TO PUBLIC;

-- Where to begin. A clock that was set back has no front until it is past it again.
CREATE FUNCTION orders_lease_from() RETURNS timestamptz LANGUAGE sql STABLE
RETURN (SELECT CASE WHEN f.at <= now() THEN f.at ELSE '-infinity' END
    FROM (SELECT to_timestamp(0) + last_value * interval '1 microsecond' AS at FROM orders_lease_front) AS f);

-- Moves the front, for those who may take orders; see orders_front_move.
DO $$ BEGIN PERFORM set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true); END $$;
CREATE FUNCTION orders_lease_move(at timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT setval('orders_lease_front', (extract(epoch FROM at) * 1000000)::bigint)
    WHERE at BETWEEN to_timestamp(0) AND clock_timestamp()
        AND has_any_column_privilege(coalesce(nullif(current_setting('role'), 'none')::name, session_user), 'orders', 'UPDATE')
$$;

-- A claim moves the front when that is old. Something may be about to be written behind it, so where the first lease that has ended
-- was, or that there was none, is only noted, with the claim's own number, which is above those of all transactions that are under
-- way; when these have all ended and nothing is found before it again, it is the front. oldest: of those that are under way now.
CREATE FUNCTION orders_lease_seen(oldest xid8) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    front timestamptz := orders_lease_from();
    noted text[] := string_to_array(nullif(current_setting('rowlock.lease_front', true), ''), ',');
    at timestamptz := noted[1];
    until xid8 := noted[2];
    behind timestamptz := noted[3];
    first timestamptz;
BEGIN
    IF until >= oldest AND behind = front THEN
        RETURN NULL;
    END IF;
    first := (
        SELECT o.lease_until FROM orders AS o WHERE o.status = 'TAKEN' AND o.lease_until >= front AND o.lease_until <= now()
        ORDER BY o.lease_until LIMIT 1
    );
    IF until < oldest AND behind = front AND at > front AND coalesce(first >= at, true) THEN
        PERFORM orders_lease_move(at);
        front := at;
    END IF;
    PERFORM set_config('rowlock.lease_front',
        concat_ws(',', coalesce(first, now()), pg_current_xact_id(), front), false);
    RETURN NULL;
END
$$;

-- A lease that has ended when it begins sets the front back: one that is given by hand, or by a transaction that was held up. The
-- front goes back a little in any case, so that what was noted before holds no longer. Who comes in the very moment in which it
-- is moved is found by order_expire, which looks from the beginning on every ten seconds.
CREATE FUNCTION orders_lease_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM orders_lease_move(greatest(least(NEW.lease_until, orders_lease_from()) - interval '1 microsecond', to_timestamp(0)));
    RETURN NEW;
END
$$;

CREATE TRIGGER orders_lease_ended BEFORE INSERT OR UPDATE ON orders FOR EACH ROW
    WHEN (NEW.lease_until <= clock_timestamp() AND NEW.status = 'TAKEN') EXECUTE FUNCTION orders_lease_ended();

-- As in 0013, which took the end of its snapshot for the newest transaction that was under way. That is the first one that had not
-- ended, and newer ones may be under way as well. What would not move the front is not noted, so claims that find nothing take
-- a number once only.
CREATE OR REPLACE FUNCTION orders_front_seen(first bigint, oldest xid8) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    noted text[] := string_to_array(nullif(current_setting('rowlock.front', true), ''), ' ');
    number bigint := noted[1];
    until xid8 := noted[2];
    holds boolean := coalesce(first >= number, true);
    front bigint := (SELECT f.last_value FROM orders_front AS f);
BEGIN
    IF holds AND until >= oldest THEN
        RETURN NULL;
    END IF;
    IF holds AND number >= front + 64 THEN
        PERFORM orders_front_move(number);
        front := number;
    END IF;
    number := coalesce(first, (SELECT max(o.id) + 1 FROM orders AS o), 0);
    PERFORM set_config('rowlock.front', CASE WHEN number >= front + 64 THEN number || ' ' || pg_current_xact_id() ELSE '' END, false);
    RETURN NULL;
END
$$;

-- As in 0011, but for what has expired.
CREATE OR REPLACE FUNCTION orders_claim_near(takers text[], limits bigint[], leases bigint[], lats float8[], lngs float8[],
    withins bigint[]) RETURNS TABLE (pos bigint, taken orders, away float8) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    slack CONSTANT float8 := 0.000000001; -- of rounding; 6 mm
    ended CONSTANT timestamptz := (SELECT orders_lease_from());
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
    IF EXISTS (SELECT FROM orders AS o WHERE o.status = 'TAKEN' AND o.lease_until <= now() AND o.lease_until >= ended) THEN
        UPDATE orders SET status = 'UNASSIGNED', taker = NULL, released_by = NULL, lease_until = NULL, updated_at = now()
        WHERE id = ANY (ARRAY(
            SELECT o.id FROM orders AS o WHERE o.status = 'TAKEN' AND o.lease_until <= now() AND o.lease_until >= ended
            ORDER BY o.lease_until LIMIT 10000 FOR NO KEY UPDATE SKIP LOCKED
        ));
    END IF;
    IF ended < now() - interval '250 ms' THEN
        PERFORM orders_lease_seen(pg_snapshot_xmin(pg_current_snapshot()));
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

-- Also where nobody may call new functions by default.
GRANT EXECUTE ON FUNCTION orders_lease_from, orders_lease_move, orders_lease_seen, orders_lease_ended TO PUBLIC;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (15, 'fronts', 1);
