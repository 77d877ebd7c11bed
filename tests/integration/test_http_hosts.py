"""--hosts: a request for another host than this server's is misdirected, and changes nothing."""

import pytest

from support.expect import problem
from support.metrics import Metrics
from support.openapi import check
from support.program import run
from support.rawhttp import Connection, request_bytes
from support.server import on_sqlite

pytestmark = pytest.mark.quick

OURS = ["rowlock.example", "ROWLOCK.example:8080", "rowlock.example.", "127.0.0.1:80", "[::1]", "[0::1]:1"]
FOREIGN = ["evil.example", "rowlock.example.evil.example", "127.0.0.2", "[::2]", "localhost", ""]
ORDER = {"origin": [1, 2], "destination": [3, 4]}


@pytest.fixture(scope="module", params=["evhttp", "direct"])
def shared(request, sqlite_template):
    """(server, database), on each engine."""
    with on_sqlite(sqlite_template, "--hosts", "rowlock.example, 127.0.0.1, [::1]", "--http", request.param) as both:
        yield both


def ask(server, method, target, host, body=None, version="HTTP/1.1"):
    with Connection(server.address) as connection:
        connection.send(request_bytes(method, target, body, {"Host": host}, version))
        return connection.response(method)


@pytest.mark.parametrize("host", OURS)
def test_its_own_hosts(server, host):
    assert ask(server, "GET", "/orders?page=1&limit=1", host).status == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_other_hosts_are_misdirected(server, host, db):
    for method, target, body in (("GET", "/orders?page=1&limit=1", None), ("HEAD", "/orders?page=1&limit=1", None), ("POST", "/orders", ORDER),
                                 ("PATCH", "/orders/1", {"status": "TAKEN"}), ("GET", "/", None), ("GET", "/nowhere", None), ("GET", "/orders/events", None)):
        answer = ask(server, method, target, host, body)
        assert answer.status == 421, answer
        if method != "HEAD":
            problem(answer, 421)
        check(method, target, answer)
    assert db.query("SELECT count(*) FROM orders") == [(0,)]


@pytest.mark.parametrize("target", ["/health", "/healthcheck", "/healthcheck/"])
@pytest.mark.parametrize("host", FOREIGN)
def test_probes_go_by_an_address(server, target, host):
    assert ask(server, "GET", target, host).status == 200


def test_operators_go_by_an_address_at_a_door_of_their_own(serve, sqlite):
    server = serve("--hosts", "rowlock.example", "--metrics-listen", "127.0.0.1:0", database=sqlite, wait="listening")
    line, = server.told("listening for operators", 1)
    with Connection(line["address"]) as connection:
        assert connection.request("GET", "/metrics").status == 200
    problem(ask(server, "GET", "/metrics", "rowlock.example"), 404)
    problem(ask(server, "GET", "/orders?page=1&limit=1", "127.0.0.1"), 421)


def test_they_are_counted_as_what_they_are(server):
    def counted():
        metrics = Metrics(ask(server, "GET", "/metrics", "rowlock.example").body.decode())
        return metrics.value("rowlock_http_requests_total", route="/orders", status="421")

    ask(server, "GET", "/orders?page=1&limit=1", "evil.example")
    before = counted()
    ask(server, "GET", "/orders?page=1&limit=1", "evil.example")
    assert counted() == before + 1


def test_the_target_counts_where_it_names_a_host(server):
    with Connection(server.address) as connection:
        connection.send("GET http://evil.example/orders?page=1&limit=1 HTTP/1.1\r\nHost: rowlock.example\r\n\r\n")
        problem(connection.response(), 421)
    with Connection(server.address) as connection:
        connection.send("GET http://rowlock.example/orders?page=1&limit=1 HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert connection.response().status == 200


def test_who_names_no_host_is_misdirected(server):
    with Connection(server.address) as connection:
        connection.send("GET /orders?page=1&limit=1 HTTP/1.0\r\n\r\n")
        problem(connection.response(), 421)
    with Connection(server.address) as connection:
        connection.send("GET /orders?page=1&limit=1 HTTP/1.1\r\n\r\n")
        problem(connection.response(), 400)


def test_a_body_is_not_waited_for(server):
    with Connection(server.address) as connection:
        connection.send("POST /orders HTTP/1.1\r\nHost: evil.example\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n")
        problem(connection.response(), 421)


def test_without_it_any_host_will_do(serve, sqlite):
    server = serve(database=sqlite)
    assert ask(server, "GET", "/orders?page=1&limit=1", "evil.example").status == 200


@pytest.mark.parametrize("value", ["rowlock.example:8080", "http://rowlock.example", "::1", "a,,b", "a b"])
def test_what_is_no_host_is_refused_by_name(value):
    done = run("serve", "--hosts", value)
    assert done.returncode == 2 and done.stderr.startswith("rowlock: --hosts: ") and value in done.stderr, done.stderr
