"""A page of another origin in a browser: what --cors-origins lets its script do, and what stays out of its reach."""

import json

import pytest

from support.database import SqliteDatabase

pytestmark = pytest.mark.plain

# Sends requests one after the other and gives what the script could see of each: [status, ETag, body], or the error.
SCRIPT = """
const [base, requests] = arguments, done = arguments[arguments.length - 1], seen = [];
(async () => {
    for (const [method, path, body, fields] of requests) {
        try {
            const answer = await fetch(base + path, {method, headers: fields, body: body === null ? undefined : JSON.stringify(body)});
            seen.push([answer.status, answer.headers.get("ETag"), await answer.text()]);
        } catch (error) {
            seen.push(error.name);
        }
    }
    done(seen);
})();
"""
LISTEN = """
const [base, order] = arguments, done = arguments[arguments.length - 1];
const source = new EventSource(base + "/orders/events?taker=ann");
source.addEventListener("taken", event => { source.close(); done(JSON.parse(event.data)); });
source.onerror = () => { source.close(); done("error"); };
source.onopen = () => fetch(base + "/orders/" + order,
    {method: "PATCH", headers: {"Content-Type": "application/json"}, body: JSON.stringify({status: "TAKEN", taker: "ann"})});
"""
JSON = {"Content-Type": "application/json"}
PLACE = ["POST", "/orders", {"origin": [1, 2], "destination": [3, 4]}, JSON]


@pytest.fixture
def page(drivers, serve, folder):
    """A page of an origin of its own: page(path) opens it there; `origin` is its name."""
    class Page:
        def __init__(self):
            site = serve("--listen", "127.0.0.1:0", database=SqliteDatabase(folder))
            self.driver, self.origin = drivers.get(1280, True, 0), f"http://{site.address}"
            self.driver.set_script_timeout(20)
            self.driver.get(self.origin + "/health")        # a page without a policy of its own

        def send(self, server, *requests):
            return self.driver.execute_async_script(SCRIPT, f"http://{server.address}", requests)

        def listen(self, server, order):
            return self.driver.execute_async_script(LISTEN, f"http://{server.address}", order)

    return Page()


def test_a_page_that_is_named_uses_the_api(page, serve, postgres):
    server = serve("--cors-origins", page.origin, database=postgres)
    placed, = page.send(server, PLACE)
    assert placed[0] == 200, placed
    order = json.loads(placed[2])["id"]
    (status, tag, body), = page.send(server, ["GET", f"/orders/{order}", None, {}])
    assert status == 200 and tag and json.loads(body)["id"] == order
    answers = page.send(server, ["PATCH", f"/orders/{order}", {"status": "TAKEN"}, {**JSON, "If-Match": tag, "X-Request-Id": "mine"}],
                        ["PATCH", f"/orders/{order}", {"status": "TAKEN"}, {**JSON, "If-Match": tag}], ["GET", f"/orders/{order}", None, {"If-None-Match": tag}],
                        ["POST", "/messages", {"sender": "ann", "recipient": "bob", "text": "x"}, {**JSON, "Idempotency-Key": "one"}], ["DELETE", "/messages/999", None, {}])
    assert [answer[0] for answer in answers] == [200, 412, 200, 201, 404], answers
    next_one = json.loads(page.send(server, PLACE)[0][2])["id"]
    assert page.listen(server, next_one)["id"] == next_one


@pytest.mark.parametrize("origins", [(), ("--cors-origins", "http://app.example")], ids=["off", "another"])
def test_a_page_that_is_not_named_reads_and_changes_nothing(page, serve, postgres, origins):
    server = serve(*origins, database=postgres)
    order = server.api.place()
    answers = page.send(server, ["GET", "/orders?page=1&limit=5", None, {}], PLACE, ["POST", "/orders", PLACE[2], {"Content-Type": "text/plain"}],
                        ["PATCH", f"/orders/{order}", {"status": "TAKEN"}, JSON])
    assert answers == ["TypeError"] * 4
    assert page.listen(server, order) == "error"
    assert postgres.query("SELECT id, status FROM orders") == [(order, "UNASSIGNED")]
