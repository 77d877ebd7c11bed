"""Many connections at once, lean enough that the server and not this client is the slow one."""

import random
import selectors

from support.program import SLOW
from support.rawhttp import dial, request_bytes


class Member:
    """One connection with its script: requests still to send, answers so far."""

    def __init__(self, address, script, depth):
        self.sock = dial(address, 30)
        self.sock.setblocking(False)
        self.script, self.depth = script, depth
        self.sent = 0
        self.answers = []
        self.out = b""
        self.input = b""

    def fill(self):
        """Keeps `depth` requests on their way."""
        room = self.depth - (self.sent - len(self.answers))
        if room > 0 and self.sent < len(self.script):
            self.out += b"".join(self.script[self.sent:self.sent + room])
            self.sent = min(len(self.script), self.sent + room)
        while self.out:
            try:
                self.out = self.out[self.sock.send(self.out):]
            except BlockingIOError:
                return

    def read(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        if not data:
            raise AssertionError(f"closed after {len(self.answers)} of {len(self.script)} answers, had {self.input[:200]!r}")
        self.input += data
        at = 0
        while True:
            end = self.input.find(b"\r\n\r\n", at)
            if end < 0:
                break
            head = self.input[at:end].lower()
            mark = head.index(b"content-length:")
            length = int(head[mark + 15:].split(b"\r\n", 1)[0])
            if len(self.input) < end + 4 + length:
                break
            self.answers.append((int(head[9:12]), self.input[end + 4:end + 4 + length]))
            at = end + 4 + length
        self.input = self.input[at:]

    @property
    def done(self):
        return len(self.answers) == len(self.script)


def crowd(address, scripts, depth=1, silence=20):
    """Sends each script (a list of requests as bytes) on a connection of its own, `depth` at a time, all at once.
    Returns, for each script, the list of (status, body)."""
    members = [Member(address, script, depth) for script in scripts]
    watch = selectors.DefaultSelector()
    try:
        for member in members:
            watch.register(member.sock, selectors.EVENT_READ, member)
        busy = len(members)
        for member in members:
            member.fill()
        while busy:
            ready = watch.select(silence * SLOW)
            assert ready, f"silence for {silence * SLOW:g} s with {busy} connections waiting"
            for key, _ in ready:
                member = key.data
                member.read()
                member.fill()
                watch.modify(member.sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if member.out else 0), member)
                if member.done:
                    watch.unregister(member.sock)
                    busy -= 1
        return [member.answers for member in members]
    finally:
        watch.close()
        for member in members:
            member.sock.close()


def take_request(order, taker=None):
    body = {"status": "TAKEN"} if taker is None else {"status": "TAKEN", "taker": taker}
    return request_bytes("PATCH", f"/orders/{order}", body)


def shuffled(items, seed):
    found = list(items)
    random.Random(seed).shuffle(found)
    return found
