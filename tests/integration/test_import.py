"""rowlock import health: CSV files into tables, all of them or none."""

import bz2
import csv
import gzip
import io
import lzma
import os
import random
import subprocess
import threading

import pytest

from support.program import SLOW, environment, rowlock, run
from support.wait import Stopwatch, until

FLAGS = {"region": "--regions", "province": "--provinces", "health_region": "--health-regions", "fsa": "--fsa"}

REGIONS = """id,name_en,name_fr
1,Atlantic,Atlantique
3,Ontario,Ontario
99, Canada, Canada
"""
PROVINCES = """id,geo_code,alpha_code,name_en,name_fr,fk_region_id
10,10,NL,Newfoundland and Labrador,Terre-Neuve-et-Labrador,1
35,35,ON,Ontario,Ontario,3
"""
HEALTH_REGIONS = """id,hr_uid,name_en,name_fr,pop,website_en,website_fr,en_prov_vaccine_site,fr_prov_vaccine_site,fk_province_id
26,1011,Eastern Regional Health Authority,Eastern Regional Health Authority,312612,https://e.example/en,https://e.example/fr,https://v.example/en,https://v.example/fr,10
51,3551,City of Ottawa,"Ville d'Ottawa, « été »",1054656,https://o.example/en,,,,35
"""
FSA = """id,code,eng_name,fre_name,estimated_pop,fk_healthregion_id,fk_province_id
1,A0A,Eastern Regional Health Authority,Eastern Regional Health Authority,8631,26,10
2,K1A,City of Ottawa,Ville d'Ottawa,,51,35
3,k0a,City of Ottawa,Ville d'Ottawa,12,51,35
"""
FILES = {"region": REGIONS, "province": PROVINCES, "health_region": HEALTH_REGIONS, "fsa": FSA}


class Importer:
    def __init__(self, folder, database):
        self.folder, self.database = folder, database

    def path(self, table):
        return self.folder / f"{table}.csv"

    def run(self, **files):
        """Writes the files, text or bytes, and imports them."""
        arguments = []
        for table, text in files.items():
            self.path(table).write_bytes(text if isinstance(text, bytes) else text.encode())
            arguments += [FLAGS[table], self.path(table)]
        return run("import", "health", *arguments, "--database", self.database.url)

    def good(self, **files):
        finished = self.run(**files)
        assert finished.returncode == 0 and finished.stderr == "", finished
        return finished.stdout

    def bad(self, place, *words, **files):
        """Exit 1, one line on stderr: place is TABLE:LINE: COLUMN, or TABLE alone. Nothing is stored."""
        before = self.all()
        finished = self.run(**files)
        assert finished.returncode == 1 and finished.stdout == "", finished
        table, colon, rest = place.partition(":")
        assert finished.stderr.startswith(f"rowlock: import: {self.path(table)}:{rest}{':' if colon else ''} "), finished.stderr
        assert finished.stderr.count("\n") == 1 and finished.stderr.endswith("\n"), finished.stderr
        for word in words:
            assert word in finished.stderr, finished.stderr
        assert self.all() == before
        return finished.stderr

    def rows(self, table):
        return self.database.query(f"SELECT * FROM {table} ORDER BY id")

    def all(self):
        return {table: self.rows(table) for table in FILES}


@pytest.fixture
def importer(folder, database):
    return Importer(folder, database)


@pytest.fixture
def sqlite_importer(folder, sqlite):
    """Where the database makes no difference."""
    return Importer(folder, sqlite)


