"""Who is to blame for what the database says: every SQLSTATE that PostgreSQL has, in a statement and at its commit."""

import re
from pathlib import Path

import pytest

from support.cluster import binaries
from support.crowd import crowd, take_request
from support.expect import problem
from support.program import run
from support.wait import until

REFUSED = (500, "refused this for a reason that no request can mend; nothing was changed")
FAILED = (500, "could not do this; nothing was changed")
BUSY = (503, "too busy; nothing was changed")
SCHEMA = (503, "tables are not as this server needs them")
DENIED = (503, "does not let this server do that; nothing was changed")
FULL = (503, "no room left; nothing was changed")
AWAY = (503, "is away; nothing was changed")
KEPT = (500, "did not make the change")
LOST = (503, "whether it did is unknown")

# docs/operations.md has the same in words. The longest beginning counts.
EXPECTED = {
    "": FAILED,
    "08": LOST, "25P03": LOST, "25P04": LOST, "40003": LOST, "57P": LOST,
    "22": REFUSED, "2200H": FAILED, "23": REFUSED, "40002": REFUSED, "44": REFUSED, "54000": REFUSED,
    "25006": AWAY, "25P02": AWAY,
    "26": BUSY, "40": BUSY, "42P05": BUSY, "53": BUSY, "55006": BUSY, "55P03": BUSY, "57": BUSY, "72": BUSY,
    "28": DENIED, "42501": DENIED,
    "3D": SCHEMA, "3F": SCHEMA, "42": SCHEMA, "42704": KEPT,
    "53100": FULL, "53400": FAILED,
}

REGIONS = """id,name_en,name_fr
1,Atlantic,Atlantique
2,Ontario,Ontario
"""

PLACE = {"origin": ["50.4", "12.7"], "destination": ["59.4", "24.7"]}


def expected(code):
    return EXPECTED[max((beginning for beginning in EXPECTED if code.startswith(beginning)), key=len)]


def codes():
    """All errors of the list that PostgreSQL itself is made from."""
    for path in Path("/usr/share/postgresql").glob("*/errcodes.txt"):
        if binaries() is not None and path.parent.name == binaries().parent.name:
            return sorted(set(re.findall(r"^([0-9A-Z]{5})\s+E\s", path.read_text(), re.M)))
    return []


class Walk:
    """A trigger that raises what it finds in a table."""

    def __init__(self, database, timing):
        self.connection = database.connect()
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute("CREATE TABLE walk (code text); INSERT INTO walk VALUES (''); "
                            "CREATE FUNCTION walk() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c text := (SELECT code FROM walk); "
                            "BEGIN IF c <> '' THEN RAISE EXCEPTION 'walked' USING ERRCODE = c; END IF; RETURN NEW; END $$; "
                            f"CREATE {timing} ON orders {'DEFERRABLE INITIALLY DEFERRED ' if 'CONSTRAINT' in timing else ''}"
                            "FOR EACH ROW EXECUTE FUNCTION walk()")

    def to(self, code):
        self.cursor.execute("UPDATE walk SET code = %s", (code,))

    def orders(self):
        self.cursor.execute("SELECT count(*) FROM orders")
        return self.cursor.fetchone()[0]

    def close(self):
        self.connection.close()


@pytest.mark.parametrize("timing", ["TRIGGER walk BEFORE INSERT", "CONSTRAINT TRIGGER walk AFTER INSERT"], ids=["statement", "commit"])
def test_every_sqlstate_says_who_is_to_blame(serve, postgres, timing):
    assert len(codes()) > 200
    server = serve("--deadline", 2, database=postgres)
    walk = Walk(postgres, timing)
    try:
        server.api.place()
        wrong = []
        for code in codes():
            walk.to(code)
            answer = server.api.post("/orders", PLACE)
            status, words = expected(code)
            said = (answer.status, answer.json()["error"], bool(answer.header("Retry-After")))
            if said[0] != status or words not in said[1] or said[2] != (status == 503) or "walked" in said[1]:
                wrong.append((code, said))
        assert not wrong
        walk.to("")
        assert walk.orders() == 1, "no refused order was placed"
        until(lambda: server.api.post("/orders", PLACE).status == 200, 5, "nothing of it stays")
        logged = {line["sqlstate"] for line in server.lines() if line["message"] == "statement failed" and line["level"] == "error"}
        assert set(codes()) <= logged, "each is in the log"
        lost = [line for line in server.lines() if line["message"] == "database connection lost" and "stale" not in line["reason"]
                and "writes" not in line["reason"]]
        assert not lost, "no connection is given up for what a statement met"
    finally:
        walk.close()


