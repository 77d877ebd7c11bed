"""Connections: kept, pipelined, slow, half closed, left."""

import fcntl
import http.client
import random
import sys
import termios
import threading
import time

import pytest
import requests

from support.expect import problem, succeeded
from support.program import HEADROOM, SLOW
from support.rawhttp import Connection, request_bytes
from support.wait import Stopwatch, settled, until

HEALTH = request_bytes("GET", "/health")
BODY = '{"origin":[1,2],"destination":[3,4]}'


# ---- kept or closed ----

@pytest.mark.quick
def test_a_connection_serves_many_requests_of_all_kinds(server):
    with Connection(server.address) as connection:
        for _ in range(20):
            order = connection.request("POST", "/orders", BODY).json()["id"]
            succeeded(connection.request("PATCH", f"/orders/{order}", {"status": "TAKEN"}))
            problem(connection.request("PATCH", f"/orders/{order}", {"status": "TAKEN"}), 400)
            problem(connection.request("GET", "/nope"), 404)
            problem(connection.request("DELETE", "/orders"), 405)
            problem(connection.request("POST", "/orders", "{}", {"Content-Type": "text/plain"}), 415)
            assert connection.request("GET", f"/orders/{order}").json()["status"] == "TAKEN"


@pytest.mark.quick
@pytest.mark.parametrize("value", ["close", "Close", "CLOSE", "close, TE", "TE, close", "TE,close", " close ", "keep-alive, close"])
def test_connection_close_closes_after_the_answer(server, value):
    with Connection(server.address) as connection:
        answer = connection.request("GET", "/orders?page=1&limit=1", headers={"Connection": value})
        assert answer.status == 200 and answer.closes
        assert connection.ended()


@pytest.mark.quick
def test_what_follows_connection_close_is_not_answered(server):
    with Connection(server.address) as connection:
        connection.send(request_bytes("GET", "/health", headers={"Connection": "close"}) + HEALTH)
        assert connection.response().status == 200
        assert connection.ended()


@pytest.mark.quick
@pytest.mark.parametrize("value", ["keep-alive", "closed", "unclose", "TE", "x, y"])
def test_other_connection_options_do_not_close(server, value):
    with Connection(server.address) as connection:
        assert not connection.request("GET", "/health", headers={"Connection": value}).closes
        assert connection.request("GET", "/health").status == 200


@pytest.mark.quick
def test_http_1_0_closes_unless_asked_to_keep(server):
    with Connection(server.address) as connection:
        assert connection.request("GET", "/health", version="HTTP/1.0").status == 200
        assert connection.ended()
    with Connection(server.address) as connection:
        answer = connection.request("GET", "/health", headers={"Connection": "keep-alive"}, version="HTTP/1.0")
        assert answer.header("Connection").lower() == "keep-alive"
        assert connection.request("GET", "/health").status == 200


@pytest.mark.quick
def test_http_1_0_gets_no_chunks(server):
    with Connection(server.address) as connection:
        answer = connection.request("GET", "/orders?page=1&limit=1000", version="HTTP/1.0")
        assert answer.status == 200 and answer.header("Transfer-Encoding") is None


# ---- pipelined ----

def test_ten_thousand_pipelined_requests_are_answered_in_order(server):
    count = 10000
    with Connection(server.address, timeout=30) as connection:
        data = b"".join(request_bytes("GET", "/health", headers={"X-Request-Id": f"n{number}"}) for number in range(count))
        sender = threading.Thread(target=connection.send, args=(data,), daemon=True)
        sender.start()
        for number in range(count):
            answer = connection.response()
            assert answer.status == 200 and answer.header("X-Request-Id") == f"n{number}"
        sender.join(10)


def test_pipelined_requests_to_the_database_are_answered_in_order(server):
    with Connection(server.address, timeout=30) as connection:
        orders = [connection.request("POST", "/orders", BODY).json()["id"] for _ in range(20)]
        choice = random.Random(1)
        script = []
        for number in range(600):
            order = choice.choice(orders)
            script.append(choice.choice([
                ("GET", f"/orders/{order}", None), ("GET", "/health", None), ("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "x"}),
                ("GET", "/orders/abc", None), ("GET", "/orders?page=1&limit=2", None), ("HEAD", f"/orders/{order}", None), ("GET", "/nope", None)]))
        data = b"".join(request_bytes(method, target, body, {"X-Request-Id": f"n{number}"})
                        for number, (method, target, body) in enumerate(script))
        sender = threading.Thread(target=connection.send, args=(data,), daemon=True)
        sender.start()
        for number, (method, target, body) in enumerate(script):
            answer = connection.response(method)
            assert answer.header("X-Request-Id") == f"n{number}"
            expected = 404 if target == "/nope" else 400 if target == "/orders/abc" else 200
            assert answer.status == expected, (method, target, answer)
        sender.join(10)


def test_a_pipelined_read_sees_the_write_before_it(server):
    with Connection(server.address) as connection:
        for _ in range(20):
            order = connection.request("POST", "/orders", BODY).json()["id"]
            connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}) + request_bytes("GET", f"/orders/{order}"))
            succeeded(connection.response())
            assert connection.response().json()["taker"] == "ann"


