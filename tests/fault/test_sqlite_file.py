"""What becomes of the file of SQLite: no room, no rights, its write-ahead log removed, a log that has grown."""

import os
import pwd
import shlex
import signal
import stat
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from support.crowd import crowd, take_request
from support.database import SqliteDatabase
from support.disk import small_disk
from support.expect import problem, succeeded
from support.program import SLOW, missing, rowlock, run
from support.rawhttp import Connection
from support.wait import Stopwatch, until

BIG = {"sender": "ann", "recipient": "bob", "text": "x" * 1000}


def program(folder, words):
    """A program that is rowlock behind those words of the shell."""
    path = Path(folder) / "rowlock-as-told"
    path.write_text(f'#!/bin/sh\n{words} {shlex.quote(rowlock())} "$@"\n')
    path.chmod(0o755)
    return str(path)


# ---- no room ----

@pytest.fixture
def disk():
    with small_disk("size=4m,mode=777") as disk:
        yield disk


def test_a_disk_that_is_nearly_full_is_warned_of(serve, disk):
    server = serve(database=f"sqlite:{disk.folder}/some.db")
    room = os.statvfs(disk.folder)
    assert server.api.get("/healthcheck").json()["status"] == "pass"
    disk.filler.write_bytes(bytes(int((room.f_bavail - room.f_blocks * 0.04) * room.f_frsize)))
    until(lambda: server.api.get("/healthcheck").json()["status"] == "warn", 5, "a warning")
    document = server.api.get("/healthcheck").json()
    assert document["checks"]["disk"] == [{"status": "warn", "output": "less than 5 % of the disk of the SQLite file is free"}]
    assert server.api.place() > 0
    disk.empty()
    until(lambda: server.api.get("/healthcheck").json()["status"] == "pass", 5, "there is room again")


@pytest.fixture
def server(serve, disk):
    yield serve("--deadline", 2, database=SqliteDatabase(disk.folder))


def test_a_full_disk_is_told_as_such_and_heals_without_a_restart(server, disk):
    order = server.api.place()
    disk.fill()
    until(lambda: server.api.post("/messages", BIG).status == 503, 10, "no room is left")
    answer = server.api.post("/messages", BIG)
    assert problem(answer, 503)["error"] == "The database has no room left; nothing was changed."
    assert answer.header("Retry-After")
    until(lambda: server.ailment() == "database: it has no room left", 3, "the health says so")
    assert server.api.get(f"/orders/{order}").status == 200, "reads go on"
    line = until(lambda: [line for line in server.lines() if line["message"] == "not ready to serve"], 3)[-1]
    assert line["check"] == "database" and ("No space left" in line["reason"] or "full" in line["reason"])
    disk.empty()
    until(server.healthy, 5, "there is room again")
    succeeded(server.api.take(order))
    assert server.api.post("/messages", BIG).status == 201


def test_an_idle_server_finds_out_that_the_disk_is_full(server, disk):
    until(server.healthy, 3)
    for _ in range(3):
        disk.fill()      # what the server had reserved for itself is all that is left
        for _ in range(100):
            if server.api.post("/messages", BIG).status == 503:
                break
    until(lambda: not server.healthy(), 5, "it is noticed without a request")
    disk.empty()
    until(server.healthy, 5, "and its end")


def test_what_a_full_disk_refused_is_not_there_and_what_it_took_is(server, disk):
    disk.fill()
    kept = []
    for _ in range(400):
        answer = server.api.post("/messages", BIG)
        if answer.status == 201:
            kept.append(answer.json()["id"])
    database = SqliteDatabase(disk.folder)
    server.kill()
    disk.empty()
    assert [row[0] for row in database.query("SELECT id FROM messages ORDER BY id")] == kept
    assert database.query("PRAGMA integrity_check") == [("ok",)]


# ---- no rights ----

def as_nobody(folder):
    if os.geteuid() != 0:
        missing("the right to run a server as somebody else")
    user = pwd.getpwnam("nobody")
    return program(folder, f"exec setpriv --reuid={user.pw_uid} --regid={user.pw_gid} --clear-groups"), user


def test_a_file_that_may_not_be_written_is_told_as_such_and_heals_when_it_may(serve):
    with tempfile.TemporaryDirectory(prefix="rowlock-rights-") as folder:
        nobody, user = as_nobody(folder)
        os.chmod(folder, 0o777)
        database = SqliteDatabase(Path(folder))
        assert run("migrate", "--database", database.url).returncode == 0
        database.query("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES (1, 2, 3, 4, 5)")
        os.chmod(database.path, 0o644)
        server = serve("--deadline", 2, database=database, program=nobody, wait="listening")
        until(lambda: server.ailment() == "database: the server has not the right to write it", 5, "it is told as such")
        answer = server.api.take(1)
        assert problem(answer, 503)["error"] == ("The database does not let this server do that; nothing was changed. "
                                                 "The server's log says more.")
        assert server.api.get("/orders/1").status == 200, "reads go on"
        assert "readonly" in until(lambda: [line for line in server.lines() if line["message"] == "not ready to serve"], 3)[0]["reason"]
        os.chmod(database.path, 0)
        until(lambda: server.ailment() == "database: its file cannot be used", 5, "not even read any more")
        problem(server.api.get("/orders/1"), 503, "the database is away; nothing was changed")
        os.chmod(database.path, 0o666)
        for name in Path(folder).glob("rowlock.db-*"):
            os.chmod(name, 0o666)
        until(server.healthy, 5, "the rights are back")
        succeeded(server.api.take(1))


