"""The statements of sql/postgres, planned by PostgreSQL over many rows: each finds its rows by an index."""

import os

import pytest

from support.database import PostgresDatabase
from support.plans import nodes, plan_as_the_server, plan_of, statements

pytestmark = pytest.mark.plain

ROWS = int(os.environ.get("ROWLOCK_TEST_ROWS", "200000"))       # ten million take some minutes
PEOPLE = 2000       # bob has half of the messages, the others share the rest


@pytest.fixture(scope="module")
def planner(session_cluster, template):
    """A session as the server has it, save that sequential scans are allowed: the indexes must win on their merit."""
    session_cluster.ensure_running()
    database = PostgresDatabase(session_cluster, template)
    connection = database.connect()
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            plan_as_the_server(cursor, but=["enable_seqscan"])
            cursor.execute("SHOW plan_cache_mode")
            assert cursor.fetchone() == ("force_generic_plan",)
            cursor.execute(
                "INSERT INTO messages (sender, recipient, text, sent_at) SELECT 's' || n %% 7, "
                "CASE n %% 2 WHEN 0 THEN 'bob' ELSE 'r' || (n::bigint * 7919) %% %s END, 'Hello', timestamptz '2020-01-01' + make_interval(secs => n * 30) "
                "FROM generate_series(1, %s) AS n", (PEOPLE, ROWS))
            cursor.execute("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) "
                           "SELECT 1, 2, 3, 4, 5 FROM generate_series(1, 50000)")
            cursor.execute("UPDATE orders SET status = CASE id % 3 WHEN 0 THEN 'TAKEN' ELSE 'DELIVERED' END, taker = 'c' || id % 100, "
                           "lease_until = CASE id % 300 WHEN 0 THEN now() + make_interval(secs => id) END WHERE id % 5 > 0")
            cursor.execute("INSERT INTO idempotency_keys (scope, key, fingerprint, answer, created_at) SELECT '/messages', n::text, 'x', '{}', "
                           "now() - make_interval(secs => n) FROM generate_series(1, 50000) AS n")
            cursor.execute("INSERT INTO site (name) SELECT 'S' || n FROM generate_series(1, 20000) AS n")
            cursor.execute("ANALYZE")
            for name in ("messages", "orders", "order_events", "idempotency", "sites"):
                for label, sql in statements(name).items():
                    cursor.execute(f"PREPARE {label} AS {sql}")
            yield cursor
    finally:
        connection.close()
        database.drop()


def scans(plan):
    tables = ("messages", "orders", "order_events", "idempotency_keys", "site")
    return [node for node in nodes(plan) if "Scan" in node["Node Type"] and node.get("Relation Name") in tables]


READS = {
    "order_events_start(512)": "order_events_xid",
    "order_events_from(700, 5, 512)": "order_events_xid",
    "message_get('{5,7}')": "messages_pkey",
    "message_guard(5)": "messages_pkey",
    "message_delete(5, NULL)": "messages_pkey",
    "message_list(101, 'bob', 9223372036854775807)": "messages_recipient",
    "message_list_from(101, 'bob', 9223372036854775807, 's1')": "messages_recipient_sender",
    "message_recent('bob', NULL, 30, NULL, 9223372036854775807)": "messages_recipient_sent_at",
    "message_recent_from('bob', NULL, 30, NULL, 9223372036854775807, 's1')": "messages_recipient_sender_sent_at",
    "message_latest(30)": "messages_sent_at",
    "message_latest_from('s1', 'bob', 30)": "messages_recipient_sender_sent_at",
    "order_get('{5,7}')": "orders_pkey",
    "order_guard(5)": "orders_pkey",
    "site_get('{5,7}')": "site_pkey",
    "site_guard(5)": "site_pkey",
    "site_put(5, '{}', NULL)": "site_pkey",
    "site_delete(5, NULL)": "site_pkey",
    "order_page(20, 0)": "orders_pkey",
    "order_before(20, 900)": "orders_pkey",
    "order_free(20, 9223372036854775807)": "orders_free",
    "order_of(20, 9223372036854775807, 'c7', 'TAKEN')": "orders_taker",
    "order_of(20, 9223372036854775807, 'c7', 'DELIVERED')": "orders_taker",
    "order_history(20, 9223372036854775807, 5)": "order_events_order",
    "idempotency_purge": "idempotency_keys_created_at",
}


