"""rowlock COMMAND: help, migrate, seed, routes, config, and what wrong usage says."""

import re
import subprocess

import pytest

from support.cluster import binaries
from support.port import free_port
from support.program import ROOT, SLOW, environment, rowlock, run
from support.tcpproxy import TcpProxy
from support.wait import Stopwatch, until


MIGRATIONS = sorted((ROOT / "sql/postgres/migrations").glob("[0-9]*.sql"))


def done(*arguments, **settings):
    finished = run(*arguments, **settings)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def failed(code, *arguments, **settings):
    """Exit code, nothing on stdout; returns what stderr says."""
    finished = run(*arguments, **settings)
    assert finished.returncode == code, (finished.returncode, finished.stdout, finished.stderr)
    assert finished.stdout == ""
    assert finished.stderr.strip(), "fails without a word"
    return finished.stderr


# ---- help and version ----

@pytest.mark.quick
def test_help_names_the_commands():
    text = done("--help")
    for command in ("serve", "migrate", "seed", "routes", "config"):
        assert command in text
    assert done("-h") == text
    assert "rowlock key new NAME --scope SCOPES\n" in text     # what is said of it begins in the next line


@pytest.mark.quick
def test_the_readme_has_the_commands_of_the_help():
    commands = set(re.findall(r"^  rowlock \[?([a-z]+)", done("--help"), re.M))
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"rowlock ([a-z]+)", readme)) == commands


@pytest.mark.quick
def test_help_of_serve_names_every_flag_of_its_slice():
    text = done("serve", "--help")
    for flag in ("--database", "--listen", "--db-connections", "--distance", "--deadline", "--drain", "--queue", "--max-connections",
                 "--migrate", "--access-log", "--log-format", "--log-level", "--if-empty", "--offline"):
        assert flag in text, f"{flag} is not in the help"


@pytest.mark.quick
def test_version_is_one_line():
    assert re.fullmatch(r"rowlock \d+\.\d+\S*.*\n", done("--version"))


# ---- wrong usage ----

@pytest.mark.quick
@pytest.mark.parametrize("arguments, named", [
    (["nonsense"], "nonsense"), (["--nonsense"], "--nonsense"), (["serve", "--nonsense"], "--nonsense"), (["serve", "extra"], "extra"),
    (["serve", "--database"], "--database"), (["serve", "--listen"], "--listen"), (["serve", "--database", "mysql://x/y"], "--database"),
    (["serve", "--database", ""], "--database"), (["serve", "--database", "nonsense"], "--database"),
    (["serve", "--listen", "nonsense"], "--listen"), (["serve", "--listen", "127.0.0.1:99999"], "--listen"), (["serve", "--listen", "127.0.0.1:"], "--listen"),
    (["serve", "--listen", "127.0.0.1:x"], "--listen"), (["serve", "--listen", "unix:"], "--listen"), (["serve", "--listen", "::1:80"], "--listen"),
    (["serve", "--listen", ""], "--listen"), (["serve", *["--listen", "127.0.0.1:0"] * 17], "--listen"), (["serve", "--listen", "unix:/tmp/" + "x" * 200], "--listen"),
    (["serve", "--workers", "AUTO"], "auto or an integer"), (["serve", "--workers", "0"], "--workers"),
    (["serve", "--deadline", "x"], "--deadline"), (["serve", "--deadline", "-1"], "--deadline"), (["serve", "--deadline", "0"], "--deadline"),
    (["serve", "--deadline", "1e99"], "--deadline"), (["serve", "--deadline", "nan"], "--deadline"), (["serve", "--deadline", ""], "--deadline"),
    (["serve", "--drain", "x"], "--drain"), (["serve", "--drain", "-1"], "--drain"),
    (["serve", "--queue", "x"], "--queue"), (["serve", "--queue", "-1"], "--queue"), (["serve", "--queue", "99999999999999999999"], "--queue"),
    (["serve", "--db-connections", "0"], "--db-connections"), (["serve", "--db-connections", "x"], "--db-connections"),
    (["serve", "--max-connections", "x"], "--max-connections"), (["serve", "--max-connections", "0"], "--max-connections"),
    (["serve", "--max-events", "0"], "--max-events"), (["serve", "--max-connections", "10", "--max-events", "11"], "--max-events"),
    (["serve", "--keep-events", "0"], "--keep-events"), (["serve", "--keep-events", "never"], "--keep-events"),
    (["serve", "--distance", "magic"], "--distance"), (["serve", "--log-format", "xml"], "--log-format"),
    (["serve", "--log-level", "loud"], "--log-level"),
    (["migrate", "--nonsense"], "--nonsense"), (["migrate", "extra"], "extra"), (["migrate", "--wait", "x"], "--wait"), (["migrate", "--wait", "-1"], "--wait"),
    (["seed"], "seed"), (["seed", "nonsense"], "orders"), (["seed", "orders", "--total"], "--total"), (["seed", "orders", "--total", "x"], "--total"),
    (["seed", "orders", "--total", "-1"], "--total"), (["seed", "orders", "-t", "1.5"], "total"), (["seed", "orders", "extra"], "extra"),
    (["routes", "extra"], "extra"), (["config", "--nonsense"], "--nonsense"),
], ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else None)
def test_wrong_usage_is_exit_2_and_one_line_that_names_the_flag(folder, arguments, named):
    text = failed(2, *arguments, cwd=folder)
    assert len(text.strip().splitlines()) == 1, text
    assert named.lstrip("-") in text, text
    assert list(folder.iterdir()) == [], "wrong usage made a file"


