"""GET /orders, GET /orders/{id}, order_events and what operators do by hand."""

import datetime

import pytest

from support.expect import links, moment, problem, succeeded

pytestmark = pytest.mark.quick

BIG = 9223372036854775807


def listed(api, query):
    answer = api.get("/orders?" + query)
    assert answer.status == 200, answer
    assert answer.content_type == "application/json"
    return answer.json()


def ids(orders):
    return [order["id"] for order in orders]




# ---- pages ----

def test_a_page_lists_the_newest_first(api):
    placed = [api.place() for _ in range(3)][::-1]
    assert ids(listed(api, "page=1&limit=3")) == placed


def test_a_listed_order_has_distance_id_and_status(api):
    order = api.place()
    succeeded(api.take(order, "ann"))
    first, = listed(api, "page=1&limit=1")
    assert set(first) == {"distance", "id", "status"}
    assert first["id"] == order and first["status"] == "TAKEN" and type(first["distance"]) is int


def test_pages_follow_each_other_without_gap_or_overlap(api):
    placed = [api.place() for _ in range(7)][::-1]
    assert ids(listed(api, "page=1&limit=3")) == placed[0:3]
    assert ids(listed(api, "page=2&limit=3")) == placed[3:6]
    assert ids(listed(api, "page=3&limit=3"))[:1] == placed[6:7]
    assert ids(listed(api, "limit=2&page=2")) == placed[2:4]


def test_limits_from_1_to_1000_are_allowed(api):
    api.place()
    assert len(listed(api, "page=1&limit=1")) == 1
    assert len(listed(api, "page=1&limit=1000")) >= 1


@pytest.mark.parametrize("page", [100000, 2**31 - 1, 2**31, 2**32 + 1, 2**53 + 1, BIG - 1, BIG])
def test_beyond_the_end_there_is_an_empty_page(api, page):
    assert listed(api, f"page={page}&limit=1000") == []
    assert listed(api, f"page={page}&limit=1") == []


@pytest.mark.parametrize("query, named", [
    ("page=1", "limit"), ("limit=3", "page"), ("page=&limit=3", "page"), ("page=1&limit=", "limit"),
    ("page=0&limit=3", "page"), ("page=-1&limit=3", "page"), ("page=a&limit=3", "page"), ("page=1.0&limit=3", "page"),
    ("page=1e3&limit=3", "page"), ("page=+1&limit=3", "page"), ("page=%201&limit=3", "page"), ("page=1%20&limit=3", "page"),
    ("page=0x1&limit=3", "page"), ("page=%D9%A1&limit=3", "page"), ("page=1%00&limit=3", "page"),
    (f"page={BIG + 1}&limit=3", "page"), ("page=99999999999999999999999999&limit=3", "page"), ("page=18446744073709551617&limit=3", "page"),
    ("page=1&limit=0", "limit"), ("page=1&limit=1001", "limit"), ("page=1&limit=-3", "limit"), ("page=1&limit=abc", "limit"),
    (f"page=1&limit={2**32 + 3}", "limit"), (f"page=1&limit={BIG + 1}", "limit"), ("page=1&limit=%2B3", "limit"),
    ("page=1&page=1&limit=3", "page"), ("page=1&limit=3&limit=4", "limit"), ("page=1&p%61ge=1&limit=3", "page"),
    ("page=1&limit=3&x=1", "x"), ("Page=1&limit=3", "Page"), ("page=1&limit=3&status=TAKEN", "status"),
    ("page&limit=3", "page"), ("page=1&limit", "limit"),
    ("limit=3&before=0x", "before"), ("limit=3&before=", "before"), (f"limit=3&before={BIG + 1}", "before"), ("limit=3&before=-1", "before"),
    ("before=5", "limit"), ("limit=3&before=5&before=5", "before"), ("limit=0&before=5", "limit"), ("limit=1001&before=5", "limit"),
])
def test_wrong_parameters_are_refused_by_name(api, query, named):
    problem(api.get("/orders?" + query), 400, named)


def test_no_parameters_at_all_are_refused_by_name(api):
    for target in ("/orders", "/orders?", "/orders/"):
        problem(api.get(target), 400, "limit" if "limit" in api.get(target).json()["error"] else "page")


def test_page_and_before_do_not_mix(api):
    problem(api.get("/orders?page=1&limit=3&before=1759"), 400, "page", "before")


