"""Bench and held-snapshot work orders off, hold what was answered against the database, and say how fast it went."""

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import rig  # noqa: E402, F401
from support.cluster import binaries  # noqa: E402
from support.program import SLOW, missing  # noqa: E402


def test_a_snapshot_is_held_while_orders_are_worked_off():
    if binaries() is None:
        missing("a PostgreSQL server")
    done = subprocess.run([sys.executable, HERE / "held-snapshot", "--seconds", "2", "--every", "1", "--clients", "8", "--orders", "100"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120 * SLOW)
    *lines, last = done.stdout.splitlines()
    assert done.stderr == "" and len(lines) == 2, done
    rates = [int(re.search(r"(\d+) orders/s", line)[1]) for line in lines]
    assert all(rates) and int(re.search(r"dead: (\d+) orders", lines[1])[1]) > rates[0]       # nothing of it was removed
    share = float(re.search(r"have ([0-9.]+) of the first", last)[1])
    assert abs(share - rates[1] / rates[0]) < 0.02 and done.returncode == (0 if share >= 0.85 else 1), done


def test_orders_are_placed_claimed_and_delivered_beside_pgbench(tmp_path):
    if binaries() is None or not (binaries() / "pgbench").exists():
        missing("a PostgreSQL server with pgbench")
    done = subprocess.run([sys.executable, HERE / "bench" / "bench", "--quick", "--idle", "0", "--rows", "mixed", "--orders", "40000",
                           "--json", tmp_path / "bench.json"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240 * SLOW)
    assert done.returncode == 0, done.stderr
    row, = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert set(row["rounds"]) == {"rowlock", "direct", "pgbench"} and row["ratio"] > 0
    assert all(one["rps"] > 0 for rounds in row["rounds"].values() for one in rounds)
    assert "place, claim, deliver" in done.stdout


def test_what_one_caller_does_to_others_is_measured(tmp_path):
    if binaries() is None:
        missing("a PostgreSQL server")
    done = subprocess.run([sys.executable, HERE / "bench" / "bench", "--quick", "--idle", "0", "--rows", "fair", "--orders", "10000", "--json", tmp_path / "bench.json"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240 * SLOW)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "bench.json").read_text())
    assert document["rows"] == [] and all(value > 0 for name in ("p99", "work") for value in document["fair"][name])
    assert document["fair"]["refused"] == [0] and "sends 100 times its share" in done.stdout
