"""Idempotency-Key: a request that is repeated with its key changes nothing and gets the first answer again."""

import json
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.crowd import crowd, shuffled
from support.expect import problem, succeeded
from support.program import SANITIZED, SLOW
from support.provider import Provider, osrm
from support.rawhttp import Connection, request_bytes
from support.tcpproxy import TcpProxy
from support.wait import Stopwatch, until

ORDER = {"origin": [1, 2], "destination": [3.5, "-4"]}
MESSAGE = {"sender": "ann", "recipient": "bob", "text": "Привет 🚲 \"x\" \\ \n"}


class Kind:
    """What can be asked for with a key."""

    def __init__(self, name, status, body, other, rewritten):
        self.name, self.status, self.body, self.other, self.rewritten = name, status, body, other, rewritten
        self.path = "/" + name

    def post(self, api, key, body=None):
        return api.post(self.path, body or self.body, {"Idempotency-Key": key})

    def done(self, answer):
        """The record that a success tells of."""
        assert answer.status == self.status and answer.content_type == "application/json", answer
        assert answer.header("Location") == (f"/messages/{answer.json()['id']}" if self.name == "messages" else None)
        return answer.json()

    def count(self, database):
        (count,), = database.query(f"SELECT count(*) FROM {self.name}")
        return count


KINDS = {
    "orders": Kind("orders", 200, ORDER, {**ORDER, "origin": [1, 2.0000001]}, [
        '{"destination":[3.5,"-4"],"origin":[1,2]}', ' {\n\t"origin" : [ 1 , 2 ] ,\r\n"destination":[3.5, "-4"] } ',
        '{"\\u006frigin":[1,2],"destination":[3.5,"\\u002d4"]}']),
    "messages": Kind("messages", 201, MESSAGE, {**MESSAGE, "text": MESSAGE["text"] + " "}, [
        json.dumps(dict(reversed(MESSAGE.items())), ensure_ascii=False), json.dumps(MESSAGE, indent=3),
        json.dumps(MESSAGE).replace("bob", "b\\u006fb")]),
}


@pytest.fixture(params=list(KINDS))
def kind(request):
    return KINDS[request.param]


keys = iter(range(10 ** 9))


@pytest.fixture
def key():
    return f"key-{next(keys)}"


def aged(database, key, hours):
    """Moves the key back in time."""
    if database.kind == "postgres":
        database.query("UPDATE idempotency_keys SET created_at = created_at - make_interval(hours => ?) WHERE key = ?", hours, key)
    else:
        database.query("UPDATE idempotency_keys SET created_at = strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '-' || ? || ' hours') WHERE key = ?", hours, key)


# ---- the same, and something else ----

@pytest.mark.quick
def test_the_same_request_gets_the_first_answer_again(api, db, kind, key):
    before = kind.count(db)
    first = kind.post(api, key)
    record = kind.done(first)
    for _ in range(3):
        again = kind.post(api, key)
        assert kind.done(again) == record and again.body == first.body
    assert kind.count(db) == before + 1


@pytest.mark.quick
def test_the_answer_with_a_key_is_the_answer_without(api, kind, key):
    with_key, without = kind.post(api, key), api.post(kind.path, kind.body)
    assert list(with_key.json()) == list(without.json())
    assert {name: type(value) for name, value in with_key.json().items()} == {name: type(value) for name, value in without.json().items()}
    assert sorted(name for name, _ in with_key.headers) == sorted(name for name, _ in without.headers)
    assert kind.done(with_key)["id"] < without.json()["id"]


@pytest.mark.quick
def test_the_first_answer_tells_the_truth(api, kind, key):
    record = kind.done(kind.post(api, key))
    stored = api.get(f"{kind.path}/{record['id']}").json()
    assert {name: stored[name] for name in record} == record


@pytest.mark.quick
def test_it_is_the_same_however_it_is_written(api, db, kind, key):
    record = kind.done(kind.post(api, key))
    before = kind.count(db)
    for body in kind.rewritten:
        assert kind.done(kind.post(api, key, body)) == record
    assert kind.done(api.post(kind.path + "/", kind.body, {"idempotency-key": key})) == record
    assert kind.count(db) == before


