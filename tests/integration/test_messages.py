"""/messages: sent, read, listed by number, streamed by days, deleted."""

import datetime
import itertools
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.crowd import crowd
from support.expect import links, moment, problem
from support.program import run
from support.rawhttp import Connection, request_bytes

pytestmark = pytest.mark.quick

BIG = 9223372036854775807
FAMILY = "👨‍👩‍👧‍👦"      # seven code points that look like one

number = itertools.count(1)


def somebody():
    """A name that no other test uses."""
    return f"somebody-{next(number)}"


def send(api, recipient, text="Hello", sender="ann"):
    """Sends a message and returns it as it was stored."""
    answer = api.post("/messages", {"sender": sender, "recipient": recipient, "text": text})
    assert answer.status == 201, answer
    return answer.json()


def query(recipient, sender=None, **others):
    pairs = {"recipient": recipient, **({"sender": sender} if sender is not None else {}), **others}
    return "/messages?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in pairs.items())


def listed(api, recipient, sender=None, **others):
    answer = api.get(query(recipient, sender, **others))
    assert answer.status == 200, answer
    assert answer.content_type == "application/json"
    return answer.json()


def ids(messages):
    return [message["id"] for message in messages]


def followed(api, target):
    """What all pages hold, from this one on along `next`."""
    pages = []
    for _ in range(50):
        answer = api.get(target)
        assert answer.status == 200, answer
        pages.append(answer.json())
        if "next" not in links(answer):
            return pages
        target = links(answer)["next"]
    raise AssertionError(f"no end: {target}")


# ---- sending ----

def test_a_message_is_sent_and_answered_as_it_was_stored(api):
    recipient = somebody()
    answer = api.post("/messages", {"sender": "ann", "recipient": recipient, "text": "Lunch?"})
    assert answer.status == 201 and answer.content_type == "application/json", answer
    message = answer.json()
    assert list(message) == ["id", "sender", "recipient", "text", "sent_at"]
    assert (message["sender"], message["recipient"], message["text"]) == ("ann", recipient, "Lunch?")
    assert type(message["id"]) is int and message["id"] > 0
    assert abs(datetime.datetime.now(datetime.timezone.utc) - moment(message["sent_at"])) < datetime.timedelta(seconds=60)


def test_location_leads_to_the_message(api):
    answer = api.post("/messages", {"sender": "ann", "recipient": somebody(), "text": "here"})
    location = answer.header("Location")
    assert location == f"/messages/{answer.json()['id']}"
    assert api.get(location).json() == answer.json()


def test_ids_grow(api):
    recipient = somebody()
    first, second = send(api, recipient), send(api, recipient)
    assert second["id"] > first["id"]


def test_the_row_holds_what_was_sent(api, db):
    message = send(api, "bøb", "тест 🚲", "ånn")
    assert db.query("SELECT sender, recipient, text FROM messages WHERE id = ?", message["id"]) == [("ånn", "bøb", "тест 🚲")]


SCRIPTS = ["Grüße, «Ærøskøbing»", "Привет, мир", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "你好，世界", "こんにちは世界",
           "안녕하세요", "Γειά σου Κόσμε", "ሰላም ልዑል", "👍🏽🇩🇪🏴󠁧󠁢󠁷󠁬󠁳󠁿" + FAMILY, "e\u0301 is not é", "\U0010ffff\ufffe\uffff\ufeff", "\u202eright to left", "\u2028\u2029",
           "tab\tline\nreturn\rbell\x07del\x7f\x80", "quote\" back\\slash / <b>&amp;'", "%00 %s {0} $1 ?", "\\u0041", " ", "\n", "0", "null"]


@pytest.mark.parametrize("text", SCRIPTS, ids=ascii)
def test_any_script_and_any_character_comes_back_intact(api, text):
    message = send(api, "r" + text, text, "s" + text)
    for found in (message, api.get(f"/messages/{message['id']}").json(), listed(api, "r" + text, limit=1)[0],
                  listed(api, "r" + text, "s" + text, limit=1)[0], listed(api, "r" + text, days=1)[0]):
        assert (found["sender"], found["recipient"], found["text"]) == ("s" + text, "r" + text, text)
        assert found == message


ANY_TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=1000)
ANY_NAME = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=200)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sender=ANY_NAME, recipient=ANY_NAME, text=ANY_TEXT)
@example(sender="a", recipient="b", text=" \t\n")
def test_whatever_is_sent_is_what_is_read(api, sender, recipient, text):
    message = send(api, recipient, text, sender)
    assert (message["sender"], message["recipient"], message["text"]) == (sender, recipient, text)
    assert api.get(f"/messages/{message['id']}").json() == message
    assert listed(api, recipient, sender, limit=1) == [message]


