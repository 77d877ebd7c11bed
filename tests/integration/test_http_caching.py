"""Entity tags: what has not changed is not sent again."""

import re

import pytest

from support.expect import problem, succeeded
from support.rawhttp import Connection, request_bytes

pytestmark = pytest.mark.quick


def tag(answer):
    assert answer.status == 200, answer
    found = answer.header("ETag")
    assert re.fullmatch(r'(W/)?"[!#-~]+"', found or ""), answer.headers
    return found


def send(api, text="Hello", recipient="bob"):
    answer = api.post("/messages", {"sender": "ann", "recipient": recipient, "text": text})
    assert answer.status == 201, answer
    return answer.json()["id"]


def records(api):
    return [f"/orders/{api.place()}", f"/messages/{send(api)}"]


def lists(api):
    api.place()
    send(api)
    return ["/orders?page=1&limit=3", "/orders?page=9999&limit=3", "/orders?limit=2&before=9223372036854775807",
            "/messages?recipient=bob", "/messages?recipient=bob&sender=ann&limit=1", "/messages?recipient=nobody",
            "/messages?recipient=bob&days=30", "/api/users/profiles"]


def targets(api):
    return records(api) + lists(api)


def test_data_carries_a_tag_that_stays_while_the_data_stays(api):
    for target in targets(api):
        assert tag(api.get(target)) == tag(api.get(target))


def test_a_single_record_has_a_strong_tag_a_list_a_weak_one(api):
    assert [tag(api.get(target)).startswith('"') for target in records(api)] == [True, True]
    for target in lists(api):
        assert tag(api.get(target)).startswith('W/"'), target


def test_what_the_client_has_is_not_sent_again(api, server):
    for target in targets(api):
        with Connection(server.address) as connection:
            known = tag(connection.request("GET", target))
            for method in ("GET", "HEAD"):
                answer = connection.request(method, target, headers={"If-None-Match": known})
                assert answer.status == 304 and answer.body == b""
                assert answer.header("ETag") == known
                assert answer.header("X-Request-Id")
                assert answer.header("Content-Type") is None and answer.header("Content-Length") in (None, "0")
                assert answer.header("Transfer-Encoding") is None
            assert connection.request("GET", "/health").body == b"UP\n"


def test_head_has_the_tag_and_the_links_of_get(api):
    for target in targets(api):
        head, get = api.call("HEAD", target), api.get(target)
        assert tag(head) == tag(get) and head.body == b""
        assert head.header("Link") == get.header("Link") and head.header("Content-Length") == str(len(get.body))


def test_what_has_changed_is_sent_again_with_another_tag(api):
    order = api.place()
    for target in (f"/orders/{order}", "/orders?page=1&limit=3"):
        known = tag(api.get(target))
        succeeded(api.take(order, "ann"))
        answer = api.get(target, headers={"If-None-Match": known})
        assert tag(answer) != known and b"TAKEN" in answer.body
        succeeded(api.release(order, "ann"))


def test_a_tag_is_compared_weakly_and_may_be_one_of_several(api):
    target = f"/orders/{api.place()}"
    known = tag(api.get(target))
    for value in (known, f"W/{known}", f'"x", {known}', f'{known},W/"y"', f'W/"a", "b",  {known} , "c"', f'"a,b",{known}', f",, {known} ,",
                  f'"",{known}', f'"\xe9", {known}', "*"):
        assert api.get(target, headers={"If-None-Match": value}).status == 304, value
    known = tag(api.get("/orders?page=1&limit=3"))
    for value in (known, known[2:], f'"x", {known}'):
        assert api.get("/orders?page=1&limit=3", headers={"If-None-Match": value}).status == 304, value


def test_a_tag_inside_of_another_or_of_nonsense_is_not_that_tag(api):
    """The mark of a weak tag is W/ as it stands; between tags there are commas; in one there is no white space."""
    target = f"/orders/{api.place()}"
    known = tag(api.get(target))
    bare = known.strip('"')
    for value in (f"w/{known}", f"W /{known}", f"x{known}", f'"x{bare}"', f'"{bare}x"', bare, f'{known} "x"', f'{known}"x"', f"'{bare}'",
                  f'"x" {known}', f"{known};q=1", f"*, {known}", f"{known}, *", f'{known}, x', f'"{bare}', f'" {bare}"', f'W/{bare}"'):
        assert api.get(target, headers={"If-None-Match": value}).status == 200, value


def test_a_list_of_messages_has_another_tag_after_each_that_comes_or_goes(api):
    target, known = "/messages?recipient=tagged", []
    known.append(tag(api.get(target)))
    for text in ("a", "b"):
        message = send(api, text, "tagged")
        known.append(tag(api.get(target)))
    assert len(set(known)) == 3
    assert api.call("DELETE", f"/messages/{message}").status == 200
    answer = api.get(target, headers={"If-None-Match": known[1]})
    assert answer.status == 304, "what is as it was has the tag that it had"
    assert api.get(target, headers={"If-None-Match": known[2]}).status == 200


