"""Sites, computers, freezers, containers and instruments over HTTP."""

import threading

import pytest
from hypothesis import given, settings, strategies as st

from support.expect import links, problem

pytestmark = pytest.mark.quick

BIG = 9223372036854775807
UUID = "123e4567-e89b-12d3-a456-426614174000"
KINDS = ["site", "computer", "freezer", "container"]
LEAST = {"site": {"name": "S"}, "computer": {"name": "C"}, "freezer": {"name": "F"}, "container": {"uuid": UUID}}
SITE = {"name": "Site 2000", "contact": "Bruce Campbell", "address": "555 Update Ave, Ann Arbor", "state_or_region": "MI",
        "country": "US", "postcode_or_zip": "48104"}


@pytest.fixture(autouse=True)
def empty(db):
    db.clear(*reversed(KINDS))


def put(api, path, body):
    answer = api.post(path, body)
    assert answer.status == 200, answer
    assert answer.content_type == "application/json"
    return answer.json()


def got(api, path):
    answer = api.get(path)
    assert answer.status == 200, answer
    return answer.json()


def remove(api, path):
    return api.call("DELETE", path)


# ---- one record ----

def test_posting_creates_and_answers_the_stored_record(api):
    stored = put(api, "/site/2", SITE)
    assert stored == {"id": 2, **SITE}
    assert got(api, "/site/2") == stored and got(api, "/site/2/") == stored


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_required_is_enough_and_the_rest_is_null(api, kind):
    stored = put(api, f"/{kind}/5", LEAST[kind])
    assert stored["id"] == 5
    assert {name: value for name, value in stored.items() if value is not None} == {"id": 5, **LEAST[kind]}
    assert got(api, f"/{kind}/5") == stored


def test_records_have_exactly_these_members(api):
    assert {kind: list(put(api, f"/{kind}/1", LEAST[kind])) for kind in KINDS} == {
        "site": ["id", "name", "contact", "address", "state_or_region", "country", "postcode_or_zip"],
        "computer": ["id", "name", "mac", "site_id"], "freezer": ["id", "name", "site_id"],
        "container": ["id", "uuid", "description", "freezer_id"]}


