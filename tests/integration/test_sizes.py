"""What docs/operations.md says of sizes: sessions, descriptors, clients and memory of a worker."""

import contextlib
import shutil
import signal
import threading

import pytest

from support.port import free_port
from support.program import HEADROOM, missing, rowlock, run
from support.rawhttp import Connection
from support.wait import until

pytestmark = pytest.mark.plain

RESERVED = 256
IDLE = 1000


@pytest.fixture
def limited(folder):
    """limited(N) gives a program: rowlock that may have N descriptors."""
    if shutil.which("prlimit") is None:
        missing("util-linux")

    def make(files):
        program = folder / f"rowlock-{files}"
        program.write_text(f"#!/bin/sh\nexec prlimit --nofile={files}:{files} {rowlock()} \"$@\"\n")
        program.chmod(0o755)
        return program
    return make


@pytest.mark.parametrize("files, clients", [(100, 50), (512, 256), (513, 257), (2000, 2000 - RESERVED)])
def test_as_many_clients_as_descriptors_are_left_for(limited, files, clients):
    done = run("config", program=limited(files))
    assert done.returncode == 0, done.stderr
    shown = dict(line.split()[:2] for line in done.stdout.splitlines() if line.startswith(("max-connections ", "max-events ")))
    assert shown == {"max-connections": str(clients), "max-events": str(clients // 2)}, done.stdout


def test_descriptors_are_left_when_all_clients_and_operators_are_there(serve, postgres, limited):
    clients = 80
    door = f"127.0.0.1:{free_port()}"
    server = serve("--metrics-listen", door, "--db-connections", 64, database=postgres, program=limited(clients + RESERVED))
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(Connection(server.address)) for _ in range(clients)]
        operators = [stack.enter_context(Connection(door)) for _ in range(64)]
        for connection in operators + idle:
            assert connection.request("GET", "/health").status == 200
        threads = [threading.Thread(target=connection.request, args=("GET", "/orders?page=1&limit=1")) for connection in idle]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: len(sessions(postgres)) == 66, 10, "all sessions to be there")
        assert all(connection.request("GET", "/healthcheck").status == 200 for connection in idle + operators)
        assert max(server.descriptors()) < clients + RESERVED
    assert not [line for line in server.lines() if line["level"] in ("warn", "error") and line["message"] != "request"], server.log()


def sessions(postgres):
    return postgres.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'rowlock' AND datname = current_database() AND pid <> pg_backend_pid()")


def test_sessions_of_a_host(serve, postgres):
    server = serve("--workers", 2, "--db-connections", 3, database=postgres)
    until(lambda: len(sessions(postgres)) == 2 * (3 + 2), 10, "as many sessions as are promised")
    before, most = set(server.workers()), 0
    server.signal(signal.SIGHUP)

    def replaced():
        nonlocal most
        most = max(most, len(sessions(postgres)))
        return len(server.workers()) == 2 and not before & set(server.workers())
    until(replaced, 30, "both workers to be replaced", every=0.01)
    until(lambda: len(sessions(postgres)) == 2 * (3 + 2), 10, "as many sessions as before")
    assert most <= 3 * (3 + 2)


@pytest.mark.parametrize("http, kib", [("evhttp", 4), ("direct", 2)])
def test_memory_of_a_worker_and_of_its_connections(serve, sqlite, http, kib):
    server = serve("--http", http, "--max-connections", IDLE + 10, database=sqlite)
    assert server.api.get("/orders?page=1&limit=20").status == 200
    before = server.resident()
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE):
            assert stack.enter_context(Connection(server.address)).request("GET", "/health").status == 200
        grown = server.resident() - before
        assert grown < IDLE * kib * 1024 + HEADROOM, grown
        assert server.resident() < (12 << 20) + IDLE * kib * 1024 + HEADROOM
