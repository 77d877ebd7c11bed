"""A server of whatever a test wants to be there: what one connection is told is a function."""

import socket
import threading


class Scripted:
    """
    with Scripted(talk) as peer: … peer.port …
    talk(connection) is called for each connection, in a thread of its own; when it returns, the connection is closed. An
    OSError ends it too: the other side has left, or close() was called. Who must wait does so by leaving.wait(seconds).
    """

    def __init__(self, talk, family=socket.AF_INET, address=("127.0.0.1", 0)):
        self.talk = talk
        self.made = 0           # connections so far
        self.open = set()
        self.leaving = threading.Event()
        self.listener = socket.socket(family)
        if family != socket.AF_UNIX:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.listener.listen(64)
        self.address = self.listener.getsockname()
        self.port = self.address[1] if family != socket.AF_UNIX else None
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        if self.leaving.is_set():
            return
        self.leaving.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)   # a thread may be reading from it
            except OSError:
                pass
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.made += 1
            self.open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.talk(connection)
        except OSError:
            pass
        finally:
            self.open.discard(connection)
            connection.close()


def head_of(connection, rest=b""):
    """(a request's head without the empty line, what came behind it), or (None, b"") when the other side has left."""
    while b"\r\n\r\n" not in rest:
        more = connection.recv(65536)
        if not more:
            return None, b""
        rest += more
    return rest.split(b"\r\n\r\n", 1)
