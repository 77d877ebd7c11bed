"""Pages, forms and events through nginx with the configuration of the production deployment. The deployment as a whole is tried by
tests/docker."""

import gzip
import re
from urllib.parse import urlencode

import pytest

from support.events import EventStream
from support.expect import problem
from support.nginx import Nginx
from support.pages import BROWSER, FORM, send, text_of
from support.program import run

pytestmark = [pytest.mark.plain, pytest.mark.parametrize("shared", ["sqlite"], indirect=True)]

PAGES = ["/", *re.findall(r"^GET +([^\s{]+) +\(for people\)", run("routes").stdout, re.M)]
PACKED = {"Accept-Encoding": "gzip"}
MESSAGE = {"sender": "ann", "recipient": "bob", "text": "Hello <b>"}
OF_PAGES = ("Content-Type", "Content-Security-Policy", "Referrer-Policy", "Cache-Control", "X-Content-Type-Options")


@pytest.fixture(scope="module")
def nginx(shared):
    started = Nginx(shared[0].address)
    yield started
    started.close()


@pytest.fixture
def front(nginx, server):
    """The server as it is seen from outside."""
    return nginx.api


# ---- pages and what they load ----

@pytest.mark.parametrize("target", PAGES)
def test_a_page_comes_as_the_server_sends_it(front, api, target):
    cookie = {"Cookie": "rowlock_form=" + "0" * 32}         # as it has no word of the browser's own, each page would have another
    through, direct = (each.get(target, BROWSER | cookie | {"Host": front.address}) for each in (front, api))
    assert through.status == 200 and through.body == direct.body
    assert [through.all(name) for name in OF_PAGES] == [direct.all(name) for name in OF_PAGES]
    assert {*direct.all("Vary"), "Accept-Encoding"} == {*through.all("Vary")}


def test_a_page_is_packed_and_not_sent_again(front):
    cookie = {"Cookie": "rowlock_form=" + "0" * 32}
    packed = front.get("/", BROWSER | PACKED | cookie)
    assert packed.header("Content-Encoding") == "gzip" and b"<h1>Rowlock</h1>" in gzip.decompress(packed.body)
    for tag in (packed.header("ETag"), front.get("/", BROWSER | cookie).header("ETag")):
        assert front.get("/", BROWSER | PACKED | cookie | {"If-None-Match": tag}).status == 304


def test_the_files_of_pages_are_kept_for_ever(front, api):
    found = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', front.get("/docs", BROWSER).body.decode()))
    assert len(found) >= 6
    for address in found:
        plain, packed = front.get(address), front.get(address, PACKED)
        assert plain.body == gzip.decompress(packed.body) == api.get(address).body
        assert plain.all("Cache-Control") == packed.all("Cache-Control") == ["public, max-age=31536000, immutable"]
        assert packed.all("Content-Encoding") == ["gzip"] and plain.header("Content-Encoding") is None
        assert front.get(address, PACKED | {"If-None-Match": packed.header("ETag")}).status == 304
    problem(front.get("/assets/style.1.css"), 404)


def test_the_files_of_the_deployment_are_nginxs(front):
    page = front.get("/static/index.html")
    assert page.content_type == "text/html" and b"Static files of this deployment" in page.body


def test_the_start_page_names_the_host_that_was_asked(front):
    assert "curl 'http://shop.test:8443/orders" in text_of(front.get("/", BROWSER | {"Host": "shop.test:8443"}))


@pytest.mark.parametrize("target, status, words", [("/nope", 404, "There is nothing at this path."), ("/inbox?limit=0&recipient=a", 400, "limit must be")])
def test_problems_are_pages_too(front, target, status, words):
    answer = front.get(target, BROWSER)
    assert answer.status == status and words in text_of(answer) and answer.all("X-Content-Type-Options") == ["nosniff"]


# ---- forms ----

def test_a_form_is_done_and_leads_on_at_the_same_host(front):
    answer = send(front, "/inbox", MESSAGE)
    assert answer.status == 303 and answer.header("Location") == "/inbox?recipient=bob", answer
    page = front.get(answer.header("Location"), BROWSER)
    assert "Hello &lt;b&gt;" in page.body.decode()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_form_of_this_site_is_known_by_the_host_of_the_client(front, scheme):
    own = {"Host": "shop.test:8443", "Origin": f"{scheme}://shop.test:8443"}
    assert send(front, "/inbox", MESSAGE, own | {"Sec-Fetch-Site": "same-origin"}).status == 303


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"},
    {"Origin": "http://rowlock"}, {"Origin": "null"},
])
def test_a_form_of_another_site_changes_nothing(front, headers):
    answer = send(front, "/inbox", MESSAGE | {"recipient": "foreign"}, headers)
    assert answer.status == 403 and "another site" in text_of(answer)
    assert front.get("/messages?recipient=foreign").json() == []


def test_the_cookie_of_forms_passes(front):
    page = front.get("/inbox", BROWSER)
    cookie, token = page.header("Set-Cookie").partition(";")[0], re.search(r'name="form_token" value="(\w+)"', page.body.decode())[1]
    for headers, status in (({"Cookie": cookie}, 303), ({}, 403)):
        body = urlencode(MESSAGE | {"form_token": token}).encode()
        assert front.call("POST", "/inbox", body, BROWSER | FORM | headers).status == status


# ---- events ----

def test_an_event_leaves_at_once(front, api):
    with EventStream(front.address) as stream:
        assert stream.head.status == 200 and stream.head.content_type == "text/event-stream"
        stream.begun()
        for _ in range(3):
            order = api.place()
            event = stream.next()
            assert (event.kind, event.data["id"]) == ("placed", order)
