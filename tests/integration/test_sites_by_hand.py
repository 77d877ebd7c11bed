"""Sample sites, the scripts for psql, the plans, and a server of this app alone."""

import subprocess

import pytest

from support.cluster import binaries
from support.expect import problem
from support.plans import nodes, plan_as_the_server, plan_of, statements
from support.program import ROOT, environment, run

KINDS = ["site", "computer", "freezer", "container"]


def done(*arguments):
    finished = run(*arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def count(database, kind):
    return database.query(f"SELECT count(*) FROM {kind}")[0][0]


# ---- seed ----

def test_seed_adds_sites_with_what_stands_in_them(database, serve):
    done("seed", "sites", "--total", 20, "--database", database.url)
    done("seed", "sites", "-t", 5, "--database", database.url)
    assert count(database, "site") == 25
    assert count(database, "computer") >= 25 and count(database, "freezer") >= 25 and count(database, "container") > 0
    for kind, key in (("computer", "site_id"), ("freezer", "site_id")):
        assert database.query(f"SELECT count(DISTINCT {key}) FROM {kind}") == [(25,)]
    assert database.query("SELECT count(*) FROM computer WHERE mac IS NULL") == [(0,)]
    assert database.query("SELECT count(*) FROM container WHERE freezer_id IS NULL") == [(0,)]
    assert count(database, "lab_history") == sum(count(database, kind) for kind in KINDS)
    api = serve(database=database).api
    assert len(api.get("/instruments").json()) == count(database, "computer") + count(database, "freezer")


def test_seed_adds_15_sites_when_not_told_how_many_and_thousands_when_told(database):
    done("seed", "sites", "--database", database.url)
    assert count(database, "site") == 15
    done("seed", "sites", "--total", 1985, "--database", database.url)
    assert count(database, "site") == 2000
    assert database.query("SELECT count(DISTINCT site_id) FROM freezer") == [(2000,)]
    done("seed", "sites", "--if-empty", "--database", database.url)
    assert count(database, "site") == 2000


# ---- alone ----

def test_this_app_is_served_alone(serve, database):
    server = serve("--apps", "sites", database=database)
    assert server.api.post("/site/1", {"name": "S"}).status == 200
    problem(server.api.get("/orders?page=1&limit=1"), 404)


def test_without_this_app_its_paths_are_404(serve, database):
    server = serve("--apps", "orders", database=database)
    for path in ("/sites", "/sites/0/10", "/site/1", "/computers", "/instruments", "/site/1/history"):
        problem(server.api.get(path), 404)


# ---- psql ----

def script(cluster, name, file):
    finished = subprocess.run([binaries() / "psql", "-X", "-q", "-d", cluster.dsn(name), "-f", ROOT / "sql" / file], env=environment(),
                              capture_output=True, text=True)
    assert finished.returncode == 0 and not finished.stderr, finished.stderr


def test_create_tables_makes_what_migrate_makes_and_can_be_run_again(cluster, empty_postgres, template):
    for _ in range(2):
        script(cluster, empty_postgres.name, "create_tables.sql")
    done("migrate", "--database", empty_postgres.url)
    assert cluster.schema(empty_postgres.name) == cluster.schema(template)
    script(cluster, empty_postgres.name, "create_tables.sql")
    assert cluster.schema(empty_postgres.name) == cluster.schema(template)
    known = [int(path.name[:4]) for path in (ROOT / "sql/postgres/migrations").glob("[0-9]*.sql")]
    assert empty_postgres.query("SELECT version FROM rowlock_migrations ORDER BY version") == [(version,) for version in sorted(known)]


def test_create_tables_drops_the_old_data_and_leaves_that_of_others(cluster, postgres):
    script(cluster, postgres.name, "mock_data.sql")
    postgres.query("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) VALUES (1, 2, 3, 4, 5)")
    script(cluster, postgres.name, "create_tables.sql")
    assert [count(postgres, kind) for kind in (*KINDS, "lab_history", "orders")] == [0, 0, 0, 0, 0, 1]


def test_mock_data_is_that_of_the_first_seed(cluster, empty_postgres, serve):
    script(cluster, empty_postgres.name, "create_tables.sql")
    for _ in range(2):
        script(cluster, empty_postgres.name, "mock_data.sql")
    assert empty_postgres.query("SELECT * FROM site ORDER BY id") == [
        (1, "Site 1", "John Smith", "123 Muffin Lane, Ann Arbor", "MI", "USA", "48103"),
        (2, "Site 2", None, None, None, None, None), (3, "Site 3", None, None, None, None, None)]
    assert empty_postgres.query("SELECT * FROM freezer ORDER BY id") == [(1, "-20C", 1), (2, "-40C", 1)]
    assert empty_postgres.query("SELECT * FROM computer ORDER BY id") == [(1, "Computer 1", None, 1), (2, "Computer 2", None, 1)]
    assert count(empty_postgres, "container") == 0
    assert empty_postgres.query("INSERT INTO site (name) VALUES ('next') RETURNING id") == [(4,)]
    assert serve("--apps", "sites", database=empty_postgres).api.get("/sites/0/1").json()[0]["name"] == "Site 1"


# ---- plans ----

@pytest.mark.plain
@pytest.mark.parametrize("call", ["site_get('{5}')", "site_list(10, 0, 5)", "computer_list(10, 0, 5)", "freezer_list(10, 0, 5)", "container_list(10, 0, 5)",
                                  "computer_of_site(10, 0, 5)", "freezer_of_site(10, 0, 5)", "container_of_freezer(10, 0, 5)",
                                  "instrument_list(10, 0)", "site_guard(5)", "site_delete(5, NULL)", "site_delete(5, 'x')", "lab_history_page(10, 'site', 5, 99999999)"])
def test_each_question_is_answered_by_an_index(postgres, call):
    postgres.query("INSERT INTO site (name) SELECT 'S' FROM generate_series(1, 2000)")
    postgres.query("INSERT INTO computer (name, site_id) SELECT 'C' || n, 1 + n % 2000 FROM generate_series(1, 6000) AS n")
    postgres.query("INSERT INTO freezer (name, site_id) SELECT 'F' || n, 1 + n % 2000 FROM generate_series(1, 6000) AS n")
    postgres.query("INSERT INTO container (uuid, freezer_id) SELECT gen_random_uuid(), 1 + n % 6000 FROM generate_series(1, 6000) AS n")
    name = call.partition("(")[0]
    connection = postgres.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        plan_as_the_server(cursor)
        cursor.execute(f"PREPARE {name} AS {statements('sites')[name]}")
        plan = plan_of(cursor, call)
    connection.close()
    kinds = [node["Node Type"] for node in nodes(plan)]
    assert "Seq Scan" not in kinds, kinds
    assert "Sort" not in kinds or name == "site_get" or "_of_" in name, kinds     # of the positions of a set; of what one owner has
    assert any("Index" in kind for kind in kinds), kinds


def test_instruments_on_sqlite_come_from_two_indexes(sqlite):
    sql = statements("sites", "sqlite")["instrument_list"]
    plan = [row[3] for row in sqlite.query("EXPLAIN QUERY PLAN " + sql.replace("$1", "10").replace("$2", "0"))]
    assert plan[0] == "MERGE (UNION ALL)", plan
    assert sum("_in_order" in step for step in plan) == 2 and "USE TEMP B-TREE FOR ORDER BY" not in plan, plan