@pytest.mark.quick
def test_another_body_with_the_key_is_422_and_the_first_answer_stays(api, db, kind, key):
    record = kind.done(kind.post(api, key))
    before = kind.count(db)
    problem(kind.post(api, key, kind.other), 422, "Idempotency-Key")
    assert kind.count(db) == before
    assert kind.done(kind.post(api, key)) == record


@pytest.mark.quick
@pytest.mark.parametrize("member", list(MESSAGE))
def test_every_member_of_a_message_counts(api, key, member):
    kind = KINDS["messages"]
    kind.done(kind.post(api, key))
    problem(kind.post(api, key, {**MESSAGE, member: "other"}), 422)


@pytest.mark.quick
@pytest.mark.parametrize("other", [{"origin": [3.5, -4], "destination": [1, 2]}, {**ORDER, "origin": [2, 1]}, {**ORDER, "destination": [3.5, 4]}], ids=repr)
def test_every_number_of_an_order_counts(api, key, other):
    kind = KINDS["orders"]
    kind.done(kind.post(api, key))
    problem(kind.post(api, key, other), 422)


@pytest.mark.quick
def test_text_moved_from_one_member_to_the_next_is_another_body(api, key):
    kind = KINDS["messages"]
    kind.done(kind.post(api, key, {"sender": "ab", "recipient": "c", "text": "x"}))
    problem(kind.post(api, key, {"sender": "a", "recipient": "bc", "text": "x"}), 422)


@pytest.mark.quick
def test_another_key_or_none_is_another_record(api, db, kind, key):
    before = kind.count(db)
    records = [kind.done(kind.post(api, key + suffix)) for suffix in ("a", "b", "A")] + [kind.done(api.post(kind.path, kind.body)) for _ in range(2)]
    assert len({record["id"] for record in records}) == 5 and kind.count(db) == before + 5


@pytest.mark.quick
def test_the_scope_of_a_key_is_the_path(api, key):
    order, message = KINDS["orders"].done(KINDS["orders"].post(api, key)), KINDS["messages"].done(KINDS["messages"].post(api, key))
    assert KINDS["orders"].done(KINDS["orders"].post(api, key)) == order
    assert KINDS["messages"].done(KINDS["messages"].post(api, key)) == message


@pytest.mark.quick
def test_the_first_answer_is_given_whatever_became_of_the_record(api, db):
    order, message = KINDS["orders"], KINDS["messages"]
    placed, sent = order.done(order.post(api, "became")), message.done(message.post(api, "became"))
    succeeded(api.take(placed["id"], "ann"))
    assert api.call("DELETE", f"/messages/{sent['id']}").status == 200
    before = message.count(db)
    assert order.done(order.post(api, "became")) == placed and placed["status"] == "UNASSIGNED"
    assert message.done(message.post(api, "became")) == sent
    assert message.count(db) == before


@pytest.mark.quick
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large])
@given(text=st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=1000),
       name=st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=200))
def test_whatever_was_sent_with_a_key_is_what_the_answer_says(api, text, name):
    kind, key = KINDS["messages"], f"any-{next(keys)}"
    record = kind.done(kind.post(api, key, {"sender": name, "recipient": "bob", "text": text}))
    assert (record["sender"], record["text"]) == (name, text)
    assert api.get(f"/messages/{record['id']}").json() == record


@pytest.mark.quick
def test_the_row_of_a_key_holds_the_answer_word_for_word_so_that_servers_of_another_version_repeat_it(api, db, kind, key):
    everything = "".join(map(chr, range(1, 0x20))) + "\"\\/ %s {} \x7f\x80é\u2028🚲"
    answer = kind.post(api, key, {**kind.body, "text": everything} if kind.name == "messages" else None)
    record = kind.done(answer)
    assert db.query("SELECT answer FROM idempotency_keys WHERE key = ?", key) == [(answer.body.decode(),)]
    if kind.name == "messages":
        assert record["text"] == everything
        assert api.get(f"/messages/{record['id']}").body == answer.body