@pytest.mark.parametrize("point", ["a", "é", "中", "😀", "\u0301"], ids=ascii)
def test_text_is_1_to_1000_code_points(api, point):
    recipient = somebody()
    for count in (1, 999, 1000):
        assert send(api, recipient, point * count)["text"] == point * count
    problem(api.post("/messages", {"sender": "ann", "recipient": recipient, "text": point * 1001}), 400, "text")
    assert len(listed(api, recipient)) == 3


def test_characters_of_several_code_points_count_as_several(api):
    recipient = somebody()
    assert send(api, recipient, FAMILY * 142 + "x" * 6)["text"] == FAMILY * 142 + "x" * 6
    problem(api.post("/messages", {"sender": "ann", "recipient": recipient, "text": FAMILY * 143}), 400, "text")


def test_escaped_surrogate_pairs_count_as_one(api):
    body = '{"sender":"ann","recipient":"%s","text":"%s"}'
    assert api.post("/messages", body % (somebody(), "\\ud83d\\ude00" * 1000)).json()["text"] == "😀" * 1000
    problem(api.post("/messages", body % (somebody(), "\\ud83d\\ude00" * 1001)), 400, "text")


@pytest.mark.parametrize("member", ["sender", "recipient"])
def test_names_are_1_to_200_code_points(api, member):
    body = {"sender": "ann", "recipient": "bob", "text": "x"}
    for name in ("x", "x" * 200, "😀" * 200):
        answer = api.post("/messages", {**body, member: name})
        assert answer.status == 201 and answer.json()[member] == name, answer
    for name in ("", "x" * 201, "😀" * 201):
        problem(api.post("/messages", {**body, member: name}), 400, member)


@pytest.mark.parametrize("member", ["sender", "recipient", "text"])
@pytest.mark.parametrize("value", [None, "", 5, 1.5, True, [], ["x"], {}, {"a": 1}, "a\u0000b"], ids=ascii)
def test_what_is_no_text_is_refused_by_name(api, member, value):
    problem(api.post("/messages", {"sender": "ann", "recipient": "bob", "text": "x", member: value}), 400, member)


@pytest.mark.parametrize("member", ["sender", "recipient", "text"])
def test_a_missing_member_is_refused_by_name(api, member):
    body = {"sender": "ann", "recipient": "bob", "text": "x"}
    del body[member]
    problem(api.post("/messages", body), 400, member)


@pytest.mark.parametrize("extra", ["id", "sent_at", "Text", "text ", "days"])
def test_an_unknown_member_is_refused_by_name(api, extra):
    problem(api.post("/messages", {"sender": "ann", "recipient": "bob", "text": "x", extra: "1"}), 400, extra.strip())


