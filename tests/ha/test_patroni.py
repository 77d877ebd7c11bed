"""PostgreSQL under Patroni with a synchronous standby, while the server is under load: whatever host fails, and however, what was
acknowledged is there, no order has two winners, and who was told that nothing was changed changed nothing. Server and clients
know nothing of Patroni: all hosts are in the address, and the one that takes writes is wanted."""

import signal
import time

import pytest

from support.expect import succeeded
from support.patroni import TIMES, Proxies
from support.program import SLOW
from support.traffic import Traffic, served_again
from support.wait import until

DEADLINE = 2
BACK = 5            # seconds from the moment at which PostgreSQL takes writes again


@pytest.fixture
def server(serve, database):
    return serve("--deadline", DEADLINE, database=database)


def load(server):
    return Traffic(server, threads=6, pause=0.01, claims=0.1)


def served(traffic, moment, seconds=60):
    """When the first request was answered with success after that moment."""
    def first():
        return min((attempt.began + attempt.seconds for attempt in traffic.all()
                    if attempt.outcome == 200 and attempt.began + attempt.seconds > moment), default=None)

    return until(first, seconds, "requests succeed again")


def interrupted(traffic, began):
    """(from, to): the longest time since then in which no request succeeded."""
    ends = [began, *sorted(attempt.began + attempt.seconds for attempt in traffic.all()
                           if attempt.outcome == 200 and attempt.began + attempt.seconds > began)]
    return max(zip(ends, ends[1:]), key=lambda pair: pair[1] - pair[0])


def taken_over(look, traffic, note, server, by=()):
    """Another host takes writes (one of `by`, if that is said), and soon afterwards all is as it was for clients."""
    node, writable = look.writable()
    assert not by or node in by, (node, by)
    back = served(traffic, writable)
    note(traffic, look.began, writable, back)
    assert back - writable < BACK * SLOW, f"{back - writable:.1f} s after {node} took writes"
    traffic.flows(100, 20)
    until(server.healthy, 10, "healthy again")


def test_a_switchover(patroni, database, server, watch, note):
    old, (new,) = patroni.primary(), patroni.synchronous()
    with load(server) as traffic:
        traffic.flows(100, 20)
        look = watch(patroni.others(old))
        status, answer = old.ask("/switchover", {"leader": old.name, "candidate": new.name}, patience=60)
        assert status == 200, answer
        taken_over(look, traffic, note, server, by=(new,))
    traffic.check(database, DEADLINE)


def test_the_primary_is_killed_with_its_host(patroni, database, server, watch, note):
    old, heirs = patroni.primary(), patroni.synchronous()
    with load(server) as traffic:
        traffic.flows(100, 20)
        old.kill()
        taken_over(watch(patroni.others(old)), traffic, note, server, by=heirs)
        old.start()
        until(lambda: patroni.streaming() == 2, 100, "the old primary follows", every=0.1)
        traffic.flows(100, 20)
    traffic.check(database, DEADLINE)


def test_postgresql_is_killed_on_the_primary_and_patroni_is_not(patroni, database, server, watch, note):
    """Patroni starts it again where it was."""
    old = patroni.primary()
    with load(server) as traffic:
        traffic.flows(100, 20)
        old.kill_postgres()
        taken_over(watch(patroni.nodes), traffic, note, server)
    traffic.check(database, DEADLINE)


# ---- hosts that do not fail cleanly ----

