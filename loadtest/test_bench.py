"""The bench measures, holds what was answered against the database, and says so; work that needs three requests an order is in it."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import rig  # noqa: E402, F401
from support.cluster import binaries  # noqa: E402
from support.program import SLOW, missing  # noqa: E402


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
