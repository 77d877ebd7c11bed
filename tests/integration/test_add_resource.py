"""What docs/architecture.md says under "Adding a resource" is all that it takes: a copy of the tree that follows the text is
built, migrated and called."""

import re
import shutil
import subprocess

import pytest

from support.program import ROOT, SLOW, environment, run

TEXT = (ROOT / "docs" / "architecture.md").read_text().split("## Adding a resource\n")[1].split("\n## ")[0]
FILES = dict(re.findall(r"`([\w/.]+)`:\n\n```\w+\n(.*?)```", TEXT, re.S))
LINES = re.findall(r"^\| `([\w/.]+)` \| `(.+?)` \| `(.+?)` \|$", TEXT, re.M)
BUILD = """set -eu
me=test top=$PWD
. build-aux/front-door.sh
configure_tree "$top/build" --enable-werror CFLAGS=-O0
make -s -C build -j 2 rowlock"""


def add_line(path, behind, line):
    lines = path.read_text().split("\n")
    found = [number for number, text in enumerate(lines) if text.strip() == behind]
    assert len(found) == 1, f"{path.name}: {behind} is there {len(found)} times"
    indent = re.match(r"\s*", lines[found[0]]).group()
    lines.insert(found[0] + 1, indent + line)
    path.write_text("\n".join(lines))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program of a tree with the resource."""
    tree = tmp_path_factory.mktemp("resource") / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", "build", "build-check", "autom4te.cache", "__pycache__", "secrets"))
    for name, text in FILES.items():
        assert not (tree / name).exists(), f"{name} is there already"
        (tree / name).write_text(text)
    for name, behind, line in LINES:
        add_line(tree / name, behind, line)
    for command in (["build-aux/check-sources"], ["sh", "-c", BUILD]):
        done = subprocess.run(command, cwd=tree, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=600 * SLOW)
        assert done.returncode == 0, done.stdout[-4000:]
    yield tree / "build" / "rowlock"
    shutil.rmtree(tree)


def test_the_text_counts_its_files_and_lines():
    assert len(FILES) == 5 and len(LINES) == 5 and len({name for name, _, _ in LINES}) == 4


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_resource_that_was_added_by_the_text_works(program, serve, request, folder, kind):
    database = request.getfixturevalue("empty_postgres").url if kind == "postgres" else f"sqlite:{folder}/notes.db"
    done = run("migrate", "--database", database, program=program)
    assert done.returncode == 0 and re.search(r"^applied \d+ notes$", done.stdout, re.M), done.stdout + done.stderr
    assert "/note/{id}" in run("routes", "--apps", "notes", program=program).stdout
    api = serve("--apps", "notes", database=database, program=program).api
    assert api.post("/note/7", {"text": "milk"}).json() == {"id": 7, "text": "milk"}
    assert api.post("/note/7", {"text": "bread"}).status == 200
    assert api.get("/note/7").json() == {"id": 7, "text": "bread"}
    assert api.get("/note/8").status == 404
    wrong = api.post("/note/7", {"text": ""})
    assert wrong.status == 400 and b"text" in wrong.body