def test_a_record_changed_by_hand_has_another_tag(api, db):
    order, message = api.place(), send(api)
    for target, change in ((f"/orders/{order}", "UPDATE orders SET distance = distance + 1 WHERE id = ?"),
                           (f"/messages/{message}", "UPDATE messages SET text = 'by hand' WHERE id = ?")):
        known = tag(api.get(target))
        db.query(change, int(target.rsplit("/", 1)[1]))
        assert tag(api.get(target, headers={"If-None-Match": known})) != known


def test_the_tag_covers_the_links(serve, database):
    """The same orders in the body, but one older order more or less behind them."""
    api = serve("--distance", "haversine", database=database).api
    oldest, _ = api.place(), api.place()
    for target in ("/orders?page=1&limit=1", "/orders?limit=1&before=9223372036854775807"):
        assert "next" in api.get(target).header("Link")
    pages = {target: api.get(target) for target in ("/orders?page=1&limit=1", "/orders?limit=1&before=9223372036854775807")}
    database.query("DELETE FROM orders WHERE id = ?", oldest)
    for target, before in pages.items():
        after = api.get(target, headers={"If-None-Match": tag(before)})
        assert after.status == 200 and after.body == before.body and "next" not in (after.header("Link") or "")
        assert tag(after) != tag(before)


def test_the_tags_of_several_lines_are_one_list(api):
    target = f"/orders/{api.place()}"
    known = tag(api.get(target))
    for values in (('"x"', known), (known, '"x"'), ('"x"', f'"y", {known}', '"z"'), ("", known)):
        assert api.get(target, headers=[("If-None-Match", value) for value in values]).status == 304, values
    assert api.get(target, headers=[("If-None-Match", "*"), ("If-None-Match", '"x"')]).status == 200
    for values, status in ((('"x"', known), 200), (('"x"', '"y"'), 412)):
        assert api.get(target, headers=[("If-Match", value) for value in values]).status == status, values


def test_a_read_too_can_ask_for_a_certain_state(api):
    """If-Match goes by the strong comparison, and before If-None-Match."""
    for target in targets(api):
        known = tag(api.get(target))
        strong = known.startswith('"')
        for method in ("GET", "HEAD"):
            for value, status in (("*", 200), (known, 200 if strong else 412), (f'"x", {known}', 200 if strong else 412),
                                  (f"W/{known}" if strong else known[2:], 412), ('"x"', 412)):
                answer = api.call(method, target, headers={"If-Match": value})
                assert answer.status == status, (target, value, answer)
                assert (answer.header("ETag") == known) == (status == 200)
            assert api.call(method, target, headers={"If-Match": '"x"', "If-None-Match": known}).status == 412
            assert api.call(method, target, headers={"If-Match": "*", "If-None-Match": known}).status == 304
    problem(api.get(f"/orders/{api.place()}", headers={"If-Match": '"x"'}), 412, "If-Match")


@pytest.mark.parametrize("value", ['W/"x"', '"x"', "x", "", ",", '"', 'W/', "W/x", '"unended', "**"])
def test_another_tag_or_nonsense_gets_the_data(api, value):
    assert api.get(f"/orders/{api.place()}", headers={"If-None-Match": value}).status == 200


def test_a_tag_of_one_order_is_not_that_of_another(api):
    first, second = f"/orders/{api.place()}", f"/orders/{api.place()}"
    assert api.get(second, headers={"If-None-Match": tag(api.get(first))}).status == 200


def test_what_is_no_data_has_no_tag_and_is_always_sent(api):
    for target in ("/health", "/healthcheck"):
        answer = api.get(target, headers={"If-None-Match": "*", "If-Match": '"x"'})
        assert answer.status == 200 and answer.header("ETag") is None
    for target, status in (("/orders/999999999", 404), ("/messages/999999999", 404), ("/nope", 404), ("/orders?page=0&limit=1", 400),
                           ("/messages?recipient=", 400)):
        answer = api.get(target, headers={"If-None-Match": "*", "If-Match": '"x"'})
        problem(answer, status)
        assert answer.header("ETag") is None


def test_many_readers_of_one_list_each_get_what_they_lack(server):
    """Reads that travel together are answered one by one: 304 to those who have it, all of it to the others."""
    for _ in range(3):
        server.api.place()
    target = "/orders?page=1&limit=3"
    known = tag(server.api.get(target))
    connections = [Connection(server.address) for _ in range(40)]
    try:
        for number, connection in enumerate(connections):
            connection.send(request_bytes("GET", target, headers={"If-None-Match": known} if number % 2 else {}))
        for number, connection in enumerate(connections):
            answer = connection.response()
            assert answer.status == (304 if number % 2 else 200) and answer.header("ETag") == known
            assert bool(answer.body) == (number % 2 == 0)
        for number, connection in enumerate(connections):
            connection.send(request_bytes("GET", target, headers={"If-Match": '"x"'} if number % 3 == 0 else {}))
        for number, connection in enumerate(connections):
            assert connection.response().status == (412 if number % 3 == 0 else 200)
    finally:
        for connection in connections:
            connection.close()
