"""Swagger UI at /docs: read, and tried out."""

import json

from support.wait import until


def operation(browser, name):
    """Opens an operation and begins to try it out."""
    browser.click(f"[id$='{name}'] .opblock-summary-control")
    browser.click(f"[id$='{name}'] .try-out__btn", "Try it out")


def execute(browser, name):
    """(status, document) of the live answer."""
    browser.click(f"[id$='{name}'] .execute", "Execute")
    row = f"[id$='{name}'] .live-responses-table .response"
    status = browser.one(row + " .response-col_status").text.split()[0]
    shown = until(lambda: browser.one(row + " .response-col_description .microlight code").text)
    return int(status), json.loads(shown)


def test_an_order_is_placed_and_taken_by_trying_it_out(look, server, width):
    browser = look(server, width)
    browser.open("/docs").see("Place an order", seconds=20)
    ids = {each["operationId"]: (method, path) for path, item in server.api.get("/openapi.json").json()["paths"].items() for method, each in item.items()}
    place = next(name for name, at in ids.items() if at == ("post", "/orders"))
    take = next(name for name, at in ids.items() if at == ("patch", "/orders/{id}"))
    operation(browser, place)
    status, order = execute(browser, place)
    assert status == 200 and order["status"] == "UNASSIGNED" and order["distance"] > 1000000 and server.api.get(f"/orders/{order['id']}").status == 200
    operation(browser, take)
    browser.fill(f"[id$='{take}'] tr[data-param-name='id'] input", str(order["id"]))
    assert execute(browser, take) == (200, {"status": "SUCCESS"})
    assert server.api.get(f"/orders/{order['id']}").json()["status"] == "TAKEN"


def test_without_a_script_it_says_so_and_leads_to_the_document(look, server, width):
    browser = look(server, width, javascript=False)
    browser.open("/docs").see("takes JavaScript")
    browser.click("main a", "/openapi.json")
    assert browser.path == "/openapi.json" and '"openapi"' in browser.text()
