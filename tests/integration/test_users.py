"""GET /api/users/profiles: every filter alone and with the others, pages, links, order, refusals."""

import itertools
import json
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from support.expect import links, problem
from support.plans import plan_as_the_server, statements
from support.program import run

pytestmark = pytest.mark.quick

PROFILES = "/api/users/profiles"
MEMBERS = ["id", "username", "image_url", "type", "profile_url"]
AROUND = ["has_prev", "has_next", "prev_num", "next_num", "users"]
BIG = 2**63 - 1

NAMES = ["octocat", "OctoDog", "ann", "ANNA", "bob_b", "bobxb", "100%", "1000", "back\\slash", "o'neil", "jöran", "日本", "a-b", "ab", "Zed+1", "q&a=1"]


def rows():
    found = [(number * 3, name, ("User", "Organization", "Bot")[number % 3]) for number, name in enumerate(NAMES, 1)]
    found += [(1000 + number, f"crowd{number}", ("User", "Organization")[number % 2]) for number in range(60)]
    found.append((BIG, "last-of-all", "User"))
    return found


@pytest.fixture(scope="module")
def everybody(shared):
    """What is stored, as the API should show it, in order of id."""
    server, db = shared
    db.query("DELETE FROM users")
    for number, name, kind in rows():
        db.query("INSERT INTO users (id, username, avatar_url, type, profile_url) VALUES (?, ?, ?, ?, ?)", number, name,
                 f"https://a.test/{number}", kind, f"https://p.test/{number}")
    return [dict(zip(MEMBERS, (number, name, f"https://a.test/{number}", kind, f"https://p.test/{number}"))) for number, name, kind in rows()]


def ask(api, **query):
    answer = api.get(PROFILES + "?" + urlencode(query))
    assert answer.status == 200, answer
    assert answer.content_type == "application/json"
    return answer


def listed(api, **query):
    return users(ask(api, **query))


def users(answer):
    """Those of a page, which says of the pages around it what Link says."""
    page, related = answer.json(), links(answer)
    assert list(page) == AROUND, page
    assert page["has_prev"] is ("prev" in related) and page["has_next"] is ("next" in related), (page, related)
    for relation in ("prev", "next"):
        found = parameters(related[relation]) if relation in related else {}
        assert page[relation + "_num"] == (int(found["page"]) if "page" in found else None), (page, related)
    return page["users"]


