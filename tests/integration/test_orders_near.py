"""POST /orders/claim with near: the nearest free orders, compared with what a plain search through all of them finds."""

import math
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.expect import problem, refused, succeeded
from support.plans import statements
from support.rawhttp import Api
from test_orders_claim import crowd, ids, key
from test_orders_lease import let_the_lease_end

pytestmark = pytest.mark.quick

EARTH_RADIUS = 6371008.8
HALF_ROUND = math.pi * EARTH_RADIUS
WITHIN_MAX = 20100000


# ---- the plain search ----

def vector(point):
    lat, lng = map(math.radians, point)
    return math.cos(lat) * math.cos(lng), math.cos(lat) * math.sin(lng), math.sin(lat)


def metres(one, other):
    """By the angle between two vectors, which is exact for all angles; not by the haversine."""
    (a, b, c), (x, y, z) = vector(one), vector(other)
    return EARTH_RADIUS * math.atan2(math.hypot(b * z - c * y, c * x - a * z, a * y - b * x), a * x + b * y + c * z)


def unsure(distance):
    """How far a haversine may be off: it says little of the place at the other end of the earth."""
    return 0.5 if distance > HALF_ROUND - 50000 else 0.001


def judge(free, near, limit, within, got):
    """Whether got, the answer of a claim, is what a search through free, {id: point}, finds."""
    found = sorted(metres(near, point) for point in free.values())
    least, most = (sum(distance <= within + sign * unsure(distance) for distance in found) for sign in (-1, 1))
    assert min(limit, least) <= len(got) <= min(limit, most)
    assert len(set(ids(got))) == len(got) and set(ids(got)) <= set(free)
    for order, wanted in zip(got, found):
        distance = metres(near, free[order["id"]])
        assert abs(distance - wanted) <= 2 * unsure(distance), (order, wanted)
        assert abs(order["distance_to_origin"] - distance) <= 0.5 + unsure(distance), (order, distance)
        assert order["origin"] == list(free[order["id"]])


@pytest.fixture
def place(db):
    """Makes the orders of other tests disappear, and free ones at these points: {id: point}."""
    def place(points):
        db.query("DELETE FROM orders")
        for first in range(0, len(points), 500):
            db.query("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES "
                     + ", ".join(f"({lat!r}, {lng!r}, 0.0, 0.0, 1)" for lat, lng in points[first:first + 500]))
        return {order: (lat, lng) for order, lat, lng in db.query("SELECT id, origin_lat, origin_lng FROM orders ORDER BY id")}
    return place


def claim(api, near, limit=1, within=None, **more):
    return api.claim("ann", near=[str(near[0]), str(near[1])], limit=limit, **({} if within is None else {"within": within}), **more)


# ---- points ----

def anywhere(dice):
    return math.degrees(math.asin(dice.uniform(-1, 1))), dice.uniform(-180, 180)


def around(dice, centre, spread):
    """Within so many degrees, over the pole and the 180th meridian when it comes to that."""
    lat, lng = centre[0] + dice.gauss(0, spread), centre[1] + dice.gauss(0, spread)
    if abs(lat) > 90:
        lat, lng = math.copysign(180 - abs(lat), lat), lng + 180
    return lat, (lng + 180) % 360 - 180


def towns(dice):
    centres = [anywhere(dice) for _ in range(5)]
    return [around(dice, dice.choice(centres), dice.choice((0.0002, 0.01, 0.3))) for _ in range(1200)]


def poles(dice):
    return [around(dice, (dice.choice((90, -90)), dice.uniform(-180, 180)), dice.choice((0.00001, 0.01, 2))) for _ in range(600)] + \
        [(pole, lng) for pole in (90.0, -90.0) for lng in (-180.0, -90.0, 0.0, 77.7, 180.0)]


def meridian(dice):
    return [around(dice, (dice.uniform(-60, 60), 180), dice.choice((0.0001, 0.1, 5))) for _ in range(600)] + \
        [(lat, lng) for lat in (0.0, 10.0, -10.0) for lng in (-180.0, 180.0)]


def doors(dice):
    """Few points with many orders each, some of them side by side."""
    points = [around(dice, (52.5, 13.4), 0.05) for _ in range(12)]
    points += [(lat + 1e-7, lng) for lat, lng in points[:4]]
    return [dice.choice(points) for _ in range(800)]


def corners(dice):
    """Where cells meet, and as far away from there as can be."""
    edges = [0.0, 45.0, 90.0, 135.0, 180.0, -45.0, -90.0, -135.0, -180.0]
    return [(lat + dice.choice((0, 1e-9, -1e-9, 0.001)), lng) for lat in (0.0, 30.0, 45.0, -45.0, -30.0) for lng in edges for _ in range(4)]


