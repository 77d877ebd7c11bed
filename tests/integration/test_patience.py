"""What a test waits for itself comes to an end, whatever the program does."""

import signal
from contextlib import closing

import psycopg2
import pytest

from support import database as hands

pytestmark = [pytest.mark.quick, pytest.mark.plain]


@pytest.fixture
def locked(postgres):
    """A database in which somebody holds a lock for ever."""
    with closing(postgres.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE orders")
        yield postgres


def test_a_lock_is_not_waited_for_for_ever(locked, monkeypatch):
    monkeypatch.setattr(hands, "ANSWER", 0.2)
    with pytest.raises(psycopg2.OperationalError, match="does not answer within"):
        locked.query("DELETE FROM orders")


def test_who_waits_for_a_lock_heeds_the_alarm(locked):
    def ring(number, frame):
        raise InterruptedError("it rings")

    before = signal.signal(signal.SIGALRM, ring)
    limit = signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(InterruptedError):
            locked.query("DELETE FROM orders")
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *limit)


def test_a_database_that_is_frozen_is_not_waited_for_for_ever(postgres, monkeypatch):
    monkeypatch.setattr(hands, "CONNECT", 0.2)
    postgres.cluster.pause()
    with pytest.raises(psycopg2.OperationalError, match="does not answer within"):
        postgres.connect()
