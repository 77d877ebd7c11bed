"""What the server and a service manager tell each other: sd_notify, the watchdog, sockets that are passed."""

import contextlib
import os
import re
import signal
import socket
import subprocess

import pytest

from support.busy import Busy
from support.port import need_ipv6
from support.program import ACTIVATE, SLOW, environment, rowlock
from support.rawhttp import Connection, ProtocolError
from support.notify import NotifySocket
from support.wait import until


@pytest.fixture(params=["path", "abstract"])
def manager(request, folder):
    with NotifySocket(folder, abstract=request.param == "abstract") as manager:
        yield manager


@pytest.fixture
def one_manager(folder):
    with NotifySocket(folder) as manager:
        yield manager


def tcp(host="127.0.0.1", family=socket.AF_INET):
    sock = socket.socket(family)
    sock.bind((host, 0))
    sock.listen(128)
    return sock


def unix(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen(128)
    return sock


# ---- readiness and status ----

@pytest.mark.quick
def test_ready_is_told_once_and_then_requests_are_served(serve, sqlite, manager):
    server = serve(database=sqlite, env=manager.settings(), wait="listening")
    manager.told("READY=1")
    assert server.api.get("/healthcheck").status == 200
    manager.told_status("^ready to serve$")
    server.signal()
    assert server.wait() == 0
    assert manager.lines()[0] == "STATUS=bringing the schema up to date"
    assert manager.count("READY=1") == 1
    assert manager.count("STOPPING=1") == 1
    assert manager.count("WATCHDOG=1") == 0
    assert manager.status().startswith("draining")


def test_a_server_whose_database_is_away_says_so_and_counts_as_started_after_a_while(serve, postgres, one_manager):
    postgres.cluster.stop()
    serve_now = serve(database=postgres, env=one_manager.settings(), wait="listening")
    one_manager.told_status("^waiting for the database: .")
    assert "READY=1" not in one_manager.messages()[0][1]
    one_manager.told("READY=1", 15)
    assert re.search("^waiting for the database", one_manager.status())
    assert serve_now.api.get("/health").status == 200
    postgres.cluster.start()
    one_manager.told_status("^ready to serve$")
    postgres.cluster.stop()
    one_manager.told_status("^waiting for the database")
    assert one_manager.count("READY=1") == 1


def test_ready_waits_for_the_schema_and_comes_as_soon_as_it_is_there(serve, empty_postgres, one_manager):
    server = serve(database=empty_postgres, env=one_manager.settings(), wait="listening")
    one_manager.told_status("^waiting for the schema: .*rowlock migrate")
    server.signal()
    assert server.wait() == 0


def test_with_several_workers_the_master_alone_tells_and_when_all_are_ready(serve, postgres, manager):
    server = serve("--workers", 3, database=postgres, env=manager.settings(WATCHDOG_USEC=1000000), wait="listening")
    manager.told("READY=1")
    ready = next(lines for _, lines in manager.messages() if "READY=1" in lines)
    assert "STATUS=3 of 3 workers ready to serve" in ready
    manager.told("WATCHDOG=1", times=3)
    server.signal()
    assert server.wait() == 0
    assert manager.count("READY=1") == manager.count("STOPPING=1") == 1
    assert {sender for sender, _ in manager.messages()} == {server.pid}


def test_a_worker_that_dies_is_seen_in_the_status(serve, postgres, one_manager):
    server = serve("--workers", 2, database=postgres, env=one_manager.settings(), wait="listening")
    one_manager.told_status("^2 of 2 workers")
    before = len(one_manager.messages())
    os.kill(server.workers()[0], signal.SIGKILL)
    until(lambda: any("STATUS=1 of 2 workers ready to serve" in lines for _, lines in one_manager.messages()[before:]), 10)
    one_manager.told_status("^2 of 2 workers")


def test_replacing_workers_is_told_from_its_begin_to_its_end(serve, postgres, one_manager):
    server = serve("--workers", 2, database=postgres, env=one_manager.settings(), wait="listening")
    one_manager.told("READY=1")
    server.signal(signal.SIGHUP)
    one_manager.told("READY=1", 20, times=2)
    begin = next(lines for _, lines in one_manager.messages() if "RELOADING=1" in lines)
    assert any(re.fullmatch(r"MONOTONIC_USEC=[1-9]\d*", line) for line in begin)
    states = [line for line in one_manager.lines() if line in ("READY=1", "RELOADING=1")]
    assert states == ["READY=1", "RELOADING=1", "READY=1"]
    assert one_manager.status() == "2 of 2 workers ready to serve"


def test_a_socket_where_nobody_listens_costs_one_line(serve, sqlite, folder):
    server = serve(database=sqlite, env={"NOTIFY_SOCKET": str(folder / "nobody"), "WATCHDOG_USEC": "100000"})
    assert server.api.get("/health").status == 200
    server.stop()
    assert sum(line["message"] == "cannot tell systemd" for line in server.lines()) == 1


def test_a_manager_that_does_not_read_does_not_stop_the_server_and_hears_it_later(serve, sqlite, one_manager):
    full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with full, pytest.raises(BlockingIOError):
        for _ in range(100000):
            full.sendto(b"STATUS=noise", one_manager.name)
    server = serve(database=sqlite, env=one_manager.settings())
    assert server.api.get("/orders?page=1&limit=1").status == 200
    one_manager.told("READY=1")


# ---- watchdog ----

@pytest.mark.parametrize("owner", [{}, {"WATCHDOG_PID": ""}])
def test_the_watchdog_hears_from_the_loop_as_long_as_it_turns(serve, sqlite, one_manager, owner):
    serve(database=sqlite, env=one_manager.settings(WATCHDOG_USEC=200000, **owner))
    one_manager.told("WATCHDOG=1", times=10)


def test_the_watchdog_of_another_process_is_not_ours(serve, sqlite, one_manager):
    server = serve(database=sqlite, env=one_manager.settings(WATCHDOG_USEC=200000, WATCHDOG_PID=1))
    one_manager.told("READY=1")
    server.stop()
    assert one_manager.count("WATCHDOG=1") == 0     # the first message would have had one


# ---- sockets ----

@pytest.mark.quick
@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_passed_sockets_of_every_family_are_served_and_outlive_the_server(serve, sqlite, folder, family):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(tcp()), stack.enter_context(unix(folder / "http.sock"))]
        addresses = [f"127.0.0.1:{sockets[0].getsockname()[1]}", f"unix:{folder}/http.sock"]
        if family == "IPv6":
            need_ipv6()
            sockets.insert(1, stack.enter_context(tcp("::1", socket.AF_INET6)))
            addresses.insert(1, f"[::1]:{sockets[1].getsockname()[1]}")
        server = serve(database=sqlite, sockets=sockets)
        assert server.addresses() == addresses
        for address in server.addresses():
            with Connection(address) as connection:
                assert connection.request("GET", "/health").status == 200
        server.stop()
        assert (folder / "http.sock").is_socket(), "a socket that is not ours was removed"
        again = serve(database=sqlite, sockets=sockets)
        with Connection(f"unix:{folder}/http.sock") as connection:
            assert connection.request("GET", "/health").status == 200
        again.stop()


