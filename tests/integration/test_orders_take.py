"""PATCH /orders/{id}: taking, releasing, delivering, and who may."""

import pytest

from support.expect import problem, refused, succeeded
from support.wait import Stopwatch
from support.program import SLOW

pytestmark = pytest.mark.quick

TAKEN = "Order is already taken."
OCCUPIED = "Order is currently occupied."
MISSING = "Order does not exist."


def state(db, order):
    return db.query("SELECT status, taker FROM orders WHERE id = ?", order)[0]


# ---- taking ----

def test_a_free_order_is_taken_without_a_name(api, db):
    order = api.place()
    succeeded(api.take(order))
    assert state(db, order) == ("TAKEN", None)


def test_a_free_order_is_taken_by_name(api, db):
    order = api.place()
    succeeded(api.take(order, "courier-7"))
    assert state(db, order) == ("TAKEN", "courier-7")


def test_the_second_nameless_taker_is_told_that_it_is_taken(api):
    order = api.place()
    succeeded(api.take(order))
    refused(api.take(order), TAKEN)


def test_another_taker_is_told_that_it_is_taken_and_changes_nothing(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    refused(api.take(order, "bob"), TAKEN)
    refused(api.take(order), TAKEN)
    assert state(db, order) == ("TAKEN", "ann")


def test_a_named_taker_does_not_get_an_order_that_somebody_nameless_holds(api, db):
    order = api.place()
    succeeded(api.take(order))
    refused(api.take(order, "ann"), TAKEN)
    assert state(db, order) == ("TAKEN", None)


def test_the_holder_may_ask_again_and_gets_success_again(api, db):
    order = api.place()
    for _ in range(3):
        succeeded(api.take(order, "ann"))
    assert state(db, order) == ("TAKEN", "ann")


def test_names_are_compared_exactly(api):
    order = api.place()
    succeeded(api.take(order, "ann"))
    for other in ("Ann", "ann ", "an", "anna", "a\u0301nn"):
        answer = api.take(order, other)
        problem(answer, 400)


def test_a_name_in_any_script_is_kept_as_it_was_sent(api, db):
    for name in ("Zoë Ångström", "快递员七号", "курьер", "ساعي", "🚲 seven", "o'neil; drop table orders --", 'a"b\\c', "x\ty"):
        order = api.place()
        answer = api.take(order, name)
        if name == "x\ty" and answer.status == 400:      # refusing control characters is fine, mangling them is not
            problem(answer, 400, "taker")
            continue
        succeeded(answer)
        assert state(db, order) == ("TAKEN", name)
        succeeded(api.take(order, name))
        assert api.get(f"/orders/{order}").json()["taker"] == name


def test_an_order_that_does_not_exist_is_refused_in_these_words(api):
    refused(api.take(999999999), MISSING)
    refused(api.take(999999999, "ann"), MISSING)
    refused(api.release(999999999, "ann"), MISSING)
    refused(api.deliver(999999999, "ann"), MISSING)
    refused(api.take(9223372036854775807), MISSING)


@pytest.mark.parametrize("order", ["0", "-1", "abc", "1.5", "1e3", "9223372036854775808", "99999999999999999999999", "0x1", "1%20", "%31x",
                                   "1_0", "+1", "%D9%A1"])
def test_a_malformed_id_is_refused(api, order):
    problem(api.patch(f"/orders/{order}", {"status": "TAKEN"}), 400)


# ---- another session holds the row (PostgreSQL) ----

only_postgres = pytest.mark.parametrize("shared", ["postgres"], indirect=True)


@pytest.fixture
def other_session(db):
    connection = db.connect()
    yield connection
    connection.rollback()
    connection.close()


@pytest.mark.parametrize("lock", ["FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE"])
@only_postgres
def test_an_order_whose_row_is_locked_is_occupied_and_nobody_waits_for_it(api, other_session, lock):
    order = api.place()
    with other_session.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM orders WHERE id = %s {lock}", (order,))
    with Stopwatch() as watch:
        refused(api.take(order, "ann"), OCCUPIED)
        refused(api.take(order), OCCUPIED)
    assert watch.seconds < 4 * SLOW
    other_session.rollback()
    succeeded(api.take(order, "ann"))


@only_postgres
def test_an_update_of_another_session_that_has_not_committed_makes_the_order_occupied(api, other_session):
    order = api.place()
    with other_session.cursor() as cursor:
        cursor.execute("UPDATE orders SET status = 'TAKEN', taker = 'hand' WHERE id = %s", (order,))
    refused(api.take(order, "ann"), OCCUPIED)
    other_session.commit()
    refused(api.take(order, "ann"), TAKEN)
    succeeded(api.take(order, "hand"))


@only_postgres
def test_who_asks_for_a_taken_order_is_answered_without_a_lock(api, other_session, db):
    """He would be in the way of its holder, who wants to release or deliver it."""
    order = api.place()
    succeeded(api.take(order, "ann"))
    with other_session.cursor() as cursor:
        cursor.execute("SELECT 1 FROM orders WHERE id = %s FOR UPDATE", (order,))
    refused(api.take(order, "bob"), TAKEN)
    refused(api.take(order), TAKEN)
    other_session.rollback()
    locker = db.query("SELECT xmax FROM orders WHERE id = ?", order)
    refused(api.take(order, "bob"), TAKEN)
    assert db.query("SELECT xmax FROM orders WHERE id = ?", order) == locker, "the row was locked"


@only_postgres
def test_the_holder_who_asks_again_locks_the_row(api, other_session, db):
    """So that his second SUCCESS waits for a synchronous standby as his first one did."""
    order, other = api.place(), api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.take(other, "bob"))
    before = dict(db.query("SELECT id, xmax::text FROM orders"))
    succeeded(api.take(order, "ann"))
    refused(api.take(other, "ann"), TAKEN)
    after = dict(db.query("SELECT id, xmax::text FROM orders"))
    assert after[order] != before[order] and after[other] == before[other]
    with other_session.cursor() as cursor:
        cursor.execute("SELECT 1 FROM orders WHERE id = %s FOR NO KEY UPDATE", (order,))
    refused(api.take(order, "ann"), OCCUPIED)
    other_session.rollback()
    succeeded(api.take(order, "ann"))


