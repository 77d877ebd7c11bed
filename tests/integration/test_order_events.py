"""GET /orders/events: what has happened to orders, as it happens."""

import time
from urllib.parse import quote

import pytest

from support.events import EventStream
from support.expect import problem, succeeded
from support.program import SLOW
from support.rawhttp import Connection
from support.wait import until

quick = pytest.mark.quick
MANY = 9000         # more than a process keeps in memory


def listening(api, query="", since=None):
    return EventStream(api.address, query, since).begun()


def place_many(db, count, taker=None):
    """In one transaction, by hand: orders that are new, or have been taken by somebody."""
    series = {"postgres": "generate_series(1, ?) AS n", "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ?) "
              "SELECT n FROM s)"}[db.kind]
    db.query("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance, taker) "
             f"SELECT 1, 2, 3, 4, 5, {'?' if taker else 'NULL'} FROM {series}", *([taker] if taker else []), count)


def position(db, ascending):
    """The id of the oldest or newest event."""
    way = "ASC" if ascending else "DESC"
    if db.kind == "postgres":
        return db.query(f"SELECT xid || '-' || id FROM order_events ORDER BY xid {way}, id {way} LIMIT 1")[0][0]
    return f"0-{db.query(f'SELECT id FROM order_events ORDER BY id {way} LIMIT 1')[0][0]}"


# ---- what comes ----

@quick
def test_each_event_has_the_order_as_it_was_then(api):
    with listening(api) as stream:
        order = api.place()
        succeeded(api.take(order, "ann"))
        succeeded(api.release(order, "ann"))
        succeeded(api.take(order, "bob"))
        succeeded(api.deliver(order, "bob"))
        events = stream.take(5)
    assert [event.kind for event in events] == ["placed", "taken", "released", "taken", "delivered"]
    assert [event.data["status"] for event in events] == ["UNASSIGNED", "TAKEN", "UNASSIGNED", "TAKEN", "DELIVERED"]
    assert [event.data["taker"] for event in events] == [None, "ann", None, "bob", "bob"]
    assert [event.data["by"] for event in events] == [None, "ann", "ann", "bob", "bob"]
    whole = api.get(f"/orders/{order}").json()
    assert {event.data["id"] for event in events} == {order}
    assert {event.data["distance"] for event in events} == {whole["distance"]}
    assert (events[0].data["origin"], events[0].data["destination"]) == (whole["origin"], whole["destination"])
    assert [event.data["at"] for event in events] == sorted(event.data["at"] for event in events)


@quick
def test_without_since_only_what_comes_after_is_sent(api):
    api.place()
    with listening(api) as first:
        api.place()
        with listening(api) as second:      # while the first waits for the order before it
            last = api.place()
            assert second.next().data["id"] == last
        assert first.take(2)[1].data["id"] == last


@quick
def test_the_head_says_that_nobody_may_keep_it(api):
    with listening(api) as stream:
        assert stream.head.status == 200 and stream.head.content_type == "text/event-stream"
        assert stream.head.header("Cache-Control") == "no-store" and stream.head.header("X-Accel-Buffering") == "no"
        assert stream.head.closes and 1000 <= stream.retry <= 3000


@quick
def test_head_has_no_events(api):
    answer = api.call("HEAD", "/orders/events")
    assert answer.status == 200 and answer.content_type == "text/event-stream" and answer.body == b""


@quick
def test_http_1_0_gets_it_without_chunks(api):
    with EventStream(api.address, version="HTTP/1.0").begun() as stream:
        assert not stream.chunked and stream.head.closes
        order = api.place()
        assert stream.next().data["id"] == order


def test_texts_are_one_line_whatever_is_in_them(api):
    with listening(api) as stream:
        order = api.place()
        taker = "ann\n\ndata: 1\r\nid: 7\u2028" + "\u0001" * 150
        succeeded(api.take(order, taker))
        assert stream.take(2)[1].data["taker"] == taker


def test_what_others_write_comes_as_well(api, db):
    with listening(api) as stream:
        place_many(db, 3)
        assert [event.kind for event in stream.take(3, 2)] == ["placed"] * 3


# ---- coming again ----

@quick
def test_who_names_the_last_event_gets_what_followed(api):
    with listening(api) as stream:
        orders = [api.place() for _ in range(5)]
        events = stream.take(5)
    for since in range(5):
        for query, header in (("", events[since].id), (f"?since={events[since].id}", None), (f"?since={events[0].id}", events[since].id)):
            with EventStream(api.address, query, header) as again:
                assert [event.data["id"] for event in again.take(4 - since)] == orders[since + 1:]
                again.silent(0.05)


def test_who_saw_nothing_yet_has_a_place_to_come_again_from(api):
    with listening(api) as stream:
        before = stream.id
    order = api.place()
    with EventStream(api.address, since=before) as again:
        assert again.next().data["id"] == order


