"""The page /board: orders as a dispatcher sees them, and what he does with them."""

import html
import re

import pytest

from integration import test_pages as pages
from support.expect import problem

pytestmark = pytest.mark.quick

HERE, THERE = ("50.456399", "12.707580"), ("59.436487", "24.747193")


@pytest.fixture(autouse=True)
def no_orders(db):
    db.query("DELETE FROM orders")


def board(api, query=""):
    answer = api.get("/board" + query, pages.BROWSER)
    assert answer.status == 200, answer
    return answer.body.decode()


def listed(page):
    """The numbers of the orders in each section, as they stand there."""
    sections = {name: re.search(rf'<section aria-labelledby="{name}">(.*?)</section>', page, re.S)[1] for name in ("free", "taken", "delivered")}
    return {name: [int(order) for order in re.findall(r">Order (\d+)<", text)] for name, text in sections.items()}


def change(api, order, status, taker, query=""):
    return pages.send(api, f"/board/orders/{order}{query}", {"status": status} | ({"taker": taker} if taker is not None else {}))


def test_orders_are_sorted_by_what_they_are_newest_first(api):
    orders = [api.place() for _ in range(5)]
    assert listed(board(api)) == {"free": orders[::-1], "taken": [], "delivered": []}
    for order in orders[:3]:
        api.take(order, "ann")
    api.turn(orders[0], "DELIVERED", "ann")
    page = board(api)
    assert listed(page) == {"free": orders[:2:-1], "taken": orders[2:0:-1], "delivered": orders[:1]}
    assert "2 free, 2 taken, 1 delivered." in page
    since = api.get(f"/orders/{orders[1]}").json()["updated_at"]
    assert re.search(rf'by <bdi>ann</bdi>, <small>since <time datetime="{re.escape(since)}">{since[:10]} {since[11:16]} UTC<', page)


def test_older_orders_are_on_the_next_page(api):
    orders = [api.place() for _ in range(61)]
    first = board(api, "?as=ann%26co")
    older = html.unescape(re.search(r'<a rel="next" href="([^"]+)"', first)[1])
    assert older == f"/board?as=ann%26co&before={orders[1]}" and listed(first)["free"] == orders[:0:-1]
    second = board(api, older.removeprefix("/board"))
    assert listed(second)["free"] == orders[:1] and 'rel="next"' not in second and 'value="ann&amp;co"' in second


def test_a_courier_takes_releases_and_delivers(api):
    order = api.place()
    assert f'id="take-{order}"' in board(api)
    for status, after in (("TAKEN", "TAKEN"), ("UNASSIGNED", "UNASSIGNED"), ("TAKEN", "TAKEN"), ("DELIVERED", "DELIVERED")):
        answer = change(api, order, status, "Zoë & co")
        assert answer.status == 303 and answer.header("Location") == f"/board?as=Zo%C3%AB%20%26%20co&changed={order}", answer
        assert api.get(f"/orders/{order}").json()["status"] == after
        page = board(api, answer.header("Location").removeprefix("/board"))
        assert f"is now {after}" in page and 'name="taker" value="Zoë &amp; co"' in page
    assert f'id="take-{order}"' not in page and f'id="release-{order}"' not in page


def test_an_order_that_was_taken_without_a_name_is_delivered_without_one(api):
    order = api.place()
    api.take(order)
    page = board(api)
    assert "without a name" in page and f'<form method="post" action="/board/orders/{order}' in page
    assert change(api, order, "DELIVERED", None).header("Location") == f"/board?changed={order}"
    assert listed(board(api))["delivered"] == [order]


@pytest.mark.parametrize("status, taker, words", [
    ("TAKEN", "bob", "Order is already taken."), ("UNASSIGNED", "bob", "Order is held by ann, who alone may release it."),
    ("DELIVERED", "bob", "Order is held by ann, who alone may deliver it."), ("TAKEN", "x" * 201, "taker must be text of 1 to 200 characters."),
    ("LOST", "ann", "status must be"),
])
def test_what_is_refused_is_said_and_the_name_is_kept(api, status, taker, words):
    order = api.place()
    api.take(order, "ann")
    answer = change(api, order, status, taker)
    assert answer.status == 400 and words in pages.text_of(answer), answer
    assert f'name="taker" value="{taker}"' in answer.body.decode() and listed(answer.body.decode())["taken"] == [order]
    assert api.get(f"/orders/{order}").json()["taker"] == "ann"


def test_an_order_that_is_gone_is_refused(api):
    answer = change(api, 99999, "TAKEN", "bob")
    assert answer.status == 400 and "Order 99999: Order does not exist." in pages.text_of(answer)


def test_an_order_is_placed_and_stands_on_the_board(api):
    answer = pages.send(api, "/board?as=ann", {"origin": "50.456399 ,\t12.707580", "destination": "  -33.9173,151.2313 "})
    order = int(re.fullmatch(r"/board\?as=ann&changed=(\d+)", answer.header("Location"))[1])
    assert answer.status == 303 and api.get(f"/orders/{order}").json()["destination"] == [-33.9173, 151.2313]
    assert listed(board(api))["free"] == [order]