WORLDS = {"anywhere": lambda dice: [anywhere(dice) for _ in range(1500)], "towns": towns, "poles": poles, "meridian": meridian,
          "doors": doors, "corners": corners}


def wishes(dice, points):
    """Where claims are made from: at orders, beside them, opposite of them, anywhere."""
    at = dice.choice(points)
    return dice.choice((at, around(dice, at, 0.001), around(dice, at, 1), (-at[0], at[1] - math.copysign(180, at[1])), anywhere(dice),
                        (90, 0), (-90, 120), (0, 180), (0, -180)))


def bounds(dice, free, near):
    nearest = min((metres(near, point) for point in free.values()), default=0)
    return dice.choice((None, None, None, 0, int(nearest), int(nearest) + 1, int(10 ** dice.uniform(0, 7.3)), WITHIN_MAX))


# ---- one claim after the other ----

@pytest.mark.parametrize("world", WORLDS)
def test_claims_get_what_a_search_through_all_orders_finds(api, place, world):
    dice = random.Random(world)
    points = WORLDS[world](dice)
    free = place(points)
    for _ in range(50):
        near = wishes(dice, points)
        limit, within = dice.choice((1, 1, 1, 2, 5, 30, 100)), bounds(dice, free, near)
        got = claim(api, near, limit, within)
        judge(free, near, limit, math.inf if within is None else within, got)
        for order in ids(got):
            del free[order]


def test_the_last_ones_are_found_from_the_other_end_of_the_earth(api, place):
    free = place([(52.5, 13.4), (52.6, 13.5), (-52.5, -166.6)])
    assert ids(claim(api, (-52.5, -166.6), 100)) == [list(free)[2], list(free)[1], list(free)[0]]
    assert claim(api, (0, 0), 100) == []


def test_none_is_an_empty_array(api, place):
    place([])
    answer = api.post("/orders/claim", {"taker": "ann", "near": [1, 2], "limit": 100})
    assert (answer.status, answer.body) == (200, b"[]")


def test_at_one_point_the_oldest_come_first(api, place):
    orders = list(place([(1.0, 2.0)] * 7))
    assert ids(claim(api, (1, 2))) == orders[:1]
    assert ids(claim(api, (5, 5), 3)) == orders[1:4]
    assert ids(claim(api, (1, 2), 100)) == orders[4:]


@pytest.mark.parametrize("near, other", [((0, 180), (0, -180)), ((10, -180), (10, 180)), ((90, 0), (90, 123.4)), ((-90, -77), (-90, 180)),
                                         ((0.0, 0.0), (-0.0, -0.0))], ids=str)
def test_names_of_one_place_are_no_way_apart(api, place, near, other):
    place([other])
    assert [order["distance_to_origin"] for order in claim(api, near, within=0)] == [0]


def test_within_is_a_border(api, place):
    order, = place([(0.0, 1.0)])          # a degree is 111 195.08 m
    assert claim(api, (0, 0), within=0) == claim(api, (0, 0), within=111195) == []
    got, = claim(api, (0, 0), within=111196)
    assert (got["id"], got["distance_to_origin"]) == (order, 111195)


def test_coordinates_are_strings_or_numbers(api, place):
    orders = list(place([(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)]))
    for near in (["3", "4"], [5, 6], [1.0, 2e0]):
        assert api.claim("ann", near=near)[0]["id"] == orders[{"3": 1, 5: 2, 1.0: 0}[near[0]]]


@pytest.mark.parametrize("tiny", [5e-324, -1e-200, 1e-170, "0." + "0" * 20 + "1"])
def test_what_is_next_to_nothing_is_nothing(api, place, tiny):
    """PostgreSQL refuses to reckon with what is too small for the next number."""
    order = api.place((tiny, 0), (1, tiny))
    assert api.get(f"/orders/{order}").json()["origin"] == [0, 0]
    assert ids(api.claim("ann", near=[tiny, tiny])) == [order]


def test_the_whole_order_is_told_with_its_distance_and_without_near_there_is_none(api, place):
    place([(1.0, 2.0), (1.0, 2.0)])
    near, = claim(api, (1, 2.5), lease=60)
    assert near.pop("distance_to_origin") == round(metres((1, 2), (1, 2.5)))
    assert near == api.get(f"/orders/{near['id']}").json()
    assert (near["status"], near["taker"], near["claim"]) == ("TAKEN", "ann", 1) and near["lease_until"]
    oldest, = api.claim("ann")
    assert "distance_to_origin" not in oldest


