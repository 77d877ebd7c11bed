"""What is different when a person sits at a terminal."""

import json
import signal

import pytest

from support.port import free_port
from support.program import rowlock, run
from support.rawhttp import Api
from support.terminal import Terminal
from support.wait import until

pytestmark = pytest.mark.quick


def served(sqlite, *streams, env=None, flags=(), **others):
    """(terminal, Api) of a server whose named streams are a terminal, once it listens."""
    port = free_port()
    shown = Terminal([rowlock(), "serve", "--listen", f"127.0.0.1:{port}", "--database", sqlite.url, *flags], *streams, env=env, **others)
    api = Api(f"127.0.0.1:{port}")

    def answers():
        assert shown.process.poll() is None, shown.text()
        try:
            return api.get("/health").status == 200
        except OSError:
            return False

    until(answers, 10, "it answers")
    return shown, api


def ended(shown):
    shown.process.send_signal(signal.SIGTERM)
    assert shown.wait() == 0
    return [line for line in shown.text().splitlines() if line]


def asked(api):
    assert api.get("/orders?page=1&limit=1", {"X-Request-Id": "mine-4711"}).status == 200


def test_a_terminal_gets_text_and_a_line_a_request(sqlite):
    shown, api = served(sqlite, "stdout", "stderr")
    with shown:
        asked(api)
        lines = ended(shown)
    assert lines and not any(line.startswith("{") for line in lines), lines
    assert any("mine-4711" in line and "/orders" in line for line in lines), lines


def test_what_was_said_wins_over_the_terminal(sqlite):
    shown, api = served(sqlite, "stdout", "stderr", env={"ROWLOCK_ACCESS_LOG": "off"}, flags=("--log-format", "json"))
    with shown:
        asked(api)
        lines = ended(shown)
    assert lines and all(json.loads(line)["message"] for line in lines), lines
    assert not any("mine-4711" in line for line in lines), lines


def test_the_format_goes_by_stderr_and_the_access_log_by_stdout(sqlite, folder):
    shown, api = served(sqlite, "stderr")
    with shown:
        asked(api)
        lines = ended(shown)
    assert lines and not any(line.startswith("{") or "mine-4711" in line for line in lines), lines
    with open(folder / "log", "wb") as log:
        shown, api = served(sqlite, "stdout", stderr=log)
        with shown:
            asked(api)
            ended(shown)
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    assert [line["path"] for line in lines if line.get("request_id") == "mine-4711"] == ["/orders"]


def test_without_a_terminal_there_is_json_and_no_line_a_request(serve, sqlite):
    server = serve(database=sqlite)
    asked(server.api)
    server.stop()
    assert len(server.lines()) == len(server.log().splitlines()) and "mine-4711" not in server.log()


@pytest.mark.parametrize("app", ["orders", "sites", "health", "messages", "users"])
def test_seed_shows_how_far_it_is_and_without_a_terminal_it_does_not(database, app):
    command = ["seed", app, "-t", 700, "--offline", "--database", database.url]
    with Terminal([rowlock(), *command], "stderr") as shown:
        assert shown.wait() == 0
        text = shown.text()
    done = [int(word.partition("/")[0]) for word in text.split() if word.endswith("/700")]
    assert done and done == sorted(done) and done[-1] == 700, text
    assert "\r" in text and text.endswith("\n") and text.count("\n") <= 2, repr(text)
    silent = run(*command)
    assert silent.returncode == 0 and silent.stderr == ""


@pytest.mark.parametrize("app, table, count", [("orders", "orders", 15), ("sites", "site", 15), ("health", "health_region", 15), ("messages", "messages", 15),
                                               ("users", "users", 150)])
def test_seed_makes_as_many_as_it_says_when_it_is_not_told(database, app, table, count):
    done = run("seed", app, "--offline", "--database", database.url)
    assert done.returncode == 0 and str(count) in done.stdout, done
    assert database.query(f"SELECT count(*) FROM {table}") == [(count,)]
