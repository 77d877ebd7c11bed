"""./run as it is, on the tree that was built: the second start, with nothing left to install or to build, is quick."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from support.port import free_port
from support.program import ROOT, SLOW, environment, rowlock
from support.rawhttp import Api
from support.wait import until

pytestmark = [pytest.mark.alone, pytest.mark.plain]

# What configure_tree looks for; make compares their times with the real ones.
GENERATED = ("configure", "Makefile.in", "aclocal.m4", "config.h.in", "build-aux/tap-driver.sh")


@pytest.fixture
def tree(folder):
    """A source tree of its own, but for the sources, with the build tree of this program as build/."""
    build = os.path.dirname(rowlock())
    if not os.path.exists(os.path.join(build, "config.status")):
        pytest.skip("the program is not in a build tree")
    tree = folder / "tree"
    (tree / "build-aux").mkdir(parents=True)
    for name in ("run", "build-aux/front-door.sh", "build-aux/packages"):
        shutil.copy(ROOT / name, tree / name)
    for name in GENERATED:
        (tree / name).symlink_to(ROOT / name)
    (tree / "build").symlink_to(build)
    return tree


def installed(tree):
    """Whether all that ./run wants is there, so that it installs nothing."""
    script = f'me=test; top={tree}; . "$top/build-aux/front-door.sh"; missing_packages run'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    return done.returncode == 0 and not done.stdout.strip()


def started(tree, port):
    """(process, seconds until its first answer)"""
    env = environment()
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        env.pop(name, None)
    began = time.monotonic()
    process = subprocess.Popen([tree / "run", "--listen", f"127.0.0.1:{port}"], cwd=tree, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    api = Api(f"127.0.0.1:{port}")

    def answers():
        if process.poll() is not None:
            raise AssertionError(process.stdout.read())
        try:
            return api.get("/orders?page=1&limit=1").status == 200
        except OSError:
            return False

    try:
        until(answers, 60, "it answers")
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process, time.monotonic() - began


def test_a_second_start_takes_less_than_two_seconds(tree):
    if not installed(tree):
        pytest.skip("not all that ./run installs is installed here")
    for _ in range(2):
        process, seconds = started(tree, free_port())
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20 * SLOW)
        assert process.returncode == 0, said
        assert "installing" not in said
    assert seconds < 2 * SLOW, said
