"""What clients did and what they were told: one line an answer, written by Locust's process, read by `run`."""

import json
from collections import namedtuple

# op: take, extend, release, deliver, claim, place, read, list.  outcome: see answer.py; "unanswered" when the end came first.
# detail: of a claim that succeeded the orders and their numbers, [[order, claim], ...].
Entry = namedtuple("Entry", "op order taker outcome detail")

END = ["end"]


class Ledger:
    def __init__(self, folder):
        self.file = open(folder / "ledger", "w", encoding="utf-8")
        self.open = {}          # requests that are out: number -> (op, order, taker)
        self.number = 0

    def begin(self, op, order=None, taker=None):
        self.number += 1
        self.open[self.number] = (op, order, taker)
        return self.number

    def end(self, number, outcome, detail=None, order=None):
        op, asked, taker = self.open.pop(number)
        self._write([op, order if asked is None else asked, taker, outcome, detail])

    def close(self):
        for op, order, taker in self.open.values():
            self._write([op, order, taker, "unanswered", None])
        self._write(END)
        self.file.close()

    def _write(self, record):
        self.file.write(json.dumps(record) + "\n")


def read_ledger(folder):
    """All entries. A ledger that was not closed proves nothing."""
    with open(folder / "ledger", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    if not records or records[-1] != END:
        raise RuntimeError("Locust ended without closing its ledger")
    return [Entry(*record) for record in records[:-1]]
