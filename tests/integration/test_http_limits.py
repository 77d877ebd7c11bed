"""How much and how long a client may: lines, headers, bodies, time."""

import os
import resource
import socket
import tempfile
import time

import pytest

from support.expect import problem
from support.program import SLOW
from support.rawhttp import Connection, ProtocolError, request_bytes
from support.server import Server
from support.wait import Stopwatch, settled, until

HEALTH = request_bytes("GET", "/health")


def lenient_send(connection, data):
    """The server may close while we still send."""
    try:
        connection.send(data)
    except ConnectionError:
        pass


# ---- size ----

@pytest.mark.quick
def test_a_request_line_over_8_kib_is_414(server):
    for length in (8192, 9000, 14000):
        with Connection(server.address) as connection:
            connection.send(f"GET /health?{'x' * length} HTTP/1.1\r\nHost: test\r\n\r\n")
            problem(connection.response(), 414)
            assert connection.ended()


@pytest.mark.quick
def test_a_request_line_of_almost_8_kib_is_read(api):
    problem(api.get("/" + "x" * 8000), 404)


@pytest.mark.quick
def test_a_request_line_without_end_is_414(server):
    with Connection(server.address) as connection:
        lenient_send(connection, b"GET /" + b"x" * 30000)
        problem(connection.response(), 414)
        assert connection.ended()


@pytest.mark.quick
@pytest.mark.parametrize("head", ["X-Big: " + "y" * 17000 + "\r\n", "".join(f"X-{number}: {'y' * 200}\r\n" for number in range(90))],
                         ids=["one field", "many fields"])
def test_headers_over_16_kib_are_431(server, head):
    with Connection(server.address) as connection:
        connection.send("GET /health HTTP/1.1\r\nHost: test\r\n" + head + "\r\n")
        problem(connection.response(), 431)
        assert connection.ended()


@pytest.mark.quick
def test_headers_without_end_are_431(server):
    with Connection(server.address) as connection:
        lenient_send(connection, b"GET /health HTTP/1.1\r\nHost: test\r\n" + b"X: y\r\n" * 20000)
        problem(connection.response(), 431)


@pytest.mark.quick
def test_headers_of_15_kib_are_read(api):
    assert api.get("/health", headers={"X-Big": "y" * 15000}).status == 200


@pytest.mark.quick
def test_100_header_fields_are_read_and_101_are_431(api):
    def fields(count):
        return [("Host", "test"), *((f"X-{number}", "y") for number in range(count - 1))]

    assert api.get("/health", headers=fields(100)).status == 200
    problem(api.get("/health", headers=fields(101)), 431)


@pytest.mark.quick
def test_a_body_that_says_it_is_over_64_kib_is_413_before_it_comes(server):
    with Connection(server.address) as connection:
        connection.send("POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 65537\r\n\r\n")
        problem(connection.response(), 413)
        connection.half_close()
        assert connection.ended()


@pytest.mark.quick
@pytest.mark.parametrize("size", [70000, 900000])
def test_a_client_that_sends_a_large_body_to_the_end_still_reads_its_413(server, size):
    with Connection(server.address) as connection:
        connection.send(request_bytes("POST", "/orders", b"x" * size))
        problem(connection.response(), 413)


def test_a_body_of_gigabytes_is_not_read_to_its_end(server):
    with Connection(server.address) as connection:
        connection.send("POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 99000000000\r\n\r\n")
        sent = 0
        with pytest.raises(OSError):
            while sent < 1 << 30:
                connection.send(b"x" * 65536)
                sent += 65536


@pytest.mark.quick
def test_limits_hold_on_a_connection_that_was_used_before(server):
    with Connection(server.address) as connection:
        assert connection.request("GET", "/health").status == 200
        problem(connection.request("GET", "/health", headers={"X": "y" * 17000}), 431)


# ---- time ----

