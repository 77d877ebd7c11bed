"""Traces: which traceparent is continued, and who is told of it."""

import re

import pytest

from support.provider import Provider, http, osrm
from support.wait import until

pytestmark = pytest.mark.quick

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


def test_a_trace_is_continued(asked):
    for flags in ("00", "01", "03"):
        told, line = asked(("traceparent", f"00-{ID}-{SPAN}-{flags}"), ("tracestate", "congo=t61rcWkgMzE , rojo=1"), ("tracestate", "a=2"))
        _, trace, span, kept = told["traceparent"].split("-")
        assert (trace, kept) == (ID, flags) and re.fullmatch("[0-9a-f]{16}", span)
        assert told["tracestate"] == "congo=t61rcWkgMzE , rojo=1,a=2"
        assert line["trace_id"] == ID and re.fullmatch("[0-9a-f]{16}", line["span_id"])
        assert len({SPAN, span, line["span_id"]}) == 3


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


@pytest.mark.parametrize("state", ["A=1", "a", "a=1,b", "é=1", ",".join(f"a{number}=1" for number in range(33)), "a=" + "x" * 257])
def test_a_tracestate_that_is_malformed_is_not_passed_on(asked, state):
    told, _ = asked(("traceparent", f"00-{ID}-{SPAN}-01"), ("tracestate", state))
    assert told["traceparent"].split("-")[1] == ID and "tracestate" not in told


def test_a_failure_of_the_provider_is_logged_with_the_trace(asked):
    asked.provider.answer = http("500 Internal Server Error", "")
    _, line = asked(("traceparent", f"00-{ID}-{SPAN}-00"), status=400)
    failure, = asked.server.told("no distance", 1)
    assert (failure["trace_id"], failure["span_id"]) == (ID, line["span_id"])


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
