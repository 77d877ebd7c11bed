"""Behind PgBouncer in transaction mode, with fewer connections to PostgreSQL than clients: everything works, nothing is
left in a session that is another's a moment later."""

import json
import re
import threading
import time

import psycopg2
import pytest

from support import pgbouncer, program
from support.crowd import crowd, shuffled, take_request
from support.database import PostgresDatabase
from support.expect import problem, succeeded, won
from support.github import first_users
from support.pgbouncer import PgBouncer
from support.port import free_port
from support.program import ROOT, SLOW, run
from support.rawhttp import Connection, request_bytes
from support.traffic import Traffic, served_again
from support.transcript import Session, steps
from support.wait import Stopwatch, settled, until

DEADLINE = 2
USERS = "/api/users/profiles"
LIFE = 5


@pytest.fixture(autouse=True)
def installed():
    if pgbouncer.installed() is None:
        program.missing("pgbouncer")


@pytest.fixture
def bounce(cluster):
    """bounce(setting=value…): a PgBouncer of this test alone."""
    started = []

    def start(**settings):
        started.append(PgBouncer(cluster, **settings))
        return started[-1]

    yield start
    for bouncer in started:
        bouncer.close()


@pytest.fixture
def bouncer(bounce):
    return bounce()


def pooled_database(bouncer, template):
    return PostgresDatabase(bouncer.cluster, template, bouncer)


@pytest.fixture
def pooled(bouncer, template):
    """A fresh database to which Rowlock goes through the PgBouncer."""
    database = pooled_database(bouncer, template)
    yield database
    bouncer.cluster.ensure_running()
    database.drop()


def done(finished):
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


# ---- named statements, or none ----

def statements(database):
    """The names of the statements that PostgreSQL has run for Rowlock in that database since record() was called."""
    return set(re.findall(rf"{database.name} LOG:  execute (\S+):", database.cluster.log.read_text(errors="replace")))


def record(database):
    database.query(f"ALTER DATABASE {database.name} SET log_statement = 'all'")


@pytest.fixture
def options_are(request, bounce, template):
    """A database behind a PgBouncer that refuses the options of a session, or ignores them."""
    settings = {"refused": {}, "ignored": {"ignore_startup_parameters": "options"}}[request.param]
    database = pooled_database(bounce(**settings), template)
    yield database
    database.drop()


@pytest.mark.quick
@pytest.mark.parametrize("options_are", ["refused", "ignored"], indirect=True)
@pytest.mark.parametrize("flags", [(), ("--pooler", "transaction")], ids=["found out", "told"])
def test_behind_it_no_statement_has_a_name(serve, options_are, flags):
    record(options_are)
    server = serve("--cache", "none", *flags, database=options_are)
    succeeded(server.api.take(server.api.place(), "ann"))
    assert statements(options_are) == {"<unnamed>"}
    settled(lambda: sum("a pooler stands before PostgreSQL" in line["message"] for line in server.lines()), 1)


@pytest.mark.quick
@pytest.mark.parametrize("flags, named", [((), True), (("--pooler", "none"), True), (("--pooler", "transaction"), False)],
                         ids=["found out", "told there is none", "told there is one"])
def test_without_it_statements_have_names_unless_told_otherwise(serve, postgres, flags, named):
    record(postgres)
    server = serve(*flags, database=postgres.cluster.url(postgres.name))
    succeeded(server.api.take(server.api.place(), "ann"))
    settled(lambda: {"order_place", "order_take", "changes_listen"} <= statements(postgres), named)
    settled(lambda: statements(postgres) == {"<unnamed>"}, not named)
    settled(lambda: "a pooler stands before PostgreSQL" in server.log(), not named)


REFUSES_OPTIONS = re.compile("unsupported startup parameter(: options| in options: )")      # before and from version 1.20


def test_it_is_told_the_options_only_where_they_might_be_kept(serve, bouncer, pooled):
    serve("--pooler", "transaction", database=pooled)
    assert "unsupported startup parameter" not in bouncer.log()
    serve(database=pooled)
    assert REFUSES_OPTIONS.search(bouncer.log())


