"""Event streams while server and database are killed, and clients that are slow: whoever comes again with the last id that it
has seen keeps a book that is the journal, to the letter."""

import itertools
import os
import random
import time
from functools import partial

import pytest

from support.busy import Busy
from support.events import EventStream, Follower
from support.expect import succeeded
from support.port import free_port
from support.program import HEADROOM
from support.rawhttp import Api, ProtocolError
from support.wait import until

ENGINES = pytest.mark.parametrize("flags", [(), ("--http", "direct")], ids=["evhttp", "direct"])
EVENTS = int(os.environ.get("ROWLOCK_TEST_EVENTS", 6000))      # by hand: 1000000


class Writers(Busy):
    """Customers and couriers, by the API and by hand, until so many events are written. What fails is tried no more: the journal
    says what has happened."""

    def __init__(self, address, database, threads=4):
        self.address, self.database = address, database
        super().__init__(*(partial(self._run, number) for number in range(threads)), *([self._by_hand] if database.kind == "postgres" else []))

    def _run(self, number):
        api, choice = Api(self.address), random.Random(number)
        for count in itertools.count():
            if self.leaving.is_set():
                return
            try:
                order, taker = api.place(), f"t{number}-{count}"
                api.take(order, taker)
                api.turn(order, choice.choice(("UNASSIGNED", "DELIVERED")), taker)
            except (OSError, ProtocolError, AssertionError):
                time.sleep(0.02)

    def _by_hand(self):
        """Transactions that take a while, begun before others and committed behind them, and some that come to nothing."""
        choice = random.Random(99)
        while not self.leaving.is_set():
            try:
                session = self.database.connect()
                try:
                    with session.cursor() as cursor:
                        for _ in range(choice.randint(1, 5)):
                            cursor.execute("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES (1, 2, 3, 4, 5)")
                            time.sleep(choice.random() * 0.02)
                        session.commit() if choice.random() < 0.8 else session.rollback()
                finally:
                    session.close()
            except Exception:       # the database is away
                time.sleep(0.02)


def written(database):
    try:
        return database.query("SELECT count(*) FROM order_events")[0][0]
    except Exception:               # it is away
        return 0


def followed(followers, database, seconds=20):
    """All followers have the newest event: then their books are the journal."""
    count = written(database)
    until(lambda: all(len(follower.book) >= count for follower in followers), seconds, lambda: f"{[len(f.book) for f in followers]} of {count}")
    for follower in followers:
        follower.check(database)


def fixed(port, *flags):
    return ("--deadline", 2, *flags), {"listen": (f"127.0.0.1:{port}",)}