@pytest.mark.quick
@pytest.mark.parametrize("name, value", [
    ("ROWLOCK_DEADLINE", "soon"), ("ROWLOCK_DRAIN", "x"), ("ROWLOCK_QUEUE", "many"), ("ROWLOCK_DB_CONNECTIONS", "0"), ("ROWLOCK_LISTEN", "nonsense"),
    ("ROWLOCK_DISTANCE", "magic"), ("ROWLOCK_LOG_FORMAT", "xml"), ("ROWLOCK_LOG_LEVEL", "loud"), ("DATABASE_URL", "mysql://x/y"),
    ("ROWLOCK_MAX_CONNECTIONS", "x"), ("ROWLOCK_MIGRATE", "perhaps"), ("ROWLOCK_ACCESS_LOG", "perhaps"),
    ("SQLALCHEMY_DATABASE_URI", "oracle://x"), ("ROWLOCK_LISTEN", ",".join(["127.0.0.1:0"] * 17)),
])
def test_a_wrong_value_in_the_environment_is_exit_2_and_names_the_variable(folder, name, value):
    listen = [] if name == "ROWLOCK_LISTEN" else ["--listen", "127.0.0.1:0"]
    text = failed(2, "serve", *listen, env={name: value}, cwd=folder)
    assert name in text, text
    assert len(text.strip().splitlines()) == 1, text


@pytest.mark.quick
@pytest.mark.parametrize("value", ["", "orders,", ",orders", "orders,,users", "orders,nonsense", ","])
def test_a_list_of_apps_with_what_is_no_app_is_refused_by_name(folder, value):
    for command in ("serve", "routes", "config"):
        text = failed(2, command, "--apps", value, cwd=folder)
        assert text.startswith("rowlock: --apps: ") and "is no app; the apps are: orders" in text, text
        if value:
            assert "ROWLOCK_APPS" in failed(2, command, env={"ROWLOCK_APPS": value}, cwd=folder)
    assert list(folder.iterdir()) == []


@pytest.mark.quick
@pytest.mark.parametrize("value", ["orders,users", "orders, users", "orders users", " orders , users "])
def test_a_list_of_apps_may_have_spaces(value):
    text = done("routes", "--apps", value)
    assert "/orders" in text and "/api/users" in text and "/messages" not in text
    assert done("routes", env={"ROWLOCK_APPS": ""}) == done("routes")


@pytest.mark.quick
@pytest.mark.parametrize("command", [["routes"], ["openapi"], ["config"], ["--help"], ["--version"]], ids=lambda command: command[0])
def test_what_could_not_be_written_is_exit_1(command):
    with open("/dev/full", "w") as full:
        finished = subprocess.run([rowlock(), *command], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=30 * SLOW)
    assert finished.returncode == 1 and "cannot write to stdout" in finished.stderr


# ---- routes ----

@pytest.mark.quick
def test_routes_prints_the_table():
    text = done("routes")
    for method, path in (("GET", "/orders"), ("POST", "/orders"), ("GET", "/orders/{id}"), ("PATCH", "/orders/{id}"), ("GET", "/health"),
                         ("GET", "/healthcheck")):
        assert re.search(rf"^{method}\s+{re.escape(path)}(\s|$)", text, re.M), f"{method} {path} is missing in:\n{text}"


