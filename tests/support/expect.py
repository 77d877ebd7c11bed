"""What answers must look like."""

import datetime
import json
import re

LOSERS = ("Order is already taken.", "Order is currently occupied.")     # the words of a take that came too late


def succeeded(answer):
    assert answer.status == 200, answer
    assert answer.content_type == "application/json", answer.headers
    assert answer.json() == {"status": "SUCCESS"}, answer


def refused(answer, message):
    """A 400 with exactly that message."""
    document = problem(answer, 400)
    assert document["error"] == message, document


def won(answer):
    """Whether an answer of support.crowd to a take, (status, body), is a SUCCESS. What is neither that nor a loser's words fails."""
    status, body = answer
    document = json.loads(body)
    if status == 200:
        assert document == {"status": "SUCCESS"}
        return True
    assert status == 400 and document["error"] in LOSERS, answer
    return False


def problem(answer, status, *words):
    """A problem document (RFC 9457) of that status (or one of several) whose message holds all of the words."""
    statuses = status if isinstance(status, (tuple, set, list)) else (status,)
    assert answer.status in statuses, answer
    assert answer.content_type == "application/problem+json", answer.headers
    document = answer.json()
    assert {"type", "title", "status", "detail", "error"} <= set(document), document
    assert document["status"] == answer.status, document
    for member in ("type", "title", "detail", "error"):
        assert isinstance(document[member], str) and document[member], document
    assert document["detail"] == document["error"], document
    for word in words:
        assert word.lower() in document["error"].lower(), f"{word!r} is not named in {document['error']!r}"
    assert answer.header("X-Request-Id"), answer.headers
    return document


def moment(text):
    """The time that a member of an answer says."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text), text
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def links(answer):
    """The Link header (RFC 8288) as {relation: target}."""
    found = {}
    for value in answer.all("Link"):
        rest = value
        while rest:
            match = re.match(r'\s*<([^<>]*)>((?:\s*;\s*[a-z*]+=(?:"[^"]*"|[^\s;,"]+))*)\s*(?:,|$)', rest)
            assert match, f"malformed Link: {value!r}"
            relation = re.search(r';\s*rel="?([^";]+)"?', match[2])
            assert relation, f"a Link without rel: {value!r}"
            assert relation[1] not in found, f"rel {relation[1]} comes twice: {value!r}"
            found[relation[1]] = match[1]
            rest = rest[match.end():]
    return found
