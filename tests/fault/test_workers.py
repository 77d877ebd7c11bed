"""Several workers behind one master: they share the port, die, are replaced, and nobody is told a lie."""

import json
import os
import signal
import time

import pytest

from support.crowd import crowd, shuffled, take_request
from support.expect import succeeded
from support.program import SLOW, run
from support.rawhttp import Connection
from support.traffic import Traffic, served_again
from support.wait import Stopwatch, until

DEADLINE = 4


@pytest.fixture
def server(serve, postgres):
    server = serve("--workers", 3, "--deadline", DEADLINE, database=postgres, wait="listening")
    until(lambda: len(server.workers()) == 3, 5, "three workers")
    until(lambda: sum(line.get("message") == "ready to serve" for line in server.lines()) == 3, 5, "all of them ready")
    server.wait_healthy()
    return server


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def test_connections_are_spread_over_the_workers(serve, postgres):
    server = serve("--workers", 3, "--access-log", database=postgres)
    until(lambda: sum(line.get("message") == "ready to serve" for line in server.lines()) == 3, 5, "all ready")
    for _ in range(60):
        server.api.get("/orders?page=1&limit=1", headers={"X-Request-Id": "spread"})
    workers = until(lambda: {line["worker"] for line in server.lines() if line.get("request_id") == "spread"}, 3)
    assert workers == {1, 2, 3}


def test_workers_together_make_one_winner_an_order(server, postgres):
    orders = [server.api.place() for _ in range(100)]
    answers = crowd(server.address, [[take_request(order, f"t{number}") for order in shuffled(orders, number)] for number in range(30)])
    assert sum(status == 200 for replies in answers for status, _ in replies) == len(orders)
    assert all(json.loads(body)["error"] in ("Order is already taken.", "Order is currently occupied.")
               for replies in answers for status, body in replies if status != 200)
    assert postgres.query("SELECT count(*) FROM orders WHERE status = 'TAKEN'") == [(len(orders),)]


def test_a_worker_that_is_killed_is_replaced_and_costs_only_what_it_had_in_hand(server, postgres):
    threads = 8
    with Traffic(server, threads) as traffic:
        for _ in range(3):
            time.sleep(0.5)
            before = server.workers()
            os.kill(before[0], signal.SIGKILL)
            until(lambda: len(server.workers()) == 3 and before[0] not in server.workers(), 5, "a new worker")
            served_again(server)
    traffic.check(postgres, DEADLINE, lost=3 * (threads + 1))


def test_workers_are_replaced_one_after_the_other_without_a_failed_request(server, postgres):
    before = server.workers()
    with Traffic(server, threads=8, pause=0) as traffic:
        time.sleep(0.3)
        server.signal(signal.SIGHUP)
        until(lambda: len(server.workers()) == 3 and not set(before) & set(server.workers()), 20, "three new workers")
        time.sleep(0.3)
    traffic.check(postgres, DEADLINE)
    assert sum(attempt.outcome == 503 for attempt in traffic.all()) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_of_the_master_is_the_end_of_all(server, number):
    workers = server.workers()
    with Connection(server.address) as idle:
        assert idle.request("GET", "/health").status == 200
        with Stopwatch() as watch:
            server.signal(number)
            assert server.wait() == 0
    assert watch.seconds < 2 * SLOW
    assert all(gone(pid) for pid in workers)


def test_a_drain_of_all_workers_under_load_keeps_its_word(server, postgres):
    with Traffic(server) as traffic:
        time.sleep(0.5)
        server.signal()
        assert server.wait() == 0
    traffic.check(postgres, DEADLINE, lost=10 ** 9)


def test_workers_do_not_outlive_a_master_that_is_killed(server):
    workers = server.workers()
    server.kill()
    until(lambda: all(gone(pid) for pid in workers), 12, "the workers are gone")


def test_a_database_that_goes_and_comes_is_survived_by_all_workers(server, postgres):
    with Traffic(server) as traffic:
        time.sleep(0.3)
        postgres.cluster.stop("immediate")
        time.sleep(1.5)
        postgres.cluster.start()
        served_again(server)
        until(lambda: all(server.api.get("/healthcheck").status == 200 for _ in range(10)), 5, "all healthy")
    traffic.check(postgres, DEADLINE)
    succeeded(server.api.take(server.api.place(), "ann"))


def test_sqlite_has_one_worker_and_says_so(folder):
    finished = run("serve", "--workers", 2, "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/x.db")
    assert finished.returncode == 2 and "--workers" in finished.stderr and "SQLite" in finished.stderr
