"""What a browser sends on behalf of a page: of this server's own, and of another site."""

import pytest

from support.expect import problem, succeeded
from support.rawhttp import Connection, request_bytes

pytestmark = pytest.mark.quick

ORDER = {"origin": [1, 2], "destination": [3, 4]}
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "cross-site", "Origin": "OWN"}, {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://sibling.test"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "OWN1"}, {"Origin": "OWN/"}, {"Origin": "OWN OWN"}, {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"},
]
OWN = [{}, {"Origin": "OWN"}, {"Origin": "OWN", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"},
       {"Origin": "TLS"}, {"Origin": "TLS", "Sec-Fetch-Site": "same-site"}, {"Referer": "http://evil.example/"}]


def filled(fields, server):
    """The fields with this server's own origin, and its Host."""
    return {"Host": server.address, **{name: value.replace("OWN", f"http://{server.address}").replace("TLS", f"https://{server.address}")
                                       for name, value in fields.items()}}


def count(api):
    return len(api.get("/orders?page=1&limit=1000").json())


@pytest.mark.parametrize("fields", FOREIGN)
def test_a_page_of_another_site_changes_nothing(server, api, fields):
    headers = filled(fields, server)
    order = api.place()
    before = count(api)
    with Connection(server.address) as connection:
        # a page can send these without asking first: no Content-Type, or one of forms
        for body, types in ((ORDER, {}), (ORDER, {"Content-Type": "text/plain"})):
            data = request_bytes("POST", "/orders", body, {**headers, **types})
            if not types:
                data = data.replace(b"Content-Type: application/json\r\n", b"")
            connection.send(data)
            problem(connection.response(), 403, "another site")
        problem(connection.request("PATCH", f"/orders/{order}", {"status": "TAKEN"}, headers), 403)
        problem(connection.request("POST", "/site/1", {"name": "x"}, headers), 403)
        problem(connection.request("DELETE", "/site/1", headers=headers), 403)
        problem(connection.request("POST", "/messages", {"sender": "a", "recipient": "b", "text": "c"}, headers), 403)
        # it may read (and the browser keeps the answer from it), and ask
        assert connection.request("GET", f"/orders/{order}", headers=headers).json()["status"] == "UNASSIGNED"
        assert connection.request("HEAD", f"/orders/{order}", headers=headers).status == 200
        assert connection.request("OPTIONS", "*", headers=headers).status == 204
    assert count(api) == before
    problem(api.get("/site/1"), 404)


@pytest.mark.parametrize("fields", OWN)
def test_own_pages_and_clients_that_are_no_browsers_change_what_they_like(server, api, fields):
    headers = filled(fields, server)
    assert api.post("/orders", ORDER, headers).status == 200
    succeeded(api.patch(f"/orders/{api.place()}", {"status": "TAKEN"}, headers))


def test_an_origin_is_compared_with_the_authority_of_an_absolute_target(server):
    with Connection(server.address) as connection:
        assert connection.request("POST", "http://shop.test/orders", ORDER, {"Host": "other.test", "Origin": "http://shop.test"}).status == 200
        problem(connection.request("POST", "http://shop.test/orders", ORDER, {"Host": "other.test", "Origin": "http://other.test"}), 403)


@pytest.mark.parametrize("name", ["Origin", "Sec-Fetch-Site"])
def test_two_of_them_are_one_too_many(api, name):
    problem(api.post("/orders", ORDER, [("Host", "a"), (name, "http://a"), (name, "http://a")]), 400, name)


def test_an_unknown_path_or_method_is_told_first(api):
    headers = {"Origin": "http://evil.example"}
    problem(api.post("/nope", {}, headers), 404)
    problem(api.call("DELETE", "/orders", headers=headers), 405)


@pytest.mark.parametrize("data, status", [
    (request_bytes("GET", "/health"), 200), (request_bytes("GET", "/healthcheck"), 200), (request_bytes("GET", "/nope"), 404), (request_bytes("HEAD", "/health"), 200),
    (request_bytes("OPTIONS", "*"), 204), (request_bytes("GET", "/orders"), 400), (request_bytes("PUT", "/orders"), 405), (request_bytes("POST", "/orders", "{"), 400),
    (request_bytes("POST", "/orders", ORDER), 200), (request_bytes("GET", "/api/users/profiles"), 200), (request_bytes("GET", "/messages?recipient=a&days=3"), 200),
    (request_bytes("GET", "/messages?recipient=a&days=3", version="HTTP/1.0"), 200), (b"BAD\r\n\r\n", 400), (b"GET / HTTP/3.0\r\n\r\n", 505),
    (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501), (b"GET /" + b"x" * 9000, 414), (b"GET / HTTP/1.1\r\nX: " + b"x" * 17000, 431),
    (b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n", 413), (request_bytes("GET", "/health", headers={"Expect": "x"}), 417),
    (request_bytes("POST", "/orders", ORDER, {"Origin": "null"}), 403), (request_bytes("POST", "/orders", "x", {"Content-Type": "a/b"}), 415),
])
def test_no_browser_guesses_a_type(server, data, status):
    with Connection(server.address) as connection:
        connection.send(data)
        answer = connection.response("HEAD" if data.startswith(b"HEAD") else "GET")
        assert answer.status == status and answer.header("X-Content-Type-Options") == "nosniff", answer
    etag = answer.header("ETag")
    if etag is not None and data.startswith(b"GET"):
        answer = server.api.get(data.split()[1].decode(), headers={"If-None-Match": etag})
        assert answer.status == 304 and answer.header("X-Content-Type-Options") == "nosniff", answer
