"""The same bytes to a server of each HTTP engine: status, fields, body, and whether the connection stays open are equal.

What is sent: what other tests and the fuzzer keep, what clients in the field send, and mutations of both. All of it goes to both
servers in the same order, so that their databases are equal at any time. Behind each case goes a sentinel: whether it is answered
says whether the connection was still open, and where the request ended for this server.

ROWLOCK_TEST_MUTATIONS=100000 (by hand) makes so many mutations instead of some thousand; with ROWLOCK_TEST_RANDOM=1 others each time."""

import codecs
import os
import random
import re
import socket
import tempfile
from pathlib import Path

import pytest

from integration import test_http_framing as framing
from support.database import SqliteDatabase
from support.program import ROOT, SLOW
from support.rawhttp import dial, request_bytes
from support.server import Server

ENGINES = ("evhttp", "direct")
SEED = None if os.environ.get("ROWLOCK_TEST_RANDOM") else 12
MUTATIONS = int(os.environ.get("ROWLOCK_TEST_MUTATIONS") or 10000)

SENTINEL = b"GET /health HTTP/1.1\r\nHost: sentinel\r\nX-Request-Id: sentinel\r\n\r\n"

HEADS = {
    "curl": "User-Agent: curl/7.88.1\r\nAccept: */*\r\n",
    "a browser": "Connection: keep-alive\r\nCache-Control: max-age=0\r\nUpgrade-Insecure-Requests: 1\r\n"
                 "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n"
                 "Sec-Fetch-Site: none\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: a=b; c=\"d\"\r\n",
    "Python": "User-Agent: python-requests/2.28.1\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n",
    "a proxy": "X-Real-IP: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.1, 10.0.0.2\r\nX-Forwarded-Proto: https\r\nVia: 1.1 x\r\nConnection: close\r\n"
               "X-Request-Id: from-the-proxy\r\n",
    "an upgrade": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nTE: trailers\r\n",
    "a condition": 'If-None-Match: "0123456789abcdef", W/"x"\r\nIf-Match: *\r\n',
}

TARGETS = [
    "/health", "/healthcheck", "/orders?page=1&limit=5", "/orders/1", "/orders/1?x=%20y", "/orders/2%2f", "/site/1", "/sites", "/sites/0/10", "/nope", "/",
    "/orders?page=x&limit=5", "/orders?page=1&limit=5&page=2", "/orders?a+b=%e4%bd%a0", "/messages?recipient=a", "/messages?days=1", "/api/users/profiles?pagination=2",
    "//orders/1", "//x:y/z", "//[::1/", "/./orders/1", "/.//orders/1", "/././/", "/..", "/%2e/health", "http://test/health", "http://test//health", "http://test", "*",
    "/health?", "/health??x", "/health;a=b", "/health%00", "/health%zz", "/health-regions/1", "/fsa/K1A", "/openapi.json",
]

BODIES = [
    ("POST", "/orders", '{"origin":["50.4","12.7"],"destination":["59.4","24.7"]}'),
    ("POST", "/orders", '{"origin":[1,2]}'),
    ("PATCH", "/orders/1", '{"status":"TAKEN","taker":"ann"}'),
    ("PATCH", "/orders/1", '{"status":"UNASSIGNED","taker":"ann"}'),
    ("POST", "/site/1", '{"name":"one"}'),
    ("DELETE", "/site/1", ""),
    ("POST", "/messages", '{"sender":"a","recipient":"b","text":"c\\u00e9"}'),
    ("GET", "/orders/1", '{"a":1}'),
    ("HEAD", "/orders/1", '{"a":1}'),
    ("TRACE", "/orders/1", '{"a":1}'),
    ("HEAD", "/health", "GET /health HTTP/1.1\r\nHost: smuggled\r\n\r\n"),
    ("OPTIONS", "/orders", "x"),
]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW")


def chunked(body):
    return "".join(f"{len(piece):x};a=\"b\"\r\n{piece}\r\n" for piece in (body[:5], body[5:]) if piece) + "0\r\nX-Trailer: y\r\n\r\n"


