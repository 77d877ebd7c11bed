"""--cache: kept answers, how old they get at most, and what happens when the cache fails."""

import re
import struct
import time

import pytest

from support import program
from support.cacheserver import Memcached, Redis, ScriptedServer
from support.database import PostgresDatabase, SqliteDatabase
from support.port import free_port
from support.program import SLOW
from support.rawhttp import Connection
from support.tcpproxy import TcpProxy
from support.wait import Stopwatch, until

USERS = "/api/users/profiles"
LIFE = 5


@pytest.fixture(scope="module")
def running():
    """running(kind): the one Redis or memcached of this module, with nothing in it."""
    servers = {}

    def emptied(kind):
        if not kind.installed():
            program.missing(kind.program)
        if kind not in servers:
            servers[kind] = kind()
        servers[kind].start()
        servers[kind].clear()
        return servers[kind]

    yield emptied
    for server in servers.values():
        server.close()


@pytest.fixture
def redis(running):
    return running(Redis)


@pytest.fixture
def memcached(running):
    return running(Memcached)


@pytest.fixture(params=[Redis, Memcached])
def remote(request, running):
    return running(request.param)


def add_user(database, number=1, name="ann"):
    database.query("INSERT INTO users (id, username, type) VALUES (?, ?, 'User')", number, name)


def rename(database, name, tell=True):
    """By hand; with tell=False no trigger hears of it, as if a notice were lost."""
    connection = database.connect()
    try:
        cursor = connection.cursor()
        if database.kind == "postgres" and not tell:
            cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"UPDATE users SET username = '{name}'")
        connection.commit()
    finally:
        connection.close()


def names(server, target=USERS):
    answer = server.api.get(target)
    assert answer.status == 200, answer
    return [user["username"] for user in answer.json()["users"]]


def wait_until_kept(server, database, target=USERS):
    """Remote caches need a moment to be connected; until then nothing is kept. Leaves an answer there, not older than now,
    and the database changed behind its back: returns (kept name, new name)."""
    deadline = time.monotonic() + 10 * SLOW
    for number in range(1000):
        before, after = f"kept{number}", f"new{number}"
        rename(database, before, tell=False)
        first, = names(server, target)
        rename(database, after, tell=False)
        if first == before and names(server, target) == [before]:
            return before, after
        assert time.monotonic() < deadline, "nothing is kept"
        time.sleep(0.1)


# ---- what a hit is ----

@pytest.fixture(params=["simple", "redis", "memcached"])
def cache(request):
    """The address of a working cache of each kind."""
    if request.param == "simple":
        return "simple:"
    return request.getfixturevalue(request.param).url


@pytest.mark.quick
def test_a_hit_is_the_same_answer_to_the_byte(serve, database, cache):
    for number in range(1, 6):
        add_user(database, number, f"name{number}")
    server = serve("--cache", cache, database=database)
    target = USERS + "?page=2&pagination=2"

    def attempt():
        """The answers before and after a change that no one tells of; none when the entry was not kept all the while: the
        cache may not be connected yet, may just have been emptied as LISTEN began, or the five seconds may be over."""
        rename(database, "kept", tell=False)
        first = server.api.get(target)
        if b"kept" not in first.body:      # one of an attempt before this, which still counts
            return None
        known = {"If-None-Match": first.header("ETag")}
        rename(database, "other", tell=False)
        answers = (first, server.api.get(target), server.api.call("HEAD", target),
                   [server.api.call(method, target, headers=known) for method in ("GET", "HEAD")])
        return answers if server.api.get(target).body == first.body else None

    first, hit, head, unchanged = until(attempt, 10, "a hit")
    assert first.status == 200 and first.header("ETag") and "next" in first.header("Link") and "prev" in first.header("Link")
    for name in ("Content-Type", "ETag", "Link", "Content-Length"):
        assert hit.all(name) == first.all(name), name
    assert hit.body == first.body
    assert hit.header("X-Request-Id") != first.header("X-Request-Id")
    for answer in unchanged:
        assert answer.status == 304 and answer.body == b"" and answer.header("ETag") == first.header("ETag")
    assert head.status == 200 and head.body == b"" and head.header("Content-Length") == str(len(first.body))


