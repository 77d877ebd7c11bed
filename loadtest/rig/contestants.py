"""
Those who are measured. Rowlock, bare evhttp and peers that are servers: each serves HTTP on a port of its own until it is ended.
Peers that are queues work off jobs when they are told to.
"""

import json
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

# How many jobs a queue has left.
LEFT = {"river": "SELECT count(*) FROM river_job WHERE state <> 'completed'",
        "graphile-worker": "SELECT count(*) FROM graphile_worker._private_jobs"}


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


def build(name, folder):
    """The home of a peer, and what its build has made."""
    home, built = HERE / "peers" / name, folder / name
    done = subprocess.run([str(home / "build"), str(built)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"the peer {name} does not build:\n{done.stdout[-2000:]}")
    return home, built


class Peer(Process):
    def __init__(self, name, url, folder):
        home, built = build(name, folder)
        self.port = free_port()
        super().__init__(name, [str(home / "serve"), str(built)], folder / f"{name}.log", PORT=self.port, DATABASE_URL=url)
        self.wait_for(self.healthy)


class Queue:
    """`fill` empties its database and puts in jobs; `work` works, and prints an object: done (all), rps and workers."""

    def __init__(self, name, cluster, folder):
        self.name, self.cluster = name, cluster
        self.home, self.built = build(name, folder)
        self.database = cluster.create_database()

    def fill(self, jobs):
        self._run("fill", 300, JOBS=jobs)
        self.cluster.psql(self.database, "VACUUM (ANALYZE);\nCHECKPOINT;")

    def work(self, warmup, seconds):
        return json.loads(self._run("work", warmup + seconds + 60, WARMUP=warmup, SECONDS=seconds))

    def left(self):
        return int(self.cluster.psql(self.database, LEFT[self.name]))

    def _run(self, program, limit, **env):
        env = environment(PATH=os.environ["PATH"], DATABASE_URL=self.cluster.url(self.database), **env)
        done = subprocess.run(["setpriv", "--pdeathsig", "KILL", str(self.home / program), str(self.built)], env=env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit)
        if done.returncode != 0:
            raise RuntimeError(f"{program} of {self.name} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
        return done.stdout

    def end(self):
        """Nothing of it runs between two measurements."""


class Pinned:
    """with Pinned(contestant, core): …   all its threads on one core, and free again afterwards."""

    def __init__(self, contestant, core):
        self.pid, self.core = contestant.pid, core

    def __enter__(self):
        procfs.pin(self.pid, {self.core})

    def __exit__(self, *_):
        procfs.pin(self.pid, os.sched_getaffinity(0))
