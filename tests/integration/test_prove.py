"""`rowlock prove`: it finds what is wrong on servers that are wrong on purpose, and nothing on right ones, whatever happens to
them; histories as files."""

import json
import os
import random
import signal
import subprocess
import time
import xml.etree.ElementTree
from contextlib import contextmanager

import pytest

from support import pgbouncer
from support.database import PostgresDatabase
from support.port import free_port
from support.program import SLOW, environment, missing, rowlock, run
from support.rawhttp import Api
from support.tcpproxy import TcpProxy
from support.terminal import Terminal
from support.wait import until
from support.wrongserver import WrongProxy, WrongServer

# What the couriers decide. With ROWLOCK_TEST_RANDOM it is another each time.
SEED = random.randrange(1 << 30) if os.environ.get("ROWLOCK_TEST_RANDOM") else 1

WORKLOADS = ("take", "claim", "lease", "idempotency", "mixed")


def prove(url, *flags, seconds=3, takers=16, seed=SEED, env=None):
    return run("prove", url, "--for", seconds, "--takers", takers, "--seed", seed, *flags, timeout=110, env=env)


def port_of(server):
    return int(server.address.rpartition(":")[2])


def url_of(server):
    return f"http://{server.address}"


def proven(done):
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PROVEN, as far as was tried" in done.stdout, done.stdout
    return done.stdout


def violated(done, *words):
    assert done.returncode == 1, done.stdout + done.stderr
    assert "VIOLATED: " in done.stdout, done.stdout
    for word in words:
        assert word in done.stdout, done.stdout
    return done.stdout


# ---- right servers ----

@pytest.mark.parametrize("http", ["evhttp", "direct"])
def test_a_right_server_is_proven_right(serve, database, http):
    server = serve("--http", http, "--distance", "haversine", database=database)
    out = proven(prove(url_of(server), "--orders", 150))
    assert " 0 orders" not in out
    # everything is delivered and stays there
    statuses = dict(database.query("SELECT status, count(*) FROM orders GROUP BY status"))
    assert set(statuses) == {"DELIVERED"}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_right_server_is_proven_right_whatever_is_done(serve, database, workload):
    server = serve("--distance", "haversine", database=database)
    proven(prove(url_of(server), "--workload", workload, "--orders", 200))


def test_several_workers_are_proven_right(serve, postgres):
    server = serve("--workers", 3, "--distance", "haversine", database=postgres)
    proven(prove(url_of(server), "--takers", 48, "--orders", 300))


def test_orders_of_others_are_left_alone(serve, database):
    server = serve("--distance", "haversine", database=database)
    order = server.api.place()
    proven(prove(url_of(server), "--workload", "claim", "--orders", 50))
    assert server.api.get(f"/orders/{order}").json()["status"] == "UNASSIGNED"


def test_a_server_that_lets_nobody_ask_much_is_asked_slowly(serve, sqlite, folder):
    server = serve("--distance", "haversine", "--rate-limit", "60/s", database=sqlite)
    proven(prove(url_of(server), "--orders", 30, "--history", folder / "history"))
    answers = [json.loads(line) for line in (folder / "history").read_text().splitlines()[1:]]
    assert any(answer.get("code") == 429 for answer in answers)


# ---- right servers in trouble ----

def test_lost_answers_are_no_violation(serve, database):
    server = serve("--distance", "haversine", database=database)
    with WrongProxy(port_of(server), "cuts") as proxy:
        out = proven(prove(proxy.url, "--orders", 200))
    line = [line for line in out.splitlines() if line.startswith("all ")][0]
    assert int(line.split()[5]) > 0, "no answer was lost"


def test_very_many_lost_answers_are_no_violation(serve, database):
    """More of one order than can be told apart."""
    server = serve("--distance", "haversine", database=database)
    with WrongProxy(port_of(server), "cuts", rate=0.4) as proxy:
        out = proven(prove(proxy.url, "--workload", "take", "--orders", 3, takers=64))
    assert "with so many calls without an answer" in out, out


