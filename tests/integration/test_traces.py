"""Traces: which traceparent is continued, who is told of it, and what a collector of spans gets."""

import os
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.collector import Collector
from support.metrics import scraped
from support.port import free_port
from support.program import SLOW
from support.provider import Provider, http, osrm
from support.rawhttp import Connection, request_bytes
from support.wait import settled, until

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PLACE = {"origin": ["50.456399", "12.707580"], "destination": ["59.436487", "24.747193"]}


@pytest.fixture
def asked(serve, sqlite):
    """asked(headers…): what the distance provider is asked, and the line of the request in the log."""
    with Provider(osrm(7)) as provider:
        server = serve("--access-log", database=sqlite, env=provider.settings("osrm"))

        def ask(*headers, status=200):
            provider.requests.clear()
            name = f"r{server.log().count('slow request')}-{len(server.lines())}"
            answer = server.api.post("/orders", PLACE, headers=[("X-Request-Id", name), *headers])
            assert answer.status == status
            question, = provider.requests

            def line():
                return [line for line in server.lines() if line.get("request_id") == name]

            until(lambda: line(), 5)
            return question.headers, line()[0]

        ask.provider, ask.server = provider, server
        yield ask


@pytest.mark.quick
def test_a_trace_is_continued(asked):
    for flags in ("00", "01", "03"):
        told, line = asked(("traceparent", f"00-{ID}-{SPAN}-{flags}"), ("tracestate", "congo=t61rcWkgMzE , rojo=1"), ("tracestate", "a=2"))
        _, trace, span, kept = told["traceparent"].split("-")
        assert (trace, kept) == (ID, flags) and re.fullmatch("[0-9a-f]{16}", span)
        assert told["tracestate"] == "congo=t61rcWkgMzE , rojo=1,a=2"
        assert line["trace_id"] == ID and re.fullmatch("[0-9a-f]{16}", line["span_id"])
        assert len({SPAN, span, line["span_id"]}) == 3


@pytest.mark.quick
@pytest.mark.parametrize("headers", [
    [], [("traceparent", f"ff-{ID}-{SPAN}-01")], [("traceparent", f"00-{'0' * 32}-{SPAN}-01")], [("traceparent", f"00-{ID}-{SPAN}-01x")],
    [("traceparent", f"00-{ID.upper()}-{SPAN}-01")], [("traceparent", f"00-{ID}-{SPAN}-01")] * 2, [("traceparent", "")]])
def test_without_a_good_traceparent_a_trace_begins(asked, headers):
    told, line = asked(*headers, ("tracestate", "a=1"))
    other, _ = asked(*headers)
    version, trace, span, flags = told["traceparent"].split("-")
    assert (version, flags) == ("00", "02") and re.fullmatch("[0-9a-f]{32}", trace) and re.fullmatch("[0-9a-f]{16}", span)
    assert trace.lower() != ID and line["trace_id"] == trace != other["traceparent"].split("-")[1]
    assert "tracestate" not in told


@pytest.mark.quick
@pytest.mark.parametrize("state", ["A=1", "a", "a=1,b", "é=1", ",".join(f"a{number}=1" for number in range(33)), "a=" + "x" * 257])
def test_a_tracestate_that_is_malformed_is_not_passed_on(asked, state):
    told, _ = asked(("traceparent", f"00-{ID}-{SPAN}-01"), ("tracestate", state))
    assert told["traceparent"].split("-")[1] == ID and "tracestate" not in told


@pytest.mark.quick
def test_a_failure_of_the_provider_is_logged_with_the_trace(asked):
    asked.provider.answer = http("500 Internal Server Error", "")
    _, line = asked(("traceparent", f"00-{ID}-{SPAN}-00"), status=400)
    failure, = asked.server.told("no distance", 1)
    assert (failure["trace_id"], failure["span_id"]) == (ID, line["span_id"])


@pytest.mark.quick
@pytest.mark.parametrize("engine", ["evhttp", "direct"])
def test_every_request_is_logged_with_its_trace(serve, sqlite, engine):
    server = serve("--access-log", "--http", engine, database=sqlite)
    parent = {"traceparent": f"00-{ID}-{SPAN}-01"}
    for target in ("/health", "/orders/1", "/nope", "/orders/x", "/docs", "/users"):
        server.api.get(target, headers=parent)
    server.api.call("DELETE", "/health", headers=parent)

    def lines():
        return [line for line in server.lines() if line.get("trace_id") == ID]

    until(lambda: len(lines()) == 7, 5, lambda: server.log())
    assert len({line["span_id"] for line in lines()}) == 7


