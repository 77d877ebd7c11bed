"""The history of each record, whoever changed it, and the ids that the database gives itself."""

import datetime
import json
import re
import threading

import pytest

from support.expect import links, problem

UUID = "123e4567-e89b-12d3-a456-426614174000"
KINDS = ["site", "computer", "freezer", "container"]


@pytest.fixture(autouse=True)
def empty(db):
    db.clear(*reversed(KINDS), "lab_history")


def history(api, path, query=""):
    answer = api.get(f"{path}/history{query}")
    assert answer.status == 200, answer
    return answer.json()


def operations(api, path):
    return [change["operation"] for change in history(api, path)]


def by_hand(db, *statements):
    """In one session, with foreign keys as PostgreSQL has them."""
    connection = db.connect()
    try:
        cursor = connection.cursor()
        if db.kind == "sqlite":
            cursor.execute("PRAGMA foreign_keys = ON")
        for statement in statements:
            cursor.execute(statement)
        connection.commit()
    finally:
        connection.close()


def test_every_change_is_kept_newest_first(api):
    first = api.post("/site/1", {"name": "a", "country": "US"}).json()
    second = api.post("/site/1", {"name": "b"}).json()
    api.call("DELETE", "/site/1")
    changes = history(api, "/site/1")
    assert [list(change) for change in changes] == [["at", "operation", "old", "new"]] * 3
    assert [(change["operation"], change["old"], change["new"]) for change in changes] == [
        ("delete", second, None), ("update", first, second), ("insert", None, first)]
    times = [change["at"] for change in changes]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", at) for at in times), times
    assert sorted(times, reverse=True) == times
    newest = datetime.datetime.fromisoformat(times[0].replace("Z", "+00:00"))
    assert abs(datetime.datetime.now(datetime.timezone.utc) - newest) < datetime.timedelta(seconds=60)


def test_what_changes_nothing_is_not_recorded(api, db):
    for _ in range(3):
        api.post("/site/1", {"name": "a", "contact": None})
    by_hand(db, "UPDATE site SET name = name, country = NULL")
    problem(api.post("/computer/1", {"name": "x", "site_id": 999}), 400)
    assert operations(api, "/site/1") == ["insert"]
    problem(api.get("/computer/1/history"), 404)


def test_changes_by_hand_are_kept_also_after_the_record(api, db):
    by_hand(db, "INSERT INTO site (id, name) VALUES (5, 'hand')", f"INSERT INTO freezer (id, name, site_id) VALUES (6, 'F', 5)",
            f"INSERT INTO container (id, uuid, freezer_id) VALUES (7, '{UUID}', 6)", "INSERT INTO computer (id, name, site_id) VALUES (8, 'C', 5)",
            "UPDATE site SET contact = 'me' WHERE id = 5", "UPDATE computer SET mac = '08:00:2b:01:02:03'", "UPDATE container SET description = 'd'",
            "UPDATE freezer SET name = 'G'", "DELETE FROM site")
    problem(api.get("/site/5"), 404)
    for path in ("/site/5", "/freezer/6", "/container/7", "/computer/8"):
        assert operations(api, path) == ["delete", "update", "insert"]
    assert history(api, "/computer/8")[0]["old"] == {"id": 8, "name": "C", "mac": "08:00:2b:01:02:03", "site_id": 5}
    assert history(api, "/container/7")[0]["old"] == {"id": 7, "uuid": UUID, "description": "d", "freezer_id": 6}


def test_what_a_deleted_site_takes_along_is_recorded(api):
    api.post("/site/1", {"name": "S"})
    api.post("/freezer/2", {"name": "F", "site_id": 1})
    api.post("/container/3", {"uuid": UUID, "freezer_id": 2})
    api.post("/computer/4", {"name": "C", "site_id": 1})
    api.call("DELETE", "/site/1")
    for path in ("/site/1", "/freezer/2", "/container/3", "/computer/4"):
        assert operations(api, path) == ["delete", "insert"]


def test_one_statement_over_many_rows_is_recorded_for_each(api, db):
    for number in range(1, 6):
        api.post(f"/site/{number}", {"name": "S"})
    by_hand(db, "UPDATE site SET country = 'US' WHERE id > 2")
    assert [operations(api, f"/site/{number}") for number in range(1, 6)] == [["insert"]] * 2 + [["update", "insert"]] * 3


