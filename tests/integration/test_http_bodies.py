"""Bodies: their type, their coding, JSON to the letter."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.expect import problem, succeeded
from support.rawhttp import Connection

pytestmark = pytest.mark.quick

GOOD = '{"origin":[1,2],"destination":[3,4]}'


def post(api, body, headers=()):
    return api.call("POST", "/orders", body, headers)


# ---- type ----

@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8",
                                        'application/json; charset="utf-8"', "APPLICATION/JSON", "application/json ; charset=utf-8",
                                        "application/json;"])
def test_json_is_accepted_with_and_without_charset(api, media_type):
    assert post(api, GOOD, {"Content-Type": media_type}).status == 200


def test_a_missing_type_is_taken_as_json(server):
    with Connection(server.address) as connection:
        connection.send(f"POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: {len(GOOD)}\r\n\r\n{GOOD}")
        assert connection.response().status == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx",
                                        "application/xml", "json", "text/json", "application/json-patch+json", "x-application/json",
                                        "application/json, text/plain"])
def test_another_type_is_415(api, media_type):
    problem(post(api, GOOD, {"Content-Type": media_type}), 415)
    problem(api.call("PATCH", "/orders/1", '{"status":"TAKEN"}', {"Content-Type": media_type}), 415)


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "x"])
def test_a_compressed_body_is_415(api, coding):
    problem(post(api, GOOD, {"Content-Encoding": coding}), 415, "Content-Encoding")
    assert post(api, GOOD, {"Content-Encoding": "identity"}).status == 200


# ---- the names of members ----

@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\xc3", b"\\u0000", b"\\ud800"])
def test_a_name_that_is_no_text_is_not_taken_for_the_member_before(api, name):
    message = problem(post(api, b'{"origin":[1,2],"destination":[3,4],"' + name + b'":1}'), 400)["error"]
    assert "destination" not in message and "origin" not in message, message


def test_a_member_without_a_name_is_said_to_have_none(api):
    problem(post(api, '{"":1}'), 400, "no name")
    problem(api.get("/orders?page=1&limit=1&=3"), 400, "no name")


# ---- what is no JSON object ----

@pytest.mark.parametrize("body", ["", " ", "null", "true", "1", '"x"', "[]", "[{}]", "{", "}", "{}}", GOOD + "x", GOOD + GOOD, GOOD + ",",
                                  GOOD[:-1], GOOD.replace('"', "'"), GOOD.replace(":", "="), "\ufeff" + GOOD, "{,}", '{"origin":[1,2,],"destination":[3,4]}',
                                  '{"origin":[1,2],"destination":[3,4],}', "// x\n" + GOOD, "origin=1", "\x00", GOOD + "\x00", "{\x00}", "undefined",
                                  '{"origin":[1,2]"destination":[3,4]}', '{origin:[1,2],"destination":[3,4]}', '{"a\nb":1}'])
def test_a_body_that_is_not_one_json_object_is_400(api, body):
    problem(post(api, body), 400)


def test_whitespace_around_the_object_is_no_matter(api):
    assert post(api, " \r\n\t" + GOOD + "\n \t\r").status == 200


def test_a_post_without_any_body_is_400(api):
    problem(api.call("POST", "/orders"), 400)
    problem(api.call("PATCH", "/orders/1"), 400)


# ---- members ----

def test_duplicate_members_are_refused_by_name(api, db):
    order = api.place()
    problem(api.patch(f"/orders/{order}", '{"status":"TAKEN","status":"TAKEN"}'), 400, "status")
    problem(api.patch(f"/orders/{order}", '{"status":"TAKEN","taker":"a","taker":"b"}'), 400, "taker")
    problem(api.patch(f"/orders/{order}", '{"status":"TAKEN","st\\u0061tus":"TAKEN"}'), 400, "status")
    problem(post(api, '{"origin":[1,2],"origin":[1,2],"destination":[3,4]}'), 400, "origin")
    assert db.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)]


def test_escaped_names_and_values_are_understood(api):
    order = api.place()
    succeeded(api.patch(f"/orders/{order}", '{"st\\u0061tus":"T\\u0041KEN","taker":"\\ud83d\\udeb2\\u00e9\\/"}'))


def test_a_nul_in_a_text_is_refused_by_name(api, db):
    order = api.place()
    for taker in ("\\u0000", "a\\u0000", "a\\u0000b"):
        problem(api.patch(f"/orders/{order}", '{"status":"TAKEN","taker":"%s"}' % taker), 400, "taker")
    problem(api.patch(f"/orders/{order}", '{"status":"TAKEN\\u0000"}'), 400, "status")
    problem(api.patch(f"/orders/{order}", '{"status":"TAKEN","ta\\u0000ker":"x"}'), 400)
    assert db.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)]


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00", "\\udc00\\ud800", "a\\ud83dz", "\\ud83d\\u0041", "\\uD83D\\uD83D"])
def test_lone_surrogates_are_refused_by_name(api, text):
    problem(api.patch(f"/orders/{api.place()}", '{"status":"TAKEN","taker":"%s"}' % text), 400, "taker")


@pytest.mark.parametrize("raw", [b"\xff", b"\xc3", b"\xc3(", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xf0\x80\x80\xaf",
                                 b"\x80", b"\xf4\x90\x80\x80", b"\xe9t\xe9"])
def test_bad_utf8_is_refused_by_name(api, raw):
    problem(api.patch(f"/orders/{api.place()}", b'{"status":"TAKEN","taker":"' + raw + b'"}'), 400, "taker")


def test_raw_control_characters_in_a_text_are_no_json(api):
    for char in ("\n", "\t", "\x01", "\x1f", "\r"):
        problem(api.patch(f"/orders/{api.place()}", '{"status":"TAKEN","taker":"a%sb"}' % char), 400)


@pytest.mark.parametrize("escape", ["\\x41", "\\u12", "\\u", "\\ug000", "\\'", "\\0", "\\"])
def test_bad_escapes_are_no_json(api, escape):
    problem(api.patch(f"/orders/{api.place()}", '{"status":"TAKEN","taker":"%s"}' % escape), 400)


@pytest.mark.parametrize("body", ["[" * 30000, "[" * 20000 + "]" * 20000, '{"a":' * 5000, '{"a":' * 5000 + "1" + "}" * 5000,
                                  '{"origin":' + "[" * 5000 + "]" * 5000 + ',"destination":[1,2]}'])
def test_deep_nesting_is_refused_and_does_no_harm(api, server, body):
    problem(post(api, body), 400)
    server.alive()


def test_names_of_refused_members_are_quoted_within_reason(api):
    answer = post(api, json.dumps({"origin": [1, 2], "destination": [3, 4], "x" * 30000: 1}))
    problem(answer, 400)
    assert len(answer.body) < 2000
    answer = post(api, json.dumps({"origin": [1, 2], "destination": [3, 4], 'a"<b>\n\u2028': 1}))
    problem(answer, 400)


def test_thousands_of_members_are_refused_in_good_time(api):
    problem(post(api, json.dumps({f"m{number}": 1 for number in range(5000)})), 400)
    problem(post(api, "{" + ",".join(['"m":1'] * 9000) + "}"), 400)


# ---- size ----

def test_64_kib_are_accepted_and_one_byte_more_is_not(api):
    assert post(api, GOOD.ljust(65536)).status == 200
    problem(post(api, GOOD.ljust(65537)), 413)


# ---- anything at all ----

JSON_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                           lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4), max_leaves=8)

ANY_BODY = (st.binary(max_size=200)
            | st.builds(lambda value: json.dumps(value).encode(), JSON_VALUES)
            | st.builds(lambda a, b: json.dumps({"origin": a, "destination": b}).encode(), JSON_VALUES, JSON_VALUES)
            | st.builds(lambda a, b: json.dumps({"status": a, "taker": b}).encode(), st.sampled_from(["TAKEN", "x"]) | JSON_VALUES, JSON_VALUES))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(body=ANY_BODY)
@example(body=b"\xef\xbb\xbf{}")
def test_whatever_the_body_the_answer_is_200_or_400(api, server, body):
    for method, target in (("POST", "/orders"), ("PATCH", "/orders/1")):
        answer = api.call(method, target, body)
        if answer.status != 200:
            problem(answer, 400)
    server.alive()
