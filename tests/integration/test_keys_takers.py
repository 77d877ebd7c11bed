"""What belongs to a key: its Idempotency-Keys, and with takers=own the orders that it takes."""

import pytest

from support.events import EventStream
from support.expect import problem, refused, succeeded
from support.keys import KeyFile, bearer, line
from support.rawhttp import Connection

pytestmark = pytest.mark.quick

ORDER = {"origin": ["50.456399", "12.707580"], "destination": ["59.436487", "24.747193"]}


@pytest.fixture
def server(serve, database, folder):
    """ann and bob speak for themselves, office for all; ann has two keys."""
    file = KeyFile(folder)
    file.write(line("ann", "orders takers=own"), line("ann", "orders takers=own", key="another-one-of-ann"), line("bob", "orders takers=own"), line("office", "orders messages"), line("other", "orders"))
    return serve("--api-keys", file.path, database=database)


def ask(server, name, method, target, body=None, **fields):
    with Connection(server.address) as connection:
        return connection.request(method, target, body, {**(bearer(name) if name else {}), **{key.replace("_", "-"): value for key, value in fields.items()}})


def place(server):
    return ask(server, "office", "POST", "/orders", ORDER).json()["id"]


def taker(server, order):
    return ask(server, "office", "GET", f"/orders/{order}").json()["taker"]


# ---- taking ----

def test_the_name_of_the_key_is_the_taker(server):
    one, two = place(server), place(server)
    succeeded(ask(server, "ann", "PATCH", f"/orders/{one}", {"status": "TAKEN"}))
    succeeded(ask(server, "ann", "PATCH", f"/orders/{two}", {"status": "TAKEN", "taker": "ann"}))
    assert taker(server, one) == taker(server, two) == "ann"
    succeeded(ask(server, "ann", "PATCH", f"/orders/{one}", {"status": "TAKEN"}))
    succeeded(ask(server, None, "PATCH", f"/orders/{one}", {"status": "DELIVERED"}, X_Api_Key="another-one-of-ann"))


@pytest.mark.parametrize("name", ["bob", "Ann", "ann ", "annx", "an", "*"])
def test_another_taker_is_403_and_changes_nothing(server, name):
    order = place(server)
    for status in ("TAKEN", "UNASSIGNED", "DELIVERED"):
        problem(ask(server, "ann", "PATCH", f"/orders/{order}", {"status": status, "taker": name}), 403, "taker must be ann")
    problem(ask(server, "ann", "POST", "/orders/claim", {"taker": name}), 403, "taker must be ann")
    assert taker(server, order) is None


def test_what_another_holds_is_the_others(server):
    order = place(server)
    succeeded(ask(server, "ann", "PATCH", f"/orders/{order}", {"status": "TAKEN"}))
    refused(ask(server, "bob", "PATCH", f"/orders/{order}", {"status": "TAKEN"}), "Order is already taken.")
    for status in ("UNASSIGNED", "DELIVERED"):
        assert "held by ann" in problem(ask(server, "bob", "PATCH", f"/orders/{order}", {"status": status}), 400)["error"]
    succeeded(ask(server, "office", "PATCH", f"/orders/{order}", {"status": "UNASSIGNED", "taker": "ann"}))


def test_what_was_taken_without_a_name_is_not_theirs(server):
    order = place(server)
    succeeded(ask(server, "office", "PATCH", f"/orders/{order}", {"status": "TAKEN"}))
    problem(ask(server, "ann", "PATCH", f"/orders/{order}", {"status": "DELIVERED"}), 400, "without a taker")


