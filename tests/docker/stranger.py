"""Somebody who types the two commands of the README in an empty Debian with a fresh copy of the source."""

from concurrent.futures import ThreadPoolExecutor, wait

from engine import docker
from support.port import free_port
from support.wait import until

PATIENCE = 900      # packages and a build, beside other tests


class Stranger:
    """`./run`, and when it serves `./check --quick`; both go on by themselves, and with the least share of the processors."""

    def __init__(self, engine, source, release):
        self.port = free_port()
        self.container = None
        self.closed = False
        self.pool = ThreadPoolExecutor(2)
        self.serving = self.pool.submit(self.run, engine, source, release)
        self.checked = self.pool.submit(self.check)

    def run(self, engine, source, release):
        """Until ./run has said what is worth opening, or has failed; what it said."""
        base = engine.have_base(release)
        self.container = docker("run", "-d", *engine.build_flags, "--cpu-shares", "256", "-p", f"127.0.0.1:{self.port}:8080",
                                "-v", f"{source}:/given:ro", base,
                                "sh", "-c", "cp -a /given /rowlock && cd /rowlock && exec ./run --listen 0.0.0.0:8080").stdout.split()[-1]
        until(lambda: self.closed or "./run --help" in self.said() or not self.runs(), PATIENCE, "it says how to try it")
        return self.said()

    def check(self):
        """./check --quick, with patience: the machine has much else to do. How it ended."""
        self.serving.result()
        return None if self.closed else docker("exec", "-e", "ROWLOCK_TEST_SLOW=3", self.container, "/rowlock/check", "--quick", check=False, timeout=1100)

    def said(self):
        return docker("logs", self.container).stdout

    def runs(self):
        return docker("inspect", "-f", "{{.State.Running}}", self.container, check=False).stdout.strip() == "true"

    def close(self):
        self.closed = True
        wait([self.serving])
        if self.container is not None:
            docker("rm", "-f", "-v", self.container)    # which ends ./check as well
        self.pool.shutdown()