def test_a_file_that_was_read_only_from_the_start_heals_when_it_may_be_written(serve):
    with tempfile.TemporaryDirectory(prefix="rowlock-rights-") as folder:
        nobody, user = as_nobody(folder)
        os.chown(folder, user.pw_uid, user.pw_gid)
        database = SqliteDatabase(Path(folder))
        assert run("migrate", "--database", database.url).returncode == 0
        os.chown(database.path, user.pw_uid, user.pw_gid)
        os.chmod(database.path, 0o444)        # so its companions cannot be written either, once they are there
        server = serve("--deadline", 2, database=database, program=nobody, wait="listening")
        until(lambda: server.ailment() == "database: the server has not the right to write it", 5, "it is told as such")
        os.chmod(database.path, 0o600)
        until(server.healthy, 5, "the rights are back")
        succeeded(server.api.take(server.api.place()))
        server.stop()


def test_a_log_that_may_not_be_written_is_told_as_such_and_heals_when_it_may(serve, sqlite):
    server = serve("--deadline", 2, database=sqlite)
    order = server.api.place()
    wal = sqlite.path + "-wal"
    if subprocess.run(["chattr", "+i", wal], stderr=subprocess.DEVNULL).returncode != 0:
        missing("a file system with attributes")
    try:
        problem(server.api.take(order), 503, "nothing was changed")
        until(lambda: not server.healthy(), 3, "an idle server notices")
        assert server.api.get(f"/orders/{order}").json()["status"] == "UNASSIGNED"
    finally:
        subprocess.run(["chattr", "-i", wal], check=True)
    until(server.healthy, 5, "it may be written again")
    succeeded(server.api.take(order))


# ---- the write-ahead log is removed ----

def crash(server):
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()


