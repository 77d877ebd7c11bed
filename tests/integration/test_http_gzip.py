"""--gzip: replies to clients that take gzip are compressed, and everything else about them stays as it is."""

import gzip
import signal
import time
import zlib

import pytest

from support import program
from support.cacheserver import Memcached, Redis
from support.database import PostgresDatabase, SqliteDatabase
from support.expect import problem
from support.program import SLOW, run
from support.rawhttp import Connection, request_bytes
from support.server import Server
from support.wait import until

pytestmark = pytest.mark.quick

GZIP = {"Accept-Encoding": "gzip"}
USERS = "/api/users/profiles?pagination=50"
ORDERS = "/orders?page=1&limit=30"
SITE = {"name": "S" * 400, "contact": "C" * 400, "address": "A" * 400}


def filled(database):
    """Enough in it for replies of a kilobyte and more."""
    numbers = range(1, 41)
    orders = ", ".join(f"(1, 1, 2, 2, {number * 7919})" for number in numbers)
    database.query(f"INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES {orders}")
    database.query("INSERT INTO users (id, username, type) VALUES " + ", ".join(f"({number}, 'user{number}', 'User')" for number in numbers))
    database.query("INSERT INTO site (id, name, address) VALUES " + ", ".join(f"({number + 100}, 'lab {number}', '{'x' * number}')" for number in numbers))
    return database


@pytest.fixture(scope="module", params=["postgres", "sqlite"])
def shared(request, tmp_path_factory):
    """(server, database): here it is one with --gzip, and with records."""
    if request.param == "postgres":
        cluster = request.getfixturevalue("session_cluster")
        cluster.ensure_running()
        database = PostgresDatabase(cluster, request.getfixturevalue("template"), request.getfixturevalue("pooler"))
    else:
        database = SqliteDatabase(tmp_path_factory.mktemp("gzip"), request.getfixturevalue("sqlite_template"))
    server = Server("--gzip", "--distance", "haversine", database=filled(database))
    try:
        for text in ("a" * 1000, "b" * 500):
            for _ in range(2):
                assert server.api.post("/messages", {"sender": "ann", "recipient": "bob", "text": text}).status == 201
        assert server.api.post("/site/1", SITE).status == 200
        message = server.api.get("/messages?recipient=bob&limit=3").json()[-1]["id"]
        assert len(server.api.get(f"/messages/{message}").body) >= 1024
        server.targets = [ORDERS, "/orders?limit=30&before=41", USERS, "/sites", "/sites/0/40", "/site/1", "/site/1/history", f"/messages/{message}",
                          "/messages?recipient=bob", "/messages?recipient=bob&days=30", "/openapi.json"]
        yield server, database
        server.stop()
    finally:
        server.clean()
        database.drop()


def plain(answer):
    """The body, whatever form it has."""
    coding = answer.header("Content-Encoding")
    assert coding in (None, "gzip"), coding
    return gzip.decompress(answer.body) if coding else answer.body


def is_coded(answer):
    """Whether it is the gzip form; that all about it is as it should be."""
    coded = answer.header("Content-Encoding") == "gzip"
    assert answer.header("Vary") == "Accept-Encoding", answer.headers
    assert answer.header("Content-Length") == str(len(answer.body))
    if coded:
        inflate = zlib.decompressobj(31)
        assert len(inflate.decompress(answer.body)) >= 1024
        assert inflate.eof and inflate.unused_data == b"" and len(answer.body) < len(plain(answer))
    tag = answer.header("ETag")
    assert tag is None or tag.endswith('-gzip"') == coded, answer.headers
    return coded


def others(answer, *names):
    """The fields of an answer but for those that differ from one to the next, and those that are named."""
    left = {"date", "x-request-id", *(name.lower() for name in names)}
    return sorted((name, value) for name, value in answer.headers if name.lower() not in left)


# ---- the two forms ----

def test_both_forms_say_the_same(server):
    differs = ("Content-Encoding", "Content-Length", "ETag")
    for target in server.targets:
        identity, coded = server.api.get(target), server.api.get(target, GZIP)
        assert identity.status == coded.status == 200 and not is_coded(identity) and is_coded(coded), target
        assert len(identity.body) >= 1024 and plain(coded) == identity.body, target
        assert others(coded, *differs) == others(identity, *differs), target
        assert (coded.header("ETag") is None) == (identity.header("ETag") is None)
        if identity.header("ETag"):
            assert coded.header("ETag") == identity.header("ETag")[:-1] + '-gzip"'


