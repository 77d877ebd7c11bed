"""Conditional writes: who edits a record says which state of it he has seen, and changes nothing when it is another."""

import json
import threading

import pytest

from support import pgbouncer
from support.database import PostgresDatabase
from support.expect import problem, refused, succeeded
from support.program import missing
from support.rawhttp import Connection, request_bytes
from support.tcpproxy import TcpProxy
from support.wait import until

UUID = "123e4567-e89b-12d3-a456-426614174000"
KINDS = ["site", "computer", "freezer", "container"]
FIRST = {"site": {"name": "S", "contact": "Ann", "postcode_or_zip": "48104"}, "computer": {"name": "C", "mac": "00:00:5e:00:53:01"},
         "freezer": {"name": "F"}, "container": {"uuid": UUID, "description": "x"}}
SECOND = {"site": {"name": "T"}, "computer": {"name": "D"}, "freezer": {"name": "G"}, "container": {"uuid": UUID, "description": "y"}}
STALE = '"0123456789abcdef"'
MALFORMED = ["x", "", ",", '"', "W/", "W/x", '"unended', "**", 'w/"x"', '"x" "y"', '*, "x"', '"x",*', '"a b"', "'x'", '"x";q=1']


@pytest.fixture(autouse=True)
def empty(request):
    if "db" in request.fixturenames:
        request.getfixturevalue("db").clear(*reversed(KINDS))


def made(api, path, body):
    answer = api.post(path, body)
    assert answer.status == 200, answer
    return answer


def tag(api, path):
    answer = api.get(path)
    assert answer.status == 200 and answer.header("ETag").startswith('"'), answer
    return answer.header("ETag")


def send(api, text="Hello"):
    return api.post("/messages", {"sender": "ann", "recipient": "bob", "text": text}).json()["id"]


def remove(api, path, headers=()):
    return api.call("DELETE", path, headers=headers)


def failed(answer, *words):
    document = problem(answer, 412, "nothing was changed", *words)
    assert answer.reason == document["title"] == "Precondition Failed"
    assert answer.header("ETag") is None


def history(db, kind):
    return db.query("SELECT count(*) FROM lab_history WHERE kind = ? AND record_id = 1", kind)[0][0]


# ---- one client ----

@pytest.mark.quick
@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_of_a_write_has_the_tag_with_which_it_goes_on(api, kind):
    path = f"/{kind}/1"
    answer = made(api, path, FIRST[kind])
    assert answer.header("ETag") == tag(api, path)
    assert answer.body == api.get(path).body
    answer = api.post(path, SECOND[kind], {"If-Match": answer.header("ETag")})
    assert answer.status == 200 and answer.header("ETag") == tag(api, path)
    answer = api.post(path, FIRST[kind], {"If-Match": answer.header("ETag")})
    assert answer.status == 200 and answer.json() == api.get(path).json()
    answer = remove(api, path, {"If-Match": answer.header("ETag")})
    assert answer.status == 200 and answer.header("ETag") is None
    assert api.get(path).status == 404


@pytest.mark.quick
@pytest.mark.parametrize("kind", KINDS)
def test_a_stale_tag_changes_nothing(api, db, kind):
    path = f"/{kind}/1"
    stale = made(api, path, FIRST[kind]).header("ETag")
    made(api, path, SECOND[kind])
    stored, changes = api.get(path).body, history(db, kind)
    for value in (stale, STALE, f"{stale}, {STALE}", f"W/{tag(api, path)}"):
        failed(api.post(path, FIRST[kind], {"If-Match": value}), "If-Match")
        failed(remove(api, path, {"If-Match": value}), "If-Match")
    assert api.get(path).body == stored and history(db, kind) == changes
    assert api.post(path, FIRST[kind], [("If-Match", stale), ("If-Match", f'"x", {tag(api, path)}')]).status == 200


@pytest.mark.quick
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_is_not_there_cannot_be_updated(api, db, kind):
    path = f"/{kind}/1"
    known = made(api, path, FIRST[kind]).header("ETag")
    assert remove(api, path).status == 200
    changes = history(db, kind)
    for value in ("*", known):
        failed(api.post(path, FIRST[kind], {"If-Match": value}), "If-Match")
        failed(remove(api, path, {"If-Match": value}), "If-Match")
    assert api.get(path).status == 404 and history(db, kind) == changes
    made(api, path, FIRST[kind])
    assert api.post(path, SECOND[kind], {"If-Match": "*"}).status == 200
    assert remove(api, path, {"If-Match": "*"}).status == 200