@pytest.mark.quick
def test_other_parameters_are_another_answer(serve, database):
    add_user(database, 1, "ann")
    add_user(database, 2, "bob")
    server = serve(database=database)
    for _ in range(2):
        assert names(server, USERS + "?username=a") == ["ann"]
        assert names(server, USERS + "?username=b") == ["bob"]
        assert names(server, USERS + "?id=2") == ["bob"]
        assert names(server, USERS + "?pagination=1") == ["ann"]
        assert names(server, USERS + "?pagination=1&page=2") == ["bob"]
        assert sorted(names(server)) == ["ann", "bob"]


@pytest.mark.quick
def test_with_none_nothing_is_kept(serve, database):
    add_user(database)
    server = serve("--cache", "none", database=database)
    for name in ("ann1", "ann2", "ann3"):
        rename(database, name, tell=False)
        assert names(server) == [name]


@pytest.mark.quick
def test_what_changes_by_requests_is_not_kept(serve, database):
    server = serve(database=database)
    order = server.api.place()
    for status in ("TAKEN", "UNASSIGNED", "TAKEN"):
        server.api.turn(order, status)
        assert server.api.get("/orders?page=1&limit=1").json()[0]["status"] == status
        assert server.api.get(f"/orders/{order}").json()["status"] == status


@pytest.mark.quick
def test_refusals_are_not_kept(serve, database):
    server = serve(database=database)
    assert server.api.get("/health-regions/4711").status == 404
    script = ("INSERT INTO region (id, name_en, name_fr) VALUES (4711, 'r', 'r')",
              "INSERT INTO province (id, geo_code, alpha_code, name_en, name_fr, fk_region_id) "
              "VALUES (4711, 4711, 'QQ', 'p', 'p', 4711)",
              "INSERT INTO health_region (id, hr_uid, name_en, name_fr, fk_province_id) VALUES (4711, 4711, 'h', 'h', 4711)")
    for sql in script:
        database.query(sql)
    assert server.api.get("/health-regions/4711").status == 200


# ---- how old it gets ----

def test_nothing_is_older_than_five_seconds_whatever_happens(serve, database, redis, memcached):
    """No notice comes, and every server answers what it has kept, but not for longer than that."""
    add_user(database)
    servers = [serve("--cache", url, database=database) for url in ("simple:", redis.url, memcached.url)]
    for server in servers:
        wait_until_kept(server, database)

    def attempt():
        """True when all of them kept it for as long as they may; on a busy machine a remote cache is given up at times."""
        time.sleep(LIFE)                        # what these have kept is dead
        rename(database, "old", tell=False)
        begun = time.monotonic()
        assert [names(server) for server in servers] == [["old"]] * 3
        rename(database, "new", tell=False)
        changed = time.monotonic()
        kept = {server: begun for server in servers}
        while time.monotonic() < changed + LIFE + 0.5:
            for server in servers:
                asked = time.monotonic()
                if names(server) == ["old"]:
                    kept[server] = asked
                    assert asked < changed + LIFE, "older than five seconds"
            time.sleep(0.02)
        simple, in_redis, in_memcached = (kept[server] - begun for server in servers)
        return simple > LIFE - 1 and in_redis > LIFE - 1 and in_memcached > LIFE - 2.5      # that one counts whole seconds

    until(attempt, 40, "they keep it for as long as they may")


def test_many_readers_do_not_keep_an_answer_alive(serve, postgres):
    """Reading it again and again does not make it younger."""
    add_user(postgres)
    server = serve(database=postgres)
    assert names(server) == ["ann"]
    rename(postgres, "bob", tell=False)
    changed = time.monotonic()
    with Connection(server.address) as connection:
        while True:
            asked = time.monotonic()
            if b"bob" in connection.request("GET", USERS).body:
                break
            assert asked < changed + LIFE


@pytest.mark.parametrize("sql", ["UPDATE users SET username = 'bob'", "INSERT INTO users (id, username) VALUES (2, 'bob')",
                                 "DELETE FROM users", "TRUNCATE users"])
