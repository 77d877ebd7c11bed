"""POST /orders: what is accepted, what it answers, what is refused and how."""

import math

import pytest

from support.expect import problem

pytestmark = pytest.mark.quick

EARTH_RADIUS = 6371008.8

SAXONY, TALLINN = ("50.456399", "12.707580"), ("59.436487", "24.747193")


def great_circle(origin, destination):
    a_lat, a_lng, b_lat, b_lng = (math.radians(float(value)) for value in (*origin, *destination))
    h = math.sin((b_lat - a_lat) / 2) ** 2 + math.cos(a_lat) * math.cos(b_lat) * math.sin((b_lng - a_lng) / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(min(1, h)))


def place(api, origin, destination):
    return api.post("/orders", {"origin": origin, "destination": destination})


def placed(answer):
    assert answer.status == 200, answer
    assert answer.content_type == "application/json"
    order = answer.json()
    assert set(order) == {"distance", "id", "status"}, order
    assert order["status"] == "UNASSIGNED"
    assert type(order["id"]) is int and order["id"] > 0
    assert type(order["distance"]) is int
    return order


def test_an_order_is_placed_with_strings_and_answers_id_distance_and_status(api):
    order = placed(place(api, list(SAXONY), list(TALLINN)))
    assert order["distance"] == pytest.approx(great_circle(SAXONY, TALLINN), rel=0.005)
    assert order["distance"] > 1_000_000


def test_an_order_is_placed_with_numbers(api):
    order = placed(place(api, [50.456399, 12.70758], [59.436487, 24.747193]))
    assert order["distance"] == pytest.approx(great_circle(SAXONY, TALLINN), rel=0.005)


def test_strings_and_numbers_may_be_mixed_and_integers_are_numbers(api):
    order = placed(place(api, [50, "12.5"], ["59", 24]))
    assert order["distance"] == pytest.approx(great_circle((50, 12.5), (59, 24)), rel=0.005)


def test_ids_grow(api):
    first, second = (placed(place(api, list(SAXONY), list(TALLINN)))["id"] for _ in range(2))
    assert second > first


@pytest.mark.parametrize("origin, destination", [
    (("-33.8688", "151.2093"), ("-37.8136", "144.9631")),     # south of the equator
    (("51.5", "-0.12"), ("40.7", "-74.0")),                   # west of Greenwich
    (("-22.9", "-43.2"), ("-34.6", "-58.4")),                 # both
    (("52.0", "179.9"), ("52.0", "-179.9")),                  # across the date line, where the short way is 13 km
    (("90", "0"), ("-90", "0")),                              # from pole to pole
    (("0", "-180"), ("0", "0")),                              # half round the equator
    (("90", "180"), ("-90", "-180")),
])
def test_distances_are_great_circles_wherever_on_earth(api, origin, destination):
    order = placed(place(api, list(origin), list(destination)))
    assert order["distance"] == pytest.approx(great_circle(origin, destination), rel=0.005)


def test_the_way_to_the_same_place_is_0_metres(api):
    assert placed(place(api, ["1.5", "2.5"], [1.5, 2.5]))["distance"] == 0


@pytest.mark.parametrize("text", ["1e1", "10.0", "0.5", "-0", "90.0000000"])
def test_usual_spellings_of_a_number_are_accepted(api, text):
    answer = place(api, [text, "0"], ["0", "0"])
    assert placed(answer)["distance"] == pytest.approx(great_circle((text, 0), (0, 0)), rel=0.005, abs=1)


def test_a_point_without_digits_behind_it_is_refused_by_name(api):
    problem(place(api, ["5.", "0"], ["0", "0"]), 400, "origin")


@pytest.mark.parametrize("nought", ["-0", -0.0, "-0.0e5"])
def test_a_nought_has_no_sign(api, nought):
    answer = place(api, [nought, nought], [1, nought])
    placed(answer)
    assert "-0" not in answer.body.decode()
    assert "-0" not in api.get(f"/orders/{answer.json()['id']}").body.decode()


