"""Of the fault tests alone."""

import socket
import tempfile
import time
from pathlib import Path

import pytest

from support.database import SqliteDatabase
from support.program import SLOW, run
from support.rawhttp import Connection, request_bytes
from support.server import Server
from support.wait import until


def add_old_key(database):
    database.query("INSERT INTO idempotency_keys (scope, key, fingerprint, answer, created_at) "
                   "VALUES ('/x', 'old', '', '', '2001-01-01T00:00:00.000Z')")


@pytest.fixture(scope="session", autouse=True)
def early(request):
    """What takes a while begins with the first test, when one of those that are run asks for it."""
    if any("deaf" in item.fixturenames for item in request.session.items):
        request.getfixturevalue("deaf")


@pytest.fixture(scope="session")
def deaf():
    """(server, connection, when, database) of a client that asks and asks and never reads. The server gives it half a minute,
    so it begins with the first test, and the last looks what became of it. Likewise what is done once a minute: an
    idempotency key that is old when it is written, after the first purge."""
    with tempfile.TemporaryDirectory(prefix="rowlock-test-") as folder:
        database = SqliteDatabase(Path(folder))
        run("migrate", "--database", database.url)
        add_old_key(database)
        server = Server(database=database)
        until(lambda: database.query("SELECT count(*) FROM idempotency_keys") == [(0,)], 20, "the first purge")
        add_old_key(database)
        connection = Connection(server.address)
        try:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sock.settimeout(0.3 * SLOW)
            began = time.monotonic()
            try:
                for _ in range(1000):
                    connection.sock.send(request_bytes("GET", "/nope") * 500)
                pytest.fail("the server reads on, although nobody reads its answers")
            except TimeoutError:
                pass
            yield server, connection, began, database
            connection.close()
            server.stop()
        finally:
            connection.close()
            server.clean()