@pytest.mark.quick
@pytest.mark.parametrize("kind", KINDS)
def test_what_must_be_new_is_created_once(api, db, kind):
    path = f"/{kind}/1"
    answer = api.post(path, FIRST[kind], {"If-None-Match": "*"})
    assert answer.status == 200 and answer.header("ETag") == tag(api, path)
    changes = history(db, kind)
    failed(api.post(path, SECOND[kind], {"If-None-Match": "*"}), "If-None-Match")
    failed(remove(api, path, {"If-None-Match": "*"}), "If-None-Match")
    assert api.get(path).body == answer.body and history(db, kind) == changes
    assert remove(api, path).status == 200
    problem(remove(api, path, {"If-None-Match": "*"}), 404)


@pytest.mark.quick
def test_tags_that_must_not_match_are_compared_weakly(api):
    known = made(api, "/site/1", FIRST["site"]).header("ETag")
    for value in (known, f"W/{known}", f"{STALE}, {known}"):
        failed(api.post("/site/1", SECOND["site"], {"If-None-Match": value}), "If-None-Match")
    assert api.post("/site/1", SECOND["site"], {"If-None-Match": f"W/{STALE}"}).status == 200
    assert api.post("/site/2", FIRST["site"], {"If-None-Match": known}).status == 200
    assert remove(api, "/site/1", {"If-None-Match": known}).status == 200


@pytest.mark.quick
def test_if_match_comes_first_and_both_must_hold(api):
    known = made(api, "/site/1", FIRST["site"]).header("ETag")
    for both in ((known, known), (STALE, STALE), (STALE, known), ("*", "*"), (known, "*")):
        failed(api.post("/site/1", SECOND["site"], {"If-Match": both[0], "If-None-Match": both[1]}))
    assert api.post("/site/1", SECOND["site"], {"If-Match": known, "If-None-Match": STALE}).status == 200


@pytest.mark.quick
@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize("field", ["If-Match", "If-None-Match"])
def test_a_malformed_field_of_a_write_is_refused_by_its_name(api, field, value):
    made(api, "/site/1", FIRST["site"])
    order, message = api.place(), send(api)
    for answer in (api.post("/site/1", SECOND["site"], {field: value}), remove(api, "/site/1", {field: value}),
                   api.patch(f"/orders/{order}", {"status": "TAKEN"}, {field: value}), remove(api, f"/messages/{message}", {field: value})):
        problem(answer, 400, field)
    assert api.get("/site/1").json()["name"] == "S"
    assert api.get(f"/orders/{order}").json()["status"] == "UNASSIGNED" and api.get(f"/messages/{message}").status == 200


@pytest.mark.quick
def test_a_request_that_is_wrong_otherwise_hears_that_first(api):
    made(api, "/site/1", FIRST["site"])
    problem(api.post("/site/1", {"name": 1, "nam": "x"}, {"If-Match": STALE}), 400, "nam")
    problem(api.post("/site/1", {}, {"If-Match": "x"}), 400, "name")
    problem(api.post("/site/1", "name=x", {"If-Match": STALE, "Content-Type": "text/plain"}), 415)
    problem(api.post("/site/x", {"name": "x"}, {"If-Match": STALE}), 400, "id")
    problem(api.call("PUT", "/site/1", {"name": "x"}, {"If-Match": STALE}), 405)
    problem(api.post("/nope", {"name": "x"}, {"If-Match": STALE}), 404)
    known = tag(api, "/site/1")
    problem(api.post("/computer/1", {"name": "C", "site_id": 999}, {"If-None-Match": "*"}), 400, "site_id")
    assert tag(api, "/site/1") == known


@pytest.mark.quick
def test_a_collection_has_no_record_to_compare_with(api):
    for headers in ({"If-Match": STALE}, {"If-None-Match": "*"}, {"If-Match": "x"}):
        answer = api.post("/messages", {"sender": "ann", "recipient": "bob", "text": "x"}, headers)
        assert answer.status == 201 and answer.header("ETag") is None
        answer = api.post("/orders", {"origin": ["50", "12"], "destination": ["51", "13"]}, headers)
        assert answer.status == 200 and answer.header("ETag") is None