@pytest.mark.parametrize("query", ["page=1&limit=%zz", "page=%&limit=3", "page=1&limit=3&%00=1", "page=1&limit=%ff", "page=1&limit=3%2", "=1&page=1&limit=3"])
def test_malformed_escapes_in_a_query_are_refused(api, query):
    problem(api.get("/orders?" + query), 400)


def test_escaped_parameters_are_understood(api):
    api.place()
    assert len(listed(api, "p%61ge=%31&limit=%31")) == 1


# ---- by keyset ----

def test_before_lists_the_newest_with_a_smaller_id(api):
    placed = [api.place() for _ in range(5)][::-1]
    assert ids(listed(api, f"limit=3&before={placed[0]}")) == placed[1:4]
    assert ids(listed(api, f"limit=2&before={placed[0] + 1}")) == placed[0:2]
    assert ids(listed(api, f"before={BIG}&limit=2")) == placed[0:2]
    assert listed(api, "limit=3&before=1") == []


# ---- links ----

def test_links_of_a_page_lead_to_pages(api):
    for _ in range(7):
        api.place()
    answer = api.get("/orders?page=2&limit=3")
    found = links(answer)
    assert found["next"].endswith("/orders?page=3&limit=3") or found["next"].endswith("/orders?limit=3&page=3"), found
    assert "page=1" in found["prev"] and "page=1" in found["first"], found
    assert all("before" not in target and "limit=3" in target for target in found.values()), found


def test_the_first_page_has_no_prev_and_the_last_no_next(api):
    api.place()
    assert "prev" not in links(api.get("/orders?page=1&limit=1"))
    assert "next" not in links(api.get("/orders?page=1&limit=1000"))
    assert "next" not in links(api.get("/orders?page=5000&limit=1000"))


