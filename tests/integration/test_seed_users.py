"""rowlock seed users: from the GitHub API (a fake one), and --offline."""

import os
import pty
import re
import subprocess
import time
from itertools import groupby

import pytest

from support.github import Github, answer, answers, profile, silence
from support.program import SANITIZER_WORDS, SLOW, environment, rowlock, run

pytestmark = pytest.mark.quick

TOKEN = "ghp_geheim4711"
FAR = 4102444800        # 2100-01-01, when nobody's limit ends


@pytest.fixture
def plain(sqlite):
    """A database with the schema, where it does not matter which."""
    return sqlite


@pytest.fixture
def fresh(database):
    """One of each kind."""
    return database


def seed(database, github, *flags, **env):
    return run("seed", "users", "--database", database.url, *flags, env={"GITHUB_API_URL": github.url, **env})


def stored(database):
    return database.query("SELECT id, username, avatar_url, type, profile_url FROM users ORDER BY id")


def as_stored(*numbers):
    found = [profile(number) for number in numbers]
    return [(user["id"], user["login"], user["avatar_url"], user["type"], user["html_url"]) for user in found]


def added(done, count):
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"added {count} users"), done.stdout
    assert done.stderr == ""


def failed(done, *words):
    """Exit code 1 and one line on stderr with those words in it."""
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr, f"{word!r} is not in {done.stderr!r}"


# ---- pages ----

def test_150_users_come_when_not_said_otherwise(fresh):
    with Github() as github:
        added(seed(fresh, github), 150)
        assert stored(fresh) == as_stored(*range(1, 151))
        assert [(path, query) for path, query, _ in github.requests] == [
            ("/users", {"since": "0", "per_page": "100"}), ("/users", {"since": "100", "per_page": "100"})]


@pytest.mark.parametrize("total", [0, 1, 99, 100, 101, 250])
def test_as_many_come_as_are_asked_for(fresh, total):
    with Github() as github:
        added(seed(fresh, github, "--total", total), total)
        assert stored(fresh) == as_stored(*range(1, total + 1))
        assert len(github.requests) == (total + 99) // 100


def test_pages_go_on_behind_the_largest_id_not_by_number(fresh):
    ids = [7 + number * 31 for number in range(230)]
    with Github(ids) as github:
        added(seed(fresh, github, "-t", 230), 230)
        assert stored(fresh) == as_stored(*ids)
        assert [query["since"] for _, query, _ in github.requests] == ["0", str(ids[99]), str(ids[199])]


def test_a_second_run_continues(fresh):
    with Github() as github:
        added(seed(fresh, github, "-t", 30), 30)
        added(seed(fresh, github, "-t", 130), 130)
        assert stored(fresh) == as_stored(*range(1, 161))
        assert [query["since"] for _, query, _ in github.requests] == ["0", "30", "130"]


def test_when_there_are_no_more_it_says_so(fresh):
    with Github(range(1, 121)) as github:
        done = seed(fresh, github)
        added(done, 120)
        assert github.host in done.stdout and "no more" in done.stdout
        done = seed(fresh, github)
        added(done, 0)
        assert stored(fresh) == as_stored(*range(1, 121))


def test_short_pages_are_no_end(fresh):
    with Github() as github:
        github.faults[1] = answers(200, [profile(1), profile(2)])
        added(seed(fresh, github, "-t", 5), 5)
        assert stored(fresh) == as_stored(1, 2, 3, 4, 5)


def test_addresses_may_have_a_path_and_a_slash_at_the_end(plain):
    with Github() as github:
        done = run("seed", "users", "-t", 1, "--database", plain.url, env={"GITHUB_API_URL": github.url + "/api/v3/"})
        added(done, 1)
        assert github.requests[0][0] == "/api/v3/users"


def test_any_text_and_null_addresses_are_stored_as_they_are(fresh):
    with Github() as github:
        github.faults[1] = answers(200, [
            {"id": 5, "login": "o'\"\\日本😀", "type": "Bot", "avatar_url": None, "html_url": "https://x.test/\n"},
            {"id": 2**62, "login": "last", "type": "User"}])
        added(seed(fresh, github, "-t", 2), 2)
    assert stored(fresh) == [(5, "o'\"\\日本😀", None, "Bot", "https://x.test/\n"), (2**62, "last", None, "User", None)]