def test_options_of_ones_own_that_it_refuses_are_said_in_the_log(serve, bouncer, pooled):
    server = serve(database=pooled.url + "?options=-c%20search_path%3Dlab", wait="listening")
    until(lambda: REFUSES_OPTIONS.search(server.log()), 5, "the reason is logged")
    assert server.api.get("/healthcheck").status == 503


def test_it_may_have_a_name_and_stand_behind_a_dead_host(serve, bouncer, pooled):
    url = f"postgresql://postgres@127.0.0.1:{free_port()},localhost:{bouncer.port}/{pooled.name}?target_session_attrs=read-write"
    server = serve(database=url)
    succeeded(server.api.take(server.api.place(), "ann"))


def test_one_that_keeps_sessions_is_served_in_the_same_way(serve, bounce, template):
    database = pooled_database(bounce(pool_mode="session", default_pool_size=10), template)
    try:
        record(database)
        server = serve("--cache", "none", database=database)
        succeeded(server.api.take(server.api.place(), "ann"))
        assert statements(database) == {"<unnamed>"}
        server.stop()
    finally:
        database.drop()


# ---- what works with PostgreSQL itself works behind it ----

@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "api").glob("*.md")), ids=lambda page: page.name)
def test_a_page_of_the_docs_is_true_behind_it(serve, pooled, folder, page):
    with first_users() as github:
        server = serve("--distance", "haversine", database=pooled)
        Session(server.address, pooled, folder, GITHUB_API_URL=github.url).check(steps(page.read_text(), page.name))


CSV = {
    "--regions": "id,name_en,name_fr\n1,Atlantic,Atlantique\n",
    "--provinces": "id,geo_code,alpha_code,name_en,name_fr,fk_region_id\n10,10,NL,Newfoundland and Labrador,Terre-Neuve-et-Labrador,1\n",
    "--health-regions": "id,hr_uid,name_en,name_fr,pop,website_en,website_fr,en_prov_vaccine_site,fr_prov_vaccine_site,fk_province_id\n"
                        "26,1011,Eastern,Eastern,312612,,,,,10\n",
    "--fsa": "id,code,eng_name,fre_name,estimated_pop,fk_healthregion_id,fk_province_id\n1,A0A,Eastern,Eastern,8631,26,10\n",
}


