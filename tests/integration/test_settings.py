"""Where a server finds its database and listens."""

import os
import signal
import socket

import pytest

from support.expect import succeeded
from support.port import free_port, need_ipv6
from support.program import run
from support.rawhttp import Api
from support.wait import until


def works(server):
    order = server.api.place()
    succeeded(server.api.take(order, "ann"))
    return order


def holds(database, order):
    assert database.query("SELECT taker FROM orders WHERE id = ?", order) == [("ann",)]


# ---- the database ----

@pytest.mark.quick
def test_without_any_configuration_it_serves_from_a_sqlite_file_here(serve, folder):
    server = serve(cwd=folder)
    works(server)
    assert (folder / "rowlock.db").exists()


@pytest.mark.parametrize("name", ["DATABASE_URL", "SQLALCHEMY_DATABASE_URI"])
def test_the_database_comes_from_the_environment(serve, database, name):
    holds(database, works(serve(env={name: database.url})))


def test_the_flag_wins_over_the_environment(serve, postgres):
    holds(postgres, works(serve(database=postgres, env={"DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"})))


@pytest.mark.parametrize("user", ["DB_USERNAME", "DB_USER"])
def test_the_database_comes_from_the_db_variables(serve, postgres, user):
    holds(postgres, works(serve(env={"DB_HOST": "127.0.0.1", "DB_PORT": postgres.cluster.port, user: "postgres", "DB_PASSWORD": "p@ss:/w?rd ünd %20'\\",
                                     "DB_NAME": postgres.name})))


def test_db_host_may_be_a_socket_directory(serve, postgres):
    holds(postgres, works(serve(env={"DB_HOST": postgres.cluster.home, "DB_PORT": postgres.cluster.port, "DB_USER": "postgres", "DB_NAME": postgres.name})))


def test_the_database_comes_from_libpqs_own_variables(serve, postgres):
    holds(postgres, works(serve(env={"PGHOST": "127.0.0.1", "PGPORT": postgres.cluster.port, "PGUSER": "postgres", "PGDATABASE": postgres.name})))


def test_the_database_comes_from_a_service_file(serve, postgres, folder):
    (folder / "services").write_text(f"[lab]\nhost=127.0.0.1\nport={postgres.cluster.port}\nuser=postgres\ndbname={postgres.name}\n")
    holds(postgres, works(serve(env={"PGSERVICE": "lab", "PGSERVICEFILE": folder / "services"})))


def test_a_url_may_name_a_socket_directory(serve, postgres):
    url = f"postgresql:///{postgres.name}?host={postgres.cluster.home}&port={postgres.cluster.port}&user=postgres"
    holds(postgres, works(serve(database=url)))


def test_the_old_scheme_postgres_is_the_same(serve, postgres):
    holds(postgres, works(serve(database=postgres.url.replace("postgresql://", "postgres://"))))


def test_the_first_host_of_a_list_may_be_dead(serve, postgres):
    url = f"postgresql://postgres@127.0.0.1:{free_port()},127.0.0.1:{postgres.cluster.port}/{postgres.name}"
    holds(postgres, works(serve(database=url)))


def test_a_host_may_be_a_name(serve, postgres):
    holds(postgres, works(serve(database=postgres.url.replace("127.0.0.1", "localhost"))))


def test_the_database_comes_from_a_file_with_its_url(serve, postgres, folder):
    (folder / "url").write_text(postgres.url + "\n")
    holds(postgres, works(serve(env={"DATABASE_URL_FILE": folder / "url"})))


@pytest.fixture
def guarded(cluster, postgres):
    """The database's user must give a password: (database, role, password)."""
    password = "s3cret: /ü'%"
    postgres.query("CREATE ROLE locked LOGIN SUPERUSER PASSWORD '" + password.replace("'", "''") + "'")
    hba = cluster.data / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text("host all locked all scram-sha-256\n" + before)
    postgres.query("SELECT pg_reload_conf()")
    yield postgres, "locked", password
    hba.write_text(before)
    postgres.query("SELECT pg_reload_conf()")
    postgres.query("DROP OWNED BY locked")
    postgres.query("DROP ROLE locked")


def test_the_password_comes_from_a_file(serve, guarded, folder):
    database, role, password = guarded
    (folder / "password").write_text(password + "\n")
    env = {"DB_HOST": "127.0.0.1", "DB_PORT": database.cluster.port, "DB_USERNAME": role, "DB_NAME": database.name, "DB_PASSWORD_FILE": folder / "password"}
    holds(database, works(serve(env=env)))


def test_a_password_with_special_characters_works_and_is_never_logged(serve, guarded):
    database, role, password = guarded
    env = {"DB_HOST": "127.0.0.1", "DB_PORT": database.cluster.port, "DB_USERNAME": role, "DB_NAME": database.name, "DB_PASSWORD": password}
    server = serve("--log-level", "debug", "--access-log", env=env)
    holds(database, works(server))
    server.stop()
    assert "s3cret" not in server.log()


def test_a_wrong_password_is_reported_and_never_logged(serve, guarded):
    database, role, _ = guarded
    url = f"postgresql://{role}:wrong-4711@127.0.0.1:{database.cluster.port}/{database.name}"
    server = serve("--log-level", "debug", database=url, wait="listening")
    answer = server.api.get("/healthcheck")
    assert answer.status == 503
    assert b"wrong-4711" not in answer.body
    until(lambda: "password authentication failed" in server.log(), 5, "the reason is logged")
    server.stop()
    assert "wrong-4711" not in server.log()
    finished = run("migrate", "--database", url)
    assert finished.returncode == 1 and "wrong-4711" not in finished.stdout + finished.stderr


