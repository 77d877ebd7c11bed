"""PostgreSQL ends sessions, stops, starts, freezes, while the server is under load."""

import os
import select
import signal
import threading
import time

import pytest

from support.database import PostgresDatabase
from support.expect import problem, succeeded
from support.program import SLOW
from support.rawhttp import Connection, request_bytes
from support.traffic import Traffic, served_again
from support.wait import Stopwatch, until

DEADLINE = 2
PATIENT = 20        # half of it is how long a request waits for a table, which is to be longer than a test takes to look


@pytest.fixture
def server(serve, postgres):
    return serve("--deadline", DEADLINE, "--drain", 3, database=postgres)


def test_sessions_terminated_under_load_cost_a_few_503_and_nothing_else(server, postgres):
    with Traffic(server) as traffic:
        for _ in range(6):
            traffic.flows()
            assert postgres.cluster.terminate_sessions(postgres.name) > 0
            served_again(server)
        traffic.flows()
    traffic.check(postgres, DEADLINE)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_stop_and_start_under_load_is_survived_without_a_restart(server, postgres, mode):
    with Traffic(server) as traffic:
        traffic.flows()
        postgres.cluster.stop(mode)
        time.sleep(2.5)
        with Stopwatch() as watch:
            problem(server.api.get("/orders?page=1&limit=1"), 503)
        assert watch.seconds < (DEADLINE + 2) * SLOW
        assert server.api.get("/health").status == 200
        assert server.api.get("/healthcheck").status == 503
        postgres.cluster.start()
        served_again(server)
        until(server.healthy, 3, "healthy again")
        traffic.flows()
    traffic.check(postgres, DEADLINE)


def test_a_quick_restart_of_the_database_under_load_is_survived(server, postgres):
    with Traffic(server) as traffic:
        for mode in ("fast", "immediate", "fast"):
            traffic.flows()
            postgres.cluster.stop(mode)
            postgres.cluster.start()
            served_again(server)
    traffic.check(postgres, DEADLINE)


def test_a_frozen_database_costs_503_within_the_deadline_and_nothing_after_it_thaws(server, postgres):
    with Traffic(server) as traffic:
        traffic.flows()
        postgres.cluster.pause()
        time.sleep(4.5)         # longer than the deadline
        assert server.api.get("/health").status == 200
        with Stopwatch() as watch:
            assert server.api.get("/healthcheck").status == 503
        assert watch.seconds < 1 * SLOW
        postgres.cluster.resume()
        served_again(server)
        traffic.flows()
    traffic.check(postgres, DEADLINE)


def test_calls_that_come_when_a_freeze_is_known_are_not_sent(server, postgres):
    """Idle connections look well: nothing is sent on them all the same, so that nobody is left in doubt."""
    order = server.api.place()
    postgres.cluster.pause()
    until(lambda: server.api.get("/healthcheck").status == 503, 10, "it is known")
    for answer in (server.api.take(order, "ann"), server.api.get(f"/orders/{order}"), server.api.take(order, "bob")):
        assert problem(answer, 503)["error"] == "The database is away; nothing was changed."
    postgres.cluster.resume()
    served_again(server)
    until(server.healthy, 5, "healthy again")
    assert postgres.query("SELECT taker FROM orders WHERE id = ?", order) == [(None,)]


def test_the_pool_serves_while_only_the_health_connection_has_trouble(server, postgres):
    """It is stuck, and when it is given up, no new connection is let in."""
    order = server.api.place()
    pid, = until(lambda: postgres.query("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND "
                                        "query LIKE '%rowlock_migrations%' AND pid <> pg_backend_pid()"), 5, "its session")[0]
    postgres.cluster.allow_connections(postgres.name, False)
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: server.ailment() == "database: it refuses connections", 10, "unhealthy")
        for _ in range(5):
            succeeded(server.api.take(order, "ann"))
    finally:
        proceed(pid)
        postgres.cluster.allow_connections(postgres.name, True)
    until(server.healthy, 5, "healthy again")