@pytest.mark.quick
@pytest.mark.parametrize("call, index", READS.items(), ids=[call.partition("(")[0] for call in READS])
def test_each_question_has_its_index(planner, call, index):
    plan = plan_of(planner, call)
    found = scans(plan)
    assert found and all(node["Node Type"] in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan") for node in found), plan
    named = [node.get("Index Name") for node in nodes(plan) if "Index Name" in node]
    assert set(named) == {index}, plan


@pytest.mark.quick
@pytest.mark.parametrize("call", [call for call in READS if call.startswith(("message_list", "message_recent", "message_latest"))],
                         ids=lambda call: call.partition("(")[0])
def test_lists_come_from_the_index_in_their_order(planner, call):
    plan = plan_of(planner, call)
    assert not [node for node in nodes(plan) if "Sort" in node["Node Type"]], plan
    assert any(("sent_at >=" if call == "message_latest(30)" else "recipient = $") in node.get("Index Cond", "") for node in nodes(plan)), plan


@pytest.mark.quick
@pytest.mark.parametrize("call", ["message_send('{ann}', '{bob}', '{x}')", "message_send_once('{ann}', '{bob}', '{x}', '{/messages}', '{k}', '{f}')",
                                  "order_place('{1}', '{2}', '{3}', '{4}', '{5}')",
                                  "order_place_once('{1}', '{2}', '{3}', '{4}', '{5}', '{/orders}', '{k}', '{f}')"],
                         ids=lambda call: call.partition("(")[0])
def test_nothing_is_scanned_to_write(planner, call):
    plan = plan_of(planner, call)
    assert not [node for node in scans(plan) if node["Node Type"] == "Seq Scan"], plan
    if "once" in call:
        assert {node.get("Index Name") for node in nodes(plan)} - {None} == {"idempotency_keys_pkey"}, plan


@pytest.mark.quick
@pytest.mark.parametrize("status", ["TAKEN", "UNASSIGNED", "DELIVERED"])
def test_a_conditional_change_finds_its_order_by_the_key(planner, status):
    plan = plan_of(planner, f"order_change_if(5, NULL, '{status}', 'x', NULL, NULL)")
    assert not [node for node in scans(plan) if node["Node Type"] == "Seq Scan"], plan
    assert {node.get("Index Name") for node in nodes(plan)} - {None} == {"orders_pkey"}, plan


CLAIMS = {"order_claim('{ann,bob}', '{3,2}', '{NULL,60}')": {"orders_free", "orders_free_again", "orders_lease", "orders_pkey"},
          "order_claim_once('{ann,bob}', '{3,2}', '{NULL,60}', '{/orders/claim,/orders/claim}', '{k,l}', '{f,f}')":
              {"orders_free", "orders_free_again", "orders_lease", "orders_pkey", "idempotency_keys_pkey"},
          "order_expire": {"orders_lease", "orders_pkey"}}


@pytest.mark.quick
@pytest.mark.parametrize("call, indexes", CLAIMS.items(), ids=[call.partition("(")[0] for call in CLAIMS])
def test_a_claim_reads_what_it_takes_and_little_more(planner, call, indexes):
    planner.execute("BEGIN")
    try:
        plan = plan_of(planner, call, "ANALYZE, BUFFERS,")
    finally:
        planner.execute("ROLLBACK")
    assert not [node for node in scans(plan) if node["Node Type"] == "Seq Scan"], plan
    assert {node["Index Name"] for node in nodes(plan) if "Index Name" in node} == indexes, plan
    assert max(node["Actual Rows"] * node["Actual Loops"] for node in scans(plan)) <= 5, plan
    assert blocks(plan) < 300, blocks(plan)


@pytest.mark.quick
@pytest.mark.parametrize("guard, looked", [("NULL", False), ("''", False), ("'x'", True)])
def test_an_upsert_looks_at_the_old_record_only_where_there_is_a_condition(planner, guard, looked):
    planner.execute("BEGIN")
    try:
        plan = plan_of(planner, f"""site_put(5, '{{"name":"x"}}', {guard})""", "ANALYZE,")
    finally:
        planner.execute("ROLLBACK")
    assert [node["Actual Loops"] for node in nodes(plan) if node["Node Type"] == "Index Scan"] == [1 if looked else 0], plan


def blocks(plan):
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


@pytest.mark.quick
@pytest.mark.parametrize("first, deep", [
    ("message_list(101, 'bob', 9223372036854775807)", "message_list(101, 'bob', 1000)"),
    ("message_list_from(101, 'bob', 9223372036854775807, 's2')", "message_list_from(101, 'bob', 4000, 's2')"),
    ("message_list(101, 'r7', 9223372036854775807)", "message_list(101, 'r7', 2)"),
    ("message_recent('bob', '2000-01-01', 9, '2020-03-01', 9)", "message_recent('bob', '2000-01-01', 9, '2020-01-02', 9)"),
    ("message_list(100, 'bob', 9223372036854775807)", "message_recent('bob', '2000-01-01', 9, '2020-02-01', 9)"),
    ("message_recent_from('bob', '2000-01-01', 9, '2020-03-01', 9, 's2')", "message_recent_from('bob', '2000-01-01', 9, '2020-01-02', 9, 's2')"),
    ("order_before(100, 9223372036854775807)", "order_before(100, 200)"),
    ("order_free(100, 9223372036854775807)", "order_free(100, 600)"),
    ("order_of(100, 9223372036854775807, 'c7', 'DELIVERED')", "order_of(100, 10000, 'c7', 'DELIVERED')"),
], ids=lambda call: call.partition("(")[0])
def test_a_page_in_the_deep_costs_what_the_first_one_costs(planner, first, deep):
    near, far = (plan_of(planner, call, "ANALYZE, BUFFERS,") for call in (first, deep))
    assert near["Actual Rows"] > 0
    assert blocks(far) <= blocks(near) * 1.5 + 20, (blocks(near), blocks(far))


@pytest.mark.quick
def test_the_question_whether_there_are_any_reads_next_to_nothing(planner):
    for call in ("message_any", "order_any"):
        assert blocks(plan_of(planner, call, "ANALYZE, BUFFERS,")) <= 5


@pytest.mark.quick
def test_a_claim_of_the_nearest_reads_little_where_many_are_free_and_where_many_were_taken(planner):
    """5000 at one door. Those that were taken stay in the index until vacuum has run: the first claim marks what it meets."""
    at_the_door = "order_claim_near('{ann}', '{1}', '{NULL}', '{40}', '{50.001}', '{500}')"
    for _ in range(2):      # planning reads, too, also that of what moves the front of leases
        assert plan_of(planner, at_the_door, "ANALYZE, BUFFERS,")["Actual Rows"] == 0
    planner.execute("INSERT INTO orders (origin_lat, origin_lng, destination_lat, destination_lng, distance) "
                    "SELECT 40, 50, 3, 4, 5 FROM generate_series(1, 5000)")
    try:
        free = plan_of(planner, at_the_door, "ANALYZE, BUFFERS,")
        assert free["Actual Rows"] == 1 and blocks(free) < 150, free
        planner.execute("UPDATE orders SET status = 'DELIVERED', taker = 'c1' WHERE origin_lat = 40 AND status = 'UNASSIGNED'")
        plan_of(planner, at_the_door, "ANALYZE, BUFFERS,")
        taken = plan_of(planner, at_the_door, "ANALYZE, BUFFERS,")
        assert taken["Actual Rows"] == 0 and blocks(taken) < 200, taken
    finally:
        planner.execute("DELETE FROM orders WHERE origin_lat = 40")
        planner.execute("VACUUM orders")


@pytest.mark.quick
def test_a_set_of_claims_of_the_nearest_reads_less_than_its_claims_one_by_one(planner):
    def read(calls):
        call = "order_claim_near('{%s}', '{%s}', '{%s}', '{%s}', '{%s}', '{%s}')" % tuple(
            ",".join([value] * calls) for value in ("ann", "1", "NULL", "1", "2", "NULL"))
        planner.execute("BEGIN")
        try:
            plan = plan_of(planner, call, "ANALYZE, BUFFERS,")
        finally:
            planner.execute("ROLLBACK")
        assert plan["Actual Rows"] == calls
        return blocks(plan)

    read(1)     # planning reads, too
    assert read(20) < 20 * read(1)
