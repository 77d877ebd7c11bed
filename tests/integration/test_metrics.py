"""GET /metrics: what is counted is exact, whoever is asked; the formats; an address of its own for operators."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from support.expect import problem
from support.metrics import Metrics, scraped
from support.program import ROOT, missing, run
from support.rawhttp import Api, Connection, request_bytes
from support.wait import settled, until

pytestmark = pytest.mark.quick

OPEN = {"Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}
REQUESTS, DURATION = "rowlock_http_requests_total", "rowlock_http_request_duration_seconds"


def grown(before, after, name, **labels):
    return after.value(name, **labels) - before.value(name, **labels)


# ---- what is counted ----

@pytest.mark.parametrize("http", ["evhttp", "direct"])
def test_requests_are_counted_by_method_route_and_status(serve, database, http):
    api = serve("--http", http, "--distance", "haversine", database=database).api
    before = scraped(api)
    order = api.place()
    for _ in range(3):
        assert api.get(f"/orders/{order}").status == 200
    api.get("/orders/4711")
    api.get("/orders/x")
    api.call("HEAD", f"/orders/{order}")
    assert api.take(order, "ann").status == 200
    assert api.take(order, "bob").status == 400
    api.get("/nonesuch")
    api.call("DELETE", f"/orders/{order}")
    after = scraped(api)
    expected = {("POST", "/orders", 200): 1, ("GET", "/orders/{id}", 200): 3, ("GET", "/orders/{id}", 404): 1, ("GET", "/orders/{id}", 400): 1,
                ("HEAD", "/orders/{id}", 200): 1, ("PATCH", "/orders/{id}", 200): 1, ("PATCH", "/orders/{id}", 400): 1,
                ("GET", "none", 404): 1, ("DELETE", "none", 405): 1, ("GET", "/metrics", 200): 1}
    for (method, route, status), count in expected.items():
        assert grown(before, after, REQUESTS, method=method, route=route, status=str(status)) == count, (method, route, status)
    assert grown(before, after, REQUESTS) == sum(expected.values())
    assert grown(before, after, DURATION + "_count") == sum(expected.values())
    assert grown(before, after, DURATION + "_count", method="GET", route="/orders/{id}") == 5
    assert grown(before, after, DURATION + "_bucket", method="GET", route="/orders/{id}", le="+Inf") == 5
    assert after.value("rowlock_build_info", http=http, database="sqlite" if "sqlite" in database.url else "postgres") == 1


def test_a_histogram_adds_up(api):
    for _ in range(5):
        api.get("/health")
    found = scraped(api)
    lines = found.lines(DURATION + "_bucket", method="GET", route="/health")
    buckets = sorted((float(dict(labels)["le"].replace("+Inf", "inf")), value) for labels, value in lines.items())
    counts = [count for _, count in buckets]
    assert len(buckets) == 15 and counts == sorted(counts)
    assert counts[-1] == found.value(DURATION + "_count", method="GET", route="/health") >= 5
    assert 0 < found.value(DURATION + "_sum", method="GET", route="/health") < counts[-1] * 1


@pytest.mark.parametrize("http", ["evhttp", "direct"])
def test_bytes_and_connections_are_counted(serve, sqlite, http):
    server = serve("--http", http, database=sqlite)
    with Connection(server.address) as kept:
        def there():
            return Metrics(kept.request("GET", "/metrics").body.decode())

        before = there()
        asked = request_bytes("GET", "/health")
        with Connection(server.address) as connection:
            connection.send(asked * 10)
            for _ in range(10):
                assert connection.response().status == 200
            meanwhile = there()
            assert grown(before, meanwhile, "rowlock_http_connections_accepted_total") == 1
            assert meanwhile.value("rowlock_http_connections", state="idle") == before.value("rowlock_http_connections", state="idle") + 1
        after = until(lambda: (lambda found: grown(before, found, "rowlock_http_connections_closed_total", reason="left") == 1 and found)(there()), 5, "it is closed")
        received, sent = (grown(before, meanwhile, f"rowlock_http_{way}_bytes_total") for way in ("received", "sent"))
        assert received == 10 * len(asked) + len(request_bytes("GET", "/metrics"))
        assert sent > len(before.text)
        assert after.value("rowlock_http_connections", state="pending") == 1, "the one that asks"


def refusals(api):
    return {dict(labels)["reason"]: value for labels, value in scraped(api).lines("rowlock_refusals_total").items()}


@pytest.mark.parametrize("reason, sent, status", [
    ("target", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
    ("fields", b"GET /health HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 17000 + b"\r\n\r\n", 431),
    ("body", b"POST /orders HTTP/1.1\r\nHost: h\r\nContent-Length: 70000\r\n\r\n", 413),
    ("malformed", b"GET /health HTTP/1.1\r\n\r\n", 400),
    ("unsupported", b"POST /orders HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("foreign", b"POST /orders HTTP/1.1\r\nHost: h\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 2\r\n\r\n{}", 403),
])
def test_refusals_are_counted_by_their_reason(server, reason, sent, status):
    before = refusals(server.api)
    with Connection(server.address) as connection:
        connection.send(sent)
        assert connection.response().status == status
    after = refusals(server.api)
    assert {name for name in after if after[name] != before[name]} == {reason} and after[reason] == before[reason] + 1


def test_so_is_who_is_too_slow(serve, sqlite):
    server = serve("--deadline", 0.3, database=sqlite)
    with Connection(server.address) as connection:
        connection.send(b"GET /health HTTP/1.1\r\nHost: h\r\n")
        assert connection.response().status == 408
    found = scraped(server.api)
    assert found.value("rowlock_refusals_total", reason="slow") == 1
    assert found.value(REQUESTS, method="unknown", route="none", status="408") == 1


def test_the_process_says_what_it_uses(server):
    before = scraped(server.api)
    with Connection(server.address), Connection(server.address):
        found = until(lambda: (lambda now: now.value("process_open_fds") >= before.value("process_open_fds") + 2 and now)(scraped(server.api)), 20)
    assert found.value("process_open_fds") <= len(server.descriptors()) + 4
    assert 1 << 20 < found.value("process_resident_memory_bytes") < found.value("process_virtual_memory_bytes")
    assert found.value("process_resident_memory_bytes") / server.resident() == pytest.approx(1, rel=0.2)
    assert found.value("process_start_time_seconds") == pytest.approx(os.stat(f"/proc/{server.pid}").st_ctime, abs=60)
    assert found.value("process_cpu_seconds_total") > 0
    assert found.value("rowlock_workers_started_total") == found.value("rowlock_workers_ready") == 1
    assert found.value("rowlock_loop_lag_seconds_count") > before.value("rowlock_loop_lag_seconds_count") or \
        until(lambda: scraped(server.api).value("rowlock_loop_lag_seconds_count") > before.value("rowlock_loop_lag_seconds_count"))


# ---- several workers ----

def counters(found):
    """All that must never fall: {(name, labels): value}."""
    return {key: value for key, value in found.values.items() if re.search(r"_(total|bucket|count|sum)$", key[0])}


def fallen(before, after):
    """What is of one process goes with it."""
    later = counters(after)
    return [key for key, value in counters(before).items()
            if later.get(key, value if "process" in dict(key[1]) else 0) < value]


def test_any_worker_prints_what_all_have_counted_and_a_death_takes_nothing_away(serve, postgres):
    server = serve("--workers", 2, database=postgres, wait="listening")
    server.told("ready to serve", 2)
    server.wait_healthy()
    before = scraped(server.api)
    for _ in range(40):     # each on a connection of its own: both have some
        server.api.get("/health")
    scrapes = [scraped(server.api) for _ in range(10)]
    for number, found in enumerate(scrapes):
        assert grown(before, found, REQUESTS, route="/health") == 40
        assert grown(before, found, REQUESTS, route="/metrics") == number + 1
    assert not [lost for first, second in zip(scrapes, scrapes[1:]) for lost in fallen(first, second)]
    assert scrapes[-1].value("rowlock_workers_started_total") == 2 and scrapes[-1].value("rowlock_workers_died_total") == 0
    assert len(scrapes[-1].lines("process_open_fds")) == 3, "the parent and two workers"
    for number, victim in enumerate(server.workers(), 1):
        last = scraped(server.api)
        os.kill(victim, signal.SIGKILL)
        server.told("worker died", number)
        after = until(lambda: (lambda now: now.value("rowlock_workers_started_total") == 2 + number and now)(scraped(server.api)), 10, "another one")
        assert not fallen(last, after)
        assert after.value("rowlock_workers_died_total") == number
        assert grown(before, after, REQUESTS, route="/health") == 40
        until(lambda: scraped(server.api).value("rowlock_workers_ready") == 2, 10, "both are ready")
    assert len(scraped(server.api).lines("process_open_fds")) == 3
    settled(lambda: scraped(server.api).value("rowlock_http_connections", state="pending"), 1, 5, "those of the dead are gone")


def test_nor_does_a_replacement(serve, postgres):
    server = serve("--workers", 2, database=postgres, wait="listening")
    server.told("ready to serve", 2)
    server.wait_healthy()
    for round in range(1, 4):
        before = scraped(server.api)
        for _ in range(10):
            server.api.get("/health")
        server.signal(signal.SIGHUP)
        server.told("workers replaced", round, seconds=20)
        server.told("retired worker ended", 2 * round, seconds=20)
        after = scraped(server.api)
        assert grown(before, after, REQUESTS, route="/health") == 10
        assert not fallen(before, after)
        assert after.value("rowlock_workers_replaced_total") == 2 * round and after.value("rowlock_workers_died_total") == 0
        assert len(after.lines("process_open_fds")) == 3


# ---- formats ----

def test_the_format_is_that_of_prometheus_unless_openmetrics_is_asked_for(api):
    plain, other = api.get("/metrics"), api.get("/metrics", OPEN)
    assert plain.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    assert other.header("Content-Type") == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    for answer in (plain, other):
        assert answer.header("Cache-Control") == "no-store" and answer.header("Vary") == "Accept"
    first, second = Metrics(plain.body.decode()), Metrics(other.body.decode())
    assert second.open and not first.open
    assert set(first.values) <= set(second.values), "the same lines"
    assert second.families["rowlock_build"][0] == "info" and second.units["rowlock_http_sent_bytes"] == "bytes"


def test_openmetrics_is_what_its_own_parser_takes(api):
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        missing("python3-prometheus-client")
    api.get("/health", {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    families = {family.name: family for family in text_string_to_metric_families(api.get("/metrics", OPEN).body.decode())}
    assert families["rowlock_http_requests"].type == "counter" and families["rowlock_http_request_duration_seconds"].unit == "seconds"
    assert families["rowlock_build"].type == "info"
    assert "0af7651916cd43dd8448eb211c80319c" in {sample.exemplar.labels["trace_id"] for sample in families["rowlock_http_request_duration_seconds"].samples
                                                 if sample.exemplar}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_bucket_has_a_sampled_trace_for_exemplar(serve, postgres, workers):
    api = serve("--workers", workers, database=postgres).api

    def exemplars():
        found = Metrics(api.get("/metrics", OPEN).body.decode())
        return {dict(labels)["le"]: exemplar for (name, labels), exemplar in found.exemplars.items() if ("route", "/orders/{id}") in labels}

    trace = "0af7651916cd43dd8448eb211c80319c"
    for flags in ("00", "02"):
        api.get("/orders/4711", {"traceparent": f"00-{trace[::-1]}-b7ad6b7169203331-{flags}"})
    api.get("/orders/4711")
    assert exemplars() == {}
    before = time.time()
    for _ in range(20):
        api.get("/orders/4711", {"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert exemplars()
    for bound, (labels, value, at) in exemplars().items():
        assert labels == {"trace_id": trace} and 0 < value <= float(bound.replace("+Inf", "inf"))
        assert before - 1 < at < time.time() + 1
    assert "trace_id" not in api.get("/metrics").body.decode()


def test_promtool_finds_nothing_wrong(serve, database):
    promtool = shutil.which("promtool") or missing("promtool (prometheus)")
    api = serve("--distance", "haversine", database=database).api
    api.take(api.place(), "ann")
    done = subprocess.run([promtool, "check", "metrics"], input=api.get("/metrics").body, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# ---- where it is ----

def at_its_own(server):
    """The address for operators, as the log says it."""
    return server.told("listening for operators", 1)[0]["address"]


@pytest.mark.parametrize("http", ["evhttp", "direct"])
def test_with_an_address_of_its_own_it_is_there_and_nowhere_else(serve, database, http):
    server = serve("--metrics-listen", "127.0.0.1:0", "--http", http, database=database)
    operators = Api(at_its_own(server))
    server.api.get("/orders/4711")
    assert scraped(operators).value(REQUESTS, route="/orders/{id}", status="404") == 1
    assert operators.get("/health").body == b"UP\n" and operators.get("/healthcheck").json()["status"] == "pass"
    for target in ("/orders/4711", "/", "/docs", "/openapi.json"):
        problem(operators.get(target), 404)
        problem(operators.get(target, {"Accept": "text/html"}), 404)
    problem(server.api.get("/metrics"), 404)
    assert server.api.get("/health").status == server.api.get("/healthcheck").status == 200
    assert "/metrics" not in server.api.get("/").body.decode() and "/metrics" not in server.api.get("/openapi.json").json()["paths"]
    with Connection(operators.address) as connection:
        connection.send(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert connection.response().status == 400


def test_lists_of_routes_have_it_where_it_is_served(api):
    assert "/metrics" in api.get("/openapi.json").json()["paths"] and "/metrics" in api.get("/").json()["operations"]
    for flags, count in ((), 1), (("--metrics-listen", "127.0.0.1:0"), 0):
        assert len(re.findall(r"^GET +/metrics ", run("routes", *flags).stdout, re.M)) == count
        assert run("openapi", *flags).stdout.count('"/metrics"') == count


def test_all_workers_serve_it_there(serve, postgres):
    server = serve("--metrics-listen", "127.0.0.1:0", "--workers", 2, database=postgres, wait="listening")
    server.told("ready to serve", 2)
    operators = Api(at_its_own(server))
    for number in range(1, 11):
        assert scraped(operators).value(REQUESTS, route="/metrics") == number - 1
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.told("workers replaced", 1, seconds=20)
    until(lambda: not set(old) & set(server.workers()), 10, "the old ones are gone")
    assert scraped(operators).value(REQUESTS, route="/metrics") == 10


def test_it_goes_on_while_the_server_drains(serve, postgres):
    server = serve("--metrics-listen", "127.0.0.1:0", "--drain", 20, database=postgres)
    operators = Api(at_its_own(server))
    holder = postgres.connect()
    try:
        holder.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        with Connection(server.address, timeout=20) as connection:
            connection.send(request_bytes("POST", "/orders", {"origin": [1, 2], "destination": [3, 4]}))
            until(lambda: scraped(operators).value("rowlock_http_requests_in_flight") == 2, 5, "the request and the scrape")
            server.signal()
            server.told("draining", 1)
            assert operators.get("/healthcheck").status == 503 and operators.get("/health").status == 200
            assert scraped(operators).value("rowlock_http_requests_in_flight") == 2
            holder.rollback()
            assert connection.response().status == 200
    finally:
        holder.close()
    assert server.wait() == 0


def test_sockets_that_were_passed_are_left_alone(serve, postgres):
    with socket.create_server(("127.0.0.1", 0)) as passed:
        server = serve("--metrics-listen", "127.0.0.1:0", "--workers", 2, database=postgres, sockets=(passed,))
        operators = Api(at_its_own(server))
        assert operators.address != server.address == "127.0.0.1:%d" % passed.getsockname()[1]
        problem(server.api.get("/metrics"), 404)
        problem(operators.get("/orders/1"), 404)
        server.api.get("/orders/4711")
        assert scraped(operators).value(REQUESTS, route="/orders/{id}") == 1
        server.stop()


def test_it_may_be_a_unix_socket(serve, sqlite, folder):
    path = folder / "metrics"
    server = serve("--metrics-listen", f"unix:{path}", database=sqlite)
    assert scraped(Api(f"unix:{path}")).value("rowlock_workers_ready") == 1
    server.stop()
    assert not path.exists()


@pytest.mark.parametrize("wrong", ["8080", "127.0.0.1:65536", "", "unix:"])
def test_a_wrong_address_is_named(wrong):
    done = run("config", f"--metrics-listen={wrong}")
    assert done.returncode == 2 and "--metrics-listen" in done.stderr and "host:port" in done.stderr, done.stderr


def test_an_address_that_is_not_free_is_named_before_anything_is_changed(serve, sqlite, folder):
    taken = serve(database=sqlite).address
    done = run("serve", "--listen", "127.0.0.1:0", "--metrics-listen", taken, "--database", f"sqlite:{folder / 'other.db'}")
    assert done.returncode == 1 and taken in done.stderr and not (folder / "other.db").exists(), done.stderr


def test_check_looks_at_it_as_well(serve, sqlite):
    taken = serve(database=sqlite).address
    done = run("serve", "--check", "--listen", "127.0.0.1:0", "--metrics-listen", taken, "--database", sqlite.url)
    assert done.returncode == 1 and "--metrics-listen" in done.stderr and taken in done.stderr, done.stderr


# ---- docs/operations.md ----

def documented():
    """{name: (type, labels, help)} of the table."""
    section = (ROOT / "docs" / "operations.md").read_text().partition("\n### Metrics\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \|([^|]*)\|([^|]*)\|$", section, re.M)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels)), about.strip()) for name, kind, labels, about in rows}


def test_the_table_of_the_docs_is_that_of_the_program(api):
    api.get("/orders/4711")       # a route and a statement
    found = scraped(api)
    assert {name: (kind, about) for name, (kind, _, about) in documented().items()} == found.families
    assert {name: labels for name, (_, labels, _) in documented().items()} == {name: found.labels(name) for name in found.families}
