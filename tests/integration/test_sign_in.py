"""/sign-in: people give a key once, and their browser keeps a signed cookie that no server has to remember."""

import re
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import pytest

from support.expect import problem
from support.keys import KeyFile, bearer, key_of, line
from support.pages import BROWSER, send, text_of
from support.program import SLOW
from support.server import on_sqlite
from support.wait import until

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module", params=["evhttp", "direct"])
def shared(request, sqlite_template, tmp_path_factory):
    """(server, database), on each engine, with some keys."""
    file = KeyFile(tmp_path_factory.mktemp("keys"), all="*", reader="orders:read", old="* expires=2020-01-31", later="* expires=2099-12-31", talker="messages")
    with on_sqlite(sqlite_template, "--api-keys", file.path, "--http", request.param) as both:
        yield both


def sign_in(api, key, following="", headers=None):
    return send(api, "/sign-in", {"key": key, "next": following}, headers)


def cookie_of(answer):
    return {"Cookie": answer.header("Set-Cookie").partition(";")[0]}


def signed_in(api, name):
    answer = sign_in(api, key_of(name))
    assert answer.status == 303 and answer.header("Set-Cookie"), answer
    return cookie_of(answer)


# ---- in ----

@pytest.mark.parametrize("target", ["/board", "/board?before=7&as=a%20b", "/labs/site/1", "/inbox?recipient=bob", "/users"])
def test_a_browser_is_led_to_the_page_and_from_there_back(api, target):
    answer = api.get(target, BROWSER)
    assert answer.status == 303 and answer.header("Location") == "/sign-in?next=" + quote(target, safe="-._~") and answer.header("Cache-Control") == "no-store"
    page = api.get(answer.header("Location"), BROWSER).body.decode()
    following = re.search(r'name="next" value="([^"]*)"', page)[1].replace("&amp;", "&")
    assert following == target and 'type="password"' in page
    assert sign_in(api, key_of("all"), following).header("Location") == target


def test_what_is_no_page_says_401_to_a_browser_too(api):
    answer = api.get("/orders/1", BROWSER)
    assert answer.status == 401 and "API key is needed" in text_of(answer) and answer.header("WWW-Authenticate") and 'href="/sign-in"' in answer.body.decode()
    assert send(api, "/board", {}).status == 401
    problem(api.get("/board"), 401)
    problem(api.get("/board", {"Accept": "application/json"}), 401)


def test_the_cookie_is_for_this_server_alone_and_says_no_secret(api):
    field = sign_in(api, key_of("all")).header("Set-Cookie")
    name, _, rest = field.partition("=")
    value, *attributes = rest.split("; ")
    assert name == "rowlock_key" and set(attributes) == {"Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Lax"}
    assert re.fullmatch(r"all\.\d+\.[0-9a-f]{64}", value) and key_of("all") not in field and line("all").split()[1] not in field
    assert "Secure" in sign_in(api, key_of("all"), headers={"Origin": f"https://{api.address}"}).header("Set-Cookie")


def test_who_is_signed_in_may_what_the_key_may(api):
    cookie = signed_in(api, "reader")
    assert api.get("/board", BROWSER | cookie).status == 200 and "reader" in text_of(api.get("/board", BROWSER | cookie))
    assert api.get("/orders?page=1&limit=1", cookie).status == 200
    assert api.get("/board", BROWSER | {"Cookie": "a=b; " + cookie["Cookie"] + "; c=d"}).status == 200
    forbidden = api.get("/inbox", BROWSER | cookie)
    assert forbidden.status == 403 and "lacks the scope messages:read" in text_of(forbidden)
    placed = send(api, "/board", {"origin": "1, 2", "destination": "3, 4"}, cookie)
    assert placed.status == 403 and "orders:write" in text_of(placed)
    assert send(api, "/board", {"origin": "1, 2", "destination": "3, 4"}, signed_in(api, "all")).status == 303


def test_a_key_in_the_head_counts_and_not_the_cookie(api):
    cookie = signed_in(api, "all")
    problem(api.get("/orders?page=1&limit=1", cookie | bearer("talker")), 403)
    problem(api.get("/orders?page=1&limit=1", cookie | bearer("old")), 401)


@pytest.mark.parametrize("key", ["", "x", "nobody-knows-this-one", key_of("old"), key_of("all") + "x", "a" * 5000, "\u00e9\u00e9", "<b>", "line('all')"])
def test_a_wrong_key_leads_back(api, key):
    answer = sign_in(api, key, "/board?before=7")
    assert answer.status == 303 and answer.header("Location") == "/sign-in?wrong=key&next=%2Fboard%3Fbefore%3D7" and answer.header("Set-Cookie") is None
    page = api.get(answer.header("Location"), BROWSER)
    assert "no key of this server" in text_of(page) and 'value="/board?before=7"' in page.body.decode()


def test_blanks_around_a_key_are_nobodys_intention(api):
    assert sign_in(api, f" {key_of('all')}\r\n").header("Set-Cookie")


@pytest.mark.parametrize("following", ["//evil.example", "/\\evil.example", "https://evil.example/", "evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=y", "/a b", "\\/x", "/" + "a" * 2000 + "\u00e9"])
def test_nobody_is_led_elsewhere(api, following):
    good, wrong = sign_in(api, key_of("all"), following), sign_in(api, "x", following)
    assert (good.header("Location"), wrong.header("Location")) == ("/", "/sign-in?wrong=key")
    assert len(good.all("Set-Cookie")) == 1


# ---- cookies that do not count ----

