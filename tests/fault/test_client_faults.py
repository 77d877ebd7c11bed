"""Clients that are slow, rude, too many, or gone."""

import errno
import os
import resource
import socket
import time

import pytest

from support.expect import problem, succeeded
from support.program import HEADROOM, SLOW
from support.rawhttp import Connection, request_bytes
from support.wait import Stopwatch, until

HEALTH = request_bytes("GET", "/health")
BODY = {"origin": [1, 2], "destination": [3, 4]}


def cpu_seconds(server):
    with open(f"/proc/{server.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_out_of_descriptors_it_does_not_spin_and_serves_all_one_after_the_other(serve, sqlite):
    server = serve(database=sqlite)
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (max(server.descriptors()) + 20, before[1]))
    connections = []
    for _ in range(60):
        connections.append(Connection(server.address))
        connections[-1].send(HEALTH)        # at once: one that is silent rests, too, and would go unanswered
    waits, *_ = server.told("connections wait to be accepted", 1)
    assert waits["reason"] == os.strerror(errno.EMFILE)
    busy, lines = cpu_seconds(server), len(server.lines())
    time.sleep(1)
    assert cpu_seconds(server) - busy < 0.3 * SLOW
    assert len(server.lines()) - lines < 30
    for connection in connections:
        connection.sock.settimeout(10 * SLOW)
        assert connection.response().status == 200
    for connection in connections:
        connection.close()
    until(lambda: server.api.get("/health").status == 200, 5, "served again")
    until(lambda: server.connections() == 0, 5, "no connection is left")
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)


def test_hundreds_that_dribble_slow_down_nobody(server):
    dribblers = [Connection(server.address) for _ in range(300)]
    try:
        for at in range(5):
            for connection in dribblers:
                connection.send(HEALTH[at:at + 1])
            with Stopwatch() as watch:
                assert server.api.get("/orders?page=1&limit=1").status == 200
            assert watch.seconds < 2 * SLOW
        for connection in dribblers:
            connection.send(HEALTH[5:])
        for connection in dribblers:
            assert connection.response().status == 200
    finally:
        for connection in dribblers:
            connection.close()


def test_what_a_client_sends_while_its_request_waits_is_not_hoarded(serve, postgres):
    server = serve("--deadline", 5, database=postgres)
    order = server.api.place()
    before = server.resident()
    with Connection(server.address) as connection:
        postgres.cluster.pause()
        try:
            connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
            connection.sock.settimeout(0.3 * SLOW)
            sent = 0
            with pytest.raises(TimeoutError):
                while sent < 64 << 20:
                    sent += connection.sock.send(HEALTH * 1000)
            assert server.resident() - before < (4 << 20) + HEADROOM
        finally:
            postgres.cluster.resume()
        connection.sock.settimeout(5 * SLOW)
        succeeded(connection.response())
        assert connection.response().body == b"UP\n"


def test_a_client_that_reads_a_byte_at_a_time_gets_all_of_it(server):
    for _ in range(40):
        server.api.place()
    with Connection(server.address) as connection:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.send(request_bytes("GET", "/orders?page=1&limit=40") * 5)
        for _ in range(2000):
            connection.buffer += connection.sock.recv(1)
        for _ in range(5):
            assert len(connection.response().json()) == 40


def test_resets_in_the_accept_queue_harm_nobody(server):
    for _ in range(200):
        connection = Connection(server.address)
        connection.reset()
    assert server.api.get("/health").status == 200


def test_a_pipeline_of_refusals_ends_with_the_first_that_closes(server):
    with Connection(server.address) as connection:
        try:
            connection.send((HEALTH + b"BAD\r\n\r\n") * 2000)
        except ConnectionError:
            pass
        assert connection.response().status == 200
        problem(connection.response(), 400)
        assert connection.ended()


def test_a_client_that_left_does_not_stop_a_distance_answer_of_another(server):
    """The connection of the one is reset while the answer of the other is on its way."""
    for _ in range(50):
        with Connection(server.address) as stays:
            leaves = Connection(server.address)
            request = request_bytes("POST", "/orders", {"origin": [1, 2], "destination": [3, 4]})
            leaves.send(request)
            stays.send(request)
            leaves.reset()
            assert stays.response().status == 200


# ---- what is left over behind a request, and the end of the connection ----

