"""Pages for people: what every one of them promises, how forms are sent and refused, and who gets HTML at all. How pages look
and work in a browser is tested in tests/browser."""

import gzip
import json
import re
from urllib.parse import urlencode

import pytest

from support.expect import problem
from support.pages import BROWSER, FORM, send, text_of
from support.program import run
from support.rawhttp import Connection, request_bytes
from support.wait import until

pytestmark = pytest.mark.quick

LISTED = [line.split()[:2] for line in run("routes").stdout.splitlines() if "(for people)" in line]
# What a page takes to be shown in full, by its path; what is not here takes nothing.
TARGETS = {"/inbox": "/inbox?recipient=bob"}
PAGES = ["/", *(TARGETS.get(path, path) for method, path in LISTED if method == "GET" and "{" not in path)]


# ---- every page ----

@pytest.mark.parametrize("target", PAGES)
def test_a_page_is_whole_html_and_head_is_the_same_without_it(api, target):
    page, head = api.get(target, BROWSER), api.call("HEAD", target, headers=BROWSER)
    assert page.status == 200 and page.header("Content-Type") == "text/html; charset=utf-8", page
    body = page.body.decode()
    assert body.startswith("<!doctype html>\n<html lang=\"en\">") and body.rstrip().endswith("</html>")
    assert "{{" not in body and body.count("<h1>") == 1 and "<title>" in body and 'name="viewport"' in body
    assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=|https?://(?!test/)", body), body      # the Host of the request is "test"
    assert head.status == 200 and head.body == b"" and head.header("Content-Length") == page.header("Content-Length")


@pytest.mark.parametrize("target", PAGES)
def test_a_page_that_has_not_changed_is_not_sent_again(api, target):
    page = api.get(target, BROWSER)
    cookie = {"Cookie": page.header("Set-Cookie").partition(";")[0]} if page.header("Set-Cookie") else {}
    tag = api.get(target, BROWSER | cookie).header("ETag")
    again = api.get(target, BROWSER | cookie | {"If-None-Match": tag})
    assert again.status == 304 and again.body == b""


@pytest.mark.parametrize("target", PAGES)
def test_what_a_page_loads_is_there_and_is_kept_for_ever(api, target):
    found = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', api.get(target, BROWSER).body.decode()))
    assert len(found) >= 4
    for address in found:
        plain, packed = api.get(address), api.get(address, {"Accept-Encoding": "gzip"})
        assert plain.status == packed.status == 200
        assert plain.header("Content-Encoding") is None and packed.header("Content-Encoding") == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert plain.header("Cache-Control") == "public, max-age=31536000, immutable" == packed.header("Cache-Control")
        assert "Accept-Encoding" in plain.header("Vary") and plain.header("ETag") != packed.header("ETag")
        assert api.get(address, {"If-None-Match": plain.header("ETag")}).status == 304
        assert api.get(address, {"If-None-Match": packed.header("ETag"), "Accept-Encoding": "gzip"}).status == 304


def test_an_old_or_unknown_file_is_404(api):
    for name in ("style.css", "style.1.css", "x", "..%2fstyle.css"):
        problem(api.get("/assets/" + name), 404)


def test_what_names_no_icon_has_one_too(api):
    """Browsers ask for it by themselves, for /openapi.json too."""
    icon = re.search(r'<link rel="icon" href="([^"]+)"', api.get("/", BROWSER).body.decode())[1]
    plain, packed = api.get("/favicon.ico"), api.get("/favicon.ico", {"Accept-Encoding": "gzip"})
    assert plain.status == packed.status == 200 and plain.content_type == "image/svg+xml"
    assert plain.body == gzip.decompress(packed.body) == api.get(icon).body
    assert plain.header("Cache-Control") == "public, max-age=86400"
    assert api.get("/favicon.ico", {"If-None-Match": plain.header("ETag")}).status == 304


# ---- who gets a page ----

