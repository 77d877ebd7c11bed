"""A private PostgreSQL cluster with the durability of a real one, so that its figures are honest."""

import os
import subprocess

import rig  # noqa: F401  (makes `support` importable)
from support.cluster import Cluster
from support.program import environment

HONEST = """
fsync = on
full_page_writes = on
synchronous_commit = on
shared_buffers = 512MB
max_connections = 300
max_wal_size = 8GB
checkpoint_timeout = 30min
"""


class HonestCluster(Cluster):
    def __init__(self, extra=""):
        super().__init__()
        self.extra = extra

    def create(self):
        super().create()
        self.stop()
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write(HONEST + self.extra)     # the last setting of a name counts
        self.start()

    def pids(self):
        """The postmaster and all that it has started."""
        return [self.process.pid, *self._children()]

    def psql(self, database, sql):
        """One or more statements, outside of any transaction block."""
        done = subprocess.run([str(self.bin / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.home),
                               "-p", str(self.port), "-U", "postgres", "-d", database],
                              input=sql, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"psql failed: {done.stderr}")
        return done.stdout.strip()

    def client_environment(self, database):
        """For libpq's own programs."""
        return environment(PGHOST=self.home, PGPORT=self.port, PGUSER="postgres", PGDATABASE=database,
                           PATH=os.environ.get("PATH", ""))
