"""What a role, a database, the environment or others behind a pooler have set does not change what the statements mean."""

import subprocess
import threading
import time

import psycopg2
import pytest

from support import pgbouncer
from support.database import PostgresDatabase
from support.expect import problem, succeeded
from support.pgbouncer import PgBouncer
from support.program import ROOT, SLOW, environment, missing, rowlock, run
from support.rawhttp import Api
from support.wait import until

# The worst that somebody may have set for a database, and what our statements need instead.
FOREIGN = {
    "standard_conforming_strings": ("off", "on"),
    "backslash_quote": ("off", "safe_encoding"),
    "array_nulls": ("off", "on"),
    "transform_null_equals": ("on", "off"),
    "xmloption": ("document", "content"),
    "extra_float_digits": ("-15", "1"),
    "bytea_output": ("escape", "hex"),
    "datestyle": ("SQL, DMY", "ISO, MDY"),
    "intervalstyle": ("iso_8601", "postgres"),
    "timezone": ("Asia/Tokyo", "UTC"),
    "gin_fuzzy_search_limit": ("1", "0"),
    "client_min_messages": ("error", "notice"),
    "exit_on_error": ("on", "off"),
    "default_transaction_isolation": ("serializable", None),
    "default_transaction_deferrable": ("on", "off"),
    "transaction_isolation": (None, "read committed"),
    "lock_timeout": ("1s", None),
    "statement_timeout": ("5s", None),
    "idle_in_transaction_session_timeout": ("1s", None),
    "idle_session_timeout": ("1h", "0"),
}


def set_for_all(database, **settings):
    for name, value in settings.items():
        database.query(f"ALTER DATABASE {database.name} SET {name} = '{value}'")


def spoil(database):
    set_for_all(database, **{name: wrong for name, (wrong, _) in FOREIGN.items() if wrong is not None})


@pytest.fixture(params=["direct", "pooled"])
def foreign(request, cluster, template):
    """A database with the schema in it; "pooled": behind a PgBouncer in transaction mode."""
    if request.param == "direct":
        database = PostgresDatabase(cluster, template)
        yield database
        database.drop()
        return
    if pgbouncer.installed() is None:
        missing("pgbouncer")
    with PgBouncer(cluster, default_pool_size=6) as bouncer:
        database = PostgresDatabase(cluster, template, bouncer)
        yield database
        database.drop()


def record_settings(database, table):
    """Whoever inserts into the table leaves what his session has set in `seen`."""
    database.query("CREATE TABLE seen (name text, value text); CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                   "INSERT INTO public.seen SELECT name, setting FROM pg_settings; RETURN NULL; END $$; "
                   f"CREATE TRIGGER see AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION see()")


def seen(database):
    return {name.lower(): value for name, value in database.query("SELECT DISTINCT name, value FROM seen")}


def check_seen(database):
    found = seen(database)
    for name, (_, right) in FOREIGN.items():
        if right is not None:
            assert found[name] == right, (name, found[name])
    return found


def test_a_session_has_what_its_statements_need(serve, foreign):
    spoil(foreign)
    record_settings(foreign, "orders")
    server = serve(database=foreign)
    server.api.place()
    found = check_seen(foreign)
    assert 0 < int(found["lock_timeout"]) <= 1000 and 5000 < int(found["statement_timeout"]) < 10000
    assert found["search_path"].startswith("public, ") and found["search_path"].endswith("pg_temp")


