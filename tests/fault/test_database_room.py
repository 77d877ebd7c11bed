"""PostgreSQL's disk is full: said as such, found out by every worker, and over without a restart."""

import os
import time

import psycopg2
import pytest

from support.database import PostgresDatabase
from support.disk import small_disk
from support.expect import problem, succeeded
from support.wait import until

BIG = {"sender": "ann", "recipient": "bob", "text": "x" * 1000}
FULL = "database: it has no room left"


def administer(cluster, sql):
    connection = psycopg2.connect(cluster.dsn("postgres"))
    try:
        connection.autocommit = True
        connection.cursor().execute(sql)
    finally:
        connection.close()


@pytest.fixture
def disk(cluster, template):
    """A small one with the tablespace "small" on it, and a database beside it."""
    owner = f"uid={cluster.user.pw_uid},gid={cluster.user.pw_gid}" if cluster.user else ""
    with small_disk(f"size=32m,mode=755,{owner}") as disk:
        disk.database = PostgresDatabase(cluster, template)
        try:
            space = disk.folder / "space"
            space.mkdir()
            os.chown(space, cluster.user.pw_uid, cluster.user.pw_gid)
            administer(cluster, f"CREATE TABLESPACE small LOCATION '{space}'")
            yield disk
        finally:
            cluster.ensure_running()
            disk.database.drop()
            administer(cluster, "DROP TABLESPACE IF EXISTS small")


@pytest.fixture
def full_database(disk):
    """All of the database is on the small disk."""
    administer(disk.database.cluster, f"ALTER DATABASE {disk.database.name} SET TABLESPACE small")
    return disk


def test_a_full_disk_is_told_as_such_and_heals_without_a_restart(serve, full_database):
    disk = full_database
    server = serve(database=disk.database)
    order = server.api.place()
    disk.fill()
    answer = until(lambda: next((answer for answer in [server.api.post("/messages", BIG)] if answer.status != 201), None), 20, "no room is left")
    assert problem(answer, 503)["error"] == "The database has no room left; nothing was changed."
    assert answer.header("Retry-After")
    assert [line for line in server.lines() if line.get("sqlstate") == "53100" and line["level"] == "error"]
    until(lambda: server.ailment() == FULL, 3, "the health says so")
    assert server.api.get(f"/orders/{order}").status == 200, "reads go on"
    disk.empty()
    until(server.healthy, 5, "there is room again")
    assert server.api.post("/messages", BIG).status == 201
    succeeded(server.api.take(order))


def test_every_worker_of_an_idle_server_finds_out(serve, full_database):
    server = serve("--workers", 2, database=full_database.database)
    full_database.fill()
    def all_say(status):
        return all(server.api.get("/healthcheck").status == status for _ in range(20))
    until(lambda: all_say(503), 10, "without any request that writes")
    assert server.ailment() == FULL
    full_database.empty()
    until(lambda: all_say(200), 10, "and its end")


def test_a_full_disk_of_one_table_fails_the_health_until_it_can_grow(serve, disk):
    """The database itself has room: only what really writes to the table finds out."""
    database = disk.database
    server = serve(database=database)
    database.query("ALTER TABLE messages SET TABLESPACE small")
    disk.fill()
    until(lambda: server.api.post("/messages", BIG).status == 503, 20, "no room is left")
    until(lambda: server.ailment() == FULL, 3, "the health says so")
    for _ in range(30):
        assert not server.healthy() or server.api.post("/messages", BIG).status == 201, "healthy only when it works"
    disk.empty()
    until(server.healthy, 5, "there is room again")
    assert server.api.post("/messages", BIG).status == 201


@pytest.fixture
def role(disk):
    """The URL of a role that serves messages, and may write nothing else."""
    database, name = disk.database, disk.database.name + "_server"
    database.query(f"CREATE ROLE {name} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}; "
                   f"GRANT INSERT, DELETE ON messages TO {name}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}")
    yield database.cluster.url(database.name).replace("postgres@", name + "@")
    database.cluster.terminate_sessions(database.name)
    database.query(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_role_that_may_not_write_all_tables_does_not_take_that_for_room(serve, disk, role):
    server = serve("--apps", "messages", database=role)
    disk.database.query("ALTER TABLE messages SET TABLESPACE small")
    disk.fill()
    until(lambda: server.api.post("/messages", BIG).status == 503, 20, "no room is left")
    until(lambda: server.ailment() == FULL, 3, "the health says so")
    end = time.monotonic() + 3      # in which it is asked more than once
    while time.monotonic() < end:
        assert server.ailment() == FULL
    disk.empty()
    until(server.healthy, 5, "there is room again")
    assert server.api.post("/messages", BIG).status == 201


def test_a_lock_that_is_in_the_way_of_asking_is_no_room(serve, disk):
    database = disk.database
    server = serve(database=database)
    database.query("ALTER TABLE messages SET TABLESPACE small")
    disk.fill()
    until(lambda: server.api.post("/messages", BIG).status == 503, 20, "no room is left")
    until(lambda: server.ailment() == FULL, 3, "the health says so")
    session = database.connect()
    try:
        session.cursor().execute("LOCK TABLE messages IN SHARE MODE")
        end = time.monotonic() + 4      # in which it is asked more than once
        while time.monotonic() < end:
            assert server.ailment() == FULL
        disk.empty()
    finally:
        session.close()
    until(server.healthy, 5, "there is room again")


def test_asking_for_room_leaves_nothing_behind(serve, postgres):
    server = serve(database=postgres)
    before = postgres.query("SELECT pg_relation_size('orders') + pg_relation_size('messages') + pg_relation_size('order_events')")
    temporary = "SELECT temp_files FROM pg_stat_database WHERE datname = current_database()"
    until(lambda: postgres.query(temporary)[0][0] >= 1, 15, "it was asked")
    assert postgres.query("SELECT pg_relation_size('orders') + pg_relation_size('messages') + pg_relation_size('order_events')") == before
    assert server.healthy()
