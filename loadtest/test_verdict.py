"""The load test fails when it must: each kind of lie, told on purpose."""

import sqlite3
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig.ledger import Entry, Ledger, read_ledger  # noqa: E402
from rig.verdict import complaints, unproved  # noqa: E402
from support.program import run  # noqa: E402


class Desk:
    """A database and a list of answers; to begin with a true story, whose events the triggers write: 1 is free, 2 is placed
    and taken by ann, bob is late. Then there are no triggers any more, so that lies can be told."""

    def __init__(self, connection):
        self.connection = connection
        self.store(1, "UNASSIGNED", None)
        self.since = 1
        self.store(2, "UNASSIGNED", None)
        connection.execute("UPDATE orders SET status = 'TAKEN', taker = 'ann' WHERE id = 2")
        for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'orders'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        self.entries = [Entry("place", 2, None, "success", 7), Entry("take", 2, "ann", "success", None),
                        Entry("take", 2, "bob", "taken", "Order is already taken.")]

    def store(self, order, status, taker, *events):
        self.connection.execute("INSERT OR REPLACE INTO orders (id, origin_lat, origin_lng, destination_lat, destination_lng, distance, "
                                "status, taker) VALUES (?, 1, 2, 3, 4, 7, ?, ?)", (order, status, taker))
        for event, by, *claim in events:
            self.connection.execute("INSERT INTO order_events (order_id, event, taker, claim) VALUES (?, ?, ?, ?)", (order, event, by, *(claim or [None])))

    def told(self, op, order, taker, outcome="success", detail=None):
        self.entries.append(Entry(op, order, taker, outcome, detail))

    def complaints(self, fault=False):
        return complaints(self.entries, lambda sql: self.connection.execute(sql).fetchall(), self.since, fault)


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    """The path of a database that `rowlock migrate` made."""
    path = tmp_path_factory.mktemp("schema") / "rowlock.db"
    done = run("migrate", "--database", f"sqlite:{path}")
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def desk(schema):
    connection = sqlite3.connect(":memory:")
    with sqlite3.connect(schema) as made:
        made.backup(connection)
    yield Desk(connection)
    connection.close()


def one(found, *words):
    assert found and all(any(word in line for line in found) for word in words), found


def test_a_true_story_passes(desk):
    assert desk.complaints() == []


def test_release_and_a_second_taker_are_no_second_winner(desk):
    desk.store(2, "TAKEN", "bob", ("released", "ann"), ("taken", "bob"))
    desk.told("release", 2, "ann")
    desk.told("take", 2, "bob")
    assert desk.complaints() == []


def test_the_holder_may_ask_again(desk):
    desk.told("take", 2, "ann")
    assert desk.complaints() == []


def test_two_winners_by_the_answers(desk):
    desk.told("take", 2, "bob")
    one(desk.complaints(), "2 winners by the answers", "1 SUCCESS, 0 taken events by bob")


def test_two_nameless_winners(desk):
    desk.store(1, "TAKEN", None, ("taken", None))
    desk.told("take", 1, None)
    assert desk.complaints() == []
    desk.told("take", 1, None)
    one(desk.complaints(), "2 winners by the answers", "2 SUCCESS, 1 taken events by None")


def test_two_winners_by_the_events(desk):
    desk.store(2, "TAKEN", "bob", ("taken", "bob"))
    desk.told("take", 2, "bob")
    one(desk.complaints(), "two winners")


def test_success_without_a_row(desk):
    desk.told("take", 1, "bob")
    one(desk.complaints(), "1 SUCCESS, 0 taken events by bob")


def test_a_row_that_is_not_what_its_last_event_says(desk):
    desk.store(2, "UNASSIGNED", None)
    one(desk.complaints(), "the row says UNASSIGNED")


def test_taken_without_success(desk):
    desk.store(1, "TAKEN", "bob", ("taken", "bob"))
    one(desk.complaints(), "1 taken events, 0 SUCCESS by bob")


def test_taken_with_a_lost_reply_is_allowed_in_fault_runs_only(desk):
    desk.store(1, "TAKEN", "bob", ("taken", "bob"))
    desk.told("take", 1, "bob", "unknown")
    assert desk.complaints(fault=True) == []
    one(desk.complaints(), "1 taken events, 0 SUCCESS by bob")


def test_taken_without_any_doubt_is_wrong_in_fault_runs_too(desk):
    desk.store(1, "TAKEN", "bob", ("taken", "bob"))
    one(desk.complaints(fault=True), "1 taken events, 0 SUCCESS by bob")