@pytest.mark.parametrize("raw", [b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"a', b"'a'"], ids=ascii)
def test_bad_coding_of_a_text_is_refused(api, raw):
    problem(api.post("/messages", b'{"sender":"ann","recipient":"bob","text":' + raw + b"}"), 400)


def test_a_body_of_another_type_is_415(api):
    problem(api.post("/messages", "text=x", {"Content-Type": "application/x-www-form-urlencoded"}), 415)


def test_a_refused_message_leaves_no_row(api, db):
    recipient = somebody()
    problem(api.post("/messages", {"sender": "ann", "recipient": recipient, "text": ""}), 400, "text")
    assert db.query("SELECT count(*) FROM messages WHERE recipient = ?", recipient) == [(0,)]


def test_messages_sent_at_once_travel_in_sets_and_each_gets_its_own_answer(server, db):
    recipient = somebody()
    scripts = [[request_bytes("POST", "/messages", {"sender": f"s{member}", "recipient": recipient, "text": f"{member}-{count} 🚲"})
                for count in range(5)] for member in range(60)]
    for member, answers in enumerate(crowd(server.address, scripts, depth=5)):
        for count, (status, body) in enumerate(answers):
            assert status == 201 and f'"sender":"s{member}"'.encode() in body and f'"{member}-{count} 🚲"'.encode() in body
    rows = db.query("SELECT sender, text FROM messages WHERE recipient = ?", recipient)
    assert sorted(rows) == sorted((f"s{member}", f"{member}-{count} 🚲") for member in range(60) for count in range(5))


def test_other_methods_are_405(api):
    for method in ("PUT", "PATCH", "DELETE"):
        answer = api.call(method, "/messages", {})
        problem(answer, 405)
        assert {"GET", "POST"} <= set(answer.header("Allow").replace(" ", "").split(","))


# ---- listed by number ----

def test_the_newest_come_first_and_only_those_of_the_recipient(api):
    recipient, other = somebody(), somebody()
    sent = [send(api, recipient, f"text {count}") for count in range(3)]
    send(api, other)
    assert listed(api, recipient) == sent[::-1]


def test_nobody_has_no_messages(api):
    answer = api.get(query(somebody()))
    assert answer.status == 200 and answer.json() == [] and answer.body == b"[]"
    assert "next" not in links(answer)


def test_recipients_are_compared_exactly(api):
    recipient = somebody()
    send(api, recipient)
    for name in (recipient.upper(), recipient + " ", " " + recipient, recipient[:-1] + "%", recipient + "\n"):
        assert listed(api, name) == []


def test_at_most_100_are_listed_when_nothing_is_said(api, db):
    recipient = somebody()
    fill(db, recipient, 105)
    rows = [row[0] for row in db.query("SELECT id FROM messages WHERE recipient = ? ORDER BY id DESC", recipient)]
    answer = api.get(query(recipient))
    assert ids(answer.json()) == rows[:100]
    assert ids(api.get(links(answer)["next"]).json()) == rows[100:]


def test_limits_from_1_to_1000_are_allowed(api, db):
    recipient = somebody()
    fill(db, recipient, 1003)
    for limit in (1, 2, 100, 101, 999, 1000):
        answer = api.get(query(recipient, limit=limit))
        assert len(answer.json()) == limit and "next" in links(answer)


def test_sender_leaves_the_others_out(api):
    recipient, ann, bob = somebody(), somebody(), somebody()
    sent = [send(api, recipient, f"{count}", sender) for count, sender in enumerate([ann, bob, ann, bob, ann])]
    assert listed(api, recipient, ann) == [sent[4], sent[2], sent[0]]
    assert listed(api, recipient, bob, limit=1) == [sent[3]]
    assert listed(api, recipient, somebody()) == []
    assert listed(api, ann, recipient) == []


def test_before_lists_those_with_a_smaller_id(api):
    recipient = somebody()
    sent = [send(api, recipient, sender=sender) for sender in ("ann", "bob", "ann", "bob", "ann")][::-1]
    assert listed(api, recipient, before=sent[1]["id"]) == sent[2:]
    assert listed(api, recipient, before=sent[0]["id"] + 1, limit=2) == sent[:2]
    assert listed(api, recipient, "ann", before=sent[0]["id"], limit=1) == [sent[2]]
    assert listed(api, recipient, before=BIG) == sent
    assert listed(api, recipient, before=0) == []


NAMES = ["görkem & co/?=", "a+b c", "100%", "日本", '"<>;,\\', "#x&limit=1", "\x01\n\x7f", FAMILY, "x" * 200, "😀" * 200]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_following_next_visits_every_message_once(api, db, name):
    for sender in (None, "s" + name[1:]):
        for _ in range(7):
            send(api, name, sender=sender or "ann")
        expected = [row[0] for row in db.query("SELECT id FROM messages WHERE recipient = ? AND (sender = ? OR ?) ORDER BY id DESC",
                                               name, sender or "", sender is None)]
        pages = followed(api, query(name, sender, limit=3))
        assert [found["id"] for page in pages for found in page] == expected
        assert all(len(page) == 3 for page in pages[:-1]) and 1 <= len(pages[-1]) <= 3


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_first_leads_back_to_the_first_page(api, name):
    for _ in range(3):
        send(api, name, sender=name)
    for sender in (None, name):
        first = api.get(query(name, sender, limit=2))
        second = api.get(links(first)["next"])
        again = api.get(links(second)["first"])
        assert again.status == 200 and again.body == first.body and links(again) == links(first)


def test_the_last_page_has_no_next_even_when_it_is_full(api):
    recipient = somebody()
    for _ in range(4):
        send(api, recipient)
    pages = followed(api, query(recipient, limit=2))
    assert [len(page) for page in pages] == [2, 2]


def test_what_is_sent_while_paging_shifts_nothing(api):
    recipient = somebody()
    sent = [send(api, recipient) for _ in range(4)][::-1]
    answer = api.get(query(recipient, limit=2))
    send(api, recipient)
    assert answer.json() + api.get(links(answer)["next"]).json() == sent


def test_a_list_has_with_and_without_a_trailing_slash_the_same_answer(api):
    recipient = somebody()
    send(api, recipient)
    assert api.get(f"/messages/?recipient={recipient}").body == api.get(f"/messages?recipient={recipient}").body


@pytest.mark.parametrize("refused, named", [
    ("", "recipient"), ("sender=ann", "recipient"), ("days=3", "recipient"), ("recipient=", "recipient"), ("recipient", "recipient"),
    ("recipient=" + "x" * 201, "recipient"), ("recipient=" + quote("😀") * 201, "recipient"), ("recipient=a&recipient=b", "recipient"),
    ("recipient=bob&sender=", "sender"), ("recipient=bob&sender=" + "x" * 201, "sender"), ("recipient=bob&sender=a&sender=a", "sender"),
    *((f"recipient=bob&limit={limit}", "limit") for limit in ("0", "1001", "-1", "", "x", "1.0", "1e2", "%2B5", "%205", "0x5", "99999999999999999999")),
    *((f"recipient=bob&before={before}", "before") for before in ("-1", "", "x", "1.5", BIG + 1)),
    *((f"recipient=bob&days={days}", "days") for days in ("0", "-1", "", "x", "1.5", "36501", BIG, BIG + 1)),
    ("recipient=bob&days=30&limit=5", "days"), ("recipient=bob&days=30&limit=5", "limit"), ("recipient=bob&before=9&days=30", "days"),
    ("recipient=bob&days=30&days=30", "days"), ("recipient=bob&limit=1&limit=1", "limit"),
    ("recipient=bob&page=1", "page"), ("Recipient=bob", "Recipient"), ("recipient=bob&x", "x"),
    ("recipient=%ff", "recipient"), ("recipient=%00", ""), ("recipient=%zz", "recipient"),
])
def test_wrong_parameters_are_refused_by_name(api, refused, named):
    problem(api.get("/messages?" + refused), 400, named)


# ---- one message ----

def test_a_deleted_message_is_answered_once_more_and_is_gone(api, db):
    recipient = somebody()
    message, other = send(api, recipient), send(api, recipient)
    target = f"/messages/{message['id']}"
    answer = api.call("DELETE", target)
    assert answer.status == 200 and answer.json() == message and answer.content_type == "application/json"
    problem(api.call("DELETE", target), 404)
    problem(api.get(target), 404)
    assert listed(api, recipient) == [other] and listed(api, recipient, days=1) == [other]
    assert db.query("SELECT id FROM messages WHERE recipient = ?", recipient) == [(other["id"],)]


def test_of_many_that_delete_a_message_one_is_told_so(api, server):
    message = send(api, somebody())
    answers = crowd(server.address, [[request_bytes("DELETE", f"/messages/{message['id']}")] for _ in range(40)])
    assert sorted(status for (status, _), in answers) == [200] + [404] * 39


def test_an_id_is_not_given_again_after_a_delete(api):
    recipient = somebody()
    message = send(api, recipient)
    api.call("DELETE", f"/messages/{message['id']}")
    assert send(api, recipient)["id"] > message["id"]


@pytest.mark.parametrize("message", ["0", "999999999", str(BIG)])
def test_an_unknown_message_is_404(api, message):
    problem(api.get(f"/messages/{message}"), 404)
    problem(api.call("DELETE", f"/messages/{message}"), 404)


@pytest.mark.parametrize("message", ["abc", "1.5", "-1", "1e3", str(BIG + 1), "0x1", "1%20", "1%00", "+1", "%D9%A1", "%zz", "%ff", "1;x"])
def test_a_malformed_id_is_400(api, message):
    problem(api.get(f"/messages/{message}"), 400)
    problem(api.call("DELETE", f"/messages/{message}"), 400)


def test_a_message_takes_no_parameters(api):
    target = f"/messages/{send(api, somebody())['id']}?x=1"
    problem(api.get(target), 400, "x")
    problem(api.call("DELETE", target), 400, "x")
    assert api.get(target[:-4]).status == 200


# ---- all of the last days ----

def fill(database, recipient, count, text="x", seconds=1):
    """Messages by hand, `seconds` between one and the next, from ann and bob in turns."""
    if database.kind == "postgres":
        database.query("INSERT INTO messages (sender, recipient, text, sent_at) "
                       "SELECT CASE WHEN (n & 1) = 1 THEN 'ann' ELSE 'bob' END, ?, ?, now() - make_interval(secs => n * ?) "
                       "FROM generate_series(1, ?) AS n", recipient, text, seconds, count)
    else:
        database.query("INSERT INTO messages (sender, recipient, text, sent_at) WITH RECURSIVE s (n) AS "
                       "(SELECT 1 WHERE ?4 > 0 UNION ALL SELECT n + 1 FROM s WHERE n < ?4) "
                       "SELECT CASE WHEN (n & 1) = 1 THEN 'ann' ELSE 'bob' END, ?1, ?2, "
                       "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || (n * ?3) || ' seconds') FROM s", recipient, text, seconds, count)


def aged(database, message, hours):
    """Moves a message back in time."""
    if database.kind == "postgres":
        database.query("UPDATE messages SET sent_at = now() - make_interval(hours => ?) WHERE id = ?", hours, message)
    else:
        database.query("UPDATE messages SET sent_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || ? || ' hours') WHERE id = ?", hours, message)


def stored(database, recipient, sender=None):
    return [row[0] for row in database.query("SELECT id FROM messages WHERE recipient = ? AND (? OR sender = ?) ORDER BY sent_at DESC, id DESC",
                                             recipient, sender is None, sender or "")]


def test_days_lists_all_however_many(api, db):
    recipient = somebody()
    fill(db, recipient, 3456)
    expected = db.query("SELECT id, sender, recipient, text FROM messages WHERE recipient = ? ORDER BY sent_at DESC, id DESC", recipient)
    answer = api.get(query(recipient, days=1))
    assert answer.status == 200 and answer.content_type == "application/json"
    assert [(m["id"], m["sender"], m["recipient"], m["text"]) for m in answer.json()] == expected
    times = [moment(message["sent_at"]) for message in answer.json()]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 1001])