# ---- failures, and keys that are none ----

@pytest.mark.quick
def test_a_failure_is_not_kept(api, db, kind, key):
    bad = {**kind.body, next(iter(kind.body)): None}
    for _ in range(2):
        problem(kind.post(api, key, bad), 400, next(iter(kind.body)))
    assert db.query("SELECT count(*) FROM idempotency_keys WHERE key = ?", key) == [(0,)]
    record = kind.done(kind.post(api, key))
    problem(kind.post(api, key, bad), 400)
    assert kind.done(kind.post(api, key)) == record


@pytest.mark.quick
@pytest.mark.parametrize("sane", ["x", "x" * 255, "".join(map(chr, range(0x21, 0x7f))), '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a,b",
                                  "';_DROP_TABLE_orders_--"])
def test_keys_of_visible_ascii_are_taken_as_they_are(api, db, kind, sane):
    record = kind.done(kind.post(api, sane))
    assert kind.done(kind.post(api, f"  {sane} \t")) == record, "white space around a field is no part of it"
    assert db.query("SELECT count(*) FROM idempotency_keys WHERE scope LIKE ? AND key = ?", kind.path + "%", sane) == [(1,)]


@pytest.mark.quick
@pytest.mark.parametrize("malformed", ["", " ", "x" * 256, "x" * 4000, "a b", "a\tb", "schlüssel", "\xa0", "\x01", "a\x7f"], ids=lambda text: ascii(text)[:20])
def test_a_malformed_key_is_refused(api, db, kind, malformed):
    before = kind.count(db)
    problem(kind.post(api, malformed), 400)
    assert kind.count(db) == before


@pytest.mark.quick
def test_two_keys_are_refused(api, db, kind, key):
    before = kind.count(db)
    for second in (key, key + "b", ""):
        problem(api.post(kind.path, kind.body, [("Idempotency-Key", key), ("idempotency-key", second)]), 400, "Idempotency-Key")
    assert kind.count(db) == before


@pytest.mark.quick
def test_a_body_that_is_refused_is_refused_with_a_key_as_without(api, kind, key):
    problem(api.post(kind.path, "[]", {"Idempotency-Key": key}), 400)
    problem(api.post(kind.path, "x=1", {"Idempotency-Key": key, "Content-Type": "text/plain"}), 415)


# ---- at once ----

def keyed(kind, key, body=None):
    return request_bytes("POST", kind.path, body or kind.body, {"Idempotency-Key": key})


@pytest.mark.quick
def test_of_300_requests_with_one_key_one_makes_a_record_and_all_get_its_answer(server, db, kind, key):
    before = kind.count(db)
    answers = crowd(server.address, [[keyed(kind, key)] for _ in range(300)])
    assert len({answer for answer, in answers}) == 1, sorted({answer for answer, in answers})[:3]
    assert answers[0][0][0] == kind.status
    assert kind.count(db) == before + 1


@pytest.mark.quick
def test_of_two_bodies_with_one_key_one_wins_and_the_other_is_422(server, db, kind, key):
    before = kind.count(db)
    answers = crowd(server.address, [[keyed(kind, key, (kind.body, kind.other)[number % 2])] for number in range(200)])
    of = [{answer for answer, in answers[side::2]} for side in (0, 1)]
    assert [len(found) for found in of] == [1, 1]
    assert sorted(status for found in of for status, _ in found) == [kind.status, 422]
    assert kind.count(db) == before + 1


def attack(address, kind, names, connections=32, depth=8):
    """All keys on every connection, each in another order. {key: the one answer that all got}"""
    plans = [shuffled(names, number) for number in range(connections)]
    given = {}
    for plan, answers in zip(plans, crowd(address, [[keyed(kind, name) for name in plan] for plan in plans], depth)):
        for name, answer in zip(plan, answers):
            assert answer[0] == kind.status, answer
            assert given.setdefault(name, answer) == answer, f"two answers for {name}"
    assert len({body for _, body in given.values()}) == len(names)
    return given


