"""The primary dies and its standby takes over, while the server is under load."""

import copy
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.cluster import Cluster, binaries
from support.database import PostgresDatabase
from support.expect import problem, succeeded
from support.pgbouncer import PgBouncer, installed
from support.program import environment, missing, rowlock
from support.tcpproxy import TcpProxy
from support.traffic import Traffic, served_again
from support.wait import until

DEADLINE = 2
ORDER = {"origin": [1, 2], "destination": [3, 4]}
MESSAGE = {"sender": "ann", "recipient": "bob", "text": "x"}


@pytest.fixture
def link():
    """What a standby's stream goes through: filled in by pair."""
    return {}


@pytest.fixture
def pair(link):
    """A primary and a standby that every commit waits for."""
    if binaries() is None:
        missing("a PostgreSQL server")
    primary = Cluster()
    standby = None
    try:
        primary.create()
        link["proxy"] = TcpProxy(primary.port)
        standby = primary.standby(through=link["proxy"].port)
        postgres = PostgresDatabase(primary)
        primary.alter_system("synchronous_standby_names", "*")
        until(lambda: postgres.query("SELECT sync_state FROM pg_stat_replication") == [("sync",)], 20, "the standby is synchronous")
        yield postgres, standby
    finally:
        for cluster in (primary, standby):
            if cluster is not None:
                cluster.remove()
        if "proxy" in link:
            link["proxy"].close()


def test_commits_that_wait_for_a_standby_do_not_use_up_all_connections(serve):
    """A backend that waits for its standby does not notice that we have gone: giving up and connecting anew leaves one more
    each time. With a deadline of 1 s that is after 2, 6 and 14 s, and not each 2 s."""
    if binaries() is None:
        missing("a PostgreSQL server")
    cluster = Cluster()
    try:
        cluster.create()
        postgres = PostgresDatabase(cluster)
        server = serve("--migrate", "--deadline", 1, "--db-connections", 1, "--cache", "none", database=postgres)
        cluster.alter_system("synchronous_standby_names", "nobody")
        until(lambda: server.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}).status == 503, 20, "commits wait")
        end = time.monotonic() + 9
        while time.monotonic() < end:
            if server.api.get("/orders?page=1&limit=1").status == 200:      # a new connection, and its first answer says nothing of commits
                assert server.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}).status == 503
        waiting = postgres.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")[0][0]
        lost = {role: [line["age_ms"] for line in server.lines() if line["message"] == "database connection lost" and line["role"] == role]
                for role in ("pool", "health")}
        assert lost["pool"] and 1 <= waiting <= 1 + len(lost["pool"]), (waiting, lost)
        if not lost["health"]:      # on a machine that slept for so long that the health was late, silence is no wait for a standby
            assert all(age > 1900 * 2 ** number for number, age in enumerate(lost["pool"])), lost
        cluster.alter_system("synchronous_standby_names", "")
        served_again(server, 20)
    finally:
        cluster.remove()


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_that_was_acknowledged_is_missing_on_a_synchronous_standby(serve, pair, workers):
    """Both are in the address, so that nobody has to tell the server who is the primary now."""
    postgres, standby = pair
    address = f"127.0.0.1:{postgres.cluster.port},127.0.0.1:{standby.port}"
    survivor = copy.copy(postgres)
    survivor.cluster = standby
    survivor.url = f"postgresql://postgres@{address}/{postgres.name}?target_session_attrs=read-write"
    server = serve("--deadline", DEADLINE, "--migrate", "--workers", workers, database=survivor)
    until(server.healthy, 10, "ready")
    with Traffic(server) as traffic:
        traffic.flows(100, 10)
        postgres.cluster.stop("immediate")
        time.sleep(0.5)
        standby.promote()
        served_again(server, 5)
        traffic.flows()
        until(server.healthy, 5, "healthy again")
    traffic.check(survivor, DEADLINE)


def test_a_host_that_takes_no_writes_any_more_is_left_for_one_that_does(serve, pair):
    """Its sessions go on, so that nothing but its refusals tells."""
    postgres, standby = pair
    address = f"127.0.0.1:{postgres.cluster.port},127.0.0.1:{standby.port}"
    both = copy.copy(postgres)
    both.url = f"postgresql://postgres@{address}/{postgres.name}?target_session_attrs=read-write"
    server = serve("--deadline", DEADLINE, "--migrate", database=both)
    order = server.api.place()
    postgres.cluster.alter_system("synchronous_standby_names", "")
    standby.promote()
    postgres.cluster.alter_system("default_transaction_read_only", "on")
    until(lambda: server.api.take(order).status == 200, 10, "the other host is found")
    until(server.healthy, 10, "and its health is asked for")


