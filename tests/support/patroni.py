"""A PostgreSQL cluster of three under Patroni, as contrib/patroni/ has it: Debian's programs, a loopback address for each host,
free ports, a fresh directory. All of it is gone afterwards."""

import copy
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg2

from support.cluster import as_server_user, binaries, memory
from support.port import free_port
from support.program import ROOT, SLOW, children, environment, is_running
from support.tcpproxy import TcpProxy
from support.wait import until

CONTRIB = ROOT / "contrib" / "patroni"
PROGRAMS = {"patroni": "patroni", "patronictl": "patroni", "etcd": "etcd-server", "haproxy": "haproxy", "pgbouncer": "pgbouncer"}

# As short as Patroni takes them, so that a test waits for seconds: loop_wait + 2 * retry_timeout <= ttl.
TIMES = {"ttl": 7, "loop_wait": 1, "retry_timeout": 3}

# A disk that loses nothing is not what is tested here, and PostgreSQL is much faster without. (pg_rewind wants full_page_writes.)
CHEAP = {"fsync": "off", "shared_buffers": "32MB", "jit": "off", "max_wal_size": "128MB", "min_wal_size": "32MB",
         "max_connections": 60, "log_line_prefix": "%m [%p] %q%d "}


def program(name):
    """Where Debian has it, or None."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def missing_packages():
    """Those that have a program that is not there."""
    packages = {package for name, package in PROGRAMS.items() if program(name) is None}
    return sorted(packages | ({"postgresql"} if binaries() is None else set()))


def start(command, log, home, user=True, death="KILL"):
    """Starts a program as the user of PostgreSQL. It ends with the thread that called this."""
    become, _ = as_server_user()
    with open(log, "ab") as out:
        return subprocess.Popen(["setpriv", "--pdeathsig", death, *(become[1:] if user else []), *map(str, command)],
                                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=home, start_new_session=True,
                                env=environment(PYTHONWARNINGS="ignore", HOME=home))


def descendants(pid):
    found = [pid]
    for one in found:
        found += children(one)
    return found


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class Etcd:
    def __init__(self, home):
        self.home, self.port, peer = home, free_port(), free_port()
        self.log = home / "etcd.log"
        client, peers = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peer}"
        self.process = start([program("etcd"), "--name", "only", "--data-dir", home / "etcd", "--listen-client-urls", client,
                              "--advertise-client-urls", client, "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
                              "--initial-cluster", f"only={peers}", "--enable-v2", "--logger", "zap"], self.log, home)
        until(self._is_healthy, 30, lambda: f"etcd answers: {self.log.read_text(errors='replace')[-2000:]}")

    def _is_healthy(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-2000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return json.load(answer)["health"] == "true"
        except (OSError, ValueError, KeyError):
            return False

    def close(self):
        self.process.kill()
        self.process.wait()


class Node:
    """One host: Patroni, and the PostgreSQL that it starts. kill(), freeze() and cut() are what befalls it."""

    def __init__(self, cluster, number):
        self.name, self.host = f"db{number}", f"127.0.0.{10 + number}"
        self.port, self.rest = free_port(), free_port()
        self.home = cluster.home / self.name
        self.data = self.home / "data"
        self.log = self.home / "patroni.log"
        self.conf = self.home / "patroni.yml"
        self.link = TcpProxy(cluster.etcd.port)         # its way to etcd
        self.source = TcpProxy(self.port)               # the way of standbys to it
        self.process = None
        self.home.mkdir()
        self.conf.write_text(json.dumps(self._settings(cluster), indent=1))      # JSON is YAML

    def _settings(self, cluster):
        """contrib/patroni/patroni.yml, with the addresses and folders of a test, short times and no passwords."""
        import yaml     # Patroni needs it, too

        settings = copy.deepcopy(yaml.safe_load((CONTRIB / "patroni.yml").read_text()))
        settings["name"] = self.name
        settings["restapi"] = {"listen": f"{self.host}:{self.rest}", "connect_address": f"{self.host}:{self.rest}"}
        settings["etcd"] = {"hosts": [f"127.0.0.1:{self.link.port}"], "use_proxies": True}     # and looks for no other way
        settings["bootstrap"]["dcs"] |= TIMES
        settings["bootstrap"]["dcs"]["postgresql"]["parameters"] |= CHEAP
        settings["postgresql"] |= {
            "listen": f"{self.host},127.0.0.1:{self.port}", "connect_address": f"127.0.0.1:{self.source.port}",
            "data_dir": str(self.data), "bin_dir": str(binaries()), "pgpass": str(self.home / "pgpass"),
            "pg_hba": ["local all all trust", "host all all 127.0.0.0/8 trust", "host replication all 127.0.0.0/8 trust"]}
        settings["postgresql"]["parameters"] = {"unix_socket_directories": str(self.home)}
        settings["watchdog"]["mode"] = "off"
        return settings

    def __repr__(self):
        return self.name

    # ---- life ----

    def start(self):
        assert self.process is None
        self.process = start([program("patroni"), self.conf], self.log, self.home, death="TERM")

    def postmaster(self):
        """The process id of its PostgreSQL, or None."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            return pid if is_running(pid) and os.readlink(f"/proc/{pid}/cwd") == str(self.data) else None
        except (OSError, ValueError, IndexError):
            return None

    def postgres(self):
        """All processes of its PostgreSQL."""
        pid = self.postmaster()
        return [pid, *children(pid)] if pid else []

    def patroni(self):
        return descendants(self.process.pid) if self.process else []

    def kill(self):
        """As a loss of power: all of it at once. Stopped first, so that none sees another die."""
        pids = set()
        while more := {*self.patroni(), *self.postgres()} - pids:
            send(more, signal.SIGSTOP)
            pids |= more
        send(pids, signal.SIGKILL)
        if self.process:
            self.process.wait()
            self.process = None
        until(lambda: not any(is_running(pid) for pid in pids), 10, f"all of {self} is gone")

    def kill_postgres(self):
        """SIGKILL to PostgreSQL alone. Patroni sees it."""
        pids = self.postgres()
        send(pids, signal.SIGSTOP)
        send(pids, signal.SIGKILL)

    def freeze(self):
        """As a virtual machine that is paused: what was asked waits in the kernel, and nothing answers."""
        self.freeze_patroni()
        pids = set()
        while more := set(self.postgres()) - pids:
            send(more, signal.SIGSTOP)
            pids |= more

    def freeze_patroni(self):
        send(self.patroni(), signal.SIGSTOP)

    def thaw(self):
        self.thaw_postgres()
        send(self.patroni(), signal.SIGCONT)

    def thaw_postgres(self):
        send(self.postgres(), signal.SIGCONT)

    def cut(self):
        """From etcd: what is sent either way is lost, and nobody is told."""
        self.link.mode = "stall"

    def hold_back(self):
        """What it sends to standbys is lost, and nobody is told."""
        self.source.mode = "stall"

    def mend(self):
        for proxy in (self.link, self.source):
            if proxy.mode != "pass":
                proxy.mode = "pass"
                proxy.reset()       # what was lost in the cut stays lost

    def close(self):
        self.kill()
        self.link.close()
        self.source.close()

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # ---- looking ----

    def dsn(self, database):
        return f"host={self.host} port={self.port} user=postgres dbname={database} connect_timeout=2"

    def query(self, sql, database="postgres"):
        connection = psycopg2.connect(self.dsn(database))
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def takes_writes(self):
        """Whether PostgreSQL there does, whatever Patroni thinks; False when it does not answer."""
        try:
            return self.query("SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'") == [(True,)]
        except psycopg2.Error:
            return False

    def ask(self, path, body=None, method=None, patience=3):
        """(status, answer) of Patroni there; (None, why) when it does not answer."""
        request = urllib.request.Request(f"http://{self.host}:{self.rest}{path}", json.dumps(body).encode() if body is not None else None,
                                         {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=patience) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()
        except OSError as reason:
            return None, repr(reason)


class Watch:
    """Looks at all nodes at once, from the moment at which a fault begins: when did which of them take writes? Beside the main
    thread, because a frozen host holds up whoever asks it."""

    def __init__(self, nodes):
        self.began, self.first, self.over = time.monotonic(), {}, threading.Event()
        self.threads = [threading.Thread(target=self._look, args=(node,), daemon=True) for node in nodes]
        for thread in self.threads:
            thread.start()

    def _look(self, node):
        while not self.over.is_set() and node not in self.first:
            if node.takes_writes():
                self.first[node] = time.monotonic()
            self.over.wait(0.05)

    def writable(self, seconds=60):
        """(node, when) of the first that did."""
        until(lambda: self.first, seconds, "a new primary takes writes", every=0.02)
        return min(self.first.items(), key=lambda entry: entry[1])

    def close(self):
        self.over.set()
        for thread in self.threads:
            thread.join(10 * SLOW)


class Patroni:
    """Three of them. It stands in for support.cluster.Cluster where a PostgresDatabase asks for its cluster."""

    def __init__(self):
        _, user = as_server_user()
        self.home = Path(tempfile.mkdtemp(prefix="rowlock-ha-", dir=memory() or "/tmp"))
        self.nodes, self.etcd, self.made = [], None, 0
        self.user = user

    def create(self):
        self._own(self.home)
        self.etcd = Etcd(self.home)
        self.nodes = [Node(self, number) for number in (1, 2, 3)]
        for node in self.nodes:
            self._own(node.home)
        self.nodes[0].start()
        until(lambda: self.nodes[0].takes_writes(), 60, lambda: f"the first takes writes: {self.nodes[0].log_text()[-3000:]}", every=0.1)
        for node in self.nodes[1:]:
            node.start()
        self.heal()

    def _own(self, path):
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def remove(self):
        """All that was started is ended by its id, whatever state it is in."""
        for node in self.nodes:
            node.close()
        if self.etcd is not None:
            self.etcd.close()
        shutil.rmtree(self.home, ignore_errors=True)

    # ---- who is what ----

    def primary(self):
        """The node that takes writes; None while there is none, or more than one says so."""
        found = [node for node in self.nodes if node.process and node.ask("/primary")[0] == 200]
        return found[0] if len(found) == 1 else None

    def synchronous(self):
        """The nodes of the standbys that commits wait for, as PostgreSQL says and Patroni knows: they may take over."""
        primary = self.primary()
        try:
            rows = primary.query("SELECT application_name FROM pg_stat_replication WHERE sync_state = 'sync'") if primary else []
        except psycopg2.Error:
            rows = []
        status, answer = primary.ask("/cluster") if rows else (None, "")
        known = [member["name"] for member in json.loads(answer)["members"] if member["role"] == "sync_standby"] if status == 200 else []
        return [node for node in self.nodes if (node.name,) in rows and node.name in known]

    def others(self, *nodes):
        return [node for node in self.nodes if node not in nodes]

    def streaming(self):
        """How many standbys follow the primary."""
        primary = self.primary()
        try:
            return primary.query("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")[0][0] if primary else 0
        except psycopg2.Error:
            return 0

    def replayed(self):
        """Whether all standbys have done what the primary has."""
        known = "SELECT count(*) = 2 AND bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication"
        return self.primary().query(known) == [(True,)]

    def set(self, **settings):
        """Changes the configuration that all share."""
        status, answer = until(lambda: self.primary(), 30, "a primary").ask("/config", settings, "PATCH")
        assert status == 200, answer

    def synchronous_mode(self, on):
        self.set(synchronous_mode=on)
        until(lambda: bool(self.synchronous()) == on, 60, f"commits {'' if on else 'do not '}wait for a standby", every=0.1)

    def heal(self):
        """All three run, two follow, and commits wait for one of them."""
        self.rejoin()
        until(lambda: len(self.synchronous()) == 1, 60, "commits wait for a standby", every=0.1)

    def rejoin(self):
        """All three run, and two follow."""
        for node in self.nodes:
            if node.process is not None and node.process.poll() is not None:
                node.process = None
            node.mend()
            node.thaw()
            if node.process is None:
                node.start()
        until(lambda: self.streaming() == 2, 100,
              lambda: "all are well again: " + "; ".join(f"{node}: {node.log_text()[-500:]}" for node in self.nodes), every=0.1)

    # ---- databases ----

    def dsn(self, database):
        return until(self.primary, 30, "a primary").dsn(database)

    def address(self, *nodes):
        return ",".join(f"{node.host}:{node.port}" for node in nodes or self.nodes)

    def url(self, database, *nodes):
        """For Rowlock: all hosts, and the one that takes writes is wanted."""
        return f"postgresql://postgres@{self.address(*nodes)}/{database}?target_session_attrs=read-write"

    def create_database(self, template="template0"):
        self.made += 1
        name = f"test_{self.made}"
        until(self.primary, 30, "a primary").query(f"CREATE DATABASE {name} TEMPLATE {template}")
        until(self.replayed, 30, "the standbys have the database")      # libpq asks no other host when one does not know it
        return name

    def drop_database(self, name):
        until(self.primary, 30, "a primary").query(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Proxies:
    """HAProxy, which leads to the primary, and PgBouncer before it: contrib/patroni's, with the addresses of a test."""

    def __init__(self, cluster, changes=()):
        """changes: {what haproxy.cfg says: what it shall say instead}"""
        self.port, self.front = free_port(), free_port()        # PgBouncer's, HAProxy's
        self.home = cluster.home / "proxies"
        self.home.mkdir(exist_ok=True)
        cluster._own(self.home)
        self.processes = []
        haproxy, pgbouncer = self.home / "haproxy.cfg", self.home / "pgbouncer.ini"
        text = (CONTRIB / "haproxy.cfg").read_text().replace("127.0.0.1:5000", f"127.0.0.1:{self.front}")
        for number, node in enumerate(cluster.nodes, 1):
            line = f"server db{number} 10.0.0.1{number}:5432 check port 8008"
            assert line in text
            text = text.replace(line, f"server db{number} {node.host}:{node.port} check port {node.rest}")
        for documented, other in dict(changes).items():
            assert documented in text, documented
            text = text.replace(documented, other)
        haproxy.write_text(text)
        text = (CONTRIB / "pgbouncer.ini").read_text()
        for documented, actual in {"rowlock = host=127.0.0.1 port=5000 dbname=rowlock": f"* = host=127.0.0.1 port={self.front}",
                                   "listen_port = 6432": f"listen_port = {self.port}", "/var/run/postgresql": str(self.home),
                                   "auth_type = scram-sha-256": "auth_type = trust", "/etc/pgbouncer/userlist.txt": str(self.home / "users")}.items():
            assert documented in text, documented
            text = text.replace(documented, actual)
        pgbouncer.write_text(text)
        (self.home / "users").write_text('"postgres" ""\n')
        try:
            self._start(program("haproxy"), "-db", "-f", haproxy)
            self._start(program("pgbouncer"), pgbouncer)
            until(self._lead, 30, lambda: "they lead to the primary: " + "".join(log.read_text() for log in self.home.glob("*.log")), every=0.1)
        except BaseException:
            self.close()
            raise

    def _start(self, name, *arguments):
        self.processes.append(start([name, *arguments], self.home / f"{Path(name).name}.log", self.home))

    def _lead(self):
        assert all(process.poll() is None for process in self.processes)
        try:
            psycopg2.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres").close()
            return True
        except psycopg2.Error:
            return False

    def url(self, database, pooled=True):
        """For Rowlock: PgBouncer, or HAProxy itself."""
        return f"postgresql://postgres@127.0.0.1:{self.port if pooled else self.front}/{database}"

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
