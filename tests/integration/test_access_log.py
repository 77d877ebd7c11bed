"""The access log in the formats that other programs read: each line by its grammar, whatever a client sends."""

import datetime
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.keys import KeyFile, bearer
from support.program import missing
from support.rawhttp import Connection
from support.wait import until

pytestmark = pytest.mark.quick

TEXT = r'(?:[ !#-\[\]-~]|\\["\\]|\\x[0-9a-f]{2})*'       # printable, but for quotes and backslashes, which are escapes
COMMON = (r'(?P<host>\S+) - (?P<user>\S+) \[(?P<time>\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] '
          rf'"(?P<request>{TEXT})" (?P<status>\d{{3}}) (?P<bytes>\d+|-)')
LINES = {"common": re.compile(COMMON), "combined": re.compile(rf'{COMMON} "(?P<referer>{TEXT})" "(?P<agent>{TEXT})"')}
ENGINES = pytest.mark.parametrize("engine", ["evhttp", "direct"])


class Log:
    """What a server writes to its stdout."""

    def __init__(self, server, form):
        self.path, self.form = Path(server.folder.name) / "stdout", form

    def lines(self):
        text = self.path.read_bytes().decode("ascii")
        assert text == "" or text.endswith("\n")
        found = [LINES[self.form].fullmatch(line) for line in text.splitlines()]
        assert None not in found, text
        return [match.groupdict() for match in found]

    def of(self, word, count=1):
        """The lines of requests with this word, when there are so many."""
        def found():
            return [line for line in self.lines() if word in line["request"]]

        until(lambda: len(found()) >= count, 5, lambda: self.path.read_text())
        assert len(found()) == count
        return found()


@pytest.fixture
def logged(serve, database):
    def start(form, *flags, **options):
        server = serve("--access-log", "--access-log-format", form, *flags, database=database, **options)
        return server, Log(server, form)

    return start


@ENGINES
@pytest.mark.parametrize("form", ["common", "combined"])
def test_a_request_is_a_line(logged, form, engine):
    server, log = logged(form, "--http", engine)
    before = datetime.datetime.now().astimezone().replace(microsecond=0)
    answer = server.api.get("/orders?page=1&limit=3&before=7", headers={"Referer": "http://a.example/x", "User-Agent": "Mozilla/5.0 (X11)"})
    assert answer.status == 400
    line, = log.of("before=7")
    assert (line["host"], line["user"], line["request"]) == ("127.0.0.1", "-", "GET /orders?page=1&limit=3&before=7 HTTP/1.1")
    assert (line["status"], line["bytes"]) == ("400", str(len(answer.body)))
    at = datetime.datetime.strptime(line["time"], "%d/%b/%Y:%H:%M:%S %z")
    assert before - datetime.timedelta(seconds=2) <= at <= datetime.datetime.now().astimezone() + datetime.timedelta(seconds=2)
    if form == "combined":
        assert (line["referer"], line["agent"]) == ("http://a.example/x", "Mozilla/5.0 (X11)")
    assert "/orders" not in server.log()       # a line of its own, and not one of the log as well


@ENGINES
def test_the_bytes_are_those_of_the_body(logged, engine):
    server, log = logged("common", "--http", engine, "--gzip")
    long = server.api.get("/openapi.json")
    with Connection(server.address) as connection:
        gzip = connection.request("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"})
    kept = server.api.get("/openapi.json", headers={"If-None-Match": long.header("ETag")})
    head = server.api.call("HEAD", "/openapi.json")
    assert (long.status, gzip.status, kept.status, head.status) == (200, 200, 304, 200)
    assert [line["bytes"] for line in log.of("/openapi.json", 4)] == [str(len(long.body)), str(len(gzip.body)), "-", "-"]