CRLF = b"\r\n"
CHUNKED_START = b"POST /orders HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
LEFTOVERS = {
    "nothing": b"", "an empty line": CRLF, "two": CRLF * 2, "many": CRLF * 500, "half an empty line": b"\r", "a line feed": b"\n",
    "an empty line and a half": CRLF + b"\r", "a letter": b"G", "an empty line and a letter": CRLF + b"G", "half a head": HEALTH[:-2],
    "a head without its last byte": HEALTH[:-1], "a request": HEALTH, "a request and an empty line": HEALTH + CRLF,
    "requests with empty lines": (HEALTH + CRLF) * 70, "a request and half a one": HEALTH + HEALTH[:9], "no request": b"BAD" + CRLF * 2,
    "a body that does not come": b"POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 50\r\n\r\n", "half a chunk": CHUNKED_START + b"5\r\nab",
    "half a trailer": CHUNKED_START + b"0\r\nX", "one that expects": b"POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 50\r\n"
    b"Expect: 100-continue\r\n\r\n", "more than is read ahead": HEALTH * 2400, "more than is read ahead and an empty line": HEALTH * 2400 + CRLF,
    "empty lines, more than is read ahead": CRLF * 60000, "half a head of 10 KB": HEALTH[:-2] + b"X: " + b"y" * 10000,
    "zeros": bytes(100000), "one that closes, and an empty line": request_bytes("GET", "/health", headers={"Connection": "close"}) + CRLF,
}
FIRST = {
    "answered at once": HEALTH, "refused at once": request_bytes("GET", "/nope"), "answered by the database": request_bytes("GET", "/orders?page=1&limit=1"),
    "changes something": request_bytes("POST", "/orders", {"origin": [1, 2], "destination": [3, 4]}), "none": b"",
    "the last": request_bytes("GET", "/orders?page=1&limit=1", headers={"Connection": "close"}),
    "streamed": request_bytes("GET", "/messages?recipient=nobody&days=30"),
}


def send_what_fits(connection, data):
    """The server may have stopped reading, or closed already."""
    connection.sock.setblocking(False)
    try:
        connection.sock.send(data)
    except (BlockingIOError, ConnectionError):
        pass
    connection.sock.setblocking(True)


def end(connection, how):
    try:
        connection.half_close() if how == "FIN" else connection.reset()
    except OSError:     # the server was first
        pass


def leftover_connections(server, how):
    """One of each: what comes first, what is left over; and the end, at once or when it is asked for."""
    made = []
    for first in FIRST.values():
        for leftover in LEFTOVERS.values():
            connection = Connection(server.address)
            send_what_fits(connection, first + leftover)
            made.append(connection)
    return made


def read_off(connection):
    """Takes what there is."""
    try:
        connection.sock.setblocking(False)
        while connection.sock.recv(1 << 20):
            pass
    except OSError:
        pass


def none_left(server, before, made, what):
    def none():
        for connection in made:
            read_off(connection)
        return server.connections() == 0 and len(server.descriptors()) <= before

    until(none, 2, lambda: f"no connection is left ({what}): {server.connections()} are, with {len(server.descriptors())} descriptors of {before}")


@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_whatever_is_left_over_the_end_of_the_connection_ends_it(serve, postgres, how):
    """The client keeps its own end open and has half closed (or reset): at once, when all is answered, or while the answer is
    pending."""
    server = serve("--deadline", 30, database=postgres)
    before = len(server.descriptors()) + 4      # those to the database
    made = leftover_connections(server, how)
    for connection in made:
        end(connection, how)
    assert server.api.get("/health").status == 200      # it has accepted those that came before
    none_left(server, before, made, "at once")
    for connection in made:
        connection.close()

    made = leftover_connections(server, how)
    assert server.api.get("/orders?page=1&limit=1").status == 200
    for connection in made:
        end(connection, how)
    none_left(server, before, made, "when it is answered")
    for connection in made:
        connection.close()

    postgres.cluster.pause()
    try:
        made = leftover_connections(server, how)
        assert server.api.get("/health").status == 200
        for connection in made:
            end(connection, how)
        assert server.api.get("/health").status == 200
    finally:
        postgres.cluster.resume()
    none_left(server, before, made, "while it was pending")
    for connection in made:
        connection.close()


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_empty_lines_before_a_request_are_forgiven_however_they_come(server, count):
    with Connection(server.address) as connection:
        for _ in range(3):
            connection.send(CRLF * count + HEALTH)
            assert connection.response().status == 200
        for _ in range(count):
            connection.send(CRLF)
            assert server.api.get("/health").status == 200
        connection.send(HEALTH)
        assert connection.response().status == 200


# ---- half requests and the room that they take ----

HALF = {
    "nothing": b"", "an empty line": CRLF, "a letter": b"G", "half a head": HEALTH[:-2], "half a body": request_bytes("POST", "/orders", BODY)[:-1],
    "half a chunk": CHUNKED_START + b"5\r\nab", "what waits for 100": request_bytes("POST", "/orders", BODY, {"Expect": "100-continue"})[:-30],
    "a whole one and half a head": HEALTH + HEALTH[:-2],
}