def test_head_says_what_get_would(server):
    for target in server.targets:
        for headers in ({}, GZIP):
            get, head = server.api.get(target, headers), server.api.call("HEAD", target, headers=headers)
            assert head.body == b"" and others(head) == others(get), (target, headers)


@pytest.mark.parametrize("lists, coded", [
    (["gzip"], True), (["GZIP"], True), (["x-gzip"], True), (["*"], True), (["gzip, deflate, br"], True), (["br;q=1, gzip;q=0.2"], True),
    (["br", "gzip"], True), (["", "gzip;q=0.001"], True), (["identity;q=0, gzip"], True), (["identity;q=0, *;q=0.5"], True),
    ([], False), ([""], False), (["br"], False), (["gzip;q=0"], False), (["gzip;q=0, *"], False), (["*;q=0"], False), (["identity"], False),
    (["gzip", "gzip;q=0"], False), (["*", "gzip;q=0.0"], False), (["identity;q=0"], False), (["identity, gzip;q=0.5"], False),
    (["gzip;q=2"], False), (["gzip;q=0.0001"], False), (["gzip;x=1"], False), (["gzip;q"], False), (["agzip"], False)])
def test_who_gets_which_form(server, lists, coded):
    answer = server.api.get(ORDERS, [("Accept-Encoding", value) for value in lists])
    assert answer.status == 200 and is_coded(answer) == coded
    assert plain(answer) == server.api.get(ORDERS).body


def test_it_begins_at_1024_bytes(api):
    def sent(text):
        return api.get("/messages/%d" % api.post("/messages", {"sender": "a", "recipient": "edge", "text": text}).json()["id"])

    for length in (1022, 1023, 1024, 1025):
        identity, size = sent("x"), 1
        while len(identity.body) != length:      # once more when the id has got longer
            size += length - len(identity.body)
            identity = sent("x" * size)
        coded = api.get(f"/messages/{identity.json()['id']}", GZIP)
        if length < 1024:
            assert coded.body == identity.body and others(coded) == others(identity)
            assert coded.header("Vary") is None and coded.header("Content-Encoding") is None
        else:
            assert is_coded(coded) and plain(coded) == identity.body and not is_coded(identity)


def test_what_is_small_is_nothing_else_than_without(api):
    for target, status in (("/health", 200), ("/healthcheck", 200), ("/orders?page=99&limit=3", 200), ("/orders/1", 200), ("/nope", 404), ("/orders/99999", 404),
                           ("/orders?page=0&limit=1", 400)):
        coded, identity = api.get(target, GZIP), api.get(target)
        assert coded.status == status and coded.header("Content-Encoding") is None and coded.header("Vary") is None
        assert len(coded.body) == len(identity.body) < 1024 and others(coded) == others(identity)
    answer = api.call("OPTIONS", "*", headers=GZIP)
    assert answer.status == 204 and answer.body == b"" and answer.header("Vary") is None and answer.header("Content-Encoding") is None


def test_the_reply_to_a_write_has_both_forms_too(api):
    identity, coded = api.post("/site/2", SITE), api.post("/site/2", SITE, GZIP)
    assert identity.status == coded.status == 200
    assert is_coded(coded) and not is_coded(identity) and plain(coded) == identity.body
    assert coded.header("ETag") == api.get("/site/2", GZIP).header("ETag")
    answer = api.post("/messages", {"sender": "ann", "recipient": "writes", "text": "ä" * 900}, GZIP)
    assert answer.status == 201 and is_coded(answer) and answer.header("Location").startswith("/messages/")


def test_what_was_asked_with_a_key_is_repeated_in_the_form_of_the_day(api):
    body, key = {"sender": "ann", "recipient": "keys", "text": "z" * 1000}, {"Idempotency-Key": "gzip-1"}
    answers = [api.post("/messages", body, {**key, **headers}) for headers in (GZIP, {}, GZIP)]
    assert [is_coded(answer) for answer in answers] == [True, False, True]
    assert len({plain(answer) for answer in answers}) == 1