@pytest.mark.alone      # on a machine with much to do no freeze is short
def test_a_short_freeze_costs_waiting_only(serve, postgres):
    server = serve("--deadline", 8, database=postgres)      # so that a slow machine does not make it a long one
    order = server.api.place()
    with Connection(server.address) as connection:
        postgres.cluster.pause()
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
        server.wait_read()
        time.sleep(0.7)         # so long it is frozen
        postgres.cluster.resume()
        succeeded(connection.response())


def test_a_server_that_starts_before_its_database_waits_for_it(serve, postgres):
    postgres.cluster.stop()
    server = serve("--deadline", DEADLINE, database=postgres, wait="listening")
    assert server.api.get("/health").status == 200
    assert server.api.get("/healthcheck").status == 503
    with Stopwatch() as watch:
        answer = server.api.get("/orders?page=1&limit=1")
    problem(answer, 503)
    assert int(answer.header("Retry-After")) >= 1
    assert watch.seconds < (DEADLINE + 2) * SLOW
    time.sleep(1.5)       # long enough for its patience to grow
    postgres.cluster.start()
    served_again(server)
    until(server.healthy, 3, "healthy")


def test_what_needs_no_database_is_served_without_one(server, postgres):
    postgres.cluster.stop()
    problem(server.api.get("/nope"), 404)
    problem(server.api.post("/orders", {"origin": [91, 0], "destination": [0, 0]}), 400, "origin")
    problem(server.api.patch("/orders/1", {"status": "x"}), 400, "status")
    problem(server.api.get("/orders?page=0&limit=1"), 400, "page")


def test_long_away_is_answered_at_once_not_after_the_deadline(server, postgres):
    postgres.cluster.stop()
    until(lambda: server.api.get("/healthcheck").status == 503, 5)

    def at_once():
        with Stopwatch() as watch:
            problem(server.api.get("/orders?page=1&limit=1"), 503)
        return watch.seconds < DEADLINE / 2

    until(at_once, 4, "it knows")
    assert at_once() and at_once(), "and does not forget it"


def test_the_log_tells_of_an_outage_in_a_few_lines(server, postgres):
    postgres.cluster.stop()
    time.sleep(3)
    for _ in range(50):
        server.api.get("/healthcheck")
    postgres.cluster.start()
    served_again(server)
    lines = [line for line in server.lines() if line["level"] in ("warn", "error") and "request_id" not in line]
    assert 1 <= len(lines) < 30, len(lines)


def test_a_database_that_takes_no_connections_is_waited_for(server, postgres):
    admin = PostgresDatabase(postgres.cluster)
    try:
        admin.query(f"UPDATE pg_database SET datallowconn = false WHERE datname = '{postgres.name}'")
        postgres.cluster.terminate_sessions(postgres.name)
        until(lambda: server.api.get("/healthcheck").status == 503, 5, "unhealthy")
        problem(server.api.get("/orders?page=1&limit=1"), 503)
        admin.query(f"UPDATE pg_database SET datallowconn = true WHERE datname = '{postgres.name}'")
        served_again(server)
    finally:
        admin.query(f"UPDATE pg_database SET datallowconn = true WHERE datname = '{postgres.name}'")
        admin.drop()


def test_columns_added_by_hand_under_load_disturb_nobody(server, postgres):
    with Traffic(server) as traffic:
        for number in range(5):
            traffic.flows()
            postgres.query(f"ALTER TABLE orders ADD COLUMN note_{number} text DEFAULT 'x'")
    traffic.check(postgres, DEADLINE)
    assert sum(attempt.outcome == 503 for attempt in traffic.all()) == 0


# ---- locks, the queue, and calls that are no longer wanted ----

@pytest.fixture
def lock(postgres):
    """lock() holds the table against everybody until release()."""
    class Lock:
        session = None

        def __call__(self):
            self.session = postgres.connect()
            self.session.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")

        def release(self):
            if self.session is not None:
                self.session.close()
                self.session = None

    held = Lock()
    yield held
    held.release()


def waiting(postgres):
    """How many sessions wait for a lock of this database."""
    return postgres.query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")[0][0]


