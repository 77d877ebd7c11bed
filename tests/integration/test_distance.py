"""Distance providers: one that answers well, badly, slowly and never."""

import json
import os
import tempfile
import threading

import pytest

from support.expect import problem
from support.port import free_port
from support.program import HEADROOM, SLOW, run
from support.provider import Provider, cut, google, http, osrm, trickle
from support.rawhttp import Connection, request_bytes
from support.server import Server
from support.wait import Stopwatch, until

KEY = "sekret-token-4711"
ORIGIN, DESTINATION = ["50.456399", "12.707580"], ["59.436487", "-24.747193"]
PLACE = {"origin": ORIGIN, "destination": DESTINATION}


@pytest.fixture(scope="module")
def provider():
    with Provider() as fake:
        yield fake


@pytest.fixture(scope="module", params=["google", "osrm"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def far(kind, provider):
    """A server on SQLite that asks the fake provider."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server("--access-log", "--log-level", "debug", database=f"sqlite:{folder}/x.db", env=provider.settings(kind))
        try:
            yield server
            server.stop()
            assert KEY not in server.log(), "the key of the provider is in the log"
        finally:
            server.clean()


@pytest.fixture
def ask(far, provider):
    """Answers from now on as told, and starts to count."""
    def start(answer, delay=0):
        provider.answer, provider.delay = answer, delay
        provider.requests.clear()
        return far.api

    yield start
    far.alive()


def good(kind, metres=1728057):
    return google(metres) if kind == "google" else osrm(metres + 0.3)


def count(api):
    newest = api.get("/orders?page=1&limit=1").json()
    return newest[0]["id"] if newest else 0


def refused(api):
    """A 400 that speaks of the distance provider, keeps the key to itself, and stores nothing."""
    before = count(api)
    answer = api.post("/orders", PLACE)
    document = problem(answer, 400, "distance")
    assert KEY not in answer.body.decode()
    assert count(api) == before
    return document["error"]


# ---- well ----

def test_the_distance_is_the_providers(ask, kind):
    answer = ask(good(kind)).post("/orders", PLACE)
    assert answer.status == 200 and answer.json()["distance"] == 1728057, answer


def test_the_request_is_the_one_that_the_provider_documents(ask, kind, provider):
    ask(good(kind)).post("/orders", PLACE)
    asked, = provider.requests
    assert asked.method == "GET"
    if kind == "google":
        assert asked.path == "/maps/api/distancematrix/json"
        (origin,), (destination,), key = asked.query["origins"], asked.query["destinations"], asked.query["key"]
        assert key == [KEY]
        first, second = origin.split(","), destination.split(",")
    else:
        assert asked.path.startswith("/route/v1/driving/") and asked.query["overview"] == ["false"]
        first, second = (pair.split(",")[::-1] for pair in asked.path.rsplit("/", 1)[1].replace("%2C", ",").replace("%3B", ";").split(";"))
    assert [float(value) for value in first] == [50.456399, 12.70758]
    assert [float(value) for value in second] == [59.436487, -24.747193]
    assert asked.headers["host"] == f"127.0.0.1:{provider.port}"


def test_connections_to_the_provider_are_used_again(ask, kind, provider):
    api = ask(good(kind))
    for _ in range(10):
        assert api.post("/orders", PLACE).status == 200
    assert len({request.connection for request in provider.requests}) == 1


def test_a_chunked_answer_is_read(ask, kind):
    head, body = good(kind).split(b"\r\n\r\n", 1)
    chunks = b"".join(b"5\r\n" + body[at:at + 5] + b"\r\n" for at in range(0, len(body) - len(body) % 5, 5))
    rest = body[len(body) - len(body) % 5:]
    chunks += (b"%x\r\n" % len(rest) + rest + b"\r\n" if rest else b"") + b"0\r\n\r\n"
    assert ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks).post("/orders", PLACE).status == 200


def test_a_provider_that_takes_its_time_is_waited_for(ask, kind):
    assert ask(good(kind), delay=1).post("/orders", PLACE).status == 200


def test_a_distance_of_nought_is_a_distance(ask, kind):
    answer = ask(google(0) if kind == "google" else osrm(0)).post("/orders", PLACE)
    assert answer.status == 200 and answer.json()["distance"] == 0


def test_many_at_once_are_all_answered(ask, kind, provider, far):
    ask(good(kind), delay=0.3)
    answers = []

    def one():
        answers.append(far.api.post("/orders", PLACE).status)

    threads = [threading.Thread(target=one) for _ in range(40)]
    with Stopwatch() as watch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * 40
    assert len(provider.requests) == 40
    assert watch.seconds < 8 * SLOW


# ---- badly ----

def google_document(**changes):
    document = {"status": "OK", "rows": [{"elements": [{"status": "OK", "distance": {"value": 5}}]}]}
    document.update(changes)
    return document


def element(**changes):
    return google_document(rows=[{"elements": [{"status": "OK", "distance": {"value": 5}, **changes}]}])


WRONG = {
    "google": {
        "no way": element(status="ZERO_RESULTS"),
        "no way and no distance": google_document(rows=[{"elements": [{"status": "ZERO_RESULTS"}]}]),
        "not found": element(status="NOT_FOUND"),
        "over the limit": {"status": "OVER_QUERY_LIMIT", "rows": [], "error_message": "You have exceeded your daily request quota for this API."},
        "denied": {"status": "REQUEST_DENIED", "rows": [], "error_message": f"The provided API key {KEY} is invalid."},
        "unknown error": {"status": "UNKNOWN_ERROR", "rows": []},
        "no rows": google_document(rows=[]),
        "rows of another type": google_document(rows={}),
        "rows of null": google_document(rows=None),
        "a row of another type": google_document(rows=[5]),
        "no elements": google_document(rows=[{"elements": []}]),
        "elements of another type": google_document(rows=[{"elements": "x"}]),
        "an element of another type": google_document(rows=[{"elements": [None]}]),
        "no distance": google_document(rows=[{"elements": [{"status": "OK"}]}]),
        "a distance that is no object": element(distance=5),
        "a distance without a value": element(distance={"text": "5 km"}),
        "a distance as text": element(distance={"value": "5"}),
        "a distance of null": element(distance={"value": None}),
        "a negative distance": element(distance={"value": -5}),
        "a distance beyond the earth": element(distance={"value": 10**17}),
        "a status of another type": google_document(status=5),
        "no status": {"rows": [{"elements": [{"distance": {"value": 5}}]}]},
    },
    "osrm": {
        "no way": {"code": "NoRoute", "message": "Impossible route between points"},
        "no segment": {"code": "NoSegment", "routes": []},
        "too big": {"code": "TooBig"},
        "no code": {"routes": [{"distance": 5}]},
        "a code of another type": {"code": 5, "routes": [{"distance": 5}]},
        "no routes": {"code": "Ok"},
        "empty routes": {"code": "Ok", "routes": []},
        "routes of another type": {"code": "Ok", "routes": {}},
        "a route of another type": {"code": "Ok", "routes": [None]},
        "no distance": {"code": "Ok", "routes": [{}]},
        "a distance as text": {"code": "Ok", "routes": [{"distance": "5"}]},
        "a distance of null": {"code": "Ok", "routes": [{"distance": None}]},
        "a negative distance": {"code": "Ok", "routes": [{"distance": -5.5}]},
        "a distance beyond the earth": {"code": "Ok", "routes": [{"distance": 1e300}]},
    },
}


def test_documents_that_hold_no_distance_are_refused_and_store_nothing(ask, kind):
    for case, document in WRONG[kind].items():
        try:
            refused(ask(http("200 OK", json.dumps(document))))
        except AssertionError as reason:
            raise AssertionError(f"{case}: {reason}")


def test_the_message_tells_no_way_from_a_failure(ask, kind):
    no_way = refused(ask(http("200 OK", json.dumps(WRONG[kind]["no way"]))))
    failure = refused(ask(http("500 Internal Server Error", "{}")))
    assert no_way != failure


BAD_ANSWERS = {
    "not JSON": http("200 OK", "<html>It works!</html>", "text/html"),
    "half a JSON": http("200 OK", '{"status":"OK","rows":[{"elements"'),
    "nothing": http("200 OK", ""),
    "null": http("200 OK", "null"),
    "an array": http("200 OK", "[]"),
    "a text": http("200 OK", '"OK"'),
    "bad UTF-8": http("200 OK", b'{"status":"\xff\xfe"}'),
    "deep nesting": http("200 OK", "[" * 60000),
    "NaN": http("200 OK", '{"status":"OK","code":"Ok","routes":[{"distance":NaN}],"rows":[{"elements":[{"status":"OK","distance":{"value":NaN}}]}]}'),
    "500": http("500 Internal Server Error", "{}"),
    "503": http("503 Service Unavailable", ""),
    "404": http("404 Not Found", "{}"),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a lone status line": b"HTTP/1.1 200 OK\r\n\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "a lying length": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}",
    "headers only by half": b"HTTP/1.1 200 OK\r\nContent-",
    "nothing at all": b"",
}


def test_answers_that_are_no_answer_are_refused_and_store_nothing(ask):
    for case, answer in BAD_ANSWERS.items():
        try:
            refused(ask(cut(answer)))
        except AssertionError as reason:
            raise AssertionError(f"{case}: {reason}")


def test_an_error_status_is_a_failure_even_when_the_document_is_good(ask, kind):
    refused(ask(good(kind).replace(b"200 OK", b"500 Internal Server Error")))
    refused(ask(good(kind).replace(b"200 OK", b"403 Forbidden")))


def test_a_reset_connection_is_a_failure(ask, provider):
    refused(ask(provider.reset))


def test_the_server_works_with_the_provider_again_after_its_failures(ask, kind):
    refused(ask(cut(b"")))
    assert ask(good(kind)).post("/orders", PLACE).status == 200


def test_redirects_are_not_followed(ask, kind, provider):
    with Provider(good(kind)) as elsewhere:
        for target in (elsewhere.url + "/", "file:///etc/hostname", "/again"):
            refused(ask(http("302 Found", "", extra=f"Location: {target}\r\n")))
            assert len(provider.requests) == 1
        assert elsewhere.requests == []


@pytest.mark.parametrize("length", [True, False], ids=["said", "unsaid"])
def test_a_huge_answer_is_cut_off_and_costs_no_memory(ask, far, length):
    sent = []

    def pour(sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 500000000\r\n" if length else b"Connection: close\r\n") + b"\r\n")
        try:
            for _ in range(500):
                sock.sendall(b" " * 1000000)
                sent.append(1)
        except OSError:
            pass

    api = ask(pour)
    before = far.resident()
    refused(api)
    assert far.resident() - before < (8 << 20) + HEADROOM
    assert len(sent) < 100


# ---- slowly and never ----

def test_slow_and_silent_providers_are_given_up_in_time_while_others_are_served(ask, kind, provider, far):
    def headers_only(sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")
        provider.never(sock)

    cases = {"never": provider.never, "slowly": trickle(good(kind), 0.5), "after the headers": headers_only}
    connections = {}
    before = count(far.api)
    with Stopwatch() as watch:
        for name, answer in cases.items():
            ask(answer)
            connections[name] = Connection(far.address, timeout=30)
            connections[name].send(request_bytes("POST", "/orders", PLACE))
            until(lambda: provider.requests, 5, "the provider is asked")
        for _ in range(20):
            with Stopwatch() as meanwhile:
                assert far.api.get("/health").status == 200
                assert far.api.get("/orders?page=1&limit=1").status == 200
            assert meanwhile.seconds < 2 * SLOW
        for name, connection in connections.items():
            problem(connection.response(), 400, "distance")
            connection.close()
    assert watch.seconds < 11 * SLOW
    assert count(far.api) == before
    assert ask(good(kind)).post("/orders", PLACE).status == 200


def test_a_client_that_leaves_while_the_provider_thinks_harms_nobody(ask, kind, provider, far):
    api = ask(good(kind), delay=0.4)
    for leave in ("close", "reset"):
        connection = Connection(far.address)
        connection.send(request_bytes("POST", "/orders", PLACE))
        until(lambda: provider.requests, 5, "the provider is asked")
        getattr(connection, leave)()
    assert api.post("/orders", PLACE).status == 200


def test_a_provider_that_nobody_runs_is_a_failure_at_once(serve, sqlite, kind):
    port = free_port()
    env = {"ROWLOCK_DISTANCE": kind, "GMAP_TOKEN": KEY, "GMAP_DISTANCE_MATRIX_API": f"http://127.0.0.1:{port}/json", "OSRM_URL": f"http://127.0.0.1:{port}"}
    server = serve("--log-level", "debug", database=sqlite, env=env)
    with Stopwatch() as watch:
        refused(server.api)
    assert watch.seconds < 4 * SLOW
    server.stop()
    assert KEY not in server.log()


def test_a_provider_whose_name_does_not_resolve_is_a_failure_and_stops_nothing(serve, sqlite):
    server = serve(database=sqlite, env={"ROWLOCK_DISTANCE": "osrm", "OSRM_URL": "http://no-such-host.invalid"})
    with Connection(server.address) as connection:
        connection.send(request_bytes("POST", "/orders", PLACE))
        with Stopwatch() as watch:
            assert server.api.get("/health").status == 200
        assert watch.seconds < 2 * SLOW
        problem(connection.response(), 400, "distance")


# ---- which one ----

@pytest.mark.quick
def test_google_is_asked_when_there_is_a_token_and_nothing_else_is_said(serve, sqlite):
    with Provider(google(77)) as provider:
        settings = provider.settings("google")
        del settings["ROWLOCK_DISTANCE"]
        assert serve(database=sqlite, env=settings).api.post("/orders", PLACE).json()["distance"] == 77


@pytest.mark.quick
def test_the_flag_wins_over_the_token(serve, sqlite):
    with Provider(google(77)) as provider:
        server = serve("--distance", "haversine", database=sqlite, env=provider.settings("google"))
        assert server.api.post("/orders", PLACE).json()["distance"] > 1000000
        assert provider.requests == []


@pytest.mark.quick
def test_the_key_comes_from_a_file(serve, sqlite, folder):
    (folder / "key").write_text(KEY + "\n")
    with Provider(google(77)) as provider:
        env = {"GMAP_TOKEN_FILE": folder / "key", "GMAP_DISTANCE_MATRIX_API": provider.url + "/json"}
        assert serve(database=sqlite, env=env).api.post("/orders", PLACE).json()["distance"] == 77
        assert provider.requests[0].query["key"] == [KEY]


@pytest.mark.quick
def test_a_key_with_special_characters_is_escaped(serve, sqlite):
    with Provider(google(77)) as provider:
        env = {**provider.settings("google"), "GMAP_TOKEN": "a&b=c d#e%41+ü"}
        assert serve(database=sqlite, env=env).api.post("/orders", PLACE).json()["distance"] == 77
        assert provider.requests[0].query["key"] == ["a&b=c d#e%41+ü"]


@pytest.mark.quick
@pytest.mark.parametrize("env, named", [({"ROWLOCK_DISTANCE": "google"}, "GMAP_TOKEN"),
                                        ({"ROWLOCK_DISTANCE": "osrm", "OSRM_URL": "file:///etc/passwd"}, "OSRM_URL"),
                                        ({"GMAP_TOKEN": KEY, "GMAP_DISTANCE_MATRIX_API": "gopher://x/"}, "GMAP_DISTANCE_MATRIX_API")])
def test_a_provider_that_cannot_work_is_refused_at_start(env, named, folder):
    finished = run("serve", "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/x.db", env=env, timeout=10)
    assert finished.returncode == 2 and named in finished.stderr and KEY not in finished.stderr


@pytest.mark.network
@pytest.mark.skipif("GMAP_TOKEN" not in os.environ, reason="needs GMAP_TOKEN")
def test_the_real_distance_matrix_knows_the_way_from_saxony_to_tallinn(serve, sqlite):
    server = serve(database=sqlite, env={"GMAP_TOKEN": os.environ["GMAP_TOKEN"]})
    answer = server.api.post("/orders", {"origin": ORIGIN, "destination": ["59.436487", "24.747193"]})
    assert answer.status == 200 and 1_300_000 < answer.json()["distance"] < 2_500_000, answer
