"""Takers, claimers, releasers, expiries and extenders at once: whoever holds an order held it alone, and each number was one
acquisition's."""

import itertools
import os
import random
import time
from functools import partial

import pytest

from support.busy import Busy
from support.holds import STALE, Told, check_nothing_is_forgotten, prove, read_journal, replay
from support.program import SANITIZED
from support.rawhttp import Api
from support.wait import until
from test_orders_lease import PASSED

CHANGES = int(os.environ.get("ROWLOCK_TEST_CHANGES", "100" if SANITIZED else "600"))        # acquisitions
SPOTS = ((50, 10), (50, 10.01), (-33.9, 151.2), (64, 180))
OCCUPIED = "Order is currently occupied."


class Couriers(Busy):
    """They claim the next or the nearest and take by number, for a time or not, and then extend, release or deliver, or are late; a customer
    places orders; and now and then the lease of an order is made to end."""

    def __init__(self, addresses, database, count):
        self.addresses, self.database = addresses, database
        self.orders = [Api(addresses[0]).place(SPOTS[number % 4]) for number in range(40)]
        self.book, self.ended = [], {}
        super().__init__(*(partial(self._courier, number) for number in range(count)), self._customer, self._clock)

    # ---- threads ----

    def _courier(self, number):
        choice = random.Random(number)
        api = Api(self.addresses[number % len(self.addresses)])
        for turn in itertools.count():
            if self.leaving.is_set():
                return
            taker, lease = f"c{number}-{turn}", choice.choice(({}, {"lease": 300}))
            near = choice.choice(({}, {"near": choice.choice(SPOTS)}))
            told = (self._claim(api, taker, choice.randint(1, 5), lease | near) if choice.random() < 0.5 else
                    self._take(api, taker, choice.choice(self.orders), lease))
            for order, claim in told.got.items():
                self._use(api, choice, taker, order, claim, lease)

    def _customer(self):
        api, choice = Api(self.addresses[0]), random.Random(98)
        while not self.leaving.wait(0.05):
            self.orders.append(api.place(choice.choice(SPOTS)))

    def _clock(self):
        """Ends the lease of an order that somebody holds, and notes which acquisition that was."""
        passed = PASSED[self.database.kind]
        while not self.leaving.wait(0.002):
            moment = time.monotonic()
            for order, claim in self.database.query(
                    f"UPDATE orders SET lease_until = {passed} WHERE lease_until > {passed} AND id IN (SELECT id FROM orders "
                    f"WHERE status = 'TAKEN' AND lease_until > {passed} ORDER BY random() LIMIT 1) RETURNING id, claim"):
                self.ended[order, claim] = moment

    # ---- what a courier does ----

    def _note(self, told, ask):
        """Asks until somebody else is not at it in that moment."""
        while True:
            answer = ask()
            document = answer.json()
            if answer.status != 400 or document["error"] != OCCUPIED:
                break
        assert answer.status in (200, 400), answer
        got = {}
        if answer.status == 200 and told.kind == "claim":
            got = {order["id"]: order["claim"] for order in document}
        elif answer.status == 200 and told.kind == "take":
            got = {told.order: document.get("claim")}
        told.answered("done" if answer.status == 200 else document["error"], got)
        self.book.append(told)
        return told

    def _claim(self, api, taker, limit, how):
        return self._note(Told("claim", taker, limit=limit, near=how.get("near")),
                          lambda: api.post("/orders/claim", {"taker": taker, "limit": limit} | how))

    def _take(self, api, taker, order, lease):
        return self._note(Told("take", taker, order), lambda: api.take(order, taker, **lease))

    def _change(self, kind, taker, order, fence, change):
        return self._note(Told(kind, taker, order, fence.get("claim")), lambda: change(order, taker, **fence))

    def _use(self, api, choice, taker, order, claim, lease):
        fence = {} if claim is None else {"claim": claim}
        if lease and choice.random() < 0.3:
            self._change("extend", taker, order, fence | {"lease": 600}, api.take)
        if lease and choice.random() < 0.3:
            time.sleep(choice.random() * 0.1)       # his lease may be made to end
        if choice.random() < 0.1:
            self._change("deliver", taker, order, fence, api.deliver)
        elif not lease or choice.random() < 0.9:    # else he never comes back
            self._change("release", taker, order, fence, api.release)


