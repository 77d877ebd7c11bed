"""The OpenAPI document: what it must be, and that it says what the server does. (Whether answers are as it says is looked at with
every exchange of the suite, see support.openapi.)"""

import json
import re
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator

from support import openapi
from support.expect import problem
from support.program import run
from support.rawhttp import Response

pytestmark = pytest.mark.quick


def document(*flags):
    done = run("openapi", *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout


def parsed(*flags):
    return openapi.json.loads(document(*flags))


def routes(*flags):
    return set(re.findall(r"^([A-Z]+) +(/\S*)", run("routes", "--no-pages", *flags).stdout, re.MULTILINE))


def schemas(value):
    """All that stand in a document as "schema"."""
    if isinstance(value, list):
        return [schema for item in value for schema in schemas(item)]
    if isinstance(value, dict):
        return [item for name, item in value.items() if name == "schema"] + [schema for item in value.values() for schema in schemas(item)]
    return []


# ---- the document ----

@pytest.mark.parametrize("flags", [(), ("--apps", "orders"), ("--apps", "users,sites")], ids=str)
def test_it_is_an_openapi_document_by_the_official_schema(flags):
    found = parsed(*flags)
    errors = [f"{list(error.absolute_path)}: {error.message}" for error in openapi.official().iter_errors(found)]
    assert not errors
    for schema in [*schemas(found), *found["components"]["schemas"].values()]:
        Draft202012Validator.check_schema(schema)


def test_the_official_schema_refuses_what_is_wrong():
    for member, value in (("openapi", "3.0.0"), ("info", {}), ("paths", {"orders": {}}), ("more", 1)):
        assert not openapi.official().is_valid(parsed() | {member: value}), member


@pytest.mark.parametrize("flags", [(), ("--apps", "orders"), ("--apps", "messages,health")], ids=str)
def test_it_has_every_route_that_is_served_and_no_other(flags):
    assert set(openapi.operations(parsed(*flags))) == routes(*flags)


def test_it_is_the_same_from_run_to_run_and_from_the_server(serve, database):
    assert document() == document()
    server = serve(database=database)
    answer = server.api.get("/openapi.json")
    assert answer.status == 200 and answer.content_type == "application/json"
    assert answer.body.decode() == document()
    assert server.api.get("/openapi.json").body == answer.body


def test_the_server_gives_that_of_the_apps_that_it_serves(serve, sqlite):
    answer = serve("--apps", "messages", database=sqlite).api.get("/openapi.json")
    assert answer.body.decode() == document("--apps", "messages")
    assert {tag["name"] for tag in answer.json()["tags"]} == {"operations", "messages"}


def test_who_has_it_already_is_told_so(api):
    answer = api.get("/openapi.json")
    tag = answer.header("ETag")
    assert re.fullmatch(r'"[^"]+"', tag)
    again = api.get("/openapi.json", {"If-None-Match": tag})
    assert again.status == 304 and again.body == b"" and again.header("ETag") == tag
    problem(api.get("/openapi.json", {"If-Match": '"another"'}), 412)


def test_operations_have_ids_of_their_own_and_the_tag_of_their_app():
    found = openapi.operations(parsed())
    ids = [operation["operationId"] for operation in found.values()]
    assert len(set(ids)) == len(ids) and all(re.fullmatch("[a-z]+[A-Za-z]+", name) for name in ids), ids
    assert found["PATCH", "/orders/{id}"]["operationId"] == "patchOrdersById" and found["GET", "/"]["operationId"] == "getIndex"
    assert found["GET", "/site/{id}/history"]["tags"] == ["sites"]
    assert {tag["name"] for tag in parsed()["tags"]} == {tag for operation in found.values() for tag in operation["tags"]}


def test_whatever_is_shared_is_used():
    found = parsed()
    used = set(re.findall(r'"\$ref": ?"#/components/([^"]+)"', document()))
    used |= {f"securitySchemes/{name}" for operation in openapi.operations(found).values() for choice in operation["security"] for name in choice}
    there = {f"{kind}/{name}" for kind, items in found["components"].items() for name in items}
    assert used <= there
    assert there - used == {f"responses/{name}" for status, name in openapi.OF_ANY_PATH.items() if status not in (404, 421, 429)}


def test_no_choice_is_named_twice():
    """Generators make names of them."""
    def look(value):
        if isinstance(value, dict):
            choices = value.get("enum")
            assert not isinstance(choices, list) or len(set(choices)) == len(choices), choices
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(each)

    look(parsed())


def test_limits_types_and_null_are_those_of_the_tables():
    found = openapi.own()
    limit = next(each for each in found.operations["GET", "/orders"]["parameters"] if each["name"] == "limit")
    assert limit["required"] is True
    assert limit["schema"] == {"type": "integer", "format": "int64", "minimum": 1, "maximum": 1000}
    body = found.operations["POST", "/site/{id}"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["name"] and body["additionalProperties"] is False
    assert body["properties"]["contact"]["type"] == ["string", "number", "null"]
    assert not Draft202012Validator(body).is_valid({"name": "a\0b"}) and Draft202012Validator(body).is_valid({"name": "a\nb"})
    order = found.operations["GET", "/orders/{id}"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert order["properties"]["taker"]["type"] == ["string", "null"]
    assert order["properties"]["created_at"] == {"type": "string", "format": "date-time"}


def test_replies_are_those_that_a_route_can_give():
    found = {key: set(operation["responses"]) for key, operation in openapi.operations(parsed()).items()}
    common = {"200", "400", "408", "413", "414", "431"}
    assert found["GET", "/health"] == common        # whatever Host says
    common |= {"421", "429", "401", "403"}          # it needs a key, if there are any
    assert found["GET", "/orders"] == common | {"304", "412", "500", "503"}
    assert found["PATCH", "/orders/{id}"] == common | {"412", "415", "500", "503"}
    assert found["POST", "/messages"] == common - {"200"} | {"201", "415", "422", "500", "503"}
    assert found["DELETE", "/site/{id}"] == common | {"404", "412", "500", "503"}


def test_what_makes_a_record_leads_to_what_takes_its_id():
    found = openapi.operations(parsed())
    ids = {operation["operationId"] for operation in found.values()}
    links = {key: reply.get("links", {}) for key, operation in found.items() for reply in operation["responses"].values() if "links" in reply}
    assert set(links) == {("POST", path) for path in ("/orders", "/messages", "/site/{id}", "/computer/{id}", "/freezer/{id}", "/container/{id}")}
    assert set(links["POST", "/orders"]) == {"getOrdersById", "patchOrdersById", "getOrdersByIdHistory"}
    assert {link["operationId"] for each in links.values() for link in each.values()} <= ids


@pytest.mark.parametrize("path, name, good, bad", [
    ("/fsa/{code}", "code", ("K1A", "k1a0b1", "X9b 0A0"), ("K1", "D1A", "K1A-0B1", "K1A 0B", "K1O")),
    ("/messages/{id}", "If-Match", ("*", '"a"', 'W/"a", "b" ,"c"', '""'), ("", "a", '"a" "b"', '"a b"', '*, "a"')),
])
def test_patterns_are_what_the_server_takes(api, path, name, good, bad):
    method = "GET" if name == "code" else "DELETE"
    parameters = openapi.own().operations[method, path]["parameters"]
    pattern = next(each for each in parameters if each["name"] == name)["schema"]["pattern"]
    for value in (*good, *bad):
        if name == "code":
            answer = api.get("/fsa/" + value.replace(" ", "%20"))
        else:
            answer = api.call(method, "/messages/99", headers={name: value})
        assert bool(re.search(pattern, value)) == (value in good) == (answer.status != 400), (value, answer)


@pytest.mark.parametrize("which, value, is_good", [
    (0, "-90.00", True), (0, "+89.99", True), (0, "05", True), (0, "90.01", False), (0, "91", False), (0, ".5", False), (0, "1.", False), (0, "", False),
    (1, "180", True), (1, "-179.9999", True), (1, "007", True), (1, "180.1", False), (1, "190", False), (1, "1 ", False),
])
def test_coordinates_that_are_text_are_what_the_server_takes(api, which, value, is_good):
    body = openapi.own().operations["POST", "/orders"]["requestBody"]["content"]["application/json"]["schema"]
    origin = body["properties"]["origin"]
    assert (origin["minItems"], origin["maxItems"]) == (2, 2) and "items" not in origin     # generators of clients stumble over "items": false
    pattern = origin["prefixItems"][which]["pattern"]
    point = ["1", "2"]
    point[which] = value
    assert bool(re.search(pattern, value)) == is_good
    assert (api.post("/orders", {"origin": point, "destination": ["3", "4"]}).status == 200) == is_good


# ---- the examples ----

def example(operation, path, examples=()):
    """(target, body) of an operation as its examples have it."""
    given = {"path": {}, "query": {}}
    for parameter in operation["parameters"]:
        if parameter["in"] in given and "example" in parameter:
            given[parameter["in"]][parameter["name"]] = parameter["example"]
        assert not parameter.get("required") or "example" in parameter, parameter
    target = path.format(**given["path"]) + ("?" + urlencode(given["query"]) if given["query"] else "")
    return target, operation.get("requestBody", {"content": {"application/json": {}}})["content"]["application/json"].get("example")


def test_examples_work(serve, database):
    """In the order in which somebody would try them out: what makes records, what reads them, what changes and deletes them."""
    api = serve("--distance", "haversine", "--cache", "none", database=database).api
    database.query("INSERT INTO users (id, username, type) VALUES (1, 'ann', 'User')")
    assert run("seed", "health", "--total", 3, "--database", database.url).returncode == 0
    database.query("UPDATE fsa SET code = 'K1A' WHERE id = (SELECT min(id) FROM fsa) AND NOT EXISTS (SELECT 1 FROM fsa WHERE code = 'K1A')")
    found = openapi.own().operations
    order = ["POST", "GET", "PATCH", "DELETE"]
    for (method, path), operation in sorted(found.items(), key=lambda item: order.index(item[0][0])):
        target, body = example(operation, path)
        goes_on = "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
        answer = api.call("HEAD" if goes_on else method, target, body)
        assert answer.status in (200, 201, 302), (method, target, body, answer)
        assert str(answer.status) in operation["responses"]


def test_examples_are_as_their_schemas_say():
    for operation in openapi.own().operations.values():
        for parameter in operation["parameters"]:
            if "example" in parameter:
                Draft202012Validator(parameter["schema"]).validate(parameter["example"])
        for content in operation.get("requestBody", {"content": {}})["content"].values():
            Draft202012Validator(content["schema"]).validate(content["example"])


def test_it_says_which_scope_an_operation_needs_and_how_to_give_a_key():
    document = json.loads(run("openapi").stdout)
    schemes = document["components"]["securitySchemes"]
    assert {name: (scheme["type"], scheme.get("scheme"), scheme.get("in"), scheme.get("name")) for name, scheme in schemes.items()} == {
        "bearer": ("http", "bearer", None, None), "apiKey": ("apiKey", None, "header", "X-Api-Key")}
    scopes = {}
    for line in run("routes").stdout.splitlines():
        if not line.startswith(" "):
            route = tuple(line.split()[:2])
        elif line.split()[0] == "scope":
            scopes[route] = line.split()[1]
    guarded = json.loads(run("openapi", "--api-keys", "keys", "--anonymous", "orders:read").stdout)
    for (method, path), operation in openapi.operations(document).items():
        scope, with_keys = scopes[method, path], openapi.operations(guarded)[method, path]
        asked = [] if scope == "open" else [{"bearer": [scope]}, {"apiKey": [scope]}]
        assert operation["security"] == ([{}, *asked] if asked else []), "without keys nobody has to give one"
        assert with_keys["security"] == ([{}, *asked] if scope == "orders:read" else asked)
        assert ("401" in operation["responses"]) == (scope != "open")


# ---- how answers are compared with it ----

HEADERS = [("X-Request-Id", "1"), ("X-Content-Type-Options", "nosniff"), ("Content-Type", "application/json"), ("Content-Length", "1")]
ORDERS = b'[{"distance":1,"id":1,"status":"TAKEN"}]'


def answered(status=200, headers=(), body=ORDERS, without=()):
    return Response("HTTP/1.1", status, "", [pair for pair in HEADERS if pair[0] not in without] + list(headers), body)


def test_an_answer_that_it_names_is_let_through():
    found = openapi.own()
    found.check("GET", "/orders?limit=1", answered(headers=[("Link", "<>"), ("ETag", '""')]))
    found.check("HEAD", "/orders/", answered(body=b""))
    found.check("GET", "/elsewhere", answered(599))
    found.check("PUT", "/orders", answered(405, [("Allow", "GET"), ("Content-Type", "x")], b""))


@pytest.mark.parametrize("answer, words", [
    (answered(202), "no 202 of GET /orders"),
    (answered(headers=[("Server", "x")]), "no Server"),
    (answered(headers=[("Retry-After", "1")]), "no Retry-After"),
    (answered(body=b"{}"), "not as its schema says"),
    (answered(body=b'[{"distance":1,"id":1}]'), "not as its schema says"),
    (answered(body=b'[{"distance":1,"id":1,"status":"TAKEN","more":1}]'), "more"),
    (answered(body=b'[{"distance":null,"id":1,"status":"TAKEN"}]'), "None is not of type"),
    (answered(headers=[("Content-Type", "text/plain")], without=["Content-Type"]), "text/plain"),
    (answered(410), "no 410"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_one_that_it_does_not_name_is_an_error(answer, words):
    with pytest.raises(openapi.Unnamed, match=re.escape(words)):
        openapi.own().check("GET", "/orders", answer)
