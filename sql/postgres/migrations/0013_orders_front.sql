-- Claims of the oldest begin where the oldest free order may be. From the beginning of orders_free on they would go through all
-- that is dead in it, and as long as somebody holds a snapshot, nothing of that can be removed.
-- By hand:  psql -1 -v ON_ERROR_STOP=1 -f 0013_orders_front.sql

-- Below it no order is free for the first time. A sequence, because that is changed in place, for all and at once. TRUNCATE …
-- RESTART IDENTITY restarts it, because it belongs to the table, by a column that has no numbers of its own.
CREATE SEQUENCE orders_front MINVALUE 0 START 0 OWNED BY orders.claim;
GRANT SELECT ON SEQUENCE orders_front TO PUBLIC;

-- Moves the front, up to the newest order, with its owner's rights: a server that may take orders has none to set a sequence.
-- Who may not take orders could hide them from those who may, so for him it does nothing; nor does it look at what he has put
-- before our tables, in a schema that is searched first or among his temporary tables.
DO $$ BEGIN PERFORM set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true); END $$;
CREATE FUNCTION orders_front_move(number bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT setval('orders_front', number)
    WHERE number BETWEEN 0 AND pg_sequence_last_value(pg_get_serial_sequence('orders', 'id')::regclass) + 1
        AND has_any_column_privilege(coalesce(nullif(current_setting('role'), 'none')::name, session_user), 'orders', 'UPDATE')
$$;

-- A claim has looked from the front on, and the first that it found free was this one, or none. What it did not see may be free
-- yet: orders that are being placed, and those that others are just taking, who may not succeed. So the number is only noted, with
-- the transactions that were under way; when all of those have ended before a later claim looked, and that has found none below
-- it either, then it is the front. oldest: of the transactions that were under way when the claim looked.
CREATE FUNCTION orders_front_seen(first bigint, oldest xid8) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    noted text[] := string_to_array(nullif(current_setting('rowlock.front', true), ''), ' ');
    number bigint := noted[1];
    until xid8 := noted[2];
    holds boolean := coalesce(first >= number, true);
BEGIN
    IF holds AND until > oldest THEN
        RETURN NULL;
    END IF;
    IF holds AND number >= (SELECT f.last_value + 64 FROM orders_front AS f) THEN
        PERFORM orders_front_move(number);
    END IF;
    number := coalesce(first, (SELECT max(o.id) + 1 FROM orders AS o), 0);
    PERFORM set_config('rowlock.front', number || ' ' || pg_snapshot_xmax(pg_current_snapshot()), false);
    RETURN NULL;
END
$$;

-- An order may be free below the front all the same: one that was placed by hand with a number of its own, one that was taken
-- before there were claims, what two transactions in turn have tried to take in vain, those of a database that was restored from a
-- dump, or whose orders are numbered from a lower number on again. So what lies there is looked at in turns, so many numbers each second, and where one is found the front is set back to it.
CREATE FUNCTION orders_front_look(numbers bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    front bigint := (SELECT f.last_value FROM orders_front AS f);
    low bigint := extract(epoch FROM clock_timestamp())::bigint % (front / numbers + 1) * numbers;
    missed bigint := (SELECT min(o.id) FROM orders AS o
        WHERE o.status = 'UNASSIGNED' AND o.claim = 0 AND o.id >= low AND o.id < least(low + numbers, front));
BEGIN
    IF missed IS NOT NULL THEN
        PERFORM orders_front_move(missed);
    END IF;
    RETURN missed;
END
$$;

-- Also where nobody may call new functions by default.
GRANT EXECUTE ON FUNCTION orders_front_move, orders_front_seen, orders_front_look TO PUBLIC;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (13, 'orders_front', 1);
