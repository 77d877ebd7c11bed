"""The addresses that the sources of the original services have beside their documents, asked as their clients ask."""

import itertools
import json
import subprocess
import urllib.parse
import urllib.request

import pytest

from support.expect import problem
from support.program import SLOW, environment, run

pytestmark = pytest.mark.quick

number = itertools.count(1)


def somebody():
    """A name that no other test uses."""
    return f"original-{next(number)}"


@pytest.fixture
def curl(server):
    """curl(argument…): (body, status, content type) of the answer, which curl does not follow elsewhere."""
    def call(path, *arguments):
        done = subprocess.run(["curl", "-s", "-w", "\n%{http_code} %{content_type}", *arguments, f"http://{server.address}{path}"], env=environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * SLOW)
        assert done.returncode == 0, done.stderr
        body, _, last = done.stdout.rpartition("\n")
        status, _, kind = last.partition(" ")
        return body, int(status), kind

    return call


# ---- messages ----

def save(api, sender, recipient, message):
    answer = api.post("/message", {"sender": sender, "recipient": recipient, "message": message})
    assert answer.status == 200, answer
    return int(answer.body.decode().removeprefix("Message saved with id: "))


def latest(api, sender=None, recipient=None):
    query = "" if sender is None else "?" + urllib.parse.urlencode({"sender": sender, "recipient": recipient})
    answer = api.get("/message" + query)
    assert answer.status == 200, answer
    assert answer.content_type == "application/json"
    return answer.json()


def insert(db, sender, recipient, text, days):
    """A message that was sent that many days ago."""
    ago = f"now() - interval '{days} days'" if db.kind == "postgres" else f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{days} days')"
    db.query(f"INSERT INTO messages (sender, recipient, text, sent_at) VALUES (?, ?, ?, {ago})", sender, recipient, text)


def test_the_health_is_up_and_a_line_feed(curl):
    assert curl("/health") == ("UP\n", 200, "text/plain; charset=utf-8")


def test_a_message_is_saved_and_told_with_its_id(curl, api):
    ann, bob = somebody(), somebody()
    body, status, kind = curl("/message", "-X", "POST", "-H", "Content-Type: application/json", "-d",
                              json.dumps({"sender": ann, "recipient": bob, "message": "Lunch? 🍜"}))
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    saved = int(body.removeprefix("Message saved with id: "))
    assert body == f"Message saved with id: {saved}"
    stored = api.get(f"/messages/{saved}").json()
    assert (stored["sender"], stored["recipient"], stored["text"]) == (ann, bob, "Lunch? 🍜")


def test_further_members_are_ignored_there(api):
    ann, bob = somebody(), somebody()
    answer = api.post("/message", {"id": 7, "sender": ann, "recipient": bob, "message": "x", "text": "y", "created_at": None, "": [1]})
    assert answer.status == 200, answer
    assert latest(api, ann, bob) == [{"sender": ann, "recipient": bob, "message": "x"}]


@pytest.mark.parametrize("member", ["sender", "recipient", "message"])
def test_a_member_that_is_missing_or_empty_is_named(api, member):
    body = {"sender": somebody(), "recipient": "bob", "message": "x"}
    for wrong in ({name: value for name, value in body.items() if name != member}, {**body, member: ""}, {**body, member: None}):
        problem(api.post("/message", wrong), 400, member)
    assert latest(api, body["sender"], "bob") == []


def test_what_is_not_json_is_400(api, curl):
    body, status, kind = curl("/message", "-d", "sender=ann&recipient=bob&message=x")
    assert (status, kind) == (400, "application/problem+json") and "application/json" in json.loads(body)["error"]
    body = {"sender": "ann", "recipient": "bob", "message": "x"}
    for kind in ("text/plain", "application/xml", "text/json"):
        problem(api.post("/message", body, {"Content-Type": kind}), 400, kind)
    for wrong in (b"", b"{", b"[]", b'"x"', b"null"):
        problem(api.post("/message", wrong, {"Content-Type": "application/json"}), 400)


def test_messages_of_two_are_newest_first(api):
    ann, bob = somebody(), somebody()
    for message in ("one", "two", "three"):
        save(api, ann, bob, message)
    save(api, bob, ann, "back")
    save(api, somebody(), bob, "from another")
    assert latest(api, ann, bob) == [{"sender": ann, "recipient": bob, "message": message} for message in ("three", "two", "one")]
    assert list(latest(api, bob, ann)[0]) == ["sender", "recipient", "message"]
    assert latest(api, somebody(), bob) == []


def test_there_are_at_most_100(api):
    ann, bob = somebody(), somebody()
    for each in range(103):
        save(api, ann, bob, str(each))
    expected = [{"sender": ann, "recipient": bob, "message": str(each)} for each in reversed(range(3, 103))]
    assert latest(api, ann, bob) == expected
    assert latest(api) == expected


