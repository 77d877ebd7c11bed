"""Browsers of the tests here: one process a size and setting for the whole run, each test with fresh cookies."""

import pytest

from support.browser import Browser, Drivers

SIZES = (360, 1280)


@pytest.fixture(scope="session")
def shared_flags():
    """PostgreSQL has two workers: what one of them has shown, the other one must know."""
    return {"postgres": ("--workers", 2)}


@pytest.fixture(scope="session")
def drivers():
    made = Drivers()
    try:
        yield made
    finally:
        made.quit()


@pytest.fixture
def look(drivers):
    """look(server, width=1280, javascript=True, number=0): a browser that looks at the server; two numbers are two people. At the
    end each is judged: no error in its console, no request to another host."""
    looking = []

    def begin(server, width=1280, javascript=True, number=0):
        looking.append(Browser(drivers.get(width, javascript, number), server.address))
        return looking[-1]

    yield begin
    for browser in looking:
        browser.check()


@pytest.fixture(params=SIZES)
def width(request):
    return request.param


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def javascript(request):
    return request.param


@pytest.fixture
def browser(look, server, width, javascript):
    """Each size, with JavaScript and without, on a server of the module."""
    return look(server, width, javascript)
