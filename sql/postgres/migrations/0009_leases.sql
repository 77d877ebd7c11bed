-- Leases of orders, the number of each acquisition, and a journal that says what an order was then.
-- By hand:  psql -1 -v ON_ERROR_STOP=1 -f 0009_leases.sql

-- Both tables are locked only for a moment, and who takes orders is not held up by waiting for that. Nothing is written
-- anew: the columns have a constant for what is there, and the constraint is checked by 0010.
SET LOCAL lock_timeout = '500ms';

ALTER TABLE orders
    ADD COLUMN claim bigint NOT NULL DEFAULT 0, -- the number of its last acquisition
    ADD COLUMN lease_until timestamptz; -- of a taken order: it is free again from then on; null: not until it is released

ALTER TABLE order_events
    ADD COLUMN claim bigint,
    ADD COLUMN lease_until timestamptz,
    ADD COLUMN distance bigint,
    ADD COLUMN origin_lat double precision,
    ADD COLUMN origin_lng double precision,
    ADD COLUMN destination_lat double precision,
    ADD COLUMN destination_lng double precision,
    DROP CONSTRAINT order_events_event_check,
    ADD CONSTRAINT order_events_event_check
        CHECK (event IN ('placed', 'taken', 'released', 'delivered', 'expired', 'deleted')) NOT VALID;

-- Each acquisition has a number of its own whoever makes it: a server that does not know of them, too, and who changes
-- the row by hand. Servers that do count themselves, so for them the condition alone is looked at.
CREATE FUNCTION orders_acquired() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.claim := OLD.claim + 1;
    IF NEW.lease_until IS NOT DISTINCT FROM OLD.lease_until THEN
        NEW.lease_until := NULL;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER orders_acquired BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (NEW.status = 'TAKEN' AND NEW.claim <= OLD.claim
        AND (OLD.status <> 'TAKEN' OR NEW.taker IS DISTINCT FROM OLD.taker))
    EXECUTE FUNCTION orders_acquired();

-- As in 0001, and: who takes an order whose lease has ended makes two events, in this order. The points of an order stand
-- with its first event alone.
CREATE OR REPLACE FUNCTION order_events_write() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO order_events (order_id, event, taker, claim, distance, origin_lat, origin_lng, destination_lat, destination_lng)
        SELECT n.id, 'placed', n.taker, n.claim, n.distance, n.origin_lat, n.origin_lng, n.destination_lat, n.destination_lng
        FROM new_rows AS n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO order_events (order_id, event, taker, claim, distance)
        SELECT o.id, 'deleted', o.taker, o.claim, o.distance FROM old_rows AS o;
    ELSE
        INSERT INTO order_events (order_id, event, taker, claim, lease_until, distance)
        SELECT e.id, e.event,
            CASE WHEN e.event IN ('taken', 'delivered') THEN e.taker ELSE e.holder END,
            CASE WHEN e.event = 'expired' THEN e.ended ELSE e.claim END,
            CASE e.event WHEN 'taken' THEN e.lease_until WHEN 'expired' THEN e.lease_ended END,
            e.distance
        FROM (
            SELECT n.id, n.distance, n.taker, n.claim, n.lease_until,
                o.taker AS holder, o.claim AS ended, o.lease_until AS lease_ended,
                unnest(CASE
                    WHEN n.status = 'TAKEN' AND o.status = 'TAKEN' AND o.lease_until <= now() THEN ARRAY['expired', 'taken']
                    WHEN n.status = 'TAKEN' THEN ARRAY['taken']
                    WHEN n.status = 'DELIVERED' THEN ARRAY['delivered']
                    WHEN o.status = 'TAKEN' AND o.lease_until <= now() AND n.released_by IS NULL THEN ARRAY['expired']
                    ELSE ARRAY['released']
                END) AS event
            FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id
            WHERE n.status <> o.status
                OR (n.status = 'TAKEN' AND (n.taker IS DISTINCT FROM o.taker OR n.claim <> o.claim))
        ) AS e;
    END IF;
    RETURN NULL;
END
$$;

INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (9, 'leases', 1);
