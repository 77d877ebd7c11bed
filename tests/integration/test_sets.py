"""Calls that arrive together travel together, and nobody can tell."""

import json

from support.crowd import crowd, take_request
from support.expect import problem
from support.rawhttp import Connection, request_bytes
from support.wait import until


def place_request(latitude):
    return request_bytes("POST", "/orders", {"origin": [latitude, 0], "destination": [0, 0]})


def test_one_call_that_the_database_refuses_fails_alone(serve, postgres):
    postgres.query("ALTER TABLE orders ADD CONSTRAINT nobody_evil CHECK (taker <> 'evil')")
    server = serve("--db-connections", 1, database=postgres)
    orders = [server.api.place() for _ in range(100)]
    scripts = [[take_request(order, "evil" if number % 10 == 5 else f"t{number}")] for number, order in enumerate(orders)]
    answers = crowd(server.address, scripts)
    for number, ((status, body),) in enumerate(answers):
        assert status == (400 if number % 10 == 5 else 200), (number, status, body)
    assert postgres.query("SELECT count(*) FROM orders WHERE status = 'TAKEN'") == [(90,)]
    assert postgres.query("SELECT count(*) FROM order_events WHERE event = 'taken'") == [(90,)]


def test_one_order_that_the_database_refuses_fails_alone(serve, postgres):
    postgres.query("ALTER TABLE orders ADD CONSTRAINT not_there CHECK (origin_lat <> 66)")
    server = serve("--db-connections", 1, database=postgres)
    answers = crowd(server.address, [[place_request(66 if number % 10 == 5 else number / 2)] for number in range(100)])
    for number, ((status, body),) in enumerate(answers):
        assert status == (400 if number % 10 == 5 else 200), (number, status, body)
    assert postgres.query("SELECT count(*) FROM orders") == [(90,)]


def test_a_failure_of_the_database_is_500_without_its_insides_and_the_next_call_works(serve, postgres):
    postgres.query("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                   "IF new.taker = 'evil' THEN RAISE EXCEPTION 'inside-4711'; END IF; RETURN new; END $$")
    postgres.query("CREATE TRIGGER fail BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION fail()")
    server = serve(database=postgres)
    order = server.api.place()
    answer = server.api.take(order, "evil")
    problem(answer, 500)
    assert b"inside-4711" not in answer.body
    until(lambda: "inside-4711" in server.log(), 2, "the reason is logged")
    assert server.api.take(order, "ann").status == 200


def test_each_call_of_a_set_gets_its_own_answer(serve, database):
    """Held back by a lock, or simply by their number, calls of all outcomes leave together; each must get what is his."""
    server = serve("--db-connections", 1, database=database)
    free = [server.api.place() for _ in range(40)]
    held = [server.api.place() for _ in range(40)]
    for order in held:
        assert server.api.take(order, f"holder-{order}").status == 200
    plan = []
    for number in range(40):
        plan += [(take_request(free[number], f"f{number}"), 200, None),
                 (take_request(held[number], f"holder-{held[number]}"), 200, None),
                 (take_request(held[number], "other"), 400, "Order is already taken."),
                 (take_request(10**9 + number, "x"), 400, "Order does not exist."),
                 (take_request(free[number], f"late{number}"), (200, 400), None)]
    answers = crowd(server.address, [[request] for request, _, _ in plan])
    for ((status, body),), (request, expected, message) in zip(answers, plan):
        assert status == expected or (isinstance(expected, tuple) and status in expected) or (status == 400 and expected == 200), (request, status, body)
        if message:
            assert json.loads(body)["error"] == message
    for number, order in enumerate(free):
        winners = [name for name, ((status, _),) in ((f"f{number}", answers[5 * number]), (f"late{number}", answers[5 * number + 4])) if status == 200]
        assert database.query("SELECT taker FROM orders WHERE id = ?", order) == [(winners[0],)] and len(winners) == 1
    for number in range(40):
        assert answers[5 * number + 1][0][0] == 200


def test_reads_that_share_a_query_answer_each_its_own(serve, postgres):
    server = serve("--db-connections", 1, database=postgres)
    orders = [server.api.place() for _ in range(50)]
    session = postgres.connect()
    session.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    targets = [f"/orders/{order}" for order in orders] * 2 + ["/orders?page=1&limit=5"] * 20 + ["/orders?limit=2&before=30"] * 20 + ["/orders/999999"] * 10
    connections = [Connection(server.address) for _ in targets]
    for connection, target in zip(connections, targets):
        connection.send(request_bytes("GET", target))
    server.wait_read()
    session.close()
    for connection, target in zip(connections, targets):
        answer = connection.response()
        if target == "/orders/999999":
            problem(answer, 404)
        elif "?" not in target:
            assert answer.json()["id"] == int(target.rsplit("/", 1)[1])
        else:
            assert len(answer.json()) == (5 if "page" in target else 2)
        connection.close()


def test_a_read_after_a_change_sees_it_however_many_read(serve, database):
    server = serve(database=database)
    order = server.api.place()
    readers = [Connection(server.address) for _ in range(20)]
    for round_ in range(20):
        for reader in readers:
            reader.send(request_bytes("GET", f"/orders/{order}"))
        taker = f"t{round_}"
        assert server.api.take(order, taker).status == 200
        late = server.api.get(f"/orders/{order}").json()
        assert (late["status"], late["taker"]) == ("TAKEN", taker)
        for reader in readers:
            assert reader.response().json()["taker"] in (None, taker)
        assert server.api.release(order, taker).status == 200
        assert server.api.get(f"/orders/{order}").json()["status"] == "UNASSIGNED"
    for reader in readers:
        reader.close()
