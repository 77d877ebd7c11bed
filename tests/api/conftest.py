"""Browsers for the tests here, as those of tests/browser have them."""

from support.browser import drivers, look

__all__ = ("drivers", "look")
