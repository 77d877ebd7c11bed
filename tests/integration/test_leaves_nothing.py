"""The tests themselves: when they end, in order or by a signal, no file and no process of theirs is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.program import ROOT, SLOW, heed_signals
from support.wait import until

pytestmark = pytest.mark.plain

MARK = "LEAVES_NOTHING_BEHIND"
CASES = '''
import time

import pytest

from support.rawhttp import Connection
from support.cacheserver import Redis
from support.pgbouncer import PgBouncer


def dawdle(path, seconds):
    open(path, "w").close()
    time.sleep(seconds)


@pytest.fixture
def slow_end():
    asked = []
    yield asked
    for path in asked:
        dawdle(path, 3)


def test_of_everything(serve, postgres, sqlite, slow_end):
    with Redis() as redis, PgBouncer(postgres.cluster) as bouncer:
        servers = [serve("--workers", 2, "--cache", redis.url, database=postgres), serve(database=sqlite)]
        with Connection(servers[0].address) as connection:
            assert connection.request("GET", "/health").status == 200
            {then}


def test_of_what_fails(serve, sqlite):
    serve(database=sqlite)
    assert False
'''


def marked(value):
    """The processes that have it in their environment, as all have that a marked one has started, or work below it: some
    write over their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={value}\0".encode() in (folder / "environ").read_bytes() or os.readlink(folder / "cwd").startswith(f"{value}/"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            pass
    return found


@pytest.fixture
def suite(folder):
    """suite(then): a run of these cases in a world of its own: (process, its directory for temporary files)."""
    (folder / "tests").mkdir()
    (folder / "tmp").mkdir(mode=0o777)
    os.chmod(folder, 0o755)
    os.chmod(folder / "tmp", 0o1777)        # PostgreSQL may run as another user
    for name in ("support", "conftest.py", "pytest.ini"):
        (folder / "tests" / name).symlink_to(ROOT / "tests" / name)
    started = []

    def start(then):
        (folder / "tests" / "test_cases.py").write_text(CASES.replace("{then}", then))
        with open(folder / "log", "wb") as log:
            started.append(subprocess.Popen([sys.executable, ROOT / "tests" / "pytest-tap", folder / "tests"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=folder, preexec_fn=heed_signals,
                                            env={**os.environ, MARK: str(folder), "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def nothing_is_left(folder):
    until(lambda: not marked(folder), 10, lambda: f"processes: {marked(folder)}")
    assert list((folder / "tmp").iterdir()) == []
    assert {path.name for path in folder.iterdir()} == {"tests", "tmp", "log"}


def test_a_run_that_ends_leaves_nothing(suite, folder):
    process = suite("pass")
    assert process.wait(90 * SLOW) == 0
    said = (folder / "log").read_text()
    assert "ok 1 - test_cases.py::test_of_everything" in said and "not ok 2 - test_cases.py::test_of_what_fails" in said and "1..2" in said, said
    nothing_is_left(folder)


@pytest.mark.parametrize("number, where", [(signal.SIGTERM, "test"), (signal.SIGINT, "test"), (signal.SIGTERM, "tear-down"), (signal.SIGINT, "tear-down")])
def test_a_run_that_is_ended_leaves_nothing(suite, folder, number, where):
    process = suite(f"dawdle({str(folder / 'tmp' / 'there')!r}, 100)" if where == "test" else f"slow_end.append({str(folder / 'tmp' / 'there')!r})")
    until(lambda: process.poll() is not None or (folder / "tmp" / "there").exists(), 40, "it is in the middle of it")
    (folder / "tmp" / "there").unlink()
    assert len(marked(folder)) > 4, "PostgreSQL and servers"
    process.send_signal(number)
    assert process.wait(60 * SLOW) != 0, (folder / "log").read_text()
    nothing_is_left(folder)