@pytest.mark.parametrize("pair", [[90, 180], [-90, -180], ["90", "180"], ["-90.0", "-180.0"]])
def test_the_bounds_themselves_are_inside(api, pair):
    placed(place(api, pair, [0, 0]))
    placed(place(api, [0, 0], pair))


OUTSIDE = [[90.0001, 0], [-90.0001, 0], [0, 180.0001], [0, -180.0001], ["90.0001", "0"], ["0", "-180.0001"], [91, 0], [0, 181],
           ["1e308", "0"], [1e308, 0], ["9" * 40, "0"], [9223372036854775807, 0]]

NOT_NUMBERS = [["NaN", "0"], ["0", "nan"], ["inf", "0"], ["-inf", "0"], ["Infinity", "0"], ["0", "-Infinity"], ["1e999", "0"],
               ["", "0"], ["abc", "0"], ["1,5", "0"], ["1 2", "0"], ["1.2.3", "0"], ["--1", "0"], ["5x", "0"], ["0x10", "0"],
               ["0x1p3", "0"], ["1_0", "0"], ["\u0661\u0662", "0"], [".", "0"], ["-", "0"], ["1e", "0"],
               ["5\u0000", "0"], ["1" + "0" * 5000, "0"]]

WRONG_TYPES = [None, True, 5, 1.5, "50.4,12.7", "", {}, {"lat": 1, "lng": 2}, [None, 0], [0, None], [True, 0], [[1], 0], [{}, 0]]

WRONG_SIZES = [[], ["1"], [1], ["1", "2", "3"], [1, 2, 3, 4], [[1, 2]], [1] * 3000]


@pytest.mark.parametrize("member", ["origin", "destination"])
@pytest.mark.parametrize("value", [*OUTSIDE, *NOT_NUMBERS, *WRONG_TYPES, *WRONG_SIZES], ids=lambda value: repr(value)[:40])
def test_anything_else_is_refused_and_the_message_names_the_member(api, member, value):
    body = {"origin": [1, 2], "destination": [3, 4]}
    body[member] = value
    problem(api.post("/orders", body), 400, member)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "nan", "+1", "01", ".5", "1.", "0x10", "1e400", "-1e400",
                                     "9223372036854775808", "-9223372036854775809", "123456789012345678901234567890"])
def test_numbers_that_are_not_json_or_do_not_fit_are_refused(api, literal):
    answer = api.post("/orders", '{"origin":[%s,1],"destination":[1,2]}' % literal)
    problem(answer, 400)


@pytest.mark.parametrize("missing", ["origin", "destination"])
def test_a_missing_member_is_refused_by_name(api, missing):
    body = {"origin": [1, 2], "destination": [3, 4]}
    del body[missing]
    problem(api.post("/orders", body), 400, missing)


@pytest.mark.parametrize("extra", ["id", "status", "distance", "taker", "Origin", "origin ", "x"])
def test_an_unknown_member_is_refused_by_name(api, extra):
    problem(api.post("/orders", {"origin": [1, 2], "destination": [3, 4], extra: 1}), 400, extra.strip())


def test_a_refused_order_leaves_no_row(api, db):
    before = db.query("SELECT count(*) FROM orders")
    problem(api.post("/orders", {"origin": [91, 2], "destination": [3, 4]}), 400, "origin")
    assert db.query("SELECT count(*) FROM orders") == before


def test_the_row_holds_what_was_sent(api, db):
    order = placed(place(api, ["50.456399", "12.707580"], [-59.436487, -24.747193]))
    row, = db.query("SELECT origin_lat, origin_lng, destination_lat, destination_lng, distance, status, taker "
                    "FROM orders WHERE id = ?", order["id"])
    assert [float(value) for value in row[:4]] == [50.456399, 12.70758, -59.436487, -24.747193]
    assert row[4:] == (order["distance"], "UNASSIGNED", None)
