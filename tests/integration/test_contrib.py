"""contrib/: alerts and the dashboard, by Debian's own Prometheus. It scrapes a server at work, and every query of every panel must
find something there; the alerts have tests of their own, which promtool runs."""

import json
import re
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from contextlib import contextmanager

import pytest

from support.events import EventStream
from support.metrics import scraped
from support.port import free_port
from support.program import ROOT, missing
from support.wait import until

pytestmark = pytest.mark.plain

RULES = ROOT / "contrib" / "prometheus"
DASHBOARD = ROOT / "contrib" / "grafana" / "rowlock.json"
CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
rule_files: [RULES]
scrape_configs:
  - job_name: rowlock
    static_configs: [{targets: ["ADDRESS"]}]
"""


def tool(name):
    return shutil.which(name) or missing(f"{name} (prometheus)")


def promtool(*arguments):
    return subprocess.run([tool("promtool"), *arguments], capture_output=True, text=True, timeout=60)


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def queries():
    """{(panel, legend): query}"""
    return {(panel["title"], target["legendFormat"]): target["expr"] for panel in panels() for target in panel["targets"]}


class Prometheus:
    def __init__(self, port):
        self.port = port

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def found(self, query):
        return self.ask("query", query=query)["result"]

    def is_up(self):
        try:
            return bool(self.found('up{job="rowlock"} == 1'))
        except OSError:
            return False


@contextmanager
def prometheus(address, folder):
    port = free_port()
    (folder / "prometheus.yml").write_text(CONFIG.replace("ADDRESS", address).replace("RULES", str(RULES / "rowlock.rules.yml")))
    with open(folder / "log", "w") as log:
        process = subprocess.Popen([tool("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                    f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        server = Prometheus(port)
        until(lambda: process.poll() is None and server.is_up(), 30, lambda: f"it scrapes the server: {(folder / 'log').read_text()[-2000:]}")
        yield server
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def work(api):
    """Orders are placed, taken and claimed, and much else is asked for, until the end."""
    over = threading.Event()

    def run():
        while not over.wait(0.02):
            order = api.place()
            api.take(order, "ann")
            api.take(order, "bob")
            api.place()
            api.claim("cid")
            for target in ("/orders/4711000", "/api/users/profiles", "/orders?page=1&limit=3", "/nonesuch"):
                api.get(target)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_every_query_of_the_dashboard_finds_something(serve, postgres, folder):
    server = serve("--workers", 2, "--distance", "haversine", database=postgres, wait="listening")
    server.told("ready to serve", 2)
    server.wait_healthy()
    with EventStream(server.address), work(server.api), prometheus(server.address, folder) as scraper:
        for (panel, legend), query in queries().items():
            asked = query.replace("$job", "rowlock").replace("$__rate_interval", "10s")
            found = until(lambda: scraper.found(asked), 20, f"something of {panel!r}, {legend!r}: {asked}")
            for label in re.findall(r"{{(\w+)}}", legend):
                assert all(label in one["metric"] for one in found), (panel, label)
        rules = [rule for group in scraper.ask("rules")["groups"] for rule in group["rules"]]
        until(lambda: all(rule["health"] == "ok" for rule in rules) or rules.clear() or
              rules.extend(rule for group in scraper.ask("rules")["groups"] for rule in group["rules"]), 90, "every rule was evaluated")
        assert len(rules) > 10


def test_a_query_that_finds_nothing_would_be_noticed(serve, sqlite, folder):
    server = serve(database=sqlite)
    with prometheus(server.address, folder) as scraper:
        until(lambda: scraper.found('rowlock_build_info{job="rowlock"}'), 10)
        assert scraper.found('rowlock_nonesuch{job="rowlock"}') == []
        types = scraper.ask("metadata", metric="rowlock_http_requests_total") or scraper.ask("metadata", metric="rowlock_http_requests")
        assert {one["type"] for group in types.values() for one in group} == {"counter"}, "it has taken OpenMetrics or Prometheus' own format"


def test_the_alerts_fire_when_they_should_and_at_no_other_time():
    checked = promtool("check", "rules", RULES / "rowlock.rules.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = promtool("test", "rules", RULES / "rowlock.rules.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    named = re.findall(r"- alert: (\w+)", (RULES / "rowlock.rules.yml").read_text())
    tested = set(re.findall(r"alertname: (\w+)", (RULES / "rowlock.rules.test.yml").read_text()))
    assert len(named) > 10 and set(named) == tested


def test_alerts_and_panels_speak_of_metrics_that_there_are(api):
    there = {name for name, _ in scraped(api).values} | set(scraped(api).families) | {"up"}
    there |= {name + suffix for name, (kind, _) in scraped(api).families.items() if kind == "histogram" for suffix in ("_bucket", "_sum", "_count")}
    asked = set(re.findall(r"\b(?:rowlock|process)_\w+", " ".join(queries().values()) + (RULES / "rowlock.rules.yml").read_text()))
    assert asked and asked <= there, asked - there
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:rowlock|process)_\w+", " ".join(queries().values()))}
    left_out = {"rowlock_build_info", "rowlock_http_connections_max", "rowlock_http_connections_accepted_total", "rowlock_http_connections_closed_total",
                "rowlock_http_accept_pauses_total", "process_virtual_memory_bytes", "process_start_time_seconds",
                "rowlock_api_keys", "rowlock_api_keys_file_refused"}     # what is to be seen of these is an alert
    assert {name for name in scraped(api).families} == shown | left_out


def test_every_alert_has_its_place_in_the_docs():
    docs = (ROOT / "docs" / "operations.md").read_text()
    missing_ones = [name for name in re.findall(r"- alert: (\w+)", (RULES / "rowlock.rules.yml").read_text()) if f"`{name}`" not in docs]
    assert not missing_ones
