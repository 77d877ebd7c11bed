"""The load generator reads every framing of HTTP, counts rightly, and refuses what it must refuse."""

import itertools
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import rig  # noqa: E402, F401
from rig.programs import program  # noqa: E402
from support.scripted import Scripted, head_of  # noqa: E402

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
    done = subprocess.run([load, "--port", str(server.port), "--connections", str(connections),
                           *(["--requests", str(requests)] if requests else []), "--seconds", "20", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
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


class Dispatch(Scripted):
    """Answers claims with as many new orders as are wanted, until there are no more, in pieces; refuses the first deliveries."""

    def __init__(self, orders, piece=1 << 20, refused=0):
        self.orders, self.piece, self.lock, self.refused = iter(range(1, orders + 1)), piece, threading.Lock(), refused
        self.asked = []         # by whom in turn: (method, path, body)
        super().__init__(self._talk)

    def _talk(self, client):
        while (head := head_of(client))[0] is not None:
            method, path, _ = head[0].decode().split("\r\n")[0].split()
            body = json.loads(head[1])
            with self.lock:
                self.asked.append((method, path, body))
                found = list(itertools.islice(self.orders, body.get("limit", 1))) if path.endswith("/claim") else []
            text = json.dumps([{"id": order, "distance": 12, "ids": "\"id\""} for order in found], separators=(",", ":")).encode()
            self.refused -= method == "PATCH"
            status = b"400 Bad Request" if method == "PATCH" and self.refused >= 0 else b"200 OK"
            answer = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text)
            for at in range(0, len(answer), self.piece):
                client.sendall(answer[at:at + self.piece])
                time.sleep(0.0003 if self.piece < len(answer) else 0)


@pytest.mark.parametrize("limit", [1, 7])
@pytest.mark.parametrize("piece", [1 << 20, 5], ids=["whole", "in pieces"])
def test_what_was_claimed_is_delivered_by_who_claimed_it(load, limit, piece):
    server = Dispatch(21, piece)
    _, result = run(load, server, "--mode", "work", "--limit", str(limit), connections=1, requests=0)
    claim, deliver = ("POST", "/orders/claim", {"taker": "c0", "limit": limit}), {"status": "DELIVERED", "taker": "c0"}
    expected = []
    for first in range(1, 22, limit):
        expected += [claim] + [("PATCH", f"/orders/{order}", deliver) for order in range(first, first + limit)]
    assert server.asked == expected + [claim]       # the last one has nothing to give
    assert (result["taken"], result["delivered"], result["exhausted"]) == (21, 21, True)


def test_work_counts_orders_and_not_requests(load):
    _, result = run(load, Dispatch(10), "--mode", "work", "--limit", "5", requests=0)
    assert (result["answered"], result["done"], result["requests"]) == (14, 10, 10), result


def test_a_delivery_that_was_refused_is_tried_again_and_counts_once(load):
    server = Dispatch(2, refused=3)
    _, result = run(load, server, "--mode", "work", connections=1, requests=0)
    assert [path for method, path, _ in server.asked if method == "PATCH"] == 4 * ["/orders/1"] + ["/orders/2"]
    assert (result["delivered"], result["done"], result["codes_all"]) == (2, 2, {"200": 5, "400": 3}), result


def test_mixed_places_claims_and_delivers_by_turns(load):
    server = Dispatch(30)
    _, result = run(load, server, "--mode", "mixed", connections=1, requests=9)
    assert [(method, path) for method, path, _ in server.asked] == [
        asked for order in (1, 2, 3) for asked in (("POST", "/orders"), ("POST", "/orders/claim"), ("PATCH", f"/orders/{order}"))]
    assert (result["placed"], result["taken"], result["delivered"], result["done"]) == (3, 3, 3, 3), result


def test_claims_end_when_there_is_nothing_left(load):
    server = Dispatch(10)
    _, result = run(load, server, "--mode", "claim", requests=0)
    assert result["taken"] == 10 and result["exhausted"] and result["answered"] == len(server.asked) == 12, result


def test_a_claim_may_be_for_a_time(load):
    server = Dispatch(5)
    run(load, server, "--mode", "claim", "--lease", "60", connections=1, requests=1)
    assert server.asked == [("POST", "/orders/claim", {"taker": "c0", "limit": 1, "lease": 60})]


def test_each_claim_of_the_nearest_is_at_another_place(load):
    server = Dispatch(50)
    run(load, server, "--mode", "near", requests=50)
    places = {tuple(body["near"]) for _, _, body in server.asked}
    assert len(places) == 50 and all(abs(float(lat)) <= 90 and abs(float(lng)) <= 180 for lat, lng in places)
    assert {body["taker"] for _, _, body in server.asked} == {"c0", "c1"}


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
