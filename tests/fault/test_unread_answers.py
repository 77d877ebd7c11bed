"""What takes a while: a client that never reads is let go, what is done each minute is done again; see the fixture."""

import time

from support.wait import until


def test_a_client_that_never_reads_is_let_go_in_the_end(deaf):
    server, connection, began, _ = deaf

    def gone():
        try:
            connection.sock.send(b"x")
        except TimeoutError:
            return False
        except OSError:
            return True
        return False

    until(gone, max(1, 40 - (time.monotonic() - began)), "the server gives up on it", every=0.1)
    assert server.api.get("/health").status == 200


def test_old_keys_are_purged_again_and_again(deaf):
    _, _, began, database = deaf
    until(lambda: database.query("SELECT count(*) FROM idempotency_keys") == [(0,)], max(5, 75 - (time.monotonic() - began)),
          "the purge of the next minute")
