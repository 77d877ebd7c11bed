"""docker-compose.yml, as a developer uses it: in a fresh clone, by compose and by make."""

import os
import re
import signal
import subprocess

import pytest

from engine import inspect, run
from support.wait import until


@pytest.fixture(scope="module")
def up(development):
    development.compose("up", "-d", timeout=600)
    development.wait_health("server", "healthy")
    development.wait_health("db", "healthy")
    return development


def test_the_first_up_serves_on_both_ports(up):
    for port in ("SITES_PORT", "SERVER_PORT"):
        assert up.api(port).get("/sites").status == 200


def samples_ended(up):
    container, = up.containers("samples", all=True)
    state = inspect(container)["State"]
    return state["Status"] == "exited" and state["ExitCode"] == 0


SAMPLES = ("/orders?page=1&limit=1", "/sites", "/instruments", "/health-regions", "/messages?recipient=ann", "/api/users/profiles?pagination=1")


def test_it_comes_up_with_samples_of_all_services(up):
    until(lambda: samples_ended(up), 60, "the samples are there")
    for target in SAMPLES:
        found = up.api("SERVER_PORT").get(target).json()
        assert found["users"] if isinstance(found, dict) else found, target


def test_the_functional_test_waits_for_the_server(up):
    up.compose("stop", "-t", "20", "server")
    process = subprocess.Popen(["make", "functional-test"], cwd=up.source, env=up.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        assert "# waiting" in next(line for line in process.stdout if line.startswith("#"))
        up.compose("start", "server")
        said = process.communicate(timeout=120)[0]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0 and "not ok" not in said and "ok 14" in said, said


def test_the_functional_test_fails_when_nobody_is_there(up):
    said = up.make("functional-test", "URL=http://127.0.0.1:1", "PATIENCE=1", check=False)
    assert said.returncode != 0 and "not ok 1" in said.stdout


def test_the_sample_scripts_run_by_hand_in_the_database_container(up):
    for script in ("create_tables.sql", "mock_data.sql"):
        up.exec("db", "psql", "-U", "mock_dev_user", "-f", f"/var/postgres_scripts/{script}", "postgres_dev")
    sites = up.api("SITES_PORT").get("/sites").json()
    assert [site["name"] for site in sites] == ["Site 1", "Site 2", "Site 3"]


# What an .env of the original services says, and how the server then names its database.
OTHERS = {
    "labs and health regions": ("DEBUG=True\nDB_NAME=covid\nDB_USER=cov\nDB_PASSWORD=s3cr et'\nDB_HOST=pg\nDB_PORT=5433\nSECRET_KEY=x\n", "cov", "covid"),
    "messages": ("SQLALCHEMY_DATABASE_URI=postgresql://postgres:edu%40cation@database:5432/messages_dev\nFLASK_ENV=dev\n", "postgres", "messages_dev"),
}


@pytest.mark.parametrize("settings, user, database", OTHERS.values(), ids=OTHERS)
def test_the_database_that_env_names_is_made_and_used(up, source, settings, user, database):
    (source / ".env").write_text(settings)
    try:
        up.compose("up", "-d")
        up.wait_health("server", "healthy")
        until(lambda: samples_ended(up), 60, "the samples are there")
        assert up.api("SERVER_PORT").get("/messages?recipient=ann").json()
        assert int(up.exec("db", "psql", "-U", user, "-At", "-c", "SELECT count(*) FROM messages", database).stdout) > 0
    finally:
        (source / ".env").unlink()
        up.compose("up", "-d")
        up.wait_health("server", "healthy")


def test_the_probe_says_unhealthy_without_the_database_and_healthy_with_it_again(up):
    up.compose("stop", "-t", "10", "db")
    up.wait_health("server", "unhealthy")
    assert "database" in inspect(up.container("server"))["State"]["Health"]["Log"][-1]["Output"]
    assert up.api("SERVER_PORT").post("/orders", {"origin": [1, 2], "destination": [3, 4]}).status == 503
    up.compose("start", "db")
    up.wait_health("server", "healthy")
    assert up.api("SERVER_PORT").place() > 0


def test_a_change_of_the_source_is_built_and_served_by_one_command(up, source):
    order = up.api("SERVER_PORT").place()
    file = source / "configure.ac"
    text = file.read_text()
    changed = re.sub(r"AC_INIT\(\[rowlock\], \[[^]]*\]\)", "AC_INIT([rowlock], [9.9.9])", text)
    assert changed != text
    file.write_text(changed)
    try:
        if up.engine.build_flags:
            up.make("image", f"DOCKER_BUILD_FLAGS={' '.join(up.engine.build_flags)}")   # compose finds it made
        up.make("docker-compose")
        until(lambda: up.health("server") == ["healthy"] and up.api("SERVER_PORT").get("/healthcheck").json()["version"] == "9.9.9",
              60, "the changed server")
        assert up.api("SERVER_PORT").get(f"/orders/{order}").status == 200
    finally:
        file.write_text(text)


def test_profiles_add_redis_and_pgadmin(up):
    up.settings["CACHE_URL"] = "redis://redis:6379/0"
    try:
        up.compose("--profile", "redis", "--profile", "pgadmin", "up", "-d")
        up.wait_health("redis", "healthy")
        up.wait_health("server", "healthy")
        until(lambda: up.api("SERVER_PORT").get("/api/users/profiles").status == 200 and int(up.exec("redis", "redis-cli", "dbsize").stdout.split()[-1]) > 0,
              30, "a reply that is kept in redis")

        def page():
            try:
                return up.api("PGADMIN_PORT").get("/").status < 500
            except (OSError, AssertionError):
                return False
        until(page, 120, "pgAdmin's page")
    finally:
        up.settings.pop("CACHE_URL")


def test_service_stays_in_the_foreground_until_it_is_interrupted(up):
    up.compose("stop", "server")
    process = subprocess.Popen(["make", "service"], cwd=up.source, env=up.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        for line in process.stdout:
            if "ready to serve" in line:
                break
        until(lambda: up.health("server") == ["healthy"], 60, "healthy")
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    until(lambda: not up.containers("server"), 30, "the server has ended as well")


def test_down_leaves_nothing(up):
    up.down()
    assert up.left() == []


# ---- what the files say when nobody sets anything ----

def config(deployment, file=None, *arguments, **settings):
    """What compose makes of a file, in an environment that has nothing but these settings."""
    bare = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "DOCKER_HOST")}
    return run(*deployment.engine.compose, *(("-f", file) if file else ()), *arguments, "config", cwd=deployment.source, env={**bare, **settings},
               stderr=subprocess.DEVNULL).stdout


