"""/users: what of the profiles people see, and that it stays text; the API's own answers are tested in test_users.py."""

import re

import pytest

from support.expect import problem
from support.pages import BROWSER, addresses, shown, text_of

pytestmark = pytest.mark.quick

AVATARS = "https://avatars.githubusercontent.com"
ODD = '<script>alert("x")</script>&amp; \u202eabc'


@pytest.fixture(scope="module")
def profiles(shared):
    """60 of two types, and three odd ones behind them."""
    _, db = shared
    db.query("DELETE FROM users")
    rows = [(number, f"Octo-{number}", ("User", "Organization")[number % 2]) for number in range(1, 61)]
    rows += [(61, ODD, "<b>"), (62, "émi 日本", "User"), (63, "bare", "User")]
    for number, name, kind in rows:
        picture = f"{AVATARS}/u/{number}?v=4&x=\"" if number != 63 else None
        link = {61: "javascript:alert(1)", 63: None}.get(number, f"https://github.com/{number}")
        db.query("INSERT INTO users (id, username, avatar_url, type, profile_url) VALUES (?, ?, ?, ?, ?)", number, name, picture, kind, link)


def ids(body):
    return [int(number) for number in re.findall(r"id (\d+)</small>", body)]


def test_pages_lead_from_one_to_the_next_and_back(profiles, api):
    seen, target = [], "/users?pagination=20"
    while target is not None:
        body = shown(api, target)
        seen.append(ids(body))
        target = next(iter(addresses(body, "next")), None)
    assert [len(page) for page in seen] == [20, 20, 20, 3] and sum(seen, []) == list(range(1, 64))
    before, = addresses(body, "prev")
    assert before.startswith("/users/3?") and ids(shown(api, before)) == seen[2]
    assert not addresses(shown(api, "/users"), "prev") and len(ids(shown(api, "/users/1"))) == 25


def test_links_keep_what_was_asked(profiles, api):
    body = shown(api, "/users?pagination=10&order_by=type&username=oCTo-&pictures=shown")
    assert ids(body) == list(range(1, 21, 2))       # organizations
    target, = addresses(body, "next")
    assert target == "/users/2?pagination=10&order_by=type&username=oCTo-&pictures=shown"
    after = shown(api, target)
    assert ids(after) == list(range(21, 41, 2)) and 'value="oCTo-"' in after and 'value="10"' in after
    assert '<option value="type" selected>' in after and '<option value="id">' in after and " checked" in after


def test_what_finds_nothing_says_so(profiles, api):
    assert "There are none." in text_of(api.get("/users?username=no%22%3Eone", BROWSER))
    assert 'value="no&quot;&gt;one"' in shown(api, "/users?username=no%22%3Eone")
    beyond = api.get("/users/9", BROWSER)
    assert "There are none on this page." in text_of(beyond) and len(addresses(beyond.body.decode(), "prev")) == 1


def test_inputs_that_were_left_empty_are_not_there(profiles, api):
    assert ids(shown(api, "/users?username=&order_by=&pagination=")) == list(range(1, 26))


def test_a_profile_is_text_whatever_its_name_is(profiles, api):
    body = shown(api, "/users/3?pagination=30&pictures=shown")
    assert "<script>" not in body and "<bdi>&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;amp; \u202eabc</bdi>" in body
    assert "javascript:" not in body and '<a href="#"><bdi>&lt;script' in body
    assert '<a href="https://github.com/62"><bdi>émi 日本</bdi></a>' in body and ">é日<img" in body
    assert re.search(r'>B</span>\s*<span>\s*<bdi>bare</bdi>\s*<small><bdi>User</bdi>, id 63</small>', body), body


def test_pictures_are_loaded_for_who_asks_alone(profiles, api):
    assert "<img" not in shown(api, "/users") and ">O1<" in shown(api, "/users")
    answer = api.get("/users?pictures=shown", BROWSER)
    policy, = answer.all("Content-Security-Policy")
    assert re.search(rf"img-src 'self' data: {AVATARS}(;|$)", policy), policy
    sources = re.findall(r'<img src="([^"]*)" alt=""', answer.body.decode())
    assert len(sources) == 25 and sources[0] == f"{AVATARS}/u/1?v=4&amp;x=&quot;"
    assert AVATARS not in api.get("/inbox", BROWSER).header("Content-Security-Policy")


@pytest.mark.parametrize("target, named", [("/users/0", "page"), ("/users/x", "page"), ("/users?pagination=0", "pagination"), ("/users?order_by=name", "order_by"),
                                           ("/users?pictures=all", "pictures"), ("/users?page=2", "page"), ("/users?username=" + "x" * 101, "username")])
def test_a_parameter_that_is_wrong_is_named(api, target, named):
    problem(api.get(target), 400, named)
    assert api.get(target, BROWSER).status == 400 and named in text_of(api.get(target, BROWSER))


def test_the_page_stands_in_the_menu_once(profiles, api):
    for target in ("/users", "/users/2"):
        assert shown(api, target).count('<a href="/users" aria-current="page">Users</a>') == 1
    assert shown(api, "/").count(">Users</a>") == 2        # in the menu and with its app
