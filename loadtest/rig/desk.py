"""The database of the bench: a table of free orders that is made anew before every measurement that writes."""

from support.program import run as run_rowlock

from rig.postgres import HonestCluster

# Everything is made anew all the time: autovacuum would only run into somebody's measurement.
EXTRA = "autovacuum = off\n"

# Orders lie as evenly as can be, and those that follow one another far apart. Without triggers, so without events of the seeds: a set of that size is nothing that is measured here.
RESET = """
BEGIN;
SET LOCAL session_replication_role = replica;
TRUNCATE orders, order_events RESTART IDENTITY;
INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance)
SELECT 45 + 10 * (i * 0.7548776662 % 1), 5 + 15 * (i * 0.5698402910 % 1), 50, 10, 100000 + i FROM generate_series(1, {orders}) AS i;
COMMIT;
VACUUM (ANALYZE) orders, order_events;
CHECKPOINT;
"""


class Desk:
    """usual: how many orders there are when nothing else is said.  extra: settings of the cluster."""

    def __init__(self, usual, extra=EXTRA):
        self.usual = self.orders = usual
        self.cluster = HonestCluster(extra)
        self.dirty = True
        self.name = None

    def open(self):
        self.cluster.create()
        self.name = self.cluster.create_database()
        done = run_rowlock("migrate", env={"DATABASE_URL": self.url}, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"rowlock migrate failed: {done.stderr}")

    def close(self):
        self.cluster.remove()

    @property
    def url(self):
        return self.cluster.url(self.name)

    @property
    def pid(self):
        return self.cluster.process.pid

    def ready(self, orders=None):
        """As if nobody had been here."""
        orders = orders or self.usual
        if self.dirty or orders != self.orders:
            self.orders = orders
            self.sql(RESET.format(orders=orders))
            self.dirty = False

    def sql(self, text):
        return self.cluster.psql(self.name, text)

    def counts(self):
        """How many orders there are of each status."""
        lines = self.sql("SELECT status, count(*) FROM orders GROUP BY status").splitlines()
        return {status: int(count) for status, count in (line.split("|") for line in lines)}
