"""The pages of docs/api and the README's first lines: each command is run, each answer compared."""

import json
import re

import pytest

from support.github import first_users
from support.program import ROOT, run
from support.transcript import Session, steps

pytestmark = pytest.mark.quick

PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))


@pytest.fixture
def github():
    with first_users() as fake:
        yield fake


@pytest.fixture
def fresh(serve, database, folder, github):
    server = serve("--distance", "haversine", database=database)
    return Session(server.address, database, folder, GITHUB_API_URL=github.url)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_a_fresh_server_answers(fresh, page):
    documented = steps(page.read_text(), f"docs/api/{page.name}")
    assert documented, f"{page.name} shows no command"
    fresh.check(documented)


def test_the_readme_shows_what_a_server_with_sample_data_answers(fresh, database):
    section = (ROOT / "README.md").read_text().partition("\n## Talk to it\n")[2].partition("\n## ")[0]
    documented = steps(section, "README.md, Talk to it")
    assert len(documented) >= 5
    assert run("seed", "orders", "--total", 15, "--database", database.url).returncode == 0
    # the samples are random: those that the page shows get the distances that it shows
    for order in json.loads(documented[0].answer):
        database.query("UPDATE orders SET distance = ? WHERE id = ?", order["distance"], order["id"])
    fresh.check(documented)


def test_every_route_has_its_place_on_a_page():
    routes = re.findall(r"^([A-Z]+) +(/\S*)", run("routes", "--no-pages").stdout, re.MULTILINE)
    assert ("PATCH", "/orders/{id}") in routes
    pages = "\n".join(page.read_text() for page in PAGES)
    missing = [f"{method} {path}" for method, path in routes if not re.search(rf"\b{method}\s+{re.escape(path)}(?![\w/])", pages)]
    assert not missing, missing


# ---- the comparison itself ----

SHOWN = ('{"id":1,"name":"a b","at":"2026-01-02T03:04:05.678Z","changed":"2026-01-02T03:04:05.678Z",\n'
         ' "seen":"2026-02-02T03:04:05.678Z"}')
SAME = ('{"id":1,"name":"a b","at":"2027-11-12T13:14:15.123456Z","changed":"2027-11-12T13:14:15.123456Z",'
        '"seen":"2028-11-12T13:14:15Z"}')

HEAD = 'HTTP/1.1 200 OK\nDate: Sat, 21 Nov 2026 04:27:05 GMT\nContent-Length: 2\nX-Request-Id: 0123456789abcdef\n\nUP'


def same(shown, answered, session=None):
    return (session or Session("", None, None)).matches(shown, answered)


def test_times_and_the_breaks_of_json_may_differ():
    assert same(SHOWN, SAME)
    assert same(HEAD, HEAD.replace("04:27:05", "05:28:06").replace("Length: 2", "Length: 20").replace("cdef", "fedc"))


@pytest.mark.parametrize("what, instead", [
    ('"id":1', '"id":2'), ('"id":1', '"id":"1"'), ('"id":1', '"id":1.0'), ('"id":1,', ''), ('"id":1', '"id":1,"more":null'),
    ('a b', 'ab'), ('a b', 'a  b'), ('"name"', '"Name"'),
    ('2028-11-12T13:14:15Z', 'soon'), ('"2028-11-12T13:14:15Z"', 'null'), ('2028-11-12T13:14:15Z', '2028-11-12 13:14:15'),
    ('"changed":"2027', '"changed":"2028'), ('}', '}}'), ('}', ''),
])
def test_anything_else_may_not(what, instead):
    assert what in SAME
    assert not same(SHOWN, SAME.replace(what, instead, 1))


@pytest.mark.parametrize("what, instead", [
    ("200 OK", "201 Created"), ("UP", "DOWN"), ("Date: Sat, ", "Date: "), ("0123456789abcdef", "x"), ("GMT\n", "GMT\nMore: 1\n"),
    ("Content-Length: 2\n", ""),
])
def test_nor_may_a_head(what, instead):
    assert what in HEAD
    assert not same(HEAD, HEAD.replace(what, instead, 1))


def test_what_a_page_shows_again_must_come_again():
    session = Session("", None, None)
    assert same('ETag: W/"aaaaaaaaaaaaaaaa"', 'ETag: W/"bbbbbbbbbbbbbbbb"', session)
    assert same('again W/"aaaaaaaaaaaaaaaa"', 'again W/"bbbbbbbbbbbbbbbb"', session)
    assert not same('again W/"aaaaaaaaaaaaaaaa"', 'again W/"cccccccccccccccc"', session)


def test_a_page_is_read_command_by_command():
    page = ("text\n\n```console\n$ curl a \\\n    b\n{}\n\n$ curl c\n$ cat >x <<END\n1\n2\nEND\n3\n```\n\n"
            "more\n\n    $ curl d\n    HTTP/1.1 200 OK\n\n    x\n\nend\n")
    assert [(step.command, step.answer) for step in steps(page, "page")] == [
        ("curl a \\\n    b", "{}"), ("curl c", ""), ("cat >x <<END\n1\n2\nEND", "3"), ("curl d", "HTTP/1.1 200 OK\n\nx")]


@pytest.mark.parametrize("page", ["```\n$ curl a\n```\n", "```sh\n$ curl a\n```\n", "```console\nanswer\n$ curl a\n```\n"])
def test_a_command_that_would_not_be_run_is_an_error(page):
    with pytest.raises(AssertionError):
        steps(page, "page")


def test_the_readme_imports_the_samples_of_the_tree(database, serve):
    command = re.search(r"rowlock (import health (?:[^\n]*\\\n)*[^\n]*)\n", (ROOT / "README.md").read_text())[1]
    assert "sample/health/fsa.csv" in command
    for _ in range(2):      # what is there already is replaced
        done = run(*command.replace("\\\n", " ").split(), "--database", database.url, cwd=ROOT)
        assert done.returncode == 0, done.stderr
    regions = serve(database=database).api.get("/fsa/X9B").json()
    assert [region["name_en"] for region in regions] == ["Sample Harbour", "Sample Hills, North"]
