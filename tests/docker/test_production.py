"""docker-compose.prod.yml, as it is deployed: by compose, asked through nginx."""

import gzip
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from functools import partial

import pytest

from engine import docker, inspect, run
from support.busy import Busy
from support.crowd import crowd, take_request
from support.rawhttp import Connection, ProtocolError, request_bytes
from support.wait import until


@pytest.fixture(scope="module")
def up(production):
    for service in ("server", "db", "nginx"):
        production.wait_health(service, "healthy")
    return production


@pytest.fixture
def api(up):
    return up.api("HTTP_PORT")


@pytest.fixture
def address(up):
    return f"127.0.0.1:{up.settings['HTTP_PORT']}"


def problem(answer, status):
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    document = answer.json()
    assert document["status"] == status and document["error"] == document["detail"]
    return document


def nginx_log(up):
    return docker("logs", up.container("nginx")).stdout


# ---- what is there ----

def test_the_first_up_on_an_empty_volume_serves_and_the_migrations_ran_once(up, api):
    assert len(up.containers("server")) == 2
    migrate = up.containers("migrate", all=True)
    assert [inspect(container)["State"]["ExitCode"] for container in migrate] == [0]
    assert "applied 1 " in docker("logs", migrate[0]).stdout
    assert api.get("/healthcheck").json()["status"] == "pass"
    assert "ok 14" in up.make("functional-test", f"URL=http://127.0.0.1:{up.settings['HTTP_PORT']}").stdout


def test_only_nginx_is_published(up):
    published = {service: [port for container in up.containers(service) for port in (inspect(container)["NetworkSettings"]["Ports"] or {}).values() if port]
                 for service in ("nginx", "server", "db")}
    assert len(published["nginx"]) == 2 and not published["server"] and not published["db"]


def test_clients_do_not_see_what_was_counted(api):
    for target in ("/metrics", "/metrics/"):
        assert api.get(target).status == 404
    assert api.get("/health").status == 200


def test_a_database_of_production_holds_no_samples(up):
    assert up.exec("db", "psql", "-U", "rowlock", "-At", "-c", "SELECT count(*) FROM users", "rowlock").stdout.strip() == "0"


def test_the_password_is_made_and_in_a_file_alone(up):
    password = up.exec("db", "cat", "/run/secrets/db_password").stdout.strip()
    assert len(password) >= 24
    containers = up.containers(all=True)
    assert password not in docker("inspect", *containers).stdout
    for container in containers:
        assert password not in docker("logs", container).stdout
    up.compose("up", "-d")
    assert up.exec("db", "cat", "/run/secrets/db_password").stdout.strip() == password, "a second start makes no other"


def secrets_made(up, volume, given, **environment):
    """What make-secrets puts into a volume."""
    flags = [flag for name, value in environment.items() for flag in ("-e", f"{name}={value}")]
    docker("run", "--rm", "--network", "none", "-v", f"{up.source}/docker/make-secrets:/make-secrets:ro", "-v", f"{given}:/given:ro",
           "-v", f"{volume}:/run/secrets", *flags, "--entrypoint", "sh", "postgres:16", "/make-secrets")
    said = docker("run", "--rm", "--network", "none", "-v", f"{volume}:/run/secrets:ro", "--user", "10001", "--entrypoint", "sh", "postgres:16",
                  "-c", "cd /run/secrets && for name in *; do echo $name=$(cat $name); done").stdout
    return dict(line.split("=", 1) for line in said.split())


def test_secrets_that_were_given_win_over_those_that_were_made(up, name, tmp_path):
    volume = f"{name}secrets"
    try:
        made = secrets_made(up, volume, tmp_path)
        assert len(made["db_password"]) >= 24 and made["gmap_token"] == made["github_token"] == ""
        (tmp_path / "db_password").write_text("from-a-file\n")
        (tmp_path / "db_password").chmod(0o600)
        (tmp_path / "gmap_token").write_text("key\n")
        assert secrets_made(up, volume, tmp_path) == {"db_password": "from-a-file", "gmap_token": "key", "github_token": ""}
        assert secrets_made(up, volume, tmp_path, DB_PASSWORD="said", GITHUB_TOKEN="token") == {"db_password": "said", "gmap_token": "key", "github_token": "token"}
    finally:
        docker("volume", "rm", "-f", volume)