def test_what_was_rolled_back_is_not_recorded(api, db):
    connection = db.connect()
    cursor = connection.cursor()
    if db.kind == "sqlite":
        cursor.execute("BEGIN")
    cursor.execute("INSERT INTO site (id, name) VALUES (9, 'x')")
    connection.rollback()
    connection.close()
    problem(api.get("/site/9/history"), 404)


def test_a_record_whose_id_was_changed_is_found_under_both(api, db):
    api.post("/site/1", {"name": "S"})
    by_hand(db, "UPDATE site SET id = 50 WHERE id = 1")
    assert operations(api, "/site/1") == ["update", "insert"]
    assert operations(api, "/site/50") == ["update"]
    assert (history(api, "/site/50")[0]["old"]["id"], history(api, "/site/50")[0]["new"]["id"]) == (1, 50)


@pytest.mark.parametrize("shared", ["postgres"], indirect=True)      # SQLite has no TRUNCATE
def test_truncate_is_recorded(api, db):
    api.post("/site/1", {"name": "S"})
    api.post("/computer/1", {"name": "C", "site_id": 1})
    by_hand(db, "TRUNCATE site CASCADE")
    assert history(api, "/site/1")[0]["operation"] == "delete" and history(api, "/site/1")[0]["old"]["name"] == "S"
    assert operations(api, "/computer/1") == ["delete", "insert"]


def test_the_table_holds_json_that_the_database_can_read(api, db):
    text = "".join(map(chr, range(1, 300))) + "\U0001f9ca\"\\"
    api.post("/site/1", {"name": text})
    (kept,), = db.query("SELECT new FROM lab_history")
    assert (json.loads(kept) if isinstance(kept, str) else kept)["name"] == text
    assert db.query("SELECT json_extract(new, '$.name') FROM lab_history" if db.kind == "sqlite" else "SELECT new ->> 'name' FROM lab_history") == [(text,)]


def test_history_comes_in_pages(api):
    for number in range(5):
        api.post("/freezer/1", {"name": f"n{number}"})
    api.post("/freezer/2", {"name": "other"})
    target, seen = "/freezer/1/history?limit=2", []
    while target:
        answer = api.get(target)
        assert links(answer)["first"] == "/freezer/1/history?limit=2"
        seen.append([change["new"]["name"] for change in answer.json()])
        target = links(answer).get("next")
    assert seen == [["n4", "n3"], ["n2", "n1"], ["n0"]]
    assert history(api, "/freezer/1", "?before=0") == []


@pytest.mark.parametrize("query, named", [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("before=-1", "before"),
                                          ("before=", "before"), ("limit=1&limit=1", "limit"), ("page=1", "page")])
def test_wrong_parameters_are_refused_by_name(api, query, named):
    api.post("/site/1", {"name": "S"})
    problem(api.get(f"/site/1/history?{query}"), 400, named)


@pytest.mark.parametrize("kind", KINDS)
def test_of_what_never_was_there_is_no_history(api, kind):
    problem(api.get(f"/{kind}/4711/history"), 404, kind)


# ---- ids ----

def next_id(db, kind="site"):
    column, value = ("uuid", f"'{UUID}'") if kind == "container" else ("name", "'x'")
    (found,), = db.query(f"INSERT INTO {kind} ({column}) VALUES ({value}) RETURNING id")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_ids_given_by_the_database_go_past_those_given_to_it(api, db, kind):
    start = next_id(db, kind)
    body = {"uuid": UUID} if kind == "container" else {"name": "x"}
    for ahead in (10, 500_000):
        assert api.post(f"/{kind}/{start + ahead}", body).status == 200
        assert next_id(db, kind) == start + ahead + 1
    assert api.post(f"/{kind}/{start + 3}", body).status == 200     # an update of the sequence would go back here
    assert next_id(db, kind) == start + 500_002


def test_concurrent_explicit_ids_and_given_ones_never_collide(api, db):
    start = next_id(db)
    failures = []

    def explicit(base):
        for number in range(15):
            answer = api.post(f"/site/{start + base + number * 7}", {"name": "S"})
            if answer.status != 200:
                failures.append(answer)

    def given():
        try:
            for _ in range(60):
                next_id(db)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=explicit, args=(base,)) for base in (1_000, 50_000, 2_000_000, 90_000)]
    threads += [threading.Thread(target=given) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert next_id(db) == db.query("SELECT max(id) FROM site")[0][0]
    assert next_id(db) > start + 2_000_000 + 14 * 7
