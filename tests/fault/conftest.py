"""Of the fault tests alone."""

import socket
import tempfile
import time

import pytest

from support.program import SLOW
from support.rawhttp import Connection, request_bytes
from support.server import Server


@pytest.fixture(scope="session", autouse=True)
def deaf():
    """(server, connection, when) of a client that asks and asks and never reads. The server gives it half a minute, so it
    begins with the first test, and the last looks what became of it."""
    with tempfile.TemporaryDirectory(prefix="rowlock-test-") as folder:
        server = Server(database=f"sqlite:{folder}/x.db")
        connection = Connection(server.address)
        try:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sock.settimeout(0.3 * SLOW)
            began = time.monotonic()
            try:
                while True:
                    connection.sock.send(request_bytes("GET", "/nope") * 500)
            except TimeoutError:
                pass
            yield server, connection, began
            connection.close()
            server.stop()
        finally:
            connection.close()
            server.clean()