def test_if_empty_asks_nobody_when_there_are_users(fresh):
    with Github() as github:
        added(seed(fresh, github, "-t", 1, "--if-empty"), 1)
        assert seed(fresh, github, "-t", 1, "--if-empty").returncode == 0
        assert len(github.requests) == 1
    assert stored(fresh) == as_stored(1)


# ---- what is sent ----

def test_it_says_what_it_wants_and_who_it_is(plain):
    with Github() as github:
        added(seed(plain, github, "-t", 1), 1)
        headers = {name.lower(): value for name, value in github.requests[0][2].items()}
    assert headers["accept"] == "application/vnd.github+json"
    assert headers["user-agent"].startswith("rowlock/")
    assert "authorization" not in headers


def test_the_token_is_sent_and_never_shown(fresh, folder):
    (folder / "token").write_text(TOKEN + "\n")
    for env in ({"GITHUB_TOKEN": TOKEN}, {"GITHUB_TOKEN_FILE": folder / "token"}):
        with Github(remaining=1, reset=FAR) as github:
            for flags in ([], ["--log-level", "debug", "--log-format", "json"]):
                done = seed(fresh, github, "-t", 300, *flags, **env)
                assert done.returncode == 1
                assert TOKEN not in done.stdout + done.stderr
            assert {headers["Authorization"] for _, _, headers in github.requests} == {"Bearer " + TOKEN}


def test_a_token_that_is_not_accepted_is_not_shown_either(plain):
    with Github() as github:
        github.faults[1] = answers(401, {"message": "Bad credentials"})
        done = seed(plain, github, GITHUB_TOKEN=TOKEN)
        failed(done, github.host, "401", "GITHUB_TOKEN", "added 0 of 150")
        assert TOKEN not in done.stderr


def test_the_token_does_not_follow_a_redirect(plain):
    with Github() as other, Github() as github:
        github.faults[1] = answers(302, b"", Location=other.url + "/users?since=0&per_page=100")
        failed(seed(plain, github, GITHUB_TOKEN=TOKEN), github.host, "302")
        assert other.requests == []


@pytest.mark.parametrize("token", ["two words", "line\r\nX-Evil: 1", "tab\t", "ümlaut"])
def test_a_token_that_cannot_be_one_is_refused_and_not_shown(plain, token):
    with Github() as github:
        done = seed(plain, github, GITHUB_TOKEN=token)
        assert done.returncode == 2 and "GITHUB_TOKEN" in done.stderr
        assert token not in done.stderr and github.requests == []


@pytest.mark.parametrize("url", ["ftp://x", "api.github.com", "//x", "file:///etc/passwd"])
def test_an_address_that_is_not_http_is_refused_by_name(url):
    done = run("seed", "users", env={"GITHUB_API_URL": url})
    assert done.returncode == 2 and done.stderr == "rowlock: GITHUB_API_URL is not right: it must begin with http:// or https://\n"


def test_config_shows_the_address_and_hides_secrets():
    done = run("config", env={"GITHUB_API_URL": "https://ann:geheim@hub.test/api", "GITHUB_TOKEN": TOKEN})
    assert "hub.test/api" in done.stdout and "geheim" not in done.stdout and "github-token" in done.stdout
    assert "https://api.github.com" in run("config").stdout


# ---- rate limit ----

def test_at_the_rate_limit_it_stops_says_until_when_and_keeps_what_it_has(fresh):
    with Github(remaining=2) as github:
        github.reset = int(time.time()) + 1800
        done = seed(fresh, github, "-t", 500)
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(github.reset))
        failed(done, github.host, until, "rate limit", "added 200 of 500", "GITHUB_TOKEN")
        assert len(github.requests) == 2, "asked on although nothing remained"
        assert stored(fresh) == as_stored(*range(1, 201))
        github.remaining = 100
        added(seed(fresh, github, "-t", 50), 50)
        assert stored(fresh) == as_stored(*range(1, 251))