@pytest.mark.quick
def test_keys_in_any_order_in_many_sets_make_one_record_each(server, db, kind):
    before = kind.count(db)
    attack(server.address, kind, [f"sets-{kind.name}-{number}" for number in range(20 if SANITIZED else 60)])
    assert kind.count(db) == before + (20 if SANITIZED else 60)


def deadlocks(database):
    """How many PostgreSQL has found; its log says so at once, its statistics when they like."""
    return database.cluster.log.read_text(errors="replace").count(f" {database.name} ERROR:  deadlock detected")


def test_two_workers_with_many_sets_never_lock_each_other_out(serve, postgres, kind):
    server = serve("--workers", 2, "--db-connections", 4, database=postgres, wait="listening")
    server.told("ready to serve", 2)
    names = [f"workers-{number}" for number in range(30 if SANITIZED else 200)]
    attack(server.address, kind, names, connections=48)
    assert kind.count(postgres) == len(names)
    assert deadlocks(postgres) == 0


def test_two_servers_on_one_database_make_one_record_each(serve, postgres, kind):
    servers = [serve(database=postgres), serve(database=postgres)]
    names = [f"servers-{number}" for number in range(20 if SANITIZED else 100)]
    given = {}

    def run(place):
        given[place] = attack(servers[place].address, kind, names, connections=16)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given[0] == given[1] and len(given[0]) == len(names)
    assert kind.count(postgres) == len(names)


def test_two_sets_with_the_same_keys_in_opposite_order_wait_one_way_only(serve, postgres, kind):
    """Keys that take a while to write, so that the sets of two servers meet half-way."""
    servers = [serve("--deadline", 20, "--db-connections", 1, database=postgres) for _ in range(2)]
    postgres.query("CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$; "
                   "CREATE TRIGGER dawdle BEFORE INSERT ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION dawdle()")
    names = [f"opposite-{number:02}" for number in range(30)]
    plans = [["first-0", *names], ["first-1", *names[::-1]]]    # while the first of each is written, the others gather
    connections = [[Connection(server.address) for _ in plan] for server, plan in zip(servers, plans)]
    given = [{}, {}]
    try:
        for line, plan in zip(connections, plans):
            for connection, name in zip(line, plan):
                connection.send(keyed(kind, name))
        for line, plan, answers in zip(connections, plans, given):
            for connection, name in zip(line, plan):
                answer = connection.response()
                answers[name] = (answer.status, answer.body)
    finally:
        for connection in connections[0] + connections[1]:
            connection.close()
    assert {status for answers in given for status, _ in answers.values()} == {kind.status}
    for name in names:
        assert given[0][name] == given[1][name]
    assert kind.count(postgres) == 32
    assert deadlocks(postgres) == 0


# ---- another transaction holds the key ----

