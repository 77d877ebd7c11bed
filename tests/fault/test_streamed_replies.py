"""Replies that are sent as they come from the database, and clients and databases that do not keep up or go away."""

import signal
import threading
import time
from pathlib import Path

import pytest

from support.expect import problem
from support.program import HEADROOM, SLOW
from support.rawhttp import Connection, ProtocolError, request_bytes
from support.wait import Stopwatch, settled, until

POEM = "🚲" * 1000      # as long as a message can be: 4 kB
TARGET = "/messages?recipient=bob&days=1"


def fill(database, count):
    """Messages for bob, a second between one and the next."""
    if database.kind == "postgres":
        database.query("INSERT INTO messages (sender, recipient, text, sent_at) SELECT 'ann', 'bob', ?, now() - make_interval(secs => n) "
                       "FROM generate_series(1, ?) AS n", POEM, count)
    else:
        database.query("INSERT INTO messages (sender, recipient, text, sent_at) WITH RECURSIVE s (n) AS "
                       "(SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ?2) SELECT 'ann', 'bob', ?1, "
                       "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || n || ' seconds') FROM s", POEM, count)


class Reader(Connection):
    """Asks for all of them, and reads when it is told to."""

    def __init__(self, server, target=TARGET):
        super().__init__(server.address)
        self.sock.setsockopt(6, 10, 65536)      # TCP_WINDOW_CLAMP: the kernel does not read ahead for us
        self.send(request_bytes("GET", target))

    def read(self, size):
        """At least that much more, unless it ends before."""
        end = len(self.buffer) + size
        parts, have = [self.buffer], len(self.buffer)
        while have < end:
            part = self.sock.recv(65536)
            if not part:
                break
            parts.append(part)
            have += len(part)
        self.buffer = b"".join(parts)


def quiet(server):
    """Until it does nothing more: all that it may send is sent, and it waits for its clients. Returns the most memory that it had."""
    most, before = 0, None

    def rests():
        nonlocal most, before
        most = max(most, server.resident())
        now, before = before, server.processor_time()
        return now == before

    server.wait_read()
    until(rests, 10, "it rests", every=0.1)
    return most


def complete(answer, count):
    found = answer.json()
    assert len(found) == count == len({message["id"] for message in found})
    assert all(message["text"] == POEM for message in found)


def served(server):
    answer = server.api.get(TARGET)
    return answer if answer.status == 200 else None


def cut(reader):
    """Fails unless the reply ends before its end, in a way that a client must notice."""
    with pytest.raises((ProtocolError, ConnectionError)) as reason:
        reader.response()
    assert not isinstance(reason.value, ProtocolError) or "closed before" in str(reason.value), reason.value


def test_a_client_that_reads_in_its_own_time_gets_all_and_the_server_stores_little(serve, database):
    server = serve(database=database)
    fill(database, 10000)
    complete(server.api.get(TARGET), 10000)
    before = server.resident()
    with Reader(server) as reader:
        most = 0
        for _ in range(8):
            most = max(most, quiet(server))
            reader.read(4 << 20)
        complete(reader.response(), 10000)
    assert most - before < (16 << 20) + HEADROOM, f"{(most - before) >> 20} MiB for a reply of 40 MB"


def test_many_clients_that_do_not_read_cost_a_piece_each(serve, database):
    server = serve(database=database)
    fill(database, 6000)
    complete(server.api.get(TARGET), 6000)
    before = server.resident()
    readers = [Reader(server) for _ in range(10)]
    most = quiet(server)
    assert most - before < (80 << 20) + HEADROOM
    assert server.api.get("/messages?recipient=bob&limit=1").status == 200
    for reader in readers:
        with reader:
            complete(reader.response(), 6000)
    until(lambda: server.connections() == 0, 5, "no connection is left")


def test_a_slow_reader_that_never_pauses_is_not_cut_at_the_deadline(serve, database):
    """The deadline is for the server and the database; what the client takes goes by the client."""
    server = serve("--deadline", 1, database=database)
    fill(database, 2500)
    with Reader(server) as reader:
        for _ in range(50):
            reader.read(100_000)
            time.sleep(0.1)
        complete(reader.response(), 2500)


def test_a_reader_who_pauses_gets_the_rest(serve, database):
    server = serve("--deadline", 2, database=database)
    fill(database, 3000)
    with Reader(server) as reader:
        reader.read(1 << 20)
        time.sleep(3.5)
        complete(reader.response(), 3000)


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_clients_that_hang_up_in_the_middle_leave_nothing_behind(serve, database, leave):
    server = serve(database=database)
    fill(database, 3000)
    for size in (1, 100, 70000, 1 << 20, 3 << 20, 5 << 20):
        readers = [Reader(server) for _ in range(3)]
        for reader in readers:
            reader.read(size)
        for reader in readers:
            getattr(reader, leave)()
    for _ in range(10):
        getattr(Reader(server), leave)()
    until(lambda: server.connections() == 0, 5, "no connection is left")
    complete(server.api.get(TARGET), 3000)