def test_what_was_not_sent_is_a_dash(logged):
    server, log = logged("combined")
    with Connection(server.address) as connection:
        connection.send(b"GET /health?bare HTTP/1.0\r\n\r\n")
        connection.response()
    line, = log.of("?bare")
    assert (line["request"], line["referer"], line["agent"]) == ("GET /health?bare HTTP/1.0", "-", "-")
    with Connection(server.address) as connection:
        connection.send(b"FOO /orders HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.response().status == 501
    until(lambda: any(line["status"] == "501" for line in log.lines()), 5)
    assert [line["request"] for line in log.lines() if line["status"] == "501"] == ["-"]


def test_a_client_of_a_unix_socket_has_no_address(logged, folder):
    server, log = logged("common", listen=("127.0.0.1:0", f"unix:{folder}/socket"))
    with Connection(server.addresses()[1]) as connection:
        assert connection.request("GET", "/orders/4711").status == 404
    assert log.of("/orders/4711")[0]["host"] == "-"


def test_the_user_is_the_name_of_the_key(logged, folder):
    server, log = logged("common", "--api-keys", KeyFile(folder, ann="orders").path)
    assert server.api.get("/orders/4711", headers=bearer("ann")).status == 404
    assert server.api.get("/orders/4712").status == 401
    assert (log.of("/orders/4711")[0]["user"], log.of("/orders/4712")[0]["user"]) == ("ann", "-")


HOSTILE = [b'a" 200 5 "x', b"back\\slash\\", b'\\" 200 1', b"tab\there", b"\xff\xfe\x80", "ü€".encode(), b"%0a%0d", b'"', b"\x01\x1b[31m"]


@ENGINES
@pytest.mark.parametrize("value", HOSTILE)
def test_nobody_forges_a_line(logged, value, engine):
    """What a client sends is refused, or stands in its own place, and tells apart what was sent."""
    server, log = logged("combined", "--http", engine)
    good = value.replace(b" ", b"").replace(b"\t", b"").isascii() and min(value) > 32
    with Connection(server.address) as connection:
        connection.send(b"GET /" + (value.replace(b" ", b"%20") if good else b"x") + b"?hostile HTTP/1.1\r\nHost: x\r\nUser-Agent: x"
                        + value + b"y\r\nReferer: " + value + b"z\r\nConnection: close\r\n\r\n")
        status = connection.response().status
    until(lambda: [line for line in log.lines() if line["status"] == str(status) and "/health" not in line["request"]], 5, log.path.read_text)
    line, = [line for line in log.lines() if "/health" not in line["request"]]
    if status != 400:
        def raw(text):
            return re.sub(rb'\\(?:x([0-9a-f]{2})|(["\\]))', lambda it: bytes.fromhex(it[1].decode()) if it[1] else it[2], text.encode())

        assert raw(line["agent"]) == b"x" + value + b"y"
        assert raw(line["referer"]) == value + b"z"


@pytest.mark.parametrize("form", ["common", "combined"])
def test_goaccess_reads_every_line(serve, sqlite, folder, form):
    program = shutil.which("goaccess") or missing("goaccess")
    server = serve("--access-log", "--access-log-format", form, database=sqlite)
    for value in HOSTILE:
        with Connection(server.address) as connection:
            connection.send(b"GET /orders?page=1&limit=3 HTTP/1.1\r\nHost: x\r\nUser-Agent: x" + value + b"\r\nReferer: " + value + b"\r\n\r\n")
            connection.response()
    server.api.get('/"quoted"')
    server.api.call("HEAD", "/orders/4711")
    server.stop()
    written = len(Log(server, form).lines())
    assert written >= len(HOSTILE) + 2
    done = subprocess.run([program, Path(server.folder.name) / "stdout", f"--log-format={form.upper()}", "-o", folder / "report.json", "--no-global-config"],
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 0, done.stderr
    general = json.loads((folder / "report.json").read_text())["general"]
    assert (general["total_requests"], general["valid_requests"], general["failed_requests"]) == (written, written, 0)


def test_a_line_that_nobody_takes_is_lost_and_told_of(serve, sqlite):
    server = serve("--access-log", "--access-log-format", "common", database=sqlite, stdout="/dev/full")
    assert server.api.get("/health").status == 200
    server.told("access log lines lost, stdout did not take them", 1)
    assert server.api.get("/health").status == 200


def test_sighup_switches_it_off_and_on(serve, sqlite, folder):
    settings = folder / "settings"

    def say(word):
        settings.write_text(f"ROWLOCK_ACCESS_LOG={word}\nROWLOCK_ACCESS_LOG_FORMAT=common\n")

    say("off")
    server = serve("--settings", settings, database=sqlite)
    log = Log(server, "common")
    server.api.get("/health?one")
    for number, (word, path) in enumerate([("on", "?two"), ("off", "?three"), ("on", "?four")], 1):
        say(word)
        server.signal(1)
        server.told("settings read again", number)
        server.api.get("/health" + path)
    log.of("?four")
    assert [line["request"] for line in log.lines() if "?" in line["request"]] == ["GET /health?two HTTP/1.1", "GET /health?four HTTP/1.1"]
