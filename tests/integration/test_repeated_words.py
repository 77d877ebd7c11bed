"""Refusals repeat a part of what was sent, and the log of what the database says. They are cut between characters, not within one."""

from urllib.parse import quote

import pytest

from support.expect import problem

pytestmark = pytest.mark.quick

# Characters of one to four bytes, and what stands before them, so that every limit falls on every byte of one of them.
LONG = [pad + character * 400 for character in ("x", "é", "語", "🚲") for pad in ("", "a", "ab", "abc")]


def whole(answer, sent):
    """The message is one (JSON in UTF-8), and what it repeats was sent so."""
    message = problem(answer, (400, 415))["error"]
    repeated = sum(sent[-1] == character for character in message)
    assert repeated > 10 and "�" not in message, message


@pytest.mark.parametrize("text", LONG, ids=lambda text: f"{len(text[:-400])} {text[-1]}")
def test_names_and_types_that_a_client_chose(api, text):
    whole(api.get(f"/orders?{quote(text)}=1"), text)
    whole(api.post("/orders", {text: 1}), text)
    if text[-1] == "x":
        whole(api.post("/orders", "{}", {"Content-Type": text}), text)


def test_a_content_type_of_other_bytes(server):
    """Bytes of another coding, or the half of a character, are not passed on as if they were text."""
    for raw in ("é" * 100, "text/é", "ÿ", "x" * 63 + "é", "x" * 62 + "é"):
        for coding in ("utf-8", "latin-1"):
            answer = server.api.post("/orders", "{}", {"Content-Type": raw.encode(coding).decode("latin-1")})
            problem(answer, (400, 415))


def test_a_taker_of_200_characters(api):
    for character in "xé語🚲":
        order = api.place()
        taker = character * 200
        assert api.take(order, taker).status == 200
        assert taker in problem(api.release(order, "bob"), 400)["error"]


@pytest.mark.parametrize("text", LONG, ids=lambda text: f"{len(text[:-400])} {text[-1]}")
def test_a_taker_that_was_written_by_hand(api, db, text):
    order = api.place()
    db.query("UPDATE orders SET status = 'TAKEN', taker = ? WHERE id = ?", text * 3, order)
    whole(api.release(order, "bob"), text)


@pytest.fixture
def refusing(db):
    """The shared database, while a trigger refuses messages; with SQLite, refusing(text) makes it say that."""
    def refuse(text):
        if db.kind == "sqlite":
            db.query(f"CREATE TRIGGER refuse BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, '{text}'); END")

    if db.kind == "postgres":
        db.query("CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                 "RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = NEW.text; END $$; "
                 "CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse()")
    yield refuse
    db.query("DROP TRIGGER refuse" + (" ON messages" if db.kind == "postgres" else ""))


@pytest.mark.parametrize("text", LONG, ids=lambda text: f"{len(text[:-400])} {text[-1]}")
def test_what_a_trigger_of_the_operator_says(server, refusing, text):
    """That is for the log, which cuts it between characters too."""
    refusing(text)
    before = len(server.told("statement failed"))
    answer = server.api.post("/messages", {"sender": "ann", "recipient": "bob", "text": text})
    assert "server's log says why" in problem(answer, 500)["error"]
    reason = server.told("statement failed", before + 1)[before]["reason"]
    assert len(reason) > 10 and text.startswith(reason), reason