def hold(connection, kind, key):
    """Writes the key by hand, for /orders or /messages, and does not commit."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO idempotency_keys (scope, key, fingerprint, answer) VALUES (%s, %s, 'hand', '{\"id\":1}')", (kind.path, key))


def test_a_key_that_another_transaction_writes_is_waited_for_and_no_longer_than_the_deadline(serve, postgres, kind, key):
    server = serve("--deadline", 2, database=postgres)
    connection = postgres.connect()
    try:
        hold(connection, kind, key)
        with Stopwatch() as watch:
            problem(kind.post(server.api, key), 503)
        assert watch.seconds < 4 * SLOW
        connection.rollback()
        record = kind.done(kind.post(server.api, key))
        assert kind.done(kind.post(server.api, key)) == record
    finally:
        connection.close()
    assert kind.count(postgres) == 1


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_what_becomes_of_the_other_transaction_decides(serve, postgres, kind, key, end):
    server = serve(database=postgres)
    other = postgres.connect()
    try:
        hold(other, kind, key)
        with Connection(server.address) as connection:
            connection.send(keyed(kind, key))
            until(lambda: postgres.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == [(1,)], 3, "it waits")
            getattr(other, end)()
            answer = connection.response()
    finally:
        other.close()
    if end == "commit":
        problem(answer, 422)
    else:
        kind.done(answer)
    assert kind.count(postgres) == (end == "rollback")


# ---- crashes ----

def test_a_server_killed_between_commit_and_answer_gives_the_first_answer_after_its_restart(serve, postgres, kind, key):
    with TcpProxy(postgres.cluster.port) as proxy:
        server = serve(database=postgres.cluster.url(postgres.name, port=proxy.port))
        kind.done(kind.post(server.api, key + "-warm"))
        with Connection(server.address) as connection:
            proxy.mode = "mute"
            connection.send(keyed(kind, key))
            until(lambda: kind.count(postgres) == 2, 5, "it is committed")
            connection.sock.settimeout(0.1)
            with pytest.raises(TimeoutError):
                connection.sock.recv(1)
            server.kill()
    (record,), = postgres.query(f"SELECT max(id) FROM {kind.name}")
    again = serve(database=postgres)
    for _ in range(2):
        assert kind.done(kind.post(again.api, key))["id"] == record
    problem(kind.post(again.api, key, kind.other), 422)
    assert kind.count(postgres) == 2


def test_a_connection_lost_between_commit_and_answer_is_503_and_the_retry_gets_the_first_answer(serve, postgres, kind, key):
    with TcpProxy(postgres.cluster.port) as proxy:
        server = serve("--db-connections", 1, database=postgres.cluster.url(postgres.name, port=proxy.port))
        kind.done(kind.post(server.api, key + "-warm"))
        with Connection(server.address) as connection:
            proxy.mode = "mute"
            connection.send(keyed(kind, key))
            until(lambda: kind.count(postgres) == 2, 5, "it is committed")
            proxy.mode = "pass"
            proxy.reset()
            problem(connection.response(), 503, "unknown")
        (record,), = postgres.query(f"SELECT max(id) FROM {kind.name}")
        server.wait_healthy()
        assert kind.done(kind.post(server.api, key))["id"] == record
        assert kind.count(postgres) == 2
        server.stop()


def test_kill_9_under_load_leaves_one_record_a_key_and_the_answers_that_were_given(serve, database, kind):
    server = serve(database=database)
    names = [f"kill-{number}" for number in range(4000)]
    given = {}

    def ask(connection, share):
        try:
            for name in share:
                connection.send(keyed(kind, name))
                given[name] = connection.response().body
        except (OSError, AssertionError):
            pass

    connections = [Connection(server.address) for _ in range(8)]
    threads = [threading.Thread(target=ask, args=(connection, names[place::8])) for place, connection in enumerate(connections)]
    for thread in threads:
        thread.start()
    until(lambda: len(given) > 100, 10, "it is under load")
    server.kill()
    for thread, connection in zip(threads, connections):
        thread.join()
        connection.close()
    asked = names[:max(names.index(name) for name in given) + 9]     # all that may have been sent
    again = serve(database=database)
    answers = dict(zip(asked, crowd(again.address, [[keyed(kind, name) for name in asked]], 8)[0]))
    for name, body in given.items():
        assert answers[name] == (kind.status, body), name
    assert all(status == kind.status for status, _ in answers.values())
    assert len({body for _, body in answers.values()}) == len(asked)
    (made,), = database.query("SELECT count(*) FROM idempotency_keys")
    assert kind.count(database) == made >= len(asked)


# ---- what is asked of others for a record ----

def test_an_order_that_was_placed_with_its_key_is_not_measured_again(serve, database):
    kind = KINDS["orders"]
    with Provider(osrm(4711)) as provider:
        server = serve(database=database, env=provider.settings("osrm"))
        first = kind.post(server.api, "once")
        assert kind.done(first)["distance"] == 4711 and len(provider.requests) == 1
        provider.answer = osrm(815)
        assert kind.post(server.api, "once").body == first.body
        assert kind.post(server.api, "once", kind.rewritten[0]).body == first.body
        problem(kind.post(server.api, "once", kind.other), 422, "Idempotency-Key")
        assert len(provider.requests) == 1, "the provider is asked once"
        assert kind.done(kind.post(server.api, "another"))["distance"] == 815 and len(provider.requests) == 2
        aged(database, "once", 25)
        assert kind.done(kind.post(server.api, "once"))["distance"] == 815 and len(provider.requests) == 3


def test_an_order_that_was_placed_with_its_key_is_answered_while_the_provider_is_down(serve, database):
    kind = KINDS["orders"]
    with Provider(osrm(4711)) as provider:
        server = serve(database=database, env=provider.settings("osrm"))
        first = kind.post(server.api, "once")
        provider.close()
        problem(kind.post(server.api, "another"), 400, "provider")
        for _ in range(3):
            assert kind.post(server.api, "once").body == first.body and first.status == 200
        problem(kind.post(server.api, "once", kind.other), 422, "Idempotency-Key")
    assert kind.count(database) == 1


# ---- old keys ----

@pytest.mark.quick
def test_a_key_is_kept_for_a_day(api, db, kind, key):
    record = kind.done(kind.post(api, key))
    aged(db, key, 23)
    assert kind.done(kind.post(api, key)) == record
    problem(kind.post(api, key, kind.other), 422)


@pytest.mark.quick
def test_after_a_day_a_key_is_new(api, db, kind, key):
    old = kind.done(kind.post(api, key))
    aged(db, key, 25)
    before = kind.count(db)
    new = kind.done(kind.post(api, key, kind.other))
    assert new["id"] > old["id"] and kind.count(db) == before + 1
    assert kind.done(kind.post(api, key, kind.other)) == new
    problem(kind.post(api, key), 422)
    assert db.query("SELECT count(*) FROM idempotency_keys WHERE key = ?", key) == [(1,)]


@pytest.mark.quick
def test_of_many_that_find_an_old_key_one_makes_a_record(api, server, db, kind, key):
    old = kind.done(kind.post(api, key))
    aged(db, key, 25)
    before = kind.count(db)
    answers = crowd(server.address, [[keyed(kind, key)] for _ in range(100)])
    assert len({answer for answer, in answers}) == 1 and answers[0][0][0] == kind.status
    assert json.loads(answers[0][0][1])["id"] > old["id"] and kind.count(db) == before + 1


def purged(server, runs):
    """How many keys each of so many of the server's purges has deleted; the first comes a second after the start."""
    return [line["keys"] for line in server.told("purged idempotency keys", runs, 20)]