def test_following_next_from_the_first_page_visits_every_order_once(api, db):
    for _ in range(5):
        api.place()
    expected = [row[0] for row in db.query("SELECT id FROM orders ORDER BY id DESC")]
    size = max(2, len(expected) // 5)
    target, seen = f"/orders?page=1&limit={size}", []
    for _ in range(20):
        answer = api.get(target)
        assert answer.status == 200, answer
        seen += ids(answer.json())
        if "next" not in links(answer):
            break
        target = links(answer)["next"]
    assert seen == expected


def test_links_of_a_keyset_page_lead_to_keyset_pages(api, db):
    placed = [api.place() for _ in range(5)][::-1]
    answer = api.get(f"/orders?limit=2&before={placed[0]}")
    found = links(answer)
    assert f"before={placed[2]}" in found["next"] and "limit=2" in found["next"], found
    assert all("page=" not in target for target in found.values()), found
    for target in found.values():
        assert api.get(target).status == 200


def test_following_next_by_keyset_visits_every_order_once(api, db):
    for _ in range(3):
        api.place()
    expected = [row[0] for row in db.query("SELECT id FROM orders ORDER BY id DESC")]
    size = max(2, len(expected) // 5)
    target, seen = f"/orders?limit={size}&before={BIG}", []
    for _ in range(20):
        answer = api.get(target)
        assert answer.status == 200, answer
        seen += ids(answer.json())
        if "next" not in links(answer):
            break
        target = links(answer)["next"]
    assert seen == expected


# ---- one order ----

def test_one_order_is_read_whole(api):
    order = api.post("/orders", {"origin": ["50.456399", "12.707580"], "destination": [-59.5, -24.25]}).json()
    answer = api.get(f"/orders/{order['id']}")
    assert answer.status == 200 and answer.content_type == "application/json"
    whole = answer.json()
    now = datetime.datetime.now(datetime.timezone.utc)
    assert abs(now - moment(whole.pop("created_at"))) < datetime.timedelta(seconds=60)
    assert abs(now - moment(whole.pop("updated_at"))) < datetime.timedelta(seconds=60)
    assert whole == {"id": order["id"], "origin": [50.456399, 12.70758], "destination": [-59.5, -24.25],
                     "distance": order["distance"], "status": "UNASSIGNED", "taker": None, "claim": 0, "lease_until": None}


def test_a_taken_order_shows_its_taker_and_when_it_changed(api):
    order = api.place()
    before = api.get(f"/orders/{order}").json()
    succeeded(api.take(order, "ann"))
    after = api.get(f"/orders/{order}").json()
    assert (after["status"], after["taker"]) == ("TAKEN", "ann")
    assert after["created_at"] == before["created_at"]
    assert moment(after["updated_at"]) >= moment(before["updated_at"])


def test_a_reader_sees_what_was_committed_before_it_asked(api):
    for _ in range(20):
        order = api.place()
        assert api.get(f"/orders/{order}").json()["status"] == "UNASSIGNED"
        succeeded(api.take(order, "ann"))
        assert api.get(f"/orders/{order}").json()["status"] == "TAKEN"
        assert listed(api, "page=1&limit=1") == [{"id": order, "status": "TAKEN", "distance": listed(api, "page=1&limit=1")[0]["distance"]}]


def test_an_unknown_order_is_404(api):
    problem(api.get("/orders/999999999"), 404)
    problem(api.get(f"/orders/{BIG}"), 404)
    problem(api.get("/orders/0"), 404)


@pytest.mark.parametrize("order", ["abc", "1.5", "-1", "1e3", str(BIG + 1), "99999999999999999999999", "0x1", "1%20", "%201", "1%00",
                                   "1;x", "+1", "%D9%A1", "%zz", "%", "%ff"])
def test_a_malformed_id_is_400(api, order):
    problem(api.get(f"/orders/{order}"), 400)


def test_an_order_takes_no_parameters(api):
    problem(api.get(f"/orders/{api.place()}?x=1"), 400, "x")


# ---- order_events ----

def events(db, order):
    return db.query("SELECT event, taker FROM order_events WHERE order_id = ? ORDER BY id", order)


def test_every_change_leaves_an_event(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.release(order, "ann"))
    succeeded(api.take(order, "bob"))
    succeeded(api.deliver(order, "bob"))
    found = events(db, order)
    assert [event for event, _ in found] == ["placed", "taken", "released", "taken", "delivered"]
    assert found[0][1] is None and found[1][1] == "ann" and found[3][1] == "bob" and found[4][1] == "bob"


def test_what_changes_nothing_leaves_no_event(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.take(order, "ann"))
    api.take(order, "bob")
    api.release(order, "bob")
    succeeded(api.deliver(order, "ann"))
    succeeded(api.deliver(order, "ann"))
    assert [event for event, _ in events(db, order)] == ["placed", "taken", "delivered"]


def test_events_carry_their_time(api, db):
    order = api.place()
    (at,), = db.query("SELECT at FROM order_events WHERE order_id = ?", order)
    if isinstance(at, datetime.datetime):
        assert abs(datetime.datetime.now(datetime.timezone.utc) - at) < datetime.timedelta(seconds=60)
    else:
        assert at


def test_changes_by_hand_leave_events_as_well(api, db):
    order = api.place()
    db.query("UPDATE orders SET status = 'TAKEN', taker = 'hand' WHERE id = ?", order)
    db.query("UPDATE orders SET status = 'DELIVERED' WHERE id = ?", order)
    assert events(db, order) == [("placed", None), ("taken", "hand"), ("delivered", "hand")]


def test_one_statement_over_many_orders_leaves_an_event_each(api, db):
    orders = [api.place() for _ in range(4)]
    db.query("UPDATE orders SET status = 'TAKEN', taker = 'hand' WHERE id BETWEEN ? AND ?", orders[0], orders[-1])
    for order in orders:
        assert [event for event, _ in events(db, order)] == ["placed", "taken"]


# ---- by hand ----

def test_a_hand_made_insert_of_five_columns_is_a_whole_order(api, db):
    db.query("INSERT INTO orders(origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES (1.5, 2.5, 3.5, 4.5, 999)")
    newest = listed(api, "page=1&limit=1")[0]
    assert newest["distance"] == 999 and newest["status"] == "UNASSIGNED"
    whole = api.get(f"/orders/{newest['id']}").json()
    assert whole["origin"] == [1.5, 2.5] and whole["destination"] == [3.5, 4.5] and whole["taker"] is None
    assert abs(datetime.datetime.now(datetime.timezone.utc) - moment(whole["created_at"])) < datetime.timedelta(seconds=60)
    assert [event for event, _ in events(db, newest["id"])] == ["placed"]
    succeeded(api.take(newest["id"], "ann"))


def test_orders_changed_by_hand_are_served_as_they_are(api, db):
    order = api.place()
    db.query("UPDATE orders SET status = 'TAKEN', taker = 'hand' WHERE id = ?", order)
    assert api.get(f"/orders/{order}").json()["taker"] == "hand"
    succeeded(api.deliver(order, "hand"))


def test_an_order_deleted_by_hand_is_gone(api, db):
    order = api.place()
    db.query("DELETE FROM orders WHERE id = ?", order)
    problem(api.get(f"/orders/{order}"), 404)
    problem(api.take(order), 400)
