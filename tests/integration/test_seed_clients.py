"""The services that Rowlock replaces, as their own documents call them: the commands, bodies and addresses are theirs, word
for word; only the host is ours. What they print in answer is compared as far as it does not hang on their data."""

import json
import re
import subprocess

import pytest

from support.github import Github
from support.program import SLOW, environment, run

# Hosts of the documents. One of the commands has blanks behind a backslash, which no shell joins: they are taken off.
HOSTS = ("http://localhost:5000", "localhost:5000", "localhost:8080")


@pytest.fixture
def shell(serve, database):
    """shell(command): what it prints, and the status of the answer."""
    server = serve("--distance", "haversine", database=database)

    def call(command):
        command = re.sub(r"\\[ \t]+\n", "\\\n", command.strip())
        host = next(host for host in HOSTS if host in command)
        command = command.replace(host, f"http://{server.address}").replace("curl", r"curl -s -w '\n%{http_code}'", 1)
        done = subprocess.run(["sh", "-c", command], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=30 * SLOW)
        assert done.returncode == 0, (command, done.stderr)
        body, _, status = done.stdout.rpartition("\n")
        return body, int(status)

    return call


def answered(printed, status=200):
    body, code = printed
    assert code == status, printed
    return json.loads(body)


# ---- sites ----

SITE_1 = {
    "address": "123 Muffin Lane, Ann Arbor",
    "contact": "John Smith",
    "country": "USA",
    "id": 1,
    "name": "Site 1",
    "postcode_or_zip": "48103",
    "state_or_region": "MI"
}

SHOWING_A_SITE = r"""
curl \
  --request GET \   
  http://localhost:5000/site/1
"""

SHOWING_ALL_SITES = r"""
curl \
  --request GET \
  http://localhost:5000/sites/
"""

REMOVING_A_SITE = r"""
curl \
  --request DELETE \
  http://localhost:5000/site/1
"""

UPDATING_A_SITE = r"""
curl \
  --header "Content-Type: application/json" \
  --request POST \
  --data '{"site_id":2,"name":"Site 2000", "contact": "Bruce Campbell", "address": "555 Update Ave, Ann Arbor", "state_or_region": "MI", "country": "US", "postcode_or_zip": 48104}' \
  http://localhost:5000/site/2
"""

SHOWING_INSTRUMENTS = r"""
curl \
  --request GET \
  http://localhost:5000/instruments/
"""

INSTRUMENTS = [
    {"computer_id": 1, "freezer_id": None, "name": "Computer 1", "site_id": 1, "site_name": "Site 1"},
    {"computer_id": None, "freezer_id": 2, "name": "-40C", "site_id": 1, "site_name": "Site 1"},
    {"computer_id": 2, "freezer_id": None, "name": "Computer 2", "site_id": 1, "site_name": "Site 1"},
    {"computer_id": None, "freezer_id": 1, "name": "-20C", "site_id": 1, "site_name": "Site 1"},
]


@pytest.fixture
def labs(shell, database):
    """The data of that document."""
    database.query("INSERT INTO site (id, name, contact, address, state_or_region, country, postcode_or_zip) "
                   "VALUES (1, 'Site 1', 'John Smith', '123 Muffin Lane, Ann Arbor', 'MI', 'USA', '48103')")
    database.query("INSERT INTO site (id, name) VALUES (2, 'Site 2'), (3, 'Site 3')")
    database.query("INSERT INTO freezer (id, name, site_id) VALUES (1, '-20C', 1), (2, '-40C', 1)")
    database.query("INSERT INTO computer (id, name, site_id) VALUES (1, 'Computer 1', 1), (2, 'Computer 2', 1)")


def test_showing_a_site_via_id(shell, labs):
    assert answered(shell(SHOWING_A_SITE)) == SITE_1


def test_showing_all_sites(shell, labs):
    sites = answered(shell(SHOWING_ALL_SITES))
    assert sites[0] == SITE_1
    assert [site["name"] for site in sites] == ["Site 1", "Site 2", "Site 3"]


def test_removing_a_site_by_id(shell, labs):
    answered(shell(REMOVING_A_SITE))
    answered(shell(SHOWING_A_SITE), 404)
    answered(shell(REMOVING_A_SITE), 404)
    assert answered(shell(SHOWING_INSTRUMENTS)) == []


UPDATED = {"id": 2, "name": "Site 2000", "contact": "Bruce Campbell", "address": "555 Update Ave, Ann Arbor",
           "state_or_region": "MI", "country": "US", "postcode_or_zip": "48104"}


def test_updating_a_site(shell, labs, database):
    assert answered(shell(UPDATING_A_SITE)) == UPDATED
    assert database.query("SELECT name, postcode_or_zip FROM site WHERE id = 2") == [("Site 2000", "48104")]


def test_lazy_creating_a_site(shell, database):
    assert answered(shell(UPDATING_A_SITE)) == UPDATED
    assert database.query("SELECT id, name FROM site") == [(2, "Site 2000")]


