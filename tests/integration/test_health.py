"""/health, /healthcheck, and what the schema has to do with them."""

import threading
import time

import pytest

from support.expect import problem, succeeded
from support.openapi import check as check_document
from support.program import SLOW, find, run
from support.rawhttp import Connection
from support.wait import Stopwatch, until


def verdict(api):
    """(status code, document) of /healthcheck; what is degraded serves."""
    answer = api.get("/healthcheck")
    assert answer.content_type == "application/health+json", answer
    document = answer.json()
    assert (answer.status, document["status"]) in ((200, "pass"), (200, "warn"), (503, "fail")), answer
    return answer.status, document


@pytest.mark.quick
def test_a_server_that_is_ready_passes(api):
    assert verdict(api)[0] == 200


@pytest.mark.quick
def test_health_says_up(api):
    answer = api.get("/health")
    assert answer.status == 200 and answer.content_type == "text/plain" and answer.body == b"UP\n"


@pytest.mark.quick
def test_a_healthcheck_is_never_stored(api):
    assert "no-store" in (api.get("/healthcheck").header("Cache-Control") or "")


# ---- the schema ----

def test_a_database_without_the_schema_fails_by_name_and_recovers_after_migrate(serve, empty_postgres):
    server = serve(database=empty_postgres, wait="listening")
    until(lambda: "schema" in str(verdict(server.api)[1]).lower(), 5, "the schema is named")
    assert verdict(server.api)[0] == 503
    assert server.api.get("/health").status == 200
    until(lambda: [line for line in server.lines() if "migrate" in str(line)], 3, "a log line that says what to do")
    answer = server.api.get("/orders?page=1&limit=1")
    problem(answer, 503)
    assert run("migrate", "--database", empty_postgres.url).returncode == 0
    until(lambda: verdict(server.api)[0] == 200, 5, "healthy after migrate")
    until(lambda: server.api.get("/orders?page=1&limit=1").status == 200, 5, "served after migrate")
    succeeded(server.api.take(server.api.place()))


def test_the_log_says_once_that_the_schema_is_missing(serve, empty_postgres):
    server = serve(database=empty_postgres, wait="listening")
    until(lambda: verdict(server.api)[0] == 503, 5)
    until(lambda: [line for line in server.lines() if "migrate" in str(line)], 3, "a log line that says what to do")
    for _ in range(30):
        verdict(server.api)
    time.sleep(2.2)         # two more rounds of the check in the background, which leave no trace that could be waited for
    server.stop()
    assert len(server.told("not ready to serve")) == 1


@pytest.mark.parametrize("setting", [["--migrate"], None], ids=["flag", "environment"])
def test_a_server_told_to_migrate_does_so_at_start(serve, empty_postgres, setting):
    server = serve(*(setting or []), database=empty_postgres, env={} if setting else {"ROWLOCK_MIGRATE": "1"})
    succeeded(server.api.take(server.api.place()))


def test_many_servers_told_to_migrate_at_once_all_start(serve, empty_postgres):
    servers = [serve("--migrate", database=empty_postgres, wait=None) for _ in range(4)]
    for server in servers:
        server.wait_listening()
        server.wait_healthy()
        server.api.place()


def newer(database, oldest):
    database.query("INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (9999, 'from the future', ?)", oldest)


def test_a_schema_that_no_longer_serves_this_server_fails_by_name(serve, database):
    newer(database, 9999)
    server = serve(database=database, wait="listening")
    until(lambda: "schema" in str(verdict(server.api)[1]).lower(), 5, "the schema is named")
    assert verdict(server.api)[0] == 503
    until(lambda: [line for line in server.lines() if "9999" in str(line) and line["level"] in ("warn", "error")], 3, "a log line that names the version")


