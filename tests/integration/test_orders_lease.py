"""Leases: an order that is taken for a time is free again when that has passed, and the number of the acquisition keeps
whoever is late from changing what is another's by now."""

import datetime

import pytest

from support.expect import problem, refused, succeeded
from support.wait import until

pytestmark = pytest.mark.quick

TAKEN = "Order is already taken."
STALE = "Order is not held under this claim."
NOT_TAKEN = "Order is not taken."
PASSED = {"postgres": "now() - interval '1 second'", "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 second')"}


def let_the_lease_end(db, order):
    """As if the database's clock had gone on. The sweep may see it before the next request does, or after it."""
    db.query(f"UPDATE orders SET lease_until = {PASSED[db.kind]} WHERE id = ?", order)


def leased(answer):
    """(claim, lease_until) of a successful answer."""
    body = answer.json()
    assert answer.status == 200 and list(body) == ["status", "claim", "lease_until"] and body["status"] == "SUCCESS", answer
    return body["claim"], body["lease_until"] and datetime.datetime.fromisoformat(body["lease_until"].replace("Z", "+00:00"))


def seconds_left(until):
    return (until - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def row(db, order):
    return db.query("SELECT status, taker, claim FROM orders WHERE id = ?", order)[0]


# ---- taking ----

def test_a_take_with_a_lease_says_its_number_and_until_when(api, db):
    order = api.place()
    claim, end = leased(api.take(order, "ann", lease=300))
    assert claim == 1 and 290 < seconds_left(end) < 310
    assert row(db, order) == ("TAKEN", "ann", 1)
    whole = api.get(f"/orders/{order}").json()
    assert whole["claim"] == 1 and whole["lease_until"] is not None


def test_while_it_lasts_the_order_is_taken(api):
    order = api.place()
    leased(api.take(order, "ann", lease=300))
    refused(api.take(order, "bob"), TAKEN)
    refused(api.take(order, "bob", lease=300), TAKEN)
    refused(api.take(order, lease=300), TAKEN)


@pytest.mark.parametrize("lease", [{}, {"lease": 300}], ids=["without", "with"])
def test_when_it_has_ended_whoever_asks_first_gets_it(api, db, lease):
    order = api.place()
    leased(api.take(order, "ann", lease=300))
    let_the_lease_end(db, order)
    assert api.take(order, "bob", **lease).status == 200
    assert row(db, order) == ("TAKEN", "bob", 2)
    refused(api.take(order, "ann", lease=300), TAKEN)


def test_a_lease_really_ends(api, db):
    order = api.place()
    leased(api.take(order, "ann", lease=1))
    refused(api.take(order, "bob"), TAKEN)
    until(lambda: api.take(order, "bob").status == 200, 5, "a second has passed")
    assert row(db, order) == ("TAKEN", "bob", 2)


def test_the_holder_who_asks_again_gets_more_time_under_the_same_number(api, db):
    order = api.place()
    _, first = leased(api.take(order, "ann", lease=100))
    claim, second = leased(api.take(order, "ann", lease=300))
    assert claim == 1 and (second - first).total_seconds() > 150
    claim, third = leased(api.take(order, "ann", lease=10))        # never less
    assert (claim, third) == (1, second)
    claim, fourth = leased(api.take(order, "ann", claim=1))         # no more, either
    assert (claim, fourth) == (1, second)
    assert db.query("SELECT event FROM order_events WHERE order_id = ? ORDER BY id", order) == [("placed",), ("taken",)]


def test_the_holder_who_asks_without_a_lease_keeps_the_one_that_he_has(api):
    order = api.place()
    _, end = leased(api.take(order, "ann", lease=100))
    succeeded(api.take(order, "ann"))
    assert leased(api.take(order, "ann", claim=1)) == (1, end)


def test_a_holder_without_a_lease_may_ask_for_one(api):
    order = api.place()
    succeeded(api.take(order, "ann"))
    claim, end = leased(api.take(order, "ann", lease=100))
    assert claim == 1 and 90 < seconds_left(end) < 110


def test_the_holder_who_is_late_gets_it_anew_if_nobody_else_has_it(api, db):
    order = api.place()
    leased(api.take(order, "ann", lease=300))
    let_the_lease_end(db, order)
    claim, _ = leased(api.take(order, "ann", lease=300))
    assert claim == 2


def test_a_holder_without_a_name_is_known_by_his_claim(api):
    order = api.place()
    claim, first = leased(api.take(order, lease=100))
    refused(api.take(order, lease=100), TAKEN)
    again, second = leased(api.take(order, lease=300, claim=claim))
    assert again == claim and second > first
    refused(api.take(order, "ann", lease=300, claim=claim), TAKEN)


# ---- the fence ----

@pytest.mark.parametrize("change", ["release", "deliver"])
def test_a_change_under_the_current_claim_is_made(api, change):
    order = api.place()
    claim, _ = leased(api.take(order, "ann", lease=300))
    succeeded(getattr(api, change)(order, "ann", claim=claim))
    succeeded(getattr(api, change)(order, "ann", claim=claim))      # and repeated, as its answer may have been lost


@pytest.mark.parametrize("change", ["release", "deliver", "take"])
def test_who_was_late_changes_nothing_even_under_the_same_name(api, db, change):
    order = api.place()
    claim, _ = leased(api.take(order, "ann", lease=300))
    let_the_lease_end(db, order)
    leased(api.take(order, "ann", lease=300))
    refused(getattr(api, change)(order, "ann", claim=claim), STALE)
    assert row(db, order) == ("TAKEN", "ann", 2)
    succeeded(api.deliver(order, "ann", claim=2))


@pytest.mark.parametrize("change", ["release", "deliver", "take"])
def test_what_has_ended_cannot_be_changed_under_its_claim(api, db, change):
    order = api.place()
    claim, _ = leased(api.take(order, "ann", lease=300))
    let_the_lease_end(db, order)
    refused(getattr(api, change)(order, "ann", claim=claim), STALE)
    until(lambda: row(db, order) == ("UNASSIGNED", None, 1), 5, "the sweep")
    refused(getattr(api, change)(order, "ann", claim=claim), STALE)


@pytest.mark.parametrize("change", ["release", "deliver"])
def test_what_has_ended_is_not_taken_any_more(api, db, change):
    order = api.place()
    leased(api.take(order, "ann", lease=300))
    let_the_lease_end(db, order)
    refused(getattr(api, change)(order, "ann"), NOT_TAKEN)


def test_a_claim_of_before_a_release_is_over(api):
    order = api.place()
    leased(api.take(order, "ann", lease=300))
    succeeded(api.release(order, "ann", claim=1))
    leased(api.take(order, "ann", lease=300))
    refused(api.release(order, "ann", claim=1), STALE)
    refused(api.deliver(order, "ann", claim=1), STALE)
    refused(api.deliver(order, "ann", claim=3), STALE)
    succeeded(api.deliver(order, "ann", claim=2))
    refused(api.release(order, "ann", claim=1), STALE)


def test_takes_without_a_lease_have_numbers_too(api):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.release(order, "ann"))
    succeeded(api.take(order, "ann"))
    refused(api.deliver(order, "ann", claim=1), STALE)
    succeeded(api.deliver(order, "ann", claim=2))


