"""The two commands of the README in an empty container of each Debian, with a fresh copy of the source: what a stranger sees
in the first minutes."""

import re
import signal
import subprocess

import pytest

from engine import FRESH, docker
from support.port import free_port
from support.rawhttp import Api
from support.wait import until

PATIENCE = 500      # packages and a build


@pytest.fixture(scope="module", params=FRESH)
def stranger(engine, source, request):
    """(container, port): ./run has said there what is worth opening."""
    port = free_port()
    container = docker("run", "-d", *engine.build_flags, "-p", f"127.0.0.1:{port}:8080", "-v", f"{source}:/given:ro", engine.have_base(request.param),
                       "sh", "-c", "cp -a /given /rowlock && cd /rowlock && exec ./run --listen 0.0.0.0:8080").stdout.split()[-1]
    try:
        until(lambda: "./run --help" in docker("logs", container).stdout or docker("inspect", "-f", "{{.State.Running}}", container).stdout.strip() != "true",
              PATIENCE, "it says how to try it")
        assert "Rowlock serves on" in docker("logs", container).stdout, docker("logs", "--tail", "30", container).stdout
        yield container, port
    finally:
        docker("rm", "-f", "-v", container)


def test_every_address_that_it_prints_shows_something(stranger):
    container, port = stranger
    said = docker("logs", container).stdout.partition("Rowlock serves on")[2]
    paths = set(re.findall(r"http://127\.0\.0\.1:8080(/\S*)(?![^\n]* -d )", said))
    assert len(paths) >= 7, said
    for path in paths:
        answer = Api(f"127.0.0.1:{port}").get(path)
        assert answer.status == 200 and answer.body not in (b"", b"[]"), path


def test_the_other_commands_work_in_a_second_terminal(stranger):
    container, _ = stranger
    assert "added 7 orders" in docker("exec", "-w", "/rowlock", container, "./run", "seed", "orders", "--total", "7").stdout
    assert "healthy" in docker("exec", "-w", "/rowlock", container, "build/rowlock-healthcheck").stdout


def test_a_second_start_says_that_the_address_is_in_use(stranger):
    container, _ = stranger
    said = docker("exec", "-w", "/rowlock", container, "./run", check=False)
    assert said.returncode == 1 and "in use" in said.stdout and "Rowlock serves on" not in said.stdout


def test_check_passes(stranger):
    container, _ = stranger
    done = docker("exec", container, "/rowlock/check", "--quick", check=False, timeout=1100)
    assert done.returncode == 0 and " passed, 0 failed" in done.stdout.splitlines()[-1], done.stdout[-6000:]


def test_an_interrupt_ends_it(stranger):
    container, _ = stranger
    docker("kill", "-s", signal.SIGINT.name, container)
    assert subprocess.run(["docker", "wait", container], capture_output=True, text=True, timeout=60).stdout.strip() == "0"