def test_a_running_server_notices_a_schema_that_no_longer_serves_it(serve, postgres):
    server = serve(database=postgres)
    newer(postgres, 9999)
    until(lambda: verdict(server.api)[0] == 503, 5, "the newer schema is noticed")
    postgres.query("DELETE FROM rowlock_migrations WHERE version = 9999")
    until(lambda: verdict(server.api)[0] == 200, 5, "and its going")


def test_a_newer_schema_that_still_serves_this_server_passes(serve, database):
    newer(database, 1)
    server = serve(database=database)
    succeeded(server.api.take(server.api.place()))


def test_migrate_leaves_a_newer_schema_alone(database):
    newer(database, 9999)
    finished = run("migrate", "--database", database.url)
    assert finished.returncode == 1 and finished.stdout == "" and "version 9999 needs a server of at least 9999" in finished.stderr
    assert database.query("SELECT max(version) FROM rowlock_migrations") == [(9999,)]


# ---- the database ----

def test_a_database_that_cannot_be_written_fails_by_name(serve, postgres):
    server = serve(database=postgres)
    postgres.query(f"ALTER DATABASE {postgres.name} SET default_transaction_read_only = on")
    postgres.cluster.terminate_sessions(postgres.name)
    until(lambda: verdict(server.api)[0] == 503, 10, "a read-only database is noticed")
    with postgres.connect() as connection:
        connection.cursor().execute(f"SET transaction_read_only = off; ALTER DATABASE {postgres.name} RESET default_transaction_read_only")
    postgres.cluster.terminate_sessions(postgres.name)
    until(lambda: verdict(server.api)[0] == 200, 10, "and that it can be written again")


def test_a_write_that_a_read_only_database_refuses_changed_nothing_and_says_so(serve, postgres):
    server = serve(database=postgres)
    order = server.api.place()
    postgres.query(f"ALTER DATABASE {postgres.name} SET default_transaction_read_only = on")
    postgres.cluster.terminate_sessions(postgres.name)
    until(lambda: "read-only" in str(verdict(server.api)[1]), 10, "it is noticed")
    answer = until(lambda: written(server.api.take(order)), 5, "PostgreSQL refuses a write")
    problem(answer, 503, "nothing was changed")
    assert "unknown" not in answer.json()["error"]
    assert server.api.get(f"/orders/{order}").status == 200, "reads go on"
    until(lambda: [line for line in server.lines() if line.get("sqlstate") == "25006"], 5, "the log says it")


def written(answer):
    """The answer, unless its connection was still being replaced."""
    return None if "unknown" in answer.json()["error"] else answer


PRIVATE = ("127.0.0.1", "postgres", "nobody", "rowlock_gone", "FATAL", "port", "role")


def told_nothing_private(server, *words):
    """Neither the health nor a request's problem says where the database is and whose; returns the two messages."""
    document = verdict(server.api)[1]
    error = problem(server.api.get("/orders?page=1&limit=1"), 503)["error"]
    for text in (str(document), error):
        assert not [word for word in (*PRIVATE, *words) if word in text], text
    return document["output"], error


def test_a_client_is_not_told_who_the_database_refuses(serve, postgres):
    url = postgres.cluster.url("rowlock_gone").replace("postgres@", "nobody@")
    server = serve(database=url, wait="listening")
    until(lambda: "refuses connections" in verdict(server.api)[1]["output"], 10, "the kind of trouble")
    until(lambda: server.api.get("/orders?page=1&limit=1").json()["error"] == "The database is away; nothing was changed.", 5)
    told_nothing_private(server)
    until(lambda: "nobody" in server.log(), 5, "the log has libpq's words")


def test_a_client_is_not_told_where_the_database_was(serve, postgres):
    server = serve(database=postgres)
    postgres.cluster.stop("immediate")
    until(lambda: verdict(server.api)[0] == 503, 5)
    until(lambda: "cannot be reached" in told_nothing_private(server, postgres.name, str(postgres.cluster.port))[0], 5)
    until(lambda: str(postgres.cluster.port) in server.log(), 5, "the log says it")