# ---- spans ----

POOLED = bool(os.environ.get("ROWLOCK_TEST_PGBOUNCER"))
ALL = ("--trace-ratio", "1")
SAMPLED = {"traceparent": f"00-{ID}-{SPAN}-01"}
SENT, DROPPED = "rowlock_spans_sent_total", "rowlock_spans_dropped_total"


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


def spans_of(collector, trace, count):
    """The spans of a trace, when there are so many."""
    def found():
        return [span for span in collector.spans if span.trace == trace]

    until(lambda: len(found()) >= count, 10, lambda: f"{count} of {collector.spans}")
    assert len(found()) == count
    return found()


def tree(spans):
    """The span of the request, and those of its parts by name. Parts lie within it, and are of it."""
    whole, = [span for span in spans if span.kind == 2]
    parts = {span.name: span for span in spans if span is not whole}
    assert len(parts) == len(spans) - 1
    for part in parts.values():
        assert part.parent == whole.id and whole.start <= part.start <= part.end <= whole.end, (whole, part)
    return whole, parts


@pytest.mark.quick
@pytest.mark.parametrize("engine", ["evhttp", "direct"])
def test_a_request_is_a_span_with_its_parts(serve, database, collector, engine):
    server = serve("--otlp", collector.url, "--http", engine, database=database)
    server.api.place()
    answer = server.api.call("PATCH", "/orders/1", {"status": "TAKEN"}, headers=SAMPLED | {"User-Agent": 'curl/8 "x"', "tracestate": "a=1"})
    assert answer.status == 200
    whole, parts = tree(spans_of(collector, ID, 3))
    assert (whole.name, whole.parent, whole.state, whole.flags & 0x300) == ("PATCH /orders/{id}", SPAN, "a=1", 0x300)
    assert whole.attributes == {"http.request.method": "PATCH", "http.route": "/orders/{id}", "http.response.status_code": 200,
                                "url.scheme": "http", "url.path": "/orders/1", "client.address": "127.0.0.1", "user_agent.original": 'curl/8 "x"'}
    statement, wait = parts["order_take"], parts["wait for the set"]
    assert (statement.kind, wait.kind, whole.status) == (3, 1, 0) and wait.end <= statement.start
    assert statement.links == [(ID, whole.id)] and wait.links == [(ID, statement.id)]
    system = "sqlite" if "sqlite" in database.url else "postgresql"
    assert statement.attributes["db.system.name"] == system and statement.attributes["db.query.summary"] == "order_take"
    assert ("rowlock.backend_pid" in statement.attributes) == (system == "postgresql" and not POOLED)
    assert collector.requests[0][0] == "/v1/traces"
    assert collector.resources[0]["service.name"] == "rowlock"


def test_what_is_not_sampled_is_not_recorded(serve, sqlite, collector):
    server = serve("--otlp", collector.url, "--trace-ratio", 0, database=sqlite)
    for flags in ("00", "02"):
        server.api.get("/orders/1", headers={"traceparent": f"00-{'1' * 32}-{SPAN}-{flags}"})
    server.api.get("/orders/1")
    server.api.get("/orders/1", headers=SAMPLED)
    spans_of(collector, ID, 3)
    server.stop()
    assert {span.trace for span in collector.spans} == {ID}


def test_the_ratio_is_of_traces_that_begin_here(serve, sqlite, collector):
    server = serve("--otlp", collector.url, "--trace-ratio", "0.25", database=sqlite)
    with Connection(server.address) as connection:
        connection.send(request_bytes("GET", "/health") * 400)
        for _ in range(400):
            assert connection.response().status == 200
    server.stop()
    assert 50 <= len([span for span in collector.spans if span.name == "GET /health"]) <= 150     # 100, and 5.8 standard deviations


