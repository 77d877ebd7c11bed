"""A proxy between the server and PostgreSQL drops, stalls, resets, truncates and dawdles."""

import time

import pytest

from support.expect import problem, succeeded
from support.program import SANITIZED, SLOW
from support.rawhttp import Connection, request_bytes
from support.scripted import Scripted
from support.tcpproxy import TcpProxy
from support.traffic import Traffic, served_again
from support.wait import Stopwatch, until

DEADLINE = 2


@pytest.fixture
def proxy(cluster):
    with TcpProxy(cluster.port) as proxy:
        yield proxy


@pytest.fixture
def server(serve, postgres, proxy):
    return serve("--deadline", DEADLINE, "--drain", 3, database=postgres.cluster.url(postgres.name, port=proxy.port))


@pytest.mark.parametrize("fault", ["reset", "drop"])
def test_connections_cut_under_load_cost_a_few_503_and_nothing_else(server, postgres, proxy, fault):
    with Traffic(server) as traffic:
        for _ in range(6):
            traffic.flows()
            getattr(proxy, fault)()
            served_again(server)
        traffic.flows()
    traffic.check(postgres, DEADLINE)


def test_answers_cut_off_at_any_byte_cost_a_few_503_and_nothing_else(server, postgres, proxy):
    with Traffic(server) as traffic:
        for count in (0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 17, 23, 31, 44, 60, 81, 110, 150, 300, 700, 1500):
            proxy.truncate_after(count)
            time.sleep(0.1)
            proxy.reset()
            served_again(server)
    traffic.check(postgres, DEADLINE)


def test_a_black_hole_costs_503_within_the_deadline_and_is_left_behind(server, postgres, proxy):
    with Traffic(server) as traffic:
        traffic.flows()
        proxy.mode = "stall"
        time.sleep(4.5)
        with Stopwatch() as watch:
            assert server.api.get("/healthcheck").status == 503
        assert watch.seconds < 1 * SLOW
        proxy.mode = "pass"       # for new connections only: the old ones stay lost without a sign
        served_again(server, 3)
        until(server.healthy, 4, "healthy again")
        traffic.flows()
    traffic.check(postgres, DEADLINE)


def test_connections_that_became_silent_one_by_one_are_left_behind_too(serve, postgres, proxy):
    """The connections there are go silent for ever, new ones work at once."""
    server = serve("--deadline", DEADLINE, database=postgres.cluster.url(postgres.name, port=proxy.port))
    proxy.mode = "stall"
    with Connection(server.address) as connection:
        connection.send(request_bytes("GET", "/orders?page=1&limit=1"))
        server.wait_read()          # so that something is lost in it
        proxy.mode = "pass"
        problem(connection.response(), 503)
    served_again(server, DEADLINE + 5)
    for _ in range(20):
        assert server.api.get("/orders?page=1&limit=1").status == 200


def test_one_byte_at_a_time_is_slow_and_right(server, postgres, proxy):
    proxy.mode = "drip"
    for _ in range(10):
        order = server.api.place()
        succeeded(server.api.take(order, "ann"))
        assert server.api.get(f"/orders/{order}").json()["taker"] == "ann"
    assert len(server.api.get("/orders?page=1&limit=1000").json()) == 10


def test_a_start_one_byte_at_a_time_works(serve, postgres, cluster):
    with TcpProxy(cluster.port, "drip") as proxy:
        server = serve(database=postgres.cluster.url(postgres.name, port=proxy.port))
        succeeded(server.api.take(server.api.place()))
        server.stop()


@pytest.mark.parametrize("mode", ["refuse", "closing", "stall"])
def test_connections_that_cannot_be_made_are_tried_again_until_they_can(serve, postgres, cluster, mode):
    with TcpProxy(cluster.port, mode) as proxy:
        server = serve("--deadline", DEADLINE, database=postgres.cluster.url(postgres.name, port=proxy.port), wait="listening")
        with Stopwatch() as watch:
            problem(server.api.get("/orders?page=1&limit=1"), 503)
        assert watch.seconds < (DEADLINE + 2) * SLOW
        assert server.api.get("/healthcheck").status == 503
        time.sleep(2)
        attempts = proxy.accepted
        assert attempts < 200, "it hammers"
        proxy.mode = "pass"
        served_again(server, 3)
        server.stop()