def test_days_lists_all_at_every_edge_of_a_piece(api, db, count):
    recipient = somebody()
    fill(db, recipient, count)
    assert ids(listed(api, recipient, days=1)) == stored(db, recipient) and len(stored(db, recipient)) == count


def test_days_with_a_sender_leaves_the_others_out(api, db):
    recipient = somebody()
    fill(db, recipient, 2501)
    for sender in ("ann", "bob"):
        assert ids(listed(api, recipient, sender, days=1)) == stored(db, recipient, sender)
    assert listed(api, recipient, "nobody", days=1) == []


def test_days_lists_messages_of_the_same_moment_once_each(api, db):
    recipient = somebody()
    fill(db, recipient, 1700, seconds=0)
    found = listed(api, recipient, days=1)
    assert ids(found) == stored(db, recipient) and len({message["sent_at"] for message in found}) == 1


def test_days_leaves_out_what_is_older(api, db):
    recipient = somebody()
    ages = [0, 23, 25, 47, 49, 24 * 29 + 23, 24 * 30 + 1, 24 * 400]
    messages = [send(api, recipient) for _ in ages]
    for message, hours in zip(messages, ages):
        aged(db, message["id"], hours)
    for days in (1, 2, 3, 30, 31, 36500):
        assert ids(listed(api, recipient, days=days)) == [m["id"] for m, hours in zip(messages, ages) if hours < 24 * days]