def test_a_database_that_is_lost_in_the_middle_cuts_the_reply(serve, postgres):
    server = serve("--deadline", 2, database=postgres)
    fill(postgres, 6000)
    with Reader(server) as reader:
        reader.read(1 << 20)
        postgres.cluster.stop("immediate")
        with Stopwatch() as watch:
            cut(reader)
        assert watch.seconds < 5 * SLOW
    problem(server.api.get(TARGET), 503)
    assert server.api.get("/health").status == 200
    postgres.cluster.start()
    complete(until(lambda: served(server), 5, "served again"), 6000)


def test_a_database_that_freezes_in_the_middle_cuts_the_reply_at_the_deadline(serve, postgres):
    server = serve("--deadline", 2, database=postgres)
    fill(postgres, 6000)
    with Reader(server) as reader:
        reader.read(1 << 20)
        postgres.cluster.pause()
        try:
            with Stopwatch() as watch:
                cut(reader)
            assert watch.seconds < 4 * SLOW
        finally:
            postgres.cluster.resume()
    complete(until(lambda: served(server), 5, "served again"), 6000)


def end_sessions(server, postgres):
    """Until they are gone, and the server has had the time to see it."""
    pids = [pid for pid, in postgres.query("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")]
    assert postgres.cluster.terminate_sessions(postgres.name) >= len(pids) > 0
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 5, "they are gone")
    for _ in range(2):          # turns in which it finds the end
        assert server.api.get("/health").status == 200


def test_sessions_that_end_between_two_pieces_cost_nothing(serve, postgres):
    server = serve(database=postgres)
    fill(postgres, 6000)
    with Reader(server) as reader:
        for _ in range(3):
            reader.read(2 << 20)
            quiet(server)       # now it waits for us, with a piece in its hands
            end_sessions(server, postgres)
        complete(reader.response(), 6000)


def test_a_database_that_is_away_from_the_start_is_a_503(serve, postgres):
    server = serve("--deadline", 2, database=postgres)
    postgres.cluster.stop()
    with Stopwatch() as watch:
        answer = server.api.get(TARGET)
    problem(answer, 503)
    assert answer.header("Transfer-Encoding") is None and watch.seconds < (2 + 2) * SLOW


def test_a_drain_waits_for_a_reply_that_has_begun(serve, database):
    server = serve("--drain", 8, database=database)
    fill(database, 4000)
    with Reader(server) as reader:
        reader.read(1 << 20)
        server.signal(signal.SIGTERM)
        server.told("draining", 1)
        complete(reader.response(), 4000)
        with Stopwatch() as watch:
            assert server.wait() == 0
    assert watch.seconds < 2 * SLOW


def test_a_drain_does_not_wait_longer_for_it_than_it_may(serve, database):
    server = serve("--drain", 1, database=database)
    fill(database, 4000)
    with Reader(server) as reader:
        reader.read(1 << 20)
        server.signal(signal.SIGTERM)
        with Stopwatch() as watch:
            assert server.wait() == 0
        assert watch.seconds < 3 * SLOW
        cut(reader)


def test_what_is_sent_meanwhile_neither_repeats_a_message_nor_hides_one(serve, database):
    server = serve(database=database)
    fill(database, 4000)
    expected = {row[0] for row in database.query("SELECT id FROM messages")}
    leaving = threading.Event()
    sent = []

    def write():
        while not leaving.is_set():
            sent.append(server.api.post("/messages", {"sender": "ann", "recipient": "bob", "text": POEM}).json()["id"])
            time.sleep(0.01)

    writer = threading.Thread(target=write)
    with Reader(server) as reader:
        reader.read(1 << 20)
        writer.start()
        try:
            for _ in range(8):
                time.sleep(0.05)
                reader.read(1 << 20)
            found = [message["id"] for message in reader.response().json()]
        finally:
            leaving.set()
            writer.join()
    assert len(found) == len(set(found)) and set(found) - set(sent) == expected and sent


def test_what_grows_old_meanwhile_is_sent_all_the_same(serve, database):
    """The window is that of the moment when it was asked for."""
    server = serve(database=database)
    fill(database, 4000)
    seconds = 2 * SLOW          # enough to ask while they are young
    oldest = "(SELECT id FROM messages ORDER BY sent_at LIMIT 50)"
    if database.kind == "postgres":
        database.query(f"UPDATE messages SET sent_at = now() - interval '1 day' + make_interval(secs => ?) WHERE id IN {oldest}", seconds)
    else:
        database.query("UPDATE messages SET sent_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day', '+' || ? || ' seconds') "
                       f"WHERE id IN {oldest}", seconds)
    with Reader(server) as reader:
        reader.read(1 << 20)
        settled(lambda: len(server.api.get(TARGET).json()), 3950, seconds + 3)
        complete(reader.response(), 4000)
