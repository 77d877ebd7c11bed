"""Schemathesis makes requests of the document, valid ones and others, and reads the answers: with all its checks, and along the links
between operations. CASES: how many at least (make check-api CASES=100000)."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

import tools
from support.program import SLOW, run

CASES = int(os.environ.get("CASES") or 2000)
EXAMPLES = 20               # of an operation, in a round
SECONDS = 100 + CASES / 20  # for all of them

HERE = Path(__file__).parent


@pytest.fixture
def program(folder):
    """Schemathesis, and its configuration in a folder of its own, because it writes beside it."""
    found = tools.pypi() / "schemathesis"
    for name in ("schemathesis.toml", "schemathesis_hooks.py"):
        shutil.copy(HERE / name, folder)
    return found


def fill(database):
    """Something of each kind, and a forward sortation area by the name that the example of the document has."""
    for app in ("orders", "sites", "health", "messages"):
        assert run("seed", app, "--total", 5, "--database", database.url).returncode == 0
    assert run("seed", "users", "--offline", "--total", 30, "--database", database.url).returncode == 0
    database.query("UPDATE fsa SET code = 'K1A' WHERE id = (SELECT min(id) FROM fsa)")


def one_round(program, folder, server, seed):
    """What it reports, and what it prints."""
    report = folder / "report.json"
    words = [program, "run", f"http://{server.address}/openapi.json", "-n", EXAMPLES, "--seed", seed, "--no-color", "--warnings", "off",
             "--report", "json", "--report-json-path", report]
    done = subprocess.run([str(word) for word in words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", NO_PROXY="*"))
    assert report.exists(), done.stdout
    found = json.loads(report.read_text())
    assert found["complete"] and found["operations"]["tested"] == found["operations"]["selected"] > 40, done.stdout
    return found, done


def test_the_server_answers_as_its_document_says(program, serve, database, folder, capfd):
    signal.setitimer(signal.ITIMER_REAL, SECONDS * SLOW)
    fill(database)
    server = serve("--distance", "haversine", database=database)
    cases, began, seed = 0, time.monotonic(), 0
    while cases < CASES:
        seed += 1
        found, done = one_round(program, folder, server, seed)
        cases += found["test_cases"]["generated"]
        failures = found["test_cases"]["unique_failures"] + found["test_cases"]["errored"]
        with capfd.disabled():
            print(f"api: {database.kind}: {cases} cases, {failures} failures, {time.monotonic() - began:.0f} s", flush=True)
        assert failures == 0 and done.returncode == 0, done.stdout