def test_days_goes_by_the_time_where_time_and_id_disagree(api, db):
    recipient = somebody()
    messages = [send(api, recipient)["id"] for _ in range(3)]
    aged(db, messages[2], 5)
    aged(db, messages[1], 10)
    assert ids(listed(api, recipient, days=1)) == [messages[0], messages[2], messages[1]]


def test_few_days_come_whole_with_an_entity_tag(api, db):
    """As long as they fit into one piece: 499."""
    recipient = somebody() + " & 日本"
    fill(db, recipient, 998)
    target = query(recipient, "ann", days=1)
    answer = api.get(target)
    assert answer.header("Content-Length") == str(len(answer.body)) and answer.header("Transfer-Encoding") is None
    assert links(answer) == {"first": target}
    tag = answer.header("ETag")
    head = api.call("HEAD", target)
    assert tag.startswith('W/"') and head.header("ETag") == tag and head.header("Content-Length") == str(len(answer.body))
    same = api.get(target, {"If-None-Match": tag})
    assert same.status == 304 and same.body == b"" and same.header("ETag") == tag
    db.query("DELETE FROM messages WHERE recipient = ? AND id = (SELECT max(id) FROM messages WHERE recipient = ? AND sender = 'ann')", recipient, recipient)
    changed = api.get(target, {"If-None-Match": tag})
    assert changed.status == 200 and changed.header("ETag") != tag


