"""Debian's PgBouncer before the private cluster, in transaction mode and with fewer connections than its clients have."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from support.cluster import as_server_user
from support.port import free_port
from support.program import environment
from support.wait import until

# What the tests wait for comes sooner than with PgBouncer's own values: it asks a PostgreSQL that is away each second
# instead of every fifteen.
SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {home}/users
pool_mode = transaction
default_pool_size = 2
server_login_retry = 1
admin_users = postgres
"""


def installed():
    """Where the program is, or None. It lives in /usr/sbin, which is not on everybody's path."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class PgBouncer:
    """PgBouncer(cluster, default_pool_size=1): settings win over those above. stop() and start() keep the port."""

    def __init__(self, cluster, **settings):
        self.cluster = cluster
        self.become, user = as_server_user()
        self.port = free_port()
        self.process = None
        self.folder = tempfile.TemporaryDirectory(prefix="rowlock-pgbouncer-")
        self.home = Path(self.folder.name)
        self.log_path = self.home / "log"
        self.conf = self.home / "pgbouncer.ini"
        (self.home / "users").write_text('"postgres" ""\n')
        self.conf.write_text(SETTINGS.format(server_port=cluster.port, port=self.port, home=self.home)
                             + "".join(f"{name} = {value}\n" for name, value in settings.items()))
        if user:
            os.chown(self.home, user.pw_uid, user.pw_gid)
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.become[1:], installed(), str(self.conf)], env=environment(),
                                            cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._answers, 10, f"PgBouncer listens: {self.log()}")

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

    def log(self):
        return self.log_path.read_text(errors="replace")

    def url(self, database):
        """For Rowlock."""
        return self.cluster.url(database, self.port)

    def connect(self, database):
        """A client as others have it; the caller ends it."""
        return psycopg2.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname={database} connect_timeout=5")

    def tell(self, command):
        """A command of its console, such as PAUSE."""
        connection = self.connect("pgbouncer")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(command)
        finally:
            connection.close()

    def _answers(self):
        assert self.process.poll() is None, self.log()
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        except OSError:
            return False