@pytest.mark.parametrize("flags", [(), ("--http", "direct")], ids=str)
def test_who_comes_from_far_back_gets_everything_in_order(serve, database, flags):
    api = serve(*flags, database=database).api
    place_many(database, MANY)
    with listening(api) as ahead:       # the ring is at its end
        with EventStream(api.address, since=position(database, True)) as stream, EventStream(api.address, "?since=oldest") as whole:
            ids = [event.data["id"] for event in stream.take(MANY - 1)]
            assert ids == list(range(2, MANY + 1))
            place_many(database, MANY)
            assert [event.data["id"] for event in stream.take(MANY)] == list(range(MANY + 1, 2 * MANY + 1))
            assert [event.data["id"] for event in whole.take(2 * MANY)] == list(range(1, 2 * MANY + 1))
        assert [event.data["id"] for event in ahead.take(MANY)] == list(range(MANY + 1, 2 * MANY + 1))


@pytest.mark.parametrize("since", ["", "x", "7", "-1-2", "1-", "-", "1-2-3", "1 -2", "+1-2", "0x1-2", "99999999999999999999-1", "1-\u0662"])
def test_what_is_no_id_is_refused_by_name(api, since):
    problem(api.get("/orders/events", {"Last-Event-ID": since.encode().decode("latin-1")}), 400, "Last-Event-ID")
    problem(api.get("/orders/events?since=" + quote(since)), 400, "since")


# ---- what is no longer kept ----

def gap(stream, since):
    event = stream.next()
    assert (event.kind, event.data) == ("gap", {"since": since}), event


@pytest.mark.parametrize("live", [False, True], ids=["first", "beside another"])
def test_an_id_that_is_too_old_gets_a_gap_and_what_there_is(serve, database, live):
    api = serve(database=database).api
    place_many(database, 6)
    since = position(database, True)
    database.query("DELETE FROM order_events WHERE id <= 3")
    others = [listening(api)] if live else []
    with EventStream(api.address, since=since) as stream:
        gap(stream, since)
        assert [event.data["id"] for event in stream.take(3)] == [4, 5, 6]
        order = api.place()
        assert stream.next().data["id"] == order
    with EventStream(api.address, "?since=0-0") as stream:      # the id of who came before there was any event
        gap(stream, "0-0")
        assert stream.next().data["id"] == 4
    with EventStream(api.address, "?since=oldest") as stream:
        assert stream.next().data["id"] == 4
    for other in others:
        assert other.next().data["id"] == order
        other.close()


def test_who_came_before_there_was_any_event_may_come_again(serve, database):
    api = serve(database=database).api
    with listening(api) as stream:
        assert stream.id == "0-0"
    order = api.place()
    for since in ("0-0", "oldest"):
        with EventStream(api.address, since=since) as stream:
            assert stream.next().data["id"] == order


def test_an_id_that_never_was_gets_a_gap(serve, database):
    api = serve(database=database).api
    for since in ("0-7", "77777777-1"):
        with EventStream(api.address, since=since) as stream:
            gap(stream, since)
            order = api.place()
            assert order in [event.data["id"] for event in stream.take(order)]


def test_who_listens_while_the_journal_is_emptied_is_told_so(serve, database):
    api = serve(database=database).api
    with listening(api) as stream:
        api.place()
        last = stream.next().id
        database.query("DELETE FROM order_events")
        order = api.place()
        gap(stream, last)
        assert stream.next().data["id"] == order


def test_old_events_are_purged_and_the_newest_stays(serve, database):
    place_many(database, 5000)
    long_ago = "2001-01-01T00:00:00.000Z"
    database.query("UPDATE order_events SET at = ? WHERE id <= 4500 OR id = 4600", long_ago)
    serve(database=database)
    until(lambda: database.query("SELECT count(*) FROM order_events") == [(500,)], 10, "what is older than a week goes")
    assert database.query("SELECT min(id) FROM order_events") == [(4501,)]


def test_the_newest_event_stays_however_old_it_is(serve, database):
    place_many(database, 3)
    database.query("UPDATE order_events SET at = ?", "2001-01-01T00:00:00.000Z")
    api = serve("--keep-events", 1, database=database).api
    until(lambda: database.query("SELECT id FROM order_events") == [(3,)], 10, "all but the newest go")
    with EventStream(api.address, since=position(database, False)) as stream:
        order = api.place()
        assert stream.next().data["id"] == order


# ---- filters ----

