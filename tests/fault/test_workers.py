"""Several workers behind one master: they share the port, die, are replaced, and nobody is told a lie."""

import json
import os
import signal
import time

import pytest

from support.crowd import crowd, shuffled, take_request
from support.expect import succeeded
from support.program import SLOW, is_running, run
from support.rawhttp import Connection, ProtocolError, request_bytes
from support.traffic import Traffic, served_again
from support.wait import Stopwatch, settled, until

DEADLINE = 4
BEAT_LIMIT = 10     # a worker that says nothing for so long is killed


def three_workers(serve, postgres, *flags, **settings):
    server = serve("--workers", 3, *flags, database=postgres, wait="listening", **settings)
    until(lambda: len(server.workers()) == 3, 5, "three workers")
    server.told("ready to serve", 3)
    server.wait_healthy()
    return server


@pytest.fixture
def server(serve, postgres):
    return three_workers(serve, postgres, "--deadline", DEADLINE)


@pytest.fixture
def busy(serve, postgres):
    """(server, connections, release): a group of its own with three workers, and requests in flight that are answered when
    release() is called."""
    server = three_workers(serve, postgres, "--drain", 30, "--deadline", 60, group=True)
    holder = postgres.connect()
    connections = [Connection(server.address, timeout=30) for _ in range(12)]
    try:
        holder.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        for connection in connections:
            connection.send(request_bytes("POST", "/orders", {"origin": [1, 2], "destination": [3, 4]}))
        until(lambda: server.unread() == 0, 5, "all requests are read")
        yield server, connections, holder.rollback
    finally:
        holder.close()
        for connection in connections:
            connection.close()


def all_drain(server, connections):
    until(lambda: len(server.told("draining")) >= 3 and server.refuses(), 10, "all are draining")
    assert sum(line["requests"] for line in server.told("draining")) == len(connections)


def test_connections_are_spread_over_the_workers(serve, postgres):
    server = serve("--workers", 3, "--access-log", database=postgres)
    server.told("ready to serve", 3)
    for _ in range(60):
        server.api.get("/orders?page=1&limit=1", headers={"X-Request-Id": "spread"})
    settled(lambda: {line["worker"] for line in server.lines() if line.get("request_id") == "spread"}, {1, 2, 3})


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
            traffic.flows()
            before = server.workers()
            os.kill(before[0], signal.SIGKILL)
            until(lambda: len(server.workers()) == 3 and before[0] not in server.workers(), 5, "a new worker")
            served_again(server)
    traffic.check(postgres, DEADLINE, lost=3 * (threads + 1))


