"""Waiting for something to become true, without sleeping longer than it takes."""

import time

from support.program import SLOW


def until(condition, seconds=5, what=None, every=0.01):
    """Polls `condition` until it is true and returns its value; fails after `seconds` (times SLOW) and says `what` (words,
    or a function that knows more by then)."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds * SLOW:g} s: {what() if callable(what) else what or condition}")
        time.sleep(every)


def settled(question, answer, seconds=5, what=None):
    """Asks until that is the answer; fails with the last one. For what grows, in place of waiting for something and then
    looking whether it is all."""
    last = []

    def is_it():
        last[:] = [question()]
        return last[0] == answer

    until(is_it, seconds, lambda: f"{what or 'the answer'}: {last[0]!r} and not {answer!r}")


class Stopwatch:
    """with Stopwatch() as watch: …; watch.seconds"""

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.start
