"""The images by themselves."""

import os
import re
import subprocess
import sys

import pytest

from conftest import make_image
from engine import docker, inspect, run
from support.port import free_port
from support.rawhttp import Api
from support.wait import Stopwatch, until

BARE_MAX = 60_000_000
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true", "--health-interval", "1s")


def health(container):
    return inspect(container)["State"]["Health"]["Status"]


def wait_healthy(container):
    until(lambda: health(container) == "healthy", 60, "healthy by docker inspect")


# ---- what is in it ----

def test_the_image_is_small(image):
    size = inspect(image)["Size"]
    print(f"the runtime image has {size / 1e6:.1f} MB, all in all", file=sys.stderr)
    assert size < BARE_MAX


def files_of(image):
    """{path: (mode, size)}"""
    container = docker("create", image).stdout.strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            listed = run("tar", "-tv", stdin=export.stdout).stdout
    finally:
        docker("rm", "-v", container)
    return {words[-1]: (words[0], words[2]) for words in (line.split() for line in listed.splitlines()) if words[0].startswith("-")}


def test_it_holds_the_programs_and_what_they_load_and_nothing_else(image):
    files = {path: mode for path, (mode, _) in files_of(image).items()}
    programs = {path for path, mode in files.items() if "x" in mode and "/lib" not in f"/{path}"}
    programs -= {path for path in programs if path.startswith((".dockerenv", "dev/", "etc/"))}
    assert programs == {"usr/bin/rowlock", "usr/bin/rowlock-healthcheck"}
    assert not [path for path, mode in files.items() if "s" in mode[1:]], "setuid"
    rest = {path for path in files if not re.search(r"(^|/)lib(64)?/.*\.so(\.[0-9.]+)?$|/ld-linux", path)} - programs
    assert {path.split("/")[0] for path in rest} <= {"etc", ".dockerenv", "dev"}, rest


