"""What the tables themselves keep of orders, whoever writes: the number of each acquisition, and events that say what an
order was then. And how both came to tables that are in use."""

import os
import subprocess
from contextlib import closing
from functools import partial

import pytest

from support.busy import Busy
from support.database import SqliteDatabase
from support.expect import succeeded
from support.program import ROOT, SLOW, environment, rowlock, run
from support.wait import Stopwatch, until
from test_orders_lease import let_the_lease_end

pytestmark = pytest.mark.quick

ROWS = int(os.environ.get("ROWLOCK_TEST_ROWS", "200000"))


def journal(db, order, *columns):
    return db.query(f"SELECT {', '.join(columns)} FROM order_events WHERE order_id = ? ORDER BY id", order)


def take_by_hand(db, order, taker):
    db.query("UPDATE orders SET status = 'TAKEN', taker = ? WHERE id = ?", taker, order)


def test_each_acquisition_is_counted_whoever_makes_it(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    take_by_hand(db, order, "bob")
    db.query("UPDATE orders SET status = 'UNASSIGNED', taker = NULL WHERE id = ?", order)
    take_by_hand(db, order, "bob")
    assert db.query("SELECT claim, lease_until FROM orders WHERE id = ?", order) == [(3, None)]
    assert journal(db, order, "event", "claim") == [("placed", 0), ("taken", 1), ("taken", 2), ("released", 2), ("taken", 3)]


def test_a_lease_does_not_outlive_its_acquisition(api, db):
    order = api.place()
    take_by_hand(db, order, "ann")
    let_the_lease_end(db, order)
    take_by_hand(db, order, "bob")
    assert db.query("SELECT claim, lease_until FROM orders WHERE id = ?", order) == [(2, None)]


def test_an_event_says_what_the_order_was(api, db):
    order = api.place(("1.5", "-2.5"), ("3", "4"))
    (distance,), = db.query("SELECT distance FROM orders WHERE id = ?", order)
    succeeded(api.take(order, "ann"))
    db.query("DELETE FROM orders WHERE id = ?", order)
    points = ["origin_lat", "origin_lng", "destination_lat", "destination_lng"]
    assert journal(db, order, "event", "taker", "claim", "distance", *points) == [
        ("placed", None, 0, distance, 1.5, -2.5, 3, 4), ("taken", "ann", 1, distance, None, None, None, None),
        ("deleted", "ann", 1, distance, None, None, None, None)]


def test_an_order_that_is_freed_when_its_lease_has_ended_has_expired(api, db):
    order = api.place()
    take_by_hand(db, order, "ann")
    let_the_lease_end(db, order)
    (until,), = db.query("SELECT lease_until FROM orders WHERE id = ?", order)
    db.query("UPDATE orders SET status = 'UNASSIGNED', taker = NULL, lease_until = NULL, released_by = NULL WHERE id = ?", order)
    assert journal(db, order, "event", "taker", "claim", "lease_until")[1:] == [("taken", "ann", 1, None), ("expired", "ann", 1, until)]


def test_who_takes_what_another_held_for_too_long_ends_that_first(api, db):
    order = api.place()
    take_by_hand(db, order, "ann")
    let_the_lease_end(db, order)
    take_by_hand(db, order, "bob")
    assert journal(db, order, "event", "taker", "claim")[1:] == [("taken", "ann", 1), ("expired", "ann", 1), ("taken", "bob", 2)]


# ---- how they came there ----

def migrations(engine):
    """The files of the schema before leases."""
    return sorted((ROOT / "sql" / engine / "migrations").glob("[0-9]*.sql"))[:8]


@pytest.fixture(params=["postgres", "sqlite"])
def before_leases(request, folder):
    if request.param == "postgres":
        database = request.getfixturevalue("empty_postgres")
        for file in migrations("postgres"):
            database.query(file.read_text())
        return database
    database = SqliteDatabase(folder)
    connection = database.connect()
    for file in migrations("sqlite"):
        connection.executescript(file.read_text())
    connection.close()
    return database


INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
PLACE = "INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) "


def test_events_of_before_are_kept(before_leases):
    before_leases.query(PLACE + "VALUES (1, 2, 3, 4, 5)")
    before_leases.query("UPDATE orders SET status = 'TAKEN', taker = 'ann'")
    before = before_leases.query("SELECT id, order_id, event, taker, at FROM order_events ORDER BY id")
    assert run("migrate", "--database", before_leases.url).returncode == 0
    assert before_leases.query("SELECT id, order_id, event, taker, at FROM order_events ORDER BY id") == before
    before_leases.query("UPDATE orders SET status = 'DELIVERED'")
    assert before_leases.query("SELECT id, event, claim FROM order_events ORDER BY id DESC LIMIT 1") == [(before[-1][0] + 1, "delivered", 0)]


class Takers(Busy):
    """They take orders by id all the time, and note the longest that one of them had to wait. The last one keeps each for a
    while before he commits, so that who wants the table for himself has to wait for him, and all others behind that."""

    def __init__(self, database, count):
        self.longest = self.taken = 0
        super().__init__(*(partial(self._take, database.connect(), range(first, ROWS, count), 0.2 if first == count else 0)
                           for first in range(1, count + 1)))

    def _take(self, connection, orders, pause):
        with closing(connection), connection.cursor() as cursor:
            for order in orders:
                if self.leaving.is_set():
                    break
                with Stopwatch() as watch:
                    cursor.execute("UPDATE orders SET status = 'TAKEN', taker = 'ann' WHERE id = %s AND status = 'UNASSIGNED'", (order,))
                    connection.commit() if not pause else None
                self.longest = max(self.longest, watch.seconds)
                self.leaving.wait(pause)
                connection.commit()
                self.taken += 1


@pytest.mark.plain
@pytest.mark.parametrize("before_leases", ["postgres"], indirect=True)
def test_takers_are_not_locked_out_while_large_tables_change(before_leases):
    before_leases.query(PLACE + f"SELECT random() * 180 - 90, random() * 360 - 180, 3, 4, 5 FROM generate_series(1, {ROWS})")
    with Takers(before_leases, 4) as takers:
        until(lambda: takers.taken > 100, 10, "they take orders")
        before = takers.taken
        with Stopwatch() as watch:
            done = run("migrate", "--database", before_leases.url, timeout=ROWS / 5000)
    print(f"{ROWS} orders, migrated in {watch.seconds:.1f} s; {takers.taken - before} were taken meanwhile, and none was waited for longer "
          f"than {takers.longest * 1000:.0f} ms")
    assert done.returncode == 0, done.stderr
    assert takers.taken > before + 100
    assert takers.longest < 1 * SLOW, takers.longest
    assert before_leases.query(INVALID) == [(0,)]


@pytest.mark.parametrize("before_leases", ["postgres"], indirect=True)
def test_a_migration_that_was_broken_off_begins_anew(before_leases):
    """An index waits for every transaction that has begun; who gives up then leaves it behind, invalid."""
    process = [rowlock(), "migrate", "--database", before_leases.url]
    holder = before_leases.connect()
    with holder.cursor() as cursor:
        cursor.execute("INSERT INTO messages (sender, recipient, text) VALUES ('a', 'b', 'c')")
        cursor.execute("DECLARE open CURSOR FOR SELECT 1")      # its snapshot is of before the index
        process = subprocess.Popen(process, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: before_leases.query(INVALID) == [(1,)], 10, "it makes an index, and waits")
        process.kill()
        process.wait()
    holder.close()
    assert before_leases.query("SELECT max(version) FROM rowlock_migrations") == [(9,)]
    before_leases.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%%'")
    assert run("migrate", "--database", before_leases.url).returncode == 0
    assert before_leases.query(INVALID) == [(0,)]


@pytest.mark.parametrize("before_leases", ["postgres"], indirect=True)
def test_a_table_that_somebody_holds_is_given_up_in_words(before_leases):
    holder = before_leases.connect()
    with holder.cursor() as cursor:
        cursor.execute("LOCK TABLE orders IN SHARE MODE")
        done = run("migrate", "--database", before_leases.url)
    holder.close()
    assert done.returncode == 1 and "lock timeout; try again when nobody else holds these tables" in done.stderr, done
    assert before_leases.query("SELECT max(version) FROM rowlock_migrations") == [(8,)]
    assert run("migrate", "--database", before_leases.url).returncode == 0