def test_a_change_by_hand_is_seen_at_once_on_postgres(serve, postgres, redis, memcached, sql):
    add_user(postgres)
    servers = [serve("--cache", url, database=postgres) for url in ("simple:", redis.url, memcached.url)]
    kept = {server: wait_until_kept(server, postgres)[0] for server in servers}
    for server in servers:          # the later ones renamed behind the back of the earlier
        kept[server] = names(server)
    postgres.query(sql)
    with Stopwatch() as watch:
        for server in servers:
            until(lambda: names(server) != kept[server], 2)
    assert watch.seconds < LIFE - 1


def test_a_change_of_one_group_leaves_the_others(serve, postgres):
    add_user(postgres)
    server = serve(database=postgres)

    def attempt():
        """Whether it is still a hit; on a slow machine its five seconds may be over."""
        kept, _ = wait_until_kept(server, postgres)
        postgres.query("DELETE FROM fsa")
        time.sleep(0.3)
        return names(server) == [kept]

    until(attempt, 15, "a hit after a change of another group")


def test_what_was_asked_before_a_change_is_not_kept_after_it(serve, postgres):
    """The statement waits for a lock, is answered after the change, and its answer must not count as one of after it."""
    add_user(postgres)
    server = serve(database=postgres)
    names(server)
    postgres.query("UPDATE users SET username = 'bob'")
    until(lambda: names(server) == ["bob"])
    postgres.query("UPDATE users SET username = 'eve'")         # drops it again
    time.sleep(0.2)
    holder = postgres.connect()
    try:
        holder.cursor().execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        with Connection(server.address) as connection:
            connection.send(f"GET {USERS} HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: postgres.query("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND "
                                         "wait_event_type = 'Lock' AND application_name = 'rowlock'"))
            holder.cursor().execute("UPDATE users SET username = 'zoe'")
            holder.commit()
            assert b"zoe" in connection.response().body
    finally:
        holder.close()
    rename(postgres, "last", tell=False)
    until(lambda: names(server) == ["last"], 2)     # as soon as the notice of the change before is there


def test_after_a_break_nothing_of_before_counts(serve, postgres):
    """A change that nobody could tell of: the connection that listens was away."""
    add_user(postgres)
    server = serve(database=postgres)
    _, new = wait_until_kept(server, postgres)
    with Stopwatch() as watch:
        postgres.cluster.terminate_sessions(postgres.name)
        until(lambda: server.api.get(USERS).status == 200 and names(server) == [new], 4)
    assert watch.seconds < 3 * SLOW
    wait_until_kept(server, postgres)
    rename(postgres, "told")
    until(lambda: names(server) == ["told"], 3)


# ---- sharing it ----

@pytest.mark.quick
def test_servers_share_a_remote_cache(serve, database, remote):
    add_user(database)
    one = serve("--cache", remote.url, database=database)
    other = serve("--cache", remote.url, database=database)
    kept, _ = wait_until_kept(one, database)
    until(lambda: names(other) == [kept] or wait_until_kept(one, database)[0] in names(other), 10)


def test_servers_of_different_databases_do_not_mix(serve, cluster, template, sqlite_template, folder, redis):
    (folder / "a").mkdir()
    databases = [PostgresDatabase(cluster, template), PostgresDatabase(cluster, template), SqliteDatabase(folder, sqlite_template),
                 SqliteDatabase(folder / "a", sqlite_template)]
    try:
        servers = [serve("--cache", redis.url, database=database) for database in databases]
        for number, database in enumerate(databases):
            add_user(database, 1, f"user{number}")
        for number, server in enumerate(servers):
            wait_until_kept(server, databases[number])
            rename(databases[number], f"own{number}")
        time.sleep(LIFE + 0.1)
        for _ in range(2):
            for number, server in enumerate(servers):
                assert names(server) == [f"own{number}"]
    finally:
        for server in servers:
            server.stop()
        for database in databases:
            database.drop()


