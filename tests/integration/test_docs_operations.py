"""docs/operations.md: what its console blocks show is run, in order, on an empty database."""

import shutil

import pytest

from support.program import ROOT, missing
from support.transcript import Session, steps

pytestmark = pytest.mark.plain

PAGE = ROOT / "docs" / "operations.md"
TOOLS = ("psql", "pg_dump", "pg_restore", "createdb")


def test_the_page_shows_what_happens(empty_postgres, folder, serve):
    for tool in TOOLS:
        if shutil.which(tool) is None:
            missing(tool)
    names = {"rowlock_restored": empty_postgres.name + "_restored", "rowlock_server": empty_postgres.name + "_server"}
    text = PAGE.read_text()
    for documented, actual in names.items():
        assert documented in text
        text = text.replace(documented, actual)
    try:
        Session(None, empty_postgres, folder, words=(*TOOLS, "rowlock")).check(steps(text, "docs/operations.md"))
        # the role that the page makes is enough for a server
        empty_postgres.url = empty_postgres.url.replace("postgres@", names["rowlock_server"] + "@")
        api = serve("--cache", "none", database=empty_postgres).api
        order = api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}, {"Idempotency-Key": "one"}).json()["id"]
        assert api.patch(f"/orders/{order}", {"status": "TAKEN"}).status == 200
        assert api.post("/site/1", {"name": "Lab"}).status == 200 and api.call("DELETE", "/site/1").status == 200
        assert api.post("/messages", {"sender": "a", "recipient": "b", "text": "c"}).status == 201
        for target in ("/instruments", "/health-regions", "/api/users/profiles", "/site/1/history"):
            assert api.get(target).status == 200, target
        assert api.get("/healthcheck").status == 200
    finally:
        cluster = empty_postgres.cluster
        cluster.drop_database(names["rowlock_restored"])
        empty_postgres.query(f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{names['rowlock_server']}') THEN "
                             f"DROP OWNED BY {names['rowlock_server']}; DROP ROLE {names['rowlock_server']}; END IF; END $$")
