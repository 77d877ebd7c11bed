"""Orders against a model: hypothesis makes up what customers and couriers do and how the time passes, and each answer, list,
history and row is what the model below says."""

import datetime
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from support.expect import problem, refused, succeeded
from support.program import SANITIZED
from support.wait import until
from test_orders_near import metres

STORIES = int(os.environ.get("ROWLOCK_TEST_STORIES", "30" if SANITIZED else "60"))

TAKEN = "Order is already taken."
OCCUPIED = "Order is currently occupied."
STALE = "Order is not held under this claim."
NOT_TAKEN = "Order is not taken."
DELIVERED = "Order is already delivered."
MISSING = "Order does not exist."
NOWHERE = 1 << 60                   # an order that does not exist

PASSES = 1500                       # seconds, at a time
LEASES = (None, 1000, 2000, 4000)   # no sum of those above: who is late is so by minutes, and so is who is not
SLACK = 200                         # less than that is the time that the test itself takes

HOLDER = "who has it"

SPOTS = ((50.0, 10.0), (50.0, 10.01), (-33.9, 151.2), (64.0, -179.9), (64.0, 179.9))      # the last two are near one another
WITHIN = 100000                     # metres


class Order:
    """What docs/api/orders.md says of one."""

    def __init__(self, id, origin):
        self.id, self.origin, self.status, self.taker, self.released_by, self.claim, self.end = id, origin, "UNASSIGNED", None, None, 0, None
        self.late = False               # its lease has ended, and the sweep may not have been there yet
        self.events = [("placed", None, 0)]

    def __repr__(self):
        return f"<{self.id} {self.status} by {self.taker}, claim {self.claim}>"

    def is_free(self):
        return self.status == "UNASSIGNED"

    def refusal(self, claim):
        """Of what needs a holder, when there is none."""
        return NOT_TAKEN if claim is None else STALE

    def held(self, verb):
        return (f"Order is held by {self.taker}, who alone may {verb} it." if self.taker is not None else
                f"Order was taken without a taker, so only a request without one may {verb} it.")

    def acquire(self, taker, end):
        self.status, self.taker, self.released_by, self.end, self.late = "TAKEN", taker, None, end, False
        self.claim += 1
        self.events.append(("taken", taker, self.claim))

    # Each of these changes the order and returns None, or returns the words of the refusal.

    def take(self, taker, claim, end=None):
        if claim not in (None, self.claim):
            return STALE
        if self.is_free():
            return STALE if claim is not None else self.acquire(taker, end)
        if self.status == "DELIVERED":
            return TAKEN if claim is None else STALE
        if taker != self.taker or (taker is None and claim is None):
            return TAKEN
        self.end = max(filter(None, (self.end, end)), default=None)

    def release(self, taker, claim):
        if claim not in (None, self.claim):
            return STALE
        if self.status == "DELIVERED":
            return DELIVERED
        if self.is_free():
            return None if taker is not None and taker == self.released_by else self.refusal(claim)
        if taker != self.taker:
            return self.held("release")
        self.status, self.taker, self.released_by, self.end = "UNASSIGNED", None, taker, None
        self.events.append(("released", taker, self.claim))

    def deliver(self, taker, claim):
        if claim not in (None, self.claim):
            return STALE
        if self.is_free():
            return self.refusal(claim)
        if self.status == "DELIVERED":
            return None if taker is not None and taker == self.taker else DELIVERED
        if taker != self.taker:
            return self.held("deliver")
        self.status, self.end = "DELIVERED", None
        self.events.append(("delivered", taker, self.claim))

    def expire(self):
        self.events.append(("expired", self.taker, self.claim))
        self.status, self.taker, self.end, self.late = "UNASSIGNED", None, None, True

    def shown(self, late):
        """(status, taker) as reads have it before (late) and after the sweep."""
        return ("TAKEN", self.events[-1][1]) if late else (self.status, self.taker)


orders = Bundle("orders")
keys = Bundle("keys")
takers = st.sampled_from((HOLDER, HOLDER, "ann", "bob", None))
claims = st.sampled_from((None, None, 0, 0, -1, 1))         # so far from the current one
leases = st.sampled_from(LEASES)
limits = st.integers(1, 5)
spots = st.sampled_from(SPOTS)
ways = st.fixed_dictionaries({"taker": st.sampled_from(("ann", "bob")), "limit": limits}, optional={
    "lease": st.sampled_from(LEASES[1:]), "near": spots, "within": st.just(WITHIN)}).map(
        lambda body: body if "near" in body else {name: value for name, value in body.items() if name != "within"})
conditions = st.sampled_from((None, None, "*", "as it was read"))


