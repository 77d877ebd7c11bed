"""Signing in with a key, as people do it."""

import pytest

from support.keys import KeyFile, bearer, key_of


@pytest.fixture
def guarded(serve, database, folder):
    flags = ("--workers", 2) if database.kind == "postgres" else ()
    return serve(*flags, "--api-keys", KeyFile(folder, ann="orders", reader="orders:read").path, database=database)


def sign_in(browser, name):
    browser.fill("#key", key_of(name)).click("main button", "Sign in")


def test_people_sign_in_work_and_sign_out(look, guarded, width, javascript):
    browser = look(guarded, width, javascript)
    browser.open("/board?before=99").see("API key")
    assert browser.path == "/sign-in?next=%2Fboard%3Fbefore%3D99" and browser.overflow() == 0
    assert browser.one("#key").get_attribute("type") == "password"
    sign_in(browser, "nobody")
    browser.see("This is no key of this server, or one that has expired.")
    assert browser.one("#key").get_attribute("aria-invalid") == "true" and browser.overflow() == 0
    sign_in(browser, "ann")
    browser.see("Place an order")
    assert browser.path == "/board?before=99" and browser.one("header a", "ann") and browser.overflow() == 0
    browser.fill("#place-origin", "1, 2").fill("#place-destination", "3, 4").click("button", "Place")
    browser.see("is now UNASSIGNED")
    browser.click("header a", "ann")
    browser.see("You are signed in as ann.")
    assert browser.overflow() == 0
    browser.click("main button", "Sign out")
    browser.see("API key")
    browser.open("/board")
    assert browser.path == "/sign-in?next=%2Fboard"


def test_what_the_key_may_not_is_said(look, guarded, width):
    browser = look(guarded, width)
    browser.expected.append("403 (Forbidden)")
    browser.open("/board")
    sign_in(browser, "reader")
    browser.see("Place an order").fill("#place-origin", "1, 2").fill("#place-destination", "3, 4").click("button", "Place")
    browser.see("The API key reader lacks the scope orders:write.")
    assert browser.overflow() == 0


def test_the_board_renews_itself_by_the_cookie(look, guarded):
    browser = look(guarded)
    browser.open("/board")
    sign_in(browser, "ann")
    browser.see("0 free, 0 taken")
    guarded.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}, bearer("ann"))
    browser.see("1 free, 0 taken")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(look, guarded, scheme):
    contrasts = look(guarded).colours(scheme).open("/sign-in?wrong=key").contrasts("h1, label, a, button, small")
    assert len(contrasts) > 4 and min(contrasts)[0] >= 4.5, min(contrasts)
