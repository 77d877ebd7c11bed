"""--rate-limit, --rate-burst, --max-concurrent: what a caller may, what is told of it, who is never limited."""

import re
import signal

import pytest

from support.events import EventStream
from support.expect import problem
from support.keys import KeyFile, bearer
from support.metrics import Metrics
from support.pages import BROWSER, text_of
from support.program import SLOW, run
from support.rawhttp import Api, Connection, request_bytes
from support.wait import Stopwatch, until

pytestmark = pytest.mark.quick

LIST = "/orders?page=1&limit=1"
PAUSE = 0.1         # seconds
ORDER = {"origin": ["50.456399", "12.707580"], "destination": ["59.436487", "24.747193"]}


@pytest.fixture(params=["evhttp", "direct"])
def engine(request):
    return request.param


def of(number):
    """The field by which a trusted proxy says that this one asks."""
    return {"X-Forwarded-For": f"192.0.2.{number}"}


@pytest.fixture
def limited(serve, sqlite, engine):
    """A server behind a proxy, with these flags."""
    return lambda *flags: serve("--http", engine, "--trusted-proxies", "127.0.0.1", *flags, database=sqlite)


def fields(answer):
    return answer.header("RateLimit-Policy"), answer.header("RateLimit")


def refused(answer, words, wait):
    problem(answer, 429)
    assert words in answer.json()["error"] and answer.header("Retry-After") == str(wait), answer


def refusals(server, reason):
    return Metrics(server.api.get("/metrics").body.decode()).value("rowlock_refusals_total", reason=reason)


# ---- wrong settings ----

@pytest.mark.parametrize("flags, named", [
    (["--rate-limit", "100"], "--rate-limit"), (["--rate-limit", "0/s"], "--rate-limit"), (["--rate-limit", "100/d"], "--rate-limit"), (["--rate-limit", ""], "--rate-limit"),
    (["--rate-limit", "1000001/s"], "--rate-limit"), (["--rate-burst", "10"], "--rate-burst"), (["--rate-limit", "1/s", "--rate-burst", "0"], "--rate-burst"),
    (["--rate-limit", "1/s", "--rate-burst", "off"], "--rate-burst"), (["--max-concurrent", "0"], "--max-concurrent"), (["--max-concurrent", "-1"], "--max-concurrent"),
    (["--max-concurrent", "many"], "--max-concurrent"),
])
def test_what_is_no_limit_is_refused(flags, named):
    done = run("serve", *flags)
    assert done.returncode == 2 and done.stderr.startswith(f"rowlock: {named}: "), done.stderr


# ---- rate ----

def test_without_limits_nothing_is_said_of_them(server):
    assert fields(server.api.get(LIST)) == (None, None)


def test_a_burst_passes_and_what_is_beyond_is_told_when_to_come_again(limited):
    server = limited("--rate-limit", "2/m", "--rate-burst", "5")
    for left in (4, 3, 2, 1, 0):
        answer = server.api.get(LIST, of(1))
        assert answer.status == 200
        assert fields(answer) == ('"rate";q=5;w=150', f'"rate";r={left};t={30 * max(left, 1)}')
    answer = server.api.get(LIST, of(1))
    refused(answer, "This address may send 2 requests a minute", 30)
    assert fields(answer) == ('"rate";q=5;w=150', '"rate";r=0;t=30')
    assert server.api.get(LIST, of(2)).status == 200, "another address has limits of its own"
    assert refusals(server, "rate") == 1


def test_what_was_used_comes_back(limited):
    server = limited("--rate-limit", f"{int(20 / SLOW)}/s", "--rate-burst", "2")
    answers = [server.api.get(LIST, of(1)).status for _ in range(3)]
    until(lambda: server.api.get(LIST, of(1)).status == 200, 5, "a request passes again")
    assert answers[:2] == [200, 200]


def test_a_refused_request_has_done_nothing(limited, sqlite):
    server = limited("--rate-limit", "1/h")
    assert server.api.call("POST", "/orders", ORDER, of(1)).status == 200
    for _ in range(3):
        refused(server.api.call("POST", "/orders", ORDER, of(1)), "ask again", 3600)
    assert sqlite.query("SELECT count(*) FROM orders") == [(1,)]


@pytest.mark.parametrize("method, target, body, headers, status", [
    ("GET", "/nowhere", None, {}, 404), ("DELETE", "/orders/1", None, {}, 405), ("GET", "/orders?page=x&limit=1", None, {}, 400), ("POST", "/orders", "{", {}, 400),
    ("POST", "/orders", ORDER, {"Origin": "http://evil.example"}, 403), ("OPTIONS", "/orders", None, {}, 405), ("HEAD", LIST, None, {}, 200),
    ("OPTIONS", "/orders", None, {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}, 405),
])
def test_whatever_is_asked_counts(limited, method, target, body, headers, status):
    server = limited("--rate-limit", "1/h")
    assert server.api.call(method, target, body, headers | of(1)).status == status
    assert server.api.call(method, target, body, headers | of(1)).status == 429


