"""What becomes of a client that never reads; see the fixture."""

import time

from support.wait import until


def test_a_client_that_never_reads_is_let_go_in_the_end(deaf):
    server, connection, began = deaf

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