@pytest.mark.quick
def test_the_statement_of_a_set_has_links_to_all_its_requests(serve, postgres, collector):
    server = serve("--otlp", collector.url, *ALL, "--db-connections", 1, database=postgres)
    orders = [server.api.place() for _ in range(60)]
    with postgres.connect() as other, other.cursor() as cursor, ThreadPoolExecutor(60) as pool:
        cursor.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        ids = [f"{number + 1:032x}" for number in range(60)]

        def take(number):
            return server.api.call("PATCH", f"/orders/{orders[number]}", {"status": "TAKEN"}, headers={"traceparent": f"00-{ids[number]}-{SPAN}-01"}).status

        asked = [pool.submit(take, number) for number in range(60)]
        until(lambda: scraped(server.api).value("rowlock_calls_waiting") + scraped(server.api).value("rowlock_calls_in_flight") >= 60, 10)
        other.rollback()
        assert {one.result() for one in asked} == {200}
    server.stop()
    wholes = {span.id: span for span in collector.spans if span.name == "PATCH /orders/{id}"}
    statements = {span.id: span for span in collector.spans if span.name == "order_take"}
    assert {span.trace for span in wholes.values()} == set(ids)
    assert max(len(span.links) for span in statements.values()) > 10
    reached = set()
    for statement in statements.values():
        assert statement.attributes.get("db.operation.batch.size", 1) == len(statement.links)
        assert (statement.trace, statement.parent) in statement.links
        reached |= set(statement.links)
    assert reached == {(span.trace, span.id) for span in wholes.values()}
    for wait in (span for span in collector.spans if span.name == "wait for the set" and span.parent in wholes):
        (trace, statement), = wait.links
        assert (trace, (wait.trace, wait.parent) in statements[statement].links) == (statements[statement].trace, True)
        assert wholes[wait.parent].start <= wait.start <= wait.end <= statements[statement].start


def test_who_joins_a_read_has_a_link_to_whom_it_joined(serve, postgres, collector):
    server = serve("--otlp", collector.url, "--db-connections", 1, database=postgres)
    server.api.place()
    ids = [f"{number + 1:032x}" for number in range(20)]
    with postgres.connect() as other, other.cursor() as cursor, ThreadPoolExecutor(20) as pool:
        cursor.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        asked = [pool.submit(server.api.get, "/orders?page=1&limit=3", {"traceparent": f"00-{trace}-{SPAN}-01"}) for trace in ids]
        until(lambda: scraped(server.api).value("rowlock_http_requests_in_flight") >= 20, 10)
        other.rollback()
        assert {one.result().status for one in asked} == {200}
    server.stop()
    wholes = {(span.trace, span.id): span for span in collector.spans if span.name == "GET /orders"}
    joined = [span for span in collector.spans if span.name == "wait for a shared read"]
    asking = {span.trace for span in collector.spans if span.kind == 3}
    assert len(wholes) == 20 and len(joined) > 10 and asking | {span.trace for span in joined} == set(ids)
    for span in joined:
        whole = wholes[span.trace, span.parent]
        assert whole.start <= span.start <= span.end <= whole.end
        assert span.links[0] in wholes and span.links[0][0] in asking - {span.trace}


def test_postgresql_shows_and_logs_the_trace(serve, postgres, collector):
    server = serve("--otlp", collector.url, "--log-level", "debug", database=postgres)
    order = server.api.place()
    with postgres.connect() as other, other.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        taking = pool.submit(server.api.call, "PATCH", f"/orders/{order}", {"status": "TAKEN"}, SAMPLED)
        shown = f"SELECT application_name, pid FROM pg_stat_activity WHERE application_name LIKE 'rowlock/{ID}/%'"
        seen = []
        until(lambda: seen.extend(postgres.query(shown)) or seen, 10)
        name, pid = seen[0]
        other.rollback()
        assert taking.result().status == 200
    server.stop()
    known = (None, 0) if POOLED else (pid, pid)         # behind a pooler the session is another's
    assert (name, known[0]) in [(f"rowlock/{ID}/{span.id}", span.attributes.get("rowlock.backend_pid")) for span in collector.spans]
    assert any((line["application_name"], line["backend_pid"]) == (name, known[1]) for line in server.told("statement") if "application_name" in line)
    assert postgres.query("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rowlock/%'") == [(0,)]


def test_a_slow_statement_is_logged_with_its_process(serve, postgres):
    server = serve(database=postgres)
    postgres.query("CREATE TABLE process (pid int)")
    postgres.query("CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO process VALUES (pg_backend_pid()); "
                   "PERFORM pg_sleep(1.1); RETURN new; END $$")
    postgres.query("CREATE TRIGGER dawdle BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION dawdle()")
    assert server.api.post("/messages", {"sender": "a", "recipient": "b", "text": "c"}).status == 201
    line, = server.told("slow statement", 1)
    (pid,), = postgres.query("SELECT pid FROM process")
    assert (line["level"], line["calls"], line["backend_pid"]) == ("warn", 1, 0 if POOLED else pid) and line["duration_ms"] >= 1000
    assert "application_name" not in line       # its trace is not recorded


