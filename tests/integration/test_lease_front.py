"""Where claims begin to look for leases that have ended, on PostgreSQL: past all that cannot be removed while a snapshot is held, but
past no order whose lease has ended."""

import contextlib

import pytest

from support.plans import plan_as_the_server, plan_of, statements
from support.rawhttp import Api
from support.server import Server
from support.wait import until

pytestmark = pytest.mark.plain

MANY = 20000
FREE = ("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) "
        "SELECT 1, 2, 3, 4, 5 FROM generate_series(1, ?)")
AGO = "now() - interval '{}'"


@pytest.fixture
def api(postgres):
    """A server with one session, whose front of leases has begun to move."""
    server = Server("--db-connections", 1, database=postgres)
    api = Api(server.address)
    move(api, postgres)
    yield api
    server.stop()


def front_of(postgres):
    (front,), = postgres.query("SELECT extract(epoch FROM now()) - last_value / 1e6 FROM orders_lease_front")
    return float(front)


def move(api, postgres):
    """Until it is within a second of now. Nothing is free, so claims find only what has expired."""
    until(lambda: api.claim("nobody") == [] and front_of(postgres) < 1, 10, "the front to follow", every=0.02)


def ids(orders):
    return [order["id"] for order in orders]


def end_lease(postgres, order, ago="1 hour"):
    postgres.query(f"UPDATE orders SET lease_until = {AGO.format(ago)} WHERE id = ?", order)


def test_a_claim_does_not_go_through_leases_that_a_held_snapshot_keeps(postgres):
    postgres.query(FREE, MANY + 10)
    with contextlib.closing(postgres.connect()) as holder, contextlib.closing(postgres.connect()) as session:
        holder.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders")
        session.autocommit = True
        cursor = session.cursor()
        plan_as_the_server(cursor)
        cursor.execute(f"PREPARE order_claim AS {statements('orders')['order_claim']}")
        claim = "order_claim(ARRAY['c'], ARRAY[1::bigint], ARRAY[300::bigint])"
        cursor.execute("EXECUTE " + claim)
        before = read(cursor, claim)
        # as if they had been claimed for a time, and delivered, and the time had passed since then
        cursor.execute(f"UPDATE orders SET status = 'TAKEN', taker = 'c', claim = claim + 1, lease_until = now() + interval '10 ms' * (id % 100) WHERE id <= {MANY}")
        cursor.execute("UPDATE orders SET status = 'DELIVERED', lease_until = NULL WHERE lease_until IS NOT NULL")
        cursor.execute("SELECT pg_sleep_for('1 second')")      # their time
        most = read(cursor, claim)
        assert most > before + 50, "they are in the way once"
        until(lambda: read(cursor, claim) < before + 20, 10, "later claims to begin behind them", every=0.3)


def read(cursor, call):
    plan = plan_of(cursor, call, "ANALYZE, BUFFERS,")
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


@pytest.mark.parametrize("near", [{}, {"near": [1, 2]}], ids=["oldest", "nearest"])
def test_a_lease_that_is_ended_by_hand_is_claimed_at_once(api, postgres, near):
    first, second = api.place(), api.place()
    assert ids(api.claim("ann", limit=2, lease=300, **near)) == [first, second]
    move(api, postgres)
    end_lease(postgres, first)
    assert ids(api.claim("bob", limit=2, **near)) == [first]
    end_lease(postgres, second, "10 seconds")
    assert ids(api.claim("bob", limit=2, **near)) == [second]


def test_an_order_that_is_inserted_with_a_lease_that_has_ended(api, postgres):
    (order,), = postgres.query("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance, status, taker, lease_until) "
                               f"VALUES (1, 2, 3, 4, 5, 'TAKEN', 'ann', {AGO.format('1 day')}) RETURNING id")
    assert ids(api.claim("bob")) == [order]


def test_a_lease_that_ends_before_its_transaction_does(api, postgres):
    order = api.place()
    with postgres.connect() as slow:
        cursor = slow.cursor()
        cursor.execute("UPDATE orders SET status = 'TAKEN', taker = 'ann', lease_until = now() + interval '500 ms' WHERE id = %s", (order,))
        began = front_of(postgres)
        until(lambda: api.claim("bob") == [] and front_of(postgres) > began + 1.5, 10, "the front to wait for who is under way", every=0.05)
        slow.commit()
    slow.close()
    assert ids(api.claim("bob")) == [order]


def test_a_lease_is_ended_by_a_transaction_that_goes_on_meanwhile(api, postgres):
    order = api.place()
    assert ids(api.claim("ann", lease=300)) == [order]
    move(api, postgres)
    with postgres.connect() as slow:
        slow.cursor().execute(f"UPDATE orders SET lease_until = {AGO.format('1 second')} WHERE id = %s", (order,))
        for _ in range(20):
            assert api.claim("bob") == []
        slow.commit()
    slow.close()
    assert ids(api.claim("bob")) == [order]


def test_what_was_missed_is_found_within_ten_seconds(api, postgres):
    order = api.place()
    assert ids(api.claim("ann", lease=1)) == [order]
    postgres.query("SELECT setval('orders_lease_front', (extract(epoch FROM now() + interval '3 seconds') * 1000000)::bigint)")
    until(lambda: postgres.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)], 15, "the sweep to look from the beginning on")
    assert ids(api.claim("bob")) == [order]


def test_a_front_that_lies_ahead_of_the_clock_hides_nothing(api, postgres):
    order = api.place()
    assert ids(api.claim("ann", lease=300)) == [order]
    postgres.query("SELECT setval('orders_lease_front', (extract(epoch FROM now() + interval '1 hour') * 1000000)::bigint)")
    end_lease(postgres, order)
    assert ids(api.claim("bob")) == [order]


def test_who_may_not_take_orders_does_not_move_the_front(api, postgres):
    role, before = postgres.name + "_reads", postgres.query("SELECT last_value FROM orders_lease_front")
    postgres.query(f"CREATE ROLE {role}")
    try:
        postgres.query(f"GRANT SELECT ON orders TO {role}")
        with postgres.connect() as session:
            session.cursor().execute(f"SET ROLE {role}; SELECT orders_lease_move(now() - interval '1 day')")
            session.commit()
        session.close()
        assert postgres.query("SELECT last_value FROM orders_lease_front") == before
    finally:
        postgres.query(f"DROP OWNED BY {role}")
        postgres.query(f"DROP ROLE {role}")
