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
    browser = look(server)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    browser.open("/")
    ratios = browser.driver.execute_script("""
        const parse = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = (rgb) => rgb.slice(0, 3).map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const back = (e) => { for (; e !== null; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.99) return c; }
            return arguments[0] === "dark" ? [0, 0, 0] : [255, 255, 255]; };
        return [...document.querySelectorAll("h1, h2, h3, p, a, td, th, code, small, .pass")].filter((e) => e.innerText && e.offsetWidth > 0).map((e) => {
            const [a, b] = [light(parse(getComputedStyle(e).color)), light(back(e))];
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.innerText.slice(0, 40)];
        });""", scheme)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert len(ratios) > 20 and min(ratios)[0] >= 4.5, min(ratios)
