"""What is measured: one row of the table each."""

from collections import namedtuple

from rig import pgbench

SERVERS = ("flask", "fastify", "go")            # of peers/: speak HTTP, and have orders
QUEUES = ("river", "graphile-worker")           # have jobs that do nothing
PEERS = SERVERS + QUEUES

# load: arguments of the generator.  script: pgbench's, None when the reference is bare evhttp.  reference: the row whose
# reference figure this one is compared with.  needs: the least ratio to it, None when nothing is required.
# single: the reference has one client too.  does: what becomes of each order; the table is made anew before, and looked at
# afterwards.  codes: the answers that are right.  peers: which of them have it too, SERVERS or QUEUES.
# orders: how many are in the table, None for as many as usual.
Row = namedtuple("Row", "key title clients load script reference needs single does codes peers orders")


def make(orders, million=1000000):
    span = ["--first", "1", "--last", str(orders)]
    page = "/orders?page=1&limit={}"
    taken, worked, mixed = ("taken",), ("taken", "delivered"), ("placed", "taken", "delivered")
    occupied = ("200", "400")       # another claim may look at an order that is just being delivered: it is delivered again

    def row(key, title, clients, load, script, needs=None, reference=None, single=False, does=(), codes=("200",),
            peers=SERVERS, orders=None):
        return Row(key, title, clients, load, script, reference or key, needs, single, does, set(codes), peers, orders)

    return [
        row("take", "take, random orders", 128, ["--mode", "take", *span], pgbench.TAKE, 2.0, does=taken),
        row("hot", "take, one hot order", 128, ["--mode", "hot", "--first", "7"], None, 2.0, reference="take", does=taken,
            codes=("200", "400")),
        row("take1", "take, one client", 1, ["--mode", "take", *span], pgbench.TAKE, 0.5, single=True, does=taken),
        row("claim", "claim, the oldest", 128, ["--mode", "claim"], pgbench.CLAIM, 2.5, does=taken, peers=QUEUES),
        row("near", "claim, the nearest", 128, ["--mode", "near"], pgbench.NEAR, 2.0, does=taken, peers=(), orders=million),
        row("work", "claim 1, deliver it: orders/s", 128, ["--mode", "work"], pgbench.WORK, does=worked, peers=QUEUES,
            codes=occupied),
        row("work100", "claim 100, deliver each: orders/s", 128, ["--mode", "work", "--limit", "100"], None,
            reference="work", does=worked, peers=QUEUES,
            codes=occupied),
        row("mixed", "place, claim, deliver: orders/s", 128, ["--mode", "mixed"], pgbench.MIXED, does=mixed, peers=(),
            codes=occupied),
        row("place", "place (haversine)", 64, ["--mode", "place"], pgbench.PLACE, 2.0, does=("placed",)),
        row("list20", "list, page 1, limit 20", 64, ["--mode", "get", "--path", page.format(20)],
            pgbench.LIST.format(limit=20), 0.9),
        row("list1000", "list, page 1, limit 1000", 16, ["--mode", "get", "--path", page.format(1000)],
            pgbench.LIST.format(limit=1000)),
        row("list1000-64", "list, page 1, limit 1000", 64, ["--mode", "get", "--path", page.format(1000)], None,
            reference="list1000"),
        row("read", "read one", 64, ["--mode", "read", "--ids", "random", *span], pgbench.READ, 0.7),
        row("health", "health, a core each", 64, ["--mode", "get", "--path", "/health"], None, 0.9),
    ]


P99_OF_TAKE_MS = 15             # required of the row "take"
MANY = 64                       # from that many clients on, every peer must be behind
RSS_MIB, IDLE_KIB = 24, 3.5       # required of a worker after the bench, and of an idle connection