def test_a_first_host_that_accepts_and_says_nothing_is_passed_over(serve, postgres, cluster):
    with TcpProxy(cluster.port, "stall") as silent:
        url = f"postgresql://postgres@127.0.0.1:{silent.port},127.0.0.1:{cluster.port}/{postgres.name}"
        server = serve("--deadline", DEADLINE, database=url, wait="listening")
        server.wait_healthy(6)
        succeeded(server.api.take(server.api.place()))
        server.stop()


def test_when_the_first_host_goes_the_second_serves(serve, postgres, cluster):
    with TcpProxy(cluster.port) as first:
        url = f"postgresql://postgres@127.0.0.1:{first.port},127.0.0.1:{cluster.port}/{postgres.name}"
        server = serve("--deadline", DEADLINE, database=url)
        with Traffic(server) as traffic:
            traffic.flows()
            first.mode = "refuse"
            first.reset()
            served_again(server, 3)
            traffic.flows()
        traffic.check(postgres, DEADLINE)
        server.stop()


def test_a_stalled_statement_times_out_while_its_client_waits_no_longer_than_the_deadline(server, postgres, proxy):
    order = server.api.place()
    proxy.mode = "stall"
    with Connection(server.address) as connection:
        with Stopwatch() as watch:
            connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
            answer = connection.response()
        problem(answer, 503)
        assert (DEADLINE - 1.5) < watch.seconds < (DEADLINE + 2) * SLOW
        proxy.mode = "pass"
        served_again(server, 6)
        succeeded(connection.request("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))     # `taker` makes the retry safe


# ---- something else than PostgreSQL ----

class Impostor(Scripted):
    """Reads a little, answers with these bytes and, unless told to stay, closes."""

    def __init__(self, answer, stay):
        self.answer, self.stay = answer, stay
        super().__init__(self._talk)

    def _talk(self, sock):
        sock.recv(1000)
        sock.sendall(self.answer)
        if self.stay:
            self.leaving.wait(30)


def message(kind, body):
    return kind + (len(body) + 4).to_bytes(4, "big") + body


WELCOME = message(b"R", b"\0\0\0\0")
READY = message(b"Z", b"I")
ERROR = message(b"E", b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0")

IMPOSTORS = {
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "nothing": b"",
    "noughts": b"\0" * 2000,
    "noise": bytes(range(256)) * 20,
    "starting up": ERROR,
    "welcome and no more": WELCOME,
    "ready and noise": WELCOME + READY + b"\xff" * 500,
    "ready and wrong answers": WELCOME + READY + message(b"D", b"\0\1\0\0\0\1x") + READY + message(b"C", b"SELECT 1\0"),
    "a message of 2 GiB": WELCOME + b"D\x7f\xff\xff\xff",
    "an unknown authentication": message(b"R", b"\0\0\0\x63"),
    "a password please": message(b"R", b"\0\0\0\x03"),
    "an old error": b"Esomething is wrong\n\0",
}


@pytest.fixture
def impostors(request):
    """One of each kind, by name."""
    made = {name: Impostor(answer, request.param) for name, answer in IMPOSTORS.items()}
    yield made
    for impostor in made.values():
        impostor.close()


@pytest.mark.parametrize("impostors", [False, True], indirect=True, ids=["closes", "stays"])
def test_a_server_that_is_no_postgresql_makes_it_unhealthy_and_no_worse(serve, impostors):
    servers = {name: serve("--deadline", 1, "--drain", 1, database=f"postgresql://x:pw-4711@127.0.0.1:{impostor.port}/x", wait="listening")
               for name, impostor in impostors.items()}
    for name, server in servers.items():
        problem(server.api.get("/orders?page=1&limit=1"), 503)
        assert server.api.get("/healthcheck").status == 503, name
    time.sleep(1)
    for name, server in servers.items():
        server.alive()
        assert server.resident() < 64 << 20 or SANITIZED, name
        server.stop()
        assert "pw-4711" not in server.log()
        assert len(server.lines()) < 100, f"{name}: it babbles"
