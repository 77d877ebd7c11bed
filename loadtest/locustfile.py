"""
A day at the order desk: customers place, couriers fight over the same few orders, others claim the next ones for a time, an
admin pages through.

Started by `run`, which names a folder for the ledger in LOADTEST_FOLDER. Works with plain `locust -f` as well; the ledger is
then written to the current directory, and nothing is compared with the database.
"""

import itertools
import json
import os
import random
import sys
from collections import deque
from pathlib import Path

import gevent
from locust import FastHttpUser, between, events, task

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig.answer import EXPECTED, IN_DOUBT, describe, document, outcome  # noqa: E402
from rig.ledger import Ledger  # noqa: E402

FOLDER = Path(os.environ.get("LOADTEST_FOLDER", "."))
FAULT = os.environ.get("LOADTEST_FAULT") == "1"
RUN = f"{random.randrange(16**6):06x}"      # takers of one run are nobody's of another
NOWHERE = 1 << 40                           # an order that does not exist
HOT = 8                                     # orders that all couriers fight over
LEASE, LATE = 600, 1                        # seconds; of who will be in time, and of who will not
STATUSES = {"UNASSIGNED", "TAKEN", "DELIVERED"}

PATIENCE = 20                               # seconds for an answer, more than a server takes for a 503

ledger = stats = None


def whole(request):
    """A request in a greenlet of its own: Locust may end a user in the middle of it, and the answer still counts."""
    def method(*arguments, **named):
        return gevent.spawn(request, *arguments, **named).get()
    return method


class Board:
    """The few orders that all couriers look at, and those that come next."""

    def __init__(self):
        self.hot = []
        self.next = deque()

    def add(self, order):
        self.next.append(order)

    def pick(self):
        while len(self.hot) < HOT and self.next:
            self.hot.append(self.next.popleft())
        return random.choice(self.hot) if self.hot else None

    def drop(self, order):
        if order in self.hot:
            self.hot.remove(order)


board = Board()


@events.init.add_listener
def on_init(environment, **_):
    global ledger, stats
    ledger, stats = Ledger(FOLDER), environment.stats


@events.quit.add_listener
def on_quit(**_):
    """All users have stopped; their last answers may still be on their way."""
    with gevent.Timeout(PATIENCE, False):
        while ledger.open:
            gevent.sleep(0.01)
    ledger.close()
    total = stats.total
    failures = [f"{error.method} {error.name}: {error.error} (x{error.occurrences})" for error in stats.errors.values()]
    figures = {"requests": total.num_requests, "per_second": total.total_rps, "failures": failures,
               "p50_ms": total.get_response_time_percentile(0.5), "p99_ms": total.get_response_time_percentile(0.99)}
    (FOLDER / "figures").write_text(json.dumps(figures), encoding="utf-8")


class Client(FastHttpUser):
    abstract = True
    network_timeout = PATIENCE
    connection_timeout = PATIENCE
    wait_time = between(0.01, 0.1)

    @whole
    def patch_order(self, op, kind, order, status, taker=None, in_doubt=False, **more):
        """One PATCH: recorded, judged by what EXPECTED allows for that kind, and its outcome."""
        body = {"status": status} | ({} if taker is None else {"taker": taker}) | more
        number = ledger.begin(op, order, taker)
        with self.client.patch(f"/orders/{order}", json=body, name=f"/orders/[id] {op}", catch_response=True) as response:
            result, detail = outcome(response, FAULT, "lease" in more)
            if result != "unknown" and result not in EXPECTED[kind] and not (in_doubt and result in IN_DOUBT):
                detail = f"{op} ({kind}) of order {order} by {taker}: {describe(response)}"
                result = "success, unexpected" if result == "success" else "unexpected"
            ledger.end(number, result, detail)
            if result.endswith("unexpected"):
                response.failure(detail)
            else:
                response.success()
        return result

    @whole
    def get(self, path, name, op, check, order=None):
        """One GET: 200 and a body of which `check` does not complain, or it is unexpected. Returns the body or None."""
        number = ledger.begin(op, order)
        with self.client.get(path, name=name, catch_response=True) as response:
            body = document(response)
            if FAULT and response.status_code == 503:
                ledger.end(number, "unknown")
                response.success()
                return None
            complaint = describe(response) if response.status_code != 200 else check(body)
            if complaint:
                ledger.end(number, "unexpected", f"GET {path}: {complaint}")
                response.failure(complaint)
                return None
            ledger.end(number, "success")
            response.success()
            return body


