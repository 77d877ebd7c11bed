"""GET /health-regions and GET /fsa/{code} (CONTRACT 8), and rowlock seed health."""

import re

import pytest

from support.expect import links, problem
from support.program import run

FSA_FORM = re.compile("[ABCEGHJKLMNPRSTVXY][0-9][ABCEGHJKLMNPRSTVWXYZ]")

# what the codes of a province begin with, as Canada Post has it
LETTERS = {"NL": "A", "PE": "C", "NS": "B", "NB": "E", "QC": "GHJ", "ON": "KLMNP", "MB": "R", "SK": "S", "AB": "T", "BC": "V", "YT": "Y",
           "NT": "X", "NU": "X"}

OTTAWA = {"id": 51, "hr_uid": 3551, "name_en": "City of Ottawa", "name_fr": "Circonscription sanitaire d'Ottawa — « été »", "pop": 1054656,
          "website_en": "https://ottawa.example/en?a=1&b=\"2\"", "website_fr": "https://ottawa.example/fr", "province": "ON"}
LANARK = {"id": 43, "hr_uid": 3543, "name_en": "Lanark", "name_fr": "Lanark", "pop": None, "website_en": None, "website_fr": None, "province": "ON"}
YUKON = {"id": 94, "hr_uid": 6001, "name_en": "Yukon", "name_fr": "Yukon", "pop": 42152, "website_en": "https://yukon.example", "website_fr": None,
         "province": "YT"}
ALL = [LANARK, OTTAWA, YUKON]


def fill(db):
    provinces = {"ON": 35, "YT": 60}
    db.query("INSERT INTO region (id, name_en, name_fr) VALUES (3, 'Ontario', 'Ontario'), (6, 'Territories', 'Territoires')")
    db.query("INSERT INTO province (id, geo_code, alpha_code, name_en, name_fr, fk_region_id) VALUES (35, 35, 'ON', 'Ontario', 'Ontario', 3), "
             "(60, 60, 'YT', 'Yukon', 'Yukon', 6)")
    for region in reversed(ALL):
        db.query("INSERT INTO health_region (id, hr_uid, name_en, name_fr, pop, website_en, website_fr, fk_province_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                 *list(region.values())[:7], provinces[region["province"]])
    areas = [("K1A", 51), ("K0A", 51), ("K0A", 43), ("K0A", 51), ("Y1A", 94)]
    for number, (code, region) in enumerate(areas, 1):
        db.query("INSERT INTO fsa (id, code, eng_name, fre_name, estimated_pop, fk_healthregion_id, fk_province_id) VALUES (?, ?, 'x', 'x', NULL, ?, ?)",
                 number, code, region, 60 if region == 94 else 35)


@pytest.fixture(scope="module")
def filled(shared):
    fill(shared[1])
    return shared


@pytest.fixture
def api(filled, server):
    return server.api


def got(api, path):
    answer = api.get(path)
    assert answer.status == 200, answer
    assert answer.content_type == "application/json"
    return answer.json()


# ---- /health-regions ----

def test_all_health_regions_come_by_id_with_their_members_in_order(api):
    regions = got(api, "/health-regions")
    assert regions == ALL
    assert [list(region) for region in regions] == [list(OTTAWA)] * 3
    assert got(api, "/health-regions/") == ALL


def test_pages_of_health_regions_and_their_links(api):
    answer = api.get("/health-regions/0/2")
    assert answer.json() == ALL[:2]
    assert links(answer) == {"next": "/health-regions/2/2", "first": "/health-regions/0/2"}
    answer = api.get(links(answer)["next"])
    assert answer.json() == ALL[2:]
    assert links(answer) == {"prev": "/health-regions/0/2", "first": "/health-regions/0/2"}
    assert got(api, "/health-regions/1/1") == ALL[1:2]
    assert got(api, "/health-regions/3/1000") == []
    assert got(api, f"/health-regions/{2**63 - 1}/1000") == []
    assert links(api.get("/health-regions")) == {"first": "/health-regions?limit=1000"}


def test_health_regions_by_keyset(api):
    first, second, third = (region["id"] for region in ALL)
    answer = api.get("/health-regions?limit=2")
    assert answer.json() == ALL[:2]
    assert links(answer) == {"next": f"/health-regions?limit=2&after={second}", "first": "/health-regions?limit=2"}
    answer = api.get(links(answer)["next"])
    assert answer.json() == ALL[2:] and links(answer) == {"first": "/health-regions?limit=2"}
    assert got(api, f"/health-regions?after={first}") == ALL[1:] and got(api, f"/health-regions?after={third}") == []


@pytest.mark.parametrize("query, named", [("limit=0", "limit"), ("limit=1001", "limit"), ("after=1.5", "after"), ("after=x", "after"),
                                          (f"after={2**63}", "after"), ("before=1", "before"), ("limit=1&limit=1", "limit")])
def test_a_malformed_keyset_is_400_and_named(api, query, named):
    problem(api.get(f"/health-regions?{query}"), 400, named)
    problem(api.get(f"/health-regions/0/5?{query}"), 400, named)


@pytest.mark.parametrize("page, named", [("0/0", "count"), ("0/1001", "count"), ("0/x", "count"), ("-1/10", "offset"), ("x/10", "offset"),
                                         (f"{2**63}/10", "offset"), ("0/-1", "count"), ("1.0/1", "offset")])
def test_a_malformed_page_is_400_and_named(api, page, named):
    problem(api.get("/health-regions/" + page), 400, named)


@pytest.mark.parametrize("region", ALL, ids=lambda region: region["name_en"])
def test_one_health_region_by_id(api, region):
    assert got(api, f"/health-regions/{region['id']}") == region
    assert got(api, f"/health-regions/{region['id']}/") == region


@pytest.mark.parametrize("number", ["0", "1", "52", "3551", str(2**63 - 1)])
def test_an_unknown_health_region_is_404(api, number):
    problem(api.get("/health-regions/" + number), 404, "health region")


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "5e1", "+51", "%2051", "51%20", "0x33", str(2**63), "K1A", "%D9%A5", "51;"])
def test_a_malformed_id_is_400_and_named(api, number):
    problem(api.get("/health-regions/" + number), 400, "id")


