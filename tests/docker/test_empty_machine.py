"""The two commands of the README in an empty container of each Debian, with a fresh copy of the source: what a stranger sees
in the first minutes."""

import re
import signal
import subprocess

import pytest

from engine import FRESH, docker
from support.rawhttp import Api


@pytest.fixture(params=FRESH)
def stranger(strangers, request):
    """One whose ./run serves."""
    stranger = strangers[request.param]
    said = stranger.serving.result()
    assert "Rowlock serves on" in said, said[-3000:]
    return stranger


def test_every_address_that_it_prints_shows_something(stranger):
    said = stranger.said().partition("Rowlock serves on")[2]
    paths = set(re.findall(r"http://127\.0\.0\.1:8080(/\S*)(?![^\n]* -d )", said))
    assert len(paths) >= 7, said
    for path in paths:
        answer = Api(f"127.0.0.1:{stranger.port}").get(path)
        assert answer.status == 200 and answer.body not in (b"", b"[]"), path


def test_the_other_commands_work_in_a_second_terminal(stranger):
    assert "added 7 orders" in docker("exec", "-w", "/rowlock", stranger.container, "./run", "seed", "orders", "--total", "7").stdout
    assert "healthy" in docker("exec", "-w", "/rowlock", stranger.container, "build/rowlock-healthcheck").stdout


def test_a_second_start_says_that_the_address_is_in_use(stranger):
    said = docker("exec", "-w", "/rowlock", stranger.container, "./run", check=False)
    assert said.returncode == 1 and "in use" in said.stdout and "Rowlock serves on" not in said.stdout


def test_check_passes(stranger):
    done = stranger.checked.result()
    assert done.returncode == 0 and " passed, 0 failed" in done.stdout.splitlines()[-1], done.stdout[-6000:]


def test_an_idle_server_takes_as_little_with_the_libraries_of_that_release(stranger):
    """./check --quick measures no memory."""
    stranger.checked.result()
    done = docker("exec", "-w", "/rowlock/tests", "-e", "ROWLOCK=/rowlock/build-check/plain/rowlock", stranger.container,
                  "/usr/bin/python3", "-m", "pytest", "-q", "integration/test_life.py", "-k", "idle_server_takes_less", check=False)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout[-3000:]


def test_an_interrupt_ends_it(stranger):
    docker("kill", "-s", signal.SIGINT.name, stranger.container)
    assert subprocess.run(["docker", "wait", stranger.container], capture_output=True, text=True, timeout=60).stdout.strip() == "0"