@pytest.mark.quick
def test_the_provider_is_a_span_whose_id_it_is_told(serve, sqlite, collector):
    with Provider(osrm(7)) as provider:
        server = serve("--otlp", collector.url, database=sqlite, env=provider.settings("osrm"))
        assert server.api.post("/orders", PLACE, headers=SAMPLED).status == 200
        whole, parts = tree(spans_of(collector, ID, 4))
        asked = parts["GET"]
        assert provider.requests[0].headers["traceparent"] == f"00-{ID}-{asked.id}-01"
        assert asked.kind == 3 and asked.attributes == {
            "http.request.method": "GET", "url.full": provider.url, "server.address": "127.0.0.1", "rowlock.distance.provider": "osrm",
            "http.response.status_code": 200}
        provider.answer = http("500 Internal Server Error", "")
        other = ID[::-1]
        assert server.api.post("/orders", PLACE, headers={"traceparent": f"00-{other}-{SPAN}-01"}).status == 400
        whole, parts = tree(spans_of(collector, other, 2))
        assert (parts["GET"].status, parts["GET"].attributes["error.type"], whole.status) == (2, "500", 0)


def test_what_is_no_utf_8_is_left_out_and_what_is_long_is_cut(serve, sqlite, collector):
    server = serve("--otlp", collector.url, database=sqlite)
    server.api.get("/health", headers=SAMPLED | {"User-Agent": "\xff"})
    whole, = spans_of(collector, ID, 1)
    assert "user_agent.original" not in whole.attributes
    other = ID[::-1]
    server.api.get("/" + "x" * 3000, headers={"traceparent": f"00-{other}-{SPAN}-01", "User-Agent": "y" * 3000})
    whole, = spans_of(collector, other, 1)
    assert (whole.attributes["url.path"], whole.attributes["user_agent.original"]) == ("/" + "x" * 1023, "y" * 1024)


def test_no_secret_is_in_a_span(serve, sqlite, collector):
    with Provider(b"") as provider:
        url = provider.url.replace("http://", "http://ann:geheim@")
        server = serve("--otlp", collector.url.replace("http://", "http://bob:geheimer@") + "/", database=sqlite, env=provider.settings("google") | {
            "GMAP_DISTANCE_MATRIX_API": url + "/x?key=geheim", "ROWLOCK_OTLP_HEADERS": "x-api-key=geheim%21, other=1"})
        server.api.post("/orders", PLACE, headers=SAMPLED)
        _, parts = tree(spans_of(collector, ID, 2))
        assert parts["GET"].attributes["url.full"] == provider.url.replace("http://", "http://ann:***@") + "/x"
        path, headers = collector.requests[0]
        assert (path, headers["x-api-key"], headers["other"]) == ("/v1/traces", "geheim!", "1") and headers["Authorization"].startswith("Basic ")
        server.stop()
        assert "geheim" not in server.log() + str(collector.spans)


def test_errors_are_said(serve, postgres, collector):
    server = serve("--otlp", collector.url, database=postgres)
    postgres.query("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = 'XX001'; END $$")
    postgres.query("CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse()")
    assert server.api.post("/messages", {"sender": "a", "recipient": "b", "text": "c"}, headers=SAMPLED).status == 500
    whole, parts = tree(spans_of(collector, ID, 3))
    statement, = [span for span in parts.values() if span.kind == 3]
    assert (whole.status, whole.attributes["error.type"], whole.attributes["http.response.status_code"]) == (2, "500", 500)
    assert (statement.status, statement.attributes["error.type"], statement.attributes["db.response.status_code"]) == (2, "XX001", "XX001")


def test_several_workers_send_their_spans(serve, postgres, collector):
    server = serve("--workers", 3, "--otlp", collector.url, *ALL, database=postgres)
    for _ in range(60):
        assert server.api.get("/orders/4711").status == 404
    server.stop()
    found = [span for span in collector.spans if span.name == "GET /orders/{id}"]
    assert len(found) == 60 and len({span.trace for span in found}) == 60 and len({span.id for span in collector.spans}) == len(collector.spans)
    assert len({resource["process.pid"] for resource in collector.resources}) > 1


# ---- a collector that is no good ----