@ENGINES
def test_no_event_is_lost_doubled_or_out_of_order_whatever_is_killed(serve, database, flags):
    port = free_port()
    arguments, keywords = fixed(port, *flags)
    address, choice, kills = f"127.0.0.1:{port}", random.Random(7), 0
    server = serve(*arguments, database=database, **keywords)
    with Follower(address) as first, Follower(address) as second:
        with Writers(address, database):
            while written(database) < EVENTS or kills < 4:
                before = written(database)
                until(lambda: written(database) >= min(before + max(min(EVENTS // 8, 20000), 50), EVENTS), 60, "events are written", every=EVENTS / 1e6)
                kills += 1
                if database.kind == "postgres" and kills % 2 == 0:
                    database.cluster.stop("immediate")
                    time.sleep(choice.random() * 0.5)
                    database.cluster.start()
                else:
                    server.kill()
                    server = serve(*arguments, database=database, **keywords)
        followed([first, second], database, 20 + EVENTS / 500)
        assert first.breaks >= kills // 2


def test_a_stream_stays_open_while_the_database_is_away(serve, postgres):
    server = serve("--deadline", 1, database=postgres)
    with EventStream(server.address).begun() as stream:
        order = server.api.place()
        assert stream.next().data["id"] == order
        postgres.cluster.stop("immediate")
        stream.silent(1.5)
        with EventStream(server.address, since=stream.id) as late:      # nobody can say yet what there is
            late.silent(0.3)
            postgres.cluster.start()
            server.wait_healthy()
            order = server.api.place()
            assert stream.next().data["id"] == late.next().data["id"] == order


def test_a_stream_goes_on_when_the_database_was_frozen(serve, postgres):
    server = serve("--deadline", 1, database=postgres)
    with EventStream(server.address).begun() as stream:
        postgres.cluster.pause()
        stream.silent(2.5)
        postgres.cluster.resume()
        server.wait_healthy()
        order = server.api.place()
        assert stream.next().data["id"] == order


def test_a_read_only_database_is_read(serve, postgres):
    server = serve("--deadline", 1, database=postgres)
    with EventStream(server.address).begun() as stream:
        order = server.api.place()
        stream.next()
        postgres.query(f"ALTER DATABASE {postgres.name} SET default_transaction_read_only = on")
        postgres.cluster.terminate_sessions(postgres.name)
        until(lambda: server.api.get("/healthcheck").status == 503, 10, "it is read-only")
        with EventStream(server.address, since="oldest") as again:
            assert again.next().data["id"] == order
        stream.silent(0.3)


def many(database, count):
    database.query("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) "
                   f"SELECT 1, 2, 3, 4, 5 FROM generate_series(1, {count})")


def resident(pid):
    """Bytes."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@ENGINES
def test_slow_clients_cost_little_and_are_closed_and_others_wait_for_none(serve, postgres, flags):
    server = serve(*flags, database=postgres)
    slow = [EventStream(server.address, receive=4096).begun() for _ in range(40)]
    with EventStream(server.address).begun() as quick:
        many(postgres, 1000)
        quick.take(1000)
        before = resident(server.pid)
        for _ in range(8):
            many(postgres, 5000)
            quick.take(5000)
        after = resident(server.pid)
        assert after - before < (24 << 20) + HEADROOM      # the ring, and 64 KiB for each
        until(lambda: server.connections() <= 2, 40, lambda: f"slow clients are closed: {server.connections()}", every=0.2)
    for stream in slow:
        stream.close()


def test_a_slow_client_that_comes_again_has_missed_nothing(serve, postgres):
    server = serve(database=postgres)
    slow = EventStream(server.address, receive=65536).begun()
    with EventStream(server.address).begun() as quick:
        for _ in range(8):
            many(postgres, 5000)
            quick.take(5000)
    ids = []
    while True:
        event = slow.next(40)
        if event is None:
            break
        ids.append(event.data["id"])
    assert len(ids) < 40000
    slow.close()
    with EventStream(server.address, since=slow.id) as again:
        ids += [event.data["id"] for event in again.take(40000 - len(ids))]
    assert ids == list(range(1, 40001))


@pytest.mark.parametrize("kind, flags", [("postgres", ()), ("sqlite", ("--http", "direct"))], ids=["postgres", "sqlite"])
def test_silence_is_broken_in_time_and_moves_a_filtered_client_on(serve, request, kind, flags):
    server = serve(*flags, database=request.getfixturevalue(kind))
    with EventStream(server.address, "?taker=nobody").begun() as stream:
        order = server.api.place()
        with EventStream(server.address, since=stream.id) as other:
            last = other.next()
            assert last.data["id"] == order
        stream.silent(16.5)
        assert any(block.startswith(":") for block in stream.blocks), stream.blocks
        assert stream.id == last.id


def test_workers_that_are_replaced_send_their_clients_on(serve, postgres):
    server = serve("--workers", 2, database=postgres)
    with Follower(server.address) as first, Follower(server.address) as second, Writers(server.address, postgres, 2):
        until(lambda: written(postgres) > 100, 10, "events are written")
        breaks = first.breaks
        server.signal(1)
        until(lambda: first.breaks > breaks and second.breaks > 0, 15, "both came again")
        count = written(postgres)
        until(lambda: written(postgres) > count + 100, 10, "events are written")
    with Follower(server.address) as third:
        followed([third], postgres)
    for follower in (first, second):
        ids = [event.id for event in follower.book]
        assert ids == [event.id for event in third.book][:len(ids)]


def test_a_thousand_clients_come_and_go(serve, postgres):
    """Half of them at once, with a reset."""
    server = serve(database=postgres)
    connections = server.connections()
    streams = [EventStream(server.address).begun() for _ in range(500)]
    order = server.api.place()
    for stream in streams:
        assert stream.next().data["id"] == order
    for number, stream in enumerate(streams):
        stream.connection.reset() if number % 2 else stream.close()
    until(lambda: server.connections() <= connections, 10, lambda: f"{server.connections()} connections are left")
    succeeded(server.api.take(order, "ann"))