@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html", "text/html;q=0"])
def test_who_does_not_ask_for_html_gets_json_where_there_is_json(api, accept):
    headers = {} if accept is None else {"Accept": accept}
    assert "orders" in api.get("/", headers).json() and api.get("/", headers).header("Vary") == "Accept"
    problem(api.get("/nope", headers), 404)
    assert api.get("/inbox", headers).content_type == "text/html"      # nothing else is there
    problem(api.get("/inbox?limit=x", headers), 400, "limit")


@pytest.mark.parametrize("method, target, body, status, words", [
    ("GET", "/nope", None, 404, "There is nothing at this path."), ("GET", "/orders/99", None, 404, "Order does not exist."),
    ("GET", "/orders?page=x&limit=1", None, 400, "page must be"), ("DELETE", "/orders", None, 405, "This path has the methods"),
    ("POST", "/orders", {"origin": ["<b>", 1], "destination": [1, 2]}, 400, "origin must be a latitude"), ("GET", "/inbox?nonesuch=<i>", None, 400, "nonesuch"),
    ("GET", "/inbox?limit=0&recipient=a", None, 400, "limit must be"), ("GET", "/%zz", None, 400, "percent-encoded"),
])
def test_a_browser_gets_problems_as_pages(api, method, target, body, status, words):
    answer = api.call(method, target, body, BROWSER)
    assert answer.status == status and words in text_of(answer) and answer.header("Cache-Control") == "no-store"
    assert (answer.header("Allow") is not None) == (status == 405)


def test_api_answers_are_json_for_a_browser_too(api):
    order = api.place()
    answer = api.get(f"/orders/{order}", BROWSER)
    assert answer.status == 200 and answer.content_type == "application/json"


def test_without_pages_there_is_the_api_alone(serve):
    for server in (serve("--no-pages"), serve(env={"ROWLOCK_NO_PAGES": "on"})):
        api = server.api
        assert "orders" in api.get("/", BROWSER).json() and "/inbox" not in api.get("/", BROWSER).body.decode()
        for target in ("/inbox", "/assets/style.css", "/favicon.ico", "/nope"):
            problem(api.get(target, BROWSER), 404)
    assert "(for people)" not in run("routes", "--no-pages").stdout and "/inbox" in run("routes").stdout


def test_pages_are_not_in_the_document_of_the_api(api):
    paths = api.get("/openapi.json").json()["paths"]
    assert "/" in paths and not {path for _, path in LISTED} & set(paths)
    assert api.get("/").json()["messages"] == [path for path in paths if path.startswith("/message")]


# ---- the start page ----

def test_the_start_page_says_how_the_server_is_and_how_to_call_each_app(api):
    shown = text_of(api.get("/", BROWSER | {"Host": "shop.test:81"}))
    assert "pass: ready to serve" in shown
    assert "curl 'http://shop.test:81/orders?limit=1&page=1'" in shown.replace("page=1&limit=1", "limit=1&page=1"), shown
    assert "curl -X PATCH -H 'Content-Type: application/json' -d '{\"status\":\"TAKEN\"" in shown
    for app in ("orders", "health", "sites", "messages", "users"):
        assert re.search(rf"^{app}$", shown, re.M), app


def test_the_calls_of_the_start_page_work(api):
    shown = text_of(api.get("/", BROWSER))
    calls = re.findall(r"^curl (?:-X (\w+) )?(?:-H '[^']*' -d '([^']*)' )?'http://[^/]*([^']*)'$", shown, re.M)
    assert len(calls) == shown.count("curl ") > 12
    for method, body, target in calls:
        answer = api.call(method or "GET", target, json.loads(body) if body else None)
        assert answer.status in (200, 201, 302, 404) or b"Order" in answer.body, (target, answer)


def test_a_host_is_only_text_on_the_start_page(api):
    body = api.get("/", BROWSER | {"Host": "a&b"}).body
    assert b"http://a&amp;b/" in body and b"a&b" not in body


