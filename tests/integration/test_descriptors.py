"""Started without standard descriptors, with a full disk behind them, or with what a parent has left behind."""

import contextlib
import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.port import free_port
from support.program import ACTIVATE, SLOW, environment, rowlock
from support.rawhttp import Api
from support.wait import until

ALL = [numbers for count in (1, 2, 3) for numbers in itertools.combinations(range(3), count)]


def without(numbers, *command):
    """The same command with those descriptors closed."""
    return ["sh", "-c", 'exec "$@" ' + " ".join(f"{number}>&-" for number in numbers), "sh", *map(str, command)]


def finish(numbers, *command, **env):
    return subprocess.run(without(numbers, rowlock(), *command), env=environment(**env), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30 * SLOW)


def complaints(cluster):
    """What PostgreSQL says of bytes that are none of its protocol."""
    return cluster.log.read_text(errors="replace").count("invalid frontend message")


# ---- commands ----

@pytest.mark.parametrize("numbers", ALL)
def test_what_a_command_says_never_goes_to_the_database(empty_postgres, numbers):
    before = complaints(empty_postgres.cluster)
    done = finish(numbers, "seed", "orders", "--database", empty_postgres.url)
    assert done.returncode == 1
    assert "run rowlock migrate" in done.stderr or 2 in numbers
    assert complaints(empty_postgres.cluster) == before


@pytest.mark.parametrize("numbers", [(0,), (2,), (0, 2)])
def test_a_command_without_stdin_and_stderr_does_its_work(database, folder, numbers):
    regions = folder / "regions.csv"
    regions.write_text("id,name_en,name_fr\n1,Atlantic,Atlantique\n")
    for command in (["migrate"], ["migrate", "--status"], ["seed", "orders", "-t", 3], ["import", "health", "--regions", regions], ["config"]):
        done = finish(numbers, *command, "--database", database.url)
        assert done.returncode == 0 and done.stdout != "" and done.stderr == "", done
    assert database.query("SELECT count(*) FROM orders") == [(3,)] and database.query("SELECT count(*) FROM region") == [(1,)]


@pytest.mark.quick
@pytest.mark.parametrize("command", [["routes"], ["config"], ["--help"], ["--version"], ["migrate"], ["seed", "orders", "-t", 1]], ids=lambda command: command[0])
@pytest.mark.parametrize("numbers", [(1,), (0, 1)])
def test_a_result_for_a_closed_stdout_is_exit_1(sqlite, command, numbers):
    env = {"DATABASE_URL": sqlite.url}
    done = finish(numbers, *command, **env)
    assert done.returncode == 1 and "cannot write to stdout" in done.stderr
    assert finish((*numbers, 2), *command, **env).returncode == 1


@pytest.mark.quick
def test_a_closed_stdout_is_no_failure_of_a_command_that_has_nothing_to_say(sqlite):
    assert finish((), "seed", "orders", "-t", 1, "--database", sqlite.url).returncode == 0
    done = finish((0, 1), "seed", "orders", "-t", 1, "--if-empty", "--database", sqlite.url)
    assert done.returncode == 0 and done.stderr == ""
    assert finish((0, 1, 2), "nonsense").returncode == 2


@pytest.mark.quick
def test_stdin_that_is_closed_is_an_empty_file(sqlite):
    done = finish((0,), "import", "health", "--regions", "/dev/stdin", "--database", sqlite.url)
    assert done.returncode == 1 and "/dev/stdin" in done.stderr


# ---- the server ----