@pytest.mark.quick
def test_a_message_is_deleted_as_it_was_seen(api, db):
    message = send(api)
    path = f"/messages/{message}"
    known = tag(api, path)
    failed(remove(api, path, {"If-Match": STALE}))
    failed(remove(api, path, {"If-None-Match": "*"}))
    db.query("UPDATE messages SET text = 'by hand' WHERE id = ?", message)
    failed(remove(api, path, {"If-Match": known}))
    answer = remove(api, path, {"If-Match": tag(api, path)})
    assert answer.status == 200 and answer.json()["text"] == "by hand" and answer.header("ETag") is None
    failed(remove(api, path, {"If-Match": "*"}))
    problem(remove(api, path, {"If-None-Match": "*"}), 404)


# ---- orders ----

@pytest.mark.quick
def test_an_order_is_changed_as_it_was_seen(api):
    order = api.place()
    path, tags = f"/orders/{order}", []
    for status, taker in (("TAKEN", "ann"), ("UNASSIGNED", "ann"), ("TAKEN", None), ("UNASSIGNED", None), ("TAKEN", "bob"), ("DELIVERED", "bob")):
        tags.append(tag(api, path))
        body = {"status": status} | ({"taker": taker} if taker else {})
        for stale in (STALE, *tags[:-1]):
            failed(api.patch(path, body, {"If-Match": stale}))
        failed(api.patch(path, body, {"If-None-Match": "*"}))
        answer = api.patch(path, body, {"If-Match": tags[-1]})
        succeeded(answer)
        assert answer.header("ETag") is None, "the answer is not the order"
        record = api.get(path).json()
        assert (record["status"], record["taker"]) == (status, None if status == "UNASSIGNED" else taker)
    assert len(set(tags)) == len(tags)


@pytest.mark.quick
def test_a_conditional_change_of_an_order_follows_the_same_rules(api, db):
    """What the state of the order does not allow is refused in the same words, with a tag that is right."""
    order = api.place()
    path = f"/orders/{order}"

    def changed(status, taker=None):
        return api.patch(path, {"status": status} | ({"taker": taker} if taker else {}), {"If-Match": tag(api, path)})

    def same(status, taker=None):
        """The answer with and without a condition."""
        answer = changed(status, taker)
        assert answer.status == 400, answer
        assert answer.json()["error"] == api.turn(order, status, taker).json()["error"]
        return answer.json()["error"]

    assert same("UNASSIGNED", "ann") == same("DELIVERED") == "Order is not taken."
    succeeded(changed("TAKEN", "ann"))
    events = "SELECT event, taker FROM order_events WHERE order_id = ? ORDER BY id"
    assert [tuple(row) for row in db.query(events, order)] == [("placed", None), ("taken", "ann")]
    before = api.get(path).body
    succeeded(changed("TAKEN", "ann"))
    assert api.get(path).body == before, "asked again, nothing is written"
    assert same("TAKEN", "bob") == same("TAKEN") == "Order is already taken."
    assert "held by ann" in same("UNASSIGNED", "bob") and "release" in same("UNASSIGNED", "bob")
    assert "held by ann" in same("DELIVERED") and "deliver" in same("DELIVERED", "bob")
    succeeded(changed("UNASSIGNED", "ann"))
    succeeded(changed("UNASSIGNED", "ann"))
    assert same("UNASSIGNED") == same("UNASSIGNED", "bob") == "Order is not taken."
    succeeded(changed("TAKEN"))
    assert same("TAKEN") == "Order is already taken."
    assert same("UNASSIGNED", "ann") == api.turn(order, "UNASSIGNED", "ann").json()["error"]
    succeeded(changed("DELIVERED"))
    assert same("UNASSIGNED") == same("DELIVERED") == "Order is already delivered."
    assert same("TAKEN", "ann") == "Order is already taken."
    assert [row[0] for row in db.query(events, order)] == ["placed", "taken", "released", "taken", "delivered"]


@pytest.mark.quick
def test_a_delivery_asked_for_again_is_the_same_delivery(api):
    order = api.place()
    succeeded(api.take(order, "ann"))
    for _ in range(2):
        succeeded(api.patch(f"/orders/{order}", {"status": "DELIVERED", "taker": "ann"}, {"If-Match": tag(api, f"/orders/{order}")}))


@pytest.mark.quick
def test_an_order_that_does_not_exist(api):
    for status in ("TAKEN", "UNASSIGNED", "DELIVERED"):
        failed(api.patch("/orders/999999999", {"status": status}, {"If-Match": "*"}))
        refused(api.patch("/orders/999999999", {"status": status}, {"If-None-Match": "*"}), "Order does not exist.")