def test_the_only_app_that_is_served_has_its_page_at_the_root(serve):
    alone = serve("--apps", "messages").api
    assert "<h1>Inbox</h1>" in alone.get("/", BROWSER).body.decode() and "/messages" in alone.get("/").body.decode()
    assert "<h1>Rowlock</h1>" in serve("--apps", "messages,users").api.get("/", BROWSER).body.decode()


def test_the_start_page_says_why_the_server_is_not_ready(serve, postgres):
    server = serve(database=postgres)
    postgres.cluster.stop()
    shown = until(lambda: next((text for text in [text_of(server.api.get("/", BROWSER))] if "fail: database" in text), None))
    assert "drainpass\n" in shown and "curl" in shown


# ---- forms ----

def test_a_form_is_done_and_leads_on(api):
    answer = send(api, "/inbox", {"sender": "ann & co", "recipient": "bob/ü", "text": "Hi <b>there</b>\r\n😀"})
    assert answer.status == 303 and answer.header("Location") == "/inbox?recipient=bob%2F%C3%BC" and answer.body == b"", answer
    assert answer.header("Cache-Control") == "no-store"
    stored, = api.get("/messages?recipient=bob/%C3%BC").json()
    assert (stored["sender"], stored["text"]) == ("ann & co", "Hi <b>there</b>\n😀")
    page = api.get(answer.header("Location"), BROWSER)
    assert "Hi &lt;b&gt;there&lt;/b&gt;\n😀" in page.body.decode() and "<b>there" not in page.body.decode()
    gone = send(api, f"/inbox/{stored['id']}/delete?recipient=bob%2F%C3%BC", {})
    assert gone.status == 303 and gone.header("Location") == "/inbox?recipient=bob%2F%C3%BC"
    assert api.get("/messages?recipient=bob/%C3%BC").json() == []


def test_what_was_typed_is_kept_and_each_input_says_what_is_wrong(api):
    answer = send(api, "/inbox", {"sender": "\"ann\" <x>", "recipient": "", "text": "x" * 1001})
    body = answer.body.decode()
    assert answer.status == 400 and answer.content_type == "text/html", answer
    assert 'value="&quot;ann&quot; &lt;x&gt;"' in body and "x" * 1001 in body
    assert '<small id="write-recipient-error" class="error">recipient is missing.</small>' in body
    assert '<small id="write-text-error" class="error">text must be text of 1 to 1000 characters.</small>' in body
    assert '<small id="write-sender-error" class="error"></small>' in body and body.count('aria-invalid="true"') == 2
    assert api.get("/messages?recipient=").status == 400


def test_what_the_api_refuses_is_said_on_the_page(api):
    answer = send(api, "/inbox/99/delete?recipient=bob", {})
    assert answer.status == 404 and "Message does not exist." in text_of(answer) and "<h1>Inbox</h1>" in answer.body.decode()


@pytest.mark.parametrize("fields, words", [
    ({"sender": "a", "recipient": "odd", "text": "c", "nonesuch": "1"}, '"nonesuch" is not an input of this form.'),
    ([("sender", "a"), ("sender", "a"), ("recipient", "odd"), ("text", "c")], "sender is given twice."),
    ({"sender": b"\xff", "recipient": "odd", "text": "c"}, "not well-formed"), ({"sender": "a\0", "recipient": "odd", "text": "c"}, "not well-formed"),
])
def test_an_odd_form_changes_nothing(api, fields, words):
    answer = send(api, "/inbox", fields)
    assert answer.status == 400 and words in text_of(answer), answer
    assert api.get("/messages?recipient=odd").json() == []


def test_a_form_is_sent_as_forms_are(api):
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencodedx"):
        answer = send(api, "/inbox", {"sender": "a", "recipient": "b", "text": "c"}, {"Content-Type": kind})
        assert answer.status == 415 and "application/x-www-form-urlencoded" in text_of(answer)
    assert send(api, "/inbox", {"sender": "a", "recipient": "b", "text": "c"}, {"Content-Type": FORM["Content-Type"] + "; charset=utf-8"}).status == 303