def test_a_locked_table_costs_503_within_the_deadline_and_others_are_served_after_it(server, postgres, lock):
    order = server.api.place()
    lock()
    with Stopwatch() as watch:
        answer = server.api.take(order, "ann")
    problem(answer, 503)
    assert answer.header("Retry-After")
    assert watch.seconds < (DEADLINE + 2) * SLOW
    assert server.healthy()
    lock.release()
    succeeded(server.api.take(order, "bob"))


def test_a_lock_shorter_than_the_deadline_costs_waiting_only(serve, postgres, lock):
    server = serve("--deadline", 8, database=postgres)
    order = server.api.place()
    lock()
    with Connection(server.address) as connection:
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
        until(lambda: waiting(postgres), 5, "it waits for the lock")
        lock.release()
        succeeded(connection.response())


def early_answers(server, connections):
    """The answers that are there as soon as all requests are read; the others wait."""
    server.wait_read()
    server.api.get("/health")       # whatever was answered before this has arrived
    readable, _, _ = select.select([connection.sock for connection in connections], [], [], 0)
    return [connection.response() for connection in connections if connection.sock in readable]


def test_past_the_bound_of_the_queue_calls_are_refused_at_once(serve, postgres, lock):
    server = serve("--deadline", PATIENT, "--queue", 5, "--db-connections", 1, database=postgres)
    orders = [server.api.place() for _ in range(60)]
    lock()
    connections = [Connection(server.address) for _ in orders]
    with Stopwatch() as watch:
        for order, connection in zip(orders, connections):
            connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN"}))
        early = 0
        for answer in early_answers(server, connections):
            document = problem(answer, 503)
            assert int(answer.header("Retry-After")) >= 1
            assert document["error"]
            early += 1
    assert watch.seconds < PATIENT / 2, "this test is too slow for its own deadline"
    # no more than the queue and what one connection may have on its way go on waiting
    assert early >= len(orders) - 5 - 16 - 1, early
    assert early < len(orders), "nothing was let in at all"
    lock.release()
    served_again(server)
    for connection in connections:
        connection.close()


def test_the_queue_is_free_again_after_it_was_full(serve, postgres, lock):
    server = serve("--deadline", PATIENT, "--queue", 5, "--db-connections", 1, database=postgres)
    order = server.api.place()
    for _ in range(2):
        lock()
        connections = [Connection(server.address) for _ in range(30)]
        for connection in connections:
            connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN"}))
        early = early_answers(server, connections)
        assert 0 < len(early) < len(connections), "it was full, and not for all"
        for answer in early:
            problem(answer, 503)
        lock.release()
        for connection in connections:
            connection.close()
        served_again(server, 2)


@pytest.fixture
def frozen(request, serve, postgres):
    """(server, orders): its one connection to the tables has stopped, and the first order's take is stuck in it. The postmaster has
    stopped, too: a new connection would serve those whose deadline is not over yet when that of the first is."""
    server = serve("--deadline", getattr(request, "param", DEADLINE), "--db-connections", 1, database=postgres)
    orders = [server.api.place() for _ in range(40)]
    pid, = postgres.query("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%INTO orders%' "
                          "AND pid <> pg_backend_pid()")[0]
    for stopped in (pid, postgres.cluster.process.pid):
        os.kill(stopped, signal.SIGSTOP)
    try:
        with Connection(server.address) as stuck:
            stuck.send(request_bytes("PATCH", f"/orders/{orders[0]}", {"status": "TAKEN", "taker": "stuck"}))
            server.wait_read()
            yield server, orders[1:]
    finally:
        postgres.cluster.resume()


def proceed(pid):
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def taken(postgres):
    """Takers, but for the one whose take was sent, of which nobody can know."""
    return [taker for taker, in postgres.query("SELECT taker FROM orders WHERE status = 'TAKEN'") if taker != "stuck"]


def test_calls_whose_deadline_passed_before_they_were_sent_are_never_sent(frozen, postgres):
    server, orders = frozen
    connections = [Connection(server.address) for _ in orders]
    for order, connection in zip(orders, connections):
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": f"t{order}"}))
    for connection in connections:
        problem(connection.response(), 503)
        connection.close()
    postgres.cluster.resume()
    served_again(server)
    assert taken(postgres) == []


