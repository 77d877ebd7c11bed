"""A TCP proxy between Rowlock and PostgreSQL that misbehaves on request."""

import selectors
import socket
import struct
import threading
import time

RST = struct.pack("ii", 1, 0)


class TcpProxy:
    """
    Modes, changed at any time by setting `mode`; all but refuse act on the connections there are, too:
      pass      forwards
      mute      forwards what the server is told, keeps its answers for ever
      stall     accepts, reads nothing, forwards nothing: a black hole behind a live kernel
      drip      forwards one byte at a time
      refuse    nobody listens (connections there are stay as they are)
      closing   accepts and closes at once
    reset() and drop() end all connections there are; truncate_after(n) lets n more bytes of answers through, then ends them.
    A connection made while stalled stays silent for ever, as one whose peer has lost it.
    """

    def __init__(self, target_port, mode="pass"):
        self.target = ("127.0.0.1", target_port)
        self.listener = self._listen(0)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs = set()
        self.accepted = 0
        self.answer_budget = None
        self._mode = "pass"
        self.running = True
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        self.mode = mode

    # ---- public ----

    @property
    def mode(self):
        return self._mode

    @mode.setter
    def mode(self, mode):
        assert mode in ("pass", "mute", "stall", "drip", "refuse", "closing")
        with self.lock:
            if mode == "refuse" and self.listener is not None:
                # shutdown ends a blocked accept() and frees the port at once
                self.listener.shutdown(socket.SHUT_RDWR)
                self.listener.close()
                self.listener = None
            elif mode != "refuse" and self.listener is None:
                self.listener = self._listen(self.port)
            self._mode = mode

    def reset(self):
        self._end_all(rst=True)

    def drop(self):
        self._end_all(rst=False)

    def truncate_after(self, count):
        with self.lock:
            self.answer_budget = count

    def open_connections(self):
        with self.lock:
            return len(self.pairs)

    def close(self):
        self.running = False
        self.mode = "refuse"
        self._end_all(rst=True)
        self.thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- details ----

    @staticmethod
    def _listen(port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        return listener

    def _accept(self):
        while self.running:
            listener = self.listener
            if listener is None:
                time.sleep(0.01)
                continue
            try:
                client, _ = listener.accept()
            except OSError:
                continue
            self.accepted += 1
            if self.mode == "closing":
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lost = self.mode == "stall"
        try:
            server = socket.create_connection(self.target, 5)
            server.settimeout(None)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            client.close()
            return
        pair = (client, server)
        with self.lock:
            self.pairs.add(pair)
        watch = selectors.DefaultSelector()
        try:        # either may be closed at any time
            watch.register(client, selectors.EVENT_READ, server)
            watch.register(server, selectors.EVENT_READ, client)
            while self.running:
                if lost or self.mode == "stall":
                    lost = True          # what was on its way is lost with it
                    time.sleep(0.02)
                    if client.fileno() < 0:
                        break
                    continue
                for key, _ in watch.select(0.05):
                    if self.mode == "stall":
                        break
                    data = key.fileobj.recv(65536)
                    if not data or not self._forward(data, key.data, from_server=key.fileobj is server):
                        return
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.pairs.discard(pair)
            watch.close()
            for sock in pair:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                sock.close()

    def _forward(self, data, to, from_server):
        go_on = True
        if from_server and self.mode == "mute":
            return go_on
        if from_server:
            with self.lock:
                if self.answer_budget is not None:
                    go_on = len(data) <= self.answer_budget
                    data = data[:self.answer_budget]
                    self.answer_budget -= len(data)
        if self.mode == "drip":
            for at in range(len(data)):
                to.sendall(data[at:at + 1])
        else:
            to.sendall(data)
        return go_on

    def _end_all(self, rst):
        with self.lock:
            pairs, self.answer_budget = list(self.pairs), None
        for pair in pairs:
            for sock in pair:
                try:
                    if rst:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
                        sock.close()
                    else:
                        sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