def test_ids_of_requests_and_other_versions(server):
    answer = server.api.get(ORDERS, {**GZIP, "X-Request-Id": "mine-1"})
    assert is_coded(answer) and answer.header("X-Request-Id") == "mine-1"
    for version, headers in (("HTTP/1.0", GZIP), ("HTTP/1.0", {**GZIP, "Connection": "keep-alive"})):
        answer = server.api.call("GET", ORDERS, headers=headers, version=version)
        assert is_coded(answer) and plain(answer) == server.api.get(ORDERS).body


def test_forms_take_turns_on_one_connection(server):
    """Pipelined, so that a wrong length would be seen by the next."""
    plan = [(method, target, headers) for target in server.targets for method, headers in
            (("GET", GZIP), ("HEAD", GZIP), ("GET", {}), ("GET", {"Accept-Encoding": "gzip;q=0"}), ("HEAD", {}), ("GET", GZIP))]
    bodies = {target: server.api.get(target).body for target in server.targets}
    with Connection(server.address) as connection:
        for start in range(0, len(plan), 6):
            part = plan[start:start + 6]
            connection.send(b"".join(request_bytes(method, target, headers=headers) for method, target, headers in part))
            for method, target, headers in part:
                answer = connection.response(method)
                assert (answer.header("Content-Encoding") == "gzip") == (headers == GZIP)
                assert answer.body == b"" if method == "HEAD" else plain(answer) == bodies[target]


def test_many_readers_each_get_what_they_take(server):
    body = server.api.get(ORDERS).body
    connections = [Connection(server.address) for _ in range(40)]
    try:
        for _ in range(3):
            for number, connection in enumerate(connections):
                connection.send(request_bytes("GET", ORDERS, headers=GZIP if number % 3 else {}))
            for number, connection in enumerate(connections):
                answer = connection.response()
                assert is_coded(answer) == bool(number % 3) and plain(answer) == body
    finally:
        for connection in connections:
            connection.close()


# ---- tags ----

def tags(api, target):
    found = [api.get(target, headers).header("ETag") for headers in ({}, GZIP)]
    assert found[0] != found[1]
    return found


def unchanged(answer, tag):
    assert answer.status == 304 and answer.body == b"" and answer.header("ETag") == tag, answer.headers
    assert answer.header("Vary") == "Accept-Encoding"
    assert answer.header("Content-Encoding") is None and answer.header("Content-Type") is None and answer.header("Content-Length") in (None, "0")


def tagged(server):
    return [target for target in server.targets if server.api.get(target).header("ETag")]


def test_a_tag_comes_back_and_is_confirmed(server):
    """Each form by its own tag. Who takes gzip and has the identity may keep that; who has the gzip form and does not take it any more gets the
    identity, because a cache would give him the form that he cannot read."""
    for target in tagged(server):
        identity, coded = tags(server.api, target)
        for method in ("GET", "HEAD"):
            def ask(known, headers):
                return server.api.call(method, target, headers={**headers, "If-None-Match": known})

            unchanged(ask(identity, {}), identity)
            unchanged(ask(coded, GZIP), coded)
            unchanged(ask(identity, GZIP), identity)
            unchanged(ask(f"{identity}, {coded}", GZIP), coded)
            unchanged(ask(f"{coded}, {identity}", {}), identity)
            unchanged(ask("*", {}), identity)
            unchanged(ask("*", GZIP), coded)
            for weak in (coded[2:] if coded.startswith("W/") else "W/" + coded, f'"x", {coded}'):
                unchanged(ask(weak, GZIP), coded)
            answer = ask(coded, {})
            assert answer.status == 200 and answer.header("Content-Encoding") is None and answer.header("ETag") == identity
            for other in (coded.replace("-gzip", "-br"), coded.replace("-gzip", "-gzip-gzip"), '"x-gzip"', '"-gzip"'):
                answer = ask(other, GZIP)
                assert answer.status == 200 and answer.header("Content-Encoding") == "gzip" and answer.header("ETag") == coded


def test_a_read_may_ask_for_the_state_that_either_tag_names(server):
    for target in tagged(server):
        for known in tags(server.api, target):
            for headers in ({}, GZIP):
                answer = server.api.get(target, {**headers, "If-Match": known})
                assert answer.status == (412 if known.startswith("W/") else 200)
                if answer.status == 200:
                    assert is_coded(answer) == (headers == GZIP)
                else:
                    problem(answer, 412)
                    assert answer.header("Vary") is None


