"""A collector of spans: what OTLP/HTTP in JSON says of a body is demanded of each, then it is answered as it is told."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEX = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
# The members that trace.proto, common.proto and resource.proto know, by their names in JSON.
SPAN = {"traceId", "spanId", "traceState", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "links", "status"}


def attributes(found):
    """{key: value} of a list of attributes."""
    values = {}
    for attribute in found:
        assert set(attribute) == {"key", "value"} and isinstance(attribute["key"], str) and attribute["key"] not in values
        (kind, value), = attribute["value"].items()
        assert kind in ("stringValue", "intValue") and isinstance(value, str), "64-bit numbers are texts"
        values[attribute["key"]] = int(value) if kind == "intValue" else value
    return values


def ids(found):
    for name, length in HEX.items():
        if name in found:
            assert re.fullmatch(f"[0-9a-f]{{{length}}}", found[name]) and set(found[name]) != {"0"}, found


class Span:
    def __init__(self, found):
        assert set(found) <= SPAN and {"traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"} <= set(found), found
        ids(found)
        self.trace, self.id, self.parent = found["traceId"], found["spanId"], found.get("parentSpanId")
        self.name, self.kind, self.state, self.flags = found["name"], found["kind"], found.get("traceState"), found["flags"]
        assert self.kind in (1, 2, 3) and 0 <= self.flags < 0x400 and self.flags & 1
        self.start, self.end = (int(found[name]) for name in ("startTimeUnixNano", "endTimeUnixNano"))
        assert all(isinstance(found[name], str) for name in ("startTimeUnixNano", "endTimeUnixNano")) and 0 < self.start <= self.end
        self.attributes = attributes(found.get("attributes", []))
        self.links = []
        for link in found.get("links", []):
            assert set(link) == {"traceId", "spanId", "flags"}
            ids(link)
            self.links.append((link["traceId"], link["spanId"]))
        self.status = found.get("status", {}).get("code", 0)
        assert found.get("status") is None or set(found["status"]) == {"message", "code"} and self.status == 2

    def __repr__(self):
        return f"<{self.name} {self.trace[:8]}/{self.id[:8]} below {self.parent} {self.attributes}>"


class Collector:
    """
    with Collector() as collector: … collector.url …
    `spans` holds those that came, `requests` the (path, headers) and `bodies` the body of each. `answer` is (status, headers, body), or a list of them, of which the last is for all that follow.
    """

    def __init__(self, answer=(200, {}, b'{"partialSuccess":{}}'), port=0):
        self.answer, self.spans, self.requests, self.bodies, self.wrong, self.resources = answer, [], [], [], [], []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    answers = outer.answer if isinstance(outer.answer, list) else [outer.answer]
                    status, headers, said = answers.pop(0) if len(answers) > 1 else answers[0]
                try:
                    taken = outer.read(self, body)
                except Exception as error:                  # pylint: disable=broad-except
                    outer.wrong.append((repr(error), body))
                    taken = []
                if status // 100 == 2:
                    with outer.lock:
                        outer.spans += taken
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def read(self, handler, body):
        self.requests.append((handler.path, dict(handler.headers)))
        self.bodies.append(body)
        assert handler.headers["Content-Type"] == "application/json"
        document = json.loads(body)
        assert set(document) == {"resourceSpans"}
        spans = []
        for resource in document["resourceSpans"]:
            assert set(resource) == {"resource", "scopeSpans"} and set(resource["resource"]) == {"attributes"}
            self.resources.append(attributes(resource["resource"]["attributes"]))
            for scope in resource["scopeSpans"]:
                assert set(scope) == {"scope", "spans"} and scope["scope"]["name"] == "rowlock"
                spans += [Span(span) for span in scope["spans"]]
        return spans

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        assert kind is not None or not self.wrong, self.wrong
