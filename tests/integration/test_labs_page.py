"""/labs: sites with what stands in them, each with its history; added, changed and deleted by forms; and the lists of the API by
their owner, which these pages read. The records themselves are tested in test_sites.py."""

import re

import pytest

from support.expect import links, problem
from support.pages import BROWSER, addresses, send, shown, text_of

pytestmark = pytest.mark.quick

ODD = '<script>alert("x")</script> 😀 שלום'
UUIDS = [f"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a{number}" for number in range(11, 14)]


@pytest.fixture(autouse=True)
def lab(shared):
    """One site with two computers and a freezer, in which there is a container."""
    server, db = shared
    db.clear("container", "freezer", "computer", "site")
    for target, body in (("/site/1", {"name": "North", "country": "CA"}), ("/site/2", {"name": ODD}), ("/computer/1", {"name": "C1", "site_id": 1}),
                         ("/computer/2", {"name": ODD, "site_id": 1}), ("/computer/3", {"name": "free"}), ("/freezer/1", {"name": "-20C", "site_id": 1}),
                         ("/container/1", {"uuid": UUIDS[0], "description": "yeast", "freezer_id": 1})):
        assert server.api.post(target, body).status == 200
    return server.api


def tag(api, target):
    """What the form that changes a record has."""
    return re.search(r'<form method="post" action="[^"]*/change">.*?name="if_match" value="([^"]*)"', shown(api, target), re.S)[1].replace("&quot;", '"')


# ---- the lists of the API ----

@pytest.mark.parametrize("list_, owner, ids", [("/computers", "site_id", [1, 2]), ("/freezers", "site_id", [1]), ("/containers", "freezer_id", [1])])
def test_a_list_can_be_that_of_an_owner(api, list_, owner, ids):
    assert [record["id"] for record in api.get(f"{list_}?{owner}=1").json()] == ids
    assert api.get(f"{list_}?{owner}=2").json() == []
    problem(api.get(f"{list_}?{owner}=x"), 400, owner)


def test_links_keep_the_owner(api):
    answer = api.get("/computers?limit=1&site_id=1")
    assert links(answer)["next"] == "/computers?limit=1&after=1&site_id=1" and links(answer)["first"] == "/computers?limit=1&site_id=1"
    second = api.get(links(answer)["next"])
    assert [record["id"] for record in second.json()] == [2] and "next" not in links(second)


# ---- pages ----

def test_a_site_is_shown_with_what_stands_in_it_and_its_history(api):
    assert re.findall(r'href="/labs/site/(\d+)"', shown(api, "/labs")) == ["1", "2"]
    body = shown(api, "/labs/site/1")
    assert re.findall(r'href="/labs/computer/(\d+)"', body) == ["1", "2"] and re.findall(r'href="/labs/freezer/(\d+)"', body) == ["1"]
    assert "<strong>insert</strong>" in body and "<dt>Country</dt><dd><bdi>CA</bdi></dd>" in body
    assert re.findall(r'href="/labs/container/(\d+)"', shown(api, "/labs/freezer/1")) == ["1"]
    assert "yeast" in shown(api, "/labs/container/1") and "<dd>none</dd>" in shown(api, "/labs/computer/3")


def test_lists_lead_on_and_keep_their_owner(api):
    body = shown(api, "/labs/computers?limit=1&site_id=1")
    target, = addresses(body, "next")
    assert target == "?limit=1&after=1&site_id=1" and re.findall(r'href="/labs/computer/(\d+)"', shown(api, "/labs/computers" + target)) == ["2"]
    assert not addresses(shown(api, "/labs/computers"), "next")


@pytest.mark.parametrize("target", ["/labs", "/labs/site/1", "/labs/site/2", "/labs/computers", "/labs/computer/2", "/labs/computer/2/history"])
def test_what_records_are_called_is_text(api, target):
    body = shown(api, target)
    assert "<script>alert" not in body and "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; 😀 שלום" in body


@pytest.mark.parametrize("target", ["/labs/site/99", "/labs/computer/99", "/labs/freezer/99", "/labs/container/99", "/labs/site/99/history"])
def test_what_is_not_there_is_404(api, target):
    problem(api.get(target), 404)


# ---- forms ----

