"""Labs in a browser: a site with what stands in it, by forms; and two people who change the same record."""

import secrets

import pytest

SCRIPT = "<script>document.title = 'taken'</script>"
FIELDS = ("name", "contact", "address", "state_or_region", "country", "postcode_or_zip")


@pytest.fixture
def site(api):
    """Its number; script in every text."""
    number = secrets.randbelow(10**9) + 1
    assert api.post(f"/site/{number}", {field: f"{SCRIPT} {field} 😀 שלום" for field in FIELDS}).status == 200
    return number


def test_a_site_gets_a_freezer_and_that_a_container(browser, site):
    browser.open(f"/labs/site/{site}").click("summary", "Add a freezer")
    browser.fill("#add_freezer-id", str(site)).fill("#add_freezer-name", SCRIPT).click("form[action='/labs/freezers'] button").see("Freezer " + SCRIPT)
    assert browser.path == f"/labs/freezer/{site}" and browser.overflow() == 0
    uuid = f"6ba7b810-9dad-11d1-80b4-{site:012x}"
    browser.click("summary", "Add a container").fill("#add_container-id", str(site)).fill("#add_container-uuid", uuid.upper())
    browser.fill("#add_container-description", SCRIPT).click("form[action='/labs/containers'] button").see("Container " + uuid)
    browser.click("dd a", str(site)).see(uuid).click("dd a", str(site)).see("The last changes")
    assert browser.path == f"/labs/site/{site}" and browser.driver.title == f"Site {site} – Rowlock"


def test_script_in_every_text_stays_text(browser, site):
    browser.open(f"/labs/site/{site}")
    for field in FIELDS:
        browser.see(f"{SCRIPT} {field} 😀 שלום")
        assert browser.one(f"#change-{field}").get_attribute("value") == f"{SCRIPT} {field} 😀 שלום"
    assert browser.driver.title == f"Site {site} – Rowlock" and browser.overflow() == 0


def test_a_site_is_changed_and_deleted_and_its_history_stays(browser, api, site):
    browser.open(f"/labs/site/{site}").fill("#change-name", "North").fill("#change-contact", "").click("form[action$=change] button").see("Site North")
    assert api.get(f"/site/{site}").json()["contact"] is None
    browser.see("update").click("summary", "Delete it").click("form[action$=delete] button").see(f"Changes of site {site}")
    assert [each.text for each in browser.all(".changes strong")] == ["delete", "update", "insert"]
    assert api.get(f"/site/{site}").status == 404


def test_who_comes_second_loses_nothing_of_the_first(look, server, api, site):
    ann, bob = look(server, number=0), look(server, width=360, number=1)
    bob.expected.append("412 (Precondition Failed)")
    for person in (ann, bob):
        person.open(f"/labs/site/{site}")
    ann.fill("#change-name", "Ann's").click("form[action$=change] button").see("Site Ann's")
    bob.fill("#change-name", "Bob's").click("form[action$=change] button").see("Somebody else has changed the record").see("Site Ann's")
    assert bob.one("#change-name").get_attribute("value") == "Bob's" and api.get(f"/site/{site}").json()["name"] == "Ann's"
    bob.click("form[action$=change] button").see("Site Bob's")
    assert api.get(f"/site/{site}").json()["name"] == "Bob's"
