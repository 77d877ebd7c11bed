"""What is logged, and what never is."""

import datetime
import os
import subprocess

import pytest

from support.port import free_port
from support.program import SLOW, environment, rowlock
from support.rawhttp import Api, Connection
from support.wait import until

pytestmark = pytest.mark.quick


def test_every_line_is_a_json_object_with_time_level_and_message(serve, sqlite):
    server = serve("--access-log", "--log-level", "debug", database=sqlite)
    server.api.take(server.api.place(), 'a "quoted"\\ taker ü')
    server.api.get("/nope?%22quoted%22", headers={"X-Request-Id": "x"})
    server.api.call("GET", '/"quoted"', headers={"User-Agent": 'a"b\\c é'})
    server.stop()
    assert len(server.lines()) == len(server.log().splitlines()), server.log()
    now = datetime.datetime.now(datetime.timezone.utc)
    for line in server.lines():
        assert {"time", "level", "message"} <= set(line), line
        assert line["level"] in ("debug", "info", "warn", "error")
        assert abs(now - datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00"))) < datetime.timedelta(minutes=2)


def requests(server):
    return [line for line in server.lines() if "request_id" in line and "route" in line]


def test_the_access_log_has_a_line_a_request(serve, sqlite):
    server = serve("--access-log", database=sqlite)
    order = server.api.place()
    server.api.get(f"/orders/{order}", headers={"X-Request-Id": "mine"})
    until(lambda: [line for line in requests(server) if line["request_id"] == "mine"], 3, "a line of the request")
    server.stop()
    line, = [line for line in requests(server) if line["request_id"] == "mine"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/orders/{id}", 200)
    assert 0 <= line["duration_ms"] < 5000


def test_refused_requests_are_in_the_access_log_too(serve, sqlite):
    server = serve("--access-log", database=sqlite)
    expected = {"a": ("/nope", 404), "b": ("/orders/abc", 400), "c": ("/orders", 400)}
    for name, (target, _) in expected.items():
        server.api.get(target, headers={"X-Request-Id": name})
    server.stop()
    found = [(line["request_id"], line["status"]) for line in requests(server) if line["request_id"] in expected]
    assert found == [(name, status) for name, (_, status) in expected.items()]


def test_what_could_not_be_read_as_a_request_has_neither_method_nor_path_in_the_log(serve, sqlite):
    server = serve("--access-log", database=sqlite)
    with Connection(server.address) as connection:
        connection.send(b"FOO /orders HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.response().status == 501
    server.stop()
    line, = [line for line in requests(server) if line["status"] == 501]
    assert (line["method"], line["route"], line["path"]) == ("-", "-", "-")


def test_without_access_log_requests_that_went_well_leave_no_line(serve, sqlite):
    server = serve(database=sqlite)
    for _ in range(5):
        server.api.get("/health", headers={"X-Request-Id": "quiet"})
        server.api.get("/orders?page=1&limit=1", headers={"X-Request-Id": "quiet"})
    server.stop()
    assert "quiet" not in server.log()


def test_the_access_log_is_switched_on_by_the_environment(serve, sqlite):
    server = serve(database=sqlite, env={"ROWLOCK_ACCESS_LOG": "1"})
    server.api.get("/health", headers={"X-Request-Id": "mine"})
    until(lambda: "mine" in server.log(), 3, "a line of the request")


LEVELS = ("debug", "info", "warn", "error")


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_is_heeded(serve, sqlite, level):
    """One line of each level is provoked, and those of that level and above are there."""
    sqlite.query("INSERT INTO idempotency_keys (scope, key, fingerprint, answer, created_at) "
                 "VALUES ('/x', 'old', '', '', '2001-01-01T00:00:00.000Z')")       # the purge is told at debug
    port = free_port()
    server = serve("--log-level", level, "--access-log", "--cache", f"redis://127.0.0.1:{free_port()}", database=sqlite,
                   listen=(f"127.0.0.1:{port}",), wait=None)
    api = Api(f"127.0.0.1:{port}")
    up(api)
    assert api.get("/api/users/profiles").status == 200         # warns that the cache is away
    sqlite.query("CREATE TRIGGER refuse BEFORE INSERT ON orders BEGIN SELECT no_such_function(); END")
    assert api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}).status >= 500
    until(lambda: sqlite.query("SELECT count(*) FROM idempotency_keys") == [(0,)], 20, "the purge")
    wanted = LEVELS[LEVELS.index(level):]
    until(lambda: set(wanted) <= {line["level"] for line in server.lines()}, 5, lambda: f"lines of {wanted}: {server.log()}")
    server.stop()
    assert {line["level"] for line in server.lines()} == set(wanted)


def up(api):
    def answers():
        try:
            return api.get("/health").status == 200
        except OSError:
            return False

    until(answers, 10, "the server is up")


@pytest.fixture
def bare(folder):
    """bare(output, flags…): an Api of a server whose output goes where the test says."""
    started = []

    def start(output, *flags):
        port = free_port()
        started.append(subprocess.Popen([rowlock(), "serve", "--listen", f"127.0.0.1:{port}", "--database", f"sqlite:{folder}/x.db", *flags],
                                        env=environment(), stdin=subprocess.DEVNULL, stderr=output, stdout=output))
        api = Api(f"127.0.0.1:{port}")

        up(api)
        return api

    yield start
    for process in started:
        process.terminate()
        assert process.wait(10 * SLOW) == 0


def test_text_lines_are_one_line_each_whatever_is_in_them(bare, folder):
    log = folder / "log"
    with open(log, "wb") as output:
        api = bare(output, "--log-format", "text", "--access-log")
    api.get("/orders/%0a%1b%5b31mlevel=error", headers={"X-Request-Id": "mine"})
    until(lambda: "mine" in log.read_text(), 3, "a line of the request")
    assert "\x1b" not in log.read_text()
    assert not log.read_text().startswith("{")


def test_a_log_that_nobody_reads_does_not_stop_the_server(bare):
    reader, writer = os.pipe()
    api = bare(writer, "--access-log")
    os.close(writer)
    for _ in range(1500):       # more lines than a pipe holds
        assert api.get("/health").status == 200
    os.close(reader)            # and now not even a reader
    for _ in range(50):
        assert api.get("/health").status == 200


@pytest.mark.quick
@pytest.mark.parametrize("engine", ["evhttp", "direct"])
def test_a_closed_connection_is_logged_with_its_peer(serve, sqlite, folder, engine):
    """However it ended: the kernel forgets the peer as soon as both sides have closed."""
    server = serve("--http", engine, "--log-level", "debug", database=sqlite, listen=("127.0.0.1:0", f"unix:{folder}/socket"))

    def peers():
        return [line["peer"] for line in server.told("connection closed")]

    for headers in ({}, {"Connection": "close"}):
        for ending in ("close", "reset", "half_close"):
            with Connection(server.address) as connection:
                connection.request("GET", "/health", headers=headers)
                getattr(connection, ending)()
    until(lambda: len(peers()) >= 6, what=peers)      # and those of whoever asked whether the server was there
    assert set(peers()) == {"127.0.0.1"}
    Api(server.addresses()[1]).get("/health")
    until(lambda: "unix" in peers(), what=peers)
    assert set(peers()) == {"127.0.0.1", "unix"}
