"""An HTTP/1.1 client that sends exactly the bytes it is given and reads answers strictly."""

import errno
import json
import re
import socket
import struct

from support.program import SLOW


# on_exchange(method, target, response): told of every answer to a whole, well-formed request; conftest.py sets it.
on_exchange = None

REQUEST = re.compile(rb"([A-Z]+) (/[\x21-\x7e]*) HTTP/1\.[01]\r\n")


class ProtocolError(AssertionError):
    pass


class Response:
    def __init__(self, version, status, reason, headers, body):
        self.version, self.status, self.reason, self.headers, self.body = version, status, reason, headers, body

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        """The value of a header that may come once at most, or None."""
        values = self.all(name)
        if len(values) > 1:
            raise ProtocolError(f"{name} comes {len(values)} times: {values}")
        return values[0] if values else None

    @property
    def content_type(self):
        return (self.header("Content-Type") or "").split(";")[0].strip().lower()

    @property
    def closes(self):
        return "close" in (self.header("Connection") or "").lower().replace(" ", "").split(",")

    def json(self):
        return json.loads(self.body.decode("utf-8"))

    def __repr__(self):
        return f"<{self.status} {self.content_type} {self.body[:300]!r}>"


def dial(address, timeout=15):
    """A connected socket for 127.0.0.1:80, [::1]:80 or unix:PATH."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout * SLOW)
        sock.connect(address[len("unix:"):])
        return sock
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host.strip("[]"), int(port)), timeout * SLOW)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def request_bytes(method, target, body=None, headers=(), version="HTTP/1.1"):
    """A well-formed request. A body that is neither bytes nor str is sent as JSON; headers are (name, value) pairs or a dict."""
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode("utf-8")
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", "test"))
    if body is not None:
        if "content-type" not in names:
            pairs.append(("Content-Type", "application/json"))
        if "content-length" not in names and "transfer-encoding" not in names:
            pairs.append(("Content-Length", str(len(body))))
    head = f"{method} {target} {version}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in pairs) + "\r\n"
    return head.encode("latin-1") + (body or b"")


class Connection:
    def __init__(self, address, timeout=15):
        self.sock = dial(address, timeout)
        self.buffer = b""
        self.asked = []     # (method, target) of what was sent and not answered yet; None once that is not known

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- sending ----

    def send(self, data):
        data = data.encode("latin-1") if isinstance(data, str) else data
        self._note(data)
        self.sock.sendall(data)

    def half_close(self):
        """Nothing more comes from here; which a server that has reset the connection meanwhile knows already."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise

    def reset(self):
        """Ends the connection with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def request(self, method, target, body=None, headers=(), version="HTTP/1.1"):
        self.send(request_bytes(method, target, body, headers, version))
        return self.response(method)

    # ---- reading ----

    def response(self, method="GET"):
        """The next final or interim answer. HEAD has no body whatever its headers say."""
        head = self._until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        start = re.fullmatch(r"(HTTP/1\.[01]) ([1-5][0-9][0-9]) ([^\r\n]*)", lines[0])
        if not start or start[3] == "Unknown":      # what the server says of a status that its table lacks
            raise ProtocolError(f"not a status line: {lines[0]!r}")
        headers = []
        for line in lines[1:]:
            field = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*?)[ \t]*", line)
            if not field:
                raise ProtocolError(f"not a header field: {line!r}")
            headers.append((field[1], field[2]))
        answer = Response(start[1], int(start[2]), start[3], headers, b"")
        answer.body = self._body(answer, method)
        self._tell(answer)
        return answer

    def ended(self, timeout=5):
        """True when the server closes (or resets) with nothing more to read, False when it stays silent; bytes are an error."""
        if self.buffer:
            raise ProtocolError(f"unexpected bytes: {self.buffer[:300]!r}")
        self.sock.settimeout(timeout * SLOW)
        try:
            more = self.sock.recv(65536)
        except socket.timeout:
            return False
        except ConnectionError:
            return True
        if more:
            raise ProtocolError(f"unexpected bytes: {more[:300]!r}")
        return True

    def _note(self, data):
        """Which request the next answer is for. Requests that are sent in pieces, or several at once, are not told of."""
        found = REQUEST.match(data)
        if self.asked is not None and found and data.count(b" HTTP/1.") == 1 and b"\r\n\r\n" in data:
            self.asked.append((found[1].decode(), found[2].decode()))
        elif self.asked is not None and not self.asked:
            self.asked = None

    def _tell(self, answer):
        if answer.status >= 200 and self.asked and on_exchange is not None:
            on_exchange(*self.asked.pop(0), answer)

    def _body(self, answer, method):
        if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
            return b""
        coding, length = answer.header("Transfer-Encoding"), answer.header("Content-Length")
        if coding is not None:
            if length is not None or coding.lower() != "chunked":
                raise ProtocolError(f"bad framing: {answer.headers}")
            return self._chunks()
        if length is not None:
            if not re.fullmatch(r"[0-9]+", length):
                raise ProtocolError(f"bad Content-Length: {length!r}")
            return self._exactly(int(length))
        if not answer.closes:
            raise ProtocolError(f"an answer without a length on a connection that stays open: {answer.headers}")
        return self._all()

    def _chunks(self):
        body = b""
        while True:
            size = int(self._until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self._until(b"\r\n"):
                    pass
                return body
            body += self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise ProtocolError("a chunk does not end with CRLF")

    def _until(self, mark):
        while mark not in self.buffer:
            self._more(mark)
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def _exactly(self, size):
        while len(self.buffer) < size:
            self._more(size)
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def _all(self):
        while True:
            more = self.sock.recv(65536)
            if not more:
                found, self.buffer = self.buffer, b""
                return found
            self.buffer += more

    def _more(self, wanted):
        more = self.sock.recv(262144)
        if not more:
            raise ProtocolError(f"closed before {wanted!r}; had {self.buffer[:300]!r}")
        self.buffer += more


class Api:
    """Whole requests, each on a connection of its own."""

    def __init__(self, address, timeout=15):
        self.address, self.timeout = address, timeout

    def call(self, method, target, body=None, headers=(), version="HTTP/1.1"):
        with Connection(self.address, self.timeout) as connection:
            return connection.request(method, target, body, headers, version)

    def get(self, target, headers=()):
        return self.call("GET", target, headers=headers)

    def post(self, target, body=None, headers=()):
        return self.call("POST", target, body, headers)

    def patch(self, target, body=None, headers=()):
        return self.call("PATCH", target, body, headers)

    # ---- orders ----

    def place(self, origin=("50.456399", "12.707580"), destination=("59.436487", "24.747193")):
        """Places an order and returns its id."""
        answer = self.post("/orders", {"origin": list(origin), "destination": list(destination)})
        assert answer.status == 200, answer
        return answer.json()["id"]

    def turn(self, order, status, taker=None, **more):
        body = {"status": status} | more
        if taker is not None:
            body["taker"] = taker
        return self.patch(f"/orders/{order}", body)

    def take(self, order, taker=None, **more):
        return self.turn(order, "TAKEN", taker, **more)

    def release(self, order, taker=None, **more):
        return self.turn(order, "UNASSIGNED", taker, **more)

    def deliver(self, order, taker=None, **more):
        return self.turn(order, "DELIVERED", taker, **more)

    def claim(self, taker, headers=(), **more):
        """The orders that this claim took."""
        answer = self.post("/orders/claim", {"taker": taker} | more, headers)
        assert answer.status == 200, answer
        return answer.json()