@pytest.mark.parametrize("change", ["release", "deliver", "take"])
def test_an_order_that_does_not_exist_has_no_claim(api, change):
    refused(getattr(api, change)(999999999, "ann", claim=1), "Order does not exist.")


@pytest.mark.parametrize("change", ["release", "deliver"])
def test_the_claim_is_no_key_to_what_another_holds(api, change):
    order = api.place()
    claim, _ = leased(api.take(order, "ann", lease=300))
    problem(getattr(api, change)(order, "bob", claim=claim), 400, "held by ann")


# ---- with conditions ----

def tagged(api, order):
    return {"If-Match": api.get(f"/orders/{order}").header("ETag")}


def conditional(api, order, **body):
    return api.patch(f"/orders/{order}", body, tagged(api, order))


def test_conditional_changes_know_leases_and_claims(api, db):
    order = api.place()
    claim, first = leased(conditional(api, order, status="TAKEN", taker="ann", lease=100))
    again, second = leased(conditional(api, order, status="TAKEN", taker="ann", lease=300))
    assert (claim, again) == (1, 1) and second > first
    refused(conditional(api, order, status="DELIVERED", taker="ann", claim=2), STALE)
    let_the_lease_end(db, order)
    until(lambda: row(db, order)[0] == "UNASSIGNED", 5, "the sweep")
    refused(conditional(api, order, status="TAKEN", taker="ann", claim=1), STALE)
    claim, _ = leased(conditional(api, order, status="TAKEN", taker="bob", lease=100))
    assert claim == 2
    refused(conditional(api, order, status="UNASSIGNED", taker="bob", claim=1), STALE)
    succeeded(conditional(api, order, status="UNASSIGNED", taker="bob", claim=2))
    succeeded(conditional(api, order, status="TAKEN", taker="bob"))


# ---- what becomes visible ----

def test_the_sweep_makes_it_visible_that_a_lease_has_ended(api, db):
    order = api.place()
    leased(api.take(order, "ann", lease=300))
    let_the_lease_end(db, order)
    until(lambda: api.get(f"/orders/{order}").json()["status"] == "UNASSIGNED", 5, "the sweep")
    events = api.get(f"/orders/{order}/history").json()
    assert [(event["event"], event["taker"], event["claim"]) for event in events] == [("expired", "ann", 1), ("taken", "ann", 1), ("placed", None, 0)]
    assert events[0]["lease_until"] is not None
    whole = api.get(f"/orders/{order}").json()
    assert (whole["taker"], whole["claim"], whole["lease_until"]) == (None, 1, None)


def test_the_sweep_leaves_what_has_not_ended(api, db):
    order = api.place()
    leased(api.take(order, "ann", lease=300))
    other = api.place()
    leased(api.take(other, "ann", lease=300))
    let_the_lease_end(db, other)
    until(lambda: row(db, other)[0] == "UNASSIGNED", 5, "the sweep")
    assert row(db, order) == ("TAKEN", "ann", 1)


# ---- what is refused ----

@pytest.mark.parametrize("member, value", [("lease", 0), ("lease", 86401), ("lease", "300"), ("lease", 1.5), ("lease", None), ("claim", -1),
                                           ("claim", "1"), ("claim", 2**63), ("claim", None)])
def test_what_is_no_lease_and_no_claim_is_refused_by_name(api, member, value):
    problem(api.take(api.place(), "ann", **{member: value}), 400, member)


@pytest.mark.parametrize("status", ["UNASSIGNED", "DELIVERED"])
@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}], ids=["plain", "conditional"])
def test_a_lease_goes_with_taking_alone(api, status, headers):
    order = api.place()
    problem(api.patch(f"/orders/{order}", {"status": status, "taker": "ann", "lease": 5}, headers), 400, "lease")
