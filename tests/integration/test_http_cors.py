"""--cors-origins: pages of these origins may use the API, no others; without it nothing of CORS is said."""

import pytest

from support.events import EventStream
from support.expect import problem, succeeded
from support.openapi import check
from support.program import run
from support.rawhttp import Connection, request_bytes
from support.server import on_sqlite

pytestmark = pytest.mark.quick

APP, OTHER = "https://app.example", "http://localhost:3000"
FOREIGN = ["https://evil.example", "http://app.example", "https://app.example:444", "https://app.example.evil.example", "https://APP.example", "null",
           "https://app.example/"]
ORDER = {"origin": ["50.456399", "12.707580"], "destination": ["59.436487", "24.747193"]}
# What a browser asks before it sends what a form could not send.
ASKS = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "content-type,if-match"}
SENT = {"content-type", "idempotency-key", "if-match", "if-none-match", "last-event-id"}


@pytest.fixture(scope="module", params=["evhttp", "direct"])
def shared(request, sqlite_template):
    """(server, database), on each engine."""
    with on_sqlite(sqlite_template, "--cors-origins", f"{APP}, {OTHER}", "--http", request.param) as both:
        yield both


def ask(server, method, target, body=None, **fields):
    """One request as the page of an origin sends it."""
    headers = {"Host": server.address, **{name.replace("_", "-"): value for name, value in fields.items()}}
    with Connection(server.address) as connection:
        answer = connection.request(method, target, body, headers)
    if method != "OPTIONS":
        check(method, target, answer)
    return answer


def words(value):
    return {word.strip().lower() for word in (value or "").split(",")}


def vary(answer):
    return words(",".join(answer.all("Vary")))


def said(answer):
    """The fields of CORS that an answer has."""
    return sorted(name.lower() for name, _ in answer.headers if name.lower().startswith("access-control-"))


def allowed(answer, origin):
    assert answer.all("Access-Control-Allow-Origin") == [origin], answer.headers
    assert {"etag", "link", "location", "retry-after", "x-request-id"} <= words(answer.header("Access-Control-Expose-Headers"))
    assert answer.header("Access-Control-Allow-Credentials") is None
    assert "origin" in vary(answer)


# ---- those that may ----

@pytest.mark.parametrize("origin", [APP, OTHER])
def test_a_page_may_read_and_write(server, origin):
    placed = ask(server, "POST", "/orders", ORDER, Origin=origin, Sec_Fetch_Site="cross-site", Content_Type="application/json")
    assert placed.status == 200
    allowed(placed, origin)
    order = placed.json()["id"]
    read = ask(server, "GET", f"/orders/{order}", Origin=origin, Sec_Fetch_Site="cross-site")
    allowed(read, origin)
    taken = ask(server, "PATCH", f"/orders/{order}", {"status": "TAKEN"}, Origin=origin, Sec_Fetch_Site="cross-site")
    succeeded(taken)
    allowed(taken, origin)


@pytest.mark.parametrize("target, method, methods", [("/orders", "POST", {"get", "head", "post"}), ("/orders/7", "PATCH", {"get", "head", "patch"}),
                                                     ("/orders/claim", "POST", {"post"}), ("/site/1", "DELETE", {"get", "head", "post", "delete"})])
def test_a_browser_that_asks_first_is_told_what_it_may(server, target, method, methods):
    answer = ask(server, "OPTIONS", target, Origin=APP, Access_Control_Request_Method=method, Access_Control_Request_Headers="content-type")
    assert answer.status == 204 and answer.body == b"" and answer.header("Content-Length") is None, answer
    allowed(answer, APP)
    assert methods <= words(answer.header("Access-Control-Allow-Methods"))
    assert words(answer.header("Access-Control-Allow-Methods")) <= {"get", "head", "post", "patch", "put", "delete"}
    assert SENT <= words(answer.header("Access-Control-Allow-Headers"))
    assert int(answer.header("Access-Control-Max-Age")) > 0


def test_errors_can_be_read_too(server):
    for method, target, body, status in (("GET", "/orders", None, 400), ("GET", "/nowhere", None, 404), ("PUT", "/orders", None, 405), ("POST", "/orders", "{", 400),
                                         ("GET", "/orders/999", None, 404)):
        answer = ask(server, method, target, body, Origin=APP)
        problem(answer, status)
        allowed(answer, APP)


def test_what_has_not_changed_is_for_the_same_origin(server):
    placed = ask(server, "POST", "/orders", ORDER, Origin=APP).json()
    tag = ask(server, "GET", f"/orders/{placed['id']}", Origin=APP).header("ETag")
    for origin in (APP, OTHER):
        answer = ask(server, "GET", f"/orders/{placed['id']}", Origin=origin, If_None_Match=tag)
        assert answer.status == 304
        allowed(answer, origin)


