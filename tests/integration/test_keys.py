"""--api-keys: who may do what, by keys and their scopes."""

import hashlib
import re
import zlib

import pytest

from support.expect import problem, succeeded
from support.keys import KeyFile, bearer, key_of, line
from support.openapi import check
from support.program import run
from support.rawhttp import Connection, request_bytes
from support.server import on_sqlite

pytestmark = pytest.mark.quick

ORDER = {"origin": ["50.456399", "12.707580"], "destination": ["59.436487", "24.747193"]}
LIST = "/orders?page=1&limit=1"
SHA = "0" * 64


@pytest.fixture(scope="module", params=["evhttp", "direct"])
def shared(request, sqlite_template, tmp_path_factory):
    """(server, database), on each engine, with some keys."""
    file = KeyFile(tmp_path_factory.mktemp("keys"), all="*", reader="orders:read", placer="orders:read orders:write", courier="orders", old="* expires=2020-01-31",
                   later="orders:read expires=2099-12-31T23:59:59Z", talker="messages", scraper="metrics")
    with on_sqlite(sqlite_template, "--api-keys", file.path, "--http", request.param, "--access-log") as both:
        yield both


def ask(server, method="GET", target=LIST, body=None, headers=()):
    """headers: pairs or a dict."""
    with Connection(server.address) as connection:
        answer = connection.request(method, target, body, headers)
    check(method, target, answer)
    return answer


def challenge(answer):
    """WWW-Authenticate (RFC 9110 section 11.6.1) as {parameter: value}."""
    found = re.fullmatch(r'Bearer (realm="rowlock"(?:, [a-z_]+="[^"\\]*")*)', answer.header("WWW-Authenticate"))
    assert found, answer.headers
    return dict(re.findall(r'([a-z_]+)="([^"]*)"', found[1]))


# ---- without a key, and with wrong ones ----

@pytest.mark.parametrize("method, target, body", [("GET", LIST, None), ("HEAD", LIST, None), ("POST", "/orders", ORDER), ("PATCH", "/orders/1", {"status": "TAKEN"}), ("GET", "/metrics", None),
                                                  ("GET", "/orders/events", None), ("GET", "/board", None), ("POST", "/board", None), ("DELETE", "/messages/1", None), ("GET", "/users/page/1", None)])
def test_without_a_key_nothing_is_done(server, db, method, target, body):
    answer = ask(server, method, target, body)
    assert answer.status == 401
    if method != "HEAD":
        problem(answer, 401, "API key")
    assert challenge(answer) == {"realm": "rowlock"}, "an error is only named when a key was given (RFC 6750 section 3.1)"
    assert db.query("SELECT count(*) FROM orders") == [(0,)]