def test_a_refused_request_ends_a_pipeline(server):
    with Connection(server.address) as connection:
        connection.send(HEALTH + HEALTH + b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n" + HEALTH)
        assert [connection.response().status for _ in range(3)] == [200, 200, 400]
        assert connection.ended()


def test_a_client_that_sends_and_does_not_read_costs_no_memory(server):
    before = server.resident()
    with Connection(server.address) as connection:
        connection.sock.settimeout(0.5 * SLOW)
        piece = request_bytes("GET", "/orders?page=1&limit=100") * 500
        sent = 0
        try:
            while sent < 64 << 20:
                sent += connection.sock.send(piece)
        except TimeoutError:
            pass
        assert sent < 64 << 20, "the server reads on while nobody reads its answers"
        assert server.resident() - before < (8 << 20) + HEADROOM
        assert server.api.get("/health").status == 200


# ---- slow and in pieces ----

def one_byte_at_a_time(connection, data, pause):
    for at in range(len(data)):
        connection.send(data[at:at + 1])
        time.sleep(pause)


@pytest.mark.parametrize("data", [
    request_bytes("GET", "/orders?page=1&limit=1"),
    request_bytes("POST", "/orders", BODY),
    request_bytes("POST", "/orders", b"", {"Transfer-Encoding": "chunked"})
    + f"10\r\n{BODY[:16]}\r\n{len(BODY) - 16:x}\r\n{BODY[16:]}\r\n0\r\n\r\n".encode(),
], ids=["get", "length", "chunked"])
def test_a_request_may_come_in_segments_of_one_byte(server, data):
    with Connection(server.address) as connection:
        one_byte_at_a_time(connection, data + HEALTH, 0.001)
        assert connection.response().status == 200
        assert connection.response().body == b"UP\n"


def test_a_request_may_be_cut_at_any_place(server):
    data = request_bytes("POST", "/orders", BODY)
    for cut in range(1, len(data), 3):
        with Connection(server.address) as connection:
            connection.send(data[:cut])
            time.sleep(0.002)
            connection.send(data[cut:] + HEALTH[:cut])
            assert connection.response().status == 200
            connection.send(HEALTH[cut:])
            if cut <= len(HEALTH):
                assert connection.response().status == 200


# ---- half closed and left ----

@pytest.mark.quick
def test_a_client_that_half_closes_after_its_request_gets_the_whole_answer(server):
    for target in ("/health", "/orders?page=1&limit=1000", "/nope"):
        with Connection(server.address) as connection:
            connection.send(request_bytes("GET", target))
            connection.half_close()
            assert connection.response().status in (200, 404)
            assert connection.ended()


@pytest.mark.quick
def test_a_half_closed_pipeline_is_answered_to_its_end(server):
    with Connection(server.address) as connection:
        connection.send(request_bytes("POST", "/orders", BODY) * 10 + HEALTH * 10)
        connection.half_close()
        assert [connection.response().status for _ in range(20)] == [200] * 20
        assert connection.ended()


def numbered(count, target):
    return b"".join(request_bytes("GET", target, headers={"X-Request-Id": f"n{number}"}) for number in range(count))


def unread(connection):
    """How many bytes the other side has not taken from the kernel."""
    return int.from_bytes(fcntl.ioctl(connection.sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def answered_in_order(connection, count, status):
    for number in range(count):
        answer = connection.response()
        assert answer.status == status and answer.header("X-Request-Id") == f"n{number}"
    assert connection.ended()


@pytest.mark.quick
@pytest.mark.parametrize("count", [63, 64, 65, 66, 128, 129, 1000])
def test_a_half_closed_pipeline_longer_than_one_turn_takes_is_answered_to_its_end(server, count):
    with Connection(server.address) as connection:
        connection.send(numbered(count, "/health"))
        connection.half_close()
        answered_in_order(connection, count, 200)


@pytest.mark.parametrize("when", ["at once", "while nothing moves"])
def test_a_half_closed_pipeline_is_answered_to_its_end_when_its_client_reads_late(serve, sqlite, folder, when):
    """More answers than the kernel and the server hold for a client that does not read, and fewer requests. On a unix socket,
    because the kernel does not enlarge its buffers."""
    count = 2000
    server = serve(database=sqlite, listen=(f"unix:{folder}/socket",))
    with Connection(server.address) as connection:
        connection.send(numbered(count, "/nope"))
        if when == "at once":
            connection.half_close()
        until(lambda: unread(connection) == 0, 5, "the server has all requests")
        if when != "at once":
            connection.half_close()
        for _ in range(3):      # turns in which it finds the end
            assert server.api.get("/health").status == 200
        answered_in_order(connection, count, 404)


@pytest.mark.quick
def test_half_a_request_before_the_end_is_not_answered(server):
    for data in (b"GET /hea", b"GET /health HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\nHost: test\r\n",
                 request_bytes("POST", "/orders", BODY)[:-1], request_bytes("POST", "/orders", b"", {"Transfer-Encoding": "chunked"}) + b"5\r\nab"):
        with Connection(server.address) as connection:
            connection.send(data)
            connection.half_close()
            assert connection.ended()


def test_clients_that_leave_at_any_byte_harm_nobody_and_leave_nothing(server):
    data = request_bytes("POST", "/orders", BODY)
    for cut in range(0, len(data) + 1, 2):
        for leave in ("close", "reset"):
            connection = Connection(server.address)
            connection.send(data[:cut])
            getattr(connection, leave)()
    until(lambda: server.connections() == 0, 5, "no connection is left")
    assert server.api.get("/health").status == 200


def test_clients_that_leave_in_the_middle_of_a_large_answer_harm_nobody(server):
    for _ in range(30):
        connection = Connection(server.address)
        connection.send(request_bytes("GET", "/orders?page=1&limit=1000") * 20)
        connection.sock.recv(10)
        connection.reset()
    until(lambda: server.connections() == 0, 5, "no connection is left")
    assert server.api.get("/health").status == 200


def test_five_hundred_connections_leave_no_descriptor(server):
    until(lambda: server.connections() == 0, 5, "the connections of tests before are gone")
    before = len(server.descriptors())
    connections = [Connection(server.address) for _ in range(500)]
    try:
        for connection in connections[::2]:
            connection.send(HEALTH)
        for connection in connections[::2]:
            assert connection.response().status == 200
        settled(server.connections, 500, what="connections")
    finally:
        for connection in connections:
            connection.close()
    until(lambda: server.connections() == 0, 5, "no connection is left")
    assert len(server.descriptors()) <= before


# ---- 100-continue ----

@pytest.mark.quick
def test_a_client_that_expects_100_continue_gets_it_before_it_sends_the_body(server):
    with Connection(server.address) as connection:
        connection.send(request_bytes("POST", "/orders", BODY, {"Expect": "100-continue"})[:-len(BODY)])
        interim = connection.response()
        assert interim.status == 100
        connection.send(BODY)
        assert connection.response().status == 200
        assert connection.request("GET", "/health").status == 200


@pytest.mark.quick
def test_a_client_that_does_not_wait_for_100_continue_is_served_too(server):
    with Connection(server.address) as connection:
        connection.send(request_bytes("POST", "/orders", BODY, {"Expect": "100-continue"}))
        answer = connection.response()
        if answer.status == 100:
            answer = connection.response()
        assert answer.status == 200


@pytest.mark.quick
def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server):
    with Connection(server.address) as connection:
        connection.send("POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 70000\r\nExpect: 100-continue\r\n\r\n")
        problem(connection.response(), 413)


EXPECTING = {"Expect": "100-continue"}
ORIGIN = {**EXPECTING, "Origin": "http://evil.example"}
DECIDED_BY_HEAD = [
    ("POST", "/nope", EXPECTING, 404), ("POST", "/%zz", EXPECTING, 400), ("PUT", "/orders", EXPECTING, 405), ("POST", "/health", EXPECTING, 405),
    ("POST", "/orders", {**EXPECTING, "Content-Type": "text/plain"}, 415), ("POST", "/orders", {**EXPECTING, "Content-Encoding": "gzip"}, 415),
    ("POST", "/orders", ORIGIN, 403), ("PATCH", "/orders/abc", EXPECTING, 400), ("POST", "/orders?x=1", EXPECTING, 400),
    ("OPTIONS", "/orders", EXPECTING, 405), ("OPTIONS", "*", EXPECTING, 204),
]


def decided(answer, status):
    """The final answer, with what belongs to it, and the word that the connection ends."""
    if status == 204:
        assert answer.status == 204
    else:
        problem(answer, status)
    assert answer.closes
    assert status != 405 or answer.header("Allow")


@pytest.mark.quick
@pytest.mark.parametrize("framing", [{"Content-Length": "36"}, {"Transfer-Encoding": "chunked"}], ids=["length", "chunked"])
@pytest.mark.parametrize("method, target, headers, status", DECIDED_BY_HEAD)
def test_what_the_head_decides_comes_instead_of_100_continue(server, method, target, headers, status, framing):
    head = request_bytes(method, target, headers={**headers, **framing})
    for body in (b"", BODY.encode(), HEALTH):      # the body may follow all the same, and is no request
        with Connection(server.address) as connection:
            connection.send(head)
            decided(connection.response(), status)
            if body:
                try:
                    connection.send(body)
                except ConnectionError:
                    continue
            connection.half_close()
            assert connection.ended()


@pytest.mark.quick
@pytest.mark.parametrize("method, target, headers, status", DECIDED_BY_HEAD)
def test_what_the_head_decides_is_the_same_when_the_body_is_there(server, method, target, headers, status):
    with Connection(server.address) as connection:
        answer = connection.request(method, target, BODY, headers)
        assert answer.status == status and not answer.closes
        assert connection.request("GET", "/health").status == 200
    with Connection(server.address) as connection:      # a part of it
        connection.send(request_bytes(method, target, BODY, headers)[:-5])
        decided(connection.response(), status)


@pytest.mark.quick
def test_an_answer_before_100_continue_is_read_although_a_large_body_follows(server):
    with Connection(server.address) as connection:
        connection.send(request_bytes("POST", "/nope", headers={**EXPECTING, "Content-Length": "60000"}))
        server.wait_read()      # a body that is there with its head is read like any other
        connection.send(b"x" * 60000 + HEALTH)
        problem(connection.response(), 404)
        connection.half_close()
        assert connection.ended()


@pytest.mark.quick
def test_requests_before_one_that_is_answered_by_its_head_are_answered_first(server):
    with Connection(server.address) as connection:
        connection.send(HEALTH + request_bytes("GET", "/orders?page=1&limit=1") + request_bytes("POST", "/nope", headers={**EXPECTING, "Content-Length": "5"}))
        assert [connection.response().status for _ in range(3)] == [200, 200, 404]


@pytest.mark.quick
def test_what_only_the_body_decides_gets_100_continue_first(server):
    for body, status in ((BODY, 200), ("{", 400)):
        with Connection(server.address) as connection:
            connection.send(request_bytes("POST", "/orders", body, EXPECTING)[:-len(body)])
            assert connection.response().status == 100
            connection.send(body)
            assert connection.response().status == status
            assert connection.request("GET", "/health").status == 200


@pytest.mark.quick
def test_another_expectation_is_417(server):
    with Connection(server.address) as connection:
        problem(connection.request("GET", "/health", headers={"Expect": "miracles"}), 417)


@pytest.mark.quick
def test_http_1_0_gets_no_100_continue(server):
    with Connection(server.address) as connection:
        connection.send(request_bytes("POST", "/orders", BODY, {"Expect": "100-continue"}, version="HTTP/1.0"))
        assert connection.response().status == 200


# ---- usual clients ----

@pytest.mark.quick
def test_requests_and_http_client_are_at_home(server):
    with requests.Session() as session:
        base = f"http://{server.address}"
        order = session.post(base + "/orders", json={"origin": ["1", "2"], "destination": ["3", "4"]}).json()
        assert session.patch(f"{base}/orders/{order['id']}", json={"status": "TAKEN"}).json() == {"status": "SUCCESS"}
        listing = session.get(base + "/orders", params={"page": 1, "limit": 1})
        assert listing.json()[0]["id"] == order["id"]
        assert "next" in listing.links or "first" in listing.links
    connection = http.client.HTTPConnection(server.address)
    connection.request("HEAD", "/orders?page=1&limit=1")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/health")
    assert connection.getresponse().read() == b"UP\n"
    connection.close()


def test_a_kept_connection_answers_at_once(server):
    with Connection(server.address) as connection:
        connection.request("GET", "/health")
        with Stopwatch() as watch:
            for _ in range(100):
                connection.request("GET", "/health")
        assert watch.seconds < 2 * SLOW, "an answer waits for something (delayed acknowledgements?)"
