"""Of the tests with Patroni: one cluster for all of them, which is made whole again before each, and the table of times."""

from collections import namedtuple

import pytest

from support.database import PostgresDatabase
from support.patroni import Patroni, Watch, missing_packages
from support.program import run

TIMES = []      # of this run, in the order of the tests

# What a fault cost. primary: until PostgreSQL took writes on another host; service: from then until a request of a client that
# writes was answered with success; both in seconds, None: there was none. refused: requests until then of which it was said that nothing was
# changed; unknown: those of which their clients do not know.
Cost = namedtuple("Cost", "fault primary service refused unknown")


@pytest.fixture(scope="session")
def whole():
    packages = missing_packages()
    if packages:
        pytest.skip(f"these packages of Debian are not installed: {' '.join(packages)}")
    cluster = Patroni()
    try:
        cluster.create()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture
def patroni(whole):
    whole.heal()
    return whole


@pytest.fixture
def database(patroni):
    """A database with the schema, by the address of all three."""
    made = PostgresDatabase(patroni)
    done = run("migrate", "--database", made.url, timeout=60)
    assert done.returncode == 0, done.stderr
    yield made
    patroni.heal()
    made.drop()


@pytest.fixture
def watch():
    """watch(nodes): from now on it is looked which of them takes writes."""
    begun = []

    def begin(nodes):
        begun.append(Watch(nodes))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


@pytest.fixture
def note(request):
    """note(traffic, began, writable, served): a line of the table."""
    def add(traffic, began, writable, served):
        later = [attempt for attempt in traffic.all() if attempt.began >= began]
        failed = [attempt for attempt in later if attempt.outcome != 200 and attempt.outcome != 400]
        unknown = sum(not attempt.changed_nothing() for attempt in failed)
        TIMES.append(Cost(request.node.name.removeprefix("test_"), writable and writable - began, served and served - (writable or began),
                          len(failed) - unknown, unknown))

    return add


def pytest_terminal_summary(terminalreporter):
    if not TIMES:
        return
    tell = terminalreporter.write_line
    tell("")
    tell(f"ha: {'new primary':>12} {'service back':>13} {'refused':>8} {'unknown':>8}  fault")
    for cost in TIMES:
        seconds = ["-" if value is None else f"{value:.1f} s" for value in (cost.primary, cost.service)]
        tell(f"ha: {seconds[0]:>12} {seconds[1]:>13} {cost.refused:>8} {cost.unknown:>8}  {cost.fault.replace('_', ' ')}")