def test_workers_are_replaced_one_after_the_other_without_a_failed_request(server, postgres):
    before = server.workers()
    with Traffic(server, threads=8, pause=0) as traffic:
        traffic.flows()
        server.signal(signal.SIGHUP)
        until(lambda: len(server.workers()) == 3 and not set(before) & set(server.workers()), 20, "three new workers")
        traffic.flows()
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
    assert not any(is_running(pid) for pid in workers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_drains(busy, number):
    server, connections, release = busy
    server.signal_group(number)
    all_drain(server, connections)
    release()
    answers = [connection.response() for connection in connections]
    assert [answer.status for answer in answers] == [200] * len(connections)
    assert all(answer.closes for answer in answers)
    assert server.wait() == 0


@pytest.mark.parametrize("to", ["signal", "signal_group"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_after_a_signal_to_the_group_a_second_one_is_quick(busy, number, to):
    server, connections, _ = busy
    server.signal_group(number)
    all_drain(server, connections)
    server.alive()
    with Stopwatch() as watch:
        getattr(server, to)(number)
        assert server.wait(25) == 0
    assert watch.seconds < 8        # the drain would take longer


def test_a_drain_of_all_workers_under_load_keeps_its_word(server, postgres):
    with Traffic(server) as traffic:
        traffic.flows()
        server.signal()
        assert server.wait() == 0
    traffic.check(postgres, DEADLINE, lost=10 ** 9)


def replaced(server, times):
    server.signal(signal.SIGHUP)
    server.told("workers replaced", times, 40)


def killed(server):
    return [line["pid"] for line in server.told("worker does not beat, killing it")]


def latest(server, worker):
    """The process that was started last as this one of the workers."""
    return [line["pid"] for line in server.told("worker started") if line["worker"] == worker][-1]


def connection_to(server, worker):
    """A connection that this worker serves, kept open; which one that is, the kernel decides."""
    for number in range(1000):
        connection = Connection(server.address, timeout=60)
        mark = f"who-{number}"
        assert connection.request("GET", "/health", headers={"X-Request-Id": mark}).status == 200
        if until(lambda: [line["worker"] for line in server.lines() if line.get("request_id") == mark], 5) == [worker]:
            return connection
        connection.close()
    raise AssertionError(f"no connection comes to worker {worker}")


def test_a_retired_worker_goes_on_and_does_not_beat_for_its_second_successor(serve, postgres):
    """Both tell the master that they live in the same place. The successor hangs and is killed for it; the retired one, who
    has long stopped to tell, is not."""
    server = three_workers(serve, postgres, "--access-log")
    retired = latest(server, 1)
    with connection_to(server, 1) as connection:
        replaced(server, 1)
        replaced(server, 2)
        assert is_running(retired)
        hung = latest(server, 1)
        os.kill(hung, signal.SIGSTOP)
        server.told("worker does not beat, killing it", 1, 2 * BEAT_LIMIT)
        assert hung in killed(server) and retired not in killed(server)
        until(lambda: latest(server, 1) != hung, 5, "it has a successor")
        assert connection.request("GET", "/health").closes
        assert connection.ended()
    until(lambda: not is_running(retired), 5, "the retired one ends with its last connection")
    assert retired not in killed(server)
    served_again(server)


def test_a_successor_is_not_taken_for_ready_because_a_retired_worker_is(serve, postgres):
    server = three_workers(serve, postgres, "--access-log")
    with connection_to(server, 1) as connection:
        replaced(server, 1)
        assert len(server.told("retiring", 3)) == 3
        postgres.cluster.allow_connections(postgres.name, False)        # sessions that are there stay
        server.signal(signal.SIGHUP)
        server.told("replacing workers", 2)
        time.sleep(2)       # four beats, in which nothing must happen: there is nothing to ask for
        assert len(server.told("retiring")) == 3
        postgres.cluster.allow_connections(postgres.name, True)
        server.told("workers replaced", 2, 40)
        assert connection.request("GET", "/health").status == 200
    served_again(server)


def test_a_group_that_was_frozen_wakes_with_all_its_workers(serve, postgres):
    server = three_workers(serve, postgres, group=True)
    before = server.workers()
    server.signal_group(signal.SIGSTOP)
    time.sleep(BEAT_LIMIT + 1)
    server.signal_group(signal.SIGCONT)
    served_again(server, 10)
    assert server.workers() == before
    replaced(server, 1)         # so the master has looked at its workers since
    assert server.told("worker does not beat, killing it") == [] == server.told("worker died")


# ---- workers that are stuck ----

STUCK = "worker does not beat, killing it"


def silence_until(connection):
    """Seconds until the server ends a connection that waits for an answer."""
    with Stopwatch() as watch:
        try:
            assert connection.response() is None, "a worker that is stopped answers"
        except (OSError, ProtocolError):
            pass
    return watch.seconds


@pytest.mark.parametrize("deadline, limit", [(1, 3), (5, 5), (30, 10)])
def test_a_worker_that_is_stuck_is_replaced_when_its_requests_are_overdue_and_their_clients_know(serve, postgres, deadline, limit):
    server = three_workers(serve, postgres, "--access-log", "--deadline", deadline)
    stuck = latest(server, 2)
    with connection_to(server, 2) as connection:
        os.kill(stuck, signal.SIGSTOP)
        connection.send(request_bytes("GET", "/health"))
        seconds = silence_until(connection)
    assert limit - 1 < seconds < limit + 1.5 * SLOW
    assert [line["pid"] for line in server.told(STUCK)] == [stuck]
    until(lambda: latest(server, 2) != stuck and len(server.workers()) == 3, 5, "a new worker")
    served_again(server)


def test_a_retired_worker_that_is_stuck_keeps_no_client_either(serve, postgres):
    server = three_workers(serve, postgres, "--access-log", "--deadline", 2)
    retired = latest(server, 1)
    with connection_to(server, 1) as connection:
        replaced(server, 1)
        assert is_running(retired)
        os.kill(retired, signal.SIGSTOP)
        connection.send(request_bytes("GET", "/health"))
        assert silence_until(connection) < 3 + 1.5 * SLOW
    assert [line["pid"] for line in server.told(STUCK)] == [retired]
    until(lambda: retired not in server.workers(), 5, "it is gone")
    assert len(server.workers()) == 3 and latest(server, 1) in server.workers()


def test_a_worker_that_is_stuck_does_not_hold_up_the_end(serve, postgres):
    server = three_workers(serve, postgres, "--deadline", 2, "--drain", 60)
    os.kill(latest(server, 3), signal.SIGSTOP)
    with Stopwatch() as watch:
        server.signal()
        assert server.wait(30) == 0
    assert watch.seconds < 3 + 2 * SLOW


def test_a_second_signal_is_quick_although_a_worker_is_stuck(serve, postgres):
    server = three_workers(serve, postgres, "--deadline", 60, "--drain", 60)
    os.kill(latest(server, 3), signal.SIGSTOP)
    server.signal()
    until(lambda: len(server.told("draining")) == 2, 5, "the others drain")
    with Stopwatch() as watch:
        server.signal()
        assert server.wait(30) == 0
    assert watch.seconds < 2 + 2 * SLOW


def test_a_successor_that_is_stuck_does_not_take_over(serve, postgres):
    server = three_workers(serve, postgres, "--access-log", "--deadline", 60)
    before = server.workers()
    with connection_to(server, 1) as connection:
        postgres.cluster.allow_connections(postgres.name, False)        # it does not become ready
        server.signal(signal.SIGHUP)
        successor = until(lambda: [line["pid"] for line in server.told("worker started")][3:], 5, "a successor")[0]
        os.kill(successor, signal.SIGSTOP)
        until(lambda: server.told(STUCK), 15, "it is killed")
        until(lambda: successor not in server.workers(), 5, "it is gone")
        postgres.cluster.allow_connections(postgres.name, True)
        assert sorted(server.workers()) == sorted(before) and server.told("retiring") == []
        assert connection.request("GET", "/health").status == 200
    replaced(server, 1)


def test_a_master_that_slept_does_not_blame_its_workers(serve, postgres):
    server = three_workers(serve, postgres, "--deadline", 1)
    before = server.workers()
    os.kill(server.pid, signal.SIGSTOP)
    for pid in before:      # as long as it sleeps they may as well
        os.kill(pid, signal.SIGSTOP)
    time.sleep(5)
    os.kill(server.pid, signal.SIGCONT)
    time.sleep(1)           # it looks at them, and gives them their time
    for pid in before:
        os.kill(pid, signal.SIGCONT)
    served_again(server)
    time.sleep(1)
    assert server.workers() == before and server.told(STUCK) == []


def test_workers_do_not_outlive_a_master_that_is_killed(server):
    workers = server.workers()
    server.kill()
    until(lambda: not any(is_running(pid) for pid in workers), 12, "the workers are gone")


def test_a_database_that_goes_and_comes_is_survived_by_all_workers(server, postgres):
    with Traffic(server) as traffic:
        traffic.flows()
        postgres.cluster.stop("immediate")
        time.sleep(1.5)
        postgres.cluster.start()
        served_again(server)
        until(lambda: all(server.healthy() for _ in range(10)), 5, "all healthy")
    traffic.check(postgres, DEADLINE)
    succeeded(server.api.take(server.api.place(), "ann"))


def test_sqlite_has_one_worker_and_says_so(folder):
    finished = run("serve", "--workers", 2, "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/x.db")
    assert finished.returncode == 2 and "--workers" in finished.stderr and "SQLite" in finished.stderr