class Machine(RuleBasedStateMachine):
    SHIFT = {"postgres": f"lease_until - interval '{PASSES} seconds'",
             "sqlite": f"strftime('%Y-%m-%dT%H:%M:%fZ', lease_until, '-{PASSES} seconds')"}

    numbers = iter(range(1 << 60))

    def __init__(self, api, db):
        super().__init__()
        self.api, self.db = api, db
        self.orders, self.now = {}, 0
        db.query("DELETE FROM orders")
        (self.before,), = db.query("SELECT coalesce(max(id), 0) FROM order_events")

    # ---- what is asked ----

    @initialize(target=orders)
    def begin(self):
        return self.place(SPOTS[0])

    @rule(target=orders, origin=spots)
    def place(self, origin):
        id = self.api.place(origin)
        assert id > max(self.orders, default=0)
        self.orders[id] = Order(id, origin)
        return self.orders[id]

    @rule(order=orders, taker=takers, claim=claims, lease=leases, condition=conditions)
    def take(self, order, taker, claim, lease, condition):
        self.change(order, "TAKEN", taker, claim, lease, condition)

    @rule(order=orders, taker=takers, lease=st.sampled_from(LEASES[1:]))
    def take_for_a_time(self, order, taker, lease):
        self.change(order, "TAKEN", taker, None, lease, None)

    @rule(order=orders, taker=takers, claim=claims, condition=conditions)
    def release(self, order, taker, claim, condition):
        self.change(order, "UNASSIGNED", taker, claim, None, condition)

    @rule(order=orders, taker=takers, claim=claims, condition=conditions)
    def deliver(self, order, taker, claim, condition):
        self.change(order, "DELIVERED", taker, claim, None, condition)

    @rule(status=st.sampled_from(("TAKEN", "UNASSIGNED", "DELIVERED")), taker=takers, claim=st.sampled_from((None, 0, 1)), any_of_them=st.booleans())
    def change_what_is_not_there(self, status, taker, claim, any_of_them):
        body = self.body(status=status, taker=taker, claim=claim)
        answer = self.api.patch(f"/orders/{NOWHERE}", body, {"If-Match": "*"} if any_of_them else {})
        problem(answer, 412) if any_of_them else refused(answer, MISSING)

    @rule(body=ways)
    def claim(self, body):
        self.claimed(self.api.post("/orders/claim", body), **body)

    @rule(target=keys, body=ways)
    def claim_with_a_key(self, body):
        key = {"Idempotency-Key": f"k{next(self.numbers)}"}
        answer = self.api.post("/orders/claim", body, key)
        self.claimed(answer, **body)
        return key, body, answer.body

    @rule(asked=keys)
    def claim_again(self, asked):
        key, body, first = asked
        answer = self.api.post("/orders/claim", body, key)
        assert (answer.status, answer.body) == (200, first), answer

    @rule(asked=keys, limit=st.integers(6, 9))
    def claim_something_else_with_that_key(self, asked, limit):
        key, body, _ = asked
        problem(self.api.post("/orders/claim", body | {"limit": limit}, key), 422)

    @rule()
    def time_passes(self):
        """The clock of the database is set forward, as leases see it."""
        self.db.query(f"UPDATE orders SET lease_until = {self.SHIFT[self.db.kind]} WHERE status = 'TAKEN' AND lease_until IS NOT NULL")
        self.now += PASSES
        for order in self.orders.values():
            if order.end is not None and order.end < self.now:
                order.expire()

    @rule()
    def the_sweep_comes(self):
        if any(order.late for order in self.orders.values()):
            until(lambda: self.swept() == {order.id for order in self.orders.values() if order.late}, 5, "the sweep")
            for order in self.orders.values():
                order.late = False

    # ---- what is read ----

    @rule(order=orders)
    def read(self, order):
        self.check_whole(order, self.api.get(f"/orders/{order.id}").json())

    @rule(order=orders, limit=limits)
    def read_history(self, order, limit):
        late = order.late
        told = self.pages(f"/orders/{order.id}/history?limit={limit}", limit)
        events = [(event["event"], event["taker"], event["claim"]) for event in reversed(told)]
        assert events == order.events or (late and events == order.events[:-1])
        for event in told:
            assert event["lease_until"] is None or event["event"] in ("taken", "expired")
            assert event["lease_until"] is not None or event["event"] != "expired"

    @rule(limit=limits)
    def list_all(self, limit):
        self.check_list(f"limit={limit}&before={(1 << 63) - 1}", limit, lambda status, taker: True)

    @rule(limit=limits)
    def list_what_is_free(self, limit):
        self.check_list(f"status=UNASSIGNED&limit={limit}", limit, lambda status, taker: status == "UNASSIGNED")

    @rule(limit=limits, whose=st.sampled_from(("ann", "bob")), which=st.sampled_from(("TAKEN", "DELIVERED", "UNASSIGNED")))
    def list_what_somebody_has(self, limit, whose, which):
        self.check_list(f"taker={whose}&status={which}&limit={limit}", limit, lambda status, taker: (status, taker) == (which, whose))

    def teardown(self):
        """All rows and events, whatever was read before."""
        rows = {id: tuple(row) for id, *row in self.db.query("SELECT id, status, taker, claim FROM orders")}
        assert set(rows) == set(self.orders)
        told = {order: [] for order in self.orders}
        for order, *event in self.db.query(f"SELECT order_id, event, taker, claim FROM order_events WHERE id > {self.before} ORDER BY id"):
            told[order].append(tuple(event))
        for order in self.orders.values():
            assert rows[order.id] in {(*order.shown(late), order.claim) for late in {False, order.late}}
            assert told[order.id] == order.events or (order.late and told[order.id] == order.events[:-1]), order.id

    # ---- details ----

    @staticmethod
    def body(**members):
        return {name: value for name, value in members.items() if value is not None}

    def change(self, order, status, taker, claim, lease, condition):
        taker = order.taker or order.released_by if taker is HOLDER else taker
        claim = None if claim is None else max(0, order.claim + claim)
        body = self.body(status=status, taker=taker, claim=claim, lease=lease)
        answer = self.ask(order, body, condition)
        refusal = (order.take(taker, claim, lease and self.now + lease) if status == "TAKEN" else
                   order.release(taker, claim) if status == "UNASSIGNED" else order.deliver(taker, claim))
        if refusal is not None:
            refused(answer, refusal)
        elif status == "TAKEN" and (lease or claim) is not None:
            told = answer.json()
            assert answer.status == 200 and list(told) == ["status", "claim", "lease_until"], answer
            assert told["claim"] == order.claim and told["status"] == "SUCCESS"
            self.check_end(order, told["lease_until"])
        else:
            succeeded(answer)

    def ask(self, order, body, condition):
        """Again when the sweep has just been at it."""
        answers = []

        def settled():
            headers = {} if condition is None else {"If-Match": condition if condition == "*" else self.api.get(f"/orders/{order.id}").header("ETag")}
            answers[:] = [self.api.patch(f"/orders/{order.id}", body, headers)]
            return not order.late or answers[0].status == 200 or not (answers[0].status == 412 or answers[0].json()["error"] == OCCUPIED)

        until(settled, 5, lambda: f"another answer than {answers}")
        return answers[0]

    def swept(self):
        """Of the late orders those that the sweep has been at."""
        late = [order.id for order in self.orders.values() if order.late]
        free = {id for id, in self.db.query("SELECT id FROM orders WHERE status = 'UNASSIGNED'")} if late else set()
        return free.intersection(late)

    def claimed(self, answer, taker, limit, lease=None, near=None, within=None):
        """The oldest, or the nearest; on PostgreSQL without those that the sweep is just at."""
        assert answer.status == 200, answer
        got = answer.json()
        ids = [whole["id"] for whole in got]
        passed = self.swept().difference(ids) if self.db.kind == "postgres" else set()
        due = [order for order in self.orders.values() if order.is_free()]
        if near is not None:
            away = {order.id: metres(near, order.origin) for order in due}
            due = sorted((order for order in due if within is None or away[order.id] <= within), key=lambda order: (away[order.id], order.id))
        allowed = ([order.id for order in due][:limit], [order.id for order in due if order.id not in passed][:limit])
        assert ids in allowed, (ids, allowed)
        for whole in got:
            order = self.orders[whole["id"]]
            order.acquire(taker, lease and self.now + lease)
            self.check_whole(order, whole)
            assert near is None or abs(whole["distance_to_origin"] - away[order.id]) < 1

    def check_whole(self, order, whole):
        allowed = [(*order.shown(late), order.claim) for late in {False, order.late}]
        assert whole["id"] == order.id and (whole["status"], whole["taker"], whole["claim"]) in allowed, (whole, allowed)
        if whole["status"] == order.status:
            self.check_end(order, whole["lease_until"])

    def check_end(self, order, told):
        assert (told is None) == (order.end is None), (told, order.end)
        if told is not None:
            left = datetime.datetime.fromisoformat(told.replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
            assert abs(left.total_seconds() - (order.end - self.now)) < SLACK, (told, order.end, self.now)

    def check_list(self, query, limit, belongs):
        told = self.pages(f"/orders?{query}", limit)
        ids = [brief["id"] for brief in told]
        assert ids == sorted(set(ids), reverse=True)
        for order in self.orders.values():
            answers = {belongs(*order.shown(late)) for late in {False, order.late}}
            assert (order.id in ids) in answers, (order.id, ids)
        assert set(ids) <= set(self.orders)
        for brief in told:
            order = self.orders[brief["id"]]
            assert brief["status"] in {order.shown(late)[0] for late in {False, order.late}}

    def pages(self, target, limit):
        """All that the links lead to."""
        found = []
        while target:
            answer = self.api.get(target)
            assert answer.status == 200, answer
            page = answer.json()
            found += page
            links = dict(reversed(link.strip().split("; ")) for link in answer.header("Link").split(","))
            target = links.get('rel="next"', "").strip("<>")
            assert len(page) == limit if target else len(page) <= limit
        return found


def test_orders_are_what_the_model_says(api, db):
    run_state_machine_as_test(lambda: Machine(api, db), settings=settings(
        max_examples=STORIES, stateful_step_count=40, suppress_health_check=list(HealthCheck)))
