"""A trigger of the database's owner keeps a change from being made, or makes another one of it: nobody hears of a success."""

import pytest

from support import program
from support.crowd import crowd
from support.expect import problem, refused, succeeded
from support.rawhttp import request_bytes

pytestmark = pytest.mark.quick

ORDER = {"origin": [1, 2], "destination": [3, 4]}
MESSAGE = {"sender": "ann", "recipient": "bob", "text": "x"}
RECORDS = {"site": {"name": "x"}, "computer": {"name": "x"}, "freezer": {"name": "x"},
           "container": {"uuid": "8e03978e-40d5-43dd-bc93-6894a57f9324"}}


@pytest.fixture
def kept(request, db):
    """kept("UPDATE", "orders"): such changes of that table do not happen, until lifted()."""
    made = []

    def lifted():
        for table, name in made:
            db.query(f"DROP TRIGGER {name}" + (f" ON {table}" if db.kind == "postgres" else ""))
        made.clear()

    def keep(operation, table, body=None, when="BEFORE"):
        """body: what is done instead, in the language of triggers of this database."""
        name = f"keeps_{operation}_{table}".lower()
        if db.kind == "postgres":
            row = "OLD" if operation == "DELETE" else "NEW"
            text = body or "RETURN NULL;"
            db.query(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {text} RETURN {row}; END $$")
            db.query(f"CREATE TRIGGER {name} {when} {operation} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
        else:
            db.query(f"CREATE TRIGGER {name} {when} {operation} ON {table} BEGIN {body or 'SELECT RAISE(IGNORE);'} END")
        made.append((table, name))

    keep.lifted = lifted
    yield keep
    lifted()


def not_made(answer):
    problem(answer, 500, "did not make the change")


def state(db, order):
    return db.query("SELECT status, taker FROM orders WHERE id = ?", order)[0]


def journal(db, order):
    return [event for event, in db.query("SELECT event FROM order_events WHERE order_id = ? ORDER BY id", order)]


# ---- orders ----

@pytest.mark.parametrize("taker", ["ann", None])
def test_a_take_that_was_kept_from_happening_is_no_success_for_anybody(api, db, kept, server, taker):
    order, held = api.place(), api.place()
    succeeded(api.take(held, "ann"))
    kept("UPDATE", "orders")
    for one in (taker, "bob", taker):
        not_made(api.take(order, one))
    refused(api.take(held, "bob"), "Order is already taken.")
    assert state(db, order) == ("UNASSIGNED", None) and journal(db, order) == ["placed"]
    assert [line for line in server.lines() if line.get("statement") == "order_take" and line["level"] == "error"]
    kept.lifted()
    succeeded(api.take(order, taker))
    refused(api.take(order, "bob"), "Order is already taken.")


@pytest.mark.parametrize("taker", ["ann", None])
def test_a_release_or_a_delivery_that_was_kept_from_happening_is_no_success(api, db, kept, taker):
    order = api.place()
    succeeded(api.take(order, taker))
    kept("UPDATE", "orders")
    for _ in range(2):
        not_made(api.release(order, taker))
        not_made(api.deliver(order, taker))
        problem(api.release(order, "bob"), 400)
    assert state(db, order) == ("TAKEN", taker)
    kept.lifted()
    succeeded(api.deliver(order, taker))


# PostgreSQL changes the new row before it is stored, SQLite the stored one afterwards.
INSTEAD = {
    "another taker": ("NEW.taker := 'mallory';", "UPDATE orders SET taker = 'mallory' WHERE id = NEW.id;"),
    "no taker": ("NEW.taker := NULL;", "UPDATE orders SET taker = NULL WHERE id = NEW.id;"),
    "another status": ("NEW.status := 'UNASSIGNED';", "UPDATE orders SET status = 'UNASSIGNED' WHERE id = NEW.id;"),
}


@pytest.mark.parametrize("instead", INSTEAD.values(), ids=INSTEAD)
def test_a_take_that_became_something_else_is_no_success(api, db, kept, instead):
    order = api.place()
    kept("UPDATE", "orders", instead[db.kind == "sqlite"], "BEFORE" if db.kind == "postgres" else "AFTER")
    not_made(api.take(order, "ann"))
    assert state(db, order) != ("TAKEN", "ann")


def test_a_delivery_that_became_something_else_is_no_success(api, db, kept):
    order = api.place()
    succeeded(api.take(order, "ann"))
    kept("UPDATE", "orders", *(("NEW.status := 'TAKEN';",) if db.kind == "postgres" else
                               ("UPDATE orders SET status = 'TAKEN' WHERE id = NEW.id;", "AFTER")))
    not_made(api.deliver(order, "ann"))
    not_made(api.release(order, "ann"))
    assert state(db, order)[0] == "TAKEN"


def test_an_order_that_was_not_stored_was_not_placed(api, db, kept):
    before = db.query("SELECT count(*) FROM orders")
    kept("INSERT", "orders")
    not_made(api.post("/orders", ORDER))
    assert db.query("SELECT count(*) FROM orders") == before


def test_the_answer_to_a_new_order_is_what_was_stored(api, db, kept):
    kept("INSERT", "orders", *(("NEW.distance := 7;",) if db.kind == "postgres" else
                               ("UPDATE orders SET distance = 7 WHERE id = NEW.id;", "AFTER")))
    answer = api.post("/orders", ORDER)
    assert answer.status == 200 and answer.json()["distance"] == 7
    assert api.get(f"/orders/{answer.json()['id']}").json()["distance"] == 7


# ---- with a key ----

KEYED = {"orders": ("/orders", ORDER, 200), "messages": ("/messages", MESSAGE, 201)}


@pytest.mark.parametrize("table", KEYED)
def test_what_was_not_stored_leaves_no_key_behind(api, db, kept, table):
    path, body, status = KEYED[table]
    key = {"Idempotency-Key": f"kept-{table}"}
    before = db.query(f"SELECT count(*) FROM {table}")
    kept("INSERT", table)
    for _ in range(2):
        problem(api.post(path, body, key), 500)
    assert db.query("SELECT count(*) FROM idempotency_keys WHERE key = ?", f"kept-{table}") == [(0,)]
    kept.lifted()
    first = api.post(path, body, key)
    assert first.status == status and api.post(path, body, key).body == first.body
    assert db.query(f"SELECT count(*) FROM {table}") == [(before[0][0] + 1,)]
    assert api.get(f"{path}/{first.json()['id']}").status == 200


@pytest.mark.parametrize("table", KEYED)
def test_a_key_that_was_not_stored_leaves_no_record_behind(api, db, kept, table):
    path, body, status = KEYED[table]
    before = db.query(f"SELECT count(*) FROM {table}")
    kept("INSERT", "idempotency_keys")
    problem(api.post(path, body, {"Idempotency-Key": f"lost-{table}"}), (500, 503))
    assert db.query(f"SELECT count(*) FROM {table}") == before
    kept.lifted()
    assert api.post(path, body, {"Idempotency-Key": f"lost-{table}"}).status == status


@pytest.mark.parametrize("shared", ["postgres"], indirect=True)
def test_a_key_has_no_answer_that_the_record_denies(api, db, kept):
    kept("INSERT", "orders", "NEW.distance := 7;")
    kept("INSERT", "messages", "NEW.text := 'censored';")
    for path, body, _ in KEYED.values():
        problem(api.post(path, body, {"Idempotency-Key": "denied"}), 500)
    assert db.query("SELECT count(*) FROM idempotency_keys WHERE key = 'denied'") == [(0,)]


@pytest.mark.parametrize("shared", ["postgres"], indirect=True)
def test_of_a_set_only_what_was_kept_away_fails(server, api, db, kept):
    kept("INSERT", "messages", "IF NEW.text = 'no' THEN RETURN NULL; END IF;")
    texts = ["no" if number % 10 == 0 else f"yes {number}" for number in range(100)]
    answers = crowd(server.address, [[request_bytes("POST", "/messages", {**MESSAGE, "recipient": "set", "text": text},
                                                    {"Idempotency-Key": f"set-{number}"})] for number, text in enumerate(texts)])
    assert [status for (status, _), in answers] == [500 if text == "no" else 201 for text in texts]
    assert db.query("SELECT count(*) FROM messages WHERE recipient = 'set'") == [(90,)]
    assert db.query("SELECT count(*) FROM idempotency_keys WHERE key LIKE 'set-%'") == [(90,)]


# ---- messages and labs ----

def test_a_message_that_was_not_stored_was_not_sent(api, db, kept):
    kept("INSERT", "messages")
    not_made(api.post("/messages", MESSAGE))


@pytest.mark.parametrize("shared", ["postgres"], indirect=True)
def test_the_answer_to_a_new_message_is_what_was_stored(api, db, kept):
    kept("INSERT", "messages", "NEW.text := 'censored';")
    answer = api.post("/messages", MESSAGE)
    assert answer.status == 201 and answer.json()["text"] == "censored"
    assert api.get(answer.header("Location")).json() == answer.json()


def test_a_message_that_stays_was_not_deleted_nor_missing(api, db, kept):
    sent = api.post("/messages", MESSAGE).json()
    kept("DELETE", "messages")
    not_made(api.call("DELETE", f"/messages/{sent['id']}"))
    assert api.get(f"/messages/{sent['id']}").json() == sent
    problem(api.call("DELETE", "/messages/999999999"), 404)
    kept.lifted()
    assert api.call("DELETE", f"/messages/{sent['id']}").json() == sent
    problem(api.call("DELETE", f"/messages/{sent['id']}"), 404)


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_that_was_not_stored_is_not_said_to_be(api, db, kept, kind):
    kept("INSERT", kind)
    not_made(api.post(f"/{kind}/77", RECORDS[kind]))
    problem(api.get(f"/{kind}/77"), 404)
    kept.lifted()
    assert api.post(f"/{kind}/77", RECORDS[kind]).status == 200
    kept("UPDATE", kind)
    not_made(api.post(f"/{kind}/77", RECORDS[kind]))
    kept.lifted()
    assert api.call("DELETE", f"/{kind}/77").status == 200


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_that_stays_was_not_deleted_nor_missing(api, kept, kind):
    record = api.post(f"/{kind}/78", RECORDS[kind]).json()
    kept("DELETE", kind)
    not_made(api.call("DELETE", f"/{kind}/78"))
    assert api.get(f"/{kind}/78").json() == record
    problem(api.call("DELETE", f"/{kind}/999999999"), 404)
    kept.lifted()
    assert api.call("DELETE", f"/{kind}/78").json() == record
    problem(api.call("DELETE", f"/{kind}/78"), 404)


# ---- commands ----

@pytest.mark.parametrize("app, table", [("orders", "orders"), ("messages", "messages"), ("sites", "site"), ("users", "users"),
                                        ("health", "health_region"), ("health", "fsa")])
def test_samples_that_were_not_stored_are_not_counted(db, kept, app, table):
    before = db.query(f"SELECT count(*) FROM {table}")
    kept("INSERT", table)
    done = program.run("seed", app, "--offline", "--total", 5, "--database", db.url)
    assert done.returncode == 1 and done.stdout == "", done
    assert "stored 0 of" in done.stderr or "constraint" in done.stderr, done
    assert db.query(f"SELECT count(*) FROM {table}") == before
    kept.lifted()
    done = program.run("seed", app, "--offline", "--total", 5, "--database", db.url)
    assert done.returncode == 0 and "added 5" in done.stdout, done


def test_an_import_names_the_line_that_was_not_stored(db, kept, folder):
    kept("INSERT", "region", "IF NEW.id = 902 THEN RETURN NULL; END IF;" if db.kind == "postgres" else
         "SELECT RAISE(IGNORE) WHERE NEW.id = 902;")
    path = folder / "regions.csv"
    path.write_text("id,name_en,name_fr\n901,a,a\n902,b,b\n903,c,c\n")
    done = program.run("import", "health", "--regions", path, "--database", db.url)
    assert done.returncode == 1 and done.stdout == "" and f"{path}:3:" in done.stderr and "trigger" in done.stderr, done
    assert db.query("SELECT count(*) FROM region WHERE id > 900") == [(0,)]
    kept.lifted()
    done = program.run("import", "health", "--regions", path, "--database", db.url)
    assert done.returncode == 0 and "3 records" in done.stdout, done