def test_an_address_beside_passed_sockets_is_not_used_and_the_log_says_so(serve, sqlite):
    with tcp() as sock:
        server = serve(database=sqlite, sockets=(sock,), env={"ROWLOCK_LISTEN": "127.0.0.1:1"})
        assert server.addresses() == [f"127.0.0.1:{sock.getsockname()[1]}"]
        assert [line["setting"] for line in server.lines() if line["level"] == "warn"] == ["ROWLOCK_LISTEN"]


def test_sockets_of_another_process_are_not_ours(serve, sqlite):
    server = serve(database=sqlite, env={"LISTEN_PID": 1, "LISTEN_FDS": 1})
    assert len(server.addresses()) == 1


def test_workers_share_a_passed_socket(serve, postgres):
    with tcp() as sock:
        server = serve("--workers", 2, "--access-log", database=postgres, sockets=(sock,))
        assert server.addresses() == [f"127.0.0.1:{sock.getsockname()[1]}"]
        workers = server.workers()

        def answered():
            connections = [Connection(server.address) for _ in range(20)]     # more than one of them takes at a time
            for connection in connections:
                connection.send("GET /health HTTP/1.1\r\nHost: test\r\nX-Request-Id: spread\r\n\r\n")
            for connection in connections:
                assert connection.response().status == 200
                connection.close()
            return {line["worker"] for line in server.lines() if line.get("request_id") == "spread"} == {1, 2}

        until(answered, 20, "both workers answer")
        server.signal(signal.SIGHUP)
        until(lambda: len(server.workers()) == 2 and not set(workers) & set(server.workers()), 20, "two new workers")
        assert server.api.get("/health").status == 200