def test_days_comes_in_chunks(api, db):
    recipient = somebody()
    fill(db, recipient, 1200)
    answer = api.get(query(recipient, days=1))
    assert answer.header("Transfer-Encoding") == "chunked" and answer.header("Content-Length") is None
    assert answer.header("X-Request-Id")


def test_days_ends_with_the_connection_for_a_client_of_1_0(api, server, db):
    recipient = somebody()
    fill(db, recipient, 1200)
    for headers in ({}, {"Connection": "keep-alive"}):
        with Connection(server.address) as connection:
            answer = connection.request("GET", query(recipient, days=1), headers=headers, version="HTTP/1.0")
            assert answer.header("Transfer-Encoding") is None and answer.header("Content-Length") is None and answer.closes
            assert ids(answer.json()) == stored(db, recipient)


def test_days_leaves_the_connection_usable(server, db):
    recipient = somebody()
    fill(db, recipient, 1200)
    with Connection(server.address) as connection:
        for _ in range(3):
            for method, length in (("HEAD", 0), ("GET", 1200)):
                answer = connection.request(method, query(recipient, days=1))
                assert answer.status == 200 and answer.content_type == "application/json"
                assert len(answer.json() if answer.body else []) == length
            assert connection.request("GET", "/health").body == b"UP\n"


def test_days_with_connection_close_closes_behind_the_last_chunk(server, db):
    recipient = somebody()
    fill(db, recipient, 1200)
    with Connection(server.address) as connection:
        answer = connection.request("GET", query(recipient, days=1), headers={"Connection": "close"})
        assert len(answer.json()) == 1200 and answer.closes and connection.ended()


def test_what_is_pipelined_behind_days_is_answered_in_order(api, server, db):
    recipient = somebody()
    fill(db, recipient, 1200)
    message = send(api, recipient)
    with Connection(server.address) as connection:
        connection.send(request_bytes("GET", query(recipient, days=1)) + request_bytes("GET", f"/messages/{message['id']}")
                        + request_bytes("GET", query(recipient, days=1)) + request_bytes("GET", "/health"))
        assert len(connection.response().json()) == 1201
        assert connection.response().json() == message
        assert len(connection.response().json()) == 1201
        assert connection.response().body == b"UP\n"


def test_a_client_that_half_closes_gets_all_days(server, db):
    recipient = somebody()
    fill(db, recipient, 1700)
    with Connection(server.address) as connection:
        connection.send(request_bytes("GET", query(recipient, days=1)))
        connection.half_close()
        assert len(connection.response().json()) == 1700
        assert connection.ended()


def test_many_ask_for_days_at_once_and_each_gets_his_own(server, db):
    names = [somebody() for _ in range(8)]
    for count, name in enumerate(names):
        fill(db, name, 700 + count)
    connections = [Connection(server.address) for _ in range(40)]
    try:
        for place, connection in enumerate(connections):
            connection.send(request_bytes("GET", query(names[place % 8], days=1)))
        for place, connection in enumerate(connections):
            found = connection.response().json()
            assert len(found) == 700 + place % 8 and {message["recipient"] for message in found} == {names[place % 8]}
    finally:
        for connection in connections:
            connection.close()


# ---- around it ----

def test_seeded_messages_are_served(serve, database):
    assert run("seed", "messages", "--total", 40, "--database", database.url).returncode == 0
    assert database.query("SELECT count(*) FROM messages") == [(40,)]
    server = serve(database=database)
    found = [message for (name,) in database.query("SELECT DISTINCT recipient FROM messages") for message in listed(server.api, name)]
    assert sorted(ids(found)) == sorted(row[0] for row in database.query("SELECT id FROM messages"))


def test_a_message_made_by_hand_is_served(api, db):
    recipient = somebody()
    db.query("INSERT INTO messages (sender, recipient, text) VALUES ('hand', ?, 'made')", recipient)
    message, = listed(api, recipient)
    assert message["sender"] == "hand"
    assert abs(datetime.datetime.now(datetime.timezone.utc) - moment(message["sent_at"])) < datetime.timedelta(seconds=60)
    assert listed(api, recipient, days=1) == [message] and api.get(f"/messages/{message['id']}").json() == message


def test_messages_alone_can_be_served(serve, database):
    server = serve("--apps", "messages", database=database)
    recipient = somebody()
    assert listed(server.api, recipient) == []
    assert send(server.api, recipient) == listed(server.api, recipient)[0]
    problem(server.api.get("/orders?page=1&limit=1"), 404)