class Half:
    """Connections of one address that never come to the end of a request; those that the server ends come again."""

    def __init__(self, server, shape, address="127.0.0.2"):
        host, _, port = server.address.rpartition(":")
        self.server, self.shape, self.address, self.made = (host, int(port)), shape, address, []

    def add(self, count):
        for _ in range(count):
            sock = socket.socket()
            sock.settimeout(10 * SLOW)
            sock.bind((self.address, 0))
            sock.connect(self.server)
            sock.sendall(self.shape)
            sock.setblocking(False)
            self.made.append(sock)

    def come_again(self):
        for sock in self.ended():
            self.made.remove(sock)
            sock.close()
            self.add(1)

    def ended(self):
        """Those that the server has ended; what it says is thrown away."""
        found = []
        for sock in self.made:
            try:
                while sock.recv(65536):
                    pass
                found.append(sock)
            except BlockingIOError:
                pass
            except ConnectionError:
                found.append(sock)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.made:
            sock.close()


def served(server, seconds):
    """A new client comes, asks, and is answered within that time."""
    with Stopwatch() as watch:
        assert server.api.get("/health").status == 200
    assert watch.seconds < seconds * SLOW, f"a new client waits {watch.seconds:.2f} s"


@pytest.mark.parametrize("shape, address", [*((shape, "127.0.0.2") for shape in HALF), ("half a head", "127.0.0.1"), ("nothing", "127.0.0.1")])
def test_half_requests_make_room_for_new_clients(serve, sqlite, shape, address):
    server = serve("--max-connections", 50, database=sqlite)
    with Connection(server.address) as kept, Half(server, HALF[shape], address) as half:
        assert kept.request("GET", "/health").status == 200
        half.add(500)
        for _ in range(4):
            served(server, 1.5)
            half.come_again()
        assert len(half.ended()) < 500, "more go than need to"
        assert kept.request("GET", "/health").status == 200, "one that rests goes before half requests"
    assert server.log().count("unfinished requests make room") <= 1
    until(lambda: server.connections() == 0, 5, "no connection is left")


def test_half_requests_of_many_addresses_make_room_too(serve, sqlite):
    server = serve("--max-connections", 50, database=sqlite)
    many = [Half(server, HALF["half a head"], f"127.0.1.{number}") for number in range(1, 101)]
    for half in many:
        half.add(2)
    for _ in range(10):
        served(server, 1.5)
    for half in many:
        half.__exit__()


def test_half_requests_take_no_room_from_those_that_are_worked_on(serve, postgres):
    """Of the same address even, while new half requests come all the time."""
    server = serve("--max-connections", 50, "--deadline", 30, database=postgres)
    orders = [server.api.place() for _ in range(40)]
    postgres.cluster.pause()
    try:
        working = [Connection(server.address) for _ in orders]
        for connection, order in zip(working, orders):
            connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
        with Half(server, HALF["half a body"], "127.0.0.1") as half:
            half.add(50)
            for _ in range(4):
                served(server, 1.5)
                half.come_again()
    finally:
        postgres.cluster.resume()
    for connection in working:
        succeeded(connection.response())
        connection.close()


def test_who_has_sent_a_part_is_told_why_it_ends(serve, sqlite):
    server = serve("--max-connections", 4, database=sqlite)
    told = [Connection(server.address) for _ in range(4)]
    for connection in told:
        connection.send(HEALTH[:-2])
    until(lambda: server.unread() == 0, 5, "the server has all")
    for number in range(4):
        with Connection(server.address) as connection:
            assert connection.request("GET", "/health").status == 200
        if number == 0:
            problem(told[0].response(), 408, "others waited")
            assert told[0].ended()
    assert [connection.ended(0.01) for connection in told[2:]] == [False, False], "more go than need to"
    for connection in told:
        connection.close()


@pytest.mark.parametrize("shape", [HALF["half a head"], b"BAD" + CRLF * 2, request_bytes("POST", "/nope", BODY, {"Expect": "100-continue"})[:-30]],
                         ids=["half a head", "no request", "what is answered by its head"])
def test_without_descriptors_left_half_requests_and_refused_ones_make_room(serve, sqlite, shape):
    server = serve(database=sqlite)
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (max(server.descriptors()) + 20, before[1]))
    try:
        with Half(server, shape) as half:
            half.add(300)
            for _ in range(3):
                served(server, 2)
                half.come_again()
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