def test_the_last_allowed_request_is_no_failure_when_it_was_enough(plain):
    with Github(remaining=2, reset=FAR) as github:
        added(seed(plain, github, "-t", 200), 200)


def until_of(done):
    match = re.search(r"until (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)", done.stderr)
    assert match, done.stderr
    import calendar
    return calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%SZ"))


@pytest.mark.parametrize("status, headers, seconds", [
    (403, {"X-RateLimit-Remaining": 0, "X-RateLimit-Reset": "soon"}, 60),
    (403, {"Retry-After": 120}, 120), (429, {"Retry-After": 7}, 7), (429, {}, 60), (429, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, 60),
    (429, {"Retry-After": "99999999999999"}, 60), (429, {"X-RateLimit-Remaining": 0, "X-RateLimit-Reset": 12}, 0),
    (429, {"X-RateLimit-Remaining": 0, "X-RateLimit-Reset": 2**63 - 1}, 60), (429, {"Retry-After": 0}, 0),
], ids=str)
def test_a_refusal_for_the_rate_limit_is_understood_in_each_form(plain, status, headers, seconds):
    with Github() as github:
        github.faults[2] = answers(status, {"message": "limit"}, **headers)
        before = int(time.time())
        done = seed(plain, github)
        failed(done, github.host, "rate limit", "added 100 of 150")
        assert before + seconds <= until_of(done) <= time.time() + seconds
    assert stored(plain) == as_stored(*range(1, 101))


def test_when_reset_is_known_it_is_told(plain):
    with Github() as github:
        reset = int(time.time()) + 3000
        github.faults[1] = answers(403, {"message": "limit"}, **{"X-RateLimit-Remaining": 0, "X-RateLimit-Reset": reset})
        assert until_of(seed(plain, github)) == reset


SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to GitHub Support ..."


@pytest.mark.parametrize("status, message, headers, seconds", [
    (403, SECONDARY, {"X-RateLimit-Remaining": 41, "X-RateLimit-Reset": FAR}, 60), (429, SECONDARY, {"X-RateLimit-Remaining": 41, "X-RateLimit-Reset": FAR}, 60),
    (403, SECONDARY, {"X-RateLimit-Remaining": 41, "Retry-After": 90}, 90), (429, "", {"X-RateLimit-Remaining": 41}, 60), (403, SECONDARY, {}, 60),
    (403, "You have triggered an abuse detection mechanism.", {"X-RateLimit-Remaining": 41}, 60),
])
def test_the_secondary_limit_is_a_limit_although_requests_are_left(plain, status, message, headers, seconds):
    with Github() as github:
        github.faults[2] = answers(status, {"message": message, "documentation_url": "https://docs.test/"}, **headers)
        before = int(time.time())
        done = seed(plain, github)
        failed(done, github.host, "rate limit", "added 100 of 150")
        assert ("secondary rate limit" in done.stderr and "GITHUB_TOKEN" not in done.stderr) == ("X-RateLimit-Remaining" in headers)
        assert before + seconds <= until_of(done) <= time.time() + seconds
        assert len(github.requests) == 2
    assert stored(plain) == as_stored(*range(1, 101))


@pytest.mark.parametrize("body", [b"", b"<html>secondary rate limit</html>", b"[]", b'{"message":7}', b'{"message":"Resource not accessible"}'])
def test_a_403_whose_message_says_nothing_of_a_limit_is_none(plain, body):
    with Github() as github:
        github.faults[1] = answers(403, body, **{"X-RateLimit-Remaining": 41})
        done = seed(plain, github)
        failed(done, github.host, "answered with status 403", "added 0 of 150")


def test_without_a_network_it_names_the_way_out(plain):
    done = run("seed", "users", "--database", plain.url, env={"GITHUB_API_URL": "https://hub.invalid"})
    failed(done, "hub.invalid", "cannot be asked", "--offline", "added 0 of 150")