@pytest.mark.parametrize("which", [["-wal"], ["-shm"], ["-wal", "-shm"]], ids=["wal", "shm", "both"])
def test_no_take_is_lost_when_the_log_was_removed(serve, sqlite, which):
    server = serve("--deadline", 2, database=sqlite)
    orders = [server.api.place() for _ in range(10)]
    for order in orders[:5]:
        succeeded(server.api.take(order, "before"))
    for name in which:
        os.unlink(sqlite.path + name)
    taken = [order for order in orders[5:] if server.api.take(order, "after").status == 200]
    assert [line for line in server.lines() if line["level"] == "error" and "write-ahead log" in line["message"]], "it is said loudly"
    crash(server)
    found = {row[0] for row in sqlite.query("SELECT id FROM orders WHERE status = 'TAKEN'")}
    assert found >= {*orders[:5], *taken}
    assert sqlite.query("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("which", [["-wal"], ["-shm"], ["-wal", "-shm"]], ids=["wal", "shm", "both"])
def test_a_server_goes_on_when_the_log_was_removed(serve, sqlite, which):
    server = serve("--deadline", 2, database=sqlite)
    order = server.api.place()
    for name in which:
        os.unlink(sqlite.path + name)
    until(lambda: [line for line in server.lines() if "was saved into the file" in line["message"]], 3, "it is noticed without a request")
    until(server.healthy, 5)
    succeeded(server.api.take(order))
    assert sqlite.query("SELECT status FROM orders WHERE id = ?", order) == [("TAKEN",)]


def test_a_log_that_another_process_has_begun_anew_is_not_written_over(serve, sqlite):
    """What both of them have written cannot be put together any more: nothing is confirmed then."""
    server = serve("--deadline", 2, database=sqlite)
    order = server.api.place()
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for name in ("-wal", "-shm"):
            os.unlink(sqlite.path + name)
        other = sqlite.connect()
        other.execute("CREATE TABLE IF NOT EXISTS other (x)")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    until(lambda: server.ailment() == "database: its write-ahead log was removed or replaced", 5, "it is told")
    problem(server.api.take(order), 503, "nothing was changed")
    other.close()
    server.stop()
    assert sqlite.query("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("how", [b"", b"x" * 4096], ids=["cut", "written over"])
def test_nothing_is_confirmed_on_a_log_that_was_spoiled(serve, sqlite, how):
    server = serve("--deadline", 2, database=sqlite)
    orders = [server.api.place() for _ in range(5)]
    Path(sqlite.path + "-wal").write_bytes(how)
    assert 200 not in {server.api.take(order, "after").status for order in orders}
    until(lambda: server.ailment() == "database: its write-ahead log was removed or replaced", 3, "it is told")
    server.stop()
    assert sqlite.query("PRAGMA integrity_check") == [("ok",)]


# ---- who can read it ----

def modes(sqlite):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in Path(sqlite.path).parent.glob("rowlock.db*")}


@pytest.mark.parametrize("umask", ["000", "022", "077", "0777"])
def test_a_new_file_is_its_owners_alone(serve, empty_sqlite, folder, umask):
    server = serve(database=empty_sqlite, program=program(folder, f"umask {umask}; exec"))
    server.api.place()
    assert modes(empty_sqlite) == {"rowlock.db": 0o600, "rowlock.db-wal": 0o600, "rowlock.db-shm": 0o600}


@pytest.mark.parametrize("command", [["migrate"], ["seed", "orders"]])
def test_a_new_file_of_a_command_is_its_owners_alone(empty_sqlite, folder, command):
    assert run(*command, "--database", empty_sqlite.url, program=program(folder, "umask 0; exec")).returncode == 0
    assert modes(empty_sqlite)["rowlock.db"] == 0o600


def test_the_mode_that_an_operator_gave_a_file_stays(serve, sqlite):
    assert run("migrate", "--database", sqlite.url).returncode == 0
    os.chmod(sqlite.path, 0o660)
    server = serve(database=sqlite)
    server.api.place()
    assert set(modes(sqlite).values()) == {0o660}


# ---- the write-ahead log grows ----

def test_a_log_that_grew_behind_a_long_reader_shrinks_again(serve, sqlite):
    server = serve(database=sqlite)
    wal = Path(sqlite.path + "-wal")
    reader = sqlite.connect()
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM orders").fetchall()
    writer = sqlite.connect()
    writer.execute("CREATE TABLE ballast (x)")
    for _ in range(10):
        writer.execute("INSERT INTO ballast SELECT randomblob(100000) FROM json_each('[' || substr(replace(hex(zeroblob(50)), '0', ',1'), 2) || ']')")
    writer.close()
    server.api.place()
    assert wal.stat().st_size > 32 << 20
    reader.rollback()
    reader.close()
    slowest, leaving = [0.0], threading.Event()

    def look():
        while not leaving.is_set():
            with Stopwatch() as watch:
                succeeded(server.api.take(server.api.place()))
            slowest[0] = max(slowest[0], watch.seconds)

    client = threading.Thread(target=look)
    client.start()
    try:
        until(lambda: wal.stat().st_size < 1 << 20, 10, "the log is short again")
    finally:
        leaving.set()
        client.join()
    assert slowest[0] < 1 * SLOW, "nobody waits for it"
    assert sqlite.query("SELECT count(*) > 0 FROM orders WHERE status = 'TAKEN'") == [(1,)]


# ---- a commit that is refused ----

def test_one_call_that_fails_at_the_commit_does_not_fail_those_beside_it(serve, sqlite):
    server = serve(database=sqlite)
    orders = [server.api.place() for _ in range(20)]
    connection = sqlite.connect()
    connection.executescript(
        "CREATE TABLE driver (name TEXT PRIMARY KEY); INSERT INTO driver VALUES ('good');"
        "CREATE TABLE duty (name TEXT REFERENCES driver (name) DEFERRABLE INITIALLY DEFERRED);"
        "CREATE TRIGGER on_duty AFTER UPDATE ON orders BEGIN INSERT INTO duty VALUES (NEW.taker); END;")
    connection.close()
    answers = crowd(server.address, [[take_request(order, "bad" if order == orders[7] else "good")] for order in orders])
    assert [status for (status, _), in answers] == [500 if order == orders[7] else 200 for order in orders]
    assert sqlite.query("SELECT count(*) FROM orders WHERE status = 'TAKEN'") == [(19,)]


def test_one_call_whose_trigger_rolls_everything_back_does_not_fail_those_beside_it(serve, sqlite):
    server = serve(database=sqlite)
    orders = [server.api.place() for _ in range(20)]
    connection = sqlite.connect()
    connection.executescript("CREATE TRIGGER no BEFORE UPDATE ON orders WHEN NEW.taker = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'not him'); END;")
    connection.execute("BEGIN IMMEDIATE")       # so that they meet in one transaction
    clients = [Connection(server.address) for _ in orders]
    try:
        for order, client in zip(orders, clients):
            client.send(take_request(order, "bad" if order == orders[7] else "good"))
        server.wait_read()
        connection.rollback()
        answers = [client.response() for client in clients]
    finally:
        connection.close()
        for client in clients:
            client.close()
    assert [answer.status for answer in answers] == [500 if order == orders[7] else 200 for order in orders]
    assert sqlite.query("SELECT count(*) FROM orders WHERE status = 'TAKEN' AND taker = 'good'") == [(19,)]
