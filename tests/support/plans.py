"""How PostgreSQL plans what the server asks."""

import json
import os
import re
import subprocess

from support.program import ROOT


def settings():
    """{name: value} of what the server says when it opens a session (src/pg/pgtarget.c)."""
    found = dict(re.findall(r'{"(\w+)", "([\w.]+)"}', (ROOT / "src/pg/pgtarget.c").read_text()))
    assert {"plan_cache_mode", "enable_seqscan"} <= set(found), found
    return found


def plan_as_the_server(cursor, but=()):
    """From now on; `but` names what stays as it is."""
    for name, value in settings().items():
        if name not in but:
            cursor.execute(f"SET {name} = {value}")


def statements(name, engine="postgres"):
    """{name: SQL} of sql/ENGINE/NAME.sql, as the engine gets it."""
    names = re.findall(r"^-- name: (\w+)$", (ROOT / "sql" / engine / f"{name}.sql").read_text(), re.M)
    embed = ["awk", "-v", f"part={engine}", "-f", ROOT / "build-aux/c-text.awk", "-f", ROOT / "build-aux/embed-sql.awk", *sorted(ROOT.glob("sql/*/*.sql"))]
    blocks = subprocess.run(embed, cwd=ROOT, env=os.environ | {"LC_ALL": "C"}, capture_output=True, text=True, check=True).stdout.split("-- name: ")[1:]
    texts = {label: sql for label, _, sql in (block.partition("\n") for block in blocks)}
    return {label: texts[label] for label in names}


def plan_of(cursor, call, options=""):
    """The plan of a prepared statement: call is NAME(value…)."""
    cursor.execute(f"EXPLAIN ({options} FORMAT JSON) EXECUTE {call}")
    (found,), = cursor.fetchall()
    return (found if isinstance(found, list) else json.loads(found))[0]["Plan"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)
