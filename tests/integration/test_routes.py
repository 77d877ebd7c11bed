"""What holds for every route, also for those to come: the list is what `rowlock routes` prints, and each is asked for what
the contract promises in general. A new route needs a word here only when it takes a parameter of a name that no other has."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.database import PostgresDatabase, SqliteDatabase
from support.expect import problem
from support.keys import KeyFile, bearer, line
from support.program import SLOW, run
from support.rawhttp import Connection, request_bytes
from support.server import Server, on_sqlite
from support.wait import Stopwatch

pytestmark = pytest.mark.quick

DEADLINE = 2
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# A good value for each parameter, by its name; records with the id 1 are there.
VALUES = {"id": "1", "site_id": "1", "freezer_id": "1", "offset": "0", "count": "2", "code": "K1A", "limit": "3", "page": "1", "before": "9",
          "after": "1", "recipient": "bob", "sender": "ann", "days": "2", "pagination": "2", "order_by": "id", "username": "a", "since": "1-1",
          "taker": "ann", "order": "1", "kinds": "placed,taken", "status": "UNASSIGNED"}
MEMBERS = {"origin": ["1", "2"], "destination": ["3", "4"], "status": "TAKEN", "taker": "ann", "name": "A name", "sender": "ann", "recipient": "bob",
           "text": "Hello", "message": "Hello", "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}
# Routes that want more than what they call required, or that take what others do not.
ALSO = {("GET", "/orders"): {"page": "1"}}
TYPES = {("GET", "/health"): "text/plain", ("GET", "/metrics"): "text/plain", ("GET", "/healthcheck"): "application/health+json", ("POST", "/message"): "text/plain"}
REDIRECTS = ("/users/page/{page}",)
OF_ORIGINALS = (("POST", "/message"),)        # further members are ignored there, and another type is 400
WITHOUT_END = ("/orders/events",)             # their answers go on; test_order_events.py has what is said here of others
WITHOUT_DATABASE = ("/health", "/healthcheck", "/metrics", "/openapi.json", "/", *REDIRECTS)
NEVER_THE_SAME = ("/metrics",)                # what it answers has the answer before in it


class Route:
    """A route with what it takes, and good requests to it."""

    def __init__(self, method, path):
        self.method, self.path = method, path
        self.done = (302,) if path in REDIRECTS else (200, 201)       # the statuses of success
        self.scope = None
        self.takes = {"path": {}, "query": {}, "body": {}}      # {name: whether it is required}

    def __repr__(self):
        return f"{self.method} {self.path}"

    def required(self, kind):
        return [name for name, needed in self.takes[kind].items() if needed]

    def query(self):
        return {name: good(VALUES, name) for name in self.required("query")} | ALSO.get((self.method, self.path), {})

    def body(self):
        """None when it takes none."""
        return {name: good(MEMBERS, name) for name in self.required("body")} if self.takes["body"] else None

    def target(self, more="", slash=""):
        """A good one. more: a query that is added as it is."""
        path = re.sub(r"{(\w+)}", lambda found: good(VALUES, found[1]), self.path) + (slash if self.path != "/" else "")
        query = "&".join([*(f"{name}={value}" for name, value in self.query().items()), *([more] if more else [])])
        return path + ("?" + query if query else "")


def good(values, name):
    assert name in values, f"say in {Path(__file__).name} what a good {name!r} is"
    return values[name]


def routes():
    """Those of the API: what is for people (tests/integration/test_pages.py) is not there with --no-pages."""
    found = []
    for line in run("routes", "--no-pages").stdout.splitlines():
        words = line.split()
        if not line.startswith(" "):
            found.append(Route(*words[:2]))
        elif words[0] == "scope":
            found[-1].scope = words[1]
        else:
            found[-1].takes[words[0]][words[1]] = words[2] == "required:"
    return found


ROUTES = routes()
PATHS = {}      # {path: {method: route}}
for each in ROUTES:
    PATHS.setdefault(each.path, {})[each.method] = each


def every(which=lambda route: True):
    return pytest.mark.parametrize("route", [route for route in ROUTES if which(route)], ids=repr)


def filled(database):
    """With a record of everything, the id of each is 1."""
    for app in ("orders", "sites", "health", "messages"):
        done = run("seed", app, "--total", 3, "--database", database.url)
        assert done.returncode == 0, done.stderr
    database.query("UPDATE fsa SET code = 'K1A' WHERE id = (SELECT min(id) FROM fsa) AND NOT EXISTS (SELECT 1 FROM fsa WHERE code = 'K1A')")
    database.query("INSERT INTO users (id, username, type) VALUES (1, 'ann', 'User')")
    return database


@pytest.fixture(scope="module", params=["postgres", "sqlite"])
def full(request):
    """(server, database) with a record of everything."""
    with TemporaryDirectory(prefix="rowlock-test-") as folder:
        if request.param == "postgres":
            cluster = request.getfixturevalue("session_cluster")
            cluster.ensure_running()
            database = PostgresDatabase(cluster, request.getfixturevalue("template"), request.getfixturevalue("pooler"))
        else:
            database = SqliteDatabase(Path(folder), request.getfixturevalue("sqlite_template"))
        server = Server("--distance", "haversine", "--cache", "none", "--deadline", DEADLINE, database=filled(database))
        try:
            yield server, database
            server.stop()
        finally:
            server.clean()
            database.drop()


@pytest.fixture
def api(full):
    full[0].alive()
    yield full[0].api
    full[0].alive()


@pytest.fixture
def again(full, route):
    """Puts back what a good request has used up."""
    _, database = full
    yield
    if route.method in ("GET", "POST") and route.path != "/orders/claim":
        return
    database.query("UPDATE orders SET status = 'UNASSIGNED', taker = NULL WHERE id = 1")
    for table, columns, values in (("site", "id, name", "1, 'S'"), ("computer", "id, name", "1, 'C'"), ("freezer", "id, name", "1, 'F'"),
                                   ("container", "id, uuid", "1, '6ba7b810-9dad-11d1-80b4-00c04fd430c9'"),
                                   ("messages", "id, sender, recipient, text", "1, 'ann', 'bob', 'Hello'")):
        database.query(f"INSERT INTO {table} ({columns}) SELECT {values} WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE id = 1)")


def test_the_list_is_read_rightly():
    assert len(ROUTES) == len(re.findall(r"^[A-Z]", run("routes", "--no-pages").stdout, re.M)) > 20
    take = PATHS["/orders/{id}"]["PATCH"]
    assert take.takes == {"path": {"id": True}, "query": {}, "body": {"status": True, "taker": False, "lease": False, "claim": False}}
    assert PATHS["/orders"]["GET"].target() == "/orders?limit=3&page=1"


@every(lambda route: route.path not in WITHOUT_END)
def test_a_good_request_gets_its_answer_with_its_type_and_the_id_of_the_request(api, again, route):
    answer = api.call(route.method, route.target(), route.body(), {"X-Request-Id": "mine-4711"})
    assert answer.status in route.done, answer
    assert answer.status == 302 or answer.content_type == TYPES.get((route.method, route.path), "application/json"), answer.headers
    assert answer.header("X-Request-Id") == "mine-4711"
    if answer.status != 302 and answer.content_type.endswith("json"):
        answer.json()


@every(lambda route: route.path not in WITHOUT_END)
def test_without_an_id_or_with_one_that_is_not_sane_it_gets_one_of_ours(api, again, route):
    first = api.call(route.method, route.target(), route.body()).header("X-Request-Id")
    second = api.call(route.method, route.target(), route.body(), {"X-Request-Id": "x" * 500}).header("X-Request-Id")
    assert first and second and first != second and len(second) < 100


@every(lambda route: route.method == "GET" and route.path not in WITHOUT_END)
def test_head_is_get_without_the_body(api, route):
    whole, head = api.get(route.target()), api.call("HEAD", route.target())
    assert head.status == whole.status == route.done[0] and head.body == b""
    for name in ("Content-Type", "Content-Length", "ETag", "Link", "Cache-Control"):
        assert head.header(name) == whole.header(name) or name == "Content-Length" and route.path in NEVER_THE_SAME, name


@every(lambda route: route.path not in WITHOUT_END)
def test_a_trailing_slash_makes_no_difference(api, again, route):
    if route.method == "GET":
        without, with_slash = api.get(route.target()), api.get(route.target(slash="/"))
        assert with_slash.status == without.status == route.done[0]
        assert with_slash.body == without.body or route.path in NEVER_THE_SAME
    else:
        assert api.call(route.method, route.target(slash="/"), route.body()).status in route.done


@pytest.mark.parametrize("path", PATHS)
def test_what_a_path_does_not_have_is_405_with_allow(api, path):
    has = set(PATHS[path]) | ({"HEAD"} if "GET" in PATHS[path] else set())
    route = next(iter(PATHS[path].values()))
    for method in {*METHODS, "HEAD"} - has:
        answer = api.call(method, route.target())
        if method == "HEAD":
            assert answer.status == 405
        else:
            problem(answer, 405)
        assert {word.strip() for word in answer.header("Allow").split(",")} - {"OPTIONS"} == has, method


@every(lambda route: route.path not in WITHOUT_DATABASE)
def test_an_unknown_parameter_is_refused_by_name(api, route):
    problem(api.call(route.method, route.target("nonesuch=1"), route.body()), 400, "nonesuch")


@every(lambda route: route.path not in WITHOUT_DATABASE)
def test_a_parameter_that_comes_twice_is_refused_by_name(api, route):
    problem(api.call(route.method, route.target("nonesuch=1&nonesuch=1"), route.body()), 400, "nonesuch")
    for name in route.takes["query"]:
        twice = "&".join([f"{name}={good(VALUES, name)}"] * (1 if name in route.query() else 2))
        problem(api.call(route.method, route.target(twice), route.body()), 400, name)


@every(lambda route: route.required("query"))
def test_a_parameter_that_is_missing_is_named(api, route):
    for name in route.required("query"):
        target = route.target().partition("?")[0] + "?" + "&".join(f"{other}={value}" for other, value in route.query().items() if other != name)
        problem(api.call(route.method, target, route.body()), 400, name)


@every(lambda route: route.takes["path"])
def test_a_path_that_holds_nonsense_is_refused(api, route):
    for name in route.takes["path"]:
        for nonsense in ("x%00", "-", "99999999999999999999"):
            target = route.target().replace("/" + good(VALUES, name), "/" + nonsense, 1)
            problem(api.call(route.method, target, route.body()), (400, 404))


@every(lambda route: route.takes["body"])
def test_a_body_is_held_to_its_members(api, again, route):
    further = api.call(route.method, route.target(), route.body() | {"nonesuch": 1})
    if (route.method, route.path) in OF_ORIGINALS:
        assert further.status == 200, further
    else:
        problem(further, 400, "nonesuch")
    problem(api.call(route.method, route.target(), []), 400)
    problem(api.call(route.method, route.target(), b'{"a":"\xff"}'), 400)
    for name in route.required("body"):
        problem(api.call(route.method, route.target(), {other: value for other, value in route.body().items() if other != name}), 400, name)
        problem(api.call(route.method, route.target(), route.body() | {name: {"a": 1}}), 400, name)


@every(lambda route: route.takes["body"])
def test_a_body_is_json_in_words_or_without_a_word(api, again, full, route):
    problem(api.call(route.method, route.target(), route.body(), {"Content-Type": "text/plain"}), 400 if (route.method, route.path) in OF_ORIGINALS else 415)
    for kind in ("application/json", "Application/JSON; charset=utf-8", None):
        request = request_bytes(route.method, route.target(), route.body(), {"Content-Type": kind or "x"})
        if kind is None:
            request = request.replace(b"Content-Type: x\r\n", b"")
        with Connection(full[0].address) as connection:
            connection.send(request)
            answer = connection.response()
        assert answer.status in (200, 201) or route.body().get("status") and answer.status == 400, answer


# ---- never a hang ----

def asked_at_once(server):
    """{route: answer} of all routes, each on a connection of its own, and how long the last took. Good requests, but for a DELETE."""
    connections = {route: Connection(server.address) for route in ROUTES if route.path not in WITHOUT_END}
    try:
        with Stopwatch() as watch:
            for route, connection in connections.items():
                connection.send(request_bytes(route.method, route.target(), route.body()))
            answers = {route: connection.response() for route, connection in connections.items()}
    finally:
        for connection in connections.values():
            connection.close()
    return answers, watch.seconds


def tables(postgres):
    return [name for name, in postgres.query("SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
                                             "AND relname <> 'rowlock_migrations'")]


def refused_in_time(answers, seconds, expected):
    assert seconds < (DEADLINE + 2) * SLOW
    for route, answer in answers.items():
        if route.path in WITHOUT_DATABASE or not expected(route):
            assert answer.status in route.done, (route, answer)
        else:
            problem(answer, 503)
            assert int(answer.header("Retry-After")) >= 1, route


# ---- keys ----

@pytest.fixture(scope="module")
def guarded(sqlite_template, tmp_path_factory):
    """A server that knows a key for each scope, called as that."""
    scopes = {route.scope for route in ROUTES} - {"open"}
    file = KeyFile(tmp_path_factory.mktemp("keys"))
    file.write(*(line(scope.replace(":", "-"), scope) for scope in scopes), line("all", "*"))
    with on_sqlite(sqlite_template, "--distance", "haversine", "--api-keys", file.path) as both:
        yield both[0]


@every()
def test_a_key_must_have_the_scope_of_the_route_and_no_other(guarded, route):
    def status(headers):
        with Connection(guarded.address) as connection:
            connection.send(request_bytes("HEAD" if route.path in WITHOUT_END else route.method, route.target(), route.body(), headers))
            return connection.response("HEAD" if route.path in WITHOUT_END else route.method).status

    assert route.scope is not None
    assert (status({}) == 401) == (route.scope != "open")
    for scope in sorted({each.scope for each in ROUTES} - {"open"}):
        found = status(bearer(scope.replace(":", "-")))
        assert (found == 403) == (route.scope not in ("open", scope)) and found != 401, (scope, found)
    assert status(bearer("all")) not in (401, 403)


def test_with_all_tables_locked_every_route_ends_within_the_deadline(serve, postgres):
    server = serve("--deadline", DEADLINE, "--cache", "none", "--distance", "haversine", database=filled(postgres))
    holder = postgres.connect()
    try:
        holder.cursor().execute(f"LOCK TABLE {', '.join(tables(postgres))} IN ACCESS EXCLUSIVE MODE")
        refused_in_time(*asked_at_once(server), lambda route: True)
    finally:
        holder.close()
    assert server.api.get("/orders/1").status == 200


def test_with_the_database_frozen_every_route_ends_within_the_deadline(serve, postgres):
    server = serve("--deadline", DEADLINE, "--cache", "none", "--distance", "haversine", database=filled(postgres))
    postgres.cluster.pause()
    try:
        answers, seconds = asked_at_once(server)
        assert answers.pop(PATHS["/healthcheck"]["GET"]).status in (200, 503)       # it may not have been noticed
        refused_in_time(answers, seconds, lambda route: True)
    finally:
        postgres.cluster.resume()


def test_while_another_writes_to_the_sqlite_file_every_change_ends_within_the_deadline_and_reads_are_served(serve, sqlite):
    server = serve("--deadline", DEADLINE, "--cache", "none", "--distance", "haversine", database=filled(sqlite))
    writer = sqlite.connect()
    try:
        writer.execute("BEGIN IMMEDIATE")
        refused_in_time(*asked_at_once(server), lambda route: route.method != "GET")
    finally:
        writer.close()
    assert server.api.get("/orders/1").status == 200
