"""Threads that are at work while a test does something else."""

import threading

from support.program import SLOW


class Busy:
    """
    class Takers(Busy): …
        super().__init__(*(partial(self.take, number) for number in range(4)))
    with Takers() as takers: …
    Each task is a thread, and ends when `leaving` is set, which the end of the block does.
    """

    def __init__(self, *tasks):
        self.leaving = threading.Event()
        self.threads = [threading.Thread(target=task, daemon=True) for task in tasks]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.leaving.set()
        for thread in self.threads:
            thread.join(30 * SLOW)
            assert not thread.is_alive(), "it hangs"
