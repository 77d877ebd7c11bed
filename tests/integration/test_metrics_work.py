"""What /metrics says of the work behind HTTP: orders, sets of calls, the database, kept replies, events, distances."""

import pytest

from support.events import EventStream
from support.expect import problem, refused, succeeded
from support.metrics import scraped
from support.provider import Provider, google, http
from support.rawhttp import Connection, request_bytes
from support.wait import settled, until
from test_orders_lease import let_the_lease_end

pytestmark = pytest.mark.quick


def outcomes(api, name, label="outcome"):
    """{value of the label: count}, of those that are not 0."""
    return {dict(labels)[label]: int(value) for labels, value in scraped(api).lines(name).items() if value}


def gained(before, after):
    return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}


# ---- orders ----

@pytest.fixture
def takes(api):
    before = outcomes(api, "rowlock_order_takes_total")
    return lambda: gained(before, outcomes(api, "rowlock_order_takes_total"))


def test_takes_are_counted_by_what_became_of_them(api, db, takes):
    first, second = api.place(), api.place()
    succeeded(api.take(first, "ann"))
    succeeded(api.take(first, "ann"))
    refused(api.take(first, "bob"), "Order is already taken.")
    refused(api.take(4711000, "bob"), "Order does not exist.")
    assert api.take(second, "ann", lease=60).status == 200
    assert api.take(second, "ann", lease=60, claim=99).status == 400
    assert takes() == {"won": 3, "taken": 1, "missing": 1, "stale": 1}
    assert api.release(first, "ann").status == api.deliver(second, "ann").status == 200
    assert takes() == {"won": 3, "taken": 1, "missing": 1, "stale": 1}, "these are no takes"


def test_so_is_an_order_that_somebody_has_locked(serve, postgres):
    api = serve("--distance", "haversine", database=postgres).api
    order = api.place()
    holder = postgres.connect()
    try:
        holder.cursor().execute("SELECT FROM orders WHERE id = %s FOR UPDATE", (order,))
        refused(api.take(order, "ann"), "Order is currently occupied.")
    finally:
        holder.close()
    assert outcomes(api, "rowlock_order_takes_total") == {"occupied": 1}


def test_claims_are_counted_and_what_they_got(serve, database):
    api = serve("--distance", "haversine", database=database).api
    for _ in range(3):
        api.place()
    assert len(api.claim("ann", limit=2)) == 2 and len(api.claim("bob", limit=2)) == 1 and api.claim("cid") == []
    assert outcomes(api, "rowlock_order_claims_total") == {"won": 2, "nothing": 1}
    assert scraped(api).value("rowlock_orders_claimed_total") == 3


AGED = {"PostgresDatabase": "created_at - interval '40 seconds'", "SqliteDatabase": "strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '-40 seconds')"}


@pytest.mark.parametrize("how", ["claimed", "taken"])
def test_how_old_orders_are_when_somebody_gets_them_is_seen(serve, database, how):
    api = serve("--distance", "haversine", database=database).api
    old, new = api.place(), api.place()
    database.query(f"UPDATE orders SET created_at = {AGED[type(database).__name__]} WHERE id = ?", old)
    if how == "claimed":
        assert len(api.claim("ann", limit=5)) == 2
    else:
        for taker in ("ann", "ann", "bob"):     # once each, for whoever gets it
            for order in (old, new):
                api.take(order, taker)
    found = scraped(api)
    buckets = {bound: found.value("rowlock_order_age_seconds_bucket", le=bound) for bound in ("30.0", "60.0", "+Inf")}
    assert buckets == {"30.0": 1, "60.0": 2, "+Inf": 2}
    assert 40 <= found.value("rowlock_order_age_seconds_sum") < 60


@pytest.mark.parametrize("placed", ["-infinity", "infinity", "4000-01-01 BC", "1650-01-01", "9999-01-01"])
def test_moments_at_which_nothing_was_placed_are_in_nobodys_way(serve, postgres, placed):
    """They are no ages; what stands in the table by hand is taken like all else."""
    api = serve("--distance", "haversine", database=postgres).api
    first, second = api.place(), api.place()
    postgres.query("UPDATE orders SET created_at = ?::timestamptz", placed)
    succeeded(api.take(first, "ann"))
    claimed = api.claim("bob")
    assert [order["id"] for order in claimed] == [second]
    assert scraped(api).value("rowlock_order_age_seconds_count") == 0


def test_the_table_of_orders_is_looked_at(serve, postgres):
    postgres.query("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) SELECT 1, 2, 3, 4, n FROM generate_series(1, 500) AS n")
    postgres.query("UPDATE orders SET distance = 0 WHERE id <= 100")
    until(lambda: postgres.query("SELECT pg_stat_get_dead_tuples('orders'::regclass)")[0][0] == 100, 15, "statistics know it")
    api = serve(database=postgres).api
    found = until(lambda: (lambda now: now.value("rowlock_orders_table_bytes") and now)(scraped(api)), 10, "it was asked")
    assert (found.value("rowlock_orders_live_rows"), found.value("rowlock_orders_dead_rows")) == (500, 100)
    assert found.value("rowlock_orders_table_bytes") == postgres.query("SELECT pg_total_relation_size('orders')")[0][0]