# ---- config ----

def config(*arguments, **settings):
    return done("config", *arguments, **settings)


@pytest.mark.quick
def test_config_prints_the_built_in_values(folder):
    text = config(cwd=folder)
    assert "sqlite:rowlock.db" in text and "127.0.0.1:8080" in text and "haversine" in text and "1024" in text
    assert list(folder.iterdir()) == []


@pytest.mark.quick
def test_the_environment_wins_over_built_in_values_and_flags_over_both():
    assert "1.2.3.4:5678" in config(env={"ROWLOCK_LISTEN": "1.2.3.4:5678"})
    both = config("--listen", "4.3.2.1:8765", env={"ROWLOCK_LISTEN": "1.2.3.4:5678"})
    assert "4.3.2.1:8765" in both and "1.2.3.4:5678" not in both
    assert "sqlite:flag.db" in config("--database", "sqlite:flag.db", env={"DATABASE_URL": "sqlite:environment.db"})
    assert "4321" in config("--queue", "4321", env={"ROWLOCK_QUEUE": "1234"})
    assert "1234" in config(env={"ROWLOCK_QUEUE": "1234"})


@pytest.mark.quick
def test_an_empty_variable_is_as_good_as_none():
    assert "sqlite:rowlock.db" in config(env={"DATABASE_URL": "", "ROWLOCK_LISTEN": "", "DB_HOST": "", "GMAP_TOKEN": ""})


SECRET = "geheim-4711"


@pytest.mark.quick
@pytest.mark.parametrize("env, arguments", [
    ({}, ["--database", f"postgresql://ann:{SECRET}@db.example:5433/orders"]),
    ({"DATABASE_URL": f"postgres://ann:{SECRET}@db.example:5433/orders"}, []),
    ({"SQLALCHEMY_DATABASE_URI": f"postgresql://ann:{SECRET}@db.example:5433/orders"}, []),
    ({"DB_HOST": "db.example", "DB_PORT": "5433", "DB_USERNAME": "ann", "DB_PASSWORD": SECRET, "DB_NAME": "orders"}, []),
    ({"DB_HOST": "db.example", "DB_PORT": "5433", "DB_USER": "ann", "DB_PASSWORD": SECRET, "DB_NAME": "orders"}, []),
    ({"DATABASE_URL": f"postgresql://db.example:5433/orders?user=ann&password={SECRET}"}, []),
    ({"DATABASE_URL": f"postgresql://ann:ge%68eim-4711@db.example:5433/orders?password={SECRET}"}, []),
], ids=["flag", "DATABASE_URL", "SQLALCHEMY_DATABASE_URI", "DB_USERNAME", "DB_USER", "query", "both"])
def test_config_names_the_database_and_hides_its_password(env, arguments):
    text = config(*arguments, env=env)
    for word in ("db.example", "5433", "ann", "orders"):
        assert word in text, text
    assert SECRET not in text and "ge%68eim" not in text, text


@pytest.mark.quick
def test_config_hides_the_key_of_the_distance_provider():
    text = config(env={"GMAP_TOKEN": SECRET})
    assert SECRET not in text and "google" in text


@pytest.mark.quick
@pytest.mark.parametrize("name, value, shown", [
    ("DATABASE_URL", "host=h password=ab&cd{} dbname=x", "password=*** dbname=x"), ("DATABASE_URL", "host=h password=a\\ b{} dbname=x", "password=*** dbname=x"),
    ("DATABASE_URL", "postgresql://u:Top?{}@127.0.0.1:1/x", "u:***@127.0.0.1:1/x"), ("DATABASE_URL", "host=h password\t={} dbname=x", "*** dbname=x"),
    ("DATABASE_URL", "postgresql://u@h/x?password={}&sslmode=require", "***&sslmode"),
    ("GMAP_DISTANCE_MATRIX_API", "http://h/?key={}", "http://h/?key=***"), ("OSRM_URL", "https://u:{}@h", "https://u:***@h"), ("OSRM_URL", "u:{}@h", "u:***@h"),
    ("GITHUB_API_URL", "https://{}@h", "https://***@h"), ("CACHE_URL", "redis://:{}@h", "redis://:***@h"), ("CACHE_URL", "redis://u:{}%40@h", "redis://u:***@h"),
])
def test_config_hides_every_form_of_a_password(name, value, shown):
    text = config(env={name: value.format(SECRET)})
    assert SECRET not in text and shown in text, text