def test_what_leads_to_the_standby_for_a_while_is_left_when_it_leads_to_the_primary_again(serve, pair):
    """As a proxy that has not heard of a switchover yet, or a name. The sessions with the standby are well and go on; nobody ends them."""
    postgres, standby = pair
    with TcpProxy(postgres.cluster.port) as proxy:
        led = copy.copy(postgres)
        led.url = postgres.cluster.url(postgres.name, proxy.port)
        server = serve("--deadline", DEADLINE, "--migrate", database=led)
        until(lambda: standby_knows(postgres, standby), 10, "the standby has the schema")
        proxy.target = ("127.0.0.1", standby.port)
        proxy.reset()
        until(lambda: "it is read-only" in server.ailment(), 10, "all sessions are with the standby")
        problem(server.api.post("/orders", ORDER), 503, "nothing was changed")
        proxy.target = ("127.0.0.1", postgres.cluster.port)
        served_again(server, 8)
        until(server.healthy, 5, "healthy again")
        for _ in range(40):
            succeeded(server.api.take(server.api.place(), "ann"))


def standby_knows(postgres, standby):
    """Whether it has replayed all that the primary has written."""
    return postgres.query("SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication") == [(True,)]


def test_an_asynchronous_standby_is_warned_of_and_forgets_what_it_was_not_sent(serve, pair, link):
    """Ann is told SUCCESS, and so is Bob, when the standby has taken over: this is what a synchronous one is for."""
    postgres, standby = pair
    address = f"127.0.0.1:{postgres.cluster.port},127.0.0.1:{standby.port}"
    both = copy.copy(postgres)
    both.url = f"postgresql://postgres@{address}/{postgres.name}?target_session_attrs=read-write"
    server = serve("--deadline", DEADLINE, "--migrate", database=both)
    assert server.api.get("/healthcheck").json()["status"] == "pass"
    postgres.cluster.alter_system("synchronous_standby_names", "")
    until(lambda: "standby: no commit waits for a standby" in server.ailment(), 10, "it is warned of")
    assert server.healthy()
    order = server.api.place()
    until(lambda: standby_knows(postgres, standby), 10, "the standby has the order")
    link["proxy"].mode = "stall"
    succeeded(server.api.take(order, "ann"))
    postgres.cluster.kill()
    standby.promote()
    served_again(server, 10)
    until(lambda: server.api.get("/healthcheck").json()["status"] == "pass", 10, "there is no standby any more, and nothing is warned of")
    both.cluster = standby
    assert both.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)], "the standby had it"
    succeeded(server.api.take(order, "bob"))


@pytest.mark.parametrize("privileged", [True, False], ids=["as superuser", "as a role of its own"])
def test_which_commits_wait_for_a_standby_is_known_to_any_role(serve, pair, privileged):
    postgres, _ = pair
    server = serve("--migrate", database=postgres)
    if not privileged:
        server.stop()
        postgres.query("CREATE ROLE plain LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO plain; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain")
        postgres.url = postgres.url.replace("postgres@", "plain@")
        server = serve(database=postgres)

    def warned():
        return server.api.get("/healthcheck").json()["checks"].get("standby", [{"status": "pass"}])[0]["status"] == "warn"

    assert not warned()
    postgres.query(f"ALTER DATABASE {postgres.name} SET synchronous_commit = local")
    postgres.cluster.terminate_sessions(postgres.name)
    until(warned, 10, "commits of this database wait for none")
    postgres.query(f"ALTER DATABASE {postgres.name} RESET synchronous_commit")
    postgres.cluster.terminate_sessions(postgres.name)
    until(lambda: server.healthy() and not warned(), 10, "they do again")


# ---- a wait for the standby that ends without it ----

class Doings:
    """What Ann asks for, each in a way that may be repeated."""

    def __init__(self, server):
        self.api = server.api
        self.free, self.held, self.carried = (self.api.place() for _ in range(3))
        succeeded(self.api.take(self.held, "ann"))
        succeeded(self.api.take(self.carried, "ann"))

    def all(self):
        key = {"Idempotency-Key": "once"}
        return {"take": lambda: self.api.take(self.free, "ann"),
                "release": lambda: self.api.release(self.held, "ann"),
                "deliver": lambda: self.api.deliver(self.carried, "ann"),
                "place": lambda: self.api.post("/orders", ORDER, key),
                "send": lambda: self.api.post("/messages", MESSAGE, key)}

    def ask(self):
        """All of them at once: {name: answer}"""
        with ThreadPoolExecutor(8) as pool:
            asked = {name: pool.submit(one) for name, one in self.all().items()}
        return {name: future.result() for name, future in asked.items()}


def waiting(postgres):
    """The backends that wait for a standby."""
    return [pid for pid, in postgres.query("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")]


def kill(postgres, proxy):
    """PostgreSQL ends all its backends and starts again."""
    os.kill(waiting(postgres)[0], signal.SIGKILL)
    until(lambda: "reinitializing" in postgres.cluster.log.read_text(), 10, "it starts again")
    postgres.cluster.wait_ready()


def terminate(postgres, proxy):
    for pid in waiting(postgres):
        postgres.query("SELECT pg_terminate_backend(?)", pid)


def cancel(postgres, proxy):
    for pid in waiting(postgres):
        postgres.query("SELECT pg_cancel_backend(?)", pid)


def lose(postgres, proxy):
    """The server's connections; a backend that waits would not notice it by itself."""
    proxy.reset()
    terminate(postgres, proxy)


