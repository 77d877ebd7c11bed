"""Fixtures of the container tests: an engine, images built from a fresh copy of the source, deployments that are gone
afterwards."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployment import Deployment                               # noqa: E402
from engine import FRESH, Engine, Unavailable, docker, fresh_source, run    # noqa: E402
from stranger import Stranger                                   # noqa: E402
from support.port import free_port                              # noqa: E402

LIMIT = 1200    # seconds for one test; those that hang should say so


def pytest_configure(config):
    def leave(number, frame):
        raise KeyboardInterrupt(f"signal {number}")

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    def too_long(number, frame):
        raise AssertionError(f"the test takes longer than {LIMIT} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def engine():
    try:
        engine = Engine()
    except Unavailable as reason:
        pytest.skip(f"no containers: {reason}")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def source():
    with tempfile.TemporaryDirectory(prefix="rowlock-docker-") as name:
        yield fresh_source(Path(name) / "rowlock")


@pytest.fixture(scope="session")
def name():
    """What everything of this run is called."""
    return f"rowlocktest{os.getpid()}"


def pytest_collection_modifyitems(items):
    items.sort(key=of_strangers)


def of_strangers(item):
    return "stranger" in item.fixturenames


@pytest.fixture(scope="session")
def strangers(engine, source):
    """{release: a stranger}, all at once."""
    strangers = {release: Stranger(engine, source, release) for release in FRESH}
    yield strangers
    for stranger in strangers.values():
        stranger.close()


@pytest.fixture(scope="session")
def image(engine, source, name, request):
    """The runtime image, as `make image` makes it in a fresh clone. Everything that is built from then on goes with it."""
    if any(map(of_strangers, request.session.items)):
        request.getfixturevalue("strangers")    # they take longest: from here on, beside the other tests, which come before theirs
    before = dangling()
    try:
        make_image(engine, source, name, "runtime")
        yield name
    finally:
        docker("rmi", "-f", name, check=False)
        for stage in dangling() - before:
            # what others have built meanwhile is not ours
            if "rowlock" in docker("history", "--no-trunc", stage, check=False).stdout:
                docker("rmi", stage, check=False)


def make_image(engine, source, name, target):
    return run("make", "image", f"BUILD_TARGET={target}", f"IMAGE={name}", f"DOCKER_BUILD_FLAGS={' '.join(engine.build_flags)}",
               cwd=source, timeout=900)


def dangling():
    """Images without a name: stages of builds, and what a later build has taken the name from."""
    return set(docker("images", "-q", "--no-trunc", "--filter", "dangling=true").stdout.split())


@pytest.fixture(scope="session")
def test_image(engine, source, name, image):
    make_image(engine, source, name, "test_builder")
    yield f"{name}-test_builder"
    docker("rmi", "-f", f"{name}-test_builder", check=False)


@pytest.fixture
def start(image, name):
    """start(flags…, command=[…]): a container of the runtime image, removed at the end with its volumes."""
    started = []

    def start(*flags, command=()):
        container = docker("run", "-d", *flags, image, *command).stdout.strip().splitlines()[-1]
        started.append(container)
        return container

    yield start
    for container in started:
        docker("rm", "-f", "-v", container, check=False)


@pytest.fixture(scope="module")
def development(engine, image, source, name):
    deployment = Deployment(engine, source, "docker-compose.yml", f"{name}dev", IMAGE=image, SITES_PORT=free_port(), SERVER_PORT=free_port(),
                            PGADMIN_PORT=free_port())
    try:
        yield deployment
    finally:
        deployment.down()


@pytest.fixture(scope="module")
def production(engine, image, source, name):
    """Like the files say, except that Docker asks for health every second."""
    deployment = Deployment(engine, source, "docker-compose.prod.yml", f"{name}prod", IMAGE=image, HTTP_PORT=free_port(), HTTPS_PORT=free_port(),
                            HEALTH_INTERVAL="1s", HEALTH_START_PERIOD="5s")
    try:
        deployment.compose("up", "-d", timeout=600)
        yield deployment
    finally:
        deployment.down()