@pytest.mark.quick
@pytest.mark.parametrize("command", [["config"], ["migrate"], ["serve", "--listen", "127.0.0.1:0"], ["seed", "orders"]], ids=lambda command: command[0])
@pytest.mark.parametrize("name, value, said", [
    ("DATABASE_URL", "postgresql://u:Top/{}@127.0.0.1:1/x", "percent-encoded"), ("DATABASE_URL", "postgresql://u:Top?p@{}@127.0.0.1:1/x", "percent-encoded"),
    ("DATABASE_URL", "postgresql://u:p@{}@127.0.0.1:1/x", "percent-encoded"), ("DATABASE_URL", "postgresql://u:se%zz{}@h/db", "percent-encoded"),
    ("DATABASE_URL", "postgresql://u:{}@[::1/db", "URL"), ("DATABASE_URL", "password=my {}", "quotes"), ("DATABASE_URL", "postgresql:/u:{}@h/x", "postgresql://"),
    ("DATABASE_URL", "host=h {}=x", "keyword"), ("SQLALCHEMY_DATABASE_URI", "postgresql://h/db?{}=1", "parameters"),
    ("DATABASE_URL", "postgresql://u:{}@h:99999/db", "65535"), ("DATABASE_URL", "host=h,i port=1,2,3 password={}", "65535"),
    ("OSRM_URL", "ftp://u:{}@h", "http://"), ("GITHUB_API_URL", "ftp://u:{}@h", "http://"), ("CACHE_URL", "redis:/u:{}@h", "redis://"),
    ("CACHE_URL", "redis://h?password={}", "redis://"),
])
def test_a_malformed_address_is_exit_2_at_once_and_shows_nothing_of_itself(folder, command, name, value, said):
    text = failed(2, *command, env={name: value.format(SECRET), "ROWLOCK_DISTANCE": "osrm" if name == "OSRM_URL" else ""}, cwd=folder)
    assert len(text.splitlines()) == 1 and name in text and said in text, text
    assert SECRET not in text and "Top" not in text
    assert list(folder.iterdir()) == []


@pytest.mark.quick
@pytest.mark.parametrize("port", ["abc", "0", "99999", "5432 "])
def test_a_port_of_the_database_that_is_none_is_named(port):
    assert "DB_PORT" in failed(2, "config", env={"DB_HOST": "h", "DB_PORT": port})
    assert "--database" in failed(2, "config", "--database", f"host=h port='{port}'")
    assert "libpq's environment" in failed(2, "config", env={"PGHOST": "h", "PGPORT": port})


@pytest.mark.quick
@pytest.mark.parametrize("fewer", range(4))
def test_the_databases_in_their_order(fewer):
    """DATABASE_URL, SQLALCHEMY_DATABASE_URI, DB_*, libpq's own: the first that is there is meant."""
    order = [{"DATABASE_URL": "postgresql://first.example/a"}, {"SQLALCHEMY_DATABASE_URI": "postgresql://second.example/b"},
             {"DB_HOST": "third.example", "DB_NAME": "c"}, {"PGHOST": "fourth.example", "PGDATABASE": "d"}]
    env = {name: value for part in order[fewer:] for name, value in part.items()}
    text = config(env=env)
    hosts = ["first.example", "second.example", "third.example", "fourth.example"]
    for at, host in enumerate(hosts[:3]):
        assert (host in text) == (at == fewer), text
    assert "fourth.example" not in text or fewer == 3
    assert "sqlite" not in text


@pytest.mark.quick
def test_secrets_come_from_files_too(folder):
    secret = folder / "secret"
    secret.write_text(f"postgresql://ann:{SECRET}@file.example/orders\n")
    text = config(env={"DATABASE_URL_FILE": secret})
    assert "file.example/orders" in text and SECRET not in text
    secret.write_text(SECRET + "\n")
    assert "google" in config(env={"GMAP_TOKEN_FILE": secret})
    assert SECRET not in config(env={"DB_HOST": "db.example", "DB_PASSWORD_FILE": secret})


