"""The start page and problems, as people see them."""

import pytest


def test_the_start_page_says_how_the_server_is_and_what_it_serves(browser, server):
    browser.open("/").see("pass: ready to serve").see("Inbox")
    assert f"curl 'http://{server.address}/orders?limit=1&page=1'" in browser.text()
    assert browser.overflow() == 0


def test_a_page_that_is_not_there_is_said_in_words(browser):
    browser.expected.append("404 (Not Found)")
    browser.open("/nope").see("There is nothing at this path.").click("main a").see("ready to serve")
    assert browser.path == "/" and browser.overflow() == 0


def test_the_health_renews_itself(look, serve, postgres, cluster):
    browser = look(serve(database=postgres))
    browser.open("/").see("pass: ready to serve")
    cluster.stop()
    browser.see("fail: database", seconds=20)
    cluster.start()
    browser.see("pass: ready to serve", seconds=30)


def test_the_first_stop_of_the_keyboard_leads_to_the_content(browser):
    browser.open("/")
    browser.one("body").send_keys("\ue004")     # Tab
    focus = browser.driver.switch_to.active_element
    assert focus.text == "Skip to the content" and focus.location["x"] >= 0
    focus.send_keys("\ue007")       # Enter
    assert browser.driver.current_url.endswith("#main")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(look, server, scheme):
    contrasts = look(server).colours(scheme).open("/").contrasts("h1, h2, h3, p, a, td, th, code, small, .pass")
    assert len(contrasts) > 20 and min(contrasts)[0] >= 4.5, min(contrasts)