def parts(api, name="all"):
    return signed_in(api, name)["Cookie"].removeprefix("rowlock_key=").rsplit(".", 2)


def test_a_cookie_that_was_changed_does_not_count(api):
    name, until_s, signature = parts(api)
    _, other_s, other = parts(api, "reader")
    good = f"{name}.{until_s}.{signature}"
    for value in (f"reader.{until_s}.{signature}", f"{name}.{int(until_s) + 1}.{signature}", f"{name}.{until_s}.{other}", f"{name}.{until_s}.{signature[:-1]}", f"{name}.{until_s}.{signature}0",
                  f"{name}.{until_s}.{'0' * 64}", f"nobody.{until_s}.{signature}", f".{until_s}.{signature}", f"{name}..{signature}", f"{name}.{until_s}", name, "", "..", "=", f"{name}.1.{signature}",
                  f"old.{until_s}.{signature}", key_of("all"), line("all").split()[1]):
        assert api.get("/board", BROWSER | {"Cookie": f"rowlock_key={value}"}).status == 303, value
        problem(api.get("/orders?page=1&limit=1", {"Cookie": f"rowlock_key={value}"}), 401)
    assert api.get("/board", BROWSER | {"Cookie": f"rowlock_key={good}"}).status == 200


def test_it_ends_with_the_key_and_counts_on_all_servers_of_the_file(serve, sqlite, postgres, folder):
    file = KeyFile(folder, ann="*", bob="*")
    one, two = serve("--api-keys", file.path, database=sqlite), serve("--workers", 2, "--api-keys", file.path, database=postgres)
    ann, bob = signed_in(one.api, "ann"), signed_in(two.api, "bob")
    for server in (one, two):
        for cookie in (ann, bob):
            assert {server.api.get("/board", BROWSER | cookie).status for _ in range(6)} == {200}
    file.write(line("ann", "*", key="another-one-of-ann"), line("bob", "*"))
    for server in (one, two):
        until(lambda: {server.api.get("/board", BROWSER | ann).status for _ in range(24)} == {303}, 5, "the key is another one")
        assert server.api.get("/board", BROWSER | bob).status == 200
    for server in (one, two):
        assert not any(word in server.log() for word in (ann["Cookie"][-64:], key_of("ann")))


def test_it_ends_when_the_key_expires(serve, sqlite, folder):
    at = datetime.now(timezone.utc) + timedelta(seconds=4 * SLOW)
    server = serve("--api-keys", KeyFile(folder, ann=f"* expires={at:%Y-%m-%dT%H:%M:%SZ}").path, database=sqlite)
    answer = sign_in(server.api, key_of("ann"))
    assert int(re.search(r"Max-Age=(\d+)", answer.header("Set-Cookie"))[1]) <= 4 * SLOW
    until(lambda: server.api.get("/board", BROWSER | cookie_of(answer)).status == 303, 6, "it ends")


def test_pages_of_other_origins_do_not_ask_by_it(serve, sqlite, folder):
    server = serve("--api-keys", KeyFile(folder, ann="*").path, "--cors-origins", "https://app.example", database=sqlite)
    cookie = signed_in(server.api, "ann")
    problem(server.api.get("/orders?page=1&limit=1", cookie | {"Origin": "https://app.example"}), 401)
    assert server.api.get("/orders?page=1&limit=1", cookie).status == 200


# ---- forms ----

@pytest.mark.parametrize("target", ["/sign-in", "/sign-out"])
def test_forms_of_others_are_refused(api, target):
    body, form = b"key=" + key_of("all").encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    problem(api.call("POST", target, body, form | {"Origin": "http://evil.example"}), 403, "another site")
    problem(api.call("POST", target, body, form), 403, "form_token")
    page = api.get("/sign-in", BROWSER)
    token = re.search(r'name="form_token" value="([0-9a-f]+)"', page.body.decode())[1]
    answer = api.call("POST", target, body + b"&form_token=" + token.encode(), form | cookie_of(page))
    assert answer.status == 303 and "rowlock_key=" in answer.header("Set-Cookie")
    problem(api.call("POST", target, b'{"key":"x"}', {"Content-Type": "application/json"}), 415)
    problem(api.call("POST", target, b"nonsense=1", form | {"Origin": f"http://{api.address}", "Host": api.address}), 400, "nonsense")


def test_signing_out(api):
    cookie = signed_in(api, "reader")
    page = api.get("/sign-in", BROWSER | cookie)
    assert "signed in as reader" in text_of(page) and 'action="/sign-out"' in page.body.decode()
    answer = send(api, "/sign-out", {}, cookie)
    assert answer.status == 303 and answer.header("Location") == "/sign-in"
    assert {"rowlock_key=", "Max-Age=0"} <= set(answer.header("Set-Cookie").split("; "))


def test_without_keys_there_is_nothing_to_sign_in_for(serve, sqlite):
    api = serve(database=sqlite).api
    assert "asks nobody for a key" in text_of(api.get("/sign-in", BROWSER)) and "/sign-in" not in api.get("/", BROWSER).body.decode()
    assert sign_in(api, "whatever").header("Set-Cookie") is None


def test_the_only_app_that_is_served_is_not_shown_at_the_root_either(serve, sqlite, folder):
    api = serve("--apps", "messages", "--api-keys", KeyFile(folder, ann="messages", bob="orders").path, database=sqlite).api
    assert api.get("/", BROWSER).status == 401
    assert "<h1>Inbox</h1>" in api.get("/", BROWSER | signed_in(api, "ann")).body.decode()
    assert api.get("/", BROWSER | signed_in(api, "bob")).status == 403
    assert api.get("/").status == 200