@pytest.mark.quick
@pytest.mark.parametrize("name", ["DATABASE_URL_FILE", "GMAP_TOKEN_FILE"])
def test_a_secret_file_that_is_not_there_is_named(folder, name):
    finished = run("config", env={name: folder / "missing"})
    assert finished.returncode in (1, 2)
    assert name in finished.stderr and "missing" in finished.stderr


@pytest.mark.quick
@pytest.mark.parametrize("name", ["DATABASE_URL_FILE", "GMAP_TOKEN_FILE", "GITHUB_TOKEN_FILE", "DB_PASSWORD_FILE", "CACHE_URL_FILE"])
def test_a_secret_file_that_cannot_be_read_whole_is_named(folder, name):
    long = folder / "long"
    long.write_text("x" * 65536)
    raw = folder / "raw"
    raw.write_bytes(b"x\0y")
    for path, why in ((folder, "directory"), (long, "too long"), (raw, "no text")):
        text = failed(2, "config", env={"DB_HOST": "h", name: path})
        assert len(text.splitlines()) == 1 and name in text and str(path) in text and why in text, text


@pytest.mark.quick
def test_an_empty_secret_file_is_none_for_a_token_and_wrong_for_a_password(folder):
    for empty in (folder / "empty", folder / "line"):
        empty.write_text("" if empty.name == "empty" else "\n")
        text = config(env={"GMAP_TOKEN_FILE": empty, "GITHUB_TOKEN_FILE": empty})
        assert "haversine" in text and "***" not in text
        assert re.search(r"^gmap-token +# GMAP_TOKEN_FILE, which is empty$", text, re.M) and "# GITHUB_TOKEN_FILE, which is empty" in text, text
        for name in ("DATABASE_URL_FILE", "DB_PASSWORD_FILE", "CACHE_URL_FILE"):
            assert f"{name}: its file is empty" in failed(2, "config", env={"DB_HOST": "h", name: empty})


@pytest.mark.quick
def test_a_flag_wins_over_a_secret_file(folder):
    for env in ({"DATABASE_URL_FILE": "/nope"}, {"DATABASE_URL": "sqlite:y", "DATABASE_URL_FILE": "/nope"}, {"DB_HOST": "h", "DB_PASSWORD_FILE": "/nope"}):
        assert re.search(r"^database +sqlite:x +# --database$", config("--database", "sqlite:x", env=env), re.M)


@pytest.mark.quick
def test_config_says_which_variable_a_value_came_from(folder):
    secret = folder / "secret"
    secret.write_text(f"postgresql://ann:{SECRET}@file.example/orders\n")
    assert re.search(r"^database .* # DATABASE_URL_FILE$", config(env={"DATABASE_URL_FILE": secret}), re.M)
    assert re.search(r"^gmap-token +\*\*\* +# GMAP_TOKEN_FILE$", config(env={"GMAP_TOKEN_FILE": secret}), re.M)
    assert re.search(r"^gmap-token +\*\*\* +# GMAP_TOKEN$", config(env={"GMAP_TOKEN": SECRET}), re.M)
    text = config(env={"PGHOST": "db.example", "PGDATABASE": "orders", "PGPASSWORD": SECRET})
    assert re.search(r"^database +PGHOST=db.example PGDATABASE=orders +# libpq's environment$", text, re.M) and SECRET not in text, text


# ---- migrate ----

def test_migrate_makes_the_schema_and_says_so_again_and_again(empty_postgres):
    for _ in range(2):
        done("migrate", "--database", empty_postgres.url)
    assert empty_postgres.query("SELECT count(*) FROM orders") == [(0,)]
    assert empty_postgres.query("SELECT min(version) FROM rowlock_migrations") == [(1,)]


def test_migrate_makes_a_sqlite_file(folder):
    done("migrate", "--database", f"sqlite:{folder}/new.db")
    assert (folder / "new.db").exists()


def test_migrate_takes_the_database_from_the_environment(empty_postgres):
    done("migrate", env={"DATABASE_URL": empty_postgres.url})
    assert empty_postgres.query("SELECT count(*) FROM orders") == [(0,)]


