"""Customers and couriers who go on whatever happens, and keep a book that must agree with the database."""

import json
import random
import time
from functools import partial

from support.busy import Busy
from support.program import SLOW
from support.rawhttp import Connection, ProtocolError
from support.wait import until

LOSERS = ("Order is already taken.", "Order is currently occupied.")
OURS = 11       # the latitude from which its customers have things carried


class Attempt:
    """One request: when it began, how long it took, what came of it. outcome: a status, or "lost" when no answer came. got: the
    orders that were placed, taken or claimed."""

    def __init__(self, kind, order, taker):
        self.kind, self.order, self.taker = kind, order, taker
        self.began = time.monotonic()
        self.seconds = None
        self.outcome = None
        self.got = []
        self.error = ""
        self.retry_after = None

    def changed_nothing(self):
        """Whether it was told so."""
        return self.outcome == 400 or "nothing was changed" in self.error


class Traffic(Busy):
    """
    with Traffic(server, threads=8) as traffic: …faults…
    traffic.check(database, deadline=2)
    Every taker's name is used for one attempt only, so each row of the database leads to the attempt that made it.
    """

    def __init__(self, server, threads=8, pause=0.002, claims=0):
        """claims: which part of all requests are claims of up to three orders."""
        self.address = server.address
        self.pause, self.claims = pause, claims
        self.orders = [server.api.place() for _ in range(20)]
        self.attempts = [[] for _ in range(threads)]
        super().__init__(*(partial(self._run, number) for number in range(threads)))

    def flows(self, more=20, seconds=5):
        """Until that many requests that begin now have succeeded."""
        moment = time.monotonic()
        until(lambda: self.succeeded_since(moment) >= more, seconds, lambda: f"the traffic flows: {self.succeeded_since(moment)} of {more} succeeded")

    def all(self):
        return [attempt for book in self.attempts for attempt in list(book)]

    def succeeded_since(self, moment):
        return sum(1 for attempt in self.all() if attempt.outcome == 200 and attempt.began >= moment)

    # ---- the proof ----

    def check(self, database, deadline, slack=2, lost=0, least=20):
        """Some were served (`least` of them), nobody waited longer than the deadline, nobody got another answer than the contract
        allows, and the book agrees with the database: no order with two winners, each SUCCESS a TAKEN row, each TAKEN row
        and each order somebody who was not told that nothing was changed."""
        attempts = self.all()
        succeeded = sum(attempt.outcome == 200 for attempt in attempts)
        assert succeeded >= least, f"{succeeded} of {len(attempts)} requests succeeded: this proves nothing"
        slowest = max(attempts, key=lambda attempt: attempt.seconds)
        assert slowest.seconds < (deadline + slack) * (1 if SLOW == 1 else 1 + SLOW / 4), f"{slowest.kind} took {slowest.seconds:.2f} s: {slowest.outcome}"
        for attempt in attempts:
            if attempt.outcome == 400:
                assert attempt.kind == "take" and attempt.error in LOSERS, (attempt.kind, attempt.error)
            elif attempt.outcome == 503:
                assert attempt.retry_after is not None, "a 503 without Retry-After"
            else:
                assert attempt.outcome in (200, "lost"), (attempt.kind, attempt.outcome, attempt.error)
        assert sum(attempt.outcome == "lost" for attempt in attempts) <= lost, [a.error for a in attempts if a.outcome == "lost"][:3]

        by_taker = {attempt.taker: attempt for attempt in attempts if attempt.kind != "place"}
        winners = {}
        for attempt in by_taker.values():
            for order in attempt.got:
                assert order not in winners, f"order {order} has two winners: {winners[order]} and {attempt.taker}"
                winners[order] = attempt.taker
        assert winners, "nobody has won an order: this proves nothing"
        # in one statement, because what a server had sent before it was killed may still be committed
        found = database.query("SELECT o.id, o.status, o.taker, count(e.order_id), o.origin_lat = ? FROM orders o LEFT JOIN order_events e "
                               "ON e.order_id = o.id AND e.event = 'taken' GROUP BY o.id", OURS)
        taken = {order: taker for order, status, taker, *_ in found if status == "TAKEN"}
        for order, taker in winners.items():
            assert taken.get(order) == taker, f"{taker} was told SUCCESS for order {order}, which {taken.get(order)} holds"
        for order, taker in taken.items():
            attempt = by_taker[taker]
            assert attempt.order in (order, None) and (attempt.outcome != 200 or order in attempt.got), (order, taker, attempt.got)
            assert not attempt.changed_nothing(), f"{taker} holds order {order} and was told: {attempt.error}"
        placed = {order for attempt in attempts if attempt.kind == "place" for order in attempt.got}
        assert {row[0] for row in found} >= placed, "an order that was placed is missing"
        unknown = sum(attempt.kind == "place" and attempt.outcome != 200 and not attempt.changed_nothing() for attempt in attempts)
        extra = {row[0] for row in found if row[4]} - placed
        assert len(extra) <= unknown, f"{len(extra)} orders were placed by nobody, and {unknown} customers do not know"
        assert {order: events for order, _, _, events, _ in found if events} == {order: 1 for order in taken}

    # ---- details ----

    def _run(self, number):
        choice = random.Random(number)
        connection = None
        count = 0
        while not self.leaving.is_set():
            count += 1
            which = choice.random()
            if which < 0.3:
                attempt = Attempt("place", None, None)
                request = ("POST", "/orders", {"origin": [OURS, 2], "destination": [3, 4]})
            elif which < 0.3 + self.claims:
                attempt = Attempt("claim", None, f"t{number}-{count}")
                request = ("POST", "/orders/claim", {"taker": attempt.taker, "limit": 3})
            else:
                attempt = Attempt("take", choice.choice(self.orders[-60:]), f"t{number}-{count}")
                request = ("PATCH", f"/orders/{attempt.order}", {"status": "TAKEN", "taker": attempt.taker})
            try:
                if connection is None:
                    connection = Connection(self.address, 20)
                answer = connection.request(*request)
                attempt.outcome = answer.status
                attempt.retry_after = answer.header("Retry-After")
                document = json.loads(answer.body)
                if answer.status != 200:
                    attempt.error = document.get("error", "")
                elif attempt.kind == "claim":
                    attempt.got = [order["id"] for order in document]
                elif attempt.kind == "place":
                    attempt.got = [document["id"]]
                    self.orders += attempt.got
                else:
                    attempt.got = [attempt.order]
                if answer.closes:
                    connection.close()
                    connection = None
            except (OSError, ProtocolError, ValueError) as reason:
                attempt.outcome, attempt.error = "lost", repr(reason)
                if connection is not None:
                    connection.close()
                connection = None
            attempt.seconds = time.monotonic() - attempt.began
            self.attempts[number].append(attempt)
            time.sleep(self.pause)
        if connection is not None:
            connection.close()


def served_again(server, seconds=5):
    """Fails unless the server serves writes again within that time; returns how long it took."""
    began = time.monotonic()
    while True:
        try:
            if server.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}).status == 200:
                return time.monotonic() - began
        except (OSError, ProtocolError):
            pass
        server.alive()
        assert time.monotonic() - began < seconds * SLOW, f"not served again within {seconds * SLOW:g} s"
        time.sleep(0.02)
