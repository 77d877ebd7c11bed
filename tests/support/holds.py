"""Who held which order when, twice: by the journal that the tables keep, and by what couriers were told. What does not go
together is an AssertionError."""

import time

from support.wait import until

STALE = "Order is not held under this claim."
ENDS = {"release": "released", "deliver": "delivered"}


class Told:
    """What a courier asked for, and what came of it: "done", the words of the refusal, or "lost" when no answer came."""

    def __init__(self, kind, taker, order=None, claim=None, limit=1, near=None):
        """kind: claim, take, extend, release or deliver. claim: the acquisition that is meant, if it is said."""
        self.kind, self.taker, self.order, self.claim, self.limit, self.near = kind, taker, order, claim, limit, near
        self.asked, self.told = time.monotonic(), None
        self.outcome, self.got, self.tries = "lost", {}, 0      # got: {order: number of the acquisition, or None when it was not said}

    def answered(self, outcome, got=()):
        self.outcome, self.got, self.told = outcome, dict(got), time.monotonic()

    def __repr__(self):
        return f"<{self.kind} of {self.order or self.limit} by {self.taker}, claim {self.claim}: {self.outcome} {self.got}>"


class Hold:
    """One acquisition, by the journal. end: released, delivered, expired, or None while it lasts."""

    def __init__(self, order, claim, taker):
        self.order, self.claim, self.taker, self.end = order, claim, taker, None

    def __repr__(self):
        return f"<{self.order} by {self.taker}, claim {self.claim}: {self.end}>"


def replay(journal):
    """journal: (order, event, taker, claim) as they were written. {(order, taker): Hold}: each begins when the one before has
    ended, and has the next number. A taker is a name for one request."""
    holds, last = {}, {}
    for order, event, taker, claim in journal:
        before, words = last.get(order), f"order {order}: {event} by {taker}, claim {claim}, after {last.get(order)}"
        if event == "placed":
            assert order not in last and claim == 0, words
            last[order] = None
        elif event == "taken":
            assert order in last and (before is None or before.end in ("released", "expired")), words
            assert claim == (before.claim if before else 0) + 1 and (order, taker) not in holds, words
            last[order] = holds[order, taker] = Hold(order, claim, taker)
        else:
            assert before is not None and before.end is None and (before.taker, before.claim) == (taker, claim), words
            before.end = event
    return holds


def check_acquisitions(book, holds):
    """What was told is in the journal, and what is in the journal was told, unless the answer was lost; nobody got more than he
    asked for. The journal's numbers are put into the book."""
    kept = {}
    for hold in holds.values():
        kept.setdefault(hold.taker, {})[hold.order] = hold.claim
    for told in (told for told in book if told.kind in ("claim", "take")):
        mine = kept.pop(told.taker, {})
        if told.outcome == "lost":
            continue
        assert len(told.got) <= told.limit and (told.near or list(told.got) == sorted(told.got)), told
        assert set(told.got) == set(mine), f"{told}, but the journal has {mine}"
        assert all(claim in (None, mine[order]) for order, claim in told.got.items()), f"{told}, but the journal has {mine}"
        told.got = mine
    assert not kept, f"held by nobody who has asked: {kept}"


def check_ends(book, holds, ended):
    """ended: {(order, claim): when} of leases that have ended, or may have. What was told to be released or delivered is; who was
    told that he is late, is; and only such leases have expired."""
    for told in (told for told in book if told.kind not in ("claim", "take") and told.outcome != "lost"):
        hold = holds[told.order, told.taker]
        if told.outcome == STALE:
            assert (hold.order, hold.claim) in ended or (told.tries > 1 and hold.end == "released"), (told, hold)
            assert hold.end in ("expired", None) or told.tries > 1, (told, hold)
        else:
            assert told.outcome == "done" and hold.end == ENDS.get(told.kind, hold.end), (told, hold)
    for hold in holds.values():
        assert hold.end != "expired" or (hold.order, hold.claim) in ended, f"{hold}, whose lease had not ended"


def check_overlaps(book, holds, ended):
    """No two knew at one moment that they hold the same order: nobody was told so before the one before him had asked to release
    it, or his lease was ended. Behind check_acquisitions. How many changed hands that way?"""
    over, changed = dict(ended), 0
    for told in book:
        if told.kind == "release" and holds[told.order, told.taker].end == "released":
            over[told.order, holds[told.order, told.taker].claim] = told.asked
    for told in (told for told in book if told.kind in ("claim", "take") and told.outcome == "done"):
        for order, claim in told.got.items():
            if claim > 1 and (order, claim - 1) in over:
                assert told.told > over[order, claim - 1], f"{told} had order {order} while another held it"
                changed += 1
    return changed


def read_journal(database):
    """Events of one order are written under its lock, so their numbers are in order."""
    return database.query("SELECT order_id, event, taker, claim FROM order_events ORDER BY id")


def check_nothing_is_forgotten(api, database):
    """Whoever claims gets in the end all that is free, whatever became of those who had tried to take it."""
    def free():
        api.claim("the last one", limit=100)
        return database.query("SELECT id FROM orders WHERE status = 'UNASSIGNED'")

    until(lambda: free() == [], 20, lambda: f"{free()} are claimed")


def prove(journal, book, ended):
    """All of it; returns how many orders went from one who knew that he had it to the next."""
    holds = replay(journal)
    check_acquisitions(book, holds)
    check_ends(book, holds, ended)
    return check_overlaps(book, holds, ended)