def test_everything_is_bounded_and_comes_back(up):
    for service in ("server", "nginx", "db"):
        for container in up.containers(service):
            host = inspect(container)["HostConfig"]
            assert host["Memory"] > 0 and host["RestartPolicy"]["Name"] == "unless-stopped"
            assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "5"}}
            if service != "db":
                assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and host["NanoCpus"] == 10**9


@pytest.mark.skipif(os.geteuid() != 0, reason="no containers: only root may kill a process of one")
def test_a_worker_that_is_killed_is_replaced_and_leaves_no_zombie(up):
    container = up.containers("server")[0]

    def processes():
        """Without the probe, which Docker starts each second."""
        found = [line.split(None, 2) for line in docker("top", container, "-eo", "pid,stat,args").stdout.splitlines()[1:]]
        return [process for process in found if "runc" not in process[2] and "rowlock-healthcheck" not in process[2]]

    before = processes()
    assert len(before) == 3
    os.kill(int(before[-1][0]), signal.SIGKILL)
    until(lambda: len(now := processes()) == 3 and before[-1][0] not in [pid for pid, _, _ in now] and not [1 for _, state, _ in now if "Z" in state],
          30, "another worker, and no zombie")
    up.wait_health("server", "healthy")


# ---- nginx ----

def test_static_files_and_media_are_nginxs(up, api):
    assert b"Rowlock" in api.get("/static/").body
    docker("exec", up.container("nginx"), "sh", "-c", "printf picture >/usr/share/nginx/media/one.png")
    answer = api.get("/media/one.png")
    assert (answer.status, answer.body, answer.content_type) == (200, b"picture", "image/png")
    assert answer.header("X-Content-Type-Options") == "nosniff"
    problem(api.get("/media/none.png"), 404)
    problem(api.post("/static/index.html", {}), 405)


def test_long_answers_are_packed_for_those_who_want_it(api):
    for _ in range(40):
        api.place()
    plain = api.get("/orders?page=1&limit=40")
    packed = api.get("/orders?page=1&limit=40", headers={"Accept-Encoding": "gzip"})
    assert plain.header("Content-Encoding") is None and packed.header("Content-Encoding") == "gzip"
    assert json.loads(gzip.decompress(packed.body)) == plain.json()


def test_a_long_record_too_can_be_edited_by_its_entity_tag(api):
    """A packed answer would have a weak tag, which If-Match never finds."""
    assert api.post("/site/1", {"name": "S", "address": "x" * 2000}).status == 200
    seen = api.get("/site/1", headers={"Accept-Encoding": "gzip"})
    assert len(seen.body) > 2000 and seen.header("ETag").startswith('"')
    assert api.post("/site/1", {"name": "T"}, headers={"If-Match": seen.header("ETag")}).status == 200
    problem(api.post("/site/1", {"name": "U"}, headers={"If-Match": seen.header("ETag")}), 412)
    assert api.get("/sites", headers={"Accept-Encoding": "gzip"}).header("Content-Encoding") == "gzip"


def test_connections_to_the_servers_are_kept(up, api):
    for _ in range(50):
        assert api.get("/health").status == 200

    def kept():
        table = docker("exec", up.container("nginx"), "cat", "/proc/net/tcp").stdout
        return [line for line in table.splitlines() if re.search(r":1F90 01 ", line)]

    assert 1 <= len(kept()) < 50


def test_the_address_of_the_client_is_known_and_cannot_be_made_up(up, api):
    api.get("/health?who", headers={"X-Forwarded-For": "203.0.113.9", "X-Request-Id": "who-am-i"})
    line = until(lambda: next((line for line in nginx_log(up).splitlines() if "/health?who" in line), None), 10, "the line of the request")
    assert not line.startswith("203.0.113.9")
    assert "request_id=who-am-i" in line