def test_looking_at_all_instrument_types(shell, labs):
    """That document shows them in no order that could be told; here they are ordered by site and name."""
    assert answered(shell(SHOWING_INSTRUMENTS)) == sorted(INSTRUMENTS, key=lambda one: one["name"])


@pytest.mark.parametrize("address, names", [
    ("/sites/0/10", ["Site 1", "Site 2", "Site 3"]), ("/sites/10/10", []), ("/sites/1/1", ["Site 2"]),
])
def test_the_first_and_the_next_sites(shell, labs, address, names):
    assert [site["name"] for site in answered(shell(f"curl localhost:5000{address}"))] == names


# ---- orders ----

REQUEST_BODY = """\
{
	"origin": ["50.456399", "12.707580"],
	"destination": ["59.436487", "24.747193"]
}
"""

TAKE_BODY = """\
{
    "status": "TAKEN"
}
"""


def send(shell, method, path, body):
    return shell(f"curl --request {method} --header 'Content-Type: application/json' --data '{body}' localhost:5000{path}")


def test_placing_taking_and_listing_orders(shell):
    order = answered(send(shell, "POST", "/orders", REQUEST_BODY))
    assert list(order) == ["distance", "id", "status"]
    assert type(order["distance"]) is int and order["status"] == "UNASSIGNED"

    assert answered(send(shell, "PATCH", f"/orders/{order['id']}", TAKE_BODY)) == {"status": "SUCCESS"}
    refused = answered(send(shell, "PATCH", f"/orders/{order['id']}", TAKE_BODY), 400)
    assert refused["error"] == "Order is already taken."

    more = [answered(send(shell, "POST", "/orders", REQUEST_BODY)) for _ in range(3)]
    assert answered(shell("curl 'localhost:5000/orders/?page=1&limit=3'")) == more[::-1]


@pytest.mark.parametrize("method, path, body", [
    ("POST", "/orders", '{"origin": ["50.456399", "12.707580"]}'), ("PATCH", "/orders/1", '{"status": "DONE"}'),
    ("PATCH", "/orders/1", "{}"),
])
def test_what_the_schema_of_orders_refuses(shell, method, path, body):
    assert answered(send(shell, method, path, body), 400)["error"]


@pytest.mark.parametrize("query", ["", "?page=1", "?limit=3", "?page=0&limit=3", "?page=1&limit=0", "?page=x&limit=3"])
def test_what_the_list_of_orders_refuses(shell, query):
    assert answered(shell(f"curl 'localhost:5000/orders/{query}'"), 400)["error"]


# ---- health checks ----

def test_the_health_of_the_message_service(shell):
    assert shell("curl localhost:8080/health") == ("UP\n", 200)


def test_the_healthcheck_of_the_order_service(shell):
    """The old service said "hello world."; its container looked at the status alone, as its probe does."""
    answered(shell("curl -f localhost:5000/healthcheck"))


# ---- health regions ----

def test_health_regions(shell, database):
    assert run("seed", "health", "--database", database.url).stdout == "added 15 health\n"    # as seed --number=15 did
    every = answered(shell("curl localhost:5000/health-regions"))
    assert len(every) == database.query("SELECT count(*) FROM health_region")[0][0] >= 15
    assert answered(shell(f"curl localhost:5000/health-regions/{every[3]['id']}")) == every[3]

    code, = database.query("SELECT min(code) FROM fsa")[0]
    expected = {row[0] for row in database.query("SELECT fk_healthregion_id FROM fsa WHERE code = ?", code)}
    found = answered(shell(f"curl localhost:5000/fsa/{code}"))
    assert found and {region["id"] for region in found} == expected


# ---- users ----

API = "localhost:5000/api/users/profiles"


def test_user_profiles_mixed_and_matched(shell, database):
    with Github(range(1, 61)) as github:
        done = run("seed", "users", "-t", 60, "--database", database.url, env={"GITHUB_API_URL": github.url})
    assert done.returncode == 0, done.stderr

    def profiles(query=""):
        return answered(shell(f"curl '{API}{query}'"))["users"]

    def ids(query=""):
        return [profile["id"] for profile in profiles(query)]

    assert set(profiles()[0]) == {"id", "username", "image_url", "type", "profile_url"}
    assert ids() == [*range(1, 26)]
    assert ids("?page=2") == [*range(26, 51)]
    assert ids("?pagination=10") == [*range(1, 11)]
    assert ids("?page=3&pagination=10") == [*range(21, 31)]
    by_type = profiles("?order_by=type&pagination=60")
    assert [(profile["type"], profile["id"]) for profile in by_type] == sorted((profile["type"], profile["id"]) for profile in by_type)
    assert ids("?order_by=id&pagination=60") == [*range(1, 61)]
    assert ids("?username=user2") == [2, *range(20, 30)]
    assert ids("?id=7") == [7]
    assert ids("?username=USER2&order_by=id&page=2&pagination=4") == [23, 24, 25, 26]