def test_probes_operators_and_preflights_are_never_limited(limited):
    app = "http://app.example"
    server = limited("--rate-limit", "1/h", "--max-concurrent", "1", "--cors-origins", app, "--metrics-listen", "127.0.0.1:0")
    operators, = server.told("listening for operators", 1)
    preflight = {"Origin": app, "Access-Control-Request-Method": "POST"}
    for api in (server.api, Api(operators["address"])):
        for target in ("/health", "/healthcheck"):
            answers = [api.get(target, of(1)) for _ in range(3)]
            assert [answer.status for answer in answers] == [200] * 3 and {fields(answer) for answer in answers} == {(None, None)}
    assert [Api(operators["address"]).get("/metrics", of(1)).status for _ in range(3)] == [200] * 3
    assert [server.api.call("OPTIONS", "/orders", headers=preflight | of(1)).status for _ in range(3)] == [204] * 3
    assert server.api.get(LIST, of(1) | {"Origin": app}).status == 200
    answer = server.api.get(LIST, of(1) | {"Origin": app})
    assert answer.status == 429
    assert {"retry-after", "ratelimit", "ratelimit-policy"} <= {name.strip().lower() for name in answer.header("Access-Control-Expose-Headers").split(",")}
    assert answer.header("Access-Control-Allow-Origin") == app, "scripts of that page may read it"


def test_people_get_a_page(limited):
    server = limited("--rate-limit", "1/h")
    server.api.get("/", BROWSER | of(1))
    answer = server.api.get("/", BROWSER | of(1))
    assert answer.status == 429 and answer.header("Retry-After") == "3600" and "may send 1 request an hour" in text_of(answer)


def test_who_waits_for_leave_to_send_a_body_is_told_at_once_and_counts_once(limited):
    server = limited("--rate-limit", "2/h")
    body = b'{"origin":[1,2],"destination":[3,4]}'
    head = request_bytes("POST", "/orders", headers={"Expect": "100-continue", "Content-Type": "application/json", "Content-Length": str(len(body)), **of(1)})
    for _ in range(2):
        with Connection(server.address) as connection:
            connection.send(head)
            assert connection.response().status == 100
            connection.send(body)
            assert connection.response().status == 200
    with Connection(server.address) as connection:
        connection.send(head)
        answer = connection.response()
        refused(answer, "ask again", 1800)
        assert answer.closes, "the body is not waited for"


# ---- who asks again at once ----

def answered(server, count, headers=()):
    """The statuses of so many requests, sent at once on one connection, and in which time they were answered."""
    with Connection(server.address) as connection, Stopwatch() as watch:
        connection.send(request_bytes("GET", LIST, headers=headers) * count)
        statuses = [connection.response().status for _ in range(count)]
    return statuses, watch.seconds


def test_a_refused_clients_next_request_is_not_looked_at_for_a_while(serve, sqlite, engine):
    server = serve("--http", engine, "--rate-limit", "1/h", database=sqlite)
    statuses, seconds = answered(server, 6)
    assert statuses == [200] + [429] * 5 and seconds >= 4 * PAUSE
    with Connection(server.address) as connection:
        for _ in range(3):
            assert connection.request("GET", LIST).status == 429
        connection.send(request_bytes("GET", LIST))
        connection.half_close()
        assert connection.response().status == 429
        connection.ended()


def test_a_proxys_connection_is_others_too_and_goes_on(limited):
    statuses, seconds = answered(limited("--rate-limit", "1/h"), 100, of(1))
    assert statuses == [200] + [429] * 99 and seconds < 99 * PAUSE


def test_a_server_ends_though_some_are_not_looked_at(serve, sqlite, engine):
    server = serve("--http", engine, "--rate-limit", "1/h", database=sqlite)
    connections = [Connection(server.address) for _ in range(20)]
    for connection in connections:
        connection.send(request_bytes("GET", LIST) * 2)
        connection.response()
    server.stop()
    for connection in connections:
        connection.close()


# ---- at a time ----

def test_so_many_at_a_time_open_streams_too(limited):
    server = limited("--max-concurrent", "2")
    answer = server.api.get(LIST, of(1))
    assert fields(answer) == ('"concurrent";q=2;qu="concurrent-requests"', '"concurrent";r=1')
    streams = [EventStream(server.address, headers=of(1)) for _ in range(2)]
    answer = server.api.get(LIST, of(1))
    refused(answer, "2 requests answered at a time", 1)
    assert fields(answer) == ('"concurrent";q=2;qu="concurrent-requests"', '"concurrent";r=0')
    assert server.api.get(LIST, of(2)).status == 200
    assert refusals(server, "concurrent") == 1
    streams.pop().close()
    until(lambda: server.api.get(LIST, of(1)).status == 200, 5, "a closed stream counts no more")
    streams.pop().close()


