"""Programs of PyPI and npm, in the build tree: in an environment of their own, which is made once and kept."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("ROWLOCK_TEST_TOOLS") or Path(__file__).resolve().parents[2] / "build-check" / "tools")
SECONDS = 100


class Failed(Exception):
    pass


def call(*words, cwd=None, env=None):
    """What it printed; Failed with its last words when it ends badly."""
    try:
        done = subprocess.run([str(word) for word in words], cwd=cwd, env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise Failed(str(reason))
    if done.returncode:
        raise Failed(done.stdout[-6000:])
    return done.stdout


def install(where, packages, fetch, probe):
    """fetch(), unless what it fetches is there. Where not even probe() gets an answer, there is nothing to be had, and the test is skipped."""
    listed = where / "packages"
    if listed.exists() and listed.read_text() == repr(packages):
        return
    try:
        fetch()
    except Failed as reason:
        try:
            probe()
        except Failed as silence:
            pytest.skip(f"{where.name}: cannot be reached: {last_line(silence)}")
        pytest.fail(f"{' '.join(packages)}: {reason}", pytrace=False)
    listed.write_text(repr(packages))


def last_line(error):
    return ([line for line in str(error).splitlines() if line.strip()] or ["no answer"])[-1].strip()


PIP = ("-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "20", "-q")


def pypi(*packages):
    """The folder with the programs of these packages, python among them."""
    where = FOLDER / "PyPI"
    python = where / "bin" / "python"

    def fetch():
        if not python.exists():
            call(sys.executable, "-m", "venv", where)
        call(python, *PIP, "install", *packages)

    def probe():
        call(python, *PIP, "download", "--no-deps", "--no-cache-dir", "-d", where / "probe", "six")

    if find_spec("ensurepip") is None:
        pytest.skip("PyPI: cannot be reached: python3-venv is not installed")
    where.mkdir(parents=True, exist_ok=True)
    install(where, packages, fetch, probe)
    return where / "bin"
