"""Health regions in a browser: by a postal code, in both languages."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def region(shared):
    _, db = shared
    db.clear("fsa", "health_region", "province", "region")
    db.query("INSERT INTO region (id, name_en, name_fr) VALUES (3, 'Ontario', 'Ontario')")
    db.query("INSERT INTO province (id, geo_code, alpha_code, name_en, name_fr, fk_region_id) VALUES (35, 35, 'ON', 'Ontario', 'Ontario', 3)")
    db.query("INSERT INTO health_region (id, hr_uid, name_en, name_fr, pop, website_en, website_fr, fk_province_id) VALUES (51, 3551, 'City of Ottawa', "
             "'Circonscription d''Ottawa <b>', 1054656, 'https://ottawa.example/en', 'https://ottawa.example/fr', 35)")
    db.query("INSERT INTO fsa (id, code, eng_name, fre_name, estimated_pop, fk_healthregion_id, fk_province_id) VALUES (1, 'K1A', 'x', 'x', NULL, 51, 35)")


def test_a_postal_code_has_its_region_in_english_and_french(browser):
    browser.open("/regions").fill("#code", "k1a 0b1").click("button", "Show").see("City of Ottawa").see("1,054,656")
    french = browser.one("dl[lang=fr]").text
    assert "Circonscription d'Ottawa <b>" in french and "1\u202f054\u202f656" in french and "https://ottawa.example/fr" in french
    assert browser.overflow() == 0 and browser.path == "/regions?code=k1a+0b1"


def test_what_is_no_code_is_said_and_stays(browser):
    browser.open("/regions").fill("#code", "<b>9").click("button", "Show").see("code must be a forward sortation area")
    wrong = browser.one("#code")
    assert wrong.get_attribute("value") == "<b>9" and wrong.get_attribute("aria-invalid") == "true"
    browser.fill("#code", "A0B").click("button", "Show").see("No health region has this forward sortation area.")
