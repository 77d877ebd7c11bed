"""How PostgreSQL plans what the server asks."""

import json
import re

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


def statements(name):
    """{name: SQL} of sql/postgres/NAME.sql."""
    blocks = (ROOT / "sql/postgres" / f"{name}.sql").read_text().split("-- name: ")[1:]
    return {label.strip(): sql for label, _, sql in (block.partition("\n") for block in blocks)}


def plan_of(cursor, call, options=""):
    """The plan of a prepared statement: call is NAME(value…)."""
    cursor.execute(f"EXPLAIN ({options} FORMAT JSON) EXECUTE {call}")
    (found,), = cursor.fetchall()
    return (found if isinstance(found, list) else json.loads(found))[0]["Plan"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)
