"""Browsers of the tests here: one process a size and setting for the whole run, each test with fresh cookies."""

import pytest

from support.browser import drivers, look

__all__ = ("drivers", "look")

SIZES = (360, 1280)


@pytest.fixture(scope="session")
def shared_flags():
    """PostgreSQL has two workers: what one of them has shown, the other one must know."""
    return {"postgres": ("--workers", 2)}


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