def test_calls_whose_clients_left_before_they_were_sent_are_never_sent(frozen, postgres):
    server, orders = frozen
    connections = [Connection(server.address) for _ in orders]
    for order, connection in zip(orders, connections):
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": f"t{order}"}))
    server.wait_read()
    for connection in connections:
        connection.reset()
    until(lambda: server.connections() <= 1, 2, "the server has noticed")
    postgres.cluster.resume()
    served_again(server)
    assert taken(postgres) == []


@pytest.mark.parametrize("frozen", [8], indirect=True)
def test_calls_that_wait_behind_a_stuck_one_are_served_when_it_moves_again_in_time(frozen, postgres):
    server, orders = frozen
    connections = [Connection(server.address) for _ in orders]
    for order, connection in zip(orders, connections):
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": f"t{order}"}))
    server.wait_read()
    postgres.cluster.resume()
    for connection in connections:
        succeeded(connection.response())
        connection.close()
    assert sorted(taken(postgres)) == sorted(f"t{order}" for order in orders)


def test_calls_made_while_the_database_was_away_are_not_made_up_for(server, postgres):
    order = server.api.place()
    postgres.cluster.stop()
    connections = [Connection(server.address) for _ in range(10)]
    for connection in connections:
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN"}))
    for connection in connections:
        problem(connection.response(), 503)
        connection.close()
    postgres.cluster.start()
    served_again(server)
    assert postgres.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)]


def test_calls_of_clients_that_left_before_they_were_sent_are_never_sent(serve, postgres):
    """The database is away, but not yet for long, so calls wait; then their clients hang up with a reset."""
    server = serve("--deadline", 5, database=postgres)
    order = server.api.place()
    postgres.cluster.stop()
    connections = [Connection(server.address) for _ in range(10)]
    for connection in connections:
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN"}))
    server.wait_read()
    for connection in connections:
        connection.reset()
    until(lambda: server.connections() == 0, 2, "the server has noticed")
    postgres.cluster.start()
    served_again(server)
    assert postgres.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)]


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_clients_that_leave_while_their_query_runs_harm_nobody_and_leave_nothing(serve, postgres, lock, leave):
    server = serve("--deadline", PATIENT / 2, database=postgres)
    orders = [server.api.place() for _ in range(30)]
    lock()
    connections = [Connection(server.address) for _ in orders]
    for order, connection in zip(orders, connections):
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN"}))
    server.wait_read()
    until(lambda: waiting(postgres), 5, "they wait for the lock")
    for connection in connections:
        getattr(connection, leave)()
    # one that only closed its side may want the answer of a statement that was on its way, as long as that waits
    until(lambda: server.connections() == 0, PATIENT / 4 + 5, "the server has noticed")
    lock.release()
    served_again(server)
    until(lambda: server.connections() == 0, 5, "no connection is left")
    succeeded(server.api.take(server.api.place(), "ann"))


def test_a_client_that_half_closes_and_waits_gets_its_answer(serve, postgres, lock):
    server = serve("--deadline", PATIENT, database=postgres)
    order = server.api.place()
    lock()
    with Connection(server.address) as connection:
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
        connection.half_close()
        until(lambda: waiting(postgres), 5, "it waits for the lock")
        lock.release()
        succeeded(connection.response())
        assert connection.ended()


# ---- one lock does not hold others up ----

@pytest.fixture
def sites(postgres):
    """100 sites, and sites.lock(id…): their rows are locked by hand until sites.release()."""
    class Sites:
        session = None

        def lock(self, *numbers, how="FOR UPDATE"):
            self.session = self.session or postgres.connect()
            self.session.cursor().execute(f"SELECT id FROM site WHERE id = ANY (%s) {how}", (list(numbers),))

        def release(self):
            if self.session is not None:
                self.session.close()
                self.session = None

    postgres.query("INSERT INTO site (id, name) SELECT n, 'site ' || n FROM generate_series(1, 100) AS n")
    held = Sites()
    yield held
    held.release()


def put(number, name="new"):
    return ("POST", f"/site/{number}", {"name": name})