def counted(server):
    found = scraped(server.api)
    return int(found.value(SENT)), {reason: int(found.value(DROPPED, reason=reason)) for reason in ("full", "refused", "away", "shutdown")}


def served_quickly(server):
    for _ in range(20):
        before = time.monotonic()
        assert server.api.get("/orders/4711").status == 404
        assert time.monotonic() - before < 0.5 * SLOW


@pytest.mark.parametrize("answer, dropped", [
    ((400, {}, b"no"), True), ((404, {}, b""), True), ((302, {"Location": "http://127.0.0.1:1/"}, b""), True), ((200, {}, b"<html>"), False),
    ((200, {}, b'{"partialSuccess":{"rejectedSpans":"1000000"}}'), True), ((200, {}, b"[1,2"), False), ((200, {}, b""), False),
    ((200, {}, b'{"partialSuccess":{"rejectedSpans":-5}}'), False), ((202, {}, b"{}" * 200000), None)])
def test_what_it_answers_is_heeded(serve, sqlite, collector, answer, dropped):
    collector.answer = answer
    server = serve("--otlp", collector.url, *ALL, database=sqlite)
    served_quickly(server)
    until(lambda: counted(server)[0] if not dropped and dropped is not None else sum(counted(server)[1].values()) or dropped is None, 10,
          lambda: counted(server))
    sent, drops = counted(server)
    assert drops["full"] == drops["shutdown"] == 0
    if dropped:
        assert (sent, drops["away"]) == (0, 0) and drops["refused"] > 0
    elif dropped is False:
        assert sent > 0 and drops["refused"] == 0


@pytest.mark.parametrize("status, headers", [(503, {"Retry-After": "0"}), (429, {"Retry-After": " 1 "}), (502, {}), (504, {"Retry-After": "soon"})])
def test_what_is_busy_is_asked_again(serve, sqlite, collector, status, headers):
    collector.answer = [(status, headers, b"")] * 2 + [(200, {}, b"{}")]
    server = serve("--otlp", collector.url, "--trace-ratio", 0, database=sqlite)
    server.api.get("/orders/4711", headers=SAMPLED)
    spans_of(collector, ID, 3)
    assert len(collector.requests) == 3
    server.told("the collector does not take spans", 1)
    server.told("spans are taken again", 1)
    assert counted(server)[1]["away"] == 0


def test_a_pause_that_is_asked_for_is_kept(serve, sqlite, collector):
    collector.answer = [(503, {"Retry-After": "2"}, b""), (200, {}, b"")]
    server = serve("--otlp", collector.url, "--trace-ratio", 0, database=sqlite)
    server.api.get("/health", headers=SAMPLED)
    until(lambda: collector.requests, 10)
    before = time.monotonic()
    spans_of(collector, ID, 1)
    assert time.monotonic() - before > 1.5 and len(collector.requests) == 2


def test_who_is_away_costs_spans_and_nothing_else(serve, sqlite):
    server = serve("--otlp", f"http://127.0.0.1:{free_port()}", *ALL, database=sqlite)
    with Connection(server.address) as connection:
        for _ in range(30):
            connection.send(request_bytes("GET", "/health") * 200)
            for _ in range(200):
                assert connection.response().status == 200
    until(lambda: counted(server)[1]["full"] > 0, 5, lambda: counted(server))
    served_quickly(server)
    assert server.resident() < 60 << 20 or SLOW > 1
    before = time.monotonic()
    server.stop()
    assert time.monotonic() - before < 2 * SLOW
    assert len(server.told("the collector does not take spans")) == 1


@pytest.fixture
def silent():
    """The address of somebody who takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("workers", [1, 2])
def test_who_says_nothing_does_not_keep_the_server_from_ending(serve, postgres, silent, workers):
    server = serve("--workers", workers, "--otlp", silent, *ALL, "--drain", 6, database=postgres)
    served_quickly(server)
    before = time.monotonic()
    server.stop()
    assert time.monotonic() - before < 4 * SLOW
    assert "drain limit reached" not in server.log()


@pytest.mark.quick
def test_a_drain_sends_what_has_gathered(serve, database, collector):
    """Right behind the requests, before a second has passed."""
    server = serve("--otlp", collector.url, *ALL, database=database)
    for number in range(50):
        server.api.get(f"/orders/{number + 1}")
    server.stop()
    assert len([span for span in collector.spans if span.name == "GET /orders/{id}"]) == 50
    assert len([span for span in collector.spans if span.name == "order_get"]) == 50
