"""Locust's page: where it is said to be, and what a session there ends with."""

import contextlib
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import rig  # noqa: E402, F401
from support.cluster import binaries  # noqa: E402
from support.port import free_port  # noqa: E402
from support.program import SLOW, missing  # noqa: E402
from support.wait import until  # noqa: E402


@contextlib.contextmanager
def session(tmp_path, *arguments):
    """(address of the page, end): a run that has said where its page is. end() is a Ctrl-C: its exit code and output."""
    if binaries() is None:
        missing("a PostgreSQL server")
    port, log = free_port(), tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen([sys.executable, HERE / "run", "--orders", "50", "--web-port", str(port), *arguments], stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out)

    def end():
        process.send_signal(signal.SIGINT)
        return process.wait(60 * SLOW), log.read_text()

    try:
        until(lambda: process.poll() is not None or "Locust's page" in log.read_text(), 60, "it says where the page is")
        assert process.poll() is None, log.read_text()
        address = f"http://localhost:{port}"
        assert address in log.read_text()
        yield address, end
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60 * SLOW)


def fetch(url, **form):
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(url, data, timeout=20) as answer:
        return answer.read().decode()


def test_a_session_without_a_run_has_no_violations(tmp_path):
    with session(tmp_path, "--web") as (address, end):
        assert "Locust" in fetch(address)       # at once: it was said to be there
        code, said = end()
    assert code == 0 and "no run was started" in said and "violations" not in said, said


def test_a_run_that_was_started_at_the_page_is_judged(tmp_path):
    with session(tmp_path, "--web") as (address, end):
        fetch(address + "/swarm", user_count=10, spawn_rate=10)
        until(lambda: "/orders" in fetch(address + "/stats/requests"), 30, "some requests")
        code, said = end()
    assert code == 0 and "every SUCCESS has its row" in said, said


@pytest.mark.parametrize("arguments, code", [(["--web"], 2), (["--web", "--short"], 2)], ids=str)
def test_a_port_in_use_is_said_before_anything_is_started(arguments, code):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([sys.executable, HERE / "run", *arguments, "--web-port", port], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30 * SLOW)
    assert done.returncode == code and port in done.stderr and "in use" in done.stderr
