"""Where claims begin to look on PostgreSQL: past all that cannot be removed while a snapshot is held, but past no free order."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.plans import plan_as_the_server, plan_of, statements
from support.rawhttp import Api
from support.server import Server
from support.wait import until

pytestmark = pytest.mark.plain

MANY = 20000
FREE = ("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) "
        "SELECT 1, 2, 3, 4, 5 FROM generate_series(1, ?)")


@pytest.fixture
def front(postgres):
    """Makes the front pass the first 200 orders of some more that are free; gives an Api."""
    postgres.query(FREE, 1000)
    server = Server("--db-connections", 1, database=postgres)
    api = Api(server.address)
    for first in (1, 101, 201):
        assert ids(api.claim("ann", limit=100)) == list(range(first, first + 100))
    until(lambda: claim_one(api) and front_of(postgres) > 200, what="the front to pass what was claimed")
    yield api
    server.stop()


def ids(orders):
    return [order["id"] for order in orders]


def claim_one(api):
    order, = api.claim("ann")
    return order["id"]


def front_of(postgres):
    (front,), = postgres.query("SELECT last_value FROM orders_front")
    return front


@contextlib.contextmanager
def transaction(postgres, sql):
    """It is open until the end, which is a commit; the caller may roll it back before."""
    connection = postgres.connect()
    try:
        connection.cursor().execute(sql)
        yield connection
        connection.commit()
    finally:
        connection.close()


def test_a_claim_does_not_go_through_what_a_held_snapshot_keeps(postgres):
    postgres.query(FREE, MANY)
    with transaction(postgres, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders"), contextlib.closing(postgres.connect()) as session:
        session.autocommit = True
        cursor = session.cursor()
        plan_as_the_server(cursor)
        cursor.execute(f"PREPARE order_claim AS {statements('orders')['order_claim']}")
        claim = "order_claim(array_fill('c'::text, ARRAY[{0}]), array_fill(10::bigint, ARRAY[{0}]), array_fill(NULL::bigint, ARRAY[{0}]))"
        before = read(cursor, claim.format(1))
        for _ in range(MANY // 1000 - 2):
            cursor.execute("EXECUTE " + claim.format(100))
        assert read(cursor, claim.format(1)) < before + 100      # the dead ones are on some hundred pages


def read(cursor, call):
    plan = plan_of(cursor, call, "ANALYZE, BUFFERS,")
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def test_an_order_that_is_released_below_the_front_is_the_oldest_free_one(front, postgres):
    front.release(7, "ann")
    assert claim_one(front) == 7
    postgres.query("UPDATE orders SET status = 'UNASSIGNED', taker = NULL WHERE id IN (3, 5)")
    assert ids(front.claim("bob", limit=2)) == [3, 5]


def all_that_is_placed_now_is_claimed(front, postgres, behind):
    """But for the order `behind` which they stand: nobody can see it yet, and the front does not pass it."""
    placed = [front.place() for _ in range(200)]
    while front.claim("ann", limit=100):
        pass
    for _ in range(5):
        assert front.claim("ann") == []
    assert front_of(postgres) <= behind < min(placed)


def test_an_order_that_is_being_placed_holds_the_front_back(front, postgres):
    newest, = postgres.query("SELECT max(id) FROM orders")[0]
    with transaction(postgres, FREE.replace("?", "1")):
        all_that_is_placed_now_is_claimed(front, postgres, behind=newest + 1)
    assert claim_one(front) == newest + 1


SLOW = """CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.origin_lat = 77) EXECUTE FUNCTION slow()"""


def test_an_order_that_has_its_number_and_is_not_stored_yet_holds_the_front_back(front, postgres):
    postgres.query(SLOW)
    newest, = postgres.query("SELECT max(id) FROM orders")[0]
    server = Server(database=postgres)
    with ThreadPoolExecutor(1) as placer:
        with transaction(postgres, "SELECT pg_advisory_xact_lock(7)"):
            slow = placer.submit(Api(server.address).place, (77, 1))
            until(lambda: postgres.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), what="the order to wait for the trigger")
            all_that_is_placed_now_is_claimed(front, postgres, behind=newest + 1)
        assert slow.result() == newest + 1
    server.stop()
    assert claim_one(front) == newest + 1


def test_the_newest_transactions_hold_the_front_back_too(front, postgres):
    """Nothing newer has ended yet, so they lie behind the end of a claim's snapshot."""
    while front.claim("ann", limit=100):
        pass
    newest, = postgres.query("SELECT max(id) FROM orders")[0]
    with transaction(postgres, "SELECT pg_current_xact_id()") as older, transaction(postgres, "SELECT pg_current_xact_id()") as newer:
        newer.cursor().execute(FREE.replace("?", "100"))
        older.cursor().execute(FREE.replace("?", "300"))
        older.commit()
        for first in (101, 201, 301):
            assert ids(front.claim("ann", limit=100)) == list(range(newest + first, newest + first + 100))
        assert front.claim("ann") == [] and front_of(postgres) <= newest + 1
    assert ids(front.claim("ann", limit=100)) == list(range(newest + 1, newest + 101))