# ---- /fsa ----

@pytest.mark.parametrize("code", ["K1A", "k1a", "K1a", "K1A0B1", "K1A%200B1", "k1a%200b1", "k1A0b1", "K1A/", "K1A%200W9", "%4B1A"])
def test_a_code_in_any_case_and_a_whole_postal_code_find_the_area(api, code):
    assert got(api, "/fsa/" + code) == [OTTAWA]


def test_an_area_of_several_regions_gives_each_once_by_id(api):
    assert got(api, "/fsa/K0A") == [LANARK, OTTAWA]
    assert got(api, "/fsa/y1a") == [YUKON]


@pytest.mark.parametrize("code", ["A1A", "K9Z", "X1A0B1", "M5V%203L9"])
def test_an_unknown_area_is_404(api, code):
    problem(api.get("/fsa/" + code), 404, "forward sortation area")


@pytest.mark.parametrize("code", [
    "K", "K1", "K1AA", "K1A0", "K1A0B", "K1A0B11", "K1A%20", "K1A%200B", "K1A%20%200B1", "%20K1A", "K1A%200B1%20", "K%201A", "K1A0%20B1", "K1A-0B1",
    "K1A+0B1", "K1A%090B1", "1K1", "KKK", "111", "KA1", "K1ABB1", "K1A010", "K1A0BB", "D1A", "F1A", "I1A", "O1A", "Q1A", "U1A",
    "W1A", "Z1A", "d1a", "K1D", "K1F", "K1I", "K1O", "K1Q", "K1U", "K1A0D1", "K1A0O1", "K%D9%A1A", "%C3%89" + "1A", "%EF%BC%AB1A", "K1%C5%BF",
    "k1%E2%84%AA", "51", "K1A%000B1", "%27%20OR%201=1"])
def test_a_malformed_code_is_400(api, code):
    problem(api.get("/fsa/" + code), 400)


def test_the_refusal_says_what_a_code_looks_like(api):
    problem(api.get("/fsa/D1A"), 400, "code", "forward sortation area such as K1A", "K1A 0B1")


def test_every_letter_that_codes_may_have_is_taken(api):
    for first in "ABCEGHJKLMNPRSTVXY":
        for last in "ABCEGHJKLMNPRSTVWXYZ":
            assert api.get(f"/fsa/{first}8{last}".lower()).status == 404


# ---- what holds for all of them ----

PATHS = ["/health-regions", "/health-regions/0/2", "/health-regions/51", "/fsa/K0A"]


@pytest.mark.parametrize("path", PATHS)
def test_entity_tags_and_head(api, path):
    answer = api.get(path)
    tag = answer.header("ETag")
    assert tag.startswith('"' if path == "/health-regions/51" else 'W/"')
    assert api.get(path, headers=[("If-None-Match", tag)]).status == 304
    head = api.call("HEAD", path)
    assert head.status == 200 and head.body == b"" and head.header("ETag") == tag


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_health_regions_are_only_read(api, path, method):
    answer = api.call(method, path, "{}" if method != "DELETE" else None)
    problem(answer, 405)
    assert answer.header("Allow") == "GET, HEAD"


