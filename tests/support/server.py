"""A running `rowlock serve`: started on a free port, watched, and ended with proof that it was well to the last."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from support.database import SqliteDatabase
from support.program import ACTIVATE, SANITIZER_WORDS, SLOW, children, environment, rowlock
from support.rawhttp import Api, Connection, ProtocolError
from support.wait import until

MUST_NEVER_HAPPEN = (*SANITIZER_WORDS, "Assertion", "assertion", "must never happen", "double free", "corrupted")


class Server:
    """
    Server("--deadline", 2, database=database)

    sockets: listening ones that are passed to it as systemd does, in place of listen.
    program: another binary than rowlock().
    wait: "healthy" (until /healthcheck is 200), "listening" (until the ports are known) or None.
    group: it leads a process group of its own, for signal_group().
    Use stop() to end it in order; a server that is left running at the end of a test is stopped and judged by the fixture.
    """

    def __init__(self, *flags, database=None, env=None, listen=("127.0.0.1:0",), wait="healthy", cwd=None, sockets=(),
                 group=False, program=None, stdout=None):
        self.folder = tempfile.TemporaryDirectory(prefix="rowlock-server-")
        self.log_path = Path(self.folder.name) / "stderr"
        command = [program or rowlock(), "serve"]
        numbers = [sock.fileno() for sock in sockets]
        if sockets:
            command = [*ACTIVATE, ",".join(map(str, numbers)), *command]
            listen = ()
        for address in listen:
            command += ["--listen", address]
        if database is not None:
            command += ["--database", getattr(database, "url", database)]
        command += map(str, flags)
        if "--log-format" not in flags:
            command += ["--log-format", "json"]
        self.command = command
        with open(self.log_path, "wb") as log, open(stdout or Path(self.folder.name) / "stdout", "wb") as out:
            self.process = subprocess.Popen(command, env=environment(**(env or {})), cwd=cwd or self.folder.name,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=log, pass_fds=numbers,
                                            start_new_session=group)
        self.listening = len(listen) + len(sockets)
        self.baseline = None
        self._read, self._lines, self._addresses = 0, [], []
        try:
            if wait is not None:
                self.wait_listening()
            if wait == "healthy":
                self.wait_healthy()
        except BaseException:
            self.kill()
            raise

    # ---- starting ----

    def wait_listening(self, seconds=10):
        until(lambda: self.alive() and len(self.addresses()) >= self.listening, seconds,
              f"listening on {self.listening} addresses")

    def wait_healthy(self, seconds=10):
        until(lambda: self.alive() and self.healthy(), seconds, "a healthy /healthcheck")
        self.baseline = self.plain_files()

    def alive(self):
        """True, or a failure that shows the log when the process is gone."""
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.log()[-4000:]}"
        return True

    # ---- looking ----

    def addresses(self):
        if len(self._addresses) < max(1, self.listening):
            self._addresses = [line["address"] for line in self.lines() if line.get("message") == "listening" and "address" in line]
        return list(self._addresses)

    @property
    def address(self):
        return self.addresses()[0]

    @property
    def api(self):
        return Api(self.address)

    @property
    def pid(self):
        return self.process.pid

    def workers(self):
        """The process ids of its workers, when it has several."""
        return children(self.pid)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def lines(self):
        """The log lines that are JSON objects. Asked again and again, it reads what is new."""
        with open(self.log_path, "rb") as log:
            log.seek(self._read)
            whole, end, _ = log.read().rpartition(b"\n")
        self._read += len(whole) + len(end)
        for line in whole.splitlines():
            try:
                record = json.loads(line.decode("utf-8", errors="replace"))
            except ValueError:
                continue
            if isinstance(record, dict):
                self._lines.append(record)
        return list(self._lines)

    def told(self, message, count=None, seconds=5):
        """The log lines with that message: those that are there now, or once there are as many as `count`."""
        def found():
            return [line for line in self.lines() if line.get("message") == message]

        if count is not None:
            until(lambda: len(found()) >= count, seconds, lambda: f"{message!r} {count} times in the log, {len(found())} now")
        return found()

    def healthy(self):
        return self.api.get("/healthcheck").status == 200

    def ailment(self):
        """Why it is not ready to serve, in the words of /healthcheck; "" when it is."""
        return self.api.get("/healthcheck").json().get("output", "")

    def stopped(self):
        """Whether SIGSTOP has come to it."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].startswith("T")

    def refuses(self):
        """Whether a new client gets no answer."""
        try:
            with Connection(self.address, timeout=1) as connection:
                connection.request("GET", "/health")
            return False
        except (OSError, ProtocolError):
            return True

    def resident(self):
        """Resident memory in bytes."""
        return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())[1]) * 1024

    def processor_time(self):
        """In ticks of the clock, as the kernel counts them."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def descriptors(self):
        """{number: what it points at}"""
        folder = Path(f"/proc/{self.pid}/fd")
        found = {}
        for name in os.listdir(folder):
            try:
                found[int(name)] = os.readlink(folder / name)
            except FileNotFoundError:
                pass
        return found

    def plain_files(self):
        return sum(1 for target in self.descriptors().values() if not target.startswith("socket:"))

    def connections(self, states=None):
        """How many of its sockets belong to clients (by local port), in those states of /proc/net/tcp. One that was reset is in
        no table any more: it counts, when no states are asked for, until the server has closed it."""
        ports = {int(address.rpartition(":")[2]) for address in self.addresses() if not address.startswith("unix:")}
        inodes = {target[8:-1] for target in self.descriptors().values() if target.startswith("socket:[")}
        found = set()  # a table that changes while it is read may name a socket twice
        alive = {line.split()[column] for table, column in (("unix", 6), ("udp", 9), ("udp6", 9), ("netlink", 9))
                 for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]}
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            for line in Path(table).read_text().splitlines()[1:]:
                field = line.split()
                alive.add(field[9])
                if field[9] in inodes and int(field[1].rpartition(":")[2], 16) in ports and field[3] != LISTEN:
                    if states is None or field[3] in states:
                        found.add(field[9])
        return len(found) + (len(inodes - alive) if states is None else 0)

    def unread(self):
        """How many bytes of its clients wait in the kernel, for the server or any worker of it."""
        ports = {int(address.rpartition(":")[2]) for address in self.addresses() if not address.startswith("unix:")}
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(int(field[4].partition(":")[2], 16) for field in rows
                   if int(field[1].rpartition(":")[2], 16) in ports and field[3] != LISTEN)

    def wait_read(self, seconds=5):
        """Until all that its clients have sent is in its hands."""
        until(lambda: self.unread() == 0, seconds, lambda: f"it reads what was sent ({self.unread()} bytes wait)")

    # ---- ending ----

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def signal_group(self, number):
        """To the master and its workers at once, as a terminal or a supervisor does it."""
        os.killpg(self.pid, number)

    def wait(self, seconds=10):
        """The exit code."""
        return self.process.wait(seconds * SLOW)

    def stop(self, seconds=12):
        """SIGTERM, and everything that must hold at the end of any server."""
        if self.process.poll() is None:
            self.check_descriptors()
            started = time.monotonic()
            self.signal()
            try:
                code = self.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"still there {time.monotonic() - started:.1f} s after SIGTERM:\n{self.log()[-4000:]}")
        else:
            code = self.process.returncode
        self.check_log()
        assert code == 0, f"the server ended with {code}:\n{self.log()[-4000:]}"

    def check_descriptors(self):
        """Nothing open that nobody uses: no connection whose client has left, no pile of files."""
        if self.process.poll() is None and self.addresses():
            until(lambda: self.connections({CLOSE_WAIT}) == 0, 5, "connections of departed clients are closed")
            if self.baseline is not None:
                assert self.plain_files() <= self.baseline + 4, self.descriptors()

    def check_log(self):
        text = self.log()
        for word in MUST_NEVER_HAPPEN:
            assert word not in text, text[-8000:]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def clean(self):
        self.kill()
        self.folder.cleanup()


LISTEN, CLOSE_WAIT = "0A", "08"


@contextmanager
def on_sqlite(template, *flags):
    """(server, database): for a module that overrides `shared` of conftest.py, because all of it takes these flags."""
    with tempfile.TemporaryDirectory(prefix="rowlock-test-") as folder:
        database = SqliteDatabase(Path(folder), template)
        server = Server(*flags, database=database)
        try:
            yield server, database
            server.stop()
        finally:
            server.clean()
