"""A private PostgreSQL cluster: made in a fresh directory, on a free port, gone without a trace afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg2

from support.port import free_port
from support.program import SLOW, children, environment, is_running
from support.wait import until

SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{home}'
fsync = off
full_page_writes = off
shared_buffers = 64MB
max_connections = 120
jit = off
max_wal_size = 64MB
min_wal_size = 16MB
log_line_prefix = '%m [%p] %q%d '
"""


def binaries():
    """The folder of the newest PostgreSQL server that is installed."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def as_server_user():
    """PostgreSQL refuses to run as root: the words that run it as somebody else, and who that is."""
    if os.geteuid() != 0:
        return [], None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"], user
    raise RuntimeError("running as root, and there is neither a user postgres nor nobody to run PostgreSQL as")


def memory():
    """A file system in memory with room for a cluster, or None. TMPDIR, when somebody has set it, says where everything is to be."""
    if "TMPDIR" in os.environ or not os.access("/dev/shm", os.W_OK):
        return None
    room = os.statvfs("/dev/shm")
    return "/dev/shm" if room.f_bavail * room.f_frsize >= 4 << 30 else None


class Cluster:
    def __init__(self, in_memory=False):
        """in_memory: there a database is made in a tenth of the time that it takes on a disk."""
        self.bin = binaries()
        self.become, self.user = as_server_user()
        parent = tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp"   # sun_path is short
        self.home = Path(tempfile.mkdtemp(prefix="rowlock-pg-", dir=in_memory and memory() or parent))
        self.data = self.home / "data"
        self.log = self.home / "log"
        self.process = None
        self.made = 0
        if self.user:
            os.chown(self.home, self.user.pw_uid, self.user.pw_gid)

    # ---- life ----

    def create(self):
        self._as_user(self.bin / "initdb", "-D", self.data, "-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C",
                      "--wal-segsize=1")
        self.port = free_port()
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write(SETTINGS.format(port=self.port, home=self.home))
        self.start()

    def start(self, wait=True):
        """Starts the server. Called from the main thread only: the child dies with the thread that made it."""
        assert self.process is None
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "QUIT", *self.become[1:], str(self.bin / "postgres"), "-D", str(self.data)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home, env=environment(), start_new_session=True)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        end = time.monotonic() + 30 * SLOW
        while True:
            try:
                psycopg2.connect(self.dsn("postgres")).close()
                return
            except psycopg2.OperationalError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("PostgreSQL does not start:\n" + self.log.read_text(errors="replace")[-3000:])
                time.sleep(0.02)

    def standby(self, through=None):
        """A hot standby that streams from this cluster; on its own it is as any other cluster. through: the port of a proxy."""
        other = Cluster()
        try:
            host, port = ("127.0.0.1", through) if through else (self.home, self.port)
            self._as_user(self.bin / "pg_basebackup", "-h", host, "-p", port, "-U", "postgres", "-D", other.data,
                          "-R", "-C", "-S", "standby", "-c", "fast", "--no-sync")
            other.port = free_port()
            with open(other.data / "postgresql.conf", "a") as conf:
                conf.write(SETTINGS.format(port=other.port, home=other.home))
            other.start()
        except BaseException:
            other.remove()
            raise
        return other

    def promote(self):
        """Makes a standby a primary."""
        self._as_user(self.bin / "pg_ctl", "-D", self.data, "-w", "promote")

    def stop(self, mode="fast"):
        """mode: fast (sessions are ended in order) or immediate (as after a crash)."""
        if self.process is None:
            return
        self.resume()
        self.process.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        try:
            self.process.wait(20 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def kill(self):
        """SIGKILL to all of it at once."""
        self.pause()
        pids = self._children()
        for pid in (self.process.pid, *pids):
            self._signal(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        until(lambda: not any(is_running(pid) for pid in pids), 10, "all of PostgreSQL is gone")

    def pause(self):
        """SIGSTOP to the postmaster, then to all that it has started: nothing answers, the kernel still acknowledges."""
        os.kill(self.process.pid, signal.SIGSTOP)
        for pid in self._children():
            self._signal(pid, signal.SIGSTOP)

    def resume(self):
        if self.process is None:
            return
        for pid in self._children():
            self._signal(pid, signal.SIGCONT)
        self._signal(self.process.pid, signal.SIGCONT)

    def ensure_running(self):
        """Undoes whatever a test left behind: paused, stopped or crashed."""
        if self.process is not None and self.process.poll() is not None:
            self.process = None
        if self.process is None:
            self.start()
        else:
            self.resume()
            self.wait_ready()

    def remove(self):
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    # ---- databases ----

    def dsn(self, database):
        """For psycopg2, by the socket."""
        return f"host={self.home} port={self.port} user=postgres dbname={database} connect_timeout=5"

    def url(self, database, port=None, password=None):
        """For Rowlock, by TCP."""
        secret = f":{password}" if password else ""
        return f"postgresql://postgres{secret}@127.0.0.1:{port or self.port}/{database}"

    def create_database(self, template="template0"):
        self.made += 1
        name = f"test_{self.made}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name):
        self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def schema(self, name):
        """Of that database, as pg_dump writes it."""
        text = self._as_user(self.bin / "pg_dump", "--schema-only", "--no-owner", "-d", self.dsn(name))
        return [line for line in text.splitlines() if not line.startswith(("--", "\\restrict", "\\unrestrict"))]

    def allow_connections(self, database, allowed):
        """Whether new sessions of that database may begin; those that are there stay."""
        self._administer(f"ALTER DATABASE {database} ALLOW_CONNECTIONS {allowed}")

    def terminate_sessions(self, database):
        """Ends every session of that database; returns how many there were."""
        connection = psycopg2.connect(self.dsn("postgres"))
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                               "WHERE datname = %s AND pid <> pg_backend_pid()", (database,))
                return cursor.fetchone()[0]
        finally:
            connection.close()

    def alter_system(self, setting, value):
        """Sets it for the whole cluster, from now on."""
        self._administer(f"ALTER SYSTEM SET {setting} = '{value}'")
        self._administer("SELECT pg_reload_conf()")

    # ---- details ----

    def _administer(self, sql):
        connection = psycopg2.connect(self.dsn("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            connection.close()

    def _as_user(self, *command):
        done = subprocess.run([*self.become, *map(str, command)], cwd=self.home, env=environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")
        return done.stdout

    def _children(self):
        """Direct children: PostgreSQL's processes have no children of their own."""
        return children(self.process.pid)

    @staticmethod
    def _signal(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