@pytest.fixture(scope="module")
def hasty():
    """A server with a deadline of a second; the database is of no importance here."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server("--deadline", 1, database=f"sqlite:{folder}/x.db")
        try:
            yield server
            server.stop()
        finally:
            server.clean()


SLOW_BEGINNINGS = {
    "a method": b"GE",
    "a request line": b"GET /health HTTP/1.1\r\n",
    "a head without its end": b"GET /health HTTP/1.1\r\nHost: test\r\n",
    "a body that does not begin": b"POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 50\r\n\r\n",
    "a body that does not end": b"POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 50\r\n\r\n{}",
    "chunks that do not end": b"POST /orders HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\n",
    "a body after 100-continue": b"POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n",
}


def test_what_is_not_complete_in_time_is_408(hasty):
    connections = {name: Connection(hasty.address) for name in SLOW_BEGINNINGS}
    with Stopwatch() as watch:
        for name, connection in connections.items():
            connection.send(SLOW_BEGINNINGS[name])
        for name, connection in connections.items():
            answer = connection.response()
            if answer.status == 100:
                answer = connection.response()
            problem(answer, 408)
            assert answer.closes
            assert connection.ended(), name
            connection.close()
    assert watch.seconds < 4 * SLOW


@pytest.mark.parametrize("data", [b"GET /health HTTP/1.1\r\nHost: test\r\nX: " + b"y" * 10000,
                                  b"POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\n\r\n" + b" " * 1000,
                                  b"POST /orders HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 1000],
                         ids=["head", "body", "chunks"])
def test_a_byte_now_and_then_does_not_buy_time(hasty, data):
    with Connection(hasty.address) as connection:
        with Stopwatch() as watch:
            connection.sock.settimeout(0.02)
            answered = False
            at = 0
            while not answered and at < len(data):
                connection.sock.sendall(data[at:at + 1])
                at += 1
                try:
                    connection.buffer += connection.sock.recv(65536)
                    answered = True
                except TimeoutError:
                    pass
            connection.sock.settimeout(5 * SLOW)
            problem(connection.response(), 408)
        assert 0.8 < watch.seconds < 4 * SLOW


def test_a_second_request_has_its_own_time(hasty):
    with Connection(hasty.address) as connection:
        for _ in range(4):
            assert connection.request("GET", "/health").status == 200
            time.sleep(0.4)


def test_a_connection_that_rests_between_requests_is_not_told_408(hasty):
    with Connection(hasty.address) as connection:
        assert connection.request("GET", "/health").status == 200
        assert not connection.ended(1.5 / SLOW)     # three times what a request may take


def test_an_incomplete_request_after_a_complete_one_is_408_too(hasty):
    with Connection(hasty.address) as connection:
        connection.send(HEALTH + b"GET /hea")
        assert connection.response().status == 200
        problem(connection.response(), 408)
        assert connection.ended()


# ---- how many ----

def all_served(connections, seconds=5):
    """Each of them gets an answer to HEALTH within that time."""
    for connection in connections:
        connection.send(HEALTH)
    for connection in connections:
        connection.sock.settimeout(seconds * SLOW)
        assert connection.response().status == 200


def test_connections_make_room_for_new_ones_first_the_silent_then_those_that_have_rested(serve, sqlite):
    server = serve("--max-connections", 10, database=sqlite)
    silent, answered = [[Connection(server.address) for _ in range(5)] for _ in range(2)]
    all_served(answered)
    new = [Connection(server.address) for _ in range(5)]
    all_served(new)
    assert all(connection.ended() for connection in silent)
    assert not any(gone(connection) for connection in answered + new)
    for left in range(4, -1, -1):   # each comes when one has rested for half a second, and takes its place
        late = Connection(server.address)
        all_served([late])
        new.append(late)
        settled(lambda: sum(not gone(connection) for connection in answered), left)
    assert not any(gone(connection) for connection in new)
    assert server.log().count("connections wait to be accepted") == 1      # once a minute
    for connection in silent + answered + new:
        connection.close()


def test_more_than_there_is_room_for_are_all_served_though_nobody_has_rested(serve, sqlite):
    server = serve("--max-connections", 10, database=sqlite)
    silent, answered = [[Connection(server.address) for _ in range(5)] for _ in range(2)]
    all_served(answered)
    with Stopwatch() as watch:
        new = [Connection(server.address) for _ in range(15)]
        all_served(new)
    assert watch.seconds < 10 * SLOW
    assert all(connection.ended() for connection in silent)
    for connection in silent + answered + new:
        connection.close()
    until(lambda: server.api.get("/health").status == 200, 5, "served again")
    assert server.log().count("connections wait to be accepted") == 1


def gone(connection):
    """Closed by the server; nothing is waited for."""
    connection.sock.setblocking(False)
    try:
        return connection.sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_where_nobody_rests_the_next_answer_says_that_it_closes(serve, sqlite):
    """No connection is broken: one is told to go, and the one that waits has its place."""
    assert any(one_is_told_to_go(serve, sqlite) for _ in range(5)), "this machine is too slow to keep three connections busy"


def one_is_told_to_go(serve, sqlite):
    """False when this client was too slow: a connection has rested."""
    server = serve("--max-connections", 3, database=sqlite)
    busy = [Connection(server.address) for _ in range(3)]
    all_served(busy)
    waiting = Connection(server.address)
    waiting.send(HEALTH)
    waiting.sock.settimeout(0)
    end = time.monotonic() + 10 * SLOW
    told = None
    last = {connection: time.monotonic() for connection in busy}
    while told is None:
        assert time.monotonic() < end, "nobody was told to go"
        for connection in busy:
            try:
                answer = connection.request("GET", "/health")
            except (ConnectionError, ProtocolError):
                assert time.monotonic() - last[connection] > 0.4, "a busy connection was broken"
                return False
            last[connection] = time.monotonic()
            assert answer.status == 200
            if answer.closes:
                told = connection
                break
    waiting.sock.settimeout(5 * SLOW)
    assert waiting.response().status == 200
    assert told.ended(5)
    for connection in busy:
        if connection is not told:
            assert connection.request("GET", "/health").status == 200
    for connection in busy + [waiting]:
        connection.close()
    return True


def test_without_descriptors_left_those_that_rest_make_room(serve, sqlite):
    server = serve(database=sqlite)
    used = len(os.listdir(f"/proc/{server.pid}/fd"))
    limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 5, limits[1]))
    try:
        first = [Connection(server.address) for _ in range(5)]
        all_served(first)
        second = [Connection(server.address) for _ in range(10)]
        all_served(second)
        for connection in first + second:
            connection.close()
        until(lambda: server.api.get("/health").status == 200, 5, "served again")
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