def test_refusals_of_the_server_pass_and_those_of_nginx_look_alike(api):
    assert problem(api.post("/orders", "x" * 70_000), 413)["detail"] == "The body is larger than 64 KiB."
    problem(api.post("/orders", "x" * 1_100_000), 413)
    problem(api.get("/orders/999999999"), 404)
    assert api.call("PUT", "/orders").header("Allow") is not None
    for target in ("/static/", "/static/none", "/orders/999999999", "/orders?page=1&limit=1", "/orders"):
        assert api.get(target).header("X-Content-Type-Options") == "nosniff"    # once
    with Connection(api.address) as connection:
        connection.send("nonsense\r\n\r\n")
        assert connection._all().find(b"400") >= 0


def test_the_server_behind_knows_its_own_pages(api):
    order = {"origin": [1, 2], "destination": [3, 4]}
    for host in (api.address, "shop.test", "shop.test:8443"):
        for scheme in ("http", "https"):
            assert api.post("/orders", order, {"Host": host, "Origin": f"{scheme}://{host}"}).status == 200
        problem(api.post("/orders", order, {"Host": host, "Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"}), 403)
    with Connection(api.address) as connection:
        connection.send("GET /health HTTP/1.0\r\n\r\n")
        assert connection.response().status == 200


def test_events_are_to_leave_at_once(up):
    configuration = docker("exec", up.container("nginx"), "cat", "/etc/nginx/rowlock/site.conf").stdout
    events = configuration[configuration.index("location = /orders/events"):]
    assert "proxy_buffering off" in events[:events.index("}")]


def test_https_is_served_with_a_certificate_in_its_folder(up, api, source):
    folder = source / "docker/nginx/tls"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", "tls.key", "-out", "tls.crt", cwd=folder)
    try:
        up.compose("restart", "-t", "5", "nginx")
        trust = ssl.create_default_context(cafile=str(folder / "tls.crt"))

        def secure():
            try:
                with socket.create_connection(("127.0.0.1", int(up.settings["HTTPS_PORT"])), 10) as plain, \
                        trust.wrap_socket(plain, server_hostname="localhost") as sock:
                    sock.sendall(request_bytes("GET", "/health", headers={"Connection": "close"}))
                    return b"200 OK" in sock.recv(4096)
            except OSError:
                return False
        until(secure, 60, "an answer over HTTPS")
    finally:
        for name in ("tls.crt", "tls.key"):
            (folder / name).unlink()
        up.compose("restart", "-t", "5", "nginx")
        until(lambda: answered(api), 30, "an answer over HTTP")


def answered(api):
    try:
        return api.get("/health").status == 200
    except (OSError, ProtocolError):
        return False


# ---- the promise ----

def test_each_order_has_one_winner_through_nginx_over_several_replicas(up, api, address):
    orders = [api.place() for _ in range(8)]
    # nobody's limit is what is tested here: below the burst that nginx allows
    scripts = [[take_request(order, f"taker-{number}") for order in orders] for number in range(40)]
    answers = crowd(address, scripts)
    for position, order in enumerate(orders):
        said = [script[position] for script in answers]
        assert sorted(status for status, _ in said) == [200] + [400] * (len(said) - 1), order
        winner = [number for number, (status, _) in enumerate(said) if status == 200][0]
        assert api.get(f"/orders/{order}").json()["taker"] == f"taker-{winner}"
        assert {json.loads(body)["error"] for status, body in said if status == 400} <= {"Order is already taken.", "Order is currently occupied."}
    servers = {re.search(r"upstream=(\S+)", line)[1] for line in nginx_log(up).splitlines() if "PATCH /orders/" in line}
    assert len(servers) >= 2, servers