# ---- what no client can mend is not the client's ----

def logged(server, code):
    return until(lambda: [line for line in server.lines() if line["message"] == "statement failed" and line["sqlstate"] == code], 3)


def test_a_sequence_that_has_run_out_is_an_error_of_the_server(serve, postgres):
    server = serve(database=postgres)
    postgres.query("ALTER SEQUENCE orders_id_seq MAXVALUE 1000 RESTART WITH 1000")
    server.api.place()
    answer = server.api.post("/orders", PLACE)
    problem(answer, 500, "nothing was changed")
    assert "orders_id_seq" not in answer.json()["error"] and logged(server, "2200H")
    postgres.query("ALTER SEQUENCE orders_id_seq NO MAXVALUE")
    server.api.place()


def test_a_sequence_that_has_run_out_on_sqlite_is_an_error_of_the_server(serve, sqlite):
    server = serve(database=sqlite)
    server.api.place()
    sqlite.query("UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'orders'")
    problem(server.api.post("/orders", PLACE), 500, "nothing was changed")
    assert [line for line in server.lines() if line["message"] == "statement failed" and "full" in line["reason"]]
    assert server.api.get("/healthcheck").status == 200, "the disk has room"


@pytest.mark.parametrize("change, body, code, names", [
    ("ALTER TABLE site ADD COLUMN ward text; UPDATE site SET ward = ''; ALTER TABLE site ALTER COLUMN ward SET NOT NULL", {}, "23502", "ward"),
    ("ALTER TABLE site ADD COLUMN long int GENERATED ALWAYS AS (length(name)) STORED CHECK (long > 100)", {}, "23514", "site_long_check"),
    ("CREATE TABLE ward (id int PRIMARY KEY); ALTER TABLE site ADD COLUMN ward int NOT NULL DEFAULT 7 REFERENCES ward", {}, "23503", "site_ward_fkey"),
    ("ALTER TABLE site ADD COLUMN name_hash int DEFAULT 5 CONSTRAINT name_check CHECK (name_hash > 5)", {}, "23514", "name_check"),
    ("CREATE UNIQUE INDEX only_one ON site ((true))", {}, "23505", "only_one"),
    ("CREATE FUNCTION parse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM NEW.name::int; RETURN NEW; END $$; "
     "CREATE TRIGGER parse BEFORE INSERT ON site FOR EACH ROW EXECUTE FUNCTION parse()", {}, "22P02", "integer"),
    ("CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM NEW.name::varchar(2); NEW.name := repeat('x', 30)::varchar(40); "
     "INSERT INTO ward VALUES ('xxxx'); RETURN NEW; END $$; CREATE TABLE ward (name varchar(2)); "
     "CREATE TRIGGER cut BEFORE INSERT ON site FOR EACH ROW EXECUTE FUNCTION cut()", {}, "22001", "varying"),
], ids=["not null", "computed", "foreign key", "by another name", "unique", "in a trigger", "too long in a trigger"])
def test_what_no_client_can_mend_is_an_error_of_the_server(serve, postgres, change, body, code, names):
    server = serve(database=postgres)
    assert server.api.post("/site/1", {"name": "first"}).status == 200
    if code in ("23503", "23514"):
        change = "DELETE FROM site; " + change
    postgres.query(change)
    answer = server.api.post("/site/2", {"name": "second", **body})
    problem(answer, 500, "nothing was changed")
    assert names not in answer.json()["error"], "the insides of the database are for the log"
    assert names in str(logged(server, code))


@pytest.mark.parametrize("change, body, said", [
    ("ALTER TABLE site ADD CHECK (country <> 'XX')", {"country": "XX"}, "country"),
    ("ALTER TABLE site ADD CONSTRAINT nobody CHECK (country <> 'XX')", {"country": "XX"}, "country"),
    ("ALTER TABLE site ADD UNIQUE (name)", {}, "name"),
    ("CREATE UNIQUE INDEX once ON site (name, contact)", {"contact": "me"}, "name"),
    ("ALTER TABLE site ALTER COLUMN contact SET NOT NULL", {}, "contact"),
    ("ALTER TABLE site ALTER COLUMN country TYPE varchar(3)", {"country": "Elsewhere"}, "too long"),
], ids=["check", "named check", "unique", "unique index", "not null", "too long"])
def test_what_the_client_can_mend_is_told_by_its_member(serve, postgres, change, body, said):
    server = serve(database=postgres)
    assert server.api.post("/site/1", {"name": "same", "contact": "me"}).status == 200
    postgres.query(change)
    problem(server.api.post("/site/2", {"name": "same", **body}), 400, said)
    assert not [line for line in server.lines() if line["message"] == "statement failed"]