@pytest.mark.parametrize("member, value", [
    ("near", ["1"]), ("near", []), ("near", [1, 2, 3]), ("near", ["91", "0"]), ("near", [-90.5, 0]), ("near", [0, 181]), ("near", ["0", "-180.1"]),
    ("near", ["a", "b"]), ("near", ["", ""]), ("near", [True, 1]), ("near", [None, 1]), ("near", "1,2"), ("near", 1), ("near", {"lat": 1}), ("near", None),
    ("within", -1), ("within", WITHIN_MAX + 1), ("within", "5"), ("within", 1.5), ("within", None)])
def test_what_is_not_right_is_refused_by_name(api, db, place, member, value):
    order, = place([(1.0, 2.0)])
    problem(api.post("/orders/claim", {"taker": "ann", "near": ["1", "2"]} | {member: value}), 400, member)
    assert db.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)]


def test_within_needs_a_place(api, place):
    place([(1.0, 2.0)])
    problem(api.post("/orders/claim", {"taker": "ann", "within": 5}), 400, "within", "near")


# ---- leases ----

def test_what_has_expired_is_claimed_at_once_and_in_its_place(api, db, place):
    orders = list(place([(0.0, 0.3), (0.0, 0.1), (0.0, 0.2), (0.0, 0.4)]))
    assert ids(api.claim("bob", near=[0, 0], limit=3, lease=60)) == [orders[1], orders[2], orders[0]]
    let_the_lease_end(db, orders[2])
    got = claim(api, (0, 0), 2, lease=60)
    assert [(order["id"], order["claim"]) for order in got] == [(orders[2], 2), (orders[3], 1)]
    refused(api.deliver(orders[2], "bob", claim=1), "Order is not held under this claim.")
    succeeded(api.deliver(orders[1], "bob", claim=1))
    events = [(event["event"], event["taker"], event["claim"]) for event in api.get(f"/orders/{orders[2]}/history").json()]
    assert events == [("taken", "ann", 2), ("expired", "bob", 1), ("taken", "bob", 1), ("placed", None, 0)]


def test_what_has_expired_out_of_reach_stays_what_it_was(api, db, place):
    orders = list(place([(0.0, 0.1), (0.0, 5.0)]))
    assert len(api.claim("bob", near=[0, 0], limit=2, lease=60)) == 2
    for order in orders:
        let_the_lease_end(db, order)
    assert ids(claim(api, (0, 0), 2, within=20000)) == orders[:1]
    assert db.query("SELECT count(*) FROM orders WHERE taker = 'ann'") == [(1,)]
    succeeded(api.take(orders[1], "carl"))


# ---- many at once ----

def judge_all(db, free, claims, got):
    """What holds whoever came first: nobody has more than he wanted, each the nearest first, and what is left is further away."""
    everything = [order for orders in got for order in orders]
    assert len(set(ids(everything))) == len(everything)
    assert db.query("SELECT id, taker FROM orders WHERE status = 'TAKEN' AND taker LIKE 'n%' ORDER BY id") == \
        sorted((order["id"], order["taker"]) for order in everything)
    left = [free[order] for order, in db.query("SELECT id FROM orders WHERE status = 'UNASSIGNED'")]
    for wish, orders in zip(claims, got):
        assert len(orders) <= wish["limit"] and all(order["taker"] == wish["taker"] for order in orders)
        away = [metres(wish["near"], free[order]) for order in ids(orders)]
        assert all(one <= other + unsure(other) for one, other in zip(away, away[1:]))
        reach = away[-1] if len(orders) == wish["limit"] else wish.get("within", math.inf)
        assert all(metres(wish["near"], point) > reach - unsure(reach) for point in left), wish


@pytest.mark.parametrize("world", ["towns", "doors"])
def test_a_hundred_claims_at_once_are_given_the_nearest_each_order_once(server, db, place, world):
    dice = random.Random(world)
    points = WORLDS[world](dice)
    free = place(points[:400])
    claims = [{"taker": f"n{number}", "limit": number % 5 + 1, "near": list(around(dice, dice.choice(points), 0.01))}
              | ({"within": 3000} if number % 4 == 0 else {}) for number in range(100)]
    judge_all(db, free, claims, crowd(server, claims))