def acquired(couriers):
    return sum(len(told.got) for told in list(couriers.book))


@pytest.mark.parametrize("servers", [1, 2])
def test_takers_claimers_releasers_extenders_and_expiries_at_once(serve, database, servers):
    addresses = [serve(database=database).address for _ in range(servers)]
    with Couriers(addresses, database, 12) as couriers:
        until(lambda: acquired(couriers) > CHANGES and len(couriers.ended) > CHANGES // 20, 30 + CHANGES / 100,
              lambda: f"{acquired(couriers)} acquisitions, {len(couriers.ended)} ended leases")
    assert prove(read_journal(database), couriers.book, couriers.ended) > CHANGES // 10
    check_nothing_is_forgotten(Api(addresses[0]), database)
    outcomes = {(told.kind, told.outcome) for told in couriers.book}
    assert outcomes >= {(kind, "done") for kind in ("claim", "take", "extend", "release", "deliver")} | {("release", STALE)}, outcomes


# ---- what the proof is worth: lies that it must find ----

PLACED, ANN, BOB = (1, "placed", None, 0), (1, "taken", "ann", 1), (1, "taken", "bob", 2)


@pytest.mark.plain
@pytest.mark.quick
@pytest.mark.parametrize("journal", [
    [PLACED, ANN, BOB], [PLACED, ANN, (1, "delivered", "ann", 1), BOB], [PLACED, ANN, (1, "released", "ann", 1), (1, "taken", "bob", 1)],
    [PLACED, ANN, (1, "released", "ann", 1), (1, "taken", "bob", 3)], [PLACED, ANN, (1, "released", "bob", 1)],
    [PLACED, ANN, (1, "expired", "ann", 2)], [PLACED, (1, "released", "ann", 0)], [ANN], [PLACED, PLACED],
    [PLACED, ANN, (1, "released", "ann", 1), (1, "expired", "ann", 1)]])
def test_a_journal_that_cannot_be_is_found(journal):
    with pytest.raises(AssertionError):
        replay(journal)


def told(kind, taker, outcome="done", got=(), order=1, claim=None, limit=1):
    entry = Told(kind, taker, order, claim, limit)
    entry.answered(outcome, got)
    return entry


ENDED = {(1, 1): 0}
LIES = {
    "true": ([PLACED, ANN, (1, "expired", "ann", 1), BOB], [told("take", "ann", got={1: 1}), told("claim", "bob", got={1: 2})], ENDED, True),
    "a claim that is not there": ([PLACED], [told("claim", "ann", got={1: 1})], {}, False),
    "a claim that nobody was told of": ([PLACED, ANN], [told("claim", "ann")], {}, False),
    "a claim of somebody who never asked": ([PLACED, ANN], [], {}, False),
    "a claim whose answer was lost": ([PLACED, ANN], [told("claim", "ann", "lost")], {}, True),
    "more than asked for": ([PLACED, (2, "placed", None, 0), ANN, (2, "taken", "ann", 1)], [told("claim", "ann", got={1: 1, 2: 1})], {}, False),
    "another number": ([PLACED, ANN], [told("claim", "ann", got={1: 2})], {}, False),
    "refused and held": ([PLACED, ANN], [told("take", "ann", "Order is already taken.")], {}, False),
    "delivered and not so": ([PLACED, ANN], [told("take", "ann", got={1: 1}), told("deliver", "ann", claim=1)], {}, False),
    "late and not so": ([PLACED, ANN], [told("take", "ann", got={1: 1}), told("deliver", "ann", STALE, claim=1)], {}, False),
    "expired and not late": ([PLACED, ANN, (1, "expired", "ann", 1)], [told("take", "ann", got={1: 1})], {}, False),
    "two at a time": ([PLACED, ANN, (1, "expired", "ann", 1), BOB], [told("take", "ann", got={1: 1}), told("claim", "bob", got={1: 2})],
                      {(1, 1): time.monotonic() + 3600}, False),
}


@pytest.mark.plain
@pytest.mark.quick
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found(lie):
    journal, book, ended, is_true = LIES[lie]
    found = []
    try:
        prove(journal, book, ended)
    except AssertionError as reason:
        found.append(reason)
    assert (found == []) == is_true, found