def test_status_lists_versions_and_changes_nothing(empty_postgres):
    before = run("migrate", "--status", "--database", empty_postgres.url)
    assert empty_postgres.query("SELECT to_regclass('orders') IS NULL") == [(True,)]
    done("migrate", "--database", empty_postgres.url)
    after = done("migrate", "--status", "--database", empty_postgres.url)
    assert re.search(r"^\W*0*1\b.*orders", after, re.M), after
    assert before.stdout != after


@pytest.mark.quick
def test_status_makes_no_file(folder):
    text = failed(1, "migrate", "--status", "--database", f"sqlite:{folder}/none.db")
    assert f"there is no database file {folder}/none.db yet" in text
    assert list(folder.iterdir()) == []


def test_many_migrations_at_once_make_one_schema(empty_postgres):
    command = [rowlock(), "migrate", "--database", empty_postgres.url]
    crowd = [subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(12)]
    applied = []
    for process in crowd:
        output = process.communicate(timeout=30 * SLOW)
        assert process.returncode == 0, output
        applied += re.findall(r"^applied (\d+) ", output[0], re.M)
    assert sorted(map(int, applied)) == [int(file.name[:4]) for file in MIGRATIONS]     # each is said by who has applied it
    versions = [row[0] for row in empty_postgres.query("SELECT version FROM rowlock_migrations ORDER BY version")]
    assert versions == [int(file.name[:4]) for file in MIGRATIONS]