def test_the_built_in_ports_are_the_promised_ones(development):
    assert ports(config(development)) - {"5433"} == {"5000", "8080"}     # docker-compose 1 also prints what a profile would add
    assert ports(config(development, None, "--profile", "pgadmin")) == {"5000", "8080", "5433"}
    said = config(development, "docker-compose.prod.yml")
    assert ports(said) == {"1337", "1338"}
    assert len(re.findall(r"interval: (?:1m30s|90s|1m30\.0s)", said)) == 3 and said.count("start_period: 40s") == 3 and said.count("timeout: 10s") == 3


def ports(config):
    """Published ports of what docker-compose 1 or docker compose 2 prints; all on 127.0.0.1."""
    short = re.findall(r"- (\S+):(\d+):\d+/tcp", config)
    long = list(zip(re.findall(r"host_ip: (\S+)", config), re.findall(r'published: "?(\d+)', config)))
    assert {address for address, _ in short + long} == {"127.0.0.1"}
    return {port for _, port in short + long}


PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}


def settings_of_the_server(source):
    """The variables of `rowlock --help`, from where it takes them; ROWLOCK_LISTEN is the image's own."""
    rows = [re.findall(r"SETTING_(?:FLAG|VARIABLE)\((.*?)\)", file.read_text(), re.S) for file in (source / "src").rglob("*.c")]
    found = {name for row in sum(rows, []) for name in re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', row)} - {"ROWLOCK_LISTEN"}
    assert {"DATABASE_URL", "GMAP_DISTANCE_MATRIX_API", "ROWLOCK_QUEUE"} <= found
    return found


@pytest.mark.parametrize("file", ["docker-compose.yml", "docker-compose.prod.yml"])
def test_every_setting_and_the_proxies_reach_the_server(development, source, file):
    names = settings_of_the_server(source) | PROXIES | {"DB_HOST", "DB_PORT", "DB_USER", "DB_NAME"}
    said = config(development, file, **{name: f"value-of-{name}" for name in names if not name.endswith(("_PORT", "DB_PORT"))}, DB_PORT="4711")
    server = re.search(r"^  server:\n((?:    .*\n)*)", said, re.M)[1]
    for name in sorted(names):
        wanted = "4711" if name == "DB_PORT" else f"value-of-{name}"
        if (file, name) in {("docker-compose.prod.yml", "GMAP_TOKEN"), ("docker-compose.prod.yml", "GITHUB_TOKEN")}:
            assert f"{name}_FILE: /run/secrets/{name.lower()}" in server     # the service secrets puts them there
        else:
            assert re.search(rf"^      {name}: [\"']?{wanted}[\"']?$", server, re.M), name


def test_the_example_names_every_setting_and_no_other(source):
    used = set()
    for file in ("docker-compose.yml", "docker-compose.prod.yml", "docker/server.yml"):
        used |= set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (source / file).read_text()))
    example = (source / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Za-z_]+)=", example, re.M)) | set(re.findall(r"# .*?\b([A-Z_]+)=", example))
    assert used - named <= {"DB_USERNAME"}, used - named     # the other name of DB_USER
    assert named - used == PROXIES | {"COMPOSE_PROJECT_NAME"}, named - used