WRONG = {
    "not known": {"Authorization": "Bearer nobody-knows-this-one"}, "not known, in the other field": {"X-Api-Key": "nobody-knows-this-one"},
    "expired": bearer("old"), "cut off": {"X-Api-Key": key_of("reader")[:-1]}, "longer": {"X-Api-Key": key_of("reader") + "x"},
    "in another case": {"X-Api-Key": key_of("reader").upper()}, "its hash": {"X-Api-Key": hashlib.sha256(key_of("reader").encode()).hexdigest()},
    "its name": {"X-Api-Key": "reader"},
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_a_key_that_does_not_count(server, headers):
    answer = ask(server, headers=headers)
    problem(answer, 401, "expired" if headers == bearer("old") else "not known")
    assert challenge(answer) == {"realm": "rowlock", "error": "invalid_token"}
    assert ask(server, target="/health", headers=headers).status == 200


def ours(bits="a" * 32):
    """As rowlock key new writes one."""
    text, rest, digits = "rowlock_" + bits, zlib.crc32(("rowlock_" + bits).encode()), ""
    for _ in range(7):
        digits, rest = "abcdefghijklmnopqrstuvwxyz234567"[rest & 31] + digits, rest >> 5
    return text + digits


def test_a_key_that_was_copied_wrong_is_told_from_one_that_is_not_known(server):
    problem(ask(server, headers={"X-Api-Key": ours()}), 401, "not known")
    for wrong in (ours()[:-1], ours() + "a", ours()[:-1] + "8", ours().replace("aaa", "aba", 1)):
        problem(ask(server, headers={"X-Api-Key": wrong}), 401, "check sum")


MALFORMED = {
    "no key behind Bearer": [("Authorization", "Bearer")], "nothing": [("X-Api-Key", "")], "a blank in it": [("Authorization", "Bearer a b")], "a comma": [("X-Api-Key", "a,b")],
    "too long": [("X-Api-Key", "a" * 257)], "twice": [("X-Api-Key", key_of("reader"))] * 2, "in both ways": [("X-Api-Key", key_of("reader")), *bearer("reader").items()],
    "Bearer twice": [*bearer("reader").items()] * 2, "bytes beyond ASCII": [("X-Api-Key", "schl\u00fcssel")],
}


@pytest.mark.parametrize("headers", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_key_at_all(server, headers):
    answer = ask(server, headers=headers)
    problem(answer, 400, "API key")
    assert challenge(answer) == {"realm": "rowlock", "error": "invalid_request"}


@pytest.mark.parametrize("value", ["Basic YW5uOnNlY3JldA==", "Digest x=1", "", "Bearerx", "ApiKey " + key_of("reader")])
def test_another_scheme_is_no_key(server, value):
    assert challenge(ask(server, headers={"Authorization": value})) == {"realm": "rowlock"}
    assert ask(server, headers={"Authorization": value, "X-Api-Key": key_of("reader")}).status == 200


def test_a_body_is_not_waited_for(server):
    with Connection(server.address) as connection:
        connection.send("POST /orders HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n")
        problem(connection.response(), 401)
    with Connection(server.address) as connection:
        connection.send(f"POST /messages HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key_of('talker')}\r\nExpect: 100-continue\r\nContent-Length: 45\r\n\r\n")
        assert connection.response().status == 100
        connection.send('{"sender":"ann","recipient":"bob","text":"x"}')
        assert connection.response("POST").status == 201


# ---- with a key ----

@pytest.mark.parametrize("headers", [bearer("reader"), {"X-Api-Key": key_of("reader")}, {"authorization": f"bearer {key_of('reader')}"}, {"AUTHORIZATION": f"BEARER   {key_of('reader')}"}, bearer("all"), bearer("later")])
def test_a_key_that_counts(server, headers):
    assert ask(server, headers=headers).status == 200
    assert ask(server, "HEAD", headers=headers).status == 200, "HEAD has the scope of GET"


NEEDS = [("GET", LIST, None, "orders:read"), ("HEAD", LIST, None, "orders:read"), ("GET", "/orders/events", None, "orders:read"), ("POST", "/orders", ORDER, "orders:write"),
         ("PATCH", "/orders/1", {"status": "TAKEN"}, "orders:take"), ("POST", "/orders/claim", {"taker": "x"}, "orders:take"), ("GET", "/sites", None, "sites:read"),
         ("POST", "/site/1", {"name": "x"}, "sites:write"), ("GET", "/messages?recipient=x", None, "messages:read"), ("DELETE", "/messages/1", None, "messages:write"),
         ("GET", "/fsa/K1A", None, "regions:read"), ("GET", "/api/users/profiles", None, "users:read"), ("GET", "/metrics", None, "metrics:read"),
         ("POST", "/board", None, "orders:write"), ("GET", "/labs", None, "sites:read")]
HAVE = {"all": {"*"}, "reader": {"orders:read"}, "placer": {"orders:read", "orders:write"}, "courier": {"orders:read", "orders:write", "orders:take"},
        "talker": {"messages:read", "messages:write"}, "scraper": {"metrics:read"}}


@pytest.mark.parametrize("name", HAVE)
@pytest.mark.parametrize("method, target, body, scope", NEEDS)
def test_the_scope_that_is_missing_is_named(server, name, method, target, body, scope):
    with Connection(server.address) as connection:
        connection.send(request_bytes(method, target, body, bearer(name)))
        if HAVE[name] & {"*", scope} and target == "/orders/events":
            return
        answer = connection.response(method)
    check(method, target, answer)
    if HAVE[name] & {"*", scope}:
        assert answer.status not in (401, 403), answer
        return
    assert answer.status == 403, answer
    assert challenge(answer) == {"realm": "rowlock", "error": "insufficient_scope", "scope": scope}
    if method != "HEAD":
        problem(answer, 403, scope, name)


@pytest.mark.parametrize("target", ["/health", "/healthcheck", "/", "/openapi.json", "/docs", "/favicon.ico"])
def test_what_is_open(server, target):
    for headers in ({}, bearer("reader"), {"X-Api-Key": "nobody"}, [("X-Api-Key", "a")] * 2):
        assert ask(server, target=target, headers=headers).status == 200


def test_what_is_not_there_is_said_to_everybody(server):
    assert ask(server, target="/nowhere").status == 404
    assert ask(server, "PUT", target="/orders").header("Allow") == "GET, HEAD, POST"


def test_a_page_of_another_site_is_refused_first(server):
    problem(ask(server, "POST", "/orders", ORDER, {"Origin": "http://evil.example", **bearer("all")}), 403, "another site")


def test_every_route_has_a_scope():
    scopes = re.findall(r"^    scope  (\S+)$", run("routes").stdout, re.M)
    assert len(scopes) == len(re.findall(r"^[A-Z]", run("routes").stdout, re.M))
    assert set(scopes) == {"open", "orders:read", "orders:write", "orders:take", "sites:read", "sites:write", "regions:read", "messages:read", "messages:write", "users:read", "metrics:read"}


# ---- what nobody is to see ----

def test_neither_a_key_nor_its_hash_is_said_anywhere(server):
    secrets = [text for name in ("all", "reader", "old") for text in (key_of(name), hashlib.sha256(key_of(name).encode()).hexdigest())]
    secrets += [secret[8:40] for secret in secrets]
    said = []
    for target in ("/", LIST, "/nowhere", "/openapi.json", "/metrics", "/docs", "/board", "/orders?page=x&limit=1"):
        for name in ("all", "reader", "old"):
            for accept in ("*/*", "text/html"):
                answer = ask(server, target=target, headers={**bearer(name), "Accept": accept, "Referer": "http://test/"})
                said.append(f"{answer.headers} {answer.body!r}")
    said.append(server.log())
    assert '"key":"reader"' in said[-1] and not any(secret in text for secret in secrets for text in said)
    command = run("config", "--api-keys", next(word for word in map(str, server.command) if word.endswith("/keys")))
    assert not any(secret in command.stdout for secret in secrets)


def test_refusals_are_counted(server):
    def counted(reason):
        text = ask(server, target="/metrics", headers=bearer("scraper")).body.decode()
        return float(re.search(rf'^rowlock_refusals_total{{reason="{reason}"}} (\S+)$', text, re.M)[1])

    before = counted("key"), counted("scope")
    ask(server), ask(server, headers=bearer("old")), ask(server, headers=bearer("talker"))
    assert (counted("key"), counted("scope")) == (before[0] + 2, before[1] + 1)
    assert re.search(r"^rowlock_api_keys 8$", ask(server, target="/metrics", headers=bearer("all")).body.decode(), re.M)


# ---- other settings beside it ----

def test_what_goes_without_a_key(serve, sqlite, folder):
    file = KeyFile(folder, talker="messages", old="* expires=2020-01-31")
    server = serve("--api-keys", file.path, "--anonymous", "orders:read, users", database=sqlite)
    assert ask(server).status == ask(server, target="/api/users/profiles").status == 200
    assert ask(server, headers=bearer("talker")).status == 200, "what anybody may, who has a key may as well"
    problem(ask(server, headers=bearer("old")), 401, "expired")
    problem(ask(server, "POST", "/orders", ORDER), 401)
    problem(ask(server, "POST", "/orders", ORDER, bearer("talker")), 403, "orders:write")


def test_at_an_address_for_operators_no_key_is_asked_for(serve, sqlite, folder):
    server = serve("--api-keys", KeyFile(folder, ann="*").path, "--metrics-listen", "127.0.0.1:0", database=sqlite)
    told, = server.told("listening for operators", 1)
    with Connection(told["address"]) as connection:
        assert connection.request("GET", "/metrics").status == 200
    problem(ask(server, target="/metrics"), 404)


def test_a_browser_may_ask_whether_it_may_send_a_key(serve, sqlite, folder):
    app = {"Origin": "https://app.example"}
    server = serve("--api-keys", KeyFile(folder, ann="*").path, "--cors-origins", app["Origin"], database=sqlite)
    asks = {**app, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,x-api-key"}
    with Connection(server.address) as connection:
        answer = connection.request("OPTIONS", LIST, headers=asks)
    assert answer.status == 204 and {"authorization", "x-api-key"} <= {word.strip().lower() for word in answer.header("Access-Control-Allow-Headers").split(",")}
    assert ask(server, headers={**app, **bearer("ann")}).status == 200
    refusal = ask(server, headers=app)
    assert refusal.status == 401 and "WWW-Authenticate" in refusal.header("Access-Control-Expose-Headers")


def test_without_keys_everybody_may_and_a_key_says_nothing(serve, sqlite):
    server = serve(database=sqlite)
    for headers in ({}, {"X-Api-Key": "whatever"}, [("X-Api-Key", "a")] * 2, {"Authorization": "Bearer"}):
        assert ask(server, headers=headers).status == 200


def test_keys_on_postgresql_with_several_workers(serve, postgres, folder):
    server = serve("--workers", 2, "--api-keys", KeyFile(folder, ann="orders").path, database=postgres)
    for _ in range(10):
        assert ask(server, headers=bearer("ann")).status == 200 and ask(server).status == 401
    order = ask(server, "POST", "/orders", ORDER, bearer("ann")).json()["id"]
    succeeded(ask(server, "PATCH", f"/orders/{order}", {"status": "TAKEN"}, bearer("ann")))


# ---- files that are not right ----

BROKEN = {
    "no hash": ("ann", ["second word", "SHA-256"]), "a short hash": (f"ann {SHA[1:]} *", ["second word"]), "a hash that is none": (f"ann {'g' * 64} *", ["second word"]),
    "the key in place of its hash": ("ann rowlock_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa *", ["second word"]), "a name of other characters": (f"ann/1 {SHA} *", ["first word", "name"]),
    "a long name": (f"{'a' * 65} {SHA} *", ["first word"]), "no scope": (f"ann {SHA}", ["no scope"]), "no scope but limits": (f"ann {SHA} rate=1/s", ["no scope"]),
    "a mistyped scope": (f"ann {SHA} order:read", ["order:read", "did you mean orders:read?"]), "a scope that is none": (f"ann {SHA} orders:", ["orders:"]),
    "what may be a key": (f"ann {SHA} rowlock_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ["behind the SHA-256 is a scope"]),
    "an option of no name": (f"ann {SHA} * speed=1", ["is a scope, such as", "rate="]), "a rate without a unit": (f"ann {SHA} * rate=100", ["rate must be"]),
    "a rate of nothing": (f"ann {SHA} * rate=0/s", ["rate must be"]), "a rate by day": (f"ann {SHA} * rate=1/d", ["rate must be"]), "a rate twice": (f"ann {SHA} * rate=1/s rate=2/s", ["rate must be", "once"]),
    "a burst alone": (f"ann {SHA} * burst=5", ["burst needs a rate"]), "a burst of words": (f"ann {SHA} * rate=1/s burst=many", ["burst must be"]), "less than nothing": (f"ann {SHA} * concurrent=-1", ["concurrent must be"]),
    "a day that there is not": (f"ann {SHA} * expires=2027-02-30", ["expires must be"]), "a day of others": (f"ann {SHA} * expires=31.1.2027", ["expires must be"]), "a time of day alone": (f"ann {SHA} * expires=12:00", ["expires must be"]),
    "another zone": (f"ann {SHA} * expires=2027-01-31T12:00:00+01:00", ["expires must be"]), "the takers of others": (f"ann {SHA} * takers=all", ["takers must be own"]),
    "the same key twice": (f"ann {SHA} *\nbob {SHA} *", ["line 2", "line before"]), "a NUL": (f"ann {SHA} *\0", ["NUL"]), "a long line": (f"ann {SHA} *{' ' * 5000}", ["4096"]),
    "keys of one name without end": ("\n".join(f"ann {number:064x} *" for number in range(9)), ["line 9", "eight keys"]),
}


@pytest.mark.parametrize("text, words", BROKEN.values(), ids=BROKEN)
def test_a_server_does_not_begin_with_a_file_that_is_not_right(folder, text, words):
    (folder / "keys").write_text(text + "\n")
    (folder / "keys").chmod(0o600)
    for arguments in (["serve", "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/x.db"], ["serve", "--check", "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/x.db"]):
        done = run(*arguments, "--api-keys", folder / "keys")
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
        assert all(word in done.stderr for word in ["rowlock: --api-keys: ", str(folder / "keys"), "line ", *words]), done.stderr
        assert "rowlock_a" not in done.stderr and SHA not in done.stderr
    assert not (folder / "x.db").exists(), "nothing is made before that"


def test_every_wrong_line_is_named_with_its_number(folder):
    (folder / "keys").write_text(f"# keys\n\nann {SHA}\nbob {'1' * 64} *\nx\r\n{'c' * 64} d *\n")
    done = run("serve", "--check", "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/x.db", env={"ROWLOCK_API_KEYS": folder / "keys"})
    assert [line.split(": ")[:4] for line in done.stderr.splitlines()] == [["rowlock", "ROWLOCK_API_KEYS", str(folder / "keys"), f"line {number}"] for number in (3, 5, 6)], done.stderr
    (folder / "keys").write_text("x\n" * 1000)
    done = run("serve", "--check", "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/x.db", "--api-keys", folder / "keys")
    assert len(done.stderr.splitlines()) == 101 and "900 lines more" in done.stderr.splitlines()[-1]


def test_what_is_no_file_is_named(folder):
    for path, words in ((folder / "none", "No such file"), (folder, "not a file")):
        done = run("serve", "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/x.db", "--api-keys", path)
        assert done.returncode == 1 and str(path) in done.stderr and words in done.stderr


@pytest.mark.parametrize("mode, words", [(0o644, "everybody may read it"), (0o660, "others than its owner may write it"), (0o640, None), (0o600, None), (0o400, None)])
def test_a_file_that_others_may_read_is_warned_of(serve, sqlite, folder, mode, words):
    file = KeyFile(folder, ann="*")
    file.path.chmod(mode)
    server = serve("--api-keys", file.path, database=sqlite)
    warnings = [line["reason"] for line in server.lines() if line["message"] == "the file of API keys should have other rights"]
    assert [words in warning for warning in warnings] == ([True] if words else [])
    done = run("serve", "--check", "--listen", "127.0.0.1:0", "--database", sqlite.url, "--api-keys", file.path)
    assert done.returncode == 0 and (words in done.stderr if words else done.stderr == ""), done.stderr


def test_lines_as_people_write_them(serve, sqlite, folder):
    (folder / "keys").write_text(f"# of the couriers\n\n   \t\n  {line('ann', '  *')}  # who is ann?\r\n{line('bob@example.org', chr(9) + 'orders:read orders:read rate=1/min burst=3 concurrent=2')}\n"
                                 f"{line('ann', 'takers=own * expires=2099-01-01', key='another-one-of-ann')}")
    (folder / "keys").chmod(0o600)
    server = serve("--api-keys", folder / "keys", database=sqlite)
    assert [ask(server, headers={"X-Api-Key": key}).status for key in (key_of("ann"), "another-one-of-ann", key_of("bob@example.org"))] == [200, 200, 200]


@pytest.mark.parametrize("value, words", [("order:read", ["--anonymous", "order:read", "did you mean orders:read?"]), ("orders:read;users", ["--anonymous", "no scope"])])
def test_what_is_no_scope_is_refused_by_name(value, words):
    done = run("config", "--api-keys", "keys", "--anonymous", value)
    assert done.returncode == 2 and all(word in done.stderr for word in words), done.stderr


def test_anonymous_alone_is_no_setting():
    done = run("config", "--anonymous", "orders")
    assert done.returncode == 2 and "--api-keys" in done.stderr


# ---- rowlock key ----

def test_a_new_key_is_one_that_a_server_knows(serve, sqlite, folder):
    done = run("key", "new", "ann", "--scope", "orders:read,messages", "--rate", "10/s", "--burst", "20", "--concurrent", "3", "--expires", "2099-01-31", "--takers", "own")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done
    key = re.search(r"rowlock_[a-z2-7]{39}", done.stderr)[0]
    assert key == ours(key[8:40]) and key not in done.stdout
    assert done.stdout == f"ann {hashlib.sha256(key.encode()).hexdigest()} orders:read messages takers=own rate=10/s burst=20 concurrent=3 expires=2099-01-31\n"
    (folder / "keys").write_text(done.stdout)
    server = serve("--api-keys", folder / "keys", database=sqlite)
    assert ask(server, headers={"X-Api-Key": key}).status == 200
    problem(ask(server, "POST", "/orders", ORDER, {"X-Api-Key": key}), 403, "orders:write")


def test_no_two_new_keys_are_alike():
    made = {run("key", "new", "ann", "--scope", "*").stdout for _ in range(8)}
    assert len(made) == 8


@pytest.mark.parametrize("arguments, words", [
    ([], ["rowlock key new NAME"]), (["new"], ["rowlock key new NAME"]), (["make", "ann"], ["rowlock key new NAME"]), (["new", "ann"], ["--scope", "orders:read"]),
    (["new", "a b", "--scope", "*"], ["a b", "letters"]), (["new", "ann", "--scope", "order:read"], ["did you mean orders:read?"]), (["new", "ann", "--scope", "rate=1/s"], ["--scope"]),
    (["new", "ann", "--scope", ""], ["no scope"]), (["new", "ann", "--scopes", "*"], ["did you mean --scope?"]), (["new", "ann", "--scope", "*", "--rate", "10"], ["rate must be"]),
    (["new", "ann", "--scope", "*", "--expires", "tomorrow"], ["expires must be"]), (["new", "ann", "--scope", "*", "--burst", "3"], ["burst needs a rate"]),
    (["new", "ann", "--scope", "users", "--rate", "1/s *"], ["one word"]), (["new", "ann", "bob", "--scope", "*"], ["bob"])])
def test_what_is_wrong_with_a_new_key_is_said(arguments, words):
    done = run("key", *arguments)
    assert done.returncode == 2 and done.stdout == "" and "rowlock_" not in done.stderr and all(word in done.stderr for word in words), done.stderr
