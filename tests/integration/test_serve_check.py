"""serve --check: all that would keep a server from serving is said at once, by setting, and nothing is changed."""

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess

import pytest

from support.cacheserver import Redis
from support.port import free_port
from support.program import SLOW, children, environment, is_running, missing, rowlock, run
from support.wait import Stopwatch, until

pytestmark = pytest.mark.quick


def check(*flags, env=None, cwd=None, listen="127.0.0.1:0"):
    return run("serve", "--check", *(("--listen", listen) if listen else ()), *flags, env=env, cwd=cwd)


def said(done, code, *lines):
    """Each line has all words of one of `lines`, and there are no others."""
    assert done.returncode == code and done.stdout == "", done
    found = done.stderr.splitlines()
    assert len(found) == len(lines) and all(line.startswith("rowlock: ") for line in found), done.stderr
    for words in lines:
        assert any(all(word in line for word in words) for line in found), (words, done.stderr)


def contents(folder):
    """What is in it, without the index of a write-ahead log: that is memory that processes share."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.name.endswith("-shm") else "" for path in folder.iterdir()}


# ---- it would serve ----

def test_it_would_serve(database):
    said(check("--database", database.url), 0)


def test_what_is_served_elsewhere_is_no_obstacle(serve, database):
    serve(database=database)
    said(check("--database", database.url), 0)


def test_a_file_that_is_not_there_yet_is_not_made(folder):
    said(check("--database", f"sqlite:{folder}/new.db"), 0)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("state", ["empty", "at rest", "crashed", "behind a link"])
def test_a_file_stays_as_it_is(folder, sqlite, state):
    path = folder / "some.db"
    if state == "empty":
        path.touch()
    elif state == "crashed":
        writer = sqlite3.connect(sqlite.path)
        writer.executescript("PRAGMA journal_mode = WAL; CREATE TABLE seen (x)")
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{sqlite.path}{suffix}", f"{path}{suffix}")
        writer.close()
    elif state == "behind a link":
        path.symlink_to(sqlite.path)
    else:
        shutil.copy(sqlite.path, path)
    before = contents(folder)
    said(check("--database", f"sqlite:{path}"), 0)
    assert contents(folder) == before


def test_a_schema_that_is_not_there_yet_is_not_made(empty_postgres):
    said(check("--migrate", "--database", empty_postgres.url), 0)
    assert empty_postgres.query("SELECT count(*) FROM pg_class WHERE relname = 'rowlock_migrations'") == [(0,)]


def test_a_stale_socket_is_no_obstacle_and_stays(folder, sqlite):
    path = folder / "stale.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    said(check("--database", sqlite.url, listen=f"unix:{path}"), 0)
    assert path.is_socket()
    said(check("--database", sqlite.url, listen=f"unix:{folder}/new.sock"), 0)
    assert not (folder / "new.sock").exists()


# ---- it would not ----

def test_all_settings_that_are_wrong_are_named_at_once():
    done = run("serve", "--check", "--workers", "two", "--queue", "0", "--database", "postgresql://h/x?sslmod=require",
               env={"ROWLOCK_DEADLINE": "soon", "CACHE_URL": "memory", "GMAP_TOKEN_FILE": "/nonexistent/key"})
    said(done, 2, ["--workers", "two"], ["--queue"], ["--database is not right"], ["ROWLOCK_DEADLINE", "soon"], ["CACHE_URL"], ["GMAP_TOKEN_FILE", "/nonexistent/key"])


@pytest.mark.parametrize("url", ["http://", "https://:80", "http://host:port", "http://host:70000", "http://a b/", "http://[::1", "ftp://host", "http://é"])
def test_the_address_of_a_provider_is_looked_at(url):
    done = check("--distance", "osrm", env={"OSRM_URL": url})
    assert done.returncode == 2 and done.stderr.startswith("rowlock: OSRM_URL is not right: "), done.stderr


def test_a_key_of_a_provider_is_one_line(folder):
    (folder / "key").write_text("one\ntwo\n")
    done = check(env={"GMAP_TOKEN_FILE": folder / "key"})
    assert done.returncode == 2 and done.stderr.startswith("rowlock: GMAP_TOKEN_FILE is not right: it must be one line") and "two" not in done.stderr


@pytest.mark.parametrize("url", ["http://host", "https://host:5000/osrm", "http://[::1]:80/", "http://ann:x@host/"])
def test_good_addresses_of_a_provider(url, sqlite):
    said(check("--distance", "osrm", "--database", sqlite.url, env={"OSRM_URL": url}), 0)


def test_all_that_is_in_the_way_is_said_at_once(folder):
    (folder / "file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "live.sock"))
        other.listen()
        busy, closed = f"127.0.0.1:{taken.getsockname()[1]}", f"127.0.0.1:{free_port()}"
        done = run("serve", "--check", "--listen", busy, "--listen", "192.0.2.1:80", "--listen", f"unix:{folder}/live.sock", "--listen", f"unix:{folder}/file",
                   "--listen", f"unix:{folder}/none/x.sock", "--cache", f"redis://{closed}", "--database", f"postgresql://postgres@{closed}/x")
    said(done, 1, ["--listen", busy, "in use"], ["--listen", "192.0.2.1:80", "no interface"], ["--listen", "live.sock", "in use"],
         ["--listen", "unix:", "/file", "in use"],
         ["--listen", "none/x.sock"], ["--cache", "refused", "does without it"], ["--database", "Connection refused", "is PostgreSQL running there"])
    assert sorted(os.listdir(folder)) == ["file", "live.sock"]


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "unix:{folder}/x.sock"])
def test_an_address_that_is_named_twice(folder, sqlite, address):
    address = address.format(port=free_port(), folder=folder)
    done = check("--listen", address, "--database", sqlite.url, listen=address)
    assert done.returncode == 1 and "--listen" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize("name, words", [("folder", "not a file"), ("text", "something else than a SQLite database"), ("none/x.db", "the folder")])
def test_a_file_that_is_no_database(folder, name, words):
    (folder / "folder").mkdir()
    (folder / "text").write_text("not a database, but long enough for one: " + 100 * "x")
    said(check("--database", f"sqlite:{folder}/{name}"), 1, ["--database", name, words])


def test_a_file_with_tables_of_another_service(folder):
    with sqlite3.connect(folder / "theirs.db") as theirs:
        theirs.execute("CREATE TABLE orders (id INTEGER, distance REAL, status TEXT)")
    theirs.close()
    said(check("--database", f"sqlite:{folder}/theirs.db"), 1, ["--database", "schema", "orders"])


def test_a_schema_that_is_newer_than_the_program(database):
    database.query("INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (999, 'later', 999)")
    said(check("--database", database.url), 1, ["--database", "schema", "999", "upgrade"])


def test_a_schema_that_is_not_there(empty_postgres):
    said(check("--database", empty_postgres.url), 1, ["--database", "schema", "version 0", "rowlock migrate"])


def test_a_schema_that_is_too_old(postgres):
    postgres.query("DELETE FROM rowlock_migrations WHERE version > 3")
    said(check("--database", postgres.url), 1, ["--database", "schema", "version 3", "rowlock migrate"])


def test_a_database_that_is_not_there(empty_postgres):
    said(check("--database", empty_postgres.url + "_none"), 1, ["--database", "does not exist", "createdb"])


def test_a_database_that_is_set_read_only(postgres):
    postgres.query(f'ALTER DATABASE "{postgres.name}" SET default_transaction_read_only = on')
    said(check("--database", postgres.url), 1, ["--database", "read-only"])


def test_a_commit_that_may_be_forgotten_is_a_warning(postgres):
    postgres.query(f'ALTER DATABASE "{postgres.name}" SET synchronous_commit = off')
    said(check("--database", postgres.url), 0, ["--database", "synchronous_commit", "is off"])


def test_connections_that_the_workers_would_not_get_are_a_warning(postgres):
    postgres.query("CREATE ROLE few LOGIN CONNECTION LIMIT 7")
    postgres.query("GRANT ALL ON ALL TABLES IN SCHEMA public TO few")
    postgres.query("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO few")
    try:
        url = postgres.url.replace("postgres@", "few@")
        said(check("--database", url), 0)
        said(check("--database", url, "--workers", 2), 0, ["--database", "connections", "7", "12", "--db-connections"])
    finally:
        postgres.query("DROP OWNED BY few")
        postgres.query("DROP ROLE few")


@contextlib.contextmanager
def poor_role(database):
    """The address of that database for a role that may log in and nothing else."""
    database.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    database.query("CREATE ROLE checked LOGIN")
    try:
        yield database.url.replace("postgres@", "checked@")
    finally:
        database.query("DROP OWNED BY checked")
        database.query("DROP ROLE checked")


def test_rights_that_are_missing(postgres):
    with poor_role(postgres) as url:
        said(check("--database", url), 1, ["--database", "permission denied", "docs/operations.md"])
        postgres.query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO checked")
        said(check("--database", url), 1, ["--database", "lacks", "INSERT on orders"])
        said(check("--database", url, "--apps", "health"), 0)


def test_the_right_to_make_tables_counts_where_they_would_be_made(empty_postgres):
    with poor_role(empty_postgres) as url:
        said(check("--database", url, "--migrate"), 1, ["--database", "permission denied for schema public", "GRANT CREATE"])
        said(check("--database", url), 1, ["--database", "schema", "rowlock migrate"])


def test_an_app_that_is_not_there():
    said(check("--apps", "orders,mesages"), 2, ["mesages"])


# ---- who does not answer ----

@pytest.mark.parametrize("deadline", [1, 2])
def test_a_database_that_is_frozen_costs_no_more_than_the_deadline(postgres, deadline):
    postgres.cluster.pause()
    try:
        with Stopwatch() as watch:
            done = check("--database", postgres.url, "--deadline", deadline, "--cache", f"redis://127.0.0.1:{free_port()}")
    finally:
        postgres.cluster.resume()
    said(done, 1, ["--database", "no answer"], ["--cache", "refused"])
    assert watch.seconds < (deadline + 1) * SLOW


def test_a_cache_that_is_there(folder):
    if not Redis.installed():
        missing("redis")
    with Redis() as redis:
        done = check("--cache", redis.url, "--database", f"sqlite:{folder}/none/x.db")
    said(done, 1, ["--database", "none/x.db"])


@pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, ("prlimit", "setpriv"))), reason="only root can be somebody who may have no more processes")
def test_a_look_that_cannot_begin_is_no_good_news(folder):
    folder.chmod(0o755)
    program = shutil.copy(rowlock(), folder / "rowlock")
    somebody = ("prlimit", "--nproc=1:1", "setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups")
    with Stopwatch() as watch:
        done = subprocess.run([*somebody, program, "serve", "--check", "--listen", "127.0.0.1:0", "--database", f"postgresql://nobody@127.0.0.1:{free_port()}/x"],
                              env=environment(ASAN_OPTIONS="detect_leaks=0"),      # which takes a process as well
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * SLOW)
    said(done, 1, ["--database", "cannot be started", os.strerror(errno.EAGAIN)], ["--cache", "cannot be started"])
    assert watch.seconds < 5 * SLOW      # it waits for nothing; --deadline has 10 s


def test_whoever_ends_the_check_ends_its_questions(postgres):
    postgres.cluster.pause()
    try:
        with subprocess.Popen([rowlock(), "serve", "--check", "--listen", "127.0.0.1:0", "--database", postgres.url], env=environment()) as process:
            asking = until(lambda: children(process.pid), 5, "it asks")
            process.send_signal(signal.SIGTERM)
            assert process.wait(5 * SLOW) == -signal.SIGTERM
            until(lambda: not any(is_running(pid) for pid in asking), 5, "nobody asks any more")
    finally:
        postgres.cluster.resume()