def lower(text):
    """ASCII only, as both databases do at least."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def expected(everybody, page=1, pagination=25, order_by="id", username=None, id=None):
    found = [user for user in everybody if (username is None or lower(username) in lower(user["username"])) and id in (None, user["id"])]
    found.sort(key=lambda user: (user["type"], user["id"]) if order_by == "type" else user["id"])
    return found[(page - 1) * pagination:page * pagination]


# ---- what is shown ----

def test_without_parameters_there_are_the_first_25_by_id(api, everybody):
    answer = api.get(PROFILES)
    assert users(answer) == everybody[:25]
    assert list(json.loads(answer.body)["users"][0]) == MEMBERS
    assert users(api.get(PROFILES + "/")) == everybody[:25]
    assert users(api.get(PROFILES + "?")) == everybody[:25]


def test_what_was_never_known_is_null(api, db, everybody):
    db.query("INSERT INTO users (id, username) VALUES (2, 'bare')")
    try:
        assert listed(api, id=2) == [{"id": 2, "username": "bare", "image_url": None, "type": "User", "profile_url": None}]
    finally:
        db.query("DELETE FROM users WHERE id = 2")


def test_head_has_what_get_has(api, everybody):
    head, get = api.call("HEAD", PROFILES + "?page=2"), api.get(PROFILES + "?page=2")
    assert head.status == 200 and head.body == b""
    assert head.header("Content-Length") == get.header("Content-Length") and head.header("Link") == get.header("Link")


def test_it_has_a_tag_and_honours_it(api, everybody):
    tag = api.get(PROFILES).header("ETag")
    assert tag.startswith('W/"')
    assert api.call("GET", PROFILES, headers={"If-None-Match": tag}).status == 304
    assert api.get(PROFILES + "?page=2").header("ETag") != tag


def test_a_page_names_the_numbers_of_those_around_it(api, everybody):
    around = lambda **query: list(ask(api, **query).json().values())[:4]
    assert around() == [False, True, None, 2]
    assert around(page=2) == [True, True, 1, 3]
    assert around(page=4) == [True, False, 3, None]
    assert around(page=5) == [True, False, 4, None]
    assert around(pagination=1000) == [False, False, None, None]
    assert around(after=0, pagination=2) == [False, True, None, None]


# ---- filters ----

@pytest.mark.parametrize("query", [
    dict(page=2), dict(page=4), dict(pagination=1), dict(pagination=7), dict(pagination=1000), dict(order_by="id"), dict(order_by="type"),
    dict(username="octo"), dict(username="crowd"), dict(username="crowd1"), dict(id=3), dict(id=BIG), dict(id=0), dict(id=4),
], ids=str)
def test_each_filter_alone(api, everybody, query):
    assert listed(api, **query) == expected(everybody, **query)


CHOICES = dict(page=[None, 1, 2], pagination=[None, 2, 10], order_by=[None, "id", "type"], username=[None, "o", "crowd", "CROWD5", "nobody"],
               id=[None, 3, 1005, 999999])
MIXES = [{name: value for name, value in zip(CHOICES, mix) if value is not None} for mix in itertools.product(*CHOICES.values())]


@pytest.mark.parametrize("part", range(4))
def test_all_filters_in_every_mix(api, everybody, part):
    assert len(MIXES) == 3 * 3 * 3 * 5 * 4
    for query in MIXES[part::4]:
        assert listed(api, **query) == expected(everybody, **query), query


def test_the_order_of_parameters_does_not_matter(api, everybody):
    for query in itertools.permutations(["page=2", "pagination=3", "order_by=type", "username=o"]):
        assert users(api.get(PROFILES + "?" + "&".join(query))) == expected(everybody, page=2, pagination=3, order_by="type", username="o")


# ---- the term ----

@pytest.mark.parametrize("term", ["%", "_", "\\", "'", "o'n", "\\s", "k\\sla", "b_b", "100%", "0%", "%%", "a-b", "-", "+1", "d+1", "&", "q&a=1", "=", "ö", "jör",
                                  "日", "日本", "OCTO", "oCtOcAt", "anna", "NN", "A", "1", "*", ".", "[a-z]", "(", "\\%", "octocat ", " ", "?", "$1", "\x01"])
def test_a_term_is_literal_and_its_case_does_not_matter(api, everybody, term):
    found = listed(api, username=term, pagination=1000)
    assert found == expected(everybody, username=term, pagination=1000)
    assert listed(api, username=term, pagination=1000, order_by="type") == expected(everybody, username=term, pagination=1000, order_by="type")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strategies.text(strategies.sampled_from("octOnab_%\\-01'é "), min_size=1, max_size=4), strategies.sampled_from(["id", "type"]))
def test_any_term_finds_what_holds_it(api, everybody, term, order):
    assert listed(api, username=term, order_by=order, pagination=1000) == expected(everybody, username=term, order_by=order, pagination=1000)


def test_a_term_may_have_100_characters_of_any_script(api, everybody):
    for term in ("x" * 100, "日" * 100, "😀" * 100):
        answer = ask(api, username=term, page=2)
        assert users(answer) == []
        assert ("username", term) in parse_qsl(urlsplit(links(answer)["prev"]).query)


# ---- pages and order ----

@pytest.mark.parametrize("page", [5, 1000, 2**31, 2**53 + 1, BIG])
def test_beyond_the_end_there_is_an_empty_page(api, everybody, page):
    assert listed(api, page=page) == []
    assert listed(api, page=page, pagination=1000, order_by="type", username="crowd") == []


def follow(api, target, most=200):
    found = []
    for _ in range(most):
        answer = api.get(target)
        assert answer.status == 200, answer
        found += users(answer)
        if "next" not in links(answer):
            return found
        target = links(answer)["next"]
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("order", ["id", "type"])
@pytest.mark.parametrize("size", [1, 2, 7, 25, 77, 1000])
def test_following_next_visits_everybody_once_in_order(api, everybody, order, size):
    assert follow(api, f"{PROFILES}?order_by={order}&pagination={size}") == expected(everybody, order_by=order, pagination=1000)


@pytest.mark.parametrize("term", ["o", "crowd"])
def test_following_next_of_a_search_visits_all_that_match_once(api, everybody, term):
    for order in ("id", "type"):
        assert follow(api, f"{PROFILES}?username={term}&order_by={order}&pagination=4") == expected(everybody, order_by=order, username=term, pagination=1000)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_following_next_of_a_keyset_visits_everybody_once(api, everybody, size):
    assert follow(api, f"{PROFILES}?after=0&pagination={size}") == expected(everybody, pagination=1000)
    for term in ("o", "crowd"):
        assert follow(api, f"{PROFILES}?after=0&username={term}&pagination={size}") == expected(everybody, username=term, pagination=1000)


def test_a_keyset_begins_behind_its_id(api, everybody):
    ids = [user["id"] for user in expected(everybody, pagination=1000)]
    for after in (ids[0], ids[3], ids[-2], ids[-1], BIG):
        assert [user["id"] for user in listed(api, after=after, pagination=1000)] == [one for one in ids if one > after]
    assert [user["id"] for user in listed(api, after=ids[2], id=ids[3])] == [ids[3]]
    assert listed(api, after=ids[3], id=ids[3]) == []


def test_a_keyset_excludes_pages_and_the_order_by_type(api, everybody):
    problem(api.get(f"{PROFILES}?after=1&page=1"), 400, "page", "after")
    problem(api.get(f"{PROFILES}?after=1&order_by=type"), 400, "after", "order_by")
    for wrong in (-1, "x", BIG + 1, ""):
        problem(api.get(f"{PROFILES}?after={wrong}"), 400, "after")


def test_the_order_stays_when_rows_are_written_anew(api, db, everybody):
    """Updated rows move within a PostgreSQL table; the order of those of one type must not."""
    db.query("UPDATE users SET avatar_url = avatar_url WHERE id IN (1003, 1001, 9)")
    assert follow(api, f"{PROFILES}?order_by=type&pagination=10") == expected(everybody, order_by="type", pagination=1000)


# ---- links ----

def parameters(target):
    parts = urlsplit(target)
    assert parts.path == PROFILES and not parts.netloc, target
    return dict(parse_qsl(parts.query, strict_parsing=True))


def test_links_keep_the_other_parameters(api, everybody):
    found = links(ask(api, page=2, pagination=3, order_by="type", username="CROWD"))
    assert set(found) == {"next", "prev", "first"}
    for relation, page in (("next", "3"), ("prev", "1"), ("first", "1")):
        assert parameters(found[relation]) == dict(page=page, pagination="3", order_by="type", username="CROWD")
    found = links(ask(api, page=2, id=3, username="octo", order_by="type"))
    assert parameters(found["first"]) == dict(page="1", pagination="25", order_by="type", id="3", username="octo")


@pytest.mark.parametrize("term", ["100%", "q&a=1", "Zed+1", "o'neil", "back\\slash", "jö", '">;x', "a b", "#", "日本"])
def test_a_term_is_encoded_in_links(api, term):
    found = links(ask(api, username=term, page=2))
    assert parameters(found["prev"])["username"] == term
    assert quote(term, safe="") in found["prev"]
    assert api.get(found["prev"]).status == 200


def test_the_first_page_has_no_prev_and_the_last_no_next(api, everybody):
    assert set(links(ask(api))) == {"next", "first"}
    assert set(links(ask(api, page=4))) == {"prev", "first"}
    assert set(links(ask(api, pagination=len(everybody)))) == {"first"}
    assert set(links(ask(api, pagination=len(everybody) - 1))) == {"next", "first"}
    assert set(links(ask(api, page=BIG))) == {"prev", "first"}


def test_links_of_a_keyset_are_keysets(api, everybody):
    answer = ask(api, after=1, pagination=3, username="CROWD")
    last = users(answer)[-1]["id"]
    assert set(links(answer)) == {"next", "first"}
    assert parameters(links(answer)["next"]) == dict(after=str(last), pagination="3", order_by="id", username="CROWD")
    assert parameters(links(answer)["first"]) == dict(after="0", pagination="3", order_by="id", username="CROWD")


# ---- refusals ----

@pytest.mark.parametrize("query, named", [
    ("page=0", "page"), ("page=-1", "page"), ("page=x", "page"), ("page=", "page"), ("page=1.5", "page"), (f"page={BIG + 1}", "page"), ("page", "page"),
    ("pagination=0", "pagination"), ("pagination=1001", "pagination"), ("pagination=-5", "pagination"), ("pagination=many", "pagination"), ("pagination=", "pagination"),
    ("order_by=name", "order_by"), ("order_by=", "order_by"), ("order_by=ID", "order_by"), ("order_by=id,type", "order_by"), ("order_by=id;drop", "order_by"),
    ("username=", "username"), ("username=" + "x" * 101, "username"), ("username=%ff", "username"), ("username=a%00", "username"), ("username=%zz", "username"),
    ("id=x", "id"), ("id=-1", "id"), ("id=", "id"), ("id=1.0", "id"), (f"id={BIG + 1}", "id"),
    ("page=1&page=2", "page"), ("username=a&username=a", "username"), ("id=1&id=1", "id"), ("order_by=id&order_by=id", "order_by"),
    ("pagination=1&pagination=1", "pagination"),
    ("limit=3", "limit"), ("Page=1", "Page"), ("type=User", "type"), ("page=1&x=", "x"),
])
def test_wrong_parameters_are_refused_by_name(api, query, named):
    problem(api.get(PROFILES + "?" + query), 400, named)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405(api, method):
    answer = api.call(method, PROFILES)
    problem(answer, 405)
    assert answer.header("Allow") == "GET, HEAD"


@pytest.mark.parametrize("path", ["/api", "/api/users", PROFILES + "/1", PROFILES + "//", "/api/users/profile"])
def test_other_paths_are_404(api, path):
    problem(api.get(path), 404)


# ---- the page of an old address ----

@pytest.mark.parametrize("target, location", [("/users/page/3", "/users/3"), ("/users/page/3/", "/users/3"), (f"/users/page/{BIG}", f"/users/{BIG}"),
                                              ("/users/page/2?pagination=10", "/users/2?pagination=10")])
def test_the_page_of_an_old_address_is_told(api, target, location):
    for method in ("GET", "HEAD"):
        answer = api.call(method, target)
        assert answer.status == 302 and answer.body == b"" and answer.header("Location") == location, answer


@pytest.mark.parametrize("target, named", [("/users/page/0", "page"), ("/users/page/x", "page"), ("/users/page/-1", "page"), (f"/users/page/{BIG + 1}", "page"),
                                           ("/users/page/1?pagination=0", "pagination"), ("/users/page/1?page=1", "page")])
def test_a_page_that_cannot_be_is_refused_there(api, target, named):
    problem(api.get(target), 400, named)


# ---- --apps ----

def test_apps_users_serves_users_alone(serve, database):
    api = serve("--apps", "users", database=database).api
    assert users(api.get(PROFILES)) == []
    problem(api.get("/orders?page=1&limit=1"), 404)


def test_apps_orders_does_not_serve_users(serve, database):
    api = serve("--apps", "orders", database=database).api
    problem(api.get(PROFILES), 404)


# ---- indexes ----

@pytest.mark.plain
def test_on_postgres_an_index_serves_each_question(postgres):
    """As the server plans: once for all values, without a sequential scan if there is another way."""
    postgres.query("INSERT INTO users (id, username) SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i")
    connection = postgres.connect()
    try:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("ANALYZE users")
        plan_as_the_server(cursor)
        plans = {}
        for name, sql in statements("users").items():
            if not name.startswith(("user_page", "user_search", "user_one")):
                continue
            cursor.execute(f"PREPARE {name} (bigint, bigint, text, bigint, text, bigint) AS {sql}")
            cursor.execute(f"EXPLAIN EXECUTE {name} (26, 0, 'abc', 7, 'id', 3)")
            plans[name] = "\n".join(line for line, in cursor.fetchall())
    finally:
        connection.close()
    indexes = dict(user_page="users_pkey", user_page_by_type="users_type_id", user_search="users_username_trgm",
                   user_search_by_type="users_username_trgm", user_one="users_pkey")
    assert set(plans) == set(indexes)
    for name, index in indexes.items():
        assert index in plans[name] and "Seq Scan" not in plans[name], plans[name]
        assert ("Sort" in plans[name]) == ("search" in name), plans[name]
    assert "Index Cond: ((id > $6) AND (id = $4))" in plans["user_one"]
    assert "Index Cond: (id > $6)" in plans["user_page"]


def test_without_the_extension_search_works_all_the_same(serve, postgres):
    postgres.query("DROP EXTENSION pg_trgm CASCADE")
    postgres.query("INSERT INTO users (id, username) VALUES (1, 'Octocat'), (2, 'ann')")
    api = serve(database=postgres).api
    assert [user["id"] for user in listed(api, username="OCTO")] == [1]


def test_a_user_who_may_not_create_extensions_migrates_all_the_same(cluster, empty_postgres):
    """CREATE on the schema but not on the database."""
    role = "plain_" + empty_postgres.name
    empty_postgres.query(f"CREATE ROLE {role} LOGIN")
    try:
        empty_postgres.query(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}")
        done = run("migrate", "--database", empty_postgres.url.replace("postgres@", role + "@"))
        assert done.returncode == 0, done.stderr
        assert empty_postgres.query("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'") == [(0,)]
        assert empty_postgres.query("SELECT count(*) FROM pg_indexes WHERE indexname = 'users_type_id'") == [(1,)]
    finally:
        empty_postgres.query(f"DROP OWNED BY {role}")
        empty_postgres.query(f"DROP ROLE {role}")