def test_leases_that_end_are_counted(serve, database):
    api = serve("--distance", "haversine", database=database).api
    orders = [api.place() for _ in range(3)]
    for order in orders:
        assert api.take(order, "ann", lease=600).status == 200
        let_the_lease_end(database, order)
    settled(lambda: scraped(api).value("rowlock_order_leases_expired_total"), 3, 10, "the sweep has seen them")


# ---- sets and statements ----

def test_each_statement_has_its_time_and_each_set_its_calls(serve, database):
    api = serve("--distance", "haversine", database=database).api
    before = scraped(api)
    order = api.place()
    for _ in range(4):
        api.take(order, "ann")
    after = scraped(api)
    for statement, count in (("order_place", 1), ("order_take", 4)):
        assert after.value("rowlock_statement_duration_seconds_count", statement=statement) == count
        assert after.value("rowlock_statement_duration_seconds_sum", statement=statement) > 0
    sets, calls = (after.value(f"rowlock_set_calls_{part}") - before.value(f"rowlock_set_calls_{part}") for part in ("count", "sum"))
    assert calls >= sets >= 5
    assert after.value("rowlock_set_wait_seconds_count") - before.value("rowlock_set_wait_seconds_count") == sets


def test_calls_that_wait_and_those_on_their_way_are_seen_and_locks_are_errors(serve, postgres):
    server = serve("--distance", "haversine", "--deadline", 20, database=postgres)
    holder = postgres.connect()
    try:
        holder.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        connections = [Connection(server.address) for _ in range(8)]
        for connection in connections:
            connection.send(request_bytes("POST", "/orders", {"origin": [1, 2], "destination": [3, 4]}))

        def calls():
            found = scraped(server.api)
            return found.value("rowlock_calls_waiting") + found.value("rowlock_calls_in_flight")

        until(lambda: calls() >= 8, 5, "they wait")
        until(lambda: scraped(server.api).value("rowlock_statement_errors_total", **{"class": "locked"}) > 0, 5, "one has met the lock")
        holder.rollback()
        for connection in connections:
            assert connection.response().status == 200
            connection.close()
    finally:
        holder.close()
    settled(lambda: scraped(server.api).value("rowlock_calls_waiting"), 0)


# ---- connections ----

def test_connections_to_the_database_are_seen_and_their_loss(serve, postgres):
    server = serve("--db-connections", 3, "--distance", "haversine", database=postgres)

    def states():
        return outcomes(server.api, "rowlock_database_connections", "state")

    until(lambda: states().get("idle") == 3, 5, "all are there")
    before = scraped(server.api)
    assert before.value("rowlock_database_connections_opened_total") == 3 and before.value("rowlock_database_connections_lost_total") == 0
    postgres.cluster.terminate_sessions(postgres.name)
    until(lambda: scraped(server.api).value("rowlock_database_connections_opened_total") == 6, 10, "they are made anew")
    assert scraped(server.api).value("rowlock_database_connections_lost_total") >= 3
    until(lambda: states().get("idle") == 3, 5, "all are there again")


# ---- kept replies, events, distances ----

def test_hits_and_misses_of_kept_replies_are_counted(serve, database):
    api = serve("--cache", "simple:", database=database).api

    def lookups():
        return outcomes(api, "rowlock_cache_lookups_total", "result")

    until(lambda: api.get("/api/users/profiles").status == 200 and lookups().get("hit", 0) > 0, 10, "it is kept")
    before = lookups()
    assert before["miss"] > 0
    api.get("/api/users/profiles?pagination=7")
    assert gained(before, lookups()) == {"miss": 1}
    api.get("/api/users/profiles?pagination=7")
    assert gained(before, lookups()) == {"miss": 1, "hit": 1}


def test_who_listens_is_seen(serve, database):
    server = serve("--distance", "haversine", database=database)

    def listeners():
        return outcomes(server.api, "rowlock_event_listeners", "state")

    assert listeners() == {}
    with EventStream(server.address), EventStream(server.address):
        settled(listeners, {"live": 2})
    settled(listeners, {})


def test_questions_to_the_distance_provider_are_counted(serve, sqlite):
    with Provider(google(4711)) as provider:
        api = serve(database=sqlite, env=provider.settings("google")).api
        api.place()
        provider.answer = http("200 OK", '{"status":"REQUEST_DENIED"}')
        problem(api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}), 400)
        provider.answer = http("200 OK", "{")
        problem(api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}), 400)
        provider.answer = b""
        problem(api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}), 400)
        assert outcomes(api, "rowlock_distance_requests_total") == {"ok": 1, "refused": 1, "malformed": 1, "unreachable": 1}