def test_it_says_how_it_wants_to_be_run(image):
    config = inspect(image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/rowlock-healthcheck"]
    assert config["Entrypoint"] == ["/usr/bin/rowlock"]


def test_a_build_without_a_target_makes_the_same(engine, source, image, test_image, name):
    """Behind test_image, whose stages the classic builder makes as well."""
    docker("build", *engine.build_flags, "-t", f"{name}-plain", ".", cwd=source, timeout=900)
    try:
        wanted, found = inspect(image)["Config"], inspect(f"{name}-plain")["Config"]
        assert all(found[key] == wanted[key] for key in ("User", "Cmd", "Entrypoint", "Env", "Healthcheck", "Volumes"))
        assert files_of(f"{name}-plain") == files_of(image)
    finally:
        docker("rmi", "-f", f"{name}-plain")


def test_the_builder_target_has_what_was_built(engine, source, image, name):
    make_image(engine, source, name, "builder")
    try:
        assert "rowlock" in docker("run", "--rm", f"{name}-builder", "/build/rowlock", "--version").stdout
    finally:
        docker("rmi", "-f", f"{name}-builder")


# ---- running it ----

def test_it_serves_from_sqlite_on_a_read_only_root_and_keeps_its_data_in_a_volume(start, name):
    volume = f"{name}data"
    try:
        port = free_port()
        first = start(*HARDENED, "-p", f"127.0.0.1:{port}:8080", "-v", f"{volume}:/data")
        wait_healthy(first)
        api = Api(f"127.0.0.1:{port}")
        order = api.place()
        assert api.take(order).status == 200
        docker("rm", "-f", first)
        port = free_port()
        second = start(*HARDENED, "-p", f"127.0.0.1:{port}:8080", "-v", f"{volume}:/data")
        wait_healthy(second)
        assert Api(f"127.0.0.1:{port}").get(f"/orders/{order}").json()["status"] == "TAKEN"
        docker("rm", "-f", second)
    finally:
        docker("volume", "rm", "-f", volume)


def test_it_needs_no_settings_to_be_started_read_only(start):
    container = start(*HARDENED)
    wait_healthy(container)


@pytest.mark.parametrize("inside", [8080, 5000])
def test_it_answers_on_both_of_its_ports(start, inside):
    port = free_port()
    container = start("-p", f"127.0.0.1:{port}:{inside}", "--health-interval", "1s")
    wait_healthy(container)
    assert Api(f"127.0.0.1:{port}").get("/sites").status == 200
    assert "added 2 users" in docker("exec", container, "/usr/bin/rowlock", "seed", "users", "--offline", "-t", "2").stdout


def test_docker_stop_drains(start):
    container = start(*HARDENED)
    wait_healthy(container)
    with Stopwatch() as watch:
        docker("stop", "-t", "30", container)
    assert inspect(container)["State"]["ExitCode"] == 0
    assert watch.seconds < 15
    assert '"draining"' in docker("logs", container).stdout


def test_a_stop_while_waiting_for_the_database_is_heard(start):
    container = start(command=["serve", "--migrate", "--database", "postgresql://x@127.0.0.1:1/x"])
    until(lambda: "waiting for the database" in docker("logs", container).stdout, 30, "it waits")
    with Stopwatch() as watch:
        docker("stop", "-t", "60", container)
    assert watch.seconds < 30


def test_the_probe_says_why(start):
    container = start(*HARDENED, command=["serve", "--database", "postgresql://x@127.0.0.1:1/x"])
    until(lambda: health(container) == "unhealthy", 60, "unhealthy by docker inspect")
    assert "database" in inspect(container)["State"]["Health"]["Log"][-1]["Output"]


# ---- names and certificates ----

def authority(folder):
    """A certificate authority, and a certificate by it for the host provider."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-keyout", "ca.key", "-out", "ca.crt", cwd=folder)
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=provider", "-keyout", "tls.key", "-out", "tls.csr", cwd=folder)
    (folder / "names").write_text("subjectAltName=DNS:provider\n")
    run("openssl", "x509", "-req", "-days", "2", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-in", "tls.csr", "-extfile", "names",
        "-out", "tls.crt", cwd=folder)


@pytest.fixture
def provider(engine, image, name, tmp_path):
    """A network with an HTTPS server called provider that lists GitHub users; the folder has its authority."""
    authority(tmp_path)
    os.chmod(tmp_path, 0o755)
    (tmp_path / "users").write_text('[{"id":1,"login":"mojombo","avatar_url":"https://a","type":"User","html_url":"https://h"}]')
    (tmp_path / "nginx.conf").write_text("""
        events {}
        http { server {
            listen 443 ssl; ssl_certificate /test/tls.crt; ssl_certificate_key /test/tls.key;
            location / { root /test; default_type application/json; try_files /users =404; }
        } }""")
    network = f"{name}net"
    docker("network", "create", network)
    container = docker("run", "-d", "--network", network, "--network-alias", "provider", "-v", f"{tmp_path}:/test:ro", "nginx:1.28",
                       "nginx", "-c", "/test/nginx.conf", "-g", "daemon off;").stdout.strip().splitlines()[-1]
    yield network, tmp_path
    docker("rm", "-f", "-v", container)
    docker("network", "rm", network)


def test_a_provider_is_found_by_name_and_believed_by_its_certificate(provider, image):
    network, folder = provider
    command = ["run", "--rm", "--read-only", "--network", network, "-e", "GITHUB_API_URL=https://provider", "-e", "DATABASE_URL=sqlite:/data/x.db"]
    trusted = ["-v", f"{folder}/ca.crt:/etc/ssl/certs/ca-certificates.crt:ro"]
    volume = ["-v", f"{network}:/data"]
    try:
        docker(*command, *volume, image, "migrate")
        refused = docker(*command, *volume, image, "seed", "users", "--total", "1", check=False)
        assert refused.returncode == 1 and "certificate" in refused.stdout, refused.stdout
        assert "added 1" in docker(*command, *volume, *trusted, image, "seed", "users", "--total", "1").stdout
    finally:
        docker("volume", "rm", "-f", network)


# ---- the tests' own image ----

def test_the_container_of_test_builder_runs_all_unit_and_integration_tests_when_nothing_else_is_said(test_image):
    assert inspect(test_image)["Config"]["Cmd"] == ["make", "-k", "test-unit", "test-integration"]


def test_it_runs_unit_tests_and_some_on_a_postgresql_and_ends(test_image, name):
    """Not all of them once more: that what they need is in there."""
    command = "make test-unit && ROWLOCK=/tmp/build/rowlock exec /src/tests/pytest-tap /src/tests/integration/test_race.py -m quick"
    done = docker("run", "--rm", test_image, "sh", "-c", command, check=False, timeout=500)
    assert done.returncode == 0, "\n".join(re.findall(r"^(?:FAIL|ERROR|not ok|E  ).*", done.stdout, re.M)) or done.stdout[-3000:]
    assert re.search(r"# FAIL: +0", done.stdout) and re.search(r"(?<!not )ok \d+ - test_race\.py\S+\[postgres\]", done.stdout)
    assert not re.search(r"^not ok", done.stdout, re.M)


def test_it_ends_with_the_exit_code_of_the_tests(test_image):
    failing = ["sh", "-c", "echo 'exit 1' >/src/tests/build/sources.test; exec make check TESTS=tests/build/sources.test"]
    assert docker("run", "--rm", test_image, *failing, check=False).returncode != 0