@pytest.mark.parametrize("form", ["identity", "gzip"])
@pytest.mark.parametrize("now", ["identity", "gzip"])
def test_a_write_goes_on_from_either_tag(api, form, now):
    headers = {"identity": {}, "gzip": GZIP}
    first = api.post("/site/3", SITE, headers[form])
    known = api.get("/site/3", headers[form]).header("ETag")
    assert known == first.header("ETag") and known.endswith('-gzip"') == (form == "gzip")
    second = api.post("/site/3", {**SITE, "contact": "D" * 400}, {**headers[now], "If-Match": known})
    assert second.status == 200 and is_coded(second) == (now == "gzip")
    for stale in (known, f"W/{second.header('ETag')}"):
        problem(api.post("/site/3", SITE, {**headers[now], "If-Match": stale}), 412, "nothing was changed")
        problem(api.call("DELETE", "/site/3", headers={**headers[now], "If-Match": stale}), 412)
    problem(api.post("/site/3", SITE, {**headers[now], "If-None-Match": second.header("ETag")}), 412)
    assert api.call("DELETE", "/site/3", headers={**headers[now], "If-Match": f'"x", {second.header("ETag")}'}).status == 200


def test_an_order_is_taken_on_the_tag_that_was_got(api):
    for headers in ({}, GZIP):
        order = api.place()
        known = api.get(f"/orders/{order}", headers).header("ETag")
        body = {"status": "TAKEN", "taker": "ann"}
        assert api.call("PATCH", f"/orders/{order}", body, {**headers, "If-Match": known}).status == 200
        problem(api.call("PATCH", f"/orders/{order}", body, {**headers, "If-Match": known}), 412)
        now = api.get(f"/orders/{order}").header("ETag")[:-1] + '-gzip"'      # as if it were longer
        assert api.call("PATCH", f"/orders/{order}", {"status": "UNASSIGNED", "taker": "ann"}, {**headers, "If-Match": now}).status == 200


def test_tags_outlive_the_setting(serve, database):
    """Servers with and without --gzip beside each other, or one after the other."""
    servers = [serve("--gzip", database=database), serve(database=database)] if database.kind == "postgres" else [serve("--gzip", database=database)]
    assert servers[0].api.post("/site/1", SITE).status == 200
    identity, coded = tags(servers[0].api, "/site/1")
    if len(servers) == 1:
        servers[0].stop()
        servers.append(serve(database=database))
    api = servers[1].api
    for headers in ({}, GZIP):
        answer = api.get("/site/1", headers)
        assert answer.header("ETag") == identity and answer.header("Vary") is None and answer.header("Content-Encoding") is None
        assert api.get("/site/1", {**headers, "If-None-Match": identity}).status == 304
        answer = api.get("/site/1", {**headers, "If-None-Match": coded})
        assert answer.status == 200 and answer.header("ETag") == identity
    assert api.post("/site/1", {**SITE, "contact": "other"}, {"If-Match": coded}).status == 200
    assert api.post("/site/1", SITE, {"If-Match": coded}).status == 412


# ---- what is never coded ----

def test_a_stream_is_never_coded(serve, database):
    server = serve("--gzip", database=database)
    database.query("INSERT INTO messages (id, sender, recipient, text) VALUES " + ", ".join(f"({number}, 'ann', 'bob', 'hello')" for number in range(1, 501)))
    target = "/messages?recipient=bob&days=30"
    for method in ("GET", "HEAD"):
        long = server.api.call(method, target, headers=GZIP)
        assert long.status == 200 and long.header("Transfer-Encoding") == "chunked"
        assert long.header("Content-Encoding") is None and long.header("Vary") is None and long.header("ETag") is None
    assert len(server.api.get(target, GZIP).json()) == 500
    database.query("DELETE FROM messages WHERE id > 499")
    assert is_coded(server.api.get(target, GZIP))


def test_without_the_setting_nothing_is_coded_or_said_of_it(serve, database):
    filled(database)
    for server in (serve(database=database), serve("--gzip=off", database=database)) if database.kind == "postgres" else (serve(database=database),):
        for target in (ORDERS, USERS, "/sites"):
            identity, asked = server.api.get(target), server.api.get(target, GZIP)
            assert asked.body == identity.body and others(asked) == others(identity) and len(asked.body) >= 1024
            assert asked.header("Vary") is None and asked.header("Content-Encoding") is None


