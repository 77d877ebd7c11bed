"""The profiles in a browser: searched, ordered, page by page, whole without another host."""

import pytest

ODD = "<img src=x onerror=alert(1)> שלום 😀"


@pytest.fixture(scope="module", autouse=True)
def profiles(shared):
    _, db = shared
    db.query("DELETE FROM users")
    for number in range(1, 61):
        name = ODD if number == 60 else f"octo-{number}"
        db.query("INSERT INTO users (id, username, avatar_url, type, profile_url) VALUES (?, ?, ?, ?, ?)", number, name,
                 f"https://avatars.githubusercontent.com/u/{number}", ("User", "Organization")[number % 2], f"https://github.com/{number}")


def names(browser):
    return [each.text for each in browser.all(".people a")]


def test_profiles_are_searched_and_paged_through(browser):
    browser.open("/users").see("octo-25")
    assert names(browser) == [f"octo-{number}" for number in range(1, 26)] and browser.overflow() == 0
    browser.click("a[rel=next]").see("octo-26").click("a[rel=next]").see(ODD)
    assert browser.path.startswith("/users/3?") and len(names(browser)) == 10 and not browser.all("a[rel=next]")
    browser.fill("#username", "OCTO-1").click("#order-by option", "type").fill("#pagination", "5").click("button", "Show").see("Page 2")
    assert names(browser) == ["octo-1", "octo-11", "octo-13", "octo-15", "octo-17"]      # organizations
    browser.click("a[rel=next]").see("Page 1")
    assert names(browser) == ["octo-19", "octo-10", "octo-12", "octo-14", "octo-16"]
    assert browser.one("#username").get_attribute("value") == "OCTO-1" and browser.one("#order-by").get_attribute("value") == "type"


def test_initials_are_there_without_any_picture(browser):
    browser.open("/users").see("octo-1")
    first = browser.one(".avatar")
    assert first.text == "O1" and first.size["width"] == first.size["height"] > 30 and not browser.all("img")
