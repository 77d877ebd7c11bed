"""One measurement: a row, a contestant, some seconds. Looks into the database afterwards whether the answers were true."""

import json
import os
import subprocess
import time

from rig import pgbench, procfs
from rig.contestants import Pinned

COUNTS = (1, 4, 8, 16, 32, 64)      # numbers of clients among which pgbench's best is looked for


class Meter:
    def __init__(self, desk, load, seconds, warmup):
        self.desk, self.load, self.seconds, self.warmup = desk, load, seconds, warmup
        self.best = {}              # script -> pgbench's best number of clients

    # ---- over HTTP ----

    def http(self, row, contestant, clients=None, seconds=None):
        self._prepare(row.writes)
        command = [self.load, "--port", str(contestant.port), "--connections", str(clients or row.clients),
                   "--seconds", str(seconds or self.seconds), "--warmup", str(self.warmup), *row.load]
        cpu, database_cpu = procfs.cpu_seconds(contestant.pid), procfs.cpu_seconds(self.desk.pid)
        result = self._generate(command, contestant, alone=row.key == "health")
        answered = result["answered"]
        self._check(row, contestant, result)
        return {"clients": clients or row.clients, "rps": result["rps"], "p50_us": result["p50_us"], "p99_us": result["p99_us"],
                "cpu_per_1000": 1000 * (procfs.cpu_seconds(contestant.pid) - cpu) / answered,
                "database_cpu_per_1000": 1000 * (procfs.cpu_seconds(self.desk.pid) - database_cpu) / answered}

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
        if result["exhausted"]:
            raise RuntimeError(f"{who}: all {self.desk.orders} orders were taken before the time was up: give more --orders")
        if row.key in ("take", "take1") and self.desk.taken() != codes["200"]:
            raise RuntimeError(f"{who}: {codes['200']} times SUCCESS, {self.desk.taken()} orders are taken")
        if row.key == "hot" and self.desk.taken() != 1:
            raise RuntimeError(f"{who}: {self.desk.taken()} orders are taken")
        if row.key == "place" and self.desk.placed() != codes["200"]:
            raise RuntimeError(f"{who}: {codes['200']} times placed, {self.desk.placed()} stored")

    # ---- pgbench ----

    def reference(self, row):
        clients = row.clients if row.single else self.best[row.script]
        return self._pgbench(row.script, clients, self.seconds + self.warmup, row.writes)

    def find_best(self, row, seconds):
        """pgbench's best number of clients for a row, once a script."""
        if row.script and not row.single and row.script not in self.best:
            found = {clients: self._pgbench(row.script, clients, seconds, row.writes)["rps"] for clients in COUNTS}
            self.best[row.script] = max(found, key=found.get)

    def _pgbench(self, script, clients, seconds, writes):
        self._prepare(writes)
        database_cpu = procfs.cpu_seconds(self.desk.pid)
        result = pgbench.run(self.desk.cluster, self.desk.name, script, clients, max(1, round(seconds)), 1, self.desk.orders)
        time.sleep(0.1)             # for the sessions to end, and their time to count
        return {"clients": clients, "rps": result.rps, "p50_us": result.p50_us, "p99_us": result.p99_us, "cpu_per_1000": None,
                "database_cpu_per_1000": 1000 * (procfs.cpu_seconds(self.desk.pid) - database_cpu) / result.transactions}

    def _prepare(self, writes):
        self.desk.ready()
        self.desk.dirty = writes
