"""The board in a browser: what a dispatcher does, in two windows at once, by keyboard, and what comes by itself."""

import time

import pytest

pytestmark = pytest.mark.plain

ENTER, TAB = "\ue007", "\ue004"
SCRIPT = "<script>document.title = 'taken'</script>"


@pytest.fixture(autouse=True)
def no_orders(db):
    db.query("DELETE FROM orders")


def section(browser, name):
    return browser.one(f"section[aria-labelledby={name}]")


def test_an_order_is_placed_taken_released_and_delivered(browser, server):
    browser.open("/board").see("0 free, 0 taken, 0 delivered.")
    browser.fill("#place-origin", "50.456399, 12.707580").fill("#place-destination", "59.436487, 24.747193").click("button", "Place")
    order = browser.see("is now UNASSIGNED").one("#free + ul a").text.removeprefix("Order ")
    browser.fill("#change-taker", "courier-7").click(f"#take-{order}")
    browser.see(f"Order {order} is now TAKEN, courier-7.").see("0 free, 1 taken, 0 delivered.")
    assert "by courier-7" in section(browser, "taken").text
    browser.click(f"#release-{order}").see("is now UNASSIGNED").see("1 free, 0 taken, 0 delivered.")
    browser.click(f"#take-{order}").see("is now TAKEN").click(f"#deliver-{order}")
    browser.see(f"Order {order} is now DELIVERED, courier-7.").see("0 free, 0 taken, 1 delivered.")
    assert browser.one("#change-taker").get_attribute("value") == "courier-7" and browser.overflow() == 0
    assert server.api.get(f"/orders/{order}").json()["status"] == "DELIVERED"


def test_of_two_who_take_an_order_one_is_told_who_has_it(look, server, width, javascript):
    order = server.api.place()
    ann, bob = (look(server, width, javascript, number).open("/board").fill("#change-taker", name) for number, name in enumerate(("ann", "bob")))
    bob.expected.append("400 (Bad Request)")
    ann.click(f"#take-{order}").see("is now TAKEN, ann.")
    if javascript:          # the event has told it before he could click
        bob.see("by ann")
        assert not bob.all(f"#take-{order}")
    else:
        bob.click(f"#take-{order}").see(f"Order {order}: Order is already taken.")
    assert "by ann" in section(bob, "taken").text and bob.one("#change-taker").get_attribute("value") == "bob"
    bob.click(f"#release-{order}").see("Order is held by ann, who alone may release it.")
    assert server.api.get(f"/orders/{order}").json()["taker"] == "ann"
    ann.click(f"#deliver-{order}").see("is now DELIVERED, ann.")


def test_names_of_any_script_are_text(browser, server):
    orders = {server.api.place(): name for name in (SCRIPT, "שלום (א)", "سائق 7", "María 🚲", "{{id}} & \"co\" 'x'")}
    for order, name in orders.items():
        server.api.take(order, name)
    browser.open("/board").see("0 free, 5 taken, 0 delivered.")
    shown = [each.text for each in browser.all("section[aria-labelledby=taken] bdi")]
    assert shown == list(orders.values())[::-1] and browser.driver.title == "Board – Rowlock" and browser.overflow() == 0
    browser.expected.append("400 (Bad Request)")
    browser.fill("#change-taker", SCRIPT).click(f"#deliver-{max(orders)}").see(f"Order {max(orders)}: Order is held by")
    assert browser.one("#change-taker").get_attribute("value") == SCRIPT and browser.driver.title == "Board – Rowlock"


def test_enter_in_the_name_takes_nothing(browser, server):
    order = server.api.place()
    browser.open("/board").fill("#change-taker", "ann" + ENTER).see("1 free, 0 taken")
    assert server.api.get(f"/orders/{order}").json()["status"] == "UNASSIGNED"


def test_nothing_is_taken_without_a_name(browser, server):
    order = server.api.place()
    browser.open("/board").click(f"#take-{order}").see("1 free, 0 taken")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "change-taker"
    assert server.api.get(f"/orders/{order}").json()["status"] == "UNASSIGNED"


