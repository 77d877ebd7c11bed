"""./run, when all is installed and built: what it makes of its arguments."""

import shutil
import signal
import sqlite3
import subprocess

import pytest

from support.program import ROOT, SLOW, environment, rowlock
from support.wait import until


@pytest.fixture
def tree(folder):
    """A source tree in which there is nothing left to install or to build."""
    tree = folder / "tree"
    (tree / "build-aux").mkdir(parents=True)
    (tree / "build").mkdir()
    shutil.copy(ROOT / "run", tree)
    (tree / "build-aux" / "front-door.sh").write_text("install_packages() { :; }\nconfigure_tree() { :; }\ncores() { echo 1; }\n"
                                                      "die() { echo \"$*\" >&2; exit 1; }\n")
    (tree / "build" / "Makefile").write_text("rowlock rowlock-healthcheck:\n.PHONY: rowlock rowlock-healthcheck\n")
    (tree / "build" / "rowlock").symlink_to(rowlock())
    return tree


def run(tree, *arguments):
    return subprocess.run([tree / "run", *arguments], cwd=tree, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
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
    with open(tree / "log", "wb") as log:
        process = subprocess.Popen([tree / "run", "--listen", "127.0.0.1:0", *arguments], cwd=tree, env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or "\"listening\"" in (tree / "log").read_text(), 20, "it listens")
        said = (tree / "log").read_text()
        assert process.poll() is None, said
        assert ("/orders/1" in said) == ("orders" in filled)
        with sqlite3.connect(tree / "rowlock.db") as database:
            for table in ("orders", "users", "messages", "site", "health_region"):
                rows, = database.execute(f"SELECT count(*) FROM {table}").fetchone()
                assert (rows > 0) == (table in filled), table
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20 * SLOW) == 0
