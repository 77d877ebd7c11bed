"""SIGHUP: what may change while a server runs is read again, from a file of settings; what may not stays, and the log says so."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.program import run
from support.rawhttp import Connection, request_bytes
from support.wait import until

pytestmark = pytest.mark.quick


@pytest.fixture
def file(folder):
    """file(NAME=value, …): writes it and gives its path."""
    def write(**settings):
        (folder / "settings").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return folder / "settings"

    return write


def renew(server, said="settings read again"):
    """SIGHUP, and what the log says of it up to that line."""
    before = len(server.told(said))
    server.signal(signal.SIGHUP)
    until(lambda: len(server.told(said)) > before, 5, said)
    return server.lines()


def requests(server):
    """How many lines of requests are in the log after one more."""
    server.api.get("/orders?page=1&limit=1")
    server.api.get("/orders?page=1&limit=1")
    return len([line for line in server.lines() if line["message"] == "request"])


def with_host(server, host):
    with Connection(server.address) as connection:
        connection.send(request_bytes("GET", "/orders?page=1&limit=1", headers={"Host": host}))
        return connection.response().status


def test_what_may_change_changes_at_once(serve, sqlite, file):
    server = serve("--settings", file(ROWLOCK_HOSTS="a.example,127.0.0.1", ROWLOCK_ACCESS_LOG="off", ROWLOCK_LOG_LEVEL="info"), database=sqlite)
    assert (with_host(server, "a.example"), with_host(server, "b.example")) == (200, 421)
    assert requests(server) == 0
    file(ROWLOCK_HOSTS="b.example,127.0.0.1", ROWLOCK_ACCESS_LOG="on", ROWLOCK_CORS_ORIGINS="http://app.example")
    lines = renew(server)
    changed = [line["setting"] for line in lines if line["message"] == "a setting has changed"]
    assert [name.partition(" in ")[0] for name in changed] == ["ROWLOCK_HOSTS", "ROWLOCK_CORS_ORIGINS", "ROWLOCK_ACCESS_LOG"]
    assert (with_host(server, "a.example"), with_host(server, "b.example")) == (421, 200)
    until(lambda: requests(server) > 0, 5, "requests are logged")
    assert server.api.get("/health", {"Origin": "http://app.example"}).header("Access-Control-Allow-Origin") == "http://app.example"
    file()
    renew(server)
    assert (with_host(server, "a.example"), with_host(server, "whatever")) == (200, 200)
    assert server.api.get("/health", {"Origin": "http://app.example"}).header("Access-Control-Allow-Origin") is None


def test_whom_a_proxy_may_speak_for(serve, sqlite, file):
    server = serve("--settings", file(ROWLOCK_ACCESS_LOG="on"), database=sqlite)

    def client(name):
        server.api.get("/orders?page=1&limit=1", {"X-Forwarded-For": "192.0.2.1", "X-Request-Id": name})
        return until(lambda: [line["client"] for line in server.lines() if line.get("request_id") == name], 5, "its line in the log")

    assert client("a") == ["127.0.0.1"]
    file(ROWLOCK_ACCESS_LOG="on", ROWLOCK_TRUSTED_PROXIES="127.0.0.1")
    renew(server)
    assert client("b") == ["192.0.2.1"]
    file(ROWLOCK_ACCESS_LOG="on", ROWLOCK_TRUSTED_PROXIES="127.0.0.1/8")
    renew(server, "the settings are not right, and stay as they were")
    assert client("c") == ["192.0.2.1"]
    file(ROWLOCK_ACCESS_LOG="on")
    renew(server)
    assert client("d") == ["127.0.0.1"]


def test_the_level_of_the_log(serve, sqlite, file):
    server = serve("--settings", file(ROWLOCK_LOG_LEVEL="info", ROWLOCK_ACCESS_LOG="on"), database=sqlite)
    assert requests(server) > 0

    def silent():
        before = len(server.lines())
        server.api.get("/health")
        return len(server.lines()) == before

    file(ROWLOCK_LOG_LEVEL="error", ROWLOCK_ACCESS_LOG="on")
    server.signal(signal.SIGHUP)
    until(silent, 5, "nothing more is logged")
    before = requests(server)
    file(ROWLOCK_LOG_LEVEL="debug", ROWLOCK_ACCESS_LOG="on")
    renew(server)
    until(lambda: requests(server) > before, 5, "requests are logged again")


def test_what_may_not_change_is_named_and_stays(serve, database, file):
    server = serve("--settings", file(ROWLOCK_QUEUE="100", ROWLOCK_LOG_LEVEL="info"), database=database)
    file(ROWLOCK_QUEUE="200", ROWLOCK_DEADLINE="3", ROWLOCK_LOG_LEVEL="debug", DATABASE_URL="sqlite:elsewhere.db")
    lines = renew(server)
    stay = [line["setting"].partition(" in ")[0] for line in lines if "after a restart" in line["message"]]
    assert stay == ["ROWLOCK_DEADLINE", "ROWLOCK_QUEUE"]         # the database is named by a flag, which wins
    assert [line["setting"].partition(" in ")[0] for line in lines if line["message"] == "a setting has changed"] == ["ROWLOCK_LOG_LEVEL"]
    lines = renew(server)
    named = [line["setting"].partition(" in ")[0] for line in lines if "after a restart" in line["message"]]
    assert named == 2 * stay, "the next look finds the same: they were not taken over"
    assert server.api.place() > 0


@pytest.mark.parametrize("text, said", [("ROWLOCK_LOG_LEVEL=loud", "ROWLOCK_LOG_LEVEL"), ("ROWLOCK_HOSTS=a:1", "ROWLOCK_HOSTS"), ("nonsense", "line 1"), ("ROWLOCK_HOST=a", "ROWLOCK_HOSTS"),
                                        (None, "No such file")])
def test_a_file_that_is_not_right_changes_nothing(serve, sqlite, file, text, said):
    path = file(ROWLOCK_HOSTS="a.example,127.0.0.1")
    server = serve("--settings", path, database=sqlite)
    path.unlink() if text is None else path.write_text(text + "\n")
    lines = renew(server, "the settings are not right, and stay as they were")
    assert said in lines[-1]["reason"] and str(path) in lines[-1]["reason"]
    assert (with_host(server, "a.example"), with_host(server, "b.example")) == (200, 421)
    file(ROWLOCK_HOSTS="b.example,127.0.0.1")
    renew(server)
    assert (with_host(server, "a.example"), with_host(server, "b.example")) == (421, 200)


def test_a_pipe_is_not_waited_for_again(serve, sqlite, folder, file):
    os.mkfifo(folder / "token")
    with ThreadPoolExecutor(1) as writer:
        writer.submit((folder / "token").write_text, "geheim-4711")
        server = serve("--settings", file(), env={"GITHUB_TOKEN_FILE": folder / "token"}, database=sqlite)
    lines = renew(server, "the settings are not right, and stay as they were")
    assert "GITHUB_TOKEN_FILE" in lines[-1]["reason"] and "pipe" in lines[-1]["reason"]
    assert server.api.place() > 0


def test_a_master_gives_them_to_the_successors_of_its_workers(serve, postgres, file):
    server = serve("--workers", 2, "--settings", file(ROWLOCK_HOSTS="a.example,127.0.0.1", ROWLOCK_QUEUE="100"), database=postgres)
    before = server.workers()
    file(ROWLOCK_HOSTS="b.example,127.0.0.1", ROWLOCK_QUEUE="200")
    server.signal(signal.SIGHUP)
    server.told("workers replaced", 1, 20)
    until(lambda: len(server.workers()) == 2 and not set(before) & set(server.workers()), 10, "the old ones have gone")
    until(lambda: [with_host(server, "b.example") for _ in range(10)] == [200] * 10, 5, "all workers have the new ones")
    assert with_host(server, "a.example") == 421
    lines = server.lines()
    assert [line["setting"].partition(" in ")[0] for line in lines if "after a restart" in line["message"]] == ["ROWLOCK_QUEUE"]
    assert len([line for line in lines if line["message"] == "settings read again"]) == 1, "the master alone says so"


def test_what_changes_while_workers_are_replaced_counts_too(serve, postgres, file):
    server = serve("--workers", 2, "--settings", file(ROWLOCK_HOSTS="a.example,127.0.0.1"), database=postgres)
    file(ROWLOCK_HOSTS="b.example,127.0.0.1")
    server.signal(signal.SIGHUP)
    server.told("replacing workers", 1)
    file(ROWLOCK_HOSTS="c.example,127.0.0.1")
    server.signal(signal.SIGHUP)
    server.told("workers replaced", 2, 30)
    until(lambda: [with_host(server, "c.example") for _ in range(10)] == [200] * 10, 10, "all workers have the last ones")


def test_without_a_file_a_server_goes_on(serve, sqlite):
    server = serve(database=sqlite)
    assert not [line for line in renew(server) if "setting" in line]
    assert server.api.place() > 0


def test_flags_and_variables_win_over_the_file(file):
    path = file(ROWLOCK_QUEUE="1", ROWLOCK_DEADLINE="1", ROWLOCK_DRAIN="1", GMAP_TOKEN="geheim-4711")
    done = run("config", "--settings", path, "--queue", "3", env={"ROWLOCK_DEADLINE": "3"})
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "geheim" not in done.stdout
    assert lines["queue"].endswith("# --queue") and lines["deadline"].endswith("# ROWLOCK_DEADLINE") and lines["drain"].endswith(f"# ROWLOCK_DRAIN in {path}")


@pytest.mark.parametrize("text, value", [('ROWLOCK_HOSTS="a.example"', "a.example"), ("ROWLOCK_HOSTS='a.example'", "a.example"), ("export ROWLOCK_HOSTS=a.example", "a.example"),
                                         ("  ROWLOCK_HOSTS = x\nROWLOCK_HOSTS=a.example", None), ("# x\n\n\tROWLOCK_HOSTS=a.example  \r\n", "a.example"), ("ROWLOCK_HOSTS=", ""),
                                         ("ROWLOCK_HOSTS=b\nROWLOCK_HOSTS=a.example", "a.example")])
def test_lines_as_others_write_them(folder, text, value):
    (folder / "settings").write_text(text)
    done = run("config", "--settings", folder / "settings")
    if value is None:
        assert done.returncode == 2 and "line 1" in done.stderr
    else:
        assert [line.split("#")[0].split()[1:] for line in done.stdout.splitlines() if line.startswith("hosts ")] == [[value] if value else []]


@pytest.mark.parametrize("text, words", [("ROWLOCK_QUEU=1", ["ROWLOCK_QUEU", "ROWLOCK_QUEUE"]), ("PGHOST=x", ["PGHOST"]), ("ROWLOCK_SETTINGS=x", ["ROWLOCK_SETTINGS"]), ("ROWLOCK_QUEUE_FILE=x", ["ROWLOCK_QUEUE_FILE"]),
                                         ("ROWLOCK_QUEUE=no", ["ROWLOCK_QUEUE in", "no"]), ("\0", ["no text"])])
def test_what_is_wrong_in_the_file_is_said_with_its_name(folder, text, words):
    path = folder / "settings"
    path.write_text(text)
    for done in (run("config", "--settings", path), run("config", env={"ROWLOCK_SETTINGS": path})):
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and all(word in done.stderr for word in [*words, str(path)]), done.stderr