@pytest.mark.quick
def test_a_password_and_a_number_are_used(serve, sqlite):
    if not Redis.installed():
        program.missing("redis-server")
    with Redis("--requirepass", "top/secret") as redis:
        add_user(sqlite)
        right = serve("--cache", f"redis://:top%2Fsecret@127.0.0.1:{redis.port}/3", database=sqlite)
        wait_until_kept(right, sqlite)
        wrong = serve(database=sqlite, env={"CACHE_URL": f"redis://:wr0ng@127.0.0.1:{redis.port}"})
        until(lambda: "the cache is away" in wrong.log())
        assert "WRONGPASS" in wrong.log() or "invalid" in wrong.log(), wrong.log()
        for server in (right, wrong):
            assert "secret" not in server.log() and "wr0ng" not in server.log()
        names(wrong)


# ---- when it fails ----

def healthy_answers(server, count=20, most=0.2):
    """Half of them come that soon; the others may meet a machine that is busy."""
    seconds = []
    for _ in range(count):
        with Stopwatch() as watch:
            assert server.api.get(USERS).status == 200
        seconds.append(watch.seconds)
    assert sorted(seconds)[count // 2] < most * SLOW, seconds


@pytest.mark.quick
@pytest.mark.parametrize("scheme", ["redis", "memcached"])
def test_a_dead_cache_is_a_miss(serve, database, scheme):
    server = serve("--cache", f"{scheme}://127.0.0.1:{free_port()}", database=database)
    add_user(database)
    for name in ("one", "two"):
        rename(database, name, tell=False)
        assert names(server) == [name]
    healthy_answers(server)
    until(lambda: "the cache is away" in server.log())
    server.stop()
    assert server.log().count("the cache is away") == 1


@pytest.mark.quick
def test_a_cache_without_an_address_is_a_miss(serve, sqlite):
    server = serve("--cache", "redis://no-such-host.invalid", database=sqlite)
    healthy_answers(server)
    until(lambda: "the cache is away" in server.log(), 20)


@pytest.mark.quick
@pytest.mark.parametrize("scheme", ["redis", "memcached"])
def test_a_cache_that_never_answers_is_never_waited_for(serve, database, scheme):
    with ScriptedServer(lambda chunk: b"") as silent:
        server = serve("--cache", f"{scheme}://127.0.0.1:{silent.port}", database=database)
        until(lambda: silent.asked > 0)
        healthy_answers(server, 40)
        until(lambda: "did not answer" in server.log())
        healthy_answers(server, 40)


@pytest.mark.alone
def test_a_cache_that_stops_answering_costs_fifty_milliseconds_once(serve, database, remote):
    with TcpProxy(remote.port) as proxy:
        server = serve("--cache", f"{remote.scheme}://127.0.0.1:{proxy.port}", database=database)
        add_user(database)
        wait_until_kept(server, database)
        names(server)
        proxy.mode = "stall"
        with Stopwatch() as watch:
            assert server.api.get(USERS).status == 200
        assert 0.03 < watch.seconds < 1 * SLOW, watch.seconds
        healthy_answers(server, most=0.03)
        proxy.mode = "pass"
        proxy.drop()
        wait_until_kept(server, database)
        server.told("the cache is back", 1)


@pytest.mark.alone
def test_many_wait_no_longer_than_one(serve, sqlite, remote):
    with TcpProxy(remote.port) as proxy:
        server = serve("--cache", f"{remote.scheme}://127.0.0.1:{proxy.port}", database=sqlite)
        add_user(sqlite)
        wait_until_kept(server, sqlite)
        proxy.mode = "stall"
        connections = [Connection(server.address) for _ in range(400)]      # more than may be outstanding
        with Stopwatch() as watch:
            for number, connection in enumerate(connections):
                connection.send(f"GET {USERS}?page={number + 1} HTTP/1.1\r\nHost: x\r\n\r\n")
            assert {connection.response().status for connection in connections} == {200}
        assert watch.seconds < 1.5 * SLOW
        for connection in connections:
            connection.close()


def test_whoever_leaves_while_the_cache_is_asked_is_forgotten(serve, sqlite, remote):
    with TcpProxy(remote.port) as proxy:
        server = serve("--cache", f"{remote.scheme}://127.0.0.1:{proxy.port}", database=sqlite)
        add_user(sqlite)
        for slow in ("drip", "stall"):
            proxy.mode = "pass"
            wait_until_kept(server, sqlite)
            proxy.mode = slow
            for number in range(60):
                connection = Connection(server.address)
                connection.send(f"GET {USERS}?page={number % 7 + 1} HTTP/1.1\r\nHost: x\r\n\r\n")
                if number % 3 == 0:
                    connection.half_close()
                elif number % 3 == 1:
                    time.sleep(0.002)
                connection.reset()
            healthy_answers(server)
            proxy.drop()


def test_a_server_ends_while_the_cache_is_asked(serve, sqlite, remote):
    with TcpProxy(remote.port) as proxy:
        server = serve("--cache", f"{remote.scheme}://127.0.0.1:{proxy.port}", "--drain", "0.1", database=sqlite)
        add_user(sqlite)
        wait_until_kept(server, sqlite)
        proxy.mode = "stall"
        with Connection(server.address) as connection:
            connection.send(f"GET {USERS} HTTP/1.1\r\nHost: x\r\n\r\n")
            server.wait_read()
            server.stop()


GARBAGE = {
    "noise": lambda chunk: b"\x00\xff\x80hello\r\n",
    "endless line": lambda chunk: b"x" * 60000,
    "http": lambda chunk: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "closes": lambda chunk: None,
}
BAD_REDIS = {
    "an integer": b":1\r\n", "an array": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "an error": b"-ERR no\r\n", "a status": b"+OK\r\n",
    "an empty string": b"$0\r\n\r\n", "too much": b"$1\r\na\r\n$1\r\nb\r\n+OK\r\n", "a length of nonsense": b"$-7\r\n",
    "a string that never ends": b"$999999\r\nabc", "nested": b"*1\r\n" * 60, "a huge array": b"*2147483647\r\n", "another's value": b"$5\r\nhello\r\n",
}
BAD_MEMCACHED = {
    "another's value": b"VALUE x 0 5\r\nhello\r\nEND\r\n", "a short value": b"VALUE x 0 3\r\nhello\r\nEND\r\n",
    "a long value": b"VALUE x 0 500000\r\nhello\r\nEND\r\n", "a negative length": b"VALUE x 0 -1\r\n\r\nEND\r\n",
    "no length": b"VALUE\r\n", "a huge length": b"VALUE x 0 99999999999999999999\r\n", "too much": b"END\r\nEND\r\nEND\r\n",
    "a server error": b"SERVER_ERROR out of memory\r\n", "an error": b"ERROR\r\n", "stored": b"STORED\r\n", "two values":
    b"VALUE x 0 1\r\na\r\nVALUE x 0 1\r\na\r\nEND\r\n",
}


def redis_that_says(answer):
    return lambda chunk: b"+PONG\r\n" if b"PING" in chunk else answer


def memcached_that_says(answer):
    return lambda chunk: b"VERSION 1\r\n" if chunk.startswith(b"version") else answer


CASES = [(scheme, name, answer) for scheme in ("redis", "memcached") for name, answer in GARBAGE.items()]
CASES += [("redis", name, redis_that_says(answer)) for name, answer in BAD_REDIS.items()]
CASES += [("memcached", name, memcached_that_says(answer)) for name, answer in BAD_MEMCACHED.items()]


@pytest.mark.parametrize("scheme, name, answer", CASES, ids=[f"{case[0]}: {case[1]}" for case in CASES])
def test_garbage_from_the_cache_is_a_miss(serve, sqlite, scheme, name, answer):
    with ScriptedServer(answer) as liar:
        server = serve("--cache", f"{scheme}://127.0.0.1:{liar.port}", database=sqlite)
        until(lambda: liar.asked > 0)
        add_user(sqlite)
        for number in range(8):
            rename(sqlite, f"ann{number}")
            assert names(server) == [f"ann{number}"]
            time.sleep(0.02)


HEADER = struct.Struct("=8sQQqq5II")      # magic, checksum, boot, sent twice, five lengths, nothing
MASK = (1 << 64) - 1


def mixed(a, b):
    product = a * b
    return (product & MASK) ^ (product >> 64)


def hashed(data, seed):
    """hash_bytes of src/base/hash.c, for forgeries that only another check than that of the sum can find."""
    state, whole = seed ^ 0xa0761d6478bd642f, len(data) // 16 * 16
    for at in [*range(0, whole, 16)] + [whole] * (len(data) > whole):
        low, high = data[at:at + 8], data[at + 8:at + 16]
        state = mixed(int.from_bytes(low, "little") ^ 0xe7037ed1a0b428db, int.from_bytes(high, "little") ^ state)
    return mixed(state ^ 0xa0761d6478bd642f, len(data) ^ 0xe7037ed1a0b428db)


def forged(value, change):
    """The entry after change(fields of the header, [key, type, etag, fields, body]), with a sum that is right."""
    header, rest = list(HEADER.unpack(value[:HEADER.size])), value[HEADER.size:]
    parts = []
    for length in header[5:10]:
        parts.append(rest[:length])
        rest = rest[length:]
    assert rest == b""
    header[5:10] = [None] * 5
    change(header, parts)
    header[5:10] = [len(part) if length is None else length for length, part in zip(header[5:10], parts)]
    rest = b"".join(parts)
    header[1] = 0
    header[1] = hashed(rest, hashed(HEADER.pack(*header), 0))
    return HEADER.pack(*header) + rest


def part(number, new):
    def change(header, parts):
        parts[number] = new(parts[number])
    return change


def length(number, new):
    def change(header, parts):
        header[5 + number] = new(len(parts[number])) & 0xffffffff
    return change


def both(*changes):
    def change(header, parts):
        for one in changes:
            one(header, parts)
    return change


SPOILT = {
    "empty": lambda value: b"", "something else": lambda value: b"hello", "zeros": lambda value: b"\x00" * len(value),
    "a part of the header": lambda value: value[:50], "the header alone": lambda value: value[:HEADER.size],
    "the last byte is missing": lambda value: value[:-1], "a byte more": lambda value: value + b"x", "a NUL more": lambda value: value + b"\x00",
    "another end": lambda value: value[:-3] + b"xyz", "another magic": lambda value: b"x" + value[1:],
    "another sum": lambda value: value[:8] + bytes(8) + value[16:], "a bit of a length": lambda value: value[:45] + b"\xff" + value[46:],
    "a NUL in the body": lambda value: value[:-5] + b"\x00" + value[-4:], "twice": lambda value: value * 2,
}
FORGED = {
    "another's key": part(0, lambda key: b"x" + key[1:]), "no key": part(0, lambda key: b""), "a key that goes on": part(0, lambda key: key + b"x"),
    "no type": part(1, lambda kind: b""), "a type without an end": part(1, lambda kind: kind[:-1] + b"x"),
    "an endless type": part(1, lambda kind: b"x" * 5000 + b"\x00"), "no etag": part(2, lambda etag: b""),
    "an etag without an end": part(2, lambda etag: etag[:-1] + b"x"), "an endless etag": part(2, lambda etag: b"x" * 5000 + b"\x00"),
    "a body that is too long": length(4, lambda size: size + 1), "a body that is too short": length(4, lambda size: size - 1),
    "lengths that wrap": both(length(0, lambda size: size + (1 << 31)), length(4, lambda size: size - (1 << 31))),
    "a moment that has not come": lambda header, parts: header.__setitem__(3, header[3] + 10 ** 12),
    "a moment long ago": lambda header, parts: header.__setitem__(3, header[3] - 6 * 10 ** 9),
}


def miss_when(server, sqlite, remote, spoil):
    """The entry that is there is a hit; once it is spoilt, it is not."""
    def attempt():
        remote.clear()
        kept, new = wait_until_kept(server, sqlite)
        keys = remote.keys()
        value = remote.get(keys[0]) if len(keys) == 1 else None
        if value is None:
            return None
        remote.put(keys[0], forged(value, lambda header, parts: None))
        if names(server) != [kept]:     # too old meanwhile
            return None
        remote.put(keys[0], spoil(value))
        return names(server) == [new] or pytest.fail("it is a hit")

    until(attempt, 20, "an entry that counts")


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_entry_is_a_miss(serve, sqlite, remote, how):
    server = serve("--cache", remote.url, database=sqlite)
    add_user(sqlite)
    miss_when(server, sqlite, remote, SPOILT[how])


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_entry_whose_sum_is_right_is_a_miss(serve, sqlite, remote, how):
    server = serve("--cache", remote.url, database=sqlite)
    add_user(sqlite)
    miss_when(server, sqlite, remote, lambda value: forged(value, FORGED[how]))


def test_an_entry_that_the_cache_should_have_dropped_does_not_count(serve, sqlite, redis):
    """Redis is told how long; a server does not rely on it."""
    server = serve("--cache", redis.url, database=sqlite)
    add_user(sqlite)
    _, new = wait_until_kept(server, sqlite)
    key, = redis.keys()
    assert 0 < redis.call("PTTL", key) <= LIFE * 1000
    redis.call("PERSIST", key)
    time.sleep(LIFE + 0.1)
    assert redis.keys() == [key]
    assert names(server) == [new]


def test_a_restarted_cache_is_used_again(serve, database, remote):
    server = serve("--cache", remote.url, database=database)
    add_user(database)
    wait_until_kept(server, database)
    remote.stop()
    healthy_answers(server)
    until(lambda: "the cache is away" in server.log())
    remote.start()
    wait_until_kept(server, database)
    server.told("the cache is back", 1)


def test_the_cache_in_the_process_is_bounded_in_bytes(serve, sqlite):
    server = serve(database=sqlite)
    sqlite.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                 "INSERT INTO users (id, username, avatar_url, type) SELECT i, 'user' || i, printf('%.*c', 150, 'x'), 'User' FROM n")
    def read(count):
        with Connection(server.address) as connection:
            for number in range(count):
                answer = connection.request("GET", f"{USERS}?pagination={1000 - number % 100}&page=1&username=u&order_by="
                                                   + ("id" if number // 100 % 2 else "type"))
                assert answer.status == 200
    read(40)
    before = server.resident()
    read(200)                   # 40 MB of answers
    assert server.resident() - before < (30 << 20) + program.HEADROOM


# ---- the setting ----

WRONG = ["", "redis", "redis:", "redis://", "redis://:@", "redis://host:0", "redis://host:65536", "redis://host:port", "redis://host/x",
         "redis://host/-1", "redis://user@host", "redis://host?db=1", "rediss://host", "memcached://", "memcached://host/1",
         "memcached://:secret@host", "memcached://one,two", "memcached://host:1:2", "http://host", "simple:16M", "nonesuch",
         "redis://[::1", "redis://[::1]x"]


@pytest.mark.quick
@pytest.mark.parametrize("url", WRONG[1:])
def test_a_wrong_address_is_refused(url):
    done = program.run("serve", "--cache", url)
    assert done.returncode == 2, done
    assert "--cache" in done.stderr and "redis://" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.quick
@pytest.mark.parametrize("url", ["none", "simple:", "simple", "redis://localhost", "redis://127.0.0.1:6379/2", "redis://[::1]:6379",
                                 "redis:///run/redis.sock", "memcached://cache", "memcached://cache:11211"])
def test_a_right_address_is_shown(url):
    done = program.run("config", env={"CACHE_URL": url})
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^cache +{re.escape(url)} +# CACHE_URL$", done.stdout, re.M), done.stdout


@pytest.mark.quick
def test_it_is_in_the_process_when_nothing_is_said():
    assert re.search(r"^cache +simple: +# built-in$", program.run("config").stdout, re.M)


@pytest.mark.quick
@pytest.mark.parametrize("url", ["redis://:hush@host/1", "redis://me:hush@host", "redis://:hu%2Fsh@[::1]:1"])
def test_a_password_is_not_shown(url, folder):
    shown = program.run("config", "--cache", url)
    assert shown.returncode == 0 and "hu" not in re.search("^cache .*$", shown.stdout, re.M)[0] and "***" in shown.stdout
    (folder / "secret").write_text(url + "\n")
    named = program.run("config", env={"CACHE_URL_FILE": folder / "secret"})
    assert named.returncode == 0 and "hush" not in named.stdout and "***@" in named.stdout


@pytest.mark.quick
def test_a_password_is_not_shown_even_when_the_address_is_wrong():
    done = program.run("serve", "--cache", "redis://:hush/hush?@host:1")
    assert done.returncode == 2 and "hush" not in done.stderr, done.stderr