@pytest.mark.parametrize("path", PATHS)
def test_query_parameters_are_refused_by_name(api, path):
    problem(api.get(path + "?province=ON"), 400, "province")


@pytest.mark.parametrize("path", ["/fsa", "/fsa/K1A/0B1", "/health-regions/0/2/3", "/health_regions", "/Health-Regions"])
def test_other_paths_are_404(api, path):
    problem(api.get(path), 404)


def test_apps_choose_the_health_regions(database, serve):
    fill(database)
    alone = serve("--apps", "health", database=database).api
    assert got(alone, "/fsa/K1A") == [OTTAWA]
    assert alone.get("/orders/1").status == 404
    without = serve("--apps", "orders", database=database).api
    assert without.get("/health-regions").status == 404 and without.get("/fsa/K1A").status == 404


# ---- sample data ----

def seed(database, *flags):
    finished = run("seed", "health", *flags, "--database", database.url)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_seed_brings_the_thirteen_provinces_and_territories(database):
    seed(database, "--total", 0)
    found = database.query("SELECT p.alpha_code, p.geo_code, p.name_en, p.name_fr, r.name_en FROM province AS p JOIN region AS r ON r.id = p.fk_region_id")
    assert {row[0] for row in found} == set(LETTERS) and len(found) == 13
    assert ("QC", 24, "Quebec", "Québec", "Quebec") in found and ("NU", 62, "Nunavut", "Nunavut", "Territories") in found
    assert {row[4] for row in found} == {"Atlantic", "Quebec", "Ontario", "Prairies", "British Columbia", "Territories"}
    assert database.query("SELECT count(*) FROM health_region") == [(0,)]


def test_seed_adds_15_health_regions_when_not_told_how_many(database):
    assert "15" in seed(database)
    assert database.query("SELECT count(*) FROM health_region") == [(15,)]
    seed(database, "--if-empty")
    assert database.query("SELECT count(*) FROM health_region") == [(15,)]
    seed(database, "-t", 2)
    assert database.query("SELECT count(*) FROM health_region") == [(17,)]
    assert database.query("SELECT count(*) FROM province") == [(13,)]


def test_seeded_records_respect_types_and_keys(database):
    seed(database, "--total", 300)
    areas = database.query("SELECT f.code, p.alpha_code, h.fk_province_id - f.fk_province_id, f.estimated_pop, h.pop FROM fsa AS f "
                           "JOIN province AS p ON p.id = f.fk_province_id JOIN health_region AS h ON h.id = f.fk_healthregion_id")
    assert len(areas) == database.query("SELECT count(*) FROM fsa")[0][0] >= 300
    for code, province, other, people, all_people in areas:
        assert FSA_FORM.fullmatch(code) and code[0] in LETTERS[province] and other == 0 and 0 < people <= all_people
    assert {row[1] for row in areas} == set(LETTERS)
    assert database.query("SELECT count(*) FROM health_region WHERE id NOT IN (SELECT fk_healthregion_id FROM fsa)") == [(0,)]
    assert database.query("SELECT count(DISTINCT hr_uid), count(DISTINCT name_en) FROM health_region") == [(300, 300)]


def test_seed_leaves_what_is_there(database):
    fill(database)
    database.query("UPDATE province SET name_en = 'Upper Canada \"1791\"' WHERE id = 35")
    seed(database, "--total", 100)
    assert database.query("SELECT name_en FROM province WHERE id = 35") == [('Upper Canada "1791"',)]
    assert database.query("SELECT count(*), max(name_en) FROM health_region WHERE id IN (43, 51, 94)") == [(3, "Yukon")]
    assert database.query("SELECT count(*) FROM health_region") == [(103,)]


def test_more_than_a_thousand_are_in_pages(database, serve):
    seed(database, "--total", 2300)
    api = serve("--apps", "health", database=database).api
    answer = api.get("/health-regions")
    assert len(answer.json()) == 1000
    assert set(links(answer)) == {"next", "first"} and "after=" in links(answer)["next"]
    ids = [region["id"] for region in answer.json()]
    while "next" in links(answer):
        answer = api.get(links(answer)["next"])
        ids += [region["id"] for region in answer.json()]
    assert ids == sorted(ids) and len(set(ids)) == 2300
    assert links(answer) == {"first": "/health-regions?limit=1000"}
    assert links(api.get("/health-regions/2000/1000")) == {"prev": "/health-regions/1000/1000", "first": "/health-regions/0/1000"}
    code, count = database.query("SELECT code, count(DISTINCT fk_healthregion_id) FROM fsa GROUP BY code ORDER BY 2 DESC, 1 LIMIT 1")[0]
    assert len(got(api, f"/fsa/{code}")) == count > 1