def requests():
    """What well-behaved clients send."""
    for target in TARGETS:
        for method in METHODS:
            yield request_bytes(method, target)
        for name in HEADS:
            yield f"GET {target} HTTP/1.1\r\nHost: test\r\n{HEADS[name]}\r\n".encode()
        for version, connection in (("1.0", ""), ("1.0", "Connection: keep-alive\r\n"), ("1.1", "Connection: close\r\n"), ("1.2", "")):
            yield f"GET {target} HTTP/{version}\r\nHost: test\r\n{connection}\r\n".encode()
    for method, target, body in BODIES:
        yield request_bytes(method, target, body)
        yield request_bytes(method, target, body, {"Connection": "close"})
        yield request_bytes(method, target, body, {"Connection": "keep-alive"}, version="HTTP/1.0")
        yield request_bytes(method, target, body, {"Expect": "100-continue"})
        yield f"{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunked(body)}".encode()


def kept():
    """What the tests of framing have, and the fuzzer's inputs without what is not bytes."""
    for name in ("AMBIGUOUS_LENGTH", "AMBIGUOUS_CODING", "MALFORMED_HEADS", "BAD_CHUNKS", "GOOD_CHUNKS"):
        for case in getattr(framing, name).values():
            if isinstance(case, str):
                yield case.encode("latin-1")
    for name in ("http.cases", "http.corpus"):
        for line in (ROOT / "tests" / "fuzz" / name).read_bytes().splitlines():
            if line and not line.startswith(b"#"):
                yield re.sub(rb"\xff(?:F.|.)", b"", codecs.escape_decode(line)[0][1:], flags=re.DOTALL)


WORDS = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"//", b"/./", b"?", b"#", b"%", b"\xff", b"\x7f", b"0", b"1", b"close", b"keep-alive",
         b"chunked", b"Connection: ", b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: test\r\n", b"HTTP/1.0",
         b"HTTP/1.1", b"HEAD ", b"GET ", b"POST ", b"TRACE ", b"Expect: 100-continue\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"http://a"]


def mutated(rng, pool):
    """One of the pool, or two behind each other, with up to four changes."""
    data = bytearray(rng.choice(pool))
    if rng.random() < 0.3:
        data += rng.choice(pool)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        change = rng.randrange(6)
        if change == 0:
            data[at:at] = rng.choice(WORDS)
        elif change == 1:
            del data[at:at + rng.choice((1, 1, 2, 8))]
        elif change == 2 and at < len(data):
            data[at] = rng.choice((rng.randrange(256), data[at] ^ 0x20, data[at] ^ 1))
        elif change == 3:
            data[at:at + 1] = rng.choice(WORDS)
        elif change == 4:
            other = rng.choice(pool)
            begin = rng.randrange(len(other) + 1)
            data[at:at] = other[begin:begin + rng.randrange(64)]
        else:
            data[at:at] = data[max(0, at - rng.randrange(1, 40)):at]
    return bytes(data)


# ---- what is compared ----

HEAD = re.compile(rb"HTTP/1\.[01] [1-5]\d\d [^\r\n]*\r\n(?:[^\r\n:]+:[^\r\n]*\r\n)*\r\n")
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def in_order(head):
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    fields = sorted(re.sub(rb"^(Date: .*|ETag: .*|X-Request-Id: [0-9a-f]{16})$", lambda field: field[0].split(b":")[0], line) for line in lines[1:])
    return b"\n".join([b"HTTP/1.1" + lines[0][8:], *fields]) + b"\n\n"


def comparable(answers):
    """Fields in one order; without what no two servers share (times, and so tags), and what hangs on that."""
    text = HEAD.sub(lambda match: in_order(match[0]), answers)
    text, times = TIME.subn(b"TIME", text)
    return re.sub(rb"\nContent-Length: .*", rb"\nContent-Length", text) if times else text