def test_an_order_that_another_has_locked_is_occupied(serve, postgres):
    server = serve("--distance", "haversine", database=postgres)
    order = server.api.place()
    known = tag(server.api, f"/orders/{order}")
    with postgres.connect() as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", (order,))
        refused(server.api.patch(f"/orders/{order}", {"status": "TAKEN"}, {"If-Match": known}), "Order is currently occupied.")
        failed(server.api.patch(f"/orders/{order}", {"status": "TAKEN"}, {"If-Match": STALE}))
    other.close()
    succeeded(server.api.patch(f"/orders/{order}", {"status": "TAKEN"}, {"If-Match": known}))


@pytest.mark.quick
@pytest.mark.parametrize("change", ["origin_lat = origin_lat + 1e-14", "released_by = 'x'", "distance = distance + 1"])
def test_any_change_by_hand_of_what_is_shown_is_another_state(api, db, change):
    """Also one in the last digit of a coordinate. What no GET shows makes no other tag, and is no reason to refuse."""
    order = api.place(origin=("0.1", "0.2"))
    known = tag(api, f"/orders/{order}")
    db.query(f"UPDATE orders SET {change} WHERE id = ?", order)
    answer = api.patch(f"/orders/{order}", {"status": "TAKEN"}, {"If-Match": known})
    if "released_by" in change:
        succeeded(answer)
    else:
        failed(answer)


# ---- between the read and the write ----

@pytest.fixture(params=["postgres", "sqlite", "pgbouncer"])
def raced(request, serve):
    """(server, database), also behind PgBouncer in transaction mode."""
    if request.param != "pgbouncer":
        database = request.getfixturevalue(request.param)
        yield serve("--distance", "haversine", database=database), database
        return
    if pgbouncer.installed() is None:
        missing("pgbouncer")
    cluster = request.getfixturevalue("cluster")
    with pgbouncer.PgBouncer(cluster, default_pool_size=4) as bouncer:
        database = PostgresDatabase(cluster, request.getfixturevalue("template"), bouncer)
        server = serve("--distance", "haversine", database=database)
        yield server, database
        server.stop()
        database.drop()


class Hands:
    """Somebody with a SQL prompt and an open transaction."""

    def __init__(self, database):
        self.database = database
        self.session = database.connect()
        if database.kind == "sqlite":
            self.session.execute("BEGIN IMMEDIATE")

    def do(self, sql):
        self.session.cursor().execute(sql)

    def wait_for_the_write(self, server):
        """Until the server's write waits for this transaction: its read is done then."""
        if self.database.kind == "postgres":
            until(lambda: waits_for_a_lock(self.database), 10, "the write waits")
            return
        for _ in range(3):   # what came first is read first; its write is tried again until the file is free
            assert server.api.get("/sites").status == 200

    def end(self, how):
        self.session.commit() if how == "commit" else self.session.rollback()
        self.session.close()


def between(raced, sql, how, method, path, body, headers):
    """The answer of a request whose read comes before the end of a transaction by hand, and its write behind it."""
    server, database = raced
    hands = Hands(database)
    hands.do(sql)
    with Connection(server.address) as connection:
        connection.send(request_bytes(method, path, body, headers))
        hands.wait_for_the_write(server)
        hands.end(how)
        return connection.response()


