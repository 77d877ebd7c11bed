"""The primary dies and its standby takes over, while the server is under load."""

import copy
import time

import pytest

from support.cluster import Cluster, binaries
from support.database import PostgresDatabase
from support.program import missing
from support.traffic import Traffic, served_again
from support.wait import until

DEADLINE = 2


@pytest.fixture
def pair():
    """A primary and a standby that every commit waits for."""
    if binaries() is None:
        missing("a PostgreSQL server")
    primary = Cluster()
    standby = None
    try:
        primary.create()
        standby = primary.standby()
        postgres = PostgresDatabase(primary)
        primary.alter_system("synchronous_standby_names", "*")
        until(lambda: postgres.query("SELECT sync_state FROM pg_stat_replication") == [("sync",)], 20, "the standby is synchronous")
        yield postgres, standby
    finally:
        for cluster in (primary, standby):
            if cluster is not None:
                cluster.remove()


def test_commits_that_wait_for_a_standby_do_not_use_up_all_connections(serve):
    """A backend that waits for its standby does not notice that we have gone: giving up and connecting anew leaves one more
    each time. With a deadline of 1 s that is after 2, 6 and 14 s, and not each 2 s."""
    if binaries() is None:
        missing("a PostgreSQL server")
    cluster = Cluster()
    try:
        cluster.create()
        postgres = PostgresDatabase(cluster)
        server = serve("--migrate", "--deadline", 1, "--db-connections", 1, database=postgres)
        began = time.monotonic()
        cluster.alter_system("synchronous_standby_names", "nobody")
        until(lambda: server.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}).status == 503, 20, "commits wait")
        end = time.monotonic() + 9
        while time.monotonic() < end:
            assert server.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}).status == 503
        waiting = postgres.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")[0][0]
        seconds = time.monotonic() - began
        assert 1 <= waiting <= 1 + sum(seconds > moment for moment in (2, 6, 14)), (waiting, seconds)
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
    until(lambda: server.api.get("/healthcheck").status == 200, 10, "ready")
    with Traffic(server) as traffic:
        traffic.flows(100, 10)
        postgres.cluster.stop("immediate")
        time.sleep(0.5)
        standby.promote()
        served_again(server, 5)
        traffic.flows()
        until(lambda: server.api.get("/healthcheck").status == 200, 5, "healthy again")
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
    until(lambda: server.api.get("/healthcheck").status == 200, 10, "and its health is asked for")