GOOD = {"sender": "a", "recipient": "b", "text": "c"}


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
])
def test_a_form_of_another_site_changes_nothing(api, headers):
    answer = send(api, "/inbox", GOOD | {"recipient": "foreign"}, headers)
    assert answer.status == 403 and "another site" in text_of(answer)
    assert api.get("/messages?recipient=foreign").json() == []


def bare(api, fields, headers=None):
    """Of a browser that says neither Origin nor Sec-Fetch-Site."""
    return api.call("POST", "/inbox", urlencode(fields | {"recipient": "bare"}).encode(), FORM | BROWSER | (headers or {}))


def test_without_a_word_of_the_browser_the_form_needs_that_of_its_cookie(api):
    page = api.get("/inbox", BROWSER)
    cookie, *attributes = page.header("Set-Cookie").split("; ")
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    token = re.search(r'name="form_token" value="([0-9a-f]{32})"', page.body.decode())[1]
    assert cookie == f"rowlock_form={token}"
    other = re.search(r'name="form_token" value="([0-9a-f]{32})"', api.get("/inbox", BROWSER).body.decode())[1]
    assert other != token
    refused = [(GOOD, {}), (GOOD | {"form_token": token}, {}), (GOOD, {"Cookie": cookie}), (GOOD | {"form_token": other}, {"Cookie": cookie}),
               (GOOD | {"form_token": ""}, {"Cookie": "rowlock_form="}), (GOOD | {"form_token": token.upper()}, {"Cookie": cookie})]
    for fields, headers in refused:
        answer = bare(api, fields, headers)
        assert answer.status == 403 and "cookie" in text_of(answer), (fields, headers, answer)
    assert api.get("/messages?recipient=bare").json() == []
    assert bare(api, GOOD | {"form_token": token}, {"Cookie": f"x=y; {cookie}; z=1"}).status == 303
    again = api.get("/inbox", BROWSER | {"Cookie": cookie})
    assert again.header("Set-Cookie") is None and token in again.body.decode()


# ---- limits ----

def test_a_page_ends_within_the_deadline_when_the_database_is_locked(serve, postgres):
    server = serve("--deadline", 2, database=postgres)
    holder = postgres.connect()
    try:
        holder.cursor().execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        with Connection(server.address) as connection:
            connection.send(request_bytes("GET", "/inbox?recipient=bob", headers=BROWSER))
            answer = connection.response()
        assert answer.status == 503 and int(answer.header("Retry-After")) >= 1 and "nothing was changed" in text_of(answer), answer
        refused = send(server.api, "/inbox", GOOD)
        assert refused.status == 503 and refused.content_type == "text/html"
    finally:
        holder.close()
    assert server.api.get("/inbox?recipient=bob", BROWSER).status == 200


def test_pages_and_api_share_a_read(server, api):
    api.post("/messages", {"sender": "a", "recipient": "both", "text": "c"})
    connections = [Connection(server.address) for _ in range(6)]
    try:
        for number, connection in enumerate(connections):
            connection.send(request_bytes("GET", "/inbox?recipient=both" if number % 2 else "/messages?recipient=both&limit=20", headers=BROWSER))
        answers = [connection.response() for connection in connections]
    finally:
        for connection in connections:
            connection.close()
    assert [answer.content_type for answer in answers] == ["application/json", "text/html"] * 3
    assert len({answer.body for answer in answers[::2]}) == 1 and all(answer.json()[0]["text"] == "c" for answer in answers[::2])
    assert all(b"<bdi>a</bdi>" in answer.body for answer in answers[1::2])


def test_a_reply_that_is_compressed_is_the_page_too(serve):
    api = serve("--gzip").api
    packed, plain = api.get("/", BROWSER | {"Accept-Encoding": "gzip"}), api.get("/", BROWSER)
    assert packed.header("Content-Encoding") == "gzip" and b"<h1>Rowlock</h1>" in gzip.decompress(packed.body) and b"<h1>Rowlock</h1>" in plain.body