def test_the_host_of_the_primary_freezes_and_comes_back(patroni, database, server, serve, watch, note):
    """When it goes on, it does not know that it is the primary no more. Its PostgreSQL takes writes until Patroni there has had its
    turn, but its commits wait for a standby that follows another: nobody hears SUCCESS, whoever asks there."""
    old, heirs = patroni.primary(), patroni.synchronous()
    with load(server) as traffic:
        traffic.flows(100, 20)
        old.freeze()
        taken_over(watch(patroni.others(old)), traffic, note, server, by=heirs)
        old.thaw_postgres()
        until(old.takes_writes, 20, "the old primary believes that it is one")
        deceived = serve("--deadline", DEADLINE, "--database", patroni.url(database.name, old), wait="listening")
        order = {"origin": [1, 2], "destination": [3, 4]}
        for _ in range(5):
            assert deceived.api.post("/orders", order).status == 503
            assert deceived.api.take(traffic.orders[-1], "deceived").status in (400, 503)
        assert old.takes_writes()
        old.thaw()
        until(lambda: not old.takes_writes(), 30, "the old primary is fenced")
        assert deceived.api.post("/orders", order).status == 503
        until(lambda: patroni.streaming() == 2, 100, "the old primary follows", every=0.1)
        traffic.flows(100, 20)
    traffic.check(database, DEADLINE)


def test_the_primary_is_cut_off_from_etcd(patroni, database, server, watch, note):
    """Its clients reach it as before, and so do its standbys: it gives up by itself, before another may take over."""
    old, heirs = patroni.primary(), patroni.synchronous()
    with load(server) as traffic:
        traffic.flows(100, 20)
        old.cut()
        look = watch(patroni.others(old))
        until(lambda: not old.takes_writes(), 60, "it takes no writes any more")
        given_up = time.monotonic()
        node, writable = look.writable()
        assert given_up < writable + 1, "two primaries at once"
        taken_over(look, traffic, note, server, by=heirs)
        assert not old.takes_writes()
        old.mend()
        until(lambda: patroni.streaming() == 2, 100, "the old primary follows", every=0.1)
        traffic.flows(100, 20)
    traffic.check(database, DEADLINE)


def test_etcd_says_nothing_for_a_while(patroni, database, server, watch, note):
    """Without it nobody may be the primary: it gives up, and when etcd is back, one of those that have everything takes over."""
    heirs = [patroni.primary(), *patroni.synchronous()]
    with load(server) as traffic:
        traffic.flows(100, 20)
        patroni.etcd.process.send_signal(signal.SIGSTOP)
        try:
            until(lambda: not any(node.takes_writes() for node in patroni.nodes), 60, "nobody takes writes")
        finally:
            patroni.etcd.process.send_signal(signal.SIGCONT)
        taken_over(watch(patroni.nodes), traffic, note, server, by=heirs)
    traffic.check(database, DEADLINE)


# ---- standbys ----

@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_the_synchronous_standby_is(patroni, database, server, note, how):
    """Commits wait until Patroni has chosen another."""
    lost, = patroni.synchronous()
    with load(server) as traffic:
        traffic.flows(100, 20)
        began = time.monotonic()
        lost.kill() if how == "killed" else lost.freeze()
        until(lambda: set(patroni.synchronous()) - {lost}, 60, "another is synchronous", every=0.1)
        traffic.flows(100, 20)
        since, back = interrupted(traffic, began)
        note(traffic, since, None, back)
        assert back - since < (2 * TIMES["ttl"] + BACK) * SLOW
    traffic.check(database, DEADLINE)


def test_both_standbys_are_lost(patroni, database, server, note):
    """The primary goes on alone, because the mode is not strict."""
    primary = patroni.primary()
    with load(server) as traffic:
        traffic.flows(100, 20)
        began = time.monotonic()
        for node in patroni.others(primary):
            node.kill()
        until(lambda: not patroni.synchronous(), 60, "commits wait for nobody", every=0.1)
        traffic.flows(100, 20)
        since, back = interrupted(traffic, began)
        note(traffic, since, None, back)
        assert patroni.primary() is primary and back - since < (2 * TIMES["ttl"] + BACK) * SLOW
    traffic.check(database, DEADLINE)


def test_the_primary_and_the_other_standby_are_lost(patroni, database, server, watch, note):
    """What is left is the one that has everything."""
    old, heirs = patroni.primary(), patroni.synchronous()
    with load(server) as traffic:
        traffic.flows(100, 20)
        for node in patroni.others(*heirs):
            node.kill()
        taken_over(watch(heirs), traffic, note, server, by=heirs)
    traffic.check(database, DEADLINE)


