"""rowlock-healthcheck against small servers that behave well, badly, slowly and not at all."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from support import program
from support.port import free_port, need_ipv6
from support.provider import Provider
from support.rawhttp import Connection, request_bytes
from support.scripted import Scripted, head_of
from support.wait import until

pytestmark = pytest.mark.quick

PROBE = program.find("rowlock-healthcheck", "ROWLOCK_HEALTHCHECK")

FAILED = {"status": "fail", "output": "database: connection refused",
          "checks": {"schema": [{"status": "pass"}], "database": [{"status": "fail", "output": "connection refused"}]}}


def probe(*arguments, listen=None, **env):
    """(exit status, the one line that the probe printed)"""
    if listen is not None:
        env["ROWLOCK_LISTEN"] = listen
    done = program.run(*arguments, env=env, timeout=5, program=PROBE)
    said = done.stdout + done.stderr
    assert said.endswith("\n") and said.count("\n") == 1, said
    assert said.startswith("rowlock-healthcheck: "), said
    assert bool(done.stdout) == (done.returncode == 0), "good news on stdout, bad news on stderr"
    return done.returncode, said


def http(status, body=b"", kind="application/health+json"):
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@contextlib.contextmanager
def peer(answer, family=socket.AF_INET, address=("127.0.0.1", 0)):
    """A server that answers each connection with these bytes, or calls answer(connection, over); yields (address, requests)."""
    requests = []

    def talk(connection):
        head, _ = head_of(connection)
        if head is None:
            return
        requests.append(head.decode() + "\r\n\r\n")
        if isinstance(answer, bytes):
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            server.leaving.wait(10)
        else:
            answer(connection, server.leaving)

    with Scripted(talk, family, address) as server:
        yield server.address, requests


def url(address, path="/healthcheck"):
    return f"http://127.0.0.1:{address[1]}{path}"


# ---- healthy ----

def test_200_is_healthy():
    with peer(http("200 OK", {"status": "pass"})) as (address, requests):
        status, said = probe(url(address))
        assert status == 0 and "healthy" in said and "not healthy" not in said
        assert requests[0].startswith("GET /healthcheck HTTP/1.1\r\n")


def test_a_warning_is_healthy_and_said():
    document = {"status": "warn", "checks": {"disk": [{"status": "warn", "output": "nearly\nfull"}]}, "output": "disk: nearly\nfull"}
    with peer(http("200 OK", document)) as (address, _):
        status, said = probe(url(address))
        assert status == 0 and "healthy, but" in said and "disk: nearly full" in said


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"status":"warn"}', b'{"status":"warn","output":7}', b'{"status":7,"output":"x"}'])
def test_200_is_healthy_whatever_it_says(body):
    with peer(http("200 OK", body)) as (address, _):
        status, said = probe(url(address))
        assert status == 0 and "healthy:" in said


def test_a_url_without_a_path_gets_the_health_check():
    with peer(http("200 OK")) as (address, requests):
        assert probe(url(address, ""))[0] == 0
        assert probe(url(address, "/other"))[0] == 0
        assert [r.split()[1] for r in requests] == ["/healthcheck", "/other"]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost", "*", ""])
def test_the_address_comes_from_rowlock_listen(host):
    with peer(http("200 OK")) as (address, requests):
        assert probe(listen=f"{host}:{address[1]}")[0] == 0
        assert requests[0].split()[1] == "/healthcheck"


def test_the_first_of_several_addresses_is_asked():
    with peer(http("200 OK")) as (address, _):
        for separator in (",", ", ", " "):
            assert probe(listen=f"127.0.0.1:{address[1]}{separator}127.0.0.1:{free_port()}")[0] == 0
            assert probe(listen=f"127.0.0.1:{free_port()}{separator}127.0.0.1:{address[1]}")[0] == 1


@pytest.mark.parametrize("host", ["[::1]", "[::]"])
def test_ipv6_addresses(host):
    need_ipv6()
    with peer(http("200 OK"), socket.AF_INET6, ("::1", 0)) as (address, _):
        assert probe(listen=f"{host}:{address[1]}")[0] == 0


def test_a_unix_socket():
    with tempfile.TemporaryDirectory(prefix="rowlock-test-") as folder:
        path = os.path.join(folder, "socket")
        with peer(http("200 OK"), socket.AF_UNIX, path) as (_, requests):
            status, said = probe(listen=f"unix:{path}")
            assert status == 0 and path in said
            assert requests[0].split()[1] == "/healthcheck"
        status, said = probe(listen=f"unix:{path}.gone")
        assert status == 1 and f"{path}.gone" in said


def test_an_argument_wins_over_the_environment():
    with peer(http("200 OK")) as (address, _):
        assert probe(url(address), listen="unix:/nonexistent")[0] == 0


def test_proxies_of_the_environment_are_not_used():
    with peer(http("200 OK")) as (address, _):
        proxy = f"http://127.0.0.1:{free_port()}"
        assert probe(url(address), http_proxy=proxy, HTTP_PROXY=proxy, https_proxy=proxy, all_proxy=proxy, ALL_PROXY=proxy, no_proxy="")[0] == 0


# ---- not healthy ----

def test_503_repeats_what_the_server_says():
    with peer(http("503 Service Unavailable", FAILED)) as (address, _):
        status, said = probe(url(address))
        assert status == 1 and "503" in said and "database: connection refused" in said


def test_503_without_a_summary_names_the_failed_check():
    body = {name: value for name, value in FAILED.items() if name != "output"}
    with peer(http("503 Service Unavailable", body)) as (address, _):
        status, said = probe(url(address))
        assert status == 1 and "check database failed: connection refused" in said


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b"<html>", b"\xff\xfe", b'{"output":7,"checks":[]}', b'{"checks":{"database":{}}}',
    b'{"checks":{"database":["fail",{"status":1},{"status":"pass"}]}}', b"[" * 60000])
def test_503_with_any_other_body_is_still_one_line(body):
    with peer(http("503 Service Unavailable", body)) as (address, _):
        status, said = probe(url(address))
        assert status == 1 and "503" in said


def test_control_characters_and_length_of_the_reason_are_tamed():
    with peer(http("503 Service Unavailable", {"output": "a\nb\x1b[31m\r" + "x" * 5000})) as (address, _):
        status, said = probe(url(address))
        assert status == 1 and "a b [31m" in said and len(said) < 500


@pytest.mark.parametrize("line", ["204 No Content", "404 Not Found", "500 Internal Server Error"])
def test_any_other_status_is_not_healthy(line):
    with peer(http(line)) as (address, _):
        status, said = probe(url(address))
        assert status == 1 and line.split()[0] in said


def test_redirects_are_not_followed():
    with peer(http("200 OK")) as (elsewhere, requests):
        moved = f"HTTP/1.1 302 Found\r\nLocation: {url(elsewhere)}\r\nContent-Length: 0\r\n\r\n".encode()
        with peer(moved) as (address, _):
            status, said = probe(url(address))
            assert status == 1 and "302" in said
        assert not requests


def test_a_refused_port():
    port = free_port()
    status, said = probe(f"http://127.0.0.1:{port}/healthcheck")
    assert status == 1 and str(port) in said


def test_a_name_that_nobody_has():
    status, said = probe("http://rowlock.invalid:8080/healthcheck")
    assert status == 1 and "rowlock.invalid" in said


def quiet(connection, over):
    over.wait(20)


def dripping(connection, over):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.1):
        connection.sendall(b"X-More: yes\r\n")


def endless_body(connection, over):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not over.wait(0.1):
        connection.sendall(b"x")


@pytest.mark.parametrize("behaviour", [quiet, dripping, endless_body])
def test_a_server_that_hangs_is_left_after_two_seconds(behaviour):
    with peer(behaviour) as (address, _):
        begun = time.monotonic()
        status, said = probe(url(address))
        took = time.monotonic() - begun
        assert status == 1 and "within 2 s" in said
        assert 1.8 < took < (2 + 2) * program.SLOW      # that of starting a process is in it


def test_a_port_that_accepts_nobody_is_left_after_two_seconds():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        status, said = probe(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        assert status == 1 and "within 2 s" in said


@pytest.mark.parametrize("garbage", [
    b"garbage\r\n\r\n", b"\0" * 100, b"", b"HTTP/1.1\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_garbage_is_not_healthy(garbage):
    with peer(garbage) as (address, _):
        assert probe(url(address))[0] == 1


def test_an_answer_without_end_is_cut():
    def flood(connection, over):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.is_set():
            connection.sendall(b"x" * 65536)

    with peer(flood) as (address, _):
        begun = time.monotonic()
        status, said = probe(url(address))
        assert status == 1 and "longer than" in said
        assert time.monotonic() - begun < 2 * program.SLOW


# ---- usage ----

@pytest.mark.parametrize("arguments", [
    ["http://127.0.0.1:1/", "http://127.0.0.1:2/"], ["--frobnicate"], ["-x"], [""], ["http://"], ["nonsense"],
    ["file:///etc/hostname"], ["ftp://127.0.0.1/"], ["http://127.0.0.1:99999/"], ["http://a b/"]])
def test_wrong_usage(arguments):
    assert probe(*arguments)[0] == 2


@pytest.mark.parametrize("listen", [
    "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1:80x", "127.0.0.1:65536", "unix:", "::1:8080",
    "http://127.0.0.1:8080", "8080", "[::1]", "a b:8080"])
def test_a_wrong_listen_address_is_wrong_usage(listen):
    status, said = probe(listen=listen)
    assert status == 2 and "ROWLOCK_LISTEN" in said


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help(arguments):
    done = program.run(*arguments, program=PROBE)
    assert done.returncode == 0 and "ROWLOCK_LISTEN" in done.stdout and not done.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["-V"]])
def test_version(arguments):
    done = program.run(*arguments, program=PROBE)
    assert done.returncode == 0 and done.stdout.startswith("rowlock-healthcheck ") and not done.stderr


def test_the_built_in_address():
    """Whoever holds port 8080 here, the line names the address."""
    status, said = probe(listen="")
    assert status in (0, 1) and "http://127.0.0.1:8080/healthcheck" in said


# ---- what it prints ----

def closed(numbers, *arguments):
    """The probe with those of its standard descriptors closed."""
    command = ["sh", "-c", 'exec "$@" ' + " ".join(f"{number}>&-" for number in numbers), "sh", PROBE, *arguments]
    return subprocess.run(command, env=program.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * program.SLOW)


@pytest.mark.parametrize("numbers", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_it_judges_without_standard_descriptors(numbers):
    with peer(http("200 OK", {"status": "pass"})) as (address, _):
        assert closed(numbers, url(address)).returncode == 0
    failing = closed(numbers, url(("127.0.0.1", free_port())))
    assert failing.returncode == 1 and (2 in numbers or "no answer" in failing.stderr)
    assert closed(numbers, "--nonsense").returncode == 2


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_what_it_could_not_print_is_exit_1(flag):
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROBE, flag], env=program.environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=30 * program.SLOW)
    assert done.returncode == 1 and "cannot write to stdout" in done.stderr
    assert closed((1,), flag).returncode == 1


# ---- the real server ----

@pytest.mark.parametrize("listen", ["127.0.0.1:0", "unix:{folder}/socket"])
def test_the_real_server_is_healthy_and_says_why_when_it_is_not(serve, sqlite, folder, listen):
    server = serve(database=sqlite, listen=(listen.format(folder=folder),))
    status, said = probe(listen=server.address)
    assert status == 0 and "healthy" in said and "not healthy" not in said, said
    os.rename(sqlite.path, sqlite.path + ".moved")
    until(lambda: probe(listen=server.address)[0] == 1, 5, "it is missed")
    _, said = probe(listen=server.address)
    assert "not healthy" in said and "database: its file was removed or replaced" in said, said
    os.rename(sqlite.path + ".moved", sqlite.path)
    until(lambda: probe(listen=server.address)[0] == 0, 5, "it is found")


def test_the_real_server_is_not_healthy_while_it_drains_nor_when_it_is_gone(serve, sqlite):
    with Provider() as provider:
        provider.answer = provider.never
        server = serve("--drain", 5, "--deadline", 30, database=sqlite, env=provider.settings("osrm"))
        with Connection(server.address) as busy:
            busy.send(request_bytes("POST", "/orders", {"origin": [1, 2], "destination": [3, 4]}))
            until(lambda: provider.requests, 3, "a request is in flight")
            assert probe(listen=server.address)[0] == 0
            server.signal()
            server.told("draining", 1)
            status, said = probe(listen=server.address)
            assert status == 1 and "not healthy" in said, said
            server.alive()
            server.signal()
            assert server.wait() == 0
        assert probe(listen=server.address)[0] == 1


def test_the_real_server_that_is_frozen_is_not_healthy_after_two_seconds(serve, sqlite):
    server = serve(database=sqlite)
    server.signal(signal.SIGSTOP)
    try:
        status, said = probe(listen=server.address)
        assert status == 1 and "within 2 s" in said, said
    finally:
        server.signal(signal.SIGCONT)