@only_postgres
def test_a_foreign_key_check_of_another_session_does_not_occupy_a_free_order(api, other_session, db):
    order = api.place()
    with other_session.cursor() as cursor:
        cursor.execute("SELECT 1 FROM orders WHERE id = %s FOR KEY SHARE", (order,))
    succeeded(api.take(order, "ann"))
    assert state(db, order) == ("TAKEN", "ann")


@only_postgres
def test_release_and_delivery_do_not_wait_for_a_locked_row_either(api, other_session):
    order = api.place()
    succeeded(api.take(order, "ann"))
    with other_session.cursor() as cursor:
        cursor.execute("SELECT 1 FROM orders WHERE id = %s FOR UPDATE", (order,))
    with Stopwatch() as watch:
        refused(api.release(order, "ann"), OCCUPIED)
        refused(api.deliver(order, "ann"), OCCUPIED)
    assert watch.seconds < 4 * SLOW
    other_session.rollback()
    succeeded(api.deliver(order, "ann"))


@only_postgres
def test_other_orders_are_taken_while_one_is_locked(api, other_session):
    locked, free = api.place(), api.place()
    with other_session.cursor() as cursor:
        cursor.execute("SELECT 1 FROM orders WHERE id = %s FOR UPDATE", (locked,))
    succeeded(api.take(free, "ann"))


# ---- releasing ----

def test_the_holder_releases_and_another_takes(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.release(order, "ann"))
    assert state(db, order) == ("UNASSIGNED", None)
    succeeded(api.take(order, "bob"))
    assert state(db, order) == ("TAKEN", "bob")


def test_a_release_that_is_repeated_by_the_holder_succeeds_again(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.release(order, "ann"))
    succeeded(api.release(order, "ann"))
    assert state(db, order) == ("UNASSIGNED", None)


def test_a_repeated_release_does_not_take_the_order_from_the_next_holder(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.release(order, "ann"))
    succeeded(api.take(order, "bob"))
    api.release(order, "ann")
    assert state(db, order) == ("TAKEN", "bob")


