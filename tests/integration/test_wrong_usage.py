"""What somebody in a hurry reads when something is wrong: one line that says what, and what to do."""

import os
import re
import shutil
import socket
import subprocess

import pytest

from support.port import free_port
from support.program import SLOW, environment, rowlock, run
from support.wait import until

# name: (exit code, arguments, environment, what the line has to say); the test fills in what is in braces
USAGE = {
    "a mistyped command": (2, ["sevre"], {}, ["sevre", "did you mean serve?"]),
    "the beginning of a command": (2, ["migr"], {}, ["did you mean migrate?"]),
    "a command behind a flag": (2, ["--workers", "1", "config"], {}, ["config", "a command comes first"]),
    "a mistyped flag": (2, ["serve", "--lisetn", "127.0.0.1:0"], {}, ["--lisetn", "did you mean --listen?"]),
    "a mistyped flag of a command": (2, ["seed", "orders", "--totl", "5"], {}, ["did you mean --total?"]),
    "a mistyped flag of migrate": (2, ["migrate", "--statsu"], {}, ["did you mean --status?"]),
    "a flag of other servers": (2, ["serve", "--port", "8080"], {}, ["did you mean --listen HOST:PORT?"]),
    "another one": (2, ["serve", "--db", "x"], {}, ["did you mean --database?"]),
    "and a short one": (2, ["-v"], {}, ["did you mean --log-level debug?"]),
    "a flag like no other": (2, ["serve", "--zzzzzzzzz"], {}, ["--zzzzzzzzz", "rowlock --help"]),
    "an address as a word": (2, ["serve", "8080"], {}, ["8080", "--listen 127.0.0.1:8080"]),
    "a port alone": (2, ["serve", "--listen", "8080"], {}, ["--listen", "8080", "host:port"]),
    "a host alone": (2, ["serve", "--listen", "localhost"], {}, ["--listen", "host:port"]),
    "a mistyped app": (2, ["serve", "--apps", "orders,mesages"], {}, ["mesages", "did you mean messages?", "sites"]),
    "an app in the singular": (2, ["seed", "order"], {}, ["did you mean orders?", "or all"]),
    "a number without its flag": (2, ["seed", "orders", "1000"], {}, ["1000", "did you mean --total 1000?"]),
    "a mistyped app to import": (2, ["import", "helth", "--regions", "x.csv"], {}, ["helth", "did you mean health?"]),
    "an app that imports nothing": (2, ["import", "orders"], {}, ["orders", "takes files", "name what to import: health"]),
    "a word behind a switch": (2, ["serve", "--access-log", "maybe"], {}, ["maybe", "did you mean --access-log=on or --access-log=off?"]),
    "a flag of another command": (2, ["serve", "-n", "5"], {}, ["-n is not a flag of this command;"]),
    "no app": (2, ["seed"], {}, ["orders", "users", "or all"]),
    "words for a number": (2, ["serve", "--workers", "two"], {}, ["--workers", "auto or an integer"]),
    "a unit behind a number": (2, ["serve", "--deadline", "10s"], {}, ["--deadline", "10s", "seconds"]),
    "another database": (2, ["serve", "--database", "mysql://h/x"], {}, ["--database", "postgresql://", "sqlite:FILE"]),
    "a password that is not encoded": (2, ["serve", "--database", "postgresql://a:p@ss@h/x"], {}, ["percent-encoded", "@ is %40"]),
    "a port that is none": (2, ["config"], {"DB_NAME": "x", "DB_PORT": "abc"}, ["DB_PORT", "1 to 65535"]),
    "a secret's file that is not there": (2, ["config"], {"DATABASE_URL_FILE": "/nonexistent"}, ["DATABASE_URL_FILE", "/nonexistent"]),
    "both forms of a secret": (2, ["config"], {"GMAP_TOKEN": "x", "GMAP_TOKEN_FILE": "/etc/hostname"}, ["GMAP_TOKEN", "GMAP_TOKEN_FILE", "set one"]),
    "a provider without its key": (2, ["serve", "--distance", "google"], {}, ["--distance", "GMAP_TOKEN"]),
    "a level of others": (2, ["serve", "--log-level", "verbose"], {}, ["--log-level", "debug, info, warn or error"]),
    "several workers on SQLite": (2, ["serve", "--workers", "2"], {}, ["--workers", "--database"]),
    "a file that is not there": (1, ["import", "health", "--regions", "none.csv"], {}, ["none.csv", "No such file"]),
    "a folder for a database": (1, ["migrate", "--database", "sqlite:folder"], {}, ["folder", "not a file"]),
    "a database in no folder": (1, ["serve", "--database", "sqlite:none/x.db", "--listen", "127.0.0.1:0"], {}, ["none/x.db", "the folder none", "No such file"]),
    "text for a database": (1, ["migrate", "--database", "sqlite:text"], {}, ["text", "something else than a SQLite database"]),
    "an address in use": (1, ["serve", "--listen", "{busy}"], {}, ["{busy}", "in use", "ss -ltnp"]),
    "an address in use, checked": (1, ["serve", "--check", "--listen", "{busy}"], {}, ["{busy}", "in use"]),
    "an address of somebody else": (1, ["serve", "--listen", "192.0.2.1:80"], {}, ["192.0.2.1:80", "no interface"]),
    "a descriptor that is not open": (2, ["serve", "--ready-fd", "77", "--listen", "127.0.0.1:0"], {}, ["--ready-fd", "77"]),
    "nobody there": (1, ["migrate", "--database", "postgresql://postgres@{closed}/x"], {}, ["Connection refused", "is PostgreSQL running there"]),
    "a host that nobody knows": (1, ["migrate"], {"DB_HOST": "db.invalid", "DB_NAME": "x"}, ["db.invalid", "that host is not known here"]),
    "no such database": (1, ["migrate", "--database", "{url}_none"], {}, ["does not exist", "createdb"]),
    "no such user": (1, ["migrate", "--database", "{nobody}"], {}, ["role", "createuser"]),
    "no right to make tables": (1, ["migrate", "--database", "{poor}"], {}, ["permission denied for schema public", "GRANT CREATE ON SCHEMA public"]),
    "a schema that is not there": (1, ["migrate", "--database", "{url}?options=-csearch_path%3Dnone"], {}, ["search_path", "CREATE SCHEMA"]),
}