def test_the_environment_can_say_so(serve, sqlite):
    server = serve(database=filled(sqlite), env={"ROWLOCK_GZIP": "on"})
    assert is_coded(server.api.get(ORDERS, GZIP))


@pytest.mark.parametrize("value", ["maybe", "2", "gzip", "9", "on off", "-1"])
def test_a_wrong_value_is_refused_by_name(value):
    for arguments, env, name in (([f"--gzip={value}"], {}, "--gzip"), ([], {"ROWLOCK_GZIP": value}, "ROWLOCK_GZIP")):
        done = run("config", *arguments, env=env)
        assert done.returncode == 2 and name in done.stderr and "on or off" in done.stderr


# ---- once ----

def compressions(server):
    return len(server.told("compressed"))


def test_readers_of_one_read_share_its_gzip_form(serve, postgres):
    """The server stands still while all ask, so that it hears them in one turn of its loop, before anything is sent."""
    server = serve("--gzip", "--log-level", "debug", database=filled(postgres))
    connections = [Connection(server.address, timeout=20 * SLOW) for _ in range(20)]
    try:
        for connection in connections:
            connection.request("GET", "/health")
        server.signal(signal.SIGSTOP)
        until(server.stopped, what=lambda: "it stands still")
        for number, connection in enumerate(connections):
            connection.send(request_bytes("HEAD" if number == 10 else "GET", ORDERS, headers={} if number % 4 == 0 else GZIP))
        server.signal(signal.SIGCONT)
        answers = [connection.response("HEAD" if number == 10 else "GET") for number, connection in enumerate(connections)]
        assert len({plain(answer) for answer in answers if answer.body}) == 1
        assert [answer.header("Content-Encoding") for answer in answers] == [None if number % 4 == 0 else "gzip" for number in range(20)]
    finally:
        server.signal(signal.SIGCONT)
        for connection in connections:
            connection.close()
    server.stop()
    assert compressions(server) == 1


@pytest.fixture(params=["simple", "redis", "memcached"])
def cache(request):
    """The address of a working cache of each kind, empty."""
    kind = {"simple": None, "redis": Redis, "memcached": Memcached}[request.param]
    if kind is None:
        yield "simple:"
        return
    if not kind.installed():
        program.missing(kind.program)
    store = kind()
    store.start()
    try:
        yield store.url
    finally:
        store.close()


def test_a_kept_reply_is_compressed_once(serve, database, cache):
    """In five seconds, as long as one is kept, many hits of both forms: one compression for each time that it was read."""
    server = serve("--gzip", "--cache", cache, "--log-level", "debug", database=filled(database))
    body, before = server.api.get(USERS).body, None
    deadline = time.monotonic() + 20 * SLOW
    while True:      # until 30 reads in a row cost one compression or none: remote caches are connected later
        before = compressions(server)
        answers = [server.api.get(USERS, GZIP if number % 3 else {}) for number in range(30)]
        assert [is_coded(answer) for answer in answers] == [bool(number % 3) for number in range(30)]
        assert {plain(answer) for answer in answers} == {body}
        if compressions(server) - before <= 1:
            break
        assert time.monotonic() < deadline, "each hit is compressed"
    identity, coded = tags(server.api, USERS)
    unchanged(server.api.get(USERS, {**GZIP, "If-None-Match": coded}), coded)
    unchanged(server.api.get(USERS, {"If-None-Match": identity}), identity)
    assert others(server.api.call("HEAD", USERS, headers=GZIP)) == others(server.api.get(USERS, GZIP))


def test_servers_with_and_without_share_a_cache(serve, postgres):
    if not Redis.installed():
        program.missing(Redis.program)
    store = Redis()
    store.start()
    try:
        servers = [serve(*flags, "--cache", store.url, database=postgres) for flags in (["--gzip"], [])]
        filled(postgres)
        time.sleep(0.5)
        for _ in range(3):
            for headers in (GZIP, {}):
                coded, identity = (server.api.get(USERS, headers) for server in servers)
                assert is_coded(coded) == (headers == GZIP) and identity.header("Vary") is None and identity.header("Content-Encoding") is None
                assert plain(coded) == identity.body
    finally:
        store.close()
