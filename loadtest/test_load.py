"""The load generator reads every framing of HTTP, counts rightly, and refuses what it must refuse."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import rig  # noqa: E402, F401
from rig.programs import program  # noqa: E402
from support.scripted import Scripted  # noqa: E402

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nUP"
CHUNKED = (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n1a\r\n" + b"x" * 26 +
           b"\r\n0\r\nTrailer: t\r\n\r\n")
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Type: a\r\nContent-Length: 0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nUP"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n" + b"y" * 600000


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    return program("load", tmp_path_factory.mktemp("programs"))


class Answers(Scripted):
    """Answers every request with the same bytes, in pieces of a given size; remembers the requests."""

    def __init__(self, answer, piece=0, silent=False):
        self.answer, self.piece, self.silent = answer, piece, silent
        self.requests = []
        super().__init__(self._talk)

    def _talk(self, client):
        while (request := client.recv(65536)) and not self.silent:
            self.requests.append(request)
            for at in range(0, len(self.answer), self.piece or len(self.answer)):
                client.sendall(self.answer[at:at + (self.piece or len(self.answer))])
                if self.piece:
                    time.sleep(0.0003)
            if b"Connection: close" in self.answer:
                return


def run(load, server, *arguments, connections=2, requests=20):
    done = subprocess.run([load, "--port", str(server.port), "--connections", str(connections), "--requests", str(requests),
                           "--seconds", "20", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    server.close()
    return done, json.loads(done.stdout) if done.stdout else None


@pytest.mark.parametrize("answer, code", [(PLAIN, "200"), (CHUNKED, "200"), (EMPTY, "204"), (REFUSED, "400"), (LARGE, "200")],
                         ids=["plain", "chunked", "empty", "refused", "large"])
def test_every_framing_is_read(load, answer, code):
    done, result = run(load, Answers(answer))
    assert done.returncode == 0 and result["codes"] == {code: 20} and result["lost"] == 0, (done, result)


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED, REFUSED], ids=["plain", "chunked", "refused"])
@pytest.mark.parametrize("piece", [1, 7])
def test_answers_in_pieces_are_put_together(load, answer, piece):
    done, result = run(load, Answers(answer, piece))
    assert done.returncode == 0 and sum(result["codes"].values()) == 20, (done, result)


def test_a_closing_server_gets_new_connections(load):
    done, result = run(load, Answers(CLOSING))
    assert done.returncode == 0 and result["codes"] == {"200": 20} and result["closed"] == 20, (done, result)


def test_a_lost_answer_is_a_failure(load):
    done, result = run(load, Answers(PLAIN, silent=True), requests=4)
    assert done.returncode == 1 and result["lost"] == 4, (done, result)


@pytest.mark.parametrize("answer", [b"SSH-2.0\r\n\r\n" + b" " * 20, b"HTTP/1.1 200 OK\r\n\r\n", PLAIN + b"more"],
                         ids=["another protocol", "no framing", "too much"])
def test_what_is_no_response_ends_it(load, answer):
    done, result = run(load, Answers(answer))
    assert done.returncode == 1 and result is None and "load: " in done.stderr, done


def test_unique_ids_are_unique_and_all_there(load):
    server = Answers(PLAIN)
    _, result = run(load, server, "--mode", "take", "--first", "5", "--last", "54", requests=1000)
    ids = sorted(int(request.split()[1].rpartition(b"/")[2]) for request in server.requests)
    assert ids == list(range(5, 55)) and result["exhausted"]


def test_a_take_is_a_whole_request(load):
    server = Answers(PLAIN)
    run(load, server, "--mode", "hot", "--first", "17", "--taker", "courier-", connections=1, requests=1)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PATCH /orders/17 HTTP/1.1\r\n") and f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"status": "TAKEN", "taker": "courier-0"}


def test_orders_that_are_placed_lie_on_earth(load):
    server = Answers(PLAIN)
    run(load, server, "--mode", "place", requests=100)
    for request in server.requests:
        body = json.loads(request.partition(b"\r\n\r\n")[2])
        for lat, lng in (body["origin"], body["destination"]):
            assert abs(float(lat)) <= 90 and abs(float(lng)) <= 180


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org", "0.0.0.0", "::"])
def test_only_loopback(load, host):
    done = subprocess.run([load, "--port", "80", "--host", host], capture_output=True, text=True)
    assert done.returncode == 2 and "loopback" in done.stderr