# ---- listening ----

@pytest.mark.quick
@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_it_listens_on_every_address_that_is_named(serve, sqlite, folder, family):
    path = folder / "socket"
    listen = ["127.0.0.1:0", "127.0.0.1:0", f"unix:{path}"]
    if family == "IPv6":
        need_ipv6()
        listen.insert(2, "[::1]:0")
    server = serve(database=sqlite, listen=listen)
    assert len(server.addresses()) == len(listen)
    for address in server.addresses():
        assert Api(address).get("/health").status == 200, address
    server.stop()
    assert not path.exists(), "the socket stays behind"


@pytest.mark.quick
@pytest.mark.parametrize("passed", [False, True], ids=["its own sockets", "passed sockets"])
def test_where_it_listens_it_says_which_engine_reads_http(serve, sqlite, passed):
    for engine in ("evhttp", "direct"):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = serve("--http", engine, database=sqlite, **({"sockets": [listener]} if passed else {}))
            assert [line["http"] for line in server.told("listening")] == [engine]
            server.stop()


@pytest.mark.quick
def test_the_address_comes_from_the_environment(serve, sqlite):
    port = free_port()
    server = serve(database=sqlite, env={"ROWLOCK_LISTEN": f"127.0.0.1:{port}"}, listen=(), wait=None)
    server.listening = 1
    server.wait_listening()
    assert server.address == f"127.0.0.1:{port}"
    assert Api(server.address).get("/health").status == 200


@pytest.mark.quick
def test_a_name_is_resolved(serve, sqlite):
    server = serve(database=sqlite, listen=("localhost:0",))
    assert server.api.get("/health").status == 200


@pytest.mark.quick
def test_a_socket_left_behind_by_a_crash_is_replaced(serve, sqlite, folder):
    path = folder / "socket"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    assert path.exists()
    server = serve(database=sqlite, listen=(f"unix:{path}",))
    assert server.api.get("/health").status == 200


@pytest.mark.quick
def test_a_file_that_is_no_socket_is_not_replaced(folder):
    path = folder / "precious"
    path.write_text("data")
    finished = run("serve", "--listen", f"unix:{path}", "--database", f"sqlite:{folder}/x.db")
    assert finished.returncode == 1 and str(path) in finished.stderr
    assert path.read_text() == "data"


@pytest.mark.quick
def test_a_socket_that_another_server_listens_on_is_in_use(folder):
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        finished = run("serve", "--listen", f"unix:{path}", "--database", f"sqlite:{folder}/x.db")
        assert finished.returncode == 1 and str(path) in finished.stderr
        assert path.exists()


@pytest.mark.quick
def test_the_end_of_a_server_leaves_the_socket_that_took_the_place_of_its_own(serve, sqlite, folder):
    path, address = folder / "socket", f"unix:{folder}/socket"
    old = serve(database=sqlite, listen=(address,))
    path.unlink()
    new = serve(database=sqlite, listen=(address,))
    old.stop()
    assert new.api.get("/health").status == 200
    path.rename(folder / "elsewhere")
    path.write_text("data")
    new.stop()
    assert path.read_text() == "data" and (folder / "elsewhere").exists()


def test_the_socket_of_several_workers_goes_with_the_last_of_them(serve, postgres, folder):
    path = folder / "socket"
    server = serve("--workers", 2, database=postgres, listen=(f"unix:{path}",), wait="listening")
    server.told("ready to serve", 2)
    os.kill(server.workers()[0], signal.SIGKILL)
    server.told("worker started", 3)
    assert path.exists() and Api(server.address).get("/health").status == 200
    server.stop()
    assert not path.exists()


@pytest.mark.quick
def test_a_port_in_use_is_exit_1_and_names_the_address(folder):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        finished = run("serve", "--listen", address, "--database", f"sqlite:{folder}/x.db")
    assert finished.returncode == 1
    assert address in finished.stderr


@pytest.mark.quick
def test_an_address_that_is_not_ours_is_exit_1_and_is_named(folder):
    finished = run("serve", "--listen", "192.0.2.1:8080", "--database", f"sqlite:{folder}/x.db")
    assert finished.returncode == 1 and "192.0.2.1:8080" in finished.stderr


# ---- the SQLite file ----

@pytest.mark.quick
def test_a_sqlite_file_that_cannot_be_is_exit_1_and_is_named(folder):
    for path in (folder / "missing" / "x.db", folder):
        for command in ("serve", "migrate"):
            flags = ["--listen", "127.0.0.1:0"] if command == "serve" else []
            finished = run(command, *flags, "--database", f"sqlite:{path}")
            assert finished.returncode == 1 and str(path) in finished.stderr, finished


@pytest.mark.quick
def test_a_file_that_is_no_database_is_exit_1_and_stays_as_it_is(folder):
    path = folder / "letter.txt"
    path.write_text("Dear reader, this is a letter and no database. " * 30)
    before = path.read_bytes()
    finished = run("serve", "--listen", "127.0.0.1:0", "--database", f"sqlite:{path}")
    assert finished.returncode == 1 and str(path) in finished.stderr
    assert path.read_bytes() == before


@pytest.mark.quick
def test_a_sqlite_path_with_spaces_is_one_file(serve, folder):
    path = folder / "a b"
    path.mkdir()
    server = serve(database=f"sqlite:{path}/rowlock 1.db")
    works(server)
    assert (path / "rowlock 1.db").exists()
