"""What is different when a person sits at a terminal."""

import json
import re
import signal
import subprocess

import pytest

from support.port import free_port
from support.program import ROOT, environment, rowlock, run
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


# ---- progress ----

ENDLESS = ["seed", "orders", "-t", 100000000]


def test_whoever_interrupts_it_gets_a_line_of_his_own(sqlite):
    with Terminal([rowlock(), *ENDLESS, "--database", sqlite.url], "stderr") as shown:
        until(lambda: re.search(r"orders \[[.#]+\] \d+/100000000 \d+/s, .* left", shown.text()), 20, "a bar with rate and time")
        shown.process.send_signal(signal.SIGINT)
        assert shown.wait() == -signal.SIGINT
        assert shown.text().endswith("left\n"), shown.text()[-200:]
    assert sqlite.query("SELECT count(*) FROM orders") == [(0,)]


def test_it_is_as_wide_as_the_terminal(sqlite):
    with Terminal([rowlock(), *ENDLESS, "--database", sqlite.url], "stderr") as shown:
        shown.resize(33)
        until(lambda: shown.text().count("\r") > 2, 20, "it is drawn again")
        shown.process.send_signal(signal.SIGTERM)
        assert shown.wait() == -signal.SIGTERM
        lines = [part.removeprefix("\x1b[K") for part in shown.text().rstrip("\n").split("\r")]
    assert len(lines[-1]) < 33 and lines[-1].startswith("orders "), lines


def test_a_terminal_that_cannot_draw_is_left_alone(sqlite):
    with Terminal([rowlock(), "seed", "orders", "-t", 700, "--database", sqlite.url], "stderr", env={"TERM": "dumb"}) as shown:
        assert shown.wait() == 0 and shown.text() == ""


def test_without_a_terminal_there_is_a_line_now_and_then(sqlite):
    with subprocess.Popen([rowlock(), *map(str, ENDLESS), "--database", sqlite.url], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env=environment()) as running:
        line = running.stderr.readline()
        running.kill()
    assert re.fullmatch(r"orders: \d+/100000000, \d+/s, (\d+ h )?\d+ min (\d+ s )?left\n", line), line


def test_migrate_and_import_show_it_too(empty_sqlite):
    with Terminal([rowlock(), "migrate", "--database", empty_sqlite.url], "stdout", "stderr") as shown:
        assert shown.wait() == 0
        lines = [line.rpartition("\x1b[K")[2] for line in shown.text().rstrip("\n").split("\n")]
    assert re.fullmatch(r"migrations \[#+\] (\d+)/\1 .*", lines[-2]) and lines[-1] == "the schema is up to date", lines
    assert [line for line in lines if line.startswith("applied ")] == lines[:-2], lines
    folder = ROOT / "sample" / "health"
    files = [("--regions", "regions"), ("--provinces", "provinces"), ("--health-regions", "health_regions"), ("--fsa", "fsa")]
    with Terminal([rowlock(), "import", "health", *(word for flag, name in files for word in (flag, folder / f"{name}.csv")), "--database",
                   empty_sqlite.url], "stderr") as shown:
        assert shown.wait() == 0
        assert re.search(r"\x1b\[Krecords \[#+\] (\d+)/\1 .*\n$", shown.text()), shown.text()


@pytest.mark.parametrize("app, table, count", [("orders", "orders", 15), ("sites", "site", 15), ("health", "health_region", 15), ("messages", "messages", 15),
                                               ("users", "users", 150)])
def test_seed_makes_as_many_as_it_says_when_it_is_not_told(database, app, table, count):
    done = run("seed", app, "--offline", "--database", database.url)
    assert done.returncode == 0 and str(count) in done.stdout, done
    assert database.query(f"SELECT count(*) FROM {table}") == [(count,)]
