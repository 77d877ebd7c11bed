"""SQLite: another process holds the file, or the file system refuses."""

import os
import threading
import time
from pathlib import Path

import pytest

from support.expect import problem, succeeded
from support.program import SLOW, run
from support.rawhttp import Connection, request_bytes
from support.traffic import Traffic, served_again
from support.wait import Stopwatch, until

DEADLINE = 2
MESSAGE = {"sender": "ann", "recipient": "bob", "text": "x"}


@pytest.fixture
def server(serve, sqlite):
    return serve("--deadline", DEADLINE, "--drain", 3, database=sqlite)


@pytest.fixture
def writer(sqlite, server):
    """Another process's connection that can hold the one write lock."""
    connection = sqlite.connect()
    yield connection
    if connection.in_transaction:
        connection.rollback()
    connection.close()


def test_a_write_lock_of_another_process_costs_503_within_the_deadline(server, writer):
    order = server.api.place()
    writer.execute("BEGIN IMMEDIATE")
    with Stopwatch() as watch:
        answer = server.api.take(order, "ann")
    problem(answer, 503)
    assert answer.header("Retry-After")
    assert watch.seconds < (DEADLINE + 2) * SLOW
    writer.rollback()
    succeeded(server.api.take(order, "bob"))


def test_a_short_write_lock_costs_waiting_only(serve, sqlite, writer):
    server = serve("--deadline", 8, database=sqlite)
    order = server.api.place()
    writer.execute("BEGIN IMMEDIATE")
    with Connection(server.address) as connection:
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
        server.wait_read()
        time.sleep(0.4)         # so long the lock is held
        writer.rollback()
        succeeded(connection.response())


def test_reads_and_health_go_on_while_another_process_writes(server, writer):
    order = server.api.place()
    writer.execute("BEGIN IMMEDIATE")
    with Connection(server.address) as waiting:
        waiting.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN"}))
        for _ in range(10):
            with Stopwatch() as watch:
                assert server.api.get("/health").status == 200
                assert server.healthy()
            assert watch.seconds < 1 * SLOW
        with Stopwatch() as watch:
            assert server.api.get(f"/orders/{order}").status == 200
        assert watch.seconds < 1 * SLOW
        writer.rollback()
        succeeded(waiting.response())


def test_a_call_whose_deadline_passed_is_not_made_up_for(server, writer, sqlite):
    order = server.api.place()
    writer.execute("BEGIN IMMEDIATE")
    problem(server.api.take(order, "ann"), 503)
    writer.rollback()
    served_again(server)
    assert sqlite.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)]


def test_a_call_whose_client_left_is_not_made_up_for(server, writer, sqlite):
    order = server.api.place()
    writer.execute("BEGIN IMMEDIATE")
    connection = Connection(server.address)
    connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN"}))
    server.wait_read()
    connection.reset()
    until(lambda: server.connections() == 0, 5, "the server has noticed")
    writer.rollback()
    served_again(server)
    assert sqlite.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)]


def test_a_writer_that_comes_and_goes_under_load_costs_no_answer(server, sqlite):
    leaving = threading.Event()

    turns = 0

    def disturb():
        nonlocal turns
        connection = sqlite.connect()
        while not leaving.is_set():
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(0.05)
            connection.execute("COMMIT")
            turns += 1
            time.sleep(0.05)
        connection.close()

    other = threading.Thread(target=disturb)
    with Traffic(server, threads=4) as traffic:
        other.start()
        time.sleep(2)           # so long it disturbs
        traffic.flows()
        leaving.set()
        other.join()
        assert turns > 5, "it disturbed nobody"
    traffic.check(sqlite, DEADLINE)
    assert sum(attempt.outcome == 503 for attempt in traffic.all()) == 0


def test_a_reader_that_stays_in_its_transaction_stops_nobody(server, sqlite):
    reader = sqlite.connect()
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM orders").fetchall()
    for _ in range(50):
        succeeded(server.api.take(server.api.place()))
    reader.rollback()
    reader.close()


# ---- the file ----

GONE = "its file was removed or replaced"


def remove(sqlite):
    for name in Path(sqlite.path).parent.glob("rowlock.db*"):
        name.unlink()


def replace(sqlite):
    remove(sqlite)
    assert run("migrate", "--database", sqlite.url).returncode == 0


@pytest.mark.parametrize("how", [remove, replace])
def test_a_file_that_is_gone_is_neither_written_nor_read(server, sqlite, how):
    order = server.api.place()
    how(sqlite)
    until(lambda: server.api.post("/messages", MESSAGE).status == 503, 3, "nothing is promised any more")
    for answer in (server.api.post("/messages", MESSAGE), server.api.get(f"/orders/{order}"), server.api.take(order)):
        problem(answer, 503, "the database is away; nothing was changed")
    until(lambda: GONE in server.ailment(), 3, "the health")
    time.sleep(2.2)      # more rounds of the check in the background, which leave no trace that could be waited for
    assert server.api.get("/healthcheck").status == 503, "the new file is another one"
    server.stop()
    assert len(server.told("not ready to serve")) == 1


def test_a_file_that_is_back_in_its_place_is_used_again(server, sqlite):
    order = server.api.place()
    moved = sqlite.path + ".moved"
    os.rename(sqlite.path, moved)
    until(lambda: server.api.get("/healthcheck").status == 503, 5, "it is missed")
    problem(server.api.take(order), 503)
    os.rename(moved, sqlite.path)
    until(server.healthy, 5, "it is found")
    succeeded(server.api.take(order))


def test_no_write_is_confirmed_once_the_file_is_gone(server, sqlite):
    """Each turn looks, not only the health of each second."""
    for _ in range(20):
        assert server.api.post("/messages", MESSAGE).status == 201
    remove(sqlite)
    assert [server.api.post("/messages", MESSAGE).status for _ in range(5)] == [503] * 5