def test_orders_that_others_take_in_vain_are_claimed_afterwards(front, postgres):
    oldest = claim_one(front) + 1
    taken = f"UPDATE orders SET status = 'TAKEN', taker = 'bob', claim = claim + 1 WHERE id BETWEEN {oldest} AND {oldest + 9}"
    with transaction(postgres, taken) as other:
        assert ids(front.claim("ann", limit=100)) == list(range(oldest + 10, oldest + 110))
        for _ in range(5):
            front.claim("ann", limit=20)
        assert front_of(postgres) <= oldest
        other.rollback()
    assert ids(front.claim("ann", limit=10)) == list(range(oldest, oldest + 10))


def test_what_was_missed_is_found_within_seconds(front, postgres):
    postgres.query("DELETE FROM orders WHERE id = 9")
    postgres.query(FREE.replace("(origin_lat", "(id, origin_lat").replace("SELECT 1", "SELECT 9, 1"), 1)
    assert front_of(postgres) > 9
    until(lambda: claim_one(front) == 9, 10, "the order to be claimed", every=0.1)


def test_who_may_not_take_orders_does_not_move_the_front(front, postgres):
    before, role = front_of(postgres), postgres.name + "_reads"
    postgres.query(f"CREATE ROLE {role}")
    try:
        postgres.query(f"GRANT SELECT ON orders TO {role}")
        with transaction(postgres, f"SET ROLE {role}; SELECT orders_front_move(999)"):
            assert front_of(postgres) == before
        # the privilege is on the table, not on one of the same name of his own
        own = ("CREATE TEMP TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY (START 5000)); "
               "INSERT INTO pg_temp.orders DEFAULT VALUES; SELECT public.orders_front_move(999)")
        with transaction(postgres, f"SET ROLE {role}; {own}"):
            assert front_of(postgres) == before
        postgres.query(f"GRANT UPDATE ON orders TO {role}")
        with transaction(postgres, f"SET ROLE {role}; SELECT orders_front_move(999)"):
            assert front_of(postgres) == 999
    finally:
        postgres.query(f"DROP OWNED BY {role}")
        postgres.query(f"DROP ROLE {role}")


def test_the_front_begins_anew_with_the_table(front, postgres):
    postgres.query("TRUNCATE orders RESTART IDENTITY")
    assert front.place() == 1 and claim_one(front) == 1


def test_where_numbers_begin_anew_the_front_goes_back(front, postgres):
    postgres.query("TRUNCATE orders")
    postgres.query("ALTER TABLE orders ALTER COLUMN id RESTART WITH 50")
    assert front.place() == 50
    until(lambda: ids(front.claim("bob")) == [50], 10, "the order to be claimed")