def test_a_check_that_could_not_be_made_does_not_pass(serve, postgres):
    postgres.cluster.stop()
    server = serve(database=postgres, wait="listening")
    checks = verdict(server.api)[1]["checks"]
    assert [checks[name][0]["status"] for name in ("database", "schema", "drain")] == ["fail", "warn", "pass"]
    assert checks["schema"][0]["output"] == "not known: the database does not answer"


def test_tables_that_were_dropped_by_hand_are_told_as_they_are(serve, database):
    server = serve(database=database)
    database.query("DROP TABLE messages")
    answer = server.api.get("/messages?recipient=ann")
    assert problem(answer, 503)["error"] == "The database's tables are not as this server needs them; the server's log says more."
    line, = server.told("statement failed", 1)
    assert "messages" in line["reason"] and line["sqlstate"] == ("42P01" if database.kind == "postgres" else "")


# ---- degraded ----

def degraded(server, check, *words):
    """It serves, says what is not as it should be, to the log once, and to the probe."""
    def warned():
        answer = server.api.get("/healthcheck")
        return answer.status == 200 and answer.json() if answer.json()["status"] == "warn" else None

    document = until(warned, 10, f"a warning of {check}")
    only, = document["checks"][check]
    assert only["status"] == "warn" and all(word in only["output"] for word in words), document
    assert document["output"] == f"{check}: {only['output']}"
    assert [checks[0]["status"] for name, checks in document["checks"].items() if name != check] == ["pass"] * 3
    check_document("GET", "/healthcheck", server.api.get("/healthcheck"))
    line, = [line for line in server.told("degraded") if line["check"] == check]
    assert line["level"] == "warn" and line["reason"] == only["output"]
    done = run(f"http://{server.address}/healthcheck", program=find("rowlock-healthcheck", "ROWLOCK_HEALTHCHECK"))
    assert done.returncode == 0 and "healthy, but" in done.stdout and check in done.stdout, done


def well_again(server):
    until(lambda: verdict(server.api)[1]["status"] == "pass", 10, "nothing is degraded")
    assert set(verdict(server.api)[1]["checks"]) == {"database", "schema", "drain"}


def test_a_synchronous_commit_that_is_off_is_warned_of(serve, postgres):
    postgres.query(f"ALTER DATABASE {postgres.name} SET synchronous_commit = off")
    server = serve(database=postgres)
    degraded(server, "synchronous_commit", "off", "crash")
    postgres.query(f"ALTER DATABASE {postgres.name} RESET synchronous_commit")
    postgres.cluster.terminate_sessions(postgres.name)
    well_again(server)


def test_a_replication_slot_that_nobody_reads_is_warned_of(serve, postgres):
    server = serve(database=postgres)
    postgres.query("SELECT pg_create_physical_replication_slot('left_behind', true)")
    try:
        assert verdict(server.api)[1]["status"] == "pass"
        postgres.query("SELECT pg_logical_emit_message(false, 'rowlock', repeat('x', 1000000)) FROM generate_series(1, 70)")     # max_wal_size is 64 MB
        degraded(server, "replication", "MiB")
        assert "left_behind" not in server.api.get("/healthcheck").body.decode()
    finally:
        postgres.query("SELECT pg_drop_replication_slot('left_behind')")
    well_again(server)


def test_a_database_that_takes_long_to_answer_is_warned_of(serve, postgres):
    server = serve(database=postgres)
    postgres.query("ALTER TABLE rowlock_migrations RENAME TO real_migrations")
    postgres.query("CREATE VIEW rowlock_migrations AS SELECT version, name, oldest_server, applied_at FROM real_migrations, (SELECT pg_sleep(0.6)) AS s")
    degraded(server, "latency", "ms")
    postgres.query("DROP VIEW rowlock_migrations")
    postgres.query("ALTER TABLE real_migrations RENAME TO rowlock_migrations")
    well_again(server)


