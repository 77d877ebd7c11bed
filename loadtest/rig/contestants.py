"""Those who are measured: Rowlock, the peers, bare evhttp. Each serves HTTP on a port of its own until it is ended."""

import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from rig import HERE, procfs
from support.port import free_port
from support.program import environment
from support.server import Server

PEERS = ("flask", "fastify", "go")


class Rowlock:
    def __init__(self, url, flags=(), name="rowlock", program=None):
        self.name = name
        self.server = Server(*flags, database=url, program=program)
        self.port = int(self.server.address.rpartition(":")[2])
        self.pid = self.server.pid

    def end(self):
        try:
            self.server.stop()
        finally:
            self.server.clean()


class Process:
    """A server that is started by a command, in a process group of its own."""

    def __init__(self, name, command, log, **env):
        self.name = name
        self.log = Path(log)
        with open(log, "wb") as out:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, env=environment(PATH=os.environ["PATH"], **env), start_new_session=True)
        self.pid = self.process.pid

    def wait_for(self, what, seconds=30):
        end = time.monotonic() + seconds
        while not what():
            if self.process.poll() is not None or time.monotonic() > end:
                self.end()
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def healthy(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return answer.read().strip() == b"UP"
        except OSError:
            return False

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.process.wait()


class Bare(Process):
    def __init__(self, program, folder):
        super().__init__("bare", [program], folder / "bare.log")
        self.wait_for(self.find_port)

    def find_port(self):
        found = re.search(r":(\d+)$", self.log.read_text(), re.M)
        self.port = int(found[1]) if found else None
        return self.port


class Peer(Process):
    def __init__(self, name, url, folder):
        home, built = HERE / "peers" / name, folder / name
        done = subprocess.run([str(home / "build"), str(built)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the peer {name} does not build:\n{done.stdout[-2000:]}")
        self.port = free_port()
        super().__init__(name, [str(home / "serve"), str(built)], folder / f"{name}.log", PORT=self.port, DATABASE_URL=url)
        self.wait_for(self.healthy)


class Pinned:
    """with Pinned(contestant, core): …   all its threads on one core, and free again afterwards."""

    def __init__(self, contestant, core):
        self.pid, self.core = contestant.pid, core

    def __enter__(self):
        procfs.pin(self.pid, {self.core})

    def __exit__(self, *_):
        procfs.pin(self.pid, os.sched_getaffinity(0))
