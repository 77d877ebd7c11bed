"""A fake distance provider that answers as it is told: well, badly, slowly or never."""

import json
import socket
import struct
import time
from urllib.parse import parse_qs, urlsplit

from support.scripted import Scripted, head_of


def http(status, body, content_type="application/json", extra=""):
    if not isinstance(body, bytes):
        body = body.encode("utf-8")
    return (f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n").encode() + body


def google(metres):
    return http("200 OK", json.dumps({"status": "OK", "rows": [{"elements": [{"status": "OK", "distance": {"value": metres}}]}]}))


def osrm(metres):
    return http("200 OK", json.dumps({"code": "Ok", "routes": [{"distance": metres}]}))


class Provider(Scripted):
    """
    `answer` is what every request gets from now on:
      bytes           sent as they are
      a function      called with the connection's socket; sends what it likes
    `delay` seconds pass first. `requests` holds a Request for each one seen.
    """

    class Request:
        def __init__(self, connection, head):
            self.connection = connection
            self.line, *fields = head.decode("latin-1").split("\r\n")
            self.method, self.target, _ = self.line.split(" ")
            self.path = urlsplit(self.target).path
            self.query = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
            self.headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}

    def __init__(self, answer=b"", delay=0):
        self.answer, self.delay = answer, delay
        self.requests = []
        super().__init__(self._talk)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def settings(self, kind):
        """The environment that points Rowlock here."""
        if kind == "google":
            return {"ROWLOCK_DISTANCE": "google", "GMAP_TOKEN": "sekret-token-4711",
                    "GMAP_DISTANCE_MATRIX_API": self.url + "/maps/api/distancematrix/json"}
        return {"ROWLOCK_DISTANCE": "osrm", "OSRM_URL": self.url}

    def never(self, sock):
        """For `answer`: says nothing until the other side gives up."""
        self.leaving.wait(120)

    def reset(self, sock):
        """For `answer`: RST instead of an answer."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def _talk(self, sock):
        number, rest = self.made, b""
        while True:
            head, rest = head_of(sock, rest)
            if head is None:
                return
            self.requests.append(Provider.Request(number, head))
            answer, delay = self.answer, self.delay
            if delay:
                self.leaving.wait(delay)
            if callable(answer):
                answer(sock)
                return
            sock.sendall(answer)


def trickle(data, every):
    """For `answer`: one byte each `every` seconds."""
    def send(sock):
        for at in range(len(data)):
            sock.sendall(data[at:at + 1])
            time.sleep(every)
    return send


def cut(data):
    """For `answer`: sends this much and closes."""
    def send(sock):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    return send
