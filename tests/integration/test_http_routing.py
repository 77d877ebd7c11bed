"""Which path and method leads where, and what every answer carries."""

import re

import pytest

from support.expect import problem, succeeded
from support.rawhttp import Connection

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("target", ["/nope", "/orders/1/nope", "/ordersx", "/Orders?page=1&limit=1", "/orders/1/2/3", "/order", "/.env",
                                    "/orders%2F1", "/health/x", "/%6Fops"])
def test_an_unknown_path_is_404(api, target):
    problem(api.get(target), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_unknown_path_is_404_for_every_method(api, method):
    problem(api.call(method, "/nope", {}), 404)


@pytest.mark.parametrize("method, target, allowed", [
    ("DELETE", "/orders", {"GET", "HEAD", "POST"}), ("PUT", "/orders", {"GET", "HEAD", "POST"}), ("PATCH", "/orders", {"GET", "HEAD", "POST"}),
    ("POST", "/orders/1", {"GET", "HEAD", "PATCH"}), ("DELETE", "/orders/1", {"GET", "HEAD", "PATCH"}),
    ("PUT", "/orders/1/", {"GET", "HEAD", "PATCH"}), ("POST", "/health", {"GET", "HEAD"}), ("POST", "/healthcheck", {"GET", "HEAD"}),
    ("TRACE", "/health", {"GET", "HEAD"}),
])
def test_a_method_that_a_path_does_not_have_is_405_with_allow(api, method, target, allowed):
    answer = api.call(method, target)
    problem(answer, 405)
    assert {word.strip() for word in answer.header("Allow").split(",")} - {"OPTIONS"} == allowed


def test_a_method_nobody_knows_is_refused(api):
    for method in ("BREW", "get", "PROPFIND", "X" * 100):
        problem(api.call(method, "/health"), 501)


@pytest.mark.parametrize("target", ["*", "http://test", "HTTP://test:80"])
def test_options_of_the_whole_server_says_what_it_has(server, target):
    with Connection(server.address) as connection:
        for body in (None, {}):
            answer = connection.request("OPTIONS", target, body)
            assert answer.status == 204 and answer.header("Content-Length") is None and not answer.closes
            assert {word.strip() for word in answer.header("Allow").split(",")} == {"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"}
        assert connection.request("GET", "/health").status == 200


def test_options_of_a_path_is_refused_with_what_the_path_has(api):
    answer = api.call("OPTIONS", "/orders")
    problem(answer, 405)
    assert {word.strip() for word in answer.header("Allow").split(",")} == {"GET", "HEAD", "POST"}


def test_options_of_what_is_not_there_is_404(api):
    problem(api.call("OPTIONS", "/nope"), 404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE", "TRACE", "CONNECT"])
def test_the_whole_server_has_options_alone(api, method):
    with Connection(api.address) as connection:
        connection.send(f"{method} * HTTP/1.1\r\nHost: test\r\n\r\n")
        answer = connection.response()
        problem(answer, 400, "*")
        assert connection.ended()


@pytest.mark.parametrize("target", ["/orders/?page=1&limit=2", "/health/", "/healthcheck/"])
def test_a_path_works_with_a_trailing_slash_too(api, target):
    with_slash, without = api.get(target), api.get(target.replace("/?", "?").rstrip("/"))
    assert with_slash.status == without.status == 200
    assert with_slash.content_type == without.content_type


def test_orders_are_read_and_taken_with_a_trailing_slash_too(api):
    order = api.place()
    assert api.get(f"/orders/{order}/").json()["id"] == order
    succeeded(api.patch(f"/orders/{order}/", {"status": "TAKEN"}))
    assert api.post("/orders/", {"origin": [1, 2], "destination": [3, 4]}).status == 200


def test_an_escaped_path_is_the_same_path(api):
    order = api.place()
    assert api.get(f"/%6Frders/{order}").json()["id"] == order
    assert api.get("/orders/" + "".join(f"%{ord(digit):02x}" for digit in str(order))).json()["id"] == order


@pytest.mark.parametrize("target", ["/orders/%00", "/health%00", "/health%00.html", "/%zz", "/%", "/%4", "/orders/%ff", "/%c0%af", "/%ed%a0%80",
                                    "/health?%00", "/orders?page=%c3&limit=1"])
def test_bad_escapes_nul_and_bad_utf8_in_a_target_are_400(api, target):
    problem(api.get(target), 400)


@pytest.mark.parametrize("target", ["/../health", "/./health", "/orders/../health", "/orders/%2e%2e/health", "/health/..", "/health/.",
                                    "/orders/../../etc/passwd"])
def test_dot_segments_are_not_resolved(api, target):
    problem(api.get(target), (400, 404))


@pytest.mark.parametrize("target", ["//health", "//test/health", "//x", "//admin/health", "///health", "/orders//1", "//"])
def test_double_slashes_are_not_an_authority_nor_ignored(api, target):
    problem(api.get(target), 404)


@pytest.mark.parametrize("target", ["http://test/health", "HTTP://test:8080/health", "http://other.example/health"])
def test_the_absolute_form_means_the_same_path(api, target):
    answer = api.get(target)
    assert answer.status == 200 and answer.body == b"UP\n"


@pytest.mark.parametrize("target", ["http://test/nope", "http:///health", "http://", "ftp://test/health", "http://user@test/nope"])
def test_the_absolute_form_leads_nowhere_else(api, target):
    assert api.get(target).status in (400, 404)


def test_the_absolute_form_of_a_host_alone_is_the_root(api):
    assert api.get("http://health").body == api.get("/").body


@pytest.mark.parametrize("target", ["*", "health", "?page=1", "#x", "test:80", "orders/1"])
def test_a_target_that_does_not_begin_with_a_slash_is_refused(api, target):
    problem(api.get(target), (400, 404, 405))


# ---- HEAD ----

HEADS = ["/health", "/healthcheck", "/orders?page=1&limit=3", "/orders?limit=1&before=9223372036854775807", "/orders/999999999", "/orders/abc",
         "/orders", "/nope"]


@pytest.mark.parametrize("target", HEADS)
def test_head_has_the_headers_of_get_and_no_body(api, server, target):
    api.place()
    with Connection(server.address) as connection:
        whole = connection.request("GET", target)
        head = connection.request("HEAD", target)
        again = connection.request("GET", "/health")     # anything left over of HEAD would garble this
    assert head.status == whole.status
    varying = ("date", "x-request-id")

    def fixed(answer):
        return sorted((name.lower(), value) for name, value in answer.headers if name.lower() not in varying)

    expected, found = fixed(whole), fixed(head)
    if target == "/healthcheck":      # its document holds a time
        expected = [pair for pair in expected if pair[0] != "content-length"]
        found = [pair for pair in found if pair[0] != "content-length"]
    assert found == expected
    assert head.header("Content-Length") is not None
    assert again.body == b"UP\n"


def test_head_of_one_order(api, server):
    order = api.place()
    with Connection(server.address) as connection:
        whole, head = connection.request("GET", f"/orders/{order}"), connection.request("HEAD", f"/orders/{order}")
        assert head.status == 200 and head.header("Content-Length") == str(len(whole.body)) == whole.header("Content-Length")
        assert connection.request("GET", "/health").status == 200


# ---- what every answer carries ----

EVERYWHERE = [("GET", "/health"), ("GET", "/healthcheck"), ("GET", "/orders?page=1&limit=1"), ("GET", "/orders/999999999"), ("GET", "/nope"),
              ("DELETE", "/orders"), ("POST", "/orders"), ("GET", "/%zz"), ("GET", "bad target"), ("BREW", "/health")]


@pytest.mark.parametrize("method, target", EVERYWHERE)
def test_every_answer_carries_one_request_id_a_date_and_a_length(api, method, target):
    answer = api.call(method, target)
    assert answer.header("X-Request-Id")
    assert re.fullmatch(r"[A-Za-z]{3}, \d\d [A-Za-z]{3} \d{4} \d\d:\d\d:\d\d GMT", answer.header("Date"))
    assert answer.header("Content-Length") == str(len(answer.body))
    assert answer.header("Content-Type")


@pytest.mark.parametrize("name", ["abc", "A-Z_09.~", "7f1c2d", "x" * 64])
def test_a_sane_request_id_of_the_caller_comes_back(api, name):
    for target in ("/health", "/nope", "/orders/999999999", "/orders"):
        assert api.get(target, headers={"X-Request-Id": name}).header("X-Request-Id") == name
    assert api.get("/health", headers={"x-request-id": name}).header("X-Request-Id") == name


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "x" * 5000, "<script>", 'a"b', "a\tb", "é", "a,b", "{}", "a;b", "%0d%0aX: y"])
def test_an_unreasonable_request_id_is_replaced(api, name):
    answer = api.get("/health", headers={"X-Request-Id": name})
    assert answer.status == 200, answer
    assert re.fullmatch(r"[A-Za-z0-9._~-]{1,64}", answer.header("X-Request-Id"))
    assert answer.header("X-Request-Id") != name


def test_fresh_request_ids_differ(server):
    with Connection(server.address) as connection:
        assert len({connection.request("GET", "/health").header("X-Request-Id") for _ in range(100)}) == 100


def test_problem_documents_say_what_happened(api):
    for answer, status in ((api.get("/nope"), 404), (api.call("DELETE", "/orders"), 405), (api.get("/orders"), 400)):
        document = problem(answer, status)
        assert len(document["title"]) < 80