def test_a_403_for_another_reason_is_no_rate_limit(plain):
    with Github() as github:
        github.faults[1] = answers(403, {"message": "no"}, **{"X-RateLimit-Remaining": 50})
        done = seed(plain, github)
        failed(done, github.host, "403")
        assert "until" not in done.stderr


# ---- when it goes wrong: what came before stays ----

GOOD = profile(101)


@pytest.mark.parametrize("fault, words", [
    (answers(500, {"message": "x"}), ["500"]), (answers(503, b""), ["503"]), (answers(404, b"{}"), ["404"]), (answers(204, b""), ["204"]), (answers(304, b""), ["304"]),
    (answers(200, b""), ["malformed"]), (answers(200, b"<html>"), ["malformed"]), (answers(200, b"[{"), ["malformed"]), (answers(200, {"users": []}), ["malformed"]),
    (answers(200, [7]), ["malformed"]), (answers(200, [{}]), ["malformed"]), (answers(200, [GOOD, {**GOOD, "id": 101}]), ["malformed"]),
    (answers(200, [{**GOOD, "id": "101"}]), ["malformed"]), (answers(200, [{**GOOD, "id": 101.5}]), ["malformed"]), (answers(200, [{**GOOD, "id": 100}]), ["malformed"]),
    (answers(200, [{**GOOD, "id": -7}]), ["malformed"]), (answers(200, [{**GOOD, "id": 2**63}]), ["malformed"]), (answers(200, [{**GOOD, "login": None}]), ["malformed"]),
    (answers(200, [{**GOOD, "login": ""}]), ["malformed"]), (answers(200, [{**GOOD, "login": 5}]), ["malformed"]), (answers(200, [{**GOOD, "type": None}]), ["malformed"]),
    (answers(200, [{**GOOD, "login": "a\0b"}]), ["malformed"]), (answers(200, [{**GOOD, "avatar_url": {}}]), ["malformed"]), (answers(200, b'[{"login":"\xff"}]'), ["malformed"]),
    (answers(200, b"null"), ["malformed"]), (answers(200, b"[" + b" " * 400000 + b"]"), ["cannot be asked", "too long"]),
    (lambda handler: setattr(handler, "close_connection", True), ["cannot be asked"]),
    (lambda handler: (handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"), setattr(handler, "close_connection", True)), ["cannot be asked"]),
    (lambda handler: (handler.wfile.write(b"nonsense\r\n\r\n"), setattr(handler, "close_connection", True)), ["cannot be asked"]),
], ids=lambda value: "-".join(value) if isinstance(value, list) else "")
def test_a_bad_answer_is_told_with_the_host_and_nothing_is_lost(plain, fault, words):
    with Github() as github:
        github.faults[2] = github.faults[3] = fault   # libcurl tries once more when a kept connection was closed
        done = seed(plain, github, GITHUB_TOKEN=TOKEN)
        failed(done, github.host, "added 100 of 150", *words)
        assert TOKEN not in done.stderr and "/users" not in done.stderr
        assert stored(plain) == as_stored(*range(1, 101))
        github.faults.clear()
        added(seed(plain, github, "-t", 1), 1)
    assert stored(plain) == as_stored(*range(1, 102))


def test_a_server_that_says_nothing_is_given_up_in_time(fresh):
    with Github() as github:
        github.faults[2] = silence(8 * SLOW)
        begun = time.monotonic()
        failed(seed(fresh, github, "--deadline", "0.5"), github.host, "cannot be asked", "added 100 of 150")
        assert time.monotonic() - begun < 5 * SLOW
    assert stored(fresh) == as_stored(*range(1, 101))


def test_slow_answers_are_waited_for(plain):
    def slow(handler):
        time.sleep(0.3)
        answer(handler, 200, [profile(number) for number in range(1, 101)])
    with Github() as github:
        github.faults[1] = slow
        added(seed(plain, github), 150)


def test_nobody_there_is_told_without_user_and_password(plain):
    with Github() as github:
        host = github.host
    done = run("seed", "users", "--database", plain.url, env={"GITHUB_API_URL": f"http://bertha:geheim@{host}/api"})
    failed(done, host, "cannot be asked", "added 0 of 150")
    assert "geheim" not in done.stderr and "bertha" not in done.stderr


def test_without_a_schema_it_says_what_to_do(empty_postgres):
    with Github() as github:
        failed(seed(empty_postgres, github), "migrate")
        assert github.requests == []


def test_a_database_that_refuses_is_told(fresh):
    fresh.query("CREATE UNIQUE INDEX only_one ON users (type)")
    with Github() as github:
        failed(seed(fresh, github), "added 0 of 150")
    assert stored(fresh) == []


def test_what_is_read_twice_is_updated(fresh):
    """Somebody else stored the same ids meanwhile, with older names."""
    with Github() as github:
        def meanwhile(handler):
            fresh.query("INSERT INTO users (id, username, type) VALUES (2, 'old name', 'Bot')")
            answer(handler, 200, [profile(1), profile(2), profile(3)])
        github.faults[1] = meanwhile
        added(seed(fresh, github, "-t", 3), 3)
    assert stored(fresh) == as_stored(1, 2, 3)


# ---- offline ----

def test_offline_makes_users_up_and_asks_nobody(fresh):
    with Github() as github:
        added(seed(fresh, github, "--offline"), 150)
        assert github.requests == []
    found = stored(fresh)
    assert len({user[0] for user in found}) == len({user[1] for user in found}) == 150
    for number, name, avatar, kind, address in found:
        assert number > 0 and re.fullmatch(r"[a-z]+(-?[a-z]+)*-?\d+", name), name
        assert avatar.startswith("https://") and str(number) in avatar and address.endswith("/" + name)
    assert {user[3] for user in found} == {"User", "Organization"}


def test_offline_again_adds_more(fresh):
    with Github() as github:
        added(seed(fresh, github, "--offline", "--total", 5), 5)
        before = stored(fresh)
        added(seed(fresh, github, "--offline", "--total", 2500), 2500)
        after = stored(fresh)
    assert len(after) == 2505 and after[:5] == before


def test_offline_many_at_once_all_add_theirs(fresh):
    command = [rowlock(), "seed", "users", "--offline", "-t", "300", "--database", fresh.url]
    crowd = [subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(5)]
    for process in crowd:
        out = process.communicate(timeout=60 * SLOW)
        assert process.returncode == 0, out
    assert len(stored(fresh)) == 1500


def test_offline_is_all_the_same_to_other_apps(plain):
    done = run("seed", "orders", "--offline", "-t", 2, "--database", plain.url)
    assert done.returncode == 0, done.stderr


# ---- the progress bar ----

def on_terminal(database, github, *flags):
    """(exit code, what a terminal shows on stderr)"""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([rowlock(), "seed", "users", "--database", database.url, *flags], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=theirs, env=environment(GITHUB_API_URL=github.url))
    os.close(theirs)
    shown = b""
    try:
        while True:
            shown += os.read(ours, 65536)
    except OSError:
        pass
    os.close(ours)
    code = process.wait(30 * SLOW)
    text = shown.decode()
    assert not any(word in text for word in SANITIZER_WORDS), text
    return code, text


def test_a_terminal_sees_progress(plain):
    with Github(pause=0.2) as github:       # a bar moves ten times a second at most
        code, text = on_terminal(plain, github, "-t", "250")
        assert code == 0
        assert [key for key, _ in groupby(re.findall(r"(\d+)/250", text))] == ["100", "200", "250"], text
        code, text = on_terminal(plain, github, "-t", "20", "--offline")
        assert code == 0 and "20/20" in text


def test_the_reason_for_an_early_end_stands_on_a_line_of_its_own(plain):
    with Github() as github:
        github.faults[2] = answers(500, b"")
        code, text = on_terminal(plain, github)
    assert code == 1
    assert re.search(r"100/150 \d+/s, \d+ s left\nrowlock: seed: ", text.replace("\r\n", "\n")), text
