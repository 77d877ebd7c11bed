"""Tables of the services that came before: what `rowlock migrate` says of them, and docs/coming-from.md, whose console
blocks are run on tables like theirs."""

import shutil
import sqlite3

import psycopg2
import pytest

from support.program import ROOT, missing, run
from support.transcript import Session, steps

PAGE = ROOT / "docs" / "coming-from.md"

LABS = """
CREATE TABLE site (id serial PRIMARY KEY, name text, contact text, address text, state_or_region text, country text, postcode_or_zip text);
CREATE TABLE computer (id serial PRIMARY KEY, name text, mac macaddr UNIQUE, site_id int NOT NULL REFERENCES site);
CREATE TABLE freezer (id serial PRIMARY KEY, name text, site_id int NOT NULL REFERENCES site);
CREATE TABLE container (id serial PRIMARY KEY, uuid uuid, description text, freezer_id int REFERENCES freezer);
INSERT INTO site (name, contact, address) VALUES ('Site 1', 'John Smith', E'123 Muffin Lane,\\nAnn\\tArbor'), ('Site 2', NULL, NULL), (NULL, '', NULL);
INSERT INTO computer (name, mac, site_id) VALUES ('Computer 1', NULL, 1), ('Computer 2', '08:00:2b:01:02:03', 1);
INSERT INTO freezer (name, site_id) VALUES ('-20C', 1), (NULL, 2);
INSERT INTO container (uuid, description, freezer_id) VALUES (NULL, 'box', 1), ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', NULL, 2);
"""
ORDERS = """
CREATE TABLE orders (id serial PRIMARY KEY, distance integer NOT NULL, status varchar(32) NOT NULL DEFAULT 'UNASSIGNED',
    created_at timestamp NOT NULL DEFAULT timezone('utc', now()), updated_at timestamp NOT NULL DEFAULT timezone('utc', now()));
INSERT INTO orders (id, distance, status, created_at) VALUES (1760, 4105, 'UNASSIGNED', '2020-03-16 04:25:04.5'), (1761, 1728057, 'TAKEN', '2020-03-17 00:00');
"""
HEALTH = """
CREATE TABLE api_region (id bigserial PRIMARY KEY, name_en varchar(100) NOT NULL, name_fr varchar(100) NOT NULL);
CREATE TABLE api_province (id bigserial PRIMARY KEY, geo_code int, alpha_code varchar(2), name_en text, name_fr text, fk_region_id bigint REFERENCES api_region);
CREATE TABLE api_healthregion (id bigserial PRIMARY KEY, hr_uid int, name_en text, name_fr text, pop int, website_en text, website_fr text,
    en_prov_vaccine_site text, fr_prov_vaccine_site text, fk_province_id bigint REFERENCES api_province);
CREATE TABLE api_fsa (id bigserial PRIMARY KEY, code varchar(3), eng_name text, fre_name text, estimated_pop int,
    fk_healthregion_id bigint REFERENCES api_healthregion, fk_province_id bigint REFERENCES api_province);
INSERT INTO api_region VALUES (1, 'Atlantic', 'Atlantique');
INSERT INTO api_province VALUES (10, 10, 'NL', 'Newfoundland and Labrador', 'Terre-Neuve-et-Labrador', 1);
INSERT INTO api_healthregion VALUES (25, 1012, 'Central', 'Centre, "le"', 92311, 'https://a', 'https://b', NULL, NULL, 10),
    (26, 1011, 'Eastern', 'Est', NULL, 'https://a', 'https://b', NULL, NULL, 10);
INSERT INTO api_fsa VALUES (1, 'A0A', 'Eastern', 'Est', 8631, 26, 10), (2, 'a0b', 'Central', 'Centre', 3066, 25, 10);
"""
MESSAGES = """
CREATE TABLE messages (id serial PRIMARY KEY, sender varchar NOT NULL, recipient varchar NOT NULL, message text NOT NULL,
    created_at timestamp NOT NULL DEFAULT timezone('utc', now()));
INSERT INTO messages (sender, recipient, message) VALUES ('ann', 'bob', 'Lunch?'), ('bob', 'ann', E'昼ごはん\\\\n\\n\\ttwo lines');
"""
USERS = "CREATE TABLE users (id integer PRIMARY KEY, username varchar, image_url varchar, type varchar, profile_url varchar);"


def execute(cluster, name, sql):
    connection = psycopg2.connect(cluster.dsn(name))
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


@pytest.fixture
def old(cluster, empty_postgres):
    """The address of a database with the tables of all the services, beside empty_postgres."""
    name = cluster.create_database()
    execute(cluster, name, LABS + ORDERS + HEALTH + MESSAGES)
    yield cluster.url(name)
    cluster.drop_database(name)