def test_only_the_holder_releases_and_the_message_says_who_may(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    problem(api.release(order, "bob"), 400, "ann")
    problem(api.release(order), 400, "ann")
    assert state(db, order) == ("TAKEN", "ann")


def test_an_order_taken_without_a_taker_is_released_without_one(api, db):
    order = api.place()
    succeeded(api.take(order))
    succeeded(api.release(order))
    assert state(db, order) == ("UNASSIGNED", None)


def test_an_order_that_nobody_has_taken_cannot_be_released(api, db):
    order = api.place()
    problem(api.release(order, "ann"), 400)
    problem(api.release(order), 400)
    assert state(db, order) == ("UNASSIGNED", None)


def test_somebody_who_never_held_an_order_cannot_repeat_its_release(api):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.release(order, "ann"))
    problem(api.release(order, "bob"), 400)


# ---- delivering ----

def test_the_holder_delivers(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.deliver(order, "ann"))
    assert state(db, order) == ("DELIVERED", "ann")


def test_a_delivery_that_is_repeated_by_the_holder_succeeds_again(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.deliver(order, "ann"))
    succeeded(api.deliver(order, "ann"))
    assert state(db, order) == ("DELIVERED", "ann")


def test_only_the_holder_delivers_and_the_message_says_who_may(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    problem(api.deliver(order, "bob"), 400, "ann")
    problem(api.deliver(order), 400, "ann")
    assert state(db, order) == ("TAKEN", "ann")


def test_an_order_taken_without_a_taker_is_delivered_without_one(api, db):
    order = api.place()
    succeeded(api.take(order))
    succeeded(api.deliver(order))
    assert state(db, order)[0] == "DELIVERED"


def test_an_order_that_nobody_has_taken_cannot_be_delivered(api, db):
    order = api.place()
    problem(api.deliver(order, "ann"), 400)
    problem(api.deliver(order), 400)
    assert state(db, order) == ("UNASSIGNED", None)


def test_a_delivered_order_is_final(api, db):
    order = api.place()
    succeeded(api.take(order, "ann"))
    succeeded(api.deliver(order, "ann"))
    problem(api.release(order, "ann"), 400)
    problem(api.release(order, "bob"), 400)
    problem(api.deliver(order, "bob"), 400)
    problem(api.take(order, "bob"), 400)
    problem(api.take(order), 400)
    assert state(db, order) == ("DELIVERED", "ann")


# ---- the body ----

@pytest.mark.parametrize("status", ["taken", "", "FREE", "TAKEN ", "ASSIGNED", 1, True, None, [], {}, ["TAKEN"]])
def test_an_unknown_status_is_refused_by_name(api, db, status):
    order = api.place()
    problem(api.patch(f"/orders/{order}", {"status": status}), 400, "status")
    assert state(db, order) == ("UNASSIGNED", None)


@pytest.mark.parametrize("taker", [1, 1.5, True, [], {}, ["ann"], "a\u0000b", "x" * 10000])
def test_a_taker_that_is_no_reasonable_text_is_refused_by_name(api, db, taker):
    order = api.place()
    problem(api.patch(f"/orders/{order}", {"status": "TAKEN", "taker": taker}), 400, "taker")
    assert state(db, order) == ("UNASSIGNED", None)


def test_an_empty_taker_is_not_nobody(api, db):
    order = api.place()
    problem(api.patch(f"/orders/{order}", {"status": "TAKEN", "taker": ""}), 400, "taker")
    assert state(db, order) == ("UNASSIGNED", None)


def test_a_body_without_a_status_is_refused_by_name(api):
    problem(api.patch(f"/orders/{api.place()}", {}), 400, "status")
    problem(api.patch(f"/orders/{api.place()}", {"taker": "ann"}), 400, "status")


def test_unknown_members_are_refused_by_name(api, db):
    order = api.place()
    for name in ("Status", "TAKER", "id", "distance"):
        problem(api.patch(f"/orders/{order}", {"status": "TAKEN", name: "x"}), 400, name)
    assert state(db, order) == ("UNASSIGNED", None)


def test_the_body_is_judged_before_the_order_is_looked_up(api):
    problem(api.patch("/orders/999999999", {"status": "nonsense"}), 400, "status")
