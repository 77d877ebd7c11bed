"""/regions: the health regions of a postal code, as people see them; GET /fsa/{code} itself is tested in test_health_regions.py."""

import re
from urllib.parse import quote

import pytest

from support.expect import problem
from support.pages import BROWSER, shown, text_of

pytestmark = pytest.mark.quick

REGIONS = [
    (51, "City of <Ottawa>", "Circonscription sanitaire d'Ottawa — « été »", 1054656, "https://ottawa.example/en?a=1&b=\"2\"", "https://ottawa.example/fr"),
    (43, "Lanark", "Lanark", None, None, None),
    (94, "<script>alert(1)</script>", "ءامن", 0, "javascript:alert(1)", "http://yukon.example"),
]


@pytest.fixture(scope="module")
def filled(shared):
    _, db = shared
    db.clear("fsa", "health_region", "province", "region")
    db.query("INSERT INTO region (id, name_en, name_fr) VALUES (3, 'Ontario', 'Ontario')")
    db.query("INSERT INTO province (id, geo_code, alpha_code, name_en, name_fr, fk_region_id) VALUES (35, 35, 'ON', 'Ontario', 'Ontario', 3)")
    for number, english, french, people, site, site_french in REGIONS:
        db.query("INSERT INTO health_region (id, hr_uid, name_en, name_fr, pop, website_en, website_fr, fk_province_id) VALUES (?, ?, ?, ?, ?, ?, ?, 35)",
                 number, 3500 + number, english, french, people, site, site_french)
    for number, (code, region) in enumerate([("K1A", 51), ("K0A", 51), ("K0A", 43), ("Y1A", 94)], 1):
        db.query("INSERT INTO fsa (id, code, eng_name, fre_name, estimated_pop, fk_healthregion_id, fk_province_id) VALUES (?, ?, 'x', 'x', NULL, ?, 35)",
                 number, code, region)


@pytest.mark.parametrize("code", ["K1A", "k1a", "K1A 0B1", "k1a0b1"])
def test_a_postal_code_has_its_region_in_both_languages(filled, api, code):
    body = shown(api, "/regions?code=" + quote(code))
    english, french = re.findall(r"<dl[^>]*>.*?</dl>", body, re.S)
    assert "City of &lt;Ottawa&gt;" in english and "<dd>1,054,656</dd>" in english
    assert '<a href="https://ottawa.example/en?a=1&amp;b=&quot;2&quot;">' in english
    assert french.startswith('<dl lang="fr">') and "« été »" in french and "<dd>1\u202f054\u202f656</dd>" in french and 'href="https://ottawa.example/fr"' in french
    assert f'value="{code}"' in body and "alert" not in body


def test_an_area_of_two_regions_shows_both_and_what_is_not_known(filled, api):
    body = shown(api, "/regions?code=K0A")
    assert re.findall(r'<h2 id="region-(\d+)">', body) == ["43", "51"]
    assert "<dd>not known</dd>" in body and "<dd>none</dd>" in body and "<dd>inconnue</dd>" in body and "<dd>aucun</dd>" in body


def test_what_regions_are_called_is_text(filled, api):
    body = shown(api, "/regions?code=Y1A")
    assert "<script>alert" not in body and "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" in body and "<bdi>ءامن</bdi>" in body
    assert '<a href="#">javascript:alert(1)</a>' in body and "<dd>0</dd>" in body


@pytest.mark.parametrize("code, words", [("A0B", "No health region has this forward sortation area."), ("12345", "code must be a forward sortation area such as K1A"),
                                         ("K1A/../x", "code must be"), ("<b>\"&", "code must be"), ("日本", "code must be")])
def test_the_page_says_why_it_shows_nothing_and_keeps_what_was_typed(filled, api, code, words):
    answer = api.get("/regions?code=" + quote(code, safe=""), BROWSER)
    body = answer.body.decode()
    assert answer.status == 200 and words in text_of(answer) and body.count('role="alert"') == 1 and "<dl" not in body
    assert 'aria-invalid="true" aria-describedby="code-error"' in body
    if code.startswith("<"):
        assert 'value="&lt;b&gt;&quot;&amp;"' in body


@pytest.mark.parametrize("target", ["/regions", "/regions?code="])
def test_without_a_code_there_is_the_question_alone(filled, api, target):
    body = shown(api, target)
    assert "alert" not in body and "aria-invalid" not in body and "<article" not in body


def test_what_is_no_parameter_of_the_page_is_named(filled, api):
    problem(api.get("/regions?limit=1"), 400, "limit")
    problem(api.get("/regions?code=" + "x" * 101), 400, "code")