class attacked:
    """with attacked(url, seconds) as attack: …faults…; then it has ended, and has found nothing."""

    def __init__(self, url, seconds):
        self.url = url
        self.process = subprocess.Popen([rowlock(), "prove", url, "--for", str(seconds), "--takers", "24", "--seed", str(SEED)],
                                        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        """When it has placed an order: a server that it cannot reach in the beginning proves nothing."""
        until(lambda: Api(self.url.removeprefix("http://")).get("/orders?page=1&limit=1").json(), 20, "the attack to begin")
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        out = self.process.communicate(timeout=100 * SLOW)[0]
        assert kind is not None or self.process.returncode == 0, out
        assert kind is not None or "PROVEN" in out, out


def test_a_proxy_that_breaks_connections_is_no_violation(serve, database):
    server = serve("--distance", "haversine", database=database)
    choice = random.Random(SEED)
    with TcpProxy(port_of(server)) as proxy, attacked(f"http://127.0.0.1:{proxy.port}", 4):
        end = time.monotonic() + 3      # before it reads what has become of the orders
        while time.monotonic() < end:
            time.sleep(0.06)    # between faults
            if choice.random() < 0.5:
                proxy.reset()
            else:
                proxy.truncate_after(choice.randrange(2000))
        proxy.truncate_after(1 << 60)


def test_a_worker_that_is_killed_is_no_violation(serve, postgres):
    server = serve("--workers", 2, "--distance", "haversine", database=postgres)
    with attacked(url_of(server), 4):
        for _ in range(4):
            time.sleep(0.7)     # between faults
            os.kill(server.workers()[0], signal.SIGKILL)


def test_backends_that_are_killed_are_no_violation(serve, postgres, cluster):
    server = serve("--distance", "haversine", database=postgres)
    with attacked(url_of(server), 4):
        for _ in range(8):
            time.sleep(0.4)     # between faults
            cluster.terminate_sessions(postgres.name)


def test_a_database_that_is_killed_is_no_violation(serve, postgres, cluster):
    server = serve("--distance", "haversine", database=postgres)
    with attacked(url_of(server), 5):
        for _ in range(2):
            time.sleep(1)       # between faults
            cluster.kill()
            cluster.ensure_running()


def test_a_server_that_is_killed_is_no_violation(serve, database):
    address = f"127.0.0.1:{free_port()}"
    server = serve("--distance", "haversine", database=database, listen=(address,))
    with attacked(f"http://{address}", 5):
        for _ in range(3):
            time.sleep(1)       # between faults
            server.kill()
            server = serve("--distance", "haversine", database=database, listen=(address,))


def test_a_pooler_that_is_restarted_is_no_violation(serve, cluster, template):
    if pgbouncer.installed() is None:
        missing("PgBouncer")
    with pgbouncer.PgBouncer(cluster) as bouncer:
        database = PostgresDatabase(cluster, template, bouncer)
        server = serve("--workers", 2, "--distance", "haversine", database=database)
        try:
            with attacked(url_of(server), 5):
                for _ in range(2):
                    time.sleep(1)       # between faults
                    bouncer.stop()
                    bouncer.start()
                    time.sleep(0.5)
                    cluster.terminate_sessions(database.name)
            server.stop()
        finally:
            server.kill()
            database.drop()


# ---- wrong ones ----

def test_the_server_of_this_test_is_right_when_it_is_told_to_be(folder):
    with WrongServer(folder, "none") as server:
        proven(prove(server.url, "--orders", 150))


def test_a_take_that_reads_and_then_writes_is_found(folder):
    with WrongServer(folder, "race") as server:
        violated(prove(server.url, "--workload", "take"))


def test_a_success_that_is_not_committed_is_found(folder):
    with WrongServer(folder, "early") as server:
        violated(prove(server.url, "--workload", "take"))


@pytest.mark.parametrize("clock", ["ahead", "two"])
def test_a_clock_that_runs_ahead_is_found(folder, clock):
    with WrongServer(folder, clock) as server:
        violated(prove(server.url, "--workload", "lease", seconds=5))


def test_a_key_that_is_forgotten_is_found(folder):
    with WrongServer(folder, "forgets") as server:
        violated(prove(server.url, "--workload", "idempotency"), "the same Idempotency-Key was given two answers")


def test_a_proxy_that_repeats_changes_is_found(serve, database):
    server = serve("--distance", "haversine", database=database)
    with WrongProxy(port_of(server), "repeats") as proxy:
        violated(prove(proxy.url, "--workload", "take"))


def test_old_answers_are_found(serve, database):
    server = serve("--distance", "haversine", database=database)
    with WrongProxy(port_of(server), "stale") as proxy:
        violated(prove(proxy.url, "--workload", "take"), "not, or no longer, what had been told")


def test_a_change_that_is_denied_is_found(serve, database):
    server = serve("--distance", "haversine", database=database)
    with WrongProxy(port_of(server), "denies") as proxy:
        violated(prove(proxy.url, "--workload", "take"))


# ---- what it shows ----

def test_a_violation_is_shown_and_drawn_and_found_again_in_its_file(folder):
    picture, history = folder / "wrong.svg", folder / "wrong.jsonl"
    with WrongServer(folder, "race") as server:
        out = violated(prove(server.url, "--workload", "take", "--picture", picture, "--history", history))
    assert f"drawn: {picture}" in out
    assert xml.etree.ElementTree.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    again = run("prove", "--check", history)
    assert again.returncode == 1
    assert again.stdout.partition("VIOLATED")[2] == out.partition("VIOLATED")[2].replace(f"drawn: {picture}\n", "")


def test_a_history_is_written_and_judged_again(serve, database, folder):
    history = folder / "history.jsonl"
    server = serve("--distance", "haversine", database=database)
    out = proven(prove(url_of(server), "--orders", 30, "--history", history))
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    assert lines[0]["rowlock"] == "history" and lines[0]["seed"] == SEED
    again = run("prove", "--check", history)
    assert proven(again).splitlines()[-1] == out.splitlines()[-1]
    history.write_text(history.read_text()[:-30])
    cut = run("prove", "--check", history)
    assert "the last line is cut off" in proven(cut)


@contextmanager
def begun(server):
    """One that goes on, in a terminal."""
    with Terminal([rowlock(), "prove", f"http://{server.address}", "--for", 300, "--orders", 100000], "stdout", "stderr") as shown:
        until(lambda: server.api.get("/orders?page=1&limit=100").body.count(b"DELIVERED") > 20, 20, "it is under way")
        yield shown


def test_a_run_that_is_interrupted_judges_what_there_is(serve, database):
    server = serve("--distance", "haversine", database=database)
    with begun(server) as shown:
        until(lambda: "/100000 " in shown.text(), 10, "a bar is drawn")
        shown.process.send_signal(signal.SIGINT)
        assert shown.wait(60) == 0, shown.text()
    assert "ended early, by a signal" in shown.text() and "PROVEN" in shown.text()
    assert set(dict(database.query("SELECT status, count(*) FROM orders GROUP BY status"))) == {"DELIVERED"}


def test_whoever_interrupts_it_twice_does_not_wait(serve, sqlite):
    server = serve("--distance", "haversine", database=sqlite)
    with WrongProxy(port_of(server), "none") as proxy:
        proxy.address = proxy.url.partition("//")[2]
        proxy.api = server.api
        with begun(proxy) as shown:
            proxy.held.set()        # nothing is answered any more
            shown.process.send_signal(signal.SIGINT)
            time.sleep(0.3)         # a person's
            assert shown.process.poll() is None
            shown.process.send_signal(signal.SIGINT)
            assert shown.wait(10) == 1, shown.text()
            proxy.held.clear()
    assert "could not be read at the end" in shown.text() and "PROVEN" not in shown.text()


def test_a_key_is_sent(folder):
    seen = []
    with WrongServer(folder, "none") as server:
        answer = server.answer
        server.answer = lambda method, path, headers, body: seen.append(headers.get("Authorization")) or answer(method, path, headers, body)
        (folder / "key").write_text("rl_secret\n")
        proven(prove(server.url, "--orders", 5, "--key-file", folder / "key", seconds=1))
        assert set(seen) == {"Bearer rl_secret"}
        seen.clear()
        proven(prove(server.url, "--orders", 5, seconds=1, env={"ROWLOCK_KEY": "rl_other"}))
        assert set(seen) == {"Bearer rl_other"}


# ---- what cannot be done ----

def test_a_server_that_cannot_be_reached_proves_nothing():
    with TcpProxy(1) as proxy:
        port = proxy.port
    done = run("prove", f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"http://127.0.0.1:{port}: it cannot be reached: " in done.stderr
    assert "PROVEN" not in done.stdout


def test_a_server_without_orders_proves_nothing(serve, sqlite):
    server = serve("--apps", "sites", database=sqlite)
    done = run("prove", url_of(server))
    assert done.returncode == 1
    assert "it does not list orders (status 404)" in done.stderr


@pytest.mark.quick
@pytest.mark.parametrize("flags, words", [
    (["ftp://x"], '"ftp://x" is not right'),
    (["http://x/?a=1"], "without ? and #"),
    (["--takers", "0"], "--takers: \"0\" is not right: it must be an integer from 1 to 1000"),
    (["--orders", "many"], "--orders: \"many\" is not right"),
    (["--for", "-1"], "--for: \"-1\" is not right"),
    (["--workload", "all"], "--workload: \"all\" is not right: it must be take, claim, lease, idempotency or mixed"),
    (["--check", "none/x"], "--check: none/x: No such file or directory"),
    (["--check", "x", "--for", "3"], "--for does not go with --check"),
    (["http://x", "--check", "x"], "an address does not go with --check"),
    (["--key-file", "none/x"], "--key-file: none/x: "),
    (["--history", "none/x"], "--history: none/x: No such file or directory"),
])
def test_wrong_usage_is_said(folder, flags, words):
    done = run("prove", *flags, cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr


@pytest.mark.quick
def test_a_malformed_history_is_refused_by_line_and_member(folder):
    path = folder / "history"
    path.write_text('{"rowlock":"history","version":1}\n{"call":1,"at":1,"op":"read"}\n')
    done = run("prove", "--check", path)
    assert done.returncode == 2
    assert f"--check: {path}:2: order is missing" in done.stderr


@pytest.mark.quick
def test_an_empty_history_proves_nothing(folder):
    path = folder / "history"
    path.write_text('{"rowlock":"history","version":1}\n')
    done = run("prove", "--check", path)
    assert done.returncode == 1
    assert "proved nothing" in done.stdout