@pytest.fixture
def poor(empty_postgres):
    """A role that may log in and nothing else, also on a PostgreSQL that lets everybody make tables in public."""
    empty_postgres.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    empty_postgres.query("CREATE ROLE poor LOGIN")
    yield
    empty_postgres.query("DROP OWNED BY poor")
    empty_postgres.query("DROP ROLE poor")


def names(request, arguments, busy):
    """What stands for the words in braces; a database only where one is asked for."""
    found = {"busy": busy, "closed": f"127.0.0.1:{free_port()}"}
    if re.search(r"\{(url|nobody|poor)\}", " ".join(arguments)):
        url = request.getfixturevalue("empty_postgres").url
        found |= {"url": url, "nobody": url.replace("postgres@", "nobody@"), "poor": url.replace("postgres@", "poor@")}
    if "{poor}" in arguments:
        request.getfixturevalue("poor")
    return found


@pytest.mark.parametrize("code, arguments, env, said", USAGE.values(), ids=USAGE)
def test_one_line_says_what_is_wrong_and_what_to_do(folder, request, code, arguments, env, said):
    (folder / "folder").mkdir()
    (folder / "text").write_text("not a database, but long enough for one: " + 100 * "x")
    before = sorted(os.listdir(folder))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        known = names(request, arguments, f"127.0.0.1:{taken.getsockname()[1]}")
        done = run(*(word.format(**known) for word in arguments), env=env, cwd=folder)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("rowlock: ")
    for word in said:
        assert word.format(**known) in done.stderr, done.stderr
    assert sorted(os.listdir(folder)) == before, "something was made"


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can be somebody else")
def test_a_folder_that_may_not_be_written_to(folder):
    folder.chmod(0o755)
    (folder / "theirs.db").write_text("")
    (folder / "theirs.db").chmod(0o600)
    program = shutil.copy(rowlock(), folder / "rowlock")
    for name, words in (("new.db", "may not write to the folder"), ("theirs.db", "may not read and write it")):
        done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", program, "migrate", "--database", f"sqlite:{folder}/{name}"],
                              env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * SLOW)
        assert done.returncode == 1 and name in done.stderr and words in done.stderr, done.stderr


def test_a_variable_that_is_nearly_a_setting_is_pointed_at():
    done = run("routes", env={"ROWLOCK_WORKER": "2", "ROWLOCK_PORT": "tcp://10.0.0.1:8080", "ROWLOCK_LOG_FORMAT": "text"})
    assert done.returncode == 0
    assert done.stderr.count("is no setting") == 1 and "ROWLOCK_WORKER" in done.stderr and "ROWLOCK_WORKERS" in done.stderr


def test_help_is_a_command_too():
    assert run("help").stdout == run("--help").stdout


# ---- a server that runs without what it needs says what that is ----

def unready(serve, url, words, health):
    server = serve(database=url, wait="listening")
    until(lambda: [line for line in server.lines() if line["message"] == "not ready to serve"], 10, "it says that it is not ready")
    line = [line for line in server.lines() if line["message"] == "not ready to serve"][-1]
    for word in words:
        assert word in line["reason"] + " " + line.get("advice", ""), line
    answer = server.api.get("/healthcheck")
    assert answer.status == 503 and health in answer.json()["output"]


def test_a_server_whose_database_is_missing_says_so(serve, empty_postgres):
    unready(serve, empty_postgres.url + "_none", ["does not exist", "createdb"], "it refuses connections")


def test_a_server_without_a_schema_says_so(serve, empty_postgres):
    unready(serve, empty_postgres.url, ["version 0", "rowlock migrate"], "run rowlock migrate")


def test_a_server_that_may_not_read_its_tables_says_so(serve, postgres):
    postgres.query("CREATE ROLE poor LOGIN")
    try:
        unready(serve, postgres.url.replace("postgres@", "poor@"), ["permission denied", "docs/operations.md"], "may not read the tables")
    finally:
        postgres.query("DROP OWNED BY poor")
        postgres.query("DROP ROLE poor")
