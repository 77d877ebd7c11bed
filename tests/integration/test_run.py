"""./run, when all is installed and built: what it makes of its arguments and of .env, and what it says when."""

import contextlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess

import pytest

from support.program import ROOT, SLOW, environment, rowlock
from support.rawhttp import Api
from support.wait import until


@pytest.fixture
def tree(folder):
    """A source tree in which there is nothing left to install or to build."""
    tree = folder / "tree"
    (tree / "build-aux").mkdir(parents=True)
    (tree / "build").mkdir()
    shutil.copy(ROOT / "run", tree)
    (tree / "build-aux" / "front-door.sh").write_text("install_packages() { :; }\nconfigure_tree() { :; }\ncores() { echo 1; }\n"
                                                      "say() { echo \"$me: $*\" >&2; }\ndie() { say \"$*\"; exit 1; }\n")
    (tree / "build" / "Makefile").write_text("rowlock rowlock-healthcheck:\n.PHONY: rowlock rowlock-healthcheck\n")
    (tree / "build" / "rowlock").symlink_to(rowlock())
    return tree


def run(tree, *arguments, **env):
    return subprocess.run([tree / "run", *arguments], cwd=tree, env=environment(**env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=20 * SLOW)


@pytest.mark.parametrize("arguments, named", [(["--bogus"], "--bogus"), (["--workers", "none"], "--workers"), (["--apps", "order"], "order"),
                                              (["--database"], "--database")], ids=lambda value: str(value))
def test_wrong_arguments_are_said_before_anything_is_changed(tree, arguments, named):
    done = run(tree, *arguments)
    assert done.returncode == 2 and named in done.stderr and done.stdout == ""
    assert not list(tree.glob("rowlock.db*"))


def test_help_changes_nothing(tree):
    done = run(tree, "--help")
    assert done.returncode == 0 and "--listen" in done.stdout
    assert not list(tree.glob("rowlock.db*"))


@pytest.mark.parametrize("arguments, filled", [([], {"orders", "users", "messages", "site", "health_region"}), (["--apps", "users"], {"users"}),
                                               (["--apps=orders,messages"], {"orders", "messages"})], ids=lambda value: str(value))
def test_what_is_served_gets_samples(tree, arguments, filled):
    with running(tree, *arguments) as (_, said):
        assert ("/orders/1" in said) == ("orders" in filled)
        with sqlite3.connect(tree / "rowlock.db") as database:
            for table in ("orders", "users", "messages", "site", "health_region"):
                rows, = database.execute(f"SELECT count(*) FROM {table}").fetchone()
                assert (rows > 0) == (table in filled), table


# ---- addresses ----

@contextlib.contextmanager
def running(tree, *arguments, listen="127.0.0.1:0", **env):
    """(process, what it said up to the last line that it has for a user)"""
    with open(tree / "log", "wb") as log:
        process = subprocess.Popen([tree / "run", *(("--listen", listen) if listen else ()), *arguments], cwd=tree, env=environment(**env),
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or "./run --help" in (tree / "log").read_text(), 20, "it says how to try it")
        said = (tree / "log").read_text()
        assert process.poll() is None, said
        yield process, said
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.wait(20 * SLOW) == 0


def test_every_address_that_it_prints_shows_something(tree):
    with running(tree) as (_, said):
        assert said.index('"listening"') < said.index("Rowlock serves on")
        reading = "\n".join(line for line in said.splitlines() if " -d " not in line)
        addresses = re.findall(r"http://(\S+?)(/\S*)", reading)
        assert {path.split("?")[0] for _, path in addresses} >= {"/orders", "/sites", "/instruments", "/health-regions", "/messages", "/api/users/profiles",
                                                                 "/healthcheck", "/orders/1"}
        for address, path in addresses:
            answer = Api(address).get(path)
            assert answer.status == 200 and answer.body not in (b"", b"[]"), path


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_address_in_use_is_said_before_anything_is_changed(tree, postgres, workers):
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = ["--workers", workers] + (["--database", postgres.url] if workers == "2" else [])
        done = run(tree, "--listen", listen, *arguments)
        assert done.returncode == 1 and done.stdout == ""
        assert listen in done.stderr and "in use" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tree.glob("rowlock.db*"))


def test_nothing_is_printed_for_a_server_that_does_not_come_up(tree):
    (tree / "rowlock.db").mkdir()
    done = run(tree, "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and done.stdout == "" and "rowlock.db" in done.stderr


# ---- commands, and .env ----

def test_it_runs_the_other_commands(tree):
    assert "added 3 orders" in run(tree, "seed", "orders", "--total", "3").stdout
    assert "applied" in run(tree, "migrate", "--status").stdout
    done = run(tree, "sed", "orders")
    assert done.returncode == 2 and "did you mean seed?" in done.stderr


def test_settings_come_from_env(tree):
    (tree / ".env").write_text("# a comment\nDEBUG=True\nDATABASE_URL=\"sqlite:other file.db\"\nexport ROWLOCK_APPS='messages' # and another\n"
                               "ROWLOCK_QUEUE=7   # seven\r\nROWLOCK_DRAIN=\nnonsense\nPATH=/nowhere\nROWLOCK_WORKERS=none")
    done = run(tree, "config", ROWLOCK_WORKERS="1", ROWLOCK_DEADLINE="3")
    assert done.returncode == 0, done.stderr
    values = {line.split()[0]: " ".join(line.split("#")[0].split()[1:]) for line in done.stdout.splitlines()}
    assert values["database"] == "sqlite:other file.db" and values["apps"] == "messages" and values["queue"] == "7"
    assert values["workers"] == "1" and values["deadline"] == "3" and values["drain"] == "8"
    assert done.stderr.strip() == "run: from .env: DATABASE_URL ROWLOCK_APPS ROWLOCK_QUEUE"


def test_the_proxies_of_env_reach_the_program(tree):
    names = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]
    (tree / ".env").write_text("".join(f"{name}=of-{name[:-6]}.test\n" for name in names))
    said = run(tree, "config").stdout
    for name in names:
        assert f"of-{name[:-6]}.test" in said, (name, said)


@pytest.mark.parametrize("form", ["parts", "uri"])
def test_the_database_of_env_is_served(tree, empty_postgres, form):
    port = empty_postgres.cluster.port
    (tree / ".env").write_text(f"SQLALCHEMY_DATABASE_URI={empty_postgres.url}\n" if form == "uri" else
                               f"DEBUG=True\nDB_NAME={empty_postgres.name}\nDB_USER=postgres\nDB_PASSWORD=x y\nDB_HOST=127.0.0.1\nDB_PORT={port}\n")
    with running(tree):
        assert empty_postgres.query("SELECT count(*) FROM users") == [(150,)]
    assert not list(tree.glob("rowlock.db*"))