def ask_at_once(server, requests):
    """Sends each on a connection of its own; [(answer, seconds)]."""
    answers = [None] * len(requests)
    start = threading.Barrier(len(requests))

    def ask(number):
        with Connection(server.address, 20) as connection:
            start.wait()
            with Stopwatch() as watch:
                answer = connection.request(*requests[number])
            answers[number] = (answer, watch.seconds)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("connections", [1, 2, 4])
def test_one_locked_row_holds_up_nobody_else(serve, postgres, sites, connections):
    server = serve("--db-connections", connections, database=postgres)
    sites.lock(1)
    with Stopwatch() as watch:
        (locked, waited), *others = ask_at_once(server, [put(number) for number in range(1, 50)])
    assert {answer.status for answer, _ in others} == {200}
    assert max(seconds for _, seconds in others) < 1 * SLOW
    assert problem(locked, 503)["error"] == "The database was too busy; nothing was changed."
    assert 1 < waited < 4 * SLOW, waited
    assert watch.seconds < 5 * SLOW
    sites.release()
    assert postgres.query("SELECT count(*) FROM site WHERE name = 'new'") == [(48,)]


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("locked", [4, 20])
def test_waiters_do_not_fill_the_pool(serve, postgres, sites, connections, locked):
    """As many as there are connections, and far more: reads, takes and upserts go on beside them."""
    server = serve("--db-connections", connections, database=postgres)
    orders = [server.api.place() for _ in range(20)]
    sites.lock(*range(1, locked + 1))
    waiting = threading.Thread(target=ask_at_once, args=(server, [put(number) for number in range(1, locked + 1)]))
    waiting.start()
    try:
        slowest = 0
        for order in orders:
            for request in (("GET", "/orders?page=1&limit=3", None), ("GET", "/site/2", None), put(60),
                            ("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"})):
                with Connection(server.address, 20) as connection, Stopwatch() as watch:
                    assert connection.request(*request).status == 200, request
                slowest = max(slowest, watch.seconds)
        assert slowest < 1 * SLOW
    finally:
        waiting.join()


def test_many_waiters_for_one_row_are_one_waiter(serve, postgres, sites):
    """They wait for each other too, in the order in which they came, and all are done when the lock is gone."""
    server = serve("--deadline", 60, database=postgres)     # so that nobody is late on a slow machine
    sites.lock(1)
    answers = []
    waiting = threading.Thread(target=lambda: answers.extend(ask_at_once(server, [put(1, f"name {number}") for number in range(20)])))
    waiting.start()
    backends = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    until(lambda: postgres.query(backends)[0][0] > 0, 5, "they wait")
    time.sleep(0.5)
    assert max(postgres.query(backends)[0][0] for _ in range(20)) <= 1
    (_, seconds), = ask_at_once(server, [put(2)])
    assert seconds < 1 * SLOW
    sites.release()
    waiting.join()
    assert [answer.status for answer, _ in answers] == [200] * 20
    assert postgres.query("SELECT count(*) FROM lab_history WHERE kind = 'site' AND record_id = 1 AND operation = 'update'") == [(20,)]


def test_a_row_that_is_free_again_in_time_costs_waiting_only(serve, postgres, sites):
    server = serve(database=postgres)
    sites.lock(1)
    with Connection(server.address) as connection:
        connection.send(request_bytes(*put(1)))
        time.sleep(0.7)
        sites.release()
        with Stopwatch() as watch:
            assert connection.response().status == 200
        assert watch.seconds < 1 * SLOW


def test_a_key_that_is_being_written_holds_up_its_own_requests_alone(serve, postgres):
    """Those with a key travel in sets: one that must wait does not keep the others of its set."""
    server = serve(database=postgres)
    message = {"sender": "ann", "recipient": "bob", "text": "x"}
    session = postgres.connect()
    try:
        session.cursor().execute("INSERT INTO idempotency_keys (scope, key, fingerprint, answer) VALUES ('/messages', 'k0', '', '')")
        (locked, waited), *others = ask_at_once(
            server, [("POST", "/messages", message, {"Idempotency-Key": f"k{number}"}) for number in range(30)])
    finally:
        session.close()
    assert {answer.status for answer, _ in others} == {201}
    assert max(seconds for _, seconds in others) < 1 * SLOW
    problem(locked, 503)
    assert waited > 1
    assert postgres.query("SELECT count(*) FROM messages") == [(29,)]