def test_the_purge_deletes_old_keys_and_no_others(serve, database, kind):
    server = serve(database=database)
    for age in (0, 23, 25, 1000):
        kind.done(kind.post(server.api, f"age-{age}"))
    server.stop()
    for age in (0, 23, 25, 1000):
        aged(database, f"age-{age}", age)
    server = serve("--log-level", "debug", database=database)
    assert purged(server, 1) == [2]
    assert sorted(database.query("SELECT key FROM idempotency_keys")) == [("age-0",), ("age-23",)]
    assert kind.count(database) == 4, "the records stay"


def add_old_keys(database, count):
    """One for each hour from 21 hours ago on; those after the fourth are too old."""
    if database.kind == "postgres":
        database.query("INSERT INTO idempotency_keys (scope, key, fingerprint, answer, created_at) "
                       "SELECT '/x', n::text, '', '', now() - make_interval(hours => 20 + n) FROM generate_series(1, ?) AS n", count)
    else:
        database.query("INSERT INTO idempotency_keys (scope, key, fingerprint, answer, created_at) WITH RECURSIVE s (n) AS "
                       "(SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ?) SELECT '/x', n, '', '', "
                       "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || (20 + n) || ' hours') FROM s", count)


def left(database):
    return sorted(int(key) for key, in database.query("SELECT key FROM idempotency_keys"))


def test_a_server_purges_soon_after_its_start_the_oldest_thousand_at_a_time_until_nothing_old_is_left(serve, database):
    serve(database=database).stop()
    add_old_keys(database, 2303)
    server = serve("--log-level", "debug", database=database)

    def done():
        keys = left(database)
        assert keys == list(range(1, len(keys) + 1)), "the oldest go first"
        return len(keys) == 3

    until(done, 20, "the old keys are deleted")
    assert purged(server, 3) == [1000, 1000, 300]
    assert server.api.get("/healthcheck").status == 200
