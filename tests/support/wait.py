"""Waiting for something to become true, without sleeping longer than it takes."""

import time

from support.program import SLOW


def until(condition, seconds=5, what=None, every=0.01):
    """Polls `condition` until it is true and returns its value; fails after `seconds` (times ROWLOCK_TEST_SLOW)."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds * SLOW:g} s: {what or condition}")
        time.sleep(every)


class Stopwatch:
    """with Stopwatch() as watch: …; watch.seconds"""

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.start