def changed(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


# ---- what is good ----

def test_four_files_are_stored_as_they_are(importer):
    said = importer.good(**FILES)
    for table, count in (("region", 3), ("province", 2), ("health_region", 2), ("fsa", 3)):
        assert f"{importer.path(table)}: {count} records\n" in said
    assert importer.rows("region") == [(1, "Atlantic", "Atlantique"), (3, "Ontario", "Ontario"), (99, " Canada", " Canada")]
    assert importer.rows("province")[1] == (35, 35, "ON", "Ontario", "Ontario", 3)
    assert importer.rows("health_region") == [
        (26, 1011, "Eastern Regional Health Authority", "Eastern Regional Health Authority", 312612, "https://e.example/en", "https://e.example/fr",
         "https://v.example/en", "https://v.example/fr", 10),
        (51, 3551, "City of Ottawa", "Ville d'Ottawa, « été »", 1054656, "https://o.example/en", None, None, None, 35)]
    assert importer.rows("fsa") == [
        (1, "A0A", "Eastern Regional Health Authority", "Eastern Regional Health Authority", 8631, 26, 10),
        (2, "K1A", "City of Ottawa", "Ville d'Ottawa", None, 51, 35), (3, "K0A", "City of Ottawa", "Ville d'Ottawa", 12, 51, 35)]


def test_what_was_imported_is_served(importer, serve):
    importer.good(**FILES)
    api = serve("--apps", "health", database=importer.database).api
    ottawa = {"id": 51, "hr_uid": 3551, "name_en": "City of Ottawa", "name_fr": "Ville d'Ottawa, « été »", "pop": 1054656,
              "website_en": "https://o.example/en", "website_fr": None, "province": "ON"}
    assert api.get("/fsa/k1a0b1").json() == [ottawa]
    assert api.get("/health-regions/51").json() == ottawa
    assert [region["id"] for region in api.get("/health-regions").json()] == [26, 51]


def test_the_order_of_the_flags_does_not_matter(importer):
    importer.good(**dict(reversed(FILES.items())))
    assert [len(rows) for rows in importer.all().values()] == [3, 2, 2, 3]


def test_again_it_updates_and_leaves_the_rest(importer):
    importer.good(**FILES)
    before = importer.all()
    importer.good(**FILES)
    assert importer.all() == before
    importer.good(health_region="id,hr_uid,name_en,name_fr,pop,website_en,website_fr,en_prov_vaccine_site,fr_prov_vaccine_site,fk_province_id\n"
                                "51,3552,Ottawa,Ottawa,,,x,y,z,10\n7,7,New,Neuf,0,,,,,35\n")
    assert importer.rows("health_region") == [
        (7, 7, "New", "Neuf", 0, None, None, None, None, 35), before["health_region"][0],
        (51, 3552, "Ottawa", "Ottawa", None, None, "x", "y", "z", 10)]
    assert importer.rows("fsa") == before["fsa"]


def test_each_file_alone_will_do_once_what_it_refers_to_is_there(importer):
    for table, text in FILES.items():
        importer.good(**{table: text})
    assert [len(rows) for rows in importer.all().values()] == [3, 2, 2, 3]


def backwards(text):
    """The same table: last column first, every field quoted, CRLF."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(row[::-1] for row in csv.reader(io.StringIO(text)))
    return out.getvalue()


def test_columns_come_in_any_order_quoted_and_with_crlf(importer):
    importer.good(**FILES)
    before = importer.all()
    importer.database.clear(*reversed(FILES))
    importer.good(**{table: backwards(text) for table, text in FILES.items()})
    assert importer.all() == before


@pytest.mark.parametrize("text", [
    b"id,name_en,name_fr,\n1,a,b,\n", b"id,name_en,name_fr,,,\n1,a,b\n", b"id,name_en,name_fr\n1,a,b,,\n", b"id,name_en,name_fr,\r\n1,a,b,\r\n,,,\r\n,,,",
    b"id,name_en,name_fr\n,,\n1,a,b\n,,\n\n,\n,,,,,,\n", b",,\nid,name_en,name_fr\n1,a,b\n", b'id,name_en,name_fr,""\n"","",""\n1,a,b,""\n',
    b"id,name_en,name_fr\r\n1,a,b\r\n", b"\xef\xbb\xbfid,name_en,name_fr\n1,a,b\n", b"\xef\xbb\xbf\"id\",name_en,name_fr\r\n1,a,b",
    b"id,name_en,name_fr\n1,a,b", b"id,name_en,name_fr\n\n1,a,b\n\n\r\n", b"\n\nid,name_en,name_fr\n\"1\",\"a\",\"b\"\n", b"name_fr,id,name_en\nb,01,a\n",
])
def test_forms_of_the_same_file(importer, text):
    importer.good(region=text)
    assert importer.rows("region") == [(1, "a", "b")]


def test_quoted_fields_hold_commas_quotes_and_lines(importer):
    importer.good(region='id,name_en,name_fr\n1,"a, ""b""\nc\r\nd","\\ \t\' 100% 😀 Ñ"\n2,"x","[1,""y""]"\n')
    assert importer.rows("region") == [(1, 'a, "b"\nc\r\nd', "\\ \t' 100% 😀 Ñ"), (2, "x", '[1,"y"]')]


def test_a_header_alone_stores_nothing_and_is_no_error(importer):
    assert "0 records" in importer.good(region="id,name_en,name_fr\n")
    assert importer.rows("region") == []


def test_thousands_of_records_in_good_time(importer):
    importer.good(region=REGIONS, province=PROVINCES, health_region=HEALTH_REGIONS)
    lines = "".join(f'{n},K{n % 10}A,"Ottawa, {n}",Ottawa,{n},51,35\n' for n in range(1, 20001))
    with Stopwatch() as watch:
        importer.good(fsa=FSA.split("\n")[0] + "\n" + lines)
    assert importer.database.query("SELECT count(*), min(id), max(id), sum(estimated_pop) FROM fsa") == [(20000, 1, 20000, 200010000)]
    assert importer.database.query("SELECT eng_name FROM fsa WHERE id = 12345") == [("Ottawa, 12345",)]
    assert watch.seconds < 10 * SLOW


def test_a_pipe_is_a_file_too(sqlite_importer, folder):
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_text(REGIONS))
    writer.start()
    finished = run("import", "health", "--regions", folder / "pipe", "--database", sqlite_importer.database.url)
    writer.join()
    assert finished.returncode == 0 and len(sqlite_importer.rows("region")) == 3


# ---- the header ----

@pytest.mark.parametrize("header, place, words", [
    ("id,name_en,name_fr,pop", "region:1: pop", ["no column"]), ("id,name_en", "region:1: name_fr", ["missing"]), ("name_en,name_fr", "region:1: id", ["missing"]),
    ("id,name_en,name_fr,name_en", "region:1: name_en", ["twice"]), ("ID,name_en,name_fr", "region:1: ID", ["no column"]),
    ("id, name_en,name_fr", "region:1:  name_en", ["no column"]), ("id,,name_en,name_fr", 'region:1: ""', ["no column"]),
    ("id;name_en;name_fr", "region:1: id;name_en;name_fr", ["no column", "not semicolons"]), ("id\tname_en\tname_fr", "region:1: id?name_en?name_fr", ["not tabs"]),
    ('id,"name\n_en",name_fr', "region:1: name?_en", ["no column"]), ("\n\nid,name_en", "region:3: name_fr", ["missing"]),
    ('id,"name_en,name_fr', "region:1: column 2", ["not closed"]),
])
def test_a_wrong_header_names_the_column(sqlite_importer, header, place, words):
    sqlite_importer.bad(place, *words, region=header + "\n")


def test_a_file_of_another_kind_is_refused(sqlite_importer):
    sqlite_importer.bad("region:1: geo_code", region=PROVINCES)
    sqlite_importer.bad("region:1: " + "é" * 31, "no column", region="é" * 50 + ",id\n")
    sqlite_importer.bad("region:1: column 1", "not UTF-8", region="ïd,name_en,name_fr\n".encode("latin-1"))


WHOLE = "id,name_en,name_fr\n1,a,é\n"


@pytest.mark.parametrize("content, said", [
    (b"", "is empty"), (b"\xef\xbb\xbf", "has empty lines alone"), (b"\n\r\n\n", "has empty lines alone"), (b",,,\n,\n", "has empty lines alone"),
    (WHOLE.encode("utf-16"), "is UTF-16"), (WHOLE.encode("utf-16-le"), "is UTF-16"), (WHOLE.encode("utf-16-be"), "is UTF-16"),
    (b"\xfe\xff" + WHOLE.encode("utf-16-be"), "is UTF-16"), (b"\xff\xfe", "is UTF-16"), (WHOLE.encode("utf-32"), "is UTF-32"),
    (b"PK\x03\x04\x14\0\x06\0", "is a workbook"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a workbook"), (gzip.compress(WHOLE.encode()), "is compressed"),
    (bz2.compress(WHOLE.encode()), "is compressed"), (lzma.compress(WHOLE.encode()), "is compressed"), (b"%PDF-1.7\n", "is a PDF"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01", "is binary"), (b"\x7fELF\x02\x01\x01\0", "is binary"), (b"\0", "is binary"), (b"\0" * 5000, "is binary"),
    (b"id,name\0_en,name_fr\n1,a,b\n", "is binary"), (random.Random(7).randbytes(10000), "is binary"),
    (WHOLE.replace("\n", "\r").encode(), "has lines that end with a carriage return alone"), (b"id,name_en,name_fr\r", "has lines that end with a carriage return alone"),
], ids=lambda value: value if isinstance(value, str) else f"{value[:6]}")
def test_what_is_no_csv_in_utf8_is_told_as_what_it_is(sqlite_importer, content, said):
    assert f"the file {said}" in sqlite_importer.bad("region:1", "header id,name_en,name_fr", region=content)


def test_the_program_itself_is_no_csv(sqlite_importer):
    finished = run("import", "health", "--regions", rowlock(), "--database", sqlite_importer.database.url)
    assert finished.returncode == 1 and f"{rowlock()}:1: the file is binary" in finished.stderr


# ---- bad lines ----

@pytest.mark.parametrize("lines, place, words", [
    ("1,a,b\nx,c,d", "region:3: id", ["integer"]), ("1,a,b\n,c,d", "region:3: id", ["integer"]), ("-1,a,b", "region:2: id", ["from 0"]),
    ("1.0,a,b", "region:2: id", []), (" 1,a,b", "region:2: id", []), ("2147483648,a,b", "region:2: id", ["2147483647"]),
    ("99999999999999999999,a,b", "region:2: id", []), ("1,,b", "region:2: name_en", ["text of 1"]), ('1,a,""', "region:2: name_fr", []),
    (f"1,a,{'x' * 2001}", "region:2: name_fr", ["2000"]), ("1,a", "region:2: name_fr", ["missing"]), ("1", "region:2: name_en", ["missing"]),
    ("1,a,b,c", "region:2: column 4", ["header"]), ("1,a,b,,c", "region:2: column 4", ["header"]), ("1,a,b\n\n\n2,a", "region:5: name_fr", ["missing"]),
    ('1,"a\nb\nc",d\n2,,x', "region:5: name_en", []), ('1,"a\nb",c\n1,"d\ne",""', "region:5: name_fr", []),
    ("1,a,b\n2,c,d\n1,e,f", "region:4: id", ["1 is in line 2 already"]), ("3,a,b\n3,c,d\n3,e,f", "region:3: id", ["line 2"]),
    ('1,a"b,c', "region:2: name_en", ["quote"]), ('1,"a"b,c', "region:2: name_en", ["quote"]), ('1,a,b\n2,"a,b\n3,c,d\n', "region:3: name_en", ["not closed"]),
    ("1,a\rb,c", "region:2: name_en", ["carriage return"]), ("1,a,b\r2,c,d", "region:2: name_fr", ["carriage return"]), ('1,a,b,"', "region:2: column 4", []),
    (" ", "region:2: id", []), ("," * 70, "region:2: column 64", ["too many"]),
])
def test_a_bad_line_is_named_with_its_column_and_nothing_is_stored(sqlite_importer, lines, place, words):
    sqlite_importer.bad(place, *words, region="id,name_en,name_fr\n" + lines + "\n")


def test_a_nul_byte_is_named(importer):
    importer.bad("region:3: name_fr", "NUL", region=b"id,name_en,name_fr\n1,a,b\n2,c,a\x00b\n")
    importer.bad("region:602: name_fr", "NUL", region=b"id,name_en,name_fr\n" + b"".join(b"%d,a,b\n" % n for n in range(600)) + b"600,c,\0\n")


@pytest.mark.parametrize("value", [b"\xff", b"\xc3", b"\xed\xa0\x80", "é".encode("latin-1")])
def test_what_is_not_utf8_is_named(importer, value):
    importer.bad("region:3: name_fr", "UTF-8", region=b"id,name_en,name_fr\n1,a,b\n2,c," + value + b"\n")


@pytest.mark.parametrize("table, old, new, place", [
    ("province", "35,35,ON", "35,x,ON", "province:3: geo_code"), ("province", ",ON,", ",on,", "province:3: alpha_code"),
    ("province", ",ON,", ",ONT,", "province:3: alpha_code"), ("province", ",ON,", ",O1,", "province:3: alpha_code"),
    ("province", ",ON,", ",,", "province:3: alpha_code"), ("province", "Ontario,3", "Ontario,", "province:3: fk_region_id"),
    ("health_region", "1054656", "many", "health_region:3: pop"), ("health_region", "1054656", "-1", "health_region:3: pop"),
    ("health_region", ",3551,", ",,", "health_region:3: hr_uid"), ("health_region", ",,,,35", ",,,,", "health_region:3: fk_province_id"),
    ("fsa", "K1A", "D1A", "fsa:3: code"), ("fsa", "K1A", "K1A0B1", "fsa:3: code"), ("fsa", "K1A", "", "fsa:3: code"), ("fsa", "K1A", "KK1", "fsa:3: code"),
    ("fsa", ",12,", ",1e3,", "fsa:4: estimated_pop"),
])
def test_each_column_has_its_type(sqlite_importer, table, old, new, place):
    sqlite_importer.bad(place, **{**FILES, table: changed(FILES[table], old, new)})


# ---- what refers to others ----

@pytest.mark.parametrize("table, old, new, place, words", [
    ("province", "Ontario,3", "Ontario,4", "province:3: fk_region_id", ["no region 4"]),
    ("health_region", ",,,,35", ",,,,36", "health_region:3: fk_province_id", ["no province 36"]),
    ("fsa", "8631,26,10", "8631,27,10", "fsa:2: fk_healthregion_id", ["no health_region 27"]),
    ("fsa", "12,51,35", "12,51,99", "fsa:4: fk_province_id", ["no province 99"]),
])
def test_a_reference_to_nothing_names_its_line(importer, table, old, new, place, words):
    importer.bad(place, *words, **{**FILES, table: changed(FILES[table], old, new)})


def test_of_several_strays_the_first_line_is_named(importer):
    importer.good(region=REGIONS, province=PROVINCES, health_region=HEALTH_REGIONS)
    lines = [f"{n},K1A,x,x,1,{51 if n != 1600 else 52},{35 if n != 1700 else 36}" for n in range(1, 2001)]
    importer.bad("fsa:1601: fk_healthregion_id", fsa="\n".join([FSA.split("\n")[0], *lines]))


@pytest.mark.parametrize("table, old, new, place", [
    ("province", "35,35,ON", "35,35,NL", "province:3: alpha_code"), ("province", "35,35,ON", "35,10,ON", "province:3: geo_code"),
    ("health_region", ",3551,", ",1011,", "health_region:3: hr_uid"),
])
def test_a_key_that_is_there_twice_names_its_line(importer, table, old, new, place):
    importer.bad(place, **{**FILES, table: changed(FILES[table], old, new)})


def test_a_key_that_the_database_has_already_names_its_line(importer):
    importer.good(**FILES)
    header = HEALTH_REGIONS.split("\n")[0]
    lines = [f"{n},{n if n != 901 else 3551},a,b,1,,,,,35" for n in range(100, 1200)]
    importer.bad("health_region:803: hr_uid", health_region="\n".join([header, *lines]))


def test_a_bad_last_file_undoes_the_good_ones_before(importer):
    importer.good(**FILES)
    newer = {table: text.replace("Ontario", "Upper Canada").replace("Ottawa", "Bytown") for table, text in FILES.items()}
    newer["fsa"] = changed(newer["fsa"], "12,51,35", "12,52,35")
    importer.bad("fsa:4: fk_healthregion_id", **newer)


# ---- files, usage, database ----

def test_a_file_that_cannot_be_read_is_named(sqlite_importer, folder):
    for path, word in ((folder / "missing.csv", "No such file"), (folder, "directory")):
        finished = run("import", "health", "--regions", path, "--database", sqlite_importer.database.url)
        assert finished.returncode == 1 and finished.stdout == ""
        assert finished.stderr.startswith(f"rowlock: import: {path}: ") and word in finished.stderr


@pytest.mark.parametrize("arguments, named", [
    ([], "health"), (["orders"], "health"), (["nonsense", "--regions", "x"], "health"), (["health"], "--regions"), (["health", "--regions"], "--regions"),
    (["health", "--regions", ""], "--regions"), (["health", "--cities", "x"], "--cities"), (["health", "x.csv"], "x.csv"),
    (["health", "--regions", "x", "extra"], "extra"), (["health", "--total", "3", "--regions", "x"], "--total"), (["--regions", "x"], "health"),
])
def test_wrong_usage_is_exit_2_and_one_line(folder, arguments, named):
    finished = run("import", *arguments, cwd=folder)
    assert finished.returncode == 2 and finished.stdout == ""
    assert finished.stderr.count("\n") == 1 and named in finished.stderr, finished.stderr
    assert list(folder.iterdir()) == [], "wrong usage made a file"


def test_help_names_the_command():
    text = run("--help").stdout
    assert "import health" in text and all(flag in text for flag in FLAGS.values())


def test_bad_data_is_found_before_the_database_is(folder):
    (folder / "r.csv").write_text("id\n")
    finished = run("import", "health", "--regions", folder / "r.csv", "--database", f"sqlite:{folder}/x.db")
    assert finished.returncode == 1 and "name_en" in finished.stderr
    assert not (folder / "x.db").exists()


def test_without_a_schema_it_says_what_to_do(folder, empty_postgres):
    for table, text in FILES.items():
        (folder / table).write_text(text)
        finished = run("import", "health", FLAGS[table], folder / table, "--database", empty_postgres.url)
        assert finished.returncode == 1 and "rowlock migrate" in finished.stderr, finished.stderr
        assert finished.stderr.count("\n") == 1


# ---- several at once ----

def start(command, database):
    return subprocess.Popen([rowlock(), *map(str, command), "--database", database.url], env=environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended_well(processes):
    for process in processes:
        output = process.communicate(timeout=60 * SLOW)
        assert process.returncode == 0, output


def test_imports_of_the_same_keys_in_different_order_at_once(importer, folder):
    importer.good(region=REGIONS, province=PROVINCES, health_region=HEALTH_REGIONS)
    lines = [f'{n},K{n % 10}A,"Ottawa, {n}",Ottawa,{n},51,35' for n in range(1, 4001)]
    for number, order in enumerate((lines, lines[::-1])):
        (folder / f"fsa{number}.csv").write_text("\n".join([FSA.split("\n")[0], *order]))
    for _ in range(3):
        ended_well([start(["import", "health", "--fsa", folder / f"fsa{number % 2}.csv"], importer.database) for number in range(4)])
    assert importer.database.query("SELECT count(*), sum(estimated_pop) FROM fsa") == [(4000, 8002000)]


def test_seeds_and_imports_at_once_lose_nothing(importer):
    importer.good(**FILES)
    before = len(importer.rows("health_region"))
    importer.path("fsa").write_text(FSA)
    ended_well([start(["seed", "health", "-t", 200], importer.database) for _ in range(3)] +
               [start(["import", "health", "--fsa", importer.path("fsa")], importer.database) for _ in range(3)])
    assert len(importer.rows("health_region")) == before + 600


def waits(database, number=1):
    return database.query("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(number,)]


@pytest.mark.parametrize("command", ["import", "seed"])
def test_a_deadlock_with_a_change_by_hand_is_tried_again(folder, postgres, command):
    importer = Importer(folder, postgres)
    importer.good(**FILES)
    importer.path("region").write_text(REGIONS)
    with postgres.connect() as person:
        with person.cursor() as hand:
            hand.execute("SET deadlock_timeout = '60s'")        # so it is the command that gives way
            hand.execute("BEGIN")
            hand.execute("UPDATE fsa SET estimated_pop = 7 WHERE id = 1")
            process = start(["seed", "health", "-t", 5] if command == "seed" else ["import", "health", "--regions", importer.path("region")], postgres)
            until(lambda: waits(postgres), 10, "the command waits for the change")
            hand.execute("UPDATE region SET name_en = 'by hand' WHERE id = 99")     # waits for the command
            hand.execute("COMMIT")
    ended_well([process])
    assert importer.rows("fsa")[0][4] == 7
    assert len(importer.rows("health_region")) == (7 if command == "seed" else 2)


def test_an_import_while_the_server_reads(importer, serve):
    importer.good(**FILES)
    api = serve("--apps", "health", "--cache", "none", database=importer.database).api
    lines = "".join(f'{n},K{n % 10}A,"Ottawa, {n}",Ottawa,{n},51,35\n' for n in range(1, 20001))
    importer.path("fsa").write_text(FSA.split("\n")[0] + "\n" + lines)
    process = start(["import", "health", "--fsa", importer.path("fsa")], importer.database)
    while process.poll() is None:
        with Stopwatch() as watch:
            assert api.get("/health-regions/51").status == 200
        assert watch.seconds < 1 * SLOW
    ended_well([process])