def test_what_waits_for_a_lock_when_its_client_leaves_is_never_sent_again(serve, postgres, sites):
    server = serve(database=postgres)
    sites.lock(1)
    with Connection(server.address) as connection:
        connection.send(request_bytes(*put(1)))
        time.sleep(0.6)
        connection.reset()
    until(lambda: server.connections() == 0, 5, "the server has noticed")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    until(lambda: postgres.query(waiting) == [(0,)], 5, "nobody waits")
    sites.release()
    served_again(server)
    time.sleep(0.5)
    assert postgres.query("SELECT name FROM site WHERE id = 1") == [("site 1",)]


def test_a_drain_ends_in_time_though_somebody_waits_for_a_lock(serve, postgres, sites):
    server = serve("--drain", 1, database=postgres)
    sites.lock(1)
    with Connection(server.address) as connection:
        connection.send(request_bytes(*put(1)))
        time.sleep(0.5)
        server.signal()
        problem(connection.response(), 503)
    with Stopwatch() as watch:
        server.wait(5)
    assert watch.seconds < 2 * SLOW
    until(lambda: postgres.query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rowlock'")
          == [(0,)], 5, "its statements have ended, one of which might wait for the lock right now")
    sites.release()
    assert postgres.query("SELECT name FROM site WHERE id = 1") == [("site 1",)]


@pytest.mark.parametrize("connections", [1, 4])
def test_a_locked_table_holds_up_none_of_the_others(serve, postgres, lock, connections):
    """Takes, places and reads of orders wait for it, and are served when it is free; messages and sites know nothing of it."""
    server = serve("--db-connections", connections, database=postgres)
    orders = [server.api.place() for _ in range(60)]
    lock()
    answers = []
    requests = [("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}) for order in orders]
    requests += [("GET", f"/orders?page={page}&limit=1", None) for page in range(1, 21)]
    waiting = threading.Thread(target=lambda: answers.extend(ask_at_once(server, requests)))
    waiting.start()
    time.sleep(0.3)
    slowest, moment = 0, time.monotonic()
    for number in range(1, 100):
        if time.monotonic() > moment + 2:
            break
        for request in (put(number), ("GET", f"/site/{number}", None), ("POST", "/messages", {"sender": "a", "recipient": "b", "text": "x"})):
            with Connection(server.address, 20) as connection, Stopwatch() as watch:
                assert connection.request(*request).status in (200, 201), request
            slowest = max(slowest, watch.seconds)
    lock.release()
    waiting.join()
    assert [answer.json() for answer, _ in answers if answer.status != 200] == []
    assert postgres.query("SELECT count(*) FROM orders WHERE status = 'TAKEN'") == [(60,)]
    assert slowest < 1.5 * SLOW, slowest


# ---- sessions that are not as they should be ----

def terminate(postgres, count):
    """Ends that many sessions of the pool, which are known by what they did last."""
    postgres.query("SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
                   f"AND application_name = 'rowlock' AND query LIKE '%INTO orders%' LIMIT {count}) AS few")


def is_read_only(postgres, yes):
    change = f"SET transaction_read_only = off; ALTER DATABASE {postgres.name} " + (
        "SET default_transaction_read_only = on" if yes else "RESET default_transaction_read_only")
    with postgres.connect() as connection:
        connection.cursor().execute(change)
    connection.close()


def test_a_server_that_began_while_all_was_read_only_is_well_soon_after(serve, postgres):
    is_read_only(postgres, True)
    server = serve("--deadline", DEADLINE, database=postgres, wait="listening")
    until(lambda: server.ailment() == "database: it is read-only", 5, "it is said")
    assert server.api.get("/orders?page=1&limit=1").status == 200, "reads need no more"
    for _ in range(5):
        with Stopwatch() as watch:
            problem(server.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}), 503, "nothing was changed")
        assert watch.seconds < 1 * SLOW
    is_read_only(postgres, False)
    until(server.healthy, 5, "healthy")
    served_again(server, 5)
    for _ in range(50):
        succeeded(server.api.take(server.api.place(), "ann"))