@pytest.mark.parametrize("end", [kill, terminate, cancel, lose])
def test_nothing_is_acknowledged_that_the_standby_does_not_have_however_the_wait_for_it_ends(serve, pair, link, end):
    """Ann asks, the standby hears nothing of it, the wait ends, Ann asks again. Then the standby takes over, and Bob asks."""
    postgres, standby = pair
    with TcpProxy(postgres.cluster.port) as proxy:
        both = copy.copy(postgres)
        both.url = (f"postgresql://postgres@127.0.0.1:{proxy.port},127.0.0.1:{standby.port}/{postgres.name}"
                    "?target_session_attrs=read-write")
        server = serve("--deadline", DEADLINE, "--migrate", "--db-connections", 8, database=both)
        ann = Doings(server)
        link["proxy"].mode = "stall"
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ann.ask)
            until(lambda: len(waiting(postgres)) == 5, 5, "they wait for the standby")
            end(postgres, proxy)
        for name, answer in asked.result().items():
            problem(answer, 503, "unknown")
        until(lambda: postgres.query("SELECT status FROM orders WHERE id = ?", ann.free) == [("TAKEN",)], 5, "it can be seen")
        until(server.healthy, 10, "connected again")
        for name, answer in ann.ask().items():
            assert answer.status == 503, (name, answer)
        postgres.cluster.stop("immediate")
        standby.promote()
        served_again(server, 10)
        both.cluster = standby
        assert both.query("SELECT status, taker FROM orders WHERE id = ?", ann.free) == [("UNASSIGNED", None)], "the standby had it"
        succeeded(server.api.take(ann.free, "bob"))
        problem(server.api.take(ann.free, "ann"), 400, "taken")
        assert both.query("SELECT status FROM orders WHERE id IN (?, ?)", ann.held, ann.carried) == [("TAKEN",), ("TAKEN",)]
        assert both.query("SELECT count(*) FROM idempotency_keys") == [(0,)]
        succeeded(server.api.release(ann.held, "ann"))
        succeeded(server.api.deliver(ann.carried, "ann"))
        assert server.api.post("/orders", ORDER, {"Idempotency-Key": "once"}).status == 200


@pytest.fixture
def lonely():
    """A primary that has no standby, and waits for one from wait_for_nobody() on."""
    if binaries() is None:
        missing("a PostgreSQL server")
    cluster = Cluster()
    try:
        cluster.create()
        yield PostgresDatabase(cluster)
    finally:
        cluster.remove()


def wait_for_nobody(postgres, whether=True):
    postgres.cluster.alter_system("synchronous_standby_names", "nobody" if whether else "")
    until(lambda: postgres.query("SHOW synchronous_standby_names") == [("nobody" if whether else "",)], 5, "reloaded")


def cancelled(postgres, pool, ask):
    """What is answered when its wait for the standby is ended as soon as it waits."""
    answer = pool.submit(ask)
    until(lambda: waiting(postgres), 5, "it waits for the standby")
    cancel(postgres, None)
    return answer.result()


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pgbouncer"])
def test_a_cancelled_wait_for_the_standby_is_no_success(serve, lonely, pooled):
    """PostgreSQL commits then, and sends nothing but a warning; whatever language that is in."""
    if pooled and not installed():
        missing("pgbouncer")
    lonely.query("ALTER ROLE postgres SET client_min_messages = error")
    bouncer = PgBouncer(lonely.cluster, default_pool_size=4) if pooled else None
    try:
        database = copy.copy(lonely)
        database.url = (bouncer or lonely.cluster).url(lonely.name)
        server = serve("--migrate", database=database)
        ann = Doings(server)
        wait_for_nobody(lonely)
        with ThreadPoolExecutor(1) as pool:
            for name, ask in ann.all().items():
                problem(cancelled(lonely, pool, ask), 503, "unknown")
                problem(cancelled(lonely, pool, ask), 503, "unknown")
            put = lambda: server.api.post("/site/1", {"name": "x"})
            problem(cancelled(lonely, pool, put), 503, "unknown")
        wait_for_nobody(lonely, False)
        for name, answer in ann.ask().items():
            assert answer.status in (200, 201), (name, answer)
        assert lonely.query("SELECT count(*) FROM idempotency_keys") == [(2,)]
        assert [line for line in server.lines() if "standby" in line["message"]]
    finally:
        if bouncer is not None:
            bouncer.close()


@pytest.mark.parametrize("command", [["migrate"], ["seed", "orders"], ["seed", "users", "--offline"]], ids=" ".join)
def test_a_command_whose_wait_for_the_standby_is_cancelled_says_so(lonely, command):
    if command[0] != "migrate":
        subprocess.run([rowlock(), "migrate", "--database", lonely.url], env=environment(), check=True)
    wait_for_nobody(lonely)
    with ThreadPoolExecutor(1) as pool:
        done = cancelled(lonely, pool, lambda: subprocess.run([rowlock(), *command, "--database", lonely.url], env=environment(),
                                                              capture_output=True, text=True, timeout=60))
    assert done.returncode == 1 and "standby" in done.stderr, done
    assert "added" not in done.stdout and "up to date" not in done.stdout, done
