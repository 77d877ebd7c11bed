"""Callers who share a server: limits that several workers keep together, and who waits for whom when more comes than can be done.
What is answered is counted, and in which order, not how long it took."""

import os
import signal

import pytest

from support.events import EventStream
from support.expect import problem
from support.metrics import Metrics
from support.program import SLOW
from support.rawhttp import Connection, request_bytes
from support.wait import settled, until

LIST = "/orders?page=1&limit=1"
PATIENT = 60 * SLOW     # a deadline that is not met


def of(number):
    """The field by which a trusted proxy says that this one asks."""
    return {"X-Forwarded-For": f"192.0.2.{number}"}


# ---- several workers ----

def statuses(server, count, headers):
    """The answers to so many requests, each on a connection of its own, so that all workers get some."""
    answers = []
    for _ in range(count):
        with Connection(server.address) as connection:
            answers.append(connection.request("GET", LIST, headers=headers).status)
    return answers


@pytest.mark.parametrize("engine", ["evhttp", "direct"])
def test_workers_together_let_through_one_limits_worth(serve, postgres, engine):
    server = serve("--workers", 4, "--http", engine, "--rate-limit", "1/h", "--rate-burst", "50", "--trusted-proxies", "127.0.0.1", "--access-log", database=postgres)
    server.told("ready to serve", 4)
    for number in (1, 2):
        assert sorted(statuses(server, 80, of(number))) == [200] * 50 + [429] * 30
    assert len({line["worker"] for line in server.told("request") if line["status"] == 429}) > 1, "several have refused"
    before = set(server.workers())
    server.signal(signal.SIGHUP)
    until(lambda: len(server.workers()) == 4 and not before & set(server.workers()), 30, "new workers")
    assert statuses(server, 20, of(1)) == [429] * 20, "they know what the old ones let through"


def test_workers_together_have_one_limits_worth_at_a_time_and_the_dead_count_for_nothing(serve, postgres):
    server = serve("--workers", 2, "--max-concurrent", "6", "--trusted-proxies", "127.0.0.1", database=postgres)
    server.told("ready to serve", 2)
    streams = []

    def fill():
        """Opens streams until there are as many as may, on both workers."""
        for _ in range(40):
            stream = EventStream(server.address, headers=of(1))
            if stream.head.status == 200:
                streams.append(stream)
            else:
                assert stream.head.status == 429
                stream.close()

    def listeners():
        return int(Metrics(server.api.get("/metrics", of(2)).body.decode()).value("rowlock_event_listeners"))

    fill()
    assert len(streams) == 6
    os.kill(server.workers()[0], signal.SIGKILL)
    server.told("worker died", 1)
    until(lambda: len(server.workers()) == 2, 10, "another worker")
    server.wait_healthy()
    left = listeners()
    assert left < 6
    fill()
    settled(listeners, 6)
    for stream in streams:
        stream.close()
    settled(listeners, 0)
    assert statuses(server, 20, of(1)) == [200] * 20


# ---- more than can be done ----

@pytest.fixture
def held(serve, postgres):
    """held(flags…): a server whose calls wait until release(), because somebody holds the table."""
    class Held:
        session, connections, asked = None, [], 0

        def __call__(self, *flags):
            self.server = serve("--deadline", PATIENT, "--db-connections", 1, "--trusted-proxies", "127.0.0.1", "--access-log", *flags, database=postgres)
            for _ in range(3):
                self.server.api.place()
            self.session = postgres.connect()
            self.session.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            return self

        def ask(self, caller, count, method="GET", body=None):
            """So many requests, none like the other, each on a connection of its own; they are named in the log."""
            for _ in range(count):
                self.asked += 1
                target = "/orders" if method == "POST" else f"/orders?page={self.asked}&limit=1"
                connection = Connection(self.server.address, timeout=PATIENT)
                connection.send(request_bytes(method, target, body, {"X-Request-Id": f"{caller}-{self.asked}", **of(caller)}))
                self.connections.append((caller, connection))
            self.server.wait_read()

        def release(self):
            self.session.close()

        def answered(self):
            """[(caller, status)] in the order in which the server answered them."""
            return [(int(line["request_id"].partition("-")[0]), line["status"]) for line in self.server.lines()
                    if line.get("message") in ("request", "slow request") and "-" in line.get("request_id", "")]

    each = Held()
    each.connections = []
    yield each
    if each.session is not None:
        each.session.close()
    for _, connection in each.connections:
        connection.close()


def test_callers_are_answered_in_turn(held):
    held("--queue", 1000)
    held.ask(1, 300)
    for victim in range(2, 12):
        held.ask(victim, 2)
    held.release()
    settled(lambda: len(held.answered()), 320, 30)
    answered = held.answered()
    assert {status for _, status in answered} == {200}
    last = max(at for at, (caller, _) in enumerate(answered) if caller != 1)
    before = sum(caller == 1 for caller, _ in answered[:last])
    # what was on its way already when they came, and then one of his for each two rounds of theirs
    assert before < 60, f"{before} of the 300 of the one who asked most were answered before the others were done"


def test_a_callers_surplus_is_refused_and_nobody_elses(held):
    held("--queue", 40)
    held.ask(1, 200)
    for victim in range(2, 12):
        held.ask(victim, 2)
    settled(lambda: sum(status == 503 for _, status in held.answered()) >= 150, True, 10)
    held.release()
    settled(lambda: len(held.answered()), 220, 30)
    answered = held.answered()
    assert sorted(status for caller, status in answered if caller != 1) == [200] * 20, "nothing of the others was refused"
    assert {status for caller, status in answered if caller == 1} == {200, 503}
    for caller, connection in held.connections:
        answer = connection.response()
        if answer.status != 200:
            assert caller == 1
            assert int(answer.header("Retry-After")) >= 1
            problem(answer, 503, "Too many requests wait for the database; nothing was changed.")
    refused = sum(status == 503 for _, status in answered)
    assert Metrics(held.server.api.get("/metrics").body.decode()).value("rowlock_refusals_total", reason="queue") == refused


def test_what_was_refused_was_not_done_and_what_was_not_was(held, postgres):
    held("--queue", 20)
    order = {"origin": [1, 2], "destination": [3, 4]}
    held.ask(1, 100, "POST", order)
    for victim in range(2, 7):
        held.ask(victim, 1, "POST", order)
    held.release()
    settled(lambda: len(held.answered()), 105, 30)
    answered = held.answered()
    assert [status for caller, status in answered if caller != 1] == [200] * 5
    assert postgres.query("SELECT count(*) FROM orders")[0][0] == 3 + sum(status == 200 for _, status in answered)


def test_one_caller_alone_is_refused_as_he_comes(held):
    held("--queue", 20)
    held.ask(1, 60)
    settled(lambda: {status for _, status in held.answered()}, {503}, 10)
    held.release()
    settled(lambda: len(held.answered()), 60, 30)