def test_they_are_of_the_last_30_days_by_the_time_of_sending(api, db):
    ann, bob = somebody(), somebody()
    db.query("DELETE FROM messages")
    for days in (1, 29, 31, 3, 400):
        insert(db, ann, bob, f"{days} days ago", days)
    insert(db, bob, ann, "2 days ago", 2)
    days = lambda found: [int(message["message"].split()[0]) for message in found]
    assert days(latest(api)) == [1, 2, 3, 29]
    assert days(latest(api, ann, bob)) == [1, 3, 29]


def test_sender_and_recipient_go_together(api):
    problem(api.get("/message?sender=ann"), 400, "recipient")
    problem(api.get("/message?recipient=bob"), 400, "sender")


def test_the_address_of_this_server_stays_strict(api):
    problem(api.post("/messages", {"sender": "ann", "recipient": "bob", "text": "x", "more": 1}), 400, "more")
    problem(api.post("/messages", {"sender": "ann", "recipient": "bob", "text": "x"}, {"Content-Type": "text/plain"}), 415)


def test_a_rule_of_the_database_for_the_text_is_told_by_the_name_of_the_member(serve, postgres):
    postgres.query("ALTER TABLE messages ADD CONSTRAINT polite CHECK (text NOT LIKE 'damn%')")
    api = serve(database=postgres).api
    problem(api.post("/message", {"sender": "ann", "recipient": "bob", "message": "damn it"}), 400, "message")


# ---- sites ----

def served(*flags):
    """{path} of the routes that are served."""
    return {line.split()[1] for line in run("routes", "--no-pages", *flags).stdout.splitlines() if not line.startswith(" ")}


def test_the_root_names_the_apps_and_their_addresses(curl, api):
    body, status, kind = curl("/", "-H", "Accept: application/json")
    found = json.loads(body)
    assert (status, kind) == (200, "application/json")
    assert {"orders", "sites", "health", "messages", "users"} < set(found)
    assert {"/site/{id}", "/sites", "/sites/{offset}/{count}", "/instruments"} <= set(found["sites"])
    addresses = [address for each in found.values() for address in each]
    assert len(addresses) == len(set(addresses)) and set(addresses) == served()
    for accept in ("*/*", "text/plain"):
        assert api.get("/", {"Accept": accept}).json() == found
    assert api.get("/").json() == found


def test_the_root_names_the_apps_that_are_served(serve, database):
    found = serve("--apps", "users,sites", database=database).api.get("/", {"Accept": "application/json"}).json()
    assert {"users", "sites"} < set(found) and not {"orders", "messages", "health"} & set(found)
    assert {address for each in found.values() for address in each} == served("--apps", "users,sites")


# ---- profiles ----

@pytest.fixture(scope="module")
def crowd(shared):
    """Seven users."""
    _, db = shared
    db.query("DELETE FROM users")
    for each in range(1, 8):
        db.query("INSERT INTO users (id, username, avatar_url, type, profile_url) VALUES (?, ?, ?, 'User', ?)", each, f"user{each}",
                 f"https://a.test/{each}", f"https://p.test/{each}")


def test_a_page_of_profiles_is_an_object_with_the_numbers_around_it(crowd, api):
    found = api.get("/api/users/profiles?page=2&pagination=3").json()
    assert found == {"has_prev": True, "has_next": True, "prev_num": 1, "next_num": 3, "users": [
        {"id": each, "username": f"user{each}", "image_url": f"https://a.test/{each}", "type": "User", "profile_url": f"https://p.test/{each}"}
        for each in (4, 5, 6)]}


def test_a_client_that_goes_by_the_numbers_sees_everybody_once(crowd, api):
    there, back, number = [], [], 1
    while number is not None:
        page = api.get(f"/api/users/profiles?page={number}&pagination=2").json()
        there += [user["id"] for user in page["users"]]
        assert page["has_next"] is (page["next_num"] is not None)
        last, number = number, page["next_num"]
    assert there == [*range(1, 8)] and last == 4
    while last is not None:
        page = api.get(f"/api/users/profiles?page={last}&pagination=2").json()
        back.append(page["users"][0]["id"])
        assert page["has_prev"] is (page["prev_num"] is not None)
        last = page["prev_num"]
    assert back == [7, 5, 3, 1]


def test_without_anybody_there_is_an_empty_page(crowd, api):
    assert api.get("/api/users/profiles?username=nobody").json() == {"has_prev": False, "has_next": False, "prev_num": None, "next_num": None, "users": []}


def test_the_numbered_page_of_users_leads_to_that_of_today(server):
    """As browsers follow it."""
    with urllib.request.urlopen(f"http://{server.address}/users/page/2?pagination=3", timeout=10 * SLOW) as page:
        assert page.url == f"http://{server.address}/users/2?pagination=3" and b"<h1>Users</h1>" in page.read()