# ---- answers whatever happens ----

@pytest.mark.parametrize("workers", [1, 2])
def test_the_healthcheck_answers_within_a_second_whatever_the_database_does(serve, postgres, workers):
    server = serve("--workers", workers, database=postgres)
    with Connection(server.address) as connection:
        postgres.cluster.pause()
        try:
            def failed():
                with Stopwatch() as watch:
                    answer = connection.request("GET", "/healthcheck")
                assert watch.seconds < 1 * SLOW
                return answer.status == 503

            until(failed, 6, "the pause is noticed", every=0.1)
        finally:
            postgres.cluster.resume()
        until(lambda: connection.request("GET", "/healthcheck").status == 200, 5, "and its end")


def rounds(postgres, count):
    """Until the server has looked at the database that many times more."""
    seen = set()

    def looked():
        seen.update(postgres.query("SELECT query_start FROM pg_stat_activity WHERE datname = current_database() AND "
                                   "query LIKE '%rowlock_migrations%' AND pid <> pg_backend_pid()"))
        return len(seen) > count

    until(looked, 3 * count, f"{count} more checks of the database")


def test_a_table_locked_for_long_does_not_make_the_server_unhealthy(serve, postgres):
    server = serve(database=postgres)
    session = postgres.connect()
    session.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    rounds(postgres, 3)
    assert verdict(server.api)[0] == 200
    session.close()


# ---- rights ----

@pytest.fixture
def role(postgres):
    """A role that has what docs/operations.md gives to a server: (its URL, a function that runs SQL about it)."""
    name = postgres.name + "_server"
    postgres.query(f"CREATE ROLE {name} LOGIN")
    for word in ("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES", "USAGE ON ALL SEQUENCES"):
        postgres.query(f"GRANT {word} IN SCHEMA public TO {name}")
    yield postgres.cluster.url(postgres.name).replace("postgres@", name + "@"), name
    postgres.cluster.terminate_sessions(postgres.name)
    postgres.query(f"DROP OWNED BY {name}; DROP ROLE {name}")


RIGHTS = "database: it does not give this server the rights that it needs"
OBSTACLE = "schema: its tables are not as this server needs them, see the log"


@pytest.mark.parametrize("right, table", [("SELECT", "orders"), ("INSERT", "orders"), ("UPDATE", "orders"), ("USAGE", "SEQUENCE orders_id_seq"),
                                          ("INSERT", "order_events"), ("INSERT", "messages"), ("SELECT", "users"), ("UPDATE", "site")])
def test_a_right_that_is_taken_away_fails_by_name_until_it_is_given_again(serve, postgres, role, right, table):
    url, name = role
    server = serve(database=url)
    postgres.query(f"REVOKE {right} ON {table} FROM {name}")
    until(lambda: verdict(server.api)[1].get("output") == RIGHTS, 5, "it is missed")
    line, = until(lambda: [line for line in server.lines() if line["message"] == "not ready to serve"], 3)
    assert f"{right} on {table.split()[-1]}" in line["reason"]
    postgres.query(f"GRANT {right} ON {table} TO {name}")
    until(lambda: verdict(server.api)[0] == 200, 5, "it is given again")
    succeeded(server.api.take(server.api.place()))


def test_row_security_that_lets_no_row_be_changed_is_a_right_that_is_missing(serve, postgres, role):
    url, name = role
    server = serve(database=url)
    order = server.api.place()
    postgres.query("ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY seen ON orders FOR SELECT USING (true)")
    until(lambda: verdict(server.api)[1].get("output") == RIGHTS, 5, "it is missed")
    line, = until(lambda: [line for line in server.lines() if line["message"] == "not ready to serve"], 3)
    assert "INSERT on orders by a policy of its row security" in line["reason"]
    postgres.query(f"CREATE POLICY placed ON orders FOR INSERT TO {name} WITH CHECK (true)")
    until(lambda: any("UPDATE on orders by a policy" in line.get("reason", "") for line in server.lines()), 5, "the next one is missed")
    postgres.query("CREATE POLICY changed ON orders FOR UPDATE USING (true)")
    until(lambda: verdict(server.api)[0] == 200, 5, "nothing is missing")
    succeeded(server.api.take(order))
    server.api.place()