SQLITE_SITE = """
DROP TABLE site; CREATE TABLE site (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, contact TEXT, address TEXT,
state_or_region TEXT, country TEXT, postcode_or_zip TEXT, {})"""


def rebuild(sqlite, more):
    """The table with what a hand has added; only what is needed to put a record."""
    connection = sqlite.connect()
    connection.executescript("PRAGMA foreign_keys = OFF; DROP VIEW IF EXISTS instrument; CREATE TABLE IF NOT EXISTS ward (id INTEGER PRIMARY KEY);"
                             + SQLITE_SITE.format(more))
    connection.close()


@pytest.mark.parametrize("more, body, status, said", [
    ("ward TEXT NOT NULL", {}, 500, "ward"),
    ("long INTEGER AS (length(name)) CHECK (long > 100)", {}, 500, "long > 100"),
    ("ward INTEGER DEFAULT 7 REFERENCES ward (id)", {}, 500, "FOREIGN KEY"),
    ("CHECK (country <> 'XX')", {"country": "XX"}, 400, "country"),
    ("UNIQUE (name)", {}, 400, "name"),
    ("CHECK (contact IS NOT NULL)", {}, 400, "contact"),
    ("contact_hash INTEGER DEFAULT 5, CONSTRAINT odd CHECK (contact_hash <> 5), CHECK (length(contact) < 9)", {}, 500, "odd"),
    ("CONSTRAINT odd CHECK (coalesce(contact, '(country') <> 'you')", {"contact": "you"}, 400, "contact"),
])
def test_who_is_to_blame_on_sqlite(serve, sqlite, more, body, status, said):
    assert serve(database=sqlite).stop() is None
    rebuild(sqlite, more)
    if status == 400:
        sqlite.query("INSERT INTO site (id, name, contact) VALUES (1, 'same', 'me')")
    server = serve(database=sqlite)
    answer = server.api.post("/site/2", {"name": "same", **body})
    problem(answer, status)
    failed = [line for line in server.lines() if line["message"] == "statement failed"]
    if status == 400:
        assert said in answer.json()["error"] and not failed
    else:
        assert said in str(failed) and said not in answer.json()["error"]


def test_one_call_that_fails_does_not_fail_the_set_it_travels_with(serve, postgres):
    """A trigger's own objection to one order, at the statement and at the commit."""
    server = serve("--db-connections", 1, database=postgres)
    postgres.query("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.taker = 'bad' THEN RAISE 'not him'; END IF; RETURN NEW; END $$; "
                   "CREATE CONSTRAINT TRIGGER no AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no()")
    orders = [server.api.place() for _ in range(20)]
    answers = crowd(server.address, [[take_request(order, "bad" if order == orders[7] else "good")] for order in orders])
    assert [status for (status, _), in answers] == [500 if order == orders[7] else 200 for order in orders]


# ---- commands go by the same table ----

@pytest.mark.parametrize("change, words", [
    ("ALTER TABLE region RENAME COLUMN name_en TO name", ["run rowlock migrate"]),      # 42703
    ("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 2 THEN RAISE 'not two' USING ERRCODE = '44000'; "
     "END IF; RETURN NEW; END $$; CREATE TRIGGER no BEFORE INSERT ON region FOR EACH ROW EXECUTE FUNCTION no()", ["regions.csv:3:", "not two"]),
], ids=["schema", "refused"])
def test_an_import_says_who_is_to_blame(postgres, folder, change, words):
    regions = folder / "regions.csv"
    regions.write_text(REGIONS)
    postgres.query(change)
    finished = run("import", "health", "--regions", regions, "--database", postgres.url)
    assert finished.returncode == 1
    for word in words:
        assert word in finished.stderr.lower(), finished.stderr
    assert postgres.query("SELECT count(*) FROM region") == [(0,)]
