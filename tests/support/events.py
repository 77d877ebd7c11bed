"""Clients of GET /orders/events: one stream as it comes, and a follower who keeps a book through whatever happens."""

import json
import socket
import threading
import time

from support.program import SLOW
from support.rawhttp import Connection, ProtocolError, Response, request_bytes


class Event:
    def __init__(self, id, kind, data):
        self.id, self.kind, self.data = id, kind, data

    def __repr__(self):
        return f"<{self.id} {self.kind} {self.data}>"


class EventStream:
    """
    with EventStream(server.address, "?taker=ann") as stream: stream.next()

    `id` is what a browser would say as Last-Event-ID; `blocks` has all that came, as text.
    """

    def __init__(self, address, query="", since=None, version="HTTP/1.1", receive=None, headers=()):
        """receive: the size of the kernel's buffer for what comes. headers: fields besides its own."""
        self.connection = Connection(address)
        if receive is not None:
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.id, self.retry, self.blocks, self.text, self.whole = since, None, [], b"", False
        headers = {"Accept": "text/event-stream"} | dict(headers) | ({"Last-Event-ID": since} if since is not None else {})
        self.connection.send(request_bytes("GET", "/orders/events" + query, headers=headers, version=version))
        self.head = self._head()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def next(self, seconds=10):
        """The next event; None when the stream has ended (`whole` says whether as it should); TimeoutError."""
        end = time.monotonic() + seconds * SLOW
        while True:
            block = self._block(end)
            if block is None:
                return None
            event = self._understand(block)
            if event is not None:
                return event

    def take(self, count, seconds=10):
        """So many events; a stream that ends before is an error."""
        events = [self.next(seconds) for _ in range(count)]
        assert None not in events, events
        return events

    def begun(self, seconds=10):
        """Waits until the server has said from where on this stream is; returns itself."""
        end = time.monotonic() + seconds * SLOW
        while self.id is None:
            block = self._block(end)
            assert block is not None and self._understand(block) is None, block
        return self

    def silent(self, seconds):
        """Fails when an event comes within that time."""
        try:
            event = self.next(seconds / SLOW)
        except TimeoutError:
            return
        raise AssertionError(f"{event} comes")

    # ---- details ----

    def _head(self):
        lines = self.connection._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, reason = lines[0].split(" ", 2)
        answer = Response(version, int(status), reason, [tuple(line.split(": ", 1)) for line in lines[1:]], b"")
        self.chunked = answer.header("Transfer-Encoding") == "chunked"
        if answer.header("Content-Length") is not None:
            answer.body = self.connection._exactly(int(answer.header("Content-Length")))
        return answer

    def _block(self, end):
        while b"\n\n" not in self.text:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no event comes")
            self.connection.sock.settimeout(left)
            try:
                piece = self._piece()
            except socket.timeout:
                raise TimeoutError("no event comes") from None
            if not piece:
                return None
            self.text += piece
        block, self.text = self.text.split(b"\n\n", 1)
        self.blocks.append(block.decode())
        return self.blocks[-1]

    def _piece(self):
        """What comes next, without chunks; b"" at the end."""
        connection = self.connection
        try:
            if not self.chunked:
                found, connection.buffer = connection.buffer, b""
                return found or connection.sock.recv(65536)
            while b"\r\n" not in connection.buffer:
                connection._more("a chunk")
            size = int(connection.buffer.split(b"\r\n", 1)[0], 16)
            length = connection.buffer.index(b"\r\n") + 2 + size + 2
            while len(connection.buffer) < length:
                connection._more("a chunk")
            piece = connection.buffer[length - size - 2:length - 2]
            connection.buffer = connection.buffer[length:]
            self.whole = size == 0
            return piece
        except socket.timeout:
            raise
        except (OSError, ProtocolError):
            return b""

    def _understand(self, block):
        """As the HTML standard reads it: without data there is no event, but the id counts."""
        kind, data = "message", []
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                self.id = value
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "retry":
                self.retry = int(value)
            else:
                assert name == "", f"a line that nobody knows: {line!r}"
        return Event(self.id, kind, json.loads("\n".join(data))) if data else None


class Follower:
    """Follows the events of a server that may be away, or be another one by now, and comes again with the last id that it
    has seen. `book` has what came."""

    def __init__(self, address, query="", since="oldest"):
        self.address, self.query, self.since = address, query, since
        self.book, self.breaks, self.leaving = [], 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.leaving.set()
        self.thread.join(30 * SLOW)
        assert not self.thread.is_alive()

    def _run(self):
        while not self.leaving.is_set():
            try:
                with EventStream(self.address, self.query, self.since) as stream:
                    if stream.head.status == 200:
                        self._follow(stream)
            except (OSError, ProtocolError):
                pass
            self.breaks += 1
            time.sleep(0.01)

    def _follow(self, stream):
        while not self.leaving.is_set():
            try:
                event = stream.next(0.2 / SLOW)
            except TimeoutError:
                event = False
            self.since = stream.id
            if event is None:
                return
            if event:
                self.book.append(event)

    def check(self, database):
        """The book is the journal: nothing is missing, comes twice or out of order."""
        order = "xid, id" if database.kind == "postgres" else "id"
        position = "xid || '-' || id" if database.kind == "postgres" else "'0-' || id"
        journal = database.query(f"SELECT {position}, event, order_id FROM order_events ORDER BY {order}")
        found = [(event.id, event.kind, event.data.get("id")) for event in self.book]
        if found == journal:
            return
        ids = [id for id, _, _ in found]
        doubled = {id for id in ids if ids.count(id) > 1} if len(ids) < 20000 else len(ids) - len(set(ids))
        missing = [row for row in journal if row[0] not in set(ids)]
        at = next((i for i, pair in enumerate(zip(found, journal)) if pair[0] != pair[1]), min(len(found), len(journal)))
        raise AssertionError(f"{len(found)} of {len(journal)} events; twice: {doubled}; missing: {missing[:5]}; "
                             f"the first that differs is number {at}: {found[at:at + 3]} and not {journal[at:at + 3]}")