@pytest.mark.parametrize("list_, kind, fields", [("/labs", "site", {"id": "9", "name": "South", "contact": "", "address": "1 Road\r\nTown"}),
                                                 ("/labs/computers", "computer", {"id": "9", "name": "C9", "mac": "08-00-2B-01-02-03", "site_id": "1"}),
                                                 ("/labs/freezers", "freezer", {"id": "9", "name": "-80C", "site_id": "1"}),
                                                 ("/labs/containers", "container", {"id": "9", "uuid": UUIDS[1], "description": ODD, "freezer_id": "1"})])
def test_a_record_is_added_changed_and_deleted(api, list_, kind, fields):
    page = f"/labs/{kind}/9"
    added = send(api, list_, fields)
    assert added.status == 303 and added.header("Location") == page, added
    record = api.get(f"/{kind}/9").json()
    member = "description" if kind == "container" else "name"
    assert record[member] == fields[member]
    again = send(api, list_, fields)
    assert again.status == 412 and "There is such a record already; nothing was changed." in text_of(again)
    rest = {name: "" if value is None else str(value) for name, value in record.items() if name != "id"}
    changed = send(api, page + "/change", rest | {member: "new", "if_match": tag(api, page)})
    assert changed.status == 303 and changed.header("Location") == page, changed
    assert api.get(f"/{kind}/9").json() == record | {member: "new"}
    gone = send(api, page + "/delete", {"if_match": tag(api, page)})
    assert gone.status == 303 and gone.header("Location") == page + "/history"
    problem(api.get(f"/{kind}/9"), 404)
    history = shown(api, page + "/history")
    assert re.findall(r"<strong>(\w+)</strong>", history)[:3] == ["delete", "update", "insert"]


def test_what_somebody_else_has_changed_meanwhile_is_not_overwritten(api):
    seen = tag(api, "/labs/site/1")
    api.post("/site/1", {"name": "Theirs"})
    for verb, fields in (("change", {"name": "Mine", "contact": "me"}), ("delete", {})):
        answer = send(api, f"/labs/site/1/{verb}", fields | {"if_match": seen})
        assert answer.status == 412 and "Somebody else has changed the record" in text_of(answer), answer
    assert api.get("/site/1").json()["name"] == "Theirs"
    body = send(api, "/labs/site/1/change", {"name": "Mine", "if_match": seen}).body.decode()
    assert "<h1>Site <bdi>Theirs</bdi></h1>" in body and 'value="Mine"' in body     # theirs is shown, mine is kept
    now = re.search(r'name="if_match" value="([^"]*)"', body)[1].replace("&quot;", '"')
    assert now == tag(api, "/labs/site/1") != seen
    assert send(api, "/labs/site/1/change", {"name": "Mine", "if_match": now}).status == 303
    assert api.get("/site/1").json()["name"] == "Mine"


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(api):
    seen = tag(api, "/labs/computer/1")
    answer = send(api, "/labs/computer/1/change", {"name": "", "mac": "<i>", "site_id": "99", "if_match": seen})
    body = answer.body.decode()
    assert answer.status == 400 and "name is missing." in body and "mac must be a MAC address" in body and 'value="&lt;i&gt;"' in body
    assert seen in body.replace("&quot;", '"')        # the form still is about what was seen
    refused = send(api, "/labs/computer/1/change", {"name": "C1", "site_id": "99", "if_match": seen})
    assert refused.status == 400 and "site_id must be the id of a site that exists." in text_of(refused)
    assert send(api, "/labs/computers", {"id": "x", "name": "C"}).status == 400
    assert api.get("/computer/1").json() == {"id": 1, "name": "C1", "mac": None, "site_id": 1}


def test_a_condition_that_is_none_is_refused(api):
    answer = send(api, "/labs/site/1/change", {"name": "x", "if_match": "nonsense"})
    assert answer.status == 400 and "If-Match must be" in text_of(answer)
    assert api.get("/site/1").json()["name"] == "North"


def test_the_site_goes_with_all_that_is_in_it(api):
    assert send(api, "/labs/site/1/delete", {"if_match": tag(api, "/labs/site/1")}).status == 303
    assert [record["id"] for record in api.get("/computers").json()] == [3] and api.get("/containers").json() == []
    assert "<strong>delete</strong>" in shown(api, "/labs/container/1/history")
    assert api.get("/labs/site/1", BROWSER).status == 404
