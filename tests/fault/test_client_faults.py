"""Clients that are slow, rude, too many, or gone."""

import resource
import socket
import time

import pytest

from support.expect import problem, succeeded
from support.program import HEADROOM, SLOW
from support.rawhttp import Connection, request_bytes
from support.wait import Stopwatch, settled, until

HEALTH = request_bytes("GET", "/health")


def cpu_seconds(server):
    with open(f"/proc/{server.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_out_of_descriptors_it_does_not_spin_and_serves_all_one_after_the_other(serve, sqlite):
    server = serve(database=sqlite)
    most = max(server.descriptors()) + 20
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (most, before[1]))
    connections = [Connection(server.address) for _ in range(60)]
    for connection in connections:
        connection.send(HEALTH)
    settled(lambda: len(server.descriptors()), most, 5, "descriptors in use")
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
