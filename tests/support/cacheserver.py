"""Private cache servers: Redis and memcached as they are installed, and one that says what a test wants it to."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from urllib.parse import unquote_to_bytes

from support.port import free_port
from support.program import environment
from support.scripted import Scripted
from support.wait import until


class CacheServer:
    """A program on a free port of 127.0.0.1; stop() and start() keep the port."""

    program = None
    scheme = None

    def __init__(self, *flags):
        self.flags = flags
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="rowlock-cache-")
        self.process = None
        self.start()

    @classmethod
    def installed(cls):
        return shutil.which(cls.program) is not None

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self):
        if self.process is not None:
            return
        self.process = subprocess.Popen(self.command(), env=environment(), cwd=self.folder.name, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(self._answers, 10, f"{self.program} answers")
        except BaseException:
            self.stop()
            raise

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self):
        self.stop()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, line):
        """One line there, one answer back."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(line + b"\r\n")
            return sock.recv(65536)

    def _answers(self):
        try:
            return self.ask(self.greeting) != b""
        except OSError:
            return False


class Redis(CacheServer):
    program = "redis-server"
    scheme = "redis"
    greeting = b"PING"

    def command(self):
        return [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--daemonize", "no", *self.flags]

    def call(self, *words, db=0):
        """A command of Redis: its answer as bytes, int, None or a list of them."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            stream = sock.makefile("rwb")
            for command in (("SELECT", db), words):
                parts = [word if isinstance(word, bytes) else str(word).encode() for word in command]
                stream.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
            stream.flush()
            self._read(stream)
            return self._read(stream)

    def _read(self, stream):
        line = stream.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return [self._read(stream) for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2]
        assert kind in b"+:", line
        return int(rest) if kind == b":" else rest

    def keys(self, db=0):
        return self.call("KEYS", "*", db=db)

    def get(self, key):
        return self.call("GET", key)

    def put(self, key, value):
        self.call("SET", key, value, "PX", 60000)

    def clear(self):
        self.call("FLUSHALL")


class Memcached(CacheServer):
    program = "memcached"
    scheme = "memcached"
    greeting = b"version"

    def command(self):
        flags = []
        if os.geteuid() == 0:
            flags = ["-u", pwd.getpwnam("nobody").pw_name]
        return [self.program, "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-m", "64", *flags, *self.flags]

    def keys(self):
        said = self._converse(b"lru_crawler metadump all\r\n", (b"END\r\n", b"EN\r\n"))
        return [unquote_to_bytes(line.split()[0][4:]) for line in said.splitlines() if line.startswith(b"key=")]

    def get(self, key):
        head, _, rest = self._converse(b"get " + key + b"\r\n", (b"END\r\n",)).partition(b"\r\n")
        return rest[:int(head.split()[3])] if head.startswith(b"VALUE ") else None

    def put(self, key, value):
        said = self._converse(b"set %s 0 60 %d\r\n%s\r\n" % (key, len(value), value), (b"\r\n",))
        assert said == b"STORED\r\n", said

    def clear(self):
        self._converse(b"flush_all\r\n", (b"OK\r\n",))

    def _converse(self, said, ends):
        """What it answers, up to one of its last words."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(said)
            heard = b""
            while not heard.endswith(ends):
                more = sock.recv(65536)
                assert more, heard
                heard += more
            return heard


class ScriptedServer(Scripted):
    """Answers every chunk that it reads by answer(chunk): bytes, or None to close the connection."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0
        super().__init__(self._talk)

    def _talk(self, client):
        while chunk := client.recv(65536):
            self.asked += 1
            said = self.answer(chunk)
            if said is None:
                return
            client.sendall(said)
