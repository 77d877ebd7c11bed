"""What is measured: one row of the table each."""

from collections import namedtuple

from rig import pgbench

# load: arguments of the generator.  script: pgbench's, None when the reference is bare evhttp.  reference: the row whose
# reference figure this one is compared with.  needs: the least ratio to it, None when nothing is required.
# single: the reference has one client too.  writes: the table is made anew before.  codes: the answers that are right.
Row = namedtuple("Row", "key title clients load script reference needs single writes codes")


def make(orders):
    span = ["--first", "1", "--last", str(orders)]
    page = "/orders?page=1&limit={}"

    def row(key, title, clients, load, script, needs=None, reference=None, single=False, writes=False, codes=("200",)):
        return Row(key, title, clients, load, script, reference or key, needs, single, writes, set(codes))

    return [
        row("take", "take, random orders", 128, ["--mode", "take", *span], pgbench.TAKE, 2.0, writes=True),
        row("hot", "take, one hot order", 128, ["--mode", "hot", "--first", "7"], None, 2.0, reference="take", writes=True,
            codes=("200", "400")),
        row("take1", "take, one client", 1, ["--mode", "take", *span], pgbench.TAKE, 0.5, single=True, writes=True),
        row("place", "place (haversine)", 64, ["--mode", "place"], pgbench.PLACE, 2.0, writes=True),
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