def test_the_primary_and_the_synchronous_standby_are_lost(patroni, database, server, watch, note):
    """What is left may lack what was acknowledged, so it does not take over: nobody is served until one of the others is back."""
    old, heirs = patroni.primary(), patroni.synchronous()
    left, = patroni.others(old, *heirs)
    with load(server) as traffic:
        traffic.flows(100, 20)
        for node in (old, *heirs):
            node.kill()
        look = watch(patroni.nodes)
        time.sleep(2 * TIMES["ttl"])
        assert not look.first and not left.takes_writes()
        heirs[0].start()
        taken_over(look, traffic, note, server, by=heirs)
    traffic.check(database, DEADLINE)


# ---- without a synchronous standby ----

def test_an_asynchronous_standby_that_takes_over_lacks_what_it_was_not_sent(patroni, database, serve, watch):
    """This is what synchronous mode is for, and what /healthcheck warns of."""
    patroni.synchronous_mode(False)
    try:
        server = serve("--deadline", DEADLINE, database=database)
        old = patroni.primary()
        until(lambda: "no commit waits for a standby" in server.ailment(), 10, "it is warned of")
        order = server.api.place()
        until(patroni.replayed, 20, "the standbys have the order")
        old.hold_back()
        succeeded(server.api.take(order, "ann"))
        old.kill()
        node, _ = watch(patroni.others(old)).writable()
        served_again(server, BACK)
        assert database.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)], "the standby had it"
        succeeded(server.api.take(order, "bob"))     # who was told SUCCESS, as ann was
    finally:
        patroni.rejoin()
        patroni.synchronous_mode(True)
    until(lambda: server.ailment() == "", 20, "nothing is warned of any more")


# ---- behind HAProxy and PgBouncer ----

@pytest.mark.parametrize("fault", ["a switchover", "the primary is killed with its host"])
def test_behind_haproxy_and_pgbouncer(patroni, database, serve, watch, note, fault):
    """HAProxy asks Patroni who is the primary. The server knows PgBouncer only, which has fewer sessions than the server has connections."""
    old, heirs = patroni.primary(), patroni.synchronous()
    proxies = Proxies(patroni)
    try:
        server = serve("--deadline", DEADLINE, "--db-connections", 8, "--database", proxies.url(database.name))
        with load(server) as traffic:
            traffic.flows(100, 20)
            if fault == "a switchover":
                look = watch(patroni.others(old))
                status, answer = old.ask("/switchover", {"leader": old.name, "candidate": heirs[0].name}, patience=60)
                assert status == 200, answer
            else:
                old.kill()
                look = watch(patroni.others(old))
            taken_over(look, traffic, note, server, by=heirs)
        traffic.check(database, DEADLINE)
        server.stop()
    finally:
        proxies.close()


def test_a_proxy_that_leads_to_the_old_primary_for_a_while_leaves_no_session_there(patroni, database, serve):
    """Twice, by a HAProxy that is slow to notice and ends no session: those that began with a standby are well, and refuse what is to
    be written. Each is left for another, by itself."""
    proxies = Proxies(patroni, {" on-marked-down shutdown-sessions": "", "inter 1s fastinter 500ms": "inter 3s"})
    try:
        server = serve("--deadline", DEADLINE, "--database", proxies.url(database.name, pooled=False))
        with load(server) as traffic:
            for _ in range(2):
                traffic.flows(100, 20)
                patroni.heal()
                leader, (candidate,) = patroni.primary(), patroni.synchronous()
                status, answer = leader.ask("/switchover", {"leader": leader.name, "candidate": candidate.name}, patience=60)
                assert status == 200, answer
                traffic.flows(100, 30)
                until(server.healthy, 15, "healthy again")
        traffic.check(database, DEADLINE)
        for _ in range(40):
            succeeded(server.api.take(server.api.place(), "ann"))
        server.stop()
    finally:
        proxies.close()