def test_claims_of_the_nearest_and_of_the_oldest_and_takes_by_id_share_what_there_is(server, db, place):
    orders = list(place([(52.5, 13.4 + number % 7 * 0.001) for number in range(300)]))
    start = threading.Barrier(120)

    def one(number):
        api = Api(server.address)
        start.wait(60)
        if number < 100:
            return ids(api.claim(f"c{number}", near=[52.5, 13.4], limit=2))
        if number < 110:
            return ids(api.claim(f"c{number}", limit=4))
        return [order for order in orders[number - 110::10] if api.take(order, f"c{number}").status == 200]

    with ThreadPoolExecutor(120) as pool:
        got = list(pool.map(one, range(120)))
    everything = [order for taken in got for order in taken]
    assert len(everything) == len(set(everything)) and all(len(taken) <= 4 for taken in got[:110]) and all(len(taken) <= 2 for taken in got[:100])
    assert db.query("SELECT id, taker FROM orders WHERE status = 'TAKEN' ORDER BY id") == \
        sorted((order, f"c{number}") for number, taken in enumerate(got) for order in taken)
    assert db.query("SELECT count(*), count(DISTINCT order_id) FROM order_events WHERE event = 'taken' AND order_id IN (SELECT id FROM orders)") == \
        [(len(everything), len(everything))]


@pytest.mark.parametrize("shared", ["postgres"], indirect=True)
def test_who_claims_passes_by_what_another_has_locked(api, db, place):
    orders = list(place([(1.0, 2.0), (1.0, 2.0), (1.0, 3.0)]))
    connection = db.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM orders WHERE id = %s FOR UPDATE", (orders[0],))
            assert ids(claim(api, (1, 2), 3)) == orders[1:]
            assert claim(api, (1, 2)) == []
    finally:
        connection.close()


# ---- with an Idempotency-Key ----

def test_a_claim_whose_answer_was_lost_says_the_same_orders_again(api, place):
    orders = list(place([(0.0, 0.2), (0.1 + 0.2, -1 / 3), (0.0, 0.1), (0.0, 0.3)]))
    body = {"taker": "ann", "near": ["0", "0"], "limit": 3, "lease": 60, "within": 1000000}
    first, again = (api.post("/orders/claim", body, key("near")) for _ in range(2))
    assert first.status == 200 and first.body == again.body and ids(first.json()) == [orders[2], orders[0], orders[3]]
    assert [order["distance_to_origin"] for order in first.json()] == [11120, 22239, 33359]
    succeeded(api.deliver(orders[2], "ann", claim=1))
    assert api.post("/orders/claim", body | {"near": [0, 0.0]}, key("near")).body == first.body
    for other in ({"near": ["0", "0.1"]}, {"within": 1000001}, {"limit": 1}, {"taker": "bob"}):
        problem(api.post("/orders/claim", body | other, key("near")), 422)
    problem(api.post("/orders/claim", {"taker": "ann", "limit": 3, "lease": 60}, key("near")), 422)
    last, = claim(api, (0, 0), headers=key("near-2"))
    assert last == api.get(f"/orders/{orders[1]}").json() | {"distance_to_origin": last["distance_to_origin"]}


def test_a_claim_that_found_none_says_so_again(api, place):
    place([(50.0, 0.0)])
    assert claim(api, (0, 0), within=1000, headers=key("near-none")) == []
    place([(0.0, 0.0)])
    assert claim(api, (0, 0), within=1000, headers=key("near-none")) == []
    assert len(claim(api, (0, 0), within=1000, headers=key("near-one"))) == 1


def test_claims_of_one_key_at_once_get_the_same(server, db, place):
    place([(0.0, number / 100) for number in range(40)])
    start = threading.Barrier(24)

    def one(number):
        start.wait(30)
        return Api(server.address).claim(f"n{number % 6}", key(f"near-k{number % 6}"), limit=3, near=[0, 0])

    with ThreadPoolExecutor(24) as pool:
        got = list(pool.map(one, range(24)))
    for number in range(6):
        assert all(got[other] == got[number] for other in range(number, 24, 6)) and len(got[number]) == 3
    assert db.query("SELECT count(*) FROM orders WHERE status = 'TAKEN'") == [(18,)]


# ---- what it costs (of PostgreSQL: test_plans.py) ----

@pytest.mark.parametrize("shared", ["sqlite"], indirect=True)
def test_on_sqlite_a_band_of_latitudes_is_read_from_its_index_alone(db, shared):
    search, = (step for step in statements("orders", "sqlite")["order_claim_near"].split(";\n") if "RECURSIVE" in step)
    connection = db.connect()
    plan = connection.execute("EXPLAIN QUERY PLAN " + search, {str(number): 1 for number in range(1, 7)}).fetchall()
    connection.close()
    assert any("COVERING INDEX orders_free_near (origin_lat>? AND origin_lat<?)" in step[3] for step in plan), plan
