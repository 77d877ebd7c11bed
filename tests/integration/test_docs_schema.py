"""docs/schema.md names what a migrated database has, and docs/schema.svg is what docs/draw-schema draws of it."""

import re
import runpy
import xml.etree.ElementTree as xml

import pytest

from support.program import ROOT, rowlock, run

pytestmark = pytest.mark.plain

POSTGRES_ONLY = {("order_events", "xid")}      # as the page says


@pytest.fixture(scope="module")
def described():
    """{table: [column…]} of the page, in its order."""
    tables = {}
    for line in (ROOT / "docs" / "schema.md").read_text().splitlines():
        if heading := re.fullmatch(r"### `(\w+)`", line):
            tables[heading[1]] = []
        elif row := re.fullmatch(r"\| `(\w+)` \| (.+) \|", line):
            tables[list(tables)[-1]].append(row[1])
    return tables


@pytest.fixture(scope="module")
def drawing():
    return runpy.run_path(str(ROOT / "docs" / "draw-schema"))


def test_every_table_and_column_of_postgresql_is_described_in_its_order(postgres, described):
    rows = postgres.query("SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid "
                          "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') "
                          "AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.oid, a.attnum")
    assert [(table, column) for table, columns in described.items() for column in columns] == rows


def test_every_table_and_column_of_sqlite_is_described(sqlite, described):
    rows = sqlite.query("SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c "
                        "WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite_%'")
    assert set(rows) == {(table, column) for table, columns in described.items() for column in columns} - POSTGRES_ONLY


def test_the_picture_is_what_the_script_draws(postgres, drawing):
    connection = postgres.connect()
    try:
        picture = drawing["draw"](connection)
    finally:
        connection.close()
    assert (ROOT / "docs" / "schema.svg").read_text() == picture, "run docs/draw-schema"


def test_the_picture_has_every_table_and_column_and_nothing_lies_on_anything_else(described):
    root = xml.parse(ROOT / "docs" / "schema.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    boxes, lines = [], []
    shown = {}
    for group in root.iter(space + "g"):
        box = [float(group.find(space + "rect").get(side)) for side in ("x", "y", "width", "height")]
        boxes.append((box[0], box[1], box[0] + box[2], box[1] + box[3]))
        title, *rest = group.findall(space + "text")
        shown[title.text] = [text.text for text in rest if text.get("class") in ("column", "primary")]
        for text in (title, *rest):
            assert box[0] <= float(text.get("x")) <= box[0] + box[2] and box[1] < float(text.get("y")) < box[1] + box[3]
    assert shown == described
    for one in boxes:
        for other in boxes:
            assert one is other or apart(one, other), (one, other)
    for path in root.iter(space + "path"):
        if not path.get("class").endswith("end"):
            found = list(stretches(path.get("d")))
            assert all(apart(line, box) for line in found for box in boxes), path.get("d")
            assert not any(on_each_other(line, other) for line in found for other in lines), path.get("d")
            lines += found


def apart(one, other):
    """Whether rectangles share no more than a side."""
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def on_each_other(one, other):
    """Whether two lines share more than a point."""
    for way, across in ((0, 1), (1, 0)):
        if one[across] == one[across + 2] == other[across] == other[across + 2]:
            return min(one[way + 2], other[way + 2]) > max(one[way], other[way])
    return False


def stretches(path):
    found = re.findall(r"M([\d.]+) ([\d.]+) ([HV])([\d.]+)", path)
    assert len(found) == path.count("M")
    for x, y, way, to in found:
        x, y, to = float(x), float(y), float(to)
        yield (x, y, to, y) if way == "H" else (x, y, x, to)


def test_the_script_alone_draws_the_same(cluster, folder):      # cluster: a skip where no server is installed
    done = run(folder / "schema.svg", program=str(ROOT / "docs" / "draw-schema"), env={"ROWLOCK": rowlock()})
    assert done.returncode == 0, done.stderr
    assert (folder / "schema.svg").read_text() == (ROOT / "docs" / "schema.svg").read_text()