def test_many_replicas_that_migrate_an_empty_database_at_once_all_serve(up, image):
    up.exec("db", "createdb", "-U", "rowlock", "crowded")
    network = f"{up.project}_inside"
    secret = f"{up.project}_secrets:/run/secrets:ro"
    flags = ["-d", "--network", network, "-v", secret, "--tmpfs", "/data", "--health-interval", "1s", "-e", "DB_HOST=db", "-e", "DB_USERNAME=rowlock",
             "-e", "DB_NAME=crowded", "-e", "DB_PASSWORD_FILE=/run/secrets/db_password", "-e", "ROWLOCK_MIGRATE=1", "-e", "ROWLOCK_DB_CONNECTIONS=1"]
    containers = []
    try:
        launches = [subprocess.Popen(["docker", "run", *flags, image], stdout=subprocess.PIPE, text=True) for _ in range(8)]
        containers = [launch.communicate(timeout=120)[0].strip() for launch in launches]
        for container in containers:
            until(lambda: inspect(container)["State"]["Health"]["Status"] == "healthy", 60, "healthy by docker inspect")
        versions = up.exec("db", "psql", "-U", "rowlock", "-At", "-c", "SELECT count(*), count(DISTINCT version) FROM rowlock_migrations", "crowded").stdout
        assert len(set(versions.strip().split("|"))) == 1
        applied = sum(docker("logs", container).stdout.count("migration applied") for container in containers)
        assert applied == int(versions.split("|")[0]), "each migration ran once"
    finally:
        docker("rm", "-f", "-v", *containers, check=False)
        up.exec("db", "dropdb", "-f", "-U", "rowlock", "crowded")


# ---- when something goes ----

def test_without_the_database_the_servers_are_unhealthy_and_afterwards_healthy(up, api):
    order = api.place()
    up.compose("stop", "-t", "30", "db")
    up.wait_health("server", "unhealthy")
    answer = api.post("/orders", {"origin": [1, 2], "destination": [3, 4]})
    problem(answer, 503)
    assert answer.header("Retry-After")
    up.compose("start", "db")
    up.wait_health("server", "healthy")
    assert api.get(f"/orders/{order}").status == 200
    assert api.place() > order


class Load(Busy):
    """A few customers and couriers, about a hundred requests a second, each on a connection of its own; every answer is kept."""

    def __init__(self, api, threads=4, pause=0.03):
        self.api, self.pause = api, pause
        self.books = [[] for _ in range(threads)]
        super().__init__(*(partial(self.run, book) for book in self.books))

    def run(self, book):
        while not self.leaving.is_set():
            order = None
            for step in (lambda: self.api.post("/orders", {"origin": [1, 2], "destination": [3, 4]}), lambda: self.api.take(order, "courier"),
                         lambda: self.api.get(f"/orders/{order}")):
                try:
                    answer = step()
                    book.append(answer.status if answer.status == 200 else repr(answer))
                    order = answer.json()["id"] if order is None else order
                except (OSError, ProtocolError, ValueError, KeyError) as reason:
                    book.append(repr(reason))
                    break
                time.sleep(self.pause)

    def answers(self):
        return [answer for book in self.books for answer in list(book)]


def replace(up, **settings):
    return run("docker/replace-replicas", "--no-build", cwd=up.source, env={**up.environment(), **settings}, check=False, timeout=300)


def test_replicas_are_replaced_one_by_one_under_load_without_a_failed_request(up, api):
    before = set(up.containers("server"))
    with Load(api) as load:
        until(lambda: len(load.answers()) > 50, 30, "some load")
        done = replace(up)
        count = len(load.answers())
        until(lambda: len(load.answers()) > count + 50, 30, "some load behind it")
    assert done.returncode == 0, done.stdout
    assert len(load.answers()) > 200
    assert [answer for answer in load.answers() if answer != 200] == []
    after = set(up.containers("server"))
    assert len(after) == len(before) and not after & before
    assert "server server:8080" in docker("exec", up.container("nginx"), "cat", "/etc/nginx/conf.d/upstream.conf").stdout
    up.wait_health("server", "healthy")


def test_a_replica_that_does_not_become_healthy_replaces_nothing(up, api):
    before = up.containers("server")
    with Load(api) as load:
        done = replace(up, ROWLOCK_APPS="nonsense")
    assert done.returncode == 1 and "did not become healthy" in done.stdout, done.stdout
    assert up.containers("server") == before
    assert [answer for answer in load.answers() if answer != 200] == []


def test_who_asks_too_often_is_told_so(api):
    told = []

    def hurry():
        for _ in range(2000):
            if told:
                return
            answer = api.get("/health")
            if answer.status != 200:
                told.append(answer)

    threads = [threading.Thread(target=hurry, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    problem(told[0], 429)
    assert told[0].header("Retry-After")


def test_down_leaves_nothing(up):
    up.down()
    assert up.left() == []