def test_conditions_and_leases_are_theirs_too(server):
    order = place(server)
    tag = ask(server, "ann", "GET", f"/orders/{order}").header("ETag")
    problem(ask(server, "ann", "PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "bob"}, If_Match=tag), 403)
    answer = ask(server, "ann", "PATCH", f"/orders/{order}", {"status": "TAKEN", "lease": 60}, If_Match=tag)
    assert answer.status == 200 and "claim" in answer.json() and taker(server, order) == "ann"


def test_claims(server):
    placed = [place(server), place(server)]
    assert [order["taker"] for order in ask(server, "ann", "POST", "/orders/claim", {"limit": 1}).json()] == ["ann"]
    assert [order["taker"] for order in ask(server, "bob", "POST", "/orders/claim", {"limit": 5, "near": [50, 12], "taker": "bob"}).json()] == ["bob"]
    assert [taker(server, order) for order in placed] == ["ann", "bob"]
    problem(ask(server, "office", "POST", "/orders/claim", {"limit": 1}), 400, "The member taker is missing.")


# ---- reading ----

def test_lists_by_taker(server):
    order = place(server)
    ask(server, "ann", "PATCH", f"/orders/{order}", {"status": "TAKEN"})
    free = place(server)
    for query in ("status=TAKEN", "status=TAKEN&taker=ann"):
        answer = ask(server, "ann", "GET", f"/orders?limit=5&{query}")
        assert [each["id"] for each in answer.json()] == [order] and "taker=ann" in answer.header("Link")
    assert ask(server, "bob", "GET", "/orders?limit=5&status=TAKEN").json() == []
    problem(ask(server, "bob", "GET", "/orders?limit=5&status=TAKEN&taker=ann"), 403, "taker must be bob")
    assert [each["id"] for each in ask(server, "ann", "GET", "/orders?limit=5&status=UNASSIGNED").json()] == [free]
    assert [each["id"] for each in ask(server, "ann", "GET", "/orders?limit=5&page=1").json()] == [free, order]
    problem(ask(server, "ann", "GET", "/orders?limit=5"), 400, "The query parameter page is missing.")
    problem(ask(server, "office", "GET", "/orders?limit=5&status=TAKEN"), 400, "taker")


def test_events_are_their_own_and_those_of_nobody(server):
    problem(ask(server, "ann", "GET", "/orders/events?taker=bob"), 403, "taker must be ann")
    with EventStream(server.address, headers=bearer("ann")).begun() as ann, EventStream(server.address, "?taker=ann", headers=bearer("ann")).begun() as only, \
            EventStream(server.address, headers=bearer("office")).begun() as office:
        one, two = place(server), place(server)
        ask(server, "bob", "PATCH", f"/orders/{one}", {"status": "TAKEN"})
        ask(server, "ann", "PATCH", f"/orders/{two}", {"status": "TAKEN"})
        assert [(event.kind, event.data["id"]) for event in office.take(4)] == [("placed", one), ("placed", two), ("taken", one), ("taken", two)]
        assert [(event.kind, event.data["id"]) for event in ann.take(3)] == [("placed", one), ("placed", two), ("taken", two)]
        assert [(event.kind, event.data["id"]) for event in only.take(1)] == [("taken", two)]


# ---- Idempotency-Key ----

def test_idempotency_keys_are_those_of_a_key(server):
    def send(name, body=ORDER, **fields):
        return ask(server, name, "POST", "/orders", body, Idempotency_Key="once-4711", **fields)

    first = send("office")
    assert send("office").body == first.body
    assert send("other").json()["id"] != first.json()["id"]
    assert send("ann").body == send(None, X_Api_Key="another-one-of-ann").body != first.body, "who replaces a key goes on"
    problem(send("office", {**ORDER, "origin": ["1", "2"]}), 422)
    assert send("bob", {**ORDER, "origin": ["1", "2"]}).status == 200


def test_a_claim_with_one_is_the_same_with_and_without_the_name(server):
    place(server), place(server)
    one = ask(server, "ann", "POST", "/orders/claim", {"limit": 1}, Idempotency_Key="c1")
    two = ask(server, "ann", "POST", "/orders/claim", {"limit": 1, "taker": "ann"}, Idempotency_Key="c1")
    assert one.json() == two.json() and len(one.json()) == 1
