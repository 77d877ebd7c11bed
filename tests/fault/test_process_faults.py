"""The server itself is ended, gently or not, under load."""

import signal
import time

from support.expect import succeeded
from support.program import SLOW
from support.traffic import Traffic
from support.wait import Stopwatch

ANY = 10 ** 9       # answers that never came: the server is gone


def test_a_drain_under_load_keeps_its_word(serve, database):
    server = serve("--deadline", 5, database=database)
    with Traffic(server) as traffic:
        traffic.flows()
        with Stopwatch() as watch:
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
    assert watch.seconds < 4 * SLOW
    traffic.check(database, 5, lost=ANY)


def test_kill_9_under_load_loses_nothing_that_was_answered(serve, database):
    server = serve("--deadline", 5, database=database)
    with Traffic(server) as traffic:
        traffic.flows()
        server.kill()
    traffic.check(database, 5, lost=ANY)
    again = serve(database=database)
    succeeded(again.api.take(again.api.place(), "ann"))


def test_a_crash_of_the_database_loses_nothing_that_was_answered(serve, postgres):
    """fsync is off in these clusters, but a crash of PostgreSQL alone leaves what it gave to the kernel."""
    server = serve("--deadline", 2, database=postgres)
    with Traffic(server) as traffic:
        traffic.flows()
        postgres.cluster.stop("immediate")
    postgres.cluster.start()
    traffic.check(postgres, 2)


def test_a_paused_server_goes_on_where_it_was(serve, postgres):
    server = serve("--deadline", 2, database=postgres)
    with Traffic(server, threads=4) as traffic:
        traffic.flows()
        server.signal(signal.SIGSTOP)
        time.sleep(1.2)         # so long it stands still
        server.signal(signal.SIGCONT)
        traffic.flows()
    traffic.check(postgres, 2, slack=2)
