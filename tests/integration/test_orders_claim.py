"""POST /orders/claim: the oldest free orders, each for one claim only; and the lists that show what is free and who has what."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from support.expect import problem, refused, succeeded
from support.rawhttp import Api
from support.wait import until
from test_orders_lease import let_the_lease_end

pytestmark = pytest.mark.quick


@pytest.fixture
def free(api, db):
    """Makes the orders of other tests disappear, and so many free ones."""
    db.query("DELETE FROM orders")
    return lambda count: [api.place() for _ in range(count)]


def ids(orders):
    return [order["id"] for order in orders]


# ---- one claim ----

def test_the_oldest_free_order_is_taken(api, db, free):
    orders = free(3)
    claimed, = api.claim("ann")
    assert claimed == api.get(f"/orders/{orders[0]}").json()
    assert (claimed["id"], claimed["status"], claimed["taker"], claimed["claim"], claimed["lease_until"]) == (orders[0], "TAKEN", "ann", 1, None)
    succeeded(api.take(orders[0], "ann"))
    refused(api.take(orders[0], "bob"), "Order is already taken.")


def test_as_many_as_asked_for_are_taken_oldest_first(api, free):
    orders = free(5)
    assert ids(api.claim("ann", limit=3)) == orders[:3]
    assert ids(api.claim("ann", limit=3)) == orders[3:]
    assert api.claim("ann", limit=3) == []


def test_none_is_an_empty_array(api, free):
    free(0)
    answer = api.post("/orders/claim", {"taker": "ann"})
    assert (answer.status, answer.body) == (200, b"[]")


def test_taken_and_delivered_orders_are_not_claimed(api, free):
    orders = free(4)
    succeeded(api.take(orders[0], "bob"))
    succeeded(api.take(orders[1], "bob"))
    succeeded(api.deliver(orders[1], "bob"))
    assert ids(api.claim("ann", limit=9)) == orders[2:]


def test_a_released_order_is_as_old_as_it_was(api, free):
    orders = free(3)
    api.claim("ann")
    succeeded(api.release(orders[0], "ann"))
    assert ids(api.claim("bob", limit=2)) == orders[:2]


def test_a_leased_claim_says_until_when(api, free):
    free(2)
    claimed = api.claim("ann", limit=2, lease=60)
    assert [order["claim"] for order in claimed] == [1, 1] and all(order["lease_until"] for order in claimed)
    for order in claimed:
        assert api.get(f"/orders/{order['id']}").json() == order
        refused(api.release(order["id"], "ann", claim=2), "Order is not held under this claim.")
        succeeded(api.deliver(order["id"], "ann", claim=1))


def test_what_has_expired_is_claimed_at_once_and_in_its_place(api, db, free):
    orders = free(4)
    api.claim("ann", limit=3, lease=60)
    succeeded(api.release(orders[0], "ann"))
    let_the_lease_end(db, orders[1])
    claimed = api.claim("bob", limit=9, lease=60)
    assert ids(claimed) == [orders[0], orders[1], orders[3]]
    assert [order["claim"] for order in claimed] == [2, 2, 1]
    refused(api.deliver(orders[1], "ann", claim=1), "Order is not held under this claim.")
    events = [(event["event"], event["taker"], event["claim"]) for event in api.get(f"/orders/{orders[1]}/history").json()]
    assert events == [("taken", "bob", 2), ("expired", "ann", 1), ("taken", "ann", 1), ("placed", None, 0)]


def test_of_what_has_expired_no_more_is_claimed_than_was_asked_for(api, db, free):
    orders = free(5)
    api.claim("ann", limit=3, lease=60)
    for order in orders[:3]:
        let_the_lease_end(db, order)
    assert ids(api.claim("bob", limit=2)) == orders[:2]
    assert ids(api.claim("bob", limit=2)) == orders[2:4]
    assert ids(api.claim("bob", limit=2)) == orders[4:]


@pytest.mark.parametrize("member, value", [("limit", 0), ("limit", 101), ("limit", "1"), ("limit", 1.5), ("limit", None), ("lease", 0),
                                           ("lease", 86401), ("taker", ""), ("taker", 7), ("taker", "x" * 201), ("nonsense", 1)])
def test_what_is_not_right_is_refused_by_name(api, member, value):
    problem(api.post("/orders/claim", {"taker": "ann"} | {member: value}), 400, member)


def test_somebody_must_claim(api):
    problem(api.post("/orders/claim", {}), 400, "taker")


def test_claim_is_no_order(api):
    problem(api.get("/orders/claim"), 400, "id") if api.get("/orders/claim").status == 400 else problem(api.get("/orders/claim"), 405)


# ---- many at once ----

def crowd(server, claims):
    """What each of claims got, all at once, each on a connection of its own."""
    start = threading.Barrier(len(claims))

    def one(claim):
        start.wait(30)
        return Api(server.address).claim(**claim)

    with ThreadPoolExecutor(len(claims)) as pool:
        return list(pool.map(one, claims))


def test_no_order_has_two_takers_and_no_taker_more_than_he_asked_for(server, api, db, free):
    free(100)
    claims = [{"taker": f"c{number}", "limit": number % 5 + 1} for number in range(60)]
    got = crowd(server, claims)
    everything = [order for orders in got for order in orders]
    assert sorted(ids(everything)) == sorted(set(ids(everything))) and len(everything) == 100
    for claim, orders in zip(claims, got):
        assert len(orders) <= claim["limit"]
        assert all(order["taker"] == claim["taker"] for order in orders)
        assert ids(orders) == sorted(ids(orders))
    assert db.query("SELECT id, taker FROM orders ORDER BY id") == sorted((order["id"], order["taker"]) for order in everything)
    assert db.query("SELECT count(*), count(DISTINCT order_id) FROM order_events WHERE event = 'taken' AND order_id IN (SELECT id FROM orders)") == [(100, 100)]


def test_claims_and_takes_by_id_share_what_there_is(server, db, free):
    orders = free(60)
    start = threading.Barrier(40)

    def one(number):
        api = Api(server.address)
        start.wait(30)
        if number % 2:
            return ids(api.claim(f"c{number}", limit=3))
        return [order for order in orders[number::20] if api.take(order, f"c{number}").status == 200]

    with ThreadPoolExecutor(40) as pool:
        got = list(pool.map(one, range(40)))
    everything = [order for taken in got for order in taken]
    assert len(everything) == len(set(everything))
    assert db.query("SELECT id, taker FROM orders WHERE status = 'TAKEN' ORDER BY id") == \
        sorted((order, f"c{number}") for number, taken in enumerate(got) for order in taken)


@pytest.mark.parametrize("shared", ["postgres"], indirect=True)
def test_who_claims_passes_by_what_another_has_locked(api, db, free):
    orders = free(3)
    with closing(db.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM orders WHERE id = %s FOR UPDATE", (orders[0],))
        assert ids(api.claim("ann", limit=2)) == orders[1:]
        assert api.claim("ann") == []
    until(lambda: ids(api.claim("ann")) == orders[:1], 3, "it is free again")


# ---- with an Idempotency-Key ----

def key(name):
    return {"Idempotency-Key": name}


def test_a_claim_whose_answer_was_lost_says_the_same_orders_again(api, free):
    orders = free(4)
    first = api.post("/orders/claim", {"taker": "ann", "limit": 2, "lease": 60}, key("same"))
    again = api.post("/orders/claim", {"taker": "ann", "limit": 2, "lease": 60}, key("same"))
    assert first.status == 200 and first.body == again.body and ids(first.json()) == orders[:2]
    assert first.json()[0] == api.get(f"/orders/{orders[0]}").json()
    succeeded(api.deliver(orders[0], "ann", claim=1))
    assert api.post("/orders/claim", {"taker": "ann", "limit": 2, "lease": 60}, key("same")).body == first.body
    assert ids(api.claim("ann", key("another"), limit=2, lease=60)) == orders[2:]


def test_coordinates_keep_their_digits_in_the_answer_of_a_key(api, free):
    free(0)
    order = api.place((0.1 + 0.2, -1 / 3), (2 / 3, 179.99999999999997))
    claimed, = api.claim("ann", key("digits"))
    assert claimed == api.get(f"/orders/{order}").json()


def test_a_claim_that_found_none_says_so_again(api, free):
    free(0)
    assert api.claim("ann", key("none")) == []
    free(1)
    assert api.claim("ann", key("none")) == []
    assert len(api.claim("ann", key("one"))) == 1


def test_a_key_of_another_claim_is_refused(api, free):
    free(3)
    assert len(api.claim("ann", key("used"))) == 1
    for other in ({"taker": "bob"}, {"taker": "ann", "limit": 2}, {"taker": "ann", "lease": 5}):
        problem(api.post("/orders/claim", other, key("used")), 422)
    assert len(api.claim("bob", limit=9)) == 2


def test_what_has_expired_is_claimed_by_a_key_as_well(api, db, free):
    orders = free(3)
    api.claim("ann", limit=2, lease=60)
    let_the_lease_end(db, orders[1])
    assert [(order["id"], order["claim"]) for order in api.claim("bob", key("late"), limit=5, lease=60)] == [(orders[1], 2), (orders[2], 1)]


def test_claims_of_one_key_at_once_get_the_same(server, db, free):
    free(40)
    start = threading.Barrier(24)

    def one(number):
        start.wait(30)
        return Api(server.address).claim(f"c{number % 6}", key(f"k{number % 6}"), limit=3)

    with ThreadPoolExecutor(24) as pool:
        got = list(pool.map(one, range(24)))
    for number in range(6):
        assert all(got[other] == got[number] for other in range(number, 24, 6)) and len(got[number]) == 3
    assert db.query("SELECT count(*) FROM orders WHERE status = 'TAKEN'") == [(18,)]


# ---- lists ----

def pages(api, target):
    """The ids of all pages, by the links."""
    found = []
    while target:
        answer = api.get(target)
        assert answer.status == 200, answer
        found.append(ids(answer.json()))
        links = dict(reversed(link.strip().split("; ")) for link in answer.header("Link").split(","))
        target = links.get('rel="next"', "").strip("<>")
    return found


def test_free_orders_are_listed_newest_first(api, free):
    orders = free(5)
    succeeded(api.take(orders[3], "ann"))
    assert pages(api, "/orders?status=UNASSIGNED&limit=2") == [[orders[4], orders[2]], [orders[1], orders[0]]]
    assert api.get("/orders?status=UNASSIGNED&limit=1").json()[0].keys() == {"distance", "id", "status"}


def test_what_somebody_holds_and_has_delivered_is_listed(api, free):
    orders = free(6)
    name = "ann & bob/ü?"
    for order in orders[:5]:
        succeeded(api.take(order, name))
    succeeded(api.deliver(orders[1], name))
    succeeded(api.take(orders[5], "ann"))
    taker = "ann%20%26%20bob%2F%C3%BC%3F"
    assert pages(api, f"/orders?taker={taker}&status=TAKEN&limit=3") == [[orders[4], orders[3], orders[2]], [orders[0]]]
    assert pages(api, f"/orders?taker={taker}&status=DELIVERED&limit=3") == [[orders[1]]]
    assert pages(api, f"/orders?taker={taker}&status=UNASSIGNED&limit=3") == [[]]
    assert ids(api.get("/orders?taker=ann&status=TAKEN&limit=3").json()) == [orders[5]]


@pytest.mark.parametrize("query, named", [("taker=ann&limit=3", "status"), ("status=TAKEN&limit=3", "taker"), ("status=NONE&limit=3", "status"),
                                          ("taker=ann&status=TAKEN&limit=3&page=1", "page"), ("taker=ann&status=TAKEN", "limit"),
                                          ("status=UNASSIGNED&limit=3&page=1", "page"), ("taker=&status=TAKEN&limit=3", "taker")])
def test_what_does_not_go_together_is_refused_by_name(api, query, named):
    problem(api.get(f"/orders?{query}"), 400, named)


def test_the_history_of_an_order_is_told_newest_first_and_in_pages(api, db, free):
    order, = free(1)
    for _ in range(3):
        succeeded(api.take(order, "ann"))
        succeeded(api.release(order, "ann"))
    events = api.get(f"/orders/{order}/history").json()
    assert [event["event"] for event in events] == ["released", "taken"] * 3 + ["placed"]
    assert [event["claim"] for event in events] == [3, 3, 2, 2, 1, 1, 0]
    assert events[0].keys() == {"id", "event", "taker", "claim", "lease_until", "at"}
    assert pages(api, f"/orders/{order}/history?limit=4") == [ids(events)[:4], ids(events)[4:]]
    db.query("DELETE FROM orders WHERE id = ?", order)
    assert api.get(f"/orders/{order}/history").json()[0]["event"] == "deleted"


def test_the_history_of_no_order_is_empty(api):
    assert api.get("/orders/999999999/history").json() == []