def test_an_order_that_is_wrong_keeps_what_was_typed(api):
    answer = pages.send(api, "/board?as=ann", {"origin": "95, <b>", "destination": ""})
    page = answer.body.decode()
    assert answer.status == 400 and 'value="95, &lt;b&gt;"' in page and 'name="taker" value="ann"' in page
    assert "destination is missing." in page and "origin must be a latitude" in html.unescape(page)
    assert listed(page)["free"] == []


def numbers(text):
    return [float(number) for number in text.split()]


def ways(page):
    """The lines of the map, each [longitude, latitude, longitude, latitude]; two of them in one path are one order's."""
    return [[numbers(line.replace("L", " ")) for line in path.split("M")[1:]] for path in re.findall(r'class="way free" d="([^"]+)"', page)]


@pytest.mark.parametrize("points", [[(HERE, THERE)], [(("1", "2"), ("1", "2"))], [(("-90", "-90"), ("90", "90"))], [(("89", "0"), ("89.5", "1"))],
                                    [(("-90", "-180"), ("0", "0")), (("0", "0"), ("90", "180"))], []])
def test_the_map_has_all_points_in_it(api, points):
    for origin, destination in points:
        api.place(origin, destination)
    page = board(api)
    x, y, width, height = numbers(re.search(r'viewBox="([^"]+)"', page)[1])
    narrowing = float(re.search(r'<g transform="scale\(([\d.]+) -1\)">', page)[1])
    assert ways(page) == [[[float(o[1]), float(o[0]), float(d[1]), float(d[0])]] for o, d in points[::-1]]
    for [line] in ways(page):
        for longitude, latitude in (line[:2], line[2:]):
            assert x < longitude * narrowing < x + width and y < -latitude < y + height
    assert width == pytest.approx(2 * height, rel=1e-3) and height >= 6 and 0.1 <= narrowing <= 1


@pytest.mark.parametrize("origin, destination, lines", [
    (("-18", "178"), ("-14", "-172"), [[178, -18, 180, -17.2], [-180, -17.2, -172, -14]]),      # from Fiji to Samoa
    (("-14", "-172"), ("-18", "178"), [[-172, -14, -180, -17.2], [180, -17.2, 178, -18]]),
    (("10", "180"), ("20", "-170"), [[180, 10, 180, 10], [-180, 10, -170, 20]]),
    (("10", "180"), ("20", "-180"), [[180, 10, 180, 10], [-180, 10, -180, 20]]),
    (("10", "-100"), ("20", "80"), [[-100, 10, 80, 20]]),                                     # half round either way
])
def test_a_way_over_the_180th_meridian_is_not_drawn_the_other_way_round(api, origin, destination, lines):
    api.place(origin, destination)
    assert ways(board(api)) == [[pytest.approx(line, abs=1e-5) for line in lines]]


def test_a_name_is_text(api):
    order = api.place()
    api.take(order, '<script>alert(1)</script>"\' שלום 🚲')
    page = board(api)
    assert "by <bdi>&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39; שלום 🚲</bdi>" in page and "<script>alert" not in page
    whole = api.get(f"/board/orders/{order}", pages.BROWSER)
    assert "<bdi>&lt;script&gt;" in whole.body.decode() and f"<h1>Order {order}</h1>" in whole.body.decode()


def test_an_order_has_a_page_of_its_own(api):
    order = api.place()
    text = pages.text_of(api.get(f"/board/orders/{order}", pages.BROWSER))
    assert "50.456399, 12.70758" in text and "UNASSIGNED" in text and "1,256 km" in text
    gone = api.get("/board/orders/99999", pages.BROWSER)
    assert gone.status == 404 and "Order does not exist." in pages.text_of(gone)


def test_the_history_of_an_order_stands_on_its_page(api):
    order = api.place()
    api.take(order, "<i>ann")
    api.turn(order, "UNASSIGNED", "<i>ann")
    api.take(order, "bob")
    api.turn(order, "DELIVERED", "bob")
    page = api.get(f"/board/orders/{order}", pages.BROWSER).body.decode()
    lines = re.findall(r"<li><time[^>]*>[^<]*</time>: (.*?)</li>", page)
    assert lines == ["delivered, <bdi>bob</bdi>", "taken, <bdi>bob</bdi>", "released, <bdi>&lt;i&gt;ann</bdi>", "taken, <bdi>&lt;i&gt;ann</bdi>", "placed"]


def test_what_the_board_reads_is_not_of_the_api(api, serve):
    order = api.place()
    found = api.get("/board/orders").json()
    assert found["free"] == [api.get(f"/orders/{order}").json()] and found["free_count"] == 1 and "before" not in found
    assert "/board/orders" not in api.get("/openapi.json").json()["paths"]
    alone = serve("--no-pages").api
    for target in ("/board", "/board/orders", f"/board/orders/{order}"):
        problem(alone.get(target), 404)