class Talk:
    """One connection. It sends what it is told, says that it has no more, and reads to the end."""

    def __init__(self, address):
        self.sock = dial(address)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except ConnectionError:
            pass        # it was closed for what has come before

    def end(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        pieces = []
        try:
            while piece := self.sock.recv(262144):
                pieces.append(piece)
        except ConnectionResetError:
            pieces.append(b"RESET")
        self.sock.close()
        return comparable(b"".join(pieces))


def told(address, data):
    talk = Talk(address)
    talk.send(data)
    return talk.end()


@pytest.fixture(scope="module")
def both(sqlite_template):
    """The addresses of a server of each engine, on databases that are equal."""
    servers, folders = [], []
    try:
        for engine in ENGINES:
            folders.append(tempfile.TemporaryDirectory(prefix=f"rowlock-{engine}-"))
            folder = Path(folders[-1].name)
            server = Server("--http", engine, "--gzip", "--distance", "haversine", database=SqliteDatabase(folder, sqlite_template),
                            listen=(f"unix:{folder}/http",))
            servers.append(server)
        for server in servers:
            for number in range(3):
                server.api.place((str(number), "1"), ("2", "3"))
        yield [server.address for server in servers]
        for server in servers:
            assert not [line for line in server.lines() if line.get("level") in ("error", "ERROR")], server.log()[-2000:]
            server.stop()
    finally:
        for server in servers:
            server.clean()
        for folder in folders:
            folder.cleanup()


def compare(both, data):
    first, second = (told(address, data) for address in both)
    assert first == second, f"sent: {data!r}\nevhttp: {first!r}\ndirect: {second!r}"
    return first


@pytest.mark.quick
def test_what_clients_send_is_answered_alike(both):
    answered = sum(compare(both, data + SENTINEL).count(b"sentinel") for data in requests())
    assert answered > 500       # most of them leave the connection open


@pytest.mark.quick
def test_what_was_kept_is_answered_alike(both):
    for data in kept():
        compare(both, data + SENTINEL)


@pytest.mark.quick
def test_mutations_are_answered_alike(both):
    rng = random.Random(SEED)
    pool = [*requests(), *(case for case in kept() if 0 < len(case) < 2000)]
    for _ in range(MUTATIONS):
        compare(both, mutated(rng, pool) + SENTINEL)


@pytest.mark.quick
def test_pipelined_requests_are_answered_alike(both):
    rng = random.Random(SEED)
    pool = [case for case in requests() if b"close" not in case and b"HTTP/1.0" not in case]
    for count in (2, 3, 10, 65, 130, 300):
        compare(both, b"".join(rng.choice(pool) for _ in range(count)) + SENTINEL)


CUT = [
    request_bytes("GET", "//orders/1?x=y", headers={"X-Request-Id": "whole", "Connection": "keep-alive"}),
    request_bytes("HEAD", "/orders/1", '{"a":1}'),
    request_bytes("POST", "/orders", '{"origin":[1,2]}', {"Expect": "100-continue"}),
    b"PATCH /orders/77 HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked('{"status":"TAKEN"}').encode(),
    request_bytes("GET", "/orders/1", version="HTTP/1.0", headers={"Connection": "keep-alive"}),
    b"GET /health HTTP/1.1\r\nHost: test\r\nContent-Length : 5\r\n\r\nabcde",
    b"\r\nGET /health HTTP/1.1\r\nHost: test\r\nX: y\n\r\n",
]


def cut(address, data):
    """The answers to the data, cut at each of its bytes; one connection for each. A request on another connection, which is answered
    after the server has read the first pieces, stands between the two."""
    talks = [Talk(address) for _ in data]
    for at, talk in enumerate(talks):
        talk.send(data[:at])
    told(address, SENTINEL)
    for at, talk in enumerate(talks):
        talk.send(data[at:])
    return [talk.end() for talk in talks]


@pytest.mark.quick
@pytest.mark.parametrize("number", range(len(CUT)))
def test_where_a_request_is_cut_makes_no_difference(both, number):
    data = CUT[number] + SENTINEL
    first, second = (cut(address, data) for address in both)
    assert first == second
    final = {answers.removeprefix(b"HTTP/1.1 100 Continue\n\n") for answers in first}      # leave is for who has not sent the body yet
    assert len(final) == 1, "it hangs on where it was cut"


@pytest.mark.quick
@pytest.mark.parametrize("number", range(len(CUT)))
def test_a_request_that_is_cut_short_is_answered_alike(both, number):
    for at in range(len(CUT[number])):
        compare(both, CUT[number][:at])


@pytest.mark.quick
def test_connections_stay_open_alike(both):
    """Without a word of the client that it has ended: the server itself closes, or goes on."""
    for data in [*requests()][::7] + [*kept()][::5]:
        states = []
        for address in both:
            talk = Talk(address)
            talk.send(data)
            talk.sock.settimeout(5 * SLOW)
            told(address, SENTINEL)
            states.append(is_open(talk.sock))
            talk.sock.close()
        assert states[0] == states[1], f"sent: {data!r}, then open: evhttp {states[0]}, direct {states[1]}"


def is_open(sock):
    """What has come, and whether the end has come behind it. The server has had its turn."""
    sock.setblocking(False)
    got = b""
    while True:
        try:
            piece = sock.recv(262144)
        except BlockingIOError:
            return True, comparable(got)
        except ConnectionResetError:
            return False, comparable(got)
        if not piece:
            return False, comparable(got)
        got += piece
