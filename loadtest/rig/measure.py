"""One measurement: a row, a contestant, some seconds. Looks into the database afterwards whether the answers were true."""

import json
import os
import resource
import subprocess
import time

from rig import pgbench, procfs
from rig.contestants import Pinned

COUNTS = (1, 4, 8, 16, 32, 64)      # numbers of clients among which pgbench's best is looked for
JOBS_A_SECOND = 100000              # more than a queue does on the machines that this was made on


class Meter:
    def __init__(self, desk, load, seconds, warmup):
        self.desk, self.load, self.seconds, self.warmup = desk, load, seconds, warmup
        self.best = {}              # script -> pgbench's best number of clients

    # ---- over HTTP ----

    def http(self, row, contestant, clients=None, seconds=None):
        self._prepare(row)
        command = [self.load, "--port", str(contestant.port), "--connections", str(clients or row.clients),
                   "--seconds", str(seconds or self.seconds), "--warmup", str(self.warmup), *row.load]
        cpu, database_cpu = procfs.cpu_seconds(contestant.pid), procfs.cpu_seconds(self.desk.pid)
        result = self._generate(command, contestant, alone=row.key == "health")
        cpu, database_cpu = procfs.cpu_seconds(contestant.pid) - cpu, procfs.cpu_seconds(self.desk.pid) - database_cpu
        self._check(row, contestant, result)
        return {"clients": clients or row.clients, "rps": result["rps"], "p50_us": result["p50_us"], "p99_us": result["p99_us"],
                "cpu_per_1000": 1000 * cpu / result["done"], "database_cpu_per_1000": 1000 * database_cpu / result["done"]}

    def _generate(self, command, contestant, alone):
        """alone: the server has one core to itself, the generator another."""
        cores = sorted(os.sched_getaffinity(0))
        if alone and len(cores) > 1:
            with Pinned(contestant, cores[0]):
                return self._run(["taskset", "-c", str(cores[1]), *command])
        return self._run(command)

    def _run(self, command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=self.seconds + self.warmup + 120)
        if done.returncode != 0 or not done.stdout:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def _check(self, row, contestant, result):
        """A fast wrong answer is no answer."""
        codes, wrong = result["codes_all"], set(result["codes_all"]) - row.codes
        who = f"{contestant.name}, {row.title}"
        if wrong:
            raise RuntimeError(f"{who}: unexpected answers: {codes}")
        if row.key != "hot" and 100 * codes.get("400", 0) > codes.get("200", 0):
            raise RuntimeError(f"{who}: more than one in a hundred was refused: {codes}")
        if result["exhausted"]:
            raise RuntimeError(f"{who}: all {self.desk.orders} orders were taken before the time was up: give more --orders")
        self._compare(row, who, {what: 1 if row.key == "hot" else result[what] for what in row.does})

    def _compare(self, row, who, told):
        """told: how many orders were placed, taken, delivered, by the answers."""
        placed, taken, delivered = (told.get(what, 0) for what in ("placed", "taken", "delivered"))
        if row.does:
            expected = {"UNASSIGNED": self.desk.orders + placed - taken, "TAKEN": taken - delivered, "DELIVERED": delivered}
            found = {status: 0 for status in expected} | self.desk.counts()
            if found != expected:
                raise RuntimeError(f"{who}: the answers make {expected}, the database has {found}")

    # ---- pgbench ----

    def reference(self, row):
        clients = row.clients if row.single else self.best[row.script]
        return self._pgbench(row, clients, self.seconds + self.warmup)

    def find_best(self, row, seconds):
        """pgbench's best number of clients for a row, once a script."""
        if row.script and not row.single and row.script not in self.best:
            found = {clients: self._pgbench(row, clients, seconds)["rps"] for clients in COUNTS}
            self.best[row.script] = max(found, key=found.get)

    def _pgbench(self, row, clients, seconds):
        self._prepare(row)
        database_cpu = procfs.cpu_seconds(self.desk.pid)
        result = pgbench.run(self.desk.cluster, self.desk.name, row.script, clients, max(1, round(seconds)), 1, self.desk.orders)
        time.sleep(0.1)             # for the sessions to end, and their time to count
        database_cpu = procfs.cpu_seconds(self.desk.pid) - database_cpu
        self._compare(row, f"pgbench, {row.title}", dict.fromkeys(row.does, result.transactions))
        return {"clients": clients, "rps": result.rps, "p50_us": result.p50_us, "p99_us": result.p99_us, "cpu_per_1000": None,
                "database_cpu_per_1000": 1000 * database_cpu / max(1, result.transactions)}

    def _prepare(self, row):
        self.desk.ready(row.orders)
        self.desk.dirty = bool(row.does)

    # ---- queues ----

    def queue(self, row, contestant):
        """Jobs that do nothing, worked off as the row's orders are. Its own clock starts when it works, not when it is started."""
        jobs = int(JOBS_A_SECOND * (self.seconds + self.warmup))
        contestant.fill(jobs)
        cpu, database_cpu = resource.getrusage(resource.RUSAGE_CHILDREN), procfs.cpu_seconds(self.desk.pid)
        result = contestant.work(self.warmup, self.seconds)
        time.sleep(0.1)             # as above
        cpu = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - sum(cpu[:2])
        database_cpu = procfs.cpu_seconds(self.desk.pid) - database_cpu
        left = contestant.left()
        if left == 0:
            raise RuntimeError(f"{contestant.name}: all {jobs} jobs were done before the time was up")
        if jobs - left != result["done"]:
            raise RuntimeError(f"{contestant.name}: {result['done']} jobs were done, the database says {jobs - left}")
        return {"clients": result["workers"], "rps": result["rps"], "p50_us": None, "p99_us": None,
                "cpu_per_1000": 1000 * cpu / result["done"], "database_cpu_per_1000": 1000 * database_cpu / result["done"]}
