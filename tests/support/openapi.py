"""What the server says of itself: the document of `rowlock openapi`, and whether an answer is one that it names."""

import functools
import json
import re
from pathlib import Path

from jsonschema import Draft202012Validator

from support.program import run

OFFICIAL = Path(__file__).with_name("openapi31") / "schema.json"        # of https://spec.openapis.org/oas/3.1/schema/2022-10-07

# Of the message and not of the API.
FRAMING = {"date", "connection", "content-length", "content-type", "transfer-encoding", "content-encoding", "vary"}
OF_PROXY = ("Server", "nginx")      # as nginx of the deployment says it (server_tokens off)
# What any path may answer: there is nothing at it here, another method, HTTP that is not understood.
OF_ANY_PATH = {404: "NotFound", 405: "MethodNotAllowed", 417: "ExpectationFailed", 421: "MisdirectedRequest", 429: "TooManyRequests", 501: "NotImplemented", 505: "HTTPVersionNotSupported"}
LOOKED_AT = 40      # items of a long array


class Unnamed(AssertionError):
    """An answer has what the document does not name."""


def check_page(method, target, answer):
    """Raises Unnamed when a page may be framed, runs what is not a file of this server, or is kept by what stands between."""
    policy = dict((part.split() + [""])[:2] for part in (answer.header("Content-Security-Policy") or "").split(";"))
    wanted = {"default-src": "'none'", "script-src": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'", "form-action": "'self'"}
    cache = (answer.header("Cache-Control") or "").split(", ")
    if any(policy.get(name) != source for name, source in wanted.items()):
        raise Unnamed(f"a page with another Content-Security-Policy, at {method} {target}: {answer.headers}")
    if "no-store" not in cache and {"private", "no-cache"} - set(cache):
        raise Unnamed(f"a page that others may keep, at {method} {target}: {answer.headers}")
    if answer.header("X-Content-Type-Options") != "nosniff" or answer.header("Referrer-Policy") is None:
        raise Unnamed(f"a page that a browser may take for something else, at {method} {target}: {answer.headers}")


def written_out(value, root):
    """The value with all references in it replaced by what they name."""
    if isinstance(value, list):
        return [written_out(item, root) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        found = root
        for word in value["$ref"].removeprefix("#/").split("/"):
            found = found[word.replace("~1", "/").replace("~0", "~")]
        return written_out(found, root)
    return {name: written_out(item, root) for name, item in value.items()}


def operations(document):
    """{(method, path): operation}"""
    return {(method.upper(), path): operation for path, item in document["paths"].items() for method, operation in item.items()}


class Document:
    def __init__(self, document):
        whole = written_out(document, document)
        self.operations = operations(whole)
        self.paths = [(path, re.compile(re.sub(r"{\w+}", "[^/]+", path) + "/?")) for path in whole["paths"]]
        self.paths.sort(key=lambda pair: pair[0].count("{"))        # words before fields
        self.shared = whole["components"]["responses"]
        self.validators = {}

    def path_of(self, target):
        path = target.partition("?")[0]
        return next((template for template, pattern in self.paths if pattern.fullmatch(path)), None)

    def check(self, method, target, answer):
        """Raises Unnamed when the target is of a known path, and the answer not as the document says. HTML is for people and
        not of the API; what is promised of every page is looked at instead."""
        path = self.path_of(target)
        if answer.all("Content-Security-Policy") or "text/html; charset=utf-8" in answer.all("Content-Type"):
            return check_page(method, target, answer)
        if path is None or answer.status < 200:
            return
        if answer.header("Access-Control-Allow-Methods") is not None:       # a browser's question about operations, and none of them
            return
        where = f"{answer.status} of {method} {path}"
        operation = self.operations.get(("GET" if method == "HEAD" else method, path), {"responses": {}})
        reply = operation["responses"].get(str(answer.status)) or self.shared.get(OF_ANY_PATH.get(answer.status))
        if reply is None:
            raise Unnamed(f"the document has no {where}: {answer}")
        self.check_fields(reply, where, answer)
        if method != "HEAD" and answer.body:
            self.check_body(reply, where, answer)

    def check_fields(self, reply, where, answer):
        named = {name.lower() for name in reply["headers"]} | FRAMING
        for name, value in answer.headers:
            if name.lower() not in named and (name, value) != OF_PROXY:
                raise Unnamed(f"the document names no {name} in {where}: {answer.headers}")

    def check_body(self, reply, where, answer):
        kinds = {kind.partition(";")[0]: content for kind, content in reply.get("content", {}).items()}
        if answer.content_type not in kinds:
            raise Unnamed(f"{where} has the type {answer.content_type}, and by the document {list(kinds)}: {answer}")
        if not answer.content_type.endswith("json") or answer.header("Content-Encoding"):
            return
        document, schema = answer.json(), kinds[answer.content_type]["schema"]
        if isinstance(document, list) and len(document) > LOOKED_AT:
            document = document[:LOOKED_AT // 2] + document[-LOOKED_AT // 2:]
        for error in self.validator(schema).iter_errors(document):
            raise Unnamed(f"{where} is not as its schema says: {error.message} at {list(error.absolute_path)} in {answer}")

    def validator(self, schema):
        return self.validators.setdefault(id(schema), Draft202012Validator(schema))


@functools.cache
def own():
    """The document of the program under test."""
    return Document(json.loads(run("openapi").stdout))


def check(method, target, answer):
    own().check(method, target, answer)


def official():
    return Draft202012Validator(json.loads(OFFICIAL.read_text()))