def test_an_update_keeps_what_is_left_out_and_clears_what_is_null(api):
    put(api, "/site/2", SITE)
    stored = put(api, "/site/2", {"name": "New", "contact": None, "country": "CA"})
    assert stored == {"id": 2, **SITE, "name": "New", "contact": None, "country": "CA"}
    put(api, "/freezer/1", {"name": "F", "site_id": 2})
    assert put(api, "/freezer/1", {"name": "G"}) == {"id": 1, "name": "G", "site_id": 2}
    assert put(api, "/freezer/1", {"name": "G", "site_id": None}) == {"id": 1, "name": "G", "site_id": None}
    put(api, "/computer/1", {"name": "C", "mac": "00:00:5e:00:53:01", "site_id": 2})
    assert put(api, "/computer/1", {"name": "D"}) == {"id": 1, "name": "D", "mac": "00:00:5e:00:53:01", "site_id": 2}
    assert put(api, "/computer/1", {"name": "D", "mac": None})["mac"] is None
    put(api, "/freezer/1", {"name": "G"})
    put(api, "/container/1", {"uuid": UUID, "description": "x", "freezer_id": 1})
    assert put(api, "/container/1", {"uuid": UUID, "description": None}) == {
        "id": 1, "uuid": UUID, "description": None, "freezer_id": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_deleting_answers_the_record_and_then_it_is_gone(api, kind):
    stored = put(api, f"/{kind}/3", LEAST[kind])
    answer = remove(api, f"/{kind}/3")
    assert answer.status == 200 and answer.json() == stored
    problem(remove(api, f"/{kind}/3"), 404)
    problem(api.get(f"/{kind}/3"), 404)
    put(api, f"/{kind}/3", LEAST[kind])


def test_deleting_a_site_takes_along_what_hangs_on_it_and_nothing_else(api, db):
    for number in (1, 2):
        put(api, f"/site/{number}", {"name": "S"})
        put(api, f"/computer/{number}", {"name": "C", "site_id": number})
        put(api, f"/freezer/{number}", {"name": "F", "site_id": number})
        put(api, f"/container/{number}", {"uuid": UUID, "freezer_id": number})
    put(api, "/computer/3", {"name": "of no site"})
    assert remove(api, "/site/1").status == 200
    assert {kind: [row[0] for row in db.query(f"SELECT id FROM {kind} ORDER BY id")] for kind in KINDS} == {
        "site": [2], "computer": [2, 3], "freezer": [2], "container": [2]}
    assert remove(api, "/freezer/2").status == 200
    problem(api.get("/container/2"), 404)


@pytest.mark.parametrize("kind, own", [(kind, f"{kind}_id") for kind in KINDS])
def test_the_records_own_id_in_the_body_must_equal_the_paths(api, kind, own):
    assert put(api, f"/{kind}/7", {own: 7, **LEAST[kind]})["id"] == 7
    problem(api.post(f"/{kind}/7", {own: 8, **LEAST[kind]}), 400, own)
    problem(api.post(f"/{kind}/7", {own: None, **LEAST[kind]}), 400, own)


@pytest.mark.parametrize("sent, stored", [(48104, "48104"), (-7, "-7"), (1.5, "1.5"), (0, "0"), ("048", "048")])
def test_numbers_for_text_are_stored_as_text(api, sent, stored):
    found = put(api, "/site/1", {"name": sent, "postcode_or_zip": sent, "contact": sent})
    assert (found["name"], found["postcode_or_zip"], found["contact"]) == (stored, stored, stored)


@pytest.mark.parametrize("sent", ["08:00:2B:01:02:03", "08-00-2b-01-02-03", "0800.2B01.0203", "08002b010203"])
def test_a_mac_address_is_normalised(api, sent):
    assert put(api, "/computer/1", {"name": "C", "mac": sent})["mac"] == "08:00:2b:01:02:03"


def test_no_two_computers_share_a_mac_address_however_it_is_written(api):
    put(api, "/computer/1", {"name": "C", "mac": "08:00:2b:01:02:03"})
    problem(api.post("/computer/2", {"name": "D", "mac": "0800.2B01.0203"}), 400, "mac")
    problem(api.get("/computer/2"), 404)
    put(api, "/computer/2", {"name": "D"})
    problem(api.post("/computer/2", {"name": "E", "mac": "08-00-2B-01-02-03"}), 400, "mac")
    assert got(api, "/computer/2") == {"id": 2, "name": "D", "mac": None, "site_id": None}
    put(api, "/computer/1", {"name": "C", "mac": "08-00-2B-01-02-03"})


def test_a_uuid_is_normalised(api):
    assert put(api, "/container/1", {"uuid": UUID.upper()})["uuid"] == UUID


@pytest.mark.parametrize("kind, key", [("computer", "site_id"), ("freezer", "site_id"), ("container", "freezer_id")])
def test_a_key_to_nothing_is_refused_by_name(api, kind, key):
    problem(api.post(f"/{kind}/1", {**LEAST[kind], key: 999}), 400, key, "exists")
    problem(api.get(f"/{kind}/1"), 404)
    put(api, f"/{kind}/1", LEAST[kind])
    problem(api.post(f"/{kind}/1", {**LEAST[kind], key: 999}), 400, key)
    assert got(api, f"/{kind}/1")[key] is None


@pytest.mark.parametrize("kind, body, named", [
    ("site", {}, "name"), ("site", {"contact": "x"}, "name"), ("site", {"name": None}, "name"), ("site", {"name": ""}, "name"),
    ("site", {"name": True}, "name"), ("site", {"name": ["x"]}, "name"), ("site", {"name": {}}, "name"),
    ("site", {"name": "x" * 1001}, "name"), ("site", {"name": "S", "contact": False}, "contact"),
    ("site", {"name": "S", "address": "x" * 2001}, "address"), ("site", {"name": "S", "id": 1}, "id"),
    ("site", {"name": "S", "mac": "x"}, "mac"), ("site", {"name": "S", "site_id": "1"}, "site_id"),
    ("computer", {}, "name"), ("computer", {"name": "C", "mac": "x"}, "mac"), ("computer", {"name": "C", "mac": 1}, "mac"),
    ("computer", {"name": "C", "mac": ""}, "mac"), ("computer", {"name": "C", "mac": "08:00:2b:01:02"}, "mac"),
    ("computer", {"name": "C", "mac": "08:00-2b:01:02:03"}, "mac"), ("computer", {"name": "C", "site_id": "1"}, "site_id"),
    ("computer", {"name": "C", "site_id": 1.5}, "site_id"), ("computer", {"name": "C", "site_id": -1}, "site_id"),
    ("computer", {"name": "C", "contact": "x"}, "contact"), ("freezer", {}, "name"), ("freezer", {"name": "F", "site_id": True}, "site_id"),
    ("freezer", {"name": "F", "mac": "08:00:2b:01:02:03"}, "mac"),
    ("container", {}, "uuid"), ("container", {"description": "x"}, "uuid"), ("container", {"uuid": None}, "uuid"),
    ("container", {"uuid": "x"}, "uuid"), ("container", {"uuid": UUID.replace("-", "")}, "uuid"), ("container", {"uuid": 1}, "uuid"),
    ("container", {"uuid": UUID, "freezer_id": "1"}, "freezer_id"), ("container", {"uuid": UUID, "name": "x"}, "name"),
])
def test_wrong_members_are_refused_by_name(api, kind, body, named):
    problem(api.post(f"/{kind}/1", body), 400, named)
    problem(api.get(f"/{kind}/1"), 404)


def test_a_body_must_be_a_json_object(api):
    for body in (b"", b"[]", b"null", b"{", b'{"name":"\\u0000"}', b'{"name":"\xff"}'):
        problem(api.post("/site/1", body), 400)
    problem(api.post("/site/1", b'{"name":"x"}', {"Content-Type": "text/plain"}), 415)
    problem(api.post("/site/1", {"name": "x", "address": "x" * 70000}), 413)


@pytest.mark.parametrize("record", ["abc", "-1", "1.5", str(BIG + 1), "0x1", "%20"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_malformed_id_is_400(api, kind, record):
    for answer in (api.get(f"/{kind}/{record}"), api.post(f"/{kind}/{record}", LEAST[kind]), remove(api, f"/{kind}/{record}"),
                   api.get(f"/{kind}/{record}/history")):
        problem(answer, 400, "id")


def test_ids_are_numbers_that_every_json_reader_keeps(api):
    assert put(api, f"/site/{2**53 - 1}", {"name": "S"})["id"] == 2**53 - 1
    problem(api.post(f"/site/{2**53}", {"name": "S"}), 400, "id")
    problem(api.get(f"/site/{BIG}"), 404)


@pytest.mark.parametrize("kind", KINDS)
def test_other_methods_are_405(api, kind):
    for path, allowed in ((f"/{kind}/1", {"GET", "HEAD", "POST", "DELETE"}), (f"/{kind}s", {"GET", "HEAD"}), (f"/{kind}/1/history", {"GET", "HEAD"})):
        answer = api.patch(path, {})
        problem(answer, 405)
        assert set(answer.header("Allow").replace(" ", "").split(",")) == allowed


@settings(max_examples=40)
@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=60))
def test_any_text_comes_back_as_it_was_and_so_does_its_history(shared, text):
    api = shared[0].api
    remove(api, "/site/77")
    put(api, "/site/77", {"name": text, "address": text})
    found = put(api, "/site/77", {"name": "x"})
    assert found["address"] == text and got(api, "/site/77")["address"] == text
    newest, before = got(api, "/site/77/history?limit=2")
    assert newest["old"]["name"] == text and newest["new"]["address"] == text
    assert before["new"]["name"] == text and before["operation"] == "insert"


@pytest.mark.parametrize("text", ["naïve café", "京都市", "Ελλάδα", "🧊🧪👩‍🔬", "שלום", "a\"b\\c/d", "line\nbreak\ttab\r\x01\x1f\x7f", " ",
                                  "'; DROP TABLE site; --", "\\u0041"])
def test_any_script_is_kept(api, text):
    put(api, "/container/1", {"uuid": UUID, "description": text})
    assert got(api, "/container/1")["description"] == text
    assert got(api, "/container/1/history?limit=1")[0]["new"]["description"] == text


# ---- lists ----

@pytest.mark.parametrize("kind", KINDS)
def test_lists_are_by_id_in_pages(api, kind):
    for number in (9, 3, 12, 5, 7):
        put(api, f"/{kind}/{number}", LEAST[kind])
    everything = got(api, f"/{kind}s")
    assert [one["id"] for one in everything] == [3, 5, 7, 9, 12]
    assert everything[0] == got(api, f"/{kind}/3")
    assert got(api, f"/{kind}s/") == everything and got(api, f"/{kind}s/0/10") == everything
    assert got(api, f"/{kind}s/1/2") == everything[1:3]
    assert got(api, f"/{kind}s/10/10") == [] and got(api, f"/{kind}s/{BIG}/1000") == []


@pytest.mark.parametrize("word", ["sites", "computers", "freezers", "containers", "instruments"])
def test_wrong_pages_are_400(api, word):
    for page, named in (("0/0", "count"), ("0/1001", "count"), ("-1/10", "offset"), ("a/10", "offset"), ("0/b", "count"), (f"{BIG + 1}/1", "offset")):
        problem(api.get(f"/{word}/{page}"), 400, named)
    wrong = [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("after=x", "after"), (f"after={BIG + 1}", "after"),
             ("after=", "after"), ("page=1", "page"), ("before=4", "before"), ("after=1&after=2", "after")]
    for query, named in wrong if word != "instruments" else [("limit=1", "limit"), ("after=1", "after")]:
        problem(api.get(f"/{word}?{query}"), 400, named)
    problem(api.get(f"/{word}/0/10?after=1"), 400, "after")
    problem(api.get(f"/{word}/1"), 404)


def test_pages_link_to_each_other(api):
    for number in range(1, 8):
        put(api, f"/site/{number}", LEAST["site"])
    seen, target = [], "/sites/0/3"
    while target:
        answer = api.get(target)
        seen += [site["id"] for site in answer.json()]
        found = links(answer)
        assert found["first"] == "/sites/0/3"
        target = found.get("next")
    assert seen == list(range(1, 8))
    assert links(api.get("/sites/3/3"))["prev"] == "/sites/0/3"
    assert set(links(api.get("/sites/0/7"))) == {"first"}


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_page_a_thousand_come_with_a_link_to_the_rest(api, db, kind):
    column, value = ("uuid", f"'{UUID}'") if kind == "container" else ("name", "'x'")
    db.query(f"WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 1002) INSERT INTO {kind} (id, {column}) SELECT id, {value} FROM n")
    answer = api.get(f"/{kind}s")
    assert [one["id"] for one in answer.json()] == list(range(1, 1001))
    assert links(answer) == {"next": f"/{kind}s?limit=1000&after=1000", "first": f"/{kind}s?limit=1000"}
    answer = api.get(links(answer)["next"])
    assert [one["id"] for one in answer.json()] == [1001, 1002]
    assert links(answer) == {"first": f"/{kind}s?limit=1000"}


@pytest.mark.parametrize("kind", KINDS)
def test_pages_by_keyset_follow_the_ids_whatever_is_deleted_meanwhile(api, kind):
    for number in (0, 1, 5, 6, 7, 20, 21, 40):
        put(api, f"/{kind}/{number}", LEAST[kind])
    answer = api.get(f"/{kind}s?limit=3")
    assert [one["id"] for one in answer.json()] == [0, 1, 5]
    assert links(answer) == {"next": f"/{kind}s?limit=3&after=5", "first": f"/{kind}s?limit=3"}
    for gone in (0, 5, 6):
        assert api.call("DELETE", f"/{kind}/{gone}").status == 200
    answer = api.get(links(answer)["next"])
    assert [one["id"] for one in answer.json()] == [7, 20, 21]
    answer = api.get(links(answer)["next"])
    assert [one["id"] for one in answer.json()] == [40] and links(answer) == {"first": f"/{kind}s?limit=3"}
    assert [one["id"] for one in got(api, f"/{kind}s?after=20")] == [21, 40]
    assert got(api, f"/{kind}s?after=40") == [] and got(api, f"/{kind}s?after={BIG}&limit=1000") == []


def test_records_and_lists_have_entity_tags(api):
    for kind in KINDS:
        put(api, f"/{kind}/1", LEAST[kind])
    for path in (*(f"/{kind}/1" for kind in KINDS), "/sites", "/sites/0/1", "/sites?limit=1&after=0", "/instruments", "/site/1/history"):
        tag = api.get(path).header("ETag")
        assert tag.startswith('"' if path[1:-2] in KINDS else 'W/"'), path
        assert api.get(path, {"If-None-Match": tag}).status == 304
        assert api.call("HEAD", path).header("ETag") == tag
    tag = api.get("/site/1").header("ETag")
    put(api, "/site/1", {"name": "other"})
    assert api.get("/site/1", {"If-None-Match": tag}).status == 200


# ---- instruments ----

def test_instruments_are_computers_and_freezers_by_site_name_kind_and_id(api):
    put(api, "/site/1", {"name": "Zed"})
    put(api, "/site/2", {"name": "Abel"})
    for number, name, site in ((1, "b", 2), (2, "a", 1), (3, "b", 1), (4, "x", None), (5, "b", 1)):
        put(api, f"/computer/{number}", {"name": name, "site_id": site})
    for number, name, site in ((1, "b", 1), (2, "B", 1), (3, "a", None), (4, "b", 1), (5, "é", 1)):
        put(api, f"/freezer/{number}", {"name": name, "site_id": site})
    everything = got(api, "/instruments")
    assert [(one["site_id"], one["name"], one["computer_id"], one["freezer_id"], one["site_name"]) for one in everything] == [
        (1, "B", None, 2, "Zed"), (1, "a", 2, None, "Zed"), (1, "b", 3, None, "Zed"), (1, "b", 5, None, "Zed"),
        (1, "b", None, 1, "Zed"), (1, "b", None, 4, "Zed"), (1, "é", None, 5, "Zed"), (2, "b", 1, None, "Abel"),
        (None, "a", None, 3, None), (None, "x", 4, None, None)]
    assert list(everything[0]) == ["computer_id", "freezer_id", "name", "site_id", "site_name"]
    assert got(api, "/instruments/0/10") == everything
    assert got(api, "/instruments/4/3") == everything[4:7]
    assert got(api, f"/instruments/{BIG}/1000") == []
    answer = api.get("/instruments/3/3")
    assert links(answer) == {"next": "/instruments/6/3", "prev": "/instruments/0/3", "first": "/instruments/0/3"}


def test_the_view_has_the_same_rows(api, db):
    put(api, "/site/1", {"name": "S"})
    put(api, "/computer/1", {"name": "C", "site_id": 1})
    put(api, "/freezer/1", {"name": "F"})
    rows = db.query("SELECT computer_id, freezer_id, name, site_id, site_name FROM instrument")
    assert sorted(map(repr, rows)) == sorted(repr(tuple(one.values())) for one in got(api, "/instruments"))


# ---- many at once ----

def at_once(count, work):
    failures = []

    def one(number):
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_concurrent_upserts_of_one_id_all_succeed_and_lose_nothing(api, db):
    """Each sets a member of its own and leaves the others alone: all of them are there at the end."""
    members = ["contact", "address", "state_or_region", "country", "postcode_or_zip"]
    for record in range(1, 11):
        at_once(10, lambda number: put(api, f"/site/{record}", {"name": "S", members[number % 5]: f"v{number % 5}"}))
        assert got(api, f"/site/{record}") == {"id": record, "name": "S", **{member: f"v{i}" for i, member in enumerate(members)}}
        assert [row["operation"] for row in got(api, f"/site/{record}/history")][-1] == "insert"
    assert db.query("SELECT count(*) FROM site") == [(10,)]


def test_of_concurrent_claims_of_one_mac_address_one_wins(api, db):
    statuses = []
    at_once(8, lambda number: statuses.append(api.post(f"/computer/{number + 1}", {"name": "C", "mac": "08:00:2b:01:02:03"}).status))
    assert sorted(statuses) == [200] + [400] * 7
    assert db.query("SELECT count(*) FROM computer") == [(1,)]


def test_a_site_deleted_while_things_are_put_there_leaves_nothing_behind(api, db):
    def work(number):
        if number % 4 == 0:
            api.post("/site/1", {"name": "S"})
            remove(api, "/site/1")
        else:
            assert api.post(f"/freezer/{number}", {"name": "F", "site_id": 1}).status in (200, 400)

    put(api, "/site/1", {"name": "S"})
    at_once(16, work)
    remove(api, "/site/1")
    assert db.query("SELECT count(*) FROM freezer") == [(0,)]


@pytest.mark.parametrize("kind", ["computer", "freezer"])
def test_a_name_that_no_index_can_hold_is_refused_and_not_an_error(api, db, kind):
    name = "".join(chr(0x4E00 + (n * 7919) % 20000) for n in range(1000))
    answer = api.post(f"/{kind}/1", {"name": name})
    if db.kind == "sqlite":
        assert answer.status == 200 and answer.json()["name"] == name
    else:
        problem(answer, 400, "name")