def test_a_database_that_stays_read_only_is_asked_again_at_a_steady_pace(serve, postgres):
    """Not each request opens a session, nor is each a piece of news."""
    is_read_only(postgres, True)
    server = serve("--deadline", DEADLINE, "--cache", "none", database=postgres, wait="listening")
    until(lambda: server.ailment() == "database: it is read-only", 5, "it is said")
    opened = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    begin, moment = postgres.query(opened)[0][0], time.monotonic()
    while time.monotonic() < moment + 3:
        problem(server.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}), 503)
    assert postgres.query(opened)[0][0] - begin <= 20
    lines = [line for line in server.lines() if line["level"] in ("info", "warn", "error") and "session" in line["message"]]
    assert len(lines) <= 1, lines


@pytest.mark.parametrize("bad", [1, 2, 4])
def test_sessions_of_the_pool_that_are_read_only_are_replaced_and_fail_nobody(serve, postgres, bad):
    """They answer first, and must not draw the work: what they refuse goes to another."""
    server = serve("--deadline", DEADLINE, "--cache", "none", database=postgres)
    ask_at_once(server, [("POST", "/orders", {"origin": [1, 2], "destination": [3, 4]})] * 40)
    traffic = Traffic(server)
    is_read_only(postgres, True)
    terminate(postgres, bad)
    time.sleep(0.5)
    is_read_only(postgres, False)
    if bad == 4:
        served_again(server, 5)     # there is no other to go to until they are replaced: 503 is the truth so long
    with traffic:
        moment = time.monotonic()
        until(lambda: traffic.succeeded_since(moment) > 200, 10, "the traffic flows")
    traffic.check(postgres, DEADLINE)
    statuses = [attempt.outcome for attempt in traffic.all()]
    assert statuses.count(503) == 0, statuses.count(503)
    until(server.healthy, 5, "healthy")


def test_sessions_that_become_read_only_and_writable_again_are_followed(serve, postgres):
    """By a value of the whole cluster, which counts in those sessions that there are."""
    server = serve("--deadline", DEADLINE, database=postgres)
    try:
        postgres.cluster.alter_system("default_transaction_read_only", "on")
        until(lambda: server.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}).status == 503, 5, "writes are refused")
        until(lambda: "read-only" in server.api.get("/healthcheck").body.decode(), 5, "it is said")
    finally:
        postgres.cluster.alter_system("default_transaction_read_only", "off")
    served_again(server, 5)
    until(server.healthy, 5, "healthy again")


# ---- idle sessions that end ----

SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rowlock' ORDER BY pid"


def told(server):
    """What it says of its sessions unless it is asked for details."""
    return [line for line in server.lines() if "request_id" not in line and
            (line["level"] in ("warn", "error") or line["level"] == "info" and "session" in line["message"])]


def test_an_idle_session_is_not_ended_by_a_limit_that_others_set(serve, postgres):
    postgres.query(f"ALTER DATABASE {postgres.name} SET idle_session_timeout = '300ms'")
    server = serve(database=postgres)
    server.api.place()
    before = until(lambda: len(found := postgres.query(SESSIONS)) == 6 and found, 5, "all are there")
    time.sleep(1.5)
    assert postgres.query(SESSIONS) == before
    assert told(server) == []
    succeeded(server.api.take(server.api.place(), "ann"))


def test_idle_sessions_that_an_administrator_ends_are_one_piece_of_news(serve, postgres):
    server = serve(database=postgres)
    order = server.api.place()
    before = until(lambda: len(found := postgres.query(SESSIONS)) == 6 and found, 5, "all are there")
    assert postgres.query(f"SELECT count(pg_terminate_backend(pid)) FROM ({SESSIONS}) AS ours") == [(6,)]
    until(lambda: len(now := postgres.query(SESSIONS)) == 6 and not set(now) & set(before), 5, "all are there again")
    succeeded(server.api.take(order, "ann"))
    lines = told(server)
    assert [line["message"] for line in lines if line["level"] == "info"] == ["idle database session ended"], lines
    assert len(lines) <= 2, lines       # the health was asked for in that moment, perhaps