def test_both_limits_are_told(limited):
    answer = limited("--rate-limit", "10/s", "--max-concurrent", "3").api.get(LIST, of(1))
    assert fields(answer) == ('"rate";q=10;w=1, "concurrent";q=3;qu="concurrent-requests"', '"rate";r=9;t=1, "concurrent";r=2')


def test_a_client_that_leaves_is_counted_no_more(limited):
    server = limited("--max-concurrent", "1")
    for _ in range(20):
        with Connection(server.address) as connection:
            connection.send(request_bytes("POST", "/orders", ORDER, headers=of(1)))
            connection.reset()
    until(lambda: server.api.get(LIST, of(1)).status == 200, 5, "nobody is counted")


# ---- keys ----

@pytest.fixture
def keyed(limited, folder):
    """A server behind a proxy, with keys that have limits of their own, or none."""
    file = KeyFile(folder, ann="* rate=3/h", bob="*", eve="* concurrent=1", fast="* rate=1000000000/s", slow="* rate=1/h burst=1000000000", old="* rate=2/h expires=2020-01-31")
    return lambda *flags: limited("--api-keys", file.path, "--anonymous", "orders:read", *flags)


def statuses(server, count, headers):
    return [server.api.get(LIST, headers).status for _ in range(count)]


def test_a_key_is_a_caller_wherever_it_is_used_with_limits_of_its_own(keyed):
    server = keyed("--rate-limit", "2/h")
    assert [server.api.get(LIST, bearer("ann") | of(number)).status for number in range(1, 5)] == [200] * 3 + [429]
    answer = server.api.get(LIST, bearer("ann") | of(1))
    refused(answer, "This key may send 3 requests an hour", 1200)
    assert fields(answer) == ('"rate";q=3;w=3600', '"rate";r=0;t=1200')
    assert statuses(server, 3, bearer("bob") | of(1)) == [200, 200, 429], "what a key does not say is as for all"
    assert statuses(server, 3, of(1)) == [200, 200, 429], "the address has its own"
    assert statuses(server, 1, bearer("ann")) == [429]


def test_a_key_may_have_the_only_limits(keyed):
    server = keyed()
    assert statuses(server, 4, bearer("ann")) == [200] * 3 + [429]
    assert fields(server.api.get(LIST, bearer("bob"))) == fields(server.api.get(LIST)) == (None, None)
    with EventStream(server.address, headers=bearer("eve")) as stream:
        assert stream.head.status == 200
        refused(server.api.get(LIST, bearer("eve")), "This key may have 1 request answered at a time", 1)
        assert server.api.get(LIST, bearer("bob")).status == 200


@pytest.mark.parametrize("name", ["fast", "slow"])
def test_a_key_with_the_largest_numbers_is_served(keyed, name):
    server = keyed()
    assert statuses(server, 5, bearer(name)) == [200] * 5
    assert int(re.search(r"r=(\d+)", fields(server.api.get(LIST, bearer(name)))[1])[1]) > 10**5


def test_a_key_that_does_not_count_is_counted_by_its_address(keyed):
    server = keyed("--rate-limit", "4/h")
    assert statuses(server, 2, bearer("nobody") | of(1)) == statuses(server, 2, bearer("old") | of(1)) == [401, 401]
    assert statuses(server, 1, bearer("another") | of(1)) == statuses(server, 1, of(1)) == [429]
    assert statuses(server, 1, bearer("bob") | of(1)) == [200]


# ---- SIGHUP ----

def test_limits_change_while_the_server_runs(serve, sqlite, folder):
    file = folder / "settings"
    file.write_text("ROWLOCK_RATE_LIMIT=1/h\n")
    server = serve("--settings", file, database=sqlite)

    def renew(text, said="settings read again"):
        before = len(server.told(said))
        file.write_text(text)
        server.signal(signal.SIGHUP)
        server.told(said, before + 1)

    assert [server.api.get(LIST).status for _ in range(2)] == [200, 429]
    renew("ROWLOCK_RATE_LIMIT=1/x\n", "the settings are not right, and stay as they were")
    assert server.api.get(LIST).status == 429
    renew("ROWLOCK_RATE_LIMIT=1/h\nROWLOCK_RATE_BURST=3\n")
    assert [server.api.get(LIST).status for _ in range(3)] == [200, 200, 429], "what was used is not forgotten"
    renew("")
    assert fields(server.api.get(LIST)) == (None, None)
    renew("ROWLOCK_MAX_CONCURRENT=1\n")
    with EventStream(server.address):
        assert server.api.get(LIST).status == 429