class Customer(Client):
    weight = 2

    def on_start(self):
        """The orders that are free already are the first to be fought over."""
        if not board.hot and not board.next:
            page = self.get("/orders?page=1&limit=1000", "/orders?page", "list", check_list(1000)) or []
            for order in page:
                if order["status"] == "UNASSIGNED" and order["id"] not in board.next:
                    board.add(order["id"])

    @task
    def place(self):
        order = self.post_order()
        if order is not None:
            board.add(order)

    @whole
    def post_order(self):
        """One POST: recorded and judged. The id of the new order, or None."""
        origin = (random.uniform(-80, 80), random.uniform(-179, 179))
        destination = (origin[0] + random.uniform(-1, 1), origin[1] + random.uniform(-1, 1))
        body = {"origin": [f"{part:.6f}" for part in origin], "destination": [f"{part:.6f}" for part in destination]}
        number = ledger.begin("place")
        with self.client.post("/orders", json=body, name="/orders place", catch_response=True) as response:
            if FAULT and response.status_code == 503:
                ledger.end(number, "unknown")
                response.success()
                return None
            order = document(response)
            complaint = describe(response) if response.status_code != 200 else complain_of_placed(order)
            if complaint:
                ledger.end(number, "unexpected", f"POST /orders: {complaint}")
                response.failure(complaint)
                return None
            ledger.end(number, "success", order["distance"], order["id"])
            response.success()
        return order["id"]


class Named(Client):
    abstract = True
    numbers = itertools.count(1)

    def on_start(self):
        self.name = f"{RUN}-{next(Named.numbers)}"
        self.claims = itertools.count(1)

    def new_name(self):
        """One name a claim: so a second SUCCESS for one order is a second winner, or the holder who asked again."""
        return f"{self.name}-{next(self.claims)}"

    def ask(self, op, kind, order, status, taker, **more):
        """Occupied is not final, and with a name neither is a lost reply: ask again, a few times."""
        in_doubt = False
        for _ in range(5):
            result = self.patch_order(op, kind, order, status, taker, in_doubt, **more)
            if result != "occupied" and not (result == "unknown" and taker):
                return result
            in_doubt = in_doubt or result == "unknown"
            self.wait()
        return result


class Courier(Named):
    weight = 7

    @task(20)
    def fight(self):
        order = board.pick()
        if order is None:
            return
        taker = None if random.random() < 0.25 else self.new_name()
        result = self.ask("take", "take", order, "TAKEN", taker)
        if result == "success":
            board.drop(order)
            if taker or not FAULT:      # a lost reply to somebody without a name cannot be told from a refusal
                self.after_winning(order, taker)
        elif result in ("taken", "unknown"):
            board.drop(order)

    @task(1)
    def ask_for_nothing(self):
        self.patch_order("take", "take missing", NOWHERE + random.randrange(1000), "TAKEN", self.new_name())

    def after_winning(self, order, taker):
        dice = random.random()
        if dice < 0.35:
            if self.ask("release", "holder", order, "UNASSIGNED", taker) == "success":
                board.add(order)
        elif dice < 0.55:
            self.ask("deliver", "holder", order, "DELIVERED", taker)
        elif dice < 0.70:
            self.ask("take", "repeat" if taker else "repeat nameless", order, "TAKEN", taker)
        elif dice < 0.80:
            self.ask("release", "stranger", order, "UNASSIGNED", self.new_name())
        elif dice < 0.90:
            self.get(f"/orders/{order}", "/orders/[id]", "read", check_mine(order, taker), order)


