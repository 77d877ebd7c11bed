"""Ratios are made pair by pair, and every contestant is judged for what he is."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import rig  # noqa: E402, F401
from rig import rows, table  # noqa: E402
from rig.figures import Figures  # noqa: E402


def runs(*rates):
    return [{"clients": 128, "rps": rate, "p50_us": 2000, "p99_us": 4000, "cpu_per_1000": 0.1, "database_cpu_per_1000": None} for rate in rates]


@pytest.fixture
def figures():
    take = [row for row in rows.make(10) if row.key == "take"]
    return Figures(take, {"take": {"rowlock": runs(1000, 3000, 1100), "beside": runs(1000, 2000, 1000), "pgbench": runs(500, 1000, 1100),
                                   "go": runs(900, 3001, 100)}})


def test_ratios_are_of_the_same_round(figures):
    row, = figures.rows
    assert figures.ratio(row) == 2
    assert figures.beside("beside") == [(row, [1, 1.5, 1.1])]


def test_the_other_build_is_no_peer_and_a_peer_that_was_once_ahead_is_not_beaten(figures):
    verdicts = {what: met for what, _, _, met in figures.verdicts({})}
    assert verdicts == {"take, random orders, 128 clients: to pgbench": True, "take, random orders, 128 clients: p99": True,
                        "take, random orders, 128 clients: to go": False}


def test_a_queue_is_a_peer_without_latencies():
    row, = [row for row in rows.make(10) if row.key == "work100"]
    work, = [row for row in rows.make(10) if row.key == "work"]
    jobs = [{**run, "p50_us": None, "p99_us": None} for run in runs(500, 2000, 900)]
    figures = Figures([work, row], {"work": {"rowlock": runs(800, 800, 800), "pgbench": runs(100, 400, 200)},
                                    "work100": {"rowlock": runs(1000, 3000, 1000), "river": jobs}})
    assert figures.ratio(row) == 7.5        # of pgbench in the row without batches
    assert (f"{row.title}, 128 clients: to river", "1.5 x (least 1.11)", "ahead in every round", True) in figures.verdicts({})
    line, = [line for line in table.measurements(figures).splitlines() if " river " in line]
    assert line.split()[1:] == ["128", "900", "-", "-", "0.1000", "-"]


def test_tables_show_each_contestant(figures):
    assert [line.split()[-3:] for line in table.beside(figures.beside("beside"), "other").splitlines()[1:]] == [["x", "1.000", "1.500"]]
    measured = table.measurements(figures).splitlines()
    assert len(measured) == 5 and "2 x" in measured[1] and "beside" in measured[2]