def test_so_has_a_command_and_it_may_take_its_time(foreign):
    spoil(foreign)
    record_settings(foreign, "orders")
    done = run("seed", "orders", "--total", 3, "--database", foreign.url)
    assert done.returncode == 0, done.stderr
    found = check_seen(foreign)
    assert [found[name] for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")] == ["0"] * 3


def test_no_limit_of_a_role_ends_a_command_while_it_settles_its_session(cluster, postgres):
    postgres.query(f"ALTER DATABASE {postgres.name} SET statement_timeout = '200ms'")
    holder, looker = postgres.connect(), psycopg2.connect(cluster.dsn("postgres"))
    looker.autocommit = True
    command = None

    def is_held():
        with looker.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' "
                           "AND clock_timestamp() - query_start > interval '400ms'", (postgres.name,))
            return cursor.fetchone()[0] == 1 or command.poll() is not None

    try:
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE")    # so that it takes long
        command = subprocess.Popen([rowlock(), "seed", "orders", "--total", "3", "--database", postgres.url], env=environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until(is_held, 10, "it waits for longer than the limit")
        holder.rollback()
        said = command.communicate(timeout=20 * SLOW)[0]
        assert (command.returncode, said) == (0, "added 3 orders\n")
    finally:
        holder.close()
        looker.close()
        if command is not None and command.poll() is None:
            command.kill()
            command.wait()


def test_the_environment_of_libpq_changes_nothing_either(serve, foreign):
    record_settings(foreign, "orders")
    server = serve(database=foreign, env={"PGTZ": "Asia/Tokyo", "PGDATESTYLE": "German"})
    server.api.place()
    check_seen(foreign)


def test_nothing_of_it_stays_in_a_session_that_is_a_pooler_s(serve, cluster, template):
    if pgbouncer.installed() is None:
        missing("pgbouncer")
    with PgBouncer(cluster, default_pool_size=1) as bouncer:
        database = PostgresDatabase(cluster, template, bouncer)
        spoil(database)
        server = serve(database=database)
        server.api.place()
        assert run("seed", "orders", "--database", database.url).returncode == 0
        assert run("migrate", "--database", database.url).returncode == 0
        client = bouncer.connect(database.name)
        try:
            with client, client.cursor() as cursor:
                names = [name for name in FOREIGN if name != "transaction_isolation"] + ["search_path"]
                # psycopg2 and PgBouncer set datestyle for their client
                cursor.execute("SELECT name, setting, reset_val FROM pg_settings WHERE lower(name) = ANY (%s) "
                               "AND setting <> reset_val AND name <> 'DateStyle'", (names,))
                assert [row for row in cursor.fetchall() if row[0] not in ("TimeZone", "standard_conforming_strings")] == []
        finally:
            client.close()
            server.kill()
            database.drop()


# ---- what clients see ----

def test_coordinates_keep_their_digits(serve, foreign):
    set_for_all(foreign, extra_float_digits=-15)
    server = serve("--distance", "haversine", database=foreign)
    order = server.api.post("/orders", {"origin": [50.456399, 12.70758], "destination": [59.436487, 24.747193]}).json()["id"]
    assert server.api.get(f"/orders/{order}").json()["origin"] == [50.456399, 12.70758]


def test_a_backslash_is_looked_for_as_one(serve, foreign):
    foreign.query("INSERT INTO users (id, username, type) VALUES (1, E'abc\\\\def', 'User'), (2, 'abc_def', 'User'), (3, 'abcxdef', 'User')")
    set_for_all(foreign, standard_conforming_strings="off", backslash_quote="off")
    server = serve(database=foreign)
    for term, ids in (("%5C", [1]), ("abc%5Cdef", [1]), ("abc_def", [2]), ("abc", [1, 2, 3])):
        found = server.api.get(f"/api/users/profiles?username={term}").json()["users"]
        assert [user["id"] for user in found] == ids, term


def test_upserts_at_once_do_not_fail_for_the_isolation_that_somebody_likes(serve, foreign):
    set_for_all(foreign, default_transaction_isolation="serializable")
    server = serve(database=foreign)
    assert server.api.post("/site/1", {"name": "first"}).status == 200
    statuses = []

    def upsert(number):
        api = Api(server.address)
        for count in range(15):
            statuses.append(api.post("/site/1", {"name": f"{number}-{count}"}).status)

    threads = [threading.Thread(target=upsert, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 120
    order = server.api.place()
    succeeded(server.api.take(order, "ann"))


# ---- whose tables ----

LURE = ("CREATE SCHEMA lure; CREATE TABLE lure.orders (LIKE public.orders INCLUDING ALL); CREATE TABLE lure.site (LIKE public.site); "
        "CREATE TABLE lure.messages (LIKE public.messages)")


def test_a_table_of_the_same_name_in_a_schema_before_ours_is_not_taken_for_ours(serve, foreign):
    first = serve(database=foreign)
    order = first.api.place()
    foreign.query(LURE)
    foreign.query(f"ALTER DATABASE {foreign.name} SET search_path = lure, public")
    first.stop()
    foreign.cluster.terminate_sessions(foreign.name)
    server = serve(database=foreign)
    assert [found["id"] for found in server.api.get("/orders?page=1&limit=5").json()] == [order]
    succeeded(server.api.take(order, "ann"))
    done = run("seed", "messages", "--total", 3, "--database", foreign.url)
    assert done.returncode == 0, done.stderr
    assert foreign.query("SELECT count(*) FROM public.messages") == [(3,)]
    assert foreign.query("SELECT (SELECT count(*) FROM lure.orders) + (SELECT count(*) FROM lure.messages)") == [(0,)]


def test_a_migration_goes_where_those_before_it_are(empty_postgres):
    database = empty_postgres
    for file in sorted((ROOT / "sql/postgres/migrations").glob("[0-9]*.sql"))[:6]:
        database.query(file.read_text())
    database.query("CREATE SCHEMA lure")
    database.query(f"ALTER DATABASE {database.name} SET search_path = lure, public")
    status = run("migrate", "--status", "--database", database.url)
    assert "idempotency  pending" in status.stdout, status.stdout
    assert run("migrate", "--database", database.url).returncode == 0
    assert database.query("SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'idempotency_keys'") == [("public",)]


def test_tables_that_are_found_elsewhere_make_it_unhealthy(serve, foreign):
    foreign.query("CREATE SCHEMA other; ALTER TABLE messages SET SCHEMA other; "
                  f"ALTER DATABASE {foreign.name} SET search_path = public, other")
    server = serve(database=foreign, wait="listening")
    until(lambda: server.api.get("/healthcheck").json().get("output") == "schema: its tables are not as this server needs them, see the log",
          8, "it is said, and names nothing")
    until(lambda: "the table messages is found in the schema other" in server.log(), 3, "the log names it")
    foreign.query("ALTER TABLE other.messages SET SCHEMA public")
    until(lambda: server.api.get("/healthcheck").status == 200, 5, "healthy again")


def test_a_server_that_began_before_its_tables_were_there_knows_them_when_they_are(serve, empty_postgres):
    server = serve(database=empty_postgres, wait="listening")
    until(lambda: "schema" in server.api.get("/healthcheck").json().get("output", ""), 5, "there are none")
    assert run("migrate", "--database", empty_postgres.url).returncode == 0
    server.wait_healthy()
    record_settings(empty_postgres, "orders")
    until(lambda: server.api.place() and seen(empty_postgres)["search_path"].endswith("pg_temp"), 5, "the path is ours")


def test_triggers_that_are_switched_off_make_it_unhealthy(serve, foreign):
    set_for_all(foreign, session_replication_role="replica")
    server = serve(database=foreign, wait="listening")
    until(lambda: "session_replication_role" in server.log(), 5, "it is said")
    assert server.api.get("/healthcheck").json()["output"].startswith("schema: ")


# ---- commands take their time ----

@pytest.mark.parametrize("limit", ["statement_timeout", "lock_timeout"])
def test_a_migration_waits_for_another_whatever_limit_a_role_has(foreign, limit):
    set_for_all(foreign, **{limit: "200ms"})
    session = foreign.connect()
    cursor = session.cursor()
    cursor.execute("SELECT pg_advisory_xact_lock(8245076110394223)")
    finished = []
    waiting = threading.Thread(target=lambda: finished.append(run("migrate", "--database", foreign.url)))
    waiting.start()
    until(lambda: foreign.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == [(1,)], 10, "it waits")
    time.sleep(0.5)
    session.close()
    waiting.join()
    assert finished[0].returncode == 0, finished[0].stderr


# ---- the encoding ----

@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def misencoded(request, cluster):
    database = PostgresDatabase(cluster)
    database.drop()
    cluster._administer(f"CREATE DATABASE {database.name} TEMPLATE template0 ENCODING '{request.param}' LOCALE 'C'")
    yield database, request.param
    database.drop()


@pytest.mark.parametrize("command", [("migrate",), ("migrate", "--status"), ("seed", "orders"), ("import", "health", "--regions", "FILE"),
                                     ("serve", "--migrate", "--listen", "127.0.0.1:0")], ids=lambda words: " ".join(words[:2]))
def test_a_command_refuses_a_database_that_is_not_utf8(misencoded, folder, command):
    database, encoding = misencoded
    (folder / "regions").write_text("id,name_en,name_fr\n1,Atlantic,Atlantique\n")
    words = [str(folder / "regions") if word == "FILE" else word for word in command]
    done = run(*words, "--database", database.url)
    assert done.returncode == 1, done
    assert f"its encoding is {encoding}, and Rowlock needs UTF8" in done.stderr and "createdb -E UTF8 -T template0" in done.stderr
    assert database.query("SELECT count(*) FROM pg_class WHERE relname = 'orders'") == [(0,)]


def test_a_server_says_that_its_database_is_not_utf8_and_serves_nothing_from_it(serve, misencoded):
    database, encoding = misencoded
    server = serve(database=database, wait="listening")
    words = f"its encoding is {encoding}, and Rowlock needs UTF8"
    until(lambda: words in server.api.get("/healthcheck").json().get("output", ""), 5, "the health says it")
    until(lambda: [line for line in server.lines() if line["level"] == "error" and words in str(line)], 5, "and the log")
    until(lambda: server.api.get("/orders?page=1&limit=1").json()["error"] == "The database is away; nothing was changed.", 5 * SLOW)
    problem(server.api.post("/messages", {"sender": "a", "recipient": "b", "text": "ж"}), 503)
