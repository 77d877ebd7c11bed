"""Fixtures of the integration and fault tests: one private PostgreSQL cluster a session, fresh databases, servers that are
judged when they end."""

import os
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg2.extensions
import pytest
from hypothesis import settings

from support import openapi, program, rawhttp
from support.cluster import Cluster, binaries
from support.database import PostgresDatabase, SqliteDatabase, await_postgres
from support.pgbouncer import PgBouncer
from support.program import SLOW
from support.server import Server

LIMIT = 120     # seconds for one test, and for what is made and ended for it; those that hang should say so instead of stopping the suite

ENDINGS = (signal.SIGTERM, signal.SIGHUP)      # beside Ctrl-C

# The same examples each time, unless ROWLOCK_TEST_RANDOM is set; what fails then is printed so that it can be repeated.
settings.register_profile("rowlock", derandomize=not os.environ.get("ROWLOCK_TEST_RANDOM"), database=None, deadline=None, print_blob=True)
settings.load_profile("rowlock")


def pytest_configure(config):
    def leave(number, frame):
        raise KeyboardInterrupt(f"signal {number}")

    # fixtures clean up after Ctrl-C; let them do so after these as well
    for number in ENDINGS:
        signal.signal(number, leave)
    rawhttp.on_exchange = openapi.check
    psycopg2.extensions.set_wait_callback(await_postgres)
    try:
        program.rowlock()
    except FileNotFoundError as reason:
        raise pytest.UsageError(str(reason))


def pytest_report_header(config):
    return [f"rowlock: {program.rowlock()}", f"PostgreSQL: {binaries() or 'none'}"]


def pytest_collection_modifyitems(config, items):
    """A build with sanitizers is spared what says nothing about its code."""
    spared = [item for item in items if program.SANITIZED and item.get_closest_marker("plain")]
    if spared:
        config.hook.pytest_deselected(items=spared)
        items[:] = [item for item in items if item not in spared]


@contextmanager
def limited(step):
    def too_long(number, frame):
        raise AssertionError(f"the {step} takes longer than {LIMIT * SLOW:g} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LIMIT * SLOW)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    with limited("set-up"):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    with limited("test"):
        yield


@contextmanager
def undisturbed():
    """Whoever ends the run waits until what is begun is cleaned up: pytest forgets the fixtures behind one that is interrupted."""
    noted = []
    before = {number: signal.signal(number, lambda number, frame: noted.append(number)) for number in (signal.SIGINT, *ENDINGS)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        raise KeyboardInterrupt(f"signal {noted[0]}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    with undisturbed(), limited("tear-down"):
        yield


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    with undisturbed():
        yield


# ---- databases ----

@pytest.fixture(scope="session")
def session_cluster():
    if binaries() is None:
        program.missing("a PostgreSQL server")
    cluster = Cluster(in_memory=True)
    try:
        cluster.create()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture(scope="session")
def pooler(session_cluster):
    """With ROWLOCK_TEST_PGBOUNCER=1 all tests go through a PgBouncer, to see what is different there."""
    if not os.environ.get("ROWLOCK_TEST_PGBOUNCER"):
        yield None
        return
    with PgBouncer(session_cluster) as bouncer:
        yield bouncer


@pytest.fixture(scope="session")
def template(session_cluster):
    """The name of an empty database with the schema in it, to clone."""
    name = session_cluster.create_database()
    done = program.run("migrate", "--database", session_cluster.url(name))
    assert done.returncode == 0, done.stderr
    return name


@pytest.fixture
def cluster(session_cluster):
    session_cluster.ensure_running()
    yield session_cluster
    session_cluster.ensure_running()


@pytest.fixture
def empty_postgres(cluster, pooler):
    """A database without a schema."""
    database = PostgresDatabase(cluster, pooler=pooler)
    yield database
    cluster.ensure_running()
    database.drop()


@pytest.fixture
def postgres(cluster, template, pooler):
    database = PostgresDatabase(cluster, template, pooler)
    yield database
    cluster.ensure_running()
    database.drop()


@pytest.fixture
def folder():
    """A directory of this test alone that is gone afterwards (pytest's tmp_path stays behind)."""
    with tempfile.TemporaryDirectory(prefix="rowlock-test-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def sqlite_template():
    """The path of an empty database with the schema in it, to copy."""
    with tempfile.TemporaryDirectory(prefix="rowlock-test-") as name:
        database = SqliteDatabase(Path(name))
        done = program.run("migrate", "--database", database.url)
        assert done.returncode == 0, done.stderr
        yield database.path


@pytest.fixture
def sqlite(folder, sqlite_template):
    return SqliteDatabase(folder, sqlite_template)


@pytest.fixture
def empty_sqlite(folder):
    """The name of a file that is not there yet."""
    return SqliteDatabase(folder)


@pytest.fixture(params=["postgres", "sqlite"])
def database(request):
    """A fresh database of each kind."""
    return request.getfixturevalue(request.param)


# ---- servers ----

@pytest.fixture
def serve(request):
    """serve(flags…, database=…): a server of this test alone. At the end each one that still runs is stopped and judged;
    one that the test has ended itself is judged by its log."""
    started = []

    def start(*flags, **settings):
        server = Server(*flags, **settings)
        started.append(server)
        return server

    yield start
    try:
        for server in reversed(started):
            if server.process.poll() is None:
                server.stop()
            else:
                server.check_log()
    finally:
        for server in started:
            server.clean()


@pytest.fixture(scope="session")
def shared_flags():
    """{kind of database: flags} of the server of a module, beside those that all have."""
    return {}


@pytest.fixture(scope="module", params=["postgres", "sqlite"])
def shared(request, shared_flags):
    """(server, database) for all tests of a module, on each kind of database."""
    folder = tempfile.TemporaryDirectory(prefix="rowlock-test-")
    if request.param == "postgres":
        cluster = request.getfixturevalue("session_cluster")
        cluster.ensure_running()
        database = PostgresDatabase(cluster, request.getfixturevalue("template"), request.getfixturevalue("pooler"))
    else:
        database = SqliteDatabase(Path(folder.name), request.getfixturevalue("sqlite_template"))
    server = Server("--distance", "haversine", *shared_flags.get(request.param, ()), database=database)
    try:
        yield server, database
        server.stop()
    finally:
        server.clean()
        database.drop()
        folder.cleanup()


@pytest.fixture
def server(shared):
    shared[0].alive()
    yield shared[0]
    shared[0].alive()


@pytest.fixture
def api(server):
    return server.api


@pytest.fixture
def db(shared):
    """The database of the shared server."""
    return shared[1]