class Callers(Busy):
    """A new connection for each request, and a book of what came back."""

    def __init__(self, address, threads=4):
        self.address, self.outcomes = address, []
        super().__init__(*[self._run] * threads)

    def _run(self):
        while not self.leaving.is_set():
            try:
                with Connection(self.address, timeout=30) as connection:
                    self.outcomes.append(connection.request("GET", "/health").status)
            except (OSError, ProtocolError) as reason:
                self.outcomes.append(repr(reason))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_restart_on_a_passed_socket_fails_no_connection(serve, postgres, workers):
    with tcp() as sock:
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        server = serve("--workers", workers, database=postgres, sockets=(sock,))
        with Callers(address) as callers:
            for _ in range(4):
                before = len(callers.outcomes)
                until(lambda: len(callers.outcomes) > before + 50, 20, "requests are answered")
                server.stop()
                server = serve("--workers", workers, database=postgres, sockets=(sock,))
        assert set(callers.outcomes) == {200}


def test_what_waits_in_the_queue_of_a_passed_socket_is_left_to_the_next_server(serve, sqlite):
    clients, a_turn = 200, 64       # how many connections the server takes at once
    with tcp() as sock:
        sock.listen(1024)
        server = serve(database=sqlite, sockets=(sock,))
        server.signal(signal.SIGSTOP)
        until(server.stopped, 5, "it stands still")      # not in the middle of taking the first of them, which begins a turn more
        waiting = [Connection(server.address) for _ in range(clients)]
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGCONT)
        assert server.wait() == 0       # those that it took had said nothing for their moment
        serve(database=sqlite, sockets=(sock,))
        answered = 0
        for connection in waiting:
            try:
                answered += connection.request("GET", "/health").status == 200
            except (OSError, ProtocolError):
                pass
            connection.close()
    assert answered >= clients - a_turn     # the signal is noticed in the turn that takes the first


# ---- what is wrong with it ----

def refused(folder, sockets=(), **variables):
    """The one line of a start that fails for wrong usage."""
    numbers = [sock.fileno() for sock in sockets]
    done = subprocess.run([*ACTIVATE, ",".join(map(str, numbers)), rowlock(), "serve", "--listen", "127.0.0.1:0", "--database",
                           f"sqlite:{folder}/x.db"], env=environment(**variables), pass_fds=numbers, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30 * SLOW)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.quick
@pytest.mark.parametrize("variables", [
    {"LISTEN_PID": "abc"}, {"LISTEN_PID": "0"}, {"LISTEN_FDS": "abc"}, {"LISTEN_FDS": "-1"}, {"LISTEN_FDS": "17"},
    {"LISTEN_FDS": "99999999999999999999"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_PID": "me"},
    {"NOTIFY_SOCKET": "notify"}, {"NOTIFY_SOCKET": "@"}, {"NOTIFY_SOCKET": "/" + "x" * 108}])
def test_a_wrong_variable_is_named(folder, variables):
    name, = variables
    with tcp() as sock:
        assert refused(folder, (sock,), **variables).startswith(f"rowlock: {name}: ")


def test_a_descriptor_that_cannot_be_served_is_refused_with_its_reason(folder):
    with tcp() as good, open(folder / "file", "w") as file, socket.socket(type=socket.SOCK_DGRAM) as datagrams, \
            socket.socket() as silent, socket.create_connection(good.getsockname()) as connection:
        assert "descriptor 3: it is not a socket" in refused(folder, (file,))
        assert "descriptor 4: it must be a stream socket" in refused(folder, (good, datagrams))
        assert "descriptor 3: it does not listen" in refused(folder, (silent,))
        assert "descriptor 3: it does not listen" in refused(folder, (connection,))
        assert "LISTEN_FDS: descriptor 4: " in refused(folder, (good,), LISTEN_FDS=2)
