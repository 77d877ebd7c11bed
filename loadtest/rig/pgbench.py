"""pgbench with the statements of Rowlock, one call per transaction."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

TAKE = r"""
\set n :n + 1
\set id :first + permute(:n * :clients + :client_id, :size, 42)
WITH l AS MATERIALIZED (SELECT id, status FROM orders WHERE id = :id FOR NO KEY UPDATE SKIP LOCKED),
t AS (UPDATE orders SET status = 'TAKEN', taker = 'c', claim = claim + 1, updated_at = now() FROM l
      WHERE orders.id = l.id AND l.status = 'UNASSIGNED' RETURNING orders.id)
SELECT count(*) FROM t;
"""

CLAIM = r"""
WITH f AS MATERIALIZED (SELECT id FROM orders WHERE status = 'UNASSIGNED' ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
UPDATE orders SET status = 'TAKEN', taker = 'c', claim = claim + 1, updated_at = now() FROM f WHERE orders.id = f.id
RETURNING orders.id, origin_lat, origin_lng, destination_lat, destination_lng, distance, status, taker, created_at, updated_at,
    claim, lease_until \gset
"""

NEAR = r"""
\set lat random(45000000, 55000000) / 1000000.0
\set lng random(5000000, 20000000) / 1000000.0
SELECT o.id, o.origin_lat, o.origin_lng, o.destination_lat, o.destination_lng, o.distance, o.status, o.taker, o.created_at,
    o.updated_at, o.claim, o.lease_until, n.away
FROM orders_claim_near(ARRAY['c'], ARRAY[1::bigint], ARRAY[NULL::bigint], ARRAY[:lat::float8], ARRAY[:lng::float8],
        ARRAY[NULL::bigint]) AS n CROSS JOIN LATERAL (SELECT (n.taken).*) AS o;
"""

DELIVER = r"""
UPDATE orders SET status = 'DELIVERED', updated_at = now() WHERE id = :id AND status = 'TAKEN' AND taker = 'c'
RETURNING status \gset
"""

PLACE = r"""
\set lat random(45000000, 55000000) / 1000000.0
\set lng random(5000000, 20000000) / 1000000.0
INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance)
VALUES (:lat, :lng, :lat + 0.1, :lng + 0.1, 13250) RETURNING distance, id, status;
"""

LIST = "SELECT distance, id, status FROM orders ORDER BY id DESC LIMIT {limit} OFFSET 0;\n"

WORK = CLAIM + DELIVER

MIXED = PLACE + WORK

READ = r"""
\set id random(:first, :first + :size - 1)
SELECT id, origin_lat, origin_lng, destination_lat, destination_lng, distance, status, taker, created_at, updated_at
FROM orders WHERE id = :id;
"""


class Result:
    def __init__(self, clients, transactions, rps, latencies_us):
        self.clients, self.transactions, self.rps = clients, transactions, rps
        self.p50_us, self.p99_us = quantile(latencies_us, 0.5), quantile(latencies_us, 0.99)


def run(cluster, database, script, clients, seconds, first=1, size=1, used=0):
    """One run. `used`: calls that earlier runs took from the same sequence of ids."""
    folder = Path(tempfile.mkdtemp(prefix="rowlock-pgbench-"))
    try:
        (folder / "script").write_text(script)
        command = [str(cluster.bin / "pgbench"), "-n", "-M", "prepared", "-f", str(folder / "script"), "-c", str(clients),
                   "-j", str(min(clients, os.cpu_count() or 1)), "-T", str(seconds), "--random-seed=42",
                   "-D", f"clients={clients}", "-D", f"first={first}", "-D", f"size={size}", "-D", f"n={used // clients}",
                   "-l", "--sampling-rate=0.1", "--log-prefix", str(folder / "log")]
        done = subprocess.run(command, env=cluster.client_environment(database), stdin=subprocess.DEVNULL, cwd=folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds + 60)
        found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.M)
        count = re.search(r"^number of transactions actually processed: (\d+)", done.stdout, re.M)
        if done.returncode != 0 or not count or (int(count[1]) > 0 and not found):
            raise RuntimeError(f"pgbench failed:\n{done.stdout}{done.stderr}")
        return Result(clients, int(count[1]), float(found[1]) if found else 0.0, sampled_latencies(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sampled_latencies(folder):
    """Microseconds, the third column of pgbench's log of transactions."""
    return sorted(int(line.split()[2]) for path in folder.glob("log*") for line in path.read_text().splitlines())


def quantile(ordered, q):
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else None
