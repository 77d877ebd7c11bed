"""Claims and leases while server and database are killed: whoever asks again, with his key or under his name, gets to know what
he got; none is lost, and none is given twice."""

import itertools
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from support.busy import Busy
from support.cluster import Cluster, binaries
from support.database import PostgresDatabase
from support.holds import Told, check_nothing_is_forgotten, prove, read_journal
from support.port import free_port
from support.program import SLOW, missing, run
from support.rawhttp import Api, ProtocolError
from support.wait import settled, until

OCCUPIED = "Order is currently occupied."
SHORT = 1           # seconds of a lease that ends in between


class Stubborn(Busy):
    """Couriers who claim with a key, or take under a name of its own, and who ask again until they know. What they have they
    release or deliver, in the same way. `keys` has what a claim was told: {key: (body, answer)}."""

    def __init__(self, address, count=8):
        self.address, self.book, self.keys, self.ended, self.orders = address, [], {}, {}, []
        super().__init__(*(partial(self._courier, number) for number in range(count)), self._customer)

    def known(self):
        return sum(told.outcome == "done" for told in list(self.book))

    def asked_again(self):
        return sum(told.tries > 1 for told in list(self.book))

    def _customer(self):
        while not self.leaving.wait(0.01):
            try:
                self.orders.append(Api(self.address, 3).place())
            except (OSError, ProtocolError, AssertionError):
                pass

    def _courier(self, number):
        choice = random.Random(number)
        for turn in itertools.count():
            if self.leaving.is_set():
                return
            taker, lease = f"c{number}-{turn}", choice.choice(({}, {"lease": 300}, {"lease": SHORT}))
            near = choice.choice(({}, {"near": [50, 12]}))
            told = (self._claim(taker, choice.randint(1, 5), lease, near) if choice.random() < 0.5 or not self.orders else
                    self._take(taker, choice.choice(self.orders[-100:])))
            for order, claim in told.got.items():
                kind, status = choice.choice((("release", "UNASSIGNED"), ("deliver", "DELIVERED")))
                self._ask(Told(kind, taker, order, claim), "PATCH", f"/orders/{order}", {"status": status, "taker": taker, "claim": claim})

    def _claim(self, taker, limit, lease, near):
        body = {"taker": taker, "limit": limit} | lease | near
        told = Told("claim", taker, limit=limit, near=near)
        answer = self._ask(told, "POST", "/orders/claim", body, {"Idempotency-Key": taker})
        if answer is not None:
            self.keys[taker] = body, answer.body
            self.ended |= {(order, claim): told.asked + SHORT for order, claim in told.got.items() if lease == {"lease": SHORT}}
        return told

    def _take(self, taker, order):
        """With a lease that outlasts the test: asking again is then no new acquisition."""
        told = Told("take", taker, order)
        self._ask(told, "PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": taker, "lease": 3600})
        return told

    def _ask(self, told, method, target, body, headers=()):
        """The final answer; None when there is none within reason."""
        end, answer = time.monotonic() + 25 * SLOW, None
        while time.monotonic() < end and not self._is_final(answer):
            told.tries += 1
            try:
                answer = Api(self.address, 3).call(method, target, body, headers)
            except (OSError, ProtocolError):
                answer = None
                time.sleep(0.02)
        if self._is_final(answer):
            document = answer.json()
            got = ([(order["id"], order["claim"]) for order in document] if told.kind == "claim" and answer.status == 200 else
                   [(told.order, document["claim"])] if told.kind == "take" and answer.status == 200 else ())
            told.answered("done" if answer.status == 200 else document["error"], got)
        self.book.append(told)
        return answer if self._is_final(answer) else None

    @staticmethod
    def _is_final(answer):
        if answer is None or answer.status == 503:
            return False
        assert answer.status in (200, 400), answer
        return answer.status == 200 or answer.json()["error"] != OCCUPIED


@pytest.fixture
def durable():
    """A database in a cluster that keeps its data through a loss of power, too, as those of all other tests do not."""
    if binaries() is None:
        missing("a PostgreSQL server")
    cluster = Cluster()
    try:
        cluster.create()
        database = PostgresDatabase(cluster)
        assert run("migrate", "--database", database.url).returncode == 0
        for setting, value in (("full_page_writes", "on"), ("recovery_init_sync_method", "syncfs"), ("fsync", "on")):
            cluster.alter_system(setting, value)
        settled(lambda: database.query("SHOW fsync"), [("on",)])
        yield database
    finally:
        cluster.remove()


def kill_a_session(database):
    """PostgreSQL ends all others then, and recovers by itself."""
    (pid,), *_ = until(lambda: database.query("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%orders%' "
                                              "AND pid <> pg_backend_pid()"), 5, "a session of the server")
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kind, faults", [("sqlite", ("server",) * 4), ("durable", ("server", "session", "cluster", "both"))], ids=["sqlite", "postgres"])
def test_no_claim_is_lost_or_given_twice_whatever_is_killed(serve, request, kind, faults):
    database, address = request.getfixturevalue(kind), f"127.0.0.1:{free_port()}"

    def begin():
        return serve("--deadline", 2, database=database, listen=(address,))

    server = begin()
    with Stubborn(address) as couriers:
        for fault in faults:
            known = couriers.known()
            until(lambda: couriers.known() > known + 100, 30, "couriers have orders")
            if fault in ("server", "both"):
                server.kill()
            if fault in ("cluster", "both"):
                database.cluster.kill()
                database.cluster.start()
            if fault == "session":
                kill_a_session(database)
            if fault in ("server", "both"):
                server = begin()
        known = couriers.known()
        until(lambda: couriers.known() > known + 100, 30, "couriers have orders again")
    assert "lost" not in {told.outcome for told in couriers.book}
    assert couriers.asked_again() > 0
    assert prove(read_journal(database), couriers.book, couriers.ended) > 0
    with ThreadPoolExecutor(16) as pool:
        again = pool.map(lambda key: server.api.post("/orders/claim", couriers.keys[key][0], {"Idempotency-Key": key}), couriers.keys)
        for key, answer in zip(couriers.keys, again):
            assert (answer.status, answer.body) == (200, couriers.keys[key][1]), (key, answer)
    assert prove(read_journal(database), couriers.book, couriers.ended) > 0
    check_nothing_is_forgotten(server.api, database)
