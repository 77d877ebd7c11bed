"""Start, drain and end of the process."""

import re
import signal

from pathlib import Path

import pytest

from support.expect import problem, succeeded
from support.program import SLOW
from support.provider import Provider, osrm
from support.rawhttp import Connection, ProtocolError, request_bytes
from support.wait import Stopwatch, until

PLACE = request_bytes("POST", "/orders", {"origin": [1, 2], "destination": [3, 4]})


@pytest.fixture
def slow_provider():
    """Makes a POST last as long as the test wants, on either database."""
    with Provider(osrm(4711), delay=1) as provider:
        yield provider


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_finishes_what_is_in_flight_and_refuses_what_is_new(serve, database, slow_provider, number):
    server = serve(database=database, env=slow_provider.settings("osrm"))
    with Connection(server.address) as busy, Connection(server.address) as idle, Connection(server.address) as fresh:
        assert idle.request("GET", "/health").status == 200
        busy.send(PLACE)
        until(lambda: slow_provider.requests, 3, "the request is in flight")
        server.signal(number)
        until(lambda: server.refuses(), 3, "new connections are refused")
        assert idle.ended(2), "an idle connection stays open"
        assert fresh.ended(2), "a connection that was never used stays open"
        answer = busy.response()
        assert answer.status == 200 and answer.json()["distance"] == 4711
        assert answer.closes
        assert busy.ended()
    assert server.wait(3) == 0
    if database.kind == "postgres":
        assert database.query("SELECT count(*) FROM orders") == [(1,)]


def test_a_drain_answers_a_new_connection_whose_request_is_on_its_way(serve, sqlite):
    for _ in range(10):
        server = serve(database=sqlite)
        with Stopwatch() as watch, Connection(server.address) as connection:
            until(lambda: server.connections() == 1, 3, "the connection is accepted")
            server.signal()
            until(lambda: "draining" in server.log(), 3, "the drain has begun")
            connection.send(request_bytes("GET", "/health"))
            try:
                answer = connection.response()
            except (ProtocolError, ConnectionError):
                answer = None
        assert server.wait() == 0
        if answer is not None:
            assert answer.status == 200 and answer.closes
            return
        assert watch.seconds > 0.4, "it was closed at once"     # a client that is slower than this has had its moment
    pytest.fail("ten times the request came too late, on a connection that was closed only after 0.4 s")


def test_the_healthcheck_fails_while_it_drains(serve, sqlite, slow_provider):
    """Asked on a connection that was there before: new ones are refused."""
    server = serve(database=sqlite, env=slow_provider.settings("osrm"))
    for _ in range(20):
        if draining_answer(server, slow_provider):
            return
        server = serve(database=sqlite, env=slow_provider.settings("osrm"))
    pytest.fail("twenty times the request came too late")


def draining_answer(server, provider):
    """Ends the server; False when the connection was closed before the request came."""
    asked = len(provider.requests)
    with Connection(server.address) as busy, Connection(server.address) as kept:
        busy.send(PLACE)
        until(lambda: len(provider.requests) > asked, 3, "a request is in flight")
        until(lambda: server.connections() == 2, 3, "the other connection is accepted")
        server.signal()
        server.told("draining", 1)
        kept.send(request_bytes("GET", "/healthcheck"))
        try:
            answer = kept.response()
        except (ProtocolError, ConnectionError):
            answer = None
        assert busy.response().status == 200
    assert server.wait() == 0
    if answer is None:
        return False
    assert answer.status == 503 and answer.content_type == "application/health+json" and answer.closes
    said = answer.json()
    assert said["status"] == "fail" and said["output"] == "drain: the server is shutting down"
    assert [said["checks"][name][0]["status"] for name in ("database", "schema", "drain")] == ["pass", "pass", "fail"]
    assert int(answer.header("Retry-After")) >= 1
    return True


@pytest.mark.quick
def test_an_idle_server_ends_at_once(serve, sqlite):
    for number in (signal.SIGTERM, signal.SIGINT):
        server = serve(database=sqlite)
        with Connection(server.address) as connection:
            connection.request("GET", "/health")
            with Stopwatch() as watch:
                server.signal(number)
                assert server.wait() == 0
        assert watch.seconds < 4 * SLOW


@pytest.mark.quick
def test_a_half_sent_request_does_not_hold_up_the_end(serve, sqlite):
    server = serve("--drain", 2, database=sqlite)
    with Connection(server.address) as connection:
        connection.send(b"GET /health HTTP/1.1\r\nHo")
        with Stopwatch() as watch:
            server.signal()
            assert server.wait() == 0
    assert watch.seconds < 3 * SLOW


def test_a_drain_ends_at_its_limit_when_something_never_ends(serve, sqlite):
    with Provider() as provider:
        provider.answer = provider.never
        server = serve("--drain", 1, "--deadline", 30, database=sqlite, env=provider.settings("osrm"))
        with Connection(server.address) as connection:
            connection.send(PLACE)
            until(lambda: provider.requests, 3, "the request is in flight")
            with Stopwatch() as watch:
                server.signal()
                try:
                    problem(connection.response(), (400, 503))
                except (ProtocolError, ConnectionError):
                    pass
                assert server.wait() == 0
        assert watch.seconds < 3 * SLOW