def test_many_migrations_at_once_on_sqlite(folder):
    command = [rowlock(), "migrate", "--database", f"sqlite:{folder}/x.db"]
    crowd = [subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    for process in crowd:
        output = process.communicate(timeout=30 * SLOW)
        assert process.returncode == 0, output


def test_a_deadlock_of_a_migration_with_a_change_by_hand_is_tried_again(empty_postgres):
    for file in MIGRATIONS[:5]:
        empty_postgres.query(file.read_text())
    with empty_postgres.connect() as person:
        with person.cursor() as hand:
            hand.execute("SET deadlock_timeout = '60s'")        # so it is the command that gives way
            hand.execute("BEGIN")
            hand.execute("UPDATE fsa SET estimated_pop = 7")    # of the tables of 0006 the last
            process = subprocess.Popen([rowlock(), "migrate", "--database", empty_postgres.url], env=environment(), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            until(lambda: empty_postgres.query("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(1,)], 10, "the command waits for the change")
            hand.execute("UPDATE users SET type = 'by hand'")   # the first
            hand.execute("COMMIT")
    output = process.communicate(timeout=30 * SLOW)
    assert process.returncode == 0, output
    assert len(empty_postgres.query("SELECT version FROM rowlock_migrations")) == len(MIGRATIONS)


def test_migrate_without_a_database_fails_in_words_and_in_time(cluster):
    with Stopwatch() as watch:
        text = failed(1, "migrate", "--database", f"postgresql://postgres:{SECRET}@127.0.0.1:{free_port()}/x")
    assert "127.0.0.1" in text and SECRET not in text
    assert watch.seconds < 15 * SLOW
    text = failed(1, "migrate", "--database", cluster.url("no_such_database"))
    assert "no_such_database" in text


def test_migrate_waits_for_a_database_that_is_not_there_yet(empty_postgres):
    cluster = empty_postgres.cluster
    with TcpProxy(cluster.port, "refuse") as proxy:
        process = subprocess.Popen([rowlock(), "migrate", "--wait", "60", "--database", cluster.url(empty_postgres.name, port=proxy.port)],
                                   env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert "waiting for the database" in process.stderr.readline()
            proxy.mode = "pass"
            output = process.communicate(timeout=30 * SLOW)
        finally:
            process.kill()
    assert process.returncode == 0, output
    assert empty_postgres.query("SELECT count(*) FROM orders") == [(0,)]


def test_migrate_does_not_wait_for_a_database_that_refuses_it(cluster):
    with Stopwatch() as watch:
        text = failed(1, "migrate", "--wait", "60", "--database", cluster.url("no_such_database"))
    assert "no_such_database" in text
    assert watch.seconds < 15 * SLOW


def test_a_signal_ends_the_wait(folder):
    url = f"postgresql://postgres@127.0.0.1:{free_port()}/x"
    for command in (["migrate", "--wait", "60"], ["serve", "--migrate"]):
        process = subprocess.Popen([rowlock(), *command, "--database", url], env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)
        assert "waiting for the database" in process.stderr.readline()
        process.terminate()
        process.communicate(timeout=20 * SLOW)
        assert process.returncode == 1


def test_the_migration_files_run_by_hand_and_make_the_same_schema(cluster, empty_postgres, template):
    psql = binaries() / "psql"
    for file in MIGRATIONS:
        together = [] if "CONCURRENTLY" in file.read_text() else ["-1"]
        finished = subprocess.run([psql, "-X", "-q", *together, "-v", "ON_ERROR_STOP=1", "-d", cluster.dsn(empty_postgres.name), "-f", file],
                                  env=environment(), capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr

    assert cluster.schema(empty_postgres.name) == cluster.schema(template)
    done("migrate", "--database", empty_postgres.url)
    assert len(empty_postgres.query("SELECT version FROM rowlock_migrations")) == len(MIGRATIONS)


# ---- seed ----

def test_seed_adds_as_many_orders_as_asked(database):
    done("migrate", "--database", database.url)
    done("seed", "orders", "--total", 7, "--database", database.url)
    assert database.query("SELECT count(*) FROM orders") == [(7,)]
    done("seed", "orders", "-t", 3, "--database", database.url)
    assert database.query("SELECT count(*) FROM orders") == [(10,)]
    assert database.query("SELECT count(*) FROM orders WHERE status = 'UNASSIGNED' AND distance > 0") == [(10,)]
    assert database.query("SELECT count(*) FROM order_events WHERE event = 'placed'") == [(10,)]


def test_seed_adds_15_orders_when_not_told_how_many(database):
    done("migrate", "--database", database.url)
    done("seed", "orders", "--database", database.url)
    assert database.query("SELECT count(*) FROM orders") == [(15,)]


def test_seed_adds_thousands_in_good_time(database):
    done("migrate", "--database", database.url)
    with Stopwatch() as watch:
        done("seed", "orders", "--total", 20000, "--database", database.url)
    assert database.query("SELECT count(*) FROM orders") == [(20000,)]
    assert watch.seconds < 10 * SLOW


@pytest.mark.parametrize("app, table", [("orders", "orders"), ("sites", "site"), ("health", "health_region"), ("messages", "messages"), ("users", "users")])
def test_of_many_seeds_at_once_for_an_empty_table_one_adds(database, app, table):
    done("migrate", "--database", database.url)
    command = [rowlock(), "seed", app, "--total", "400", "--if-empty", "--offline", "--database", database.url]
    crowd = [subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    said = [process.communicate(timeout=30 * SLOW) for process in crowd]
    assert [process.returncode for process in crowd] == [0] * 6, said
    assert sorted(said) == [("", "")] * 5 + [(f"added 400 {app}\n", "")]
    assert database.query(f"SELECT count(*) FROM {table}") == [(400,)]


@pytest.fixture
def regions(folder):
    path = folder / "regions.csv"
    path.write_text("id,name_en,name_fr\n1,Atlantic,Atlantique\n")
    return path


def test_seed_and_import_without_a_schema_say_what_to_do(empty_postgres, regions):
    for command in (["seed", "orders"], ["import", "health", "--regions", regions]):
        assert "run rowlock migrate" in failed(1, *command, "--database", empty_postgres.url)


@pytest.mark.quick
def test_seed_and_import_bring_a_sqlite_file_up_to_date(folder, regions):
    done("seed", "orders", "--total", 2, "--database", f"sqlite:{folder}/a.db")
    done("import", "health", "--regions", regions, "--database", f"sqlite:{folder}/b.db")
    assert "pending" not in done("migrate", "--status", "--database", f"sqlite:{folder}/b.db")


def test_seed_and_import_leave_a_schema_that_no_longer_serves_them_alone(database, regions):
    done("migrate", "--database", database.url)
    database.query("INSERT INTO rowlock_migrations (version, name, oldest_server) VALUES (9999, 'from the future', 9999)")
    for command in (["seed", "orders"], ["import", "health", "--regions", regions], ["migrate"]):
        assert "version 9999 needs a server of at least 9999" in failed(1, *command, "--database", database.url)
    assert database.query("SELECT count(*) FROM orders") == [(0,)]


def test_seed_draws_no_progress_bar_into_a_pipe(folder):
    finished = run("seed", "orders", "--total", 100, "--database", f"sqlite:{folder}/x.db")
    assert "\r" not in finished.stdout + finished.stderr