def test_the_page_shows_what_happens(old, empty_postgres, folder, serve):
    for tool in ("psql", "sqlite3"):
        if shutil.which(tool) is None:
            missing(tool)
    with sqlite3.connect(folder / "github_users.db") as users:
        users.execute(USERS)
        users.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?)", [(1, "mojombo", "https://a/1", "User", "https://h/m"),
                                                                     (2, 'de"funkt,', None, "Organization", None)])
    documented = steps(PAGE.read_text(), "docs/coming-from.md")
    Session(None, None, folder, words=("psql", "rowlock", "sqlite3"), OLD=old, NEW=empty_postgres.url).check(documented)

    api = serve("--cache", "none", database=empty_postgres).api
    site = api.get("/site/1").json()
    assert site["name"] == "Site 1" and site["address"] == "123 Muffin Lane,\nAnn\tArbor" and api.get("/site/3").json()["name"] == "Site 3"
    assert len(api.get("/instruments").json()) == 4 and api.get("/container/2").json()["uuid"] == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    assert api.get("/health-regions/25").json()["name_fr"] == 'Centre, "le"' and [region["id"] for region in api.get("/fsa/A0B").json()] == [25]
    assert [order["id"] for order in api.get("/orders?page=1&limit=9").json()] == [1761, 1760]
    assert api.get("/orders/1760").json()["created_at"].startswith("2020-03-16T04:25:04.5")
    assert api.patch("/orders/1761", {"status": "DELIVERED"}).status == 200 and api.take(1760).status == 200 and api.place() == 1762
    assert api.get("/messages?recipient=ann").json()[0]["text"] == "昼ごはん\\n\n\ttwo lines"
    assert api.post("/messages", {"sender": "a", "recipient": "b", "text": "c"}).json()["id"] == 3
    assert api.post("/site/4", {"name": "next"}).status == 200
    assert b'de\\"funkt,' in api.get("/api/users/profiles?id=2").body


# ---- in the way ----

def refused(database, *named):
    done = run("migrate", "--database", database.url)
    assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1, done.stderr
    for word in ("nothing was changed", "docs/coming-from.md", *named):
        assert word in done.stderr, done.stderr


def tables(postgres):
    return {name for name, in postgres.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")}


@pytest.mark.parametrize("sql, named", [(LABS, ("site", "labs")), (ORDERS, ("orders", "service for orders")), (MESSAGES, ("messages", "service for messages")),
                                        (USERS, ("users", "GitHub users")), ("CREATE TABLE users (name text)", ("users",)),
                                        ("CREATE VIEW instrument AS SELECT 1 AS one", ("instrument",)),
                                        ("CREATE TABLE t (a int); CREATE INDEX messages_recipient ON t (a)", ("messages_recipient",)),
                                        ("CREATE TYPE province AS ENUM ('ON', 'QC')", ("province",)), ("CREATE DOMAIN fsa AS text", ("fsa",))],
                         ids=["labs", "orders", "messages", "users", "anybody's", "a view", "an index", "a type", "a domain"])
def test_tables_of_others_are_found_before_anything_is_changed(empty_postgres, cluster, sql, named):
    execute(cluster, empty_postgres.name, sql)
    before = tables(empty_postgres)
    refused(empty_postgres, *named)
    assert tables(empty_postgres) == before
    if named == ("users",):
        assert "look like" not in run("migrate", "--database", empty_postgres.url).stderr


def test_tables_of_others_in_another_schema_are_not_in_the_way(empty_postgres, cluster, serve):
    execute(cluster, empty_postgres.name, ORDERS + MESSAGES + "CREATE SCHEMA rowlock")
    empty_postgres.url += "?options=-csearch_path%3Drowlock"
    done = run("migrate", "--database", empty_postgres.url)
    assert done.returncode == 0, done.stderr
    api = serve(database=empty_postgres).api
    assert api.take(api.place()).status == 200 and api.post("/site/1", {"name": "x"}).status == 200
    assert run("migrate", "--database", empty_postgres.url).returncode == 0
    assert empty_postgres.query("SELECT count(*) FROM public.orders") == [(2,)]


@pytest.mark.parametrize("sql, named", [(USERS, ("users", "GitHub users", "another file")), ("CREATE TABLE Orders (a)", ("Orders",))], ids=["users", "any case"])
def test_a_sqlite_file_of_another_service_is_left_as_it_is(empty_sqlite, sql, named):
    empty_sqlite.query(sql)
    refused(empty_sqlite, *named)
    assert empty_sqlite.query("SELECT count(*) FROM sqlite_schema WHERE type = 'table'") == [(1,)]
    done = run("serve", "--listen", "127.0.0.1:0", "--database", empty_sqlite.url)
    assert done.returncode == 1 and "nothing was changed" in done.stderr


@pytest.mark.parametrize("engine", ["postgres", "sqlite"])
def test_our_own_tables_without_their_record_are_known_for_what_they_are(request, engine):
    database = request.getfixturevalue(engine)
    if engine == "sqlite":
        assert run("migrate", "--database", database.url).returncode == 0
    database.query("DROP TABLE rowlock_migrations")
    refused(database, "Rowlock's own", "rowlock_migrations")


def test_what_is_in_the_way_of_a_later_migration_is_found_before_the_next_is_applied(sqlite):
    assert run("migrate", "--database", sqlite.url).returncode == 0
    for table in ("users", "messages"):
        sqlite.query(f"DROP TABLE {table}")
    sqlite.query("DELETE FROM rowlock_migrations WHERE version > 3")
    sqlite.query("CREATE TABLE users (id)")
    refused(sqlite, "users")
    assert sqlite.query("SELECT max(version) FROM rowlock_migrations") == [(3,)]
    sqlite.query("DROP TABLE users")