def test_answers_that_are_shared_are_told_apart(server):
    """All in one turn of the loop: they share one query and one body."""
    ask(server, "POST", "/orders", ORDER, Origin=APP)
    origins = [APP, OTHER, "https://evil.example", None] * 5
    connections = [Connection(server.address) for _ in origins]
    try:
        for connection, origin in zip(connections, origins):
            connection.send(request_bytes("GET", "/orders?page=1&limit=5", None, {"Host": server.address} | ({"Origin": origin} if origin else {})))
        for connection, origin in zip(connections, origins):
            answer = connection.response()
            assert answer.all("Access-Control-Allow-Origin") == ([origin] if origin in (APP, OTHER) else []) and "origin" in vary(answer), answer.headers
    finally:
        for connection in connections:
            connection.close()


def test_a_stream_of_events_and_a_long_answer(server, db):
    with EventStream(server.address, headers={"Origin": APP}) as stream:
        allowed(stream.begun().head, APP)
        order = ask(server, "POST", "/orders", ORDER, Origin=APP).json()["id"]
        assert stream.next().data["id"] == order
    db.query("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
             "INSERT INTO messages (sender, recipient, text) SELECT 'ann', 'bob', hex(zeroblob(100)) FROM n")
    answer = ask(server, "GET", "/messages?recipient=bob&days=1", Origin=APP)
    assert answer.header("Transfer-Encoding") == "chunked" and len(answer.json()) == 2000
    allowed(answer, APP)


# ---- those that may not ----

@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_site_learns_and_changes_nothing(server, origin, db):
    before = db.query("SELECT count(*) FROM orders")
    answer = ask(server, "GET", "/orders?page=1&limit=1", Origin=origin)
    assert answer.status == 200 and said(answer) == [] and "origin" in vary(answer)
    answer = ask(server, "POST", "/orders", ORDER, Origin=origin)
    problem(answer, 403)
    assert said(answer) == [] and "origin" in vary(answer)
    answer = ask(server, "OPTIONS", "/orders", Origin=origin, Access_Control_Request_Method="POST")
    assert answer.status == 405 and said(answer) == [] and "origin" in vary(answer)
    assert db.query("SELECT count(*) FROM orders") == before


def test_a_page_for_people_stays_that_of_this_server(server):
    for target, form in (("/board", "origin=1,2&destination=3,4"), ("/inbox", "sender=ann&recipient=bob&text=x")):
        answer = ask(server, "POST", target, form, Origin=APP, Sec_Fetch_Site="cross-site", Content_Type="application/x-www-form-urlencoded")
        assert answer.status == 403, answer


def test_who_is_no_browser_is_answered_as_ever(server):
    answer = ask(server, "GET", "/orders?page=1&limit=1")
    assert said(answer) == [] and "origin" in vary(answer)
    assert ask(server, "OPTIONS", "/orders").status == 405
    assert ask(server, "OPTIONS", "*").status == 204
    assert ask(server, "OPTIONS", "/orders", Origin=APP).status == 405            # it asks about no method
    assert ask(server, "OPTIONS", "/nowhere", Origin=APP, **{"Access_Control_Request_Method": "POST"}).status == 404


def test_what_is_no_http_varies_too(server):
    with Connection(server.address) as connection:
        connection.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        answer = connection.response()
    assert answer.status == 400 and "origin" in vary(answer) and said(answer) == []


# ---- off ----

def test_without_it_nothing_is_said(serve, sqlite):
    server = serve(database=sqlite)
    asks = {name.replace("-", "_"): value for name, value in ASKS.items()}
    for method, target, status in (("GET", "/orders?page=1&limit=1", 200), ("OPTIONS", "/orders", 405), ("POST", "/orders", 403), ("GET", "/nowhere", 404),
                                   ("OPTIONS", "*", 204)):
        answer = ask(server, method, target, ORDER if method == "POST" else None, Origin=APP, **asks)
        assert answer.status == status and said(answer) == [] and answer.all("Vary") == [], answer


@pytest.mark.parametrize("value", ["*", "app.example", "https://app.example/", "https://app.example:443", "http://app.example:80", "http://app.example:080",
                                   "https://APP.example", "null", "ftp://app.example", "https://", "https://a b", "https://a,,https://b",
                                   "https://ann@app.example", "https://app.example?", "HTTPS://app.example"])
def test_what_is_no_origin_is_refused_by_name(value):
    done = run("serve", "--cors-origins", value)
    assert done.returncode == 2 and done.stderr.startswith("rowlock: --cors-origins: ") and value in done.stderr, done.stderr
    assert run("serve", env={"ROWLOCK_CORS_ORIGINS": value}).stderr.startswith("rowlock: ROWLOCK_CORS_ORIGINS: ")