def test_a_request_without_the_right_to_it_is_told_so_and_changes_nothing(serve, postgres, role):
    url, name = role
    server = serve(database=url)
    order = server.api.place()
    postgres.query(f"REVOKE UPDATE ON orders FROM {name}")
    answer = server.api.take(order)
    error = problem(answer, 503)["error"]
    assert error == "The database does not let this server do that; nothing was changed. The server's log says more."
    assert answer.header("Retry-After")
    assert [line for line in server.lines() if line.get("sqlstate") == "42501" and "orders" in line["reason"] and line["level"] == "error"]
    assert not [line for line in server.lines() if line["message"] == "database connection lost"]
    postgres.query(f"GRANT UPDATE ON orders TO {name}")
    succeeded(server.api.take(order))


def test_rights_that_no_served_app_needs_are_not_missed(serve, postgres, role):
    url, name = role
    postgres.query(f"REVOKE ALL ON orders, messages FROM {name}")
    server = serve("--apps", "users", database=url)
    assert server.api.get("/api/users/profiles").status == 200


def test_a_schema_that_may_not_be_used_fails(serve, postgres, role):
    url, name = role
    server = serve(database=url)
    postgres.query("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    until(lambda: verdict(server.api)[1].get("output") == OBSTACLE, 5, "it is said, and names nothing")
    line, = until(lambda: [line for line in server.lines() if line["message"] == "not ready to serve"], 3)
    assert line["reason"] == "the server's role may not use the schema public, where its tables are"
    problem(server.api.post("/orders", {"origin": ["1", "2"], "destination": ["3", "4"]}), 503)
    postgres.query("GRANT USAGE ON SCHEMA public TO PUBLIC")
    until(lambda: verdict(server.api)[0] == 200, 5)
    server.api.place()


# ---- connections ----

@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_role_at_its_limit_of_connections_is_as_healthy_as_it_serves(serve, postgres, role, limit):
    url, name = role
    postgres.query(f"ALTER ROLE {name} CONNECTION LIMIT {limit}")
    server = serve("--deadline", 3, database=url, wait="listening")
    def agree():
        healthy = verdict(server.api)[0] == 200
        answer = server.api.post("/orders", {"origin": ["1", "2"], "destination": ["3", "4"]})
        return healthy == (answer.status == 200) and (healthy or limit < 3)     # there is one that listens, too
    until(agree, 5)
    for _ in range(20):
        threading.Event().wait(0.1)
        assert agree()
    postgres.query(f"ALTER ROLE {name} CONNECTION LIMIT -1")
    until(lambda: verdict(server.api)[0] == 200, 5)
    server.api.place()


def test_a_health_check_that_gets_no_connection_asks_on_one_of_those_that_serve(serve, postgres, role):
    url, name = role
    server = serve(database=url)
    postgres.query(f"ALTER ROLE {name} CONNECTION LIMIT 0")
    killed = postgres.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ? "
                            "AND (strpos(query, 'synchronous_commit') > 0 OR strpos(query, 'work_mem') > 0)", name)
    assert killed
    until(lambda: "database connection lost" in server.log() or "session ended" in server.log(), 5, "it has none")
    until(lambda: verdict(server.api)[0] == 200, 3, "it asks on another connection")
    for _ in range(30):
        threading.Event().wait(0.1)
        succeeded(server.api.take(server.api.place()))
        assert verdict(server.api)[0] == 200
    postgres.query(f"REVOKE UPDATE ON orders FROM {name}")
    until(lambda: verdict(server.api)[1].get("output") == RIGHTS, 5, "it is really asked")