def test_released_by_a_stranger(desk):
    desk.store(2, "UNASSIGNED", None, ("released", "bob"))
    desk.told("release", 2, "bob")
    one(desk.complaints(), "taken by ann, released by bob")


def test_who_comes_when_a_lease_has_ended_is_no_second_winner(desk):
    desk.store(2, "TAKEN", "bob", ("expired", "ann", 1), ("taken", "bob", 2))
    desk.told("claim", None, "bob", detail=[[2, 2]])
    assert desk.complaints() == []


def test_a_claim_that_got_nothing_is_true(desk):
    desk.told("claim", None, "bob", detail=[])
    assert desk.complaints() == []


def test_a_claim_without_an_event(desk):
    desk.told("claim", None, "bob", detail=[[1, 1]])
    one(desk.complaints(), "1 SUCCESS, 0 taken events by bob", "bob was told claim 1, and no event says so")


def test_a_claim_that_nobody_was_told_of(desk):
    desk.store(1, "TAKEN", "bob", ("taken", "bob", 1))
    desk.told("claim", None, "bob", detail=[])
    one(desk.complaints(), "1 taken events, 0 SUCCESS by bob")


def test_a_claim_with_a_lost_reply_is_allowed_in_fault_runs_only(desk):
    desk.store(1, "TAKEN", "bob", ("taken", "bob", 1))
    desk.told("claim", None, "bob", "unknown")
    assert desk.complaints(fault=True) == []
    one(desk.complaints(), "1 taken events, 0 SUCCESS by bob")


def test_another_number_than_was_told(desk):
    desk.store(1, "TAKEN", "bob", ("taken", "bob", 1))
    desk.told("claim", None, "bob", detail=[[1, 2]])
    assert desk.complaints() == ["order 1: bob was told claim 2, and no event says so"]


def test_one_order_claimed_by_two(desk):
    desk.store(1, "TAKEN", "bob", ("taken", "bob", 1))
    desk.told("claim", None, "bob", detail=[[1, 1]])
    desk.told("claim", None, "joe", detail=[[1, 1]])
    one(desk.complaints(), "2 winners by the answers", "joe was told claim 1")


@pytest.mark.parametrize("claim", [0, 1])
def test_a_number_that_does_not_grow(desk, claim):
    desk.store(2, "TAKEN", "bob", ("released", "ann", 1), ("taken", "bob", claim))
    desk.told("release", 2, "ann")
    desk.told("take", 2, "bob")
    assert desk.complaints() == [f"order 2: taken by bob under claim {claim}, after claim 1"]


def test_an_end_under_another_number(desk):
    desk.store(2, "DELIVERED", "ann", ("delivered", "ann", 2))
    desk.told("deliver", 2, "ann")
    assert desk.complaints() == ["order 2: delivered by ann under claim 2, taken under claim 1"]


def test_a_lease_of_a_stranger_that_ended(desk):
    desk.store(2, "UNASSIGNED", None, ("expired", "bob", 1))
    one(desk.complaints(), "taken by ann, expired by bob")


def test_an_unexpected_answer(desk):
    desk.told("take", 2, "bob", "unexpected", "take of order 2 by bob: 500")
    assert desk.complaints() == ["take of order 2 by bob: 500"]


def test_a_request_without_an_answer(desk):
    desk.told("read", 2, None, "unanswered")
    one(desk.complaints(), "never answered")
    assert desk.complaints(fault=True) == []


def test_placed_and_not_stored(desk):
    desk.told("place", 3, None, detail=7)
    one(desk.complaints(), "order 3: placed with distance 7")


def test_placed_with_another_distance(desk):
    desk.entries[0] = Entry("place", 2, None, "success", 8)
    one(desk.complaints(), "placed with distance 8")


def test_stored_and_nobody_told(desk):
    desk.store(3, "UNASSIGNED", None, ("placed", None))
    one(desk.complaints(), "no customer was told")


def test_a_run_in_which_nothing_happened_proves_nothing(desk):
    desk.entries = []
    one(unproved(desk.entries), "nothing was proved", "place", "take", "claim", "stale")


def test_a_ledger_remembers_what_was_asked_and_not_answered(tmp_path):
    ledger = Ledger(tmp_path)
    first = ledger.begin("take", 1, "ann")
    ledger.begin("take", 1, "bob")
    ledger.end(first, "success")
    with pytest.raises(RuntimeError):
        read_ledger(tmp_path)           # not closed yet
    ledger.close()
    assert read_ledger(tmp_path) == [Entry("take", 1, "ann", "success", None), Entry("take", 1, "bob", "unanswered", None)]