def test_a_second_signal_is_quick(serve, sqlite):
    with Provider() as provider:
        provider.answer = provider.never
        server = serve("--drain", 30, "--deadline", 30, database=sqlite, env=provider.settings("osrm"))
        with Connection(server.address) as connection:
            connection.send(PLACE)
            until(lambda: provider.requests, 3, "the request is in flight")
            server.signal()
            until(lambda: server.refuses(), 3, "the drain has begun")
            server.alive()
            with Stopwatch() as watch:
                server.signal()
                assert server.wait() == 0
        assert watch.seconds < 4 * SLOW


def test_a_drain_with_a_stuck_database_ends_at_its_limit(serve, postgres):
    server = serve("--drain", 2, "--deadline", 30, database=postgres)
    order = server.api.place()
    postgres.cluster.pause()
    try:
        with Connection(server.address) as connection:
            connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN"}))
            server.wait_read()
            with Stopwatch() as watch:
                server.signal()
                try:
                    problem(connection.response(), 503)
                except (ProtocolError, ConnectionError):
                    pass
                assert server.wait() == 0
        assert watch.seconds < 4 * SLOW
    finally:
        postgres.cluster.resume()


def test_a_drain_forgets_a_read_that_waits_for_a_lock_with_all_who_asked_for_it(serve, postgres):
    """What is still known of it at the end is lost memory, which the sanitizers tell."""
    server = serve("--drain", 1, "--deadline", 30, database=postgres)
    session = postgres.connect()
    session.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    try:
        with Connection(server.address) as first, Connection(server.address) as second:
            first.send(request_bytes("GET", "/orders?page=1&limit=3"))
            server.wait_read()
            second.send(request_bytes("GET", "/orders?page=1&limit=3"))     # which waits behind the first
            server.wait_read()
            until(lambda: postgres.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rowlock' AND wait_event_type = 'Lock'") == [(1,)],
                  3, "it has met the lock")
            server.signal()
            assert server.wait() == 0
    finally:
        session.close()


def test_a_drain_while_the_database_is_away_is_quick(serve, postgres):
    server = serve(database=postgres)
    postgres.cluster.stop()
    with Stopwatch() as watch:
        server.signal()
        assert server.wait() == 0
    assert watch.seconds < 3 * SLOW


def test_pipelined_requests_behind_the_one_in_flight_are_answered_or_refused_but_never_half(serve, sqlite, slow_provider):
    server = serve(database=sqlite, env=slow_provider.settings("osrm"))
    with Connection(server.address) as connection:
        connection.send(PLACE + request_bytes("GET", "/health") * 5)
        until(lambda: slow_provider.requests, 3, "the request is in flight")
        server.signal()
        answer = connection.response()
        assert answer.status == 200
        while not answer.closes:
            answer = connection.response()
        assert connection.ended()
    assert server.wait() == 0


@pytest.mark.quick
def test_a_broken_pipe_does_not_end_it(serve, sqlite):
    server = serve(database=sqlite)
    server.signal(signal.SIGPIPE)
    assert server.api.get("/health").status == 200


# ---- crash ----

def test_what_was_answered_with_success_survives_kill_9(serve, database):
    server = serve(database=database)
    orders = [server.api.place() for _ in range(20)]
    for order in orders:
        succeeded(server.api.take(order, "ann"))
    server.kill()
    second = serve(database=database)
    for order in orders:
        assert second.api.get(f"/orders/{order}").json()["taker"] == "ann"
        succeeded(second.api.take(order, "ann"))


def test_two_servers_on_one_sqlite_file_hand_out_each_order_once(serve, sqlite):
    servers = [serve(database=sqlite), serve(database=sqlite)]
    for _ in range(20):
        order = servers[0].api.place()
        answers = [server.api.take(order) for server in servers]
        assert [answer.status for answer in answers] == [200, 400]


# ---- figures ----

@pytest.mark.quick
@pytest.mark.alone
@pytest.mark.plain
def test_an_idle_server_takes_less_than_8_mib_and_4_of_its_own(serve, database):
    """In proportion, which depends on the libraries of the distribution and on who else uses them; and what it has written."""
    server = serve(database=database)
    server.api.place()
    table = Path(f"/proc/{server.pid}/smaps_rollup").read_text()
    proportional, own = (int(re.search(rf"^{name}: +(\d+)", table, re.M)[1]) / 1024 for name in ("Pss", "Private_Dirty"))
    assert proportional < 8 and own < 4, (proportional, own)
    libraries = Path(f"/proc/{server.pid}/maps").read_text()
    assert "libcurl" not in libraries and "libstdc++" not in libraries, "it asks no provider, and is written in C"


@pytest.mark.alone
@pytest.mark.plain
def test_the_first_answer_comes_within_100_ms_of_the_start(serve, sqlite):
    serve(database=sqlite).stop()      # makes the file, warms the disk
    best = 9
    for _ in range(5):
        with Stopwatch() as watch:
            server = serve(database=sqlite, wait=None)
            until(lambda: server.addresses(), 5, every=0.001)
            assert server.api.get("/orders?page=1&limit=1").status == 200
        best = min(best, watch.seconds)
        server.stop()
    assert best < 0.1 * SLOW