CHANGES = {"changed": "UPDATE site SET country = 'by hand' WHERE id = 1", "deleted": "DELETE FROM site WHERE id = 1",
           "replaced": "UPDATE site SET id = 2 WHERE id = 1", "touched": "UPDATE site SET country = country WHERE id = 1"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_between_the_read_and_the_write_is_seen(raced, change):
    for how in ("commit", "rollback"):
        for condition in ("tag", "*"):
            for method in ("POST", "DELETE"):
                raced[1].query("DELETE FROM site")
                check_a_change_by_hand(raced, change, how, condition, method)


def check_a_change_by_hand(raced, change, how, condition, method):
    server, database = raced
    known = made(server.api, "/site/1", FIRST["site"]).header("ETag")
    before = server.api.get("/site/1").body
    body = SECOND["site"] if method == "POST" else None
    answer = between(raced, CHANGES[change], how, method, "/site/1", body, {"If-Match": known if condition == "tag" else "*"})
    gone = change in ("deleted", "replaced")
    if how == "rollback" or change == "touched" or (condition == "*" and not gone):
        assert answer.status == 200, answer
        assert server.api.get("/site/1").status == (200 if method == "POST" else 404)
        return
    failed(answer)
    after = server.api.get("/site/1")
    assert after.status == 404 if gone else after.json() == json.loads(before) | {"country": "by hand"}


@pytest.mark.parametrize("how", ["commit", "rollback"])
def test_what_must_be_new_waits_for_who_is_creating_it(raced, how):
    server, database = raced
    answer = between(raced, "INSERT INTO site (id, name) VALUES (1, 'by hand')", how, "POST", "/site/1", FIRST["site"], {"If-None-Match": "*"})
    if how == "commit":
        failed(answer)
        assert server.api.get("/site/1").json()["name"] == "by hand"
    else:
        assert answer.status == 200 and server.api.get("/site/1").json()["name"] == "S"


@pytest.mark.parametrize("how", ["commit", "rollback"])
def test_a_message_changed_by_hand_meanwhile_is_not_deleted(raced, how):
    server, database = raced
    path = f"/messages/{send(server.api)}"
    known = tag(server.api, path)
    answer = between(raced, "UPDATE messages SET text = 'by hand'", how, "DELETE", path, None, {"If-Match": known})
    if how == "commit":
        failed(answer)
        assert server.api.get(path).json()["text"] == "by hand"
    else:
        assert answer.status == 200 and server.api.get(path).status == 404


def suppress(database, *changes):
    """A trigger of the database's owner that drops these changes: (operation, table)."""
    if database.kind == "postgres":
        database.query("CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    for operation, table in changes:
        database.query(f"CREATE TRIGGER drop_{operation}_{table} BEFORE {operation} ON {table} FOR EACH ROW "
                       + ("EXECUTE FUNCTION drop_it()" if database.kind == "postgres" else "BEGIN SELECT raise(ignore); END"))


def test_a_change_that_a_trigger_drops_is_not_a_success_and_not_asked_for_ever(serve, database):
    server = serve("--distance", "haversine", database=database)
    known = made(server.api, "/site/1", FIRST["site"]).header("ETag")
    order, message = server.api.place(), send(server.api)
    suppress(database, ("UPDATE", "site"), ("DELETE", "site"), ("INSERT", "site"), ("UPDATE", "orders"), ("DELETE", "messages"))
    before = [server.api.get(path).body for path in ("/site/1", f"/orders/{order}", f"/messages/{message}")]
    for answer in (server.api.post("/site/1", SECOND["site"], {"If-Match": known}), remove(server.api, "/site/1", {"If-Match": "*"}),
                   server.api.post("/site/2", FIRST["site"], {"If-None-Match": "*"}),
                   server.api.patch(f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}, {"If-Match": "*"}),
                   remove(server.api, f"/messages/{message}", {"If-Match": tag(server.api, f"/messages/{message}")})):
        problem(answer, 500, "did not make the change")
    assert [server.api.get(path).body for path in ("/site/1", f"/orders/{order}", f"/messages/{message}")] == before
    assert server.api.get("/site/2").status == 404
    assert sum("did not make a change" in line["message"] for line in server.lines()) == 5


# ---- many at once ----

WRITERS, ROUNDS = 8, 12


def at_once(server, requests):
    """The answers to requests that are sent together, each on a connection of its own."""
    connections = [Connection(server.address) for _ in requests]
    barrier, answers = threading.Barrier(len(requests)), [None] * len(requests)

    def run(number):
        barrier.wait()
        connections[number].send(requests[number])
        answers[number] = connections[number].response()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()
    return answers


def one_winner(answers):
    winners = [number for number, answer in enumerate(answers) if answer.status == 200]
    assert len(winners) == 1, answers
    for number, answer in enumerate(answers):
        if number != winners[0]:
            failed(answer)
    return winners[0]


def test_of_those_who_edit_the_same_state_one_succeeds(raced):
    server, database = raced
    known = made(server.api, "/site/1", FIRST["site"]).header("ETag")
    for turn in range(ROUNDS):
        answers = at_once(server, [request_bytes("POST", "/site/1", {"name": f"{turn} {number}"}, {"If-Match": known})
                                   for number in range(WRITERS)])
        winner = one_winner(answers)
        assert server.api.get("/site/1").json()["name"] == f"{turn} {winner}"
        known = answers[winner].header("ETag")
    assert history(database, "site") == 1 + ROUNDS


def test_of_those_who_ask_for_any_state_all_succeed(raced):
    server, database = raced
    made(server.api, "/site/1", FIRST["site"])
    for turn in range(ROUNDS):
        answers = at_once(server, [request_bytes("POST", "/site/1", {"name": f"{turn} {number}"}, {"If-Match": "*"}) for number in range(WRITERS)])
        assert [answer.status for answer in answers] == [200] * WRITERS
    assert history(database, "site") == 1 + ROUNDS * WRITERS


def test_of_those_who_create_or_delete_one_succeeds(raced):
    server, database = raced
    for _ in range(ROUNDS // 2):
        answers = at_once(server, [request_bytes("POST", "/site/1", {"name": str(number)}, {"If-None-Match": "*"})
                                   for number in range(WRITERS)])
        winner = one_winner(answers)
        assert server.api.get("/site/1").json()["name"] == str(winner)
        one_winner(at_once(server, [request_bytes("DELETE", "/site/1", headers={"If-Match": answers[winner].header("ETag")})] * WRITERS))
        message = send(server.api)
        known = tag(server.api, f"/messages/{message}")
        one_winner(at_once(server, [request_bytes("DELETE", f"/messages/{message}", headers={"If-Match": known})] * WRITERS))


def test_of_those_who_take_the_same_state_of_an_order_one_succeeds(raced):
    """The others hear that it has changed, or that its row is locked."""
    server, database = raced
    for _ in range(ROUNDS):
        order = server.api.place()
        known = tag(server.api, f"/orders/{order}")
        answers = at_once(server, [request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": str(number)}, {"If-Match": known})
                                   for number in range(WRITERS)])
        winners = [number for number, answer in enumerate(answers) if answer.status == 200]
        assert len(winners) == 1, answers
        assert server.api.get(f"/orders/{order}").json()["taker"] == str(winners[0])
        for number, answer in enumerate(answers):
            if number != winners[0]:
                assert answer.status == 412 or answer.json()["error"] == "Order is currently occupied.", answer


def test_of_those_who_read_edit_and_write_back_nobodys_edit_is_lost(raced):
    """Each adds one to a number in the record, as often as it takes."""
    server, database = raced
    made(server.api, "/site/1", {"name": "0"})
    failures = []

    def add(times):
        try:
            for _ in range(times):
                while True:
                    seen = server.api.get("/site/1")
                    answer = server.api.post("/site/1", {"name": str(int(seen.json()["name"]) + 1)}, {"If-Match": seen.header("ETag")})
                    if answer.status == 200:
                        break
                    failed(answer)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=add, args=(10,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    assert server.api.get("/site/1").json()["name"] == "40"


# ---- when the database does not answer ----

def waits_for_a_lock(database):
    return database.query("SELECT 1 FROM pg_stat_activity WHERE datname = ? AND wait_event_type = 'Lock'", database.name)


def test_a_connection_lost_during_the_read_changed_nothing_and_during_the_write_who_knows(serve, postgres):
    with TcpProxy(postgres.cluster.port) as proxy:
        server = serve("--deadline", 5, database=postgres.cluster.url(postgres.name, proxy.port))
        known = made(server.api, "/site/1", FIRST["site"]).header("ETag")
        for lock, words in (("LOCK TABLE site IN ACCESS EXCLUSIVE MODE", "nothing was changed"),
                            ("SELECT FROM site FOR UPDATE", "unknown")):
            with postgres.connect() as other, Connection(server.address) as connection:
                other.cursor().execute(lock)
                connection.send(request_bytes("POST", "/site/1", SECOND["site"], {"If-Match": known}))
                until(lambda: waits_for_a_lock(postgres), 5, "it waits")
                proxy.reset()
                problem(connection.response(), 503, words)
                other.rollback()
            other.close()
            until(lambda: not waits_for_a_lock(postgres) and server.healthy(), 10, "all is well again")


def test_a_deadline_during_the_read_says_that_nothing_was_changed(serve, postgres):
    server = serve("--deadline", 1, database=postgres)
    known = made(server.api, "/site/1", FIRST["site"]).header("ETag")
    with postgres.connect() as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE site IN ACCESS EXCLUSIVE MODE")
        problem(server.api.post("/site/1", SECOND["site"], {"If-Match": known}), 503, "nothing was changed")
    other.close()
    assert server.api.get("/site/1").json()["name"] == "S"
