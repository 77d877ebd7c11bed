"""What a collector of traces gets is what OpenTelemetry's own definition of it takes: no name, type or enum that it does not know."""

import subprocess

import tools
from support.collector import Collector
from support.provider import Provider, osrm

# OTLP/HTTP in JSON is protobuf's JSON, but for ids, which are hexadecimal there and base64 in protobuf's.
READER = """
import base64, json, sys
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

def with_ids(value):
    if isinstance(value, dict):
        return {name: base64.b64encode(bytes.fromhex(inner)).decode() if name in ("traceId", "spanId", "parentSpanId") else with_ids(inner)
                for name, inner in value.items()}
    return [with_ids(inner) for inner in value] if isinstance(value, list) else value

request = ParseDict(with_ids(json.load(sys.stdin)), ExportTraceServiceRequest(), ignore_unknown_fields=False)
for resource in request.resource_spans:
    for scope in resource.scope_spans:
        for span in scope.spans:
            assert len(span.trace_id) == 16 and len(span.span_id) == 8 and 0 < span.start_time_unix_nano <= span.end_time_unix_nano
            print(span.trace_id.hex(), span.span_id.hex(), len(span.links), span.kind, span.name)
"""


def test_it_is_read_by_its_definition(serve, database):
    programs = tools.pypi()
    with Collector() as collector, Provider(osrm(7)) as provider:
        server = serve("--otlp", collector.url, "--trace-ratio", 1, database=database, env=provider.settings("osrm"))
        order = server.api.place()
        server.api.take(order, "ann")
        server.api.get("/orders?page=1&limit=3", headers={"User-Agent": 'a "b" \\ c'})
        server.api.get("/nope")
        server.stop()
        found = []
        for body in collector.bodies:
            done = subprocess.run([programs / "python", "-c", READER], input=body, capture_output=True, timeout=60)
            assert done.returncode == 0, done.stderr.decode()
            found += [line.split(" ", 4) for line in done.stdout.decode().splitlines()]
    assert [[span.trace, span.id, str(len(span.links)), str(span.kind), span.name] for span in collector.spans] == found
    assert {"POST /orders", "PATCH /orders/{id}", "GET", "order_take", "wait for the set"} <= {name for *_, name in found}