class Claimer(Named):
    """Claims the next or the nearest ones for a time, and brings them under his claims; or comes too late, or not at all."""
    weight = 3

    @task
    def claim(self):
        taker, late = self.new_name(), random.random() < 0.3
        body = {"taker": taker, "limit": random.randint(1, 5), "lease": LATE if late else LEASE}
        if random.random() < 0.5:
            body["near"] = [random.uniform(-80, 80), random.uniform(-180, 180)]
        found = self.ask_for(body)
        if late and found:
            gevent.sleep(LATE * 1.2)
        for order, claim in found:
            if not late:
                self.bring(order, taker, claim)
            elif random.random() < 0.5:
                self.ask("deliver", "late", order, "DELIVERED", taker, claim=claim)

    def ask_for(self, body):
        """[(order, claim)] that he got. With a key a lost reply is no reason to stop: ask again, a few times."""
        for _ in range(5):
            found = self.post_claim(body)
            if found is not None:
                return found
            self.wait()
        return []

    @whole
    def post_claim(self, body):
        """One POST: recorded and judged. None: its reply is unknown."""
        number, key = ledger.begin("claim", None, body["taker"]), {"Idempotency-Key": body["taker"]}
        with self.client.post("/orders/claim", json=body, headers=key, name="/orders/claim", catch_response=True) as response:
            if FAULT and response.status_code == 503:
                ledger.end(number, "unknown")
                response.success()
                return None
            orders = document(response)
            complaint = describe(response) if response.status_code != 200 else complain_of_claimed(orders, body)
            if complaint:
                ledger.end(number, "unexpected", f"POST /orders/claim {body}: {complaint}")
                response.failure(complaint)
                return []
            found = [(order["id"], order["claim"]) for order in orders]
            ledger.end(number, "success", found)
            response.success()
        return found

    def bring(self, order, taker, claim):
        if random.random() < 0.3:
            self.ask("extend", "holder", order, "TAKEN", taker, claim=claim, lease=LEASE)
        if random.random() < 0.7:
            self.ask("deliver", "holder", order, "DELIVERED", taker, claim=claim)
        else:
            self.ask("release", "holder", order, "UNASSIGNED", taker, claim=claim)


class Admin(Client):
    weight = 1

    @task(3)
    def page_through(self):
        limit = random.choice((3, 20, 100))
        for page in range(1, 6):
            if self.get(f"/orders?page={page}&limit={limit}", "/orders?page", "list", check_list(limit)) is None:
                return

    @task(2)
    def page_by_key(self):
        before = None
        for _ in range(5):
            path = "/orders?page=1&limit=50" if before is None else f"/orders?limit=50&before={before}"
            found = self.get(path, "/orders?before", "list", check_list(50, before))
            if not found:
                return
            before = found[-1]["id"]

    @task(3)
    def read_one(self):
        order = board.pick()
        if order is not None:
            self.get(f"/orders/{order}", "/orders/[id]", "read", check_order(order), order)


def complain_of_placed(order):
    if not isinstance(order, dict) or set(order) != {"distance", "id", "status"}:
        return f"not a placed order: {order!r}"
    if type(order["id"]) is not int or type(order["distance"]) is not int or order["distance"] < 0:
        return f"id or distance is wrong: {order!r}"
    return None if order["status"] == "UNASSIGNED" else f"placed as {order['status']!r}"


def complain_of_claimed(orders, body):
    if not isinstance(orders, list) or len(orders) > body["limit"]:
        return "not a list of as many"
    ids, member = [order["id"] for order in orders], "distance_to_origin" if "near" in body else "id"
    if len(set(ids)) < len(ids) or orders != sorted(orders, key=lambda order: order[member]):
        return f"not each once, in order: {orders}"
    wrong = [order for order in orders if (order["status"], order["taker"]) != ("TAKEN", body["taker"]) or order["claim"] < 1
             or not order["lease_until"]]
    return f"not claimed: {wrong[0]!r}" if wrong else None


def check_list(limit, before=None):
    def check(orders):
        if not isinstance(orders, list) or len(orders) > limit:
            return f"not a list of at most {limit}"
        ids = [order["id"] for order in orders]
        if ids != sorted(set(ids), reverse=True):
            return f"not newest first, each once: {ids}"
        if before is not None and ids and ids[0] >= before:
            return f"{ids[0]} does not come before {before}"
        wrong = [order for order in orders if set(order) != {"distance", "id", "status"} or order["status"] not in STATUSES]
        return f"not an order: {wrong[0]!r}" if wrong else None
    return check


def check_order(order):
    def check(body):
        if not isinstance(body, dict) or body.get("id") != order or body.get("status") not in STATUSES:
            return f"not order {order}: {body!r}"
        return None
    return check


def check_mine(order, taker):
    """Who was told SUCCESS reads his own write, at once."""
    def check(body):
        complaint = check_order(order)(body)
        if complaint or (body["status"] == "TAKEN" and body.get("taker") == taker):
            return complaint
        return f"taken by {taker}, but read back as {body!r}"
    return check