@contextlib.contextmanager
def served(command, address, **env):
    """A server that may have no way to say where it listens."""
    process = subprocess.Popen(command, env=environment(**env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        api = Api(address)

        def well():
            assert process.poll() is None, process.communicate()
            try:
                return api.get("/healthcheck").status == 200
            except OSError:
                return False

        until(well, 15, "it is well")
        yield process, api
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15 * SLOW)
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def targets(pid, numbers):
    return [os.readlink(f"/proc/{pid}/fd/{number}") for number in numbers]


def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def used(api):
    """What leaves lines in the log, and asks the database."""
    for _ in range(20):
        assert api.get("/nope").status == 404
        assert api.take(api.place()).status == 200


@pytest.mark.parametrize("numbers", ALL)
def test_a_server_without_standard_descriptors_serves(database, numbers):
    address = f"127.0.0.1:{free_port()}"
    command = without(numbers, rowlock(), "serve", "--listen", address, "--access-log", "--migrate", "--database", database.url)
    with served(command, address) as (process, api):
        assert targets(process.pid, numbers) == ["/dev/null"] * len(numbers)
        used(api)


@pytest.mark.parametrize("numbers", [(2,), (0, 1, 2)])
def test_workers_and_their_master_without_standard_descriptors(postgres, numbers):
    address = f"127.0.0.1:{free_port()}"
    command = without(numbers, rowlock(), "serve", "--workers", 2, "--listen", address, "--access-log", "--database", postgres.url)
    before = complaints(postgres.cluster)
    with served(command, address) as (process, api):
        workers = until(lambda: len(children(process.pid)) == 2 and children(process.pid), 5, "two workers")
        for pid in (process.pid, *workers):
            assert targets(pid, numbers) == ["/dev/null"] * len(numbers)
        used(api)
        process.send_signal(signal.SIGHUP)
        until(lambda: len(children(process.pid)) == 2 and not set(workers) & set(children(process.pid)), 20, "two new workers")
        used(api)
    assert complaints(postgres.cluster) == before


@pytest.mark.parametrize("numbers", [(0,), (2,), (0, 1, 2)])
def test_passed_sockets_are_served_without_standard_descriptors(database, numbers):
    with socket.socket() as first, socket.socket() as second:
        for sock in (first, second):
            sock.bind(("127.0.0.1", 0))
            sock.listen(16)
            sock.set_inheritable(True)
        listening = [sock.fileno() for sock in (first, second)]
        command = [*ACTIVATE, ",".join(map(str, listening)), "/bin/sh", "-c", without(numbers)[2], "sh",
                   rowlock(), "serve", "--access-log", "--database", database.url]
        address = f"127.0.0.1:{first.getsockname()[1]}"
        process = subprocess.Popen(command, env=environment(), pass_fds=listening, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            api = Api(address)
            until(lambda: process.poll() is not None or api.get("/healthcheck").status == 200, 15)
            assert process.poll() is None
            assert targets(process.pid, numbers) == ["/dev/null"] * len(numbers)
            used(api)
            used(Api(f"127.0.0.1:{second.getsockname()[1]}"))
            assert process.poll() is None, "it took its own log for a signal"
            process.send_signal(signal.SIGTERM)
            assert process.wait(15 * SLOW) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def test_workers_that_die_are_replaced_although_the_parent_ignored_the_deaths_of_children(postgres):
    address = f"127.0.0.1:{free_port()}"
    ignores = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", ignores, rowlock(), "serve", "--workers", "2", "--listen", address, "--database", postgres.url]
    with served(command, address) as (process, _):
        before = until(lambda: len(children(process.pid)) == 2 and children(process.pid), 5, "two workers")
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(children(process.pid)) == 2 and before[0] not in children(process.pid), 5, "a new worker")


# ---- a log that cannot grow ----

LIMIT = 16 << 20


def lines(path):
    return [line for line in path.read_bytes().split(b"\n") if line]


def is_json(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_a_log_that_is_full_ends_nothing_and_goes_on_with_whole_lines(postgres, folder, workers):
    """A limit of the file's size stands for a full disk: the last line is cut somewhere, and later there is room again."""
    log = folder / "log"
    address = f"127.0.0.1:{free_port()}"
    log.write_bytes(b"\n" * (LIMIT - 100))

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    with open(log, "ab") as output:
        process = subprocess.Popen([rowlock(), "serve", "--workers", str(workers), "--listen", address, "--access-log", "--database", postgres.url],
                                   env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=output, preexec_fn=limit)
    api = Api(address)
    try:
        def well():
            assert process.poll() is None
            try:
                return api.get("/healthcheck").status == 200
            except OSError:
                return False
        until(well, 15, "it is well")
        used(api)
        assert log.stat().st_size == LIMIT
        os.truncate(log, 0)
        until(lambda: used(api) or sum(b"stderr did not take them" in line for line in lines(log)) >= 1, 10, "what was lost is told")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15 * SLOW) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert all(map(is_json, lines(log))), lines(log)