def test_all_of_it_is_done_by_keyboard(browser, server):
    orders = [server.api.place() for _ in range(2)]
    browser.open("/board").fill("#change-taker", "ann")
    reached = []
    for _ in range(6):
        browser.driver.switch_to.active_element.send_keys(TAB)
        reached.append(browser.driver.switch_to.active_element.get_attribute("aria-label"))
        if reached[-1] == f"Take order {orders[0]}":
            break
    assert f"Take order {orders[1]}" in reached
    browser.driver.switch_to.active_element.send_keys(ENTER)
    browser.see(f"Order {orders[0]} is now TAKEN, ann.")


def test_what_others_do_comes_by_itself_and_the_keyboard_stays_where_it_is(look, server, width):
    browser = look(server, width)
    first, second = server.api.place(), server.api.place()
    browser.open("/board").fill("#change-taker", "half a na").see("2 free, 0 taken, 0 delivered.")
    server.api.take(first, "ann")
    browser.see("1 free, 1 taken, 0 delivered.", seconds=15).see("by ann")
    assert browser.one("#change-taker").get_attribute("value") == "half a na"
    browser.driver.execute_script("arguments[0].focus()", browser.one(f"#take-{second}"))
    server.api.turn(first, "DELIVERED", "ann")
    browser.see("1 free, 0 taken, 1 delivered.", seconds=15)
    assert "Order" in section(browser, "delivered").text
    assert browser.driver.switch_to.active_element.get_attribute("id") == f"take-{second}"
    assert "UTC" not in section(browser, "delivered").text       # times are the reader's own


def test_what_others_do_comes_at_once(look, server):
    browser = look(server)
    orders = [server.api.place() for _ in range(4)]
    browser.open("/board").see("4 free, 0 taken")
    started = time.monotonic()
    for taken, order in enumerate(orders, 1):
        server.api.take(order, "ann")
        browser.see(f"{4 - taken} free, {taken} taken", seconds=15)
    assert time.monotonic() - started < 12        # by time alone it takes 15 seconds at least


def test_a_board_that_refused_something_renews_itself_too(look, server):
    browser = look(server)
    order = server.api.place()
    server.api.take(order, "ann")
    browser.expected.append("400 (Bad Request)")
    browser.open("/board").fill("#change-taker", "bob").click(f"#release-{order}").see("who alone may release it.")
    server.api.turn(order, "DELIVERED", "ann")
    browser.see("0 free, 0 taken, 1 delivered.", seconds=15)


def test_the_map_shows_each_order_where_it_is(browser, server):
    server.api.place(("40", "-4"), ("60", "25"))
    browser.open("/board")
    frame = browser.one(".map svg").rect
    south, north = (browser.one(f".map .{end}.free").rect for end in ("origin", "destination"))
    assert browser.one(".map image").rect["width"] > frame["width"]
    for dot in (south, north):
        assert frame["x"] < dot["x"] < frame["x"] + frame["width"] and frame["y"] < dot["y"] < frame["y"] + frame["height"]
    assert south["x"] < north["x"] and south["y"] > north["y"] and frame["width"] > 300 and browser.overflow() == 0
    assert browser.one(".map svg").accessible_name.startswith("Map of the orders")


def test_an_order_has_a_page_and_older_ones_are_behind_the_first(browser, server):
    orders = [server.api.place() for _ in range(61)]
    browser.open("/board?as=ann").click("a[rel=next]").see("1 free, 0 taken")
    assert browser.one("#change-taker").get_attribute("value") == "ann"
    browser.click("li a", f"Order {orders[0]}").see("50.456399, 12.70758").see("1,256 km")
    assert browser.path == f"/board/orders/{orders[0]}" and browser.overflow() == 0
    browser.click("main a", "To the board").see("60 free")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_dark(look, server, scheme):
    browser = look(server)
    for taker in ("ann", None):
        order = server.api.place()
        if taker:
            server.api.take(order, taker)
    contrasts = browser.colours(scheme).open("/board").contrasts("figcaption, figcaption span, .cards a, .cards p, .cards small, .cards button, label")
    assert len(contrasts) > 15 and min(contrasts)[0] >= 4.5, min(contrasts)