@quick
def test_filters_take_what_they_name(api):
    with listening(api) as every:
        first, second = api.place(), api.place()
        before = every.take(2)[-1].id
        for order, taker in ((first, "ann"), (second, "bob")):
            succeeded(api.take(order, taker))
        succeeded(api.release(first, "ann"))
        succeeded(api.take(first, "bob"))
        succeeded(api.deliver(first, "bob"))
        last = api.place()
        events = every.take(6)
    for query, wanted in (("taker=ann", lambda e: e.data["by"] == "ann"), (f"order={first}", lambda e: e.data["id"] == first),
                          ("kinds=placed", lambda e: e.kind == "placed"), ("kinds=taken,delivered", lambda e: e.kind in ("taken", "delivered")),
                          ("taker=bob&kinds=taken", lambda e: e.data["by"] == "bob" and e.kind == "taken"),
                          (f"taker=bob&order={second}&kinds=taken,released", lambda e: e.data["by"] == "bob" and e.data["id"] == second),
                          ("taker=nobody", lambda e: False)):
        expected = [event.id for event in events if wanted(event)]
        with EventStream(api.address, "?" + query, before) as stream:
            assert [event.id for event in stream.take(len(expected))] == expected, query
            stream.silent(0.05)
    assert last == events[-1].data["id"]


def test_a_filter_finds_what_lies_far_back(serve, database):
    api = serve(database=database).api
    place_many(database, MANY)
    place_many(database, 3, taker="ann")
    place_many(database, MANY)
    with EventStream(api.address, "?since=oldest&taker=ann") as stream:
        assert [event.data["by"] for event in stream.take(3)] == ["ann"] * 3
        stream.silent(0.1)


@pytest.mark.parametrize("query, name", [("kinds=", "kinds"), ("kinds=placed,", "kinds"), ("kinds=Placed", "kinds"), ("kinds=gap", "kinds"),
                                         ("order=x", "order"), ("taker=", "taker"), ("from=1-2", "from"), ("taker=a&taker=b", "taker")])
def test_a_filter_that_is_not_right_is_refused_by_name(api, query, name):
    problem(api.get("/orders/events?" + query), 400, name)


# ---- how long it lasts, and how many there may be ----

def test_the_deadline_of_requests_ends_no_stream(serve, database):
    api = serve("--deadline", 0.5, database=database).api
    with listening(api) as stream:
        stream.silent(1.2)
        order = api.place()
        assert stream.next().data["id"] == order


def test_there_are_no_more_than_may_be_and_who_leaves_makes_room(serve, database):
    api = serve("--max-events", 2, database=database).api
    with listening(api) as first, listening(api):
        answer = api.get("/orders/events")
        problem(answer, 503, "--max-events")
        assert answer.header("Retry-After")
        assert api.place()
        first.close()
        third = until(lambda: accepted(api), 5, "there is room again")
        third.begun()
        order = api.place()
        assert third.next().data["id"] == order
        third.close()


def accepted(api):
    stream = EventStream(api.address)
    if stream.head.status == 200:
        return stream
    stream.close()
    return None


@quick
def test_who_closes_the_sending_side_is_told_that_nothing_follows(api):
    with listening(api) as stream:
        stream.connection.half_close()
        assert stream.next() is None and stream.whole


def test_what_is_sent_behind_the_request_is_not_answered(api):
    with listening(api) as stream:
        stream.connection.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
        order = api.place()
        assert stream.next().data["id"] == order


def test_a_drain_ends_streams_as_a_whole_and_at_once(serve, database):
    server = serve("--drain", 8, database=database)
    streams = [listening(server.api) for _ in range(20)]
    began = time.monotonic()
    server.signal()
    for stream in streams:
        assert stream.next() is None and stream.whole
        stream.close()
    assert server.wait() == 0
    assert time.monotonic() - began < 3 * SLOW


def test_who_comes_during_a_drain_is_sent_elsewhere(serve, database):
    server = serve("--drain", 8, database=database)
    with Connection(server.address) as slow, Connection(server.address) as late:
        slow.send(b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")     # keeps the drain waiting
        late.send(b"GET /orders/events HTTP/1.1\r\n")
        server.wait_read()
        server.signal()
        server.told("draining", 1)
        late.send(b"Host: x\r\n\r\n")
        answer = late.response()
        assert answer.status == 200 and answer.body.startswith(b"retry: ")


# ---- the order of transactions ----

def test_what_commits_late_comes_in_its_place(serve, postgres):
    """Numbers of rows are given when they are written; a reader by number would pass the one that commits last."""
    api = serve(database=postgres).api
    insert = "INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES (1, 2, 3, 4, 5) RETURNING id"
    session = postgres.connect()
    try:
        with listening(api) as stream:
            with session.cursor() as cursor:
                cursor.execute(insert)
                late = cursor.fetchone()[0]
            soon = api.place()
            with listening(api) as second:
                stream.silent(0.5)
                session.commit()
                for each in (stream, second):
                    assert [event.data["id"] for event in each.take(2, 2)] == [late, soon]
    finally:
        session.close()


def test_what_is_rolled_back_is_not_missed(serve, postgres):
    api = serve(database=postgres).api
    session = postgres.connect()
    try:
        with listening(api) as stream:
            with session.cursor() as cursor:
                cursor.execute("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES (1, 2, 3, 4, 5)")
            orders = [api.place(), api.place()]
            session.rollback()
            assert [event.data["id"] for event in stream.take(2, 2)] == orders
            stream.silent(0.1)
    finally:
        session.close()
