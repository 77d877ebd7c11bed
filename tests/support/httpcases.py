"""Cases of HTTP that were collected elsewhere (tests/http-cases/*.cases), and what a server makes of them.

A case is a line: what is expected | the section of the RFC | its name | the bytes, with the escapes of Python.

    200 404 open        these answers and no other; then the connection goes on
    4xx/505 close       an answer of one of these; then the server closes
    wait                no answer yet, and the connection stays open: the request is not complete
    200 close, differs 400 close        what the suite expects, and what this server does on purpose (docs/architecture.md says why)"""

import codecs
import re
import time
from pathlib import Path

from support.program import ROOT, SLOW
from support.rawhttp import Connection, ProtocolError, request_bytes

FOLDER = ROOT / "tests" / "http-cases"
SUITES = sorted(path.stem for path in FOLDER.glob("*.cases"))
ENGINES = ("evhttp", "direct")


class Case:
    def __init__(self, line):
        expected, self.section, self.name, data = line.split(" | ", 3)
        self.expected, _, self.differs = expected.partition(", differs ")
        self.data = codecs.escape_decode(data.encode("ascii"))[0]
        assert re.fullmatch(r"91(10|12) \d[\d.]*", self.section), line


def cases(suite):
    lines = Path(FOLDER / f"{suite}.cases").read_text(encoding="ascii").splitlines()
    return [Case(line) for line in lines if line and not line.startswith("#")]


def begin(address, data):
    """A connection on which these bytes were sent. They may be no request, so that the answer is not compared with the document of the API."""
    connection = Connection(address)
    try:
        connection.sock.sendall(data)
    except ConnectionError:
        pass        # it was closed for what has come before
    return connection


def fits(status, pattern):
    return any(re.fullmatch(one.replace("x", "."), str(status)) for one in pattern.split("/"))


def silent(connection):
    connection.sock.setblocking(False)
    try:
        return f"not silent: {connection.sock.recv(4096)[:200]!r}"
    except BlockingIOError:
        return None
    except ConnectionError as reason:
        return f"not silent: {reason}"


def goes_on(connection):
    connection.send(request_bytes("GET", "/health", headers={"X-Request-Id": "behind"}))
    answer = connection.response()
    return None if (answer.status, answer.header("X-Request-Id")) == (200, "behind") else f"behind it comes {answer}"


def wrong(connection, data, expected):
    """What does not fit what is expected, or None."""
    if expected == "wait":
        return silent(connection)
    *statuses, end = expected.split()
    method = "HEAD" if data.startswith(b"HEAD ") else "GET"
    try:
        for pattern in statuses:
            answer = connection.response(method)
            if not fits(answer.status, pattern):
                return f"{answer} is not {pattern}"
        if end == "close":
            return None if connection.ended() else "the connection stays open"
        return goes_on(connection)
    except (ProtocolError, OSError) as reason:
        return repr(reason)


def tried(address, suite):
    """For each case: it, what is wrong by the suite, and whether that is on purpose. All of them are under way at once."""
    every = [(case, begin(address, case.data)) for case in cases(suite)]
    time.sleep(0.2 * SLOW)      # for those that are to stay without an answer
    results = []
    for case, connection in every:
        with connection:
            meant = wrong(connection, case.data, case.differs or case.expected)
        if case.differs and meant is None:
            results.append((case, f"{case.differs}, not {case.expected}", True))
        else:
            results.append((case, meant, False))
    return results