@pytest.mark.quick
def test_commands_work_through_it(serve, bouncer, folder):
    database = pooled_database(bouncer, "template0")
    try:
        outcomes = {}
        threads = [threading.Thread(target=lambda number=number: outcomes.update({number: run("migrate", "--database", database.url)})) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [done(outcomes[number]).splitlines()[-1] for number in range(4)] == ["the schema is up to date"] * 4
        assert "pending" not in done(run("migrate", "--status", "--database", database.url))
        files = []
        for number, (flag, text) in enumerate(CSV.items()):
            (folder / str(number)).write_text(text)
            files += [flag, folder / str(number)]
        done(run("import", "health", *files, "--database", database.url))
        for app, table in (("orders", "orders"), ("sites", "site"), ("health", "health_region"), ("messages", "messages"), ("users", "users")):
            done(run("seed", app, "--total", 1500, *(["--offline"] if app == "users" else []), "--database", database.url))
            assert database.query(f"SELECT count(*) >= 1500 FROM {table}") == [(True,)]
        server = serve(database=database)
        assert server.api.get("/health-regions/26").json()["name_en"] == "Eastern"
        assert len(server.api.get("/orders?page=1&limit=1000").json()) == 1000
    finally:
        database.drop()


@pytest.mark.quick
@pytest.mark.parametrize("workers", [1, 3])
def test_every_order_has_one_winner(serve, pooled, workers):
    done(run("seed", "orders", "--total", 200, "--database", pooled.url))
    orders = [row[0] for row in pooled.query("SELECT id FROM orders")]
    server = serve("--workers", workers, database=pooled)
    plans = [shuffled(orders, number) for number in range(24)]
    answers = crowd(server.address, [[take_request(order, f"t{number}") for order in plan] for number, plan in enumerate(plans)], depth=4)
    winners = {}
    for number, (plan, replies) in enumerate(zip(plans, answers)):
        for order, answer in zip(plan, replies):
            if won(answer):
                assert order not in winners, f"order {order} was given to t{winners[order]} and to t{number}"
                winners[order] = number
    assert dict(pooled.query("SELECT id, taker FROM orders WHERE status = 'TAKEN'")) == {order: f"t{number}" for order, number in winners.items()}
    assert len(winners) == len(orders)


@pytest.mark.quick
def test_a_key_that_is_repeated_at_once_stores_one_record(serve, pooled):
    server = serve("--workers", 2, database=pooled)
    post = [request_bytes("POST", "/messages", {"sender": "ann", "recipient": "bob", "text": "x"}, {"Idempotency-Key": f"k{number}"}) for number in range(5)]
    answers = crowd(server.address, [shuffled(post, number) for number in range(20)], depth=2)
    assert {status for replies in answers for status, _ in replies} == {201}
    assert len({json.loads(body)["id"] for replies in answers for _, body in replies}) == 5
    assert pooled.query("SELECT count(*) FROM messages") == [(5,)]


@pytest.mark.quick
def test_one_call_of_a_set_that_the_database_refuses_fails_alone(serve, pooled):
    pooled.query("ALTER TABLE orders ADD CONSTRAINT nobody_evil CHECK (taker <> 'evil')")
    server = serve("--db-connections", 1, database=pooled)
    orders = [server.api.place() for _ in range(60)]
    answers = crowd(server.address, [[take_request(order, "evil" if number % 10 == 5 else f"t{number}")] for number, order in enumerate(orders)])
    assert [status for ((status, _),) in answers] == [400 if number % 10 == 5 else 200 for number in range(60)]
    assert pooled.query("SELECT count(*) FROM orders WHERE status = 'TAKEN'") == [(54,)]


def test_nothing_is_sent_on_a_connection_before_the_last_answer_has_come(serve, bouncer, pooled):
    """PgBouncer gives its connection away at the end of a transaction, even if the beginning of the next one has gone there
    already; the rest of that would meet another's unnamed statement."""
    server = serve("--db-connections", 1, "--deadline", 1, database=pooled)
    order = server.api.place()
    bouncer.tell("PAUSE")
    with Connection(server.address) as one, Connection(server.address) as other:
        one.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
        other.send(request_bytes("POST", "/messages", {"sender": "ann", "recipient": "bob", "text": "x"}))
        words = [problem(connection.response(), 503)["error"] for connection in (one, other)]
    bouncer.tell("RESUME")
    assert sum("did not take the request in time; nothing was changed" in text for text in words) == 1, words


def test_all_of_the_last_days_come_in_pieces_while_others_write(serve, pooled):
    pooled.query("INSERT INTO messages (sender, recipient, text) SELECT 's', 'bob', 'text ' || n FROM generate_series(1, 20000) AS n")
    server = serve(database=pooled)
    with Traffic(server, threads=4) as traffic:
        for _ in range(3):
            listed = server.api.get("/messages?recipient=bob&days=30").json()
            assert [message["text"] for message in listed] == [f"text {number}" for number in range(20000, 0, -1)]
    traffic.check(pooled, 10)
    assert {attempt.outcome for attempt in traffic.all()} <= {200, 400}


# ---- sessions are another's a moment later ----

@pytest.mark.quick
def test_waiting_for_a_lock_has_an_end_in_postgresql_too(serve, pooled):
    server = serve("--deadline", DEADLINE, database=pooled)
    order = server.api.place()
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{pooled.name}' AND wait_event_type = 'Lock'"
    session = pooled.connect()
    try:
        session.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        with Connection(server.address) as connection:
            connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
            until(lambda: pooled.query(waiting) == [(1,)], 5, "it waits for the lock")
            problem(connection.response(), 503)
        until(lambda: pooled.query(waiting) == [(0,)], 10, "nobody waits for the lock any more")
    finally:
        session.close()
    assert server.api.take(order, "bob").status == 200


@pytest.mark.quick
def test_nothing_is_left_in_a_session(serve, bounce, template):
    bouncer = bounce(default_pool_size=1)
    database = pooled_database(bouncer, template)
    settings = ("lock_timeout", "statement_timeout", "enable_seqscan", "plan_cache_mode", "jit", "random_page_cost")

    try:
        server = serve(database=database)
        succeeded(server.api.take(server.api.place(), "ann"))
        client = bouncer.connect(database.name)
        try:
            with client, client.cursor() as cursor:
                cursor.execute("SELECT name FROM pg_settings WHERE name = ANY (%s) AND setting <> reset_val", (list(settings),))
                assert cursor.fetchall() == []
                cursor.execute("SELECT count(*) FROM pg_prepared_statements")
                assert cursor.fetchall() == [(0,)]
                cursor.execute("SELECT count(*) FROM pg_listening_channels()")
                assert cursor.fetchall() == [(0,)]
        finally:
            client.close()
    finally:
        server.kill()
        database.drop()


def test_a_locked_row_holds_up_nobody_else(serve, bounce, template):
    """Though the sessions behind it are no more than there are waiters."""
    database = pooled_database(bounce(default_pool_size=2), template)
    session = database.connect()
    try:
        database.query("INSERT INTO site (id, name) SELECT n, 'old' FROM generate_series(1, 40) AS n")
        server = serve(database=database)
        session.cursor().execute("SELECT id FROM site WHERE id <= 3 FOR UPDATE")
        answers = {}

        def put(number):
            with Connection(server.address, 20) as connection, Stopwatch() as watch:
                answer = connection.request("POST", f"/site/{number}", {"name": "new"})
            answers[number] = (answer, watch.seconds)

        threads = [threading.Thread(target=put, args=(number,)) for number in range(1, 41)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(1, 4):
            assert problem(answers[number][0], 503)["error"] == "The database was too busy; nothing was changed."
        assert {answers[number][0].status for number in range(4, 41)} == {200}
        assert max(answers[number][1] for number in range(4, 41)) < 1 * SLOW
        session.close()
        assert database.query("SELECT count(*) FROM site WHERE name = 'new'") == [(37,)]
        server.stop()
    finally:
        session.close()
        database.drop()


@pytest.mark.parametrize("how", ["by the database", "by another client"])
def test_a_session_of_it_that_is_read_only_is_replaced(serve, bounce, template, how):
    """It keeps its sessions for an hour, so that what one began with lives on when nobody wants it any more."""
    bouncer = bounce(default_pool_size=2 if how == "by the database" else 1)
    database = pooled_database(bouncer, template)
    try:
        if how == "by the database":
            database.query(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
            clients = [bouncer.connect(database.name) for _ in range(2)]
            for client in clients:
                client.cursor().execute("SELECT 1")     # two sessions at once
            with database.connect() as connection:
                connection.cursor().execute(f"SET transaction_read_only = off; ALTER DATABASE {database.name} RESET default_transaction_read_only")
            connection.close()
        else:
            clients = [bouncer.connect(database.name)]
            with clients[0].cursor() as cursor:
                cursor.execute("SET default_transaction_read_only = on")
        for client in clients:
            client.commit()
            client.close()
        server = serve("--deadline", DEADLINE, database=database, wait="listening")
        served_again(server, 5)
        until(server.healthy, 5, "healthy")
        for _ in range(40):
            succeeded(server.api.take(server.api.place(), "ann"))
        server.stop()
    finally:
        database.drop()


def test_while_all_is_read_only_it_is_said_and_afterwards_all_is_well(serve, pooled):
    pooled.query(f"ALTER DATABASE {pooled.name} SET default_transaction_read_only = on")
    server = serve("--deadline", DEADLINE, database=pooled, wait="listening")
    until(lambda: "it is read-only" in server.ailment(), 5, "it is said")
    problem(server.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}), 503, "nothing was changed")
    direct = psycopg2.connect(pooled.cluster.url("postgres"))      # behind the pooler its session might be one that is just ended
    direct.autocommit = True
    direct.cursor().execute(f"ALTER DATABASE {pooled.name} RESET default_transaction_read_only")
    direct.close()
    served_again(server, 6)
    until(server.healthy, 5, "healthy")
    for _ in range(40):
        succeeded(server.api.take(server.api.place(), "ann"))


def test_idle_connections_that_it_ends_are_no_news(serve, bounce, template):
    """The connection that asks for the health each second is never idle for two."""
    database = pooled_database(bounce(client_idle_timeout=2, server_idle_timeout=1), template)
    try:
        server = serve(database=database)
        server.api.place()
        time.sleep(5)
        succeeded(server.api.take(server.api.place(), "ann"))
        assert [line for line in server.lines() if line["level"] in ("warn", "error") and "request_id" not in line] == []
        assert "session ended" not in server.log()
        server.stop()
    finally:
        database.drop()


def test_times_are_in_utc_wherever_postgresql_is(serve, pooled):
    pooled.query(f"ALTER DATABASE {pooled.name} SET timezone = 'Asia/Tokyo'")
    pooled.query(f"ALTER DATABASE {pooled.name} SET datestyle = 'German'")
    server = serve(database=pooled)
    sent = server.api.post("/messages", {"sender": "ann", "recipient": "bob", "text": "x"}).json()["sent_at"]
    read = server.api.get("/messages?recipient=bob").json()[0]["sent_at"]
    assert read == sent and sent.endswith("Z")
    assert pooled.query("SELECT abs(extract(epoch FROM now() - '" + sent + "'::timestamptz)) < 600") == [(True,)]


def test_columns_added_by_hand_under_load_disturb_nobody(serve, pooled):
    server = serve("--deadline", DEADLINE, database=pooled)
    with Traffic(server) as traffic:
        for number in range(5):
            traffic.flows()
            pooled.query(f"ALTER TABLE orders ADD COLUMN note_{number} text DEFAULT 'x'")
    traffic.check(pooled, DEADLINE)
    assert sum(attempt.outcome == 503 for attempt in traffic.all()) == 0


# ---- kept replies ----

def test_replies_are_kept_and_never_older_than_five_seconds(serve, pooled):
    pooled.query("INSERT INTO users (id, username, type) VALUES (1, 'old', 'User')")
    server = serve(database=pooled)

    def name():
        return server.api.get(USERS).json()["users"][0]["username"]

    def hit():
        """A change that a kept reply does not show: no notice of it was heard."""
        pooled.query("UPDATE users SET username = 'old'")
        if name() != "old":
            return False
        pooled.query("UPDATE users SET username = 'new'")
        changed = time.monotonic()
        return changed if name() == "old" else False

    changed = until(hit, 3 * LIFE, "a hit")
    until(lambda: name() == "new", LIFE + 2, "the change shows")
    before = time.monotonic()
    for _ in range(3):
        assert name() == "new"
    # what was asked for five seconds after the change never shows what was before it
    assert before - changed < (LIFE + 2) * SLOW


# ---- when it or PostgreSQL fails ----

@pytest.fixture
def server(serve, pooled):
    return serve("--deadline", DEADLINE, "--drain", 3, database=pooled)


def test_a_restart_of_it_under_load_costs_503_and_heals(server, bouncer, pooled):
    with Traffic(server) as traffic:
        for _ in range(2):
            traffic.flows()
            bouncer.stop()
            time.sleep(0.2)
            bouncer.start()
            served_again(server, 5)
        until(server.healthy, 5, "healthy again")
        traffic.flows()
    traffic.check(pooled, DEADLINE)


def test_without_it_there_are_503_until_it_is_back(server, bouncer):
    bouncer.stop()
    until(lambda: server.api.get("/healthcheck").status == 503, 5, "unhealthy")
    problem(server.api.get("/orders?page=1&limit=1"), 503)
    assert server.api.get("/health").status == 200
    bouncer.start()
    served_again(server, 5)
    until(server.healthy, 5, "healthy again")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgresql_stopped_behind_it_costs_503_and_heals(server, bouncer, pooled, mode):
    with Traffic(server) as traffic:
        traffic.flows()
        pooled.cluster.stop(mode)
        until(lambda: server.api.get("/healthcheck").status == 503, 6, "unhealthy")
        with Stopwatch() as watch:
            problem(server.api.get("/orders?page=1&limit=1"), 503)
        assert watch.seconds < (DEADLINE + 0.5) * SLOW
        assert server.api.get("/health").status == 200
        pooled.cluster.start()
        served_again(server, 15)
        until(server.healthy, 5, "healthy again")
        traffic.flows()
    traffic.check(pooled, DEADLINE)


def test_a_server_that_starts_while_postgresql_is_away_waits_for_it(serve, bouncer, pooled):
    pooled.cluster.stop()
    server = serve("--deadline", DEADLINE, database=pooled, wait="listening")
    with Stopwatch() as watch:
        problem(server.api.get("/orders?page=1&limit=1"), 503)
    assert watch.seconds < (DEADLINE + 0.5) * SLOW
    assert server.api.get("/healthcheck").status == 503
    pooled.cluster.start()
    served_again(server, 15)
    until(server.healthy, 5, "healthy")


def test_sessions_terminated_behind_it_cost_a_few_503_and_nothing_else(server, pooled):
    with Traffic(server) as traffic:
        for _ in range(5):
            traffic.flows()
            pooled.cluster.terminate_sessions(pooled.name)
            served_again(server, 5)
        traffic.flows()
    traffic.check(pooled, DEADLINE)


def test_no_more_clients_than_it_allows_costs_503_and_heals(serve, bounce, template):
    bouncer = bounce(max_client_conn=1)
    database = pooled_database(bouncer, template)
    try:
        client = bouncer.connect(database.name)
        server = serve("--deadline", DEADLINE, "--cache", "none", "--db-connections", 1, database=database, wait="listening")
        until(lambda: "no more connections allowed" in server.log(), 5, "the reason is logged")
        assert server.api.get("/healthcheck").status == 503
        problem(server.api.get("/orders?page=1&limit=1"), 503)
        client.close()
        bouncer.tell("SET max_client_conn = 10")
        served_again(server, 5)
        until(server.healthy, 20, "healthy")
        server.stop()
    finally:
        database.drop()


@pytest.mark.parametrize("patience", [1, 120], ids=["it gives up", "we give up"])
def test_no_free_connection_behind_it_costs_503_and_heals(serve, bounce, template, patience):
    bouncer = bounce(query_wait_timeout=patience)
    database = pooled_database(bouncer, template)
    clients = []
    try:
        server = serve("--deadline", DEADLINE, database=database)
        order = server.api.place()
        for _ in range(2):
            clients.append(bouncer.connect(database.name))
            clients[-1].cursor().execute("SELECT 1")
        with Stopwatch() as watch:
            problem(server.api.take(order, "ann"), 503)
        assert watch.seconds < (DEADLINE + 0.5) * SLOW
        until(lambda: server.api.get("/healthcheck").status == 503, 6, "unhealthy")
        for client in clients:
            client.close()
        served_again(server, 5)
        until(server.healthy, 20, "healthy")
        succeeded(server.api.take(order, "ann"))
        server.stop()
    finally:
        for client in clients:
            client.close()
        database.drop()


def test_what_was_given_up_while_it_paused_is_not_carried_out_afterwards(serve, bouncer, pooled):
    server = serve("--db-connections", 1, "--deadline", 1, database=pooled)
    order = server.api.place()
    bouncer.tell("PAUSE")
    problem(server.api.take(order, "ann"), 503, "unknown")
    bouncer.tell("RESUME")
    served_again(server, 5)
    assert pooled.query("SELECT status FROM orders WHERE id = ?", order) == [("UNASSIGNED",)]


@pytest.mark.alone      # on a machine with much to do no pause is short
def test_a_short_pause_costs_waiting_only(server, bouncer):
    order = server.api.place()
    bouncer.tell("PAUSE")
    with Connection(server.address) as connection:
        connection.send(request_bytes("PATCH", f"/orders/{order}", {"status": "TAKEN", "taker": "ann"}))
        server.wait_read()
        time.sleep(0.5)         # so long it stands still
        bouncer.tell("RESUME")
        succeeded(connection.response())


# ---- the setting ----

@pytest.mark.quick
def test_config_shows_it_and_where_it_comes_from():
    assert re.search(r"^pooler +auto +# built-in$", done(run("config")), re.MULTILINE)
    assert re.search(r"^pooler +transaction +# ROWLOCK_POOLER$", done(run("config", env={"ROWLOCK_POOLER": "transaction"})), re.MULTILINE)
    assert re.search(r"^pooler +none +# --pooler$", done(run("config", "--pooler", "none", env={"ROWLOCK_POOLER": "transaction"})), re.MULTILINE)


@pytest.mark.quick
def test_a_wrong_word_is_said():
    finished = run("config", "--pooler", "session")
    assert finished.returncode == 2
    assert finished.stderr == 'rowlock: --pooler: "session" is not right: it must be auto, none or transaction\n'
